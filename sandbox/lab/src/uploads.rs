//! Rows that somebody sends, encrypted to the lab, before they are imported: piece by piece, and on after a break.
//!
//! ```text
//! incoming/uploads/PERSON/DIGEST.part   what has come so far
//! incoming/uploads/PERSON/DIGEST        all of it; its SHA-256 is its name
//! ```
//! The lab keeps them as they came. They are opened by an import only, in its memory, and go with it or after a week.

use std::fs::{self, File, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use unseen_ids::{Digest, digest_of, hex, sha256};

use crate::error::LabError;
use crate::folder::sync_dir;
use crate::upload_error::UploadError;

/// The most bytes of one file, and of all that wait for one person.
pub const MOST_EACH: u64 = 64 << 30;
/// How long a file waits that nobody sends on or imports.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// What uploads leave free of a disk, at least: bytes, and one part in so many of all.
const LEFT_FREE: (u64, u64) = (1 << 30, 20);
/// What ends the name of a file that is not whole.
const PART: &str = "part";

/// How far an upload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Bytes that are here.
    pub bytes: u64,
    /// Whether that is all.
    pub whole: bool,
}

/// The uploads of a lab.
#[derive(Clone, Debug)]
pub struct Uploads {
    folder: PathBuf,
}

/// An upload that goes on. Nobody else sends it meanwhile.
#[derive(Debug)]
pub struct Uploading {
    file: File,
    part: PathBuf,
    whole: PathBuf,
    received: u64,
    length: u64,
}

impl Uploads {
    /// Those of the lab in this folder.
    pub fn of(lab: &Path) -> Uploads {
        Uploads { folder: lab.join("incoming/uploads") }
    }

    /// How far an upload of this person is; none where there is none.
    pub fn received(&self, person: &str, digest: &Digest) -> Option<Received> {
        let whole = self.place(person, digest);
        let bytes = |path: &Path| path.metadata().ok().map(|found| found.len());
        let received = bytes(&whole).map(|bytes| Received { bytes, whole: true });
        received.or_else(|| bytes(&part(&whole)).map(|bytes| Received { bytes, whole: false }))
    }

    /// All uploads of this person with what has come of them and when they go, the oldest first.
    pub fn waiting(&self, person: &str) -> Vec<(Digest, Received, DateTime<Utc>)> {
        let mut found: Vec<_> = files(&self.theirs(person)).iter().filter_map(|file| waits(file)).collect();
        found.sort_by_key(|(digest, _, until)| (*until, *digest));
        found
    }

    /// The file of an upload that is whole.
    pub fn whole(&self, person: &str, digest: &Digest) -> Result<PathBuf, UploadError> {
        let place = self.place(person, digest);
        if place.exists() { Ok(place) } else { Err(UploadError::None { digest: *digest }) }
    }

    /// Begins an upload of `length` bytes, or goes on with it: byte `at` is what comes next.
    pub fn go_on(&self, person: &str, digest: &Digest, at: u64, length: u64) -> Result<Uploading, LabError> {
        let whole = self.place(person, digest);
        let received = self.received(person, digest).unwrap_or(Received { bytes: 0, whole: false });
        if received.whole || received.bytes != at {
            return Err(UploadError::Offset { received: received.bytes }.into());
        }
        let left = length.checked_sub(at).ok_or(UploadError::Longer { length })?;
        let folder = whole.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder).map_err(LabError::io(folder))?;
        self.room(folder, left)?;
        let part = part(&whole);
        let opened = File::options().create(true).truncate(false).write(true).open(&part);
        let mut file = opened.map_err(LabError::io(&part))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(UploadError::Busy.into()),
            Err(TryLockError::Error(error)) => return Err(LabError::io(&part)(error)),
        }
        // Whoever held it before may have written more meanwhile.
        let received = file.seek(SeekFrom::End(0)).map_err(LabError::io(&part))?;
        if received != at {
            return Err(UploadError::Offset { received }.into());
        }
        Ok(Uploading { file, part, whole, received, length })
    }

    /// Removes an upload, as far as it has come.
    pub fn remove(&self, person: &str, digest: &Digest) -> Result<(), LabError> {
        let whole = self.place(person, digest);
        let mut found = false;
        for place in [part(&whole), whole] {
            match fs::remove_file(&place) {
                Ok(()) => found = true,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(LabError::io(place)(error)),
            }
        }
        if found { Ok(()) } else { Err(UploadError::None { digest: *digest }.into()) }
    }

    /// Removes what has waited too long.
    pub fn sweep(&self) {
        for file in files(&self.folder) {
            if older_than(&file, KEPT) {
                let _ = fs::remove_file(file);
            }
        }
    }

    /// Refuses more than a person's share, and what would fill the disk.
    fn room(&self, folder: &Path, left: u64) -> Result<(), LabError> {
        let held: u64 = files(folder).iter().filter_map(|file| file.metadata().ok()).map(|found| found.len()).sum();
        if held.saturating_add(left) > MOST_EACH {
            return Err(UploadError::TooMuch { most: MOST_EACH }.into());
        }
        // An import needs as much again.
        match has_room(folder, left.saturating_mul(2)).map_err(LabError::io(folder))? {
            true => Ok(()),
            false => Err(UploadError::NoRoom { length: left }.into()),
        }
    }

    fn place(&self, person: &str, digest: &Digest) -> PathBuf {
        self.theirs(person).join(digest.to_hex())
    }

    /// A name may be anything; its hash is a file's name.
    fn theirs(&self, person: &str) -> PathBuf {
        self.folder.join(hex::encode(&sha256(&[person.as_bytes()])[..16]))
    }
}

