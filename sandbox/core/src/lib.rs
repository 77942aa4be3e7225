//! The one place where raw becomes releasable.
//!
//! A number passes through these types, in this order and no other:
//!
//! | type | what it is | who may see it |
//! |---|---|---|
//! | [`RawContribution`] | what an untrusted guest says about one grain | nobody |
//! | [`Contributions`] | the same within the plan's bounds, in whole steps | nobody |
//! | [`PartialTotals`], [`ExactTotals`], [`WholeTotals`] | their exact integer sum: of some pieces, as far as it has come, of all | nobody |
//! | [`NoisyTotals`] | that plus [`RoundNoise`], drawn before the first row was read | the guest's `advance` |
//! | [`SealedRelease`], [`Release`] | the body with its errors; opens with the proof of its log entry | the analyst |
//!
//! One round of a job, as a worker runs it:
//!
//! ```
//! use unseen_core::coverage::{Counted, Expected};
//! use unseen_core::{Clamper, ExactTotals, NoiseKey, PartialTotals, RawContribution, RoundNoise, RunIdentity, SealedRelease};
//! use unseen_policies::{Manifest, Plan, plan::References};
//! use unseen_ids::{JobId, Key, KeyRef};
//!
//! struct None;
//! impl References for None {
//!     fn column(&self, _: &str, _: &str) -> Option<Vec<Key>> { Option::None }
//! }
//! let manifest = Manifest::parse(r#"
//! [job]
//! title = "Firms by town"
//! purpose = "An example"
//! release = "+1h"
//! [[input]]
//! dataset = "firms"
//! columns = ["town"]
//! [grain]
//! kind = "unit"
//! [[output]]
//! name = "firms"
//! groups = [{ name = "town", keys = ["湖塘", "牛塘"] }]
//! values = [{ name = "count", lower = 0, upper = 1, granularity = 1 }]
//! [privacy]
//! mechanism = "laplace"
//! epsilon = 1
//! "#)?;
//! let plan = Plan::new(&manifest, &None)?;
//!
//! let key = NoiseKey::new([7; 32]);
//! let run = RunIdentity { origin: "lab.example/log", entry: 15, leaf: [1; 32], snapshots: &[[2; 32]] };
//! let noise = RoundNoise::draw(&plan, key.round_seed(&run, 0), 1)?; // before the first row is read
//! let mut part = PartialTotals::zero(noise.round());
//! let mut bucket = part.bucket(0)?; // the only one
//! let mut clamper = Clamper::new(&plan);
//! for (firm, town) in [("A01", "湖塘"), ("A02", "牛塘"), ("A03", "湖塘")] {
//!     let leave = bucket.next(firm.as_bytes())?; // no unit comes twice
//!     let mut grain = clamper.grain();
//!     grain.push(RawContribution { output: 0, group: &[KeyRef::Text(town)], values: &[1e9] });
//!     leave.add(grain.finish()); // counts 1
//! }
//! let counted = vec![Counted { rows: 3, units: 3 }]; // as the snapshot's manifest has it
//! bucket.finish(counted.clone());
//! let mut totals = ExactTotals::zero(&noise, Expected::Each(vec![counted]));
//! totals.absorb(part)?;
//! let noisy = totals.complete()?.noise(noise); // nothing is missing
//! assert_eq!(noisy.as_f64(&plan)?[0].len(), 2);
//! let sealed = SealedRelease::seal(&plan, JobId(12), run.entry, &[noisy], vec![])?;
//! println!("to be announced in the log: {}", sealed.digest());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The arguments why this is differentially private stand in `docs/proofs/`.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod contributions;
pub mod coverage;
mod layout;
pub mod noise;
mod noise_error;
pub mod order;
mod out_of_order;
pub mod release;
mod sealed;
pub mod seed;
#[cfg(test)]
mod testing;
pub mod totals;

pub use contributions::{Clamper, Contributions, RawContribution};
pub use order::{OutOfOrder, Round};
pub use release::{Derived, NoisyTotals, Number, Release, ReleaseBody, SealedRelease};
pub use seed::{NoiseKey, RoundSeed, RunIdentity};
pub use totals::{ExactTotals, OneGrain, PartialTotals, RoundNoise, WholeTotals};
