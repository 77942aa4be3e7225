//! From the bytes of a log entry to what it says and who signed it.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::value::RawValue;
use unseen_ids::{Digest, PublicKey, canonical};
use unseen_policies::enrolment::node_bytes;
use unseen_policies::event::{Event, NodeEnrolled, PersonEnrolled, Record, RecordError, enrolment_bytes};
use unseen_texts::Say;
use unseen_tlog::dsse::{Envelope, EnvelopeError};
use unseen_tlog::signature::Signature;
use unseen_tlog::statement::{Statement, StatementError};
use unseen_tlog::{VerifyingKey, merkle};

use crate::{PREDICATE, json, subjects};

/// The keys that may sign, by the ids by which envelopes name them. Clones share them until one learns more.
#[derive(Clone, Debug, Default)]
pub struct Keys(Arc<HashMap<String, PublicKey>>);

/// An entry whose signature and form are good.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Who signed it, or first.
    pub signer: PublicKey,
    /// Who signed it too, each once.
    pub cosigners: Vec<PublicKey>,
    /// Whether through SSH, with a security key perhaps.
    pub by_ssh: bool,
    /// Whether with a passkey.
    pub by_passkey: bool,
    /// What it says.
    pub record: Record,
    /// Its leaf hash.
    pub leaf: Digest,
    /// SHA-256 of its statement, the payload of the envelope.
    pub statement: Digest,
}

/// Why the bytes are not an entry.
#[derive(Debug, thiserror::Error, Say)]
#[code("entry")]
pub enum EntryError {
    /// It is not an envelope, or its signature is bad.
    #[error("the entry's envelope is refused: {0}")]
    #[zh("条目的信封被拒绝：{0}")]
    Envelope(#[from] EnvelopeError),
    /// Its payload is not a statement.
    #[error("the entry's statement is refused: {0}")]
    #[zh("条目的声明被拒绝：{0}")]
    Statement(#[from] StatementError),
    /// Its predicate is not a record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Its subjects are not what its predicate speaks of.
    #[error("the entry's subjects are not those of what it says")]
    #[zh("条目的主体与其内容不符")]
    Subjects,
    /// No enrolled person and not the lab.
    #[error("the signer's key {0} is not enrolled in this lab")]
    #[zh("签名者的密钥 {0} 未在本实验室登记")]
    UnknownKey(String),
    /// The new key did not sign its own enrolment.
    #[error("the new key did not sign this enrolment")]
    #[zh("新密钥没有签署此登记")]
    Proof,
}

/// Collects signatures for later verification in batches: key, message, signature.
pub type Later<'a> = &'a mut dyn FnMut(&VerifyingKey, &[u8], &[u8; 64]);

impl Keys {
    /// Adds a key.
    pub fn learn(&mut self, key: &PublicKey) {
        Arc::make_mut(&mut self.0).insert(VerifyingKey::from(*key).key_id(), *key);
    }

    /// Adds the keys that an entry names.
    pub fn learn_from(&mut self, event: &Event) {
        match event {
            Event::LabCreated(lab) => [&lab.owner_key, &lab.service_key].into_iter().for_each(|key| self.learn(key)),
            Event::PersonEnrolled(person) => self.learn(&person.key),
            _ => {}
        }
    }

    /// Reads an entry and verifies each of its signatures with one of these keys, now or `later`. The first entry
    /// of a log names its own key.
    pub fn open(&self, entry: &[u8], mut later: Option<Later<'_>>) -> Result<Opened, EntryError> {
        let envelope = Envelope::from_bytes(entry)?;
        let Statement { subject, predicate_type, predicate, .. } =
            Statement::<Box<RawValue>>::open_unverified(&envelope)?;
        json::no_member_twice(envelope.unverified_payload()).map_err(RecordError::Malformed)?;
        let of_itself = subject.first().is_some_and(|first| first.name == PREDICATE);
        let own = of_itself.then(|| canonical::to_vec(&predicate)).transpose().map_err(StatementError::from)?;
        let record = Record::from_predicate(&predicate_type, &*predicate)?;
        let mut signers = Vec::new();
        for (at, key_id) in envelope.key_ids().enumerate() {
            let signer = match (&record.event, self.0.get(key_id)) {
                (_, Some(key)) => *key,
                (Event::LabCreated(lab), None) => lab.owner_key,
                _ => return Err(EntryError::UnknownKey(key_id.to_owned())),
            };
            let key = VerifyingKey::from(signer);
            match (&mut later, envelope.bare_signature(at)) {
                // A known key is known by its id.
                (Some(later), Some((message, signature))) if self.0.contains_key(key_id) => {
                    later(&key, &message, signature);
                }
                _ => envelope.verify_at(at, &key)?,
            }
            signers.push(signer);
        }
        if subject != subjects(&record, own.map(|own| Digest::of(&own))) {
            return Err(EntryError::Subjects);
        }
        match &record.event {
            Event::PersonEnrolled(PersonEnrolled { name, roles, key, kept, proof }) => {
                verify_proof(key, &enrolment_bytes(&record.log, name, roles, key, *kept), proof)?;
            }
            Event::NodeEnrolled(NodeEnrolled { name, key, recipient, proof }) => {
                verify_proof(key, &node_bytes(&record.log, name, key, recipient), proof)?;
            }
            _ => {}
        }
        let by_ssh = envelope.has(|form| matches!(form, Signature::Ssh(_)));
        let by_passkey = envelope.has(|form| matches!(form, Signature::Passkey(_)));
        let leaf = Digest::from_bytes(merkle::leaf_hash(entry));
        let statement = Digest::of(envelope.unverified_payload());
        let signer = signers.remove(0);
        Ok(Opened { signer, cosigners: signers, by_ssh, by_passkey, record, leaf, statement })
    }
}

/// Whether a new key has signed what it asks for.
fn verify_proof(key: &PublicKey, asked: &[u8], proof: &str) -> Result<(), EntryError> {
    let proof = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, proof).map_err(|_| EntryError::Proof)?;
    let held = Signature::from_bytes(&proof).and_then(|proof| proof.verify(&(*key).into(), asked));
    held.map_err(|_| EntryError::Proof)
}
