//! What was uploaded before the request that names it: components, mostly.
//!
//! A blob is there whole or not at all. It waits for a day; how much may wait is bounded for each person and for all.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use unseen_access::Principal;
use unseen_ids::{Digest, hex, sha256};
use unseen_lab::LabError;

use crate::caller::Caller;
use crate::problem::RequestError;

/// The most bytes of one: as many as a component may have.
pub(crate) const MOST: usize = 64 << 20;
/// The most bytes that may wait for one person.
const MOST_EACH: u64 = 256 << 20;
/// The most bytes that may wait altogether.
const MOST_OF_ALL: u64 = 4 << 30;
/// How long one waits.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// The folder in which they wait: one folder in it for each person.
pub(crate) struct Blobs {
    folder: PathBuf,
    counter: AtomicU64,
    /// The bytes that uploads under way may still fill, by where they go.
    promised: Mutex<HashMap<PathBuf, u64>>,
}

/// Room for an upload, until it is whole or given up.
pub(crate) struct Room {
    blobs: Arc<Blobs>,
    place: PathBuf,
    bytes: u64,
}

/// A file that goes unless it was moved to its place.
pub(crate) struct Unfinished {
    pub path: PathBuf,
}

impl Blobs {
    pub fn open(folder: PathBuf) -> Result<Blobs, LabError> {
        std::fs::create_dir_all(&folder).map_err(LabError::io(&folder))?;
        let blobs = Blobs { folder, counter: AtomicU64::new(0), promised: Mutex::default() };
        // What a killed process left half done is not counted, and never will be whole.
        for file in files(&blobs.folder).into_iter().filter(|file| !is_whole(file)) {
            let _ = std::fs::remove_file(file);
        }
        Ok(blobs)
    }

    /// A blob that this person has uploaded.
    pub fn read(&self, digest: &Digest, caller: &Caller) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = std::fs::File::open(self.place(&caller.principal)?.join(digest.to_hex())).ok()?;
        file.take(MOST as u64 + 1).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    /// Removes what has waited too long.
    fn sweep(&self) {
        let old = |path: &Path| {
            let changed = path.metadata().and_then(|found| found.modified()).ok();
            changed.and_then(|at| SystemTime::now().duration_since(at).ok()).is_some_and(|age| age > KEPT)
        };
        for file in files(&self.folder).into_iter().filter(|file| is_whole(file) && old(file)) {
            let _ = std::fs::remove_file(file);
        }
    }

    /// Room for an upload of so many bytes, if so much more may wait for this person.
    pub fn room(self: &Arc<Blobs>, principal: &Principal, bytes: u64) -> Result<Option<Room>, RequestError> {
        let place = self.place(principal).ok_or(RequestError::Unknown)?;
        self.sweep();
        Ok(self.promise(&place, bytes).then(|| Room { blobs: self.clone(), place, bytes }))
    }

    fn promise(&self, place: &Path, bytes: u64) -> bool {
        let waiting = |folder: &Path| {
            let whole = files(folder).into_iter().filter(|file| is_whole(file));
            whole.filter_map(|file| file.metadata().ok()).map(|found| found.len()).sum::<u64>()
        };
        let mut promised = self.promised();
        let all: u64 = promised.values().sum();
        let own = promised.get(place).copied().unwrap_or_default();
        let fits = waiting(place) + own + bytes <= MOST_EACH && waiting(&self.folder) + all + bytes <= MOST_OF_ALL;
        if fits {
            promised.insert(place.to_owned(), own + bytes);
        }
        fits
    }

    fn promised(&self) -> MutexGuard<'_, HashMap<PathBuf, u64>> {
        self.promised.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self, principal: &Principal) -> Option<PathBuf> {
        match principal {
            // A name may be anything; its hash is a file's name.
            Principal::Person(person) => Some(self.folder.join(hex::encode(&sha256(&[person.name.as_bytes()])[..16]))),
            Principal::Visitor => None,
        }
    }
}

impl Room {
    /// A file for what comes.
    pub fn begin(&self) -> std::io::Result<(std::fs::File, Unfinished)> {
        std::fs::create_dir_all(&self.place)?;
        let number = self.blobs.counter.fetch_add(1, Ordering::Relaxed);
        let path = self.place.join(format!("{}-{number}.tmp", std::process::id()));
        Ok((std::fs::File::create(&path)?, Unfinished { path }))
    }

    /// Has it whole, under its digest.
    pub fn end(&self, file: &Unfinished, digest: &Digest) -> std::io::Result<()> {
        std::fs::rename(&file.path, self.place.join(digest.to_hex()))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut promised = self.blobs.promised();
        let left = promised.remove(&self.place).unwrap_or_default().saturating_sub(self.bytes);
        if left > 0 {
            promised.insert(self.place.clone(), left);
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn is_whole(file: &Path) -> bool {
    file.extension().is_none()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let found = std::fs::read_dir(folder).into_iter().flatten().flatten();
    found.flat_map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { vec![entry.path()] }).collect()
}
