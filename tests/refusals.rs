//! What the lab refuses, and how: one sentence that says what to do, exit code 1, and a log that did
//! not grow.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use support::*;
use unseen_ids::{Digest, JobId};
use unseen_lab::requests;
use unseen_policies::event::JobApproved;

/// Runs each command, which must be refused with just this sentence. Reports all that differ at once.
fn refused(lab: &Lab, cases: &[(&str, &str)]) {
    let said: Vec<String> =
        cases.iter().map(|(command, _)| lab.refuses(&command.split(' ').collect::<Vec<_>>())).collect();
    let wanted: Vec<&str> = cases.iter().map(|(_, sentence)| *sentence).collect();
    assert_eq!(said, wanted);
}

#[test]
fn approvals_that_do_not_count() {
    let lab = Lab::with_job();
    assert_eq!(lab.submit("job"), "j8");
    refused(
        &lab,
        &[
            ("job approve j8 --key keys/analyst.pem", "analyst is not an operator"),
            ("job run j8 --key keys/operator.pem", "job j8 has 0 of the 2 approvals it needs: ask another operator"),
            ("job approve j9 --key keys/operator.pem", "there is no job j9"),
        ],
    );
    lab.approve("j8", "operator");
    refused(
        &lab,
        &[("job approve j8 --key keys/operator.pem", "operator has approved this job already, and counts once")],
    );

    // Forged with the library, since the binary does not let anyone sign such things.
    let before = lab.entries();
    {
        let mut open = unseen_lab::Lab::open(&lab.path("lab")).unwrap();
        let key = lab.signing_key("second");
        let good = requests::approval(open.ledger(), open.log().checkpoint(), JobId(8), "").unwrap();
        let other = Digest::from_bytes([7; 32]);
        for forged in [
            JobApproved { manifest: other, ..good.clone() },
            JobApproved { module: other, ..good.clone() },
            JobApproved { submission: other, ..good },
        ] {
            let error = open.sign_and_accept(forged, &key, &[]).unwrap_err();
            assert_eq!(error.to_string(), "the entry names something else than what was submitted as job j8");
        }
        let replayed = open.log().entry(before - 1).unwrap();
        let error = open.accept(&replayed, &[]).unwrap_err();
        assert_eq!(error.to_string(), "this envelope is in the log already");
    }
    assert_eq!(lab.entries(), before);

    lab.ok(&["person", "revoke", "second", "--reason", "left", "--key", "keys/owner.pem"]);
    refused(
        &lab,
        &[
            ("job approve j8 --key keys/second.pem", "the key of second was revoked by entry 10"),
            (
                "person revoke second --reason twice --key keys/owner.pem",
                "no enrolled person has the name or key `second`",
            ),
        ],
    );
    lab.ok(&["job", "reject", "j8", "--reason", "not this year", "--key", "keys/operator.pem"]);
    refused(
        &lab,
        &[
            ("job approve j8 --key keys/owner.pem", "job j8 is rejected, so it may not be approved"),
            ("job run j8 --key keys/owner.pem", "job j8 is rejected, so it may not be started"),
        ],
    );
}

/// Somebody who is analyst and operator at once is still the author of the job.
#[test]
fn an_author_does_not_approve() {
    let lab = Lab::with_job();
    lab.ok(&["key", "new", "keys/both.pem"]);
    lab.ok(&[
        "person",
        "enroll",
        "--name",
        "both",
        "--role",
        "analyst",
        "--role",
        "operator",
        "--new-key",
        "keys/both.pem",
        "--key",
        "keys/owner.pem",
    ]);
    lab.ok(&["job", "submit", "job", "--key", "keys/both.pem"]);
    refused(
        &lab,
        &[("job approve j9 --key keys/both.pem", "both wrote this job: its author never counts among its approvers")],
    );
}

