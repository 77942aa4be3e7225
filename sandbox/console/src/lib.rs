//! The lab's pages: every role's desk in a browser, in Chinese and English.
//!
//! A page is made of the same answers that programs get, and of nothing else: what a reader may not see is not in the
//! answer. Reading needs no script. One small script signs with the reader's own key, which no server ever sees.
//!
//! | module | page |
//! |---|---|
//! | [`inbox`] | what waits for whoever reads |
//! | [`catalogue`] | datasets, and one of them |
//! | [`upload`] | rows that their steward sends |
//! | [`jobs`], [`job`] | jobs; one of them, to be decided about |
//! | [`new_job`] | a job that is written and checked |
//! | [`release`] | what was released of a job |
//! | [`log`] | the log, and an entry |
//! | [`audit`] | the lab's own audit, and what auditors take away |
//! | [`office`] | people, rules, witnesses, the machine |
//! | [`keys`] | one's own key, in this browser |
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod assets;
pub mod audit;
pub mod catalogue;
pub mod inbox;
pub mod job;
pub mod jobs;
pub mod keys;
pub mod log;
pub mod new_job;
pub mod office;
mod parts;
mod plan;
pub mod release;
mod shell;
pub mod upload;

pub use parts::Can;
pub use shell::{Page, Place, Reader, refused, whole};
