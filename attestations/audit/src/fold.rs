//! One entry: from a record to a signed envelope and back, and into the ledger.

use std::collections::HashMap;

use unseen_policies::event::{Digest, Event, PublicKey, Record, RecordError, enrolment_bytes};
use unseen_policies::ledger::{Ledger, Refusal};
use unseen_tlog::dsse::{Envelope, EnvelopeError, parse_pre_authentication_encoding, pre_authentication_encoding};
use unseen_tlog::sshsig::SshSignature;
use unseen_tlog::statement::{PAYLOAD_TYPE, Statement, StatementError, Subject};
use unseen_tlog::{KeyError, Signer, VerifyingKey, merkle};

use crate::json;
use crate::signatures::Signatures;

/// The ledger, with the keys by which envelopes name their signers.
#[derive(Clone, Debug, Default)]
pub struct Fold {
    ledger: Ledger,
    keys: HashMap<String, PublicKey>,
}

/// An entry whose signature and form are good.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Who signed it.
    pub signer: PublicKey,
    /// Whether through SSH, with a security key perhaps.
    pub by_ssh: bool,
    /// What it says.
    pub record: Record,
    /// Its leaf hash.
    pub leaf: Digest,
    /// SHA-256 of its statement, the payload of the envelope.
    pub statement: Digest,
}

