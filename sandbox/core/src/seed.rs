//! Where the noise comes from: one secret key of the lab, and for each round of each run a seed
//! derived from it. Whoever holds the key can derive every draw again, bit for bit; to everybody
//! else the seeds are independent random strings.

use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use ring::hkdf::{HKDF_SHA256, Prk, Salt};
use unseen_ids::Digest;
use zeroize::Zeroizing;

const SALT: &[u8] = b"unseen noise key v1";
const ROUND: &[u8] = b"unseen round seed v1";
const COMMITMENT: &[u8] = b"unseen noise commitment v1";

/// The lab's sealed noise key. It cannot be printed or cloned, and is wiped when dropped.
///
/// ```compile_fail
/// let key = unseen_core::seed::NoiseKey::new([7; 32]);
/// println!("{key:?}");
/// ```
pub struct NoiseKey(Zeroizing<[u8; 32]>);

impl NoiseKey {
    /// From 32 uniformly random bytes.
    pub fn new(bytes: [u8; 32]) -> NoiseKey {
        NoiseKey(bytes.into())
    }

    /// A public value that only this key has. The log's first entry holds it, so that a replay with
    /// another key is recognised. It tells nothing about the seeds.
    pub fn commitment(&self) -> [u8; 32] {
        expand(&self.root(), &[COMMITMENT])
    }

    /// The seed of one round of one run.
    pub fn round_seed(&self, run: &RunIdentity<'_>, round: u32) -> RoundSeed {
        let seed = expand(&self.root(), &[ROUND, &run.bytes(), &round.to_be_bytes()]);
        RoundSeed { seed, round, run: run.digest() }
    }

    fn root(&self) -> Prk {
        Salt::new(HKDF_SHA256, SALT).extract(&*self.0)
    }
}

/// What a run is, as far as its noise is concerned. Two runs differ at least in their entry.
pub struct RunIdentity<'a> {
    /// Origin of the log that holds the run.
    pub origin: &'a str,
    /// Index of the entry that started (and charged) the run.
    pub entry: u64,
    /// Leaf hash of that entry, which binds manifest, module and everything else it names.
    pub leaf: [u8; 32],
    /// Digests of the snapshots the run reads, in the manifest's order.
    pub snapshots: &'a [[u8; 32]],
}

impl RunIdentity<'_> {
    /// A digest of what the run is. No key has part in it.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes())
    }

    fn bytes(&self) -> Vec<u8> {
        let (entry, count) = (self.entry.to_be_bytes(), (self.snapshots.len() as u64).to_be_bytes());
        let origin_length = (self.origin.len() as u64).to_be_bytes();
        [origin_length.as_slice(), self.origin.as_bytes(), &entry, &self.leaf, &count, &self.snapshots.concat()]
            .concat()
    }
}

/// The seed of one round. Used up by [`crate::totals::RoundNoise::draw`]; cannot be printed or cloned.
///
/// ```compile_fail
/// # let key = unseen_core::seed::NoiseKey::new([7; 32]);
/// # let run = unseen_core::seed::RunIdentity { origin: "o", entry: 0, leaf: [0; 32], snapshots: &[] };
/// let seed = key.round_seed(&run, 0);
/// let again = seed.clone();
/// ```
pub struct RoundSeed {
    seed: [u8; 32],
    round: u32,
    /// [`RunIdentity::digest`].
    pub(crate) run: Digest,
}

impl RoundSeed {
    /// The round this seed is for, from 0.
    pub fn round(&self) -> u32 {
        self.round
    }

    pub(crate) fn into_rng(self) -> ChaCha20Rng {
        ChaCha20Rng::from_seed(self.seed)
    }
}

fn expand(root: &Prk, info: &[&[u8]]) -> [u8; 32] {
    let mut bytes = [0; 32];
    root.expand(info, HKDF_SHA256)
        .and_then(|material| material.fill(&mut bytes))
        .expect("invariant: HKDF-SHA256 yields 32 bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;
    use unseen_ids::hex;

    fn run<'a>(snapshots: &'a [[u8; 32]]) -> RunIdentity<'a> {
        RunIdentity { origin: "lab.example/log", entry: 12, leaf: [3; 32], snapshots }
    }

    #[test]
    fn the_derivation_is_the_documented_one() {
        let key = NoiseKey::new(std::array::from_fn(|i| i as u8));
        assert_eq!(hex::encode(&key.commitment()), "9c51bb5cd56ce7428a2275434da83e9bbad6462d4d5b5608be79ee00689ba6ac");
        let seed = key.round_seed(&run(&[[1; 32], [2; 32]]), 5);
        assert_eq!(hex::encode(&seed.seed), "f9db8c650199728dfe2403b8160ae11c4905997bdcda0af18c075f235e213896");
        assert_eq!(seed.into_rng().next_u64(), 0x75cce910dd7b4ec8);
    }

    #[test]
    fn every_part_of_a_run_changes_the_seed() {
        let key = NoiseKey::new([7; 32]);
        let (one, two) = ([[1; 32], [2; 32]], [[2; 32], [1; 32]]);
        let mut seeds = vec![
            key.round_seed(&run(&one), 0).seed,
            key.round_seed(&run(&one), 1).seed,
            key.round_seed(&run(&two), 0).seed,
            key.round_seed(&run(&one[..1]), 0).seed,
            key.round_seed(&RunIdentity { origin: "lab.example/lo", ..run(&one) }, 0).seed,
            key.round_seed(&RunIdentity { entry: 13, ..run(&one) }, 0).seed,
            key.round_seed(&RunIdentity { leaf: [4; 32], ..run(&one) }, 0).seed,
            NoiseKey::new([8; 32]).round_seed(&run(&one), 0).seed,
            key.commitment(),
        ];
        seeds.sort();
        seeds.dedup();
        assert_eq!(seeds.len(), 9);
    }
}
