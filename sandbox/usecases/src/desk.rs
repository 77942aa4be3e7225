//! How a use-case gets at the lab.

use std::path::{Path, PathBuf};

use unseen_ids::JobId;
use unseen_lab::{Lab, View};

use crate::error::UseCaseError;

/// A lab as a use-case needs it. Nobody holds the lab between two steps, so what lasts (a run, an import,
/// witnesses that answer) keeps nobody waiting.
pub trait Desk {
    /// The lab as it is now, to read.
    fn view(&self) -> Result<View, UseCaseError>;

    /// One step that writes.
    fn write<T, E: Into<UseCaseError>>(&self, step: impl FnOnce(&mut Lab) -> Result<T, E>) -> Result<T, UseCaseError>;

    /// One step that stages entries, and needs none of them in the log before it ends: so those of several people may be
    /// logged together. What it says is said once all that it could see is durable, and else the reason why it is not.
    fn together<T, E: From<UseCaseError>>(&self, step: impl FnOnce(&mut Lab) -> Result<T, E>) -> Result<T, E> {
        self.write(|lab| {
            let done = step(lab);
            lab.commit().map(|()| done)
        })?
    }

    /// The lab's folder.
    fn folder(&self) -> &Path;

    /// The binary that becomes a run's worker.
    fn program(&self) -> &Path;
}

/// A lab that is opened again for each step, so that several processes may use it by turns.
#[derive(Clone, Debug)]
pub struct Folder {
    /// The lab's folder.
    pub folder: PathBuf,
    /// The binary that becomes a run's worker.
    pub program: PathBuf,
}

impl Desk for Folder {
    fn view(&self) -> Result<View, UseCaseError> {
        // What a killed process left half done, only a writer can finish.
        let finished = || Lab::open(&self.folder).map(|lab| lab.view());
        match View::open(&self.folder) {
            Ok(view) if view.is_unsettled() => Ok(finished().unwrap_or(view)),
            Ok(view) => Ok(view),
            // The writer's error is the one to show.
            Err(_) => Ok(finished()?),
        }
    }

    fn write<T, E: Into<UseCaseError>>(&self, step: impl FnOnce(&mut Lab) -> Result<T, E>) -> Result<T, UseCaseError> {
        step(&mut Lab::open(&self.folder)?).map_err(Into::into)
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn program(&self) -> &Path {
        &self.program
    }
}

/// A copy of a lab's log, as `log export` makes it: enough to read and to sign by, and nothing else.
pub struct Copy {
    view: View,
}

impl Copy {
    /// The copy in a folder; none where there is no such thing.
    pub fn open(folder: &Path) -> Result<Option<Copy>, UseCaseError> {
        Ok(View::of_copy(folder)?.map(|view| Copy { view }))
    }
}

impl Desk for Copy {
    fn view(&self) -> Result<View, UseCaseError> {
        Ok(self.view.clone())
    }

    fn write<T, E: Into<UseCaseError>>(&self, _: impl FnOnce(&mut Lab) -> Result<T, E>) -> Result<T, UseCaseError> {
        Err(UseCaseError::IsCopy)
    }

    fn folder(&self) -> &Path {
        self.view.dir()
    }

    fn program(&self) -> &Path {
        Path::new("")
    }
}

/// Publishes a job's result if its time has come, and has it witnessed where the policy says so.
pub fn publish(desk: &impl Desk, job: JobId) -> Result<(), UseCaseError> {
    let Some(witnessing) = desk.write(|lab| lab.publish_due(job))? else { return Ok(()) };
    let witnessed = witnessing.carry_out()?;
    desk.write(|lab| lab.conclude_witnessed(job, witnessed))
}
