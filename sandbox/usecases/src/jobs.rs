//! Jobs: submitted, listed, approved, rejected.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_data::description::{Bilingual, Classification};
use unseen_ids::{Answer, Digest, JobId, PublicKey};
use unseen_lab::{LabError, View, requests};
use unseen_policies::Manifest;
use unseen_policies::event::{Event, JobPrioritized, JobRejected, JobWithdrawn, Used};
use unseen_policies::ledger::{self, Ledger};
use unseen_policies::lifecycle::State;
use unseen_policies::rho::Rho;
use unseen_texts::Sentence;

use crate::blob::Blob;
use crate::change::{Change, reason};
use crate::claims::{Left, left, waiting};
use crate::desk::Desk;
use crate::error::UseCaseError;
use crate::labs::{AtWork, at_work};
use crate::plan::Plan;
use crate::query::Query;
use crate::wire::{StateName, as_shown};

/// Submit a job for approval.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Submit {
    /// What errors call the manifest: the file it was read from.
    pub name: String,
    /// The text of `job.toml`.
    pub manifest: String,
    /// The component.
    pub module: Blob,
}

/// A job was submitted.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Submitted {
    /// Its number.
    #[serde(with = "as_shown")]
    #[schemars(with = "String")]
    pub job: JobId,
    /// How many approvals it needs.
    pub approvals_needed: u32,
}

/// List jobs.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ListJobs {
    /// Only in this state: `submitted`, `approved`, `running`, `released`, `rejected`, `failed` or `withdrawn`.
    #[serde(default)]
    #[schemars(with = "Option<StateName>")]
    pub state: Option<State>,
    /// Only of this person.
    #[serde(default)]
    pub author: Option<String>,
    /// Only those that read this dataset.
    #[serde(default)]
    pub dataset: Option<String>,
    /// Only those submitted before this job.
    #[serde(default, with = "as_shown::option")]
    #[schemars(with = "Option<String>", regex(pattern = unseen_ids::pattern::JOB))]
    pub before: Option<JobId>,
    /// How many at most, the newest; no answer has more than 1,000.
    #[serde(default)]
    pub limit: Option<usize>,
}

/// The most jobs of an answer.
pub(crate) const PAGE: usize = 1_000;

/// All jobs, and what goes on at this moment.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Jobs {
    /// In the order of their submission.
    pub jobs: Vec<ListedJob>,
    /// Before which job there are more.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "as_shown::option")]
    #[schemars(with = "Option<String>")]
    pub next: Option<JobId>,
    /// What goes on.
    pub at_work: Vec<AtWork>,
}

/// A job in a list.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Job")]
pub struct ListedJob {
    /// Its number.
    #[serde(with = "as_shown")]
    #[schemars(with = "String")]
    pub job: JobId,
    /// Its title.
    pub title: String,
    /// The name of its author.
    pub author: String,
    /// Where it stands.
    #[schemars(with = "String")]
    pub state: State,
    /// Whether it cannot run any more, for the policy changed after it was submitted.
    pub void: bool,
    /// Until when the result of its run is sealed, once the run's slot has ended.
    #[schemars(with = "Option<String>")]
    pub sealed_until: Option<DateTime<Utc>>,
    /// Whether its run's time has come, and nobody has published the result or run it again since.
    pub due: bool,
    /// Whether its release is sealed since too few witnesses have seen it.
    pub waits_for_witnesses: bool,
    /// Approvals it has; null where the rules do not show them to whoever asks.
    pub approvals: Option<usize>,
    /// How many approvals it needs.
    pub approvals_needed: u32,
    /// From 1, which runs first, to 9.
    pub priority: u8,
    /// Its place among the approved jobs: 1 runs next.
    pub queued: Option<usize>,
    /// Why it could not run as things are, however many approve it.
    pub held: Option<Sentence>,
    /// Why it was rejected, withdrawn, or failed.
    pub reason: Option<String>,
    /// What it costs, in rho.
    #[schemars(with = "String")]
    pub rho: Rho,
    /// When it was submitted, by the author's clock.
    #[schemars(with = "String")]
    pub submitted: DateTime<Utc>,
}

