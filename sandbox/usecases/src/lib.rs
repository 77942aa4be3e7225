//! What people do with a lab: one type for each use-case, from a request to its answer.
//!
//! ```text
//! ShowJob { job }.answer(desk, reader)          -> Result<JobShown, UseCaseError>       a query
//! change::make(desk, &Approve { job }, author)  -> Result<JobStanding, UseCaseError>    a change, which is signed
//! ```
//! A front end parses what was typed or sent, puts one of these, and shows the answer: as text of its own, or
//! as JSON ([`Answer::to_json`](unseen_ids::Answer)), whose schema stands in `docs/schemas/answers`. How a
//! use-case gets at the lab is the front end's too: a [`Desk`] opens a folder for each step, or is
//! [`Shared`] by many. Nothing here knows of a terminal, a language or a command line.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod answers;
pub mod ask;
mod blob;
pub mod budget;
pub mod change;
pub mod check;
pub mod claims;
pub mod datasets;
mod desk;
pub mod doctor;
mod error;
pub mod estimates;
pub mod explain;
pub mod fits;
mod forms;
pub mod importing;
pub mod imports;
pub mod inbox;
pub mod jobs;
pub mod labs;
pub mod lives;
pub mod logs;
pub mod modules;
pub mod nodes;
pub mod outcomes;
pub mod people;
pub mod plan;
pub mod policy;
pub mod projects;
mod query;
pub mod release;
pub mod replay;
pub mod runs;
mod shared;
pub mod stars;
pub mod tally;
pub mod trial;
pub mod visits;
mod wire;
pub mod witnesses;

pub use answers::schemas;
pub use blob::Blob;
pub use change::Change;
pub use desk::{Copy, Desk, Folder, publish};
pub use error::UseCaseError;
pub use query::Query;
pub use shared::Shared;
