//! The words that every part of Unseen shares, each with its one written form.
//!
//! | type | written as |
//! |---|---|
//! | [`Digest`] | `sha256:` and 64 lower-case hex digits |
//! | [`PublicKey`] | 64 lower-case hex digits |
//! | [`JobId`] | `j12` for people, `12` in signed bytes |
//! | [`Role`] | `steward`, `analyst`, `operator`, `auditor` |
//! | [`Keeping`] | `browser`, `passkey` |
//! | [`Key`] | a whole number or a text |
//!
//! [`canonical`] writes the JSON that is signed or digested; [`hex`] is the only hexadecimal of the house;
//! [`Answer`] is what every program of the house prints for other programs.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod answer;
mod bucket;
pub mod canonical;
mod digest;
pub mod hex;
mod job;
mod keeping;
mod key;
pub mod pattern;
pub mod pem;
mod stream;

#[cfg(feature = "schema")]
pub use answer::schema;
pub use answer::{Answer, schema_id};
pub use bucket::bucket_of;
pub use digest::{Digest, PublicKey, sha256};
pub use job::{JobId, Role};
pub use keeping::Keeping;
pub use key::{Key, KeyRef};
pub use stream::digest_of;
