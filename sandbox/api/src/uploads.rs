//! Uploads of rows that are encrypted to the lab, in pieces.
//!
//! ```text
//! GET    /v1/uploads             those that wait, of whoever asks
//! GET    /v1/uploads/DIGEST      how far it is; 404 before it is begun
//! PATCH  /v1/uploads/DIGEST      the next bytes: upload-offset says from where, upload-length how many there are in all
//! DELETE /v1/uploads/DIGEST      takes it back
//! ```
//! The digest is the SHA-256 of the whole file, 64 hex digits.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_ids::{Answer, Digest};

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

/// Uploads that wait to be sent on or imported, of one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UploadsWaiting {
    /// The oldest first.
    pub uploads: Vec<UploadWaiting>,
}

/// An upload that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UploadWaiting {
    /// The SHA-256 of the whole file.
    #[schemars(with = "String")]
    pub upload: Digest,
    /// Bytes that are here.
    pub received: u64,
    /// Whether that is all.
    pub whole: bool,
    /// When the lab removes it, unless it is sent on or registered before.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub until: DateTime<Utc>,
}

impl Answer for UploadsWaiting {
    const NAME: &str = "uploads/v1";
}
