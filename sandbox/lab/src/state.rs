//! The folded ledger, kept in sled so that opening a lab need not read the whole log. It is a cache:
//! authenticated, and thrown away whenever it does not fit the log.

use std::path::Path;

use ring::hmac;
use serde::{Deserialize, Serialize};
use unseen_policies::ledger::Ledger;
use unseen_tlog::note::Checkpoint;

use crate::error::LabError;

/// A cache of the ledger.
pub(crate) struct State {
    db: sled::Db,
    key: hmac::Key,
}

/// A ledger and the tree it was folded from.
#[derive(Serialize, Deserialize)]
pub(crate) struct Kept {
    #[serde(with = "checkpoint_text")]
    pub checkpoint: Checkpoint,
    pub ledger: Ledger,
}

const LEDGER: &[u8] = b"ledger v1";

impl State {
    /// Opens the cache; one that sled finds damaged is made anew. A system that refuses (a full disk,
    /// no rights) is no damage: what the cache remembers of the log is then kept.
    pub fn open(dir: &Path, secret: &[u8; 32]) -> Result<State, LabError> {
        let open = || sled::Config::new().path(dir).cache_capacity(8 << 20).flush_every_ms(None).open();
        let db = open().or_else(|error| {
            if matches!(&error, sled::Error::Io(error) if error.raw_os_error().is_some()) {
                return Err(LabError::State(error.to_string()));
            }
            std::fs::remove_dir_all(dir).map_err(LabError::io(dir))?;
            open().map_err(|error| LabError::State(error.to_string()))
        })?;
        Ok(State { db, key: hmac::Key::new(hmac::HMAC_SHA256, secret) })
    }

    /// What was saved last, if it is there and nobody altered it.
    pub fn load(&self) -> Option<Kept> {
        let bytes = self.db.get(LEDGER).ok()??;
        let (tag, text) = bytes.split_at_checked(32)?;
        hmac::verify(&self.key, &[LEDGER, text].concat(), tag).ok()?;
        serde_json::from_slice(text).ok()
    }

    /// Saves. Losing it costs time, not truth.
    pub fn save(&self, ledger: &Ledger, checkpoint: &Checkpoint) -> Result<(), LabError> {
        let failed = |error: &dyn std::fmt::Display| LabError::State(error.to_string());
        let kept = Kept { checkpoint: checkpoint.clone(), ledger: ledger.clone() };
        let text = serde_json::to_vec(&kept).map_err(|error| failed(&error))?;
        let tag = hmac::sign(&self.key, &[LEDGER, &text].concat());
        self.db.insert(LEDGER, [tag.as_ref(), &text].concat()).map_err(|error| failed(&error))?;
        self.db.flush().map(drop).map_err(|error| failed(&error))
    }
}

/// A checkpoint as three plain fields.
mod checkpoint_text {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use unseen_tlog::note::Checkpoint;

    pub fn serialize<S: Serializer>(checkpoint: &Checkpoint, serializer: S) -> Result<S::Ok, S::Error> {
        (&checkpoint.origin, checkpoint.size, checkpoint.root).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Checkpoint, D::Error> {
        Deserialize::deserialize(deserializer).map(|(origin, size, root)| Checkpoint { origin, size, root })
    }
}
