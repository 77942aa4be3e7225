//! A witness's folder, which is all that it remembers.
//!
//! | path | content |
//! |---|---|
//! | `witness.json` | its name and public key, and the origins of the logs it follows |
//! | `logs/<SHA-256 of origin>.json` | one log: its keys, and the checkpoint cosigned last |
//! | `evidence/<SHA-256 of origin>/<kind>-<SHA-256>.json` | what the log signed and should not have |
//!
//! A file is written under a temporary name, flushed, renamed, and its folder flushed: after a crash it
//! is the old or the new one. A checkpoint is durable before its cosignature leaves. Where a write
//! fails it is unknown which of the two is there, so the record is forgotten, and the next request
//! reads it from the disk and writes it again, as opening does: recovery is the normal path.
//!
//! A record carries the witness's own cosignature, so one that was altered or belongs elsewhere is
//! refused. One that is missing is never taken for a new log's: logs are added by [`add_log`] alone,
//! and `witness.json` says which there must be.

use crate::{
    decide::{Cosigned, Record, Refused, Request, decide, signed_by_log},
    origin_hash,
};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use unseen_ids::Digest;
use unseen_texts::{Say, Sentence, say, text};
use unseen_tlog::{
    Signer,
    cosignature::WitnessKey,
    note::{Checkpoint, Note, NoteError, NoteKey},
};

/// What a witness is.
const WITNESS: &str = "witness.json";

/// What ends the name of a file that is being written.
const TEMPORARY: &str = ".tmp";

/// The most files of evidence kept of one kind for one log: the first ones tell the most, and whoever
/// sends more must not fill the disk.
const MAX_EVIDENCE: usize = 32;

/// Makes a witness in a folder that is empty or does not exist. Its name, a URL without a scheme as
/// `witness.example.org/w1`, and its key are for ever. The key must be this witness's alone: a
/// cosignature does not name who made it.
pub fn init(dir: &Path, name: &str, key: &dyn Signer) -> Result<WitnessKey, StateError> {
    let witness = WitnessKey::new(name, key.verifying_key()).map_err(StateError::Name)?;
    fs::create_dir_all(dir).map_err(|source| StateError::Open { path: dir.into(), source })?;
    let folder = Folder::locked(dir)?;
    let left = folder.list("").map_err(|source| StateError::Open { path: dir.into(), source })?;
    if !left.is_empty() {
        return Err(StateError::NotEmpty(dir.into()));
    }
    write(&folder, WITNESS, &WitnessFile { witness: witness.to_string(), logs: Vec::new() })?;
    Ok(witness)
}

/// Lets a witness follow the log of this key, from its first checkpoint on; or accept the key too, for
/// a log that it follows already and that is handed over to another key. No server may be running.
pub fn add_log(dir: &Path, log: &NoteKey) -> Result<(), StateError> {
    let folder = Folder::locked(dir)?;
    let (witness, mut file) = read_witness(&folder)?;
    if witness.key() == log.key() {
        return Err(StateError::OwnKey);
    }
    let origin = log.name();
    let mut record = if file.logs.iter().any(|known| known == origin) {
        read_record(&folder, &witness, origin)?
    } else {
        unlisted(&folder, &witness, origin)?;
        Record { keys: Vec::new(), latest: None }
    };
    if !record.keys.contains(log) {
        record.keys.push(log.clone());
    }
    // First what is listed, then the list: a log that is listed has a record, at any time.
    write_record(&folder, origin, &record)?;
    if !file.logs.iter().any(|known| known == origin) {
        file.logs.push(origin.to_owned());
    }
    write(&folder, WITNESS, &file)
}

/// What a witness is and has cosigned, for its operator. It may be asked while a server is running.
pub fn status(dir: &Path) -> Result<Status, StateError> {
    let folder = Folder::reading(dir);
    let (witness, file) = read_witness(&folder)?;
    let logs = file.logs.iter().map(|origin| {
        let record = read_record(&folder, &witness, origin)?;
        let evidence = folder.list(&evidence_folder(origin)).map_err(|source| read_error(origin, source))?;
        Ok(LogStatus { origin: origin.clone(), record, evidence: evidence.len() })
    });
    Ok(Status { logs: logs.collect::<Result<_, StateError>>()?, witness })
}

