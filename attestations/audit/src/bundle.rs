//! An exported bundle, verified offline: what an auditor from another organisation does.
//!
//! ```text
//! log.vkey              the log's verifier key (better known from elsewhere)
//! checkpoint            the signed tree head
//! tile/...              entries and hashes, C2SP tlog-tiles
//! blobs/sha256/...      manifests, descriptions, public values, releases
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use chrono::TimeDelta;
use serde::Serialize;
use unseen_core::release::ReleaseBody;
use unseen_log::{LogError, LogReader};
use unseen_policies::event::{Digest, Event, JobId, JobSubmitted, Released, RunStarted};
use unseen_policies::ledger::Ledger;
use unseen_policies::lifecycle::State;
use unseen_policies::manifest::Manifest;
use unseen_policies::plan::Plan;
use unseen_policies::rho::Rho;
use unseen_tlog::note::{Checkpoint, Note, NoteError, NoteKey};

use crate::fold::{Fold, Opened};
use crate::public_values::PublicTables;

/// The file of a bundle that holds the verifier key.
pub const VERIFIER_KEY: &str = "log.vkey";

/// What the auditor brings along.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The log's verifier key, known from elsewhere than the bundle.
    pub log_key: Option<String>,
    /// A checkpoint kept from before, as it was signed.
    pub since: Option<String>,
}

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Name of the log.
    pub origin: String,
    /// The verifier key that was used.
    pub log_key: String,
    /// Whether that key came from elsewhere than the bundle.
    pub key_known: bool,
    /// How many entries there are; all of them were read.
    pub entries: u64,
    /// Root of the tree, hex.
    pub root: String,
    /// Size of the checkpoint kept from before, when one was given and this log extends it.
    pub extends: Option<u64>,
    /// How many entries there are of each kind.
    pub kinds: BTreeMap<String, u64>,
    /// Private datasets and what was spent on them.
    pub budget: Vec<Spent>,
    /// Jobs and how they ended.
    pub jobs: Vec<JobLine>,
    /// Numbers released, each on its grid and with the error its plan states.
    pub numbers: u64,
    /// Everything that should not be. Empty when all is well.
    pub violations: Vec<Violation>,
}

/// One dataset's budget.
#[derive(Clone, Debug, Serialize)]
pub struct Spent {
    /// The dataset.
    pub dataset: String,
    /// Charged so far.
    pub spent: Rho,
    /// The cap in force at the end.
    pub cap: Rho,
}

/// One job.
#[derive(Clone, Debug, Serialize)]
pub struct JobLine {
    /// Its number.
    pub job: String,
    /// Its title.
    pub title: String,
    /// Its author's name.
    pub author: String,
    /// Where it stands.
    pub state: State,
    /// What it costs.
    pub rho: Rho,
    /// Who approved it.
    pub approvers: Vec<String>,
}

/// Something that should not be.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Violation {
    /// The entry.
    pub entry: u64,
    /// What is wrong with it.
    pub what: String,
}

/// Why a bundle cannot be read at all, or is not one history.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// Damage, or another log.
    #[error("{0}")]
    Log(#[from] LogError),
    /// A key or a checkpoint is malformed, or its signature is bad.
    #[error("{what}: {error}")]
    Note {
        /// Which.
        what: &'static str,
        /// How.
        error: NoteError,
    },
    /// A file of the bundle cannot be read.
    #[error("{path} cannot be read: {error}")]
    File {
        /// Which.
        path: String,
        /// Why.
        error: std::io::Error,
    },
}

/// Verifies a bundle. Everything that depends on signatures and the tree is an error; everything that
/// depends on rules is a violation in the report.
pub fn verify(bundle: &Path, known: &Known) -> Result<Report, AuditError> {
    let key_text = match &known.log_key {
        Some(key) => key.clone(),
        None => {
            let path = bundle.join(VERIFIER_KEY);
            std::fs::read_to_string(&path)
                .map_err(|error| AuditError::File { path: path.display().to_string(), error })?
        }
    };
    let key: NoteKey =
        key_text.trim().parse().map_err(|error| AuditError::Note { what: "the log's verifier key", error })?;
    let log = LogReader::open(bundle, &key)?;
    let since = known.since.as_deref().map(|text| kept_checkpoint(text, &key)).transpose()?;
    if let Some(since) = &since {
        log.ensure_extends(since)?;
    }
    let mut audit =
        Audit { log: &log, fold: Fold::default(), kinds: BTreeMap::new(), numbers: 0, violations: Vec::new() };
    for (index, entry) in (0..).zip(log.entries(0)) {
        audit.entry(index, &entry?);
    }
    if audit.fold.ledger().log_key != key.to_string() {
        audit.violation(0, "the log began with another verifier key than the one it is signed with");
    }
    Ok(audit.report(&key, known.log_key.is_some(), since.map(|since| since.size)))
}

fn kept_checkpoint(text: &str, key: &NoteKey) -> Result<Checkpoint, AuditError> {
    let bad = |error| AuditError::Note { what: "the checkpoint kept from before", error };
    let note = Note::parse(text.as_bytes()).map_err(bad)?;
    Checkpoint::open(&note, key).map_err(bad)
}

struct Audit<'l> {
    log: &'l LogReader,
    fold: Fold,
    kinds: BTreeMap<String, u64>,
    numbers: u64,
    violations: Vec<Violation>,
}

