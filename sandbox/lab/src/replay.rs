//! A released job run again from what the log names, and compared with what was released.
//!
//! What is read is checked by digest first: a swapped module, manifest or snapshot and another noise key
//! are errors that say so. What is left is the release itself: altered after the fact, or not what the
//! run derives.

use std::path::Path;

use unseen_audit::fold;
use unseen_core::release::{ReleaseBody, ReleasedKey};
use unseen_log::blob_path;
use unseen_policies::event::{Digest, JobId};

use crate::error::LabError;
use crate::lab::Lab;

/// A run that was run again.
pub struct Replay {
    /// The entry that started the run.
    pub run: u64,
    /// The digest that the log names.
    pub logged: Digest,
    /// The digest of the release body that is there.
    pub kept: Digest,
    /// The digest of what was derived anew.
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

impl Lab {
    /// Runs a released job again and compares. `program` is the binary that becomes the worker.
    pub fn replay(
        &self,
        program: &Path,
        id: JobId,
        threads: usize,
        progress: impl FnMut(u32, u32),
    ) -> Result<Replay, LabError> {
        let job = self.ledger().job(id)?;
        let (entry, logged) = job.release.ok_or(LabError::NoResult(id))?;
        let named = |what: &'static str, digest: &Digest| {
            self.blob(digest).map_err(|error| LabError::Replaced { what, error: Box::new(error) })
        };
        named("manifest", &job.submitted.manifest)?;
        named("module", &job.submitted.module)?;
        let (sealed, _) = self.execute(program, id, threads, progress)?;
        let started = self.started(id)?;
        let build = self.build_digest(program)?;
        let kept = self.kept_bytes(&logged)?;
        let derived = Digest::from_bytes(sealed.digest().as_bytes());
        let (mut numbers, mut found) = (0, Vec::new());
        // What is not the release that the log announces stays sealed: its numbers would be a second
        // release that nobody was charged for.
        if derived == logged {
            let release = self.opened(entry, sealed)?;
            numbers = values(release.body()).count();
            found = ReleaseBody::parse(&kept).map_or_else(|_| Vec::new(), |kept| differences(&kept, release.body()));
        }
        Ok(Replay {
            run: started.entry,
            logged,
            kept: fold::digest(&kept),
            derived,
            numbers,
            differences: found,
            other_build: (build != started.runtime_build).then_some((started.runtime_build, build)),
        })
    }

    /// The bytes that are kept as this blob, whether or not they have its digest.
    fn kept_bytes(&self, digest: &Digest) -> Result<Vec<u8>, LabError> {
        let path = self.log_dir().join(blob_path(&unseen_tlog::Digest::from_bytes(digest.to_bytes())));
        std::fs::read(&path).map_err(LabError::io(path))
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
                let keys = group.keys.iter().map(|key| match key {
                    ReleasedKey::Int(number) => number.to_string(),
                    ReleasedKey::Text(text) => text.clone(),
                });
                let group_name = keys.collect::<Vec<_>>().join(" / ");
                group.values.iter().zip(&output.values).map(move |(value, name)| {
                    (format!("{} · {} · {group_name} · {name}", round.round, output.name), value.value.clone())
                })
            })
        })
    })
}
