//! A job's run, from the charge to the end of its slot.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_ids::{Answer, JobId};
use unseen_lab::{Begun, LabError, RunLock};
use unseen_texts::Sentence;
use unseen_tlog::Signer;

use crate::desk::{Desk, publish};
use crate::doctor::Protection;
use crate::error::UseCaseError;
use crate::wire::as_shown;

/// Run an approved job, or resume a run that was interrupted.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RunJob {
    /// The job.
    #[serde(with = "as_shown")]
    #[schemars(with = "String")]
    pub job: JobId,
    /// Threads, 1 to 256; all cores when left out. The result does not depend on it.
    pub threads: Option<u32>,
}

/// What a front end shows while a job runs. Neither depends on rows.
pub trait Watch {
    /// The run has the machine until then; the call returns no sooner.
    fn slot(&mut self, until: DateTime<Utc>);

    /// How far it has come, where the policy lets that be seen: a run without a slot.
    fn steps(&mut self, done: u32, all: u32);
}

/// A job after its run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ran {
    /// The job.
    #[serde(with = "as_shown")]
    #[schemars(with = "String")]
    pub job: JobId,
    /// The entry of the release, when its time had come.
    pub released: Option<u64>,
    /// Whether the job has ended without a result, and its time had come.
    pub failed: bool,
    /// Why, where it has: what the job's `advance` said, or that the run was cut short.
    pub reason: Option<String>,
    /// When the result may appear.
    #[schemars(with = "String")]
    pub release_at: DateTime<Utc>,
    /// Why the run was cut short, where the job has failed of that.
    pub cut_short: Option<Sentence>,
    /// Why there is no evidence of the machine, where the policy asks for some and does without.
    pub without_evidence: Option<Sentence>,
    /// The walls round the worker, where one was needed.
    pub walls: Vec<Protection>,
}

impl Answer for Ran {
    const NAME: &str = "run/v1";
}

/// Runs a job and waits for the end of its slot, so that nothing done next tells how long the run took.
pub fn run(
    desk: &impl Desk,
    request: &RunJob,
    operator: &dyn Signer,
    watch: &mut dyn Watch,
) -> Result<Ran, UseCaseError> {
    let job = request.job;
    let threads = request.threads.unwrap_or_else(all_cores).clamp(1, 256);
    let held = RunLock::take(desk.folder())?;
    // The lab is held while the run is charged, and not while it goes on.
    let reached = desk.view()?.reach(job)?;
    let begun = desk.write(|lab| lab.begin(desk.program(), job, operator, threads, &held, reached))?;
    let walls = begun.walls().map_or_else(Vec::new, Protection::of_walls);
    let without_evidence = begun.evidence().cloned();
    let carried = within_slot(begun, watch);
    publish(desk, job)?;
    let ran = desk.view()?.standing(job)?;
    let cut_short = match carried {
        // Its time had come, so it has failed by now.
        Err(LabError::CutShort { fault, .. }) if ran.failed => Some(Sentence::of(&fault)),
        other => other.map(|()| None)?,
    };
    let unseen_lab::Ran { released, failed, reason, release_at } = ran;
    Ok(Ran { job, released, failed, reason, release_at, cut_short, without_evidence, walls })
}

fn within_slot(begun: Begun, watch: &mut dyn Watch) -> Result<(), LabError> {
    let slot_ends = begun.slot_ends();
    let left = || (slot_ends - Utc::now()).to_std().unwrap_or_default();
    if left().is_zero() {
        return begun.carry_out(|done, all| watch.steps(done, all));
    }
    watch.slot(slot_ends);
    let carried = begun.carry_out(|_, _| ());
    while !left().is_zero() {
        std::thread::sleep(left());
    }
    carried
}

pub(crate) fn all_cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX))
}
