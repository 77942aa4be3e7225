//! A receipt: one release in one file, with all that shows that it is the lab's, to be kept for years and checked
//! offline.
//!
//! ```text
//! body     the release as it was opened     -> its digest
//! proof    the entry that announces it      -> names that digest
//!          its inclusion in a checkpoint    -> signed by the log, cosigned by witnesses
//! ```
//! That the lab was entitled to release it, and that its budget had room, only an audit of the whole log shows.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use unseen_entries::sign::unverified;
use unseen_ids::{Digest, JobId};
use unseen_policies::event::Event;
use unseen_policies::release::{CheckError, ReleaseBody};
use unseen_texts::{Say, Sentence, text};
use unseen_tlog::cosignature::WitnessKey;
use unseen_tlog::note::{NoteError, NoteKey};
use unseen_tlog::proof::{EntryProof, EntryProofError};

use crate::report::{Cosigner, Root};

/// What [`Receipt::format`] says.
pub const FORMAT: &str = "unseen-receipt-v1";

/// The file, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Receipt {
    /// [`FORMAT`].
    pub format: String,
    /// The log's verifier key as the lab gives it; better known from elsewhere.
    pub log_key: String,
    /// Verifier keys of the witnesses that the lab's policy named when the receipt was written.
    pub witnesses: Vec<String>,
    /// How many of them the policy asks for.
    pub quorum: u32,
    /// The entry that announces the release, and that the log holds it (C2SP tlog-proof).
    pub proof: String,
    /// The bytes of the release, whose digest the entry names.
    pub body: String,
}

/// What whoever checks a receipt brings along.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The log's verifier key, known from elsewhere.
    pub log_key: Option<NoteKey>,
    /// Witnesses to be trusted instead of those that the receipt names.
    pub witnesses: Vec<WitnessKey>,
    /// How many of those must have cosigned; none asks for all of them.
    pub quorum: Option<usize>,
}

/// What a receipt shows.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Name of the log.
    pub log: String,
    /// The entry of the release.
    pub entry: u64,
    /// When, by the lab's clock.
    pub time: DateTime<Utc>,
    /// Entries of the log that the checkpoint stands for.
    pub entries: u64,
    /// The root of their tree.
    pub root: Root,
    /// The job.
    pub job: JobId,
    /// The digest of the body.
    pub digest: Digest,
    /// The numbers.
    pub body: ReleaseBody,
    /// Witnesses that have cosigned the checkpoint, and when by their clocks.
    pub witnessed: Vec<Cosigner>,
    /// How many of those it names the lab's policy asked for.
    pub quorum: u32,
}

