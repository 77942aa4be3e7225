//! Passkeys in a browser, and what a key that a browser keeps does not decide alone.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/served.rs"]
mod served;
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use served::Served;
use support::*;
use unseen_ids::{Keeping, PublicKey, Role};
use unseen_policies::event::enrolment_bytes;
use unseen_tlog::Signer;

/// A lab with a sensitive dataset.
fn sensitive() -> Lab {
    let lab = Lab::new();
    lab.write("firms.csv", firms(40));
    lab.write("firms.toml", FIRMS.replace("classification = \"internal\"", "classification = \"sensitive\""));
    let import = ["dataset", "import", "firms.csv", "--description", "firms.toml", "--open-to", "analyst"];
    lab.ok(&[import.as_slice(), &["--key", "keys/steward.pem"]].concat());
    lab.write("job/job.toml", job("rho = 0.1"));
    lab.write("job/target/job.wasm", component("(f64.convert_i32_u (i32.load (local.get $grain)))"));
    lab
}

/// Enrols an operator whose key is kept as the key itself says.
fn enrol(lab: &Lab, name: &str, kept: Option<Keeping>) {
    unseen_lab::write_new_key(&lab.path(&key(name))).unwrap();
    let own = lab.signing_key(name);
    let public = PublicKey::from(own.verifying_key());
    let proof = own.sign(&enrolment_bytes(ORIGIN, name, &[Role::Operator], &public, kept)).unwrap();
    let mut request = json!({ "log": ORIGIN, "name": name, "roles": ["operator"], "key": public, "proof": BASE64_STANDARD.encode(proof) });
    if let Some(kept) = kept {
        request["kept"] = json!(kept);
    }
    lab.write("request.json", request.to_string());
    lab.ok(&["person", "enroll", "--request", "request.json", "--key", "keys/owner.pem"]);
}

#[test]
fn a_key_in_a_browser_does_not_decide_alone_about_a_sensitive_job() {
    let lab = sensitive();
    for name in ["one", "two"] {
        enrol(&lab, name, Some(Keeping::Browser));
    }
    enrol(&lab, "touch", Some(Keeping::Passkey));
    let [first, other, third] = ["job"; 3].map(|job| lab.submit(job));
    let served = Served::of(&lab);
    let approve = |job: &str, who: &str| {
        let done = served.unseen(&lab, who, &["--json", "job", "approve", job]);
        (done.code, done.stderr)
    };
    assert_eq!(approve(&first, "one").0, 0);
    let (code, refused) = approve(&first, "two");
    let problem: Value = serde_json::from_str(&refused).unwrap_or_else(|_| json!({ "message": refused.clone() }));
    assert!(code == 1 && refused.contains("does not come from a key kept in a browser"), "{refused}");
    assert!(refused.contains("browsers-do-not-decide-alone"), "the rule is named: {problem}");
    let before = lab.entries();
    assert_eq!(approve(&first, "touch").0, 0);
    assert_eq!(lab.entries(), before + 1, "what was refused is not in the log");
    // Two at once are one after the other.
    let both = ["one", "two"].map(|who| {
        let mut command = lab.command(&["job", "approve", &third]);
        command.env("UNSEEN_LAB", &served.url).env("UNSEEN_KEY", key(who)).spawn().unwrap()
    });
    let let_through = both.into_iter().filter_map(|mut one| one.wait().ok()).filter(|one| one.success()).count();
    assert_eq!(let_through, 1);
    // After a key that is not in a browser, one that is may decide.
    assert_eq!(approve(&other, "operator").0, 0);
    assert_eq!(approve(&other, "two").0, 0);
    // It is told of each who keeps their key how.
    let people = served.ok(&lab, "owner", &["person", "list"]);
    let kept =
        |name: &str| people["people"].as_array().unwrap().iter().find(|p| p["name"] == name).unwrap()["kept"].clone();
    assert_eq!((kept("one"), kept("touch"), kept("operator")), (json!("browser"), json!("passkey"), Value::Null));
}

#[test]
fn passkeys_are_made_used_forgotten_and_found_again_in_a_browser() {
    let modules = verifiers().join("node/node_modules");
    let Some(chromium) = which("chromium").filter(|_| modules.join("playwright-core").exists()) else {
        return skipped("passkeys in a browser: playwright-core or Chromium is not installed");
    };
    let lab = sensitive();
    let jobs = json!({ "zh": lab.submit("job"), "en": lab.submit("job") });
    let served = Served::of(&lab);
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("passkeys");
    let _ = std::fs::remove_dir_all(&out);
    // Passkeys belong to a name.
    let asked = json!({
        "url": served.url.replace("127.0.0.1", "localhost"), "owner": lab.path("keys/owner.pem"), "jobs": jobs,
        "out": out, "modules": modules, "chromium": chromium,
    });
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/console/passkeys.mjs");
    let done = Command::new("node").arg(script).arg(asked.to_string()).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
    drop(served);
    lab.ok(&["log", "export", "bundle"]);
    let report = lab.ok(&["audit", "verify", "bundle", "--forget"]);
    assert_eq!((&report["violations"], &report["passkeySigned"]), (&json!([]), &json!(2)));
    // Programs of others verify each envelope too, with nothing but Ed25519 and SHA-256.
    let python = verifiers().join("venv/bin/python");
    if !python.exists() {
        return skipped("passkeys by others' programs: see scripts/verifiers.sh");
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/verifiers/envelopes.py");
    let done = Command::new(python).arg(script).arg(lab.path("bundle")).output().unwrap();
    let line = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(line.starts_with("OK ") && line.contains("2 by passkeys"), "{line}");
}

fn which(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(program)).find(|file| file.exists())
}
