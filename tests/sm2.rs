//! A lab that signs in SM2 with SM3 too: verified by us, by OpenSSL, and passed over by who does not know it.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::process::Command;

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use serde_json::{Value, json};
use support::*;
use unseen_tlog::note::{Note, NoteKey};
use unseen_tlog::sm2::Sm2NoteKey;

#[test]
fn checkpoints_and_releases_are_signed_twice() {
    let lab = Lab::with_job();
    lab.write("job/job.toml", job("rho = 0.1"));
    let vkey = text(&lab.ok(&["lab", "enable-sm2", "--key", "keys/owner.pem"])["sm2Key"]);
    let id = lab.approved("job");
    lab.ok(&["job", "run", &id, "--key", "keys/operator.pem"]);
    lab.ok(&["log", "export", "bundle"]);
    let report = lab.ok(&["audit", "verify", "bundle"]);
    assert_eq!((&report["violations"], &report["sm2"]), (&json!([]), &json!({ "checked": true, "releases": 1 })));

    // Whoever knows Ed25519 alone goes on reading the checkpoint.
    let bytes = std::fs::read(lab.path("bundle/checkpoint")).unwrap();
    let note = Note::parse(&bytes).unwrap();
    let log: NoteKey = text(&lab.ok(&["lab", "show"])["logKey"]).parse().unwrap();
    note.verify(&log).unwrap();
    let sm2: Sm2NoteKey = vkey.parse().unwrap();
    note.verify(&log).and(sm2.verify(&note)).unwrap();
    openssl(&lab, &sm2, &note);

    // Each of the two second signatures is missed.
    let released = lab.kinds().iter().position(|kind| kind == "released").unwrap();
    let second = lab.path(&format!("bundle/sm2/{released}.json"));
    let envelope = std::fs::read_to_string(&second).unwrap();
    std::fs::write(&second, envelope.replacen("payloadType\":\"a", "payloadType\":\"b", 1)).unwrap();
    assert_eq!(violation(&lab), released as u64);
    std::fs::remove_file(&second).unwrap();
    assert_eq!(violation(&lab), released as u64);
    std::fs::write(&second, envelope).unwrap();
    let without = format!("{}\n{}", note.text(), note.signatures()[0]);
    std::fs::write(lab.path("bundle/checkpoint"), without).unwrap();
    assert_eq!(violation(&lab), lab.entries() - 1);
}

/// The entry of the only violation.
fn violation(lab: &Lab) -> u64 {
    let done = lab.unseen(&["--json", "audit", "verify", "bundle"]);
    assert_eq!(done.code, 1, "{done:?}");
    let report: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(report["violations"].as_array().unwrap().len(), 1, "{report}");
    report["violations"][0]["entry"].as_u64().unwrap()
}

/// OpenSSL says the same of the checkpoint's line.
fn openssl(lab: &Lab, key: &Sm2NoteKey, note: &Note) {
    let line = note.to_string().lines().last().unwrap().to_owned();
    let signature = BASE64.decode(line.rsplit(' ').next().unwrap()).unwrap();
    lab.write("text", note.text());
    lab.write("signature", &signature[4..]);
    lab.write("sm2.pem", key.key().to_pem());
    let verify = |distid: &[&str]| {
        Command::new("openssl")
            .args(["pkeyutl", "-verify", "-pubin", "-inkey", "sm2.pem", "-rawin", "-digest", "sm3"])
            .args(["-in", "text", "-sigfile", "signature"])
            .args(distid)
            .current_dir(lab.path("."))
            .output()
    };
    match verify(&["-pkeyopt", "distid:1234567812345678"]) {
        Ok(output) => assert!(output.status.success(), "{output:?}"),
        Err(_) => return skipped("openssl is not here, so it does not verify the checkpoint"),
    }
    assert!(!verify(&[]).unwrap().status.success(), "without the distinguishing id it is another signature");
}
