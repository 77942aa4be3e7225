//! `unseen key` and `unseen person`: who may do what.

use std::path::Path;

use unseen_ids::PublicKey;
use unseen_lab::open_key;
use unseen_policies::event::enrolment_bytes;
use unseen_tlog::VerifyingKey;
use unseen_tlog::signature::sshsig::parse_public_key;
use unseen_usecases::jobs::ToSign;
use unseen_usecases::labs::ShowLab;
use unseen_usecases::people::{self, Enrol, EnrolmentRequest, ListPeople, People, Revoke};

use super::{Outcome, Problem, change, read_text, ssh_signature};
use crate::args::{Globals, KeyCommand, NewPerson, PersonCommand};
use crate::place::Place;
use unseen_terminal::output::{Output, facts};
use unseen_terminal::table::Column::{Left, Right};
use unseen_terminal::table::table;
use unseen_terminal::write_new;
use unseen_texts::{Lang, Say, say, text};

pub fn key(command: &KeyCommand, lang: Lang) -> Outcome {
    let (key, made) = match command {
        KeyCommand::New { file } => (people::new_key(file)?, true),
        KeyCommand::Show { key } => (people::show_key(&*open_key(key)?), false),
    };
    let mut text = facts(
        lang,
        &[(text!("Public key", "公钥"), key.public_key.to_string()), (text!("Key id", "密钥标识"), key.key_id.clone())],
    );
    if made {
        text.push_str(
            text!(
                "Keep the file to yourself: whoever has it can sign in your name.",
                "请自行妥善保管此文件：持有者可以您的名义签名。"
            )
            .to(lang),
        );
    }
    Ok(Output::new(&key, text))
}

pub fn person(globals: &Globals, command: &PersonCommand, lang: Lang) -> Outcome {
    match command {
        PersonCommand::Request { who, origin, out } => {
            if let Some(key) = ssh_public_key(&who.new_key)? {
                write_new(out, &enrolment_bytes(origin, &who.name, &who.role, &PublicKey::from(key), None))?;
                let next = text!("Next: sign it with `ssh-keygen -Y sign -n unseen -f KEY FILE`, and give FILE and FILE.sig to an operator.", "下一步：用 `ssh-keygen -Y sign -n unseen -f KEY FILE` 签名，然后把 FILE 和 FILE.sig 交给运行管理员。").to(lang);
                return Ok(Output::new(&ToSign { to_sign: out.display().to_string() }, next));
            }
            let request = request(origin, who)?;
            write_new(out, serde_json::to_string_pretty(&request)?.as_bytes())?;
            Ok(Output::new(
                &request,
                text!("The request is written. Give it to an operator.", "申请已写好，请交给运行管理员。").to(lang),
            ))
        }
        PersonCommand::Enroll { request: file, who, signer } => {
            let lab = Place::of(globals, lang)?;
            let request = match (file, who) {
                (Some(file), _) => read_request(file)?,
                (None, Some(who)) => request(&lab.ask(ShowLab {})?.origin, who)?,
                (None, None) => {
                    return Err(text!(
                        "give a request, or a name, a role and a new key",
                        "请给出申请文件，或姓名、角色和新密钥"
                    )
                    .into());
                }
            };
            change(globals, Enrol(request), signer, lang, |done| {
                let text = facts(
                    lang,
                    &[
                        (text!("Enrolled", "已登记"), done.name.clone()),
                        (text!("Public key", "公钥"), done.public_key.to_string()),
                        (text!("Entry", "条目"), done.entry.to_string()),
                    ],
                );
                Output::new(done, text)
            })
        }
        PersonCommand::Revoke { person, reason, signer } => {
            let wish = Revoke { person: person.clone(), reason: reason.clone() };
            change(globals, wish, signer, lang, |done| {
                let text = facts(
                    lang,
                    &[
                        (text!("Revoked", "已吊销"), done.public_key.to_string()),
                        (text!("Entry", "条目"), done.entry.to_string()),
                    ],
                );
                Output::new(done, text)
            })
        }
        PersonCommand::List => {
            let people = Place::of(globals, lang)?.ask(ListPeople {})?;
            Ok(Output::new(&people, list(&people, lang)))
        }
    }
}

/// A request as `unseen person request` wrote it, or as bytes that an SSH key has signed beside it.
fn read_request(file: &Path) -> Result<EnrolmentRequest, Problem> {
    let request = EnrolmentRequest::read(&read_text(file)?, || ssh_signature(file))?;
    Ok(request.ok_or_else(|| say!("{file} is not an enrolment request", "{file} 不是登记申请"))?)
}

/// The key in an SSH public key file; none when the name is of something else.
fn ssh_public_key(name: &str) -> Result<Option<VerifyingKey>, Problem> {
    if !name.ends_with(".pub") {
        return Ok(None);
    }
    let key =
        parse_public_key(&read_text(Path::new(name))?).map_err(|error| say!("{name}: {error}", "{name}：{error}"))?;
    Ok(Some(key))
}

fn request(log: &str, who: &NewPerson) -> Result<EnrolmentRequest, Problem> {
    Ok(people::request_enrolment(log, &who.name, &who.role, &*open_key(&who.new_key)?)?)
}

fn list(people: &People, lang: Lang) -> String {
    let rows = people.people.iter().map(|person| {
        let revoked = person
            .revoked
            .map_or(String::new(), |entry| say!("revoked by entry {entry}", "由条目 {entry} 吊销").told(lang));
        vec![person.name.clone(), person.roles.told(lang), person.public_key.short(), person.since.to_string(), revoked]
    });
    table(
        lang,
        &[
            Left(text!("name", "姓名")),
            Left(text!("roles", "角色")),
            Left(text!("key", "密钥")),
            Right(text!("entry", "条目")),
            Left(text!("status", "状态")),
        ],
        rows,
    )
}
