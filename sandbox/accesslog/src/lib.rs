//! Who came to a lab, who read what, and who was refused.
//!
//! Changes of a lab's state are signed entries of its Merkle log. Log-ins, failed ones and reads are signed by
//! nobody and far too many, so they go to this second log beside it: every person, with time, kind and success
//! (GB/T 22239-2019 8.1.4.3), kept for at least 180 days (网络安全法: six months). It is a folder with a file for
//! each day in UTC, `2026-11-29.jsonl`. Each line is canonical JSON and names the SHA-256 of the line before it,
//! the first of a day that of the day before. What the last line of a finished day digests to is recorded in the
//! main log, so that afterwards not even the lab can change that day unseen.
//!
//! What holds:
//! - [`AccessLog::append`] never waits for a disk. A line is durable after the next [`AccessLog::flush`], which
//!   somebody calls at least once a second: a power cut costs at most what was said since, a crash too.
//! - Opening cuts off the line that a power cut tore, and says so in a line of its own.
//! - Whatever somebody sends stays in its line and within its length, and hides nothing from who reads it.
//! - A flood of refusals fills neither disk nor memory: past [`Settings::ceiling`] they are counted, once a minute.
//!   What was allowed is always a line; whoever serves bounds how often a person may ask.
//! - Lines cut off the end of the present day are missed by nobody: no later line names them, and its digest is
//!   not yet on record.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

/// Where it is in a lab.
pub const FOLDER: &str = "access";

mod days;
mod error;
mod line;
mod lockout;
mod log;
mod read;
#[cfg(test)]
mod tests;
mod verify;

pub use error::AccessLogError;
pub use line::{How, Line, Note, Outcome, Record, Said};
pub use lockout::{Attempts, Limits, Who};
pub use log::{AccessLog, KEPT_AT_LEAST, Settings};
pub use read::{Page, Wanted, read};
pub use verify::{Broken, Fault, Report, verify};
