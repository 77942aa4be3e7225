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

use crate::layout::Layout;
pub use crate::out_of_order::OutOfOrder;

/// Which totals may be added up: those of one round of one run of one plan, wherever they were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    ticket: Digest,
    /// Numbers of all outputs.
    pub(crate) cells: usize,
    /// Buckets or blocks.
    pub(crate) pieces: u32,
}

/// The units of one bucket, in the order in which they must be met.
#[derive(Debug)]
pub struct UnitOrder {
    bucket: u32,
    buckets: u32,
    last: Option<Vec<u8>>,
}

impl Round {
    /// Round `round` of the run with this digest ([`crate::RunIdentity::digest`]), whose grains come in so many pieces.
    pub fn new(plan: &Plan, run: Digest, round: u32, pieces: u32) -> Round {
        let parts = [plan.digest().to_bytes(), run.to_bytes()].concat();
        let places = [round.to_be_bytes(), pieces.to_be_bytes()].concat();
        let ticket = Digest::from_bytes(sha256(&[b"unseen totals v2", &parts, &places]));
        Round { ticket, cells: Layout::of(plan).cells, pieces }
    }

    /// What totals of these pieces are bound to when they are sealed.
    pub(crate) fn bound(&self, pieces: &Range<u32>, context: &[u8]) -> Vec<u8> {
        [&self.ticket.to_bytes(), pieces.start.to_be_bytes().as_slice(), &pieces.end.to_be_bytes(), context].concat()
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
