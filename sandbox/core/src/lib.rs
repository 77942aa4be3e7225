//! The one place where raw becomes releasable.
//!
//! A number passes through five types, in this order and no other:
//!
//! | type | what it is | who may see it |
//! |---|---|---|
//! | [`RawContribution`] | what an untrusted guest says about one grain | nobody |
//! | [`Contributions`] | the same within the plan's bounds, in whole steps | nobody |
//! | [`ExactTotals`] | their exact integer sum | nobody |
//! | [`NoisyTotals`] | that plus [`RoundNoise`], drawn before the first row was read | the guest's `advance` |
//! | [`SealedRelease`], [`Release`] | the body with its errors; opens with the proof of its log entry | the analyst |
//!
//! The arguments why this is differentially private stand in `docs/proofs/`.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod contributions;
mod layout;
#[cfg(test)]
mod testing;
pub mod noise;
pub mod release;
pub mod seed;
pub mod totals;

pub use contributions::{Clamper, Contributions, RawContribution};
pub use release::{Derived, NoisyTotals, Number, Release, ReleaseBody, SealedRelease};
pub use seed::{NoiseKey, RoundSeed, Run};
pub use totals::{ExactTotals, RoundNoise};