/// See [`status`].
#[derive(Debug)]
pub struct Status {
    /// The witness's name and key.
    pub witness: WitnessKey,
    /// The logs it follows, in the order they were added.
    pub logs: Vec<LogStatus>,
}

/// One log of a [`Status`].
#[derive(Debug)]
pub struct LogStatus {
    /// The log's name.
    pub origin: String,
    /// Its keys, and what was cosigned last.
    pub record: Record,
    /// Files of evidence against it.
    pub evidence: usize,
}

/// A witness's folder, opened by the one process that may cosign from it.
#[derive(Debug)]
pub struct State {
    storage: Box<dyn Storage>,
    key: Arc<dyn Signer>,
    witness: WitnessKey,
    logs: BTreeMap<String, Mutex<Remembered>>,
}

/// A record, unless a write of it has failed.
type Remembered = Option<Record>;

/// What was done about a request.
#[derive(Debug)]
pub struct Outcome {
    /// The answer.
    pub verdict: Result<Cosigned, Failure>,
    /// Where evidence against the log was kept, relative to the folder; or why it could not be.
    pub evidence: Option<Result<String, StateError>>,
}

/// Why there is no cosignature.
#[derive(Debug, thiserror::Error, Say)]
#[code("witness-failure")]
pub enum Failure {
    /// The witness refuses.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The witness cannot remember, and so does not sign.
    #[error(transparent)]
    State(#[from] StateError),
}

impl State {
    /// Opens a witness's folder with the key it was made for.
    pub fn open(dir: &Path, key: Arc<dyn Signer>) -> Result<State, StateError> {
        State::open_in(Box::new(Folder::locked(dir)?), key)
    }

    fn open_in(storage: Box<dyn Storage>, key: Arc<dyn Signer>) -> Result<State, StateError> {
        let (witness, file) = read_witness(&*storage)?;
        if *witness.key() != key.verifying_key() {
            return Err(StateError::OtherKey(witness.to_string()));
        }
        let mut state = State { storage, key, witness, logs: BTreeMap::new() };
        for origin in file.logs {
            let record = state.recover(&origin)?;
            state.logs.insert(origin, Mutex::new(Some(record)));
        }
        Ok(state)
    }

    /// The witness's name and key.
    pub fn witness(&self) -> &WitnessKey {
        &self.witness
    }

    /// The checkpoint cosigned last for the log whose origin has this hash, in lowercase hexadecimal.
    pub fn latest(&self, origin_hash_hex: &str) -> Result<Option<Note>, StateError> {
        let log = self.logs.iter().find(|(origin, _)| origin_hash(origin) == origin_hash_hex);
        let Some((origin, log)) = log else {
            return Ok(None);
        };
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(self.remembered(origin, &mut log)?.latest.as_ref().map(|latest| latest.note.clone()))
    }

    /// Decides about a request, and keeps what is to be kept before it says so. Requests for one log
    /// are dealt with one after the other.
    pub fn add_checkpoint(&self, request: &Request, now: u64) -> Outcome {
        let origin = &request.checkpoint.origin;
        let Some(log) = self.logs.get(origin) else {
            return Outcome { verdict: Err(Refused::Unknown(origin.clone()).into()), evidence: None };
        };
        // A panic leaves the record as it was: it is replaced as a whole.
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        let mut evidence = None;
        let verdict = self.remembered(origin, &mut log).map_err(Failure::from).and_then(|record| {
            let decided = decide(record, self.witness.name(), &*self.key, request, now);
            if let Err(refused) = &decided {
                evidence = self.keep_evidence(record, request, refused).transpose();
            }
            Ok(decided?)
        });
        let verdict = verdict.and_then(|cosigned| {
            self.remember(origin, &mut log, &cosigned)?;
            Ok(cosigned)
        });
        Outcome { verdict, evidence }
    }

