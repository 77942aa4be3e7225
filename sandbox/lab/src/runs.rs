//! Jobs in the lab: submission, the charged run, the sealed result, and its release on schedule.
//!
//! ```text
//! worker ready -> run-started (charge, durable) -> rows -> sealed/JOB -> [release time] -> released -> opened
//! ```
//! Killed anywhere, `begin` goes on from what is there: the charge is in the log once, and the worker's
//! numbers are the same bit for bit. Between [`Lab::begin`] and [`Lab::conclude`] the lab is not held.

use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate, Utc};
use ring::hmac;
use unseen_audit::named::{self, Lookup};
use unseen_core::release::{Release as UnsealedRelease, SealedRelease, open_failure, seal_failure};
use unseen_ids::{Digest, JobId, PublicKey};

use unseen_policies::event::{
    AccessLogRecorded, ConsoleServed, Event, JobSubmitted, Released, RunFailed, RunStarted, Snapshot,
};
use unseen_policies::ledger::{Job, RELEASE_DELAY, Refusal, Run};
use unseen_policies::lifecycle::{STARTER, State};
use unseen_policies::manifest::Release;

use unseen_policies::text::shown;
use unseen_texts::{Sentence, text};
use unseen_tlog::Signer;
use unseen_worker::jail::Walls;
use unseen_worker::process::{Fault, Identity, Secrets, Worker};
use unseen_worker::ready_made;
use zeroize::Zeroizing;

use crate::error::LabError;
use crate::folder::write_durably;
use crate::lab::{Attachments, Lab};
use crate::locks::RunLock;
use crate::moment::now;
use crate::ready::Ready;
use crate::spread::{Reached, Spread, Spreading};
use crate::view::{Published, View};
use crate::witnessing::Witnessing;

/// A run that is charged. It no longer needs the lab: others use the lab as usual while it goes on, so that no
/// entry's time tells how long it takes.
pub struct Begun {
    job: JobId,
    evidence: Option<Sentence>,
    slot_ends: DateTime<Utc>,
    /// None when the run has ended already, and has only its slot to wait for.
    work: Option<Work>,
}

/// What is left to be done of a run: a worker that is ready, and where its result goes.
struct Work {
    worker: Worker,
    ready: Ready,
    secrets: Secrets,
    /// Where others compute what the worker adds up.
    spread: Option<Spread>,
    sealed: PathBuf,
    failed: PathBuf,
    receipts: PathBuf,
}

/// Where a job stands after its run.
pub struct Ran {
    /// The entry of the release, when its time had come.
    pub released: Option<u64>,
    /// Whether the job has ended without a result, and its time had come.
    pub failed: bool,
    /// Why, where it has.
    pub reason: Option<String>,
    /// When the result may appear.
    pub release_at: DateTime<Utc>,
}

/// In the place of a result: the run was cut short, and may be tried again until its time comes. Otherwise the job
/// failed by itself, as it would again, and what stands there is sealed.
const CUT_SHORT: &[u8] = b"cut short";

/// Why a run has no result.
enum NoResult {
    /// It could still have one.
    CutShort,
    /// The job failed.
    Failed(String),
}

/// What runs jobs, as provenance names it.
const RUNTIME: &str = concat!("unseen ", env!("CARGO_PKG_VERSION"));

