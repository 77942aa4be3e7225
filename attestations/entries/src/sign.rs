//! From a record to the bytes of a log entry.

use unseen_ids::{Digest, Role, canonical};
use unseen_policies::enrolment::node_bytes;
use unseen_policies::event::{Record, enrolment_bytes};
use unseen_texts::Say;
use unseen_tlog::dsse::{Envelope, EnvelopeError, parse_pre_authentication_encoding, pre_authentication_encoding};
use unseen_tlog::signature::sshsig::SshSignature;
use unseen_tlog::statement::{PAYLOAD_TYPE, Statement, StatementError};
use unseen_tlog::{KeyError, Signer};

use crate::{EntryError, subjects};

/// Why no entry was made.
#[derive(Debug, thiserror::Error, Say)]
#[code("sign")]
pub enum SignError {
    /// The record makes no statement.
    #[error("the entry cannot be signed: {0}")]
    #[zh("条目无法签名：{0}")]
    Statement(#[from] StatementError),
    /// It signs something other than it should.
    #[error("this is not the file that was to be signed: sign it unchanged")]
    #[zh("这不是待签的文件：请不作改动直接签名")]
    NotToSign,
}

/// Signs a record: the bytes of a log entry.
pub fn sign(record: &Record, key: &dyn Signer) -> Result<Vec<u8>, SignError> {
    Ok(statement(record)?.sign(key)?.to_bytes())
}

/// What a person signs elsewhere, with `ssh-keygen -Y sign -n unseen`: the same bytes that [`sign`] signs.
pub fn to_sign(record: &Record) -> Result<Vec<u8>, SignError> {
    Ok(pre_authentication_encoding(PAYLOAD_TYPE, &statement(record)?.payload()?))
}

/// The bytes of a log entry out of what [`to_sign`] gave and the signature over it.
pub fn with_ssh(signed: &[u8], signature: SshSignature) -> Result<Vec<u8>, SignError> {
    let (payload_type, payload) = parse_pre_authentication_encoding(signed).ok_or(SignError::NotToSign)?;
    Ok(Envelope::from_ssh(payload_type, payload.to_vec(), signature).to_bytes())
}

/// The bytes of a log entry out of what [`to_sign`] gave, signed with a key at hand.
pub fn with_key(to_sign: &[u8], key: &dyn Signer) -> Result<Vec<u8>, SignError> {
    let (payload_type, payload) = parse_pre_authentication_encoding(to_sign).ok_or(SignError::NotToSign)?;
    let signed = Envelope::sign(key, payload_type, payload.to_vec()).map_err(StatementError::from)?;
    Ok(signed.to_bytes())
}

/// What the bytes that [`to_sign`] gave say, and nothing besides: for whoever is to sign what others have drafted.
pub fn says(to_sign: &[u8]) -> Result<Record, SignError> {
    let (payload_type, payload) = parse_pre_authentication_encoding(to_sign).ok_or(SignError::NotToSign)?;
    let Statement { predicate_type, predicate, .. }: Statement =
        serde_json::from_slice(payload).map_err(|_| SignError::NotToSign)?;
    let record = Record::from_predicate(&predicate_type, predicate).map_err(|_| SignError::NotToSign)?;
    let exact = payload_type == PAYLOAD_TYPE && self::to_sign(&record)? == to_sign;
    if exact { Ok(record) } else { Err(SignError::NotToSign) }
}

/// An entry with the signature of one more person, who signs what the others have signed.
pub fn countersign(entry: &[u8], key: &dyn Signer) -> Result<Vec<u8>, EntryError> {
    let envelope = Envelope::from_bytes(entry)?;
    let (payload_type, payload) = (envelope.payload_type().to_owned(), envelope.unverified_payload().to_vec());
    let other = Envelope::sign(key, &payload_type, payload).map_err(EnvelopeError::from)?;
    Ok(envelope.join(other)?.to_bytes())
}

/// One entry out of two that say the same, each signed by somebody else: with `ssh-keygen`, perhaps.
pub fn join(one: &[u8], other: &[u8]) -> Result<Vec<u8>, EntryError> {
    Ok(Envelope::from_bytes(one)?.join(Envelope::from_bytes(other)?)?.to_bytes())
}

/// What an entry says, whoever signed it: for telling somebody what they are about to hand in.
pub fn unverified(entry: &[u8]) -> Result<Record, EntryError> {
    let envelope = Envelope::from_bytes(entry)?;
    let Statement { predicate_type, predicate, .. }: Statement = Statement::open_unverified(&envelope)?;
    Ok(Record::from_predicate(&predicate_type, predicate)?)
}

/// What a new key signs when its holder asks for this enrolment, in base64: the enrolment's `proof`.
pub fn prove_enrolment(key: &dyn Signer, log: &str, name: &str, roles: &[Role]) -> Result<String, KeyError> {
    let bytes = enrolment_bytes(log, name, roles, &key.verifying_key().into(), None);
    Ok(base64::Engine::encode(&base64::prelude::BASE64_STANDARD, key.sign(&bytes)?))
}

/// The same for a node: its `node-enrolled`'s `proof`.
pub fn prove_node(key: &dyn Signer, log: &str, name: &str, recipient: &str) -> Result<String, KeyError> {
    let bytes = node_bytes(log, name, &key.verifying_key().into(), recipient);
    Ok(base64::Engine::encode(&base64::prelude::BASE64_STANDARD, key.sign(&bytes)?))
}

fn statement(record: &Record) -> Result<Statement, StatementError> {
    let (predicate_type, predicate) = record.to_predicate();
    let digest = Digest::of(&canonical::to_vec(&predicate).map_err(StatementError::from)?);
    Ok(Statement::new(subjects(record, Some(digest)), &predicate_type, predicate))
}
