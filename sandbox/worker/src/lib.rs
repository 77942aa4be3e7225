//! One run, in its jail: grains -> runtime -> core -> sealed release.
//!
//! Raw rows are decrypted in the worker process only. The lab starts it from the same binary,
//! hands it descriptors and keys over a pipe, and gets back noised totals; before the first row is
//! read the process has shut itself in ([`jail`]).
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod cgroup;
pub mod clock;
pub mod code;
pub mod fit;
pub mod guest;
pub mod jail;
pub mod kept;
pub mod memory;
pub mod process;
pub mod ready_made;
pub mod rows;
pub mod run;
mod totals;
pub mod wall;
