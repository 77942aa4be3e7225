//! A snapshot on disk and how it is opened: from bytes and descriptors, so that a jailed worker can.
//!
//! ```text
//! <snapshot>/
//!   dataset.toml          the description it was imported under
//!   manifest.json         what follows, with digests; its SHA-256 is the snapshot's root digest
//!   key.wrapped           the data key under the lab's key      (private datasets)
//!   quality.sealed        the quality report under the data key (private datasets)
//!   quality.json          the quality report                    (reference tables)
//!   bucket-0000.parquet   encrypted, sorted by unit             (private datasets)
//!   table.parquet         plain                                 (reference tables)
//! ```
//!
//! The manifest counts rows and units: inside information. Only its digest goes public, and a random
//! salt in it keeps that digest from being guessed.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::description::{ColumnType, Kind};
use crate::keys::{DataKey, KeyError, LabDataKey};
use crate::quality::QualityReport;
use crate::reference::ReferenceTable;

/// `manifest.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Format version, 1.
    pub version: u32,
    /// Dataset name.
    pub dataset: String,
    /// Private or reference.
    pub kind: Kind,
    /// Unit domain; `Some` exactly for private datasets.
    pub unit_domain: Option<String>,
    /// The unit column's name; `Some` exactly for private datasets.
    pub unit_column: Option<String>,
    /// The key column's name; `Some` exactly for reference tables.
    pub key_column: Option<String>,
    /// SHA-256 of `dataset.toml`, hex.
    pub description: String,
    /// 32 random bytes, hex.
    pub salt: String,
    /// Rows that name no unit and were left out.
    pub set_aside: u64,
    /// The columns, in the order of the files.
    pub columns: Vec<ManifestColumn>,
    /// The files: one per bucket, in order, or the one table.
    pub files: Vec<ManifestFile>,
}

/// A column of the snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestColumn {
    /// Name.
    pub name: String,
    /// Declared type.
    pub kind: ColumnType,
}

/// A data file of the snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    /// File name.
    pub file: String,
    /// Rows in it.
    pub rows: u64,
    /// Units in it.
    pub units: u64,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of the file as it lies on disk, hex.
    pub sha256: String,
}

/// An opened private snapshot.
pub struct Snapshot {
    pub(crate) manifest: Manifest,
    pub(crate) root: [u8; 32],
    pub(crate) files: Vec<Arc<File>>,
    pub(crate) key: Vec<u8>,
}

/// Why a snapshot does not open.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// The manifest is not what the log names.
    #[error("manifest.json of the snapshot was altered: its digest is not the registered one")]
    Root,
    /// The manifest contradicts itself or has another format.
    #[error("manifest.json of the snapshot is not valid: {0}")]
    Manifest(String),
    /// A file is missing or too many are given.
    #[error("snapshot of {dataset:?} has {wanted} files, {given} were given")]
    Files {
        /// Dataset name.
        dataset: String,
        /// Files in the manifest.
        wanted: usize,
        /// Files handed in.
        given: usize,
    },
    /// The bytes of a file are not the registered ones.
    #[error("{file} of the snapshot of {dataset:?} was altered: its bytes are not the registered ones; restore it from a copy or import again")]
    Altered {
        /// Dataset name.
        dataset: String,
        /// File name.
        file: String,
    },
    /// A file could not be read.
    #[error("{file} of the snapshot cannot be read: {source}")]
    Io {
        /// File name.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The key does not fit.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A file opened with the right digest but does not hold what it should.
    #[error("{file} of the snapshot does not hold what its manifest says: {reason}")]
    Content {
        /// File name.
        file: String,
        /// What differs.
        reason: String,
    },
}

impl Snapshot {
    /// Opens a snapshot from what a worker is handed: the bytes of `manifest.json`, the root digest
    /// the log names, the data key, and one open file per bucket in order. Nothing is read from the
    /// files yet: each bucket is verified when it is first scanned.
    pub fn open(manifest: &[u8], root: [u8; 32], key: &DataKey, files: Vec<File>) -> Result<Self, SnapshotError> {
        let _ = (manifest, root, key, files);
        Err(SnapshotError::Root)
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// SHA-256 of the manifest.
    pub fn root(&self) -> [u8; 32] {
        self.root
    }

    /// Number of buckets, P.
    pub fn buckets(&self) -> u32 {
        self.manifest.files.len() as u32
    }

    /// Reads every byte of one bucket and compares its digest. Done by [`crate::CoGroup::open`] too,
    /// once for each bucket.
    pub fn verify_bucket(&self, bucket: u32) -> Result<(), SnapshotError> {
        let _ = bucket;
        Err(SnapshotError::Root)
    }
}

impl Manifest {
    /// Reads and validates `manifest.json`; `root` is the digest it must have.
    pub fn parse(bytes: &[u8], root: [u8; 32]) -> Result<Self, SnapshotError> {
        let _ = (bytes, root);
        Err(SnapshotError::Root)
    }
}

/// What a steward or the lab (not a worker) needs of a snapshot folder.
pub struct SnapshotDir {
    /// The manifest.
    pub manifest: Manifest,
    /// Bytes of `manifest.json`.
    pub manifest_bytes: Vec<u8>,
    /// SHA-256 of those.
    pub root: [u8; 32],
    /// Text of `dataset.toml`, of the digest the manifest names.
    pub description: String,
    /// The data files, opened for reading only, in order.
    pub files: Vec<File>,
    wrapped_key: Vec<u8>,
    quality: Vec<u8>,
}

impl SnapshotDir {
    /// Opens the folder of a snapshot; `root` is the digest the log names (`None` right after an
    /// import only).
    pub fn open(dir: &Path, root: Option<[u8; 32]>) -> Result<Self, SnapshotError> {
        let _ = (dir, root);
        Err(SnapshotError::Root)
    }

    /// The data key of a private snapshot.
    pub fn data_key(&self, lab: &LabDataKey) -> Result<DataKey, SnapshotError> {
        let _ = (lab, &self.wrapped_key);
        Err(SnapshotError::Root)
    }

    /// The quality report; the key is needed for private datasets.
    pub fn quality(&self, key: Option<&DataKey>) -> Result<QualityReport, SnapshotError> {
        let _ = (key, &self.quality);
        Err(SnapshotError::Root)
    }

    /// Opens it as the worker does.
    pub fn into_snapshot(self, key: &DataKey) -> Result<Snapshot, SnapshotError> {
        Snapshot::open(&self.manifest_bytes, self.root, key, self.files)
    }

    /// Loads a reference table into memory.
    pub fn into_reference(self) -> Result<ReferenceTable, SnapshotError> {
        load_reference(&self.manifest_bytes, self.root, self.files)
    }
}

/// Loads a reference table from the bytes of its manifest, the root digest and its one file.
pub fn load_reference(manifest: &[u8], root: [u8; 32], files: Vec<File>) -> Result<ReferenceTable, SnapshotError> {
    let _ = (manifest, root, files);
    Err(SnapshotError::Root)
}
