//! Keys that sign: Ed25519 (RFC 8032), in PKCS#8 (RFC 5958) and PEM (RFC 7468).

use std::fmt;

use ring::{
    rand::{SecureRandom, SystemRandom},
    signature::{Ed25519KeyPair, KeyPair},
};
use unseen_ids::pem;
use zeroize::Zeroizing;

use crate::error::KeyError;
use crate::key::{VerifyingKey, unpem};

/// PKCS#8 version 1 up to the seed. `openssl genpkey` writes exactly this and so do we.
const PKCS8_V1: [u8; 16] = *b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";

/// PKCS#8 version 2 up to the seed, with the public key after it, as ring writes it. Its second
/// byte, the length, tells the two spellings of the public key's tag apart.
const PKCS8_V2: [u8; 14] = *b"\x02\x01\x01\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";

/// A private key, wherever it is kept: in memory ([`SigningKey`]), on a token, with an agent. It is
/// printed nowhere: [`fmt::Debug`] shows the public half.
pub trait Signer: fmt::Debug + Send + Sync {
    /// The public half.
    fn verifying_key(&self) -> VerifyingKey;

    /// The signature over `message`, as RFC 8032 makes it: the same key and message always give the
    /// same one.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], KeyError>;
}

/// A private key in memory.
pub struct SigningKey {
    seed: Zeroizing<[u8; 32]>,
    pair: Ed25519KeyPair,
}

impl SigningKey {
    /// A new key from the operating system's random numbers.
    pub fn generate() -> Result<SigningKey, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        SystemRandom::new().fill(&mut *seed).map_err(|_| KeyError::Random)?;
        SigningKey::from_seed(*seed)
    }

    /// The key that RFC 8032 derives from a seed.
    pub fn from_seed(seed: [u8; 32]) -> Result<SigningKey, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| KeyError::Private)?;
        Ok(SigningKey { seed: seed.into(), pair })
    }

    /// Reads PKCS#8: version 1, as OpenSSL writes it, or version 2, as ring does. A public key that
    /// is not the private one's is refused.
    pub fn from_pkcs8(der: &[u8]) -> Result<SigningKey, KeyError> {
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(|_| KeyError::Private)?;
        let seed = match der.strip_prefix(&PKCS8_V1) {
            None => der.get(2..).and_then(|rest| rest.strip_prefix(&PKCS8_V2)).and_then(|rest| rest.first_chunk()),
            Some(rest) => rest.try_into().ok(),
        };
        SigningKey::from_seed(*seed.ok_or(KeyError::Private)?)
    }

    /// PKCS#8 version 1, 48 bytes: secret.
    pub fn to_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        [PKCS8_V1.as_slice(), &*self.seed].concat().into()
    }

    /// Reads one `PRIVATE KEY` block.
    pub fn from_pem(text: &str) -> Result<SigningKey, KeyError> {
        SigningKey::from_pkcs8(&Zeroizing::new(unpem("PRIVATE KEY", text)?))
    }

    /// One `PRIVATE KEY` block: secret.
    pub fn to_pem(&self) -> Zeroizing<String> {
        pem::encode("PRIVATE KEY", &self.to_pkcs8()).into()
    }
}

impl Signer for SigningKey {
    fn verifying_key(&self) -> VerifyingKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.pair.public_key().as_ref());
        VerifyingKey::from_bytes(bytes)
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], KeyError> {
        let mut bytes = [0; 64];
        bytes.copy_from_slice(self.pair.sign(message).as_ref());
        Ok(bytes)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(of {})", self.verifying_key())
    }
}
