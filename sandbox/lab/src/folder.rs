//! Files and folders that are there whole or not at all.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use unseen_durable::Building;

use crate::error::LabError;

/// Builds a folder of this mode beside its place, which must be free or an empty folder, and moves it there whole.
pub(crate) fn build_whole<T>(
    place: &Path,
    mode: u32,
    build: impl FnOnce(&Path) -> Result<T, LabError>,
) -> Result<T, LabError> {
    let building = Building::beside(place, mode).map_err(LabError::io(place))?;
    let built = build(building.path())?;
    building.publish().map_err(LabError::io(place))?;
    Ok(built)
}

/// Refuses a copy of a folder into the folder itself.
pub(crate) fn ensure_outside(place: &Path, folder: &Path) -> Result<(), LabError> {
    // The place is not there yet; what is there of the way to it may lead through links.
    let way = std::path::absolute(place).map_err(LabError::io(place))?;
    let there = way.ancestors().find_map(|way| way.canonicalize().ok());
    let folder = folder.canonicalize().map_err(LabError::io(folder))?;
    match there.is_some_and(|there| there.starts_with(folder)) {
        true => Err(LabError::Inside(place.to_owned())),
        false => Ok(()),
    }
}

/// Refuses links in a lab's folder: what they lead to is not closed with it, and is in no backup.
pub(crate) fn ensure_no_links(lab: &Path) -> Result<(), LabError> {
    for folder in [lab.to_owned(), lab.join("snapshots")] {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let entry = entry.map_err(LabError::io(&folder))?;
            if entry.file_type().map_err(LabError::io(entry.path()))?.is_symlink() {
                return Err(LabError::Linked(entry.path()));
            }
        }
    }
    Ok(())
}

/// [`build_whole`] in a place where nothing is.
pub(crate) fn build_new<T>(
    place: &Path,
    mode: u32,
    build: impl FnOnce(&Path) -> Result<T, LabError>,
) -> Result<T, LabError> {
    if place.exists() { Err(LabError::Exists(place.to_owned())) } else { build_whole(place, mode, build) }
}

/// Writes a new or changed file so that after a crash it is there whole or as before.
pub(crate) fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), LabError> {
    unseen_durable::write(path, bytes).map_err(LabError::io(path))
}

pub(crate) fn sync_dir(dir: &Path) -> Result<(), LabError> {
    unseen_durable::flush_folder(dir).map_err(LabError::io(dir))
}

/// The mode of a folder that anyone may read who can get at it.
pub(crate) const PUBLIC: u32 = 0o777;
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
