//! The folded ledger, kept in sled so that opening a lab need not read the whole log. It is a cache:
//! authenticated, and thrown away whenever it does not fit the log.
//!
//! Each record stands under its own key, and an entry writes only those it changes. One tag covers them
//! all: an HMAC over the XOR of one HMAC for each record (Bellare, Guérin and Rogaway 1995, "XOR MACs"),
//! so that it can be brought up to date without reading the rest. The XOR itself is written nowhere, or
//! records of several states could be combined to a state that never was.

mod disk;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ring::hmac;
use serde::{Deserialize, Serialize};
use unseen_policies::ledger::{Ledger, Put};
use unseen_tlog::note::Checkpoint;

use crate::error::LabError;
use disk::{Disk, failed, in_time};

/// A cache of the ledger.
pub(crate) struct StateCache {
    lab: PathBuf,
    key: hmac::Key,
    unsaved: Unsaved,
    /// A write failed: the rest is left to the next opening, which folds it from the log.
    behind: bool,
    /// None as long as there is little to write.
    disk: Option<Disk>,
}

/// What a process knows of a cache that it has closed.
pub(crate) struct Unsaved {
    /// The XOR of the tags of the records that are saved.
    records: [u8; 32],
    /// What entries have put since.
    pub puts: Vec<Put>,
}

/// The tree that the records were folded from.
#[derive(Serialize, Deserialize)]
struct Head {
    origin: String,
    size: u64,
    root: [u8; 32],
    tag: Vec<u8>,
}

const HEAD: &[u8] = b"head v3";
const RECORD: &[u8] = b"record/";
/// So much is not left for later.
const MOST_UNSAVED: usize = 16_384;

impl StateCache {
    /// Opens the cache of a lab; one that sled finds damaged is written again. A system that refuses (a full disk,
    /// no rights) is no damage: what the cache remembers of the log is then kept.
    pub fn open(lab: &Path, secret: &[u8; 32]) -> Result<StateCache, LabError> {
        Ok(StateCache { disk: Some(Disk::open(lab)?), ..StateCache::of(lab, secret) })
    }

    /// What [`StateCache::load`] gives, for reading only: nothing where another process has the cache, or where
    /// not even a lock can be written.
    pub fn peek(lab: &Path, secret: &[u8; 32]) -> Option<(Checkpoint, Ledger)> {
        let disk = Some(Disk::peek(lab)?);
        StateCache { disk, ..StateCache::of(lab, secret) }.read()
    }

    /// A cache that this process has let go, and that it may not need to open again soon.
    pub fn reopen(lab: &Path, secret: &[u8; 32], unsaved: Unsaved) -> StateCache {
        StateCache { unsaved, ..StateCache::of(lab, secret) }
    }

    fn of(lab: &Path, secret: &[u8; 32]) -> StateCache {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let unsaved = Unsaved { records: [0; 32], puts: Vec::new() };
        StateCache { lab: lab.to_owned(), key, unsaved, behind: false, disk: None }
    }

    /// Lets the cache go; nothing is known of one that is behind.
    pub fn rest(self) -> Option<Unsaved> {
        (!self.behind).then_some(self.unsaved)
    }

    /// The ledger that was saved last and the checkpoint of its log, if they are there and nobody altered
    /// them. What is useless is removed.
    pub fn load(&mut self) -> Result<Option<(Checkpoint, Ledger)>, LabError> {
        let found = self.read();
        if found.is_none() {
            self.unsaved.records = [0; 32];
            let db = self.db()?.clone();
            in_time(move || db.clear())?.map_err(failed)?;
        }
        Ok(found)
    }

    fn read(&mut self) -> Option<(Checkpoint, Ledger)> {
        let db = self.db().ok()?.clone();
        let (checkpoint, tag) = head(&db)?;
        let mut puts = Vec::new();
        self.unsaved.records = [0; 32];
        for record in db.scan_prefix(RECORD) {
            let (key, value) = record.ok()?;
            self.toggle(&key, &value);
            puts.push(serde_json::from_slice::<Put>(&value).ok()?);
        }
        hmac::verify(&self.key, &self.covered(&checkpoint), &tag).ok()?;
        let ledger = Ledger::restore(checkpoint.size, puts);
        Some((checkpoint, ledger))
    }

