//! The lab as a service: the same questions and changes, answers and errors as at the lab's own folder; and what is
//! the service's own: who may what, the log for others, the queue.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/served.rs"]
mod served;
mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use served::{Served, agent, get_as, login};
use support::*;
use unseen_ids::Digest;

/// Waits until a job is in this state.
fn wait_for(served: &Served, lab: &Lab, job: &str, state: &str) -> Value {
    let start = Instant::now();
    loop {
        let shown = served.ok(lab, "owner", &["job", "show", job]);
        if shown["state"] == state {
            return shown;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{job} is {} and not {state}: {shown}", shown["state"]);
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Without what is the service's own: who has the lab at this moment, and what else one may do.
fn plain(mut answer: Value) -> Value {
    for own in ["allowedActions", "atWork"] {
        answer.as_object_mut().unwrap().remove(own);
    }
    answer
}

#[test]
fn what_is_asked_at_an_address_is_answered_as_at_the_folder() {
    let lab = Lab::with_job();
    let job = lab.submit("job");
    let served = Served::of(&lab);
    for args in [
        ["lab", "show"].as_slice(),
        &["dataset", "list"],
        &["dataset", "show", "firms"],
        &["dataset", "history", "firms"],
        &["job", "list"],
        &["job", "show", &job],
        &["job", "check", "job"],
        &["budget"],
        &["budget", "--dataset", "firms"],
        &["person", "list"],
        &["policy", "show"],
        &["log", "show"],
        &["log", "show", "--from", "3"],
        &["log", "show", "--entry", "5"],
        &["log", "prove", "5"],
        &["log", "checkpoint"],
        &["log", "witness", "--list"],
        &["doctor"],
    ] {
        let (there, here) = (plain(served.ok(&lab, "owner", args)), plain(lab.ok(args)));
        assert_eq!(there, here, "{args:?}");
        for lang in ["en", "zh"] {
            let args = [args, &["--lang", lang]].concat();
            assert_eq!(served.unseen(&lab, "owner", &args).stdout, lab.unseen(&args).stdout, "{args:?}");
        }
    }
    lab.write("wrong/job.toml", support::job("rho = 0.25").replace("firms", "farms"));
    for args in [
        ["job", "show", "j99"].as_slice(),
        &["dataset", "show", "nothing"],
        &["log", "show", "--entry", "99"],
        &["budget", "--analyst", "nobody"],
        &["job", "approve", "j99"],
        &["job", "reject", &job, "--reason", "no", "--key", "keys/analyst.pem"],
        &["person", "revoke", "nobody", "--reason", "left"],
        &["job", "submit", "job"],
        &["job", "check", "wrong"],
        &["log", "witness"],
        &["job", "fetch", "j99", "--out", "nowhere"],
        &["lab", "rotate-key", "--to", "nowhere"],
    ] {
        for form in [["--json"].as_slice(), &["--lang", "en"], &["--lang", "zh"]] {
            let args = [form, args].concat();
            let there = served.unseen(&lab, "owner", &args);
            let here = Done::from(lab.command(&args).env("UNSEEN_KEY", key("owner")).output().unwrap(), &args);
            if args.contains(&"rotate-key") {
                assert_eq!(there.code, 1, "{there:?}");
                continue;
            }
            assert_eq!((there.code, &there.stderr), (1, &here.stderr), "{args:?}");
        }
    }
}

#[test]
fn a_job_goes_from_submission_to_release_over_the_network() {
    let lab = Lab::with_job();
    let served = Served::of(&lab);
    let id = text(&served.ok(&lab, "analyst", &["job", "submit", "job"])["job"]);
    served.ok(&lab, "operator", &["job", "prioritize", &id, "1"]);
    served.ok(&lab, "operator", &["job", "approve", &id]);
    let list = served.unseen(&lab, "analyst", &["job", "list"]).stdout;
    assert!(list.contains("approved 1 of 2"), "{list}");
    served.ok(&lab, "second", &["job", "approve", &id]);
    // Nobody runs it and nobody publishes it: the lab does.
    wait_for(&served, &lab, &id, "released");
    let there = served.ok(&lab, "analyst", &["job", "release", &id]);
    // The log is public: what somebody copies out of it opens a release to nobody but its signer.
    let read = lab.entries() - 1;
    let proof = text(&served.get(&format!("/v1/log/{read}/proof")).1["proof"]);
    let entry = proof.lines().find_map(|line| line.strip_prefix("extra ")).unwrap().to_owned();
    let at = format!("/v1/jobs/{id}/release");
    let opened = |token: Option<&str>| served.post(&at, token, &json!({ "change": {}, "entry": entry.clone() }));
    for token in [None, Some(login(&served, &lab, "steward")), Some(login(&served, &lab, "operator"))] {
        let (status, problem) = opened(token.as_deref());
        assert_eq!((status, &problem["code"]), (409, &json!("request.on-record")), "{problem}");
    }
    let page =
        agent().post(format!("{}/en/jobs/{id}/release", served.url)).send_form([("entry", &*entry), ("as", "csv")]);
    let (status, page) = served.ask(page);
    assert!(status == 409 && !page.as_str().unwrap().contains("total,"), "{status} {page}");
    let (status, again) = opened(Some(&login(&served, &lab, "analyst")));
    assert_eq!((status, &again["rounds"]), (201, &there["rounds"]));
    assert_eq!(lab.entries(), read + 1);
    let here = lab.ok(&["job", "release", &id, "--key", "keys/analyst.pem"]);
    assert_eq!(there, here);
    let kinds = lab.kinds();
    assert_eq!(kinds.iter().filter(|kind| *kind == "run-started").count(), 1, "{kinds:?}");
    // A job that its author takes back is gone from the queue.
    let other = text(&served.ok(&lab, "analyst", &["job", "submit", "job"])["job"]);
    served.ok(&lab, "analyst", &["job", "withdraw", &other, "--reason", "a mistake"]);
    wait_for(&served, &lab, &other, "withdrawn");
    // Started by the lab's own key, and an auditor finds nothing wrong with it.
    lab.ok(&["log", "export", "bundle"]);
    assert_eq!(lab.ok(&["audit", "verify", "bundle", "--forget"])["violations"], json!([]));
}

#[test]
fn a_service_that_is_killed_in_a_run_goes_on_with_it() {
    let (lab, job) = busy();
    let mut served = Served::of(&lab);
    worker_behind_walls(served.process.id());
    served.kill();
    let served = Served::of(&lab);
    wait_for(&served, &lab, &job, "released");
    let kinds = lab.kinds();
    assert_eq!(kinds.iter().filter(|kind| *kind == "run-started").count(), 1, "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| *kind == "released").count(), 1, "{kinds:?}");
}

#[test]
fn each_sees_and_does_what_the_rules_let() {
    let lab = Lab::with_job();
    unseen_lab::write_new_key(&lab.path("keys/other.pem")).unwrap();
    let other = ["--name", "other", "--role", "analyst", "--new-key", "keys/other.pem"];
    lab.ok(&[["person", "enroll"].as_slice(), &other, &["--key", "keys/owner.pem"]].concat());
    let job = lab.submit("job");
    let served = Served::of(&lab);
    // Whoever does not say who they are reads the log, and nothing else.
    assert_eq!(served.get("/v1/log").0, 200);
    for path in ["/v1/lab", "/v1/jobs", &format!("/v1/jobs/{job}"), "/v1/people", "/metrics"] {
        let (status, problem) = served.get(path);
        assert_eq!((status, &problem["code"]), (401, &json!("request.unknown")), "{path}: {problem}");
    }
    // Another analyst's job is in no list of theirs, and the rule says why.
    let listed = served.ok(&lab, "other", &["job", "list"]);
    assert_eq!(listed["jobs"], json!([]), "{listed}");
    let denied = served.unseen(&lab, "other", &["--json", "job", "show", &job]);
    let error: Value = serde_json::from_str(&denied.stderr).unwrap();
    assert_eq!(error["error"]["code"], "request.denied", "{error}");
    // What one may do next is said, with the rule that decides it.
    let session = login(&served, &lab, "analyst");
    let (_, shown) = get_as(&served, &session, &format!("/v1/jobs/{job}"));
    let actions = shown["allowedActions"].as_array().unwrap();
    let of = |name: &str| actions.iter().find(|action| action["action"] == name).unwrap();
    assert_eq!(of("withdrawJob")["allowed"], true);
    assert_eq!(of("approveJob")["allowed"], false);
    assert_eq!(of("approveJob")["because"][0]["rule"], "no-own-approval");
    // A key that is revoked is no longer known, whatever session it had.
    lab.ok(&["person", "revoke", "analyst", "--reason", "left", "--key", "keys/owner.pem"]);
    assert_eq!(get_as(&served, &session, "/v1/lab").0, 401);
}

#[test]
fn an_envelope_counts_for_whoever_signed_it_once_and_for_what_it_says() {
    let lab = Lab::with_job();
    let (job, other) = (lab.submit("job"), lab.submit("job"));
    let served = Served::of(&lab);
    let session = login(&served, &lab, "operator");
    let path = format!("/v1/jobs/{job}/approvals");
    let (_, draft) = served.post(&format!("{path}/draft"), Some(&session), &json!({}));
    let to_sign = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, text(&draft["toSign"])).unwrap();
    let signed = |who: &str| {
        let entry = unseen_entries::sign::with_key(&to_sign, &lab.signing_key(who)).unwrap();
        base64::Engine::encode(&base64::prelude::BASE64_STANDARD, entry)
    };
    let hand_in =
        |path: &str, who: &str| served.post(path, Some(&session), &json!({ "change": {}, "entry": signed(who) }));
    // An operator's session does not make an analyst's signature an operator's.
    let (status, problem) = hand_in(&path, "analyst");
    assert_eq!((status, &problem["code"]), (403, &json!("ledger.wrong-role")), "{problem}");
    let (status, problem) = hand_in(&format!("/v1/jobs/{other}/approvals"), "operator");
    assert_eq!((status, &problem["code"]), (422, &json!("usecase.other-entry")), "{problem}");
    let before = lab.entries();
    let (status, first) = hand_in(&path, "operator");
    assert_eq!((status, &first["approvals"]), (201, &json!(1)), "{first}");
    // Whoever did not hear the answer asks again, and nothing happens twice.
    assert_eq!(hand_in(&path, "operator"), (201, first));
    assert_eq!(lab.entries(), before + 1);
    let mut broken = serde_json::from_value::<String>(json!(signed("second"))).unwrap().into_bytes();
    let last = broken.len() - 10;
    broken[last] = if broken[last] == b'A' { b'B' } else { b'A' };
    let (status, _) =
        served.post(&path, Some(&session), &json!({ "change": {}, "entry": String::from_utf8(broken).unwrap() }));
    assert!((400..500).contains(&status), "{status}");
    assert_eq!(lab.entries(), before + 1);
}

#[test]
fn monitors_and_tricksters_get_the_log_and_nothing_else() {
    let lab = Lab::with_job();
    lab.submit("job");
    let served = Served::of(&lab);
    let note = std::fs::read_to_string(lab.path("lab/log/checkpoint")).unwrap();
    assert_eq!(served.get("/checkpoint"), (200, Value::String(note)));
    for path in tree(&lab.path("lab/log"))
        .iter()
        .filter(|path| path.starts_with("tile/") && lab.path("lab/log").join(path).is_file())
    {
        let bytes = std::fs::read(lab.path("lab/log").join(path)).unwrap();
        let mut answer = agent().get(format!("{}/{path}", served.url)).call().unwrap();
        assert_eq!(answer.body_mut().read_to_vec().unwrap(), bytes, "{path}");
    }
    let session = login(&served, &lab, "operator");
    for path in [
        "/tile/../../lab.toml",
        "/tile/..%2f..%2flab.toml",
        "/tile/%2e%2e/%2e%2e/keys/noise.key",
        "/tile/0/999",
        "/tile/0/000.p/255",
        "/tile/0/00",
        "/tile/entries/../../keys/service.pem",
        "/v1/blobs/../../keys/service.pem",
        "/v1/datasets/..%2f..%2fkeys",
        "/v1/datasets/%00",
        "/v1/jobs/j1%2f..",
        "/v1/log/-1",
        "/v1/log/18446744073709551616",
        "/v2/jobs",
    ] {
        let (status, problem) = get_as(&served, &session, path);
        assert!((400..500).contains(&status), "{path}: {status} {problem}");
    }
    for (path, body) in
        [("/v1/checks", json!({})), ("/v1/checks", json!([1])), ("/v1/jobs", json!({ "change": {}, "entry": "!" }))]
    {
        let (status, problem) = served.post(path, Some(&session), &body);
        assert_eq!(status, 400, "{path}: {problem}");
    }
    // What the service is, as programs read it, is what is kept.
    let (_, document) = served.get("/openapi.json");
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let is = format!("{}\n", serde_json::to_string_pretty(&sorted(&document)).unwrap());
    if std::env::var_os("UNSEEN_WRITE_SCHEMAS").is_some() {
        std::fs::write(&golden, &is).unwrap();
    }
    assert!(
        std::fs::read_to_string(&golden).unwrap_or_default() == is,
        "write docs/openapi.json: UNSEEN_WRITE_SCHEMAS=1"
    );
}

#[test]
fn what_is_signed_without_a_network_is_taken_as_a_file() {
    let lab = Lab::with_job();
    let copied = |lab: &Lab| {
        let _ = std::fs::remove_dir_all(lab.path("copy"));
        lab.ok(&["log", "export", "copy"]);
    };
    copied(&lab);
    // At home, with a copy of the log and no lab.
    let at_home = |args: &[&str]| {
        let done = Done::from(lab.command(args).env("UNSEEN_LAB", "copy").output().unwrap(), args);
        assert_eq!(done.code, 0, "{done:?}");
    };
    at_home(&["job", "submit", "job", "--key", "keys/analyst.pem", "--out", "j.hand-in"]);
    let said = Done::from(
        lab.command(&["job", "submit", "job", "--key", "keys/analyst.pem"]).env("UNSEEN_LAB", "copy").output().unwrap(),
        &["submit to a copy"],
    );
    assert!(said.code == 1 && said.stderr.contains("a copy of a lab's log"), "{said:?}");
    let served = Served::of(&lab);
    let id = text(&served.ok(&lab, "owner", &["receive", "j.hand-in"])["job"]);
    copied(&lab);
    for who in ["operator", "second"] {
        at_home(&["job", "approve", &id, "--key", &key(who), "--out", who]);
        served.ok(&lab, "owner", &["receive", who]);
    }
    wait_for(&served, &lab, &id, "released");
    copied(&lab);
    at_home(&["job", "release", &id, "--key", "keys/analyst.pem", "--out", "reading"]);
    let read = lab.ok(&["receive", "reading"]);
    assert_eq!(read, lab.ok(&["job", "release", &id, "--key", "keys/analyst.pem"]));
    // A file that somebody has changed is refused, whatever was changed.
    let hand_in: Value = serde_json::from_slice(&std::fs::read(lab.path("j.hand-in")).unwrap()).unwrap();
    for (name, value) in [
        ("blobs", json!([])),
        ("change", json!({ "name": "x", "manifest": "", "module": hand_in["change"]["module"] })),
        ("entry", json!("AAAA")),
        ("at", json!("/v1/nowhere")),
    ] {
        let mut changed = hand_in.clone();
        changed[name] = value;
        lab.write("changed", changed.to_string());
        lab.refuses(&["receive", "changed"]);
    }
}

#[test]
fn changes_that_need_two_are_signed_by_two() {
    let lab = Lab::with_job();
    lab.write("two.toml", format!("changes_need = 2\n{POLICY}"));
    lab.ok(&["policy", "set", "two.toml", "--key", "keys/owner.pem"]);
    let said = lab.refuses(&["policy", "set", "policy.toml", "--key", "keys/owner.pem"]);
    assert!(said.contains('2'), "{said}");
    lab.ok(&["policy", "set", "policy.toml", "--key", "keys/owner.pem", "--out", "rules"]);
    lab.refuses(&["receive", "rules"]);
    let told = lab.unseen(&["countersign", "rules", "--key", "keys/operator.pem"]).stdout;
    assert!(told.contains("policy-set") && told.contains("approvals = 2"), "{told}");
    // The log's key too, from two desks.
    let served = Served::of(&lab);
    let old = text(&served.ok(&lab, "owner", &["lab", "show"])["logKey"]);
    assert!(served.unseen(&lab, "owner", &["lab", "rotate-key"]).stderr.contains('2'));
    served.ok(&lab, "owner", &["lab", "rotate-key", "--out", "rotation"]);
    served.ok(&lab, "operator", &["countersign", "rotation", "--key", "keys/operator.pem"]);
    let handed = served.ok(&lab, "operator", &["receive", "rotation"]);
    assert_eq!(served.ok(&lab, "operator", &["receive", "rotation"]), handed);
    assert_ne!(text(&served.ok(&lab, "owner", &["lab", "show"])["logKey"]), old);
    drop(served);
    lab.ok(&["receive", "rules"]);
    assert_eq!(lab.ok(&["policy", "show"])["policy"].get("changes_need"), None);
    lab.ok(&["log", "export", "bundle"]);
    assert_eq!(lab.ok(&["audit", "verify", "bundle", "--log-key", &old])["violations"], json!([]));
}

#[test]
fn a_lab_sets_rules_of_access_of_its_own() {
    let lab = Lab::with_job();
    let job = lab.submit("job");
    let usual = text(&lab.ok(&["policy", "explain"])["cedar"]);
    let closed = format!(
        "{usual}\n@id(\"no-lists\")\n@en(\"nobody lists jobs\")\n@zh(\"任何人不得列出作业\")\n\
         forbid (principal, action == Action::\"listJobs\", resource);\n"
    );
    lab.write("rules.cedar", &closed);
    let found = lab.ok(&["policy", "diff", "policy.toml", "--access", "rules.cedar"]);
    assert_eq!((&found["access"][0]["rule"], &found["voids"]), (&json!("no-lists"), &json!([job])), "{found}");
    // What cannot be asked is refused, with its place; nothing is set.
    for (file, wrong, says) in [
        ("typo.cedar", closed.replace("listJobs", "listJob"), "line"),
        ("nobody.cedar", "@id(\"a\")\n@en(\"a\")\n@zh(\"甲\")\nforbid (principal, action, resource);".into(), ""),
    ] {
        lab.write(file, wrong);
        let said = lab.refuses(&["policy", "check", file]);
        assert!(said.contains(says), "{said}");
        lab.refuses(&["policy", "set", "policy.toml", "--access", file, "--key", "keys/owner.pem"]);
    }
    let served = Served::of(&lab);
    served.ok(&lab, "operator", &["job", "list"]);
    served.ok(&lab, "owner", &["policy", "set", "policy.toml", "--access", "rules.cedar"]);
    let said = served.unseen(&lab, "operator", &["--lang", "zh", "job", "list"]).stderr;
    assert!(said.contains("任何人不得列出作业"), "{said}");
    assert!(text(&served.ok(&lab, "steward", &["job", "show", &job])["manifestText"]).contains("purpose"));
    lab.write(
        "rules.cedar",
        format!(
            "{usual}\n@id(\"no-manifests\")\n@en(\"stewards see no manifests\")\n@zh(\"数据管理员看不到作业清单\")\n\
             forbid (principal in Role::\"steward\", action == Action::\"showManifest\", resource);\n"
        ),
    );
    served.ok(&lab, "owner", &["policy", "set", "policy.toml", "--access", "rules.cedar"]);
    assert_eq!(served.ok(&lab, "steward", &["job", "show", &job])["manifestText"], "");
    let session = login(&served, &lab, "steward");
    let (_, task) = get_as(&served, &session, &format!("/ga4gh/tes/v1/tasks/{job}?view=FULL"));
    assert!(task["executors"].is_array() && task.get("resources").is_none(), "{task}");
    // Who approved is kept from whoever has yet to decide, where a lab wants that.
    lab.write(
        "rules.cedar",
        format!(
            "{usual}\n@id(\"blind\")\n@en(\"operators see who approved once they have decided\")\n@zh(\"运行管理员作出决定后才能看到审批人\")\n\
             forbid (principal in Role::\"operator\", action == Action::\"showApprovals\", resource)\n\
             when {{ resource.state == State::\"submitted\" && !resource.approvedBy.contains(principal.name) }};\n"
        ),
    );
    served.ok(&lab, "owner", &["policy", "set", "policy.toml", "--access", "rules.cedar"]);
    let job = lab.submit("job");
    served.ok(&lab, "operator", &["job", "approve", &job]);
    let seen = |who: &str| {
        let found = served.ok(&lab, who, &["job", "show", &job]);
        (found["approvals"].clone(), found["approvedBy"].clone())
    };
    assert_eq!(seen("second"), (json!(null), json!([])));
    assert_eq!(served.ok(&lab, "second", &["job", "list"])["jobs"][1]["approvals"], json!(null));
    assert_eq!(seen("operator"), (json!(1), json!(["operator"])));
    assert_eq!(seen("analyst"), (json!(1), json!(["operator"])));
    let said = served.unseen(&lab, "second", &["job", "show", &job]).stdout;
    assert!(said.contains("shown once you have decided"), "{said}");
    served.ok(&lab, "second", &["job", "approve", &job]);
    assert_eq!(seen("second"), (json!(2), json!(["operator", "second"])));
    // An auditor outside has them too.
    lab.ok(&["log", "export", "bundle"]);
    assert_eq!(lab.ok(&["audit", "verify", "bundle", "--forget"])["violations"], json!([]));
}

#[test]
fn who_came_and_who_was_refused_is_on_record_and_guessing_ends() {
    let lab = Lab::with_job();
    unseen_lab::write_new_key(&lab.path("keys/auditor.pem")).unwrap();
    let auditor = ["--name", "auditor", "--role", "auditor", "--new-key", "keys/auditor.pem"];
    lab.ok(&[["person", "enroll"].as_slice(), &auditor, &["--key", "keys/owner.pem"]].concat());
    // A day that is over, as an earlier service left it.
    let yesterday = (chrono::Utc::now() - chrono::TimeDelta::days(1)).format("%F").to_string();
    let begun = json!({ "note": "begun", "previous": Digest::of(b""), "time": format!("{yesterday}T00:00:00Z") });
    std::fs::create_dir(lab.path("lab/access")).unwrap();
    lab.write(&format!("lab/access/{yesterday}.jsonl"), format!("{begun}\n"));
    let served = Served::of(&lab);
    served.ok(&lab, "owner", &["job", "list"]);
    served.unseen(&lab, "analyst", &["dataset", "quality", "firms"]);
    // Auditors read it from where they are, and nobody else does.
    std::thread::sleep(Duration::from_secs(2));
    let told = served.ok(&lab, "auditor", &["log", "access", "--person", "analyst", "--action", "showQuality"]);
    assert_eq!(told["lines"][0]["action"], "showQuality", "{told}");
    assert!(served.unseen(&lab, "operator", &["log", "access"]).stderr.contains("you may not"));
    let of_yesterday = ["log", "access", "--day", &yesterday];
    let start = Instant::now();
    while !lab.kinds().contains(&"access-log-recorded".to_owned()) {
        assert!(start.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(100));
    }
    let whole = served.unseen(&lab, "auditor", &of_yesterday);
    assert!(whole.code == 0 && whole.stdout.contains("Nothing of the day was altered"), "{whole:?}");
    lab.write(&format!("lab/access/{yesterday}.jsonl"), format!("{begun}\n").replace("00:00:00", "00:00:01"));
    let altered = served.unseen(&lab, "auditor", &of_yesterday);
    assert!(altered.code == 1 && altered.stdout.contains("ALTERED"), "{altered:?}");
    let session = login(&served, &lab, "operator");
    // Sessions that are over are none, however often they are shown.
    assert!((0..8).all(|guess| get_as(&served, &format!("{guess:064x}"), "/v1/lab").0 == 401));
    // Five log-ins that are not good, and this address has to wait.
    let mut bad = json!({ "host": "lab", "time": "2026-11-29T08:00:00Z", "nonce": "0".repeat(32), "signature": "" });
    bad["key"] = "0".repeat(64).into();
    let statuses: Vec<u16> = (0..8).map(|_| served.post("/v1/login", None, &bad).0).collect();
    assert_eq!((statuses[0], statuses[7]), (401, 429), "{statuses:?}");
    // Whoever can show who they are is not shut out by what others at their address have tried.
    assert_eq!(get_as(&served, &session, "/v1/lab").0, 200);
    served.ok(&lab, "steward", &["lab", "show"]);
    std::thread::sleep(Duration::from_secs(2));
    let day = lab.path(&format!("lab/access/{}.jsonl", chrono::Utc::now().format("%F")));
    let kept = std::fs::read_to_string(day).unwrap();
    let lines: Vec<Value> = kept.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let found = |who: Value, action: &str, outcome: &str| {
        lines.iter().any(|line| line["who"] == who && line["action"] == action && line["outcome"] == outcome)
    };
    assert!(found(json!("owner"), "logIn", "allowed") && found(json!("owner"), "listJobs", "allowed"), "{kept}");
    assert!(found(json!("analyst"), "showQuality", "denied"), "{kept}");
    assert!(found(Value::Null, "session", "failed"), "{kept}");
    assert!(!kept.contains(&session), "a secret is on record");
}

/// From the draft of its job to the rows, all of it from elsewhere; what is made of the release is made on one's own
/// machine, and is what the release itself, kept in a file, gives.
#[test]
fn a_twin_is_fitted_to_a_release_from_elsewhere() {
    let lab = Lab::with_job();
    let served = Served::of(&lab);
    let fit = ["dataset", "fit", "firms", "--rho", "0.25", "--release", "now", "--out", "fit"];
    assert_eq!(served.ok(&lab, "analyst", &fit)["checked"]["refusal"], Value::Null);
    let id = text(&served.ok(&lab, "analyst", &["job", "submit", "fit"])["job"]);
    for who in ["operator", "second"] {
        served.ok(&lab, who, &["job", "approve", &id]);
    }
    wait_for(&served, &lab, &id, "released");
    let twin = |of: &str, out: &str| {
        let args = ["twin", "firms", "--rows", "100", "--fitted", of, "--out", out];
        let made = served.ok(&lab, "analyst", &args);
        let files =
            ["firms.csv", "firms.dataset.toml"].map(|file| std::fs::read_to_string(lab.path(&format!("{out}/{file}"))));
        (made["fitted"].clone(), files.map(Result::unwrap))
    };
    let (fitted, [rows, headed]) = twin(&id, "fitted");
    let release = served.ok(&lab, "analyst", &["job", "release", &id]);
    assert_eq!(
        (&fitted["job"], &fitted["release"], &fitted["rho"]),
        (&release["job"], &release["body"], &json!("0.25"))
    );
    let head = format!("# FITTED: made by the release of {id} ({}), which cost rho 0.25", text(&release["body"]));
    assert!(headed.starts_with(&head) && headed.ends_with(FIRMS), "{headed}");
    lab.write("release.json", release.to_string());
    assert_eq!(twin("release.json", "of-file"), (fitted, [rows.clone(), headed]));
    // It is other rows than the description alone gives, and a job can be tried on them.
    served.ok(&lab, "analyst", &["twin", "firms", "--rows", "100", "--out", "plain"]);
    assert_ne!(std::fs::read_to_string(lab.path("plain/firms.csv")).unwrap(), rows);
    assert_eq!(lab.ok(&["job", "try", "fit", "--twins", "fitted"])["failed"], json!([]));
    // Reading the release is in the log, once for each twin that was made of it.
    assert_eq!(lab.kinds().iter().filter(|kind| *kind == "release-read").count(), 2);
}

#[test]
fn auditors_take_the_log_and_have_runs_replayed_without_a_shell() {
    let lab = Lab::with_job();
    let served = Served::of(&lab);
    let id = text(&served.ok(&lab, "analyst", &["job", "submit", "job"])["job"]);
    for who in ["operator", "second"] {
        served.ok(&lab, who, &["job", "approve", &id]);
    }
    wait_for(&served, &lab, &id, "released");
    let there = served.ok(&lab, "operator", &["log", "export", "there", "--modules"]);
    let here = lab.ok(&["log", "export", "here", "--modules"]);
    assert_eq!((&there["files"], &there["entries"]), (&here["files"], &here["entries"]));
    assert_eq!(tree(&lab.path("there")), tree(&lab.path("here")));
    assert_eq!(lab.ok(&["audit", "verify", "there", "--forget"])["violations"], json!([]));
    let again = served.unseen(&lab, "operator", &["log", "export", "there"]);
    assert!(again.code == 1 && again.stderr.contains("there"), "{again:?}");
    let without = served.ok(&lab, "operator", &["log", "export", "without"]);
    assert!(without["files"].as_u64() < here["files"].as_u64());
    until_empty(&lab.path("lab/incoming/exports"));
    let replayed = |done: Value| [&done["verdict"], &done["derived"], &done["numbers"]].map(Value::clone);
    let there = replayed(served.ok(&lab, "operator", &["audit", "replay", &id]));
    assert_eq!(there, replayed(lab.ok(&["audit", "replay", &id])));
    assert_eq!(there[0], "agrees");
    let twin = |served: Option<&Served>, out: &str| {
        let args = ["twin", "firms", "--rows", "50", "--out", out];
        served.map_or_else(|| lab.ok(&args), |served| served.ok(&lab, "analyst", &args));
        ["firms.csv", "firms.dataset.toml"].map(|file| std::fs::read(lab.path(&format!("{out}/{file}"))).unwrap())
    };
    assert_eq!(twin(Some(&served), "twins-there"), twin(None, "twins-here"));
    // A fit is the same job from there, and its reader is whoever may read the release.
    served.ok(&lab, "analyst", &["dataset", "fit", "firms", "--rho", "0.01", "--out", "fit-there"]);
    lab.ok(&["dataset", "fit", "firms", "--rho", "0.01", "--out", "fit-here"]);
    let manifest = |folder: &str| std::fs::read_to_string(lab.path(&format!("{folder}/job.toml"))).unwrap();
    assert_eq!(manifest("fit-there"), manifest("fit-here"));
    let fitted = |who: &str| served.unseen(&lab, who, &["twin", "firms", "--fitted", &id, "--out", "fitted"]);
    assert!(fitted("analyst").stderr.contains("is not that of a `dataset fit`"), "{:?}", fitted("analyst"));
    assert!(fitted("steward").stderr.contains("you may not"), "{:?}", fitted("steward"));
    let table = served.unseen(&lab, "analyst", &["dataset", "show", "firms"]);
    assert_eq!(table.code, 0, "{table:?}");
    let rows = get_as(&served, &login(&served, &lab, "analyst"), "/v1/datasets/firms/table");
    assert_eq!((rows.0, &rows.1["code"]), (422, &json!("lab.not-public")));
    for args in [["log", "export", "mine"].as_slice(), &["audit", "replay", &id]] {
        let refused = served.unseen(&lab, "analyst", args);
        assert!(refused.code == 1 && refused.stderr.contains("you may not"), "{refused:?}");
        assert!(!lab.path("mine").exists());
    }
    // What an approver would look at: the very component, ready to be tried.
    let fetched = served.ok(&lab, "operator", &["job", "fetch", &id, "--out", "review"]);
    assert_eq!(fetched["project"], "review");
    let same = |file: &str| {
        assert_eq!(
            std::fs::read(lab.path(&format!("review/{file}"))).unwrap(),
            std::fs::read(lab.path(&format!("job/{file}"))).unwrap()
        );
    };
    ["job.toml", "target/job.wasm"].into_iter().for_each(same);
    lab.ok(&["job", "try", "review", "--twins", "twins-here"]);
    // Wherever a manifest says that its component is, the one that was submitted is looked at.
    let odd = support::job("rho = 0.25").replace("[job]", "[job]\nmodule = \"../job/target/job.wasm\"");
    lab.write("odd/job.toml", &odd);
    let other = text(&served.ok(&lab, "analyst", &["job", "submit", "odd"])["job"]);
    served.ok(&lab, "operator", &["job", "fetch", &other, "--out", "there-odd"]);
    assert_eq!(tree(&lab.path("there-odd")), ["fetched.json", "job.toml", "target", "target/job.wasm"]);
    lab.ok(&["job", "try", "there-odd", "--twins", "twins-here"]);
    lab.write("there-odd/target/job.wasm", b"another");
    assert!(lab.refuses(&["job", "try", "there-odd", "--twins", "twins-here"]).contains("is not the module"));
    let refused = served.unseen(&lab, "steward", &["job", "fetch", &id, "--out", "mine"]);
    assert!(refused.code == 1 && refused.stderr.contains("you may not") && !lab.path("mine").exists(), "{refused:?}");
    let session = login(&served, &lab, "operator");
    for (path, list) in [("/v1/runs", "runs"), ("/v1/releases", "releases")] {
        let (status, found) = get_as(&served, &session, path);
        assert_eq!((status, &found[list][0]["job"], found[list].as_array().map(Vec::len)), (200, &json!(id), Some(1)));
    }
    let nothing = served.unseen(&lab, "operator", &["audit", "replay", "j99"]);
    assert!(nothing.code == 1 && nothing.stderr.contains("j99"), "{nothing:?}");
}

fn until_empty(folder: &std::path::Path) {
    let start = Instant::now();
    while !tree(folder).is_empty() {
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", tree(folder));
        std::thread::sleep(Duration::from_millis(50));
    }
}
