//! Ended in the middle: `kill -9` at any moment of an import, an append or a run, a worker that dies,
//! a disk that is full. The lab opens again, nothing acknowledged is lost, nothing happens twice. What
//! goes wrong in one call is in faults.rs.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/disk.rs"]
mod disk;
#[path = "support/served.rs"]
mod served;
mod support;

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::{Engine, prelude::BASE64_STANDARD};
use disk::Disk;
use serde_json::{Value, json};
use served::{Served, agent, login};
use support::*;
use unseen_ids::{Digest, Role};
use unseen_policies::event::Event;
use unseen_usecases::change::Change;
use unseen_usecases::people::{Enrol, request_enrolment};

/// An operation that may be killed at any time: what it is called with, and what must hold then.
struct Operation<'a> {
    lab: &'a Lab,
    args: &'a [&'a str],
    /// Checks a copy of the lab, however far the operation came there, and finishes it.
    after: &'a dyn Fn(&Lab),
}

impl Operation<'_> {
    /// Kills it after steps of the time it takes undisturbed.
    fn killed_in_steps(&self, steps: u32) {
        let lab = self.lab.copy();
        let start = Instant::now();
        assert!(lab.command(self.args).output().unwrap().status.success());
        let whole = start.elapsed();
        for step in 0..steps {
            let lab = self.lab.copy();
            let mut child = lab.command(self.args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(whole * step / steps);
            child.kill().unwrap();
            child.wait().unwrap();
            self.check(&lab, &format!("killed after {step}/{steps} of {whole:?}"));
        }
    }

    fn check(&self, lab: &Lab, when: &str) {
        let before = self.lab.entries();
        // The lab opens, and holds what it held. Whoever writes finishes what was logged and not yet published.
        assert_eq!(lab.unseen(&["job", "approve", "j999", "--key", "keys/operator.pem"]).code, 1, "{when}");
        lab.ok(&["lab", "show"]);
        assert!(lab.entries() >= before, "{when}: entries were lost");
        audited(lab, when);
        (self.after)(lab);
        audited(lab, when);
    }
}

/// An auditor who kept a checkpoint from before finds nothing wrong.
fn audited(lab: &Lab, when: &str) {
    let _ = std::fs::remove_dir_all(lab.path("bundle"));
    lab.ok(&["log", "export", "bundle"]);
    let key = std::fs::read_to_string(lab.path("log.vkey")).unwrap();
    let done = lab.unseen(&["--json", "audit", "verify", "bundle", "--since", "kept.txt", "--log-key", &key]);
    assert_eq!(done.code, 0, "{when}: {done:?}");
}

/// What an auditor keeps.
fn keep(lab: &Lab) {
    lab.write("kept.txt", text(&lab.ok(&["log", "checkpoint"])["checkpoint"]));
    lab.write("log.vkey", text(&lab.ok(&["lab", "show"])["logKey"]));
}

fn count(lab: &Lab, kind: &str) -> usize {
    lab.kinds().iter().filter(|found| *found == kind).count()
}

#[test]
fn an_append_happens_once_or_not_at_all() {
    let lab = Lab::with_job();
    let job = lab.submit("job");
    keep(&lab);
    let args = ["job", "approve", &job, "--key", "keys/operator.pem"];
    let after = |lab: &Lab| {
        match count(lab, "job-approved") {
            0 => drop(lab.ok(&args)),
            // It was logged, whether its author heard so or not: once is all there is.
            1 => assert!(lab.refuses(&args).contains("approve")),
            more => panic!("{more} approvals"),
        }
        assert_eq!(count(lab, "job-approved"), 1);
    };
    let operation = Operation { lab: &lab, args: &args, after: &after };
    operation.killed_in_steps(6);
}