#[test]
fn budgets_and_what_may_be_read() {
    let lab = Lab::with_job();
    lab.write("tight.toml", POLICY.replace("\"0.5\"", "\"0.25\"").replace("approvals = 2", "approvals = 1"));
    lab.ok(&["policy", "set", "tight.toml", "--key", "keys/owner.pem"]);
    lab.write("closed.csv", firms(3));
    lab.write("closed.toml", FIRMS.replace("\"firms\"", "\"closed\""));
    lab.ok(&[
        "dataset",
        "import",
        "closed.csv",
        "--description",
        "closed.toml",
        "--open-to",
        "steward",
        "--key",
        "keys/steward.pem",
    ]);
    for (name, from, to) in [
        ("dear", "rho = 0.25", "rho = 0.250000000001"),
        ("closed", "\"firms\"", "\"closed\""),
        ("nowhere", "\"firms\"", "\"nowhere\""),
        ("nothing", "\"output\"", "\"ouptut\""),
    ] {
        lab.write(&format!("{name}/job.toml"), job("rho = 0.25").replace(from, to));
        std::fs::create_dir(lab.path(name).join("target")).unwrap();
        std::fs::copy(lab.path("job/target/job.wasm"), lab.path(name).join("target/job.wasm")).unwrap();
    }
    let nowhere = "nowhere/job.toml: line 7, column 11: there is no dataset `nowhere`: there are closed, firms";
    let nothing = "nothing/job.toml: line 8, column 20: `firms` has no column `ouptut`: did you mean `output`?";
    refused(
        &lab,
        &[
            (
                "job submit dear --key keys/analyst.pem",
                "the job costs 0.250000000001 rho, over the cap of 0.25 rho for one job",
            ),
            ("job submit closed --key keys/analyst.pem", "`closed` is not open to analyst"),
            (
                "dataset import closed.csv --description closed.toml --open-to anlyst --key keys/steward.pem",
                "no enrolled person has the name or key `anlyst`",
            ),
            ("job list --dataset nowhere", "the dataset `nowhere` is not registered"),
            ("job submit nowhere --key keys/analyst.pem", nowhere),
            ("job check nowhere", nowhere),
            ("job submit nothing --key keys/analyst.pem", nothing),
            ("job check nothing", nothing),
            ("dataset show nowhere", "the dataset `nowhere` is not registered"),
            ("budget --dataset nowhere", "the dataset `nowhere` is not registered"),
        ],
    );

    // A check says what a submission would hear, as the person who would make it.
    let check = |lab: &Lab, args: &[&str]| lab.unseen(&[&["--json", "job", "check"], args].concat());
    let dear = check(&lab, &["dear"]);
    let said: Value = serde_json::from_str(&dear.stdout).unwrap();
    let over = "the job costs 0.250000000001 rho, over the cap of 0.25 rho for one job";
    assert_eq!((dear.code, &said["refusal"]), (1, &over.into()));
    let good = check(&lab, &["job"]);
    let said: Value = serde_json::from_str(&good.stdout).unwrap();
    assert_eq!((good.code, &said["refusal"], &said["author"]), (0, &Value::Null, &"analyst".into()));
    let left: Vec<_> =
        said["budget"].as_array().unwrap().iter().map(|line| (&line["before"], &line["after"])).collect();
    assert_eq!(left[1], (&"0.25".into(), &"0".into()), "the analyst's share: {left:?}");
    let operator = check(&lab, &["job", "--key", "keys/operator.pem"]);
    assert!(operator.code == 1 && operator.stdout.contains("operator is not an analyst"), "{operator:?}");

    // Both fit when they are submitted; only one can be paid.
    let (first, second, third) = (lab.submit("job"), lab.submit("job"), lab.submit("job"));
    for job in [&first, &second, &third] {
        lab.approve(job, "operator");
    }
    lab.ok(&["job", "run", &first, "--key", "keys/operator.pem"]);
    refused(
        &lab,
        &[
            (
                &format!("job run {second} --key keys/operator.pem"),
                "the job costs 0.25 rho, but analyst has only 0 rho left on `firms`",
            ),
            (
                "job submit job --key keys/analyst.pem",
                "the job costs 0.25 rho, but analyst has only 0 rho left on `firms`",
            ),
        ],
    );
    lab.write("many.toml", POLICY.replace("approvals = 2", "approvals = 9"));
    let many = "the policy asks for 9 people in the role of operator, and there are 3";
    refused(&lab, &[("policy set many.toml --key keys/owner.pem", many)]);
    lab.write("tight.toml", POLICY.replace("\"1\"", "\"0.4\"").replace("release_now = true", "release_now = false"));
    let set = lab.ok(&["policy", "set", "tight.toml", "--key", "keys/owner.pem"]);
    assert_eq!(set["voided"], serde_json::json!([second, third]));
    let changed: Vec<_> = set["changes"].as_array().unwrap().iter().map(|change| text(&change["key"])).collect();
    assert_eq!(changed, ["approvals", "caps.analyst", "caps.dataset", "release_now"]);
    lab.write("later/job.toml", job("rho = 0.25").replace("\"now\"", "\"+1h\""));
    lab.write("later/target/job.wasm", std::fs::read(lab.path("job/target/job.wasm")).unwrap());
    refused(
        &lab,
        &[
            (
                &format!("job approve {third} --key keys/second.pem"),
                &format!("job {third} is approved, so it may not be approved"),
            ),
            (
                &format!("job run {third} --key keys/operator.pem"),
                "the job was made under another policy than the one in force",
            ),
            (
                "job submit later --key keys/analyst.pem",
                "the job costs 0.25 rho, but only 0.15 rho of the budget of `firms` is left",
            ),
            (
                "job submit job --key keys/analyst.pem",
                "this lab releases on schedule only, and the job has no release time",
            ),
        ],
    );
}

