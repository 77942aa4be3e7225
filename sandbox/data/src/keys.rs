//! Keys of data at rest: one lab key wraps one random data key per snapshot.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf;
use ring::rand::{SecureRandom, SystemRandom};
use thiserror::Error;
use unseen_texts::{Say, Text, text};

use crate::hash::to_array;

/// The lab's data key. It never encrypts rows; it only wraps [`DataKey`]s.
pub struct LabDataKey(Secret);

/// The key of one snapshot: opens its buckets and sealed files, and nothing else.
pub struct DataKey(Secret);

/// What can go wrong with keys. No text tells anything about the key.
#[derive(Debug, Error, Say)]
#[code("data-key")]
pub enum KeyError {
    /// The system's randomness failed.
    #[error("the system gave no randomness: the machine cannot make keys now")]
    #[zh("系统未提供随机数：本机暂时无法生成密钥")]
    NoRandomness,
    /// The sealed bytes do not open: wrong key, or altered or foreign bytes.
    #[error("{0} does not open with this key: it was altered, or belongs to another lab or snapshot")]
    #[zh("{0} 无法用此密钥打开：已被篡改，或属于别的实验室或快照")]
    DoesNotOpen(Text),
    /// A key file does not hold 32 bytes.
    #[error("a data key is 32 bytes long, this is {0}")]
    #[zh("数据密钥长 32 字节，而此处为 {0}")]
    Length(usize),
}

impl LabDataKey {
    /// A new random key.
    pub fn generate() -> Result<Self, KeyError> {
        Ok(Self(Secret(random()?)))
    }

    /// The key from the 32 bytes of its file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        Secret::from_bytes(bytes).map(Self)
    }

    /// The 32 bytes, for the key file (mode 0600).
    pub fn expose_bytes(&self) -> &[u8; 32] {
        &self.0.0
    }

    /// Wraps a snapshot's key. The result opens only for the same dataset name and salt.
    pub fn wrap(&self, key: &DataKey, dataset: &str, salt: &[u8; 32]) -> Result<Vec<u8>, KeyError> {
        seal(&self.0, &wrap_context(dataset, salt), &key.0.0)
    }

    /// Unwraps `key.wrapped` of the snapshot with this dataset name and salt.
    pub fn unwrap(&self, wrapped: &[u8], dataset: &str, salt: &[u8; 32]) -> Result<DataKey, KeyError> {
        let bytes = open(
            &self.0,
            &wrap_context(dataset, salt),
            wrapped,
            text!("the snapshot's wrapped key", "快照的封装密钥"),
        )?;
        DataKey::from_bytes(&bytes)
    }
}

impl DataKey {
    /// A new random key.
    pub fn generate() -> Result<Self, KeyError> {
        Ok(Self(Secret(random()?)))
    }

    /// The key from 32 bytes, as handed to a worker.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        Secret::from_bytes(bytes).map(Self)
    }

    /// The 32 bytes, to hand to a worker over its private pipe.
    pub fn expose_bytes(&self) -> &[u8; 32] {
        &self.0.0
    }

    /// Another owner of the same key.
    pub fn duplicate(&self) -> Self {
        Self(Secret(self.0.0))
    }

    pub(crate) fn seal(&self, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, KeyError> {
        seal(&self.derive(b"files")?, context, plain)
    }

    pub(crate) fn open(&self, context: &[u8], sealed: &[u8], what: Text) -> Result<Vec<u8>, KeyError> {
        open(&self.derive(b"files")?, context, sealed, what)
    }

    /// The Parquet footer key. Buckets and sealed files never share a key, so their nonces cannot
    /// meet.
    pub(crate) fn parquet_key(&self) -> Result<Vec<u8>, KeyError> {
        Ok(self.derive(b"parquet")?.0.to_vec())
    }

    fn derive(&self, purpose: &[u8]) -> Result<Secret, KeyError> {
        Ok(Secret(expand(&self.0.0, b"unseen snapshot v1", purpose)?))
    }
}

/// HKDF-SHA256 to 32 bytes.
pub(crate) fn expand(secret: &[u8], salt: &[u8], info: &[u8]) -> Result<[u8; 32], KeyError> {
    let mut bytes = [0; 32];
    hkdf::Salt::new(hkdf::HKDF_SHA256, salt)
        .extract(secret)
        .expand(&[info], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut bytes))
        .map_err(|_| KeyError::NoRandomness)?;
    Ok(bytes)
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| KeyError::NoRandomness)?;
    Ok(bytes)
}

#[derive(zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
struct Secret([u8; 32]);

impl Secret {
    fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        if bytes.len() != 32 {
            return Err(KeyError::Length(bytes.len()));
        }
        Ok(Self(to_array(bytes)))
    }

    fn aead(&self) -> Result<LessSafeKey, KeyError> {
        UnboundKey::new(&AES_256_GCM, &self.0).map(LessSafeKey::new).map_err(|_| KeyError::Length(32))
    }
}

fn wrap_context(dataset: &str, salt: &[u8; 32]) -> Vec<u8> {
    [b"unseen snapshot key v1\0".as_slice(), salt, dataset.as_bytes()].concat()
}

/// Nonce, then ciphertext, then tag.
fn seal(key: &Secret, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, KeyError> {
    let nonce: [u8; NONCE_LEN] = random()?;
    let mut body = plain.to_vec();
    key.aead()?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut body)
        .map_err(|_| KeyError::DoesNotOpen(text!("the file to seal", "待加密的文件")))?;
    Ok([nonce.as_slice(), &body].concat())
}

fn open(key: &Secret, context: &[u8], sealed: &[u8], what: Text) -> Result<Vec<u8>, KeyError> {
    let (nonce, body) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(KeyError::DoesNotOpen(what))?;
    let mut body = body.to_vec();
    let length = key
        .aead()?
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(context), &mut body)
        .map_err(|_| KeyError::DoesNotOpen(what))?
        .len();
    body.truncate(length);
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapped_key_opens_only_for_its_own_lab_dataset_and_salt() {
        let lab = LabDataKey::generate().unwrap();
        let key = DataKey::generate().unwrap();
        let wrapped = lab.wrap(&key, "flights", &[1; 32]).unwrap();
        let opened = lab.unwrap(&wrapped, "flights", &[1; 32]).unwrap();
        assert_eq!(opened.expose_bytes(), key.expose_bytes());

        assert!(lab.unwrap(&wrapped, "planes", &[1; 32]).is_err());
        assert!(lab.unwrap(&wrapped, "flights", &[2; 32]).is_err());
        assert!(LabDataKey::generate().unwrap().unwrap(&wrapped, "flights", &[1; 32]).is_err());
        for at in 0..wrapped.len() {
            let mut altered = wrapped.clone();
            altered[at] ^= 1;
            assert!(lab.unwrap(&altered, "flights", &[1; 32]).is_err());
        }
        assert!(lab.unwrap(&[], "flights", &[1; 32]).is_err());
    }
}
