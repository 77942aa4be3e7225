//! The ledger: the log folded into the present state. The lab asks [`Ledger::check`] before it
//! appends an entry, and an auditor runs the same fold over the same entries again.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::bounds::Bounds;
use crate::event::*;
use crate::lifecycle::{State, Who};
use crate::manifest::Release;
use crate::policy::{Policy, Witnesses};
use crate::rho::Rho;
use crate::text::hides;
use unseen_ids::{Digest, JobId, PublicKey, Role};

/// Everything the log says, folded. Spent budget is this fold and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// Origin of the log; empty before entry 0.
    pub origin: String,
    /// How many entries are folded in.
    pub size: u64,
    /// The lab's service key, once there is one.
    pub service_key: Option<PublicKey>,
    /// The verifier keys that sign checkpoints, each with the entry that brought it; the last one holds.
    pub log_keys: Vec<(u64, String)>,
    /// Commitment to the sealed noise key.
    pub noise_commitment: Option<Digest>,
    /// Everyone ever enrolled, by key.
    pub people: BTreeMap<PublicKey, Person>,
    /// The rules in force and the entry that set them.
    pub policy: Option<InForce>,
    /// Registered datasets by name.
    pub datasets: BTreeMap<String, Dataset>,
    /// The job whose run started last: see [`Run::slot_ends`].
    last_started: Option<JobId>,
    /// All jobs. In boxes, since the nodes of a map that grows at its end are half empty.
    #[serde(with = "as_pairs")]
    pub jobs: BTreeMap<JobId, Box<Job>>,
    /// Privacy loss charged so far to one unit of each unit domain, jobs counted once.
    by_domain: BTreeMap<String, Rho>,
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
    /// Who registered it.
    pub steward: PublicKey,
    /// When, by the steward's clock.
    pub time: DateTime<Utc>,
    /// Privacy loss charged so far, over all snapshots.
    pub spent: Rho,
    /// The same by analyst (name of the person, so that a new key does not start anew).
    pub spent_by: BTreeMap<String, Rho>,
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
    /// Approvals so far: entry and operator.
    pub approvals: Vec<(u64, PublicKey)>,
    /// The run.
    pub run: Option<Run>,
    /// The last evidence of the machine: its entry and the document.
    pub evidence: Option<(u64, Digest)>,
    /// The release: its entry and body.
    pub release: Option<(u64, Digest)>,
    /// Who has seen the release's entry; none before that is on record.
    pub witnessed: Option<Witnessed>,
    /// Why it was rejected or failed.
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

/// Why an entry may not be appended. Each text is fit for the person who asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[allow(missing_docs)]
pub enum Refusal {
    #[error("the first entry of a log must create the lab, and no later one may")]
    NotTheBeginning,
    #[error("the entry was signed for the log `{0}`, not for `{1}`")]
    OtherLog(String, String),
    #[error("the signer's key is not enrolled in this lab: ask an operator to enrol it")]
    NotEnrolled,
    #[error("the key of {0} was revoked by entry {1}: ask an operator to enrol a new one")]
    Revoked(String, u64),
    #[error("{name} is not {role}: ask an operator to enrol a key with that role")]
    WrongRole { name: String, role: &'static str },
    #[error("only the lab itself may record this")]
    NotTheLab,
    #[error("this envelope is in the log already: sign a new one")]
    Replayed,
    #[error("a nonce must be 32 lower-case hex digits")]
    BadNonce,
    #[error("the name `{0}` is taken by an enrolled person: choose another, or revoke the old key first")]
    NameTaken(String),
    #[error("this key is in the log already: make a new one with `unseen key new`")]
    KeyTaken,
    #[error("`{0}` is not a name: use 1 to 64 characters without control characters or surrounding spaces")]
    BadName(String),
    #[error("a person needs at least one role, and each only once")]
    BadRoles,
    #[error("nobody enrolled has the name or key `{0}`: see `unseen person list`")]
    NoSuchPerson(String),
    #[error("{0} is the last operator: enrol another one before this key is revoked")]
    LastOperator(String),
    #[error("the policy cannot stand: {0}")]
    BadPolicy(String),
    #[error("the dataset `{0}` is not registered: see `unseen dataset list`")]
    NoSuchDataset(String),
    #[error(
        "the dataset `{name}` was registered with {was}, so it cannot change to {now}: register it under another name"
    )]
    DatasetChanged { name: String, was: String, now: String },
    #[error("datasets of the unit domain `{domain}` have {has} buckets, not {not}: import with the same number")]
    OtherBuckets { domain: String, has: u32, not: u32 },
    #[error(
        "the job names another snapshot or description of `{0}` than the one registered now: check and submit again"
    )]
    OtherSnapshot(String),
    #[error("`{0}` is not open to {1}: ask its steward")]
    NotOpen(String, String),
    #[error("a job must read at least one private dataset")]
    NothingPrivate,
    #[error("`{0}` is named twice")]
    NamedTwice(String),
    #[error("the job joins the unit domains `{0}` and `{1}`: one job reads datasets of one unit domain only")]
    TwoDomains(String, String),
    #[error("the policy changed since the job was checked: check and submit again")]
    OtherPolicy,
    #[error("a job must spend something: its charge is zero")]
    NoCharge,
    #[error("the job costs {cost} rho, over the cap of {cap} rho for one job: lower its budget")]
    OverJobCap { cost: Rho, cap: Rho },
    #[error("the job costs {cost} rho, but only {left} rho of the budget of `{dataset}` is left")]
    OverDatasetCap { dataset: String, cost: Rho, left: Rho },
    #[error("the job costs {cost} rho, but {analyst} has only {left} rho left on `{dataset}`")]
    OverAnalystCap { dataset: String, analyst: String, cost: Rho, left: Rho },
    #[error(
        "the job costs {cost} rho, but only {left} rho is left of what one unit of `{domain}` may lose in all datasets"
    )]
    OverDomainCap { domain: String, cost: Rho, left: Rho },
    #[error("this lab releases on schedule only: give the job a release time, such as release = \"+1h\"")]
    ReleaseNow,
    #[error("there is no job {0}: see `unseen job list`")]
    NoSuchJob(JobId),
    #[error("job {job} is {state}, so `{event}` cannot follow: see `unseen job show {job}`")]
    WrongState { job: JobId, state: &'static str, event: &'static str },
    #[error("{0} wrote this job: its author never counts among its approvers")]
    Author(String),
    #[error("{0} has approved this job already: another operator is needed")]
    ApprovedTwice(String),
    #[error("what was approved is not what was submitted as job {0}: look at the job again")]
    OtherSubmission(JobId),
    #[error("the approval was given in the role of {0}: only an operator's counts")]
    OtherRole(&'static str),
    #[error("the approver saw a log of {seen} entries, which cannot hold job {job} or is longer than this log")]
    OtherLogSeen { job: JobId, seen: u64 },
    #[error("the run names other inputs, or another policy, than job {0} was approved with")]
    OtherInputs(JobId),
    #[error("the policy asks for evidence of the machine, and the run of job {0} has none on record")]
    NoEvidence(JobId),
    #[error("the policy asks for no evidence of the machine")]
    NoEvidenceRule,
    #[error("the policy names no witnesses, so nothing is witnessed")]
    NoWitnesses,
    #[error("`{0}` is not a witness of this lab, or is named twice")]
    OtherWitness(String),
    #[error("only {has} of the {needs} witnesses that the policy asks for have cosigned: try again when they answer")]
    TooFewWitnesses { has: u32, needs: u32 },
    #[error("that the release of job {0} was witnessed is on record already")]
    WitnessedAlready(JobId),
    #[error("the release of job {0} is not witnessed yet: try again when the witnesses answer")]
    NotWitnessed(JobId),
    #[error("`{0}` is not a new verifier key of this log: it needs the log's name and another key")]
    BadLogKey(String),
    #[error("the run does not stand on the approvals of job {0}")]
    OtherApprovals(JobId),
    #[error("the run does not charge what job {0} costs")]
    OtherCharge(JobId),
    #[error("the entry names another run or release than that of job {0}")]
    OtherRun(JobId),
    #[error("job {job} may not appear before {at}")]
    TooEarly { job: JobId, at: DateTime<Utc> },
    #[error(
        "this lab releases on schedule only: a result appears no sooner than ten minutes after its run starts, and not before the run's slot ends"
    )]
    TooSoon,
    #[error(
        "the submission does not say what the job may need at most, or says it where the policy names no machine: check and submit again"
    )]
    OtherNeed,
    #[error(
        "the job may need {needs} MiB of memory, but a run may have {has} MiB here: lower `limits.memory`, or read fewer or narrower columns"
    )]
    TooLarge { needs: u64, has: u64 },
    #[error("the run may take {needs}, but its result would appear after {has}: lower `limits.fuel` or `limits.memory` (`unseen job try` proposes a limit), choose a later release, or ask the steward for closer bounds on the datasets", needs = span(*needs), has = span(*has))]
    TooLong { needs: u64, has: u64 },
    #[error("the slot of {job} lasts until {until}: a run may start then")]
    Busy { job: JobId, until: DateTime<Utc> },
}

