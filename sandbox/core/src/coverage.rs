//! That no rows are missing: what the pieces of a round count is compared with what the snapshots' manifests count. A
//! release is private without it; it would not be right.

use std::collections::BTreeMap;

use crate::out_of_order::OutOfOrder;

/// What one input of a run has in a piece: inside information.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Rows.
    pub rows: u64,
    /// Units with at least one row.
    pub units: u64,
}

/// What the pieces of a round must come to, input by input: what the snapshots' manifests count.
#[derive(Clone, Debug)]
pub enum Expected {
    /// Each bucket.
    Each(Vec<Vec<Counted>>),
    /// All blocks together.
    Together {
        /// How many blocks.
        blocks: u32,
        /// In all of them.
        counted: Vec<Counted>,
    },
}

impl Expected {
    /// How many pieces there are.
    pub fn pieces(&self) -> u32 {
        match self {
            Expected::Each(buckets) => buckets.len() as u32,
            Expected::Together { blocks, .. } => *blocks,
        }
    }

    /// What the pieces of a part count, against what is registered of each.
    pub(crate) fn check(&self, part: &BTreeMap<u32, Vec<Counted>>) -> Result<(), OutOfOrder> {
        let Expected::Each(expected) = self else { return Ok(()) };
        let other = part.iter().find(|(piece, counted)| expected.get(**piece as usize) != Some(*counted));
        other.map_or(Ok(()), |(piece, _)| Err(OutOfOrder::Counts(*piece)))
    }

    /// What all pieces count, against what is registered of all.
    pub(crate) fn check_all(&self, pieces: &BTreeMap<u32, Vec<Counted>>) -> Result<(), OutOfOrder> {
        let Expected::Together { blocks, counted } = self else { return Ok(()) };
        let mut sums = vec![Counted::default(); counted.len()];
        for piece in pieces.values() {
            for (sum, more) in sums.iter_mut().zip(piece) {
                sum.rows = sum.rows.saturating_add(more.rows);
                sum.units = sum.units.saturating_add(more.units);
            }
        }
        if sums == *counted { Ok(()) } else { Err(OutOfOrder::Counts(*blocks)) }
    }
}
