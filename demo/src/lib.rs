//! Synthetic input for the demo and the benchmark. Nobody's data: every number is drawn from a
//! seed, and the same seed writes the same bytes on every machine.
//!
//! - [`district`]: the demo district, Wujin: enterprises, their monthly reports, and a reference
//!   table of industries, with the faults that real registers have.
//! - [`mod@bench`]: one wide, unsorted Parquet table for measuring speed.
//! - [`gallery`]: a scenario for each field of work of the district's plan.
//! - [`uscc`]: unified social credit codes (GB 32100-2015).

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod bench;
pub mod district;
pub mod gallery;
pub mod uscc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The random numbers of one thing: each (seed, stream, item) has its own, so that any row can be
/// drawn without drawing those before it.
fn numbers(seed: u64, stream: u32, item: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..12].copy_from_slice(&stream.to_le_bytes());
    let mut numbers = ChaCha8Rng::from_seed(key);
    numbers.set_stream(item);
    numbers
}
