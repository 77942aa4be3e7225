//! Keys: the log's changes hands, people sign through SSH and with tokens.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::path::Path;
use std::process::{Command, Stdio};

use support::*;

/// Runs a tool in the lab's folder; none where it is not installed.
fn tool(lab: &Lab, program: &str, args: &[&str], env: &[(&str, &Path)]) -> Option<bool> {
    let mut command = Command::new(program);
    command.args(args).current_dir(lab.path(".")).envs(env.iter().copied());
    let output = command.stdin(Stdio::null()).output().ok()?;
    if !output.status.success() {
        eprintln!("{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Some(output.status.success())
}

#[test]
fn the_logs_key_changes_hands_and_the_old_one_stays_good_for_auditors() {
    let lab = Lab::with_job();
    let old = text(&lab.ok(&["lab", "show"])["logKey"]);
    let kept = lab.write("kept.txt", text(&lab.ok(&["log", "checkpoint"])["checkpoint"]));
    let kept = kept.display().to_string();
    assert!(lab.refuses(&["lab", "rotate-key", "--key", "keys/steward.pem"]).contains("is not an operator"));
    let rotated = lab.ok(&["lab", "rotate-key", "--key", "keys/owner.pem"]);
    let new = text(&rotated["logKey"]);
    assert_ne!(old, new);
    assert_eq!(text(&lab.ok(&["lab", "show"])["logKey"]), new);
    // The overlap is signed by both, what comes after by the new key alone.
    let overlap = std::fs::read_to_string(lab.path(&format!("lab/log/handover/{}", rotated["entry"]))).unwrap();
    assert_eq!(overlap.lines().filter(|line| line.starts_with('—')).count(), 2, "{overlap}");
    lab.submit("job");
    let later = std::fs::read_to_string(lab.path("lab/log/checkpoint")).unwrap();
    assert_eq!(later.lines().filter(|line| line.starts_with('—')).count(), 1, "{later}");
    lab.ok(&["log", "export", "bundle"]);
    for key in [&old, &new] {
        let report = lab.ok(&["audit", "verify", "bundle", "--log-key", key, "--since", &kept]);
        assert_eq!((&report["violations"], &report["keyKnown"]), (&serde_json::json!([]), &true.into()));
    }
    // Without the overlap the old key proves nothing, and the change of keys is a violation.
    std::fs::remove_file(lab.path(&format!("bundle/handover/{}", rotated["entry"]))).unwrap();
    assert!(lab.refuses(&["audit", "verify", "bundle", "--log-key", &old]).contains("nor was it handed over"));
    let done = lab.unseen(&["--json", "audit", "verify", "bundle", "--log-key", &new]);
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.stdout.contains("handover"), "{done:?}");

    // Once more, and the lab goes on.
    lab.ok(&["lab", "rotate-key", "--key", "keys/owner.pem"]);
    lab.submit("job");
    lab.ok(&["log", "export", "bundle-2"]);
    lab.ok(&["audit", "verify", "bundle-2", "--log-key", &old, "--since", &kept]);
}

/// Killed at every step of a handover, the lab opens, with the old key or with the new one, and hands over again.
#[test]
fn a_handover_that_is_killed_is_finished_or_begun_again() {
    let lab = Lab::with_job();
    lab.write("kept.txt", text(&lab.ok(&["log", "checkpoint"])["checkpoint"]));
    let old = text(&lab.ok(&["lab", "show"])["logKey"]);
    let trial = lab.copy();
    let traced = trial
        .command(&["lab", "rotate-key", "--key", "keys/owner.pem"])
        .get_args()
        .map(|arg| arg.to_str().unwrap().to_owned())
        .collect::<Vec<_>>();
    let strace = |lab: &Lab, options: &[&str]| {
        let mut command = Command::new("strace");
        command.args(options).arg(env!("CARGO_BIN_EXE_unseen")).args(&traced).current_dir(lab.path("."));
        command.env("UNSEEN_LAB", "lab").stdout(Stdio::null()).stderr(Stdio::null());
        command.status().ok()
    };
    if strace(&trial, &["-f", "-o", "trace", "-e", "trace=rename,unlink"]).is_none_or(|status| !status.success()) {
        return skipped("strace cannot be used here, so no handover is killed");
    }
    let calls = std::fs::read_to_string(trial.path("trace")).unwrap();
    let (mut went, mut stayed) = (0, 0);
    for call in ["rename", "unlink"] {
        let made = calls
            .lines()
            .filter(|line| line.contains(&format!(" {call}(")) || line.starts_with(&format!("{call}(")))
            .count();
        for n in 1..=made {
            let lab = lab.copy();
            strace(&lab, &["-f", "-e", &format!("trace={call}"), "-e", &format!("inject={call}:signal=KILL:when={n}")]);
            let now = text(&lab.ok(&["lab", "show"])["logKey"]);
            if now == old {
                stayed += 1
            } else {
                went += 1
            }
            lab.submit("job");
            lab.ok(&["lab", "rotate-key", "--key", "keys/owner.pem"]);
            assert!(!lab.path("lab/keys/log.next.pem").exists(), "{call} {n}");
            lab.ok(&["log", "export", "bundle"]);
            lab.ok(&["audit", "verify", "bundle", "--log-key", &old, "--since", "kept.txt"]);
        }
    }
    assert!(went > 0 && stayed > 0, "{went} handovers were finished and {stayed} begun again");
}

#[test]
fn people_enrol_and_approve_with_ssh_keys() {
    let lab = Lab::with_job();
    let key = ["-t", "ed25519", "-N", "", "-q", "-f", "id"];
    if tool(&lab, "ssh-keygen", &key, &[]) != Some(true) {
        return skipped("ssh-keygen is not here, so nobody signs with it");
    }
    let sign = |file: &str| {
        let _ = std::fs::remove_file(lab.path(&format!("{file}.sig")));
        assert_eq!(tool(&lab, "ssh-keygen", &["-Y", "sign", "-n", "unseen", "-f", "id", file], &[]), Some(true));
    };
    lab.ok(&[
        "person",
        "request",
        "--name",
        "li",
        "--role",
        "operator",
        "--new-key",
        "id.pub",
        "--origin",
        ORIGIN,
        "--out",
        "request",
    ]);
    let enroll = ["person", "enroll", "--request", "request", "--key", "keys/owner.pem"];
    assert!(lab.refuses(&enroll).contains("request.sig"));
    sign("request");
    lab.ok(&enroll);

    let id = lab.submit("job");
    let write = |job: &str, file: &str| {
        lab.ok(&["job", "approve", job, "--key", "id.pub", "--out", file]);
        sign(&format!("{file}.to-sign"));
    };
    write(&id, "approval");
    // Whoever signs reads what it is about.
    let to_sign = std::fs::read_to_string(lab.path("approval.to-sign")).unwrap();
    assert!(to_sign.contains("\"purpose\":") && to_sign.contains("\"datasets\":[\"firms\"]"), "{to_sign}");
    let receive = ["receive", "approval"];
    let good: serde_json::Value = serde_json::from_slice(&std::fs::read(lab.path("approval")).unwrap()).unwrap();
    let changed = |name: &str, value: serde_json::Value| {
        let mut changed = good.clone();
        changed[name] = value;
        lab.write("approval", changed.to_string());
    };
    let other_words = to_sign.replace("operator", "0perator");
    changed("toSign", base64::Engine::encode(&base64::prelude::BASE64_STANDARD, other_words).into());
    lab.refuses(&receive);
    lab.write("approval", "something else");
    assert!(lab.refuses(&receive).contains("this is no hand-in"));
    // What was signed for one job approves no other, whatever stands beside it.
    let other = lab.submit("job");
    changed("change", serde_json::json!({ "job": other }));
    assert!(lab.refuses(&receive).contains("says something else than was asked for"));
    lab.write("approval", good.to_string());
    assert_eq!(lab.ok(&receive)["approvals"], 1);
    // Handed in again, it is answered as before.
    let before = lab.entries();
    assert_eq!((lab.ok(&receive)["approvals"].clone(), lab.entries()), (1.into(), before));
    write(&id, "again");
    assert!(lab.refuses(&["receive", "again"]).contains("li has approved this job already"));
    lab.approve(&id, "second");
    lab.ok(&["job", "run", &id, "--key", "keys/operator.pem"]);
    lab.ok(&["log", "export", "bundle"]);
    let report = lab.ok(&["audit", "verify", "bundle"]);
    assert_eq!((&report["violations"], &report["sshSigned"]), (&serde_json::json!([]), &1.into()));
}

#[test]
fn the_lab_and_its_people_may_keep_their_keys_on_a_token() {
    const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
    let lab = Lab::empty();
    std::fs::create_dir(lab.path("tokens")).unwrap();
    let config = lab.write("softhsm.conf", format!("directories.tokendir = {}\n", lab.path("tokens").display()));
    let pin = lab.write("pin", "1234");
    std::fs::set_permissions(&pin, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let env = [("SOFTHSM2_CONF", config.as_path())];
    let init = ["--init-token", "--free", "--label", "lab", "--pin", "1234", "--so-pin", "12345678"];
    if !Path::new(MODULE).exists() || tool(&lab, "softhsm2-util", &init, &env) != Some(true) {
        return skipped("SoftHSM is not here, so no key is on a token");
    }
    for (label, id) in [("log", "01"), ("owner", "02")] {
        let make = [
            "--module",
            MODULE,
            "--token-label",
            "lab",
            "--login",
            "--pin",
            "1234",
            "--keypairgen",
            "--key-type",
            "EC:edwards25519",
            "--label",
            label,
            "--id",
            id,
        ];
        if tool(&lab, "pkcs11-tool", &make, &env) != Some(true) {
            return skipped("pkcs11-tool is not here, so no key is made on a token");
        }
    }
    let uri =
        |object: &str| format!("pkcs11:token=lab;object={object}?module-path={MODULE}&pin-source={}", pin.display());
    let ok = |args: &[&str]| {
        let output = lab.command(&[&["--json"], args].concat()).env("SOFTHSM2_CONF", &config).output().unwrap();
        let done = Done::from(output, args);
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{done:?}");
        serde_json::from_str::<serde_json::Value>(&done.stdout).unwrap()
    };
    let (owner, log) = (uri("owner"), uri("log"));
    ok(&["lab", "init", "lab", "--origin", ORIGIN, "--owner", &owner]);
    let rotated = ok(&["lab", "rotate-key", "--to", &log, "--key", &owner]);
    assert!(!lab.path("lab/keys/log.pem").exists(), "the key in the file is gone");
    ok(&[
        "person",
        "enroll",
        "--name",
        "steward",
        "--role",
        "steward",
        "--new-key",
        "keys/steward.pem",
        "--key",
        &owner,
    ]);
    let shown = ok(&["lab", "show"]);
    assert_eq!(shown["logKey"], rotated["logKey"]);
    ok(&["log", "export", "bundle"]);
    ok(&["audit", "verify", "bundle", "--log-key", &text(&rotated["logKey"])]);
    // Without its token nothing can be signed, and the lab says which key it wants; reading goes on.
    std::fs::remove_dir_all(lab.path("tokens")).unwrap();
    std::fs::create_dir(lab.path("tokens")).unwrap();
    let without = |args: &[&str]| Done::from(lab.command(args).env("SOFTHSM2_CONF", &config).output().unwrap(), args);
    assert_eq!(without(&["lab", "show"]).code, 0);
    let done = without(&["lab", "backup", "copy"]);
    assert_eq!(done.code, 1);
    assert!(done.stderr.contains("token"), "{done:?}");
}
