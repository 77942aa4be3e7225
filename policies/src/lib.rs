//! What is allowed in a lab: the job manifest, contribution bounds, privacy accounting, the
//! life-cycle of a job, and the ledger that folds the log into the present state.
//!
//! Everything here is pure: no I/O, no clock, no randomness. The lab asks this crate before it
//! appends an entry, and an auditor asks the same code about every entry again.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod about;
pub mod accounting;
mod accuracy;
pub mod approximate;
pub mod bounds;
pub mod domain;
pub mod enrolment;
pub mod event;
pub mod ledger;
pub mod lifecycle;
pub mod manifest;
pub mod meant;
pub mod need;
mod number_error;
pub mod plan;
pub mod policy;
pub mod provenance;
pub mod rational;
mod reader;
pub mod receipts;
pub mod record;
pub mod release;
pub mod rho;
pub mod rules;
pub mod shape;
pub mod text;
mod toml_fault;
mod usual;

pub use about::about;
pub use bounds::Bounds;
pub use manifest::Manifest;
pub use need::Need;
pub use plan::Plan;
pub use rational::Rational;
pub use rho::Rho;
pub use shape::Shape;
pub use toml_fault::toml_fault;
