//! AES-256-GCM with a random nonce: for what is sealed seldom under one key. Orders and tasks of a spread run or import,
//! and what is told of a part of an import.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use unseen_texts::text;

use crate::fault::{Fault, lab_fault};

/// Encrypts `content`, bound to `about`.
pub fn seal(key: &[u8; 32], about: &[u8], mut content: Vec<u8>) -> Result<Vec<u8>, Fault> {
    let failed = |_| lab_fault(text!("the system has no random numbers", "系统没有随机数"));
    let mut nonce = [0; NONCE_LEN];
    SystemRandom::new().fill(&mut nonce).map_err(failed)?;
    let sealing = UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(failed)?;
    let tag = sealing
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(about), &mut content)
        .map_err(failed)?;
    Ok([&nonce, content.as_slice(), tag.as_ref()].concat())
}

/// Back from [`seal`] with the same key and `about`; none for anything else.
pub fn open(key: &[u8; 32], about: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, content) = sealed.split_first_chunk::<NONCE_LEN>()?;
    let opening = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?);
    let mut content = content.to_vec();
    let length =
        opening.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(about), &mut content).ok()?.len();
    content.truncate(length);
    Some(content)
}
