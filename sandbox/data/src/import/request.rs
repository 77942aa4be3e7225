//! What an import is asked for, what it says meanwhile, and what it gives.

use chrono::{DateTime, Utc};

use crate::quality::QualityReport;
use crate::snapshot::Manifest;

/// How to import.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// Number of buckets, P: the same for all datasets of one unit domain, 1 to 4096.
    pub buckets: u32,
    /// Bytes of rows sorted in memory at a time (at most 2 GiB).
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
    /// The manifest.
    pub manifest: Manifest,
    /// What the steward should know.
    pub quality: QualityReport,
    /// Columns of the source that the description does not declare; they were not imported.
    pub ignored_columns: Vec<String>,
}

/// Rows between two progress reports.
pub(super) const REPORT_EVERY: u64 = 1 << 16;
