//! Keys and people: who may do what.

use std::path::Path;

use base64::{Engine, prelude::BASE64_STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_entries::sign::prove_enrolment;
use unseen_ids::{Answer, Keeping, PublicKey, Role};
use unseen_lab::{LabError, View, write_new_key};
use unseen_policies::enrolment::parse_enrolment;
use unseen_policies::event::{Event, PersonEnrolled, PersonRevoked};
use unseen_policies::ledger::{Ledger, Refusal};
use unseen_tlog::Signer;
use unseen_tlog::signature::sshsig::SshSignature;

use crate::change::{Change, reason};
use crate::desk::Desk;
use crate::error::UseCaseError;
use crate::query::Query;

/// The public half of a key.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyShown {
    /// 64 lower-case hex digits.
    #[schemars(with = "String")]
    pub public_key: PublicKey,
    /// As envelopes name it.
    pub key_id: String,
}

/// Enrol whom a request names.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Enrol(pub EnrolmentRequest);

/// Revoke the key of a person.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Revoke {
    /// The person's name, or the key itself.
    pub person: String,
    /// Why, for the record.
    pub reason: String,
}

/// List everyone.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ListPeople {}

/// A wish to be enrolled, signed by the new key.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnrolmentRequest {
    /// Origin of the lab's log.
    pub log: String,
    /// What the person is called.
    pub name: String,
    /// What they may do.
    #[schemars(with = "Vec<crate::wire::RoleName>")]
    pub roles: Vec<Role>,
    /// The new key.
    #[schemars(with = "String", regex(pattern = unseen_ids::pattern::KEY))]
    pub key: PublicKey,
    /// Where it is kept, if it is in a browser or a passkey.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::wire::KeepingName>")]
    pub kept: Option<Keeping>,
    /// The new key's signature, in base64.
    pub proof: String,
}

/// A person was enrolled.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Revoked {
    /// The entry that says so.
    pub entry: u64,
    /// The key.
    #[schemars(with = "String")]
    pub public_key: PublicKey,
}

/// Everyone who was ever enrolled, in that order.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct People {
    /// One for each key.
    pub people: Vec<Person>,
}

/// Somebody with a key.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
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
    /// Where it is kept, if their enrolment says so.
    #[schemars(with = "Option<crate::wire::KeepingName>")]
    pub kept: Option<Keeping>,
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
    Ok(EnrolmentRequest { log: log.to_owned(), name, roles, key, kept: None, proof })
}

impl EnrolmentRequest {
    /// Reads one: JSON, or the bytes that an SSH key has signed, whose signature is then asked for. None when
    /// it is neither.
    pub fn read<E>(text: &str, signature: impl FnOnce() -> Result<SshSignature, E>) -> Result<Option<Self>, E> {
        if let Some((log, name, roles, key)) = parse_enrolment(text.as_bytes()) {
            let proof = BASE64_STANDARD.encode(signature()?.to_bytes());
            return Ok(Some(EnrolmentRequest { log, name, roles, key, kept: None, proof }));
        }
        Ok(serde_json::from_str(text).ok())
    }
}

impl Change for Enrol {
    type Answer = Enrolled;

    fn event(&self, lab: &View) -> Result<Event, UseCaseError> {
        let EnrolmentRequest { log, name, roles, key, kept, proof } = self.0.clone();
        if log != lab.ledger().origin() {
            return Err(LabError::from(Refusal::OtherLog(log, lab.ledger().origin().to_owned())).into());
        }
        Ok(PersonEnrolled { name, roles, key, kept, proof }.into())
    }

    fn is_said_by(&self, event: &Event) -> bool {
        let EnrolmentRequest { name, roles, key, kept, proof, .. } = self.0.clone();
        *event == PersonEnrolled { name, roles, key, kept, proof }.into()
    }

    fn done(&self, _: Option<&View>, _: &View, entry: u64) -> Result<Enrolled, UseCaseError> {
        Ok(Enrolled { entry, name: self.0.name.clone(), public_key: self.0.key })
    }
}

impl Change for Revoke {
    type Answer = Revoked;
    const LOOKS_BACK: bool = true;

    fn event(&self, lab: &View) -> Result<Event, UseCaseError> {
        let key = find(lab.ledger(), &self.person)?;
        Ok(PersonRevoked { key, reason: reason(&self.reason)? }.into())
    }

    fn is_said_by(&self, event: &Event) -> bool {
        // A name is the lab's to look up; a key says itself who is meant.
        let meant = |key: &PublicKey| self.person.parse().is_ok_and(|named: PublicKey| named == *key);
        let by_name = self.person.parse::<PublicKey>().is_err();
        matches!(event, Event::PersonRevoked(said) if said.reason == self.reason && (by_name || meant(&said.key)))
    }

    fn done(&self, before: Option<&View>, lab: &View, entry: u64) -> Result<Revoked, UseCaseError> {
        Ok(Revoked { entry, public_key: find(before.unwrap_or(lab).ledger(), &self.person)? })
    }
}

impl Query for ListPeople {
    type Answer = People;

    fn answer(&self, desk: &impl Desk, _: Option<&PublicKey>) -> Result<People, UseCaseError> {
        let lab = desk.view()?;
        let people = lab.ledger().people().iter().map(|(key, person)| Person {
            name: person.name.clone(),
            roles: person.roles.clone(),
            public_key: *key,
            kept: person.kept,
            since: person.since,
            revoked: person.revoked,
        });
        let mut people: Vec<_> = people.collect();
        people.sort_by_key(|person| person.since);
        Ok(People { people })
    }
}

fn find(ledger: &Ledger, person: &str) -> Result<PublicKey, LabError> {
    let people = ledger.people();
    let by_name = people.iter().find(|(_, found)| found.name == person && found.revoked.is_none());
    let by_key = || people.keys().find(|key| key.to_string() == person);
    let found = by_name.map(|(key, _)| key).or_else(by_key);
    Ok(*found.ok_or_else(|| Refusal::NoSuchPerson(person.to_owned()))?)
}