/// Fifty people write, whose entries are logged together, when the service is killed.
#[test]
fn a_service_that_is_killed_has_logged_whatever_it_answered() {
    let lab = Lab::new();
    keep(&lab);
    let open = unseen_lab::Lab::open(&lab.path("lab")).unwrap();
    let (size, owner) = (open.log().size(), lab.signing_key("owner"));
    let enrolment = |number: u16| {
        let key = unseen_tlog::SigningKey::generate().unwrap();
        let wish = Enrol(request_enrolment(ORIGIN, &format!("newcomer {number}"), &[Role::Analyst], &key).unwrap());
        let event: Event = wish.event(&open).unwrap();
        let entry = open.signed(event, &owner).unwrap();
        let sent = json!({ "change": wish, "entry": BASE64_STANDARD.encode(&entry) });
        (serde_json::to_vec(&sent).unwrap(), entry)
    };
    let entries: Vec<_> = (0..1_000).map(enrolment).collect();
    drop(open);
    for most in [1, 60, 200] {
        let lab = lab.copy();
        let mut served = Served::of(&lab);
        let tokens: Vec<String> = PEOPLE.iter().map(|(who, _)| login(&served, &lab, who)).collect();
        let answered = std::sync::Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for (writer, share) in entries.chunks(entries.len() / 50).enumerate() {
                let (url, token) = (format!("{}/v1/people", served.url), &tokens[writer % tokens.len()]);
                let answered = &answered;
                scope.spawn(move || {
                    let agent = agent();
                    for (request, entry) in share {
                        let post = agent.post(&url).header("content-type", "application/json");
                        let sent = post.header("authorization", format!("Bearer {token}")).send(request);
                        // No answer: it was killed.
                        let Ok(mut sent) = sent else { return };
                        let Ok(text) = sent.body_mut().read_to_string() else { return };
                        assert_eq!(sent.status(), 201, "{text}");
                        let answer: Value = serde_json::from_str(&text).unwrap();
                        answered.lock().unwrap().push((answer["entry"].as_u64().unwrap(), entry));
                    }
                });
            }
            while answered.lock().unwrap().len() < most {
                std::thread::sleep(Duration::from_millis(1));
            }
            served.kill();
        });
        let answered = answered.into_inner().unwrap();
        let when = format!("killed after {} answers", answered.len());
        audited(&lab, &when);
        let open = unseen_lab::Lab::open(&lab.path("lab")).unwrap();
        for (index, entry) in &answered {
            assert_eq!(&open.log().entry(*index).unwrap(), *entry, "{when}: entry {index} is another");
        }
        // Whatever else people have said there was handed in, and is there whole.
        for entry in open.log().entries(size).map(Result::unwrap) {
            let by_lab = open.verified(&entry).unwrap().signer() == open.ledger().service_key().unwrap();
            assert!(by_lab || entries.iter().any(|(_, handed_in)| *handed_in == entry), "{when}");
        }
        drop(open);
        audited(&lab, &when);
    }
}

#[test]
fn an_import_leaves_nothing_or_the_whole() {
    let lab = Lab::new();
    lab.write("firms.csv", firms(2000).replace("\nf", "\nZuluFirm"));
    lab.write("firms.toml", FIRMS);
    keep(&lab);
    std::fs::create_dir(lab.path("tmp")).unwrap();
    let args = ["dataset", "import", "firms.csv", "--description", "firms.toml", "--key", "keys/steward.pem"];
    // Would the search find it?
    assert!(holds_plaintext(&lab.path("firms.csv")));
    let after = |lab: &Lab| {
        assert!(
            !tree(&lab.path("lab")).iter().any(|name| holds_plaintext(&lab.path("lab").join(name))),
            "rows lie about in the lab"
        );
        assert_eq!(tree(&lab.path("tmp")), Vec::<String>::new(), "something lies about");
        let registered = count(lab, "dataset-registered");
        if registered == 0 {
            assert_eq!(lab.ok(&["dataset", "list"])["datasets"], serde_json::json!([]));
            lab.ok(&args);
        }
        assert_eq!(count(lab, "dataset-registered"), 1);
        // One snapshot, whole; what a killed import left was swept.
        assert_eq!(lab.ok(&["dataset", "quality", "firms", "--key", "keys/steward.pem"])["units"], 2000);
        let snapshots = tree(&lab.path("lab/snapshots/firms"));
        assert_eq!(
            snapshots.iter().filter(|name| !name.contains('/') && *name != ".import.lock").count(),
            1,
            "{snapshots:?}"
        );
    };
    let operation = Operation { lab: &lab, args: &args, after: &after };
    operation.killed_in_steps(6);
}

/// Whether a file holds the id of a firm as it is.
fn holds_plaintext(path: &Path) -> bool {
    let bytes = std::fs::read(path).unwrap_or_default();
    bytes.windows(8).any(|window| window == b"ZuluFirm")
}

