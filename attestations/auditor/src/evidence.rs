//! Evidence of the machine, by itself: a quote taken by hand, a document verified.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::str::FromStr;

use clap::Subcommand;
use unseen_audit::expected::expected;
use unseen_evidence::{CollectOptions, EventLog, Evidence, Provider, attestation_key_digest, collect, verify};
use unseen_ids::hex;
use unseen_policies::policy::EvidenceRule;
use unseen_terminal::examples;
use unseen_terminal::output::{Output, facts};
use unseen_terminal::{FileError, Outcome, write_new};
use unseen_texts::{Lang, Sentence, Text, text};

use crate::answers::{AttestationKey, EvidenceCollected};

/// Evidence of the machine.
#[derive(Subcommand)]
pub enum EvidenceCommand {
    /// Print the digest by which the policy names a TPM's attestation key
    #[command(after_help = examples!("unseen-audit evidence key ak.pem"))]
    Key {
        /// The public key in PEM, as `tpm2_readpublic -f pem` writes it
        pem: PathBuf,
    },
    /// Ask this machine's TPM for evidence bound to a nonce
    #[command(after_help = examples!("unseen-audit evidence collect --nonce HEX --attestation-key 0x81010002 --pcr 0 --pcr 7 --out evidence.json"))]
    Collect {
        /// 64 hex digits: the SHA-256 of the statement that starts a run
        #[arg(long, value_name = "HEX")]
        nonce: String,
        /// The attestation key as tpm2-tools name it, such as 0x81010002
        #[arg(long, value_name = "HANDLE")]
        attestation_key: String,
        /// A PCR to quote; may be given several times
        #[arg(long = "pcr", value_name = "N", required = true)]
        pcrs: Vec<u8>,
        /// Where to write the document
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Verify a document of evidence, and say what it proves
    #[command(after_help = examples!("unseen-audit evidence verify evidence.json --nonce HEX --key HEX --pcr 7=HEX"))]
    Verify {
        /// The document
        file: PathBuf,
        /// 64 hex digits: what the evidence must be bound to
        #[arg(long, value_name = "HEX")]
        nonce: String,
        /// Whose evidence counts: the digest of a TPM's attestation key, or milan, genoa or turin
        #[arg(long, value_name = "KEY")]
        key: String,
        /// A PCR and the value it must have had; may be given several times
        #[arg(long = "pcr", value_name = "N=HEX")]
        pcrs: Vec<Pcr>,
    },
}

/// `N=HEX`.
#[derive(Clone, Debug)]
pub struct Pcr(u8, String);

impl FromStr for Pcr {
    type Err = Sentence;
    fn from_str(text: &str) -> Result<Pcr, Sentence> {
        let read = || {
            let (pcr, value) = text.split_once('=')?;
            hex::decode::<32>(value)?;
            Some(Pcr(pcr.parse().ok().filter(|pcr| *pcr < 24)?, value.to_owned()))
        };
        read().ok_or_else(|| {
            text!(
                "write a number from 0 to 23, = and 64 lower-case hex digits",
                "请写 0 至 23 的数字、= 和 64 位小写十六进制数字"
            )
            .into()
        })
    }
}

/// Does what was typed.
pub fn evidence(command: &EvidenceCommand, lang: Lang) -> Outcome {
    match command {
        EvidenceCommand::Key { pem } => {
            let text = unseen_durable::read_text(pem).map_err(FileError::at(pem))?;
            let digest = attestation_key_digest(&text)?;
            Ok(Output::new(&AttestationKey { key: digest.clone() }, digest))
        }
        EvidenceCommand::Collect { nonce, attestation_key, pcrs, out } => {
            let options = CollectOptions {
                attestation_key: attestation_key.clone(),
                pcrs: pcrs.iter().copied().collect::<BTreeSet<_>>(),
                event_log: EventLog::Firmware,
                tcti: None,
            };
            let evidence = collect(Provider::Tpm2, &digits(nonce)?, &options)?;
            write_new(out, &evidence.to_bytes()?)?;
            let evidence = out.display().to_string();
            Ok(Output::new(
                &EvidenceCollected { evidence: evidence.clone() },
                facts(lang, &[(text!("Evidence", "证据"), evidence)]),
            ))
        }
        EvidenceCommand::Verify { file, nonce, key, pcrs } => {
            let bytes = unseen_durable::read(file).map_err(FileError::at(file))?;
            let evidence = Evidence::parse(&bytes)?;
            let provider = if hex::decode::<32>(key).is_some() { "tpm2" } else { "sev-snp" }.to_owned();
            let pcrs: BTreeMap<_, _> = pcrs.iter().map(|Pcr(pcr, value)| (pcr.to_string(), value.clone())).collect();
            let rule = EvidenceRule { provider, required: true, key: key.clone(), pcrs, nodes: BTreeMap::new() };
            let expected = expected(&rule).ok_or(text!(
                "--key takes 64 lower-case hex digits, or milan, genoa or turin",
                "--key 须为 64 位小写十六进制数字，或 milan、genoa、turin"
            ))?;
            let proven = verify(&evidence, &digits(nonce)?, &expected)?;
            let mut text = facts(lang, &[(text!("Evidence of the machine", "机器证据"), proven.provider.to_string())]);
            proven.established.iter().for_each(|line| text.push_str(&format!("✓ {}\n", line.to(lang))));
            proven.not_established.iter().for_each(|line| text.push_str(&format!("· {}\n", line.to(lang))));
            let none = proven.provider == Provider::None;
            Ok(Output::new(&proven, text).bad_unless(!none))
        }
    }
}

fn digits(nonce: &str) -> Result<[u8; 32], Text> {
    hex::decode(nonce).ok_or(text!("--nonce takes 64 lower-case hex digits", "--nonce 须为 64 位小写十六进制数字"))
}
