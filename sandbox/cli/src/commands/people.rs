//! `unseen key`, `unseen person`, `unseen policy`: who may do what.

use std::path::Path;
use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD as STANDARD};

use serde::{Deserialize, Serialize};
use serde_json::json;
use unseen_entries::sign::prove_enrolment;
use unseen_ids::PublicKey;
use unseen_lab::{LabError, View, open_key, write_new_key};
use unseen_policies::event::{PersonEnrolled, PersonRevoked, PolicySet, enrolment_bytes, parse_enrolment};
use unseen_policies::ledger::Refusal;
use unseen_policies::policy::Policy;
use unseen_tlog::sshsig::parse_public_key;
use unseen_tlog::{Signer, VerifyingKey};

use super::{Outcome, key as signing_key, open, read_text, ssh_signature, view, write_new};
use crate::args::{Globals, KeyCommand, NewPerson, PersonCommand, PolicyCommand};
use unseen_terminal::i18n::tr;
use unseen_terminal::output::{Answer, facts, table};

/// A wish to be enrolled, signed by the new key.
#[derive(Serialize, Deserialize)]
struct Request {
    log: String,
    #[serde(flatten)]
    enrolment: Enrolment,
}

#[derive(Serialize, Deserialize)]
struct Enrolment {
    name: String,
    roles: Vec<unseen_ids::Role>,
    key: PublicKey,
    proof: String,
}

pub fn key(command: &KeyCommand) -> Outcome {
    let (key, made): (Arc<dyn Signer>, _) = match command {
        KeyCommand::New { file } => (Arc::new(write_new_key(file)?), true),
        KeyCommand::Show { key } => (open_key(key)?, false),
    };
    let public = PublicKey::from(key.verifying_key());
    let mut text = facts(&[("Public key", public.to_string()), ("Key id", key.verifying_key().key_id())]);
    if made {
        text.push_str(&tr("Keep the file to yourself: whoever has it can sign in your name."));
    }
    Ok(Answer::new(json!({ "publicKey": public, "keyId": key.verifying_key().key_id() }), text))
}

pub fn person(globals: &Globals, command: &PersonCommand) -> Outcome {
    match command {
        PersonCommand::Request { who, origin, out } => {
            if let Some(key) = ssh_public_key(&who.new_key)? {
                write_new(out, &enrolment_bytes(origin, &who.name, &who.role, &PublicKey::from(key)))?;
                let next = tr(
                    "Next: sign it with `ssh-keygen -Y sign -n unseen -f KEY FILE`, and give FILE and FILE.sig to an operator.",
                );
                return Ok(Answer::new(json!({ "toSign": out }), next));
            }
            let request = Request { log: origin.clone(), enrolment: enrolment(origin, who)? };
            write_new(out, serde_json::to_string_pretty(&request)?.as_bytes())?;
            Ok(Answer::new(&request, tr("The request is written. Give it to an operator.")))
        }
        PersonCommand::Enroll { request, who, signer } => {
            let mut lab = open(globals)?;
            let asked = match (request, who) {
                (Some(file), _) => {
                    let request = read_request(file)?;
                    if request.log != lab.ledger().origin() {
                        return Err(Refusal::OtherLog(request.log, lab.ledger().origin().to_owned()).into());
                    }
                    request.enrolment
                }
                (None, Some(who)) => enrolment(lab.ledger().origin(), who)?,
                (None, None) => return Err("give a request, or a name, a role and a new key".into()),
            };
            let Enrolment { name, roles, key, proof } = asked;
            let event = PersonEnrolled { name: name.clone(), roles, key, proof };
            let entry = lab.sign_and_accept(event, &*signing_key(signer)?, &[])?;
            let text = facts(&[("Enrolled", name), ("Public key", key.to_string()), ("Entry", entry.to_string())]);
            Ok(Answer::new(json!({ "entry": entry, "publicKey": key }), text))
        }
        PersonCommand::Revoke { person, reason, signer } => {
            let mut lab = open(globals)?;
            let key = find(&lab, person)?;
            let event = PersonRevoked { key, reason: reason.clone() };
            let entry = lab.sign_and_accept(event, &*signing_key(signer)?, &[])?;
            Ok(Answer::new(
                json!({ "entry": entry, "publicKey": key }),
                facts(&[("Revoked", key.to_string()), ("Entry", entry.to_string())]),
            ))
        }
        PersonCommand::List => list(&view(globals)?),
    }
}

