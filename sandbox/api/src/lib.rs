//! The lab on the network, as both ends know it.
//!
//! | module | what |
//! |---|---|
//! | [`address`] | where each use-case is: method and path |
//! | [`problem`] | why a request was not answered (RFC 9457) |
//! | [`login`] | how a person shows that a key is theirs |
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod address;
pub mod answers;
pub mod login;
pub mod problem;

/// The most bytes of a request that is not an upload.
pub const MAX_REQUEST: usize = 4 << 20;
/// The media type of a problem (RFC 9457, section 3).
pub const PROBLEM: &str = "application/problem+json";
/// Where what goes beside a request is put, before it: the digest's 64 hex digits follow.
pub const BLOBS: &str = "/v1/blobs/";
/// After the address of a change: what its author is to sign.
pub const DRAFT: &str = "/draft";
