//! Tells people what happened in a lab: by webhook, and by mail.
//!
//! Texts are fixed, in Chinese and in English, around what stands in the log: titles, names, reasons, times that
//! were declared beforehand. Nothing in them, nor whether or when one is sent, depends on rows: a [`Notice`] is made
//! of an entry, and entries come on schedule.
//!
//! Whoever follows the log [offers](Sender::offer) each entry's notices in order, with the people who may know, and
//! keeps [`Sender::told`] somewhere durable. After a restart it offers again what follows that entry: everything is
//! told at least once, and each copy has the same id (`webhook-id`, `Message-ID`).
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod config;
mod error;
mod letter;
mod mail;
mod notice;
mod sender;
mod smtp;
mod webhook;

pub use config::{Address, Config, Hook, Person, Security, Smtp, Url};
pub use error::{ConfigError, Failure};
pub use notice::{Kind, Notice};
pub use sender::{Full, Pace, Sender, Status};
pub use smtp::{Reply, read_reply};
