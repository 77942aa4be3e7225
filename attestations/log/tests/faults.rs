//! The log over a storage in memory that fails on demand: every write as "did not happen", as
//! "happened, and was reported as failed", and half; every read; every kind of damage and mix-up.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex},
};
use unseen_log::{CHECKPOINT, LOCK, Log, LogError, LogReader, Storage};
use unseen_tlog::{
    Signer, SigningKey,
    note::{Checkpoint, Note, NoteKey},
    tree::{Files, TreeError},
};

const ORIGIN: &str = "lab.example/log";

/// Sizes around the edges of tiles, and how many entries are added at once.
const CASES: [(u64, u64); 8] = [(0, 1), (0, 257), (1, 1), (5, 3), (254, 3), (255, 1), (256, 1), (511, 300)];

type Happens = fn(usize) -> bool;

/// What of a failing write happens: file by file.
const HAPPENS: [Happens; 4] = [|_| false, |_| true, |file| file % 2 == 0, |file| file % 2 == 1];

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<State>>);

#[derive(Clone, Default)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    /// Every checkpoint that ever reached the storage.
    signed: Vec<Vec<u8>>,
    /// The call that fails, counted down, and what of it happens.
    failing_write: Option<(usize, Happens)>,
    failing_read: Option<usize>,
}

impl Memory {
    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.lock().unwrap());
    }

    fn get(&self, path: &str) -> Vec<u8> {
        self.0.lock().unwrap().files[path].clone()
    }

    /// A copy that has its own life.
    fn fork(&self) -> Memory {
        Memory(Arc::new(Mutex::new(self.0.lock().unwrap().clone())))
    }
}

impl Files for Memory {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let mut state = self.0.lock().unwrap();
        match &mut state.failing_read {
            Some(0) => return Err(io::Error::from_raw_os_error(5)),
            Some(calls) => *calls -= 1,
            None => {}
        }
        state.files.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Storage for Memory {
    fn write(&self, files: &[(String, Vec<u8>)]) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        let failing = match &mut state.failing_write {
            Some((0, happens)) => Some(*happens),
            Some((calls, _)) => {
                *calls -= 1;
                None
            }
            None => None,
        };
        for (_, (path, bytes)) in files.iter().enumerate().filter(|(at, _)| failing.is_none_or(|happens| happens(*at)))
        {
            if path == LOCK || path == CHECKPOINT {
                state.signed.push(bytes.clone());
            }
            state.files.insert(path.clone(), bytes.clone());
        }
        if failing.is_some() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn prune(&self, folder: &str, keep: &[String]) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.files.retain(|path, _| match path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')) {
            Some(name) => keep.iter().any(|kept| kept == name),
            None => true,
        });
        Ok(())
    }

    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.0.lock().unwrap().files.is_empty())
    }
}

fn key(seed: u8) -> Arc<dyn Signer> {
    Arc::new(SigningKey::from_seed([seed; 32]).unwrap())
}

fn verifier() -> NoteKey {
    NoteKey::new(ORIGIN, key(1).verifying_key()).unwrap()
}

fn open(memory: &Memory) -> Result<Log<Memory>, LogError> {
    Log::open_in(memory.clone(), ORIGIN, key(1))
}

fn entries(what: &str, count: u64) -> Vec<Vec<u8>> {
    (0..count).map(|index| format!("{what} {index}").into_bytes()).collect()
}

/// A log of this many entries, the last few appended one by one.
fn log_of(size: u64) -> (Memory, Vec<Vec<u8>>) {
    let memory = Memory::default();
    let mut log = Log::create_in(memory.clone(), ORIGIN, key(1)).unwrap();
    let all = entries("old", size);
    let (some, rest) = all.split_at(all.len().saturating_sub(4));
    log.append_batch(some).unwrap();
    for entry in rest {
        log.append(entry).unwrap();
    }
    (memory, all)
}

fn contents<F: Files>(log: &LogReader<F>) -> Vec<Vec<u8>> {
    log.entries(0).collect::<Result<_, _>>().unwrap()
}

/// Opens the log, reads all of it, and compares it with every checkpoint that ever existed.
fn opened_and_checked(memory: &Memory) -> (Log<Memory>, Vec<Vec<u8>>) {
    let log = open(memory).unwrap();
    let all = contents(&log);
    assert_eq!(all.len() as u64, log.size());
    assert_eq!(memory.get(LOCK), memory.get(CHECKPOINT), "what is committed is published");
    assert_eq!(contents(&LogReader::open_in(memory.clone(), &verifier()).unwrap()), all);
    let signed = memory.0.lock().unwrap().signed.clone();
    for note in signed {
        let seen = Checkpoint::open(&Note::parse(&note).unwrap(), &verifier()).unwrap();
        log.ensure_extends(&seen).expect("one history only");
    }
    (log, all)
}

