//! Signatures of many entries, verified together: a third of the work of one by one, which is most of an
//! audit (Bernstein et al., "High-speed high-security signatures", section 5).
//!
//! Who does not hold a signer's private key can no more forge a signature for this than for one by one.
//! Who does hold it can make signatures on which the two ways differ, and so gains nothing: it could sign
//! the same properly. Whatever is not good together is verified again one by one, and named.

use std::collections::HashMap;

use ed25519_dalek as dalek;
use unseen_tlog::VerifyingKey;

/// How many are verified together: more gain little.
const TOGETHER: usize = 2048;

/// Signatures that are still to be verified.
#[derive(Default)]
pub(crate) struct Signatures {
    keys: HashMap<VerifyingKey, Option<dalek::VerifyingKey>>,
    messages: Vec<Vec<u8>>,
    signatures: Vec<dalek::Signature>,
    signers: Vec<dalek::VerifyingKey>,
    bad: bool,
}

impl Signatures {
    /// Takes one more.
    pub fn push(&mut self, key: &VerifyingKey, message: Vec<u8>, signature: &[u8; 64]) {
        let point = || dalek::VerifyingKey::from_bytes(key.as_bytes()).ok();
        let Some(signer) = self.keys.entry(*key).or_insert_with(point) else {
            self.bad = true;
            return;
        };
        self.messages.push(message);
        self.signatures.push(dalek::Signature::from_bytes(signature));
        self.signers.push(*signer);
        if self.messages.len() == TOGETHER {
            self.verify();
        }
    }

    /// Whether all that were taken are good.
    pub fn are_good(&mut self) -> bool {
        self.verify();
        !self.bad
    }

    fn verify(&mut self) {
        let messages: Vec<&[u8]> = self.messages.iter().map(Vec::as_slice).collect();
        self.bad |= dalek::verify_batch(&messages, &self.signatures, &self.signers).is_err();
        self.messages.clear();
        self.signatures.clear();
        self.signers.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unseen_tlog::{Signer, SigningKey};

    #[test]
    fn one_bad_signature_among_many_is_noticed() {
        let keys = [1, 2].map(|seed| SigningKey::from_seed([seed; 32]).unwrap());
        let check = |bad: Option<usize>| {
            let mut signatures = Signatures::default();
            for i in 0..TOGETHER + 7 {
                let (key, message) = (&keys[i % 2], i.to_string().into_bytes());
                let mut signature = key.sign(&message).unwrap();
                signature[40] ^= u8::from(bad == Some(i));
                signatures.push(&key.verifying_key(), message, &signature);
            }
            signatures.are_good()
        };
        assert!(check(None));
        for bad in [0, 1, TOGETHER - 1, TOGETHER, TOGETHER + 6] {
            assert!(!check(Some(bad)), "{bad}");
        }
        // No point of the curve, and nothing at all.
        let mut signatures = Signatures::default();
        assert!(signatures.are_good());
        signatures.push(&VerifyingKey::from_bytes([2; 32]), vec![], &[0; 64]);
        assert!(!signatures.are_good());
    }
}
