//! The pure half of Unseen's transparency log: hashing, proofs, tiles, signed notes, envelopes.
//!
//! An auditor's tool links this crate and nothing heavier. It does no I/O and reads no clock: bytes
//! come in through [`tree::Files`], verdicts go out. Read in this order:
//!
//! | module | what it is | specification |
//! |---|---|---|
//! | [`merkle`] | tree hashes, inclusion and consistency proofs | RFC 6962, section 2.1 |
//! | [`tile`] | names and contents of the files a log is made of | C2SP tlog-tiles 0.1.0 |
//! | [`tree`] | authenticated reading of those files; how they grow | C2SP tlog-tiles 0.1.0 |
//! | [`key`] | Ed25519 keys, PKCS#8 and PEM | RFC 8032, 8410, 7468 |
//! | [`note`] | signed notes and checkpoints | C2SP signed-note 1.0.0, tlog-checkpoint 1.0.0 |
//! | [`cosignature`] | what witnesses add to a checkpoint | C2SP tlog-cosignature 1.0.1, Ed25519 |
//! | [`proof`] | one entry's inclusion as a text file | C2SP tlog-proof |
//! | [`sshsig`] | what `ssh-keygen -Y sign` writes | OpenSSH PROTOCOL.sshsig, PROTOCOL.u2f |
//! | `sm2` | SM2 lines and envelopes, with the feature `sm2` | GB/T 32918.2, 32905 |
//! | [`dsse`] | one person's signature over one payload | DSSE 1.0.2 |
//! | [`statement`] | what such a payload says | in-toto Statement v1 |
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod cosignature;
pub mod dsse;
pub mod key;
pub mod merkle;
pub mod note;
pub mod proof;
#[cfg(feature = "sm2")]
pub mod sm2;
pub mod sshsig;
pub mod statement;
pub mod tile;
pub mod tree;

pub use key::{KeyError, Signer, SigningKey, VerifyingKey};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};

/// The SHA-256 digest of some bytes. Its text form, in serde too, is `sha256:` and 64 lowercase
/// hexadecimal digits; nothing else is read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(merkle::sha256(&[bytes]))
    }

    /// A digest computed elsewhere.
    pub const fn from_bytes(bytes: [u8; 32]) -> Digest {
        Digest(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// 64 lowercase hexadecimal digits, without the prefix.
    pub fn to_hex(&self) -> String {
        hex(&self.0)
    }

    /// Reads 64 lowercase hexadecimal digits, without the prefix.
    pub fn from_hex(text: &str) -> Result<Digest, DigestError> {
        unhex(text).map(Digest).ok_or_else(|| DigestError(text.into()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;
    fn from_str(text: &str) -> Result<Digest, DigestError> {
        let hex = text.strip_prefix("sha256:").ok_or_else(|| DigestError(text.into()))?;
        Digest::from_hex(hex).map_err(|_| DigestError(text.into()))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A text that is not a digest.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a digest: write sha256: and 64 lowercase hexadecimal digits")]
pub struct DigestError(String);

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Exactly `N` bytes from exactly `2 N` lowercase hexadecimal digits.
pub(crate) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N || digits.iter().any(|d| !matches!(d, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// A decimal number in its one canonical spelling: digits only, no leading zero.
pub(crate) fn canonical_u64(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_has_one_spelling() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let digest = Digest::of(b"");
        assert_eq!(digest.to_string(), empty);
        assert_eq!(serde_json::to_string(&digest).unwrap(), format!("\"{empty}\""));
        assert_eq!(serde_json::from_str::<Digest>(&format!("\"{empty}\"")).unwrap(), digest);
        for wrong in [&empty[7..], &empty.to_uppercase(), &empty[..70], &format!("{empty}0"), ""] {
            assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
        }
    }
}
