//! The log: read inside the lab, proved, taken outside.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use chrono::{DateTime, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use unseen_ids::{Answer, JobId, PublicKey, Role};
use unseen_lab::{LabError, View};
use unseen_policies::about;
use unseen_policies::event::{Event, Record};
use unseen_policies::policy::Policy;
use unseen_policies::text::is_lab;
use unseen_texts::{Sentence, say};
use unseen_tlog::dsse::Envelope;
use unseen_tlog::tile::FULL;

use crate::desk::Desk;
use crate::error::UseCaseError;
use crate::query::Query;
use crate::wire::as_shown;

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
    /// Before this index: the last ones there, instead of the first ones from `from` on.
    #[serde(default)]
    pub before: Option<u64>,
    /// Only of this kind, such as `job-approved`.
    #[serde(default)]
    pub kind: Option<String>,
    /// Only those that this person signed; `lab` for what the lab signed itself, whose names nobody else can have.
    #[serde(default)]
    pub signer: Option<String>,
    /// Only about this job.
    #[serde(default, with = "as_shown::option")]
    #[schemars(with = "Option<String>", regex(pattern = unseen_ids::pattern::JOB))]
    pub job: Option<JobId>,
    /// Only about this dataset: itself, and jobs that read it.
    #[serde(default)]
    pub dataset: Option<String>,
    /// Only from this day on, by the signers' clocks (UTC).
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("format" = "date"))]
    pub since: Option<NaiveDate>,
    /// Only up to this day.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("format" = "date"))]
    pub until: Option<NaiveDate>,
}

/// The most entries of an answer.
const PAGE: u64 = 1_000;
/// The most entries that are read for an answer, where few are wanted.
const MOST_READ: usize = 20_000;

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
    /// From where on there may be more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
    /// Before which index there may be more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<u64>,
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

impl LogEntry {
    /// What it is about, with the roles of whoever was enrolled.
    pub fn says(&self) -> Sentence {
        match self.roles.is_empty() {
            true => self.about.clone(),
            false => say!("{about}: {roles}", "{about}：{roles}", about = self.about, roles = self.roles),
        }
    }
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
        self.check()?;
        let lab = desk.view()?;
        let limit = self.limit.unwrap_or(PAGE).clamp(1, PAGE) as usize;
        let (from, to) = (self.from, self.before.unwrap_or(u64::MAX).min(lab.log().size()));
        let backwards = self.before.is_some();
        let mut seen = Seen::default();
        let mut wanted = Vec::new();
        for walked in walk(&lab, from..to, backwards).take(MOST_READ) {
            let walked = walked?;
            seen.note(&walked);
            if let Some(signer) = self.wants(&lab, &walked)? {
                wanted.push((walked.entry, walked.record, signer));
                if wanted.len() == limit {
                    break;
                }
            }
        }
        let read = seen.times.len() as u64;
        let more = from + read < to;
        if backwards {
            wanted.reverse();
        }
        let listed = wanted.into_iter().map(|(entry, record, signer)| seen.listed(&lab, entry, &record, signer));
        Ok(Entries {
            entries: listed.collect::<Result<_, _>>()?,
            next: (more && !backwards).then_some(from + read),
            earlier: (more && backwards).then(|| to - read),
        })
    }
}

impl ListEntries {
    /// What can find nothing is said, rather than answered with nothing.
    fn check(&self) -> Result<(), UseCaseError> {
        if let Some(kind) = self.kind.as_ref().filter(|kind| !Event::KINDS.contains(&kind.as_str())) {
            return Err(UseCaseError::NoKind { kind: kind.clone() });
        }
        match (self.since, self.until) {
            (Some(since), Some(until)) if since > until => Err(UseCaseError::NoDays { since, until }),
            _ => Ok(()),
        }
    }

    /// Who has signed the entry, none for the lab itself, if it is wanted.
    fn wants(&self, lab: &View, walked: &Walked) -> Result<Option<Option<String>>, UseCaseError> {
        let Walked { entry, bytes, record } = walked;
        let day = record.time.date_naive();
        let in_time = self.since.is_none_or(|since| day >= since) && self.until.is_none_or(|until| day <= until);
        let of_kind = self.kind.as_ref().is_none_or(|kind| kind == record.event.kind());
        if !in_time || !of_kind || !self.concerns(lab, *entry, &record.event) {
            return Ok(None);
        }
        let signer = lab.ledger().people().get(lab.verified(bytes)?.signer()).map(|person| person.name.clone());
        let is_wanted = |wanted: &String| match &signer {
            Some(signer) => wanted == signer,
            None => is_lab(wanted),
        };
        Ok(self.signer.as_ref().is_none_or(is_wanted).then_some(signer))
    }

    /// Whether an entry is about the job and the dataset that are asked for.
    fn concerns(&self, lab: &View, entry: u64, event: &Event) -> bool {
        let job = job_of(entry, event);
        let reads = |name: &str| {
            let job = job.and_then(|job| lab.ledger().job(job).ok());
            job.is_some_and(|job| job.submitted.datasets.iter().any(|used| used.name == name))
        };
        self.job.is_none_or(|wanted| job == Some(wanted))
            && self.dataset.as_deref().is_none_or(|wanted| dataset_of(event) == Some(wanted) || reads(wanted))
    }
}

