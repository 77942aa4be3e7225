//! The log's key changes hands.
//!
//! ```text
//! keys/log.next -> entry log-key-changed, its checkpoint signed by both keys -> handover/ENTRY -> keys/log
//! ```
//! The next key waits in the lab until an entry that names it is signed, by as many as the policy asks for. Killed
//! anywhere after that, the lab finds on opening whether the entry is in the log, and finishes. Until the last step the
//! old key opens the log, and after it the new one does.

use unseen_policies::event::Event;

use crate::entry::SignedEntry;
use crate::error::LabError;
use crate::keys::next_log_key;
use crate::lab::Lab;
use crate::log_key::verifier;
use crate::view::{About, View};

impl View {
    /// The verifier key of what the log will be handed over to, once somebody has proposed it.
    pub fn next_log_key(&self) -> Result<String, LabError> {
        let next = next_log_key(&self.dir)?.ok_or(LabError::NotAHandover)?;
        Ok(verifier(self.ledger().origin(), &*next)?.to_string())
    }
}

impl Lab {
    /// Gets a key ready to take over the log: on the token that `uri` names, or the one that waits, or a new one.
    pub fn propose_log_key(&mut self, uri: Option<&str>) -> Result<(), LabError> {
        self.keys.propose_next_log(uri)
    }

    /// Removes the key that was to take over.
    pub fn forget_log_key(&mut self) -> Result<(), LabError> {
        self.keys.forget_next_log()
    }

    /// Hands the log over to the key that waits, with the entry that says so. Returns the entry's index.
    pub(crate) fn hand_over(&mut self, entry: &SignedEntry) -> Result<u64, LabError> {
        let opened = self.fold.check_opened(entry.opened())?;
        let next = self.keys.next_log()?.ok_or(LabError::NotAHandover)?;
        let named = verifier(self.ledger().origin(), &*next)?.to_string();
        if !matches!(&opened.opened().record.event, Event::LogKeyChanged(change) if change.log_key == named) {
            return Err(LabError::NotAHandover);
        }
        // From here on the next opening knows what happened, whatever fails.
        let appended = self.log.hand_over(entry.bytes(), next)?;
        self.keys.promote_next_log()?;
        self.applied(opened)?;
        About::renew(&self.dir, self.ledger())?;
        Ok(appended.index)
    }
}
