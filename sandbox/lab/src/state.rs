//! The folded ledger, kept in sled so that opening a lab need not read the whole log. It is a cache:
//! authenticated, and thrown away whenever it does not fit the log.
//!
//! Each record stands under its own key, and an entry writes only those it changes. One tag covers them
//! all: an HMAC over the XOR of one HMAC for each record (Bellare, Guérin and Rogaway 1995, "XOR MACs"),
//! so that it can be brought up to date without reading the rest. The XOR itself is written nowhere, or
//! records of several states could be combined to a state that never was.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use ring::hmac;
use serde::{Deserialize, Serialize};
use unseen_policies::ledger::{Ledger, Put};
use unseen_tlog::note::Checkpoint;

use crate::error::LabError;
use crate::locks::{self, Lock};

/// A cache of the ledger.
pub(crate) struct StateCache {
    db: sled::Db,
    key: hmac::Key,
    /// The XOR of the records' tags.
    records: [u8; 32],
    /// A write failed: the rest is left to the next opening, which folds it from the log.
    behind: bool,
    /// Dropped after `db`, so that whoever waits for it drops sled's last handle.
    last: Option<mpsc::Sender<()>>,
    /// Dropped after `last`, and before the lock is let go.
    closed: Closed,
    _lock: Lock,
}

/// Waits until sled is closed, but not for ever.
struct Closed(Option<mpsc::Receiver<()>>);

impl Drop for Closed {
    fn drop(&mut self) {
        let _closed = self.0.take().map(|closed| closed.recv_timeout(PATIENCE));
    }
}

/// The tree that the records were folded from.
#[derive(Serialize, Deserialize)]
struct Head {
    origin: String,
    size: u64,
    root: [u8; 32],
    tag: Vec<u8>,
}

/// Where it lies in a lab.
const FOLDER: &str = "state";
const HEAD: &[u8] = b"head v3";
const RECORD: &[u8] = b"record/";
/// How long a disk may take.
const PATIENCE: Duration = Duration::from_secs(10);

impl StateCache {
    /// Opens the cache of a lab; one that sled finds damaged is written again. A system that refuses (a full disk,
    /// no rights) is no damage: what the cache remembers of the log is then kept.
    pub fn open(lab: &Path, secret: &[u8; 32]) -> Result<StateCache, LabError> {
        let (lock, dir) = (locks::take_state(lab, true)?, lab.join(FOLDER));
        let db = match opened(&dir)? {
            Err(sled::Error::Io(error)) if error.raw_os_error().is_some() => return Err(failed(error)),
            Err(_) => {
                std::fs::remove_dir_all(&dir).map_err(LabError::io(&dir))?;
                opened(&dir)?.map_err(failed)?
            }
            Ok(db) => db,
        };
        Ok(StateCache::of(db, secret, lock))
    }

    /// What [`StateCache::load`] gives, for reading only: nothing where another process has the cache, or where
    /// not even a lock can be written.
    pub fn peek(lab: &Path, secret: &[u8; 32]) -> Option<(Checkpoint, Ledger)> {
        let (lock, dir) = (locks::take_state(lab, false).ok()?, lab.join(FOLDER));
        let db = dir.is_dir().then(|| opened(&dir).ok()?.ok())??;
        StateCache::of(db, secret, lock).read()
    }

    fn of(db: sled::Db, secret: &[u8; 32], lock: Lock) -> StateCache {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        StateCache { db, key, records: [0; 32], behind: false, last: None, closed: Closed(None), _lock: lock }
    }

    /// The ledger that was saved last and the checkpoint of its log, if they are there and nobody altered
    /// them. What is useless is removed.
    pub fn load(&mut self) -> Result<Option<(Checkpoint, Ledger)>, LabError> {
        let found = self.read();
        if found.is_none() {
            self.records = [0; 32];
            let db = self.db.clone();
            in_time(move || db.clear())?.map_err(failed)?;
        }
        Ok(found)
    }

