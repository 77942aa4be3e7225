//! What every node is told of an import: its keys, and what is imported. The body of the [letter](crate::letter) is that.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use unseen_age::{Identity, Recipient};
use unseen_ids::{Digest, PublicKey};
use unseen_tlog::Signer;
use unseen_worker::importing::{ImportSecrets, ImportWork};
use unseen_worker::spread::RunKey;
use zeroize::Zeroizing;

use crate::error::{ClusterError, NodeError};
use crate::evidence::Asked;
use crate::letter::{About, Letter, Received};

/// An import as the lab gives it out.
pub struct ImportOrders<'a> {
    /// Its keys.
    pub keys: &'a ImportKeys,
    /// What is imported, and how.
    pub body: &'a ImportBody,
    /// SHA-256 of the program that is to carry it out.
    pub build: Digest,
    /// The nodes: their keys, and what is sealed to them.
    pub nodes: &'a BTreeMap<PublicKey, Recipient>,
    /// When it is written, by the lab's clock.
    pub written_at: DateTime<Utc>,
    /// Until when it is good.
    pub good_until: DateTime<Utc>,
}

/// What is imported, and how.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ImportBody {
    /// What is imported.
    pub work: ImportWork,
    /// Whether memory may be written to swap.
    pub swap: bool,
    /// Answers are given at multiples of so many seconds.
    pub tick_seconds: u32,
    /// What evidence of its machine a node gives for the import.
    pub evidence: Option<Asked>,
}

/// The secrets of one import.
pub struct ImportKeys {
    /// From which the keys of its tasks and parts are derived.
    pub run: RunKey,
    /// Opens its files: an age identity.
    pub identity: Identity,
    /// The key of the snapshot.
    pub data: Zeroizing<[u8; 32]>,
    /// The salt of the snapshot.
    pub salt: [u8; 32],
}

/// An import as a node has opened it.
pub struct OpenedImport {
    /// Opens tasks.
    pub tasks: Zeroizing<[u8; 32]>,
    /// What a worker is told.
    pub secrets: ImportSecrets,
    /// What is imported.
    pub body: ImportBody,
    /// Until when the orders are good.
    pub good_until: DateTime<Utc>,
}

impl ImportOrders<'_> {
    /// Writes them, signed.
    pub fn write(&self, lab: &dyn Signer) -> Result<Vec<u8>, ClusterError> {
        let import = self.body.work.import;
        let letter = Letter {
            about: About::Import { import, build: self.build },
            nodes: self.nodes,
            keys: &|node| self.keys_of(node),
            bound_to: import,
            body_key: self.keys.run.tasks(),
            body: serde_json::to_vec(self.body).map_err(|error| ClusterError::of(&error))?,
            written_at: self.written_at,
            good_until: self.good_until,
        };
        letter.write(lab)
    }

    fn keys_of(&self, node: &PublicKey) -> Zeroizing<Vec<u8>> {
        let ImportKeys { run, identity, data, salt } = self.keys;
        let mut keys = Zeroizing::new(Vec::new());
        for key in [&*run.tasks(), &*run.parts(node), &**data, salt] {
            keys.extend_from_slice(key);
        }
        keys.extend_from_slice(identity.to_secret().as_bytes());
        keys
    }
}

/// Opens a letter about an import, for the program that this node runs.
pub fn open(letter: &Received, build: &Digest) -> Result<OpenedImport, NodeError> {
    let About::Import { import, build: wanted } = &letter.about else { return Err(NodeError::NotTheLab) };
    if wanted != build {
        return Err(NodeError::OtherBuild { here: build.short(), lab: wanted.short() });
    }
    let (tasks, secrets) = parse(&letter.keys).ok_or(NodeError::NotEnrolled)?;
    let body: ImportBody = serde_json::from_slice(&letter.body(&tasks, import)?).map_err(|_| NodeError::NoTask)?;
    if body.work.import != *import {
        return Err(NodeError::NoTask);
    }
    Ok(OpenedImport { tasks, secrets, body, good_until: letter.good_until })
}

fn parse(keys: &[u8]) -> Option<(Zeroizing<[u8; 32]>, ImportSecrets)> {
    let (tasks, rest) = keys.split_first_chunk::<32>()?;
    let (parts, rest) = rest.split_first_chunk::<32>()?;
    let (data, rest) = rest.split_first_chunk::<32>()?;
    let (salt, rest) = rest.split_first_chunk::<32>()?;
    let secrets = ImportSecrets {
        identity: Zeroizing::new(std::str::from_utf8(rest).ok()?.to_owned()),
        part_key: Zeroizing::new(*parts),
        data_key: Zeroizing::new(*data),
        salt: Zeroizing::new(*salt),
    };
    Some((Zeroizing::new(*tasks), secrets))
}
