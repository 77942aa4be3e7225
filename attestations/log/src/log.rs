//! Writing a log.

use crate::{
    CHECKPOINT, Folder, LOCK, LogError, LogReader, Storage, blob_path, handover_path,
    reader::{checked_tree, ensure_extends, read, read_checkpoint},
    sm2_path,
};
use std::{fs, ops::Deref, path::PathBuf, sync::Arc};
use unseen_ids::Digest;
use unseen_tlog::{
    Signer, merkle,
    merkle::Hash,
    note::{Checkpoint, Countersigner, Note, NoteError, NoteKey, Signature},
    tile::{self, FULL, Kind, Tile},
    tree::TreeError,
};

/// A log that this process alone may append to. All that [`LogReader`] does, it does too, for what
/// is committed.
///
/// A handle whose write has failed takes no further ones ([`LogError::Poisoned`]): what reached the
/// disk is then unknown. Opening the log again finds out.
#[derive(Debug)]
pub struct Log<S = Folder> {
    storage: Arc<S>,
    key: Arc<dyn Signer>,
    /// Who signs every checkpoint too.
    countersigners: Vec<Arc<dyn Countersigner>>,
    /// What is committed.
    committed: LogReader<Arc<S>>,
    poisoned: bool,
}

/// Where an entry ended up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Its position in the log, from 0.
    pub index: u64,
    /// Its leaf hash in the tree.
    pub leaf_hash: Hash,
}

impl Log {
    /// Makes a new, empty log in a folder that is empty or does not exist. `origin` names it for
    /// ever: a URL without its scheme, as `lab.example.com/log`.
    pub fn create(folder: impl Into<PathBuf>, origin: &str, key: Arc<dyn Signer>) -> Result<Log, LogError> {
        let path = folder.into();
        fs::create_dir_all(&path).map_err(|source| LogError::Open { path: path.clone(), source })?;
        Log::create_in(Folder::locked(path)?, origin, key)
    }

    /// Opens the log in a folder. It must be the log `origin`, signed by `key`, undamaged at its
    /// right edge, and not older than what was published from it.
    pub fn open(folder: impl Into<PathBuf>, origin: &str, key: Arc<dyn Signer>) -> Result<Log, LogError> {
        Log::open_in(Folder::locked(folder)?, origin, key)
    }
}

impl<S: Storage> Log<S> {
    /// [`Log::create`] in another kind of storage.
    pub fn create_in(storage: S, origin: &str, key: Arc<dyn Signer>) -> Result<Log<S>, LogError> {
        let empty = storage.is_empty().map_err(|source| LogError::Read { path: ".".into(), source })?;
        if !empty {
            return Err(LogError::NotEmpty);
        }
        let checkpoint = Checkpoint { origin: origin.into(), size: 0, root: merkle::empty_root() };
        let note = checkpoint.sign(&*key).map_err(|source| LogError::Checkpoint { path: LOCK, source })?;
        storage.write(&[(LOCK.into(), note.to_string().into())]).map_err(LogError::NotLogged)?;
        Log::open_in(storage, origin, key)
    }

    /// [`Log::open`] in another kind of storage.
    pub fn open_in(storage: S, origin: &str, key: Arc<dyn Signer>) -> Result<Log<S>, LogError> {
        let storage = Arc::new(storage);
        let log =
            NoteKey::new(origin, key.verifying_key()).map_err(|source| LogError::Checkpoint { path: LOCK, source })?;
        let published = read_checkpoint(&storage, CHECKPOINT, &log)?;
        let (note, checkpoint) = match (read_checkpoint(&storage, LOCK, &log)?, &published) {
            (Some(lock), _) => lock,
            (None, Some(_)) => return Err(LogError::LockMissing),
            (None, None) => return Err(LogError::NoLog),
        };
        let committed = LogReader::at(storage.clone(), note, checkpoint)?;
        if let Some((_, published)) = &published {
            committed.ensure_extends(published)?;
        }
        // The process before may have died between the rename and the flush of the lock: write it
        // again, so that nothing is built on, or shown of, what a crash could still take back.
        let lock = committed.note.to_string();
        storage.write(&[(LOCK.into(), lock.clone().into())]).map_err(LogError::Recovery)?;
        if published.is_none_or(|(_, published)| published.size < committed.size()) {
            storage.write(&[(CHECKPOINT.into(), lock.into())]).map_err(LogError::Recovery)?;
        }
        Ok(Log { storage, key, countersigners: Vec::new(), committed, poisoned: false })
    }

