//! The rules of nodes: machines that carry out parts of runs. They sign no entry; what they sign are the receipts
//! that a release names ([`crate::receipts`]).

use serde::{Deserialize, Serialize};
use unseen_ids::PublicKey;

use super::check::check_name;
use super::put::Put;
use super::{Ledger, Refusal};
use crate::event::{NodeEnrolled, NodeRevoked};

/// A machine that may carry out parts of runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// What it is called.
    pub name: String,
    /// The age recipient to which the keys of a run are encrypted.
    pub recipient: String,
    /// The entry that enrolled it.
    pub since: u64,
    /// The entry that revoked its key, if one did.
    pub revoked: Option<u64>,
}

impl Node {
    /// Whether it was enrolled, and not revoked, when the run of this entry started.
    pub fn was_there(&self, run: u64) -> bool {
        self.since < run && self.revoked.is_none_or(|revoked| revoked >= run)
    }
}

impl Ledger {
    /// Every node ever enrolled, by key.
    pub fn nodes(&self) -> &std::collections::BTreeMap<PublicKey, Node> {
        &self.nodes
    }

    /// The enrolled, not revoked node behind a key.
    pub fn node(&self, key: &PublicKey) -> Result<&Node, Refusal> {
        let node = self.nodes.get(key).ok_or_else(|| Refusal::NoSuchNode(key.short()))?;
        match node.revoked {
            Some(entry) => Err(Refusal::NodeRevoked(node.name.clone(), entry)),
            None => Ok(node),
        }
    }

    /// The nodes that may take part in the run that the entry `run` starts: enrolled before it, and not revoked
    /// before it. In the order of their keys.
    pub fn nodes_at(&self, run: u64) -> impl Iterator<Item = (&PublicKey, &Node)> {
        self.nodes.iter().filter(move |(_, node)| node.was_there(run))
    }

    pub(super) fn node_enrolled(&self, e: &NodeEnrolled) -> Result<Vec<Put>, Refusal> {
        check_name(&e.name)?;
        if !is_recipient(&e.recipient) {
            return Err(Refusal::BadRecipient(e.recipient.clone()));
        }
        self.check_new(&e.key)?;
        if self.nodes.values().any(|node| node.name == e.name && node.revoked.is_none()) {
            return Err(Refusal::NodeNameTaken(e.name.clone()));
        }
        let (name, recipient) = (e.name.clone(), e.recipient.clone());
        Ok(vec![Put::Node(e.key, Node { name, recipient, since: self.size, revoked: None })])
    }

    pub(super) fn node_revoked(&self, e: &NodeRevoked) -> Result<Vec<Put>, Refusal> {
        let node = self.node(&e.key)?.clone();
        Ok(vec![Put::Node(e.key, Node { revoked: Some(self.size), ..node })])
    }
}

/// Whether a text has the shape of an age recipient of the kind X25519: `age1` and 58 characters of bech32, in
/// lower case. Its checksum is looked at where something is encrypted to it.
pub fn is_recipient(text: &str) -> bool {
    let data = text.strip_prefix("age1").unwrap_or_default();
    data.len() == 58 && data.bytes().all(|byte| b"qpzry9x8gf2tvdw0s3jn54khce6mua7l".contains(&byte))
}