/// Show a job.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ShowJob {
    /// The job.
    #[serde(with = "as_shown")]
    #[schemars(with = "String", regex(pattern = unseen_ids::pattern::JOB))]
    pub job: JobId,
}

/// A job with all that approvers should see.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobShown {
    /// As in a list.
    #[serde(flatten)]
    pub job: ListedJob,
    /// Names of those who approved it.
    pub approved_by: Vec<String>,
    /// Whether its author's key was revoked since: the job cannot start any more.
    pub author_revoked: bool,
    /// Digest of the manifest.
    #[schemars(with = "String")]
    pub manifest: Digest,
    /// Digest of the module.
    #[schemars(with = "String")]
    pub module: Digest,
    /// How many bytes it has.
    pub module_bytes: u64,
    /// What it reads, as it was when it was submitted.
    pub reads: Vec<Reads>,
    /// What it would leave of the budgets it draws on; empty once it is charged or declined.
    pub budget: Vec<Left>,
    /// What the same person submitted before, newest first.
    pub earlier: Vec<ListedJob>,
    /// Other jobs that wait for approvals or their run.
    pub waiting: Vec<ListedJob>,
    /// The entry of the policy it was submitted under.
    pub policy: u64,
    /// Its run, once it was started.
    pub run: Option<RunOfJob>,
    /// The entry of its release.
    pub release: Option<u64>,
    /// Who had seen the release before it opened; none before that, or where the policy names no witnesses.
    pub witnessed: Option<WitnessedBy>,
    /// What it costs and how exact its numbers will be.
    pub plan: Plan,
    /// The text of the manifest.
    pub manifest_text: String,
}

/// A table that a job reads.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reads {
    /// The dataset.
    pub dataset: String,
    /// The snapshot.
    #[schemars(with = "String")]
    pub snapshot: Digest,
    /// Whether another snapshot has taken its place since; the job runs on this one.
    pub replaced: bool,
    /// The unit domain; null for a public table.
    pub domain: Option<String>,
    /// The classification level.
    #[schemars(with = "String")]
    pub classification: Classification,
    /// The columns that the code is shown, or groups are formed by.
    pub columns: Vec<ReadColumn>,
}

/// A column that a job reads.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReadColumn {
    /// Its name.
    pub name: String,
    /// What it means, in Chinese; empty where nothing is said.
    pub zh: String,
    /// The same in English.
    pub en: String,
}

/// A run on record.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunOfJob {
    /// The entry that started it.
    pub entry: u64,
    /// When its result may appear.
    #[schemars(with = "String")]
    pub release_at: DateTime<Utc>,
    /// Name and version of the runtime.
    pub runtime: String,
    /// Digest of the binary.
    #[schemars(with = "String")]
    pub runtime_build: Digest,
}

/// The witnesses of a release.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WitnessedBy {
    /// Their names.
    pub by: Vec<String>,
    /// Whether they were as many as the policy asked for; if not, the release opened unwitnessed.
    pub enough: bool,
}

/// Approve exactly what was submitted.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Approve {
    /// The job.
    #[serde(with = "as_shown")]
    #[schemars(with = "String", regex(pattern = unseen_ids::pattern::JOB))]
    pub job: JobId,
}

/// Decline a job.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Reject {
    /// The job.
    #[serde(with = "as_shown")]
    #[schemars(with = "String", regex(pattern = unseen_ids::pattern::JOB))]
    pub job: JobId,
    /// Why, for the analyst.
    pub reason: String,
}

/// Take one's own job back before it runs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Withdraw {
    /// The job.
    #[serde(with = "as_shown")]
    #[schemars(with = "String", regex(pattern = unseen_ids::pattern::JOB))]
    pub job: JobId,
    /// Why, for the record.
    pub reason: String,
}

