//! The lab as many readers have it at a time: one view, brought up to date when the log has grown.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};

use unseen_lab::{Lab, LabError, View};
use unseen_usecases::{Desk, UseCaseError};

/// A lab that is open to many. Other processes may write to it by turns.
pub(crate) struct Shared {
    folder: PathBuf,
    program: PathBuf,
    kept: RwLock<Kept>,
    /// Writers of this process wait here, in turn, and not at the folder's lock.
    writing: Mutex<()>,
}

struct Kept {
    view: View,
    checkpoint: Vec<u8>,
}

impl Shared {
    pub fn open(folder: PathBuf, program: PathBuf) -> Result<Shared, LabError> {
        // Finishes what a killed process left half done.
        drop(Lab::open(&folder)?);
        let checkpoint = read_checkpoint(&folder)?;
        let kept = RwLock::new(Kept { view: View::open(&folder)?, checkpoint });
        Ok(Shared { folder, program, kept, writing: Mutex::new(()) })
    }

    fn now(&self) -> Result<View, LabError> {
        let checkpoint = read_checkpoint(&self.folder)?;
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        if kept.checkpoint == checkpoint {
            return Ok(kept.view.clone());
        }
        let before = kept.view.clone();
        drop(kept);
        // A key that changes in the middle of this is met the second time.
        let view = before.follow().or_else(|_| before.follow())?;
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        // Another reader may have come further.
        if view.log().size() >= kept.view.log().size() {
            *kept = Kept { view: view.clone(), checkpoint };
        }
        Ok(view)
    }
}

impl Desk for Shared {
    fn view(&self) -> Result<View, UseCaseError> {
        Ok(self.now()?)
    }

    fn write<T, E: Into<UseCaseError>>(&self, step: impl FnOnce(&mut Lab) -> Result<T, E>) -> Result<T, UseCaseError> {
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        step(&mut Lab::open(&self.folder)?).map_err(Into::into)
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn program(&self) -> &Path {
        &self.program
    }
}

fn read_checkpoint(folder: &Path) -> Result<Vec<u8>, LabError> {
    let path = folder.join("log/checkpoint");
    std::fs::read(&path).map_err(LabError::io(path))
}
