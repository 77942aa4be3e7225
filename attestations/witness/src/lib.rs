//! A witness for transparency logs, and the client by which a log gathers cosignatures
//! (C2SP tlog-witness 1.0.0 over HTTP, with `cosignature/v1` of tlog-cosignature).
//!
//! | file | what it is |
//! |---|---|
//! | [`decide`] | what a witness answers, as a pure function of its record, a request and the time |
//! | [`state`] | a witness's folder: what it has cosigned, durable before anybody hears of it |
//! | [`server`] | the witness on the network |
//! | [`client`] | asking many witnesses at once, and reading what one has cosigned |
//!
//! # What a witness is good for
//!
//! A log signs its own checkpoints, so alone it could show one history to a regulator and another to
//! an analyst (a split view), or quietly go back to an older copy (a rollback). A witness signs a
//! checkpoint only if the log has signed it and a proof shows that its tree extends the last one the
//! witness signed. Whoever demands a witness's cosignature therefore sees the same history as
//! everybody else who does, and no older one than the witness's time says. It takes nothing on trust
//! from the log, and sees nothing of the log but sizes and hashes. A log that tries leaves evidence: a
//! second checkpoint of one size under the log's own key proves the fork to anybody.
//!
//! It holds only if somebody else runs the witness: who holds the keys of a log and of a quorum of its
//! witnesses can fork that log. Of `n` witnesses of which `f` may be bought, a quorum must be more than
//! `(n + f) / 2`, so that any two quorums share an honest one.
//!
//! # What it cannot do
//!
//! - It does not read entries: that they are well formed, allowed and charged, the auditor checks.
//! - It cannot make a log answer, nor stop one from being silent; cosignatures have a time for that.
//! - It cannot know that its own folder was put back to an older copy, or is run twice under one key:
//!   such a witness would sign a fork of what it has forgotten. Never restore a witness from a backup
//!   without asking its logs for a later cosignature ([`client::latest`] reads what a running witness
//!   holds; every log keeps its cosigned checkpoints); if in doubt, start again with a new key.
//! - A clock that ran ahead binds it: it signs no earlier time than it has signed already. One that
//!   ran far ahead makes its key useless until that time has come.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod client;
pub mod decide;
mod record;
pub mod server;
pub mod state;

pub use client::{Gathered, Refusal, Target, gather, latest};
pub use record::StateError;
pub use server::{Event, Server, Shutdown};
pub use state::{add_log, init, status};

/// A decimal number in its one canonical spelling: digits only, no leading zero.
fn canonical_u64(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// The element of a path that stands for a log: the SHA-256 of its origin, in lowercase hexadecimal.
fn origin_hash(origin: &str) -> String {
    unseen_ids::Digest::of(origin.as_bytes()).to_hex()
}
