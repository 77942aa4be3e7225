//! Against a witness by others: `aics-witness` 0.1.0 with `aics-tlog` 0.2.1 from PyPI. Our client asks
//! theirs; their client asks ours, and their verifier checks what it gets.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../../tests/support/skip.rs"]
mod skip;

mod common;

use common::{LogFolder, ORIGIN, Running, log_key, now};
use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};
use unseen_tlog::cosignature::WitnessKey;
use unseen_witness::{Refusal, Target, latest};

/// The interpreter that can import both packages; `scripts/verifiers.sh` makes it.
fn python() -> Option<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from).unwrap_or_else(|| {
        // The test is <target>/<profile>/deps/<test>.
        std::env::current_exe().unwrap().ancestors().nth(3).unwrap().into()
    });
    let python = target.join("verifiers/venv/bin/python");
    let imports = Command::new(&python).args(["-c", "import aics_witness.feeder, aics_tlog"]).output();
    if imports.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    skip::skipped(&format!("aics-witness: {} cannot import it; run scripts/verifiers.sh", python.display()));
    None
}

/// Their witness, serving until it is dropped.
struct Theirs {
    process: Child,
    target: Target,
    python: PathBuf,
    config: PathBuf,
}

impl Theirs {
    fn run(python: &Path, dir: &Path) -> Theirs {
        let config = dir.join("witness.json");
        let run = |command: &[&str]| {
            let mut all = Command::new(python);
            all.args(["-m", "aics_witness"]).args(command).arg("--config").arg(&config);
            all
        };
        let output = |command: &[&str]| {
            let output = run(command).output().unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        let witness: WitnessKey = output(&["init", "--name", "theirs.example/w1"]).trim().parse().unwrap();
        output(&["add-log", "--origin", ORIGIN, "--vkey", &log_key(1).to_string()]);
        let mut process =
            run(&["serve", "--listen", "127.0.0.1:0"]).stderr(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let url = lines.find_map(|line| {
            let line = line.unwrap();
            line.split_once("listening on ").map(|(_, rest)| rest.split(' ').next().unwrap().to_owned())
        });
        // It goes on telling; somebody has to listen.
        std::thread::spawn(move || lines.for_each(drop));
        let target = Target { witness, url: url.expect("it listens"), known: 0 };
        Theirs { process, target, python: python.into(), config }
    }

    fn target(&self, known: u64) -> Target {
        Target { known, ..self.target.clone() }
    }

    fn evidence(&self) -> String {
        let mut command = Command::new(&self.python);
        let output = command.args(["-m", "aics_witness", "evidence", "--config"]).arg(&self.config).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[test]
fn our_client_understands_their_witness() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let theirs = Theirs::run(&python, dir.path());
    let mut log = LogFolder::new();
    for (count, known) in [(3, 0), (300, 3), (1, 0)] {
        let before = log.copy();
        log.grow("entry", count);
        let gathered = log.gather(&[theirs.target(known)], 1);
        assert!(gathered.reaches(1), "{:?}", gathered.refusals);
        let cosignature = &gathered.cosignatures[0];
        assert!(cosignature.time.abs_diff(now()) < 60);
        log.log.publish_cosigned(std::slice::from_ref(&cosignature.line)).unwrap();
        assert_eq!(theirs.target.witness.verify(log.log.note()), Ok(cosignature.time));

        let size = log.log.size();
        let held = latest(&theirs.target.witness, &theirs.target.url, &[log_key(1)], Duration::from_secs(5));
        assert_eq!(held.unwrap().unwrap().1, *log.log.checkpoint());
        let rolled_back = before.gather(&[theirs.target(0)], 1);
        assert_eq!(rolled_back.refusals[0].1, Refusal::Ahead { size });
        let mut fork = before;
        fork.grow("another", count);
        assert_eq!(fork.gather(&[theirs.target(0)], 1).refusals[0].1, Refusal::Fork { size });
        fork.grow("another", 1);
        assert_eq!(fork.gather(&[theirs.target(size)], 1).refusals[0].1, Refusal::Fork { size });
        assert!(theirs.evidence().contains(fork.log.note().text().lines().nth(2).unwrap()));
    }
    let mut other = log.log.checkpoint().clone();
    let mut ask = |signer| {
        let note = other.sign(&*common::key(signer)).unwrap();
        let prove = |old| log.log.prove_consistency(old, log.log.size());
        let target = [theirs.target(log.log.size())];
        other.origin = "other.example/log".into();
        unseen_witness::gather(&target, &note, &prove, 1, Duration::from_secs(5), now()).unwrap().refusals.remove(0).1
    };
    assert_eq!(ask(2), Refusal::WrongKey);
    assert_eq!(ask(1), Refusal::UnknownLog);
}

#[test]
fn their_client_and_verifier_accept_our_witness() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let ours = Running::new(&dir.path().join("witness"), 9);
    let ask = |log: &LogFolder, state: &str| {
        let mut command = Command::new(&python);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/aics_client.py")).arg(log.dir.path());
        command.args([&log_key(1).to_string(), &ours.url, &ours.key.to_string()]).arg(dir.path().join(state));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let mut log = LogFolder::new();
    for count in [3, 300, 1] {
        let before = log.copy();
        log.grow("entry", count);
        let size = log.log.size();
        let answer = ask(&log, "state");
        let time = answer.strip_prefix(&format!("cosigned {size} ")).unwrap_or_else(|| panic!("{answer}"));
        assert!(time.parse::<u64>().unwrap().abs_diff(now()) < 60);

        assert_eq!(ask(&before, "of the old"), format!("WitnessAhead {size}"));
        let mut fork = before;
        fork.grow("another", count);
        assert_eq!(ask(&fork, "of the fork"), "WitnessRejected 409", "of one size");
        fork.grow("another", 1);
        assert_eq!(ask(&fork, "of the larger fork"), "WitnessRejected 422");
    }
}
