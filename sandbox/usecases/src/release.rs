//! A release, read by an enrolled person.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_core::release::{Derived, FORMAT, ReleaseBody, ReleasedRound};
use unseen_ids::{Answer, Digest, JobId, PublicKey, canonical};
use unseen_lab::View;
use unseen_policies::Manifest;
use unseen_policies::event::{Event, ReleaseRead};

use crate::change::Change;
use crate::desk::{Desk, publish};
use crate::error::UseCaseError;
use crate::estimates::{Estimates, estimates};
use crate::jobs::{self, WitnessedBy};
use crate::plan::Plan;
use crate::wire::as_shown;

/// Open a job's release. It is published first, if its time has come.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ReadRelease {
    /// The job.
    #[serde(with = "as_shown")]
    #[schemars(with = "String", regex(pattern = unseen_ids::pattern::JOB))]
    pub job: JobId,
}

/// What a job released.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// The job.
    #[serde(with = "as_shown")]
    #[schemars(with = "String")]
    pub job: JobId,
    /// Its title.
    pub title: String,
    /// The entry of the release.
    pub entry: u64,
    /// The entry that started the run.
    pub run: u64,
    /// The digest of the release's bytes, as the log names it.
    #[schemars(with = "String")]
    pub body: Digest,
    /// Who had seen that entry before the release opened; none where the policy names no witnesses.
    pub witnessed: Option<WitnessedBy>,
    /// What it cost, and the bounds on what one unit could add.
    pub plan: Plan,
    /// The numbers.
    #[serde(flatten)]
    pub numbers: Numbers,
}

/// Noised numbers.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Numbers {
    /// Every round, first to last.
    pub rounds: Vec<ReleasedRound>,
    /// Tables that the job computed from the noised totals.
    pub derived: Vec<Derived>,
    /// The kind of the model that computed them, as manifests name it; null where a job's own code did.
    #[serde(default)]
    pub model: Option<String>,
    /// Ratios, and averages over blocks, of the last round's totals.
    pub estimates: Vec<Estimates>,
}

impl Numbers {
    pub(crate) fn new(manifest: &Manifest, body: ReleaseBody) -> Numbers {
        let ReleaseBody { rounds, derived, .. } = body;
        let model = manifest.question.as_ref().and_then(|question| question.model.as_ref());
        let model = model.map(|model| model.kind.name().to_owned());
        Numbers { estimates: estimates(manifest, &rounds), rounds, derived, model }
    }
}

impl Release {
    /// The bytes of the release, put together of what was answered; none where the log names others.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        let Numbers { rounds, derived, .. } = self.numbers.clone();
        let body = ReleaseBody { format: FORMAT.to_owned(), job: self.job, run: self.run, rounds, derived };
        canonical::to_vec_as_declared(&body).ok().filter(|bytes| Digest::of(bytes) == self.body)
    }
}

impl Answer for Release {
    const NAME: &str = "release/v1";
}

impl Change for ReadRelease {
    type Answer = Release;

    fn prepare(&self, desk: &impl Desk, reader: Option<&PublicKey>) -> Result<(), UseCaseError> {
        // A stranger brings nothing about.
        let Some(reader) = reader else { return Ok(()) };
        desk.view()?.ledger().person(reader)?;
        publish(desk, self.job)
    }

    fn event(&self, lab: &View) -> Result<Event, UseCaseError> {
        Ok(ReleaseRead { job: self.job, release: lab.readable(self.job)?.entry }.into())
    }

    fn is_said_by(&self, event: &Event) -> bool {
        matches!(event, Event::ReleaseRead(said) if said.job == self.job)
    }

    fn done(&self, _: Option<&View>, lab: &View, _: u64) -> Result<Release, UseCaseError> {
        let published = lab.readable(self.job)?;
        let about = lab.ledger().job(self.job)?;
        let (_, manifest, plan) = lab.submitted_plan(self.job)?;
        Ok(Release {
            job: self.job,
            title: about.submitted.title.clone(),
            witnessed: jobs::witnessed(about),
            entry: published.entry,
            run: published.body.run,
            body: Digest::of(&published.bytes),
            plan: Plan::new(&manifest, &plan, about.submitted.need, Some(lab.ledger())),
            numbers: Numbers::new(&manifest, published.body),
        })
    }
}
