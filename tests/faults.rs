//! Faults at every call that can change or lose data, in the real binary: killed, refused by a broken or
//! full disk, written by half, done but reported as failed. After each of them the lab is started again
//! and goes on with something else, and the log is judged from outside, by Go's own sumdb, against every
//! checkpoint that anybody may have seen: nothing acknowledged is lost, nothing is there twice, and there
//! is one history.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use support::*;
use unseen_policies::event::Event;

/// System calls that change what is on disk, or that make it last, or that end a file.
const CALLS: &[&str] = &[
    "openat",
    "mkdir",
    "write",
    "writev",
    "pwrite64",
    "pwritev",
    "copy_file_range",
    "sendfile",
    "fallocate",
    "ftruncate",
    "fsync",
    "fdatasync",
    "sync_file_range",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "rmdir",
    "close",
];

/// How many faults each of the nine tests injects at least; all of them together more than a thousand.
const LEAST: usize = 70;
const LEAST_OF_LARGE: usize = 150;

/// What `timeout` ends with.
const HUNG: i32 = 124;

/// What goes wrong.
#[derive(Debug, Clone)]
enum Fault {
    /// Injected by strace: `how` is in its words.
    Traced { call: String, nth: usize, how: &'static str },
    /// Made by tests/verifiers/fault.c, which says what the kinds are.
    Bent { call: &'static str, nth: usize, kind: &'static str, errno: i32 },
}

impl Fault {
    fn kind(&self) -> String {
        match self {
            Fault::Traced { call, how, .. } => format!("{call} {how}"),
            Fault::Bent { call, kind, errno: 28, .. } => format!("{call} {kind} ENOSPC"),
            Fault::Bent { call, kind, .. } => format!("{call} {kind}"),
        }
    }
}

/// What is done when it goes wrong.
struct Operation {
    /// As it is before.
    lab: Lab,
    args: Vec<String>,
    /// The kind of entry that says that it was done.
    entry: &'static str,
    /// What somebody else does next.
    next: &'static [&'static str],
    /// Whether doing it once more must be refused; else it would be another thing done.
    once: bool,
    /// What must hold at the end, beyond what holds for all operations. The payloads are the log's.
    finally: fn(&Lab, &[Value]),
    /// What must hold right after the fault.
    at_once: fn(&Lab),
}

/// A lab before an operation, with what an auditor keeps of it.
fn kept(lab: Lab) -> Lab {
    lab.write("log.vkey", text(&lab.ok(&["lab", "show"])["logKey"]));
    std::fs::copy(lab.path("lab/log/checkpoint"), lab.path("before.txt")).unwrap();
    lab
}

/// What came of some faults.
#[derive(Default)]
struct Tally {
    faults: usize,
    /// Entries that were acknowledged, and then were not in the log.
    lost: usize,
    /// Entries that are in the log twice.
    doubled: usize,
    /// Histories that do not agree with one that was published.
    split: usize,
    /// All of the above and whatever else went wrong.
    wrong: Vec<String>,
}

fn append() -> Operation {
    let lab = Lab::with_job();
    let job = lab.submit("job");
    Operation {
        args: owned(&["job", "approve", &job, "--key", "keys/operator.pem"]),
        entry: "job-approved",
        // Another policy would void the job.
        next: &["job", "submit", "job", "--key", "keys/analyst.pem"],
        once: true,
        finally: |_, _| (),
        at_once: |_| (),
        lab: kept(lab),
    }
}

fn import() -> Operation {
    let lab = Lab::new();
    lab.write("firms.csv", firms(120).replace("\nf", "\nZuluFirm"));
    lab.write("firms.toml", FIRMS);
    // Would the search find them?
    assert!(rows_lie_about(&lab, ".") && !rows_lie_about(&lab, "lab"));
    Operation {
        args: owned(&["dataset", "import", "firms.csv", "--description", "firms.toml", "--key", "keys/steward.pem"]),
        entry: "dataset-registered",
        next: &["policy", "set", "policy.toml", "--key", "keys/owner.pem"],
        once: false,
        finally: |lab, _| {
            assert_eq!(lab.ok(&["dataset", "quality", "firms", "--key", "keys/steward.pem"])["units"], 120);
            let snapshots = tree(&lab.path("lab/snapshots/firms"));
            let whole = snapshots.iter().filter(|name| !name.contains('/') && *name != ".import.lock");
            assert_eq!(whole.count(), 1, "{snapshots:?}");
        },
        at_once: |lab| assert!(!rows_lie_about(lab, "lab"), "rows lie about in the lab"),
        lab: kept(lab),
    }
}

