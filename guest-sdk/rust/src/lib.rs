//! Write a job for an Unseen lab.
//!
//! A job is a struct and one function that runs on the rows of one grain (all rows of one
//! enterprise, person or vehicle, or a whole block of them) and says what the grain adds to
//! which group. The lab clamps, sums over all grains and adds noise; only that leaves.
//!
//! ```
//! # mod shape {
//! #     use unseen_guest::{Cells, Contribution, Grain, Key, Output, Table};
//! #     pub trait Inputs<'a> { fn people(&self) -> People<'a>; }
//! #     impl<'a> Inputs<'a> for Grain<'a> { fn people(&self) -> People<'a> { People(self.input(0)) } }
//! #     pub struct People<'a>(Table<'a>);
//! #     impl<'a> People<'a> { pub fn age(&self) -> Cells<'a> { self.0.column(0, "age") } }
//! #     pub struct Ages<G1> { pub decade: G1, pub persons: f64 }
//! #     impl<G1: Into<Key>> Output for Ages<G1> {
//! #         fn into_contribution(self) -> Contribution {
//! #             Contribution { output: 0, group: vec![self.decade.into()], values: vec![self.persons] }
//! #         }
//! #     }
//! # }
//! use shape::{Ages, Inputs}; // written by `unseen job build` from job.toml
//! use unseen_guest::{Contributions, Grain, Job, job};
//!
//! struct ByAge;
//!
//! impl Job for ByAge {
//!     fn contribute(grain: &Grain, _: &[f64], out: &mut Contributions) -> Result<(), String> {
//!         for age in grain.people().age().ints()?.valid() {
//!             out.add(Ages { decade: age / 10, persons: 1.0 });
//!         }
//!         Ok(())
//!     }
//! }
//!
//! job!(ByAge);
//! # fn main() {}
//! ```
//!
//! Inputs, columns, outputs, group columns and values go by the names that `job.toml` gives them: from it
//! `unseen job build` writes `src/shape.rs`, and a lab runs the component under no other names.
//!
//! A job of several rounds also says, from the noised totals alone, what to do next: see
//! [`IterativeJob`]. `cargo test` runs jobs natively on rows made up in the test: see
//! [`testing`].
//!
//! In the lab each grain runs in a module put back to its first state: statics do not carry
//! anything from one grain to the next, nothing need be freed, and there is no clock, randomness,
//! file or network. A panic, or an `Err`, makes the grain contribute nothing; nobody outside the
//! lab learns of it.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod contributions;
mod grain;
mod job;
mod shape;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
mod totals;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod wasm;

pub use contributions::{Contribution, Contributions, Key, KeyRef, Output};
pub use grain::{Bools, Cells, Column, Date, Dates, Floats, Grain, Ints, Table, Texts};
pub use job::{Derived, IterativeJob, Job, Verdict};
pub use shape::{InputShape, OutputShape, Shape, section};
pub use totals::{FromTotals, Group, Noisy};

/// Makes a [`Job`] the module's job. Once per crate.
#[macro_export]
macro_rules! job {
    ($job:ty) => {
        $crate::__export!($job);
    };
}

/// Makes an [`IterativeJob`] the module's job. Once per crate.
#[macro_export]
macro_rules! iterative_job {
    ($job:ty) => {
        $crate::__export!($job);

        #[cfg(target_arch = "wasm32")]
        #[unsafe(export_name = "advance")]
        extern "C" fn __unseen_advance(
            round: u32,
            state: *const f64,
            states: usize,
            noisy: *const $crate::wasm::RawTotals,
            outputs: usize,
        ) -> *const u32 {
            // SAFETY: the host calls this as the canonical ABI says.
            unsafe { $crate::wasm::advance::<$job>(round, state, states, noisy, outputs) }
        }

        #[cfg(not(target_arch = "wasm32"))]
        const _: fn(u32, &[f64], &$crate::Noisy) -> Result<$crate::Verdict, String> =
            <$job as $crate::IterativeJob>::advance;
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($job:ty) => {
        #[cfg(target_arch = "wasm32")]
        #[unsafe(export_name = "contribute")]
        extern "C" fn __unseen_contribute(
            tables: *const $crate::wasm::RawTable,
            count: usize,
            state: *const f64,
            states: usize,
        ) -> *const u32 {
            // SAFETY: the host calls this as the canonical ABI says.
            unsafe { $crate::wasm::contribute::<$job>(tables, count, state, states) }
        }

        #[cfg(target_arch = "wasm32")]
        #[unsafe(export_name = "cabi_realloc")]
        extern "C" fn __unseen_realloc(old: *mut u8, old_size: usize, align: usize, size: usize) -> *mut u8 {
            // SAFETY: the host calls this as the canonical ABI says.
            unsafe { $crate::wasm::realloc(old, old_size, align, size) }
        }

        // That it exists says that lists are read where they lie and are not freed: the host may ask for room once.
        #[cfg(target_arch = "wasm32")]
        #[unsafe(export_name = "unseen_keeps_lists")]
        extern "C" fn __unseen_keeps_lists() {}

        #[cfg(not(target_arch = "wasm32"))]
        const _: fn(&$crate::Grain, &[f64], &mut $crate::Contributions) -> Result<(), String> =
            <$job as $crate::Job>::contribute;
    };
}