impl Audit<'_> {
    fn entry(&mut self, index: u64, bytes: &[u8]) {
        match self.fold.apply(bytes) {
            Ok(opened) => {
                *self.kinds.entry(opened.record.event.kind().to_owned()).or_default() += 1;
                if let Err(what) = self.look_behind(&opened) {
                    self.violation(index, what);
                }
            }
            Err(error) => {
                self.violation(index, error.to_string());
                self.fold.skip();
            }
        }
    }

    /// What the ledger cannot see: whether an entry agrees with the blobs it names.
    fn look_behind(&mut self, opened: &Opened) -> Result<(), String> {
        match &opened.record.event {
            Event::DatasetRegistered(event) => {
                self.blob(&event.description)?;
                event.values.as_ref().map_or(Ok(()), |values| self.blob(values).map(drop))
            }
            Event::JobSubmitted(event) => {
                let (manifest, plan) = self.plan(event)?;
                let says = |same: bool, what: &str| {
                    if same { Ok(()) } else { Err(format!("the submission and its manifest differ in {what}")) }
                };
                says(manifest.job.title == event.title, "the title")?;
                says(manifest.job.release.to_string() == event.release, "the release time")?;
                says(
                    manifest.datasets().into_iter().eq(event.datasets.iter().map(|used| used.name.as_str())),
                    "the datasets",
                )?;
                says(plan.charge.rho == event.rho, "the charge")?;
                says(plan.charge.pure_epsilon.as_ref().map(ToString::to_string) == event.pure_epsilon, "epsilon")
            }
            Event::RunStarted(event) => self.release_time(opened, event),
            Event::Released(event) => self.release(event),
            _ => Ok(()),
        }
    }

    fn release_time(&self, opened: &Opened, event: &RunStarted) -> Result<(), String> {
        /// Between reading the clock and signing.
        const SLACK: TimeDelta = TimeDelta::seconds(60);
        let (manifest, _) = self.plan(&self.submitted(event.job)?)?;
        if event.release_at + SLACK >= manifest.job.release.earliest(opened.record.time) {
            Ok(())
        } else {
            Err("the release time is earlier than the manifest allows".to_owned())
        }
    }

    fn release(&mut self, event: &Released) -> Result<(), String> {
        let (_, plan) = self.plan(&self.submitted(event.job)?)?;
        let body = ReleaseBody::parse(&self.blob(&event.body)?).map_err(|error| error.to_string())?;
        if body.job != event.job || body.run != event.run {
            return Err("the release body is that of another run".to_owned());
        }
        body.check(&plan).map_err(|error| error.to_string())?;
        let outputs = body.rounds.iter().flat_map(|round| &round.outputs);
        self.numbers += outputs.flat_map(|output| &output.groups).map(|group| group.values.len() as u64).sum::<u64>();
        Ok(())
    }

    fn submitted(&self, job: JobId) -> Result<JobSubmitted, String> {
        self.ledger().job(job).map(|job| job.submitted.clone()).map_err(|error| error.to_string())
    }

    fn plan(&self, event: &JobSubmitted) -> Result<(Manifest, Plan), String> {
        let text = String::from_utf8(self.blob(&event.manifest)?).map_err(|_| "the manifest is not text".to_owned())?;
        let manifest = Manifest::parse(&text).map_err(|error| format!("the manifest: {error}"))?;
        let mut tables = PublicTables::default();
        for used in &event.datasets {
            if let Some(values) = &used.values {
                let values = serde_json::from_slice(&self.blob(values)?).map_err(|error| error.to_string())?;
                tables.0.insert(used.name.clone(), values);
            }
        }
        let plan = Plan::new(&manifest, &tables).map_err(|error| format!("the manifest: {error}"))?;
        Ok((manifest, plan))
    }

    fn blob(&self, digest: &Digest) -> Result<Vec<u8>, String> {
        let found =
            self.log.blob(&unseen_tlog::Digest::from_bytes(digest.to_bytes())).map_err(|error| error.to_string())?;
        found.ok_or_else(|| format!("the blob {digest} is not in the bundle"))
    }

    fn ledger(&self) -> &Ledger {
        self.fold.ledger()
    }

    fn violation(&mut self, entry: u64, what: impl Into<String>) {
        self.violations.push(Violation { entry, what: what.into() });
    }

    fn report(self, key: &NoteKey, key_known: bool, extends: Option<u64>) -> Report {
        let ledger = self.fold.ledger();
        let name = |key| ledger.people.get(key).map_or("?".to_owned(), |person| person.name.clone());
        let cap = ledger.policy.as_ref().map_or(Rho::ZERO, |(_, policy)| policy.caps.dataset);
        let private = ledger.datasets.iter().filter(|(_, dataset)| dataset.registered.domain.is_some());
        Report {
            origin: self.log.checkpoint().origin.clone(),
            log_key: key.to_string(),
            key_known,
            entries: self.log.size(),
            root: unseen_tlog::Digest::from_bytes(self.log.checkpoint().root).to_hex(),
            extends,
            kinds: self.kinds,
            budget: private
                .map(|(dataset, found)| Spent { dataset: dataset.clone(), spent: found.spent, cap })
                .collect(),
            jobs: ledger
                .jobs
                .iter()
                .map(|(id, job)| JobLine {
                    job: id.to_string(),
                    title: job.submitted.title.clone(),
                    author: name(&job.author),
                    state: job.state,
                    rho: job.submitted.rho,
                    approvers: job.approvals.iter().map(|(_, key)| name(key)).collect(),
                })
                .collect(),
            numbers: self.numbers,
            violations: self.violations,
        }
    }
}
