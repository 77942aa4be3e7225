//! What an auditor remembers between audits: the last checkpoint seen of each log. A history that does
//! not extend it is refused, even when everything in it is signed.
//!
//! A log is known by its name and the first key it had; a new log under an old name but with another
//! first key is another log, and is told apart by the key that the auditor was given.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use unseen_ids::Digest;
use unseen_tlog::note::{Note, NoteKey};

use crate::error::AuditError;

/// The last checkpoint that was remembered of a log, as it was signed. Only a file that does not exist
/// means that there is none.
pub fn last_seen(memory: &Path, origin: &str, first: &NoteKey) -> Result<Option<String>, AuditError> {
    let path = file(memory, origin, first);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unusable(&path, error)),
    }
}

/// Remembers a checkpoint. It is there whole, or the one before is.
pub fn remember(memory: &Path, origin: &str, first: &NoteKey, note: &Note) -> Result<(), AuditError> {
    let path = file(memory, origin, first);
    let write = fs::create_dir_all(memory).and_then(|()| unseen_durable::write(&path, note.to_string().as_bytes()));
    write.map_err(|error| unusable(&path, error))
}

fn file(memory: &Path, origin: &str, first: &NoteKey) -> PathBuf {
    let name = Digest::of(format!("{origin}\n{first}\n").as_bytes()).to_hex();
    memory.join(format!("{}.checkpoint", &name[..32]))
}

fn unusable(path: &Path, error: std::io::Error) -> AuditError {
    AuditError::Memory { path: path.display().to_string(), error }
}
