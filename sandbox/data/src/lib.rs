//! Datasets: what they are ([`Description`]), how raw files become sorted, encrypted
//! [snapshots](Snapshot), and how a run reads them back, one privacy unit at a time ([`CoGroup`]).
//!
//! The life of a dataset, in the order of the modules:
//!
//! 1. [`description`]: a steward writes (or confirms a drafted) `dataset.toml`.
//! 2. [`import`]: a CSV or Parquet file is checked against it, sorted by privacy unit in bounded
//!    memory and written as `P` encrypted bucket files; [`quality`] is measured on the way.
//! 3. [`snapshot`]: a worker opens a snapshot from descriptors it was handed, and verifies it.
//! 4. [`scan`]: buckets of several snapshots are merged into grains; [`blocks`] deals units into
//!    blocks for jobs that want more than one unit at a time.
//! 5. [`twin`]: synthetic rows made from the description alone.
//!
//! Nothing in this crate is public output: error texts are for the steward. They say where
//! something is wrong and never what a cell holds.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

pub mod blocks;
mod bucket_file;
pub mod cell;
pub mod description;
pub mod hash;
pub mod import;
pub mod keys;
pub mod quality;
pub mod reference;
pub mod scan;
pub mod snapshot;
pub mod snapshot_dir;
pub mod twin;
mod workbook;

mod csv_lines;
mod csv_slices;
mod csv_source;
mod decoder;
mod files;
mod parquet_source;
mod resident_id;
mod seems;
mod sort;

pub use blocks::{BlockGatherer, BlockKey};
pub use description::{Description, DescriptionError};
pub use files::ReadAt;
pub use import::{ImportError, ImportOptions, Imported, Progress};
pub use keys::{DataKey, LabDataKey};
pub use quality::QualityReport;
pub use reference::ReferenceTable;
pub use scan::{Cells, CoGroup, Column, Grain, GrainLimits, GrainTable, OwnedGrain, ScanError, ScanInput};
pub use snapshot::{Manifest, Snapshot, SnapshotError};