    /// The record; from the disk, if a write of it has failed.
    fn remembered<'a>(&self, origin: &str, log: &'a mut Remembered) -> Result<&'a Record, StateError> {
        let record = match log.take() {
            Some(record) => record,
            None => self.recover(origin)?,
        };
        Ok(log.insert(record))
    }

    /// Reads a record and makes sure that no crash can take back what was read.
    fn recover(&self, origin: &str) -> Result<Record, StateError> {
        let record = read_record(&*self.storage, &self.witness, origin)?;
        write_record(&*self.storage, origin, &record)?;
        Ok(record)
    }

    fn remember(&self, origin: &str, log: &mut Remembered, cosigned: &Cosigned) -> Result<(), StateError> {
        // Sent again within a second it is the same to the byte, and already there.
        let Some(record) = log.as_ref().filter(|record| record.latest.as_ref() != Some(cosigned)) else {
            return Ok(());
        };
        let record = Record { keys: record.keys.clone(), latest: Some(cosigned.clone()) };
        *log = None;
        write_record(&*self.storage, origin, &record)?;
        *log = Some(record);
        Ok(())
    }

    /// Keeps a request that the log has signed and that does not extend what was cosigned, together
    /// with that. Of one checkpoint the first request is kept; gives its path if it is new.
    fn keep_evidence(
        &self,
        record: &Record,
        request: &Request,
        refused: &Refused,
    ) -> Result<Option<String>, StateError> {
        let (kind, reason) = match (refused, &record.latest) {
            (Refused::Fork { .. }, Some(_)) => {
                ("fork", "the log has signed two trees of one size: each of the two checkpoints is signed by its key")
            }
            (Refused::Unproven { size, new }, Some(_)) if new > size => (
                "unproven",
                "no proof was given that the one extends the other: a fork, unless the log can still prove it",
            ),
            _ => return Ok(None),
        };
        let origin = &request.checkpoint.origin;
        let submitted = signed_by_log(record, &request.note).map(|note| note.to_string()).unwrap_or_default();
        let folder = evidence_folder(origin);
        let kept = self.storage.list(&folder).map_err(|source| read_error(&folder, source))?;
        let name = format!("{kind}-{}.json", Digest::of(request.note.text().as_bytes()).to_hex());
        let full = kept.iter().filter(|name| name.starts_with(kind)).count() >= MAX_EVIDENCE;
        if full || kept.contains(&name) {
            return Ok(None);
        }
        let path = format!("{folder}/{name}");
        let body = Request::body(request.old, &request.proof, &request.note);
        let proof = body.lines().skip(1).take(request.proof.len()).map(str::to_owned).collect();
        let cosigned = record.latest.as_ref().map(|latest| latest.note.to_string()).unwrap_or_default();
        write(&*self.storage, &path, &Evidence { reason, cosigned, submitted, old: request.old, proof })?;
        Ok(Some(path))
    }
}

/// Why a witness's folder cannot be used.
#[derive(Debug, thiserror::Error, Say)]
#[code("witness")]
pub enum StateError {
    /// A name that no witness can have.
    #[error("the witness cannot have this name: {0}")]
    #[zh("见证方不能用此名称：{0}")]
    Name(NoteError),
    /// Another process has the folder.
    #[error("the witness {0} is in use by another process: end that first")]
    #[zh("见证方 {0} 正被另一个进程使用：请先结束该进程")]
    InUse(PathBuf),
    /// A folder that cannot be opened or made.
    #[error("cannot open the witness {path}: {source}")]
    #[zh("无法打开见证方 {path}：{source}")]
    Open {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something is there already.
    #[error("a witness can only be made in an empty folder, and {0} is not")]
    #[zh("见证方只能建在空文件夹中，而 {0} 不空")]
    NotEmpty(PathBuf),
    /// Another key than the one the witness was made for.
    #[error("this folder is of the witness {0}, and the key that was given is another: give that witness's key")]
    #[zh("此文件夹属于见证方 {0}，而给出的密钥不同：请给出该见证方的密钥")]
    OtherKey(String),
    /// The key of a log is the witness's.
    #[error("this log has the witness's own key: a log cannot be its own witness")]
    #[zh("此日志的密钥就是见证方自己的：日志不能为自己作见证")]
    OwnKey,
    /// A file that cannot be read.
    #[error("cannot read {path} of the witness: {source}; it is never made anew, so restore it or begin a new witness")]
    #[zh("无法读取见证方的 {path}：{source}；此文件绝不重建，请恢复它，或另建新见证方")]
    Read {
        /// Relative to the folder.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A file that does not say what it should.
    #[error("{path} of the witness is damaged: {what}; restore it, or begin a new witness with a new key")]
    #[zh("{path}（见证方的文件）已损坏：{what}；请恢复它，或用新密钥另建新见证方")]
    Damaged {
        /// Relative to the folder.
        path: String,
        /// How that shows.
        what: Sentence,
    },
    /// A record of a log that the witness does not follow.
    #[error(
        "{path} has cosigned a checkpoint of a log that {WITNESS} does not list: that file was put back to an older one"
    )]
    #[zh("{path} 联署过某日志的检查点，而 {WITNESS} 中没有列出该日志：后一文件被换成了旧版本")]
    Unlisted {
        /// Relative to the folder.
        path: String,
    },
    /// A file that could not be written.
    #[error("cannot write {path} of the witness: {source}; nothing was answered (free some space if the disk is full)")]
    #[zh("无法写入见证方的 {path}：{source}；未作任何应答（如磁盘已满请清理空间）")]
    Write {
        /// Relative to the folder.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// `witness.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WitnessFile {
    witness: String,
    logs: Vec<String>,
}

/// `logs/*.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogFile {
    origin: String,
    keys: Vec<String>,
    /// The note, or nothing if none was cosigned yet; the field is always there.
    #[serde(deserialize_with = "Option::deserialize")]
    cosigned: Option<String>,
}

