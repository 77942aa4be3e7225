//! A release, read by an enrolled person.

use schemars::JsonSchema;
use serde::Serialize;
use unseen_core::release::{Derived, ReleaseBody, ReleasedRound};
use unseen_ids::{Answer, Digest, JobId, PublicKey};
use unseen_policies::Manifest;
use unseen_tlog::Signer;

use crate::desk::{Desk, publish};
use crate::error::UseCaseError;
use crate::estimates::{Estimates, estimates};
use crate::jobs::{self, WitnessedBy};
use crate::plan::Plan;
use crate::wire::as_shown;

/// What a job released.
#[derive(Clone, Debug, Serialize, JsonSchema)]
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
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Numbers {
    /// Every round, first to last.
    pub rounds: Vec<ReleasedRound>,
    /// Tables that the job computed from the noised totals.
    pub derived: Vec<Derived>,
    /// Ratios, and averages over blocks, of the last round's totals.
    pub estimates: Vec<Estimates>,
}

impl Numbers {
    pub(crate) fn new(manifest: &Manifest, body: ReleaseBody) -> Numbers {
        let ReleaseBody { rounds, derived, .. } = body;
        Numbers { estimates: estimates(manifest, &rounds), rounds, derived }
    }
}

impl Answer for Release {
    const NAME: &str = "release/v1";
}

/// Opens a job's release for an enrolled person, and puts on record that it was read. Publishes it first, if
/// its time has come.
pub fn release(desk: &impl Desk, job: JobId, reader: &dyn Signer) -> Result<Release, UseCaseError> {
    // A stranger brings nothing about.
    desk.view()?.ledger().person(&PublicKey::from(reader.verifying_key()))?;
    publish(desk, job)?;
    let (mut release, manifest, body) = desk.write(|lab| {
        let published = lab.read_release(job, reader)?;
        let about = lab.ledger().job(job)?;
        let (_, manifest, plan) = lab.submitted_plan(job)?;
        let release = Release {
            job,
            title: about.submitted.title.clone(),
            witnessed: jobs::witnessed(about),
            entry: published.entry,
            run: published.body.run,
            body: Digest::of(&published.bytes),
            plan: Plan::new(&manifest, &plan, about.submitted.need, Some(lab.ledger())),
            numbers: Numbers::default(),
        };
        Ok((release, manifest, published.body))
    })?;
    // Of many groups this takes its time, and the lab is free meanwhile.
    release.numbers = Numbers::new(&manifest, body);
    Ok(release)
}
