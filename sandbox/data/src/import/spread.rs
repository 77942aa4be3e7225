//! An import that many machines carry out: a source is cut into slices, each slice is sorted on its own, and the sorted
//! slices are merged bucket by bucket.
//!
//! ```text
//! lab     cut ->  slices                                                          -> gather: snapshot
//! nodes           sort: rows by bucket, unit, arrival -> merge: bucket files ----'
//! ```
//! The rows of the snapshot, and what is said of their quality, are those of [`super::import`]: what each step gives is
//! added up in the order of slices and buckets, whoever did it and however often.

mod cut;
mod gather;
mod merge;
mod sort;

pub use super::faults::refusal;
pub use cut::{Cut, Slice, cut, named};
pub use gather::{Gathered, gather};
pub use merge::{Dealt, Merged, Segment, merge};
pub use sort::{Sorted, need_to_sort, sort};
