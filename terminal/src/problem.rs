//! Why a command did nothing.

use std::path::PathBuf;

use unseen_texts::{Message, Value, to_value};

/// Any message that stopped a command, to be told in the language of whoever typed it.
#[derive(Debug)]
pub struct Problem(Box<dyn Message>);

impl Problem {
    /// The message.
    pub fn message(&self) -> &dyn Message {
        &*self.0
    }

    /// For programs: code, English text and data.
    pub fn to_json(&self) -> Value {
        to_value(&*self.0)
    }
}

impl<M: Message + 'static> From<M> for Problem {
    fn from(message: M) -> Problem {
        Problem(Box::new(message))
    }
}

/// A file that a command names cannot be read or written.
#[derive(Debug, thiserror::Error, unseen_texts::Say)]
#[error("{}: {source}", path.display())]
#[zh("{path}：{source}")]
#[code("file")]
pub struct FileError {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub source: std::io::Error,
}

impl FileError {
    /// A fault at a path.
    pub fn at(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> FileError {
        let path = path.into();
        move |source| FileError { path, source }
    }
}
