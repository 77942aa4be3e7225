//! The log's key changes hands.
//!
//! ```text
//! keys/log.next -> entry log-key-changed, its checkpoint signed by both keys -> handover/ENTRY -> keys/log
//! ```
//! Killed anywhere, the lab finds on opening whether the entry is in the log: then it finishes, else it
//! forgets the new key. Until the last step the old key opens the log, and after it the new one does.

use unseen_policies::event::{Event, LogKeyChanged};
use unseen_tlog::Signer;

use crate::error::LabError;
use crate::lab::Lab;
use crate::log_key::verifier;
use crate::view::About;

impl Lab {
    /// Hands the log over to a new key, or to the one on a token that `uri` names. Signed by an operator;
    /// returns the entry.
    pub fn rotate_log_key(&mut self, uri: Option<&str>, operator: &dyn Signer) -> Result<u64, LabError> {
        let entry = self.next_log_key(uri, operator)?;
        if let Err(refused) = self.fold.check(&entry) {
            self.keys.forget_next_log()?;
            return Err(refused.into());
        }
        self.hand_over(&entry)
    }

    /// Makes the next key and signs its coming, where others must sign too: for [`Lab::hand_over`], before this
    /// lab is opened again.
    pub fn next_log_key(&mut self, uri: Option<&str>, operator: &dyn Signer) -> Result<Vec<u8>, LabError> {
        let next = self.keys.prepare_next_log(uri)?;
        let log_key = verifier(self.ledger().origin(), &*next)?.to_string();
        self.signed(LogKeyChanged { log_key }, operator).inspect_err(|_| drop(self.keys.forget_next_log()))
    }

    /// Hands the log over to the key that was made, with the entry that says so. Returns the entry's index.
    pub fn hand_over(&mut self, entry: &[u8]) -> Result<u64, LabError> {
        let opened = self.fold.check(entry)?;
        let next = self.keys.next_log()?.ok_or(LabError::NotAHandover)?;
        let named = verifier(self.ledger().origin(), &*next)?.to_string();
        if !matches!(&opened.opened().record.event, Event::LogKeyChanged(change) if change.log_key == named) {
            return Err(LabError::NotAHandover);
        }
        // From here on the next opening knows what happened, whatever fails.
        let appended = self.log.hand_over(entry, next)?;
        self.keys.promote_next_log()?;
        self.applied(opened)?;
        About::of(self.ledger()).write(&self.dir)?;
        Ok(appended.index)
    }
}
