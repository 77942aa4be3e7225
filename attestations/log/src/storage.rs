//! What the log asks of the place that keeps its files, and a folder that gives it.

use crate::LogError;
use rustix::fs::{FlockOperation, flock};
use std::{
    collections::{BTreeMap, HashSet, btree_map::Entry},
    ffi::OsString,
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    sync::Mutex,
};
use unseen_tlog::tree::Files;

/// What ends the name of a file that is being written.
const TEMPORARY: &str = ".tmp";

/// A place for files that survive. One process writes to it at a time.
pub trait Storage: Files {
    /// Writes whole files, new or in place of old ones. On success all of them are durable. On
    /// failure each of them is, on its own, as it was or as it was to be, and may be found to be
    /// the one now and the other after a crash; none is ever in between.
    fn write(&self, files: &[(String, Vec<u8>)]) -> io::Result<()>;

    /// Removes everything in a folder but the files of these names, and the folder if none is left.
    /// It need not be durable, and a folder that does not exist is no error.
    fn prune(&self, folder: &str, keep: &[String]) -> io::Result<()>;

    /// Whether nothing was ever written here successfully.
    fn is_empty(&self) -> io::Result<bool>;
}

/// A folder of a local file system.
///
/// A file is written under a temporary name, flushed (`fsync`), renamed, and its folder flushed.
/// This gives what [`Storage`] asks for on file systems where a rename is atomic and both flushes
/// reach the disk: ext4, xfs, btrfs. It does not protect from disks that lie about flushing.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Holds the `flock`, if writing is allowed.
    lock: Option<File>,
    /// Folders that are known to be durable themselves.
    durable: Mutex<HashSet<PathBuf>>,
}

impl Folder {
    /// A folder to read from.
    pub fn reading(path: impl Into<PathBuf>) -> Folder {
        Folder { path: path.into(), lock: None, durable: Mutex::default() }
    }

    /// An existing folder to write to, held by nobody else until this is dropped.
    pub fn locked(path: impl Into<PathBuf>) -> Result<Folder, LogError> {
        let path = path.into();
        let open = || {
            let folder = File::open(&path)?;
            // Everything below the folder is made durable by us; this is for the folder itself.
            File::open(path.canonicalize()?.parent().unwrap_or(&path))?.sync_all()?;
            flock(&folder, FlockOperation::NonBlockingLockExclusive)?;
            Ok::<File, io::Error>(folder)
        };
        match open() {
            Ok(lock) => Ok(Folder { lock: Some(lock), ..Folder::reading(path) }),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(LogError::InUse(path)),
            Err(source) => Err(LogError::Open { path, source }),
        }
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a folder below this one, and the way to it, and makes them durable. A folder that is
    /// found may be the work of a process that died before it could flush, so it is flushed again.
    fn make_durable(&self, folder: &Path) -> io::Result<()> {
        let mut durable = self.durable.lock().map_err(|_| ErrorKind::Other)?;
        if folder == self.path || durable.contains(folder) {
            return Ok(());
        }
        let mut way: Vec<&Path> = folder.ancestors().take_while(|at| *at != self.path).collect();
        way.reverse();
        for at in way {
            if durable.contains(at) {
                continue;
            }
            let parent = File::open(at.parent().unwrap_or(&self.path))?;
            match fs::create_dir(at) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
                _ => parent.sync_all()?,
            }
            durable.insert(at.to_owned());
        }
        Ok(())
    }

    /// Notes each temporary file in `renames` before it makes it.
    fn write_all(&self, files: &[(String, Vec<u8>)], renames: &mut Vec<Rename>) -> io::Result<()> {
        let mut folders = BTreeMap::new();
        for (path, bytes) in files {
            let path = self.path.join(path);
            let folder = path.parent().unwrap_or(&self.path).to_owned();
            if let Entry::Vacant(vacant) = folders.entry(folder) {
                self.make_durable(vacant.key())?;
                // Opened before the writes, so that an error of theirs is reported here.
                let folder = File::open(vacant.key())?;
                vacant.insert(folder);
            }
            let mut temporary: OsString = path.clone().into();
            temporary.push(TEMPORARY);
            renames.push((temporary.into(), path));
            let mut file = File::create(&renames[renames.len() - 1].0)?;
            file.write_all(bytes)?;
            file.sync_all()?;
        }
        renames.iter().try_for_each(|(temporary, path)| fs::rename(temporary, path))?;
        folders.values().try_for_each(File::sync_all)
    }
}

/// From a temporary name to the final one.
type Rename = (PathBuf, PathBuf);

impl Files for Folder {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        fs::read(self.path.join(path))
    }
}

impl Storage for Folder {
    fn write(&self, files: &[(String, Vec<u8>)]) -> io::Result<()> {
        if self.lock.is_none() {
            return Err(ErrorKind::PermissionDenied.into());
        }
        let mut renames = Vec::new();
        let result = self.write_all(files, &mut renames);
        if result.is_err() {
            // What they hold may be all the space there is.
            for (temporary, _) in &renames {
                let _gone_or_garbage = fs::remove_file(temporary);
            }
        }
        result
    }

    fn prune(&self, folder: &str, keep: &[String]) -> io::Result<()> {
        let folder = self.path.join(folder);
        let files = match fs::read_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            files => files?,
        };
        for file in files {
            let file = file?;
            if !keep.iter().any(|name| file.file_name() == name.as_str()) {
                fs::remove_file(file.path())?;
            }
        }
        if keep.is_empty() {
            self.durable.lock().map_err(|_| ErrorKind::Other)?.remove(&folder);
            fs::remove_dir(&folder)?;
        }
        Ok(())
    }

    fn is_empty(&self) -> io::Result<bool> {
        for file in fs::read_dir(&self.path)? {
            if !file?.file_name().to_string_lossy().ends_with(TEMPORARY) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
