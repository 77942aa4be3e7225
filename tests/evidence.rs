//! Evidence of the machine: a TPM's quote goes with each run, and the auditor is told what it proves.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;
#[path = "support/tpm.rs"]
mod tpm;

use serde_json::{Value, json};
use support::*;
use tpm::Tpm;

#[test]
fn a_quote_goes_with_each_run_and_says_no_more_than_it_proves() {
    let lab = Lab::with_job();
    lab.write("job/job.toml", job("rho = 0.1"));
    let Some(tpm) = Tpm::start(&lab) else { return skipped("swtpm and tpm2-tools are not here, so no quote is made") };
    let key = tpm.attestation_key(&lab, "0x81010002");
    let zero = "0".repeat(64);
    let rule = |required: bool, pcr: &str| {
        format!(
            "{POLICY}[evidence]\nprovider = \"tpm2\"\nrequired = {required}\nkey = \"{key}\"\n[evidence.pcrs]\n16 = \"{pcr}\"\n"
        )
    };
    let set = |policy: String| {
        lab.write("evidence.policy", policy);
        lab.ok(&["policy", "set", "evidence.policy", "--key", "keys/owner.pem"]);
    };
    let run = |id: &str| lab.unseen(&["--json", "job", "run", id, "--key", "keys/operator.pem"]);
    set(rule(true, &zero));
    let first = lab.approved("job");

    // Required and not to be had: the run waits, charged once.
    let done = run(&first);
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.stderr.contains("evidence.toml"), "{done:?}");
    lab.write("lab/evidence.toml", tpm.evidence_toml("0x81010002"));
    let done = run(&first);
    assert_eq!(done.code, 0, "{done:?}");
    let kinds = lab.kinds();
    assert_eq!(kinds[kinds.len() - 3..], ["run-started", "evidence-recorded", "released"]);

    lab.ok(&["log", "export", "bundle"]);
    let report = lab.ok(&["audit", "verify", "bundle"]);
    let evidence = &report["jobs"][0]["evidence"];
    assert_eq!((&report["violations"], &evidence["provider"]), (&json!([]), &json!("tpm2")));
    assert!(
        !evidence["proves"].as_array().unwrap().is_empty() && !evidence["doesNotProve"].as_array().unwrap().is_empty()
    );

    // The document by itself, bound to the statement: what is signed in the entry of the run.
    let recorded = entry_of(&lab, "evidence-recorded");
    let digest = text(&recorded["statement"]["predicate"]["event"]["evidence"]);
    let hex = digest.strip_prefix("sha256:").unwrap();
    let document = format!("bundle/blobs/sha256/{}/{hex}", &hex[..2]);
    let nonce = payload_digest(&entry_of(&lab, "run-started"));
    lab.ok(&["evidence", "verify", &document, "--nonce", &nonce, "--key", &key, "--pcr", &format!("16={zero}")]);
    let other = format!("{}{}", &nonce[1..], &nonce[..1]);
    lab.refuses(&["evidence", "verify", &document, "--nonce", &other, "--key", &key]);
    lab.refuses(&["evidence", "verify", &document, "--nonce", &nonce, "--key", &zero]);

    // A machine that measures something else: no evidence, so no result.
    let second = lab.approved("job");
    assert!(tpm.tool("tpm2_pcrextend", &[&format!("16:sha256={}", "1".repeat(64))], &lab));
    let done = run(&second);
    assert_eq!(done.code, 1, "{done:?}");
    assert!(!lab.path(&format!("lab/sealed/{second}")).exists());
    // Where the policy does without, it says so.
    set(rule(false, &zero));
    lab.write("job/job.toml", job("rho = 0.05"));
    let third = lab.approved("job");
    let done = run(&third);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(serde_json::from_str::<Value>(&done.stdout).unwrap()["withoutEvidence"].is_string(), "{done:?}");
}

/// The last entry of a kind, whole.
fn entry_of(lab: &Lab, kind: &str) -> Value {
    let index = lab.kinds().iter().rposition(|found| found == kind).unwrap();
    lab.ok(&["log", "show", "--entry", &index.to_string()])
}

/// SHA-256, in hex, of what an entry's envelope holds.
fn payload_digest(entry: &Value) -> String {
    use base64::Engine;
    let payload = base64::prelude::BASE64_STANDARD.decode(text(&entry["envelope"]["payload"])).unwrap();
    unseen_ids::Digest::of(&payload).to_hex()
}
