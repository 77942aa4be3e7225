//! What an auditor types and reads: a bundle is verified, or a proof of one entry, and what was found is shown as
//! text, JSON or one page of HTML. `unseen-audit` is this crate as a program of its own: it links neither an engine nor a
//! data format, so another organisation can build and read it whole.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod advice;
mod answers;
mod evidence;
pub mod help;
pub mod page;
mod proof;
mod receipt;
mod sections;
mod summary;
mod text;
mod verdict;
mod witness;

pub use advice::advice;
pub use answers::*;
pub use evidence::{EvidenceCommand, evidence};
pub use proof::{ProofArgs, proof};
pub use receipt::{ReceiptArgs, receipt};
pub use witness::{WitnessCommand, witness};

use std::path::{Path, PathBuf};
use std::str::FromStr;

use chrono::Utc;
use clap::Args;
use unseen_audit::CHECKPOINT;
use unseen_audit::bundle::{self, Known, VERIFIER_KEY};
use unseen_audit::error::AuditError;
use unseen_ids::PublicKey;
use unseen_keys::write_new_key;
use unseen_terminal::output::{Output, facts};
use unseen_terminal::{FileError, Outcome, Problem, may_be_made, write_new};
use unseen_texts::{Lang, Text, say, text};
use unseen_tlog::Signer;
use unseen_tlog::cosignature::WitnessKey;
use unseen_tlog::note::{Checkpoint, Note, NoteError, NoteKey};

/// Verifying an exported bundle.
#[derive(Args)]
pub struct VerifyArgs {
    /// The exported folder
    pub bundle: PathBuf,
    /// A verifier key of the log, known from elsewhere; without it the key in the bundle is used
    #[arg(long, value_name = "VKEY")]
    pub log_key: Option<String>,
    /// A checkpoint kept from before: the bundle must extend it
    #[arg(long, value_name = "FILE")]
    pub since: Option<PathBuf>,
    /// The verifier key of a witness you trust; may be given several times
    #[arg(long, value_name = "VKEY")]
    pub witness: Vec<String>,
    /// How many of those witnesses must have cosigned; all of them when left out
    #[arg(long, value_name = "N", requires = "witness")]
    pub quorum: Option<usize>,
    /// Where the last checkpoint seen of each log is remembered [default: in XDG_STATE_HOME or ~/.local/state]
    #[arg(long, value_name = "DIR")]
    pub memory: Option<PathBuf>,
    /// Remember nothing, and compare with nothing remembered
    #[arg(long, conflicts_with = "memory")]
    pub forget: bool,
    /// Write what was found as one page of HTML too, be it good or bad; an existing file is never overwritten
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// Verifies a bundle and says what was found. What should not be is bad: exit code 1. The page is written for every
/// verdict, and first of all for one that leaves no report.
pub fn verify(args: &VerifyArgs, lang: Lang) -> Outcome {
    if ![VERIFIER_KEY, CHECKPOINT].iter().any(|file| args.bundle.join(file).exists()) {
        return Err(say!("{bundle} is no exported bundle", "{bundle} 不是导出包", bundle = args.bundle).into());
    }
    args.html.as_deref().map_or(Ok(()), may_be_made)?;
    let known = Known {
        log_key: args.log_key.as_deref().map(known_key).transpose()?,
        since: args.since.as_deref().map(kept).transpose()?,
        memory: if args.forget { None } else { args.memory.clone().or_else(memory) },
        witnesses: args.witness.iter().map(|key| witness_key(key)).collect::<Result<_, _>>()?,
        quorum: args.quorum.unwrap_or(args.witness.len()),
    };
    let found = bundle::verify(&args.bundle, &known);
    let audit = page::Audit { bundle: &args.bundle, known: &known, written: Utc::now(), lang };
    let written = args.html.as_deref().map_or(Ok(()), |path| write_new(path, audit.page(&found).as_bytes()));
    let report = found.map_err(|stopped| stopped.error)?;
    written?;
    Ok(Output::new(&report, text::text(&report, lang)).bad_unless(report.violations.is_empty()))
}

/// A checkpoint that somebody kept; another file is told apart from a damaged bundle, and printed nowhere.
fn kept(path: &Path) -> Result<String, Problem> {
    let text = read(path)?;
    let is_checkpoint = Note::parse(text.as_bytes()).is_ok_and(|note| Checkpoint::parse(note.text()).is_ok());
    match is_checkpoint {
        true => Ok(text),
        false => Err(say!(
            "{path} is no checkpoint: give one that you kept from before",
            "{path} 不是检查点：请给出先前保存的检查点"
        )
        .into()),
    }
}

/// Makes a key and shows its public half.
pub fn new_key(file: &Path, lang: Lang) -> Outcome {
    let public = PublicKey::from(write_new_key(file)?.verifying_key());
    let key_id = public.to_hex();
    let text = format!(
        "{}{}",
        facts(lang, &[(text!("Public key", "公钥"), key_id.clone())]),
        text!(
            "Keep the file to yourself: whoever has it can sign in your name.",
            "请自行妥善保管此文件：持有者可以您的名义签名。"
        )
        .to(lang)
    );
    Ok(Output::new(&KeyMade { public_key: key_id }, text))
}

/// Where checkpoints are remembered unless something else is said; nowhere when there is no home.
fn memory() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")))?;
    Some(state.join("unseen/seen"))
}

/// A log's verifier key as somebody typed it.
fn known_key(typed: &str) -> Result<NoteKey, AuditError> {
    parse(typed, text!("the verifier key you know", "您所知的验证公钥"))
}

fn witness_key(typed: &str) -> Result<WitnessKey, AuditError> {
    parse(typed, text!("a witness's verifier key", "见证方的验证公钥"))
}

fn parse<Key: FromStr<Err = NoteError>>(typed: &str, what: Text) -> Result<Key, AuditError> {
    typed.trim().parse().map_err(|error| AuditError::Note { what, error })
}

fn read(path: &Path) -> Result<String, FileError> {
    unseen_durable::read_text(path).map_err(FileError::at(path))
}
