//! The door over real sockets, with a service behind it that says who came.
#![allow(clippy::unwrap_used, clippy::panic)]

mod bounds;
mod certificates;
mod crowd;
mod end;
mod frames;
mod outside;
mod support;