#[test]
fn a_run_is_charged_once_and_resumed_bit_for_bit() {
    let lab = Lab::with_job();
    let job = lab.approved("job");
    keep(&lab);
    let args = ["job", "run", &job, "--key", "keys/operator.pem"];
    let after = |lab: &Lab| {
        let charged = count(lab, "run-started");
        assert!(charged <= 1);
        let spent = |lab: &Lab| lab.ok(&["budget", "--dataset", "firms"])["budgets"][0]["spent"].clone();
        assert_eq!(spent(lab), if charged == 1 { "0.25" } else { "0" });
        if count(lab, "released") == 1 {
            assert!(lab.refuses(&args).contains(&job), "a released job ran again");
        } else {
            // Resumed in two places, the same run gives the same bytes.
            let elsewhere = (charged == 1).then(|| lab.copy());
            lab.ok(&args);
            if let Some(elsewhere) = elsewhere {
                elsewhere.ok(&args);
                assert_eq!(body(&elsewhere, &job), body(lab, &job));
            }
        }
        assert_eq!((count(lab, "run-started"), count(lab, "released"), count(lab, "run-failed")), (1, 1, 0));
        assert_eq!(spent(lab), "0.25");
        let replay = lab.ok(&["audit", "replay", &job]);
        assert_eq!(replay["verdict"], "agrees", "{replay}");
        assert_eq!(tree(&lab.path("lab/sealed")), Vec::<String>::new());
    };
    let operation = Operation { lab: &lab, args: &args, after: &after };
    operation.killed_in_steps(6);
}

/// The released bytes.
fn body(lab: &Lab, job: &str) -> Value {
    lab.ok(&["job", "release", job, "--key", "keys/analyst.pem"])
}

