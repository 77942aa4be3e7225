//! Why a command did nothing.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use unseen_texts::{InLang, Lang, Message, Value, exists};

/// Any message that stopped a command, to be told in the language of whoever typed it.
#[derive(Debug)]
pub struct Problem(Box<dyn Message>);

impl Problem {
    /// The message.
    pub fn message(&self) -> &dyn Message {
        &*self.0
    }

    /// For programs: code, text and data.
    pub fn to_json(&self, lang: Lang) -> Value {
        let (message, said) = (&*self.0, InLang(&*self.0, lang).to_string());
        serde_json::json!({ "code": message.code(), "message": said, "data": message.data() })
    }
}

impl<M: Message + 'static> From<M> for Problem {
    fn from(message: M) -> Problem {
        Problem(Box::new(message))
    }
}

/// A file that a command names cannot be read or written.
#[derive(Debug, thiserror::Error, unseen_texts::Say)]
#[code("file")]
pub enum FileError {
    /// The system says why.
    #[error("{}: {source}", path.display())]
    #[zh("{path}：{source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It was to be made, and is there.
    #[error("{}", exists(.0))]
    #[zh("{said}", said = exists(_0))]
    Exists(PathBuf),
}

impl FileError {
    /// A fault at a path.
    pub fn at(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> FileError {
        let path = path.into();
        move |source| match source.kind() {
            ErrorKind::AlreadyExists => FileError::Exists(path),
            _ => FileError::Io { path, source },
        }
    }
}

/// Whether a file may be made there: asked before long work, so that its result is not lost.
pub fn may_be_made(path: &Path) -> Result<(), FileError> {
    if path.symlink_metadata().is_ok() {
        return Err(FileError::Exists(path.to_owned()));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.map_or(Ok(()), |folder| folder.metadata().map(drop).map_err(FileError::at(folder)))
}

/// Writes a new file, whole or not at all. One that exists is kept.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(FileError::at(path))?;
    file.write_all(bytes).map_err(|error| {
        let _ = std::fs::remove_file(path);
        FileError::at(path)(error)
    })
}

/// The command did its work, and what it has to say could not be written.
#[derive(Debug, thiserror::Error, unseen_texts::Say)]
#[error("the command did its work, but its answer could not be written: {source}")]
#[zh("命令已执行，但结果无法写出：{source}")]
#[code("unwritten")]
pub struct Unwritten {
    /// Why.
    pub source: std::io::Error,
}
