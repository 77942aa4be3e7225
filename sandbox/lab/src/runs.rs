//! Jobs in the lab: submission, the charged run, the sealed result, and its release on schedule.
//!
//! ```text
//! run-started (charge, durable) -> worker -> sealed/JOB -> [release time] -> released -> opened
//! ```
//! Killed anywhere, `run` goes on from what is there: the charge is in the log once, and the worker's
//! numbers are the same bit for bit.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use ring::hmac;
use unseen_audit::fold;
use unseen_core::release::{Release as UnsealedRelease, ReleaseBody, SealedRelease};
use unseen_policies::event::{
    Digest, Event, JobId, JobSubmitted, ReleaseRead, Released, Role, RunFailed, RunStarted, Snapshot,
};
use unseen_policies::ledger::{Job, Refusal, Run};
use unseen_policies::lifecycle::State;
use unseen_policies::manifest::Release;
use unseen_policies::{Manifest, Plan};
use unseen_tlog::Signer;
use unseen_worker::jail::Walls;
use unseen_worker::process::{self, Fault, ReferencePart, SnapshotPart, Task};

use crate::error::LabError;
use crate::lab::{Attachments, Lab, attached, now, write_durably};
use crate::requests;

/// How a run ended.
pub struct Ran {
    /// The walls that held round the worker; none when the result was there already.
    pub walls: Option<Walls>,
    /// What was asked for as evidence of the machine and could not be had, though the policy does without.
    pub evidence: Option<String>,
    /// The entry of the release, when its time had come.
    pub released: Option<u64>,
    /// Whether the job has ended without a result, and its time had come.
    pub failed: bool,
    /// When the result may appear.
    pub release_at: DateTime<Utc>,
}

/// A release that is out.
pub struct Published {
    /// Its entry.
    pub entry: u64,
    /// What it says.
    pub body: ReleaseBody,
    /// Its bytes, as their digest stands in the log.
    pub bytes: Vec<u8>,
}

/// What the log says of a job whose `advance` failed. Nothing of what the guest said.
const ADVANCE_FAILED: &str = "the job's `advance` failed on the noised totals";

/// What runs jobs, as provenance names it.
const RUNTIME: &str = concat!("unseen ", env!("CARGO_PKG_VERSION"));

impl Lab {
    /// Submits a job: its manifest's text and its component. Returns its number.
    pub fn submit(
        &mut self,
        file: &str,
        manifest_text: &str,
        component: &[u8],
        author: &dyn Signer,
    ) -> Result<JobId, LabError> {
        let (manifest, plan) = self.plan(file, manifest_text)?;
        let event = requests::submission(self.ledger(), &manifest, &plan, manifest_text, component)?;
        self.sign_and_accept(event, author, &[manifest_text.as_bytes(), component]).map(JobId)
    }

    /// Parses a manifest and plans it with the registered public tables. `file` is named in errors.
    pub fn plan(&self, file: &str, text: &str) -> Result<(Manifest, Plan), LabError> {
        let named = |error| LabError::Manifest { file: file.to_owned(), error };
        let manifest = Manifest::parse(text).map_err(named)?;
        for name in manifest.datasets() {
            self.ledger().dataset(name)?;
        }
        let registered = self.ledger().datasets.iter().map(|(name, dataset)| (name, &dataset.registered.values));
        let plan = Plan::new(&manifest, &self.public_tables(registered)?).map_err(named)?;
        Ok((manifest, plan))
    }

    /// The manifest of a submitted job, and its plan with the public tables it was submitted with.
    pub fn submitted_plan(&self, id: JobId) -> Result<(String, Manifest, Plan), LabError> {
        let submitted = &self.ledger().job(id)?.submitted;
        let named = |error| LabError::Manifest { file: "job.toml".to_owned(), error };
        let text = self.text(&submitted.manifest)?;
        let manifest = Manifest::parse(&text).map_err(named)?;
        let seen = submitted.datasets.iter().map(|used| (&used.name, &used.values));
        let plan = Plan::new(&manifest, &self.public_tables(seen)?).map_err(named)?;
        Ok((text, manifest, plan))
    }