/// Whether a file in this folder holds the name of a firm as it is.
fn rows_lie_about(lab: &Lab, folder: &str) -> bool {
    let plain = |name: &String| {
        let bytes = std::fs::read(lab.path(folder).join(name)).unwrap_or_default();
        bytes.windows(8).any(|window| window == b"ZuluFirm")
    };
    tree(&lab.path(folder)).iter().any(plain)
}

fn run() -> Operation {
    let lab = Lab::with_job();
    let job = lab.approved("job");
    Operation {
        args: owned(&["job", "run", &job, "--threads", "1", "--key", "keys/operator.pem"]),
        entry: "released",
        next: &["job", "submit", "job", "--key", "keys/analyst.pem"],
        once: true,
        finally: |lab, payloads| {
            assert_eq!((count(payloads, "run-started"), count(payloads, "run-failed")), (1, 0), "charged once");
            // Run once more from the entry that charged it, undisturbed: every bit is the same.
            let released = payloads.iter().find(|found| is(found, "released")).unwrap();
            let job = format!("j{}", released["predicate"]["event"]["job"]);
            assert_eq!(lab.ok(&["audit", "replay", &job])["verdict"], "agrees");
            assert_eq!(tree(&lab.path("lab/sealed")), Vec::<String>::new());
        },
        // Whoever reads a release's entry finds its numbers too.
        at_once: |lab| {
            let released = lab.kinds().iter().any(|kind| kind == "released");
            assert!(!released || tree(&lab.path("lab/sealed")).is_empty(), "it is out, and still sealed");
        },
        lab: kept(lab),
    }
}

#[test]
fn an_append_that_is_killed() {
    append().suffers("append", "killed", &["signal=KILL"]);
}

#[test]
fn an_append_on_a_broken_or_full_disk() {
    append().suffers("append", "refused", &["error=EIO", "error=ENOSPC"]);
}

#[test]
fn an_append_half_done_or_said_to_be_undone() {
    append().is_bent("append");
}

#[test]
fn an_import_that_is_killed() {
    import().suffers("import", "killed", &["signal=KILL"]);
}

#[test]
fn an_import_on_a_broken_or_full_disk() {
    import().suffers("import", "refused", &["error=EIO", "error=ENOSPC"]);
}

#[test]
fn an_import_half_done_or_said_to_be_undone() {
    import().is_bent("import");
}

#[test]
fn a_run_that_is_killed() {
    run().suffers("run", "killed", &["signal=KILL"]);
}

#[test]
fn a_run_on_a_broken_or_full_disk() {
    run().suffers("run", "refused", &["error=EIO", "error=ENOSPC"]);
}

#[test]
fn a_run_half_done_or_said_to_be_undone() {
    run().is_bent("run");
}

/// Kills do not tell what a power cut takes with it; the order of calls does.
#[test]
fn what_is_named_is_flushed_before_it_is_built_on() {
    for operation in [append(), import(), run()] {
        let Some(trace) = operation.trace() else {
            return skipped("strace cannot be used here, so the order of flushes is not checked");
        };
        assert_eq!(out_of_order(&trace), Vec::<String>::new());
        let named = |line: &&str| line.contains(" rename(") && line.contains("lab/log/");
        let names: Vec<&str> = trace.lines().filter(named).collect();
        let published = |pair: &&[&str]| pair[1].contains("\"lab/log/checkpoint\"");
        let mut before = names.windows(2).filter(published).map(|pair| pair[0]).peekable();
        assert!(before.peek().is_some() && before.all(|name| name.contains("\"lab/log/checkpoint.lock\"")), "{trace}");
        // Would it be found?
        let without = |what: &str| {
            let kept = |line: &&str| !(line.contains(" fsync(") && line.contains(what));
            out_of_order(&trace.lines().filter(kept).collect::<Vec<_>>().join("\n"))
        };
        for what in [".tmp>", "checkpoint.tmp>", "checkpoint.lock.tmp>", "/lab/log>", ".p>", "/lab/log"] {
            assert!(!without(what).is_empty(), "no flush of {what} is missed");
        }
    }
}