/// Let a job run before others, or after them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Prioritize {
    /// The job.
    #[serde(with = "as_shown")]
    #[schemars(with = "String", regex(pattern = unseen_ids::pattern::JOB))]
    pub job: JobId,
    /// From 1, which runs first, to 9; a job has 5 until somebody says so.
    #[schemars(range(min = 1, max = 9))]
    pub priority: u8,
}

/// Where a job stands after an approval or a rejection.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobStanding {
    /// The job.
    #[serde(with = "as_shown")]
    #[schemars(with = "String")]
    pub job: JobId,
    /// Its title.
    pub title: String,
    /// Where it stands now.
    #[schemars(with = "String")]
    pub state: State,
    /// Approvals it has.
    pub approvals: usize,
    /// Approvals it needs.
    pub approvals_needed: u32,
    /// The entry that was written.
    pub entry: u64,
}

/// A file was written that is to be signed with `ssh-keygen`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ToSign {
    /// The file.
    pub to_sign: String,
}

impl Answer for Submitted {
    const NAME: &str = "job-submitted/v1";
}
impl Answer for Jobs {
    const NAME: &str = "jobs/v1";
}
impl Answer for JobShown {
    const NAME: &str = "job/v1";
}
impl Answer for JobStanding {
    const NAME: &str = "job-standing/v1";
}
impl Answer for ToSign {
    const NAME: &str = "to-sign/v1";
}

impl Change for Submit {
    type Answer = Submitted;

    fn blobs(&mut self) -> Vec<&mut Blob> {
        vec![&mut self.module]
    }

    fn event(&self, lab: &View) -> Result<Event, UseCaseError> {
        let (manifest, plan) = lab.plan(&self.name, &self.manifest)?;
        lab.check_columns(&self.name, &manifest)?;
        Ok(requests::submission(lab.ledger(), &manifest, &plan, &self.manifest, self.module.digest())?.into())
    }

    fn attachments(&self, _: &View) -> Result<Vec<Cow<'_, [u8]>>, UseCaseError> {
        Ok(vec![self.manifest.as_bytes().into(), self.module.bytes().into()])
    }

    fn is_said_by(&self, event: &Event) -> bool {
        let (manifest, module) = (Digest::of(self.manifest.as_bytes()), *self.module.digest());
        matches!(event, Event::JobSubmitted(said) if (said.manifest, said.module) == (manifest, module))
    }

    fn done(&self, _: Option<&View>, lab: &View, entry: u64) -> Result<Submitted, UseCaseError> {
        let job = JobId(entry);
        Ok(Submitted { job, approvals_needed: needed(lab.ledger(), lab.ledger().job(job)?) })
    }
}

impl Query for ListJobs {
    type Answer = Jobs;

    fn answer(&self, desk: &impl Desk, _: Option<&PublicKey>) -> Result<Jobs, UseCaseError> {
        let lab = desk.view()?;
        let ledger = lab.ledger();
        self.dataset.as_ref().map(|name| ledger.dataset(name)).transpose()?;
        let queue = ledger.queue();
        let most = self.limit.unwrap_or(PAGE).clamp(1, PAGE);
        let mut found = ledger.jobs().range(..self.before.unwrap_or(JobId(u64::MAX))).rev().filter(|(_, job)| {
            let reads = |dataset: &String| job.submitted.datasets.iter().any(|used| used.name == *dataset);
            self.state.is_none_or(|state| job.state == state)
                && self.author.as_ref().is_none_or(|author| name(ledger, &job.author) == *author)
                && self.dataset.as_ref().is_none_or(reads)
        });
        let mut jobs: Vec<_> = found.by_ref().take(most).map(|(id, job)| listed(ledger, &queue, *id, job)).collect();
        let next = jobs.last().map(|job| job.job).filter(|_| found.next().is_some());
        jobs.reverse();
        Ok(Jobs { jobs, next, at_work: at_work(&lab) })
    }
}