/// `evidence/*/*.json`.
#[derive(Serialize)]
struct Evidence {
    reason: &'static str,
    /// The checkpoint cosigned last at that time, as a note.
    cosigned: String,
    /// The checkpoint that was refused, as a note.
    submitted: String,
    /// What its sender said and proved.
    old: u64,
    proof: Vec<String>,
}

fn record_path(origin: &str) -> String {
    format!("logs/{}.json", origin_hash(origin))
}

fn evidence_folder(origin: &str) -> String {
    format!("evidence/{}", origin_hash(origin))
}

fn read_witness(storage: &dyn Storage) -> Result<(WitnessKey, WitnessFile), StateError> {
    let file: WitnessFile = read(storage, WITNESS)?;
    let witness = file.witness.parse().map_err(|error: NoteError| damaged(WITNESS, error))?;
    Ok((witness, file))
}

fn read_record(storage: &dyn Storage, witness: &WitnessKey, origin: &str) -> Result<Record, StateError> {
    let path = record_path(origin);
    let file: LogFile = read(storage, &path)?;
    let open = || -> Result<Record, Sentence> {
        let keys = file.keys.iter().map(|key| key.parse()).collect::<Result<Vec<NoteKey>, NoteError>>();
        let keys = keys.map_err(|error| Sentence::of(&error))?;
        if file.origin != origin || keys.is_empty() || keys.iter().any(|key| key.name() != origin) {
            return Err(say!("it is not the record of {origin:?}", "这不是 {origin:?} 的记录"));
        }
        let record = Record { keys, latest: None };
        let latest = file.cosigned.as_deref().map(|note| open_cosigned(&record, witness, note)).transpose()?;
        Ok(Record { latest, ..record })
    };
    open().map_err(|what| damaged(&path, what))
}

/// A note that a log of these keys has signed and the witness has cosigned.
fn open_cosigned(record: &Record, witness: &WitnessKey, note: &str) -> Result<Cosigned, Sentence> {
    let open = || -> Result<Cosigned, NoteError> {
        let note = Note::parse(note.as_bytes())?;
        let checkpoint = Checkpoint::parse(note.text())?;
        // The witness's line is the last one, as it was added.
        let line = note.signatures().last().cloned().ok_or(NoteError::Checkpoint)?;
        let mut by_witness = Note::new(note.text().to_owned())?;
        by_witness.add(line.clone());
        let time = witness.verify(&by_witness)?;
        Ok(Cosigned { note, checkpoint, line, time })
    };
    let cosigned = open().map_err(|error| Sentence::of(&error))?;
    signed_by_log(record, &cosigned.note).map_err(|error| Sentence::of(&error))?;
    if record.keys.iter().any(|key| key.name() != cosigned.checkpoint.origin) {
        return Err(text!("its checkpoint is another log's", "其检查点属于别的日志").into());
    }
    Ok(cosigned)
}

fn write_record(storage: &dyn Storage, origin: &str, record: &Record) -> Result<(), StateError> {
    let file = LogFile {
        origin: origin.to_owned(),
        keys: record.keys.iter().map(NoteKey::to_string).collect(),
        cosigned: record.latest.as_ref().map(|latest| latest.note.to_string()),
    };
    write(storage, &record_path(origin), &file)
}