    /// Runs an approved job, or goes on with a run that was interrupted. `program` is the binary that
    /// becomes the worker. When the release time has come the result is released.
    pub fn run(
        &mut self,
        program: &Path,
        id: JobId,
        operator: &dyn Signer,
        threads: usize,
        progress: impl FnMut(u32, u32),
    ) -> Result<Ran, LabError> {
        if self.ledger().job(id)?.state == State::Running {
            let person = self.ledger().person(&fold::public_key(&operator.verifying_key()))?;
            if !person.roles.contains(&Role::Operator) {
                return Err(Refusal::WrongRole { name: person.name.clone(), role: "an operator" }.into());
            }
        } else {
            self.start(program, id, operator)?;
        }
        let evidence = self.record_evidence(id)?;
        let mut walls = None;
        if self.sealed(id).is_none() && !self.failed_path(id).exists() {
            match self.execute(program, id, threads, progress) {
                Ok((sealed, held)) => {
                    walls = Some(held);
                    write_durably(&self.sealed_path(id), &sealed.into_sealed_bytes(&self.seal_key(id)?))?;
                }
                // That a job failed is a result like another: it waits for its time.
                Err(LabError::Run(Fault::Job { .. })) => write_durably(&self.failed_path(id), b"")?,
                Err(error) => return Err(error),
            }
        }
        let release_at = self.started(id)?.release_at;
        let released = if now() >= release_at { self.publish(id)? } else { None };
        let failed = self.ledger().job(id)?.state == State::Failed;
        Ok(Ran { walls, evidence, released, failed, release_at })
    }

    /// Opens a job's release for an enrolled person, and records that. Publishes it first if its time
    /// has come and nobody has.
    pub fn read_release(&mut self, id: JobId, reader: &dyn Signer) -> Result<Published, LabError> {
        self.ledger().person(&fold::public_key(&reader.verifying_key()))?;
        let job = self.ledger().job(id)?;
        if job.state == State::Running {
            let at = self.started(id)?.release_at;
            if now() < at {
                return Err(LabError::Sealed { job: id, at });
            }
            self.publish(id)?;
        } else if let (Some((entry, _)), Some(sealed)) = (job.release, self.sealed(id)) {
            // It waits for its witnesses.
            self.unseal(id, entry, sealed)?;
        }
        self.witness_release(id)?;
        let published = self.published(id)?;
        self.sign_and_accept(ReleaseRead { job: id, release: published.entry }, reader, &[])?;
        Ok(published)
    }

    /// The body that a release's entry names.
    pub fn published(&self, id: JobId) -> Result<Published, LabError> {
        let (entry, digest) = self.ledger().job(id)?.release.ok_or(LabError::NoResult(id))?;
        let bytes = self.blob(&digest)?;
        let body = ReleaseBody::parse(&bytes).map_err(|error| LabError::Other(error.to_string()))?;
        if body.job != id || body.run != self.started(id)?.entry {
            return Err(LabError::Mismatch("the run"));
        }
        Ok(Published { entry, body, bytes })
    }

    /// Whether a submission names a manifest and a component that are there, fit each other, and cost
    /// what it says.
    pub(crate) fn check_submission(&self, event: &JobSubmitted, attachments: Attachments<'_>) -> Result<(), LabError> {
        let text = attached(attachments, &event.manifest, "the manifest")?;
        let text = std::str::from_utf8(text).map_err(|_| LabError::Mismatch("the manifest"))?;
        let component = attached(attachments, &event.module, "the module")?;
        let (manifest, plan) = self.plan("job.toml", text)?;
        let made_anew = requests::submission(self.ledger(), &manifest, &plan, text, component)?;
        if made_anew != *event {
            return Err(LabError::Mismatch("what the job reads or costs"));
        }
        self.check_columns(&manifest)?;
        self.compiled(&event.module, component, &manifest, &plan).map(drop)
    }

    /// Whether the datasets have the columns the manifest reads, by their descriptions.
    pub fn check_columns(&self, manifest: &Manifest) -> Result<(), LabError> {
        for input in &manifest.inputs {
            if self.ledger().dataset(&input.dataset)?.registered.domain.is_none() {
                return Err(LabError::Other(format!(
                    "`{}` is a public reference table: name it in a lookup or a domain, not as an input",
                    input.dataset
                )));
            }
            self.need_columns(&input.dataset, input.columns.iter())?;
            for lookup in &input.lookups {
                self.need_columns(&input.dataset, std::iter::once(&lookup.on))?;
                self.need_columns(&lookup.reference, lookup.columns.iter().chain([&lookup.key]))?;
            }
        }
        Ok(())
    }

