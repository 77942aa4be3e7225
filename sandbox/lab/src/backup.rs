//! A copy of the whole lab, and a lab from such a copy.
//!
//! An old copy that comes back would give spent budget back and show people an older history. Nothing in
//! the copy itself can tell: a checkpoint kept elsewhere, or a witness, can.

use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::{fs, io};

use unseen_log::LogError;
use unseen_texts::say;
use unseen_tlog::note::{Checkpoint, Note, NoteKey};

use crate::error::LabError;
use crate::folder::{PRIVATE, build_new, ensure_outside, sync_dir};
use crate::keys::LabKeys;
use crate::lab::Lab;
use crate::locks;
use crate::view::About;

/// What shows that a backup is not older than what was published.
pub enum Newest<'a> {
    /// A checkpoint kept elsewhere, as it was signed: the newest there is.
    Checkpoint(&'a str),
    /// The witnesses that the lab's policy names.
    Witnesses,
    /// Nothing: whoever restores answers for it.
    Unchecked,
}

impl Lab {
    /// Copies the lab, its keys too, into a new folder, readable by its owner only. The copy is there
    /// whole or not at all. Other processes stay locked out until it is done.
    pub fn backup(&self, out: &Path) -> Result<(), LabError> {
        ensure_outside(out, &self.dir)?;
        build_new(out, PRIVATE, |building| {
            self.log.verify()?;
            copy(&self.dir, building)?;
            // Who is at work here is at work there no more, and whoever uploads begins again.
            for left in [locks::FOLDER, INCOMING] {
                let left = building.join(left);
                there(fs::remove_dir_all(&left)).map_err(LabError::io(left))?;
            }
            Ok(())
        })
    }

    /// Makes a lab in a new folder out of a backup, after the backup was found complete, undamaged and
    /// not older than `newest`. Nothing is left when it is refused.
    pub fn restore(backup: &Path, dir: &Path, newest: &Newest<'_>) -> Result<Lab, LabError> {
        // Asked first, so that the answer names this folder and nothing else is copied.
        About::read(backup)?;
        LabKeys::open(&backup.join("keys"))?.log()?;
        ensure_outside(dir, backup)?;
        build_new(dir, PRIVATE, |building| {
            copy(backup, building)?;
            let lab = Lab::open(building)?;
            lab.log.verify()?;
            match newest {
                Newest::Checkpoint(text) => lab.must_extend(text),
                Newest::Witnesses => lab.must_be_newest_for_witnesses(),
                Newest::Unchecked => Ok(()),
            }
        })?;
        Lab::open(dir)
    }

    /// Refuses unless the log goes on from this checkpoint.
    fn must_extend(&self, text: &str) -> Result<(), LabError> {
        let bad = |error| LabError::Other(say!("the kept checkpoint: {error}", "所保存的检查点：{error}"));
        let note = Note::parse(text.as_bytes()).map_err(bad)?;
        let kept = Checkpoint::parse(note.text()).map_err(bad)?;
        // A key that came after the backup is not known here, and then the checkpoint is newer.
        if kept.size > self.log.size() {
            return Err(LogError::Rollback { published: kept.size, held: self.log.size() }.into());
        }
        let keys = self.ledger().log_keys().values().filter_map(|key| key.parse::<NoteKey>().ok());
        let signed = keys.map(|key| Checkpoint::open(&note, &key)).find_map(Result::ok);
        Ok(self.log.ensure_extends(&signed.ok_or(LabError::OtherCheckpoint)?)?)
    }
}

/// Where a service keeps what is uploaded before the request that names it.
const INCOMING: &str = "incoming";

/// Copies what is in a folder, each file durably and with its mode. Links and devices have no place in a lab.
///
/// What goes away meanwhile was on its way only, an upload or an import: the lab's own changes under its lock, which
/// whoever copies holds.
fn copy(from: &Path, to: &Path) -> Result<(), LabError> {
    let Some(listed) = there(fs::read_dir(from)).map_err(LabError::io(from))? else { return Ok(()) };
    for entry in listed {
        let entry = entry.map_err(LabError::io(from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let Some(kind) = there(entry.file_type()).map_err(LabError::io(&source))? else { continue };
        if kind.is_dir() {
            fs::DirBuilder::new().mode(PRIVATE).create(&target).map_err(LabError::io(&target))?;
            copy(&source, &target)?;
            let mode = fs::metadata(&source).map_or(PRIVATE, |found| found.mode() & 0o777);
            fs::set_permissions(&target, fs::Permissions::from_mode(mode)).map_err(LabError::io(&target))?;
        } else if kind.is_file() {
            let Some(mut bytes) = there(fs::File::open(&source)).map_err(LabError::io(&source))? else { continue };
            let mode = bytes.metadata().map_err(LabError::io(&source))?.mode() & 0o777;
            let file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&target);
            let written = file.and_then(|mut file| io::copy(&mut bytes, &mut file).and_then(|_| file.sync_all()));
            written.map_err(LabError::io(&target))?;
        } else if kind.is_symlink() {
            return Err(LabError::Linked(source));
        } else {
            return Err(LabError::Other(say!(
                "{source} is neither a file nor a folder: a lab holds nothing else",
                "{source} 既不是文件也不是文件夹：实验室中不应有别的东西"
            )));
        }
    }
    sync_dir(to)
}

/// None for what is not there, or not any more.
fn there<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}
