//! The ledger: the log folded into the present state. The lab asks [`Ledger::check`] before it appends an
//! entry, and an auditor runs the same fold over the same entries again.
//!
//! | file | what |
//! |---|---|
//! | this one | the state, and questions to it |
//! | `check` | whether an entry may come next; people, rules |
//! | `datasets` | the same for datasets |
//! | `nodes` | the same for machines that carry out parts of runs |
//! | `jobs` | the same for jobs, and the charge |
//! | `queue` | which approved job runs next |
//! | `put` | what an entry changes, and how it is applied and kept |
//! | `refusal` | why not |

mod check;
mod datasets;
mod jobs;
mod nodes;
mod put;
mod queue;
mod refusal;
#[cfg(test)]
mod tests;

pub use check::{Entry, check_name};
pub use nodes::{Node, is_recipient};
pub use put::{Checked, Nonce, Put};
pub use refusal::{Overtaken, Refusal, span};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use unseen_ids::{Digest, JobId, Keeping, PublicKey, Role};
use unseen_texts::Say;

use crate::bounds::Bounds;
use crate::event::{DatasetRegistered, JobSubmitted, Status};
use crate::lifecycle::State;
use crate::need::Need;
use crate::policy::{EvidenceRule, Policy, Witnesses};
use crate::rho::Rho;

/// Everything the log says, folded. Spent budget is this fold and nothing else.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    origin: String,
    size: u64,
    service_key: Option<PublicKey>,
    noise_commitment: Option<Digest>,
    log_keys: BTreeMap<u64, String>,
    people: BTreeMap<PublicKey, Person>,
    nodes: BTreeMap<PublicKey, Node>,
    policy: Option<InForce>,
    datasets: BTreeMap<String, Dataset>,
    /// The job whose run started last: see [`Run::slot_ends`].
    last_started: Option<JobId>,
    jobs: BTreeMap<JobId, Arc<Job>>,
    /// Privacy loss charged so far to one unit of each unit domain, jobs counted once.
    by_domain: BTreeMap<String, Rho>,
    /// The last day whose access log is on record.
    last_access_log: Option<NaiveDate>,
    nonces: BTreeMap<PublicKey, BTreeSet<Nonce>>,
}

/// The rules in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InForce {
    /// The entry that set them.
    pub entry: u64,
    /// Its leaf hash.
    pub leaf: Digest,
    /// The rules.
    pub policy: Policy,
}

/// Somebody with a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Person {
    /// What they are called.
    pub name: String,
    /// What they may do.
    pub roles: Vec<Role>,
    /// Where their key is kept, if their enrolment says so.
    #[serde(default)]
    pub kept: Option<Keeping>,
    /// The entry that enrolled them.
    pub since: u64,
    /// The entry that revoked the key, if one did.
    pub revoked: Option<u64>,
}

/// A dataset as last registered, and what has been spent on it ever.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dataset {
    /// The last registration.
    pub registered: DatasetRegistered,
    /// Its entry.
    pub entry: u64,
    /// Whether it may be used.
    pub status: Status,
    /// All snapshots that it ever had, oldest first.
    pub snapshots: Vec<Kept>,
    /// Who registered it.
    pub steward: PublicKey,
    /// When, by the steward's clock.
    pub time: DateTime<Utc>,
    /// Privacy loss charged so far, over all snapshots.
    pub spent: Rho,
    /// The same by analyst (name of the person, so that a new key does not start from zero).
    pub spent_by: BTreeMap<String, Rho>,
}

/// A snapshot of a dataset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Its root digest.
    pub snapshot: Digest,
    /// The entry that registered it.
    pub entry: u64,
    /// How many bucket files it has.
    pub buckets: u32,
    /// Whether no run may read it any more, and by which entry.
    pub gone: Option<(Gone, u64)>,
    /// From when on it is kept no longer.
    #[serde(default)]
    pub until: Option<DateTime<Utc>>,
}

/// Why no run may read a snapshot any more. Its text says what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Say)]
pub enum Gone {
    /// Its steward took it back.
    #[en("withdrawn")]
    #[zh("撤回")]
    Withdrawn,
    /// Its keys and files are destroyed.
    #[en("deleted")]
    #[zh("销毁")]
    Deleted,
    /// It was to be kept until now.
    #[en("kept until its time, which is over")]
    #[zh("停用（保留期已满）")]
    Expired,
}

