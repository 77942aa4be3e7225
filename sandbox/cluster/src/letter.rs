//! What the lab tells all its nodes: signed, with keys sealed to each of them, and a body that is sealed under one of
//! these. A node believes nothing else.
//!
//! ```text
//! frame   envelope by the lab's key: what it is about, times, keys to each node, digest of the next frame
//! frame   the body
//! ```

use std::collections::BTreeMap;
use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use unseen_age::{Decrypter, Encrypter, Identity, Recipient};
use unseen_ids::{Digest, PublicKey};
use unseen_texts::text;
use unseen_tlog::dsse::Envelope;
use unseen_tlog::{Signer, VerifyingKey};
use unseen_worker::frames::{read_frame, write_frame};
use unseen_worker::sealed;
use zeroize::Zeroizing;

use crate::error::{ClusterError, NodeError};

/// A letter as the lab writes it.
pub struct Letter<'a> {
    /// What it is about.
    pub about: About,
    /// The nodes: their keys, and what is sealed to them.
    pub nodes: &'a BTreeMap<PublicKey, Recipient>,
    /// The keys that one of them is given, the one that seals the body first.
    pub keys: &'a dyn Fn(&PublicKey) -> Zeroizing<Vec<u8>>,
    /// What the body is bound to.
    pub bound_to: Digest,
    /// Seals the body.
    pub body_key: Zeroizing<[u8; 32]>,
    /// The body.
    pub body: Vec<u8>,
    /// When it is written, by the lab's clock.
    pub written_at: DateTime<Utc>,
    /// Until when it is good.
    pub good_until: DateTime<Utc>,
}

/// What a letter is about.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub enum About {
    /// A run, by the entry that started it and the proof that the log holds it; the entry in base64.
    Run {
        /// See there.
        entry: String,
        /// See there.
        proof: String,
    },
    /// An import, by its number; and the program that is to carry it out.
    Import {
        /// See there.
        import: Digest,
        /// See there.
        build: Digest,
    },
}

/// A letter as a node reads it.
pub struct Received {
    /// What it is about.
    pub about: About,
    /// The keys that this node was given.
    pub keys: Zeroizing<Vec<u8>>,
    /// Until when it is good.
    pub good_until: DateTime<Utc>,
    body: Vec<u8>,
}

/// What the lab signs.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Signed {
    about: About,
    written_at: DateTime<Utc>,
    good_until: DateTime<Utc>,
    /// Age files in base64.
    keys: BTreeMap<PublicKey, String>,
    body: Digest,
}

const PAYLOAD: &str = "application/vnd.unseen.orders.v2+json";
/// How far clocks may be apart.
const APART: TimeDelta = TimeDelta::minutes(10);

impl Letter<'_> {
    /// Writes it, signed.
    pub fn write(self, lab: &dyn Signer) -> Result<Vec<u8>, ClusterError> {
        let body = sealed::seal(&self.body_key, self.bound_to.as_bytes(), self.body);
        let body = body.map_err(|fault| ClusterError::of(&fault))?;
        let keys = self.nodes.iter().map(|(node, recipient)| Ok((*node, sealed_to(*recipient, &(self.keys)(node))?)));
        let signed = Signed {
            about: self.about,
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
}

/// Reads a letter that this lab has signed, for the node of this key and identity at this time.
pub fn read(
    mut bytes: &[u8],
    lab: &VerifyingKey,
    (node, identity): (&PublicKey, &Identity),
    now: DateTime<Utc>,
) -> Result<Received, NodeError> {
    let mut frame = || read_frame(&mut bytes).map_err(|_| NodeError::NotTheLab);
    let (envelope, body) = (frame()?, frame()?);
    let envelope = Envelope::from_bytes(&envelope).map_err(|_| NodeError::NotTheLab)?;
    let payload = envelope.verify(lab).map_err(|_| NodeError::NotTheLab)?;
    if envelope.payload_type() != PAYLOAD {
        return Err(NodeError::NotTheLab);
    }
    let signed: Signed = serde_json::from_slice(payload).map_err(|_| NodeError::NotTheLab)?;
    if Digest::of(&body) != signed.body {
        return Err(NodeError::OtherThan(text!("content", "内容").into()));
    }
    let apart = (now - signed.written_at).abs().min((now - signed.good_until).abs());
    if !(signed.written_at - APART..=signed.good_until).contains(&now) {
        return Err(NodeError::Clock(apart.num_minutes()));
    }
    let keys = signed.keys.get(node).and_then(|keys| opened_by(identity, keys)).ok_or(NodeError::NotEnrolled)?;
    Ok(Received { about: signed.about, keys, good_until: signed.good_until, body })
}

impl Received {
    /// The body, if this is its key and what it is bound to.
    pub fn body(&self, key: &[u8; 32], bound_to: &Digest) -> Result<Vec<u8>, NodeError> {
        sealed::open(key, bound_to.as_bytes(), &self.body).ok_or(NodeError::NoTask)
    }
}

fn sealed_to(recipient: Recipient, keys: &[u8]) -> Result<String, ClusterError> {
    let seal = || -> std::io::Result<Vec<u8>> {
        let mut file = Encrypter::new(Vec::new(), &[recipient]).map_err(std::io::Error::other)?;
        file.write_all(keys)?;
        file.finish()
    };
    seal().map(|bytes| STANDARD.encode(bytes)).map_err(|error| ClusterError::of(&error))
}

fn opened_by(identity: &Identity, sealed: &str) -> Option<Zeroizing<Vec<u8>>> {
    let sealed = STANDARD.decode(sealed).ok()?;
    let mut bytes = Zeroizing::new(Vec::new());
    let identity = Identity::from_secret(&identity.to_secret()).ok()?;
    Decrypter::new(&sealed[..], &[identity]).ok()?.read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
