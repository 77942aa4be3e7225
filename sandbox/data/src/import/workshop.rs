//! The folder in which a snapshot is made: whole in its place, or gone.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use unseen_ids::hex;

use super::error::ImportError;
use crate::files;
use crate::keys::random;

/// The temporary folder. One import at a time holds the lock beside it, so that whatever bears such
/// a name when the lock is taken was left by a crash.
pub(super) struct Workshop {
    pub(super) dir: PathBuf,
    pub(super) parent: PathBuf,
    pub(super) _lock: File,
}

const LEFTOVER: &str = ".importing-";

impl Workshop {
    pub(super) fn open(destination: &Path) -> Result<Self, ImportError> {
        let parent = match destination.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        fs::create_dir_all(&parent).map_err(ImportError::Write)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(parent.join(".import.lock"))
            .map_err(ImportError::Write)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(ImportError::Busy(parent)),
            Err(fs::TryLockError::Error(fault)) => return Err(ImportError::Write(fault)),
        }
        for entry in fs::read_dir(&parent).map_err(ImportError::Write)? {
            let entry = entry.map_err(ImportError::Write)?;
            if entry.file_name().to_string_lossy().starts_with(LEFTOVER) {
                fs::remove_dir_all(entry.path()).map_err(ImportError::Write)?;
            }
        }
        if destination.symlink_metadata().is_ok() {
            return Err(ImportError::Exists(destination.to_owned()));
        }
        let dir = parent.join(format!("{LEFTOVER}{}", hex::encode(&random::<8>()?)));
        private_dir(&dir).map_err(ImportError::Write)?;
        Ok(Self { dir, parent, _lock: lock })
    }

    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), ImportError> {
        files::write_durably(&self.dir.join(name), bytes).map_err(ImportError::Write)
    }

    /// Everything is durable: make it so under its name.
    pub(super) fn publish(&self, destination: &Path) -> Result<(), ImportError> {
        files::sync_dir(&self.dir)
            .and_then(|()| fs::rename(&self.dir, destination))
            .and_then(|()| files::sync_dir(&self.parent))
            .map_err(ImportError::Write)
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        // After `publish` there is nothing under this name; before it, nothing worth keeping.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn private_dir(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).create(dir)
}