/// The job that an entry is about.
fn job_of(entry: u64, event: &Event) -> Option<JobId> {
    Some(match event {
        Event::JobSubmitted(_) => JobId(entry),
        Event::JobApproved(said) => said.job,
        Event::JobRejected(said) => said.job,
        Event::JobWithdrawn(said) => said.job,
        Event::JobPrioritized(said) => said.job,
        Event::RunStarted(said) => said.job,
        Event::EvidenceRecorded(said) => said.job,
        Event::Released(said) => said.job,
        Event::ReleaseWitnessed(said) => said.job,
        Event::RunFailed(said) => said.job,
        Event::ReleaseRead(said) => said.job,
        Event::LabCreated(_)
        | Event::PersonEnrolled(_)
        | Event::PersonRevoked(_)
        | Event::NodeEnrolled(_)
        | Event::NodeRevoked(_)
        | Event::PolicySet(_)
        | Event::DatasetRegistered(_)
        | Event::DatasetStatus(_)
        | Event::DatasetDescribed(_)
        | Event::DatasetDeleted(_)
        | Event::LogKeyChanged(_)
        | Event::AccessLogRecorded(_)
        | Event::ConsoleServed(_) => return None,
    })
}

/// The dataset that an entry is about.
fn dataset_of(event: &Event) -> Option<&str> {
    match event {
        Event::DatasetRegistered(said) => Some(&said.name),
        Event::DatasetStatus(said) => Some(&said.name),
        Event::DatasetDescribed(said) => Some(&said.name),
        Event::DatasetDeleted(said) => Some(&said.name),
        _ => None,
    }
}

/// An entry on the way through the log.
struct Walked {
    entry: u64,
    bytes: Vec<u8>,
    record: Record,
}

/// Entries one after another, from either end. Each bundle of the log is read once: whoever asks for one entry of it
/// has all of them read and checked.
fn walk(lab: &View, range: Range<u64>, backwards: bool) -> impl Iterator<Item = Result<Walked, UseCaseError>> {
    const BUNDLE: u64 = FULL as u64;
    let bundles = range.start / BUNDLE..range.end.div_ceil(BUNDLE);
    let count = bundles.end.saturating_sub(bundles.start);
    let at = move |step: u64| if backwards { bundles.end - 1 - step } else { bundles.start + step };
    (0..count).map(at).flat_map(move |bundle| {
        let (first, end) = (range.start.max(bundle * BUNDLE), range.end.min((bundle + 1) * BUNDLE));
        let read = |(entry, bytes): (u64, Result<Vec<u8>, _>)| {
            let bytes = bytes.map_err(LabError::from)?;
            let record = lab.said(&bytes)?;
            Ok(Walked { entry, bytes, record })
        };
        let mut walked: Vec<_> = (first..end).zip(lab.log().entries(first)).map(read).collect();
        if backwards {
            walked.reverse();
        }
        walked
    })
}

/// What was met on the way: times, and rules, by entry.
#[derive(Default)]
struct Seen {
    times: BTreeMap<u64, DateTime<Utc>>,
    rules: BTreeMap<u64, Policy>,
}

impl Seen {
    fn note(&mut self, walked: &Walked) {
        self.times.insert(walked.entry, walked.record.time);
        if let Event::PolicySet(set) = &walked.record.event {
            self.rules.insert(walked.entry, set.policy.clone());
        }
    }

    fn listed(
        &self,
        lab: &View,
        entry: u64,
        record: &Record,
        signer: Option<String>,
    ) -> Result<LogEntry, UseCaseError> {
        // New rules are told by what they change.
        let about = match &record.event {
            Event::PolicySet(_) => about(&record.event, self.rules_before(lab, entry)?.as_ref()),
            _ => about(&record.event, None),
        };
        let roles = match &record.event {
            Event::PersonEnrolled(enrolled) => enrolled.roles.clone(),
            _ => Vec::new(),
        };
        Ok(LogEntry {
            entry,
            time: record.time,
            time_goes_back: self.time_before(lab, entry)?.is_some_and(|before| record.time < before),
            kind: record.event.kind().to_owned(),
            signer,
            about,
            roles,
        })
    }

    /// When the entry before this one was signed.
    fn time_before(&self, lab: &View, entry: u64) -> Result<Option<DateTime<Utc>>, UseCaseError> {
        let Some(before) = entry.checked_sub(1) else { return Ok(None) };
        match self.times.get(&before) {
            Some(time) => Ok(Some(*time)),
            None => walk(lab, before..entry, false).next().map(|walked| Ok(walked?.record.time)).transpose(),
        }
    }

    /// The policy that held before an entry. Only for the earliest one that was met is the log read on.
    fn rules_before(&self, lab: &View, entry: u64) -> Result<Option<Policy>, UseCaseError> {
        if let Some((_, policy)) = self.rules.range(..entry).next_back() {
            return Ok(Some(policy.clone()));
        }
        let first = self.times.first_key_value().map_or(entry, |(first, _)| *first);
        for walked in walk(lab, 0..first.min(entry), true) {
            if let Event::PolicySet(set) = walked?.record.event {
                return Ok(Some(set.policy));
            }
        }
        Ok(None)
    }
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
        Ok(EntryProof { entry, proof: lab.prove_entry(entry)?.to_string() })
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