    /// Saves what entries up to `checkpoint` have put, now or before long. Losing it costs time, not truth: after a
    /// failure nothing more is saved until the lab is opened again.
    pub fn save(&mut self, puts: &[Put], checkpoint: &Checkpoint) {
        self.unsaved.puts.extend_from_slice(puts);
        if self.disk.is_some() || self.unsaved.puts.len() >= MOST_UNSAVED {
            self.flush(checkpoint);
        }
    }

    /// Saves now what entries up to `checkpoint` have put.
    pub fn flush(&mut self, checkpoint: &Checkpoint) {
        if !self.unsaved.puts.is_empty() && !self.behind && self.write(checkpoint).is_err() {
            self.behind = true;
            self.disk.iter_mut().for_each(Disk::give_up);
        }
    }

    fn write(&mut self, checkpoint: &Checkpoint) -> Result<(), LabError> {
        if self.disk.is_none() {
            self.disk = Some(Disk::open(&self.lab)?);
            self.catch_up(checkpoint)?;
        }
        // Of two puts of one key the later one is left.
        let puts: BTreeMap<String, Put> = self.unsaved.puts.drain(..).map(|put| (put.key(), put)).collect();
        let db = self.db()?.clone();
        let mut batch = sled::Batch::default();
        for (key, put) in puts {
            let key = [RECORD, key.as_bytes()].concat();
            let value = serde_json::to_vec(&put).map_err(failed)?;
            if let Some(old) = db.get(&key).map_err(failed)? {
                self.toggle(&key, &old);
            }
            self.toggle(&key, &value);
            batch.insert(key, value);
        }
        let tag = hmac::sign(&self.key, &self.covered(checkpoint)).as_ref().to_vec();
        let Checkpoint { origin, size, root } = checkpoint.clone();
        batch.insert(HEAD, serde_json::to_vec(&Head { origin, size, root, tag }).map_err(failed)?);
        in_time(move || db.apply_batch(batch).and_then(|()| db.flush()))?.map(drop).map_err(failed)
    }

    /// Others may have saved what they missed while this process had let the cache go: up to an entry that is not after
    /// `checkpoint`, for this process has the log. To put again what is there changes nothing.
    fn catch_up(&mut self, checkpoint: &Checkpoint) -> Result<(), LabError> {
        let found = head(self.db()?).ok_or_else(|| failed("the cache is empty"))?;
        let is_own = hmac::verify(&self.key, &self.covered(&found.0), &found.1).is_ok();
        let is_earlier = |(seen, _): &(Checkpoint, Ledger)| seen.size <= checkpoint.size;
        if is_own || self.read().as_ref().is_some_and(is_earlier) {
            Ok(())
        } else {
            Err(failed("the cache is another"))
        }
    }

    fn db(&self) -> Result<&sled::Db, LabError> {
        self.disk.as_ref().map(|disk| &disk.db).ok_or_else(|| failed("the cache is closed"))
    }

    /// Takes a record into the tag, or out of it.
    fn toggle(&mut self, key: &[u8], value: &[u8]) {
        let length = (key.len() as u64).to_le_bytes();
        let tag = hmac::sign(&self.key, &[b"record".as_slice(), &length, key, value].concat());
        self.unsaved.records.iter_mut().zip(tag.as_ref()).for_each(|(byte, with)| *byte ^= with);
    }

    fn covered(&self, checkpoint: &Checkpoint) -> Vec<u8> {
        let Checkpoint { origin, size, root } = checkpoint;
        [HEAD, &self.unsaved.records, &size.to_le_bytes(), root, origin.as_bytes()].concat()
    }
}

/// The tree that the records were folded from, and their tag.
fn head(db: &sled::Db) -> Option<(Checkpoint, Vec<u8>)> {
    let Head { origin, size, root, tag } = serde_json::from_slice(&db.get(HEAD).ok()??).ok()?;
    Some((Checkpoint { origin, size, root }, tag))
}
