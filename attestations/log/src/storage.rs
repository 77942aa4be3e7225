//! What the log asks of the place that keeps its files, and a folder that gives it.

use crate::LogError;
use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};
use unseen_tlog::tree::Files;

/// A place for files that survive. One process writes to it at a time.
pub trait Storage: Files {
    /// Writes whole files, new or in place of old ones. On success all of them are durable. On
    /// failure each of them is, on its own, as it was or as it was to be, and may be found to be
    /// the one now and the other after a crash; none is ever in between.
    fn write(&self, files: &[(String, Vec<u8>)]) -> io::Result<()>;

    /// Removes everything in a folder but the files of these names, and the folder if none is left.
    /// It need not be durable, and a folder that does not exist is not an error.
    fn prune(&self, folder: &str, keep: &[String]) -> io::Result<()>;

    /// Whether nothing was ever written here successfully.
    fn is_empty(&self) -> io::Result<bool>;
}

/// A folder of a local file system.
#[derive(Debug)]
pub struct Folder(unseen_durable::Folder);

impl Folder {
    /// A folder to read from.
    pub fn reading(path: impl Into<PathBuf>) -> Folder {
        Folder(unseen_durable::Folder::reading(path))
    }

    /// An existing folder to write to, held by nobody else until this is dropped.
    pub fn locked(path: impl Into<PathBuf>) -> Result<Folder, LogError> {
        let path = path.into();
        match unseen_durable::Folder::locked(&path) {
            Ok(folder) => Ok(Folder(folder)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(LogError::InUse(path)),
            Err(source) => Err(LogError::Open { path, source }),
        }
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Files for Folder {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        self.0.read(path)
    }
}

impl Storage for Folder {
    fn write(&self, files: &[(String, Vec<u8>)]) -> io::Result<()> {
        self.0.write(files)
    }

    fn prune(&self, folder: &str, keep: &[String]) -> io::Result<()> {
        self.0.prune(folder, keep)
    }

    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.0.list("")?.is_empty())
    }
}
