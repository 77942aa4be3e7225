//! Runs that are spread over many machines.
//!
//! The lab decides, an engine that is there already carries, nodes compute:
//!
//! ```text
//! lab   Coordinator --tasks--> courier ==> engine ==> executor --socket--> node's agent --> worker: part   (rows)
//!           |    ^------------ sealed parts, with receipts ------------------------------------'
//!           '--> worker: adds up, noises, seals
//! ```
//!
//! A courier ([`courier`]) and the engine behind it see ciphertext, may lose, repeat, delay and reorder, and understand
//! nothing. A node ([`node`]) computes only for runs that the lab's log has, with keys that were sealed to it
//! ([`orders`]); what it makes, none but the lab's worker can open, in its own place only
//! ([`unseen_worker::spread`]). The coordinator ([`coordinator`]) asks for each piece of each round until it is there,
//! and has a worker add each up once. What nodes read lies in a [`store`] that all reach: ciphertext, by its digest.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod answer;
pub mod config;
pub mod coordinator;
pub mod courier;
pub mod error;
pub mod evidence;
pub mod gather;
pub mod import_orders;
pub mod importer;
pub mod letter;
pub mod node;
pub mod orders;
pub mod spool;
pub mod store;
