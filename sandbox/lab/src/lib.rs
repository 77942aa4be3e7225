//! The lab: its folder, its state, and its commands.
//!
//! Every change goes one way: a signed envelope is verified, authorised by the ledger, checked
//! against what it names, appended to the log, and only then applied ([`Lab::accept`]), alone or together
//! with others ([`Lab::stage`]). What people sign is made by [`requests`], from what they saw. Running a job is in `runs.rs`.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod backup;
mod batch;
mod datasets;
mod entry;
mod error;
mod evidence;
mod export;
mod folder;
mod handover;
mod imports;
mod keys;
mod lab;
mod lives;
mod locks;
mod log_key;
mod modules;
mod moment;
mod ready;
mod replay;
pub mod requests;
mod runs;
mod sealed;
#[cfg(feature = "sm2")]
mod sm2;
#[cfg(not(feature = "sm2"))]
#[path = "no_sm2.rs"]
mod sm2;
mod sm2_key;
mod spread;
mod spread_import;
mod state;
mod upload_error;
mod uploads;
mod view;
mod witnessing;

pub use backup::Newest;
pub use batch::Outcome;
pub use datasets::{Importing, Prepared, Registration, Rows, Snapshotted, Terms, refuse_twin};
pub use entry::SignedEntry;
pub use error::LabError;
pub use export::Exported;
pub use imports::{ImportId, ImportState, Origin, Wish, carry_out_import};
pub use lab::{Attachments, Lab, Resting};
pub use locks::{Doing, Holder, RunLock};
pub use modules::kept_in;
pub use replay::{Difference, Replay, Replaying, Verdict};
pub use runs::{Begun, Kept, Ran};
pub use spread::Reached;
pub use unseen_keys::{open_key, read_signing_key, write_new_key};
pub use upload_error::UploadError;
pub use uploads::{Received, Uploading, Uploads, disk};
pub use view::{Published, View};
pub use witnessing::{Witnessed, Witnessing};
