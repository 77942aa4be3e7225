//! What makes an entry of this moment and no other: the time, and a number used once.

use chrono::{DateTime, Utc};
use unseen_ids::hex;

use crate::error::LabError;
use crate::keys::random;

pub(crate) fn now() -> DateTime<Utc> {
    // Whole milliseconds survive every text form.
    let now = Utc::now();
    DateTime::from_timestamp_millis(now.timestamp_millis()).unwrap_or(now)
}

pub(crate) fn nonce() -> Result<String, LabError> {
    Ok(hex::encode(&random()?[..16]))
}