    /// Logs one entry, at most 65,535 bytes. On success it is durable and published.
    pub fn append(&mut self, entry: &[u8]) -> Result<Appended, LogError> {
        let index = self.size();
        self.append_batch(&[entry])?;
        Ok(Appended { index, leaf_hash: merkle::leaf_hash(entry) })
    }

    /// Logs all of these entries in this order, or none, at the cost of one.
    pub fn append_batch<E: AsRef<[u8]>>(&mut self, entries: &[E]) -> Result<Vec<Appended>, LogError> {
        self.commit(entries, None)
    }

    /// Logs the entry that hands the log over to another key. Its checkpoint, the overlap, is signed by
    /// the old key and by the new one; every later checkpoint by the new one alone.
    pub fn hand_over(&mut self, entry: &[u8], to: Arc<dyn Signer>) -> Result<Appended, LogError> {
        let index = self.size();
        self.commit(&[entry], Some(to))?;
        self.keep_overlap()?;
        Ok(Appended { index, leaf_hash: merkle::leaf_hash(entry) })
    }

    /// Keeps the present checkpoint as the overlap of the handover that is the last entry. Doing so again
    /// changes nothing; it is done again after a crash, before anything else is appended.
    pub fn keep_overlap(&mut self) -> Result<(), LogError> {
        let Some(entry) = self.size().checked_sub(1) else { return Ok(()) };
        self.write_note(&handover_path(entry), &self.committed.note)
    }

    /// Signs with another key from here on: the one that the log was handed over to, when the process
    /// that did it died before it could go on.
    pub fn sign_with(&mut self, key: Arc<dyn Signer>) {
        self.key = key;
    }

    /// Lets somebody sign every further checkpoint besides the log's own key.
    pub fn countersign(&mut self, by: Arc<dyn Countersigner>) {
        self.countersigners.push(by);
    }

    /// Adds cosignatures to the present checkpoint and publishes it with them. Whether they are true is
    /// for the caller to have checked: a reader ignores what it does not know.
    pub fn publish_cosigned(&mut self, cosignatures: &[Signature]) -> Result<(), LogError> {
        self.ensure_sound()?;
        self.ensure_unchanged()?;
        let mut note = self.committed.note.clone();
        cosignatures.iter().for_each(|line| note.add(line.clone()));
        self.poisoned = true;
        self.write_note(LOCK, &note)?;
        self.write_note(CHECKPOINT, &note)?;
        self.committed.note = note;
        self.poisoned = false;
        Ok(())
    }

    fn commit<E: AsRef<[u8]>>(
        &mut self,
        entries: &[E],
        hand_over: Option<Arc<dyn Signer>>,
    ) -> Result<Vec<Appended>, LogError> {
        self.ensure_sound()?;
        entries.iter().try_for_each(|entry| ensure_fits(entry.as_ref()))?;
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        self.poisoned = true;
        let before = &self.committed;
        self.ensure_unchanged()?;
        let growth = before.tree.grow(entries)?;
        self.storage.write(&growth.files).map_err(LogError::NotLogged)?;

        // What was written is read back, and must be an extension of what was signed before.
        let Checkpoint { origin, .. } = before.checkpoint.clone();
        let checkpoint = Checkpoint { origin, size: growth.size, root: growth.root };
        let tree = checked_tree(self.storage.clone(), &checkpoint)?;
        ensure_extends(&tree, &before.checkpoint)?;
        self.ensure_unchanged()?;

        let note = self
            .signed(&checkpoint, hand_over.as_deref())
            .map_err(|source| LogError::Checkpoint { path: LOCK, source })?;
        self.write_note(LOCK, &note)?;
        self.write_note(CHECKPOINT, &note)?;
        self.key = hand_over.unwrap_or_else(|| self.key.clone());
        let old = self.size();
        self.committed = LogReader { note, checkpoint, tree };
        self.poisoned = false;
        self.prune(old);

        let hashes = entries.iter().map(|entry| merkle::leaf_hash(entry.as_ref()));
        Ok((old..).zip(hashes).map(|(index, leaf_hash)| Appended { index, leaf_hash }).collect())
    }