#[test]
fn everyone_keeps_to_their_role() {
    let lab = Lab::with_job();
    lab.submit("job");
    lab.ok(&["key", "new", "keys/stranger.pem"]);
    let is_not = |who: &str, role: &str| format!("{who} is not {role}");
    let stranger = "is not enrolled in this lab";
    for (command, wrong, role) in [
        ("person enroll --name x --role auditor --new-key keys/stranger.pem", "steward", "an operator"),
        ("person revoke operator --reason x", "analyst", "an operator"),
        ("policy set policy.toml", "steward", "an operator"),
        ("dataset import firms.csv --description firms.toml", "analyst", "a steward"),
        ("dataset import firms.csv --description firms.toml", "owner", "a steward"),
        ("dataset quality firms", "analyst", "a steward"),
        ("job submit job", "steward", "an analyst"),
        ("job submit job", "operator", "an analyst"),
        ("job approve j8", "steward", "an operator"),
        ("job reject j8 --reason x", "analyst", "an operator"),
    ] {
        let try_as = |who: &str| lab.refuses(&format!("{command} --key keys/{who}.pem").split(' ').collect::<Vec<_>>());
        assert_eq!(try_as(wrong), is_not(wrong, role), "{command}");
        let said = try_as("stranger");
        assert!(said.ends_with(stranger), "{command}: {said}");
    }
    // Whoever may not register leaves nothing in the folder either.
    let snapshots =
        || tree(&lab.path("lab/snapshots")).into_iter().filter(|path| path.ends_with("/manifest.json")).count();
    assert_eq!(snapshots(), 1);
    lab.approve("j8", "operator");
    lab.approve("j8", "second");
    refused(
        &lab,
        &[
            ("job run j8 --key keys/analyst.pem", &is_not("analyst", "an operator")),
            ("job release j8 --key keys/analyst.pem", "j8 has no result yet: it has not run to its end"),
            ("person revoke nobody --reason x --key keys/owner.pem", "no enrolled person has the name or key `nobody`"),
            (
                "person enroll --name steward --role steward --new-key keys/stranger.pem --key keys/owner.pem",
                "the name `steward` is that of an enrolled person already",
            ),
            (
                "person enroll --name other --role steward --new-key keys/steward.pem --key keys/owner.pem",
                "this key is in the log already",
            ),
        ],
    );
    lab.ok(&["job", "run", "j8", "--key", "keys/operator.pem"]);
    refused(&lab, &[("job run j8 --key keys/operator.pem", "job j8 is released, so it may not be started")]);
    assert!(lab.refuses(&["job", "release", "j8", "--key", "keys/stranger.pem"]).ends_with(stranger));
}

