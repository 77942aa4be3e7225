//! A run that is spread over nodes: parts of a round, made by a worker on some node, and the worker in the lab that adds
//! them up.
//!
//! Between the two, a part travels sealed under a key that only that node and the lab can derive, and opens in its
//! own place only: its run, plan, round and pieces ([`unseen_core::PartialTotals::seal`]), the state it was made
//! with, its node and the attempt. Whoever carries it learns its length, which follows from the plan.

use ring::hmac;
use serde::{Deserialize, Serialize};
use unseen_ids::{Digest, PublicKey};
use zeroize::Zeroizing;

use crate::fault::{Fault, out_of_turn};
use crate::jail::Walls;
use crate::link::Message;
use crate::process::{Identity, Worker};

/// 32 secret bytes of one run: all keys under which its tasks and parts travel come from them.
pub struct RunKey(Zeroizing<[u8; 32]>);

impl RunKey {
    /// Of the run whose `run-started` entry has this leaf hash, under a secret of the lab's.
    pub fn derive(secret: &[u8; 32], run: &Digest) -> RunKey {
        RunKey(derive(secret, b"unseen run key v1\0", run.as_bytes()))
    }

    pub(crate) fn from_bytes(bytes: Zeroizing<[u8; 32]>) -> RunKey {
        RunKey(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Seals tasks, and what every node is told of the run.
    pub fn tasks(&self) -> Zeroizing<[u8; 32]> {
        derive(&self.0, b"unseen tasks v1\0", &[])
    }

    /// Seals the parts that this node makes.
    pub fn parts(&self, node: &PublicKey) -> Zeroizing<[u8; 32]> {
        derive(&self.0, b"unseen parts v1\0", node.as_bytes())
    }
}

/// What a node is to do: some pieces of one round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// The round, from 0.
    pub round: u32,
    /// The first bucket or block.
    pub first: u32,
    /// The last one.
    pub last: u32,
    /// How often it was asked for before.
    pub attempt: u32,
    /// The round's state; made of noised totals, if of anything.
    pub state: Vec<f64>,
}

/// Where a part belongs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The first bucket or block.
    pub first: u32,
    /// The last one.
    pub last: u32,
    /// Who made it.
    pub node: PublicKey,
    /// That node's name.
    pub name: String,
    /// At which attempt.
    pub attempt: u32,
}

impl Place {
    /// What a part is bound to, besides its run, plan, round and pieces.
    pub(crate) fn context(&self, state: &Digest) -> Vec<u8> {
        [state.as_bytes().as_slice(), self.node.as_bytes(), &self.attempt.to_be_bytes()].concat()
    }
}

/// The digest of a round's state, by which a part of one state is told from that of another.
pub fn state_digest(state: &[f64]) -> Digest {
    Digest::of(&state_bytes(state))
}

pub(crate) fn state_bytes(state: &[f64]) -> Vec<u8> {
    state.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// What a worker is told that makes a part.
pub struct PartSecrets {
    /// Which run it is.
    pub run: Identity,
    /// [`RunKey::parts`] of this node.
    pub part_key: Zeroizing<[u8; 32]>,
    /// Deals units into blocks; of no use where a grain is a unit.
    pub block_key: Zeroizing<[u8; 16]>,
    /// The data keys of the private snapshots, in order.
    pub data_keys: Vec<Zeroizing<[u8; 32]>>,
}

/// Has a worker make a part; returns it sealed.
pub fn make_part(mut worker: Worker, secrets: &PartSecrets, task: &Task, place: &Place) -> Result<Vec<u8>, Fault> {
    let link = &mut worker.link;
    link.tell(&secrets.run)?;
    link.tell(&(task, place))?;
    link.say(&*secrets.part_key);
    link.say(&*secrets.block_key);
    secrets.data_keys.iter().for_each(|key| link.say(&**key));
    loop {
        match link.hear()? {
            Message::Progress { .. } => {}
            Message::Failed(fault) => return Err(fault),
            Message::Sealed => return link.hear_frame(),
            _ => return Err(out_of_turn()),
        }
    }
}

/// The walls that hold round a worker, by name, as a receipt tells of them.
pub fn walls_told(walls: &Walls) -> Vec<(&'static str, &'static str)> {
    let word = |wall: &crate::wall::Wall| match wall {
        crate::wall::Wall::Holds => "holds",
        crate::wall::Wall::Partly(_) => "partly",
        crate::wall::Wall::Missing(_) => "missing",
    };
    walls.named().into_iter().map(|(name, wall)| (name, word(wall))).collect()
}

fn derive(secret: &[u8; 32], purpose: &[u8], about: &[u8]) -> Zeroizing<[u8; 32]> {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), &[purpose, about].concat());
    let mut key = Zeroizing::new([0; 32]);
    key.copy_from_slice(tag.as_ref());
    key
}
