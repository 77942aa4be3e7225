//! Evidence of the machine: a TPM's quote goes with each run, and the auditor is told what it proves.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::*;

/// A TPM in software, ended when this is dropped.
struct Tpm {
    process: std::process::Child,
    tcti: String,
}

impl Drop for Tpm {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Tpm {
    /// None where swtpm or tpm2-tools are not installed.
    fn start(lab: &Lab) -> Option<Tpm> {
        Command::new("tpm2_quote").arg("--version").output().ok()?;
        let state = lab.path("tpm");
        std::fs::create_dir(&state).unwrap();
        // Two neighbouring ports: commands and control.
        let port = (0..50).find_map(|_| {
            let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
            (port < u16::MAX && TcpListener::bind(("127.0.0.1", port + 1)).is_ok()).then_some(port)
        })?;
        let process = Command::new("swtpm")
            .args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear"])
            .args(["--tpmstate", &format!("dir={}", state.display())])
            .args(["--server", &format!("type=tcp,port={port},disconnect")])
            .args(["--ctrl", &format!("type=tcp,port={}", port + 1)])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let tpm = Tpm { process, tcti: format!("swtpm:host=127.0.0.1,port={port}") };
        let start = Instant::now();
        while !tpm.tool("tpm2_getrandom", &["--hex", "4"], lab) {
            assert!(start.elapsed() < Duration::from_secs(20), "swtpm does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(tpm)
    }

    fn tool(&self, program: &str, args: &[&str], lab: &Lab) -> bool {
        let mut command = Command::new(program);
        command.args(args).current_dir(lab.path(".")).env("TPM2TOOLS_TCTI", &self.tcti);
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }
}

#[test]
fn a_quote_goes_with_each_run_and_says_no_more_than_it_proves() {
    let lab = Lab::with_job();
    lab.write("job/job.toml", job("rho = 0.1"));
    let Some(tpm) = Tpm::start(&lab) else { return skipped("swtpm and tpm2-tools are not here, so no quote is made") };
    for (program, args) in [
        ("tpm2_createek", "-c ek.ctx -G ecc -u ek.pub"),
        ("tpm2_createak", "-C ek.ctx -c ak.ctx -G ecc -g sha256 -s ecdsa"),
        ("tpm2_evictcontrol", "-C o -c ak.ctx 0x81010002"),
        ("tpm2_readpublic", "-c 0x81010002 -f pem -o ak.pem"),
    ] {
        assert!(tpm.tool(program, &args.split(' ').collect::<Vec<_>>(), &lab), "{program}");
        // Without a resource manager, a TPM has room for three objects only.
        assert!(tpm.tool("tpm2_flushcontext", &["-t"], &lab));
    }
    let key = text(&lab.ok(&["evidence", "key", "ak.pem"])["key"]);
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
    let machine = format!("attestation_key = \"0x81010002\"\npcrs = [0]\nevent_log = \"\"\ntcti = \"{}\"\n", tpm.tcti);
    lab.write("lab/evidence.toml", machine);
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
