//! Files and folders that are there whole or not at all.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::error::LabError;

/// Builds a folder beside its place and moves it there whole, so that no half-made one can be met. The place
/// must be free, or an empty folder.
pub(crate) fn build_whole<T>(out: &Path, build: impl FnOnce(&Path) -> Result<T, LabError>) -> Result<T, LabError> {
    let parent = match out.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).map_err(LabError::io(parent))?;
    let name = out.file_name().ok_or_else(|| LabError::NotEmpty(out.to_owned()))?.to_string_lossy();
    let building = parent.join(format!(".{name}.{}.part", std::process::id()));
    let built = build(&building).and_then(|built| {
        fs::rename(&building, out).map_err(LabError::io(out))?;
        Ok(built)
    });
    let built = built.inspect_err(|_| drop(fs::remove_dir_all(&building)))?;
    sync_dir(parent)?;
    Ok(built)
}

/// [`build_whole`] in a place where nothing is.
pub(crate) fn build_new<T>(out: &Path, build: impl FnOnce(&Path) -> Result<T, LabError>) -> Result<T, LabError> {
    if out.exists() { Err(LabError::Exists(out.to_owned())) } else { build_whole(out, build) }
}

/// Writes a new or changed file so that after a crash it is there whole or as before.
pub(crate) fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), LabError> {
    unseen_durable::write(path, bytes).map_err(LabError::io(path))
}

pub(crate) fn sync_dir(dir: &Path) -> Result<(), LabError> {
    unseen_durable::flush_folder(dir).map_err(LabError::io(dir))
}

/// Nobody but the lab's own account looks into its folder: when a file in it changed would tell when a run
/// ended, and what waits for its time lies there.
pub(crate) const PRIVATE: u32 = 0o700;

/// Closes the folder of a lab that was made before this was so, or was opened to others since.
pub(crate) fn shut(dir: &Path) -> Result<(), LabError> {
    let mode = fs::metadata(dir).map_err(LabError::io(dir))?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    fs::set_permissions(dir, Permissions::from_mode(PRIVATE)).map_err(LabError::io(dir))
}
