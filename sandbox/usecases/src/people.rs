//! Keys and people: who may do what.

use std::path::Path;

use base64::{Engine, prelude::BASE64_STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_entries::sign::prove_enrolment;
use unseen_ids::{Answer, PublicKey, Role};
use unseen_lab::{LabError, write_new_key};
use unseen_policies::event::{PersonEnrolled, PersonRevoked, parse_enrolment};
use unseen_policies::ledger::{Ledger, Refusal};
use unseen_tlog::Signer;
use unseen_tlog::sshsig::SshSignature;

use crate::desk::Desk;
use crate::error::UseCaseError;

/// The public half of a key.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyShown {
    /// 64 lower-case hex digits.
    #[schemars(with = "String")]
    pub public_key: PublicKey,
    /// As envelopes name it.
    pub key_id: String,
}

/// A wish to be enrolled, signed by the new key.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnrolmentRequest {
    /// Origin of the lab's log.
    pub log: String,
    /// What the person is called.
    pub name: String,
    /// What they may do.
    #[schemars(with = "Vec<String>")]
    pub roles: Vec<Role>,
    /// The new key.
    #[schemars(with = "String")]
    pub key: PublicKey,
    /// The new key's signature, in base64.
    pub proof: String,
}

/// A person was enrolled.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Enrolled {
    /// The entry that says so.
    pub entry: u64,
    /// Who.
    pub name: String,
    /// Their key.
    #[schemars(with = "String")]
    pub public_key: PublicKey,
}

/// A person's key was revoked.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Revoked {
    /// The entry that says so.
    pub entry: u64,
    /// The key.
    #[schemars(with = "String")]
    pub public_key: PublicKey,
}

/// Everyone who was ever enrolled, in that order.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct People {
    /// One for each key.
    pub people: Vec<Person>,
}

/// Somebody with a key.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    /// What they are called.
    pub name: String,
    /// What they may do.
    #[schemars(with = "Vec<String>")]
    pub roles: Vec<Role>,
    /// Their key.
    #[schemars(with = "String")]
    pub public_key: PublicKey,
    /// The entry that enrolled them.
    pub since: u64,
    /// The entry that revoked the key.
    pub revoked: Option<u64>,
}

impl Answer for KeyShown {
    const NAME: &str = "key/v1";
}
impl Answer for EnrolmentRequest {
    const NAME: &str = "enrolment-request/v1";
}
impl Answer for Enrolled {
    const NAME: &str = "person-enrolled/v1";
}
impl Answer for Revoked {
    const NAME: &str = "person-revoked/v1";
}
impl Answer for People {
    const NAME: &str = "people/v1";
}

/// Makes a key in a new file.
pub fn new_key(file: &Path) -> Result<KeyShown, UseCaseError> {
    Ok(show_key(&write_new_key(file)?))
}

/// Shows a key's public half.
pub fn show_key(key: &dyn Signer) -> KeyShown {
    KeyShown { public_key: PublicKey::from(key.verifying_key()), key_id: key.verifying_key().key_id() }
}

/// A request for a person with a new key.
pub fn request_enrolment(
    log: &str,
    name: &str,
    roles: &[Role],
    key: &dyn Signer,
) -> Result<EnrolmentRequest, UseCaseError> {
    let proof = prove_enrolment(key, log, name, roles)?;
    let (name, roles, key) = (name.to_owned(), roles.to_owned(), PublicKey::from(key.verifying_key()));
    Ok(EnrolmentRequest { log: log.to_owned(), name, roles, key, proof })
}

impl EnrolmentRequest {
    /// Reads one: JSON, or the bytes that an SSH key has signed, whose signature is then asked for. None when
    /// it is neither.
    pub fn read<E>(text: &str, signature: impl FnOnce() -> Result<SshSignature, E>) -> Result<Option<Self>, E> {
        if let Some((log, name, roles, key)) = parse_enrolment(text.as_bytes()) {
            let proof = BASE64_STANDARD.encode(signature()?.to_bytes());
            return Ok(Some(EnrolmentRequest { log, name, roles, key, proof }));
        }
        Ok(serde_json::from_str(text).ok())
    }
}

/// Enrols whom a request names.
pub fn enrol(desk: &impl Desk, request: EnrolmentRequest, operator: &dyn Signer) -> Result<Enrolled, UseCaseError> {
    let EnrolmentRequest { log, name, roles, key, proof } = request;
    desk.write(|lab| {
        if log != lab.ledger().origin() {
            return Err(Refusal::OtherLog(log, lab.ledger().origin().to_owned()).into());
        }
        let event = PersonEnrolled { name: name.clone(), roles, key, proof };
        let entry = lab.sign_and_accept(event, operator, &[])?;
        Ok(Enrolled { entry, name, public_key: key })
    })
}

/// Revokes the key of a person, who is named by name or by the key itself.
pub fn revoke(desk: &impl Desk, person: &str, reason: &str, operator: &dyn Signer) -> Result<Revoked, UseCaseError> {
    desk.write(|lab| {
        let key = find(lab.ledger(), person)?;
        let event = PersonRevoked { key, reason: reason.to_owned() };
        Ok(Revoked { entry: lab.sign_and_accept(event, operator, &[])?, public_key: key })
    })
}

/// Lists everyone.
pub fn people(desk: &impl Desk) -> Result<People, UseCaseError> {
    let lab = desk.view()?;
    let people = lab.ledger().people().iter().map(|(key, person)| Person {
        name: person.name.clone(),
        roles: person.roles.clone(),
        public_key: *key,
        since: person.since,
        revoked: person.revoked,
    });
    let mut people: Vec<_> = people.collect();
    people.sort_by_key(|person| person.since);
    Ok(People { people })
}

fn find(ledger: &Ledger, person: &str) -> Result<PublicKey, LabError> {
    let people = ledger.people();
    let by_name = people.iter().find(|(_, found)| found.name == person && found.revoked.is_none());
    let by_key = || people.keys().find(|key| key.to_string() == person);
    let found = by_name.map(|(key, _)| key).or_else(by_key);
    Ok(*found.ok_or_else(|| Refusal::NoSuchPerson(person.to_owned()))?)
}
