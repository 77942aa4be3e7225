//! Uploads of rows that are encrypted to the lab, in pieces.
//!
//! ```text
//! GET    /v1/uploads/DIGEST      how far it is; 404 before it is begun
//! PATCH  /v1/uploads/DIGEST      the next bytes: upload-offset says from where, upload-length how many there are in all
//! DELETE /v1/uploads/DIGEST      takes it back
//! ```
//! The digest is the SHA-256 of the whole file, 64 hex digits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_ids::Digest;

/// How far an upload is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Uploaded {
    /// The SHA-256 of the whole file.
    #[schemars(with = "String")]
    pub upload: Digest,
    /// Bytes that are here.
    pub received: u64,
    /// Whether that is all.
    pub whole: bool,
}
