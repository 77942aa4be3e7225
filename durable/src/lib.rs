//! Files and folders that survive a crash: each is there whole, as it was or as it was to be.
//!
//! A file is written under a temporary name, flushed (`fsync`), renamed, and its folder flushed. This holds on file
//! systems where a rename is atomic and both flushes reach the disk: ext4, xfs, btrfs. It does not protect against
//! disks that lie about flushing.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod building;
mod read;

pub use building::Building;
pub use read::{read, read_text};

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FlockOperation, flock};

/// What ends the name of a file that is being written.
pub const TEMPORARY: &str = ".tmp";

/// Writes a new or changed file. After an error it is as it was or as it was to be.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_all([(path.to_owned(), bytes)], |_| Ok(()))
}

/// A new file in a folder that has no name there: it is gone when nobody has it open any more, whatever becomes of this
/// process.
pub fn nameless(folder: &Path) -> io::Result<File> {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let path = folder.join(format!("nameless-{}-{number}{TEMPORARY}", std::process::id()));
    let file = File::options().create_new(true).read(true).write(true).mode(0o600).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

/// Makes the names in a folder durable.
pub fn flush_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// A folder of files, which one process writes to at a time.
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

    /// An existing folder to write to, held by nobody else until this is dropped. [`ErrorKind::WouldBlock`] when
    /// another process holds it.
    pub fn locked(path: impl Into<PathBuf>) -> io::Result<Folder> {
        let path = path.into();
        let folder = File::open(&path)?;
        // Everything below the folder is made durable by us; this is for the folder itself.
        flush_folder(path.canonicalize()?.parent().unwrap_or(&path))?;
        flock(&folder, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Folder { lock: Some(folder), ..Folder::reading(path) })
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A whole file: see [`read`].
    pub fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        read(&self.path.join(path))
    }

    /// Writes whole files, new or in place of old ones, and the folders on the way to them. On success all of them
    /// are durable. On failure each of them is, on its own, as it was or as it was to be, and may be found to be the
    /// one now and the other after a crash; none is ever in between.
    pub fn write(&self, files: &[(String, Vec<u8>)]) -> io::Result<()> {
        if self.lock.is_none() {
            return Err(ErrorKind::PermissionDenied.into());
        }
        let files = files.iter().map(|(path, bytes)| (self.path.join(path), bytes.as_slice()));
        write_all(files, |folder| self.make_durable(folder))
    }

    /// The names in a folder, without those of files that were never finished. A folder that does not exist is empty.
    pub fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let files = match fs::read_dir(self.path.join(folder)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            files => files?,
        };
        let names = files.map(|file| Ok(file?.file_name().to_string_lossy().into_owned()));
        let names = names.collect::<io::Result<Vec<String>>>()?;
        Ok(names.into_iter().filter(|name| !name.ends_with(TEMPORARY)).collect())
    }

    /// Removes everything in a folder but the files of these names, and the folder if none is left. It need not be
    /// durable, and a folder that does not exist is not an error.
    pub fn prune(&self, folder: &str, keep: &[String]) -> io::Result<()> {
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

    /// Makes a folder below this one, and the way to it, and makes them durable. A folder that is found may be the
    /// work of a process that died before it could flush, so it is flushed again.
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
            let parent = File::open(folder_of(at))?;
            match fs::create_dir(at) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
                _ => parent.sync_all()?,
            }
            durable.insert(at.to_owned());
        }
        Ok(())
    }
}

/// Writes files whose folders `make` makes, and leaves no temporary one behind when that fails.
fn write_all<'a>(
    files: impl IntoIterator<Item = (PathBuf, &'a [u8])>,
    make: impl Fn(&Path) -> io::Result<()>,
) -> io::Result<()> {
    let mut renames = Vec::new();
    let written = prepare(files, make, &mut renames).and_then(|folders| {
        renames.iter().try_for_each(|(temporary, path)| fs::rename(temporary, path))?;
        folders.values().try_for_each(File::sync_all)
    });
    if written.is_err() {
        // What they hold may be all the space there is.
        for (temporary, _) in &renames {
            let _gone_or_garbage = fs::remove_file(temporary);
        }
    }
    written
}

/// From a temporary name to the final one.
type Rename = (PathBuf, PathBuf);

/// Writes and flushes files under temporary names, each of which is noted before it is made. Gives their folders,
/// opened before the writes so that errors of the writes are reported there.
fn prepare<'a>(
    files: impl IntoIterator<Item = (PathBuf, &'a [u8])>,
    make: impl Fn(&Path) -> io::Result<()>,
    renames: &mut Vec<Rename>,
) -> io::Result<BTreeMap<PathBuf, File>> {
    let mut folders = BTreeMap::new();
    for (path, bytes) in files {
        if let Entry::Vacant(vacant) = folders.entry(folder_of(&path).to_owned()) {
            make(vacant.key())?;
            let folder = File::open(vacant.key())?;
            vacant.insert(folder);
        }
        let mut temporary: OsString = path.clone().into();
        temporary.push(TEMPORARY);
        let temporary = PathBuf::from(temporary);
        renames.push((temporary.clone(), path));
        let mut file = File::create(temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
    }
    Ok(folders)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_whole_and_nothing_lies_about() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.b");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        // A folder is in the way of the rename.
        fs::create_dir(dir.path().join("c")).unwrap();
        assert!(write(&dir.path().join("c"), b"three").is_err());
        let folder = Folder::reading(dir.path());
        let mut names = folder.list("").unwrap();
        names.sort();
        assert_eq!(names, ["a.b", "c"]);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_folder_has_one_writer() {
        let dir = tempfile::tempdir().unwrap();
        let files = [("x/y/z".to_owned(), b"z".to_vec()), ("x/w".to_owned(), b"w".to_vec())];
        assert_eq!(Folder::reading(dir.path()).write(&files).unwrap_err().kind(), ErrorKind::PermissionDenied);
        let held = Folder::locked(dir.path()).unwrap();
        assert_eq!(Folder::locked(dir.path()).unwrap_err().kind(), ErrorKind::WouldBlock);
        held.write(&files).unwrap();
        assert_eq!(held.read("x/y/z").unwrap(), b"z");
        held.prune("x/y", &[]).unwrap();
        held.prune("x/y", &[]).unwrap();
        assert_eq!(held.list("x").unwrap(), ["w"]);
        assert_eq!(held.list("nothing").unwrap(), Vec::<String>::new());
        held.write(&files).unwrap();
        drop(held);
        drop(Folder::locked(dir.path()).unwrap());
    }
}
