//! `unseen-audit`: the auditor's program.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use unseen_auditor::{EvidenceCommand, ProofArgs, ReceiptArgs, VerifyArgs, WitnessCommand};
use unseen_terminal::Program;
use unseen_terminal::examples;
use unseen_terminal::language::languages;
use unseen_texts::Lang;

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
    #[arg(long, global = true, value_parser = languages(), value_name = "LANG", help_heading = "Everywhere")]
    lang: Option<Lang>,
}

#[derive(Subcommand)]
enum Command {
    /// Verify an exported bundle, offline: signatures, tree, life-cycle, approvals, budget, releases
    #[command(after_help = examples!("unseen-audit verify bundle --log-key \"$(cat log.vkey)\" --since checkpoint.txt"))]
    Verify(VerifyArgs),
    /// Check a proof that one entry is in the log (C2SP tlog-proof)
    #[command(after_help = examples!("unseen-audit proof entry-12.tlog-proof --log-key \"$(cat log.vkey)\""))]
    Proof(ProofArgs),
    /// Check a receipt: one release in one file, with the proof that the log names these very numbers
    #[command(after_help = examples!("unseen-audit receipt j12.receipt.json --log-key \"$(cat log.vkey)\""))]
    Receipt(ReceiptArgs),
    /// Be a witness: cosign a log's checkpoints, and keep it from showing people different histories
    #[command(subcommand)]
    Witness(WitnessCommand),
    /// Evidence of the machine on which a run happened
    #[command(subcommand)]
    Evidence(EvidenceCommand),
    /// Make a new Ed25519 key (PKCS#8 PEM, readable by its owner only)
    #[command(after_help = examples!("unseen-audit new-key witness.pem"))]
    NewKey {
        /// Where to write it; an existing file is never overwritten
        file: PathBuf,
    },
}

fn main() -> ExitCode {
    let run = |cli: &Cli, lang| match &cli.command {
        Command::Verify(args) => unseen_auditor::verify(args, lang),
        Command::Proof(args) => unseen_auditor::proof(args, lang),
        Command::Receipt(args) => unseen_auditor::receipt(args, lang),
        Command::Witness(command) => unseen_auditor::witness(command, lang),
        Command::Evidence(command) => unseen_auditor::evidence(command, lang),
        Command::NewKey { file } => unseen_auditor::new_key(file, lang),
    };
    Program { chinese: unseen_auditor::help::PAGES, advice: unseen_auditor::advice }.main(run, |cli: &Cli| cli.json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn every_command_and_argument_has_its_chinese_and_no_line_is_left_over() {
        let faults = unseen_terminal::help::faults(Cli::command(), unseen_auditor::help::PAGES);
        assert_eq!(faults, Vec::<String>::new());
    }
}
