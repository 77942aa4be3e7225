//! What an import is asked for, what it says meanwhile, and what it gives.

use chrono::{DateTime, Utc};

use super::error::ImportError;
use crate::quality::QualityReport;
use crate::snapshot::{MAX_BUCKETS, Manifest};
use unseen_policies::Bounds;

/// How to import.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// Number of buckets, P: the same for all datasets that jobs read together, 1 to [`MAX_BUCKETS`].
    pub buckets: u32,
    /// Bytes of rows sorted in memory at a time (at most 2 GiB).
    pub sort_memory: usize,
    /// The present moment, for the freshness measure.
    pub now: DateTime<Utc>,
}

impl ImportOptions {
    /// [`LEAST_BUCKETS`] and 128 MiB of sort memory.
    pub fn new(now: DateTime<Utc>) -> Self {
        Self { buckets: LEAST_BUCKETS, sort_memory: 128 << 20, now }
    }

    /// Refuses a number of buckets that no snapshot has.
    pub fn check(&self) -> Result<(), ImportError> {
        match (1..=MAX_BUCKETS).contains(&self.buckets) {
            true => Ok(()),
            false => Err(ImportError::Buckets(self.buckets)),
        }
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

/// The buckets of a dataset that is small, or of which nothing is said.
pub const LEAST_BUCKETS: u32 = 16;

/// How many rows a bucket should have at most, so that many machines have something to do and each of them not for long.
const ROWS_OF_A_BUCKET: u64 = 1 << 20;

/// The buckets that a dataset should have by its public bounds, a power of two: its own rows do not decide, because
/// everybody sees the number.
pub fn buckets_for(bounds: &Bounds) -> u32 {
    let wanted = bounds.rows.div_ceil(ROWS_OF_A_BUCKET).min(bounds.units).next_power_of_two();
    u32::try_from(wanted).unwrap_or(MAX_BUCKETS).clamp(LEAST_BUCKETS, MAX_BUCKETS)
}

/// A finished import.
#[derive(Debug)]
pub struct Imported {
    /// SHA-256 of the snapshot's manifest: what the log names.
    pub root: [u8; 32],
    /// The manifest.
    pub manifest: Manifest,
    /// What the steward should know.
    pub quality: QualityReport,
    /// Columns of the source that the description does not declare; they were not imported.
    pub ignored_columns: Vec<String>,
}

/// Rows between two progress reports.
pub(super) const REPORT_EVERY: u64 = 1 << 16;
