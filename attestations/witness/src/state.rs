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
    record::{
        Evidence, StateError, Storage, WITNESS, WitnessFile, evidence_folder, read_error, read_record, read_witness,
        unlisted, write, write_record,
    },
};
use std::{
    collections::BTreeMap,
    fs,
    io::ErrorKind,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};
use unseen_durable::Folder;
use unseen_ids::Digest;
use unseen_texts::Say;
use unseen_tlog::{
    Signer,
    cosignature::WitnessKey,
    note::{Note, NoteKey},
};

/// The most files of evidence kept of one kind for one log: the first ones tell the most, and whoever
/// sends more must not fill the disk.
const MAX_EVIDENCE: usize = 32;

/// Makes a witness in a folder that is empty or does not exist. Its name, a URL without a scheme as
/// `witness.example.org/w1`, and its key are for ever. The key must be this witness's alone: a
/// cosignature does not name who made it.
pub fn init(dir: &Path, name: &str, key: &dyn Signer) -> Result<WitnessKey, StateError> {
    let witness = WitnessKey::new(name, key.verifying_key()).map_err(StateError::Name)?;
    fs::create_dir_all(dir).map_err(|source| StateError::Open { path: dir.into(), source })?;
    let folder = locked(dir)?;
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
    let folder = locked(dir)?;
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
pub struct Witness {
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

impl Witness {
    /// Opens a witness's folder with the key it was made for.
    pub fn open(dir: &Path, key: Arc<dyn Signer>) -> Result<Witness, StateError> {
        Witness::open_in(Box::new(locked(dir)?), key)
    }

    fn open_in(storage: Box<dyn Storage>, key: Arc<dyn Signer>) -> Result<Witness, StateError> {
        let (witness, file) = read_witness(&*storage)?;
        if *witness.key() != key.verifying_key() {
            return Err(StateError::OtherKey(witness.to_string()));
        }
        let mut state = Witness { storage, key, witness, logs: BTreeMap::new() };
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

    /// Decides on a request, and stores what must be kept before it answers. Requests for one log
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

/// The folder of a witness, held by nobody else.
fn locked(path: &Path) -> Result<Folder, StateError> {
    Folder::locked(path).map_err(|error| match error.kind() {
        ErrorKind::WouldBlock => StateError::InUse(path.into()),
        _ => StateError::Open { path: path.into(), source: error },
    })
}

#[cfg(test)]
mod tests;