/// Where releases go by schedule, the least time from the start of a run to its result, so that no
/// moment of appearance tells how long a short run took.
pub const RELEASE_DELAY: TimeDelta = TimeDelta::minutes(10);

/// Seconds as people say them: `2 d 3 h`, `45 s`.
pub fn span(seconds: u64) -> String {
    let parts = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let shown: Vec<String> = parts
        .iter()
        .skip_while(|(count, _)| *count == 0)
        .take(2)
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect();
    if shown.is_empty() { "0 s".to_owned() } else { shown.join(" ") }
}

impl Ledger {
    /// Whether `signer` may append `record` now. `leaf` plays no part in the answer. Changes nothing.
    pub fn check(&self, signer: &PublicKey, record: &Record) -> Result<(), Refusal> {
        let event = &record.event;
        if matches!(event, Event::LabCreated(_)) != (self.size == 0) {
            return Err(Refusal::NotTheBeginning);
        }
        let nonce = Nonce::parse(&record.nonce)?;
        if let Event::LabCreated(lab) = event {
            return check_created(signer, &record.log, lab);
        }
        if record.log != self.origin {
            return Err(Refusal::OtherLog(record.log.clone(), self.origin.clone()));
        }
        if self.nonces.get(signer).is_some_and(|used| used.contains(&nonce)) {
            return Err(Refusal::Replayed);
        }
        match event {
            Event::LabCreated(_) => Err(Refusal::NotTheBeginning),
            Event::PersonEnrolled(e) => {
                self.must(signer, Who::Person(Role::Operator)).and_then(|()| self.check_enrolled(e))
            }
            Event::PersonRevoked(e) => {
                self.must(signer, Who::Person(Role::Operator)).and_then(|()| self.check_revoked(e))
            }
            Event::PolicySet(e) => {
                self.must(signer, Who::Person(Role::Operator))?;
                e.policy.check().map_err(Refusal::BadPolicy)
            }
            Event::DatasetRegistered(e) => {
                self.must(signer, Who::Person(Role::Steward)).and_then(|()| self.check_dataset(e))
            }
            Event::JobSubmitted(e) => {
                self.must(signer, Who::Person(Role::Analyst))?;
                self.check_submitted(signer, e)?;
                self.check_need(record.time, e)
            }
            Event::JobApproved(e) => self.check_approved(signer, e),
            Event::JobRejected(e) => self.step(signer, e.job, event).map(drop),
            Event::RunStarted(e) => self.check_started(signer, record.time, e),
            Event::EvidenceRecorded(e) => self.check_evidence(signer, e),
            Event::Released(e) => self.check_released(signer, record.time, e),
            Event::ReleaseWitnessed(e) => self.check_witnessed(signer, e),
            Event::LogKeyChanged(e) => {
                self.must(signer, Who::Person(Role::Operator)).and_then(|()| self.check_log_key(e))
            }
            Event::RunFailed(e) => on_time(self.step(signer, e.job, event)?, e.job, e.run, record.time),
            Event::ReleaseRead(e) => {
                let job = self.step(signer, e.job, event)?;
                if job.release.is_none_or(|(entry, _)| entry != e.release) {
                    return Err(Refusal::OtherRun(e.job));
                }
                let open = self.witnesses().is_none() || job.witnessed.is_some();
                if open { Ok(()) } else { Err(Refusal::NotWitnessed(e.job)) }
            }
        }
    }

    /// Folds one more entry in, after [`Ledger::check`]. `leaf` is the entry's RFC 6962 leaf hash,
    /// `statement` the SHA-256 of the statement in its envelope. On a refusal nothing has changed.
    pub fn apply(
        &mut self,
        signer: &PublicKey,
        record: &Record,
        leaf: &Digest,
        statement: &Digest,
    ) -> Result<(), Refusal> {
        self.check(signer, record)?;
        let (entry, nonce) = (self.size, Nonce::parse(&record.nonce)?);
        self.nonces.entry(*signer).or_default().insert(nonce);
        match &record.event {
            Event::LabCreated(e) => {
                self.origin = record.log.clone();
                self.service_key = Some(e.service_key);
                self.log_keys = vec![(entry, e.log_key.clone())];
                self.noise_commitment = Some(e.noise_commitment);
                self.enrol(e.owner_key, e.owner.clone(), vec![Role::Operator]);
            }
            Event::PersonEnrolled(e) => self.enrol(e.key, e.name.clone(), e.roles.clone()),
            Event::PersonRevoked(e) => {
                if let Some(person) = self.people.get_mut(&e.key) {
                    person.revoked = Some(entry);
                }
            }
            Event::PolicySet(e) => {
                self.policy = Some(InForce { entry, leaf: *leaf, policy: e.policy.clone() });
            }
            Event::DatasetRegistered(e) => {
                let (spent, spent_by) =
                    self.datasets.remove(&e.name).map(|old| (old.spent, old.spent_by)).unwrap_or_default();
                let dataset =
                    Dataset { registered: e.clone(), entry, steward: *signer, time: record.time, spent, spent_by };
                self.datasets.insert(e.name.clone(), dataset);
            }
            Event::JobSubmitted(e) => {
                let job = Job {
                    submitted: e.clone(),
                    leaf: *leaf,
                    time: record.time,
                    author: *signer,
                    state: State::Submitted,
                    approvals: Vec::new(),
                    run: None,
                    evidence: None,
                    release: None,
                    witnessed: None,
                    reason: None,
                };
                self.jobs.insert(JobId(entry), Box::new(job));
            }
            Event::JobApproved(e) => {
                let needed = self.policy().map_or(u32::MAX, |policy| policy.approvals);
                if let Some(job) = self.jobs.get_mut(&e.job) {
                    job.approvals.push((entry, *signer));
                    if job.approvals.len() >= needed as usize {
                        job.state = State::Approved;
                    }
                }
            }
            Event::JobRejected(e) => self.end(e.job, State::Rejected, &e.reason),
            Event::RunStarted(e) => self.charge((entry, record.time), leaf, statement, e),
            Event::Released(e) => {
                if let Some(job) = self.jobs.get_mut(&e.job) {
                    job.state = State::Released;
                    job.release = Some((entry, e.body));
                }
            }
            Event::EvidenceRecorded(e) => {
                if let Some(job) = self.jobs.get_mut(&e.job) {
                    job.evidence = Some((entry, e.evidence));
                }
            }
            Event::ReleaseWitnessed(e) => {
                let quorum = self.witnesses().map_or(u32::MAX, |rule| rule.quorum);
                if let Some(job) = self.jobs.get_mut(&e.job) {
                    let (checkpoint, witnesses) = (e.checkpoint, e.witnesses.clone());
                    let enough = witnesses.len() >= quorum as usize;
                    job.witnessed = Some(Witnessed { entry, checkpoint, witnesses, enough });
                }
            }
            Event::LogKeyChanged(e) => self.log_keys.push((entry, e.log_key.clone())),
            Event::RunFailed(e) => self.end(e.job, State::Failed, &e.reason),
            Event::ReleaseRead(_) => {}
        }
        self.size += 1;
        Ok(())
    }

    /// Counts an entry that should not be in the log, and changes nothing else: an auditor who found
    /// one goes on with the rest.
    pub fn skip(&mut self) {
        self.size += 1;
    }

