//! What people sign: events made from what they saw in the lab. Signing happens with the person's own
//! key; the lab takes nothing else.

use unseen_audit::named;
use unseen_ids::{Digest, JobId, Role};
use unseen_policies::event::*;
use unseen_policies::ledger::{Ledger, Refusal};
use unseen_policies::manifest::Manifest;
use unseen_policies::plan::Plan;
use unseen_tlog::note::Checkpoint;

/// A submission of this manifest and component, against the datasets as registered now.
pub fn submission(
    ledger: &Ledger,
    manifest: &Manifest,
    plan: &Plan,
    manifest_text: &str,
    module: &Digest,
) -> Result<JobSubmitted, Refusal> {
    let datasets = manifest.datasets().into_iter().map(|name| {
        let registered = &ledger.dataset(name)?.registered;
        let (snapshot, description) = (registered.snapshot, registered.description);
        Ok(Used { name: name.to_owned(), snapshot, description, values: registered.values })
    });
    Ok(JobSubmitted {
        title: manifest.job.title.clone(),
        manifest: Digest::of(manifest_text.as_bytes()),
        module: *module,
        datasets: datasets.collect::<Result<_, Refusal>>()?,
        policy: ledger.in_force().map_or(0, |in_force| in_force.entry),
        rho: plan.charge.rho,
        pure_epsilon: plan.charge.pure_epsilon.as_ref().map(ToString::to_string),
        release: manifest.job.release.to_string(),
        need: named::need(ledger, manifest, plan),
    })
}

/// An approval of exactly what was submitted, whose manifest states this purpose, by somebody who saw the log as this checkpoint has it.
pub fn approval(ledger: &Ledger, log: &Checkpoint, job: JobId, purpose: &str) -> Result<JobApproved, Refusal> {
    let seen = ledger.job(job)?;
    Ok(JobApproved {
        job,
        submission: seen.leaf,
        manifest: seen.submitted.manifest,
        module: seen.submitted.module,
        role: Role::Operator,
        seen: TreeHead { size: log.size, root: Digest::from_bytes(log.root) },
        words: Some(Words::of(&seen.submitted, purpose)),
    })
}
