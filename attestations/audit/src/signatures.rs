//! Signatures of many entries, verified together: a sixth of the work of one by one, which is most of an
//! audit (Bernstein et al., "High-speed high-security signatures", section 5).
//!
//! A signature (R, s) by the key A is good if R + k A - s B is zero, where B is the base point and k the SHA-512
//! of R, A and the message. Together they are good if the sum of all that, each times a number z of its own, is
//! zero. Each z has 128 bits and hangs on every R, A, message and s, as if it were drawn once these are fixed: a sum
//! with a forged one in it is zero with a chance of 2^-128. What one key has signed is added up before the
//! key is multiplied, so that of each signature only R is left, times a short number.
//!
//! Who does not hold a signer's private key can no more forge a signature for this than for one by one.
//! Who does hold it can make signatures on which the two ways differ (by points of small order), and so gains
//! nothing: it could sign the same properly. Whatever is not good together is verified again one by one, and named.

use std::collections::HashMap;
use std::iter::once;

use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{IsIdentity, VartimeMultiscalarMul};
use ring::digest::{Context, SHA512};
use unseen_ids::sha256;
use unseen_tlog::VerifyingKey;

/// How many are verified together: more gain little.
const TOGETHER: usize = 4096;

/// Signatures that are still to be verified.
#[derive(Default)]
pub(crate) struct Signatures {
    waiting: Vec<Signature>,
    /// The keys of those that wait, and where they stand among the points.
    keys: HashMap<VerifyingKey, usize>,
    points: Vec<EdwardsPoint>,
    /// A digest of everything that was taken so far.
    taken: [u8; 32],
    bad: bool,
}

struct Signature {
    r: CompressedEdwardsY,
    s: Scalar,
    k: Scalar,
    key: usize,
}

impl Signatures {
    /// Takes one more.
    pub fn push(&mut self, key: &VerifyingKey, message: &[u8], signature: &[u8; 64]) {
        match self.read(key, message, signature) {
            Some(signature) => self.waiting.push(signature),
            None => self.bad = true,
        }
        if self.waiting.len() == TOGETHER {
            self.verify();
        }
    }

    /// Whether all that were taken are good.
    pub fn are_good(&mut self) -> bool {
        self.verify();
        !self.bad
    }

    /// None where the key is no point, or `s` is not the one number that it may be.
    fn read(&mut self, key: &VerifyingKey, message: &[u8], signature: &[u8; 64]) -> Option<Signature> {
        let (r, s) = signature.split_at(32);
        let mut hash = Context::new(&SHA512);
        [r, key.as_bytes(), message].iter().for_each(|part| hash.update(part));
        let k = <[u8; 64]>::try_from(hash.finish().as_ref()).ok()?;
        self.taken = sha256(&[&self.taken, &k, s]);
        let key = match self.keys.get(key) {
            Some(at) => *at,
            None => {
                self.points.push(CompressedEdwardsY(*key.as_bytes()).decompress()?);
                *self.keys.entry(*key).or_insert(self.points.len() - 1)
            }
        };
        let s = Scalar::from_canonical_bytes(s.try_into().ok()?).into_option()?;
        Some(Signature { r: CompressedEdwardsY::from_slice(r).ok()?, s, k: Scalar::from_bytes_mod_order_wide(&k), key })
    }

