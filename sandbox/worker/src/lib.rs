//! One run, in its jail: grains -> runtime -> core -> sealed release.
//!
//! Raw rows are decrypted in the worker process only. The lab starts it from the same binary,
//! hands it descriptors and keys over a pipe, and gets back noised totals; before the first row is
//! read the process has shut itself in ([`jail`]).
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod cgroup;
pub mod clock;
pub mod code;
mod fault;
pub mod fit;
pub mod frames;
pub mod guest;
pub mod importing;
pub mod inside;
pub mod jail;
pub mod kept;
mod link;
pub mod memory;
pub mod merging;
mod parallel;
pub mod process;
pub mod ready_made;
pub mod rows;
pub mod run;
mod run_error;
pub mod sealed;
pub mod spread;
mod totals;
pub mod wall;
