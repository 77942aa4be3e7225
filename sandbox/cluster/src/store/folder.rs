//! A store in a folder that all reach, each by its own path.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Read};
use std::ops::RangeInclusive;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;

use rustix::fs::OFlags;

use super::shelf::{IMPORTS, Shelf};
use crate::error::ClusterError;

/// A folder.
#[derive(Debug)]
pub struct Folder(pub PathBuf);

/// Ends the name of what is not there whole.
const PART: &str = "part";
const PLAINLY: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK);
/// How often removing a folder is tried.
const REMOVALS: usize = 5;

impl Shelf for Folder {
    fn name(&self) -> String {
        self.0.display().to_string()
    }

    fn length(&self, key: &str) -> Result<Option<u64>, ClusterError> {
        Ok(self.found(key, |path| fs::metadata(path))?.map(|found| found.len()))
    }

    fn put(&self, key: &str, bytes: &mut dyn Read, length: u64) -> Result<(), ClusterError> {
        let path = self.0.join(key);
        // What was begun and not finished has another name.
        let part = path.with_extension(PART);
        let folder = path.parent().unwrap_or(&self.0);
        let mut copy = || -> io::Result<()> {
            // The place of an import is there as long as the import goes on.
            if !key.starts_with(IMPORTS) {
                fs::create_dir_all(folder)?;
            }
            // Whoever else writes here may not have us write somewhere else.
            let _ = fs::remove_file(&part);
            let mut to = File::create_new(&part)?;
            if io::copy(&mut bytes.take(length), &mut to)? < length {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            to.sync_all()?;
            fs::rename(&part, &path)?;
            unseen_durable::flush_folder(folder)
        };
        copy().map_err(|why| ClusterError::Store { path, why })
    }

    fn get(&self, key: &str, lengths: RangeInclusive<u64>) -> Result<Option<File>, ClusterError> {
        let file = self.found(key, |path| {
            // A link leads elsewhere, and a pipe or device would keep us waiting or reading for ever.
            let file = File::options().read(true).custom_flags(PLAINLY.bits() as i32).open(path)?;
            let found = file.metadata()?;
            Ok((file, found.len(), found.is_file()))
        })?;
        Ok(file.filter(|(_, length, plain)| *plain && lengths.contains(length)).map(|(file, ..)| file))
    }

    fn remove(&self, key: &str) {
        let path = self.0.join(key);
        // And what somebody was killed over who was to put it there.
        let _ = fs::remove_file(path.with_extension(PART));
        let _ = fs::remove_file(path);
    }

    fn prepare(&self, folder: &str) -> Result<(), ClusterError> {
        let path = self.0.join(folder);
        // Others of the same group write; what is in it belongs to that group.
        let made = fs::create_dir_all(&path).and_then(|()| fs::set_permissions(&path, Permissions::from_mode(0o2775)));
        made.map_err(|why| ClusterError::Store { path, why })
    }

    fn remove_all(&self, folder: &str) {
        let path = self.0.join(folder);
        // A node that was at something may put it there meanwhile.
        for _ in 0..REMOVALS {
            if fs::remove_dir_all(&path).is_ok() {
                break;
            }
        }
    }
}

impl Folder {
    fn found<T>(&self, key: &str, look: impl Fn(&PathBuf) -> io::Result<T>) -> Result<Option<T>, ClusterError> {
        let path = self.0.join(key);
        match look(&path) {
            Err(why) if why.kind() == ErrorKind::NotFound => Ok(None),
            found => found.map(Some).map_err(|why| ClusterError::Store { path, why }),
        }
    }
}
