//! What people type about jobs.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use unseen_ids::JobId;
use unseen_policies::lifecycle::State;
use unseen_terminal::examples;
use unseen_texts::{Sentence, say};

use super::{ChangeSigner, Signer};

/// A job's folder.
#[derive(Args)]
pub struct JobDir {
    /// The job's folder, or its job.toml
    #[arg(default_value = ".")]
    pub path: PathBuf,
}

#[derive(Subcommand)]
pub enum JobCommand {
    /// Write a ready project for a new job, in `--lang` rust (unless said otherwise), python, js or c
    #[command(after_help = examples!(
        "unseen job new my-job",
        "unseen job new my-job --lang python --dataset monthly",
        "unseen job new my-regression --iterative"
    ))]
    New {
        /// Folder to make; its name becomes the job's
        name: PathBuf,
        /// Ask about this dataset of the lab's, or of a dataset.toml, and write a twin of it too
        #[arg(long, value_name = "DATASET")]
        dataset: Option<String>,
        /// Write a job that sees a block of units at once: for medians and fits
        #[arg(long)]
        blocks: bool,
        /// Write a job of several rounds
        #[arg(long, conflicts_with = "blocks")]
        iterative: bool,
    },
    /// Compile a job's project to a component, with its language's own tool
    #[command(after_help = examples!("unseen job build my-job"))]
    Build {
        #[command(flatten)]
        job: JobDir,
        /// Make the component from this core module instead of compiling the project
        #[arg(long, value_name = "WASM")]
        module: Option<PathBuf>,
    },
    /// Check a job: its cost, its expected errors, and its component
    #[command(after_help = examples!("unseen job check my-job", "unseen job check my-job --twins twins"))]
    Check {
        #[command(flatten)]
        job: JobDir,
        /// Folder of twins to take dataset descriptions from when there is no lab
        #[arg(long, value_name = "DIR")]
        twins: Option<PathBuf>,
        /// Check it as a submission by this key; without one, as any analyst's
        #[arg(long, value_name = "KEY", conflicts_with = "twins")]
        key: Option<String>,
    },
    /// Suggest bounds, granularity and keys for a job's manifest, from a dataset's description
    #[command(after_help = examples!("unseen job suggest monthly", "unseen job suggest monthly --rows-per-unit 12"))]
    Suggest {
        /// The dataset's name in the lab, or a dataset.toml
        dataset: String,
        /// How many rows one unit has in one group, at most; as the description bounds them when left out
        #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
        rows_per_unit: Option<u32>,
    },
    /// Run a job on synthetic twins, with logs and traps shown
    #[command(after_help = examples!("unseen job try my-job --twins twins"))]
    Try {
        #[command(flatten)]
        job: JobDir,
        /// Folder of twins, as `unseen twin` writes it; the job's own `twins` when left out
        #[arg(long, value_name = "DIR")]
        twins: Option<PathBuf>,
        /// Seed of the noise, which is not secret here
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Leave the noise out, to see what clamping and rounding do
        #[arg(long, conflicts_with = "seed")]
        no_noise: bool,
    },
    /// Submit a job for approval
    #[command(after_help = examples!("unseen job submit my-job --key analyst.pem"))]
    Submit {
        #[command(flatten)]
        job: JobDir,
        #[command(flatten)]
        signer: ChangeSigner,
    },
    /// List jobs
    #[command(after_help = examples!("unseen job list", "unseen job list --state submitted --dataset monthly"))]
    List {
        /// Only in this state: submitted, approved, running, released, rejected, failed or withdrawn
        #[arg(long, value_name = "STATE", value_parser = state)]
        state: Option<State>,
        /// Only of this person
        #[arg(long, value_name = "NAME")]
        author: Option<String>,
        /// Only those that read this dataset
        #[arg(long, value_name = "NAME")]
        dataset: Option<String>,
        /// The newest so many
        #[arg(long, value_name = "NUMBER")]
        limit: Option<usize>,
    },
    /// Show a job: what it asks for, its cost, its history
    #[command(after_help = examples!("unseen job show j12 --manifest"))]
    Show {
        /// The job's number, such as j12
        job: JobId,
        /// Print the manifest too
        #[arg(long)]
        manifest: bool,
    },
    /// Fetch what was submitted, to look at it and try it before approving
    #[command(after_help = examples!("unseen job fetch j12 --out review", "unseen job try review"))]
    Fetch {
        /// The job's number
        job: JobId,
        /// A new folder: the manifest, and the component in target/job.wasm
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Approve exactly what was submitted
    #[command(after_help = examples!("unseen job approve j12 --key operator.pem", "unseen job approve j12 --key id_ed25519.pub --out j12.approval"))]
    Approve {
        /// The job's number
        job: JobId,
        #[command(flatten)]
        signer: ChangeSigner,
    },
    /// Decline a job
    #[command(after_help = examples!("unseen job reject j12 --reason \"asks for more than its purpose needs\" --key operator.pem"))]
    Reject {
        /// The job's number
        job: JobId,
        /// Why, for the analyst
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        signer: ChangeSigner,
    },
    /// Take your own job back before it runs
    #[command(after_help = examples!("unseen job withdraw j12 --reason \"a better version follows\" --key analyst.pem"))]
    Withdraw {
        /// The job's number
        job: JobId,
        /// Why, for the record
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        signer: ChangeSigner,
    },
    /// Let a job run before others, or after them
    #[command(after_help = examples!("unseen job prioritize j12 1 --key operator.pem"))]
    Prioritize {
        /// The job's number
        job: JobId,
        /// From 1, which runs first, to 9; a job has 5 until somebody says so
        #[arg(value_parser = clap::value_parser!(u8).range(1..=9))]
        priority: u8,
        #[command(flatten)]
        signer: ChangeSigner,
    },
    /// Run an approved job, or resume a run that was interrupted
    #[command(after_help = examples!("unseen job run j12 --key operator.pem"))]
    Run {
        /// The job's number
        job: JobId,
        /// Threads; all cores when left out. The result does not depend on it
        #[arg(long)]
        threads: Option<u32>,
        #[command(flatten)]
        signer: Signer,
    },
    /// Write a Five Safes RO-Crate of a release: who asked, approved and ran it, how it was protected, and the proofs (zip)
    #[command(after_help = examples!("unseen job crate j12 --out j12.zip", "unseen job crate j12 --numbers --out j12.zip --key analyst.pem"))]
    Crate {
        /// The job's number
        job: JobId,
        /// Where to write it; never overwrites
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Open the release, which is put on record, and write its numbers too; without it they are named by their digest
        #[arg(long)]
        numbers: bool,
        #[command(flatten)]
        signer: Signer,
    },
    /// Open a job's release and print it
    #[command(after_help = examples!("unseen job release j12 --key analyst.pem", "unseen job release j12 --html j12.html --csv j12.csv --key analyst.pem"))]
    Release {
        /// The job's number
        job: JobId,
        /// Write every number, with its interval, as a line of this CSV file too; never overwrites
        #[arg(long, value_name = "FILE")]
        csv: Option<PathBuf>,
        /// Write the release as one HTML page with charts too; never overwrites
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
        /// Write it as Parquet too, with the columns of the CSV; never overwrites
        #[arg(long, value_name = "FILE")]
        parquet: Option<PathBuf>,
        /// Write a receipt too: the numbers with the proof that the log names them, for `unseen-audit receipt`; never
        /// overwrites
        #[arg(long, value_name = "FILE")]
        receipt: Option<PathBuf>,
        #[command(flatten)]
        signer: ChangeSigner,
    },
}

fn state(text: &str) -> Result<State, Sentence> {
    serde_json::from_value(text.into()).map_err(|_| {
        say!(
            "`{text}` is no state of a job: write submitted, approved, running, released, rejected, failed or withdrawn",
            "`{text}` 不是作业状态：请写 submitted、approved、running、released、rejected、failed 或 withdrawn"
        )
    })
}
