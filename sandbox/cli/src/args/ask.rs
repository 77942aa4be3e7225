//! What people type to ask in SQL.

use std::path::PathBuf;

use clap::Args;
use unseen_questions::Target;
use unseen_texts::{Sentence, say};
use unseen_usecases::ask::RELEASE;

use super::Signer;

#[derive(Args)]
pub struct AskArgs {
    /// The question: SELECT groups, COUNT(*), COUNT(DISTINCT unit), SUM(...), AVG(...) FROM dataset WHERE ... GROUP BY ...
    pub sql: String,
    /// How exact each number shall be (95 %), such as "5 %", "20" or "5 % of NAME for GROUP"; the smallest budget is taken
    #[arg(long, value_name = "ERROR", conflicts_with = "rho")]
    pub error: Option<Target>,
    /// What it may cost, in rho
    #[arg(long, value_name = "RHO")]
    pub rho: Option<String>,
    /// What one unit adds to a group, by the name of a value, such as "output=0..500"; may be given several times
    #[arg(long, value_name = "NAME=LOW..HIGH", value_parser = bounds, allow_hyphen_values = true)]
    pub bounds: Vec<Bounds>,
    /// How many groups one unit is in, at most
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub groups_per_unit: Option<u32>,
    /// How many rows one unit has in one group, at most
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub rows_per_unit: Option<u32>,
    /// One line for people; the question itself when left out
    #[arg(long)]
    pub title: Option<String>,
    /// Why it is asked, for whoever approves it; the question itself when left out
    #[arg(long)]
    pub purpose: Option<String>,
    /// When the result is wanted: after the start of the run (+2h), at a time, or now
    #[arg(long, value_name = "TIME", default_value = RELEASE)]
    pub release: String,
    /// Folder to write the job into; questions/N when left out
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Submit it without asking
    #[arg(long)]
    pub yes: bool,
    #[command(flatten)]
    pub signer: Signer,
}

/// The bounds of a value.
pub type Bounds = (String, f64, f64);

fn bounds(text: &str) -> Result<Bounds, Sentence> {
    let read = || {
        let (name, ends) = text.rsplit_once('=')?;
        let (low, high) = ends.split_once("..")?;
        let (low, high): (f64, f64) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
        (low.is_finite() && high.is_finite()).then(|| (name.trim().to_owned(), low, high))
    };
    read().ok_or_else(|| {
        say!(
            "write bounds as NAME=LOW..HIGH, such as output=0..500: `{text}`",
            "界限请写成 名称=下限..上限，如 output=0..500：`{text}`",
            text = text.to_owned()
        )
    })
}
