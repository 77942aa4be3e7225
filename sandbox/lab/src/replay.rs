//! A released job run again from what the log names, and compared with what was released.
//!
//! What is read is checked by digest first: a swapped module, manifest or snapshot and another noise key
//! are errors that say so. What is left is the release itself: altered after the fact, or not what the
//! run derives.

use std::path::Path;

use unseen_core::release::ReleaseBody;
use unseen_ids::{Digest, JobId, Key};
use unseen_log::blob_path;
use unseen_policies::lifecycle::State;
use unseen_texts::{Sentence, Text, text};
use unseen_tlog::merkle::Hash;
use unseen_tlog::note::Checkpoint;
use unseen_worker::process::{Secrets, Worker};

use crate::error::LabError;
use crate::lab::Lab;
use crate::locks::RunLock;
use crate::moment::now;

/// A run that was run again.
pub struct Replay {
    /// The entry that started the run.
    pub run: u64,
    /// The digest that the log names.
    pub logged: Digest,
    /// The digest of the release body that is there.
    pub kept: Digest,
    /// The digest of what was derived again.
    pub derived: Digest,
    /// How many numbers were derived; 0 when they are not those that the log names.
    pub numbers: usize,
    /// Numbers in which the body that is there differs from the one that the log names; the first ten.
    pub differences: Vec<Difference>,
    /// The build that the run is on record with, and the one that replayed it, where they differ.
    pub other_build: Option<(Digest, Digest)>,
}

/// How a replay ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every bit is the same.
    Agrees,
    /// The body that is there is not the one that the log names; the log names what the run derives.
    Altered,
    /// The log names a body that the run does not derive.
    NotDerived,
}

/// One number that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where: round, output, group, value.
    pub place: String,
    /// What the body that is there says.
    pub kept: String,
    /// What the run derives.
    pub derived: String,
}

impl Replay {
    /// What the comparison means.
    pub fn verdict(&self) -> Verdict {
        match (self.derived == self.logged, self.kept == self.logged) {
            (true, true) => Verdict::Agrees,
            (true, false) => Verdict::Altered,
            (false, _) => Verdict::NotDerived,
        }
    }
}

/// A replay whose worker is ready. Like a run, it no longer needs the lab.
pub struct Replaying {
    worker: Worker,
    secrets: Secrets,
    /// The release's entry, and what opens it.
    entry: u64,
    announced: Vec<u8>,
    edge: Checkpoint,
    proof: Vec<Hash>,
    run: u64,
    logged: Digest,
    kept: Vec<u8>,
    other_build: Option<(Digest, Digest)>,
}

impl Lab {
    /// Makes a worker ready to run a released job again. `program` is the binary that becomes the worker.
    pub fn begin_replay(&self, program: &Path, id: JobId, threads: u32, _: &RunLock) -> Result<Replaying, LabError> {
        let job = self.ledger().job(id)?;
        let (entry, logged) = job.release.ok_or_else(|| match &job.run {
            Some(run) if job.state == State::Running && now() < run.release_at => LabError::sealed(id, run.release_at),
            _ => self.no_result(id),
        })?;
        let named = |what: Text, digest: &Digest| {
            self.blob(digest).map_err(|error| LabError::Replaced { what, error: Box::new(error) })
        };
        named(text!("manifest", "作业清单"), &job.submitted.manifest)?;
        named(text!("module", "模块"), &job.submitted.module)?;
        let ready = self.ready(program, id, threads)?;
        let (worker, secrets) = (ready.prepare()?, self.secrets(id, &ready)?);
        let started = self.started(id)?;
        let build = self.build_digest(program)?;
        Ok(Replaying {
            worker,
            secrets,
            entry,
            announced: self.log.entry(entry)?,
            edge: self.log.checkpoint().clone(),
            proof: self.log.prove_inclusion(entry, self.log.size())?,
            run: started.entry,
            logged,
            kept: self.kept_bytes(&logged)?,
            other_build: (build != started.runtime_build).then_some((started.runtime_build, build)),
        })
    }

    /// The bytes that are kept as this blob, whether or not they have its digest.
    fn kept_bytes(&self, digest: &Digest) -> Result<Vec<u8>, LabError> {
        let path = self.log_dir().join(blob_path(digest));
        std::fs::read(&path).map_err(LabError::io(path))
    }
}

impl Replaying {
    /// Runs the job again and compares.
    pub fn carry_out(self, progress: impl FnMut(u32, u32)) -> Result<Replay, LabError> {
        let sealed = self.worker.run(&self.secrets, progress)?;
        let derived = sealed.digest();
        let (mut numbers, mut found) = (0, Vec::new());
        // What is not the release that the log announces stays sealed: its numbers would be a second
        // release that nobody was charged for.
        if derived == self.logged {
            let release = sealed
                .open(&self.announced, self.entry, self.edge.size, &self.edge.root, &self.proof)
                .map_err(|error| LabError::Other(Sentence::of(&error)))?;
            numbers = values(release.body()).count();
            let kept = ReleaseBody::parse(&self.kept);
            found = kept.map_or_else(|_| Vec::new(), |kept| differences(&kept, release.body()));
        }
        Ok(Replay {
            run: self.run,
            logged: self.logged,
            kept: Digest::of(&self.kept),
            derived,
            numbers,
            differences: found,
            other_build: self.other_build,
        })
    }
}

/// At most ten numbers that differ.
fn differences(kept: &ReleaseBody, derived: &ReleaseBody) -> Vec<Difference> {
    let pairs = values(kept).zip(values(derived)).filter(|((_, kept), (_, derived))| kept != derived);
    pairs.take(10).map(|((place, kept), (_, derived))| Difference { place, kept, derived }).collect()
}

/// Every number of a body, with its place.
fn values(body: &ReleaseBody) -> impl Iterator<Item = (String, String)> + '_ {
    body.rounds.iter().flat_map(|round| {
        round.outputs.iter().flat_map(move |output| {
            output.groups.iter().flat_map(move |group| {
                let group_name = group.keys.iter().map(Key::to_string).collect::<Vec<_>>().join(" / ");
                group.values.iter().zip(&output.values).map(move |(value, name)| {
                    (format!("{} · {} · {group_name} · {name}", round.round, output.name), value.value.clone())
                })
            })
        })
    })
}