    /// The verifier key that signs checkpoints now; empty before entry 0.
    pub fn log_key(&self) -> &str {
        self.log_keys.last().map_or("", |(_, key)| key)
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
        self.jobs.get(&id).map(Box::as_ref).ok_or(Refusal::NoSuchJob(id))
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

    /// The earliest moment at which the result of this job may appear, if its run starts at `start`.
    pub fn earliest_release_of(&self, job: &JobSubmitted, start: DateTime<Utc>) -> DateTime<Utc> {
        self.earliest_release(start).max(self.slot_end(job, start))
    }

    /// When the slot of a run ends that starts at `start`. Where results may appear at once, or the
    /// policy names no machine, a run has no slot.
    fn slot_end(&self, job: &JobSubmitted, start: DateTime<Utc>) -> DateTime<Utc> {
        let slotted = self.policy().is_some_and(|policy| !policy.release_now && policy.machine.is_some());
        match job.need {
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

    fn must(&self, signer: &PublicKey, who: Who) -> Result<(), Refusal> {
        let role = match who {
            Who::Lab if self.service_key.as_ref() == Some(signer) => return Ok(()),
            Who::Lab => return Err(Refusal::NotTheLab),
            Who::Anyone => return self.person(signer).map(drop),
            Who::Person(role) | Who::NotAuthor(role) => role,
        };
        let person = self.person(signer)?;
        if person.roles.contains(&role) {
            return Ok(());
        }
        let role = match role {
            Role::Steward => "a steward",
            Role::Analyst => "an analyst",
            Role::Operator => "an operator",
            Role::Auditor => "an auditor",
        };
        Err(Refusal::WrongRole { name: person.name.clone(), role })
    }

    /// The job, if `event` may happen to it now and `signer` may cause it.
    fn step(&self, signer: &PublicKey, id: JobId, event: &Event) -> Result<&Job, Refusal> {
        let job = self.job(id)?;
        let arrow = job.state.on(event.kind()).ok_or(Refusal::WrongState {
            job: id,
            state: job.state.name(),
            event: event.kind(),
        })?;
        self.must(signer, arrow.who)?;
        if matches!(arrow.who, Who::NotAuthor(_)) && self.same_person(signer, &job.author) {
            return Err(Refusal::Author(self.person(signer)?.name.clone()));
        }
        Ok(job)
    }

    /// Whether two keys belong to one name: a new key does not make a new person.
    fn same_person(&self, one: &PublicKey, other: &PublicKey) -> bool {
        one == other || matches!((self.people.get(one), self.people.get(other)), (Some(a), Some(b)) if a.name == b.name)
    }

    fn check_enrolled(&self, e: &PersonEnrolled) -> Result<(), Refusal> {
        check_name(&e.name)?;
        if e.roles.is_empty() || e.roles.iter().collect::<BTreeSet<_>>().len() != e.roles.len() {
            return Err(Refusal::BadRoles);
        }
        if self.people.contains_key(&e.key) || self.service_key.as_ref() == Some(&e.key) {
            return Err(Refusal::KeyTaken);
        }
        let taken = self.people.values().any(|person| person.name == e.name && person.revoked.is_none());
        if taken { Err(Refusal::NameTaken(e.name.clone())) } else { Ok(()) }
    }

    fn check_revoked(&self, e: &PersonRevoked) -> Result<(), Refusal> {
        let person = self.people.get(&e.key).ok_or_else(|| Refusal::NoSuchPerson(e.key.short().to_owned()))?;
        if let Some(entry) = person.revoked {
            return Err(Refusal::Revoked(person.name.clone(), entry));
        }
        let operates = |person: &Person| person.revoked.is_none() && person.roles.contains(&Role::Operator);
        let others = self.people.iter().any(|(key, person)| *key != e.key && operates(person));
        if operates(person) && !others { Err(Refusal::LastOperator(person.name.clone())) } else { Ok(()) }
    }

    fn check_dataset(&self, e: &DatasetRegistered) -> Result<(), Refusal> {
        check_name(&e.name)?;
        let kind = |domain: &Option<String>| {
            domain.as_ref().map_or("no unit".to_owned(), |d| format!("the unit domain `{d}`"))
        };
        if let Some(old) = self.datasets.get(&e.name)
            && old.registered.domain != e.domain
        {
            let (was, now) = (kind(&old.registered.domain), kind(&e.domain));
            return Err(Refusal::DatasetChanged { name: e.name.clone(), was, now });
        }
        let Some(domain) = &e.domain else { return Ok(()) };
        let mut others = self.datasets.values().map(|dataset| &dataset.registered).filter(|other| other.name != e.name);
        match others.find(|other| other.domain.as_ref() == Some(domain) && other.buckets != e.buckets) {
            Some(other) => Err(Refusal::OtherBuckets { domain: domain.clone(), has: other.buckets, not: e.buckets }),
            None => Ok(()),
        }
    }

    fn check_submitted(&self, signer: &PublicKey, e: &JobSubmitted) -> Result<(), Refusal> {
        let InForce { entry, policy, .. } = self.policy.as_ref().ok_or(Refusal::OtherPolicy)?;
        if e.policy != *entry {
            return Err(Refusal::OtherPolicy);
        }
        if e.release == "now" && !policy.release_now {
            return Err(Refusal::ReleaseNow);
        }
        let author = &self.person(signer)?.name;
        let (mut names, mut domain) = (BTreeSet::new(), None::<&String>);
        for used in &e.datasets {
            let dataset = &self.dataset(&used.name)?.registered;
            if !names.insert(&used.name) {
                return Err(Refusal::NamedTwice(used.name.clone()));
            }
            let registered = (&dataset.snapshot, &dataset.description, &dataset.values);
            if registered != (&used.snapshot, &used.description, &used.values) {
                return Err(Refusal::OtherSnapshot(used.name.clone()));
            }
            if !dataset.open_to.is_empty() && !dataset.open_to.contains(author) {
                return Err(Refusal::NotOpen(used.name.clone(), author.clone()));
            }
            match (&domain, &dataset.domain) {
                (Some(one), Some(other)) if *one != other => {
                    return Err(Refusal::TwoDomains(one.to_string(), other.clone()));
                }
                (None, Some(other)) => domain = Some(other),
                _ => {}
            }
        }
        if domain.is_none() {
            return Err(Refusal::NothingPrivate);
        }
        self.check_caps(policy, e, author)
    }

    /// Whether the job fits the machine and its slot, by public numbers. That it needs what it says is
    /// checked against its manifest, by the lab and by auditors.
    fn check_need(&self, time: DateTime<Utc>, e: &JobSubmitted) -> Result<(), Refusal> {
        let policy = self.policy().ok_or(Refusal::OtherPolicy)?;
        let (machine, need) = match (&policy.machine, e.need) {
            (None, None) => return Ok(()),
            (Some(machine), Some(need)) => (machine, need),
            _ => return Err(Refusal::OtherNeed),
        };
        if need.memory > machine.memory {
            return Err(Refusal::TooLarge { needs: need.memory.div_ceil(1 << 20), has: machine.memory >> 20 });
        }
        if policy.release_now {
            return Ok(());
        }
        let has = match e.release.parse().map_err(|_| Refusal::ReleaseNow)? {
            Release::Now => 0,
            Release::After(delay) => delay.as_secs(),
            // A time gone by asks for the earliest that the rules allow.
            Release::At(at) => u64::try_from((at.to_utc() - time).num_seconds()).unwrap_or(u64::MAX),
        };
        if need.seconds > has { Err(Refusal::TooLong { needs: need.seconds, has }) } else { Ok(()) }
    }

    fn check_caps(&self, policy: &Policy, e: &JobSubmitted, author: &str) -> Result<(), Refusal> {
        if e.rho == Rho::ZERO {
            return Err(Refusal::NoCharge);
        }
        if e.rho > policy.caps.job {
            return Err(Refusal::OverJobCap { cost: e.rho, cap: policy.caps.job });
        }
        for used in &e.datasets {
            let dataset = self.dataset(&used.name)?;
            let Some(domain) = &dataset.registered.domain else { continue };
            if let Some(cap) = policy.caps.domain {
                let left = cap.minus(self.spent_on_domain(domain));
                if e.rho > left {
                    return Err(Refusal::OverDomainCap { domain: domain.clone(), cost: e.rho, left });
                }
            }
            let left = policy.caps.dataset.minus(dataset.spent);
            if e.rho > left {
                return Err(Refusal::OverDatasetCap { dataset: used.name.clone(), cost: e.rho, left });
            }
            let left = policy.caps.analyst.minus(dataset.spent_by.get(author).copied().unwrap_or_default());
            if e.rho > left {
                let (dataset, analyst) = (used.name.clone(), author.to_owned());
                return Err(Refusal::OverAnalystCap { dataset, analyst, cost: e.rho, left });
            }
        }
        Ok(())
    }

    fn check_approved(&self, signer: &PublicKey, e: &JobApproved) -> Result<(), Refusal> {
        let name = &self.person(signer)?.name;
        if self.job(e.job)?.approvals.iter().any(|(_, by)| self.same_person(by, signer)) {
            return Err(Refusal::ApprovedTwice(name.clone()));
        }
        let job = self.step(signer, e.job, &Event::JobApproved(e.clone()))?;
        if e.role != Role::Operator {
            return Err(Refusal::OtherRole(e.role.name()));
        }
        if e.seen.size <= e.job.0 || e.seen.size > self.size {
            return Err(Refusal::OtherLogSeen { job: e.job, seen: e.seen.size });
        }
        let same = e.submission == job.leaf && e.manifest == job.submitted.manifest && e.module == job.submitted.module;
        if same { Ok(()) } else { Err(Refusal::OtherSubmission(e.job)) }
    }

    fn check_started(&self, signer: &PublicKey, time: DateTime<Utc>, e: &RunStarted) -> Result<(), Refusal> {
        let job = self.step(signer, e.job, &Event::RunStarted(e.clone()))?;
        let InForce { entry, leaf, policy } = self.policy.as_ref().ok_or(Refusal::OtherPolicy)?;
        if job.submitted.policy != *entry {
            return Err(Refusal::OtherPolicy);
        }
        if e.submission != job.leaf {
            return Err(Refusal::OtherSubmission(e.job));
        }
        if e.approvals != job.approvals.iter().map(|(entry, _)| *entry).collect::<Vec<_>>() {
            return Err(Refusal::OtherApprovals(e.job));
        }
        if e.rho != job.submitted.rho {
            return Err(Refusal::OtherCharge(e.job));
        }
        let read = job.submitted.datasets.iter().map(|used| (&used.name, &used.snapshot));
        let same = (e.manifest, e.module) == (job.submitted.manifest, job.submitted.module)
            && (e.policy, e.policy_leaf) == (*entry, *leaf)
            && e.snapshots.iter().map(|used| (&used.name, &used.snapshot)).eq(read);
        if !same {
            return Err(Refusal::OtherInputs(e.job));
        }
        // The starter read the clock a moment before signing.
        if after(e.release_at, 60) < self.earliest_release_of(&job.submitted, time) {
            return Err(Refusal::TooSoon);
        }
        self.check_free(time)?;
        let author = self.person(&job.author)?;
        self.check_caps(policy, &job.submitted, &author.name)
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

    fn check_evidence(&self, signer: &PublicKey, e: &EvidenceRecorded) -> Result<(), Refusal> {
        let job = self.step(signer, e.job, &Event::EvidenceRecorded(e.clone()))?;
        if self.policy().is_none_or(|policy| policy.evidence.is_none()) {
            return Err(Refusal::NoEvidenceRule);
        }
        if job.run.as_ref().is_some_and(|run| run.entry == e.run) { Ok(()) } else { Err(Refusal::OtherRun(e.job)) }
    }

    fn check_released(&self, signer: &PublicKey, time: DateTime<Utc>, e: &Released) -> Result<(), Refusal> {
        let job = self.step(signer, e.job, &Event::Released(e.clone()))?;
        on_time(job, e.job, e.run, time)?;
        if job.run.as_ref().is_none_or(|run| run.leaf != e.run_leaf) {
            return Err(Refusal::OtherRun(e.job));
        }
        if !job.approvals.iter().map(|(entry, _)| entry).eq(&e.approvals) {
            return Err(Refusal::OtherApprovals(e.job));
        }
        let evidence = self.policy().and_then(|policy| policy.evidence.as_ref());
        let lacks = evidence.is_some_and(|rule| rule.required) && job.evidence.is_none();
        if lacks { Err(Refusal::NoEvidence(e.job)) } else { Ok(()) }
    }

    fn check_witnessed(&self, signer: &PublicKey, e: &ReleaseWitnessed) -> Result<(), Refusal> {
        let job = self.step(signer, e.job, &Event::ReleaseWitnessed(e.clone()))?;
        if job.release.is_none_or(|(entry, _)| entry != e.release) {
            return Err(Refusal::OtherRun(e.job));
        }
        if job.witnessed.as_ref().is_some_and(|witnessed| witnessed.enough) {
            return Err(Refusal::WitnessedAlready(e.job));
        }
        let rule = self.witnesses().ok_or(Refusal::NoWitnesses)?;
        let mut counted = BTreeSet::new();
        for name in &e.witnesses {
            if !rule.witness.iter().any(|witness| witness.name() == name) || !counted.insert(name) {
                return Err(Refusal::OtherWitness(name.clone()));
            }
        }
        let (has, needs) = (counted.len() as u32, rule.quorum);
        if rule.required && has < needs { Err(Refusal::TooFewWitnesses { has, needs }) } else { Ok(()) }
    }

    fn check_log_key(&self, e: &LogKeyChanged) -> Result<(), Refusal> {
        if self.log_keys.iter().any(|(_, key)| *key == e.log_key) {
            return Err(Refusal::BadLogKey(e.log_key.clone()));
        }
        check_named_as(&self.origin, &e.log_key)
    }

    fn enrol(&mut self, key: PublicKey, name: String, roles: Vec<Role>) {
        self.people.insert(key, Person { name, roles, since: self.size, revoked: None });
    }

    fn end(&mut self, id: JobId, state: State, reason: &str) {
        if let Some(job) = self.jobs.get_mut(&id) {
            job.state = state;
            job.reason = Some(reason.to_owned());
        }
    }

    fn charge(&mut self, (entry, time): (u64, DateTime<Utc>), leaf: &Digest, statement: &Digest, e: &RunStarted) {
        let slot_ends = self.job(e.job).map_or(time, |job| self.slot_end(&job.submitted, time));
        self.last_started = Some(e.job);
        let Some(job) = self.jobs.get_mut(&e.job) else { return };
        job.state = State::Running;
        // No more will come, and there are many jobs.
        job.approvals.shrink_to_fit();
        job.run = Some(Run {
            entry,
            leaf: *leaf,
            statement: *statement,
            release_at: e.release_at,
            slot_ends,
            runtime: e.runtime.clone(),
            runtime_build: e.runtime_build,
        });
        let author = self.people.get(&job.author).map(|person| person.name.clone()).unwrap_or_default();
        let more = |sum: Rho| sum.checked_add(e.rho).expect("invariant: check_caps keeps sums under the caps");
        let mut domain = None;
        for used in &job.submitted.datasets {
            let Some(dataset) = self.datasets.get_mut(&used.name) else { continue };
            if dataset.registered.domain.is_some() {
                domain = dataset.registered.domain.clone();
                dataset.spent = more(dataset.spent);
                let mine = dataset.spent_by.entry(author.clone()).or_default();
                *mine = more(*mine);
            }
        }
        // All private datasets of a job are of one unit domain.
        if let Some(domain) = domain {
            let spent = self.by_domain.entry(domain).or_default();
            *spent = spent.checked_add(e.rho).unwrap_or(*spent);
        }
    }
}

/// `wait` seconds after `time`, or as late as times go.
fn after(time: DateTime<Utc>, wait: u64) -> DateTime<Utc> {
    let wait = i64::try_from(wait).ok().and_then(TimeDelta::try_seconds);
    wait.and_then(|wait| time.checked_add_signed(wait)).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Whether a result, good or bad, is that of the job's run and comes no earlier than it may.
fn on_time(job: &Job, id: JobId, run: u64, time: DateTime<Utc>) -> Result<(), Refusal> {
    match &job.run {
        Some(started) if started.entry == run && time >= started.release_at => Ok(()),
        Some(started) if started.entry == run => Err(Refusal::TooEarly { job: id, at: started.release_at }),
        _ => Err(Refusal::OtherRun(id)),
    }
}

fn check_created(signer: &PublicKey, log: &str, lab: &LabCreated) -> Result<(), Refusal> {
    check_name(&lab.owner)?;
    if lab.owner_key != *signer {
        return Err(Refusal::NotEnrolled);
    }
    // One key must not be both an operator's and the lab's.
    if lab.owner_key == lab.service_key {
        return Err(Refusal::KeyTaken);
    }
    check_named_as(log, &lab.log_key)
}

/// Whether a verifier key is one for the log of this name.
fn check_named_as(log: &str, log_key: &str) -> Result<(), Refusal> {
    let fits = log_key.split_once('+').is_some_and(|(name, _)| name == log);
    if fits { Ok(()) } else { Err(Refusal::BadLogKey(log_key.to_owned())) }
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let fine = (1..=64).contains(&name.chars().count()) && name.trim() == name && !name.chars().any(hides);
    if fine { Ok(()) } else { Err(Refusal::BadName(name.to_owned())) }
}

/// What makes an envelope one of its kind: 16 random bytes, in hex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Nonce(u128);

impl Nonce {
    fn parse(text: &str) -> Result<Nonce, Refusal> {
        let nonce = u128::from_str_radix(text, 16).map(Nonce).map_err(|_| Refusal::BadNonce)?;
        if String::from(nonce) == text { Ok(nonce) } else { Err(Refusal::BadNonce) }
    }
}

impl From<Nonce> for String {
    fn from(nonce: Nonce) -> String {
        format!("{:032x}", nonce.0)
    }
}

impl TryFrom<String> for Nonce {
    type Error = Refusal;
    fn try_from(text: String) -> Result<Nonce, Refusal> {
        Nonce::parse(&text)
    }
}

/// JSON objects have text keys only, so maps by number travel as lists of pairs.
mod as_pairs {
    use super::*;
    use serde::{Deserializer, Serializer};

    pub fn serialize<S: Serializer>(map: &BTreeMap<JobId, Box<Job>>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<JobId, Box<Job>>, D::Error> {
        Vec::<(JobId, Box<Job>)>::deserialize(deserializer).map(|pairs| pairs.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::need::Need;
    use crate::policy::{Caps, EvidenceRule, Witness};

    const OWNER: u8 = 1;
    const SERVICE: u8 = 2;
    const STEWARD: u8 = 3;
    const ANALYST: u8 = 4;
    const SECOND: u8 = 5;

    fn key(who: u8) -> PublicKey {
        PublicKey::from_bytes([who; 32])
    }

    fn digest(of: u8) -> Digest {
        Digest::from_bytes([of; 32])
    }

    struct Lab {
        ledger: Ledger,
        nonce: u64,
    }

    impl Lab {
        fn record(&mut self, event: impl Into<Event>) -> Record {
            self.nonce += 1;
            let time = DateTime::from_timestamp(1_800_000_000 + self.nonce as i64, 0).unwrap();
            Record { log: "lab".into(), time, nonce: format!("{:032x}", self.nonce), event: event.into() }
        }

        fn try_(&mut self, who: u8, event: impl Into<Event>) -> Result<u64, Refusal> {
            let record = self.record(event);
            let before = self.ledger.clone();
            let entry = self.ledger.size;
            let outcome = self.ledger.apply(&key(who), &record, &digest(100 + entry as u8), &digest(0));
            if outcome.is_err() {
                assert_eq!(self.ledger, before, "a refusal changes nothing");
            }
            outcome.map(|()| entry)
        }

        fn does(&mut self, who: u8, event: impl Into<Event>) -> u64 {
            self.try_(who, event).unwrap()
        }

        /// A lab with a steward, an analyst who is an operator too, a second operator and a dataset.
        fn new(caps: [&str; 3]) -> Lab {
            let mut lab = Lab { ledger: Ledger::default(), nonce: 0 };
            lab.does(
                OWNER,
                LabCreated {
                    owner: "owner".into(),
                    owner_key: key(OWNER),
                    service_key: key(SERVICE),
                    log_key: "lab+1+x".into(),
                    noise_commitment: digest(9),
                },
            );
            for (who, name, roles) in [
                (STEWARD, "steward", vec![Role::Steward]),
                (ANALYST, "analyst", vec![Role::Analyst, Role::Operator]),
                (SECOND, "second", vec![Role::Operator]),
            ] {
                lab.does(OWNER, PersonEnrolled { name: name.into(), roles, key: key(who), proof: String::new() });
            }
            let [dataset, analyst, job] = caps.map(|cap| cap.parse().unwrap());
            let caps = Caps { dataset, analyst, job, domain: None };
            let policy = Policy { approvals: 2, caps, release_now: true, ..Policy::default() };
            lab.does(OWNER, PolicySet { policy });
            lab.does(STEWARD, dataset_named("firms", Some("enterprise")));
            lab
        }

        fn submission(&self) -> JobSubmitted {
            JobSubmitted {
                title: "t".into(),
                manifest: digest(20),
                module: digest(21),
                datasets: vec![used("firms")],
                policy: self.ledger.policy.as_ref().unwrap().entry,
                rho: "0.25".parse().unwrap(),
                pure_epsilon: None,
                release: "+1h".into(),
                need: Some(Need { memory: 1 << 30, thread: 1 << 20, seconds: 600 }),
            }
        }

        fn submit(&mut self) -> JobId {
            let submission = self.submission();
            JobId(self.does(ANALYST, submission))
        }

        fn approval(&self, job: JobId) -> JobApproved {
            let submitted = &self.ledger.jobs[&job];
            JobApproved {
                job,
                submission: submitted.leaf,
                manifest: digest(20),
                module: digest(21),
                role: Role::Operator,
                seen: TreeHead { size: self.ledger.size, root: digest(0) },
            }
        }

        fn approve(&mut self, job: JobId) {
            for who in [OWNER, SECOND] {
                let approval = self.approval(job);
                self.does(who, approval);
            }
        }

        fn start(&self, job: JobId) -> RunStarted {
            let j = &self.ledger.jobs[&job];
            RunStarted {
                job,
                submission: j.leaf,
                manifest: j.submitted.manifest,
                module: j.submitted.module,
                snapshots: vec![Snapshot { name: "firms".into(), snapshot: digest(11) }],
                policy: j.submitted.policy,
                policy_leaf: self.ledger.policy.as_ref().unwrap().leaf,
                approvals: j.approvals.iter().map(|(entry, _)| *entry).collect(),
                rho: j.submitted.rho,
                release_at: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
                runtime: "test".into(),
                runtime_build: digest(8),
            }
        }

        fn released(&self, job: JobId, run: u64) -> Released {
            let found = &self.ledger.jobs[&job];
            Released {
                job,
                run,
                run_leaf: found.run.as_ref().unwrap().leaf,
                approvals: found.approvals.iter().map(|(entry, _)| *entry).collect(),
                body: digest(30),
            }
        }
    }

    fn dataset_named(name: &str, domain: Option<&str>) -> DatasetRegistered {
        DatasetRegistered {
            name: name.into(),
            domain: domain.map(str::to_owned),
            buckets: 16,
            description: digest(10),
            snapshot: digest(11),
            open_to: vec![],
            values: None,
            bounds: None,
        }
    }

    fn used(name: &str) -> Used {
        Used { name: name.into(), snapshot: digest(11), description: digest(10), values: None }
    }

    #[test]
    fn a_job_goes_from_submission_to_release_and_is_charged_once() {
        let mut lab = Lab::new(["1", "1", "0.25"]);
        let job = lab.submit();
        lab.approve(job);
        assert_eq!(lab.ledger.datasets["firms"].spent, Rho::ZERO);
        let start = lab.start(job);
        let run = lab.does(OWNER, start.clone());
        assert_eq!(lab.ledger.datasets["firms"].spent, "0.25".parse().unwrap());
        assert!(matches!(lab.try_(OWNER, start), Err(Refusal::WrongState { .. })), "no second charge");
        let released = lab.released(job, run);
        assert_eq!(lab.try_(OWNER, released.clone()), Err(Refusal::NotTheLab));
        let wrong_run = Released { run: run + 1, ..released.clone() };
        assert_eq!(lab.try_(SERVICE, wrong_run), Err(Refusal::OtherRun(job)));
        let release = lab.does(SERVICE, released);
        lab.does(ANALYST, ReleaseRead { job, release });
        assert_eq!(lab.ledger.jobs[&job].state, State::Released);
        assert_eq!(lab.ledger.spent_on_domain("enterprise"), "0.25".parse().unwrap());
        let text = serde_json::to_string(&lab.ledger).unwrap();
        assert_eq!(serde_json::from_str::<Ledger>(&text).unwrap(), lab.ledger);
    }

    #[test]
    fn a_run_has_its_slot_to_itself_and_appears_after_it() {
        let mut lab = Lab::new(["1", "1", "0.25"]);
        let policy = Policy { release_now: false, ..lab.ledger.policy().unwrap().clone() };
        lab.does(OWNER, PolicySet { policy });
        let need = |memory, seconds| Some(Need { memory, thread: 1, seconds });
        let with = |lab: &Lab, need, release: &str| JobSubmitted { need, release: release.into(), ..lab.submission() };
        for (needs, release, refused) in [
            (None, "+1h", Refusal::OtherNeed),
            (need((4 << 30) + 1, 1), "+1h", Refusal::TooLarge { needs: 4097, has: 4096 }),
            (need(1, 3_601), "+1h", Refusal::TooLong { needs: 3_601, has: 3_600 }),
        ] {
            let job = with(&lab, needs, release);
            assert_eq!(lab.try_(ANALYST, job), Err(refused));
        }
        let fits = with(&lab, need(4 << 30, 3_600), "+1h");
        let [first, second] = [0, 1].map(|_| JobId(lab.does(ANALYST, fits.clone())));
        lab.approve(first);
        lab.approve(second);
        let in_time = |lab: &Lab, job, wait| {
            let start = DateTime::from_timestamp(1_800_000_001 + lab.nonce as i64, 0).unwrap();
            RunStarted { release_at: start + TimeDelta::seconds(wait), ..lab.start(job) }
        };
        // Ten minutes are not enough where the slot is an hour.
        let soon = in_time(&lab, first, 600);
        assert_eq!(lab.try_(OWNER, soon), Err(Refusal::TooSoon));
        let start = in_time(&lab, first, 3_600);
        lab.does(OWNER, start);
        let until = lab.ledger.jobs[&first].run.as_ref().unwrap().slot_ends;
        let next = in_time(&lab, second, 7_200);
        assert_eq!(lab.try_(OWNER, next), Err(Refusal::Busy { job: first, until }));
        // A second early is too early, and then it starts.
        lab.nonce = (until.timestamp() - 1_800_000_000 - 2) as u64;
        let next = in_time(&lab, second, 7_200);
        assert_eq!(lab.try_(OWNER, next.clone()), Err(Refusal::Busy { job: first, until }));
        lab.does(OWNER, next);
    }

    #[test]
    fn spans_are_said_in_two_parts() {
        for (seconds, said) in
            [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3_725, "1 h 2 min"), (86_400, "1 d"), (90_061, "1 d 1 h")]
        {
            assert_eq!(span(seconds), said);
        }
    }

    #[test]
    fn approvals_that_do_not_count() {
        let mut lab = Lab::new(["1", "1", "0.25"]);
        let job = lab.submit();
        let good = lab.approval(job);
        assert_eq!(lab.try_(ANALYST, good.clone()), Err(Refusal::Author("analyst".into())));
        assert!(matches!(lab.try_(STEWARD, good.clone()), Err(Refusal::WrongRole { .. })));
        assert_eq!(lab.try_(99, good.clone()), Err(Refusal::NotEnrolled));
        let changed = JobApproved { manifest: digest(77), ..good.clone() };
        assert_eq!(lab.try_(OWNER, changed), Err(Refusal::OtherSubmission(job)));
        lab.does(OWNER, good.clone());
        assert_eq!(lab.try_(OWNER, good.clone()), Err(Refusal::ApprovedTwice("owner".into())));
        lab.does(OWNER, PersonRevoked { key: key(SECOND), reason: "left".into() });
        assert!(matches!(lab.try_(SECOND, good.clone()), Err(Refusal::Revoked(..))));
        assert!(matches!(lab.try_(OWNER, lab.start(job)), Err(Refusal::WrongState { .. })), "one of two approvals");
        // A new key under the old name is the same person.
        lab.does(
            OWNER,
            PersonEnrolled { name: "second".into(), roles: vec![Role::Operator], key: key(6), proof: String::new() },
        );
        lab.does(6, JobRejected { job, reason: "no".into() });
        assert!(matches!(lab.try_(6, good), Err(Refusal::WrongState { .. })), "after rejection");
    }

    #[test]
    fn a_new_key_does_not_make_a_second_approver() {
        let mut lab = Lab::new(["1", "1", "0.25"]);
        let job = lab.submit();
        let good = lab.approval(job);
        lab.does(SECOND, good.clone());
        lab.does(OWNER, PersonRevoked { key: key(SECOND), reason: "lost".into() });
        lab.does(
            OWNER,
            PersonEnrolled { name: "second".into(), roles: vec![Role::Operator], key: key(6), proof: String::new() },
        );
        assert_eq!(lab.try_(6, good), Err(Refusal::ApprovedTwice("second".into())));
    }

    #[test]
    fn caps_hold_at_submission_and_again_at_the_start() {
        let mut lab = Lab::new(["0.5", "0.4", "0.25"]);
        let over = JobSubmitted { rho: "0.250000000001".parse().unwrap(), ..lab.submission() };
        assert!(matches!(lab.try_(ANALYST, over), Err(Refusal::OverJobCap { .. })));
        let jobs = [lab.submit(), lab.submit()];
        jobs.iter().for_each(|job| lab.approve(*job));
        let starts = jobs.map(|job| lab.start(job));
        lab.does(OWNER, starts[0].clone());
        assert!(
            matches!(lab.try_(OWNER, starts[1].clone()), Err(Refusal::OverAnalystCap { .. })),
            "two race, one wins"
        );
        let more = lab.submission();
        assert!(matches!(lab.try_(ANALYST, more), Err(Refusal::OverAnalystCap { .. })));
        // A new snapshot does not give budget back.
        lab.does(STEWARD, DatasetRegistered { snapshot: digest(12), ..dataset_named("firms", Some("enterprise")) });
        assert_eq!(lab.ledger.datasets["firms"].spent, "0.25".parse().unwrap());
        let stale = lab.submission();
        assert_eq!(lab.try_(ANALYST, stale), Err(Refusal::OtherSnapshot("firms".into())));
        let cheap = RunStarted { rho: "0.01".parse().unwrap(), ..starts[1].clone() };
        assert!(matches!(lab.try_(OWNER, cheap), Err(Refusal::OtherCharge(_))));
    }

    #[test]
    fn a_unit_in_many_datasets_has_one_cap() {
        let mut lab = Lab::new(["1", "1", "0.25"]);
        let mut policy = lab.ledger.policy().unwrap().clone();
        policy.caps.domain = Some("0.4".parse().unwrap());
        lab.does(OWNER, PolicySet { policy });
        lab.does(STEWARD, dataset_named("taxes", Some("enterprise")));
        let job = lab.submit();
        lab.approve(job);
        let start = lab.start(job);
        lab.does(OWNER, start);
        let elsewhere = JobSubmitted { datasets: vec![used("taxes")], ..lab.submission() };
        let left = "0.15".parse().unwrap();
        let refusal = Refusal::OverDomainCap { domain: "enterprise".into(), cost: elsewhere.rho, left };
        assert_eq!(lab.try_(ANALYST, elsewhere), Err(refusal));
    }

    #[test]
    fn submissions_that_name_what_they_may_not() {
        let mut lab = Lab::new(["1", "1", "0.25"]);
        lab.does(
            STEWARD,
            DatasetRegistered { open_to: vec!["somebody".into()], ..dataset_named("closed", Some("enterprise")) },
        );
        lab.does(STEWARD, dataset_named("clinics", Some("person")));
        lab.does(STEWARD, DatasetRegistered { buckets: 0, ..dataset_named("towns", None) });
        let with = |lab: &Lab, names: &[&str]| JobSubmitted {
            datasets: names.iter().map(|n| used(n)).collect(),
            ..lab.submission()
        };
        for (names, expected) in [
            (vec!["closed"], Refusal::NotOpen("closed".into(), "analyst".into())),
            (vec!["firms", "clinics"], Refusal::TwoDomains("enterprise".into(), "person".into())),
            (vec!["towns"], Refusal::NothingPrivate),
            (vec!["nowhere"], Refusal::NoSuchDataset("nowhere".into())),
            (vec!["firms", "firms"], Refusal::NamedTwice("firms".into())),
        ] {
            let job = with(&lab, &names);
            assert_eq!(lab.try_(ANALYST, job), Err(expected));
        }
        let free = JobSubmitted { rho: Rho::ZERO, ..lab.submission() };
        assert_eq!(lab.try_(ANALYST, free), Err(Refusal::NoCharge));
        assert!(matches!(lab.try_(OWNER, lab.submission()), Err(Refusal::WrongRole { .. })));
        let other = DatasetRegistered { buckets: 8, ..dataset_named("more", Some("enterprise")) };
        assert!(matches!(lab.try_(STEWARD, other), Err(Refusal::OtherBuckets { .. })));
        assert!(matches!(
            lab.try_(STEWARD, dataset_named("firms", Some("person"))),
            Err(Refusal::DatasetChanged { .. })
        ));
    }

    #[test]
    fn on_schedule_nothing_appears_at_once() {
        let mut lab = Lab::new(["1", "1", "0.25"]);
        let policy = Policy { release_now: false, ..lab.ledger.policy().unwrap().clone() };
        lab.does(OWNER, PolicySet { policy });
        let now = JobSubmitted { release: "now".into(), ..lab.submission() };
        assert_eq!(lab.try_(ANALYST, now), Err(Refusal::ReleaseNow));
        let past = JobSubmitted { release: "2020-01-01T00:00:00Z".into(), ..lab.submission() };
        let job = JobId(lab.does(ANALYST, past));
        lab.approve(job);
        assert_eq!(lab.try_(OWNER, lab.start(job)), Err(Refusal::TooSoon));
        let at = DateTime::from_timestamp(1_800_000_000 + 700, 0).unwrap();
        let run = lab.does(OWNER, RunStarted { release_at: at, ..lab.start(job) });
        let failed = RunFailed { job, run, reason: "failed".into() };
        assert_eq!(lab.try_(SERVICE, failed), Err(Refusal::TooEarly { job, at }), "failures wait too");
    }

    #[test]
    fn a_changed_policy_voids_what_was_submitted_under_the_old_one() {
        let mut lab = Lab::new(["1", "1", "0.25"]);
        let job = lab.submit();
        lab.approve(job);
        let policy = lab.ledger.policy().unwrap().clone();
        lab.does(OWNER, PolicySet { policy });
        assert_eq!(lab.try_(OWNER, lab.start(job)), Err(Refusal::OtherPolicy));
    }

    #[test]
    fn replays_other_logs_and_early_releases_are_refused() {
        let mut lab = Lab::new(["1", "1", "0.25"]);
        let submission = lab.submission();
        let record = lab.record(submission);
        lab.ledger.apply(&key(ANALYST), &record, &digest(50), &digest(0)).unwrap();
        assert_eq!(lab.ledger.check(&key(ANALYST), &record), Err(Refusal::Replayed));
        let elsewhere = Record { log: "other".into(), nonce: "f".repeat(32), ..record };
        assert!(matches!(lab.ledger.check(&key(ANALYST), &elsewhere), Err(Refusal::OtherLog(..))));
        let job = JobId(lab.ledger.size - 1);
        lab.approve(job);
        let late = RunStarted { release_at: DateTime::from_timestamp(1_900_000_000, 0).unwrap(), ..lab.start(job) };
        let run = lab.does(OWNER, late);
        let early = lab.released(job, run);
        assert!(matches!(lab.try_(SERVICE, early), Err(Refusal::TooEarly { .. })));
        assert_eq!(lab.ledger.datasets["firms"].spent, "0.25".parse().unwrap());
    }

    #[test]
    fn the_beginning_is_checked_before_anything_changes() {
        let lab = Lab::new(["1", "1", "0.25"]);
        let created = LabCreated {
            owner: "owner".into(),
            owner_key: key(OWNER),
            service_key: key(SERVICE),
            log_key: "lab+1+x".into(),
            noise_commitment: digest(9),
        };
        let begin = |signer: u8, created: &LabCreated, nonce: &str| {
            let event = created.clone().into();
            let record =
                Record { log: "lab".into(), time: lab.ledger.datasets["firms"].time, nonce: nonce.into(), event };
            let mut ledger = Ledger::default();
            let outcome = ledger.apply(&key(signer), &record, &digest(1), &digest(0));
            assert_eq!(Ledger::default().check(&key(signer), &record), outcome);
            assert_eq!(ledger == Ledger::default(), outcome.is_err());
            outcome
        };
        let nonce = "0".repeat(32);
        assert_eq!(begin(OWNER, &created, &nonce), Ok(()));
        assert_eq!(begin(OWNER, &created, "0"), Err(Refusal::BadNonce));
        assert_eq!(begin(SECOND, &created, &nonce), Err(Refusal::NotEnrolled));
        let nameless = LabCreated { owner: String::new(), ..created.clone() };
        assert_eq!(begin(OWNER, &nameless, &nonce), Err(Refusal::BadName(String::new())));
        let both = LabCreated { service_key: key(OWNER), ..created.clone() };
        assert_eq!(begin(OWNER, &both, &nonce), Err(Refusal::KeyTaken));
        let other = LabCreated { log_key: "other+1+x".into(), ..created };
        assert_eq!(begin(OWNER, &other, &nonce), Err(Refusal::BadLogKey("other+1+x".into())));
    }

    #[test]
    fn nonces_are_written_in_one_way() {
        let mut lab = Lab::new(["1", "1", "0.25"]);
        let submission = lab.submission();
        let good = lab.record(submission);
        let long = "0".repeat(33);
        for nonce in ["", "1", "+0000000000000000000000000000001", &"G".repeat(32), &"AF".repeat(16), &long] {
            let record = Record { nonce: nonce.to_owned(), ..good.clone() };
            assert_eq!(lab.ledger.check(&key(ANALYST), &record), Err(Refusal::BadNonce), "{nonce}");
        }
        assert_eq!(lab.ledger.check(&key(ANALYST), &good), Ok(()));
    }

    #[test]
    fn an_approval_says_in_which_role_and_after_which_log() {
        let mut lab = Lab::new(["1", "1", "0.25"]);
        let job = lab.submit();
        let good = lab.approval(job);
        for role in [Role::Steward, Role::Analyst, Role::Auditor] {
            let other = JobApproved { role, ..good.clone() };
            assert_eq!(lab.try_(OWNER, other), Err(Refusal::OtherRole(role.name())));
        }
        for size in [0, job.0, lab.ledger.size + 1] {
            let other = JobApproved { seen: TreeHead { size, root: digest(0) }, ..good.clone() };
            assert_eq!(lab.try_(OWNER, other), Err(Refusal::OtherLogSeen { job, seen: size }));
        }
        let first = JobApproved { seen: TreeHead { size: job.0 + 1, root: digest(0) }, ..good };
        lab.does(OWNER, first);
    }

    #[test]
    fn a_run_has_the_inputs_that_were_approved() {
        let mut lab = Lab::new(["1", "1", "0.25"]);
        let job = lab.submit();
        lab.approve(job);
        let good = lab.start(job);
        let firms = good.snapshots[0].clone();
        for other in [
            RunStarted { manifest: digest(77), ..good.clone() },
            RunStarted { module: digest(77), ..good.clone() },
            RunStarted { policy: good.policy + 1, ..good.clone() },
            RunStarted { policy_leaf: digest(77), ..good.clone() },
            RunStarted { snapshots: vec![], ..good.clone() },
            RunStarted { snapshots: vec![firms.clone(), firms.clone()], ..good.clone() },
            RunStarted { snapshots: vec![Snapshot { snapshot: digest(77), ..firms.clone() }], ..good.clone() },
            RunStarted { snapshots: vec![Snapshot { name: "taxes".into(), ..firms }], ..good.clone() },
        ] {
            assert_eq!(lab.try_(OWNER, other), Err(Refusal::OtherInputs(job)));
        }
        lab.does(OWNER, good);
    }

    #[test]
    fn evidence_is_there_where_the_policy_asks_for_it() {
        let mut lab = Lab::new(["1", "1", "0.25"]);
        let start = |lab: &mut Lab| {
            let job = lab.submit();
            lab.approve(job);
            let start = lab.start(job);
            (job, lab.does(OWNER, start))
        };
        let (job, run) = start(&mut lab);
        let evidence = EvidenceRecorded { job, run, evidence: digest(40) };
        assert_eq!(lab.try_(SERVICE, evidence), Err(Refusal::NoEvidenceRule));
        let rule = |required| EvidenceRule {
            provider: "sev-snp".into(),
            required,
            key: "milan".into(),
            pcrs: Default::default(),
        };
        let policy = Policy { evidence: Some(rule(true)), ..lab.ledger.policy().unwrap().clone() };
        lab.does(OWNER, PolicySet { policy: policy.clone() });
        let (job, run) = start(&mut lab);
        let released = lab.released(job, run);
        assert_eq!(lab.try_(SERVICE, released.clone()), Err(Refusal::NoEvidence(job)));
        let evidence = EvidenceRecorded { job, run, evidence: digest(40) };
        assert_eq!(lab.try_(OWNER, evidence.clone()), Err(Refusal::NotTheLab));
        assert_eq!(
            lab.try_(SERVICE, EvidenceRecorded { run: run - 1, ..evidence.clone() }),
            Err(Refusal::OtherRun(job))
        );
        let entry = lab.does(SERVICE, evidence);
        assert_eq!(lab.ledger.jobs[&job].evidence, Some((entry, digest(40))));
        lab.does(SERVICE, released);
        // Where it is not required, a result comes without.
        lab.does(OWNER, PolicySet { policy: Policy { evidence: Some(rule(false)), ..policy } });
        let (job, run) = start(&mut lab);
        let released = lab.released(job, run);
        lab.does(SERVICE, released);
    }

    #[test]
    fn a_release_opens_when_enough_witnesses_have_seen_it() {
        let mut lab = Lab::new(["2", "2", "0.25"]);
        let release = |lab: &mut Lab| {
            let job = lab.submit();
            lab.approve(job);
            let start = lab.start(job);
            let run = lab.does(OWNER, start);
            let released = lab.released(job, run);
            (job, lab.does(SERVICE, released))
        };
        let seen = |(job, release): (JobId, u64), names: &[&str]| ReleaseWitnessed {
            job,
            release,
            checkpoint: digest(50),
            witnesses: names.iter().map(|name| name.to_string()).collect(),
        };
        let old = release(&mut lab);
        assert_eq!(lab.try_(SERVICE, seen(old, &["a"])), Err(Refusal::NoWitnesses));
        let witness = ["a", "b", "c"].map(|name| Witness { key: format!("{name}+1+{name}"), url: "https://w".into() });
        let rule = Witnesses { quorum: 2, required: true, witness: witness.into() };
        let policy = Policy { witnesses: Some(rule.clone()), ..lab.ledger.policy().unwrap().clone() };
        lab.does(OWNER, PolicySet { policy: policy.clone() });
        let new = release(&mut lab);
        let read = |(job, release): (JobId, u64)| ReleaseRead { job, release };
        assert_eq!(lab.try_(ANALYST, read(new)), Err(Refusal::NotWitnessed(new.0)));
        for (names, refusal) in [
            (vec!["a", "d"], Refusal::OtherWitness("d".into())),
            (vec!["a", "a"], Refusal::OtherWitness("a".into())),
            (vec!["a"], Refusal::TooFewWitnesses { has: 1, needs: 2 }),
            (vec![], Refusal::TooFewWitnesses { has: 0, needs: 2 }),
        ] {
            assert_eq!(lab.try_(SERVICE, seen(new, &names)), Err(refusal));
        }
        assert_eq!(lab.try_(OWNER, seen(new, &["a", "b"])), Err(Refusal::NotTheLab));
        assert_eq!(lab.try_(SERVICE, seen((new.0, new.1 - 1), &["a", "b"])), Err(Refusal::OtherRun(new.0)));
        lab.does(SERVICE, seen(new, &["c", "a"]));
        assert_eq!(lab.try_(SERVICE, seen(new, &["a", "b", "c"])), Err(Refusal::WitnessedAlready(new.0)));
        lab.does(ANALYST, read(new));
        // Where they are not required, it opens marked, and the mark goes away when they answer.
        let rule = Witnesses { required: false, ..rule };
        lab.does(OWNER, PolicySet { policy: Policy { witnesses: Some(rule), ..policy } });
        let marked = release(&mut lab);
        assert_eq!(lab.try_(ANALYST, read(marked)), Err(Refusal::NotWitnessed(marked.0)), "not even asked");
        for (names, enough) in [(vec![], false), (vec!["b"], false), (vec!["b", "a"], true)] {
            lab.does(SERVICE, seen(marked, &names));
            assert_eq!(lab.ledger.jobs[&marked.0].witnessed.as_ref().unwrap().enough, enough);
            lab.does(ANALYST, read(marked));
        }
    }

    #[test]
    fn the_logs_key_changes_to_a_new_one_of_the_same_name() {
        let mut lab = Lab::new(["1", "1", "0.25"]);
        let change = |log_key: &str| LogKeyChanged { log_key: log_key.into() };
        for bad in ["", "lab", "other+2+y", "+2+y", "lab+1+x"] {
            assert_eq!(lab.try_(OWNER, change(bad)), Err(Refusal::BadLogKey(bad.into())));
        }
        assert!(matches!(lab.try_(STEWARD, change("lab+2+y")), Err(Refusal::WrongRole { .. })));
        assert_eq!(lab.try_(SERVICE, change("lab+2+y")), Err(Refusal::NotEnrolled));
        let entry = lab.does(OWNER, change("lab+2+y"));
        assert_eq!(lab.ledger.log_keys[1..], [(entry, "lab+2+y".to_owned())]);
        assert_eq!(lab.ledger.log_key(), "lab+2+y");
        for old in ["lab+1+x", "lab+2+y"] {
            assert_eq!(
                lab.try_(OWNER, change(old)),
                Err(Refusal::BadLogKey(old.into())),
                "an old key never comes back"
            );
        }
    }

    #[test]
    fn order_comes_from_the_log_and_never_from_a_clock() {
        let mut lab = Lab::new(["1", "1", "0.25"]);
        let job = lab.submit();
        let mut early = lab.record(lab.approval(job));
        early.time = DateTime::UNIX_EPOCH;
        lab.ledger.apply(&key(OWNER), &early, &digest(60), &digest(0)).unwrap();
        assert_eq!(lab.ledger.jobs[&job].approvals, [(job.0 + 1, key(OWNER))]);
        // A key that is revoked by then does not count, whatever time its envelope states.
        lab.does(OWNER, PersonRevoked { key: key(SECOND), reason: "lost".into() });
        let mut before = lab.record(lab.approval(job));
        before.time = DateTime::UNIX_EPOCH;
        let late = lab.ledger.apply(&key(SECOND), &before, &digest(61), &digest(0));
        assert!(matches!(late, Err(Refusal::Revoked(..))), "{late:?}");
    }

    #[test]
    fn there_is_always_an_operator_and_one_person_a_name() {
        let mut lab = Lab::new(["1", "1", "0.25"]);
        let enrol = |name: &str, who: u8| PersonEnrolled {
            name: name.into(),
            roles: vec![Role::Auditor],
            key: key(who),
            proof: String::new(),
        };
        assert!(matches!(lab.try_(OWNER, enrol("second", 40)), Err(Refusal::NameTaken(_))));
        assert_eq!(lab.try_(OWNER, enrol("x", SECOND)), Err(Refusal::KeyTaken));
        assert!(matches!(lab.try_(OWNER, enrol(" x", 41)), Err(Refusal::BadName(_))));
        for who in [SECOND, ANALYST] {
            lab.does(OWNER, PersonRevoked { key: key(who), reason: String::new() });
        }
        assert!(matches!(
            lab.try_(OWNER, PersonRevoked { key: key(OWNER), reason: String::new() }),
            Err(Refusal::LastOperator(_))
        ));
    }
}