/// Where a trace breaks the order that makes an entry last: a file is flushed before it gets its name,
/// and its folder after that, and before a checkpoint gets its name.
fn out_of_order(trace: &str) -> Vec<String> {
    let (mut flushed, mut changed, mut wrong) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    let folder = |path: &str| path.rsplit_once('/').unwrap().0.to_owned();
    for line in trace.lines().filter(|line| !line.contains(" = -1 ")) {
        let call = line.split_whitespace().nth(1).and_then(|call| call.split('(').next()).unwrap_or_default();
        let paths = line.split(['"', '<', '>']).filter_map(|part| part.find("lab/log").map(|at| &part[at..]));
        match (call, paths.collect::<Vec<_>>().as_slice()) {
            ("write", [path, ..]) => drop(flushed.remove(path)),
            ("fsync" | "fdatasync", [path, ..]) => {
                flushed.insert(*path);
                changed.remove(*path);
            }
            ("mkdir", [path, ..]) => drop(changed.insert(folder(path))),
            ("rename", [from, to]) => {
                if !flushed.contains(from) {
                    wrong.push(format!("{to} was named before it was flushed"));
                }
                if to.starts_with("lab/log/checkpoint") && !changed.is_empty() {
                    wrong.push(format!("{to} was named before {changed:?} were flushed"));
                }
                changed.insert(folder(to));
            }
            _ => (),
        }
    }
    wrong.extend(changed.iter().map(|folder| format!("{folder} was not flushed at the end")));
    wrong
}

