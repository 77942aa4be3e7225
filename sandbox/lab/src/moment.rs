//! What makes an entry of this moment and no other: the time, and a number used once.

use chrono::{DateTime, Utc};
use unseen_ids::hex;

use crate::error::LabError;
use crate::keys::random;

pub(crate) fn now() -> DateTime<Utc> {
    // Whole milliseconds survive every text form; a whole second would be written shorter than any other moment.
    let now = Utc::now();
    let millis = now.timestamp_millis();
    DateTime::from_timestamp_millis(millis + i64::from(millis % 1_000 == 0)).unwrap_or(now)
}

pub(crate) fn nonce() -> Result<String, LabError> {
    Ok(hex::encode(&random()?[..16]))
}
