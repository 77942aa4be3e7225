//! That no unit is counted twice: a grain may be added only in its one place in the round.
//!
//! The privacy claim speaks of all rows of one unit as one grain. Were a unit met in two places, it would be
//! two grains and add twice what the plan allows. Here it cannot be. The grains of a round are dealt into
//! *pieces*: buckets where a grain is a unit, blocks where it is a block. Totals take a piece once
//! ([`crate::totals`]); in a bucket the units ascend strictly, and each unit has one bucket, by a hash of its name.
//! That a unit is in one block only follows from the same order and a function of its name.

use std::ops::Range;

use unseen_ids::{Digest, bucket_of, sha256};
use unseen_policies::Plan;
use unseen_texts::Say;

/// Which totals may be added up: those of one round of one run of one plan, wherever they were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    ticket: Digest,
    /// Numbers of all outputs.
    pub(crate) cells: usize,
    /// Buckets or blocks.
    pub(crate) pieces: u32,
}

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

/// The units of one bucket, in the order in which they must be met.
#[derive(Debug)]
pub struct UnitOrder {
    bucket: u32,
    buckets: u32,
    last: Option<Vec<u8>>,
}

/// The rows are not what they must be for the guarantee to hold, so nothing is added. Depends on rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Say)]
#[code("order")]
pub enum OutOfOrder {
    /// A bucket or block was added before, or there is none.
    #[error("bucket or block {0} was taken before, or there is none")]
    #[zh("分桶或分块 {0} 已被取用，或者不存在")]
    Taken(u32),
    /// A unit does not come after the one before it.
    #[error("the units of bucket {0} do not ascend strictly")]
    #[zh("分桶 {0} 中的隐私单元没有严格递增")]
    Descends(u32),
    /// A unit belongs elsewhere.
    #[error("a unit of bucket {0} belongs to another bucket")]
    #[zh("分桶 {0} 中有属于另一个分桶的隐私单元")]
    OtherBucket(u32),
    /// A bucket was left before its end.
    #[error("a bucket was not read to its end")]
    #[zh("有分桶没有读到末尾")]
    Unfinished,
    /// Totals of another round, run or plan.
    #[error("the totals are of another round")]
    #[zh("总数属于另一轮")]
    OtherRound,
    /// Rows or units are missing, or are too many.
    #[error("bucket or block {0} has another number of rows or units than registered")]
    #[zh("分桶或分块 {0} 的行数或单元数与登记的不同")]
    Counts(u32),
    /// The same piece was counted twice, and came out differently.
    #[error("buckets or blocks {0} to {1} were counted twice with different totals")]
    #[zh("分桶或分块 {0} 至 {1} 统计了两次，总数不同")]
    Unequal(u32, u32),
    /// Not all pieces are there.
    #[error("bucket or block {0} is missing")]
    #[zh("缺少分桶或分块 {0}")]
    Missing(u32),
}

impl Round {
    /// Round `round` of the run with this digest ([`crate::RunIdentity::digest`]), whose grains come in so many pieces.
    pub fn new(plan: &Plan, run: Digest, round: u32, pieces: u32) -> Round {
        let parts = [plan.digest().to_bytes(), run.to_bytes()].concat();
        let places = [round.to_be_bytes(), pieces.to_be_bytes()].concat();
        let ticket = Digest::from_bytes(sha256(&[b"unseen totals v2", &parts, &places]));
        Round { ticket, cells: crate::layout::Layout::of(plan).cells, pieces }
    }

    /// What totals of these pieces are bound to when they are sealed.
    pub(crate) fn bound(&self, pieces: &Range<u32>, context: &[u8]) -> Vec<u8> {
        [&self.ticket.to_bytes(), pieces.start.to_be_bytes().as_slice(), &pieces.end.to_be_bytes(), context].concat()
    }
}

impl Expected {
    /// How many pieces there are.
    pub fn pieces(&self) -> u32 {
        match self {
            Expected::Each(buckets) => buckets.len() as u32,
            Expected::Together { blocks, .. } => *blocks,
        }
    }
}

impl UnitOrder {
    /// The units of bucket `bucket` of so many.
    pub fn new(bucket: u32, buckets: u32) -> UnitOrder {
        UnitOrder { bucket, buckets, last: None }
    }

    /// The next unit, all its rows in one grain.
    pub fn next(&mut self, unit: &[u8]) -> Result<(), OutOfOrder> {
        if bucket_of(unit, self.buckets) != self.bucket {
            return Err(OutOfOrder::OtherBucket(self.bucket));
        }
        if self.last.as_ref().is_some_and(|last| last.as_slice() >= unit) {
            return Err(OutOfOrder::Descends(self.bucket));
        }
        let last = self.last.get_or_insert_default();
        last.clear();
        last.extend_from_slice(unit);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_has_one_place_in_a_round() {
        let mut names: Vec<String> = (0..40).map(|n| format!("unit {n}")).collect();
        names.sort();
        for bucket in 0..2 {
            let mut order = UnitOrder::new(bucket, 2);
            let (here, there): (Vec<_>, Vec<_>) =
                names.iter().partition(|name| bucket_of(name.as_bytes(), 2) == bucket);
            assert!(here.len() > 2 && there.len() > 2);
            let mut before: Option<&str> = None;
            for name in here {
                order.next(name.as_bytes()).unwrap();
                for again in before.into_iter().chain([name.as_str()]) {
                    assert_eq!(order.next(again.as_bytes()), Err(OutOfOrder::Descends(bucket)));
                }
                assert_eq!(order.next(there[0].as_bytes()), Err(OutOfOrder::OtherBucket(bucket)));
                before = Some(name);
            }
        }
    }
}
