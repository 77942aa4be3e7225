//! What every node is told of a run: the entry that started it with its proof, keys sealed to each node, and what is to
//! be run. Signed by the lab; a node believes nothing else.
//!
//! ```text
//! frame   envelope by the lab's key: the entry, its proof, times, keys to each node, digest of the next frame
//! frame   sealed under the run's key of tasks: manifest, component, manifests of what is read
//! ```

use std::collections::BTreeMap;
use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use unseen_age::{Decrypter, Encrypter, Identity, Recipient};
use unseen_ids::{Digest, PublicKey};
use unseen_policies::event::{Event, RunStarted};
use unseen_texts::{Sentence, say, text};
use unseen_tlog::dsse::Envelope;
use unseen_tlog::merkle::leaf_hash;
use unseen_tlog::note::NoteKey;
use unseen_tlog::proof::EntryProof;
use unseen_tlog::{Signer, VerifyingKey};
use unseen_worker::frames::{read_frame, write_frame};
use unseen_worker::spread::RunKey;
use zeroize::Zeroizing;

use crate::error::{ClusterError, NodeError};
use crate::sealed;

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

/// What the lab signs.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Signed {
    entry: String,
    proof: String,
    written_at: DateTime<Utc>,
    good_until: DateTime<Utc>,
    /// Age files in base64.
    keys: BTreeMap<PublicKey, String>,
    body: Digest,
}

const PAYLOAD: &str = "application/vnd.unseen.orders.v1+json";
/// How far clocks may be apart.
const APART: TimeDelta = TimeDelta::minutes(10);

impl Orders<'_> {
    /// Writes them, signed.
    pub fn write(&self, lab: &dyn Signer) -> Result<Vec<u8>, ClusterError> {
        let leaf = Digest::from_bytes(leaf_hash(self.entry));
        let body = sealed::seal(&self.run_key.tasks(), leaf.as_bytes(), self.body.to_bytes()?)?;
        let keys = self.nodes.iter().map(|(node, recipient)| Ok((*node, self.keys_of(node, *recipient)?)));
        let signed = Signed {
            entry: STANDARD.encode(self.entry),
            proof: self.proof.to_string(),
            written_at: self.written_at,
            good_until: self.good_until,
            keys: keys.collect::<Result<_, ClusterError>>()?,
            body: Digest::of(&body),
        };
        let payload = serde_json::to_vec(&signed).map_err(|error| ClusterError::of(&error))?;
        let envelope = Envelope::sign(lab, PAYLOAD, payload).map_err(|error| ClusterError::of(&error))?;
        let mut bytes = Vec::new();
        for frame in [envelope.to_bytes(), body] {
            write_frame(&mut bytes, &frame).map_err(|error| ClusterError::of(&error))?;
        }
        Ok(bytes)
    }

    fn keys_of(&self, node: &PublicKey, recipient: Recipient) -> Result<String, ClusterError> {
        let seal = || -> std::io::Result<Vec<u8>> {
            let mut file = Encrypter::new(Vec::new(), &[recipient]).map_err(std::io::Error::other)?;
            file.write_all(&*self.run_key.tasks())?;
            file.write_all(&*self.run_key.parts(node))?;
            file.write_all(&self.block_key)?;
            self.data_keys.iter().try_for_each(|key| file.write_all(&**key))?;
            file.finish()
        };
        seal().map(|bytes| STANDARD.encode(bytes)).map_err(|error| ClusterError::of(&error))
    }
}

/// Reads orders that the lab of these keys has signed, and checks them against its log, for the node of this key
/// and identity at this time.
pub fn open(
    bytes: &[u8],
    (origin, log, lab): (&str, &NoteKey, &VerifyingKey),
    (node, identity): (&PublicKey, &Identity),
    now: DateTime<Utc>,
) -> Result<Opened, NodeError> {
    let mut frames = bytes;
    let mut frame = || read_frame(&mut frames).map_err(|_| NodeError::NotTheLab);
    let (envelope, sealed) = (frame()?, frame()?);
    let envelope = Envelope::from_bytes(&envelope).map_err(|_| NodeError::NotTheLab)?;
    let payload = envelope.verify(lab).map_err(|_| NodeError::NotTheLab)?;
    if envelope.payload_type() != PAYLOAD {
        return Err(NodeError::NotTheLab);
    }
    let signed: Signed = serde_json::from_slice(payload).map_err(|_| NodeError::NotTheLab)?;
    if Digest::of(&sealed) != signed.body {
        return Err(NodeError::OtherThan(text!("content", "内容").into()));
    }
    let apart = (now - signed.written_at).abs().min((now - signed.good_until).abs());
    if !(signed.written_at - APART..=signed.good_until).contains(&now) {
        return Err(NodeError::Clock(apart.num_minutes()));
    }
    let (entry, leaf, run) = started(&signed, origin, log)?;
    let keys = signed.keys.get(node).ok_or(NodeError::NotEnrolled)?;
    let keys = NodeKeys::open(keys, identity).ok_or(NodeError::NotEnrolled)?;
    let body = sealed::open(&keys.tasks, leaf.as_bytes(), &sealed).and_then(|body| Body::parse(&body));
    let body = body.ok_or(NodeError::NoTask)?;
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
    Ok(Opened { entry, leaf, origin: origin.to_owned(), run, keys, body, good_until: signed.good_until })
}

/// The run that the log shows to have been started.
fn started(signed: &Signed, origin: &str, log: &NoteKey) -> Result<(u64, Digest, RunStarted), NodeError> {
    let not_in_log = |why: Sentence| NodeError::NotInLog(why);
    let entry = STANDARD.decode(&signed.entry).map_err(|_| NodeError::NotTheLab)?;
    let proof = EntryProof::parse(signed.proof.as_bytes()).map_err(|error| not_in_log(Sentence::of(&error)))?;
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
    fn open(sealed: &str, identity: &Identity) -> Option<NodeKeys> {
        let sealed = STANDARD.decode(sealed).ok()?;
        let mut bytes = Zeroizing::new(Vec::new());
        let identity = Identity::from_secret(&identity.to_secret()).ok()?;
        Decrypter::new(&sealed[..], &[identity]).ok()?.read_to_end(&mut bytes).ok()?;
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
