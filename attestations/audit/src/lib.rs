//! Reading the log as an outsider does: each entry's signature and place in the life-cycle
//! ([`fold`]), what it names ([`named`]), and a whole exported bundle ([`bundle`]).
//!
//! The lab checks an entry with the same [`fold::Fold`] before it appends it. This crate links the
//! audit set (tlog, policies, core) and the log's file reader, and neither an engine nor a data format.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod bundle;
pub mod error;
pub mod expected;
pub mod fold;
pub mod memory;
pub mod named;
pub mod nodes;
pub mod public_values;
pub mod receipt;
pub mod report;
mod roots;
mod signatures;
pub mod sm2;

/// Where a bundle has its checkpoint.
pub use unseen_log::CHECKPOINT;
