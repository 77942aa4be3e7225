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
use unseen_tlog::{
    Digest, Signer,
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
#[derive(Debug, thiserror::Error)]
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
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A name that no witness can have.
    #[error("the witness cannot have this name: {0}")]
    Name(NoteError),
    /// Another process has the folder.
    #[error("the witness {0} is in use by another process: end that first")]
    InUse(PathBuf),
    /// A folder that cannot be opened or made.
    #[error("cannot open the witness {path}: {source}")]
    Open {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something is there already.
    #[error("a witness can only be made in an empty folder, and {0} is not")]
    NotEmpty(PathBuf),
    /// Another key than the one the witness was made for.
    #[error("this folder is of the witness {0}, and the key that was given is another: give that witness's key")]
    OtherKey(String),
    /// The key of a log is the witness's.
    #[error("this log has the witness's own key: a log cannot be its own witness")]
    OwnKey,
    /// A file that cannot be read.
    #[error("cannot read {path} of the witness: {source}; it is never made anew, so restore it or begin a new witness")]
    Read {
        /// Relative to the folder.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A file that does not say what it should.
    #[error("{path} of the witness is damaged: {what}; restore it, or begin a new witness with a new key")]
    Damaged {
        /// Relative to the folder.
        path: String,
        /// How that shows.
        what: String,
    },
    /// A record of a log that the witness does not follow.
    #[error(
        "{path} has cosigned a checkpoint of a log that {WITNESS} does not list: that file was put back to an older one"
    )]
    Unlisted {
        /// Relative to the folder.
        path: String,
    },
    /// A file that could not be written.
    #[error("cannot write {path} of the witness: {source}; nothing was answered (free some space if the disk is full)")]
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
    let open = || -> Result<Record, String> {
        let keys = file.keys.iter().map(|key| key.parse()).collect::<Result<Vec<NoteKey>, NoteError>>();
        let keys = keys.map_err(|error| error.to_string())?;
        if file.origin != origin || keys.is_empty() || keys.iter().any(|key| key.name() != origin) {
            return Err(format!("it is not the record of {origin:?}"));
        }
        let record = Record { keys, latest: None };
        let latest = file.cosigned.as_deref().map(|note| open_cosigned(&record, witness, note)).transpose()?;
        Ok(Record { latest, ..record })
    };
    open().map_err(|what| damaged(&path, what))
}

/// A note that a log of these keys has signed and the witness has cosigned.
fn open_cosigned(record: &Record, witness: &WitnessKey, note: &str) -> Result<Cosigned, String> {
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
    let cosigned = open().map_err(|error| error.to_string())?;
    signed_by_log(record, &cosigned.note).map_err(|error| error.to_string())?;
    if record.keys.iter().any(|key| key.name() != cosigned.checkpoint.origin) {
        return Err("its checkpoint is another log's".into());
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

fn damaged(path: &str, what: impl ToString) -> StateError {
    StateError::Damaged { path: path.into(), what: what.to_string() }
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