/// However a write fails: nothing acknowledged is lost, a batch is logged as a whole or not at all,
/// and going on with something else never gives a second history.
#[test]
fn every_write_fault_of_an_append() {
    for (size, count) in CASES {
        let (start, old) = log_of(size);
        let batch = entries("new", count);
        for happens in HAPPENS {
            for call in 0.. {
                let memory = start.fork();
                let mut log = open(&memory).unwrap();
                memory.set(|state| state.failing_write = Some((call, happens)));
                let result = log.append_batch(&batch);
                if result.is_ok() {
                    assert_eq!(call, 3, "bundles and tiles, lock, checkpoint");
                    break;
                }
                let error = result.unwrap_err();
                assert!(matches!((&error, call), (LogError::NotLogged(_), 0) | (LogError::Uncertain(_), 1 | 2)));
                memory.set(|state| state.failing_write = None);
                assert!(matches!(log.append(b"x"), Err(LogError::Poisoned)), "a handle stops for good");
                assert!(matches!(log.put_blob(b"x"), Err(LogError::Poisoned)));
                assert_eq!(contents(&log), old, "it shows what it knows to be logged");
                drop(log);

                // The restart fails too, at each of its writes.
                for again in 0..2 {
                    memory.set(|state| state.failing_write = Some((again, happens)));
                    assert!(matches!(open(&memory), Err(LogError::Recovery(_)) | Ok(_)));
                    memory.set(|state| state.failing_write = None);
                }

                let (mut log, now) = opened_and_checked(&memory);
                let logged = now.len() > old.len();
                assert_eq!(logged, call == 2 || call == 1 && happens(0), "size {size}, call {call}");
                let expected = if logged { [old.as_slice(), &batch].concat() } else { old.clone() };
                assert_eq!(now, expected);
                let other = entries("other", count + 1);
                log.append_batch(&other).unwrap();
                drop(log);
                assert_eq!(opened_and_checked(&memory).1, [now, other].concat());
            }
        }
    }
}

/// A read that fails is an error, never an empty or another log.
#[test]
fn every_read_fault() {
    for (size, count) in CASES {
        let (start, old) = log_of(size);
        let batch = entries("new", count);
        let mut done = (false, false);
        for call in 0.. {
            let memory = start.fork();
            memory.set(|state| state.failing_read = Some(call));
            done.0 = match open(&memory) {
                Ok(_) => true,
                Err(LogError::Read { .. } | LogError::Tree(TreeError::Read { .. })) => false,
                Err(other) => panic!("{other}"),
            };
            memory.set(|state| state.failing_read = None);
            assert_eq!(opened_and_checked(&memory).1, old);

            let memory = start.fork();
            let mut log = open(&memory).unwrap();
            memory.set(|state| state.failing_read = Some(call));
            done.1 = log.append_batch(&batch).is_ok();
            memory.set(|state| state.failing_read = None);
            let now = opened_and_checked(&memory).1;
            assert_eq!(now.len() > old.len(), done.1, "reads come before the commit");
            if done == (true, true) {
                break;
            }
        }
    }
}

#[test]
fn every_write_fault_of_a_creation() {
    for happens in HAPPENS {
        for call in 0..2 {
            let memory = Memory::default();
            memory.set(|state| state.failing_write = Some((call, happens)));
            assert!(Log::create_in(memory.clone(), ORIGIN, key(1)).is_err());
            memory.set(|state| state.failing_write = None);
            // Either there is nothing, and it can be made; or it is there, and can only be opened.
            if open(&memory).is_err() {
                Log::create_in(memory.clone(), ORIGIN, key(1)).unwrap();
            }
            assert_eq!(opened_and_checked(&memory).1.len(), 0);
            assert!(matches!(Log::create_in(memory, ORIGIN, key(1)), Err(LogError::NotEmpty)));
        }
    }
}

