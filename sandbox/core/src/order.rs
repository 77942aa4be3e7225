//! That no unit is counted twice: a grain may be added only by a witness that it has its one place in the
//! round.
//!
//! The privacy claim speaks of all rows of one unit as one grain. Were a unit met in two places, it would be
//! two grains and add twice what the plan allows. Here it cannot be: a bucket is walked once in a round, its
//! units ascend strictly, and each unit has one bucket, by a hash of its name. Of blocks, each is added once;
//! that a unit is in one block only follows from the same walk and a function of its name.

use std::sync::atomic::{AtomicBool, Ordering};

use unseen_ids::{Digest, bucket_of, sha256};
use unseen_policies::Plan;
use unseen_texts::Say;

/// Leave to add one grain to the totals of one round. It cannot be made, copied or kept for another round.
///
/// ```compile_fail
/// fn twice(leave: unseen_core::order::OneGrain) -> (unseen_core::order::OneGrain, unseen_core::order::OneGrain) {
///     (leave.clone(), leave)
/// }
/// ```
#[derive(Debug)]
#[must_use = "a grain that was given its place must be added or deliberately dropped"]
pub struct OneGrain {
    pub(crate) ticket: Option<Ticket>,
}

/// The buckets of one walk over all units.
#[derive(Debug)]
pub struct Buckets {
    walked: Vec<AtomicBool>,
    ticket: Option<Ticket>,
}

/// One bucket's units, in the order in which they must be met.
#[derive(Debug)]
pub struct UnitOrder {
    bucket: u32,
    buckets: u32,
    last: Option<Vec<u8>>,
    ticket: Option<Ticket>,
}

/// The blocks of one round.
#[derive(Debug)]
pub struct Blocks {
    added: Vec<AtomicBool>,
    ticket: Ticket,
}

/// The rows are not what they must be for the guarantee to hold, so nothing is added. Depends on rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Say)]
#[code("order")]
pub enum OutOfOrder {
    /// A round is walked once.
    #[error("the grains of this round were asked for before")]
    #[zh("本轮的数据粒已经被请求过")]
    AnotherWalk,
    /// A bucket or block was taken before, or there is none.
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
}

/// Which totals may be added up: those of one round of one run of one plan, wherever they were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(Digest);

impl Ticket {
    pub(crate) fn new(plan: &Plan, run: Digest, round: u32) -> Ticket {
        let parts = [plan.digest().to_bytes(), run.to_bytes()].concat();
        Ticket(Digest::from_bytes(sha256(&[b"unseen totals v1", &parts, &round.to_be_bytes()])))
    }

    pub(crate) fn to_bytes(self) -> [u8; 32] {
        self.0.to_bytes()
    }
}

impl Buckets {
    pub(crate) fn new(buckets: u32, ticket: Option<Ticket>) -> Buckets {
        Buckets { walked: fresh(buckets), ticket }
    }

    /// A walk that only gathers: what it gives leave for can be added to no totals.
    pub fn gathering(buckets: u32) -> Buckets {
        Buckets::new(buckets, None)
    }

    /// Begins a bucket.
    pub fn bucket(&self, bucket: u32) -> Result<UnitOrder, OutOfOrder> {
        take(&self.walked, bucket)?;
        Ok(UnitOrder { bucket, buckets: self.walked.len() as u32, last: None, ticket: self.ticket })
    }
}

impl UnitOrder {
    /// The next unit, all its rows in one grain.
    pub fn next(&mut self, unit: &[u8]) -> Result<OneGrain, OutOfOrder> {
        if bucket_of(unit, self.buckets) != self.bucket {
            return Err(OutOfOrder::OtherBucket(self.bucket));
        }
        if self.last.as_ref().is_some_and(|last| last.as_slice() >= unit) {
            return Err(OutOfOrder::Descends(self.bucket));
        }
        let last = self.last.get_or_insert_default();
        last.clear();
        last.extend_from_slice(unit);
        Ok(OneGrain { ticket: self.ticket })
    }
}

impl Blocks {
    pub(crate) fn new(count: u32, ticket: Ticket) -> Blocks {
        Blocks { added: fresh(count), ticket }
    }

