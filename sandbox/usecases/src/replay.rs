//! Running a released job again inside the lab: every number is derived a second time.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_ids::{Answer, Digest, JobId};
use unseen_lab::RunLock;

use crate::desk::Desk;
use crate::error::UseCaseError;
use crate::runs::all_cores;
use crate::wire::as_shown;

/// A run that was run again, compared with what was released.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Replayed {
    /// The job.
    #[serde(with = "as_shown")]
    #[schemars(with = "String")]
    pub job: JobId,
    /// The entry that started the run.
    pub run: u64,
    /// What the comparison means.
    pub verdict: Verdict,
    /// How many numbers were derived; 0 when they are not those that the log names.
    pub numbers: usize,
    /// Digest of the release that the log names.
    #[schemars(with = "String")]
    pub logged: Digest,
    /// Digest of the release that is kept.
    #[schemars(with = "String")]
    pub kept: Digest,
    /// Digest of what was derived again.
    #[schemars(with = "String")]
    pub derived: Digest,
    /// Numbers in which the kept release differs from the one that the log names; the first ten.
    pub differences: Vec<Difference>,
    /// The builds of the run and of the replay, where they differ.
    pub other_build: Option<OtherBuild>,
}

/// What a replay shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every bit is the same.
    Agrees,
    /// The kept release is not the one that the log names; the log names what the run derives.
    Altered,
    /// The log names a release that the run does not derive.
    NotDerived,
}

/// One number that differs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// Round, output, group, value.
    pub place: String,
    /// What the kept release says.
    pub kept: String,
    /// What the run derives.
    pub derived: String,
}

/// Two builds.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OtherBuild {
    /// The one that the run is on record with.
    #[schemars(with = "String")]
    pub run: Digest,
    /// The one that replayed it.
    #[schemars(with = "String")]
    pub replay: Digest,
}

impl Answer for Replayed {
    const NAME: &str = "replay/v1";
}

/// Replays a job. `steps` is told how far it has come.
pub fn replay(desk: &impl Desk, job: JobId, steps: &mut dyn FnMut(u32, u32)) -> Result<Replayed, UseCaseError> {
    let held = RunLock::take(desk.folder())?;
    begin(desk, job, all_cores(), &held)?.carry_out(steps)
}

/// A replay that may begin.
pub struct Replaying {
    job: JobId,
    ready: unseen_lab::Replaying,
}

/// Makes a replay ready. Whoever holds the lock keeps it as long as nobody is to know when the replay ends.
pub fn begin(desk: &impl Desk, job: JobId, threads: u32, held: &RunLock) -> Result<Replaying, UseCaseError> {
    let ready = desk.write(|lab| lab.begin_replay(desk.program(), job, threads, held))?;
    Ok(Replaying { job, ready })
}

impl Replaying {
    /// Runs the job again and compares.
    pub fn carry_out(self, mut steps: impl FnMut(u32, u32)) -> Result<Replayed, UseCaseError> {
        let replay = self.ready.carry_out(&mut steps)?;
        Ok(compared(self.job, replay))
    }
}

fn compared(job: JobId, replay: unseen_lab::Replay) -> Replayed {
    let verdict = match replay.verdict() {
        unseen_lab::Verdict::Agrees => Verdict::Agrees,
        unseen_lab::Verdict::Altered => Verdict::Altered,
        unseen_lab::Verdict::NotDerived => Verdict::NotDerived,
    };
    let differences = replay.differences.into_iter().map(|found| {
        let unseen_lab::Difference { place, kept, derived } = found;
        Difference { place, kept, derived }
    });
    Replayed {
        job,
        run: replay.run,
        verdict,
        numbers: replay.numbers,
        logged: replay.logged,
        kept: replay.kept,
        derived: replay.derived,
        differences: differences.collect(),
        other_build: replay.other_build.map(|(run, replay)| OtherBuild { run, replay }),
    }
}
