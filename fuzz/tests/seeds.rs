//! Every target on its seeds, on what is kept of a fuzzer's inputs, and on mutations of both. `UNSEEN_FUZZ_ROUNDS`
//! makes it longer.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::{Duration, Instant};

use unseen_fuzz::{TARGETS, Target};

/// Mutations of all inputs of a target, unless its time is over.
const ROUNDS: u32 = 2_000;
const TIME: Duration = Duration::from_millis(400);

#[test]
fn no_target_panics_on_what_is_kept_nor_on_mutations() {
    let times: u32 = std::env::var("UNSEEN_FUZZ_ROUNDS").map_or(1, |rounds| rounds.parse().unwrap());
    for target in TARGETS {
        let seeds = (target.seeds)();
        assert!(!seeds.is_empty(), "{} has no seed", target.name);
        let unread = seeds.iter().position(|seed| !(target.run)(seed));
        assert_eq!(unread, None, "a seed of {} is not read", target.name);
        let kept = [target.faults(), target.corpus()].concat();
        kept.iter().for_each(|input| run(target, input));
        let inputs = [seeds, kept].concat();
        let (mut random, end) = (Random(0x9e37_79b9_7f4a_7c15), Instant::now() + TIME * times);
        for _ in 0..ROUNDS * times {
            if Instant::now() > end {
                break;
            }
            run(target, &random.mutated(&inputs));
        }
    }
}

fn run(target: &Target, input: &[u8]) {
    let run = std::panic::AssertUnwindSafe(|| (target.run)(input));
    if std::panic::catch_unwind(run).is_err() {
        let path = std::env::temp_dir().join(format!("unseen-fuzz-{}", target.name));
        std::fs::write(&path, input).unwrap();
        panic!("{} panics on {}", target.name, path.display());
    }
}

/// What is kept of a target that is gone, or has another name, would never be run again.
#[test]
fn whatever_is_kept_is_of_a_target() {
    for folder in ["corpus", "faults"] {
        for entry in std::fs::read_dir(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap() {
            let name = entry.unwrap().file_name();
            assert!(TARGETS.iter().any(|target| *target.name == *name), "{folder}/{}", name.display());
        }
    }
}

/// Pages of a table that lie about nulls: a decoder panics over them, which its caller has to catch.
#[test]
fn a_table_with_pages_that_lie_is_read_or_refused() {
    let target = TARGETS.iter().find(|target| target.name == "reference").unwrap();
    let mut table = (target.seeds)().remove(0);
    table[146] = 1;
    (target.run)(&table);
}

/// xorshift64*: the same input on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end.max(1)
    }

    /// An input with one to four changes.
    fn mutated(&mut self, inputs: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = inputs[self.below(inputs.len())].clone();
        for _ in 0..=self.below(4) {
            let (at, other) = (self.below(bytes.len() + 1), &inputs[self.below(inputs.len())]);
            match self.below(6) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                1 if at < bytes.len() => bytes[at] = self.below(256) as u8,
                2 => bytes.truncate(at),
                3 => bytes.insert(at, self.below(256) as u8),
                4 => drop(bytes.drain(at..(at + self.below(16)).min(bytes.len()))),
                _ => {
                    let from = self.below(other.len());
                    let piece = other[from..(from + self.below(32)).min(other.len())].to_vec();
                    bytes.splice(at..at, piece);
                }
            }
        }
        bytes
    }
}