/// A job and where it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The submission.
    pub submitted: JobSubmitted,
    /// Leaf hash of the submission.
    pub leaf: Digest,
    /// When, by the author's clock.
    pub time: DateTime<Utc>,
    /// Whose it is.
    pub author: PublicKey,
    /// Where it stands.
    pub state: State,
    /// When it runs among others: from 1, first, to 9.
    pub priority: u8,
    /// Approvals so far: entry and operator.
    pub approvals: Vec<(u64, PublicKey)>,
    /// The run.
    pub run: Option<Run>,
    /// The last evidence of the machine: its entry and the document.
    pub evidence: Option<(u64, Digest)>,
    /// The release: its entry and body.
    pub release: Option<(u64, Digest)>,
    /// Which nodes computed which parts of it, as a blob.
    #[serde(default)]
    pub receipts: Option<Digest>,
    /// Who has seen the release's entry; none before that is on record.
    pub witnessed: Option<Box<Witnessed>>,
    /// Why it was rejected, withdrawn or failed.
    pub reason: Option<String>,
}

/// A run that was started, and so charged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its entry.
    pub entry: u64,
    /// Leaf hash of that entry.
    pub leaf: Digest,
    /// SHA-256 of its statement, to which evidence of the machine is bound.
    pub statement: Digest,
    /// No earlier than this may the result appear.
    pub release_at: DateTime<Utc>,
    /// Until then the machine is this run's, however soon it is done: no other run may start.
    pub slot_ends: DateTime<Utc>,
    /// What runs it, such as `unseen 0.1.0`.
    pub runtime: String,
    /// SHA-256 of the binary.
    pub runtime_build: Digest,
    /// What evidence of each node is asked for, by the policy in force when it started.
    #[serde(default)]
    pub of_nodes: Option<Box<EvidenceRule>>,
}

/// The cosignatures on a checkpoint that holds a release's entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Witnessed {
    /// The entry that says so.
    pub entry: u64,
    /// The checkpoint, as a blob.
    pub checkpoint: Digest,
    /// Names of the witnesses.
    pub witnesses: Vec<String>,
    /// Whether they were as many as the policy then asked for.
    pub enough: bool,
}

/// Where releases go by schedule, the least time from the start of a run to its result, so that no
/// moment of appearance tells how long a short run took.
pub const RELEASE_DELAY: TimeDelta = TimeDelta::minutes(10);

impl Job {
    /// The priority of a job of which nobody has said anything.
    pub const PRIORITY: u8 = 5;
}

impl Ledger {
    /// Counts an entry that should not be in the log, and changes nothing else: an auditor who found
    /// one goes on with the rest.
    pub fn skip(&mut self) {
        self.size += 1;
    }

    /// Origin of the log; empty before entry 0.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many entries are folded in.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The lab's service key, once there is one.
    pub fn service_key(&self) -> Option<&PublicKey> {
        self.service_key.as_ref()
    }

    /// Commitment to the sealed noise key.
    pub fn noise_commitment(&self) -> Option<&Digest> {
        self.noise_commitment.as_ref()
    }

    /// The verifier keys that sign checkpoints, by the entry that brought each; the last one holds.
    pub fn log_keys(&self) -> &BTreeMap<u64, String> {
        &self.log_keys
    }

    /// The verifier key that signs checkpoints now; empty before entry 0.
    pub fn log_key(&self) -> &str {
        self.log_keys.last_key_value().map_or("", |(_, key)| key)
    }

    /// Everyone ever enrolled, by key.
    pub fn people(&self) -> &BTreeMap<PublicKey, Person> {
        &self.people
    }

    /// The last day whose access log is on record: the next one to be recorded is later.
    pub fn last_access_log(&self) -> Option<NaiveDate> {
        self.last_access_log
    }

    /// Registered datasets by name.
    pub fn datasets(&self) -> &BTreeMap<String, Dataset> {
        &self.datasets
    }

    /// All jobs, oldest first.
    pub fn jobs(&self) -> &BTreeMap<JobId, Arc<Job>> {
        &self.jobs
    }

    /// The same, no longer held here: for whoever has no other question to them.
    pub fn take_jobs(&mut self) -> BTreeMap<JobId, Arc<Job>> {
        std::mem::take(&mut self.jobs)
    }

    /// The rules in force and the entry that set them.
    pub fn in_force(&self) -> Option<&InForce> {
        self.policy.as_ref()
    }

    /// The rules in force.
    pub fn policy(&self) -> Option<&Policy> {
        self.policy.as_ref().map(|in_force| &in_force.policy)
    }