impl Uploading {
    /// Takes the next bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), LabError> {
        if bytes.len() as u64 > self.length - self.received {
            return Err(UploadError::Longer { length: self.length }.into());
        }
        self.file.write_all(bytes).map_err(LabError::io(&self.part))?;
        self.received += bytes.len() as u64;
        Ok(())
    }

    /// Keeps what has come. When that is all, it is compared with the digest that it was announced with.
    pub fn finish(self, digest: &Digest) -> Result<Received, LabError> {
        if self.received < self.length {
            return Ok(Received { bytes: self.received, whole: false });
        }
        self.file.sync_all().map_err(LabError::io(&self.part))?;
        let found = File::open(&self.part).and_then(digest_of).map_err(LabError::io(&self.part))?.0;
        if found != *digest {
            fs::remove_file(&self.part).map_err(LabError::io(&self.part))?;
            return Err(UploadError::Other.into());
        }
        fs::rename(&self.part, &self.whole).map_err(LabError::io(&self.whole))?;
        sync_dir(self.whole.parent().unwrap_or(Path::new(".")))?;
        Ok(Received { bytes: self.received, whole: true })
    }
}

/// The bytes of a disk that are free, and all it has.
pub fn disk(place: &Path) -> io::Result<(u64, u64)> {
    let disk = rustix::fs::statvfs(place)?;
    Ok((disk.f_bavail.saturating_mul(disk.f_frsize), disk.f_blocks.saturating_mul(disk.f_frsize)))
}

/// Whether a disk has so many bytes beside those that are to stay free.
pub(crate) fn has_room(place: &Path, bytes: u64) -> io::Result<bool> {
    let (free, all) = disk(place)?;
    Ok(free >= bytes.saturating_add(LEFT_FREE.0.min(all / LEFT_FREE.1)))
}

/// Whether a file was not changed for so long.
pub(crate) fn older_than(file: &Path, age: Duration) -> bool {
    let changed = file.metadata().and_then(|found| found.modified()).ok();
    changed.and_then(|at| SystemTime::now().duration_since(at).ok()).is_some_and(|found| found > age)
}

fn part(whole: &Path) -> PathBuf {
    whole.with_extension(PART)
}

fn waits(file: &Path) -> Option<(Digest, Received, DateTime<Utc>)> {
    let digest = Digest::from_hex(file.file_stem()?.to_str()?)?;
    let found = file.metadata().ok()?;
    let received = Received { bytes: found.len(), whole: file.extension().is_none() };
    Some((digest, received, (found.modified().ok()? + KEPT).into()))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(folder).into_iter().flatten().flatten();
    found.flat_map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { vec![entry.path()] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use unseen_texts::Message;

    fn code(error: LabError) -> String {
        Message::code(&error).to_owned()
    }

    #[test]
    fn an_upload_goes_on_where_it_ended_and_is_whole_or_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let uploads = Uploads::of(dir.path());
        let bytes: Vec<u8> = (0..10_000u32).flat_map(u32::to_le_bytes).collect();
        let (digest, length) = (Digest::of(&bytes), bytes.len() as u64);
        assert_eq!(uploads.received("wang", &digest), None);
        let mut first = uploads.go_on("wang", &digest, 0, length).unwrap();
        first.write(&bytes[..1000]).unwrap();
        assert_eq!(code(uploads.go_on("wang", &digest, 1000, length).unwrap_err()), "upload.busy");
        drop(first);
        assert_eq!(uploads.received("wang", &digest), Some(Received { bytes: 1000, whole: false }));
        assert_eq!(uploads.received("li", &digest), None);
        let begun = (digest, Received { bytes: 1000, whole: false });
        assert_eq!(uploads.waiting("wang").iter().map(|(of, how, _)| (*of, *how)).collect::<Vec<_>>(), [begun]);
        assert_eq!(uploads.waiting("li"), []);
        for at in [0, 999, 1001] {
            assert_eq!(code(uploads.go_on("wang", &digest, at, length).unwrap_err()), "upload.offset");
        }
        let mut rest = uploads.go_on("wang", &digest, 1000, length).unwrap();
        rest.write(&bytes[1000..]).unwrap();
        assert_eq!(code(rest.write(&[0]).unwrap_err()), "upload.longer");
        assert_eq!(rest.finish(&digest).unwrap(), Received { bytes: length, whole: true });
        assert_eq!(fs::read(uploads.whole("wang", &digest).unwrap()).unwrap(), bytes);
        assert!(uploads.whole("li", &digest).is_err());
        assert_eq!(code(uploads.go_on("wang", &digest, 0, length).unwrap_err()), "upload.offset");
        uploads.remove("wang", &digest).unwrap();
        assert_eq!(code(uploads.remove("wang", &digest).unwrap_err()), "upload.none");

        let mut other = uploads.go_on("wang", &digest, 0, length).unwrap();
        other.write(&vec![0; bytes.len()]).unwrap();
        assert_eq!(code(other.finish(&digest).unwrap_err()), "upload.other");
        assert_eq!(uploads.received("wang", &digest), None);
        assert_eq!(code(uploads.go_on("wang", &digest, 0, MOST_EACH + 1).unwrap_err()), "upload.too-much");
    }
}