    fn read(&mut self) -> Option<(Checkpoint, Ledger)> {
        let head: Head = serde_json::from_slice(&self.db.get(HEAD).ok()??).ok()?;
        let checkpoint = Checkpoint { origin: head.origin, size: head.size, root: head.root };
        let mut puts = Vec::new();
        self.records = [0; 32];
        for record in self.db.scan_prefix(RECORD) {
            let (key, value) = record.ok()?;
            self.toggle(&key, &value);
            puts.push(serde_json::from_slice::<Put>(&value).ok()?);
        }
        hmac::verify(&self.key, &self.covered(&checkpoint), &head.tag).ok()?;
        let ledger = Ledger::restore(checkpoint.size, puts);
        Some((checkpoint, ledger))
    }

    /// Saves what entries up to `checkpoint` have put. Losing it costs time, not truth: after a failure
    /// nothing more is saved until the lab is opened again.
    pub fn save(&mut self, puts: &[Put], checkpoint: &Checkpoint) {
        self.behind = self.behind || self.write(puts, checkpoint).is_err();
    }

    fn write(&mut self, puts: &[Put], checkpoint: &Checkpoint) -> Result<(), LabError> {
        // Of two puts of one key the later one is left.
        let puts: BTreeMap<String, &Put> = puts.iter().map(|put| (put.key(), put)).collect();
        let mut batch = sled::Batch::default();
        for (key, put) in puts {
            let key = [RECORD, key.as_bytes()].concat();
            let value = serde_json::to_vec(put).map_err(failed)?;
            if let Some(old) = self.db.get(&key).map_err(failed)? {
                self.toggle(&key, &old);
            }
            self.toggle(&key, &value);
            batch.insert(key, value);
        }
        let tag = hmac::sign(&self.key, &self.covered(checkpoint)).as_ref().to_vec();
        let Checkpoint { origin, size, root } = checkpoint.clone();
        batch.insert(HEAD, serde_json::to_vec(&Head { origin, size, root, tag }).map_err(failed)?);
        let db = self.db.clone();
        in_time(move || db.apply_batch(batch).and_then(|()| db.flush()))?.map(drop).map_err(failed)
    }

    /// Takes a record into the tag, or out of it.
    fn toggle(&mut self, key: &[u8], value: &[u8]) {
        let length = (key.len() as u64).to_le_bytes();
        let tag = hmac::sign(&self.key, &[b"record".as_slice(), &length, key, value].concat());
        self.records.iter_mut().zip(tag.as_ref()).for_each(|(byte, with)| *byte ^= with);
    }

    fn covered(&self, checkpoint: &Checkpoint) -> Vec<u8> {
        let Checkpoint { origin, size, root } = checkpoint;
        [HEAD, &self.records, &size.to_le_bytes(), root, origin.as_bytes()].concat()
    }
}

impl Drop for StateCache {
    /// sled flushes once more as it is dropped, and may wait for ever where it could not write: so somebody else waits.
    fn drop(&mut self) {
        let ((last, after), (done, closed)) = (mpsc::channel(), mpsc::channel());
        let db = self.db.clone();
        let closing = std::thread::Builder::new().spawn(move || {
            let _ = after.recv();
            drop(db);
            let _ = done.send(());
        });
        if closing.is_ok() {
            self.last = Some(last);
            self.closed = Closed((!self.behind).then_some(closed));
        }
    }
}

fn opened(dir: &Path) -> Result<sled::Result<sled::Db>, LabError> {
    let dir = dir.to_owned();
    in_time(move || config(&dir).open())
}

/// Does what may write, but waits not for ever: sled 0.34.7 does not always wake who waits when its own thread could not
/// write (`exit_reservation`).
fn in_time<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, LabError> {
    let (done, ended) = mpsc::channel();
    std::thread::Builder::new().spawn(move || done.send(work())).map_err(failed)?;
    ended.recv_timeout(PATIENCE).map_err(failed)
}

fn config(dir: &Path) -> sled::Config {
    sled::Config::new().path(dir).cache_capacity(8 << 20).flush_every_ms(None)
}

fn failed(error: impl std::fmt::Display) -> LabError {
    LabError::State(error.to_string().into())
}
