//! One entry proved to be in a log, from a single file: what `unseen log prove` writes (C2SP tlog-proof).

use std::path::PathBuf;

use clap::Args;
use unseen_audit::report::Root;
use unseen_policies::about;
use unseen_policies::event::{Event, Record};
use unseen_terminal::output::{Output, facts};
use unseen_terminal::{FileError, Outcome};
use unseen_texts::{Lang, Say, Value, text};
use unseen_tlog::dsse::Envelope;
use unseen_tlog::proof::{EntryProof, EntryProofError};
use unseen_tlog::statement::Statement;

use crate::answers::{EntryProven, ProvenEntry};
use crate::known_key;
use crate::sections::{both, moment};

/// Checking a proof.
#[derive(Args)]
pub struct ProofArgs {
    /// The proof, as `unseen log prove` writes it
    pub file: PathBuf,
    /// The verifier key of the log, known from elsewhere
    #[arg(long, value_name = "VKEY")]
    pub log_key: String,
    /// The entry that is to be proven, as `unseen --json log show --entry N` writes it or as it is in the log; without
    /// it the one that the proof carries
    #[arg(long, value_name = "FILE")]
    pub entry: Option<PathBuf>,
}

/// Why a file proves nothing.
#[derive(Debug, thiserror::Error, Say)]
#[code("proof-check")]
pub enum ProofError {
    /// It is no proof, another log's, or one of something else.
    #[error("{0}")]
    Refused(#[from] EntryProofError),
    /// There is nothing to prove.
    #[error("the proof carries no entry, so it cannot be checked by itself")]
    #[zh("证明中没有附带条目，无法单独核验")]
    NoEntry,
    /// It proves the entry that it carries, and another was given.
    #[error("the proof is good, but for another entry: entry {index} of this log is not the one in {}", file.display())]
    #[zh("证明有效，但属于别的条目：此日志的条目 {index} 不是 {file} 中的那条")]
    OtherEntry {
        /// Which it proves.
        index: u64,
        /// Where the other one is.
        file: PathBuf,
    },
}

/// Checks a proof and says what it proves.
pub fn proof(args: &ProofArgs, lang: Lang) -> Outcome {
    let log = known_key(&args.log_key)?;
    let read = |path: &PathBuf| unseen_durable::read(path).map_err(FileError::at(path));
    let proof = EntryProof::parse(&read(&args.file)?).map_err(ProofError::from)?;
    let given = args.entry.as_ref().map(|path| Ok::<_, FileError>((path, entry_in(read(path)?)))).transpose()?;
    let carried = proof.extra.as_ref();
    let entry = given.as_ref().map(|(_, entry)| entry).or(carried).ok_or(ProofError::NoEntry)?;
    let checkpoint = proof.verify(&log, entry).map_err(|error| match (&given, carried) {
        (Some((file, _)), Some(carried)) if proof.verify(&log, carried).is_ok() => {
            ProofError::OtherEntry { index: proof.index, file: file.to_path_buf() }
        }
        _ => error.into(),
    })?;
    let root = Root::from(checkpoint.root);
    let mut known = vec![
        (text!("Log", "日志"), checkpoint.origin.clone()),
        (text!("Entry", "条目"), proof.index.to_string()),
        (text!("Entries in the log", "日志条目数"), checkpoint.size.to_string()),
    ];
    known.extend(both(&root));
    let says = read_entry(entry);
    if let Some((record, says)) = &says {
        let kind = Event::title(record.event.kind()).map_or_else(|| says.kind.clone(), |title| title.told(lang));
        known.push((text!("What", "事项"), kind));
        known.push((text!("Time, by its signer's clock (UTC)", "时间（UTC，以签名人的时钟为准）"), moment(says.time)));
        known.push((text!("About", "内容"), says.about.told(lang)));
        known.push((text!("Signed by the key", "签名密钥"), says.key_id.clone()));
    }
    let shown = text!(
        "✓ The log holds this entry: its key has signed a tree that has it in this place.",
        "✓ 日志中有此条目：日志密钥所签的树在此位置含有它。"
    );
    let text = format!("{}{}", facts(lang, &known), shown.to(lang));
    let (log, entry, entries) = (checkpoint.origin, proof.index, checkpoint.size);
    Ok(Output::new(&EntryProven { log, entry, entries, root, says: says.map(|(_, says)| says) }, text))
}

/// The bytes of an entry as the log holds them: those of the file, or those that it shows.
fn entry_in(file: Vec<u8>) -> Vec<u8> {
    let shown = std::str::from_utf8(&file).ok().and_then(|text| text.parse::<Value>().ok());
    let envelope = shown.as_ref().and_then(|shown| shown.get("envelope")).map(Value::to_string);
    let envelope = envelope.and_then(|envelope| Envelope::from_bytes(envelope.as_bytes()).ok());
    envelope.map_or(file, |envelope| envelope.to_bytes())
}

/// What an entry says; none where it is not one that this version knows. That the log took it from an enrolled person
/// only an audit of the whole log shows.
fn read_entry(entry: &[u8]) -> Option<(Record, ProvenEntry)> {
    let envelope = Envelope::from_bytes(entry).ok()?;
    let Statement { predicate_type, predicate, .. }: Statement = Statement::open_unverified(&envelope).ok()?;
    let record = Record::from_predicate(&predicate_type, predicate).ok()?;
    let (kind, key_id) = (record.event.kind().to_owned(), envelope.key_ids().collect::<Vec<_>>().join(", "));
    let says = ProvenEntry { kind, time: record.time, about: about(&record.event, None), key_id };
    Some((record, says))
}
