//! Cosignatures of witnesses: gathered for a checkpoint, and asked for before a release opens.
//!
//! ```text
//! released (sealed) -> checkpoint -> cosigned by k of n -> release-witnessed -> opened
//! ```
//! A release that waits for witnesses stays sealed; the next command that wants it asks again. They are asked
//! while nobody holds the lab.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use unseen_audit::named;
use unseen_ids::{Digest, JobId};
use unseen_policies::event::ReleaseWitnessed;
use unseen_policies::ledger::{Job, Refusal};
use unseen_policies::lifecycle::State;
use unseen_texts::{Sentence, say, text};
use unseen_tlog::cosignature::WitnessKey;
use unseen_tlog::note::{Checkpoint, Note, NoteKey};
use unseen_tlog::proof::EntryProof;
use unseen_witness::client::{self, Gathered, TIMEOUT, Target};

use crate::error::LabError;
use crate::lab::Lab;
use crate::view::View;

/// Witnesses to be asked for a checkpoint. The lab is no longer needed: however long they take to answer,
/// others use the lab as usual.
pub struct Witnessing {
    view: View,
    targets: Vec<Target>,
    quorum: usize,
}

/// What witnesses have answered, and for which checkpoint.
pub struct Witnessed {
    note: Note,
    /// Their cosignatures and refusals.
    pub gathered: Gathered,
}

impl Witnessing {
    /// Asks them. A witness that has seen another history is an error: nothing may go on from here.
    pub fn carry_out(self) -> Result<Witnessed, LabError> {
        let Witnessing { view, targets, quorum } = self;
        let now = u64::try_from(Utc::now().timestamp()).unwrap_or_default();
        let log = view.log();
        let prove = |old: u64| log.prove_consistency(old, log.size());
        let gathered = client::gather(&targets, log.note(), &prove, quorum, TIMEOUT, now)
            .map_err(|error| LabError::Other(Sentence::of(&error)))?;
        if let Some((name, refusal)) = gathered.alarms().next() {
            return Err(LabError::Alarm { witness: name.clone(), refusal: refusal.clone() });
        }
        Ok(Witnessed { note: log.note().clone(), gathered })
    }
}

impl Witnessed {
    /// The checkpoint, with what the witnesses added.
    pub fn note(&self) -> Note {
        let mut note = self.note.clone();
        self.gathered.cosignatures.iter().for_each(|cosignature| note.add(cosignature.line.clone()));
        note
    }
}

impl View {
    /// A request to the policy's witnesses to cosign the present checkpoint.
    pub fn witnessing(&self) -> Result<Witnessing, LabError> {
        let rule = self.ledger().witnesses().ok_or(Refusal::NoWitnesses)?;
        let keys = named::witnesses(self.ledger()).map_err(LabError::Named)?;
        let targets = keys.into_iter().zip(&rule.witness);
        let targets = targets.map(|(witness, named)| Target { witness, url: named.url.clone(), known: 0 }).collect();
        Ok(Witnessing { view: self.clone(), targets, quorum: rule.quorum as usize })
    }

    /// When each of the policy's witnesses cosigned the present checkpoint, by its clock.
    pub fn cosigned(&self) -> Result<Vec<Option<DateTime<Utc>>>, LabError> {
        let keys = named::witnesses(self.ledger()).map_err(LabError::Named)?;
        let note = self.log().note();
        let when = |key: &WitnessKey| DateTime::from_timestamp(key.verify(note).ok()?.try_into().ok()?, 0);
        Ok(keys.iter().map(when).collect())
    }

