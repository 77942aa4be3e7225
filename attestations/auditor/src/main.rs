//! `unseen-audit`: the auditor's program.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use unseen_auditor::VerifyArgs;
use unseen_terminal::i18n::Lang;

/// Verify a lab's exported log from outside.
///
/// Trusts neither the lab's operators nor their binary: signatures, tree, decisions, budget and releases
/// are checked from the first entry on.
#[derive(Parser)]
#[command(
    name = "unseen-audit",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true
)]
struct Cli {
    /// What to do
    #[command(subcommand)]
    command: Command,
    /// Print JSON instead of text
    #[arg(long, global = true, help_heading = "Everywhere")]
    json: bool,
    /// Language of texts; by default as LANG says
    #[arg(long, global = true, value_enum, value_name = "LANG", help_heading = "Everywhere")]
    lang: Option<Lang>,
}

#[derive(Subcommand)]
enum Command {
    /// Verify an exported bundle, offline: signatures, tree, life-cycle, approvals, budget, releases
    Verify(VerifyArgs),
}

fn main() -> ExitCode {
    let run = |cli: &Cli| match &cli.command {
        Command::Verify(args) => unseen_auditor::verify(args),
    };
    unseen_terminal::main(run, |cli| cli.json)
}
