//! What a steward says publicly of a dataset's size, so that what a run may need is a function of
//! public numbers. An import that goes beyond is refused.

use serde::{Deserialize, Serialize};

/// Upper bounds on one dataset. They are public: written by the steward in the description, and part
/// of the registration in the log. What is really there may be any amount less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// Different privacy units; 0 of a reference table, which has none.
    pub units: u64,
    /// Rows.
    pub rows: u64,
    /// Bytes of text (UTF-8) in all text cells of one row together.
    pub text: u64,
}

impl Bounds {
    /// What holds for a private dataset whose description says nothing.
    pub const DEFAULT: Bounds = Bounds { units: 10_000, rows: 1_000_000, text: 4 << 10 };

    /// What is taken of a reference table whose registration says nothing, as older ones do.
    pub const DEFAULT_REFERENCE: Bounds = Bounds { units: 0, rows: 10_000, text: 1 << 10 };

    /// The most that a steward may declare.
    pub const MOST: Bounds = Bounds { units: 10_000_000_000, rows: 1_000_000_000_000, text: 16 << 20 };
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds::DEFAULT
    }
}
