//! What every node is told of a run: the entry that started it with its proof, keys, and what is to be run. The body of
//! the [letter](crate::letter) is manifest, component, and the manifests of what is read.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use unseen_age::Recipient;
use unseen_ids::{Digest, PublicKey};
use unseen_policies::event::{Event, RunStarted};
use unseen_texts::{Sentence, say, text};
use unseen_tlog::Signer;
use unseen_tlog::merkle::leaf_hash;
use unseen_tlog::note::NoteKey;
use unseen_tlog::proof::EntryProof;
use unseen_worker::frames::{read_frame, write_frame};
use unseen_worker::spread::RunKey;
use zeroize::Zeroizing;

use crate::error::{ClusterError, NodeError};
use crate::evidence::Asked;
use crate::letter::{About, Letter, Received};

/// A run as the lab gives it out.
pub struct Orders<'a> {
    /// The entry that started it.
    pub entry: &'a [u8],
    /// That the log holds it.
    pub proof: &'a EntryProof,
    /// Its keys.
    pub run_key: &'a RunKey,
    /// The nodes: their keys, and what is sealed to them.
    pub nodes: &'a BTreeMap<PublicKey, Recipient>,
    /// Data keys of the private snapshots, in order.
    pub data_keys: &'a [Zeroizing<[u8; 32]>],
    /// Deals units into blocks.
    pub block_key: [u8; 16],
    /// What is to be run.
    pub body: &'a Body,
    /// When it is written, by the lab's clock.
    pub written_at: DateTime<Utc>,
    /// Until when it is good.
    pub good_until: DateTime<Utc>,
}

/// What is to be run, and how.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Body {
    /// The manifest's text.
    pub manifest: String,
    /// Bytes of memory that a worker sets aside.
    pub memory: u64,
    /// Whether memory may be written to swap.
    pub swap: bool,
    /// Answers are given at multiples of so many seconds.
    pub tick_seconds: u32,
    /// What evidence of its machine a node gives for the run.
    pub evidence: Option<Asked>,
    /// Roots of the private snapshots, in order.
    pub snapshots: Vec<Digest>,
    /// Roots of the reference tables.
    pub references: Vec<Digest>,
    /// The component.
    #[serde(skip)]
    pub module: Vec<u8>,
    /// The manifests of both, in order.
    #[serde(skip)]
    pub manifests: Vec<Vec<u8>>,
}

/// Orders as a node has opened them.
pub struct Opened {
    /// Index and leaf hash of the entry that started the run.
    pub entry: u64,
    /// See there.
    pub leaf: Digest,
    /// Origin of the log.
    pub origin: String,
    /// What the entry says.
    pub run: RunStarted,
    /// What this node was given.
    pub keys: NodeKeys,
    /// What is to be run.
    pub body: Body,
    /// Until when they are good.
    pub good_until: DateTime<Utc>,
}

/// What one node is given.
pub struct NodeKeys {
    /// Opens tasks.
    pub tasks: Zeroizing<[u8; 32]>,
    /// Seals its parts.
    pub parts: Zeroizing<[u8; 32]>,
    /// Deals units into blocks.
    pub block: Zeroizing<[u8; 16]>,
    /// Open the private snapshots, in order.
    pub data: Vec<Zeroizing<[u8; 32]>>,
}

impl Orders<'_> {
    /// Writes them, signed.
    pub fn write(&self, lab: &dyn Signer) -> Result<Vec<u8>, ClusterError> {
        let letter = Letter {
            about: About::Run { entry: STANDARD.encode(self.entry), proof: self.proof.to_string() },
            nodes: self.nodes,
            keys: &|node| self.keys_of(node),
            bound_to: Digest::from_bytes(leaf_hash(self.entry)),
            body_key: self.run_key.tasks(),
            body: self.body.to_bytes()?,
            written_at: self.written_at,
            good_until: self.good_until,
        };
        letter.write(lab)
    }

    fn keys_of(&self, node: &PublicKey) -> Zeroizing<Vec<u8>> {
        let mut keys = Zeroizing::new(Vec::new());
        keys.extend_from_slice(&*self.run_key.tasks());
        keys.extend_from_slice(&*self.run_key.parts(node));
        keys.extend_from_slice(&self.block_key);
        self.data_keys.iter().for_each(|key| keys.extend_from_slice(&**key));
        keys
    }
}

