//! What came of jobs: runs, and releases, the newest last.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_ids::{Answer, Digest, JobId, PublicKey};
use unseen_policies::ledger;
use unseen_policies::lifecycle::State;

use crate::desk::Desk;
use crate::error::UseCaseError;
use crate::jobs::{PAGE, WitnessedBy, witnessed};
use crate::query::Query;
use crate::wire::{StateName, as_shown};

/// List runs, by their jobs.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ListRuns {
    /// Only of jobs before this one.
    #[serde(default, with = "as_shown::option")]
    #[schemars(with = "Option<String>", regex(pattern = unseen_ids::pattern::JOB))]
    pub before: Option<JobId>,
    /// The newest so many; no answer has more than 1,000.
    #[serde(default)]
    pub limit: Option<usize>,
}

/// List releases, by their jobs.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ListReleases {
    /// Only of jobs before this one.
    #[serde(default, with = "as_shown::option")]
    #[schemars(with = "Option<String>", regex(pattern = unseen_ids::pattern::JOB))]
    pub before: Option<JobId>,
    /// The newest so many; no answer has more than 1,000.
    #[serde(default)]
    pub limit: Option<usize>,
}

/// Runs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Runs {
    /// The newest last.
    pub runs: Vec<ListedRun>,
    /// Before which job there are more.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "as_shown::option")]
    #[schemars(with = "Option<String>")]
    pub next: Option<JobId>,
}

/// A run, as the log tells of it: when it really ended is nowhere.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListedRun {
    /// Its job.
    #[serde(with = "as_shown")]
    #[schemars(with = "String")]
    pub job: JobId,
    /// The job's state.
    #[schemars(with = "StateName")]
    pub state: State,
    /// The entry that started it.
    pub entry: u64,
    /// No earlier than this may its result appear.
    #[schemars(with = "String")]
    pub release_at: DateTime<Utc>,
    /// Until then the machine is this run's, however soon it is done.
    #[schemars(with = "String")]
    pub slot_ends: DateTime<Utc>,
    /// What runs it, such as `unseen 0.2.0`.
    pub runtime: String,
    /// SHA-256 of that binary.
    #[schemars(with = "String")]
    pub runtime_build: Digest,
}

/// Releases.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Releases {
    /// The newest last.
    pub releases: Vec<ListedRelease>,
    /// Before which job there are more.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "as_shown::option")]
    #[schemars(with = "Option<String>")]
    pub next: Option<JobId>,
}

/// A release; its numbers are read with `POST /v1/jobs/{job}/release`, which is put on record.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListedRelease {
    /// Its job.
    #[serde(with = "as_shown")]
    #[schemars(with = "String")]
    pub job: JobId,
    /// The job's title.
    pub title: String,
    /// The entry that published it.
    pub entry: u64,
    /// Who had seen it before it opened; none before that, or where the policy names no witnesses.
    pub witnessed: Option<WitnessedBy>,
}

impl Answer for Runs {
    const NAME: &str = "runs/v1";
}
impl Answer for Releases {
    const NAME: &str = "releases/v1";
}

impl Query for ListRuns {
    type Answer = Runs;

    fn answer(&self, desk: &impl Desk, _: Option<&PublicKey>) -> Result<Runs, UseCaseError> {
        let (runs, next) = newest(desk, self.before, self.limit, |job, found| {
            let run = found.run.as_ref()?;
            Some(ListedRun {
                job,
                state: found.state,
                entry: run.entry,
                release_at: run.release_at,
                slot_ends: run.slot_ends,
                runtime: run.runtime.clone(),
                runtime_build: run.runtime_build,
            })
        })?;
        Ok(Runs { runs, next })
    }
}

impl Query for ListReleases {
    type Answer = Releases;

    fn answer(&self, desk: &impl Desk, _: Option<&PublicKey>) -> Result<Releases, UseCaseError> {
        let (releases, next) = newest(desk, self.before, self.limit, |job, found| {
            let (entry, _) = found.release?;
            Some(ListedRelease { job, title: found.submitted.title.clone(), entry, witnessed: witnessed(found) })
        })?;
        Ok(Releases { releases, next })
    }
}

/// The newest jobs of which there is something to tell, and before which job there are more.
fn newest<T>(
    desk: &impl Desk,
    before: Option<JobId>,
    limit: Option<usize>,
    told: impl Fn(JobId, &ledger::Job) -> Option<T>,
) -> Result<(Vec<T>, Option<JobId>), UseCaseError> {
    let lab = desk.view()?;
    let jobs = lab.ledger().jobs().range(..before.unwrap_or(JobId(u64::MAX))).rev();
    let mut found = jobs.filter_map(|(id, job)| Some((*id, told(*id, job)?)));
    let page: Vec<_> = found.by_ref().take(limit.unwrap_or(PAGE).clamp(1, PAGE)).collect();
    let next = page.last().map(|(id, _)| *id).filter(|_| found.next().is_some());
    Ok((page.into_iter().rev().map(|(_, one)| one).collect(), next))
}
