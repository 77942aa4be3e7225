//! The lab on the network: every use-case at its address, for whom the rules let.
//!
//! ```text
//! connection -> who (caller) -> may they (rules) -> use-case (routes) -> answer or problem
//! ```
//! | module | what |
//! |---|---|
//! | `routes` | one handler for all queries, one for all changes |
//! | `caller`, `credential` | who asks: a certificate, a session, nobody |
//! | `rules` | which action on what each use-case is, and what of an answer is shown |
//! | `login`, `sign_on` | how a session begins: with a key, by a link, at the office's identity provider |
//! | `notify` | who is told of what happened |
//! | `share` | how much one caller may have under way, so that others are served |
//! | `watch` | the second log, and how often one may ask |
//! | `problem` | what is told outside, and what only operators read |
//! | `blobs`, `office`, `sessions`, `counters`, `levels`, `replays` | what the service keeps between requests |
//! | `log`, `bundle`, `replay`, `events`, `upload`, `status`, `openapi`, `questions` | addresses of what is no use-case |
//! | `catalog`, `packs` | what standards at other doors want told |
//! | `telemetry` | spans and metrics for a collector, with the feature `otel` |
//! | `tes` | jobs as tasks of GA4GH's Task Execution Service |
//! | `data_upload`, `importer` | rows that come encrypted, and their imports |
//! | [`queue`] | approved jobs run in turn, results published at their time |
//!
//! How connections come in, and their certificates, is `unseen-listener`'s.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod answer;
mod asked;
mod blobs;
mod bundle;
mod caller;
mod catalog;
mod console;
mod counters;
mod credential;
mod data_upload;
mod events;
mod importer;
mod levels;
mod log;
mod login;
mod notify;
mod office;
mod openapi;
mod packs;
mod problem;
mod questions;
pub mod queue;
mod replay;
mod replays;
mod router;
mod routes;
mod rules;
mod run;
mod service;
mod sessions;
mod share;
mod sign_on;
mod status;
mod telemetry;
mod tes;
mod upload;
mod watch;

pub use office::OfficeConfig;
pub use openapi::document as openapi;
pub use router::router;
pub use run::serve;
pub use service::{Config, Service, Tell};
