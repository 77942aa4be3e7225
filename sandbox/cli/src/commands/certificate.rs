//! `unseen certificate`: a small authority for a lab that has no other one.

use std::path::{Path, PathBuf};

use unseen_api::answers::{Certificate, CertificateMade, Certificates};
use unseen_listener::ca::Issued;
use unseen_listener::office::{Held, Office};
use unseen_terminal::output::{Output, facts};
use unseen_terminal::table::Column::Left;
use unseen_terminal::table::table;
use unseen_texts::{Lang, text};

use super::{Outcome, Problem};
use crate::args::CertificateCommand;
use unseen_shown::jobs as shown;

pub fn run(command: &CertificateCommand, lang: Lang) -> Outcome {
    match command {
        CertificateCommand::Ca { dir, name, days } => {
            let office = Office::found(dir, name, *days)?;
            let (certificate, key) = (dir.join("ca.pem"), dir.join("ca-key.pem"));
            let written = CertificateMade { certificate: name_of(&certificate), key: name_of(&key), serial: None };
            let text = facts(
                lang,
                &[
                    (text!("Certificate", "证书"), written.certificate.clone()),
                    (text!("Key", "私钥"), written.key.clone()),
                    (text!("Revocation list", "吊销列表"), name_of(&office.list())),
                ],
            );
            let care = text!(
                "Keep the key off the server: whoever has it can be anybody there.",
                "请勿把私钥放在服务器上：持有者可冒充任何人。"
            );
            Ok(Output::new(&written, text + care.to(lang)))
        }
        CertificateCommand::Server { ca, host, out, days } => {
            let hosts: Vec<&str> = host.iter().map(String::as_str).collect();
            written(&Office::open(ca)?.server(&hosts, *days)?, out, lang)
        }
        CertificateCommand::Person { ca, name, out, days } => {
            written(&Office::open(ca)?.person(name, *days)?, out, lang)
        }
        CertificateCommand::Revoke { ca, person, days } => {
            let office = Office::open(ca)?;
            let people: Vec<&str> = person.iter().map(String::as_str).collect();
            let revoked = office.revoke(&people, *days)?;
            let next = text!(
                "The list is written anew. Give it to the server: it counts from then on.",
                "吊销列表已更新。请把它交给服务器，自此生效。"
            );
            let before = if revoked.is_empty() { String::new() } else { listed(&revoked, lang) + "\n" };
            Ok(Output::new(&answer(revoked, &office), before + next.to(lang)))
        }
        CertificateCommand::List { ca } => {
            let office = Office::open(ca)?;
            let held = office.held()?;
            let text = listed(&held, lang);
            Ok(Output::new(&answer(held, &office), text))
        }
    }
}

/// Writes `OUT.pem` and `OUT-key.pem`.
fn written(issued: &Issued, out: &Path, lang: Lang) -> Outcome {
    let beside = |end: &str| {
        let mut name = out.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    let (certificate, key) = (beside(".pem"), beside("-key.pem"));
    issued.save(&certificate, &key).map_err(Problem::from)?;
    let written =
        CertificateMade { certificate: name_of(&certificate), key: name_of(&key), serial: Some(issued.serial.clone()) };
    let text = facts(
        lang,
        &[
            (text!("Certificate", "证书"), written.certificate.clone()),
            (text!("Key", "私钥"), written.key.clone()),
            (text!("Serial number", "序列号"), issued.serial.clone()),
        ],
    );
    Ok(Output::new(&written, text))
}

fn answer(held: Vec<Held>, office: &Office) -> Certificates {
    let certificates = held.into_iter().map(|held| Certificate {
        person: held.person,
        serial: held.serial,
        until: held.not_after.into(),
        revoked: held.revoked,
    });
    Certificates { certificates: certificates.collect(), list: name_of(&office.list()) }
}

fn listed(held: &[Held], lang: Lang) -> String {
    let state = |held: &Held| match (held.revoked, held.not_after < std::time::SystemTime::now()) {
        (true, _) => text!("revoked", "已吊销"),
        (false, true) => text!("expired", "已过期"),
        (false, false) => text!("counts", "有效"),
    };
    let rows = held.iter().map(|held| {
        vec![
            held.person.clone(),
            shown::local(held.not_after.into()),
            state(held).to(lang).to_owned(),
            held.serial.clone(),
        ]
    });
    let columns = [
        Left(text!("person", "人员")),
        Left(text!("until", "有效期至")),
        Left(text!("state", "状态")),
        Left(text!("serial number", "序列号")),
    ];
    table(lang, &columns, rows)
}

fn name_of(path: &Path) -> String {
    path.display().to_string()
}
