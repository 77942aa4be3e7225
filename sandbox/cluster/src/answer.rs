//! What goes to a node and comes back, as bytes that couriers carry.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use unseen_ids::Digest;
use unseen_texts::Sentence;
use unseen_worker::sealed;
use unseen_worker::spread::Place;

use crate::error::{ClusterError, NodeError};

/// A task as it is carried: the digest of the orders that it belongs to, then its JSON, sealed.
pub fn write_task(orders: &Digest, key: &[u8; 32], json: Vec<u8>) -> Result<Vec<u8>, ClusterError> {
    let sealed = sealed::seal(key, orders.as_bytes(), json).map_err(|fault| ClusterError::of(&fault))?;
    Ok([orders.as_bytes().as_slice(), &sealed].concat())
}

/// The orders that a task belongs to.
pub fn orders_of(task: &[u8]) -> Option<Digest> {
    task.first_chunk::<32>().map(|digest| Digest::from_bytes(*digest))
}

/// Back from [`write_task`].
pub fn read_task<T: DeserializeOwned>(key: &[u8; 32], bytes: &[u8]) -> Result<T, NodeError> {
    let (orders, sealed) = bytes.split_first_chunk::<32>().ok_or(NodeError::NoTask)?;
    let json = sealed::open(key, orders, sealed).ok_or(NodeError::NoTask)?;
    serde_json::from_slice(&json).map_err(|_| NodeError::NoTask)
}

/// What a node answers.
#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    /// The part.
    Made(Made),
    /// Why there is none, for the lab's operators.
    Refused {
        /// Who says so.
        node: String,
        /// In one sentence.
        #[serde(with = "unseen_texts::both")]
        why: Sentence,
    },
}

/// A part, sealed, and the node's receipt for it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Made {
    /// The round.
    pub round: u32,
    /// Where it belongs in it.
    pub place: Place,
    /// The digest of the round's state.
    pub state: Digest,
    /// Base64 of the signature over [`unseen_policies::receipts::receipt_bytes`].
    pub signature: String,
    /// SHA-256 of the node's program.
    pub build: Digest,
    /// The walls round its worker: `holds`, `partly` or `missing`.
    pub walls: BTreeMap<String, String>,
    /// Evidence of its machine, if the run asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// The sealed part.
    #[serde(skip)]
    pub sealed: Vec<u8>,
}

impl Answer {
    /// The bytes: length of the JSON (4 bytes, lowest first), JSON, sealed part.
    pub fn to_bytes(&self) -> Vec<u8> {
        let json = serde_json::to_vec(self).unwrap_or_default();
        let sealed = if let Answer::Made(made) = self { made.sealed.as_slice() } else { &[] };
        [&u32::try_from(json.len()).unwrap_or(u32::MAX).to_le_bytes(), json.as_slice(), sealed].concat()
    }

    /// Back from [`Answer::to_bytes`].
    pub fn parse(bytes: &[u8]) -> Option<Answer> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (json, sealed) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let mut answer: Answer = serde_json::from_slice(json).ok()?;
        if let Answer::Made(made) = &mut answer {
            made.sealed = sealed.to_vec();
        }
        Some(answer)
    }
}
