//! How grave each dataset is, as its description says.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use unseen_access::Level;
use unseen_data::description::Classification;
use unseen_ids::Digest;
use unseen_lab::View;

/// What was read of them: descriptions never change, so each is read once.
#[derive(Debug, Default)]
pub(crate) struct Levels(Mutex<HashMap<Digest, Level>>);

impl Levels {
    /// The level that a description states; the gravest where it cannot be read.
    pub fn of(&self, view: &View, description: &Digest) -> Level {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(level) = known().get(description) {
            return *level;
        }
        let Ok((described, _)) = view.described(description) else { return Level::Core };
        let level = match described.classification {
            Classification::Public => Level::Public,
            Classification::Internal => Level::Internal,
            Classification::Sensitive => Level::Sensitive,
            Classification::Core => Level::Core,
        };
        known().insert(*description, level);
        level
    }
}
