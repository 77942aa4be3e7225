//! Write a job for an Unseen lab.
//!
//! A job is a struct and one function that runs on the rows of one grain (all rows of one
//! enterprise, person or vehicle, or a whole block of them) and says what the grain adds to
//! which group. The lab clamps, sums over all grains and adds noise; only that leaves.
//!
//! ```
//! use unseen_guest::{Contributions, Grain, Job, job};
//!
//! struct Ages;
//!
//! impl Job for Ages {
//!     fn contribute(grain: &Grain, _: &[f64], out: &mut Contributions) -> Result<(), String> {
//!         for age in grain.table(0).floats(0)?.valid() {
//!             out.add(0, (age / 10.0) as i64, [1.0]);
//!         }
//!         Ok(())
//!     }
//! }
//!
//! job!(Ages);
//! # fn main() {}
//! ```
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
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod wasm;

pub use contributions::{Contribution, Contributions, Group, Key};
pub use grain::{Bools, Column, Date, Dates, Floats, Grain, Ints, Table, Texts};

/// A job of one round.
pub trait Job {
    /// Says what one grain adds. `state` is empty in the first round.
    ///
    /// # Errors
    /// An error counts as contributing nothing; its text never leaves the lab.
    fn contribute(grain: &Grain, state: &[f64], out: &mut Contributions) -> Result<(), String>;
}

/// A job of several rounds.
pub trait IterativeJob: Job {
    /// Decides after round `round` (from 0) what comes next, from the `state` that round ran with
    /// and its noised totals, one [`Totals`] for each output.
    ///
    /// # Errors
    /// An error ends the run without a result; its charge stays spent, and its text is not passed on.
    fn advance(round: u32, state: &[f64], noisy: &[Totals]) -> Result<Verdict, String>;
}

/// The noised totals of one output.
#[derive(Clone, Copy, Debug)]
pub struct Totals<'a> {
    values: &'a [f64],
}

impl<'a> Totals<'a> {
    /// Totals for a test: groups in domain order, each with its `width` values.
    pub fn new(values: &'a [f64]) -> Self {
        Totals { values }
    }

    /// All numbers, `[group * width + value]`, groups in the order of the declared domain.
    pub fn values(&self) -> &'a [f64] {
        self.values
    }

    /// The values of group number `group`, if the output has `width` values and that many groups.
    pub fn group(&self, group: usize, width: usize) -> Option<&'a [f64]> {
        let start = group.checked_mul(width)?;
        self.values.get(start..start.checked_add(width)?)
    }
}

/// What an [`IterativeJob`] decides after a round.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Run another round with this state.
    Next(Vec<f64>),
    /// Stop, and publish these tables beside the noised totals.
    Done(Vec<Derived>),
}

/// A table computed from noised totals.
#[derive(Clone, Debug, PartialEq)]
pub struct Derived {
    /// The table's name.
    pub name: String,
    /// The columns' names.
    pub columns: Vec<String>,
    /// The rows, each as wide as `columns`.
    pub rows: Vec<Vec<f64>>,
}

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
        const _: fn(u32, &[f64], &[$crate::Totals]) -> Result<$crate::Verdict, String> =
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

        #[cfg(not(target_arch = "wasm32"))]
        const _: fn(&$crate::Grain, &[f64], &mut $crate::Contributions) -> Result<(), String> =
            <$job as $crate::Job>::contribute;
    };
}