    /// Keeps `bytes` durably under their digest. Doing so again changes nothing.
    pub fn put_blob(&mut self, bytes: &[u8]) -> Result<Digest, LogError> {
        self.ensure_sound()?;
        let digest = Digest::of(bytes);
        self.poisoned = true;
        // Written even if it is there: it may be damaged, or not yet durable.
        self.storage.write(&[(blob_path(&digest), bytes.to_vec())]).map_err(LogError::NotLogged)?;
        self.poisoned = false;
        Ok(digest)
    }

    /// Keeps a second envelope, signed in SM2, over what an entry says.
    pub fn put_sm2_envelope(&mut self, entry: u64, envelope: Vec<u8>) -> Result<(), LogError> {
        self.ensure_sound()?;
        self.poisoned = true;
        self.storage.write(&[(sm2_path(entry), envelope)]).map_err(LogError::NotLogged)?;
        self.poisoned = false;
        Ok(())
    }

    /// A reader of what is committed now, which does not see the log grow. It reads through `files`, and so
    /// holds nothing that only one process may hold.
    pub fn reader<F>(&self, files: F) -> LogReader<F> {
        let LogReader { note, checkpoint, tree } = &self.committed;
        LogReader { note: note.clone(), checkpoint: checkpoint.clone(), tree: tree.in_files(files) }
    }

    /// What others verify this log's checkpoints with.
    pub fn verifier(&self) -> NoteKey {
        NoteKey::new(&self.committed.checkpoint.origin, self.key.verifying_key())
            .expect("invariant: the log was opened under this name")
    }

    fn signed(&self, checkpoint: &Checkpoint, hand_over: Option<&dyn Signer>) -> Result<Note, NoteError> {
        let mut note = checkpoint.sign(&*self.key)?;
        if let Some(key) = hand_over {
            note.sign(&checkpoint.origin, key)?;
        }
        for by in &self.countersigners {
            let line = by.line(note.text())?;
            note.add(line);
        }
        Ok(note)
    }

    /// Whether no write has failed so far.
    pub fn is_sound(&self) -> bool {
        !self.poisoned
    }

    fn ensure_sound(&self) -> Result<(), LogError> {
        if self.poisoned { Err(LogError::Poisoned) } else { Ok(()) }
    }

    /// Finds out about a second writer that the storage did not keep away, before its files are
    /// overwritten and again before a second history is signed.
    fn ensure_unchanged(&self) -> Result<(), LogError> {
        let lock = read(&*self.storage, LOCK)?;
        let same = lock.as_deref() == Some(self.committed.note.to_string().as_bytes());
        if same { Ok(()) } else { Err(LogError::Changed) }
    }

    fn write_note(&self, path: &str, note: &Note) -> Result<(), LogError> {
        self.storage.write(&[(path.into(), note.to_string().into())]).map_err(LogError::Uncertain)
    }

    /// Removes narrow files that are not needed any more: all of them once the full one is there to
    /// be read instead; narrow bundles, which together are many times as large as the full one,
    /// also when two wider ones are there. It does not matter if this fails: the files are garbage.
    fn prune(&self, old: u64) {
        for kind in tile::kinds() {
            let index = old >> (8 * kind.level()) >> 8;
            let Some(now) = Tile::at(kind, index, self.size()) else {
                continue;
            };
            let keep = match kind {
                _ if now.width == FULL => vec![],
                Kind::Entries => vec![(old % FULL as u64).to_string(), now.width.to_string()],
                Kind::Hashes { .. } => continue,
            };
            let _garbage_may_stay = self.storage.prune(&format!("{}.p", now.stem()), &keep);
        }
    }
}

/// Refuses an entry that is longer than a log takes.
pub fn ensure_fits(entry: &[u8]) -> Result<(), LogError> {
    let length = entry.len();
    if length > tile::MAX_ENTRY { Err(TreeError::TooLong { length }.into()) } else { Ok(()) }
}

impl<S> Deref for Log<S> {
    type Target = LogReader<Arc<S>>;
    fn deref(&self) -> &LogReader<Arc<S>> {
        &self.committed
    }
}
