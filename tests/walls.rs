//! The walls round a worker that really runs a job, seen from outside: that each of them works is asked in
//! `sandbox/worker/tests`.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::process::{Command, Stdio};

use support::*;

#[test]
fn a_worker_at_work_is_behind_its_walls() {
    let (lab, job) = busy();
    let mut run = lab
        .command(&["--json", "job", "run", &job, "--key", "keys/operator.pem"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let worker = worker_behind_walls(run.id());
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{worker}/{name}")).unwrap();
    let status = read("status");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {name} in {status}")).trim().to_owned()
    };
    assert_eq!((field("Seccomp").as_str(), field("NoNewPrivs").as_str()), ("2", "1"));
    assert_eq!(field("Seccomp_filters"), "2");
    let lock = 1_u64 << 14;
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(u64::from_str_radix(&field(set), 16).unwrap() & !lock, 0, "{set}: {}", field(set));
    }
    let limits = read("limits");
    for (name, most) in [("Max core file size", "0"), ("Max file size", "0"), ("Max address space", "70368744177664")] {
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        assert_eq!(line.split_whitespace().take(2).collect::<Vec<_>>(), [most, most], "{name}");
    }
    assert_eq!(read("environ"), "");
    assert_eq!(read("cmdline").split('\0').nth(1), Some("__worker"));
    // Two pipes, nobody to complain to, the page map, and bucket files to be read.
    for entry in std::fs::read_dir(format!("/proc/{worker}/fd")).unwrap() {
        let path = entry.unwrap().path();
        let target = std::fs::read_link(&path).unwrap().display().to_string();
        let number = path.file_name().unwrap().to_string_lossy().into_owned();
        let flags = read(&format!("fdinfo/{number}"));
        let flags = flags.lines().find_map(|line| line.strip_prefix("flags:")).unwrap().trim().to_owned();
        let reads_only = i64::from_str_radix(&flags, 8).unwrap() & 3 == 0;
        let expected = match number.as_str() {
            "0" => target.starts_with("pipe:") && reads_only,
            "1" => target.starts_with("pipe:"),
            "2" => target == "/dev/null",
            // The first state of a guest's memory, which the runtime has sealed.
            _ if target.starts_with("/memfd:wasm-memory-image") => true,
            _ => reads_only && (target.contains("/lab/snapshots/firms/") || target.ends_with("/pagemap")),
        };
        assert!(expected, "{number} -> {target} ({flags})");
    }
    let locked: u64 = field("VmLck").trim_end_matches(" kB").parse().unwrap();
    run.kill().unwrap();
    run.wait().unwrap();
    // What it reports about itself matches what was seen.
    let said = lab.ok(&["job", "run", &job, "--key", "keys/operator.pem"]);
    for wall in ["seccomp", "rlimits", "undumpable", "capabilities"] {
        assert!(holds(&said["walls"], wall), "{said}");
    }
    let swap = std::fs::read_to_string("/proc/swaps").unwrap_or_default().lines().count() > 1;
    assert_eq!(holds(&said["walls"], "memory"), locked > 0 || !swap, "{said}");
}

/// Whether a protection holds in full, by what a command said.
fn holds(protections: &serde_json::Value, name: &str) -> bool {
    protections.as_array().unwrap().iter().any(|found| found["name"] == name && found["state"] == "holds")
}

/// Landlock and the other walls leave no trace in `/proc`; the calls that put them up do.
#[test]
fn every_wall_is_up_before_the_keys_come() {
    let lab = Lab::with_job();
    let job = lab.approved("job");
    let calls = "trace=mlockall,prlimit64,setrlimit,prctl,capset,landlock_restrict_self,seccomp,read";
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qq", "-e", calls, "-o", "trace", env!("CARGO_BIN_EXE_unseen")]);
    traced.args(["job", "run", &job, "--key", "keys/operator.pem"]);
    traced.current_dir(lab.path("")).env("UNSEEN_LAB", "lab").stdout(Stdio::null());
    if !traced.status().is_ok_and(|status| status.success()) {
        return skipped("strace cannot be used here, so the order of the walls is not checked");
    }
    let trace = std::fs::read_to_string(lab.path("trace")).unwrap();
    // The worker is whoever calls seccomp.
    let worker = trace.lines().find(|line| line.contains(" seccomp(")).unwrap().split_whitespace().next().unwrap();
    let calls: Vec<&str> = trace.lines().filter(|line| line.split_whitespace().next() == Some(worker)).collect();
    let place = |what: &str| calls.iter().rposition(|line| line.contains(what) && line.trim_end().ends_with("= 0"));
    let last_wall = place(" seccomp(").unwrap();
    let mut walls = vec!["RLIMIT_FSIZE", "RLIMIT_CORE", "PR_SET_DUMPABLE, SUID_DUMP_DISABLE", " capset("];
    if holds(&lab.ok(&["doctor"])["protections"], "landlock") {
        walls.push(" landlock_restrict_self(");
    } else {
        skipped("this kernel has no Landlock");
    }
    for wall in walls {
        assert!(place(wall).is_some_and(|at| at < last_wall), "{wall} is not among {calls:#?}");
    }
    assert_eq!(calls.iter().filter(|line| line.contains(" seccomp(") && line.ends_with("= 0")).count(), 2);
    // The noise key is in the frame that comes next.
    let after = calls[last_wall..].iter().filter(|line| line.contains(" read(0,")).count();
    let before = calls[..last_wall].iter().filter(|line| line.contains("noise_key")).count();
    assert!(after > 0 && before == 0, "{calls:#?}");
}
