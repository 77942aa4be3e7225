//! Files of the stock tool, and ours in its hands: Debian's `age` and `age-keygen`.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../../tests/support/skip.rs"]
mod skip;

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use skip::skipped;
use unseen_age::{AgeError, Decrypter, Encrypter, Identity};

const SIZES: [usize; 7] = [0, 1, 65_535, 65_536, 65_537, 131_072, 300_000];

#[test]
fn keys_are_the_same_here_and_there() {
    let Some(dir) = tools() else { return };
    run("age-keygen", &["-o", "theirs"], dir.path());
    let file = std::fs::read_to_string(dir.path().join("theirs")).unwrap();
    let theirs = Identity::from_secret(file.lines().find(|line| line.starts_with("AGE-")).unwrap()).unwrap();
    assert_eq!(run("age-keygen", &["-y", "theirs"], dir.path()), format!("{}\n", theirs.recipient()).into_bytes());

    let ours = Identity::generate().unwrap();
    std::fs::write(dir.path().join("ours"), ours.to_secret().as_bytes()).unwrap();
    assert_eq!(run("age-keygen", &["-y", "ours"], dir.path()), format!("{}\n", ours.recipient()).into_bytes());
}

#[test]
fn what_age_encrypts_is_read_here() {
    let Some(dir) = tools() else { return };
    let us = [Identity::generate().unwrap()];
    let (to_us, to_another) = (us[0].recipient().to_string(), Identity::generate().unwrap().recipient().to_string());
    for size in SIZES {
        let content = content(size);
        std::fs::write(dir.path().join("rows"), &content).unwrap();
        for options in [&["-r", &to_us][..], &["-a", "-r", &to_us], &["-r", &to_another, "-r", &to_us]] {
            run("age", &[options, &["-o", "rows.age", "rows"]].concat(), dir.path());
            let mut read = Vec::new();
            let mut reader = Decrypter::new(File::open(dir.path().join("rows.age")).unwrap(), &us).unwrap();
            reader.read_to_end(&mut read).unwrap();
            assert!(read == content, "{size} bytes with {options:?}");
        }
    }
    run("age", &["-r", &to_another, "-o", "rows.age", "rows"], dir.path());
    let others = File::open(dir.path().join("rows.age")).unwrap();
    assert!(matches!(Decrypter::new(others, &us), Err(AgeError::NoMatch)));
}

#[test]
fn what_is_encrypted_here_is_read_by_age() {
    let Some(dir) = tools() else { return };
    let [one, other] = [Identity::generate().unwrap(), Identity::generate().unwrap()];
    std::fs::write(dir.path().join("key"), other.to_secret().as_bytes()).unwrap();
    for size in SIZES {
        let content = content(size);
        let file = File::create(dir.path().join("rows.age")).unwrap();
        let mut writer = Encrypter::new(file, &[one.recipient(), other.recipient()]).unwrap();
        writer.write_all(&content).unwrap();
        writer.finish().unwrap();
        assert!(run("age", &["-d", "-i", "key", "rows.age"], dir.path()) == content, "{size} bytes");
    }
}

/// A folder to work in, if the tools are there.
fn tools() -> Option<tempfile::TempDir> {
    for tool in ["age", "age-keygen"] {
        let found = Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !found.is_ok_and(|status| status.success()) {
            skipped(&format!("files of age; {tool} is not installed (Debian's package age)"));
            return None;
        }
    }
    Some(tempfile::tempdir().unwrap())
}

fn run(tool: &str, arguments: &[&str], dir: &Path) -> Vec<u8> {
    let done = Command::new(tool).args(arguments).current_dir(dir).output().unwrap();
    assert!(done.status.success(), "{tool} {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}

fn content(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at * at / 7) as u8).collect()
}