    /// The rule about witnesses in force, if there is one.
    pub fn witnesses(&self) -> Option<&Witnesses> {
        self.policy().and_then(|policy| policy.witnesses.as_ref())
    }

    /// The enrolled, not revoked person behind a key.
    pub fn person(&self, key: &PublicKey) -> Result<&Person, Refusal> {
        let person = self.people.get(key).ok_or(Refusal::NotEnrolled)?;
        match person.revoked {
            Some(entry) => Err(Refusal::Revoked(person.name.clone(), entry)),
            None => Ok(person),
        }
    }

    /// The job with this number.
    pub fn job(&self, id: JobId) -> Result<&Job, Refusal> {
        self.jobs.get(&id).map(Arc::as_ref).ok_or(Refusal::NoSuchJob(id))
    }

    /// Whether a job cannot run any more, for the policy is another than it was submitted under.
    pub fn is_void(&self, job: &Job) -> bool {
        matches!(job.state, State::Submitted | State::Approved) && self.under(job.submitted.policy).is_err()
    }

    /// The dataset of this name.
    pub fn dataset(&self, name: &str) -> Result<&Dataset, Refusal> {
        self.datasets.get(name).ok_or_else(|| Refusal::NoSuchDataset(name.to_owned()))
    }

    /// The earliest moment at which the result of a run that starts at `start` may appear.
    pub fn earliest_release(&self, start: DateTime<Utc>) -> DateTime<Utc> {
        let at_once = self.policy().is_some_and(|policy| policy.release_now);
        if at_once { start } else { after(start, RELEASE_DELAY.num_seconds().unsigned_abs()) }
    }

    /// The earliest moment at which the result of a job of this need may appear, if its run starts at `start`.
    pub fn earliest_release_of(&self, need: Option<Need>, start: DateTime<Utc>) -> DateTime<Utc> {
        self.earliest_release(start).max(self.slot_end(need, start))
    }

    /// When the slot of a run ends that starts at `start`. Where results may appear at once, or the
    /// policy names no machine, a run has no slot.
    pub fn slot_end(&self, need: Option<Need>, start: DateTime<Utc>) -> DateTime<Utc> {
        let slotted = self.policy().is_some_and(|policy| !policy.release_now && policy.machine.is_some());
        match need {
            Some(need) if slotted => after(start, need.seconds),
            _ => start,
        }
    }

    /// The public upper bounds of a registered dataset.
    pub fn bounds(&self, dataset: &str) -> Bounds {
        let registered = self.datasets.get(dataset).map(|dataset| &dataset.registered);
        match registered.map(|registered| (registered.bounds, &registered.domain)) {
            Some((Some(bounds), _)) => bounds,
            Some((None, None)) => Bounds::DEFAULT_REFERENCE,
            Some((None, Some(_))) | None => Bounds::DEFAULT,
        }
    }

    /// What is left for this analyst on this dataset: the smaller of the two caps' remainders.
    pub fn left(&self, dataset: &Dataset, analyst: &str) -> Rho {
        let Some(policy) = self.policy() else { return Rho::ZERO };
        let by_analyst = dataset.spent_by.get(analyst).copied().unwrap_or_default();
        policy.caps.dataset.minus(dataset.spent).min(policy.caps.analyst.minus(by_analyst))
    }

    /// Privacy loss of one unit of `domain` over all its datasets: the sum that the guarantee of
    /// [`crate::plan`] speaks of when a unit is in all of them. Jobs are counted once, however many
    /// of the domain's datasets they read.
    pub fn spent_on_domain(&self, domain: &str) -> Rho {
        self.by_domain.get(domain).copied().unwrap_or_default()
    }

    /// Whether no earlier run has the machine still. The answer comes from public numbers, so what
    /// starts next tells nothing of when the run before it really ended.
    pub fn check_free(&self, time: DateTime<Utc>) -> Result<(), Refusal> {
        let Some(job) = self.last_started else { return Ok(()) };
        match self.job(job)?.run.as_ref().map(|run| run.slot_ends) {
            Some(until) if until > time => Err(Refusal::Busy { job, until }),
            _ => Ok(()),
        }
    }
}

/// `wait` seconds after `time`, or as late as times go.
fn after(time: DateTime<Utc>, wait: u64) -> DateTime<Utc> {
    let wait = i64::try_from(wait).ok().and_then(TimeDelta::try_seconds);
    wait.and_then(|wait| time.checked_add_signed(wait)).unwrap_or(DateTime::<Utc>::MAX_UTC)
}