impl Operation {
    /// All faults that strace can inject.
    fn suffers(&self, name: &str, what: &str, hows: &[&'static str]) {
        let Some(trace) = self.trace() else {
            return skipped(&format!("strace cannot be used here, so no {name} is {what} at each of its calls"));
        };
        let calls = calls_in(&trace);
        let faults = hows.iter().flat_map(|how| {
            // A close that fails has closed, which strace would keep it from.
            let calls = calls.iter().filter(move |(call, _)| call != "close" || *how == "signal=KILL");
            calls.map(|(call, nth)| Fault::Traced { call: call.clone(), nth: *nth, how })
        });
        self.all(name, what, faults.collect());
    }

    /// All faults that the preloaded shim can make.
    fn is_bent(&self, name: &str) {
        let (Some(_), Some(trace)) = (shim(), self.trace()) else {
            return skipped(&format!("no C compiler or no strace, so no call of the {name} is bent"));
        };
        let calls = calls_in(&trace);
        let mut faults = Vec::new();
        for (call, traced) in [
            ("write", "write"),
            ("pwrite", "pwrite64"),
            ("fsync", "fsync"),
            ("fdatasync", "fdatasync"),
            ("rename", "rename"),
            ("link", "link"),
            ("close", "close"),
        ] {
            let made = calls.iter().filter(|(call, _)| call == traced).count();
            let halves = [("short", 0), ("torn", 0), ("half", 5), ("half", 28), ("done", 5)];
            let kinds = if call.ends_with("write") { &halves } else { &halves[4..] };
            for (kind, errno) in kinds {
                faults.extend((1..=made).map(|nth| Fault::Bent { call, nth, kind, errno: *errno }));
            }
        }
        self.all(name, "bent", faults);
    }

    fn all(&self, name: &str, what: &str, faults: Vec<Fault>) {
        let possible = faults.len();
        let least = if name == "append" { LEAST } else { LEAST_OF_LARGE };
        let mut tally = Tally::default();
        let mut kinds = BTreeMap::<String, usize>::new();
        for fault in faults {
            let lab = self.lab.copy_in_memory();
            let wrong = tally.wrong.len();
            if let Some(code) = inflict(&lab, &self.args, &fault) {
                tally.faults += 1;
                *kinds.entry(fault.kind()).or_default() += 1;
                self.judge(&lab, code, &fault, &mut tally);
            }
            for wrong in &mut tally.wrong[wrong..] {
                *wrong = format!("{name}, {fault:?}: {wrong}");
            }
        }
        let Tally { faults, lost, doubled, split, wrong } = tally;
        let _ = writeln!(
            std::io::stderr(),
            "{name} {what}: {faults} faults of {possible}, {lost} lost, {doubled} doubled, {split} split; {kinds:?}"
        );
        assert!(wrong.is_empty(), "{} went wrong:\n{}", wrong.len(), wrong.join("\n"));
        assert!(faults * 10 >= possible * 9 && faults >= least, "only {faults} of {possible} faults were injected");
    }

    /// Goes on after a fault and says what is wrong then. `code` is how the operation ended.
    fn judge(&self, lab: &Lab, code: i32, fault: &Fault, tally: &mut Tally) {
        let args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        if matches!(fault, Fault::Bent { kind: "short", .. }) && code != 0 {
            tally.wrong.push(format!("it ended with {code}, though no call had failed"));
        }
        std::fs::copy(lab.path("lab/log/checkpoint"), lab.path("after.txt")).unwrap();
        (self.at_once)(lab);
        let next = lab.unseen(self.next);
        if next.code != 0 {
            let gone = payloads(lab).is_ok_and(|payloads| count(&payloads, self.entry) == 0);
            tally.lost += usize::from(code == 0 && gone);
            return tally.wrong.push(format!("the lab is unusable: {next:?}"));
        }
        let mut payloads = match payloads(lab) {
            Ok(payloads) => payloads,
            Err(reason) => {
                tally.split += 1;
                return tally.wrong.push(reason);
            }
        };
        let there = count(&payloads, self.entry);
        if code == 0 && there == 0 {
            tally.lost += 1;
            tally.wrong.push("it was acknowledged, and is not in the log".to_owned());
        }
        if there == 0 || self.once {
            let again = lab.unseen(&args);
            if (again.code == 0) != (there == 0) {
                tally.wrong.push(format!("there were {there} entries and then {again:?}"));
            }
            payloads = match self::payloads(lab) {
                Ok(payloads) => payloads,
                Err(reason) => {
                    tally.split += 1;
                    return tally.wrong.push(reason);
                }
            };
        }
        let there = count(&payloads, self.entry);
        if there != 1 {
            tally.doubled += usize::from(there > 1);
            return tally.wrong.push(format!("{there} entries instead of one"));
        }
        let finally = std::panic::AssertUnwindSafe(|| (self.finally)(lab, &payloads));
        if let Err(panic) = std::panic::catch_unwind(finally) {
            let why = panic.downcast_ref::<String>().cloned().or(panic.downcast_ref::<&str>().map(|s| s.to_string()));
            tally.wrong.push(why.unwrap_or_default());
        }
    }

    /// What it calls when it is undisturbed; none where that cannot be traced.
    fn trace(&self) -> Option<String> {
        let lab = self.lab.copy_in_memory();
        let mut strace = traced(&lab, &self.args, &["-y", "-e", &format!("trace={}", CALLS.join(","))]);
        let done = strace.stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
        done.success().then(|| std::fs::read_to_string(lab.path("trace")).unwrap())
    }
}

/// Does it with this fault. Gives its exit code, if the fault did happen.
fn inflict(lab: &Lab, args: &[String], fault: &Fault) -> Option<i32> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut command = match fault {
        Fault::Traced { call, nth, how } => {
            let inject = format!("inject={call}:{how}:when={nth}");
            let owned = owned(&args);
            traced(lab, &owned, &["-e", &format!("trace={call}"), "-e", &inject])
        }
        Fault::Bent { call, nth, kind, errno } => {
            let mut command = in_time(&lab.command(&args), &[]);
            let (root, mark) = (lab.path("lab").canonicalize().unwrap(), lab.path("mark"));
            command.env("LD_PRELOAD", shim().as_ref().unwrap()).env("FAULT_ROOT", root).env("FAULT_MARK", mark);
            command.env("FAULT_CALL", call).env("FAULT_NTH", nth.to_string());
            command.env("FAULT_KIND", kind).env("FAULT_ERRNO", errno.to_string());
            command
        }
    };
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert_ne!(status.code(), Some(HUNG), "{fault:?}: it hung");
    let happened = match fault {
        Fault::Traced { .. } => {
            let trace = std::fs::read_to_string(lab.path("trace")).unwrap();
            trace.contains("(INJECTED)") || trace.contains("+++ killed by SIGKILL +++")
        }
        Fault::Bent { .. } => lab.path("mark").exists(),
    };
    happened.then(|| status.code().unwrap_or(-1))
}

