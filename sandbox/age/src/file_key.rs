//! The key of one file, and the keys that are derived from it.

use ring::aead::{CHACHA20_POLY1305, LessSafeKey, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use ring::hmac::{self, HMAC_SHA256};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::error::AgeError;
use crate::stream::Chunks;

/// 16 random bytes, sealed to each recipient.
pub struct FileKey(pub Zeroizing<[u8; 16]>);

impl FileKey {
    pub fn generate() -> Result<FileKey, AgeError> {
        Ok(FileKey(random()?))
    }

    /// Signs the header and verifies it.
    pub fn header_key(&self) -> hmac::Key {
        derive(&[], &*self.0, b"header", HMAC_SHA256)
    }

    /// Seals the payload and opens it.
    pub fn payload(&self, nonce: &[u8; 16]) -> Chunks {
        Chunks::new(cipher(nonce, &*self.0, b"payload"))
    }
}

/// A key of ChaCha20-Poly1305, derived with HKDF-SHA-256.
pub fn cipher(salt: &[u8], secret: &[u8], info: &[u8]) -> LessSafeKey {
    LessSafeKey::new(derive::<_, UnboundKey>(salt, secret, info, &CHACHA20_POLY1305))
}

fn derive<T: KeyType, K: for<'a> From<ring::hkdf::Okm<'a, T>>>(salt: &[u8], secret: &[u8], info: &[u8], kind: T) -> K {
    let info = [info];
    let extracted = Salt::new(HKDF_SHA256, salt).extract(secret);
    // HKDF gives up to 255 times the length of its hash.
    let expanded = extracted.expand(&info, kind).expect("invariant: 32 bytes are asked for");
    K::from(expanded)
}

/// From the operating system.
pub fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, AgeError> {
    let mut bytes = Zeroizing::new([0; N]);
    SystemRandom::new().fill(&mut *bytes).map_err(|_| AgeError::Random)?;
    Ok(bytes)
}
