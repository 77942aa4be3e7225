//! The whole way with the real binary: from an empty folder to a release that an outsider verifies.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use serde_json::Value;
use support::*;

#[test]
fn from_an_empty_folder_to_a_verified_release() {
    let lab = Lab::empty();
    let made = lab.ok(&["lab", "init", "lab", "--origin", ORIGIN, "--owner", "keys/owner.pem", "--name", "owner"]);
    let log_key = text(&made["logKey"]);
    assert!(log_key.starts_with(ORIGIN));

    // People: with both keys at hand, and by a request made on another machine.
    for (name, role) in [("steward", "steward"), ("operator", "operator"), ("second", "operator")] {
        lab.ok(&[
            "person",
            "enroll",
            "--name",
            name,
            "--role",
            role,
            "--new-key",
            &key(name),
            "--key",
            "keys/owner.pem",
        ]);
    }
    lab.ok(&[
        "person",
        "request",
        "--name",
        "analyst",
        "--role",
        "analyst",
        "--new-key",
        "keys/analyst.pem",
        "--origin",
        ORIGIN,
        "--out",
        "request.json",
    ]);
    lab.ok(&["person", "enroll", "--request", "request.json", "--key", "keys/operator.pem"]);
    let people = lab.ok(&["person", "list"]);
    assert_eq!(people["people"].as_array().unwrap().len(), 5);
    assert_eq!(
        text(&lab.ok(&["key", "show", "keys/analyst.pem"])["publicKey"]),
        text(&people["people"][4]["publicKey"])
    );

    lab.write("policy.toml", POLICY);
    lab.ok(&["policy", "set", "policy.toml", "--key", "keys/owner.pem"]);
    assert_eq!(lab.ok(&["policy", "show"])["policy"]["approvals"], 2);

    // Data.
    lab.write("firms.csv", firms(900));
    lab.ok(&["dataset", "describe", "firms.csv", "--out", "draft.toml"]);
    lab.write("firms.toml", FIRMS);
    let quality = lab.ok(&[
        "dataset",
        "import",
        "firms.csv",
        "--description",
        "firms.toml",
        "--key",
        "keys/steward.pem",
    ])["quality"]
        .clone();
    assert_eq!((quality["rows"].as_u64(), quality["units"].as_u64()), (Some(1800), Some(900)));
    let mut again = lab.ok(&["dataset", "quality", "firms", "--key", "keys/steward.pem"]);
    again.as_object_mut().unwrap().remove("schema");
    assert_eq!(again, quality);
    assert_eq!(lab.ok(&["dataset", "list"])["datasets"][0]["name"], "firms");
    assert_eq!(text(&lab.ok(&["dataset", "show", "firms"])["description"]), FIRMS);
    let kept = lab.unseen(&["log", "checkpoint"]).stdout;
    lab.write("kept.txt", &kept);
    lab.ok(&["log", "export", "early"]);

    // A job, as `job new` writes it, with this lab's data put in.
    lab.ok(&["twin", "firms", "--rows", "300", "--out", "twins"]);
    lab.ok(&["job", "new", "count"]);
    lab.write("count/job.toml", COUNT);
    lab.write("count/src/lib.rs", SOURCE);
    let built = lab.unseen(&["--json", "job", "build", "count"]);
    assert_eq!(
        built.code, 0,
        "jobs cannot be compiled here; `make setup` gets the WebAssembly target\n{}",
        built.stderr
    );
    let checked = lab.ok(&["job", "check", "count"]);
    assert_eq!(checked["plan"]["rho"], "0.25");
    let width = checked["plan"]["outputs"][0]["values"][0]["halfWidth95"][0].as_f64().unwrap();
    let trial = lab.ok(&["job", "try", "count", "--twins", "twins"]);
    assert_eq!(trial["failed"].as_array().unwrap().len(), 0);

    let id = lab.submit("count");
    assert_eq!(lab.approve(&id, "operator")["state"], "submitted");
    assert_eq!(lab.approve(&id, "second")["state"], "approved");
    assert_eq!(lab.ok(&["job", "show", &id])["approvedBy"], serde_json::json!(["operator", "second"]));
    let ran = lab.ok(&["job", "run", &id, "--key", "keys/operator.pem"]);
    assert!(ran["released"].is_u64());
    let release = lab.ok(&["job", "release", &id, "--key", "keys/analyst.pem"]);
    let groups = release["rounds"][0]["outputs"][0]["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 2);
    for group in groups {
        // 450 firms in each town; the noise is wider than twice its 95 % width once in ten thousand.
        let value = text(&group["values"][0]["value"]).parse::<f64>().unwrap();
        assert!((value - 450.0).abs() <= 2.0 * width + 1.0, "{group}");
    }
    assert_eq!(lab.ok(&["job", "list"])["jobs"][0]["state"], "released");
    let budgets = lab.ok(&["budget"]);
    assert_eq!(
        (&budgets["budgets"][0]["spent"], &budgets["budgets"][1]["left"]),
        (&Value::from("0.25"), &Value::from("0.25"))
    );

    // The log, from inside and from outside.
    let kinds = lab.kinds();
    let end = [
        "dataset-registered",
        "job-submitted",
        "job-approved",
        "job-approved",
        "run-started",
        "released",
        "release-read",
    ];
    assert_eq!(kinds[kinds.len() - end.len()..], end);
    assert_eq!(lab.ok(&["log", "show", "--from", "5"])["entries"].as_array().unwrap().len(), kinds.len() - 5);
    let statement = lab.ok(&["log", "show", "--entry", "8"])["statement"].clone();
    assert_eq!(statement["predicateType"], "urn:unseen:Submission/v1");
    assert!(text(&lab.ok(&["log", "prove", "8"])["proof"]).contains("8"));
    lab.ok(&["log", "export", "bundle", "--modules"]);
    let verified = lab.ok(&["audit", "verify", "bundle", "--log-key", &log_key, "--since", "kept.txt"]);
    assert_eq!(
        (verified["violations"].as_array().unwrap().len(), &verified["numbers"], &verified["extends"]),
        (0, &Value::from(2), &Value::from(8))
    );
    let replayed = lab.ok(&["audit", "replay", &id]);
    assert_eq!((&replayed["verdict"], &replayed["numbers"]), (&Value::from("agrees"), &Value::from(2)));

    // Outside: a log rolled back, another log's key, one byte of the release changed.
    lab.write("kept.txt", lab.unseen(&["log", "checkpoint"]).stdout);
    let rolled_back = lab.unseen(&["audit", "verify", "early", "--since", "kept.txt"]);
    assert!(rolled_back.code == 1 && rolled_back.stderr.starts_with("error: ROLLBACK"), "{rolled_back:?}");
    let other = lab.unseen(&["audit", "verify", "bundle", "--log-key", &log_key.replace(ORIGIN, "lab.example/other")]);
    assert!(other.code == 1 && other.stderr.starts_with("error: the verifier key you know: "), "{other:?}");
    let digest = text(&lab.ok(&["log", "show", "--entry", "12"])["statement"]["predicate"]["event"]["body"]);
    let hex = digest.trim_start_matches("sha256:");
    let blob = tree(&lab.path("bundle")).into_iter().find(|path| path.ends_with(hex)).unwrap();
    let body = String::from_utf8(std::fs::read(lab.path("bundle").join(&blob)).unwrap()).unwrap();
    lab.write(&format!("bundle/{blob}"), body.replacen("\"north\"", "\"nort!\"", 1));
    let altered = lab.unseen(&["audit", "verify", "bundle"]);
    assert_eq!(altered.code, 1, "{altered:?}");
}

/// `make setup` not needed from here on.
#[test]
fn a_release_waits_for_its_time() {
    let lab = Lab::with_job();
    lab.write("job/job.toml", job("rho = 0.25").replace("\"now\"", "\"+1h\""));
    let id = lab.approved("job");
    let ran = lab.ok(&["job", "run", &id, "--key", "keys/operator.pem"]);
    assert_eq!(ran["released"], Value::Null);
    assert!(
        lab.refuses(&["job", "release", &id, "--key", "keys/analyst.pem"])
            .starts_with(&format!("the release of {id} is sealed until "))
    );
    let reject = ["job", "reject", &id, "--reason", "too late", "--key", "keys/owner.pem"];
    assert_eq!(lab.refuses(&reject), format!("job {id} is running, so it may not be rejected"));
    let chinese = lab.unseen(&[&["--lang", "zh"], reject.as_slice()].concat());
    assert!(chinese.stderr.starts_with(&format!("错误：作业 {id} 运行中，此时不能驳回\n")), "{chinese:?}");
    // Running it again neither hurries nor charges it.
    let again = lab.ok(&["job", "run", &id, "--key", "keys/operator.pem"]);
    assert_eq!((&again["released"], &again["releaseAt"]), (&Value::Null, &ran["releaseAt"]));
    assert_eq!(lab.ok(&["budget"])["budgets"][0]["spent"], "0.25");
    let kinds = lab.kinds();
    assert_eq!(kinds.last().unwrap(), "run-started");
    // What waits is sealed: nothing in the folder shows it.
    let sealed = std::fs::read(lab.path("lab/sealed").join(&id)).unwrap();
    assert!(!String::from_utf8_lossy(&sealed).contains("\"rounds\""));
    assert!(lab.refuses(&["audit", "replay", &id]).starts_with(&format!("the release of {id} is sealed until ")));
}

/// Answers are for people on a terminal and for programs elsewhere, in the language asked for.
#[test]
fn texts_and_languages() {
    let lab = Lab::with_job();
    let id = lab.submit("job");
    let chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    for command in [
        "lab show",
        "person list",
        "policy show",
        "dataset list",
        "dataset show firms",
        "dataset quality firms --key keys/steward.pem",
        "job list",
        "job check job",
        "budget",
        "log show",
        "log checkpoint",
        "log prove 3",
        "log show --entry 3",
        "key show keys/owner.pem",
    ] {
        let args: Vec<&str> = command.split(' ').collect();
        let done = lab.unseen(&args);
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{done:?}");
        assert!(!done.stdout.is_empty() && !done.stdout.contains('\u{1b}'), "{done:?}");
        lab.ok(&args);
    }
    assert_eq!(lab.unseen(&["doctor"]).code, 0);
    assert!(lab.ok(&["doctor"])["protections"].as_array().unwrap().len() >= 4);
    let version = lab.unseen(&["--version"]);
    assert_eq!((version.code, version.stdout.starts_with("unseen ")), (0, true));

    for command in [
        "--help",
        "job run --help",
        "lab show",
        "person list",
        "dataset list",
        "job list",
        "budget",
        "log show",
        "doctor",
    ] {
        let args: Vec<&str> = command.split(' ').collect();
        assert!(chinese(&lab.unseen(&[&["--lang", "zh"], &args[..]].concat()).stdout), "{command}");
        let by_environment = lab.command(&args).env("LANG", "zh_CN.UTF-8").output().unwrap();
        assert!(chinese(&String::from_utf8(by_environment.stdout).unwrap()), "{command}");
    }
    let refused = lab.unseen(&["--lang=zh", "job", "release", &id, "--key", "keys/analyst.pem"]);
    assert_eq!((refused.code, refused.stderr), (1, format!("错误：{id} 尚无结果：运行还没有结束\n")));
    let usage = lab.unseen(&["--lang", "zh", "job", "approve", "seven", "--key", "k"]);
    assert_eq!(
        usage.stderr.lines().next().unwrap(),
        "错误：`seven` 不适用于 `<JOB>`：`seven` 不是作业：请写编号，例如 j12"
    );
    let help = lab.unseen(&["--lang", "zh", "job", "run", "--help"]).stdout;
    for english in ["Usage", "Options", "Print", "Arguments", "env", "values"] {
        assert!(!help.contains(english), "{help}");
    }
    assert!(lab.unseen(&["--lang", "zh", "jobb"]).stderr.contains("是否想写 `job`？"));
    // A program gets its error as JSON, on standard error too.
    let refused = lab.unseen(&["--json", "job", "approve", &id, "--key", "keys/analyst.pem"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (1, ""));
    let error: Value = serde_json::from_str(&refused.stderr).unwrap();
    assert_eq!(error["error"]["code"], "ledger.wrong-role");
    assert_eq!(error["error"]["data"], serde_json::json!({ "name": "analyst", "role": "operator" }));
    assert_eq!(error["error"]["message"], "analyst is not an operator");
}

const COUNT: &str = r#"
[job]
title = "Firms by town"
purpose = "To count."
release = "now"

[[input]]
dataset = "firms"
columns = ["town", "output"]

[grain]
kind = "unit"

[[output]]
name = "firms"
values = [{ name = "firms", lower = 0, upper = 1, granularity = 1 }]
groups = [{ name = "town", keys = ["north", "south"] }]

[privacy]
mechanism = "gaussian"
rho = 0.25

[limits]
memory = "4MiB"
"#;

const SOURCE: &str = r#"
use unseen_guest::{Contributions, Grain, Job, job};

mod shape;
use shape::{Firms, Inputs};

struct Count;

impl Job for Count {
    fn contribute(grain: &Grain, _: &[f64], out: &mut Contributions) -> Result<(), String> {
        if let Some(town) = grain.firms().town().texts()?.get(0) {
            out.add(Firms { town, firms: 1.0 });
        }
        Ok(())
    }
}

job!(Count);
"#;

/// What people wrote is text on the auditor's page, and never a part of it.
#[test]
fn the_auditors_page_shows_what_people_wrote_as_text() {
    let lab = Lab::with_job();
    let title = "<script>alert('x')</script> & more";
    lab.write("job/job.toml", job("rho = 0.1").replace("Rows of firms", title));
    lab.submit("job");
    lab.ok(&["log", "export", "bundle"]);
    lab.ok(&["--lang", "zh", "audit", "verify", "bundle", "--html", "page.html"]);
    let page = std::fs::read_to_string(lab.path("page.html")).unwrap();
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script"), "{page}");
    assert!(page.contains("lang=\"zh\"") && page.contains("审计报告") && page.contains(ORIGIN), "{page}");
}

/// New rules are told by what they change, and the entry that set them is proven outside the lab by one file.
#[test]
fn the_log_tells_what_new_rules_change() {
    let lab = Lab::new();
    lab.write("three.toml", POLICY.replace("approvals = 2", "approvals = 3"));
    let entry = lab.ok(&["policy", "set", "three.toml", "--key", "keys/owner.pem"])["entry"].to_string();
    let shown = lab.unseen(&["log", "show"]).stdout;
    assert!(shown.contains("approvals 2 → 3"), "{shown}");
    let last = lab.ok(&["log", "show", "--from", &entry]);
    assert_eq!(last["entries"][0]["about"], "approvals 2 → 3");

    let key = text(&lab.ok(&["lab", "show"])["logKey"]);
    lab.write("entry.tlog-proof", lab.unseen(&["log", "prove", &entry]).stdout);
    let proof = ["audit", "proof", "entry.tlog-proof", "--log-key", &key];
    let proven = lab.ok(&proof);
    assert_eq!((proven["entry"].to_string(), &proven["says"]["kind"]), (entry.clone(), &"policy-set".into()));
    let said = lab.unseen(&[&["--lang", "zh"], &proof[..]].concat()).stdout;
    assert!(said.contains("设置规则") && said.contains("approvals = 3"), "{said}");
    // As the lab shows it, it is the same entry.
    lab.write("entry.json", lab.unseen(&["--json", "log", "show", "--entry", &entry]).stdout);
    lab.ok(&[&proof[..], &["--entry", "entry.json"]].concat());
    lab.write("other.json", lab.unseen(&["--json", "log", "show", "--entry", "0"]).stdout);
    let refused = lab.refuses(&[&proof[..], &["--entry", "other.json"]].concat());
    assert!(refused.starts_with("the proof is good, but for another entry"), "{refused}");
}

/// What people wrote shows as what it is, on every way to a screen.
#[test]
fn what_does_not_show_is_written_out() {
    let lab = Lab::with_job();
    let comment = "# for\u{202e} the \u{2066}county\u{200b}\n";
    lab.write("job/job.toml", comment.to_owned() + &job("rho = 0.1"));
    let id = lab.submit("job");
    for args in [&["job", "show", &id, "--manifest"][..], &["--json", "job", "show", &id]] {
        let said = lab.unseen(args).stdout;
        let hidden: Vec<char> = said.chars().filter(|c| "\u{202e}\u{2066}\u{200b}".contains(*c)).collect();
        assert!(hidden.is_empty(), "{args:?}: {hidden:?}");
    }
    let shown = lab.unseen(&["job", "show", &id, "--manifest"]).stdout;
    assert!(shown.contains(r"# for\u{202e} the \u{2066}county\u{200b}"), "{shown}");
    // To programs it is the same text.
    assert!(text(&lab.ok(&["job", "show", &id])["manifestText"]).starts_with(comment));
    lab.write("job/job.toml", job("rho = 0.1").replace("Rows of firms", "Rows\\u200b of firms"));
    let said = lab.refuses(&["job", "submit", "job", "--key", "keys/analyst.pem"]);
    assert!(said.ends_with(r"`title` holds the character \u{200b}, which does not show: take it out"), "{said}");
}

/// When files in it change would tell when a run ended.
#[test]
fn nobody_else_looks_into_a_labs_folder() {
    use std::os::unix::fs::PermissionsExt;
    let lab = Lab::with_job();
    let mode = |name: &str| std::fs::metadata(lab.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("lab"), 0o700);
    std::fs::set_permissions(lab.path("lab"), PermissionsExt::from_mode(0o755)).unwrap();
    lab.ok(&["lab", "show"]);
    assert_eq!(mode("lab"), 0o700, "a lab that was opened to others is closed again");
    for inside in ["lab/copy", "lab/keys/deep/copy"] {
        let refused = lab.refuses(&["lab", "backup", inside]);
        assert!(refused.ends_with("is in the folder that is to be copied: choose a place outside of it"), "{refused}");
    }
    lab.ok(&["lab", "backup", "copy"]);
    lab.ok(&["lab", "restore", "copy", "again", "--unchecked"]);
    assert_eq!((mode("copy"), mode("again")), (0o700, 0o700));
    // Another folder, or none, is called by its name, and leaves nothing behind.
    for wrong in ["keys", "nowhere"] {
        let refused = lab.unseen(&["lab", "restore", wrong, "third", "--unchecked"]);
        assert_eq!(refused.code, 1);
        assert!(refused.stderr.starts_with(&format!("error: {wrong} is not a lab\n")), "{}", refused.stderr);
        assert!(!lab.path("third").exists());
    }
}

/// A lab drops and clamps without a word; a trial counts both, by reason.
#[test]
fn a_trial_says_what_a_lab_would_drop_and_change() {
    let lab = Lab::new();
    lab.write("firms.toml", FIRMS);
    lab.ok(&["twin", "firms.toml", "--rows", "300", "--out", "twins"]);
    let sum = |groups: &str, most: u32, upper: &str| {
        let manifest = job("rho = 0.1").replace("release = \"now\"", "release = \"now\"\nmodule = \"ready-made:sum\"");
        let output = format!(
            "[[output]]\nname = \"by\"\nmax_groups_per_unit = {most}\ngroups = [{groups}]\n\
             values = [{{ name = \"output\", lower = 0, upper = {upper}, granularity = 1 }}]\n\n[privacy]"
        );
        let (head, tail) = (manifest.split("[[output]]").next().unwrap(), manifest.split("[privacy]").nth(1).unwrap());
        std::fs::create_dir_all(lab.path("sum")).unwrap();
        lab.write("sum/job.toml", format!("{head}{output}{tail}"));
        let done = lab.unseen(&["--json", "job", "try", "sum", "--twins", "twins", "--no-noise"]);
        (done.code, serde_json::from_str::<serde_json::Value>(&done.stdout).unwrap_or_else(|_| panic!("{done:?}")))
    };
    let both = "{ name = \"town\", keys = [\"north\", \"south\"] }";
    let north = "{ name = \"town\", keys = [\"north\"] }";

    let (code, said) = sum(both, 2, "1_000_000");
    let tally = &said["tally"];
    assert_eq!((code, &tally["outsideDomain"], &tally["pastMaxGroups"]), (0, &0.into(), &0.into()), "{tally}");
    // Without noise a total is the sum of what was said, to a step for each unit.
    let total: f64 = said["rounds"][0]["outputs"][0]["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| text(&group["values"][0]["value"]).parse::<f64>().unwrap())
        .sum();
    let counts = tally["values"][0]["counts"].as_f64().unwrap();
    assert!(counts > 0.0 && (total - counts).abs() <= 300.0, "{total} {counts}");

    let (code, said) = sum(north, 1, "10");
    let tally = &said["tally"];
    assert!(code == 0 && tally["outsideDomain"].as_u64() > Some(0), "{tally}");
    let clamped = &tally["values"][0];
    assert!(clamped["high"].as_u64() > Some(0) && clamped["low"] == 0, "{clamped}");
    assert!(clamped["counts"].as_f64() < clamped["said"].as_f64(), "{clamped}");

    let (_, said) = sum(both, 1, "1_000_000");
    assert!(said["tally"]["pastMaxGroups"].as_u64() > Some(0), "{}", said["tally"]);
    let shown = lab.unseen(&["job", "try", "sum", "--twins", "twins"]).stdout;
    assert!(shown.contains("Dropped, past max_groups_per_unit: "), "{shown}");
}

#[test]
fn an_answer_that_cannot_be_written_is_a_failure() {
    let lab = Lab::new();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let done = lab.command(&["log", "checkpoint"]).stdout(full).output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert!(said.starts_with("error: the command did its work, but its answer could not be written: "), "{said}");
}
