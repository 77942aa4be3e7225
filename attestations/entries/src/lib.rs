//! One entry of the log: from a record to a signed envelope ([`sign`]) and back ([`open`]). The lab, which
//! writes entries, and the auditor, who reads them, stand on the same code. It knows what an entry says
//! and who signed it, not whether it may stand where it stands: that is the ledger's question.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod json;
pub mod open;
pub mod sign;

pub use open::{EntryError, Keys, Opened};

use unseen_ids::Digest;
use unseen_policies::event::Record;
use unseen_tlog::statement::Subject;

/// The name of the subject of a statement that is about itself.
const PREDICATE: &str = "predicate";

/// What the record names, or else the predicate itself.
fn subjects(record: &Record, predicate: Option<Digest>) -> Vec<Subject> {
    let named = record.subjects().into_iter();
    let subjects: Vec<Subject> = named.map(|(name, digest)| Subject { name, digest }).collect();
    match predicate {
        Some(digest) if subjects.is_empty() => vec![Subject { name: PREDICATE.to_owned(), digest }],
        _ => subjects,
    }
}