    fn verify(&mut self) {
        let (mut of_keys, mut of_base) = (vec![Scalar::ZERO; self.points.len()], Scalar::ZERO);
        let mut of_rs = Vec::with_capacity(self.waiting.len());
        for (at, Signature { s, k, key, .. }) in (0u64..).zip(&self.waiting) {
            let mut z = sha256(&[&self.taken, &at.to_le_bytes()]);
            z[16..].fill(0);
            let z = Scalar::from_bytes_mod_order(z);
            of_rs.push(z);
            of_keys[*key] += z * k;
            of_base -= z * s;
        }
        let rs = self.waiting.iter().map(|signature| signature.r.decompress());
        let points = rs.chain(self.points.iter().copied().map(Some)).chain(once(Some(ED25519_BASEPOINT_POINT)));
        let factors = of_rs.iter().chain(&of_keys).chain(once(&of_base));
        let sum = EdwardsPoint::optional_multiscalar_mul(factors, points);
        self.bad |= !sum.is_some_and(|sum| sum.is_identity());
        self.waiting.clear();
        self.keys.clear();
        self.points.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unseen_tlog::{Signer, SigningKey};

    type Signed = (VerifyingKey, Vec<u8>, [u8; 64]);

    /// So many, by three keys.
    fn signed(count: usize) -> Vec<Signed> {
        let keys = [1, 2, 3].map(|seed| SigningKey::from_seed([seed; 32]).unwrap());
        let sign = |i: usize| {
            let (key, message) = (&keys[i % 3], i.to_string().into_bytes());
            let signature = key.sign(&message).unwrap();
            (key.verifying_key(), message, signature)
        };
        (0..count).map(sign).collect()
    }

    fn good(all: &[Signed]) -> bool {
        let mut signatures = Signatures::default();
        all.iter().for_each(|(key, message, signature)| signatures.push(key, message, signature));
        signatures.are_good()
    }

    #[test]
    fn one_bad_signature_among_many_is_noticed_wherever_it_is() {
        // A few are added up in another way than many.
        for count in [1, 2, 20, 200] {
            let mut all = signed(count);
            assert!(good(&all), "{count}");
            for at in 0..count {
                all[at].2[at % 64] ^= 1;
                assert!(!good(&all), "{at} of {count}");
                all[at].2[at % 64] ^= 1;
            }
        }
        let mut all = signed(TOGETHER + 7);
        assert!(good(&all));
        for at in [0, TOGETHER - 1, TOGETHER, TOGETHER + 6] {
            all[at].2[40] ^= 1;
            assert!(!good(&all), "{at}");
            all[at].2[40] ^= 1;
        }
    }

    #[test]
    fn nothing_of_a_signature_may_be_otherwise() {
        let all = signed(20);
        let changed = |change: &dyn Fn(&mut Vec<Signed>)| {
            let mut all = all.clone();
            change(&mut all);
            good(&all)
        };
        assert!(changed(&|_| ()) && changed(&|all| all.truncate(0)) && changed(&|all| all.reverse()));
        for bit in 0..512 {
            assert!(!changed(&|all| all[5].2[bit / 8] ^= 1 << (bit % 8)), "bit {bit}");
        }
        assert!(!changed(&|all| all[5].1.push(0)), "another message");
        assert!(!changed(&|all| all[5].0 = all[6].0), "another key");
        assert!(!changed(&|all| all[5].0 = VerifyingKey::from_bytes([2; 32])), "no point of the curve");
        assert!(!changed(&|all| (all[5].2, all[8].2) = (all[8].2, all[5].2)), "two of one key exchanged");
        // What is wrong in one is made good in another: sums without factors would not notice.
        let moved = |all: &mut Vec<Signed>| {
            for (at, by) in [(5, Scalar::ONE), (8, -Scalar::ONE)] {
                let s = Scalar::from_bytes_mod_order(all[at].2[32..].try_into().unwrap());
                all[at].2[32..].copy_from_slice((s + by).as_bytes());
            }
        };
        assert!(!changed(&moved), "two that make up for each other");
        // The same `s`, written with the order of the group added: RFC 8032 lets nobody do that.
        let order = -Scalar::ONE;
        let beyond = |all: &mut Vec<Signed>| {
            let (mut carry, s) = (1, &mut all[5].2[32..]);
            for (digit, more) in s.iter_mut().zip(order.as_bytes()) {
                carry += u16::from(*digit) + u16::from(*more);
                *digit = carry as u8;
                carry >>= 8;
            }
        };
        assert!(!changed(&beyond), "`s` beyond the order");
    }
}
