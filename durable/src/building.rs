//! A folder that is there whole or not at all.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{FlockOperation, flock};

use crate::{flush_folder, folder_of};

/// A new folder, built beside its place and moved there whole; gone when it is dropped before that. What a crash
/// left for the same place is removed when it is built again.
#[derive(Debug)]
pub struct Building {
    path: PathBuf,
    place: PathBuf,
    /// Held while it is built: so a folder that nobody holds was left by a crash.
    _lock: File,
}

/// How the name begins of a folder that is being built.
const PREFIX: &str = ".building-";

impl Building {
    /// An empty folder of this mode, and the folders on the way to its place.
    pub fn beside(place: &Path, mode: u32) -> io::Result<Building> {
        let parent = folder_of(place);
        fs::create_dir_all(parent)?;
        let name = place.file_name().ok_or(ErrorKind::InvalidInput)?.to_string_lossy();
        let prefix = format!("{PREFIX}{name}-");
        sweep(parent, &prefix)?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let path = parent.join(format!("{prefix}{}-{}", std::process::id(), now.as_nanos()));
        DirBuilder::new().mode(mode).create(&path)?;
        let lock = File::open(&path)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Building { path, place: place.to_owned(), _lock: lock })
    }

    /// Removes what crashes left in a folder, whatever it was for.
    pub fn sweep(parent: &Path) -> io::Result<()> {
        sweep(parent, PREFIX)
    }

    /// Where to build.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Moves it to its place, which must be free or an empty folder. The files in it are durable already.
    pub fn publish(self) -> io::Result<()> {
        flush_folder(&self.path)?;
        fs::rename(&self.path, &self.place)?;
        flush_folder(folder_of(&self.place))
    }
}

fn sweep(parent: &Path, prefix: &str) -> io::Result<()> {
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(prefix)
            && let Ok(lock) = File::open(entry.path())
            && flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok()
        {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

impl Drop for Building {
    fn drop(&mut self) {
        // Once it is published there is nothing under this name.
        let _gone = fs::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_whole_in_its_place_or_gone() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("x/y");
        let building = Building::beside(&place, 0o700).unwrap();
        fs::write(building.path().join("a"), b"a").unwrap();
        assert!(!place.exists());
        building.publish().unwrap();
        assert_eq!(fs::read(place.join("a")).unwrap(), b"a");

        // The place is taken.
        let second = Building::beside(&place, 0o700).unwrap();
        assert!(second.publish().is_err());
        assert_eq!(fs::read_dir(dir.path().join("x")).unwrap().count(), 1);

        // Of two that are built and one that a crash left, the last goes.
        let (other, same) = (Building::beside(&dir.path().join("x/z"), 0o700), Building::beside(&place, 0o700));
        fs::create_dir(dir.path().join("x").join(format!("{PREFIX}y-1-1"))).unwrap();
        let again = Building::beside(&place, 0o700).unwrap();
        Building::sweep(&dir.path().join("x")).unwrap();
        assert_eq!(fs::read_dir(dir.path().join("x")).unwrap().count(), 4);
        drop((other, same, again));
        assert_eq!(fs::read_dir(dir.path().join("x")).unwrap().count(), 1);
    }
}
