//! What a node has ready for the tasks that belong to one letter of the lab.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use unseen_ids::{Digest, PublicKey};
use unseen_policies::receipts::node_nonce;
use unseen_texts::text;
use unseen_worker::jail::Walls;
use unseen_worker::memory;
use unseen_worker::process::{Fault, Worker};
use unseen_worker::spread::Place;
use unseen_worker::wall::Wall;

use crate::error::NodeError;
use crate::evidence::{Asked, collected};
use crate::store::Store;

/// A run, or an import, that a node has opened.
pub(super) trait Ready: Send + Sync {
    /// Answers are given at multiples of so many seconds.
    fn tick_seconds(&self) -> u32;

    /// Until when its orders are good.
    fn good_until(&self) -> DateTime<Utc>;

    /// Does a task, as long as it is wanted.
    fn part(&self, machine: &Machine, task: &[u8], wanted: &Wanted) -> Result<Part, NodeError>;
}

/// The node itself.
pub(super) struct Machine {
    pub(super) name: String,
    pub(super) key: PublicKey,
    pub(super) store: Store,
    /// The binary that becomes workers.
    pub(super) program: PathBuf,
    /// A folder for what is not in the store yet.
    pub(super) near: PathBuf,
}

/// A part that was made.
pub(super) struct Part {
    /// Leaf hash of the entry that started the run; the number of the import.
    pub(super) run: Digest,
    pub(super) round: u32,
    pub(super) place: Place,
    pub(super) state: Digest,
    pub(super) sealed: Vec<u8>,
    pub(super) walls: Walls,
    /// Evidence of this machine for the run.
    pub(super) evidence: Option<String>,
}

impl Machine {
    /// Evidence of this machine for a run, if it is asked for and can be had.
    pub(super) fn evidence(&self, asked: Option<&Asked>, run: &Digest) -> Result<Option<String>, NodeError> {
        let Some(asked) = asked else { return Ok(None) };
        let collected = collected(&self.near, asked, &node_nonce(run, &self.key));
        match collected.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()) {
            Ok(evidence) => Ok(Some(evidence)),
            Err(why) if asked.required => Err(NodeError::Evidence(why)),
            Err(_) => Ok(None),
        }
    }

    /// Refuses what needs more memory than there is.
    pub(super) fn has_memory(&self, needs: u64) -> Result<(), NodeError> {
        let has = memory::available();
        match has < needs {
            true => Err(NodeError::Memory { needs: needs.div_ceil(1 << 20), has: has >> 20 }),
            false => Ok(()),
        }
    }

    /// The walls of a worker, which will be ended when nobody wants its work any more.
    pub(super) fn walls(&self, worker: &Worker, swap: bool, wanted: &Wanted) -> Result<Walls, NodeError> {
        wanted.by(worker.handle());
        let walls = worker.walls().clone();
        match &walls.memory {
            Wall::Partly(why) | Wall::Missing(why) if !swap => Err(NodeError::Swap(why.clone())),
            _ => Ok(walls),
        }
    }
}

/// Whether somebody waits for an answer still; where nobody does, the worker that makes it is ended.
#[derive(Default)]
pub struct Wanted(Mutex<(bool, Option<OwnedFd>)>);

impl Wanted {
    pub(super) fn by(&self, worker: Option<OwnedFd>) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.1 = worker;
        Wanted::end(&held);
    }

    pub(super) fn no_more(&self) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.0 = true;
        Wanted::end(&held);
    }

    fn end((gone, worker): &(bool, Option<OwnedFd>)) {
        if let (true, Some(worker)) = (gone, worker) {
            let _ = rustix::process::pidfd_send_signal(worker, rustix::process::Signal::KILL);
        }
    }
}

/// What a worker says of its failure may depend on rows where these are not as registered: the lab's operators are
/// told that, and on the node its own log has the rest.
pub(super) fn failed(fault: Fault) -> NodeError {
    match fault {
        Fault::Lab(why) => {
            eprintln!("unseen node: {why}");
            NodeError::Worker(
                text!("the worker failed: the node's own log says why", "工作进程失败：原因见该节点的日志").into(),
            )
        }
        Fault::Job { .. } => NodeError::NoTask,
    }
}