impl Lab {
    /// Charges an approved job and makes its worker ready, or makes one ready for a run that was
    /// interrupted. `program` is the binary that becomes the worker; `_held` is held until the slot has ended; `reached` is what [`View::reach`] gave.
    ///
    /// Whatever the machine lacks is found out before the charge: memory, walls, a build that can go on.
    pub fn begin(
        &mut self,
        program: &Path,
        id: JobId,
        operator: &dyn Signer,
        threads: u32,
        _held: &RunLock,
        reached: Option<Reached>,
    ) -> Result<Begun, LabError> {
        let starter = PublicKey::from(operator.verifying_key());
        let mut event = None;
        let job = self.ledger().job(id)?;
        if self.ledger().is_void(job) {
            return Err(Refusal::OtherPolicy.into());
        }
        if job.state == State::Submitted {
            let needed = self.ledger().policy().map_or(0, |policy| policy.approvals);
            return Err(LabError::NotApproved { job: id, has: job.approvals.len(), needed });
        }
        if job.state == State::Running {
            self.ledger().must(&starter, STARTER)?;
            if self.has_ended(program, id)? {
                let slot_ends = self.started(id)?.slot_ends;
                return Ok(Begun { job: id, evidence: None, slot_ends, work: None });
            }
        } else {
            // What would be refused is refused before a worker is made ready.
            let start = self.run_started(program, id)?;
            self.ledger().may(&starter, &self.record(start.clone())?)?;
            event = Some(start);
        }
        // Whoever adds up what others computed needs one thread.
        let mut ready = self.ready(program, id, if reached.is_some() { 1 } else { threads })?;
        let spreading = reached.map(|reached| Spreading::new(self.ledger(), &mut ready, reached)).transpose()?;
        let worker = ready.prepare()?;
        self.ensure_swap_allowed(&worker.walls().memory)?;
        if let Some(mut start) = event {
            // Making the worker ready took a moment.
            start.release_at = self.earliest_release(id)?;
            self.sign_and_accept(start, operator, &[])?;
        }
        let evidence = self.record_evidence(id)?;
        let secrets = self.secrets(id, &ready)?;
        let (sealed, failed) = (self.sealed_path(id), self.failed_path(id));
        let (slot_ends, receipts) = (self.started(id)?.slot_ends, self.receipts_path(id));
        let spread = spreading.map(|spreading| self.spread(id, &ready, spreading)).transpose()?;
        let work = Some(Work { worker, ready, secrets, spread, sealed, failed, receipts });
        Ok(Begun { job: id, evidence, slot_ends, work })
    }

    /// [`Lab::begin`] by the lab itself, whose queue it is: with the service key, and under the same rules.
    pub fn begin_as_lab(
        &mut self,
        program: &Path,
        id: JobId,
        threads: u32,
        held: &RunLock,
        reached: Option<Reached>,
    ) -> Result<Begun, LabError> {
        let key = self.keys.service.clone();
        self.begin(program, id, &*key, threads, held, reached)
    }

    /// Publishes a job's result if its time has come and nobody has, and opens it unless it has to wait for
    /// witnesses: those to be asked then, for [`Lab::conclude_witnessed`].
    pub fn publish_due(&mut self, id: JobId) -> Result<Option<Witnessing>, LabError> {
        let job = self.ledger().job(id)?;
        if job.state == State::Running && now() >= self.started(id)?.release_at {
            self.publish(id)?;
        }
        let Some((entry, _)) = self.ledger().job(id)?.release else { return Ok(None) };
        let waits = self.witnessing_of(id)?;
        match waits {
            // The log is whole while it waits.
            Some(_) => self.countersign_release(entry)?,
            None => self.open_release(id)?,
        }
        Ok(waits)
    }

    /// Whether a submission, which agrees with its manifest, can run here: its columns and its component.
    pub(crate) fn check_submission(&self, event: &JobSubmitted, lookup: &dyn Lookup) -> Result<(), LabError> {
        let planned = named::planned(event, lookup).map_err(LabError::Named)?;
        let (manifest, plan) = &*planned;
        let component = lookup.blob(&event.module).map_err(LabError::Named)?;
        self.check_columns("job.toml", manifest)?;
        if ready_made::is_one(&component) {
            self.check_ready_made(manifest, plan)?;
        }
        self.compiled(&component, manifest, plan).map(drop)
    }

    /// Whether a started run needs no worker any more: its result is there, the job failed, or its time
    /// has come without one that could still be had.
    fn has_ended(&self, program: &Path, id: JobId) -> Result<bool, LabError> {
        if self.sealed(id).is_some() {
            return Ok(true);
        }
        let run = self.started(id)?;
        let due = now() >= self.given_up_at(run);
        match self.without_result(id) {
            Some(NoResult::CutShort) if !due => {}
            Some(_) => return Ok(true),
            None => {}
        }
        // What the log says of the build holds for every number of the release.
        let build = self.build_digest(program)?;
        if build == run.runtime_build {
            return Ok(false);
        }
        if !due {
            return Err(LabError::OtherBuild { job: id, started: run.runtime_build, build });
        }
        write_durably(&self.failed_path(id), CUT_SHORT)?;
        Ok(true)
    }

