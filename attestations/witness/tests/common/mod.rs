//! A log to be witnessed, and witnesses to do it.
// Not every test uses all of it.
#![allow(dead_code)]

use std::{
    net::TcpListener,
    path::Path,
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, SystemTime},
};
use tempfile::TempDir;
use unseen_log::Log;
use unseen_tlog::{Signer, SigningKey, cosignature::WitnessKey, note::NoteKey};
use unseen_witness::{
    Gathered, Server, Shutdown, Target, add_log, gather, init,
    server::{Event, Stop},
};

pub const ORIGIN: &str = "lab.example/log";

pub fn key(seed: u8) -> Arc<dyn Signer> {
    Arc::new(SigningKey::from_seed([seed; 32]).unwrap())
}

pub fn log_key(seed: u8) -> NoteKey {
    NoteKey::new(ORIGIN, key(seed).verifying_key()).unwrap()
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// A log on the disk, signed by the key of seed 1.
pub struct LogFolder {
    pub log: Log,
    pub dir: TempDir,
}

impl LogFolder {
    pub fn new() -> LogFolder {
        let dir = tempfile::tempdir().unwrap();
        LogFolder { log: Log::create(dir.path(), ORIGIN, key(1)).unwrap(), dir }
    }

    /// Logs `count` entries, which say `what`.
    pub fn grow(&mut self, what: &str, count: u64) {
        let first = self.log.size();
        let entries: Vec<String> = (first..first + count).map(|at| format!("{what} {at}")).collect();
        self.log.append_batch(&entries).unwrap();
    }

    /// A copy that has its own life.
    pub fn copy(&self) -> LogFolder {
        let dir = tempfile::tempdir().unwrap();
        copy(self.dir.path(), dir.path());
        LogFolder { log: Log::open(dir.path(), ORIGIN, key(1)).unwrap(), dir }
    }

    pub fn gather(&self, targets: &[Target], quorum: usize) -> Gathered {
        let size = self.log.size();
        let prove = |old| self.log.prove_consistency(old, size);
        gather(targets, self.log.note(), &prove, quorum, Duration::from_secs(5), now()).unwrap()
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir(&to).unwrap();
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// A witness that serves until it is dropped.
pub struct Running {
    pub url: String,
    pub key: WitnessKey,
    pub events: Arc<Mutex<Vec<Event>>>,
    stop: Option<Stop>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// A new witness of the log, in this folder.
    pub fn new(dir: &Path, seed: u8) -> Running {
        init(dir, &format!("witness.example/w{seed}"), &*key(seed)).unwrap();
        add_log(dir, &log_key(1)).unwrap();
        Running::open(dir, seed)
    }

    pub fn open(dir: &Path, seed: u8) -> Running {
        let server = Server::open(dir, key(seed)).unwrap();
        let witness = server.witness().clone();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, shutdown) = Shutdown::on_drop();
        let events: Arc<Mutex<Vec<Event>>> = Arc::default();
        let told = events.clone();
        let tell = move |event| told.lock().unwrap().push(event);
        let thread = std::thread::spawn(move || server.serve(listener, shutdown, tell).unwrap());
        Running { url, key: witness, events, stop: Some(stop), thread: Some(thread) }
    }

    pub fn target(&self, known: u64) -> Target {
        Target { witness: self.key.clone(), url: self.url.clone(), known }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap();
    }
}
