//! The log: read inside the lab, proved, taken outside.

use std::path::Path;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use unseen_ids::{Answer, PublicKey, Role};
use unseen_lab::{LabError, View};
use unseen_policies::about;
use unseen_policies::event::{Event, Record};
use unseen_policies::policy::Policy;
use unseen_texts::Sentence;
use unseen_tlog::dsse::Envelope;

use crate::desk::Desk;
use crate::error::UseCaseError;
use crate::query::Query;

/// List entries.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ListEntries {
    /// From this index on.
    #[serde(default)]
    pub from: u64,
    /// How many at most; no answer has more than 1,000.
    #[serde(default)]
    pub limit: Option<u64>,
}

/// The most entries of an answer.
const PAGE: u64 = 1_000;

/// Show one entry whole.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ShowEntry {
    /// Its index.
    pub entry: u64,
}

/// Show the present checkpoint.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ShowCheckpoint {}

/// Prove that an entry is in the log.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ProveEntry {
    /// Its index.
    pub entry: u64,
}

/// Entries of the log.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Entries {
    /// In their order.
    pub entries: Vec<LogEntry>,
    /// From where on there are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// An entry in a list.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogEntry {
    /// Its index.
    pub entry: u64,
    /// When, by the signer's clock.
    #[schemars(with = "String")]
    pub time: DateTime<Utc>,
    /// Whether that is before the time of the entry before it.
    pub time_goes_back: bool,
    /// What happened, such as `job-approved`.
    pub kind: String,
    /// Who signed it; null: the lab itself.
    pub signer: Option<String>,
    /// What it is about, in a few words and numbers.
    pub about: Sentence,
    /// The roles of a person who was enrolled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub roles: Vec<Role>,
}

/// One entry whole.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EntryShown {
    /// Its index.
    pub entry: u64,
    /// What was signed: `docs/schemas` has a schema for each kind.
    pub statement: Value,
    /// The DSSE envelope.
    pub envelope: Value,
}

/// The signed checkpoint.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckpointShown {
    /// Name of the log.
    pub origin: String,
    /// How many entries it has.
    pub size: u64,
    /// The signed note.
    pub checkpoint: String,
}

/// A proof that an entry is in the log.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EntryProof {
    /// The entry's index.
    pub entry: u64,
    /// The proof (C2SP tlog-proof).
    pub proof: String,
}

/// A bundle was exported.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Exported {
    /// Its folder.
    pub bundle: String,
    /// How many files.
    pub files: usize,
    /// How many entries of the log.
    pub entries: u64,
}

impl Answer for Entries {
    const NAME: &str = "entries/v1";
}
impl Answer for EntryShown {
    const NAME: &str = "entry/v1";
}
impl Answer for CheckpointShown {
    const NAME: &str = "checkpoint/v1";
}
impl Answer for EntryProof {
    const NAME: &str = "entry-proof/v1";
}
impl Answer for Exported {
    const NAME: &str = "export/v1";
}

impl Query for ListEntries {
    type Answer = Entries;

    fn answer(&self, desk: &impl Desk, _: Option<&PublicKey>) -> Result<Entries, UseCaseError> {
        let lab = desk.view()?;
        let (from, size) = (self.from, lab.log().size());
        let to = from.saturating_add(self.limit.unwrap_or(PAGE).clamp(1, PAGE)).min(size);
        let mut rules = None;
        let mut before = match from.checked_sub(1).filter(|last| *last < size) {
            Some(last) => said(&lab, last)?.time,
            None => DateTime::<Utc>::MIN_UTC,
        };
        let mut entries = Vec::new();
        for entry in from..to {
            let bytes = lab.log().entry(entry).map_err(LabError::from)?;
            let record = lab.said(&bytes)?;
            // New rules are told by what they change.
            let about = match &record.event {
                Event::PolicySet(set) => {
                    let old = rules
                        .replace(set.policy.clone())
                        .map_or_else(|| rules_before(&lab, entry), |old| Ok(Some(old)))?;
                    about(&record.event, old.as_ref())
                }
                _ => about(&record.event, None),
            };
            let time_goes_back = record.time < std::mem::replace(&mut before, record.time);
            let roles = match &record.event {
                Event::PersonEnrolled(enrolled) => enrolled.roles.clone(),
                _ => Vec::new(),
            };
            let signer = lab.signer_of(&bytes)?;
            entries.push(LogEntry {
                entry,
                time: record.time,
                time_goes_back,
                kind: record.event.kind().to_owned(),
                signer: lab.ledger().people().get(&signer).map(|person| person.name.clone()),
                about,
                roles,
            });
        }
        Ok(Entries { entries, next: (to < size).then_some(to) })
    }
}

fn said(lab: &View, entry: u64) -> Result<Record, UseCaseError> {
    Ok(lab.said(&lab.log().entry(entry).map_err(LabError::from)?)?)
}

/// The policy that held before an entry.
fn rules_before(lab: &View, entry: u64) -> Result<Option<Policy>, UseCaseError> {
    for earlier in (0..entry).rev() {
        if let Event::PolicySet(set) = said(lab, earlier)?.event {
            return Ok(Some(set.policy));
        }
    }
    Ok(None)
}

impl Query for ShowEntry {
    type Answer = EntryShown;

    fn answer(&self, desk: &impl Desk, _: Option<&PublicKey>) -> Result<EntryShown, UseCaseError> {
        let (lab, entry) = (desk.view()?, self.entry);
        must_exist(&lab, entry)?;
        let bytes = lab.log().entry(entry).map_err(LabError::from)?;
        let not_read = |why: Sentence| UseCaseError::UnreadEntry { entry, why };
        let envelope = serde_json::from_slice(&bytes).map_err(|error| not_read(Sentence::of(&error)))?;
        let opened = Envelope::from_bytes(&bytes).map_err(|error| not_read(Sentence::of(&error)))?;
        let statement =
            serde_json::from_slice(opened.unverified_payload()).map_err(|error| not_read(Sentence::of(&error)))?;
        Ok(EntryShown { entry, statement, envelope })
    }
}

impl Query for ShowCheckpoint {
    type Answer = CheckpointShown;

    fn answer(&self, desk: &impl Desk, _: Option<&PublicKey>) -> Result<CheckpointShown, UseCaseError> {
        let lab = desk.view()?;
        let edge = lab.log().checkpoint();
        Ok(CheckpointShown { origin: edge.origin.clone(), size: edge.size, checkpoint: lab.log().note().to_string() })
    }
}

impl Query for ProveEntry {
    type Answer = EntryProof;

    fn answer(&self, desk: &impl Desk, _: Option<&PublicKey>) -> Result<EntryProof, UseCaseError> {
        let (lab, entry) = (desk.view()?, self.entry);
        must_exist(&lab, entry)?;
        Ok(EntryProof { entry, proof: lab.log().prove_entry(entry).map_err(LabError::from)?.to_string() })
    }
}

/// Copies what an auditor needs into a new folder, with the jobs' components if `modules` says so.
pub fn export(desk: &impl Desk, out: &Path, modules: bool) -> Result<Exported, UseCaseError> {
    let done = desk.view()?.export(out, modules)?;
    Ok(Exported { bundle: out.display().to_string(), files: done.files, entries: done.entries })
}

fn must_exist(lab: &View, entry: u64) -> Result<(), UseCaseError> {
    let size = lab.log().size();
    if entry < size { Ok(()) } else { Err(UseCaseError::NoEntry { entry, size }) }
}
