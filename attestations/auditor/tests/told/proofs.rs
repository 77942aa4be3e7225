//! A proof of one entry, as `unseen log prove` writes it: good, and spoilt in every way.

use serde_json::Value;
use unseen_ids::Role;
use unseen_log::LogReader;
use unseen_tlog::proof::EntryProof;

use crate::lab::*;
use crate::{Desk, Done};

/// A log, and the proof of the submission in it.
fn proven() -> (Desk, Lab, EntryProof) {
    let (desk, mut lab) = (Desk::new(), Lab::new());
    let job = lab.submit();
    lab.approve(job);
    let proof = LogReader::open(lab.export().path(), &verifier(LOG_KEY)).unwrap().prove_entry(job.0).unwrap();
    (desk, lab, proof)
}

fn check(desk: &Desk, proof: impl AsRef<[u8]>, options: &[&str]) -> Done {
    desk.write("proof", proof);
    let key = verifier(LOG_KEY).to_string();
    desk.run(&[&["proof", "proof", "--log-key", &key], options].concat())
}

/// One sentence, and exit code 1.
fn refused(desk: &Desk, proof: impl AsRef<[u8]>, options: &[&str], says: &str) {
    let done = check(desk, proof, options);
    let line = done.stderr.lines().next().unwrap_or_default();
    assert!(done.code == 1 && done.stdout.is_empty(), "{says}: {done:?}");
    assert!(line.starts_with(&format!("error: {says}")), "{says}: {done:?}");
}

#[test]
fn a_proof_says_what_it_proves() {
    let (desk, lab, proof) = proven();
    let done = check(&desk, proof.to_string(), &[]);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{done:?}");
    let hex = unseen_ids::Digest::from_bytes(lab.root()).to_hex();
    let base64 = proof.checkpoint.text().lines().nth(2).unwrap();
    let facts = [
        format!("Log: {ORIGIN}\n"),
        format!("Entry: {}\n", proof.index),
        format!("Entries in the log: {}\n", lab.size()),
        format!(": {hex}\n"),
        format!(": {base64}\n"),
        "What: job-submitted\n".into(),
        "About: Firms by town\n".into(),
    ];
    for fact in facts {
        assert!(done.stdout.contains(&fact), "{fact}: {done:?}");
    }
    let done = check(&desk, proof.to_string(), &["--lang", "zh"]);
    assert!(done.stdout.contains("事项：提交作业") && done.stdout.contains("日志中有此条目"), "{done:?}");
    let done = check(&desk, proof.to_string(), &["--json"]);
    let answer: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!((&answer["entry"], &answer["entries"]), (&proof.index.into(), &lab.size().into()));
    assert_eq!((&answer["root"], &answer["rootBase64"]), (&hex.into(), &base64.into()));
    assert_eq!((&answer["says"]["kind"], &answer["says"]["about"]), (&"job-submitted".into(), &"Firms by town".into()));
}

/// The entry may be beside the proof: as the log has it, or as the lab shows it.
#[test]
fn an_entry_is_given_or_carried() {
    let (desk, lab, proof) = proven();
    let entry = &lab.entries[proof.index as usize];
    let shown = format!("{{\"entry\": {}, \"envelope\": {}}}", proof.index, String::from_utf8(entry.clone()).unwrap());
    let pretty = serde_json::to_string_pretty(&shown.parse::<Value>().unwrap()).unwrap();
    desk.write("raw", entry);
    desk.write("shown", pretty);
    let bare = EntryProof { extra: None, ..proof.clone() };
    for file in ["raw", "shown"] {
        for proof in [&bare, &proof] {
            let done = check(&desk, proof.to_string(), &["--entry", file]);
            assert!(done.code == 0 && done.stdout.contains("About: Firms by town"), "{done:?}");
        }
    }
    refused(&desk, bare.to_string(), &[], "the proof carries no entry");
    desk.write("other", &lab.entries[1]);
    refused(&desk, proof.to_string(), &["--entry", "other"], "the proof is good, but for another entry: entry ");
    refused(&desk, bare.to_string(), &["--entry", "other"], "the entry is not proven: the proof leads to another root");
    refused(&desk, bare.to_string(), &["--entry", "nowhere"], "nowhere: ");
}

#[test]
fn a_spoilt_proof_is_refused_in_one_sentence() {
    let (desk, mut lab, proof) = proven();
    let whole = proof.to_string();
    // Another key, another log, another checkpoint.
    let key = verifier(STRANGER).to_string();
    let done = desk.run(&["proof", &desk.write("good", &whole), "--log-key", &key]);
    let unsigned = format!("error: the proof's checkpoint does not count: the note bears no signature of {key}");
    assert!(done.code == 1 && done.stderr.starts_with(&unsigned), "{done:?}");
    let done = desk.run(&["proof", "good", "--log-key", "nonsense"]);
    assert!(done.code == 1 && done.stderr.starts_with("error: the verifier key you know: "), "{done:?}");
    lab.does(OWNER, enrolment(NEWCOMER, "newcomer", vec![Role::Auditor]));
    let later = EntryProof { checkpoint: lab.checkpoint(LOG_KEY), ..proof.clone() };
    refused(&desk, later.to_string(), &[], "the entry is not proven: ");
    let resized = whole.replace(&format!("\n{ORIGIN}\n"), &format!("\n{ORIGIN}\n1"));
    refused(&desk, resized, &[], "the proof's checkpoint does not count: the note was altered or forged");
    // Another place, another hash, another entry.
    let altered = |change: &dyn Fn(&mut EntryProof)| {
        let mut altered = proof.clone();
        change(&mut altered);
        altered.to_string()
    };
    for spoilt in [
        altered(&|proof| proof.index -= 1),
        altered(&|proof| proof.path[0][0] ^= 1),
        altered(&|proof| _ = proof.path.pop()),
        altered(&|proof| proof.extra = Some(lab.entries[1].clone())),
    ] {
        refused(&desk, spoilt, &[], "the entry is not proven: ");
    }
    // Cut short anywhere, it is no proof.
    for length in (0..whole.len()).step_by(97).chain([whole.len() - 1]) {
        let done = check(&desk, &whole.as_bytes()[..length], &[]);
        assert!(done.code == 1 && done.stdout.is_empty() && done.stderr.lines().count() <= 2, "{length}: {done:?}");
    }
    refused(&desk, &whole[..40], &[], "this is not a tlog-proof file");
    refused(&desk, "", &[], "this is not a tlog-proof file");
}

/// An entry that this version does not know is proven all the same, and nothing is said of it.
#[test]
fn an_entry_of_another_kind_is_proven_too() {
    let (desk, mut lab) = (Desk::new(), Lab::new());
    let entry = lab.push(b"of a later version".to_vec());
    let proof = LogReader::open(lab.export().path(), &verifier(LOG_KEY)).unwrap().prove_entry(entry).unwrap();
    let done = check(&desk, proof.to_string(), &["--json"]);
    let answer: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!((done.code, &answer["says"]), (0, &Value::Null));
}
