//! `unseen-demo`: writes the demo district, the benchmark table, or a scenario of the gallery, whose release it measures.

#![forbid(unsafe_code)]

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use unseen_demo::gallery::{self, Measured, Size};
use unseen_demo::{bench::Bench, district::District, uscc};

/// Make synthetic input for Unseen: the same seed gives the same files
#[derive(Parser)]
#[command(name = "unseen-demo", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write the demo district: enterprises, two years of monthly reports, a table of industries
    District {
        /// Folder to write into
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Everything follows from it
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// How many enterprises
        #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..=uscc::CODES))]
        enterprises: u64,
        /// How many months, from January 2024
        #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=24))]
        months: u32,
    },
    /// Write the benchmark table, as Parquet in random row order
    Bench {
        /// How many rows
        #[arg(long, default_value_t = 10_000_000)]
        rows: u64,
        /// Rows of one unit
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
        rows_per_unit: u64,
        /// The file to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Everything follows from it
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Write the tables of a scenario of the gallery
    Gallery {
        /// The scenario, by its folder in the gallery
        name: String,
        /// Folder to write into
        out: PathBuf,
        /// Everything follows from it
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// How many units; as many as the scenario's figures are of when left out
        #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
        units: Option<u64>,
    },
    /// Compare a release of a scenario with its tables: rows, units, groups, numbers, those not mostly noise, and
    /// their median and worst relative error
    GalleryTruth {
        /// The scenario, by its folder in the gallery
        name: String,
        /// Folder of its tables
        data: PathBuf,
        /// What `unseen job release --csv` wrote
        release: PathBuf,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("unseen-demo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<String, Box<dyn Error>> {
    match command {
        Command::District { out, seed, enterprises, months } => {
            let written = District { seed, enterprises, months }.write(&out)?;
            Ok(format!("{}: {} enterprises, {} monthly reports", out.display(), written.enterprises, written.reports))
        }
        Command::Bench { rows, rows_per_unit, out, seed } => {
            Bench { seed, rows, rows_per_unit }.write(&out)?;
            Ok(format!("{}: {rows} rows", out.display()))
        }
        Command::Gallery { name, out, seed, units } => {
            gallery::write(&name, &out, seed, units)?;
            Ok(format!("{}: {name}", out.display()))
        }
        Command::GalleryTruth { name, data, release } => {
            let (size, measured) = gallery::measure(&name, &data, &release)?;
            let (Size { rows, units }, Measured { groups, numbers, clear, median, worst }) = (size, measured);
            Ok(format!("{rows} {units} {groups} {numbers} {clear} {:.1} {:.1}", 100.0 * median, 100.0 * worst))
        }
    }
}