    /// The charge: from the moment this is in the log the job's loss is spent.
    fn run_started(&self, program: &Path, id: JobId) -> Result<RunStarted, LabError> {
        let job = self.ledger().job(id)?;
        let in_force = self.ledger().in_force().ok_or(Refusal::OtherPolicy)?;
        let read = job.submitted.datasets.iter();
        Ok(RunStarted {
            job: id,
            submission: job.leaf,
            manifest: job.submitted.manifest,
            module: job.submitted.module,
            snapshots: read.map(|used| Snapshot { name: used.name.clone(), snapshot: used.snapshot }).collect(),
            policy: in_force.entry,
            policy_leaf: in_force.leaf,
            approvals: approvals_of(job),
            rho: job.submitted.rho,
            release_at: self.earliest_release(id)?,
            runtime: RUNTIME.to_owned(),
            runtime_build: self.build_digest(program)?,
        })
    }

    /// When the result of a job may appear whose run starts now.
    fn earliest_release(&self, id: JobId) -> Result<DateTime<Utc>, LabError> {
        let submitted = &self.ledger().job(id)?.submitted;
        // The entry says what its manifest says: that was checked when it was accepted.
        let asked: Release =
            submitted.release.parse().map_err(|_| LabError::Mismatch(text!("the release time", "发布时间")))?;
        let start = now();
        Ok(asked.earliest(start).max(self.ledger().earliest_release_of(submitted.need, start)))
    }

    /// What the worker is told once the run is charged.
    pub(crate) fn secrets(&self, id: JobId, ready: &Ready) -> Result<Secrets, LabError> {
        let started = self.started(id)?;
        let (origin, entry, leaf) = (self.ledger().origin().to_owned(), started.entry, started.leaf);
        Ok(Secrets {
            run: Identity { job: id, origin, entry, leaf },
            noise_key: self.keys.noise.clone(),
            seal_key: self.seal_key(id)?,
            data_keys: ready.data_keys.clone(),
        })
    }

    /// Records that a sealed result is out, then opens it. Returns the entry; none when the job failed.
    fn publish(&mut self, id: JobId) -> Result<(), LabError> {
        let Some(sealed) = self.sealed(id) else {
            let run = self.started(id)?;
            let reason = match self.without_result(id) {
                None => return Err(self.no_result(id)),
                Some(NoResult::CutShort) if now() < self.given_up_at(run) => return Ok(()),
                Some(NoResult::CutShort) => "the run was cut short".to_owned(),
                Some(NoResult::Failed(why)) => why,
            };
            let run = run.entry;
            self.record_as_lab(RunFailed { job: id, run, reason })?;
            let _ = std::fs::remove_file(self.failed_path(id));
            return Ok(());
        };
        let body = sealed.digest();
        let job = self.ledger().job(id)?;
        let run = job.run.as_ref().ok_or_else(|| self.no_result(id))?;
        let receipts = std::fs::read(self.receipts_path(id)).ok();
        let named = receipts.as_deref().map(Digest::of);
        let approvals = approvals_of(job);
        let released = Released { job: id, run: run.entry, run_leaf: run.leaf, approvals, body, receipts: named };
        self.record_with(released, &receipts.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
        let _ = std::fs::remove_file(self.receipts_path(id));
        Ok(())
    }

    /// Opens a release that is announced and witnessed as it must be, if that was not done yet.
    pub(crate) fn open_release(&mut self, id: JobId) -> Result<(), LabError> {
        match (self.ledger().job(id)?.release, self.sealed(id)) {
            (Some((entry, _)), Some(sealed)) => self.settle(id, entry, sealed),
            _ => Ok(()),
        }
    }

    /// Opens a sealed release with the proof of its entry and keeps the body as a blob.
    fn settle(&mut self, id: JobId, entry: u64, sealed: SealedRelease) -> Result<(), LabError> {
        self.countersign_release(entry)?;
        let release = self.opened(entry, sealed)?;
        self.log.put_blob(release.bytes())?;
        // The blob is durable; the sealed copy has done its work.
        let _ = std::fs::remove_file(self.sealed_path(id));
        Ok(())
    }

    /// Opens a release that entry `entry` announces.
    pub(crate) fn opened(&self, entry: u64, sealed: SealedRelease) -> Result<UnsealedRelease, LabError> {
        let proof = self.log.prove_inclusion(entry, self.log.size())?;
        let edge = self.log.checkpoint();
        sealed
            .open(&self.log.entry(entry)?, entry, edge.size, &edge.root, &proof)
            .map_err(|error| LabError::Other(Sentence::of(&error)))
    }

    pub(crate) fn record_as_lab(&mut self, event: impl Into<Event>) -> Result<u64, LabError> {
        self.record_with(event, &[])
    }

    /// Records the digest of a day of the lab's second log.
    pub fn record_access_log(&mut self, date: NaiveDate, digest: Digest, lines: u64) -> Result<u64, LabError> {
        self.record_as_lab(AccessLogRecorded { date, digest, lines })
    }

    /// Records what the lab's pages load in a browser.
    pub fn record_console(&mut self, assets: Digest) -> Result<u64, LabError> {
        self.record_as_lab(ConsoleServed { runtime: RUNTIME.to_owned(), assets })
    }

    /// Records what the lab itself says, with what that names.
    pub(crate) fn record_with(
        &mut self,
        event: impl Into<Event>,
        attachments: Attachments<'_>,
    ) -> Result<u64, LabError> {
        let key = self.keys.service.clone();
        self.sign_and_accept(event, &*key, attachments)
    }

    /// Finishes what a crash between a release's entry and its blob left undone; what waits for its
    /// witnesses goes on waiting.
    pub(crate) fn settle_all(&mut self) -> Result<(), LabError> {
        for (id, entry) in self.unsettled() {
            if let Some(sealed) = self.sealed(id) {
                self.settle(id, entry, sealed)?;
            }
        }
        Ok(())
    }

    /// The result that waits, if it is there and whole.
    pub(crate) fn sealed(&self, id: JobId) -> Option<SealedRelease> {
        let bytes = std::fs::read(self.sealed_path(id)).ok()?;
        SealedRelease::from_sealed_bytes(&*self.seal_key(id).ok()?, &bytes).ok()
    }

    /// Seals the result of one run. The key is bound to the entry that started it, so that the result
    /// of any other run, put in its place, counts as none.
    fn seal_key(&self, id: JobId) -> Result<Zeroizing<[u8; 32]>, LabError> {
        let leaf = self.started(id)?.leaf.to_bytes();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &*self.keys.seal);
        let mut sealing = Zeroizing::new([0; 32]);
        sealing.copy_from_slice(hmac::sign(&key, &[b"unseen seal v1 ".as_slice(), &leaf].concat()).as_ref());
        Ok(sealing)
    }