#[test]
fn keys_that_others_can_read_or_that_are_none() {
    let lab = Lab::new();
    let open = lab.path("keys/operator.pem");
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o644)).unwrap();
    lab.write("keys/text.pem", "not a key");
    std::fs::set_permissions(lab.path("keys/text.pem"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let owner = std::fs::read(lab.path("keys/owner.pem")).unwrap();
    refused(
        &lab,
        &[
            (
                "policy set policy.toml --key keys/operator.pem",
                "keys/operator.pem can be read by others (mode 644): run `chmod 600` on it, and make a new key if others may have read it",
            ),
            (
                "policy set policy.toml --key keys/text.pem",
                "keys/text.pem is not a private key of the kind that is made here",
            ),
            ("policy set policy.toml --key keys/none.pem", "keys/none.pem: No such file or directory (os error 2)"),
            ("key show keys/text.pem", "keys/text.pem is not a private key of the kind that is made here"),
            ("key new keys/owner.pem", "keys/owner.pem exists already and is never overwritten: choose another name"),
        ],
    );
    assert_eq!(std::fs::read(lab.path("keys/owner.pem")).unwrap(), owner);
    let noise = lab.path("lab/keys/noise.key");
    std::fs::set_permissions(&noise, std::fs::Permissions::from_mode(0o644)).unwrap();
    let write = ["policy", "set", "policy.toml", "--key", "keys/owner.pem"];
    assert!(lab.unseen(&write).stderr.contains("lab/keys/noise.key can be read by others (mode 644)"));
    std::fs::set_permissions(&noise, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&noise, [9; 32]).unwrap();
    assert!(lab.unseen(&write).stderr.contains("restore keys/noise.key from a backup"));
}

#[test]
fn folders_that_are_no_lab_or_somebody_elses() {
    let lab = Lab::new();
    lab.write("full/file", "");
    let init = |dir: &str| format!("lab init {dir} --origin {ORIGIN} --owner keys/owner.pem");
    refused(
        &lab,
        &[
            (&init("full"), "full is not empty: a new lab needs a new folder"),
            (&init("lab"), "lab is not empty: a new lab needs a new folder"),
            ("--lab full lab show", "full is not a lab"),
            ("--lab none job list", "none is not a lab"),
            ("log prove 7", "there is no entry 7: the log has 7 entries"),
            ("log show --entry 7", "there is no entry 7: the log has 7 entries"),
            ("log export full", "full exists already and is never overwritten: choose another name"),
        ],
    );
    assert_eq!(tree(&lab.path("full")), ["file"]);
    let done = lab.command(&["lab", "show"]).env_remove("UNSEEN_LAB").output().unwrap();
    let done = Done::from(done, &[]);
    assert_eq!(
        (done.code, done.stderr.as_str()),
        (1, "error: no lab is named: give its folder or address with --lab or in UNSEEN_LAB\n")
    );

    // One writer at a time, who is named; whoever reads is in nobody's way.
    let held = unseen_lab::Lab::open(&lab.path("lab")).unwrap();
    let said = lab.refuses(&["policy", "set", "policy.toml", "--key", "keys/owner.pem"]);
    let named = format!("process {} (", std::process::id());
    assert!(said.starts_with(&named) && said.ends_with(") has the lab: try again when it has ended"), "{said}");
    lab.ok(&["lab", "show"]);
    drop(held);
    lab.ok(&["policy", "set", "policy.toml", "--key", "keys/owner.pem"]);
}

/// What cannot even be parsed is a matter of usage: exit code 2, and nothing done.
#[test]
fn usage() {
    let lab = Lab::new();
    let before = lab.entries();
    for args in [
        "",
        "lab",
        "frobnicate",
        "job approve",
        "job approve seven --key k",
        "--lang fr lab show",
        "person enroll --name x --key keys/owner.pem",
        "person enroll --role king --name x --new-key k --key k",
        "log show --from 1 --entry 2",
        "lab init x --owner keys/owner.pem",
    ] {
        let done = lab.unseen(&args.split_whitespace().collect::<Vec<_>>());
        assert_eq!(done.code, 2, "{args}: {done:?}");
        assert!(done.stdout.is_empty() && !done.stderr.is_empty(), "{args}: {done:?}");
    }
    assert_eq!(lab.entries(), before);
}
