//! What people type about datasets.

use std::path::PathBuf;

use chrono::NaiveDate;
use clap::{Args, Subcommand};
use unseen_ids::Digest;
use unseen_terminal::examples;
use unseen_texts::{Sentence, text};
use unseen_usecases::ask::RELEASE;

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
        /// Deal the rows into this many buckets; by the public bounds, and as others of the unit domain, when left out
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65536))]
        buckets: Option<u32>,
        #[command(flatten)]
        signer: Signer,
    },
    /// Deal a dataset's rows into another number of buckets, without the file they came from, and register that
    #[command(after_help = examples!("unseen dataset rebucket monthly --buckets 64 --key steward.pem"))]
    Rebucket {
        /// The dataset's name
        name: String,
        /// How many: the same for all datasets that jobs read together
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65536))]
        buckets: u32,
        #[command(flatten)]
        signer: Signer,
    },
    /// Write the job that counts how a dataset's values lie, in bins: a twin can be fitted to its release
    #[command(after_help = examples!("unseen dataset fit monthly --rho 0.05 --pair town,industry --out fit", "unseen job submit fit --key analyst.pem", "unseen twin monthly --fitted j12 --out twins --key analyst.pem"))]
    Fit(FitArgs),
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
    /// Write the catalogue of all datasets that you may see, as GB/T 21063.3 names its elements (JSON)
    #[command(after_help = examples!("unseen dataset elements --out catalogue.json"))]
    Elements {
        /// Where to write it; never overwrites; standard output when left out
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Write what a register of public data asks of a dataset, with proofs (zip)
    #[command(after_help = examples!("unseen dataset pack monthly --out monthly.zip"))]
    Pack {
        /// The dataset's name
        name: String,
        /// Where to write it; never overwrites
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
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
pub struct FitArgs {
    /// The dataset's name
    pub name: String,
    /// What it may cost, in rho
    #[arg(long, value_name = "RHO")]
    pub rho: String,
    /// Two columns, the second of which goes by the first; may be given several times
    #[arg(long, value_name = "COLUMN,COLUMN", value_parser = pair)]
    pub pair: Vec<(String, String)>,
    /// One line for people; a usual one when left out
    #[arg(long)]
    pub title: Option<String>,
    /// Why it is asked, for whoever approves it; a usual reason when left out
    #[arg(long)]
    pub purpose: Option<String>,
    /// When the result is wanted: after the start of the run (+2h), at a time, or now
    #[arg(long, value_name = "TIME", default_value = RELEASE)]
    pub release: String,
    /// Folder to write the job into
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    #[command(flatten)]
    pub signer: Signer,
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
    /// Follow the release of this `dataset fit` job, which you may read: its number, or a file that `unseen --json job release` printed
    #[arg(long, value_name = "JOB")]
    pub fitted: Option<String>,
    #[command(flatten)]
    pub signer: Signer,
}

/// Two columns as they are typed.
fn pair(text: &str) -> Result<(String, String), Sentence> {
    let two = text.split_once(',').filter(|(one, other)| !one.is_empty() && !other.is_empty() && !other.contains(','));
    two.map(|(one, other)| (one.to_owned(), other.to_owned()))
        .ok_or_else(|| text!("write two columns as town,industry", "请写两列，如 town,industry").into())
}

/// A day as it is typed.
pub(super) fn day(text: &str) -> Result<NaiveDate, Sentence> {
    text.parse().map_err(|_| text!("write a day as 2027-12-31", "请按 2027-12-31 的格式写日期").into())
}
