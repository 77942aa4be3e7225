//! The log's key changes hands.
//!
//! ```text
//! keys/log.next -> entry log-key-changed, its checkpoint signed by both keys -> handover/ENTRY -> keys/log
//! ```
//! Killed anywhere, the lab finds on opening whether the entry is in the log: then it finishes, else it
//! forgets the new key. Until the last step the old key opens the log, and after it the new one does.

use std::path::Path;

use unseen_log::{Log, LogError};
use unseen_policies::event::LogKeyChanged;
use unseen_policies::ledger::Ledger;
use unseen_tlog::Signer;
use unseen_tlog::note::{NoteError, NoteKey};

use crate::error::LabError;
use crate::keys::LabKeys;
use crate::lab::Lab;
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

/// Opens the log with the key that signs it: the lab's, or the one it is being handed over to.
pub(crate) fn open_log(dir: &Path, origin: &str, keys: &LabKeys) -> Result<Log, LabError> {
    match Log::open(dir, origin, keys.log()?) {
        Err(LogError::Checkpoint { source: NoteError::Unsigned(_), path }) => match keys.next_log()? {
            Some(next) => Ok(Log::open(dir, origin, next)?),
            None => Err(LogError::Checkpoint {
                path,
                source: NoteError::Unsigned(verifier(origin, &*keys.log()?)?.to_string()),
            }
            .into()),
        },
        opened => Ok(opened?),
    }
}

/// Finishes or forgets a handover that was interrupted.
pub(crate) fn settle(dir: &Path, ledger: &Ledger, log: &mut Log, keys: &LabKeys) -> Result<(), LabError> {
    let Some(next) = keys.next_log()? else { return Ok(()) };
    if verifier(ledger.origin(), &*next)?.to_string() != ledger.log_key() {
        return keys.forget_next_log();
    }
    log.keep_overlap()?;
    log.sign_with(next);
    keys.promote_next_log()?;
    About::of(ledger).write(dir)
}

fn verifier(origin: &str, key: &dyn Signer) -> Result<NoteKey, LabError> {
    NoteKey::new(origin, key.verifying_key()).map_err(|error| LabError::Other(error.to_string()))
}
