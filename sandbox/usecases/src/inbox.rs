//! What waits for one person: what they are to decide, and what came of what they asked for.

use chrono::{DateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_ids::{Answer, JobId, PublicKey, Role};
use unseen_lab::LabError;
use unseen_policies::ledger::{Job, Ledger, Refusal};
use unseen_policies::lifecycle::State;

use crate::desk::Desk;
use crate::error::UseCaseError;
use crate::query::Query;
use crate::wire::as_shown;

/// How long what came of one's own job is told.
const TOLD: TimeDelta = TimeDelta::days(14);

/// Show what waits for whoever asks.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ShowInbox {}

/// What waits for somebody.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Inbox {
    /// What is to be decided first, then what is to be known; of each the oldest first.
    pub waits: Vec<Waiting>,
}

/// Something that waits.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// Why.
    pub why: WaitsFor,
    /// The job that it is about.
    #[serde(with = "as_shown")]
    #[schemars(with = "String")]
    pub job: JobId,
    /// The job's title.
    pub title: String,
    /// The job's author.
    pub author: String,
    /// What the author wants it for, or why it was declined or failed.
    pub words: String,
    /// Since when: when it was submitted, or when its result was due.
    #[schemars(with = "String")]
    pub since: DateTime<Utc>,
}

/// Why something waits, in the order in which it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WaitsFor {
    /// Its approval or refusal.
    Decision,
    /// Witnesses who do not answer.
    Witnesses,
    /// One's own job cannot run any more, and is to be submitted again.
    Again,
    /// One's own job was declined.
    Rejected,
    /// One's own job failed.
    Failed,
    /// One's own job has a release to be read.
    Release,
}

impl Answer for Inbox {
    const NAME: &str = "inbox/v1";
}

impl Query for ShowInbox {
    type Answer = Inbox;

    fn answer(&self, desk: &impl Desk, reader: Option<&PublicKey>) -> Result<Inbox, UseCaseError> {
        let lab = desk.view()?;
        let (ledger, now) = (lab.ledger(), Utc::now());
        let key = reader.ok_or(LabError::from(Refusal::NotEnrolled))?;
        let person = ledger.person(key)?;
        let operates = person.roles.contains(&Role::Operator);
        let found = ledger.jobs().iter().filter_map(|(id, job)| {
            let author = ledger.people().get(&job.author).map_or(String::new(), |author| author.name.clone());
            let why = match author == person.name {
                true => of_ones_own(ledger, job),
                false if operates => to_decide(ledger, job, &person.name),
                false => None,
            };
            let why = why.or_else(|| (operates && unwitnessed(ledger, job)).then_some(WaitsFor::Witnesses))?;
            let since = job.run.as_ref().map_or(job.time, |run| run.release_at);
            let told = matches!(why, WaitsFor::Decision | WaitsFor::Witnesses) || now - since < TOLD;
            let title = job.submitted.title.clone();
            let words = job.reason.clone().unwrap_or_default();
            told.then_some((*id, Waiting { why, job: *id, title, author, words, since }))
        });
        let mut waits = Vec::new();
        for (id, mut waiting) in found {
            if waiting.why == WaitsFor::Decision {
                waiting.words = lab.submitted_plan(id)?.1.job.purpose;
            }
            waits.push(waiting);
        }
        waits.sort_by_key(|waiting| (waiting.why, waiting.since));
        Ok(Inbox { waits })
    }
}

fn of_ones_own(ledger: &Ledger, job: &Job) -> Option<WaitsFor> {
    match job.state {
        State::Submitted | State::Approved if ledger.is_void(job) => Some(WaitsFor::Again),
        State::Rejected => Some(WaitsFor::Rejected),
        State::Failed => Some(WaitsFor::Failed),
        State::Released if !unwitnessed(ledger, job) => Some(WaitsFor::Release),
        _ => None,
    }
}

fn to_decide(ledger: &Ledger, job: &Job, name: &str) -> Option<WaitsFor> {
    let waits = job.state == State::Submitted && !ledger.is_void(job);
    let named = |key: &PublicKey| ledger.people().get(key).is_some_and(|person| person.name == name);
    let decided = job.approvals.iter().any(|(_, key)| named(key));
    (waits && !decided).then_some(WaitsFor::Decision)
}

fn unwitnessed(ledger: &Ledger, job: &Job) -> bool {
    job.state == State::Released && ledger.witnesses().is_some() && job.witnessed.is_none()
}
