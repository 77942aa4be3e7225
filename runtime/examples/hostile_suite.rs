//! Writes the attacks of `tests/hostile` as components, for another system to be tried with: `make hostile OUT=FOLDER`.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../tests/hostile/suite.rs"]
mod suite;

fn main() {
    suite::write(std::env::args().nth(1).expect("which folder?").as_ref());
}
