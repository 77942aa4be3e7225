//! The log's key changes hands.
//!
//! ```text
//! keys/log.next -> entry log-key-changed, its checkpoint signed by both keys -> handover/ENTRY -> keys/log
//! ```
//! Killed anywhere, the lab finds on opening whether the entry is in the log: then it finishes, else it
//! forgets the new key. Until the last step the old key opens the log, and after it the new one does.

use unseen_policies::event::LogKeyChanged;
use unseen_tlog::Signer;

use crate::error::LabError;
use crate::lab::Lab;
use crate::log_key::verifier;
use crate::view::About;

impl Lab {
    /// Hands the log over to a new key, or to the one on a token that `uri` names. Signed by an operator;
    /// returns the entry.
    pub fn rotate_log_key(&mut self, uri: Option<&str>, operator: &dyn Signer) -> Result<u64, LabError> {
        let next = self.keys.prepare_next_log(uri)?;
        let log_key = verifier(self.ledger().origin(), &*next)?.to_string();
        let (entry, opened) = self
            .sealed_entry(LogKeyChanged { log_key }, operator)
            .inspect_err(|_| drop(self.keys.forget_next_log()))?;
        // From here on the next opening knows what happened, whatever fails.
        let appended = self.log.hand_over(&entry, next)?;
        self.keys.promote_next_log()?;
        self.applied(opened)?;
        About::of(self.ledger()).write(&self.dir)?;
        Ok(appended.index)
    }
}