/// Checks a letter about a run against the lab's log.
pub fn open(letter: &Received, origin: &str, log: &NoteKey) -> Result<Opened, NodeError> {
    let (entry, leaf, run) = started(&letter.about, origin, log)?;
    let keys = NodeKeys::parse(&letter.keys).ok_or(NodeError::NotEnrolled)?;
    let body = Body::parse(&letter.body(&keys.tasks, &leaf)?).ok_or(NodeError::NoTask)?;
    let read: Vec<Digest> = run.snapshots.iter().map(|snapshot| snapshot.snapshot).collect();
    let named: Vec<Digest> = body.snapshots.iter().chain(&body.references).copied().collect();
    let checks = [
        (Digest::of(body.manifest.as_bytes()) == run.manifest, text!("manifest", "作业清单")),
        (Digest::of(&body.module) == run.module, text!("component", "组件")),
        (read.iter().all(|root| named.contains(root)) && read.len() == named.len(), text!("snapshot", "数据快照")),
    ];
    if let Some((_, what)) = checks.into_iter().find(|(same, _)| !same) {
        return Err(NodeError::OtherThan(what.into()));
    }
    Ok(Opened { entry, leaf, origin: origin.to_owned(), run, keys, body, good_until: letter.good_until })
}

/// The run that the log shows to have been started.
fn started(about: &About, origin: &str, log: &NoteKey) -> Result<(u64, Digest, RunStarted), NodeError> {
    let not_in_log = |why: Sentence| NodeError::NotInLog(why);
    let About::Run { entry, proof } = about else { return Err(NodeError::NotTheLab) };
    let entry = STANDARD.decode(entry).map_err(|_| NodeError::NotTheLab)?;
    let proof = EntryProof::parse(proof.as_bytes()).map_err(|error| not_in_log(Sentence::of(&error)))?;
    let checkpoint = proof.verify(log, &entry).map_err(|error| not_in_log(Sentence::of(&error)))?;
    let record = unseen_entries::sign::unverified(&entry).map_err(|error| not_in_log(Sentence::of(&error)))?;
    match record.event {
        _ if checkpoint.origin != origin || record.log != origin => {
            Err(not_in_log(say!("it is the log `{origin}`", "那是日志 `{origin}`", origin = checkpoint.origin)))
        }
        Event::RunStarted(run) => Ok((proof.index, Digest::from_bytes(leaf_hash(&entry)), run)),
        _ => Err(not_in_log(text!("the entry starts no run", "该条目并未开始运行").into())),
    }
}

impl NodeKeys {
    fn parse(bytes: &[u8]) -> Option<NodeKeys> {
        let (tasks, rest) = bytes.split_first_chunk::<32>()?;
        let (parts, rest) = rest.split_first_chunk::<32>()?;
        let (block, rest) = rest.split_first_chunk::<16>()?;
        let (data, rest) = rest.as_chunks::<32>();
        let data = data.iter().map(|key| Zeroizing::new(*key)).collect();
        rest.is_empty().then(|| NodeKeys {
            tasks: Zeroizing::new(*tasks),
            parts: Zeroizing::new(*parts),
            block: Zeroizing::new(*block),
            data,
        })
    }
}

impl Body {
    fn to_bytes(&self) -> Result<Vec<u8>, ClusterError> {
        let json = serde_json::to_vec(self).map_err(|error| ClusterError::of(&error))?;
        let mut bytes = Vec::new();
        for frame in [&json, &self.module].into_iter().chain(&self.manifests) {
            write_frame(&mut bytes, frame).map_err(|error| ClusterError::of(&error))?;
        }
        Ok(bytes)
    }

    fn parse(mut bytes: &[u8]) -> Option<Body> {
        let mut body: Body = serde_json::from_slice(&read_frame(&mut bytes).ok()?).ok()?;
        body.module = read_frame(&mut bytes).ok()?;
        let manifests = body.snapshots.len() + body.references.len();
        body.manifests = (0..manifests).map(|_| read_frame(&mut bytes).ok()).collect::<Option<_>>()?;
        bytes.is_empty().then_some(body)
    }
}
