//! `unseen-bench`: every figure that documents state, measured here and now.

mod cluster;
mod cost;
mod inside;
mod lab;
mod languages;
mod measure;
mod ratios;
mod service;
mod serving;
mod tiny;
mod writers;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use unseen_terminal::Program;

/// Measure the speed of Unseen on this machine; each ratio compares timings of one run
#[derive(Parser)]
#[command(name = "unseen-bench", version)]
pub struct Args {
    /// Rows of the generated table
    #[arg(long, default_value_t = 10_000_000)]
    rows: u64,
    /// Rows of one unit
    #[arg(long, default_value_t = 10)]
    rows_per_unit: u64,
    /// Folder for generated data, kept between runs
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// How often each is measured, in turns; medians are shown, with the lowest and the highest
    #[arg(long, default_value_t = 5)]
    times: u32,
    /// Run only the measurements whose name contains this
    #[arg(long)]
    only: Option<String>,
    /// Measure a lab of a thousand jobs on the network, and nothing else
    #[arg(long)]
    service: bool,
    /// Measure a run over one node beside the same run alone, and nothing else
    #[arg(long)]
    cluster: bool,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
    /// One measurement, in this process
    #[arg(long, hide = true)]
    inside: Option<String>,
}

fn main() -> ExitCode {
    // Its readers are engineers: help is English, and so are the names of measurements.
    Program { chinese: &[], advice: |_| None }.main(measure::run, |args: &Args| args.json)
}