    /// Until when a run that was cut short may be tried again: until its time comes, and for ten minutes
    /// where results may appear at once.
    pub(crate) fn given_up_at(&self, run: &Run) -> DateTime<Utc> {
        let at_once = self.ledger().policy().is_some_and(|policy| policy.release_now);
        if at_once { run.release_at + RELEASE_DELAY } else { run.release_at }
    }

    /// Whether it is known that a run has no result, and why.
    fn without_result(&self, id: JobId) -> Option<NoResult> {
        let kept = std::fs::read(self.failed_path(id)).ok()?;
        if kept == CUT_SHORT {
            return Some(NoResult::CutShort);
        }
        let why = open_failure(&*self.seal_key(id).ok()?, &kept);
        Some(NoResult::Failed(why.unwrap_or_else(|| "the job's `advance` failed".to_owned())))
    }
}

/// What a run has left in the lab's folder so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Nothing: it goes on, or was killed.
    Nothing,
    /// That it was cut short, and may be tried again until its time comes.
    CutShort,
    /// How it ended, sealed.
    End,
}

impl View {
    /// What a run has left so far. What is sealed is not looked into.
    pub fn kept(&self, id: JobId) -> Kept {
        match std::fs::read(self.failed_path(id)) {
            _ if self.sealed_path(id).exists() => Kept::End,
            Ok(kept) if kept == CUT_SHORT => Kept::CutShort,
            Ok(_) => Kept::End,
            Err(_) => Kept::Nothing,
        }
    }

    /// Stands in for a sealed result when the job itself failed.
    fn failed_path(&self, id: JobId) -> PathBuf {
        self.dir.join("sealed").join(format!("{id}.failed"))
    }

    /// A job's release, if it is not sealed any more. [`Lab::publish_due`] comes before, and whoever gives it to a
    /// person has put on record that it was read.
    pub fn readable(&self, id: JobId) -> Result<Published, LabError> {
        let at = self.started(id)?.release_at;
        if self.ledger().job(id)?.state == State::Running && now() < at {
            return Err(LabError::sealed(id, at));
        }
        self.published(id)
    }