/// Whether there is no record of an unlisted log, or only the beginning of one.
fn unlisted(storage: &dyn Storage, witness: &WitnessKey, origin: &str) -> Result<(), StateError> {
    match read_record(storage, witness, origin) {
        Err(StateError::Read { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(()),
        Ok(Record { latest: None, .. }) => Ok(()),
        Ok(_) => Err(StateError::Unlisted { path: record_path(origin) }),
        Err(error) => Err(error),
    }
}

fn read<T: for<'de> Deserialize<'de>>(storage: &dyn Storage, path: &str) -> Result<T, StateError> {
    let bytes = storage.read(path).map_err(|source| read_error(path, source))?;
    serde_json::from_slice(&bytes).map_err(|error| damaged(path, error))
}

fn write<T: Serialize>(storage: &dyn Storage, path: &str, content: &T) -> Result<(), StateError> {
    let failed = |source| StateError::Write { path: path.into(), source };
    let mut text = serde_json::to_string_pretty(content).map_err(|error| failed(error.into()))?;
    text.push('\n');
    storage.write(path, text.as_bytes()).map_err(failed)
}

fn read_error(path: &str, source: io::Error) -> StateError {
    StateError::Read { path: path.into(), source }
}

fn damaged(path: &str, what: impl Say) -> StateError {
    StateError::Damaged { path: path.into(), what: Sentence::of(&what) }
}

/// A place for small files that survive.
trait Storage: std::fmt::Debug + Send + Sync {
    fn read(&self, path: &str) -> io::Result<Vec<u8>>;

    /// On success the file is durable. On failure it is the old or the new one, and may be found to be
    /// the one now and the other after a crash.
    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()>;

    /// The names in a folder, without those of files that were never finished. A folder that does not
    /// exist is empty.
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;
}

/// A folder of a local file system where a rename is atomic and a flush reaches the disk.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    /// Holds the `flock`, if writing is allowed.
    lock: Option<File>,
}

impl Folder {
    fn reading(path: &Path) -> Folder {
        Folder { path: path.into(), lock: None }
    }

    /// An existing folder, held by nobody else until this is dropped.
    fn locked(path: &Path) -> Result<Folder, StateError> {
        let open = || {
            let folder = File::open(path)?;
            sync_parent(&path.canonicalize()?)?;
            flock(&folder, FlockOperation::NonBlockingLockExclusive)?;
            Ok::<File, io::Error>(folder)
        };
        match open() {
            Ok(lock) => Ok(Folder { lock: Some(lock), ..Folder::reading(path) }),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(StateError::InUse(path.into())),
            Err(source) => Err(StateError::Open { path: path.into(), source }),
        }
    }

    /// Makes a folder below this one, and the way to it, durable. One that is found may be the work of
    /// a process that died before it could flush, so it is flushed again.
    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        if folder == self.path {
            return Ok(());
        }
        if let Some(parent) = folder.parent() {
            self.make_folder(parent)?;
        }
        match fs::create_dir(folder) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
            _ => sync_parent(folder),
        }
    }
}

impl Storage for Folder {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        fs::read(self.path.join(path))
    }

    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        if self.lock.is_none() {
            return Err(ErrorKind::PermissionDenied.into());
        }
        let path = self.path.join(path);
        self.make_folder(path.parent().unwrap_or(&self.path))?;
        let mut temporary = path.clone().into_os_string();
        temporary.push(TEMPORARY);
        let written = || {
            let mut file = File::create(&temporary)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&temporary, &path)
        };
        if let Err(error) = written() {
            // What it holds may be all the space there is.
            let _gone_or_garbage = fs::remove_file(&temporary);
            return Err(error);
        }
        sync_parent(&path)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let files = match fs::read_dir(self.path.join(folder)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            files => files?,
        };
        let names = files.map(|file| Ok(file?.file_name().to_string_lossy().into_owned()));
        let names = names.collect::<io::Result<Vec<String>>>()?;
        Ok(names.into_iter().filter(|name| !name.ends_with(TEMPORARY)).collect())
    }
}

fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::tests::{NAME, ORIGIN, key, log_key, request};
    use unseen_tlog::SigningKey;

    const HONEST: u64 = u64::MAX;

    fn made() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        init(dir.path(), NAME, &key(9)).unwrap();
        add_log(dir.path(), &log_key(1)).unwrap();
        dir
    }

    fn open(dir: &Path) -> Result<State, StateError> {
        State::open(dir, Arc::new(key(9)))
    }

    /// The sizes that were cosigned last: in memory, and after opening the folder anew.
    fn size(state: &State) -> u64 {
        let note = state.latest(&origin_hash(ORIGIN)).unwrap();
        note.map_or(0, |note| Checkpoint::parse(note.text()).unwrap().size)
    }

    #[test]
    fn what_was_cosigned_is_there_after_a_restart() {
        let dir = made();
        let state = open(dir.path()).unwrap();
        assert!(state.latest(&origin_hash(ORIGIN)).unwrap().is_none());
        for (old, new, now) in [(0, 3, 10), (3, 5, 11), (5, 5, 12), (5, 5, 12)] {
            let cosigned = state.add_checkpoint(&request(old, new, HONEST, &[1]), now).verdict.unwrap();
            drop(Folder::locked(dir.path()).unwrap_err());
            let status = status(dir.path()).unwrap();
            assert_eq!(status.logs[0].record.latest, Some(cosigned), "on the disk when it is answered");
        }
        drop(state);
        let state = open(dir.path()).unwrap();
        assert_eq!(size(&state), 5);
        let early = state.add_checkpoint(&request(5, 7, HONEST, &[1]), 11).verdict.unwrap_err();
        assert!(matches!(early, Failure::Refused(Refused::Clock { now: 11, last: 12 })), "{early}");
        assert!(matches!(
            state.add_checkpoint(&request(3, 7, HONEST, &[1]), 20).verdict,
            Err(Failure::Refused(Refused::Conflict { size: 5 }))
        ));
    }

    #[test]
    fn one_process_one_key_one_beginning() {
        let dir = made();
        assert!(matches!(init(dir.path(), NAME, &key(9)), Err(StateError::NotEmpty(_))));
        assert!(matches!(State::open(dir.path(), Arc::new(key(8))), Err(StateError::OtherKey(_))));
        assert!(matches!(add_log(dir.path(), &log_key(9)), Err(StateError::OwnKey)));
        let state = open(dir.path()).unwrap();
        assert!(matches!(open(dir.path()), Err(StateError::InUse(_))));
        assert!(matches!(add_log(dir.path(), &log_key(2)), Err(StateError::InUse(_))));
        assert_eq!(status(dir.path()).unwrap().logs.len(), 1, "may be asked meanwhile");
        drop(state);
        let empty = tempfile::tempdir().unwrap();
        assert!(matches!(open(empty.path()), Err(StateError::Read { .. })));
        assert!(matches!(init(&empty.path().join("x"), "a b", &key(9)), Err(StateError::Name(_))));
        assert!(matches!(open(&empty.path().join("y")), Err(StateError::Open { .. })));
    }

    #[test]
    fn a_log_is_handed_over_to_another_key() {
        let dir = made();
        let ask = |old, new, signer| {
            let state = open(dir.path()).unwrap();
            state.add_checkpoint(&request(old, new, HONEST, &[signer]), 10).verdict
        };
        ask(0, 3, 1).unwrap();
        assert!(matches!(ask(3, 5, 2), Err(Failure::Refused(Refused::Signature))));
        add_log(dir.path(), &log_key(2)).unwrap();
        add_log(dir.path(), &log_key(2)).unwrap();
        assert_eq!(status(dir.path()).unwrap().logs[0].record.keys, [log_key(1), log_key(2)]);
        assert!(
            matches!(ask(0, 5, 2), Err(Failure::Refused(Refused::Conflict { size: 3 }))),
            "what was cosigned stays"
        );
        ask(3, 5, 2).unwrap();
    }

    #[test]
    fn damaged_and_missing_files_are_never_new_ones() {
        let dir = made();
        open(dir.path()).unwrap().add_checkpoint(&request(0, 3, HONEST, &[1]), 10).verdict.unwrap();
        let record = dir.path().join(record_path(ORIGIN));
        let whole = fs::read_to_string(&record).unwrap();
        let other = {
            let state = open(dir.path()).unwrap();
            let cosigned = decide(
                &Record { keys: vec![log_key(1)], latest: None },
                NAME,
                &key(8),
                &request(0, 3, HONEST, &[1]),
                10,
            );
            drop(state);
            let file = LogFile {
                origin: ORIGIN.into(),
                keys: vec![log_key(1).to_string()],
                cosigned: Some(cosigned.unwrap().note.to_string()),
            };
            serde_json::to_string(&file).unwrap()
        };
        for damage in [
            String::new(),
            whole[..whole.len() / 2].into(),
            whole.replace("\\n3\\n", "\\n2\\n"),
            whole.replace("\"cosigned\"", "\"cosignd\""),
            whole.replace("\"origin\": \"lab", "\"origin\": \"lob"),
            whole.replace(&log_key(1).to_string(), &log_key(2).to_string()),
            format!("{{\"origin\": {ORIGIN:?}, \"keys\": [\"{}\"]}}", log_key(1)),
            format!("{{\"origin\": {ORIGIN:?}, \"keys\": [], \"cosigned\": null}}"),
            other,
        ] {
            fs::write(&record, &damage).unwrap();
            assert!(matches!(open(dir.path()), Err(StateError::Damaged { .. })), "{damage}");
            assert!(add_log(dir.path(), &log_key(1)).is_err(), "{damage}");
        }
        fs::remove_file(&record).unwrap();
        assert!(matches!(open(dir.path()), Err(StateError::Read { .. })));
        assert!(add_log(dir.path(), &log_key(1)).is_err(), "a lost record is not made anew");

        // The list was put back to before the log was added: the log is not a new one then either.
        fs::write(&record, &whole).unwrap();
        let list = dir.path().join(WITNESS);
        let listed = fs::read_to_string(&list).unwrap();
        fs::write(&list, listed.replace(&format!("{ORIGIN:?}"), "")).unwrap();
        assert!(matches!(add_log(dir.path(), &log_key(1)), Err(StateError::Unlisted { .. })));
        fs::write(&list, &listed[..9]).unwrap();
        assert!(matches!(open(dir.path()), Err(StateError::Damaged { .. })));
        fs::write(&list, listed).unwrap();
        assert_eq!(size(&open(dir.path()).unwrap()), 3);
    }

    #[test]
    fn a_fork_leaves_evidence_that_anybody_can_check() {
        let dir = made();
        let state = open(dir.path()).unwrap();
        state.add_checkpoint(&request(0, 5, HONEST, &[1]), 10).verdict.unwrap();
        let evidence = |request: &Request| state.add_checkpoint(request, 10).evidence.map(Result::unwrap);
        assert_eq!(evidence(&request(0, 7, 3, &[1])), None, "it does not know");
        assert_eq!(evidence(&request(5, 7, 3, &[2])), None, "anybody can send this");
        assert_eq!(evidence(&request(3, 3, HONEST, &[1])), None, "an old one");

        let forked = request(0, 5, 3, &[3, 1]);
        let path = evidence(&forked).unwrap();
        assert!(path.contains("/fork-"));
        assert_eq!(evidence(&request(5, 5, 3, &[1])), None, "once");
        let read = |path: &str| -> serde_json::Value {
            serde_json::from_slice(&fs::read(dir.path().join(path)).unwrap()).unwrap()
        };
        let note = |path: &str, field: &str| {
            let note = Note::parse(read(path)[field].as_str().unwrap().as_bytes()).unwrap();
            let witness = WitnessKey::new(NAME, key(9).verifying_key()).unwrap();
            (Checkpoint::open(&note, &log_key(1)).unwrap(), witness.verify(&note).ok())
        };
        let ((seen, cosigned), (sent, uncosigned)) = (note(&path, "cosigned"), note(&path, "submitted"));
        assert_eq!((cosigned, uncosigned), (Some(10), None));
        assert!(seen.size == sent.size && seen.root != sent.root, "this is proof by itself");

        let path = evidence(&request(5, 7, 3, &[1])).unwrap();
        assert!(path.contains("/unproven-"));
        assert_eq!(note(&path, "submitted").0, request(5, 7, 3, &[1]).checkpoint);
        assert_eq!(read(&path)["old"], 5);
        assert_eq!(read(&path)["proof"].as_array().unwrap().len(), request(5, 7, 3, &[1]).proof.len());
        assert_eq!(size(&state), 5);
        for size in 8..60 {
            evidence(&request(5, size, 3, &[1]));
        }
        let kept = fs::read_dir(dir.path().join(evidence_folder(ORIGIN))).unwrap().count();
        assert_eq!(kept, MAX_EVIDENCE + 1, "it cannot fill the disk");
        assert_eq!(status(dir.path()).unwrap().logs[0].evidence, kept);
    }

    /// A folder whose writes fail from some call on, with or without having happened.
    #[derive(Debug)]
    struct Faulty {
        folder: Folder,
        failing: Arc<Mutex<Option<bool>>>,
    }

    impl Storage for Faulty {
        fn read(&self, path: &str) -> io::Result<Vec<u8>> {
            self.folder.read(path)
        }
        fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
            match *self.failing.lock().unwrap() {
                None => self.folder.write(path, bytes),
                Some(happens) => {
                    if happens {
                        self.folder.write(path, bytes)?;
                    }
                    Err(ErrorKind::StorageFull.into())
                }
            }
        }
        fn list(&self, folder: &str) -> io::Result<Vec<String>> {
            self.folder.list(folder)
        }
    }

    /// A write fails, and has happened or not: nothing is answered, the witness goes on from what is on
    /// the disk, and it never cosigns a second history.
    #[test]
    fn a_failed_write_is_never_answered_with_a_cosignature() {
        for happens in [false, true] {
            let dir = made();
            let failing = Arc::new(Mutex::new(None));
            let faulty = Faulty { folder: Folder::locked(dir.path()).unwrap(), failing: failing.clone() };
            let state = State::open_in(Box::new(faulty), Arc::new(key(9))).unwrap();
            state.add_checkpoint(&request(0, 3, HONEST, &[1]), 10).verdict.unwrap();

            *failing.lock().unwrap() = Some(happens);
            for _ in 0..2 {
                let failed = state.add_checkpoint(&request(3, 5, HONEST, &[1]), 11).verdict.unwrap_err();
                assert!(matches!(failed, Failure::State(StateError::Write { .. })), "{failed}");
                assert!(state.latest(&origin_hash(ORIGIN)).is_err(), "nothing is shown that may be taken back");
            }
            *failing.lock().unwrap() = None;
            let now = if happens { 5 } else { 3 };
            assert_eq!(size(&state), now);
            let fork = state.add_checkpoint(&request(now, 6, 2, &[1]), 11).verdict.unwrap_err();
            assert!(matches!(fork, Failure::Refused(Refused::Unproven { .. })), "{fork}");
            state.add_checkpoint(&request(now, 6, HONEST, &[1]), 11).verdict.unwrap();

            // Evidence that cannot be kept is told of, and changes nothing else.
            *failing.lock().unwrap() = Some(false);
            let outcome = state.add_checkpoint(&request(6, 6, 2, &[1]), 11);
            assert!(matches!(outcome.verdict, Err(Failure::Refused(Refused::Fork { size: 6 }))));
            assert!(matches!(outcome.evidence, Some(Err(StateError::Write { .. }))));
            *failing.lock().unwrap() = None;
            drop(state);
            assert_eq!(size(&open(dir.path()).unwrap()), 6);
        }
    }

    /// What a dead process may leave: temporary files, and a record that is not listed yet.
    #[test]
    fn a_beginning_that_was_cut_short_can_be_made_again() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("witness.json.tmp"), "{").unwrap();
        let witness = init(dir.path(), NAME, &key(9)).unwrap();
        let record = Record { keys: vec![log_key(2)], latest: None };
        let folder = Folder::locked(dir.path()).unwrap();
        write_record(&folder, ORIGIN, &record).unwrap();
        fs::write(dir.path().join(record_path(ORIGIN) + TEMPORARY), "{").unwrap();
        assert!(Folder::reading(dir.path()).write("x", b"").is_err());
        drop(folder);
        add_log(dir.path(), &log_key(1)).unwrap();
        let status = status(dir.path()).unwrap();
        assert_eq!((status.witness, status.logs[0].record.keys.clone()), (witness, vec![log_key(1)]));
        assert!(SigningKey::from_seed([9; 32]).unwrap().verifying_key() == *open(dir.path()).unwrap().witness().key());
    }
}
