//! Pieces of a round on several threads. What is counted twice or not at all, the totals refuse.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use unseen_core::coverage::Counted;
use unseen_core::order::Round;
use unseen_core::totals::PartialTotals;

use crate::run_error::RunError;

/// Adds the pieces that it is given, one after the other.
pub(crate) type Adding<'a> =
    &'a (dyn Fn(&mut dyn Iterator<Item = u32>, &mut PartialTotals) -> Result<(), RunError> + Sync);

/// Does `task` for every piece, each thread with totals of its own, and adds these up. `done` is told of each piece.
pub(crate) fn in_parallel(
    threads: usize,
    round: &Round,
    pieces: Range<u32>,
    done: &(dyn Fn(u32) + Sync),
    task: Adding<'_>,
) -> Result<PartialTotals, RunError> {
    let (next, ended, stop) = (AtomicU32::new(pieces.start), AtomicU32::new(0), AtomicBool::new(false));
    let sum = Mutex::new(Ok(PartialTotals::zero(round)));
    let work = || {
        let mut begun = false;
        let mut mine = std::iter::from_fn(|| {
            if std::mem::replace(&mut begun, true) {
                done(ended.fetch_add(1, Ordering::Relaxed) + 1);
            }
            let piece = next.fetch_add(1, Ordering::Relaxed);
            (piece < pieces.end && !stop.load(Ordering::Relaxed)).then_some(piece)
        });
        let mut totals = PartialTotals::zero(round);
        let outcome = task(&mut mine, &mut totals);
        let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
        let added = outcome.and_then(|()| sum.as_mut().map_or(Ok(()), |sum| Ok(sum.merge(totals)?)));
        if let Err(error) = added {
            stop.store(true, Ordering::Relaxed);
            *sum = Err(error);
        }
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        work();
        drop(others);
    });
    sum.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Rows and units of each input.
pub(crate) fn counted(counts: &[(u64, u64)]) -> Vec<Counted> {
    counts.iter().map(|(rows, units)| Counted { rows: *rows, units: *units }).collect()
}
