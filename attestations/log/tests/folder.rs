//! The log in a real folder: what lies in it, who may have it, and what a killed process leaves.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::tempdir;
use unseen_ids::Digest;
use unseen_log::{CHECKPOINT, LOCK, Log, LogError, LogReader, blob_path};
use unseen_tlog::{Signer, SigningKey, note::NoteKey};

const ORIGIN: &str = "lab.example/log";

fn key() -> Arc<dyn Signer> {
    Arc::new(SigningKey::from_seed([1; 32]).unwrap())
}

fn verifier() -> NoteKey {
    NoteKey::new(ORIGIN, key().verifying_key()).unwrap()
}

fn open(folder: &Path) -> Result<Log, LogError> {
    Log::open(folder, ORIGIN, key())
}

/// Paths of all files, and of folders with nothing in them.
fn listing(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        let inside: Vec<_> = fs::read_dir(&at).unwrap().map(|file| file.unwrap().path()).collect();
        if inside.is_empty() {
            found.push(at);
        }
        for path in inside {
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    let mut names: Vec<_> = found.iter().map(|path| path.strip_prefix(folder).unwrap().display().to_string()).collect();
    names.sort();
    names
}

#[test]
fn layout() {
    let folder = tempdir().unwrap();
    let folder = folder.path().join("lab/log");
    let mut log = Log::create(&folder, ORIGIN, key()).unwrap();
    assert_eq!(listing(&folder), [CHECKPOINT, LOCK]);
    let first: Vec<_> = (0..250u32).map(u32::to_be_bytes).collect();
    log.append_batch(&first).unwrap();
    for index in 250..258u32 {
        log.append(&index.to_be_bytes()).unwrap();
    }
    let tiles = [
        "tile/0/000",
        "tile/0/001.p/1",
        "tile/0/001.p/2",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/001.p/1",
        "tile/entries/001.p/2",
    ];
    assert_eq!(listing(&folder), [[CHECKPOINT, LOCK].as_slice(), &tiles].concat());
    let text = fs::read_to_string(folder.join(CHECKPOINT)).unwrap();
    assert!(text.starts_with("lab.example/log\n258\n"), "{text}");

    let reader = LogReader::open(&folder, &verifier()).unwrap();
    reader.verify().unwrap();
    assert!(reader.entries(0).map(Result::unwrap).eq((0..258u32).map(|index| index.to_be_bytes())));
    fs::remove_file(folder.join(LOCK)).unwrap();
    assert!(LogReader::open(&folder, &verifier()).is_ok(), "a copy has no lock");
}

#[test]
fn one_process_at_a_time() {
    let folder = tempdir().unwrap();
    let log = Log::create(folder.path(), ORIGIN, key()).unwrap();
    let error = open(folder.path()).unwrap_err();
    assert!(matches!(error, LogError::InUse(_)));
    assert!(error.to_string().contains("in use by another process"));
    assert!(matches!(Log::create(folder.path(), ORIGIN, key()), Err(LogError::InUse(_))));
    assert!(LogReader::open(folder.path(), &verifier()).is_ok(), "readers need not wait");
    drop(log);
    assert!(matches!(Log::create(folder.path(), ORIGIN, key()), Err(LogError::NotEmpty)));
    open(folder.path()).unwrap();

    let other = tempdir().unwrap();
    fs::write(other.path().join("somebody's file"), "").unwrap();
    assert!(matches!(Log::create(other.path(), ORIGIN, key()), Err(LogError::NotEmpty)));
    assert!(matches!(open(other.path()), Err(LogError::NoLog)));
    assert!(matches!(open(&other.path().join("nothing")), Err(LogError::Open { .. })));
}

#[test]
fn blobs() {
    let folder = tempdir().unwrap();
    let mut log = Log::create(folder.path(), ORIGIN, key()).unwrap();
    let digest = log.put_blob(b"a module").unwrap();
    assert_eq!(digest, Digest::of(b"a module"));
    assert_eq!(log.blob(&digest).unwrap().unwrap(), b"a module");
    assert_eq!(log.blob(&Digest::of(b"another")).unwrap(), None);
    let path = folder.path().join(blob_path(&digest));
    assert_eq!(listing(folder.path()), [&blob_path(&digest), CHECKPOINT, LOCK]);
    for damage in ["a modulf", "a modul", "a module ", ""] {
        fs::write(&path, damage).unwrap();
        let error = log.blob(&digest).unwrap_err();
        assert!(matches!(error, LogError::Blob(_)) && error.to_string().contains(&blob_path(&digest)));
    }
    assert_eq!(log.put_blob(b"a module").unwrap(), digest);
    assert_eq!(log.blob(&digest).unwrap().unwrap(), b"a module");
    assert!(log.put_blob(b"").is_ok());
}

/// A child process appends and says so after each; it is killed at odd moments. What it said is
/// there, in order, followed by at most the one entry that it was about to speak of.
#[test]
fn kill_loses_nothing_acknowledged() {
    const FOLDER: &str = "UNSEEN_TEST_LOG_FOLDER";
    if let Some(folder) = std::env::var_os(FOLDER) {
        let mut log = open(folder.as_ref()).unwrap();
        loop {
            let size = log.size();
            log.append(format!("entry {size}").as_bytes()).unwrap();
            writeln!(std::io::stderr(), "logged {size}").unwrap();
        }
    }
    let folder = tempdir().unwrap();
    drop(Log::create(folder.path(), ORIGIN, key()).unwrap());
    let mut expected = 0;
    for round in 0..12 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill_loses_nothing_acknowledged", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        assert_eq!(said.next().unwrap().unwrap(), format!("logged {expected}"));
        std::thread::sleep(Duration::from_micros(3700 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let acknowledged =
            expected + 1 + said.map_while(Result::ok).filter(|line| line.starts_with("logged ")).count() as u64;

        let log = open(folder.path()).unwrap();
        assert!((acknowledged..=acknowledged + 1).contains(&log.size()), "{acknowledged} {}", log.size());
        let entries: Vec<_> = log.entries(0).map(|entry| String::from_utf8(entry.unwrap()).unwrap()).collect();
        assert_eq!(entries, (0..log.size()).map(|index| format!("entry {index}")).collect::<Vec<_>>());
        expected = log.size();
    }
}

/// `cargo test --release -p unseen-log --test folder -- --ignored --nocapture speed`
#[test]
#[ignore = "a measurement, not a check"]
fn speed() {
    let folder = tempdir().unwrap();
    let rate = |name: &str, count: u64, mut work: Box<dyn FnMut(u64) + '_>| {
        let start = Instant::now();
        (0..count).for_each(&mut work);
        let seconds = start.elapsed().as_secs_f64();
        println!("{name:42} {:>9.0} /s  {:>8.1} us", count as f64 / seconds, seconds / count as f64 * 1e6);
    };
    let entry = [7; 1500];
    let mut file = fs::File::create(folder.path().join("plain")).unwrap();
    rate(
        "plain loop: write 1500 bytes, fsync",
        500,
        Box::new(|_| {
            file.write_all(&entry).unwrap();
            file.sync_all().unwrap();
        }),
    );
    let path = folder.path().join("log");
    let mut log = Log::create(&path, ORIGIN, key()).unwrap();
    rate(
        "append one entry of 1500 bytes",
        512,
        Box::new(|_| {
            log.append(&entry).unwrap();
        }),
    );
    for batch in [16, 256, 4096] {
        let start = Instant::now();
        let rounds = 16384 / batch;
        (0..rounds).for_each(|_| drop(log.append_batch(&vec![entry; batch]).unwrap()));
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "{:42} {:>9.0} entries/s  {:>8.1} ms a batch",
            format!("append batches of {batch}"),
            16384.0 / seconds,
            seconds / rounds as f64 * 1e3
        );
    }
    let size = log.size();
    rate("open", 50, Box::new(|_| drop(LogReader::open(&path, &verifier()).unwrap())));
    rate("prove inclusion, far apart", 2000, Box::new(|at| drop(log.prove_inclusion(at * 7919 % size, size).unwrap())));
    rate("read one entry", 2000, Box::new(|at| drop(log.entry(at * 7919 % size).unwrap())));
    rate("verify everything, per entry", 1, Box::new(|_| log.verify().unwrap()));
    println!("({size} entries)");
}
