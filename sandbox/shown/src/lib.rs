//! What answers look like: figures, states of jobs and releases in words and tables, the same at a terminal and on a
//! page.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod datasets;
pub mod dictionary;
pub mod figures;
pub mod jobs;
pub mod questions;
pub mod released;
pub mod trials;
pub mod walls;
