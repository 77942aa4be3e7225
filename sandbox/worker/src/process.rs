//! The worker process, as the lab sees it: how one is started and told what to do.
//!
//! The lab runs its own binary again with [`ARGUMENT`]; bucket files are inherited as descriptors. Over
//! standard input go frames, each behind its length, and over standard output come `Message`s the same
//! way: JSON, and what is bytes (manifests, code, keys, sealed results) in frames of its own behind it.
//! Nothing else connects the two.
//!
//! ```text
//! lab     Outline, manifests, module ->         charge, keys ->
//! worker                     loads, sets memory aside,          reads rows
//!                            shuts itself in -> Ready           -> Progress ... Sealed
//! ```
//! So whatever may be missing is found out before the run is charged, and no key is in the process before
//! its walls are up. What it does then depends on its [`Work`]: a whole run; of one that is spread over nodes a part,
//! or adding up what the parts come to ([`crate::spread`]).

use std::fs::File;
use std::os::fd::{OwnedFd, RawFd};
use std::path::Path;

use serde::{Deserialize, Serialize};
use unseen_core::release::SealedRelease;
use unseen_ids::{Digest, JobId, digest_of};
use zeroize::Zeroizing;

use crate::fault::{lab_fault, out_of_turn};
use crate::jail::Walls;
use crate::link::{Link, Message};

pub use crate::fault::Fault;
pub use crate::link::{ARGUMENT, spawn_bound};

/// SHA-256 of the program that becomes workers: a run is on record with it, and nodes compute with no other.
pub fn build_of(program: &Path) -> std::io::Result<Digest> {
    Ok(File::open(program).and_then(digest_of)?.0)
}

/// What a worker is told before the run is charged: all it needs to be ready, and no key.
#[derive(Serialize, Deserialize)]
pub struct Outline {
    /// What it is to do.
    pub work: Work,
    /// The manifest's text.
    pub manifest: String,
    /// How many threads.
    pub threads: u32,
    /// Bytes of memory to set aside: see [`unseen_policies::need`].
    pub memory: u64,
    /// Private snapshots.
    pub snapshots: Vec<Part>,
    /// Reference tables.
    pub references: Vec<Part>,
}

impl Outline {
    pub(crate) fn parts(&self) -> impl Iterator<Item = &Part> {
        self.snapshots.iter().chain(&self.references)
    }
}

/// One snapshot, as handed over.
#[derive(Serialize, Deserialize)]
pub struct Part {
    /// Root digest that the log names.
    pub root: Digest,
    /// Bytes of its manifest.
    #[serde(skip)]
    pub manifest: Vec<u8>,
    /// The bucket whose file is the first.
    pub first: u32,
    /// Its files, in order; of a part of a run those that it reads, for adding up none.
    pub files: Vec<RawFd>,
}

/// What a worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Work {
    /// All of a run.
    Whole,
    /// Some buckets or blocks of one round of a run.
    Part,
    /// Adds up what the parts come to, adds the noise, and goes from round to round.
    Merge,
}

/// What a worker is told once the run is charged. Travels through a pipe, never through the
/// environment, arguments or a file.
pub struct Secrets {
    /// Which run it is.
    pub run: Identity,
    /// The sealed noise key.
    pub noise_key: Zeroizing<[u8; 32]>,
    /// Seals the release on its way back.
    pub seal_key: Zeroizing<[u8; 32]>,
    /// The data keys of the private snapshots, in order.
    pub data_keys: Vec<Zeroizing<[u8; 32]>>,
}

/// Which run a worker carries out: what its noise and its release are bound to.
#[derive(Serialize, Deserialize)]
pub struct Identity {
    /// The job.
    pub job: JobId,
    /// Origin of the log.
    pub origin: String,
    /// Entry that started the run.
    pub entry: u64,
    /// Its leaf hash.
    pub leaf: Digest,
}

/// A worker that has shut itself in, has its memory, and waits for the keys.
pub struct Worker {
    pub(crate) link: Link,
    walls: Walls,
}

impl Worker {
    pub(crate) fn behind(link: Link, walls: Walls) -> Worker {
        Worker { link, walls }
    }

    /// Starts a worker process from the binary `program` and waits until it is ready. `files` are the
    /// open files whose descriptors the outline names; `module` is compiled code of this lab's own
    /// making.
    pub fn prepare(program: &Path, outline: &Outline, module: &[u8], files: &[File]) -> Result<Worker, Fault> {
        let mut link = Link::start(program, files)?;
        link.tell(outline)?;
        outline.parts().for_each(|part| link.say(&part.manifest));
        link.say(module);
        let walls = link.ready()?;
        Ok(Worker { link, walls })
    }

    /// By which it can be ended from another thread, whatever it does.
    pub fn handle(&self) -> Option<OwnedFd> {
        self.link.handle()
    }

    /// The walls that hold round it.
    pub fn walls(&self) -> &Walls {
        &self.walls
    }

    /// Hands over the keys of a whole run, and returns the sealed release.
    pub fn run(mut self, secrets: &Secrets, mut progress: impl FnMut(u32, u32)) -> Result<SealedRelease, Fault> {
        let Secrets { run, noise_key, seal_key, data_keys } = secrets;
        self.link.tell(run)?;
        [noise_key, seal_key].into_iter().chain(data_keys).for_each(|key| self.link.say(&**key));
        loop {
            match self.link.hear()? {
                Message::Progress { done, all } => progress(done, all),
                Message::Failed(fault) => return Err(fault),
                Message::Sealed => {
                    let bytes = self.link.hear_frame()?;
                    return SealedRelease::from_sealed_bytes(seal_key, &bytes).map_err(lab_fault);
                }
                _ => return Err(out_of_turn()),
            }
        }
    }
}

/// The walls that a worker finds on this machine, from a worker that reads nothing.
pub fn probe_walls(program: &Path) -> Result<Walls, Fault> {
    let mut link = Link::start(program, &[])?;
    link.say(NO_OUTLINE);
    link.ready()
}

/// What a worker is told that is only to say which walls hold.
pub(crate) const NO_OUTLINE: &[u8] = b"";

/// What a worker is told that does a part of an import.
pub(crate) const IMPORT: &[u8] = b"import";
