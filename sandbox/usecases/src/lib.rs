//! What people do with a lab: one function for each use-case, from a typed request to a typed answer.
//!
//! ```text
//! jobs::submit(desk, &Submit { .. }, author) -> Result<Submitted, UseCaseError>
//! ```
//! A front end parses what was typed or sent, calls one of these, and shows the answer: as text of its own, or
//! as JSON ([`Answer::to_json`](unseen_ids::Answer)), whose schema stands in `docs/schemas/answers`. How a
//! use-case gets at the lab is the front end's too: a [`Desk`] opens a folder for each step, or shares a lab
//! that is open. Nothing here knows of a terminal, a language or a command line.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod answers;
pub mod budget;
pub mod check;
pub mod claims;
pub mod datasets;
mod desk;
pub mod doctor;
mod error;
pub mod estimates;
pub mod jobs;
pub mod labs;
pub mod logs;
pub mod people;
pub mod plan;
pub mod policy;
pub mod projects;
pub mod release;
pub mod replay;
pub mod runs;
pub mod tally;
pub mod trial;
mod wire;

pub use answers::schemas;
pub use desk::{Desk, Folder};
pub use error::UseCaseError;
