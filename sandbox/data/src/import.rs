//! From a raw file to a snapshot, in bounded memory.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use thiserror::Error;

use crate::description::Description;
use crate::keys::{KeyError, LabDataKey};
use crate::quality::QualityReport;
use crate::snapshot::SnapshotError;

/// How to import.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// Number of buckets, P: the same for all datasets of one unit domain, 1 to 4096.
    pub buckets: u32,
    /// Bytes of rows sorted in memory at a time.
    pub sort_memory: usize,
    /// The present moment, for the freshness measure.
    pub now: DateTime<Utc>,
}

impl ImportOptions {
    /// 16 buckets and 128 MiB of sort memory.
    pub fn new(now: DateTime<Utc>) -> Self {
        Self { buckets: 16, sort_memory: 128 << 20, now }
    }
}

/// How far an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Reading and sorting.
    Reading {
        /// Rows read.
        rows: u64,
        /// Bytes of the source read (for Parquet: estimated from rows).
        bytes: u64,
        /// Length of the source.
        of_bytes: u64,
    },
    /// Merging and writing.
    Writing {
        /// Rows written.
        rows: u64,
        /// Rows to write.
        of_rows: u64,
    },
}

/// A finished import.
#[derive(Debug)]
pub struct Imported {
    /// SHA-256 of the snapshot's manifest: what the log names.
    pub root: [u8; 32],
    /// What the steward should know.
    pub quality: QualityReport,
    /// Columns of the source that the description does not declare; they were not imported.
    pub ignored_columns: Vec<String>,
}

/// Why an import was refused. Positions are given, contents never.
#[derive(Debug, Error)]
pub enum ImportError {
    /// Placeholder until the import is written.
    #[error("not built yet")]
    NotBuilt,
    /// A key could not be made or used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The finished snapshot could not be read back.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

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
    let _ = (source, description, description_toml, destination, lab, options, progress);
    Err(ImportError::NotBuilt)
}

/// Drafts a description from the first rows of a CSV or Parquet file. The steward must confirm it:
/// above all the unit, the classification and the sharing kind.
pub fn infer(source: &Path, name: &str) -> Result<Description, ImportError> {
    let _ = (source, name, PathBuf::new());
    Err(ImportError::NotBuilt)
}
