//! What the auditor's program would report never enters the log: every case of the audit's own tests,
//! put to a lab with the same history.
#![allow(clippy::unwrap_used, clippy::panic, dead_code)]

#[path = "../../../attestations/audit/tests/rules/behind.rs"]
mod behind;
#[path = "../../../attestations/audit/tests/rules/envelopes.rs"]
mod envelopes;
#[path = "../../../attestations/audit/tests/rules/lab.rs"]
mod lab;
#[path = "../../../attestations/audit/tests/rules/refusals.rs"]
mod refusals;
mod together;

use std::fs;

use lab::*;
use tempfile::TempDir;
use unseen_keys::write_secret;

/// A lab's folder with the first `size` entries of a log, its blobs, and the keys that signed it.
fn folder(from: &Lab, size: u64) -> TempDir {
    let mut history = from.clone();
    history.entries.truncate(usize::try_from(size).unwrap());
    let bundle = history.export();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::rename(bundle.path(), at("log")).unwrap();
    let log_key = fs::read_to_string(at("log/log.vkey")).unwrap();
    fs::write(at("lab.toml"), format!("origin = \"{ORIGIN}\"\nlog_key = \"{}\"\n", log_key.trim())).unwrap();
    fs::create_dir(at("keys")).unwrap();
    let handed = history.handovers.range(..history.entries.len()).next_back();
    let log_key = key(handed.map_or(LOG_KEY, |(_, to)| *to));
    write_secret(&at("keys/log.pem"), log_key.to_pem().as_bytes()).unwrap();
    write_secret(&at("keys/service.pem"), key(SERVICE).to_pem().as_bytes()).unwrap();
    for (name, seed) in [("data", 31), ("noise", 1), ("seal", 32)] {
        write_secret(&at("keys").join(format!("{name}.key")), &[seed; 32]).unwrap();
    }
    folder
}

/// What a lab with this history says to the entry.
fn answer(from: &Lab, entry: u64) -> String {
    let folder = folder(from, entry);
    let mut lab = unseen_lab::Lab::open(folder.path()).unwrap_or_else(|error| panic!("{error}"));
    let size = lab.ledger().size();
    let answer = lab.accept(&from.entries[usize::try_from(entry).unwrap()], &[]);
    assert_eq!(lab.ledger().size(), size);
    match answer {
        Ok(_) => "accepted".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_breaks_a_rule_of_the_ledger() {
    for (case, provoke) in refusals::ALL {
        let mut lab = Lab::new();
        let (entry, refusal) = provoke(&mut lab);
        assert_eq!(answer(&lab, entry), refusal.to_string(), "{case}");
    }
}

#[test]
fn what_is_no_entry() {
    for (case, provoke) in envelopes::ALL {
        let mut lab = Lab::new();
        let (entry, what) = provoke(&mut lab);
        let answer = answer(&lab, entry);
        assert!(answer.starts_with(what), "{case}: {answer}");
    }
}

#[test]
fn what_does_not_agree_with_what_it_names() {
    for (case, provoke) in behind::ALL {
        let mut lab = Lab::new();
        let (entry, what) = provoke(&mut lab);
        let answer = answer(&lab, entry);
        let named = format!("an audit would find fault with this entry: {what}");
        assert!(answer.starts_with(&named), "{case}: {answer}");
    }
}

/// The same way to ask, with nothing to refuse.
#[test]
fn what_is_good_is_taken() {
    let mut lab = Lab::new();
    let job = lab.submit();
    let approval = lab.approval(job);
    let rejection = unseen_policies::event::JobRejected { job, reason: "too wide".into() };
    for entry in [lab.does(SECOND, approval), lab.does(OWNER, rejection)] {
        let folder = folder(&lab, entry);
        let mut opened = unseen_lab::Lab::open(folder.path()).unwrap();
        assert_eq!(opened.accept(&lab.entries[usize::try_from(entry).unwrap()], &[]).unwrap(), entry);
        assert_eq!(opened.ledger().size(), entry + 1);
    }
}