#[test]
fn the_lock_is_the_truth() {
    let (older, _) = log_of(5);
    let (memory, all) = log_of(300);
    let refused = |memory: &Memory| open(memory).map(drop).unwrap_err();

    let behind = memory.fork();
    behind.set(|state| drop(state.files.insert(CHECKPOINT.into(), older.get(CHECKPOINT))));
    assert_eq!(opened_and_checked(&behind).1, all, "published anew");
    let unpublished = memory.fork();
    unpublished.set(|state| drop(state.files.remove(CHECKPOINT)));
    assert_eq!(opened_and_checked(&unpublished).1, all, "published");

    let lost = memory.fork();
    lost.set(|state| drop(state.files.remove(LOCK)));
    assert!(matches!(refused(&lost), LogError::LockMissing));
    assert!(matches!(refused(&Memory::default()), LogError::NoLog));

    let rolled_back = memory.fork();
    let mut files = older.0.lock().unwrap().files.clone();
    files.insert(CHECKPOINT.into(), memory.get(CHECKPOINT));
    rolled_back.set(|state| state.files = files);
    assert!(matches!(refused(&rolled_back), LogError::Rollback { published: 300, held: 5 }));

    for size in [4, 300] {
        let other = Memory::default();
        Log::create_in(other.clone(), ORIGIN, key(1)).unwrap().append_batch(&entries("other", size)).unwrap();
        let forked = memory.fork();
        forked.set(|state| drop(state.files.insert(CHECKPOINT.into(), other.get(CHECKPOINT))));
        assert!(matches!(refused(&forked), LogError::Fork { published, .. } if published == size));
        let kept = open(&other).unwrap().checkpoint().clone();
        assert!(matches!(open(&memory).unwrap().ensure_extends(&kept), Err(LogError::Fork { .. })));
    }

    let other_name = Log::open_in(memory.clone(), "lab.example/other", key(1));
    assert!(matches!(other_name, Err(LogError::Checkpoint { .. })));
    assert!(matches!(Log::open_in(memory.clone(), ORIGIN, key(2)), Err(LogError::Checkpoint { .. })));
    assert!(matches!(
        LogReader::open_in(memory, &NoteKey::new(ORIGIN, key(2).verifying_key()).unwrap()),
        Err(LogError::Checkpoint { .. })
    ));
}

/// The files that the next append builds on: changed before the log is opened, it does not open;
/// changed while it is open, it signs nothing.
#[test]
fn damage_at_the_right_edge() {
    let (start, _) = log_of(300);
    for path in [LOCK, CHECKPOINT, "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/001.p/44"] {
        let damages: [fn(&mut Vec<u8>); 4] = [
            |bytes| bytes[0] ^= 1,
            |bytes| *bytes.last_mut().unwrap() ^= 0x80,
            |bytes| bytes.push(0),
            |bytes| bytes.truncate(bytes.len() - 1),
        ];
        for damage in damages {
            let memory = start.fork();
            let mut log = open(&memory).unwrap();
            memory.set(|state| damage(state.files.get_mut(path).unwrap()));
            let error = open(&memory).map(drop).unwrap_err().to_string();
            assert!(error.contains(path), "{path}: {error}");

            let before = (memory.get(LOCK), memory.get(CHECKPOINT));
            // The public checkpoint is not read again, and the tiles on the edge are in memory.
            match log.append(b"new") {
                Ok(_) => assert!(path != LOCK && path != "tile/entries/001.p/44", "{path}"),
                Err(_) => assert_eq!((memory.get(LOCK), memory.get(CHECKPOINT)), before),
            }
        }
    }
    let memory = start.fork();
    let (mut first, mut second) = (open(&memory).unwrap(), open(&memory).unwrap());
    first.append(b"first").unwrap();
    assert!(second.append(b"second").is_err(), "somebody else was faster");
    opened_and_checked(&memory);
}

#[test]
fn bounds() {
    let (memory, _) = log_of(3);
    let mut log = open(&memory).unwrap();
    let files = memory.0.lock().unwrap().files.clone();
    let error = log.append_batch(&[vec![1], vec![0; 65_536]]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the entry is 65536 bytes long and the longest a log takes is 65535: keep it as a blob and log its digest"
    );
    assert_eq!(log.append_batch::<&[u8]>(&[]).unwrap(), []);
    assert_eq!(memory.0.lock().unwrap().files, files, "nothing was written");
    assert_eq!(log.append(&[0; 65_535]).unwrap().index, 3, "and the handle is sound");
    assert_eq!(log.append(b"").unwrap().index, 4);
    assert!(matches!(log.entry(5), Err(LogError::Tree(TreeError::Beyond { value: 5, size: 5 }))));

    let proof = log.prove_entry(4).unwrap();
    assert_eq!(proof.verify(&verifier(), b"").unwrap(), *log.checkpoint());
    assert!(proof.verify(&verifier(), b"x").is_err());
}