#[test]
fn a_worker_that_dies_is_replaced_and_the_run_resumed() {
    let (lab, job) = busy();
    keep(&lab);
    let args = ["job", "run", &job, "--key", "keys/operator.pem"];
    // Killed with the lab: the worker goes too, nobody is left to take its result.
    let mut child = lab.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let worker = working(child.id());
    child.kill().unwrap();
    child.wait().unwrap();
    let killed = Instant::now();
    while std::fs::read_to_string(format!("/proc/{worker}/stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(killed.elapsed() < Duration::from_secs(10), "the worker outlived the lab");
        std::thread::sleep(Duration::from_millis(1));
    }
    let gone = killed.elapsed();

    // Killed alone: another one does its work, and nobody outside hears of it.
    let (resumed, child) = (Instant::now(), lab.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn());
    let child = child.unwrap();
    let worker = working(child.id());
    assert!(Command::new("kill").args(["-9", &worker]).status().unwrap().success());
    let done = Done::from(child.wait_with_output().unwrap(), &args);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{done:?}");
    assert!(
        gone < resumed.elapsed() / 3,
        "the worker went on for {gone:?} of {:?} after the lab was killed",
        resumed.elapsed()
    );
    assert_eq!((count(&lab, "run-started"), count(&lab, "released"), count(&lab, "run-failed")), (1, 1, 0));
    assert_eq!(lab.ok(&["audit", "replay", &job])["verdict"], "agrees");
    audited(&lab, "after two deaths");
}

/// What a run that is cut short again comes to: it may be tried until its time has come, and then it has ended.
#[test]
fn a_run_whose_workers_die_ends_at_its_time_and_not_before() {
    let (lab, job) = busy();
    keep(&lab);
    let late = lab.copy();
    let args = ["job", "run", &job, "--key", "keys/operator.pem"];
    let done = with_workers_killed(&lab, &args);
    assert_eq!((done.code, done.stdout.as_str()), (1, ""), "{done:?}");
    assert!(done.stderr.starts_with("error: the run was cut short: the worker ended without a result"), "{done:?}");
    assert_eq!((count(&lab, "run-started"), count(&lab, "released"), count(&lab, "run-failed")), (1, 0, 0));
    assert_eq!(lab.ok(&["job", "show", &job])["state"], "running");
    let said = lab.refuses(&["job", "release", &job, "--key", "keys/analyst.pem"]);
    assert_eq!(said, format!("{job} has no result yet: it has not run to its end"));
    assert_eq!(lab.unseen(&args).code, 0);
    assert_eq!((count(&lab, "run-started"), count(&lab, "released"), count(&lab, "run-failed")), (1, 1, 0));
    audited(&lab, "after a second try");

    start(&late, &job, build(), chrono::TimeDelta::hours(1));
    let done = with_workers_killed(&late, &args);
    assert_eq!((done.code, done.stderr.as_str()), (1, ""), "{done:?}");
    assert!(done.stdout.contains("The job failed and has no result"), "{done:?}");
    assert_eq!((count(&late, "run-started"), count(&late, "released"), count(&late, "run-failed")), (1, 0, 1));
    let reason = &late.ok(&["job", "show", &job])["reason"];
    assert_eq!(reason, "the run was cut short");
    audited(&late, "after a run that failed");
}

/// Runs `unseen` and kills each worker that it starts, the second too.
fn with_workers_killed(lab: &Lab, args: &[&str]) -> Done {
    let child = lab.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    for _ in 0..2 {
        let worker = working(child.id());
        assert!(Command::new("kill").args(["-9", &worker]).status().unwrap().success());
        while Path::new("/proc").join(&worker).exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    Done::from(child.wait_with_output().unwrap(), args)
}

/// The digest of the binary under test.
fn build() -> unseen_ids::Digest {
    Digest::of(&std::fs::read(env!("CARGO_BIN_EXE_unseen")).unwrap())
}

#[test]
fn a_run_is_resumed_by_the_build_that_started_it_or_not_at_all() {
    let lab = Lab::with_job();
    let job = lab.approved("job");
    keep(&lab);
    let late = lab.copy();
    let other = unseen_ids::Digest::from_bytes([7; 32]);
    let args = ["job", "run", &job, "--key", "keys/operator.pem"];
    start(&lab, &job, other, chrono::TimeDelta::zero());
    let said = lab.refuses(&args);
    let wanted = format!("the run of {job} was started by the build {other}, and this is the build {}: ", build());
    assert!(said.starts_with(&wanted), "{said}");
    // When its time has come it has ended without a result: nothing waits for a build for ever.
    start(&late, &job, other, chrono::TimeDelta::hours(1));
    assert_eq!(late.unseen(&args).code, 1);
    assert_eq!((count(&late, "run-started"), count(&late, "released"), count(&late, "run-failed")), (1, 0, 1));
    audited(&late, "after a run of another build");
}

/// The worker that a lab has started, once it is at its rows.
fn working(lab: u32) -> String {
    let worker = worker_behind_walls(lab);
    std::thread::sleep(Duration::from_millis(100));
    worker
}

#[test]
fn a_full_disk_refuses_and_breaks_nothing() {
    let lab = Lab::with_job();
    let job = lab.submit("job");
    lab.approve(&job, "second");
    lab.write("more.csv", firms(500));
    lab.write("more.toml", FIRMS.replace("\"firms\"", "\"more\""));
    keep(&lab);
    let small = Small::mount(&lab);
    let before = (lab.entries(), lab.kinds());
    let commands: [&[&str]; 3] = [
        &["dataset", "import", "more.csv", "--description", "more.toml", "--key", "keys/steward.pem"],
        &["job", "approve", &job, "--key", "keys/operator.pem"],
        &["job", "submit", "job", "--key", "keys/analyst.pem"],
    ];
    for left in small.rooms() {
        for args in &commands {
            small.fill(*left);
            let done = small.unseen(&lab, args);
            small.empty();
            assert_eq!((done.code, done.stdout.as_str()), (1, ""), "{left} KiB left: {done:?}");
            let line = done.stderr.trim_end();
            assert!(
                line.starts_with("error: ") && !line.contains('\n') && !line.contains("panicked"),
                "{left} KiB left: {done:?}"
            );
            assert!(line.contains("space") || line.contains("too large"), "{left} KiB left: {line}");
            assert_eq!((lab.entries(), lab.kinds()), before, "{left} KiB left: {args:?}");
            assert!(
                !tree(&lab.path("lab/snapshots")).iter().any(|name| name.contains("more/")),
                "{:?}",
                tree(&lab.path("lab/snapshots"))
            );
            audited(&lab, "after a full disk");
        }
    }
    small.fill(0);
    reads(&lab, &job);
    small.empty();
    small.read_only(&lab, || reads(&lab, &job));
    // Where it runs out in the middle, what is reported as logged is logged, and nothing else.
    for left in (16..160).step_by(12) {
        let before = lab.entries();
        small.fill(left);
        let done = small.unseen(&lab, commands[2]);
        small.empty();
        assert!(done.code <= 1 && !done.stderr.contains("panicked"), "{left} KiB left: {done:?}");
        assert_eq!(lab.kinds().len() as u64, before + u64::from(done.code == 0), "{left} KiB left: {done:?}");
    }
    audited(&lab, "after a full disk");
    // With room again, all of it goes through.
    for args in &commands {
        lab.ok(args);
    }
    lab.ok(&["job", "run", &job, "--key", "keys/operator.pem"]);
    assert_eq!(lab.ok(&["audit", "replay", &job])["verdict"], "agrees");
}

/// Everything that only reads, where nothing can be written.
fn reads(lab: &Lab, job: &str) {
    let commands: [&[&str]; 10] = [
        &["lab", "show"],
        &["person", "list"],
        &["policy", "show"],
        &["dataset", "list"],
        &["dataset", "show", "firms"],
        &["job", "list"],
        &["job", "show", job],
        &["budget"],
        &["log", "show"],
        &["log", "checkpoint"],
    ];
    for args in commands {
        assert_ne!(lab.ok(args), Value::Null, "{args:?}");
    }
    lab.ok(&["log", "export", "out-of-a-full-lab"]);
    lab.ok(&["audit", "verify", "out-of-a-full-lab"]);
    std::fs::remove_dir_all(lab.path("out-of-a-full-lab")).unwrap();
}

/// A place with little room for the lab: a small file system where we may mount one, and else a
/// limit on the size of files.
enum Small {
    Disk(Disk),
    Limit,
}

impl Small {
    fn mount(lab: &Lab) -> Small {
        Disk::mount(&lab.path("lab"), 16).map_or_else(
            || {
                skipped("no small disk may be mounted here, so file sizes are limited instead");
                Small::Limit
            },
            Small::Disk,
        )
    }

    /// KiB that are left, or that a file may have.
    fn rooms(&self) -> &[u64] {
        match self {
            Small::Disk(_) => &[0, 4, 8, 16],
            Small::Limit => &[0, 1],
        }
    }

    fn fill(&self, left: u64) {
        if let Small::Disk(disk) = self {
            disk.fill(left);
        }
    }

    /// Does something while nothing can be written here; where it cannot be so, as it is.
    fn read_only(&self, lab: &Lab, work: impl FnOnce()) {
        let Small::Disk(disk) = self else { return work() };
        disk.remount("ro");
        work();
        let refused = lab.unseen(&["job", "submit", "job", "--key", "keys/analyst.pem"]);
        assert!(refused.code == 1 && refused.stderr.to_lowercase().contains("read-only"), "{refused:?}");
        disk.remount("rw");
    }

    fn empty(&self) {
        if let Small::Disk(disk) = self {
            disk.empty();
        }
    }

    fn unseen(&self, lab: &Lab, args: &[&str]) -> Done {
        match self {
            Small::Disk(_) => lab.unseen(args),
            Small::Limit => limited(lab, args, 1),
        }
    }
}

/// Runs `unseen ARGS` with a limit on the size of files, in KiB, of which it is told by an error and
/// not by a signal.
fn limited(lab: &Lab, args: &[&str], most: u64) -> Done {
    let plain = lab.command(args);
    let mut shell = Command::new("bash");
    shell
        .arg("-c")
        .arg(format!("trap '' XFSZ; ulimit -f {most}; exec \"$@\""))
        .arg("limited")
        .arg(plain.get_program())
        .args(args);
    shell.current_dir(plain.get_current_dir().unwrap()).env("UNSEEN_LAB", "lab").env("LANG", "C");
    let output = shell.output().unwrap();
    assert_eq!(output.status.signal(), None, "{output:?}");
    Done::from(output, args)
}

#[test]
fn files_that_may_not_grow_refuse_and_break_nothing() {
    let lab = Lab::with_job();
    let job = lab.submit("job");
    lab.write("more.csv", firms(500));
    lab.write("more.toml", FIRMS.replace("\"firms\"", "\"more\""));
    keep(&lab);
    for args in [
        ["dataset", "import", "more.csv", "--description", "more.toml", "--key", "keys/steward.pem"].as_slice(),
        &["job", "approve", &job, "--key", "keys/operator.pem"],
    ] {
        let before = lab.kinds();
        let done = limited(&lab, args, 1);
        assert_eq!((done.code, done.stdout.as_str()), (1, ""), "{done:?}");
        assert!(!done.stderr.trim_end().contains('\n') && !done.stderr.contains("panicked"), "{done:?}");
        assert_eq!(lab.kinds(), before);
        audited(&lab, "after a limit");
        lab.ok(args);
        audited(&lab, "without the limit");
    }
}
