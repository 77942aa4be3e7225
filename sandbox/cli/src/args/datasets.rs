//! What people type about datasets.

use std::path::PathBuf;

use chrono::NaiveDate;
use clap::{Args, Subcommand};
use unseen_ids::Digest;
use unseen_terminal::examples;
use unseen_texts::{Sentence, text};

use super::{ChangeSigner, Signer};

#[derive(Subcommand)]
pub enum DatasetCommand {
    /// Draft a dataset description from a CSV or Parquet file, for the steward to correct
    #[command(after_help = examples!("unseen dataset describe monthly.csv --out monthly.toml"))]
    Describe {
        /// The CSV or Parquet file
        source: PathBuf,
        /// Where to write the draft; standard output when left out
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Import a file as an encrypted, sorted snapshot and register it
    #[command(after_help = examples!("unseen dataset import monthly.csv --description monthly.toml --key steward.pem", "unseen dataset import monthly.csv --description monthly.toml --open-to wang --keep-until 2027-12-31 --key steward.pem"))]
    Import {
        /// The CSV or Parquet file
        source: PathBuf,
        /// The dataset description
        #[arg(long, value_name = "TOML")]
        description: PathBuf,
        /// Only this analyst may use it; may be given several times; whom the rules let when left out
        #[arg(long, value_name = "NAME")]
        open_to: Vec<String>,
        /// From this day on nobody may use it, and the lab destroys it; kept until you say so when left out
        #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
        keep_until: Option<NaiveDate>,
        #[command(flatten)]
        signer: Signer,
    },
    /// List what you have uploaded to a lab and not registered, or take one of it back
    #[command(after_help = examples!("unseen dataset uploads --key steward.pem", "unseen dataset uploads --drop sha256:... --key steward.pem"))]
    Uploads {
        /// Take this one back (sha256:...)
        #[arg(long, value_name = "DIGEST")]
        drop: Option<Digest>,
        #[command(flatten)]
        signer: Signer,
    },
    /// List registered datasets
    #[command(after_help = examples!("unseen dataset list"))]
    List,
    /// Show a dataset's description
    #[command(after_help = examples!("unseen dataset show monthly"))]
    Show {
        /// The dataset's name
        name: String,
    },
    /// Close a dataset: no job may be submitted, those that were may run
    #[command(after_help = examples!("unseen dataset close monthly --reason \"the year is over\" --key steward.pem"))]
    Close {
        #[command(flatten)]
        what: Dataset,
    },
    /// Open a closed dataset again
    #[command(after_help = examples!("unseen dataset open monthly --reason \"corrected\" --key steward.pem"))]
    Open {
        #[command(flatten)]
        what: Dataset,
    },
    /// Withdraw what there is of a dataset: no run may start on it, for ever
    #[command(after_help = examples!("unseen dataset withdraw monthly --reason \"its owner takes it back\" --key steward.pem"))]
    Withdraw {
        #[command(flatten)]
        what: Dataset,
    },
    /// Put other words for a dataset: titles and meanings, and nothing that changes its data
    #[command(after_help = examples!("unseen dataset redescribe monthly --description monthly.toml --key steward.pem"))]
    Redescribe {
        /// The dataset's name
        name: String,
        /// The new description
        #[arg(long, value_name = "TOML")]
        description: PathBuf,
        #[command(flatten)]
        signer: ChangeSigner,
    },
    /// Destroy snapshots of a dataset, with the keys to them; what was spent stays spent
    #[command(after_help = examples!("unseen dataset delete monthly --reason \"kept for two years\" --key steward.pem"))]
    Delete {
        #[command(flatten)]
        what: Dataset,
        /// Only this snapshot (sha256:...); may be given several times; all of them when left out
        #[arg(long, value_name = "DIGEST")]
        snapshot: Vec<Digest>,
    },
    /// Show all snapshots that a dataset ever had
    #[command(after_help = examples!("unseen dataset history monthly"))]
    History {
        /// The dataset's name
        name: String,
    },
    /// Show the quality report of the registered snapshot: for stewards, not for analysts
    #[command(after_help = examples!("unseen dataset quality monthly --key steward.pem"))]
    Quality {
        /// The dataset's name
        name: String,
        #[command(flatten)]
        signer: Signer,
    },
}

/// A dataset that somebody changes.
#[derive(Args)]
pub struct Dataset {
    /// The dataset's name
    pub name: String,
    /// Why, for those who use it
    #[arg(long)]
    pub reason: String,
    #[command(flatten)]
    pub signer: ChangeSigner,
}

#[derive(Args)]
pub struct TwinArgs {
    /// The dataset's name in the lab, or a dataset.toml
    pub dataset: String,
    /// How many rows, at most 10000000
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub rows: u64,
    /// Folder to write NAME.csv and NAME.dataset.toml into; a public table is written as it is
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Seed; the same seed gives the same rows
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// A day as it is typed.
pub(super) fn day(text: &str) -> Result<NaiveDate, Sentence> {
    text.parse().map_err(|_| text!("write a day as 2027-12-31", "请按 2027-12-31 的格式写日期").into())
}