impl Query for ShowJob {
    type Answer = JobShown;

    fn answer(&self, desk: &impl Desk, _: Option<&PublicKey>) -> Result<JobShown, UseCaseError> {
        show(&desk.view()?, self.job)
    }
}

fn show(lab: &View, id: JobId) -> Result<JobShown, UseCaseError> {
    let ledger = lab.ledger();
    let job = ledger.job(id)?;
    let (manifest_text, manifest, plan) = lab.submitted_plan(id)?;
    let used = job.submitted.datasets.iter();
    let reads = used.map(|used| reads(lab, &manifest, used)).collect::<Result<_, _>>()?;
    let (author, queue) = (name(ledger, &job.author), ledger.queue());
    let waits = matches!(job.state, State::Submitted | State::Approved);
    let earlier = ledger.jobs().range(..id).rev().filter(|(_, other)| name(ledger, &other.author) == author);
    Ok(JobShown {
        job: listed(ledger, &queue, id, job),
        approved_by: job.approvals.iter().map(|(_, key)| name(ledger, key)).collect(),
        author_revoked: ledger.people().get(&job.author).is_some_and(|person| person.revoked.is_some()),
        manifest: job.submitted.manifest,
        module: job.submitted.module,
        module_bytes: lab.blob_len(&job.submitted.module)?,
        reads,
        budget: if waits { left(ledger, Some(id), &job.submitted, Some(&author)) } else { Vec::new() },
        earlier: earlier.map(|(id, job)| listed(ledger, &queue, *id, job)).collect(),
        waiting: waiting(ledger)
            .filter(|(other, _)| *other != id)
            .map(|(id, job)| listed(ledger, &queue, id, job))
            .collect(),
        policy: job.submitted.policy,
        run: job.run.as_ref().map(|run| RunOfJob {
            entry: run.entry,
            release_at: run.release_at,
            runtime: run.runtime.clone(),
            runtime_build: run.runtime_build,
        }),
        release: job.release.map(|(entry, _)| entry),
        witnessed: witnessed(job),
        plan: Plan::new(&manifest, &plan, job.submitted.need, Some(ledger)),
        manifest_text,
    })
}

/// What a job reads of a table that it names, by the description that its author saw.
fn reads(lab: &View, manifest: &Manifest, used: &Used) -> Result<Reads, LabError> {
    let (description, _) = lab.described(&used.description)?;
    let meaning = |column: &str| {
        let found = description.column(column).map(|column| column.description.clone());
        let Bilingual { zh, en } = found.unwrap_or_default();
        ReadColumn { name: column.to_owned(), zh, en }
    };
    Ok(Reads {
        dataset: used.name.clone(),
        snapshot: used.snapshot,
        replaced: lab.ledger().dataset(&used.name).is_ok_and(|now| now.registered.snapshot != used.snapshot),
        classification: description.classification,
        columns: manifest.columns_of(&used.name).into_iter().map(meaning).collect(),
        domain: description.unit.map(|unit| unit.domain),
    })
}

impl Change for Approve {
    type Answer = JobStanding;

    fn event(&self, lab: &View) -> Result<Event, UseCaseError> {
        lab.ledger().job(self.job)?;
        let (_, manifest, _) = lab.submitted_plan(self.job)?;
        Ok(requests::approval(lab.ledger(), lab.log().checkpoint(), self.job, &manifest.job.purpose)?.into())
    }

    fn is_said_by(&self, event: &Event) -> bool {
        matches!(event, Event::JobApproved(said) if said.job == self.job)
    }

    fn done(&self, _: Option<&View>, lab: &View, entry: u64) -> Result<JobStanding, UseCaseError> {
        Ok(standing(lab, self.job, entry)?)
    }
}

impl Change for Reject {
    type Answer = JobStanding;

