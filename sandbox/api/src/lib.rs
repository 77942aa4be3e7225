//! The lab on the network, as both ends know it.
//!
//! | module | what |
//! |---|---|
//! | [`address`] | where each use-case is: method and path |
//! | [`problem`] | why a request was not answered (RFC 9457) |
//! | [`replays`] | replays that are begun and asked for |
//! | [`uploads`] | rows that are sent in pieces |
//! | [`login`] | how a person shows that a key is theirs |
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod address;
pub mod answers;
pub mod login;
pub mod problem;
pub mod replays;
pub mod uploads;

/// The most bytes of a request that is not an upload.
pub const MAX_REQUEST: usize = 4 << 20;
/// The media type of a problem (RFC 9457, section 3).
pub const PROBLEM: &str = "application/problem+json";
/// Where what goes beside a request is put, before it: the digest's 64 hex digits follow.
pub const BLOBS: &str = "/v1/blobs/";
/// After the address of a change: what its author is to sign.
pub const DRAFT: &str = "/draft";
/// Where a question in SQL is put: it is drafted as a job and checked, and nothing is signed, charged or kept.
pub const QUESTIONS: &str = "/v1/questions";
/// Where rows are uploaded: the digest's 64 hex digits follow.
pub const UPLOADS: &str = "/v1/uploads/";
/// The header that says at which byte a piece of an upload begins.
pub const UPLOAD_OFFSET: &str = "upload-offset";
/// The header that says how many bytes an upload has in all.
pub const UPLOAD_LENGTH: &str = "upload-length";
/// Where the log is had with all that its entries name, as a tar archive; `?modules=true` with the jobs' components too.
pub const BUNDLE: &str = "/v1/bundle";
