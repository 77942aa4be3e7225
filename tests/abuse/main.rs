//! `unseen serve` in bad company: with TLS, certificates of a small authority, and people who mean no good. How
//! connections are bounded is tested where they come in (`sandbox/listener`); here it is the service that must
//! stand, go on serving others, and lose nothing.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

mod certificates;
mod house;
mod load;
mod paths;
mod shares;
mod texts;
mod uploads;