    fn need_columns<'c>(&self, dataset: &str, mut columns: impl Iterator<Item = &'c String>) -> Result<(), LabError> {
        let (description, _) = self.description(dataset)?;
        match columns.find(|name| description.column(name).is_none()) {
            Some(name) => {
                Err(LabError::Other(format!("`{dataset}` has no column `{name}`: see `unseen dataset show {dataset}`")))
            }
            None => Ok(()),
        }
    }

    /// Charges the job: from here on its loss is spent.
    fn start(&mut self, program: &Path, id: JobId, operator: &dyn Signer) -> Result<(), LabError> {
        let job = self.ledger().job(id)?;
        let in_force = self.ledger().policy.as_ref().ok_or(Refusal::OtherPolicy)?;
        // The entry says what its manifest says: that was checked when it was accepted.
        let asked: Release = job.submitted.release.parse().map_err(|_| LabError::Mismatch("the release time"))?;
        let start = now();
        let release_at = asked.earliest(start).max(self.ledger().earliest_release(start));
        let read = job.submitted.datasets.iter();
        let started = RunStarted {
            job: id,
            submission: job.leaf,
            manifest: job.submitted.manifest,
            module: job.submitted.module,
            snapshots: read.map(|used| Snapshot { name: used.name.clone(), snapshot: used.snapshot }).collect(),
            policy: in_force.entry,
            policy_leaf: in_force.leaf,
            approvals: approvals_of(job),
            rho: job.submitted.rho,
            release_at,
            runtime: RUNTIME.to_owned(),
            runtime_build: self.build_digest(program)?,
        };
        self.sign_and_accept(started, operator, &[])?;
        Ok(())
    }

    /// Hands everything to a worker and waits. Checks once more that what runs is what was approved:
    /// blobs by their digests, snapshots by their roots, the log by its fold.
    pub(crate) fn execute(
        &self,
        program: &Path,
        id: JobId,
        threads: usize,
        progress: impl FnMut(u32, u32),
    ) -> Result<(SealedRelease, Walls), LabError> {
        let job = self.ledger().job(id)?;
        let (manifest_text, manifest, plan) = self.submitted_plan(id)?;
        let module = self.compiled(&job.submitted.module, &self.blob(&job.submitted.module)?, &manifest, &plan)?;
        let (mut files, mut snapshots, mut references) = (Vec::new(), Vec::new(), Vec::new());
        let mut hand_over = |opened: Vec<File>| -> Vec<i32> {
            let numbers = opened.iter().map(std::os::fd::AsRawFd::as_raw_fd).collect();
            files.extend(opened);
            numbers
        };
        for used in &job.submitted.datasets {
            let private = manifest.inputs.iter().any(|input| input.dataset == used.name);
            let snapshot = self.snapshot(&used.name, &used.snapshot)?;
            let root = used.snapshot.to_bytes();
            if private {
                let key = *snapshot.data_key(&self.keys.data)?.expose_bytes();
                snapshots.push(SnapshotPart {
                    root,
                    key,
                    manifest: snapshot.manifest_bytes,
                    files: hand_over(snapshot.files),
                });
            } else {
                references.push(ReferencePart {
                    root,
                    manifest: snapshot.manifest_bytes,
                    files: hand_over(snapshot.files),
                });
            }
        }
        let started = self.started(id)?;
        let task = Task {
            job: id,
            origin: self.ledger().origin.clone(),
            entry: started.entry,
            leaf: started.leaf.to_bytes(),
            manifest: manifest_text,
            threads,
            noise_key: self.keys.noise,
            seal_key: self.seal_key(id)?,
            snapshots,
            references,
        };
        Ok(process::run(program, &task, &module, &files, progress)?)
    }

    /// Records that a sealed result is out, then opens it. Returns the entry; none when the job failed.
    fn publish(&mut self, id: JobId) -> Result<Option<u64>, LabError> {
        if self.failed_path(id).exists() {
            let run = self.started(id)?.entry;
            self.record_as_lab(RunFailed { job: id, run, reason: ADVANCE_FAILED.to_owned() })?;
            let _ = std::fs::remove_file(self.failed_path(id));
            return Ok(None);
        }
        let sealed = self.sealed(id).ok_or(LabError::NoResult(id))?;
        let body = Digest::from_bytes(sealed.digest().as_bytes());
        let job = self.ledger().job(id)?;
        let run = job.run.as_ref().ok_or(LabError::NoResult(id))?;
        let released = Released { job: id, run: run.entry, run_leaf: run.leaf, approvals: approvals_of(job), body };
        let entry = self.record_as_lab(released)?;
        self.unseal(id, entry, sealed)?;
        Ok(Some(entry))
    }

    /// Has the release's entry witnessed, as the policy says, and opens it then.
    fn unseal(&mut self, id: JobId, entry: u64, sealed: SealedRelease) -> Result<(), LabError> {
        self.countersign_release(entry)?;
        self.witness_release(id)?;
        self.settle(id, entry, sealed)
    }

    /// Opens a sealed release with the proof of its entry and keeps the body as a blob.
    fn settle(&mut self, id: JobId, entry: u64, sealed: SealedRelease) -> Result<(), LabError> {
        let release = self.opened(entry, sealed)?;
        self.log.put_blob(release.bytes())?;
        // The blob is durable; the sealed copy has done its work.
        let _ = std::fs::remove_file(self.sealed_path(id));
        Ok(())
    }

    /// Opens a release that entry `entry` announces.
    pub(crate) fn opened(&self, entry: u64, sealed: SealedRelease) -> Result<UnsealedRelease, LabError> {
        let proof = self.log.prove_inclusion(entry)?;
        let edge = self.log.checkpoint();
        sealed
            .open(&self.log.entry(entry)?, entry, edge.size, &edge.root, &proof)
            .map_err(|error| LabError::Other(error.to_string()))
    }

    pub(crate) fn record_as_lab(&mut self, event: impl Into<Event>) -> Result<u64, LabError> {
        self.record_with(event, &[])
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
        let witnesses = self.ledger().witnesses().is_some();
        let open = |job: &Job| !witnesses || job.witnessed.is_some();
        let jobs = self.ledger().jobs.iter().filter(|(_, job)| open(job));
        let released: Vec<_> = jobs.filter_map(|(id, job)| Some((*id, job.release?.0))).collect();
        for (id, entry) in released {
            if let Some(sealed) = self.sealed(id) {
                self.countersign_release(entry)?;
                self.settle(id, entry, sealed)?;
            }
        }
        Ok(())
    }

    pub(crate) fn started(&self, id: JobId) -> Result<&Run, LabError> {
        self.ledger().job(id)?.run.as_ref().ok_or(LabError::NoResult(id))
    }

    /// The result that waits, if it is there and whole.
    fn sealed(&self, id: JobId) -> Option<SealedRelease> {
        let bytes = std::fs::read(self.sealed_path(id)).ok()?;
        SealedRelease::from_sealed_bytes(&self.seal_key(id).ok()?, &bytes).ok()
    }

    /// Seals the result of one run. The key is bound to the entry that started it, so that the result
    /// of any other run, put in its place, counts as none.
    fn seal_key(&self, id: JobId) -> Result<[u8; 32], LabError> {
        let leaf = self.started(id)?.leaf.to_bytes();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.keys.seal);
        let mut sealing = [0; 32];
        sealing.copy_from_slice(hmac::sign(&key, &[b"unseen seal v1 ".as_slice(), &leaf].concat()).as_ref());
        Ok(sealing)
    }

    /// SHA-256 of the binary that runs jobs.
    pub(crate) fn build_digest(&self, program: &Path) -> Result<Digest, LabError> {
        let mut file = File::open(program).map_err(LabError::io(program))?;
        let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
        let mut piece = vec![0; 1 << 20];
        loop {
            match file.read(&mut piece).map_err(LabError::io(program))? {
                0 => break,
                read => hash.update(&piece[..read]),
            }
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(hash.finish().as_ref());
        Ok(Digest::from_bytes(&digest))
    }

    /// Stands in for a sealed result when the job itself failed.
    fn failed_path(&self, id: JobId) -> PathBuf {
        self.dir.join("sealed").join(format!("{id}.failed"))
    }

    fn sealed_path(&self, id: JobId) -> PathBuf {
        self.dir.join("sealed").join(id.to_string())
    }
}

fn approvals_of(job: &Job) -> Vec<u64> {
    job.approvals.iter().map(|(entry, _)| *entry).collect()
}
