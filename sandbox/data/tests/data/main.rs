//! Raw files go in, grains come out.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod described;
mod forms;
mod importing;
mod kinds;
mod model;
mod sealed;
mod spreading;
mod support;
mod twins;
