//! Ed25519 keys (RFC 8032) and the two forms they are kept in: PKCS#8 / SPKI (RFC 8410) inside PEM
//! (RFC 7468), which OpenSSL reads and writes too.

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::signature::{ED25519, UnparsedPublicKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use unseen_ids::{PublicKey, hex, pem, sha256};
use unseen_texts::said_as_written;

pub use crate::error::KeyError;

/// SubjectPublicKeyInfo up to the key.
const SPKI: [u8; 12] = *b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";

impl From<PublicKey> for VerifyingKey {
    fn from(key: PublicKey) -> VerifyingKey {
        VerifyingKey(key.to_bytes())
    }
}

impl From<VerifyingKey> for PublicKey {
    fn from(key: VerifyingKey) -> PublicKey {
        PublicKey::from_bytes(key.0)
    }
}

/// A public key. Its text form, in serde too, is the base64 of its 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VerifyingKey([u8; 32]);

impl VerifyingKey {
    /// A key as RFC 8032 encodes it. Bytes that are no point of the curve verify nothing.
    pub const fn from_bytes(bytes: [u8; 32]) -> VerifyingKey {
        VerifyingKey(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What an envelope calls this key: the SHA-256 of its 32 bytes, in lowercase hexadecimal.
    pub fn key_id(&self) -> String {
        hex::encode(&sha256(&[&self.0]))
    }

    /// Whether `signature` is this key's over `message`.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signature).map_err(|_| KeyError::Signature)
    }

    /// Reads one `PUBLIC KEY` block.
    pub fn from_pem(text: &str) -> Result<VerifyingKey, KeyError> {
        let der = unpem("PUBLIC KEY", text)?;
        let key = der.strip_prefix(&SPKI).and_then(|key| key.try_into().ok());
        key.map(VerifyingKey).ok_or(KeyError::Public)
    }

    /// One `PUBLIC KEY` block.
    pub fn to_pem(&self) -> String {
        pem::encode("PUBLIC KEY", &[SPKI.as_slice(), &self.0].concat())
    }
}

said_as_written!(VerifyingKey);

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({self})")
    }
}

impl std::str::FromStr for VerifyingKey {
    type Err = KeyError;
    fn from_str(text: &str) -> Result<VerifyingKey, KeyError> {
        let bytes = STANDARD.decode(text).map_err(|_| KeyError::Public)?;
        bytes.try_into().map(VerifyingKey).map_err(|_| KeyError::Public)
    }
}

impl Serialize for VerifyingKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for VerifyingKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<VerifyingKey, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// What is inside one block of this kind.
pub(crate) fn unpem(label: &'static str, text: &str) -> Result<Vec<u8>, KeyError> {
    pem::decode(label, text).ok_or(KeyError::Pem(label))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::{Signer, SigningKey};
    use ring::{rand::SystemRandom, signature::Ed25519KeyPair};

    /// The first test of RFC 8032, section 7.1.
    #[test]
    fn rfc_8032_vector() {
        let seed = hex::decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
        let key = SigningKey::from_seed(seed).unwrap();
        assert_eq!(
            hex::encode(key.verifying_key().as_bytes()),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        );
        assert_eq!(
            hex::encode(&key.sign(b"").unwrap()),
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        );
        assert_eq!(key.verifying_key().verify(b"", &key.sign(b"").unwrap()), Ok(()));
        assert_eq!(key.verifying_key().verify(b"x", &key.sign(b"").unwrap()), Err(KeyError::Signature));
        assert!(!format!("{key:?}").contains(&hex::encode(&seed)[..8]));
    }

    /// Written by `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout` (3.0).
    #[test]
    fn openssl_keys() {
        let private = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIFlkWgvClY9NxSTdYptcCFlauqU1/0g/ZKRFD2dEIRZd\n-----END PRIVATE KEY-----\n";
        let public = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEApN1sy0QYaP+UVPj65JjfuDpDx4DOIIAPKDydEG8UkyQ=\n-----END PUBLIC KEY-----\n";
        let key = SigningKey::from_pem(private).unwrap();
        assert_eq!(*key.to_pem(), private);
        assert_eq!(key.verifying_key().to_pem(), public);
        assert_eq!(VerifyingKey::from_pem(&public.replace('\n', "\r\n")).unwrap(), key.verifying_key());
        assert_eq!(SigningKey::from_pem(public).unwrap_err(), KeyError::Pem("PRIVATE KEY"));
        assert_eq!(VerifyingKey::from_pem(private).unwrap_err(), KeyError::Pem("PUBLIC KEY"));
        assert!(SigningKey::from_pem(&format!("{private}{private}")).is_err(), "two blocks");
    }

    #[test]
    fn ring_keys() {
        let mut der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap().as_ref().to_vec();
        let key = SigningKey::from_pkcs8(&der).unwrap();
        assert_eq!(SigningKey::from_pkcs8(&key.to_pkcs8()).unwrap().verifying_key(), key.verifying_key());
        assert!(SigningKey::from_pkcs8(&der[..der.len() - 1]).is_err(), "cut short");
        *der.last_mut().unwrap() ^= 1;
        assert!(SigningKey::from_pkcs8(&der).is_err(), "another key's public half");
        assert!(SigningKey::from_pkcs8(b"").is_err());
    }
}