    /// A whole block.
    pub fn block(&self, block: u32) -> Result<OneGrain, OutOfOrder> {
        take(&self.added, block)?;
        Ok(OneGrain { ticket: Some(self.ticket) })
    }
}

fn fresh(count: u32) -> Vec<AtomicBool> {
    (0..count).map(|_| AtomicBool::new(false)).collect()
}

fn take(taken: &[AtomicBool], at: u32) -> Result<(), OutOfOrder> {
    match taken.get(at as usize).map(|taken| taken.swap(true, Ordering::Relaxed)) {
        Some(false) => Ok(()),
        Some(true) | None => Err(OutOfOrder::Taken(at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{laplace, output, plan, ratio, value};
    use crate::{Clamper, ExactTotals, NoiseKey, RoundNoise, RunIdentity};

    /// Counts in one group, over two rounds.
    fn counts() -> Plan {
        let noise = vec![laplace(ratio(1, 1)), laplace(ratio(1, 1))];
        plan(2, vec![output("o", 1, 1, vec![value("count", (0, 1), ratio(1, 1), noise)])])
    }

    fn noise(round: u32) -> RoundNoise {
        let run = RunIdentity { origin: "o", entry: 1, leaf: [2; 32], snapshots: &[] };
        RoundNoise::draw(&counts(), NoiseKey::new([9; 32]).round_seed(&run, round)).unwrap()
    }

    #[test]
    fn a_unit_has_one_place_in_a_round() {
        let mut noise = noise(0);
        let buckets = noise.units(2).unwrap();
        assert_eq!(noise.units(2).map(drop), Err(OutOfOrder::AnotherWalk));
        assert_eq!(noise.blocks(2).map(drop), Err(OutOfOrder::AnotherWalk));
        let mut names: Vec<String> = (0..40).map(|n| format!("unit {n}")).collect();
        names.sort();
        for bucket in 0..2 {
            let mut order = buckets.bucket(bucket).unwrap();
            assert_eq!(buckets.bucket(bucket).map(drop), Err(OutOfOrder::Taken(bucket)));
            let (here, there): (Vec<_>, Vec<_>) =
                names.iter().partition(|name| bucket_of(name.as_bytes(), 2) == bucket);
            assert!(here.len() > 2 && there.len() > 2);
            let mut before: Option<&str> = None;
            for name in here {
                let _ = order.next(name.as_bytes()).unwrap();
                for again in before.into_iter().chain([name.as_str()]) {
                    assert_eq!(order.next(again.as_bytes()).map(drop), Err(OutOfOrder::Descends(bucket)));
                }
                assert_eq!(order.next(there[0].as_bytes()).map(drop), Err(OutOfOrder::OtherBucket(bucket)));
                before = Some(name);
            }
        }
        assert_eq!(buckets.bucket(2).map(drop), Err(OutOfOrder::Taken(2)));
    }

    #[test]
    fn a_block_is_added_once() {
        let mut noise = noise(0);
        let blocks = noise.blocks(3).unwrap();
        let _ = blocks.block(1).unwrap();
        assert_eq!(blocks.block(1).map(drop), Err(OutOfOrder::Taken(1)));
        assert_eq!(blocks.block(3).map(drop), Err(OutOfOrder::Taken(3)));
        let _ = blocks.block(2).unwrap();
    }

    #[test]
    #[should_panic(expected = "leave for a grain of this round")]
    fn leave_that_was_given_for_gathering_adds_nothing() {
        let (plan, noise) = (counts(), noise(0));
        let leave = Buckets::gathering(1).bucket(0).unwrap().next(b"a").unwrap();
        let mut clamper = Clamper::new(&plan);
        ExactTotals::zero(&noise).add(leave, clamper.grain().finish());
    }

    #[test]
    #[should_panic(expected = "leave for a grain of this round")]
    fn leave_of_one_round_adds_nothing_to_another() {
        let plan = counts();
        let leave = noise(0).units(1).unwrap().bucket(0).unwrap().next(b"a").unwrap();
        let mut clamper = Clamper::new(&plan);
        ExactTotals::zero(&noise(1)).add(leave, clamper.grain().finish());
    }
}