    /// The proof that an entry is in the log. That of a release is under the checkpoint with which it was witnessed
    /// where fewer witnesses have signed the present one.
    pub fn prove_entry(&self, entry: u64) -> Result<EntryProof, LabError> {
        let present = self.log().prove_entry(entry)?;
        let is_released = |job: &&Arc<Job>| job.release.is_some_and(|(at, _)| at == entry);
        let job = self.ledger().jobs().values().find(is_released);
        let Some(witnessed) = job.and_then(|job| job.witnessed.as_ref()) else { return Ok(present) };
        let keys = named::witnesses(self.ledger()).map_err(LabError::Named)?;
        let seen_by = |note: &Note| keys.iter().filter(|key| key.verify(note).is_ok()).count();
        let key: Option<NoteKey> = self.ledger().log_key().parse().ok();
        let then = Note::parse(&self.blob(&witnessed.checkpoint)?).ok();
        let then = then.filter(|note| seen_by(note) > seen_by(&present.checkpoint));
        // One of before the log's key changed says nothing to whoever knows the present key.
        let size = then.as_ref().zip(key).and_then(|(note, key)| Some(Checkpoint::open(note, &key).ok()?.size));
        let Some((checkpoint, size)) = then.zip(size) else { return Ok(present) };
        Ok(EntryProof { path: self.log().prove_inclusion(entry, size)?, checkpoint, ..present })
    }

    /// The same, if a release waits to be witnessed.
    pub fn witnessing_of(&self, id: JobId) -> Result<Option<Witnessing>, LabError> {
        let job = self.ledger().job(id)?;
        let Some(rule) = self.ledger().witnesses() else { return Ok(None) };
        let on_record = job.witnessed.as_ref().is_some_and(|found| found.enough || !rule.required);
        if job.state != State::Released || on_record { Ok(None) } else { self.witnessing().map(Some) }
    }
}

impl Lab {
    /// Publishes the present checkpoint with what witnesses gave for it. Where the log has grown meanwhile
    /// there is nothing to publish.
    pub fn publish_witnessed(&mut self, witnessed: &Witnessed) -> Result<(), LabError> {
        let lines: Vec<_> = witnessed.gathered.cosignatures.iter().map(|found| found.line.clone()).collect();
        if !lines.is_empty() && witnessed.note.text() == self.log.note().text() {
            self.log.publish_cosigned(&lines)?;
            self.follow_log();
        }
        Ok(())
    }

    /// Puts on record who has seen a release's entry, and opens it. Where the policy requires witnesses and
    /// too few have answered, the release stays sealed.
    pub fn conclude_witnessed(&mut self, id: JobId, witnessed: Witnessed) -> Result<(), LabError> {
        self.publish_witnessed(&witnessed)?;
        // Somebody else may have been faster.
        if self.witnessing_of(id)?.is_some() {
            let rule = self.ledger().witnesses().ok_or(Refusal::NoWitnesses)?;
            let (release, _) = self.ledger().job(id)?.release.ok_or_else(|| self.no_result(id))?;
            let gathered = &witnessed.gathered;
            let needs = rule.quorum as usize;
            if rule.required && !gathered.reaches(needs) {
                let why =
                    gathered.refusals.iter().map(|(name, refusal)| say!("{name}: {refusal}", "{name}：{refusal}"));
                let why = in_a_row(why);
                return Err(LabError::Unwitnessed { job: id, has: gathered.cosignatures.len(), needs, why });
            }
            let note = witnessed.note().to_string().into_bytes();
            let mut witnesses: Vec<_> = gathered.cosignatures.iter().map(|found| found.name.clone()).collect();
            // Not in the order in which they happened to answer.
            witnesses.sort();
            let event = ReleaseWitnessed { job: id, release, checkpoint: Digest::of(&note), witnesses };
            self.record_with(event, &[&note])?;
        }
        self.open_release(id)
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
                Ok(None) => refusals.push(say!(
                    "{name}: it has cosigned nothing of this log",
                    "{name}：它没有联署过此日志的任何内容",
                    name = witness.name()
                )),
                // Signed with a key that came after this backup, perhaps: either way not known here.
                Err(refusal) => refusals.push(say!("{name}: {refusal}", "{name}：{refusal}", name = witness.name())),
            }
        }
        let needs = rule.quorum as usize;
        if answered >= needs {
            Ok(())
        } else {
            Err(LabError::TooFewToCompare { has: answered, needs, why: in_a_row(refusals) })
        }
    }
}

fn in_a_row(sentences: impl IntoIterator<Item = Sentence>) -> Sentence {
    let joined = sentences.into_iter().reduce(|one, other| say!("{one}; {other}", "{one}；{other}"));
    joined.unwrap_or_else(|| text!("nobody answered", "无人应答").into())
}
