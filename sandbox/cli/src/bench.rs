//! `unseen bench`: in the making.
use crate::args::BenchArgs;
use crate::commands::Outcome;

pub fn run(_: &BenchArgs) -> Outcome {
    Err("the benchmark is not built yet".into())
}