/// Why an entry does not belong in the log.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// It is no envelope, or its signature is bad.
    #[error("the entry's envelope is refused: {0}")]
    Envelope(#[from] EnvelopeError),
    /// Its payload is no statement.
    #[error("the entry's statement is refused: {0}")]
    Statement(#[from] StatementError),
    /// Its predicate is no record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Its subjects are not what its predicate speaks of.
    #[error("the entry's subjects are not those of what it says")]
    Subjects,
    /// No enrolled person and not the lab.
    #[error("the signer's key {0} is not enrolled in this lab: ask an operator to enrol it")]
    UnknownKey(String),
    /// The new key did not sign its own enrolment.
    #[error("the new key did not sign this enrolment: its holder makes a request with `unseen person request`")]
    Proof,
    /// It may not happen now.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Something else than what is to be signed.
    #[error("this is not the file that was to be signed: make one with --to-sign, and sign it unchanged")]
    NotToSign,
    /// A signature could not be made.
    #[error("the entry cannot be signed: {0}")]
    Key(#[from] KeyError),
}

/// Signs a record: the bytes of a log entry.
pub fn seal(record: &Record, key: &dyn Signer) -> Result<Vec<u8>, EntryError> {
    Ok(statement(record).sign(key)?.to_bytes())
}

/// What a person signs elsewhere, with `ssh-keygen -Y sign -n unseen`: the same bytes that
/// [`seal`] signs.
pub fn to_sign(record: &Record) -> Result<Vec<u8>, EntryError> {
    Ok(pre_authentication_encoding(PAYLOAD_TYPE, &statement(record).payload()?))
}

/// The bytes of a log entry out of what [`to_sign`] gave and the signature over it.
pub fn seal_with_ssh(signed: &[u8], signature: SshSignature) -> Result<Vec<u8>, EntryError> {
    let (payload_type, payload) = parse_pre_authentication_encoding(signed).ok_or(EntryError::NotToSign)?;
    Ok(Envelope::from_ssh(payload_type, payload.to_vec(), signature).to_bytes())
}

fn statement(record: &Record) -> Statement {
    let (predicate_type, predicate) = record.to_predicate();
    Statement::new(subjects(record, Some(predicate_digest(&predicate))), &predicate_type, predicate)
}

/// What the new key signs when it asks to be enrolled, in base64: the `proof` of an enrolment.
pub fn prove_enrolment(
    key: &dyn Signer,
    log: &str,
    name: &str,
    roles: &[unseen_policies::event::Role],
) -> Result<String, KeyError> {
    let bytes = enrolment_bytes(log, name, roles, &public_key(&key.verifying_key()));
    Ok(base64_encode(&key.sign(&bytes)?))
}

/// A key as the ledger names it.
pub fn public_key(key: &VerifyingKey) -> PublicKey {
    PublicKey::from_bytes(key.as_bytes())
}

/// A digest as the ledger names it.
pub fn digest(bytes: &[u8]) -> Digest {
    Digest::from_bytes(unseen_tlog::Digest::of(bytes).as_bytes())
}

impl Fold {
    /// Goes on from a ledger folded before.
    pub fn resume(ledger: Ledger) -> Fold {
        let mut fold = Fold { ledger, keys: HashMap::new() };
        let keys: Vec<PublicKey> = fold.ledger.people.keys().chain(&fold.ledger.service_key).cloned().collect();
        keys.iter().for_each(|key| fold.learn(key));
        fold
    }

    /// The state at the end.
    pub fn into_ledger(self) -> Ledger {
        self.ledger
    }

    /// The present state.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Whether this entry may come next: its envelope, statement, signature, and the ledger's rules.
    pub fn check(&self, entry: &[u8]) -> Result<Opened, EntryError> {
        let opened = self.open(entry, None)?;
        self.ledger.check(&opened.signer, &opened.record)?;
        Ok(opened)
    }

    /// Folds in an entry that was opened by [`Fold::check`] in this state. On an error nothing has changed.
    pub fn apply(&mut self, opened: &Opened) -> Result<(), Refusal> {
        self.ledger.apply(&opened.signer, &opened.record, &opened.leaf, &opened.statement)?;
        match &opened.record.event {
            Event::LabCreated(lab) => [&lab.owner_key, &lab.service_key].into_iter().for_each(|key| self.learn(key)),
            Event::PersonEnrolled(person) => self.learn(&person.key),
            _ => {}
        }
        Ok(())
    }

    /// Opens the next entry and folds it in. On an error nothing has changed.
    pub fn next(&mut self, entry: &[u8]) -> Result<Opened, EntryError> {
        let opened = self.open(entry, None)?;
        self.apply(&opened)?;
        Ok(opened)
    }

    /// As [`Fold::next`], but the signature is left to be verified with others. What was folded counts
    /// only if they are all good.
    pub(crate) fn next_unverified(&mut self, entry: &[u8], later: &mut Signatures) -> Result<Opened, EntryError> {
        let opened = self.open(entry, Some(later))?;
        self.apply(&opened)?;
        Ok(opened)
    }

    /// Passes over an entry that [`Fold::next`] refused, as an auditor does.
    pub fn skip(&mut self) {
        self.ledger.skip();
    }

    /// Reads an entry and verifies its signature with a key the ledger knows, now or with others later.
    fn open(&self, entry: &[u8], later: Option<&mut Signatures>) -> Result<Opened, EntryError> {
        let envelope = Envelope::from_bytes(entry)?;
        let Statement { subject, predicate_type, predicate, .. } = Statement::open_unverified(&envelope)?;
        json::no_member_twice(envelope.unverified_payload()).map_err(RecordError::Malformed)?;
        let own = subject.first().is_some_and(|first| first.name == PREDICATE).then(|| predicate_digest(&predicate));
        let record = Record::from_predicate(&predicate_type, predicate)?;
        let signer = match (&record.event, self.keys.get(envelope.key_id())) {
            (_, Some(key)) => *key,
            (Event::LabCreated(lab), None) => lab.owner_key,
            _ => return Err(EntryError::UnknownKey(envelope.key_id().to_owned())),
        };
        let key = verifying_key(&signer);
        match (later, envelope.bare_signature()) {
            // A known key is known by its id.
            (Some(later), Some((message, signature))) if self.keys.contains_key(envelope.key_id()) => {
                later.push(&key, message, signature);
            }
            _ => drop(envelope.verify(&key)?),
        }
        if subject != subjects(&record, own) {
            return Err(EntryError::Subjects);
        }
        if let Event::PersonEnrolled(person) = &record.event {
            let asked = enrolment_bytes(&record.log, &person.name, &person.roles, &person.key);
            let proof = base64_decode(&person.proof).ok_or(EntryError::Proof)?;
            let key = verifying_key(&person.key);
            let held = match SshSignature::from_bytes(&proof) {
                Ok(signature) => signature.verify(&key, &asked).is_ok(),
                Err(_) => key.verify(&asked, &proof).is_ok(),
            };
            if !held {
                return Err(EntryError::Proof);
            }
        }
        let by_ssh = envelope.is_ssh();
        let leaf = Digest::from_bytes(&merkle::leaf_hash(entry));
        Ok(Opened { signer, by_ssh, record, leaf, statement: digest(envelope.unverified_payload()) })
    }

    fn learn(&mut self, key: &PublicKey) {
        self.keys.insert(verifying_key(key).key_id(), *key);
    }
}

/// The name of the subject of a statement that is about itself.
const PREDICATE: &str = "predicate";

/// The statement's subjects: what the record names, or else the predicate itself.
fn subjects(record: &Record, predicate: Option<unseen_tlog::Digest>) -> Vec<Subject> {
    let named = record.subjects().into_iter();
    let subjects: Vec<Subject> = named
        .map(|(name, digest)| Subject { name, digest: unseen_tlog::Digest::from_bytes(digest.to_bytes()) })
        .collect();
    match predicate {
        Some(digest) if subjects.is_empty() => vec![Subject { name: PREDICATE.to_owned(), digest }],
        _ => subjects,
    }
}

fn predicate_digest(predicate: &serde_json::Value) -> unseen_tlog::Digest {
    unseen_tlog::Digest::of(predicate.to_string().as_bytes())
}

fn verifying_key(key: &PublicKey) -> VerifyingKey {
    VerifyingKey::from_bytes(key.to_bytes())
}

fn base64_encode(bytes: &[u8]) -> String {
    base64::Engine::encode(&base64::prelude::BASE64_STANDARD, bytes)
}

fn base64_decode(text: &str) -> Option<Vec<u8>> {
    base64::Engine::decode(&base64::prelude::BASE64_STANDARD, text).ok()
}
