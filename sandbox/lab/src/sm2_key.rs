//! The lab's SM2 key: whether there is one, and that it signs what it must. In a build without the feature a
//! lab that has one is not opened, for its checkpoints would lack a signature that its policy promises.

use unseen_log::Log;

use crate::error::LabError;
use crate::keys::LabKeys;

#[cfg(feature = "sm2")]
pub(crate) use with_sm2::{join, key, other};

#[cfg(feature = "sm2")]
mod with_sm2 {
    use std::sync::Arc;

    use unseen_keys::read_secret;
    use unseen_tlog::sm2::{Sm2NoteSigner, Sm2SigningKey};

    use super::{LabError, LabKeys, Log};

    /// Lets the lab's SM2 key, if there is one, sign every further checkpoint.
    pub(crate) fn join(log: &mut Log, keys: &LabKeys) -> Result<(), LabError> {
        if let Some(key) = key(keys)? {
            let origin = log.checkpoint().origin.clone();
            log.countersign(Arc::new(Sm2NoteSigner::new(&origin, key).map_err(other)?));
        }
        Ok(())
    }

    pub(crate) fn key(keys: &LabKeys) -> Result<Option<Sm2SigningKey>, LabError> {
        let file = keys.sm2_file();
        if !file.exists() {
            return Ok(None);
        }
        let bytes = read_secret(&file)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| LabError::NotAKey(file.clone()))?;
        Sm2SigningKey::from_pem(text).map(Some).map_err(|_| LabError::NotAKey(file))
    }

    pub(crate) fn other(error: impl unseen_texts::Say) -> LabError {
        LabError::Other(unseen_texts::Sentence::of(&error))
    }
}

/// Refuses a lab whose SM2 key would have to sign.
#[cfg(not(feature = "sm2"))]
pub(crate) fn join(_: &mut Log, keys: &LabKeys) -> Result<(), LabError> {
    if keys.sm2_file().exists() { Err(LabError::NoSm2) } else { Ok(()) }
}
