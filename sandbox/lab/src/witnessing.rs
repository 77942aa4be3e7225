//! Cosignatures of witnesses: gathered for a checkpoint, and asked for before a release opens.
//!
//! ```text
//! released (sealed) -> checkpoint -> cosigned by k of n -> release-witnessed -> opened
//! ```
//! A release that waits for witnesses stays sealed; the next command that wants it asks again.

use chrono::Utc;
use unseen_audit::named;
use unseen_ids::{Digest, JobId};
use unseen_policies::event::ReleaseWitnessed;
use unseen_policies::ledger::Refusal;
use unseen_policies::lifecycle::State;
use unseen_tlog::note::NoteKey;
use unseen_witness::client::{self, Gathered, TIMEOUT, Target};

use crate::error::LabError;
use crate::lab::Lab;

impl Lab {
    /// Asks the policy's witnesses to cosign the present checkpoint, and publishes it with what they
    /// gave. A witness that has seen another history is an error: nothing may go on from here.
    pub fn witness(&mut self) -> Result<Gathered, LabError> {
        let rule = self.ledger().witnesses().ok_or(Refusal::NoWitnesses)?;
        let keys = named::witnesses(self.ledger()).map_err(LabError::Named)?;
        let targets = keys.into_iter().zip(&rule.witness);
        let targets: Vec<_> =
            targets.map(|(witness, named)| Target { witness, url: named.url.clone(), known: 0 }).collect();
        let quorum = rule.quorum as usize;
        let now = u64::try_from(Utc::now().timestamp()).unwrap_or_default();
        let log = &self.log;
        let prove = |old: u64| log.prove_consistency(old, log.size());
        let gathered = client::gather(&targets, log.note(), &prove, quorum, TIMEOUT, now)
            .map_err(|error| LabError::Other(error.to_string()))?;
        if let Some((name, refusal)) = gathered.alarms().next() {
            return Err(LabError::Alarm { witness: name.clone(), refusal: refusal.to_string() });
        }
        let lines: Vec<_> = gathered.cosignatures.iter().map(|cosignature| cosignature.line.clone()).collect();
        if !lines.is_empty() {
            self.log.publish_cosigned(&lines)?;
        }
        Ok(gathered)
    }

    /// Puts on record who has seen a release's entry, if the policy names witnesses and that is not on
    /// record yet. Where the policy requires them and too few answer, the release stays sealed.
    pub(crate) fn witness_release(&mut self, id: JobId) -> Result<(), LabError> {
        let job = self.ledger().job(id)?;
        let Some(rule) = self.ledger().witnesses() else { return Ok(()) };
        let (needs, required) = (rule.quorum as usize, rule.required);
        let (release, _) = job.release.ok_or(LabError::NoResult(id))?;
        if job.state != State::Released || job.witnessed.as_ref().is_some_and(|found| found.enough || !required) {
            return Ok(());
        }
        let gathered = self.witness()?;
        if required && !gathered.reaches(needs) {
            let why = gathered.refusals.iter().map(|(name, refusal)| format!("{name}: {refusal}"));
            let why = why.collect::<Vec<_>>().join("; ");
            return Err(LabError::Unwitnessed { job: id, has: gathered.cosignatures.len(), needs, why });
        }
        let note = self.log.note().to_string().into_bytes();
        let mut witnesses: Vec<_> = gathered.cosignatures.into_iter().map(|cosignature| cosignature.name).collect();
        // Not in the order in which they happened to answer.
        witnesses.sort();
        self.record_with(ReleaseWitnessed { job: id, release, checkpoint: Digest::of(&note), witnesses }, &[&note])?;
        Ok(())
    }

    /// Refuses when a witness has cosigned more of this log than there is here, or something else; and
    /// when none can be asked, for then nothing is known.
    pub(crate) fn must_be_newest_for_witnesses(&self) -> Result<(), LabError> {
        let keys: Vec<NoteKey> = self.ledger().log_keys().values().filter_map(|key| key.parse().ok()).collect();
        let rule = self.ledger().witnesses().ok_or(LabError::NothingToCompare)?;
        let mut answered = 0;
        let mut refusals = Vec::new();
        for (witness, named) in named::witnesses(self.ledger()).map_err(LabError::Named)?.iter().zip(&rule.witness) {
            match client::latest(witness, &named.url, &keys, TIMEOUT) {
                Ok(Some((_, checkpoint, _))) => {
                    self.log.ensure_extends(&checkpoint)?;
                    answered += 1;
                }
                Ok(None) => refusals.push(format!("{}: it has cosigned nothing of this log", witness.name())),
                // Signed with a key that came after this backup, perhaps: either way not known here.
                Err(refusal) => refusals.push(format!("{}: {refusal}", witness.name())),
            }
        }
        let needs = rule.quorum as usize;
        if answered >= needs {
            Ok(())
        } else {
            Err(LabError::TooFewToCompare { has: answered, needs, why: refusals.join("; ") })
        }
    }
}
