//! Witnesses: a release opens when k of n have seen its entry; a history that is put back or forked is
//! refused by them, and the evidence is kept.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;
#[path = "support/witness.rs"]
mod witness;

use support::*;
use witness::{ANYWHERE, Witness};

/// The policy of tests with these witnesses.
fn set_policy(lab: &Lab, quorum: usize, required: bool, witnesses: &[&Witness]) {
    let mut policy = format!("{POLICY}[witnesses]\nquorum = {quorum}\nrequired = {required}\n");
    for witness in witnesses {
        policy.push_str(&format!("[[witnesses.witness]]\nkey = \"{}\"\nurl = \"{}\"\n", witness.vkey, witness.url));
    }
    lab.write("witnessed.toml", policy);
    lab.ok(&["policy", "set", "witnessed.toml", "--key", "keys/owner.pem"]);
}

fn run(lab: &Lab, job: &str) -> Done {
    lab.unseen(&["job", "run", job, "--key", "keys/operator.pem"])
}

#[test]
fn a_release_opens_when_enough_witnesses_have_seen_its_entry() {
    let lab = Lab::with_job();
    lab.write("job/job.toml", job("rho = 0.1"));
    let mut one = Witness::start(&lab, "w1");
    let two = Witness::start(&lab, "w2");
    set_policy(&lab, 2, true, &[&one, &two]);
    let id = lab.approved("job");
    one.stop();
    // Charged, run, announced; and sealed until the second witness answers.
    let done = run(&lab, &id);
    assert_eq!((done.code, done.stdout.as_str()), (1, ""), "{done:?}");
    assert!(done.stderr.contains("stays sealed: 1 of the 2 witnesses"), "{done:?}");
    assert!(done.stderr.contains("witness.example/w1: it cannot be reached"), "{done:?}");
    assert_eq!(lab.kinds().last().unwrap(), "released");
    let read = ["job", "release", &id, "--key", "keys/analyst.pem"];
    assert!(lab.refuses(&read).contains("stays sealed"));
    assert!(lab.path(&format!("lab/sealed/{id}")).exists());
    assert_eq!(lab.ok(&["job", "list"])["jobs"][0]["waitsForWitnesses"], true);
    // An auditor finds that in order.
    lab.ok(&["log", "export", "waiting"]);
    let report = lab.ok(&["audit", "verify", "waiting", "--forget"]);
    assert_eq!((&report["jobs"][0]["sealed"], &report["numbers"]), (&true.into(), &0.into()));

    // The policy names the address it had: it comes back there through a new policy entry.
    one.restart(&lab, "w1", ANYWHERE);
    set_policy(&lab, 2, true, &[&one, &two]);
    lab.ok(&read);
    assert_eq!(lab.kinds()[lab.kinds().len() - 2..], ["release-witnessed", "release-read"]);
    assert!(!lab.path(&format!("lab/sealed/{id}")).exists());

    // A receipt shows the same by itself, under the checkpoint with which the release was witnessed: the present one,
    // which holds the reading too, has been seen by nobody yet.
    lab.ok(&["job", "release", &id, "--receipt", "receipt.json", "--key", "keys/analyst.pem"]);
    let log_key = text(&lab.ok(&["lab", "show"])["logKey"]);
    let trust = ["--log-key", &log_key, "--witness", &one.vkey, "--witness", &two.vkey];
    let good = lab.ok(&[["audit", "receipt", "receipt.json"].as_slice(), &trust].concat());
    assert_eq!((&good["job"], &good["logKeyKnown"]), (&serde_json::json!(id), &true.into()));
    assert_eq!(good["witnessed"].as_array().unwrap().len(), 2, "{good}");
    assert_eq!(good["rounds"], lab.ok(&read)["rounds"]);
    let whole = std::fs::read_to_string(lab.path("receipt.json")).unwrap();
    let altered = |from: &str, to: &str| {
        let altered = whole.replacen(from, to, 1);
        assert_ne!(altered, whole, "{from}");
        lab.write("altered.json", altered);
        lab.refuses(&[["audit", "receipt", "altered.json"].as_slice(), &trust].concat())
    };
    assert!(altered("\\\"low\\\":\\\"", "\\\"low\\\":\\\"1").contains("NOT those that the log names"));
    assert!(altered("index ", "index 1").contains("proof"));
    assert!(altered("unseen-receipt-v1", "unseen-receipt-v2").contains("no receipt"));
    assert!(altered("\\nextra ", "\\nextra AAAA").contains("proof"));
    let other = Witness::start(&lab, "w4");
    let stranger = ["audit", "receipt", "receipt.json", "--witness", &one.vkey, "--witness", &other.vkey];
    assert!(lab.refuses(&stranger).starts_with("UNWITNESSED: 1 witnesses"));
    assert!(lab.refuses(&["audit", "receipt", "job/job.toml"]).contains("no receipt"));
    assert!(lab.refuses(&["audit", "receipt", "receipt.json", "--log-key", &one.vkey]).contains("verifier key"));

    // The auditor sees who had seen it, and with own trust that the whole history was seen.
    let cosigned = lab.ok(&["log", "witness"]);
    assert_eq!(cosigned["cosigned"].as_array().unwrap().len(), 2, "{cosigned}");
    lab.ok(&["log", "export", "bundle"]);
    let report = lab.ok(&["audit", "verify", "bundle", "--witness", &one.vkey, "--witness", &two.vkey]);
    assert_eq!(report["violations"], serde_json::json!([]));
    assert_eq!(report["jobs"][0]["witnessed"]["by"], serde_json::json!(["witness.example/w1", "witness.example/w2"]));
    assert_eq!(report["cosigned"].as_array().unwrap().len(), 2);
    let stranger = Witness::start(&lab, "w3");
    let refused = lab.refuses(&["audit", "verify", "bundle", "--witness", &one.vkey, "--witness", &stranger.vkey]);
    assert!(refused.starts_with("UNWITNESSED: 1 of"), "{refused}");
    lab.ok(&["audit", "verify", "bundle", "--witness", &one.vkey, "--witness", &stranger.vkey, "--quorum", "1"]);
}

