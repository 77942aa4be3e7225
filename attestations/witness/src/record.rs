//! The files of a witness, read strictly, and written so that they survive.

use crate::{
    decide::{Cosigned, Record, signed_by_log},
    origin_hash,
};
use serde::{Deserialize, Serialize};
use std::{
    io::{self, ErrorKind},
    path::PathBuf,
};
use unseen_durable::Folder;
use unseen_texts::{Say, Sentence, say, text};
use unseen_tlog::{
    cosignature::WitnessKey,
    note::{Checkpoint, Note, NoteError, NoteKey},
};

/// What a witness is.
pub(crate) const WITNESS: &str = "witness.json";

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
    #[error("this folder belongs to the witness {0}, and the given key is not that witness's: give its key")]
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

/// Where a witness's files are; [`Folder`] states the requirements.
pub(crate) trait Storage: std::fmt::Debug + Send + Sync {
    fn read(&self, path: &str) -> io::Result<Vec<u8>>;
    fn write(&self, files: &[(String, Vec<u8>)]) -> io::Result<()>;
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;
}

impl Storage for Folder {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        Folder::read(self, path)
    }

    fn write(&self, files: &[(String, Vec<u8>)]) -> io::Result<()> {
        Folder::write(self, files)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        Folder::list(self, folder)
    }
}

/// `witness.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WitnessFile {
    pub witness: String,
    pub logs: Vec<String>,
}

/// `logs/*.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogFile {
    pub origin: String,
    pub keys: Vec<String>,
    /// The note, or nothing if none was cosigned yet; the field is always there.
    #[serde(deserialize_with = "Option::deserialize")]
    pub cosigned: Option<String>,
}

/// `evidence/*/*.json`.
#[derive(Serialize)]
pub(crate) struct Evidence {
    pub reason: &'static str,
    /// The checkpoint cosigned last at that time, as a note.
    pub cosigned: String,
    /// The checkpoint that was refused, as a note.
    pub submitted: String,
    /// What its sender said and proved.
    pub old: u64,
    pub proof: Vec<String>,
}

pub(crate) fn record_path(origin: &str) -> String {
    format!("logs/{}.json", origin_hash(origin))
}

pub(crate) fn evidence_folder(origin: &str) -> String {
    format!("evidence/{}", origin_hash(origin))
}

pub(crate) fn read_witness(storage: &dyn Storage) -> Result<(WitnessKey, WitnessFile), StateError> {
    let file: WitnessFile = read(storage, WITNESS)?;
    let witness = file.witness.parse().map_err(|error: NoteError| damaged(WITNESS, error))?;
    Ok((witness, file))
}

pub(crate) fn read_record(storage: &dyn Storage, witness: &WitnessKey, origin: &str) -> Result<Record, StateError> {
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

pub(crate) fn write_record(storage: &dyn Storage, origin: &str, record: &Record) -> Result<(), StateError> {
    let file = LogFile {
        origin: origin.to_owned(),
        keys: record.keys.iter().map(NoteKey::to_string).collect(),
        cosigned: record.latest.as_ref().map(|latest| latest.note.to_string()),
    };
    write(storage, &record_path(origin), &file)
}

/// Whether there is no record of an unlisted log, or only the beginning of one.
pub(crate) fn unlisted(storage: &dyn Storage, witness: &WitnessKey, origin: &str) -> Result<(), StateError> {
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

pub(crate) fn write<T: Serialize>(storage: &dyn Storage, path: &str, content: &T) -> Result<(), StateError> {
    let failed = |source| StateError::Write { path: path.into(), source };
    let mut text = serde_json::to_string_pretty(content).map_err(|error| failed(error.into()))?;
    text.push('\n');
    storage.write(&[(path.to_owned(), text.into_bytes())]).map_err(failed)
}

pub(crate) fn read_error(path: &str, source: io::Error) -> StateError {
    StateError::Read { path: path.into(), source }
}

fn damaged(path: &str, what: impl Say) -> StateError {
    StateError::Damaged { path: path.into(), what: Sentence::of(&what) }
}
