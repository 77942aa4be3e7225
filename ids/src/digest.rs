//! SHA-256 digests and Ed25519 public keys: 32 bytes, each with a text of its own.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unseen_texts::{Sentence, Text, said_as_written, say, text};

use crate::hex;

/// A SHA-256 digest; its text is `sha256:` and 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

/// An Ed25519 public key; its text is 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey([u8; 32]);

/// SHA-256 (FIPS 180-4) of the parts, one behind the other.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(sha256(&[bytes]))
    }
}

macro_rules! hex_text {
    ($type:ident, $prefix:literal, $what:expr, $form:expr) => {
        impl $type {
            /// From the 32 bytes.
            pub const fn from_bytes(bytes: [u8; 32]) -> $type {
                $type(bytes)
            }

            /// The 32 bytes.
            pub const fn to_bytes(self) -> [u8; 32] {
                self.0
            }

            /// The 32 bytes, borrowed.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// 64 lower-case hex digits, without a prefix.
            pub fn to_hex(self) -> String {
                hex::encode(&self.0)
            }

            /// Reads [`Self::to_hex`].
            pub fn from_hex(text: &str) -> Option<$type> {
                hex::decode(text).map($type)
            }

            /// The first twelve hex digits, for people.
            pub fn short(self) -> String {
                hex::encode(&self.0[..6])
            }
        }

        impl FromStr for $type {
            type Err = Sentence;
            fn from_str(text: &str) -> Result<$type, Sentence> {
                text.strip_prefix($prefix).and_then($type::from_hex).ok_or_else(|| {
                    say!(
                        "`{text}` is not {what}: write {form}",
                        "`{text}` 不是{what}：请写{form}",
                        what = $what,
                        form = $form
                    )
                })
            }
        }

        impl TryFrom<String> for $type {
            type Error = Sentence;
            fn try_from(text: String) -> Result<$type, Sentence> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> String {
                value.to_string()
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&[$prefix, &self.to_hex()].concat())
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

const HEX: Text = text!("64 lower-case hex digits", " 64 位小写十六进制数字");
const NAMED_HEX: Text = text!("sha256: and 64 lower-case hex digits", " sha256: 加 64 位小写十六进制数字");
hex_text!(Digest, "sha256:", text!("a digest", "摘要"), NAMED_HEX);
hex_text!(PublicKey, "", text!("a public key", "公钥"), HEX);
said_as_written!(Digest, PublicKey);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_has_one_spelling() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let digest = Digest::of(b"");
        assert_eq!(digest.to_string(), empty);
        assert_eq!(digest.short(), "e3b0c44298fc");
        assert_eq!(serde_json::to_string(&digest).unwrap(), format!("\"{empty}\""));
        assert_eq!(serde_json::from_str::<Digest>(&format!("\"{empty}\"")).unwrap(), digest);
        for wrong in [&empty[7..], &empty.to_uppercase(), &empty[..70], &format!("{empty}0"), ""] {
            assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_public_key_has_no_prefix() {
        let key = PublicKey::from_bytes([171; 32]);
        assert_eq!(key.to_string(), "ab".repeat(32));
        assert_eq!(key.to_string().parse(), Ok(key));
        assert!("AB".repeat(32).parse::<PublicKey>().is_err());
    }
}
