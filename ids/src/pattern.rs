//! The words' written forms as regular expressions, for JSON Schema.

/// A [`Digest`](crate::Digest).
pub const DIGEST: &str = "^sha256:[0-9a-f]{64}$";
/// A [`PublicKey`](crate::PublicKey).
pub const KEY: &str = "^[0-9a-f]{64}$";
/// A [`JobId`](crate::JobId) as people write it.
pub const JOB: &str = "^j?(0|[1-9][0-9]{0,18})$";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Digest, JobId, PublicKey};

    #[test]
    fn each_begins_and_is_as_long_as_what_it_is_for() {
        let (digest, key) = (Digest::of(b"").to_string(), PublicKey::from_bytes([171; 32]).to_string());
        let hex = "[0-9a-f]{64}";
        assert_eq!(DIGEST.replace(hex, &digest[7..]), format!("^{digest}$"));
        assert_eq!(KEY.replace(hex, &key), format!("^{key}$"));
        assert!(["j0", "0", "j9999999999999999999"].iter().all(|job| job.parse::<JobId>().is_ok()), "{JOB}");
    }
}