    fn event(&self, _: &View) -> Result<Event, UseCaseError> {
        Ok(JobRejected { job: self.job, reason: reason(&self.reason)? }.into())
    }

    fn is_said_by(&self, event: &Event) -> bool {
        matches!(event, Event::JobRejected(said) if said.job == self.job && said.reason == self.reason)
    }

    fn done(&self, _: Option<&View>, lab: &View, entry: u64) -> Result<JobStanding, UseCaseError> {
        Ok(standing(lab, self.job, entry)?)
    }
}

impl Change for Withdraw {
    type Answer = JobStanding;

    fn event(&self, _: &View) -> Result<Event, UseCaseError> {
        Ok(JobWithdrawn { job: self.job, reason: reason(&self.reason)? }.into())
    }

    fn is_said_by(&self, event: &Event) -> bool {
        *event == JobWithdrawn { job: self.job, reason: self.reason.clone() }.into()
    }

    fn done(&self, _: Option<&View>, lab: &View, entry: u64) -> Result<JobStanding, UseCaseError> {
        Ok(standing(lab, self.job, entry)?)
    }
}

impl Change for Prioritize {
    type Answer = JobStanding;

    fn event(&self, _: &View) -> Result<Event, UseCaseError> {
        Ok(JobPrioritized { job: self.job, priority: self.priority }.into())
    }

    fn is_said_by(&self, event: &Event) -> bool {
        *event == JobPrioritized { job: self.job, priority: self.priority }.into()
    }

    fn done(&self, _: Option<&View>, lab: &View, entry: u64) -> Result<JobStanding, UseCaseError> {
        Ok(standing(lab, self.job, entry)?)
    }
}

/// Who had seen a job's release before it opened.
pub(crate) fn witnessed(job: &ledger::Job) -> Option<WitnessedBy> {
    job.witnessed.as_ref().map(|found| WitnessedBy { by: found.witnesses.clone(), enough: found.enough })
}

fn standing(lab: &View, id: JobId, entry: u64) -> Result<JobStanding, LabError> {
    let job = lab.ledger().job(id)?;
    Ok(JobStanding {
        job: id,
        title: job.submitted.title.clone(),
        state: job.state,
        approvals: job.approvals.len(),
        approvals_needed: needed(lab.ledger(), job),
        entry,
    })
}

fn listed(ledger: &Ledger, queue: &[JobId], id: JobId, job: &ledger::Job) -> ListedJob {
    let now = Utc::now();
    let run = job.run.as_ref().filter(|run| job.state == State::Running && run.slot_ends <= now);
    let due = run.is_some_and(|run| run.release_at <= now);
    ListedJob {
        job: id,
        title: job.submitted.title.clone(),
        author: name(ledger, &job.author),
        state: job.state,
        void: ledger.is_void(job),
        sealed_until: run.map(|run| run.release_at).filter(|_| !due),
        due,
        approvals: Some(job.approvals.len()),
        approvals_needed: needed(ledger, job),
        priority: job.priority,
        queued: queue.iter().position(|queued| *queued == id).map(|before| before + 1),
        held: ledger.held(job).map(|why| Sentence::of(&why)),
        reason: job.reason.clone(),
        waits_for_witnesses: job.state == State::Released && ledger.witnesses().is_some() && job.witnessed.is_none(),
        rho: job.submitted.rho,
        submitted: job.time,
    }
}

fn name(ledger: &Ledger, key: &PublicKey) -> String {
    ledger.people().get(key).map_or(String::new(), |person| person.name.clone())
}

/// How many approvals it needs; of what was approved, how many were needed then: none came after the last.
fn needed(ledger: &Ledger, job: &ledger::Job) -> u32 {
    let approved = matches!(job.state, State::Approved | State::Running | State::Released | State::Failed);
    let now = ledger.policy().map_or(0, |policy| policy.approvals);
    if approved { job.approvals.len() as u32 } else { now }
}
