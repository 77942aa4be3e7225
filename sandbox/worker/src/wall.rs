//! Whether a wall round the worker holds.

use serde::{Deserialize, Serialize};
use unseen_texts::Sentence;

/// One wall.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wall {
    /// It holds in full.
    Holds,
    /// The kernel enforces part of it.
    Partly(#[serde(with = "unseen_texts::both")] Sentence),
    /// It does not hold, and why.
    Missing(#[serde(with = "unseen_texts::both")] Sentence),
}

impl Wall {
    /// Whether it holds in full.
    pub fn holds(&self) -> bool {
        *self == Wall::Holds
    }
}
