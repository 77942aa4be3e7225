//! `unseen key`, `unseen person`, `unseen policy`: who may do what.

use std::path::Path;

use unseen_ids::PublicKey;
use unseen_lab::open_key;
use unseen_policies::event::enrolment_bytes;
use unseen_tlog::VerifyingKey;
use unseen_tlog::sshsig::parse_public_key;
use unseen_usecases::Desk;
use unseen_usecases::jobs::ToSign;
use unseen_usecases::people::{self, EnrolmentRequest, People};
use unseen_usecases::policy;

use super::{Outcome, desk, key as signing_key, read_text, ssh_signature, write_new};
use crate::args::{Globals, KeyCommand, NewPerson, PersonCommand, PolicyCommand};
use unseen_terminal::i18n::tr;
use unseen_terminal::output::{Output, facts, table};

pub fn key(command: &KeyCommand) -> Outcome {
    let (key, made) = match command {
        KeyCommand::New { file } => (people::new_key(file)?, true),
        KeyCommand::Show { key } => (people::show_key(&*open_key(key)?), false),
    };
    let mut text = facts(&[("Public key", key.public_key.to_string()), ("Key id", key.key_id.clone())]);
    if made {
        text.push_str(&tr("Keep the file to yourself: whoever has it can sign in your name."));
    }
    Ok(Output::new(&key, text))
}

pub fn person(globals: &Globals, command: &PersonCommand) -> Outcome {
    match command {
        PersonCommand::Request { who, origin, out } => {
            if let Some(key) = ssh_public_key(&who.new_key)? {
                write_new(out, &enrolment_bytes(origin, &who.name, &who.role, &PublicKey::from(key)))?;
                let next = tr(
                    "Next: sign it with `ssh-keygen -Y sign -n unseen -f KEY FILE`, and give FILE and FILE.sig to an operator.",
                );
                return Ok(Output::new(&ToSign { to_sign: out.display().to_string() }, next));
            }
            let request = request(origin, who)?;
            write_new(out, serde_json::to_string_pretty(&request)?.as_bytes())?;
            Ok(Output::new(&request, tr("The request is written. Give it to an operator.")))
        }
        PersonCommand::Enroll { request: file, who, signer } => {
            let desk = desk(globals)?;
            let request = match (file, who) {
                (Some(file), _) => read_request(file)?,
                (None, Some(who)) => request(desk.view()?.ledger().origin(), who)?,
                (None, None) => return Err("give a request, or a name, a role and a new key".into()),
            };
            let done = people::enrol(&desk, request, &*signing_key(signer)?)?;
            let text = facts(&[
                ("Enrolled", done.name.clone()),
                ("Public key", done.public_key.to_string()),
                ("Entry", done.entry.to_string()),
            ]);
            Ok(Output::new(&done, text))
        }
        PersonCommand::Revoke { person, reason, signer } => {
            let done = people::revoke(&desk(globals)?, person, reason, &*signing_key(signer)?)?;
            let text = facts(&[("Revoked", done.public_key.to_string()), ("Entry", done.entry.to_string())]);
            Ok(Output::new(&done, text))
        }
        PersonCommand::List => {
            let people = people::people(&desk(globals)?)?;
            Ok(Output::new(&people, list(&people)))
        }
    }
}

pub fn policy(globals: &Globals, command: &PolicyCommand) -> Outcome {
    match command {
        PolicyCommand::Show => {
            let shown = policy::show_policy(&desk(globals)?)?;
            Ok(Output::new(&shown, shown.toml.clone()))
        }
        PolicyCommand::Set { file, signer } => {
            let text = read_text(file)?;
            let name = file.display().to_string();
            let done = policy::set_policy(&desk(globals)?, &name, &text, &*signing_key(signer)?)?;
            Ok(Output::new(&done, facts(&[("Policy set by entry", done.entry.to_string())])))
        }
    }
}

/// A request as `unseen person request` wrote it, or as bytes that an SSH key has signed beside it.
fn read_request(file: &Path) -> Result<EnrolmentRequest, Box<dyn std::error::Error>> {
    let request = EnrolmentRequest::read(&read_text(file)?, || ssh_signature(file))?;
    Ok(request.ok_or_else(|| {
        format!("{} is not an enrolment request: make one with `unseen person request`", file.display())
    })?)
}

/// The key in an SSH public key file; none when the name is of something else.
fn ssh_public_key(name: &str) -> Result<Option<VerifyingKey>, Box<dyn std::error::Error>> {
    if !name.ends_with(".pub") {
        return Ok(None);
    }
    let key = parse_public_key(&read_text(Path::new(name))?).map_err(|error| format!("{name}: {error}"))?;
    Ok(Some(key))
}

fn request(log: &str, who: &NewPerson) -> Result<EnrolmentRequest, Box<dyn std::error::Error>> {
    Ok(people::request_enrolment(log, &who.name, &who.role, &*open_key(&who.new_key)?)?)
}

fn list(people: &People) -> String {
    let rows = people.people.iter().map(|person| {
        let roles: Vec<_> = person.roles.iter().map(|role| tr(role.name()).into_owned()).collect();
        let revoked = person.revoked.map_or(String::new(), |entry| format!("{} {entry}", tr("revoked by entry")));
        vec![person.name.clone(), roles.join(", "), person.public_key.short(), person.since.to_string(), revoked]
    });
    table(&["name", "roles", "key", ">entry", "status"], rows)
}
