//! From a raw file to a snapshot, in bounded memory, all or nothing.
//!
//! Rows are read once, checked, sorted by (bucket, unit, arrival) in an external sort, and written
//! bucket by bucket into a temporary folder beside the destination. Everything in it is made durable
//! before it is renamed into place, so that a crash at any moment leaves either nothing or the whole.

mod again;
mod codes;
mod deal;
mod draft;
pub(crate) mod error;
pub(crate) mod faults;
mod intake;
mod job;
mod normal;
mod request;
pub(crate) mod sink;
mod source;
pub mod spread;
mod tally;
mod units;
mod workshop;

pub use draft::infer;
pub use error::{ImportError, Position};
pub use request::{ImportOptions, Imported, LEAST_BUCKETS, Progress, buckets_for};

use std::path::Path;
use std::sync::Arc;

use crate::description::{Description, Kind};
use crate::files::ReadAt;
use crate::keys::LabDataKey;
use crate::snapshot_dir::SnapshotDir;
use job::Job;
use source::{open_file, open_source};
use workshop::Workshop;

/// Imports `source` (CSV, or Parquet by its magic bytes) as described into the new folder
/// `destination`. `description_toml` is the text `description` was parsed from; it is kept with the
/// snapshot. Whenever this fails or is killed, `destination` does not exist; leftovers are swept by
/// the next import next to it.
pub fn import(
    source: &Path,
    description: &Description,
    description_toml: &str,
    destination: &Path,
    lab: &LabDataKey,
    options: &ImportOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<Imported, ImportError> {
    import_rows(open_file(source)?, description, description_toml, destination, lab, options, progress)
}

/// Imports rows that lie in no file of their own, as [`import`] does those of a file.
pub fn import_rows(
    rows: Arc<dyn ReadAt>,
    description: &Description,
    description_toml: &str,
    destination: &Path,
    lab: &LabDataKey,
    options: &ImportOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<Imported, ImportError> {
    let opened = open_source(rows)?;
    into(destination, description, description_toml, options, progress, |job| match description.kind {
        Kind::Private => job.private(opened, lab),
        Kind::Reference => job.reference(opened),
    })
}

/// Imports the rows of a private snapshot anew, as [`import`] does those of a file: into another number of buckets, say.
/// The description may have other words than the one they came with, and says the same of the data.
pub fn import_again(
    from: SnapshotDir,
    description: &Description,
    description_toml: &str,
    destination: &Path,
    lab: &LabDataKey,
    options: &ImportOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<Imported, ImportError> {
    into(destination, description, description_toml, options, progress, |job| job.again(from, lab))
}

/// Has a job done in a folder that takes its place only when all of it is there.
fn into(
    destination: &Path,
    description: &Description,
    description_toml: &str,
    options: &ImportOptions,
    progress: &mut dyn FnMut(Progress),
    work: impl FnOnce(&mut Job<'_>) -> Result<Imported, ImportError>,
) -> Result<Imported, ImportError> {
    options.check()?;
    if Description::parse(description_toml).as_ref() != Ok(description) {
        return Err(ImportError::Description);
    }
    let workshop = Workshop::open(destination)?;
    let imported = work(&mut Job { description, description_toml, options, workshop: &workshop, progress })?;
    workshop.publish()?;
    Ok(imported)
}