/// `unseen ARGS` under strace with these options, and with its threads and children.
fn traced(lab: &Lab, args: &[String], options: &[&str]) -> Command {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut strace = vec!["strace", "-f", "-o", "trace"];
    strace.extend(options);
    // Faster, but then strace injects no signals.
    if !options.iter().any(|option| option.contains("signal=")) {
        strace.push("--seccomp-bpf");
    }
    in_time(&lab.command(&args), &strace)
}

/// A command under another one, ended with [`HUNG`] when it takes too long.
fn in_time(plain: &Command, under: &[&str]) -> Command {
    let mut timeout = Command::new("timeout");
    timeout.arg("60").args(under).arg(plain.get_program()).args(plain.get_args());
    timeout.current_dir(plain.get_current_dir().unwrap());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => timeout.env(name, value),
            None => timeout.env_remove(name),
        };
    }
    timeout
}

/// The calls in a trace that concern the lab's folder: of which kind, and its number among those of its
/// kind in its thread, which is how strace counts.
fn calls_in(trace: &str) -> BTreeSet<(String, usize)> {
    let mut made = BTreeMap::<(&str, &str), usize>::new();
    let mut calls = BTreeSet::new();
    for line in trace.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let Some((call, arguments)) = rest.trim_start().split_once('(') else { continue };
        if !CALLS.contains(&call) {
            continue;
        }
        let nth = made.entry((thread, call)).or_default();
        *nth += 1;
        let in_lab = arguments.contains("\"lab/") || arguments.contains("/lab/") || arguments.contains("/lab>");
        if in_lab && (call != "openat" || arguments.contains("O_CREAT")) {
            calls.insert((call.to_owned(), *nth));
        }
    }
    calls
}

/// The payloads of all entries, if the log is whole and goes on from all that was seen of it.
fn payloads(lab: &Lab) -> Result<Vec<Value>, String> {
    let key = std::fs::read_to_string(lab.path("log.vkey")).unwrap();
    let program = verifiers().join("logcheck");
    if !program.exists() {
        static ONCE: OnceLock<()> = OnceLock::new();
        ONCE.get_or_init(|| skipped("no verifier in Go here, so the log is judged by `unseen audit verify`"));
        return audited(lab, &key);
    }
    let mut command = Command::new(program);
    for kept in ["before.txt", "after.txt"] {
        command.arg("-kept").arg(lab.path(kept));
    }
    let output = command.arg("-payloads").arg(lab.path("lab/log")).arg(key).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let mut lines: Vec<&str> = said.lines().collect();
    let verdict = lines.pop().unwrap_or_default();
    if output.status.success() && verdict.starts_with("OK ") {
        Ok(lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect())
    } else {
        Err(format!("{verdict}{}", String::from_utf8_lossy(&output.stderr)))
    }
}

fn audited(lab: &Lab, key: &str) -> Result<Vec<Value>, String> {
    let _ = std::fs::remove_dir_all(lab.path("bundle"));
    lab.ok(&["log", "export", "bundle"]);
    for kept in ["before.txt", "after.txt"] {
        let done = lab.unseen(&["audit", "verify", "bundle", "--since", kept, "--log-key", key]);
        if done.code != 0 {
            return Err(format!("{done:?}"));
        }
    }
    let entry = |index: usize| lab.ok(&["log", "show", "--entry", &index.to_string()])["statement"].clone();
    Ok((0..lab.entries() as usize).map(entry).collect())
}

fn count(payloads: &[Value], kind: &str) -> usize {
    payloads.iter().filter(|payload| is(payload, kind)).count()
}

fn is(payload: &Value, kind: &str) -> bool {
    let at = Event::KINDS.iter().position(|known| *known == kind).unwrap();
    payload["predicateType"] == Event::PREDICATE_TYPES[at]
}

/// The shim, compiled once; none without a compiler.
fn shim() -> &'static Option<PathBuf> {
    static SHIM: OnceLock<Option<PathBuf>> = OnceLock::new();
    SHIM.get_or_init(|| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/verifiers/fault.c");
        let made = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fault.so");
        // Other tests compile it too, and use it meanwhile.
        let making = made.with_extension(std::process::id().to_string());
        let done = Command::new("cc").args(["-O1", "-shared", "-fPIC", source, "-ldl", "-o"]).arg(&making).status();
        (done.is_ok_and(|status| status.success()) && std::fs::rename(making, &made).is_ok()).then_some(made)
    })
}

fn owned(args: &[&str]) -> Vec<String> {
    args.iter().map(|arg| (*arg).to_owned()).collect()
}
