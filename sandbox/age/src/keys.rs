//! Who may read a file: X25519 keys (RFC 7748), as `age-keygen` makes them.

use std::fmt;
use std::str::FromStr;

use ring::aead::{Aad, Nonce};
use x25519_dalek::{PublicKey, SharedSecret, StaticSecret};
use zeroize::Zeroizing;

use crate::bech32;
use crate::error::AgeError;
use crate::file_key::{FileKey, cipher, random};

/// What opens files: a secret key, wiped from memory when it is dropped. It is printed nowhere: [`fmt::Debug`] shows
/// the recipient.
pub struct Identity {
    secret: StaticSecret,
    recipient: Recipient,
}

/// Whom a file is encrypted to: a public key, written `age1...`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Recipient([u8; 32]);

/// The file key as one recipient gets it: the sender's share of a secret agreed on, and the key sealed with that.
pub struct Wrapped {
    pub share: [u8; 32],
    pub body: [u8; 32],
}

impl Identity {
    /// A new one, from the operating system's random numbers.
    pub fn generate() -> Result<Identity, AgeError> {
        Ok(Identity::from_bytes(&*random()?))
    }

    /// Reads `AGE-SECRET-KEY-1...`, 74 characters in upper case with nothing around them.
    pub fn from_secret(text: &str) -> Result<Identity, AgeError> {
        if text.contains(|letter: char| letter.is_ascii_lowercase()) {
            return Err(AgeError::Identity);
        }
        let text = Zeroizing::new(text.to_ascii_lowercase());
        bech32::decode("age-secret-key-", &text).map(|bytes| Identity::from_bytes(&bytes)).ok_or(AgeError::Identity)
    }

    /// `AGE-SECRET-KEY-1...`: secret. `age -i` takes a file with this line.
    pub fn to_secret(&self) -> Zeroizing<String> {
        let mut text = bech32::encode("age-secret-key-", self.secret.as_bytes());
        text.make_ascii_uppercase();
        text
    }

    /// Whom to encrypt to, so that this identity can read it.
    pub fn recipient(&self) -> Recipient {
        self.recipient
    }

    fn from_bytes(bytes: &[u8; 32]) -> Identity {
        let secret = StaticSecret::from(*bytes);
        let recipient = Recipient(PublicKey::from(&secret).to_bytes());
        Identity { secret, recipient }
    }

    /// The file key, if it is sealed to this identity.
    pub(crate) fn open(&self, wrapped: &Wrapped) -> Result<Option<FileKey>, AgeError> {
        let shared = agree(&self.secret, wrapped.share)?;
        let mut body = Zeroizing::new(wrapped.body);
        let opened = wrap_key(&shared, &wrapped.share, self.recipient).open_in_place(zero(), Aad::empty(), &mut *body);
        Ok(opened.ok().and_then(|key| key.try_into().ok()).map(|key| FileKey(Zeroizing::new(key))))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Identity(of {})", self.recipient)
    }
}

impl Recipient {
    /// Seals a file key with a secret agreed on for this once.
    pub(crate) fn seal(self, key: &FileKey) -> Result<Wrapped, AgeError> {
        let once = Identity::generate()?;
        let share = once.recipient.0;
        let shared = agree(&once.secret, self.0)?;
        let mut body = [0; 32];
        let (sealed, tag) = body.split_at_mut(key.0.len());
        sealed.copy_from_slice(&*key.0);
        let made = wrap_key(&shared, &share, self).seal_in_place_separate_tag(zero(), Aad::empty(), sealed);
        // The cipher takes up to 256 GiB.
        tag.copy_from_slice(made.expect("invariant: 16 bytes are sealed").as_ref());
        Ok(Wrapped { share, body })
    }
}

impl FromStr for Recipient {
    type Err = AgeError;

    /// Reads `age1...` in lower case, the one form it has.
    fn from_str(text: &str) -> Result<Recipient, AgeError> {
        bech32::decode("age", text).map(|bytes| Recipient(*bytes)).ok_or(AgeError::Recipient)
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&bech32::encode("age", &self.0))
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// A wrap key seals once.
fn zero() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

fn agree(secret: &StaticSecret, share: [u8; 32]) -> Result<SharedSecret, AgeError> {
    let shared = secret.diffie_hellman(&PublicKey::from(share));
    if shared.was_contributory() { Ok(shared) } else { Err(AgeError::LowOrder) }
}

fn wrap_key(shared: &SharedSecret, share: &[u8; 32], recipient: Recipient) -> ring::aead::LessSafeKey {
    cipher(&[*share, recipient.0].concat(), shared.as_bytes(), b"age-encryption.org/v1/X25519")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pair in the specification: a secret of 32 bytes 0x42.
    const SECRET: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
    const RECIPIENT: &str = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";

    #[test]
    fn keys_are_read_and_written_as_the_specification_has_them() {
        let identity = Identity::from_bytes(&[0x42; 32]);
        assert_eq!(*identity.to_secret(), SECRET);
        assert_eq!(identity.recipient().to_string(), RECIPIENT);
        assert_eq!(format!("{identity:?}"), format!("Identity(of {RECIPIENT})"));
        assert_eq!(Identity::from_secret(SECRET).unwrap().recipient(), RECIPIENT.parse().unwrap());
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let lower = SECRET.to_ascii_lowercase();
        for text in ["", &lower, &SECRET[..73], &SECRET.replace("AEX", "AEQ"), &format!("{SECRET}\n"), RECIPIENT] {
            assert!(matches!(Identity::from_secret(text), Err(AgeError::Identity)), "{text}");
        }
        let upper = RECIPIENT.to_ascii_uppercase();
        for text in ["", &upper, &RECIPIENT[..61], "age1pq1x34nzsvr0rxjsg", &format!(" {RECIPIENT}"), SECRET] {
            assert!(matches!(text.parse::<Recipient>(), Err(AgeError::Recipient)), "{text}");
        }
    }

    #[test]
    fn nobody_encrypts_to_a_point_of_low_order() {
        let key = FileKey::generate().unwrap();
        for low in [[0; 32], [&[1][..], &[0; 31]].concat().try_into().unwrap()] {
            assert!(matches!(Recipient(low).seal(&key), Err(AgeError::LowOrder)));
        }
    }
}
