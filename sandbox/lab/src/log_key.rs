//! The key that signs the log, on opening: the lab's, or the one it is being handed over to.

use std::path::Path;

use unseen_log::{Log, LogError};
use unseen_policies::ledger::Ledger;
use unseen_texts::Sentence;
use unseen_tlog::Signer;
use unseen_tlog::note::{NoteError, NoteKey};

use crate::error::LabError;
use crate::keys::LabKeys;
use crate::view::About;

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

/// Finishes a handover that was interrupted.
pub(crate) fn settle(dir: &Path, ledger: &Ledger, log: &mut Log, keys: &LabKeys) -> Result<(), LabError> {
    if verifier(ledger.origin(), &*keys.log()?)?.to_string() == ledger.log_key() {
        return Ok(());
    }
    let Some(next) = keys.next_log()? else { return Ok(()) };
    log.keep_overlap()?;
    log.sign_with(next);
    keys.promote_next_log()?;
    About::renew(dir, ledger)
}

pub(crate) fn verifier(origin: &str, key: &dyn Signer) -> Result<NoteKey, LabError> {
    NoteKey::new(origin, key.verifying_key()).map_err(|error| LabError::Other(Sentence::of(&error)))
}
