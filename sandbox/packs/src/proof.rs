//! Entries of the log with what proves them, so that a pack can be checked without the lab.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use unseen_entries::sign::unverified;
use unseen_policies::event::Record;
use unseen_texts::{Sentence, text};
use unseen_tlog::dsse::Envelope;
use unseen_tlog::note::NoteKey;
use unseen_tlog::proof::EntryProof;
use unseen_usecases::labs::ShowLab;
use unseen_usecases::logs::{ListEntries, LogEntry, ProveEntry};

use crate::Asks;
use crate::archive::Files;
use crate::error::PackError;

/// Where an entry stands, and how that is proved: 存证情况.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recorded {
    /// Its index in the log.
    pub entry: u64,
    /// How many entries the log had when it was proved.
    pub size: u64,
    /// The root of the tree of that many entries, in base64.
    pub root: String,
    /// Whose cosignatures the checkpoint has beside the log's own.
    pub cosigned_by: Vec<String>,
    /// The file with the entry: a DSSE envelope, byte for byte as in the log.
    pub envelope: String,
    /// The file with the proof (C2SP tlog-proof), which has the signed checkpoint in it.
    pub proof: String,
}

/// The log that entries are proved in.
pub(crate) struct Log {
    pub origin: String,
    vkey: String,
    key: NoteKey,
}

impl Log {
    pub fn of<A: Asks>(asks: &A) -> Result<Log, A::Error> {
        let lab = asks.ask(ShowLab {})?;
        let key = lab.log_key.parse().map_err(|why| PackError::Unwritten(Sentence::of(&why)))?;
        Ok(Log { origin: lab.origin, vkey: lab.log_key, key })
    }

    /// An entry with its proof, which holds.
    pub fn prove<A: Asks>(&self, asks: &A, entry: u64) -> Result<Proven, A::Error> {
        let text = asks.ask(ProveEntry { entry })?.proof;
        Ok(self.checked(entry, text).map_err(|why| PackError::Unproven { entry, why })?)
    }

    fn checked(&self, entry: u64, text: String) -> Result<Proven, Sentence> {
        let said = |why: &dyn unseen_texts::Say| Sentence::of(why);
        let proof = EntryProof::parse(text.as_bytes()).map_err(|why| said(&why))?;
        let bytes = proof.extra.clone().unwrap_or_default();
        let checkpoint = proof.verify(&self.key, &bytes).map_err(|why| said(&why))?;
        if proof.index != entry {
            return Err(text!("it is of another entry", "该证明属于别的条目").into());
        }
        let record = unverified(&bytes).map_err(|why| said(&why))?;
        let envelope = Envelope::from_bytes(&bytes).map_err(|why| said(&why))?;
        let key = envelope.key_ids().next().unwrap_or_default().to_owned();
        // The third line of a checkpoint is its root (C2SP tlog-checkpoint).
        let root = proof.checkpoint.text().lines().nth(2).unwrap_or_default().to_owned();
        let names = proof.checkpoint.signatures().iter().map(|line| line.name());
        let mut cosigned_by: Vec<_> = names.filter(|name| *name != self.origin).map(str::to_owned).collect();
        cosigned_by.dedup();
        let (envelope, at) = (format!("log/{entry}.json"), format!("log/{entry}.tlog-proof"));
        let recorded = Recorded { entry, size: checkpoint.size, root, cosigned_by, envelope, proof: at };
        Ok(Proven { recorded, record, key, bytes, text })
    }

    /// What every proof of a pack is checked against, and how.
    pub fn put(&self, files: &mut Files) {
        files.put("log/log.vkey", format!("{}\n", self.vkey));
        files.put("log/README.md", README.replace("VKEY", &self.vkey));
    }
}

/// An entry that is in the log.
pub(crate) struct Proven {
    pub recorded: Recorded,
    /// What it says.
    pub record: Record,
    /// Of its first signature: who signed.
    pub key: String,
    bytes: Vec<u8>,
    text: String,
}

impl Proven {
    pub fn put(&self, files: &mut Files) {
        files.put(&*self.recorded.envelope, self.bytes.clone());
        files.put(&*self.recorded.proof, self.text.clone());
    }

    /// When, as its signer's clock says.
    pub fn time(&self) -> String {
        moment(self.record.time)
    }

    /// What a crate calls whoever signed it.
    pub fn person(&self) -> Value {
        json!({ "@id": format!("#key-{}", self.key) })
    }
}

/// RFC 3339, in whole seconds.
pub(crate) fn moment(time: chrono::DateTime<chrono::Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// An entry as lists have it.
pub(crate) fn listed<A: Asks>(asks: &A, entry: u64) -> Result<Option<LogEntry>, A::Error> {
    Ok(asks.ask(ListEntries { from: entry, limit: Some(1), ..ListEntries::default() })?.entries.pop())
}

const README: &str = "# 核验 · How to check it

每个 `N.json` 是日志中的一个条目（DSSE 信封，逐字节相同），同名的 `N.tlog-proof` 证明它在日志中（C2SP tlog-proof，内含已签名的检查点及见证方的联署）。`log.vkey` 是日志的验证公钥：请从别处获得同一公钥再作比对，不要只信这份文件。

Each `N.json` is an entry of the log, a DSSE envelope byte for byte; the `N.tlog-proof` beside it proves that it is in \
the log (C2SP tlog-proof, with the signed checkpoint and what witnesses added). `log.vkey` is the log's verifier key: \
get the same key from elsewhere and compare, for this file proves nothing about itself.

    unseen-audit proof N.tlog-proof --entry N.json --log-key VKEY
";