pub fn policy(globals: &Globals, command: &PolicyCommand) -> Outcome {
    match command {
        PolicyCommand::Show => {
            let lab = view(globals)?;
            let policy = lab.ledger().policy().ok_or(Refusal::OtherPolicy)?;
            Ok(Answer::new(policy, toml::to_string(policy)?))
        }
        PolicyCommand::Set { file, signer } => {
            let mut lab = open(globals)?;
            let text = read_text(file)?;
            let policy: Policy = toml::from_str(&text).map_err(|error| {
                let before = &text[..error.span().map_or(0, |span| span.start)];
                let (line, column) =
                    (before.lines().count().max(1), before.chars().rev().take_while(|c| *c != '\n').count() + 1);
                format!("{}: line {line}, column {column}: {}", file.display(), error.message().replace('\n', ", "))
            })?;
            // A file that says nothing of the machine changes nothing about it.
            let in_force = lab.ledger().policy().and_then(|policy| policy.machine.clone());
            let policy = Policy { machine: policy.machine.clone().or(in_force), ..policy };
            policy.check().map_err(Refusal::BadPolicy)?;
            let entry = lab.sign_and_accept(PolicySet { policy }, &*signing_key(signer)?, &[])?;
            Ok(Answer::new(json!({ "entry": entry }), facts(&[("Policy set by entry", entry.to_string())])))
        }
    }
}

/// A request as `unseen person request` wrote it, or as bytes that an SSH key has signed beside it.
fn read_request(file: &Path) -> Result<Request, Box<dyn std::error::Error>> {
    let text = read_text(file)?;
    if let Some((log, name, roles, key)) = parse_enrolment(text.as_bytes()) {
        let proof = STANDARD.encode(ssh_signature(file)?.to_bytes());
        return Ok(Request { log, enrolment: Enrolment { name, roles, key, proof } });
    }
    serde_json::from_str(&text).map_err(|_| {
        format!("{} is not an enrolment request: make one with `unseen person request`", file.display()).into()
    })
}

/// The key in an SSH public key file; none when the name is of something else.
fn ssh_public_key(name: &str) -> Result<Option<VerifyingKey>, Box<dyn std::error::Error>> {
    if !name.ends_with(".pub") {
        return Ok(None);
    }
    let key = parse_public_key(&read_text(Path::new(name))?).map_err(|error| format!("{name}: {error}"))?;
    Ok(Some(key))
}

fn enrolment(log: &str, who: &NewPerson) -> Result<Enrolment, LabError> {
    let key = open_key(&who.new_key)?;
    let proof =
        prove_enrolment(&*key, log, &who.name, &who.role).map_err(|error| LabError::Other(error.to_string()))?;
    Ok(Enrolment { name: who.name.clone(), roles: who.role.clone(), key: PublicKey::from(key.verifying_key()), proof })
}

/// The key of an enrolled person, by name or by the key itself.
fn find(lab: &View, person: &str) -> Result<PublicKey, Refusal> {
    let people = lab.ledger().people();
    let by_name = people.iter().find(|(_, found)| found.name == person && found.revoked.is_none());
    let by_key = || people.keys().find(|key| key.to_string() == person);
    by_name.map(|(key, _)| key).or_else(by_key).cloned().ok_or_else(|| Refusal::NoSuchPerson(person.to_owned()))
}

fn list(lab: &View) -> Outcome {
    let mut people: Vec<_> = lab.ledger().people().iter().collect();
    people.sort_by_key(|(_, person)| person.since);
    let rows = people.iter().map(|(key, person)| {
        let roles: Vec<_> = person.roles.iter().map(|role| tr(role.name()).into_owned()).collect();
        let revoked = person.revoked.map_or(String::new(), |entry| format!("{} {entry}", tr("revoked by entry")));
        vec![person.name.clone(), roles.join(", "), key.short(), person.since.to_string(), revoked]
    });
    let text = table(&["name", "roles", "key", ">entry", "status"], rows);
    let json: Vec<_> = people
        .iter()
        .map(|(key, person)| json!({ "name": person.name, "roles": person.roles, "publicKey": key, "since": person.since, "revoked": person.revoked }))
        .collect();
    Ok(Answer::new(json, text))
}