/// Why a receipt shows nothing.
#[derive(Debug, thiserror::Error, Say)]
#[code("receipt")]
pub enum ReceiptError {
    /// It is another file.
    #[error("this is no receipt of a release: {0}")]
    #[zh("这不是发布凭证：{0}")]
    Malformed(Sentence),
    /// A key in it is none.
    #[error("{what}: {error}")]
    #[zh("{what}：{error}")]
    Key {
        /// Which.
        what: unseen_texts::Text,
        /// How.
        error: NoteError,
    },
    /// The log does not hold the entry.
    #[error("{0}")]
    Proof(#[from] EntryProofError),
    /// It proves something else.
    #[error("the entry that it proves announces no release")]
    #[zh("所证明的条目并不是发布条目")]
    NoRelease,
    /// It was signed for another log.
    #[error("the entry was signed for the log {says}, and is in {log}")]
    #[zh("该条目是为日志 {says} 签署的，却在 {log} 中")]
    OtherLog {
        /// The log it says.
        says: String,
        /// The log it is in.
        log: String,
    },
    /// The body was altered, or is another's.
    #[error("the numbers are NOT those that the log names: their digest is {found}, the entry names {named}")]
    #[zh("数字与日志所载不符：其摘要为 {found}，条目所载为 {named}")]
    OtherBody {
        /// What it is.
        found: Digest,
        /// What it should be.
        named: Digest,
    },
    /// The body is not one.
    #[error("{0}")]
    Body(#[from] CheckError),
    /// Too few witnesses.
    #[error("UNWITNESSED: {has} witnesses have cosigned its checkpoint, and {needs} are asked for")]
    #[zh("未经见证：{has} 个见证方联署了其检查点，而要求 {needs} 个")]
    Quorum {
        /// How many have.
        has: usize,
        /// How many must have.
        needs: usize,
    },
}

impl Shown {
    /// Whether as many witnesses have cosigned as the lab's policy asked for.
    pub fn is_witnessed(&self) -> bool {
        self.witnessed.len() >= self.quorum as usize
    }
}

impl Receipt {
    /// Reads a file. Nothing is verified: see [`Receipt::verify`].
    pub fn parse(bytes: &[u8]) -> Result<Receipt, ReceiptError> {
        let receipt: Receipt =
            serde_json::from_slice(bytes).map_err(|error| ReceiptError::Malformed(Sentence::of(&error)))?;
        match receipt.format == FORMAT {
            true => Ok(receipt),
            false => Err(ReceiptError::Malformed(text!("its format is another", "格式不符").into())),
        }
    }

    /// What it shows. The log's key must have signed the checkpoint, the checkpoint must stand for the entry, and the
    /// entry must name this very body.
    pub fn verify(&self, known: &Known) -> Result<Shown, ReceiptError> {
        let key = |what, error| ReceiptError::Key { what, error };
        let own = self.log_key.trim().parse().map_err(|error| key(text!("the log's key", "日志公钥"), error));
        let log: NoteKey = known.log_key.clone().map_or(own, Ok)?;
        let proof = EntryProof::parse(self.proof.as_bytes())?;
        let entry = proof.extra.as_deref().ok_or(ReceiptError::NoRelease)?;
        let checkpoint = proof.verify(&log, entry)?;
        let record = unverified(entry).map_err(|_| ReceiptError::NoRelease)?;
        let Event::Released(released) = record.event else { return Err(ReceiptError::NoRelease) };
        if record.log != checkpoint.origin {
            return Err(ReceiptError::OtherLog { says: record.log, log: checkpoint.origin });
        }
        let digest = Digest::of(self.body.as_bytes());
        if digest != released.body {
            return Err(ReceiptError::OtherBody { found: digest, named: released.body });
        }
        let body = ReleaseBody::parse(self.body.as_bytes())?;
        if (body.job, body.run) != (released.job, released.run) {
            return Err(CheckError::OtherRun.into());
        }
        let witnesses = self.trusted(known)?;
        let seen = |witness: &WitnessKey| {
            let at = witness.verify(&proof.checkpoint).ok()?;
            Some(Cosigner { name: witness.name().to_owned(), at })
        };
        let witnessed: Vec<_> = witnesses.iter().filter_map(seen).collect();
        let needs = known.quorum.unwrap_or(known.witnesses.len());
        if witnessed.len() < needs {
            return Err(ReceiptError::Quorum { has: witnessed.len(), needs });
        }
        Ok(Shown {
            log: checkpoint.origin,
            entry: proof.index,
            time: record.time,
            entries: checkpoint.size,
            root: Root::from(checkpoint.root),
            job: body.job,
            digest,
            body,
            witnessed,
            quorum: self.quorum,
        })
    }

    /// The witnesses that count: those that were brought along, else those that it names; each key once.
    fn trusted(&self, known: &Known) -> Result<Vec<WitnessKey>, ReceiptError> {
        let named = || self.witnesses.iter().map(|key| key.parse()).collect::<Result<Vec<WitnessKey>, _>>();
        let mut trusted = match known.witnesses.is_empty() {
            true => named()
                .map_err(|error| ReceiptError::Key { what: text!("a witness's key", "见证方公钥"), error })?,
            false => known.witnesses.clone(),
        };
        trusted.sort_by_key(|witness| *witness.key());
        trusted.dedup_by_key(|witness| *witness.key());
        Ok(trusted)
    }
}