#[test]
fn where_the_policy_does_without_the_release_is_marked() {
    let lab = Lab::with_job();
    lab.write("job/job.toml", job("rho = 0.1"));
    let mut one = Witness::start(&lab, "w1");
    set_policy(&lab, 1, false, &[&one]);
    one.stop();
    let id = lab.approved("job");
    assert_eq!(run(&lab, &id).code, 0);
    lab.ok(&["job", "release", &id, "--key", "keys/analyst.pem"]);
    lab.ok(&["log", "export", "bundle"]);
    let report = lab.ok(&["audit", "verify", "bundle"]);
    assert_eq!(report["jobs"][0]["witnessed"], serde_json::json!({ "by": [], "enough": false }));
    let done = lab.unseen(&["audit", "verify", "bundle"]);
    assert!(done.stdout.contains("1 of them opened without enough witnesses"), "{done:?}");
}

#[test]
fn a_history_that_is_put_back_or_forked_gets_no_cosignature() {
    let lab = Lab::with_job();
    lab.write("job/job.toml", job("rho = 0.1"));
    let one = Witness::start(&lab, "w1");
    set_policy(&lab, 1, false, &[&one]);
    // A backup from before anything was spent; then a job is run and seen.
    lab.ok(&["lab", "backup", "backup"]);
    let before = lab.copy();
    let id = lab.approved("job");
    assert_eq!(run(&lab, &id).code, 0);
    let kept = lab.write("kept.txt", text(&lab.ok(&["log", "witness"])["checkpoint"]));

    // Put back whole, even by who does without witnesses, it cannot go on: the witness is ahead.
    let rolled_back = before.approved("job");
    let done = run(&before, &rolled_back);
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.stderr.contains("seen another history") && done.stderr.contains("ROLLBACK"), "{done:?}");
    assert!(!before.kinds().contains(&"release-witnessed".to_owned()));
    // Grown past what was seen, it is a fork, and the witness keeps the proof of it.
    for _ in 0..8 {
        before.ok(&["policy", "set", "witnessed.toml", "--key", "keys/owner.pem"]);
    }
    let forked = before.refuses(&["log", "witness"]);
    assert!(forked.contains("FORK"), "{forked}");
    let status = lab.ok(&["witness", "show", "w1"]);
    assert!(status["logs"][0]["evidence"].as_u64().unwrap() >= 1, "{status}");

    // Restoring the old backup is refused by the witness, and by a checkpoint kept elsewhere.
    let restore = ["lab", "restore", "backup", "restored"];
    assert!(lab.refuses(&restore).contains("ROLLBACK"), "{:?}", lab.unseen(&restore));
    let since = kept.display().to_string();
    assert!(lab.refuses(&[&restore[..], &["--since", &since]].concat()).contains("ROLLBACK"));
    assert!(!lab.path("restored").exists());
    // A fresh one is taken.
    lab.ok(&["lab", "backup", "fresh"]);
    lab.ok(&["lab", "restore", "fresh", "restored"]);
    lab.ok(&["lab", "restore", "fresh", "again", "--since", &since]);
    let again = ["--lab", "again", "audit", "replay", &id];
    assert_eq!(lab.ok(&again)["verdict"], "agrees");
    lab.ok(&["lab", "restore", "backup", "old", "--unchecked"]);
}

/// A witness knows a log by its key: after a handover it waits to be told, and so do releases.
#[test]
fn a_witness_is_told_of_the_logs_new_key() {
    let lab = Lab::with_job();
    lab.write("job/job.toml", job("rho = 0.1"));
    let mut one = Witness::start(&lab, "w1");
    set_policy(&lab, 1, true, &[&one]);
    lab.ok(&["log", "witness"]);
    let new = text(&lab.ok(&["lab", "rotate-key", "--key", "keys/owner.pem"])["logKey"]);
    let id = lab.approved("job");
    let done = run(&lab, &id);
    assert!(done.code == 1 && done.stderr.contains("another key"), "{done:?}");
    one.stop();
    lab.ok(&["witness", "add-log", "w1", &new]);
    one.restart(&lab, "w1", ANYWHERE);
    set_policy(&lab, 1, true, &[&one]);
    lab.ok(&["job", "release", &id, "--key", "keys/analyst.pem"]);
    lab.ok(&["log", "export", "bundle"]);
    let report = lab.ok(&["audit", "verify", "bundle", "--log-key", &new]);
    assert_eq!(
        (&report["violations"], &report["jobs"][0]["witnessed"]["enough"]),
        (&serde_json::json!([]), &true.into())
    );
}