    /// Where a started job stands.
    pub fn standing(&self, id: JobId) -> Result<Ran, LabError> {
        let job = self.ledger().job(id)?;
        Ok(Ran {
            released: job.release.map(|(entry, _)| entry),
            failed: job.state == State::Failed,
            reason: job.reason.clone(),
            release_at: self.started(id)?.release_at,
        })
    }

    /// Whether a release that is out is not to be read yet, because whoever published it was ended before its
    /// body was written. [`Lab::open`] writes it.
    pub fn is_unsettled(&self) -> bool {
        !self.unsettled().is_empty()
    }

    /// The sealed results that nothing holds back any more, with the entries that announce them.
    fn unsettled(&self) -> Vec<(JobId, u64)> {
        let witnesses = self.ledger().witnesses().is_some();
        let released = self.ledger().jobs().iter().filter_map(|(id, job)| {
            let (entry, _) = job.release.filter(|_| !witnesses || job.witnessed.is_some())?;
            Some((*id, entry))
        });
        let waits = std::fs::read_dir(self.dir.join("sealed")).is_ok_and(|mut found| found.next().is_some());
        released.filter(|(id, _)| waits && self.sealed_path(*id).exists()).collect()
    }

    /// Who computed a run that was spread over nodes, until its release is out.
    fn receipts_path(&self, id: JobId) -> PathBuf {
        self.dir.join("sealed").join(format!("{id}.receipts"))
    }

    fn sealed_path(&self, id: JobId) -> PathBuf {
        self.dir.join("sealed").join(id.to_string())
    }
}

impl Begun {
    /// The walls that hold round the worker, where one is needed still.
    pub fn walls(&self) -> Option<&Walls> {
        self.work.as_ref().map(|work| work.worker.walls())
    }

    /// What was asked for as evidence of the machine and could not be had, though the policy does without.
    pub fn evidence(&self) -> Option<&Sentence> {
        self.evidence.as_ref()
    }

    /// Until when the machine is this run's, however soon it is done. Whoever carries it out does nothing
    /// that others see before then.
    pub fn slot_ends(&self) -> DateTime<Utc> {
        self.slot_ends
    }

    /// Runs the job and keeps its sealed result, or that it has none: [`Lab::conclude`] publishes either
    /// when its time has come.
    ///
    /// # Errors
    /// The run was cut short twice. Inside text. The job may be run again until its time comes, and has
    /// failed then.
    pub fn carry_out(self, mut progress: impl FnMut(u32, u32)) -> Result<(), LabError> {
        let Begun { job, work, .. } = self;
        let Some(Work { worker, ready, secrets, mut spread, sealed, failed, receipts }) = work else { return Ok(()) };
        let mut once = |worker: Worker| match &mut spread {
            None => worker.run(&secrets, &mut progress).map(|sealed| (sealed, None)),
            Some(spread) => {
                spread.run(worker, &secrets, &mut progress).map(|(sealed, receipts)| (sealed, Some(receipts)))
            }
        };
        let outcome = match once(worker) {
            // Nobody's rows decide whether a machine has a bad moment: once more.
            Err(Fault::Lab(_)) => ready.prepare().and_then(once),
            other => other,
        };
        match outcome {
            Ok((result, made_by)) => {
                if let Some(made_by) = made_by {
                    write_durably(&receipts, &made_by.to_bytes())?;
                }
                write_durably(&sealed, &result.into_sealed_bytes(&secrets.seal_key))?;
                let _ = std::fs::remove_file(&failed);
                // What was kept to go on from has done its work.
                spread.iter().for_each(Spread::clear);
                Ok(())
            }
            // That a job failed is a result like another: it waits for its time.
            Err(fault @ Fault::Job { .. }) => {
                write_durably(&failed, &seal_failure(&shown(&fault.to_string()), &secrets.seal_key))
            }
            Err(fault) => {
                write_durably(&failed, CUT_SHORT)?;
                Err(LabError::CutShort { job, fault })
            }
        }
    }
}

fn approvals_of(job: &Job) -> Vec<u64> {
    job.approvals.iter().map(|(entry, _)| *entry).collect()
}
