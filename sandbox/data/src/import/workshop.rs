//! The folder in which a snapshot is made.

use std::fs::{self, File};
use std::path::Path;

use unseen_durable::Building;

use super::error::ImportError;
use crate::files;

/// The folder and a lock: one import at a time works in a folder of snapshots, so whatever is half built there
/// when the lock is taken was left by a crash.
pub(super) struct Workshop {
    building: Building,
    _lock: File,
}

impl Workshop {
    pub(super) fn open(destination: &Path) -> Result<Self, ImportError> {
        let parent = match destination.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(parent).map_err(ImportError::Write)?;
        let lock = File::options().create(true).truncate(false).write(true).open(parent.join(".import.lock"));
        let lock = lock.map_err(ImportError::Write)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(ImportError::Busy(parent.to_owned())),
            Err(fs::TryLockError::Error(fault)) => return Err(ImportError::Write(fault)),
        }
        Building::sweep(parent).map_err(ImportError::Write)?;
        if destination.symlink_metadata().is_ok() {
            return Err(ImportError::Exists(destination.to_owned()));
        }
        let building = Building::beside(destination, 0o700).map_err(ImportError::Write)?;
        Ok(Self { building, _lock: lock })
    }

    pub(super) fn dir(&self) -> &Path {
        self.building.path()
    }

    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), ImportError> {
        files::write_durably(&self.dir().join(name), bytes).map_err(ImportError::Write)
    }

    /// Everything is durable: moves it to its place.
    pub(super) fn publish(self) -> Result<(), ImportError> {
        self.building.publish().map_err(ImportError::Write)
    }
}
