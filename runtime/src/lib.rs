//! Runs one untrusted component on one grain, and lets nothing else happen.
//!
//! This crate is the first wall between an analyst's code and the rows (the worker process is the
//! second), and the only place that knows wasmtime. Its promises:
//!
//! - **A grain cannot see another.** Each call of [`Module::contribute`] starts from the state
//!   the module has right after instantiation: memory, globals, tables, segments.
//! - **A grain has no effect but its answer.** No imports exist: no clock, randomness, file,
//!   network or log.
//! - **A grain's fate is its own.** Fuel and memory are set afresh for each call, and counted in
//!   a way that no machine, load or neighbour changes. Whatever goes wrong is a [`Failure`],
//!   whose text is for the lab's operators and never for an analyst.
//! - **An answer is bounded before it is copied.** What a guest can make the host allocate, or
//!   walk through, is limited by [`Limits`], however its lists point into each other.
//!
//! ```text
//! bytes -> Module::compile (checked, compiled once) -> contribute(grain, state) per grain
//!                                                   -> advance(round, state, totals) per round
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod abi;
mod call;
mod check;
mod engine;
pub mod freshness;
pub mod fuel_rate;
mod last_words;
mod marks;
mod module;
mod pagemap;
mod plain;
mod reset;
mod types;

pub use call::Failure;
pub use check::{MAX_MODULE, ModuleError, World, custom_section};
pub use engine::{Engine, EngineError, Limits};
pub use module::Module;
pub use types::{Cells, Column, Contribution, Derived, GroupColumn, Key, Table, Totals, ValueColumn, Verdict};
