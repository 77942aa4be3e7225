//! What an entry changes: records by key, each as it stands afterwards.

use std::sync::Arc;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use unseen_ids::{Digest, JobId, PublicKey};

use super::{Dataset, InForce, Job, Ledger, Node, Overtaken, Person, Refusal};
use crate::rho::Rho;

/// One record of the state as it stands after an entry. The state is just the last put of each
/// [`Put::key`], in whatever order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Put {
    Lab { origin: String, service_key: PublicKey, noise_commitment: Digest },
    LogKey { entry: u64, log_key: String },
    Person(PublicKey, Person),
    Node(PublicKey, Node),
    Policy(InForce),
    Dataset(String, Dataset),
    Job(JobId, Box<Job>),
    LastStarted(JobId),
    Domain { name: String, spent: Rho },
    AccessLog(NaiveDate),
    Nonce(PublicKey, Nonce),
}

impl Put {
    /// What is overwritten: two puts of one key are two states of one thing.
    pub fn key(&self) -> String {
        match self {
            Put::Lab { .. } => "lab".to_owned(),
            Put::LogKey { entry, .. } => format!("log-key/{entry}"),
            Put::Person(key, _) => format!("person/{key}"),
            Put::Node(key, _) => format!("node/{key}"),
            Put::Policy(_) => "policy".to_owned(),
            Put::Dataset(name, _) => format!("dataset/{name}"),
            Put::Job(id, _) => format!("job/{}", id.0),
            Put::LastStarted(_) => "last-started".to_owned(),
            Put::Domain { name, .. } => format!("domain/{name}"),
            Put::AccessLog(_) => "access-log".to_owned(),
            Put::Nonce(key, nonce) => format!("nonce/{key}/{}", String::from(*nonce)),
        }
    }
}

/// An entry that may come next, and all that it changes. Only [`Ledger::check`] makes one.
#[derive(Debug)]
#[must_use = "the entry is checked, not applied"]
pub struct Checked {
    /// The entry's index: the size of the ledger that was asked.
    pub(super) entry: u64,
    pub(super) puts: Vec<Put>,
}

impl Checked {
    /// The entry's index.
    pub fn entry(&self) -> u64 {
        self.entry
    }

    /// What the entry changes.
    pub fn puts(&self) -> &[Put] {
        &self.puts
    }
}

impl Ledger {
    /// Folds in an entry that was checked in this state. Where other entries came between, nothing changes.
    pub fn apply(&mut self, checked: Checked) -> Result<(), Overtaken> {
        if checked.entry != self.size {
            return Err(Overtaken { checked: checked.entry, size: self.size });
        }
        checked.puts.into_iter().for_each(|put| self.put(put));
        self.size += 1;
        Ok(())
    }

    /// A ledger of `size` entries out of what its entries put, in whatever order.
    pub fn restore(size: u64, puts: impl IntoIterator<Item = Put>) -> Ledger {
        let mut ledger = Ledger { size, ..Ledger::default() };
        puts.into_iter().for_each(|put| ledger.put(put));
        ledger
    }

    fn put(&mut self, put: Put) {
        match put {
            Put::Lab { origin, service_key, noise_commitment } => {
                self.origin = origin;
                self.service_key = Some(service_key);
                self.noise_commitment = Some(noise_commitment);
            }
            Put::LogKey { entry, log_key } => drop(self.log_keys.insert(entry, log_key)),
            Put::Person(key, person) => drop(self.people.insert(key, person)),
            Put::Node(key, node) => drop(self.nodes.insert(key, node)),
            Put::Policy(policy) => self.policy = Some(policy),
            Put::Dataset(name, dataset) => drop(self.datasets.insert(name, dataset)),
            Put::Job(id, job) => drop(self.jobs.insert(id, Arc::from(job))),
            Put::LastStarted(job) => self.last_started = Some(job),
            Put::Domain { name, spent } => drop(self.by_domain.insert(name, spent)),
            Put::AccessLog(date) => self.last_access_log = Some(date),
            Put::Nonce(signer, nonce) => drop(self.nonces.entry(signer).or_default().insert(nonce)),
        }
    }
}

/// What makes an envelope one of its kind: 16 random bytes, in hex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Nonce(u128);

impl From<Nonce> for String {
    fn from(nonce: Nonce) -> String {
        format!("{:032x}", nonce.0)
    }
}

impl TryFrom<String> for Nonce {
    type Error = Refusal;
    fn try_from(text: String) -> Result<Nonce, Refusal> {
        let nonce = u128::from_str_radix(&text, 16).map(Nonce).map_err(|_| Refusal::BadNonce)?;
        if String::from(nonce) == text { Ok(nonce) } else { Err(Refusal::BadNonce) }
    }
}
