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
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::encryption::decrypt::FileDecryptionProperties;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use unseen_policies::Bounds;

use crate::decoder::guarded;
use crate::description::{CellKind, ColumnSpec, ColumnType, Description, Kind, MAX_COLUMNS};
use crate::files::SharedFile;
use crate::keys::{DataKey, KeyError};
use crate::reference::ReferenceTable;
use crate::scan::owned::OwnedTable;
use unseen_ids::{hex, sha256};
use unseen_texts::{Say, Sentence, Text, say, text};

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
    /// The description's public bounds, which hold for what is here.
    #[serde(default)]
    pub bounds: Bounds,
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
    /// Whether cells may be null.
    pub nullable: bool,
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
    manifest: Manifest,
    root: [u8; 32],
    /// Those that are at hand, the first of which is that of bucket `first`.
    files: Vec<SharedFile>,
    first: u32,
    verified: Vec<AtomicBool>,
    key: Vec<u8>,
}

/// Why a snapshot does not open.
#[derive(Debug, Error, Say)]
#[code("snapshot")]
pub enum SnapshotError {
    /// The manifest is not what the log names.
    #[error("manifest.json of the snapshot was altered: its digest is not the registered one")]
    #[zh("快照的 manifest.json 已被篡改：摘要与登记的不符")]
    Root,
    /// The manifest contradicts itself or has another format.
    #[error("manifest.json of the snapshot is not valid: {0}")]
    #[zh("快照的 manifest.json 无效：{0}")]
    Manifest(Sentence),
    /// A file is missing or too many are given.
    #[error("snapshot of {dataset:?} has {wanted} files, {given} were given")]
    #[zh("{dataset:?} 的快照有 {wanted} 个文件，而给出了 {given} 个")]
    Files {
        /// Dataset name.
        dataset: String,
        /// Files in the manifest.
        wanted: usize,
        /// Files handed in.
        given: usize,
    },
    /// The system lets this process open fewer.
    #[error(
        "the snapshot of {dataset:?} has {files} files, and this process may have {may} open: raise its limit (`LimitNOFILE=`, `ulimit -n`)"
    )]
    #[zh("{dataset:?} 的快照有 {files} 个文件，而本进程最多可打开 {may} 个：请调高上限（`LimitNOFILE=`、`ulimit -n`）")]
    TooManyFiles {
        /// Dataset name.
        dataset: String,
        /// Files of its snapshot.
        files: usize,
        /// Open files that there may be.
        may: u64,
    },
    /// The bytes of a file are not the registered ones.
    #[error(
        "{file} of the snapshot of {dataset:?} was altered: its bytes are not the registered ones; restore it from a copy or import again"
    )]
    #[zh("文件 {file}（{dataset:?} 的快照）已被篡改：内容与登记的不符；请从副本恢复或重新导入")]
    Altered {
        /// Dataset name.
        dataset: String,
        /// File name.
        file: String,
    },
    /// A file could not be read.
    #[error("{file} of the snapshot cannot be read: {source}")]
    #[zh("快照中的 {file} 无法读取：{source}")]
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
    #[zh("快照中的 {file} 与其清单不符：{reason}")]
    Content {
        /// File name.
        file: String,
        /// What differs.
        reason: Sentence,
    },
}

impl Snapshot {
    /// Opens a snapshot from what a worker is handed: the bytes of `manifest.json`, the root digest
    /// the log names, the data key, and one open file per bucket in order. Nothing is read from the
    /// files yet: each bucket is verified when it is first scanned.
    pub fn open(manifest: &[u8], root: [u8; 32], key: &DataKey, files: Vec<File>) -> Result<Self, SnapshotError> {
        let manifest = Manifest::private(manifest, root)?;
        let files = shared(&manifest, files)?;
        Ok(Self::of(manifest, root, 0, files, key.parquet_key()?))
    }

    /// The same of some buckets, from bucket `first` on: no other can be read.
    pub fn open_some(
        manifest: &[u8],
        root: [u8; 32],
        key: &DataKey,
        first: u32,
        files: Vec<File>,
    ) -> Result<Self, SnapshotError> {
        let manifest = Manifest::private(manifest, root)?;
        let named = manifest.files.get(first as usize..).unwrap_or_default();
        if files.len() > named.len() {
            return Err(SnapshotError::files(&manifest, named.len(), files.len()));
        }
        let files = share(files, named)?;
        Ok(Self::of(manifest, root, first, files, key.parquet_key()?))
    }

    /// What is known of a snapshot none of whose rows is to be read.
    pub fn unread(manifest: &[u8], root: [u8; 32]) -> Result<Self, SnapshotError> {
        Ok(Self::of(Manifest::private(manifest, root)?, root, 0, Vec::new(), Vec::new()))
    }

    fn of(manifest: Manifest, root: [u8; 32], first: u32, files: Vec<SharedFile>, key: Vec<u8>) -> Self {
        let verified = files.iter().map(|_| AtomicBool::new(false)).collect();
        Self { manifest, root, files, first, verified, key }
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

    /// Reads every byte of one bucket and compares its digest with the manifest's; once only.
    /// [`crate::CoGroup::open`] does so too.
    pub fn verify_bucket(&self, bucket: u32) -> Result<(), SnapshotError> {
        let (at, file) = self.file(bucket)?;
        let verified = &self.verified[at];
        if !verified.load(Ordering::Acquire) {
            verify(&self.manifest, bucket as usize, file)?;
            verified.store(true, Ordering::Release);
        }
        Ok(())
    }

    fn file(&self, bucket: u32) -> Result<(usize, &SharedFile), SnapshotError> {
        let at = bucket.checked_sub(self.first).map(|at| at as usize);
        let file = at.and_then(|at| Some((at, self.files.get(at)?)));
        file.ok_or_else(|| SnapshotError::Manifest(say!("there is no bucket {bucket}", "没有分桶 {bucket}")))
    }

    /// A bucket's bytes and its decrypted footer; the unit ids as a dictionary or as plain texts.
    pub(crate) fn parquet(
        &self,
        bucket: u32,
        units_as_dictionary: bool,
    ) -> Result<(SharedFile, ArrowReaderMetadata), SnapshotError> {
        let (_, file) = self.file(bucket)?;
        let name = &self.manifest.files[bucket as usize].file;
        let content = |fault: parquet::errors::ParquetError| SnapshotError::content(name, fault.to_string());
        let decryption = FileDecryptionProperties::builder(self.key.clone())
            .with_aad_prefix(bucket_context(&self.manifest.dataset, &self.manifest.salt, bucket))
            .build()
            .map_err(content)?;
        let options = ArrowReaderOptions::new()
            .with_schema(Arc::new(arrow_schema(
                &self.manifest.columns,
                self.manifest.unit_column.as_deref(),
                units_as_dictionary,
            )))
            .with_file_decryption_properties(decryption);
        let metadata = ArrowReaderMetadata::load(file, options).map_err(content)?;
        Ok((file.clone(), metadata))
    }
}

/// Name of the column that holds the unit ids.
pub(crate) const UNIT: &str = "__unit";
pub(crate) const MANIFEST: &str = "manifest.json";
pub(crate) const DESCRIPTION: &str = "dataset.toml";
pub(crate) const WRAPPED_KEY: &str = "key.wrapped";
pub(crate) const SEALED_QUALITY: &str = "quality.sealed";
pub(crate) const PLAIN_QUALITY: &str = "quality.json";
pub(crate) const TABLE: &str = "table.parquet";
/// The most buckets a snapshot has.
pub const MAX_BUCKETS: u32 = 65_536;

pub(crate) fn bucket_file(bucket: u32) -> String {
    format!("bucket-{bucket:04}.parquet")
}

/// What a bucket's ciphertext is bound to, besides its key: it opens at its own place only.
pub(crate) fn bucket_context(dataset: &str, salt: &str, bucket: u32) -> Vec<u8> {
    format!("unseen bucket v1\0{salt}\0{bucket}\0{dataset}").into_bytes()
}

pub(crate) fn quality_context(dataset: &str, salt: &str) -> Vec<u8> {
    format!("unseen quality v1\0{salt}\0{dataset}").into_bytes()
}

/// The schema of a snapshot's files. The unit column is stored once, as text, under [`UNIT`]; read
/// back as a dictionary, whose keys make the ends of units cheap to find.
pub(crate) fn arrow_schema(columns: &[ManifestColumn], unit: Option<&str>, as_dictionary: bool) -> Schema {
    let unit_type = match as_dictionary {
        true => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
        false => DataType::Utf8,
    };
    let unit_field = unit.map(|_| Field::new(UNIT, unit_type, false));
    let stored = columns.iter().filter(|column| Some(column.name.as_str()) != unit).map(|column| {
        let kind = match column.kind.cell_kind() {
            CellKind::Int => DataType::Int64,
            CellKind::Float => DataType::Float64,
            CellKind::Bool => DataType::Boolean,
            CellKind::Text => DataType::Utf8,
        };
        Field::new(&column.name, kind, column.nullable)
    });
    Schema::new(unit_field.into_iter().chain(stored).collect::<Vec<_>>())
}

impl SnapshotError {
    pub(crate) fn content(file: &str, reason: impl Into<Sentence>) -> Self {
        Self::Content { file: file.to_owned(), reason: reason.into() }
    }

    fn files(manifest: &Manifest, wanted: usize, given: usize) -> Self {
        Self::Files { dataset: manifest.dataset.clone(), wanted, given }
    }

    pub(crate) fn io(file: &str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { file: file.to_owned(), source }
    }
}

impl Manifest {
    /// Reads and validates `manifest.json`; `root` is the digest it must have.
    pub fn parse(bytes: &[u8], root: [u8; 32]) -> Result<Self, SnapshotError> {
        if sha256(&[bytes]) != root {
            return Err(SnapshotError::Root);
        }
        let manifest: Self =
            serde_json::from_slice(bytes).map_err(|fault| SnapshotError::Manifest(Sentence::of(&fault)))?;
        match manifest.fault() {
            None => Ok(manifest),
            Some(fault) => Err(SnapshotError::Manifest(fault.into())),
        }
    }

    fn private(bytes: &[u8], root: [u8; 32]) -> Result<Self, SnapshotError> {
        let manifest = Self::parse(bytes, root)?;
        match manifest.kind {
            Kind::Private => Ok(manifest),
            Kind::Reference => Err(SnapshotError::Manifest(
                text!("this is a reference table, not rows of units", "这是参照表，不是隐私单元的数据").into(),
            )),
        }
    }

    /// Rows in all files.
    pub fn rows(&self) -> u64 {
        self.files.iter().fold(0, |rows, file| rows.saturating_add(file.rows))
    }

    /// Units in all files.
    pub fn units(&self) -> u64 {
        self.files.iter().fold(0, |units, file| units.saturating_add(file.units))
    }

    /// The place of a stored column in a bucket file, where the unit comes first.
    pub(crate) fn leaf(&self, name: &str) -> Option<usize> {
        let unit = self.unit_column.as_deref();
        self.columns
            .iter()
            .filter(|column| Some(column.name.as_str()) != unit)
            .position(|column| column.name == name)
            .map(|at| at + 1)
    }

    /// Of what is imported by this description, before anything is: without files.
    pub(crate) fn begun(description: &Description, text: &str, salt: &[u8; 32]) -> Manifest {
        let column = |column: &ColumnSpec| ManifestColumn {
            name: column.name.clone(),
            kind: column.kind.clone(),
            nullable: column.nullable,
        };
        let unit = description.unit.as_ref();
        Manifest {
            version: 1,
            dataset: description.name.clone(),
            kind: description.kind,
            unit_domain: unit.map(|unit| unit.domain.clone()),
            unit_column: unit.map(|unit| unit.column.clone()),
            key_column: description.key.clone(),
            description: hex::encode(&sha256(&[text.as_bytes()])),
            salt: hex::encode(salt),
            set_aside: 0,
            bounds: description.bounds,
            columns: description.columns.iter().map(column).collect(),
            files: Vec::new(),
        }
    }

    pub(crate) fn salt_bytes(&self) -> [u8; 32] {
        hex::decode(&self.salt).unwrap_or_default()
    }

    fn fault(&self) -> Option<Text> {
        let is_digest = |text: &str| hex::decode::<32>(text).is_some();
        let private = self.kind == Kind::Private;
        let named = |bucket: usize| {
            if private { bucket_file(bucket as u32) } else { TABLE.to_owned() }
        };
        let column = if private { &self.unit_column } else { &self.key_column };
        let checks = [
            (self.version == 1, text!("its format version is not 1", "格式版本不是 1")),
            (
                is_digest(&self.salt) && is_digest(&self.description),
                text!("a digest or salt is not 32 bytes of hex", "摘要或盐值不是 32 字节的十六进制"),
            ),
            (
                private == self.unit_domain.is_some(),
                text!("only private datasets have a unit domain", "只有私有数据集有单元域"),
            ),
            (
                private == self.unit_column.is_some(),
                text!("only private datasets have a unit column", "只有私有数据集有单元列"),
            ),
            (
                private == self.key_column.is_none(),
                text!("only reference tables have a key column", "只有参照表有键列"),
            ),
            (
                (1..=MAX_COLUMNS).contains(&self.columns.len()),
                text!("it has no columns or too many", "没有列，或列过多"),
            ),
            (
                self.columns.iter().any(|c| Some(&c.name) == column.as_ref()),
                text!("its unit or key column is not a column", "单元列或键列不在各列之中"),
            ),
            (
                !self.files.is_empty() && self.files.len() <= if private { MAX_BUCKETS as usize } else { 1 },
                text!("it has no files or too many", "没有文件，或文件过多"),
            ),
            (
                self.files.iter().enumerate().all(|(at, file)| file.file == named(at) && is_digest(&file.sha256)),
                text!("a file has a wrong name or digest", "有文件的名称或摘要不对"),
            ),
        ];
        checks.into_iter().find(|(holds, _)| !holds).map(|(_, fault)| fault)
    }
}

/// Loads a reference table from the bytes of its manifest, its root digest and its one file, and
/// verifies all three.
pub fn load_reference(manifest: &[u8], root: [u8; 32], files: Vec<File>) -> Result<ReferenceTable, SnapshotError> {
    let manifest = Manifest::parse(manifest, root)?;
    let Some(key) = manifest.key_column.clone() else {
        return Err(SnapshotError::Manifest(text!("this is not a reference table", "这不是参照表").into()));
    };
    let files = shared(&manifest, files)?;
    verify(&manifest, 0, &files[0])?;
    let read = || read_table(&manifest, files[0].clone());
    let table = guarded(read, |fault| SnapshotError::content(TABLE, fault))?;
    let columns = manifest.columns.into_iter().map(|column| (column.name, column.kind)).collect();
    Ok(ReferenceTable::new(manifest.dataset, key, columns, table))
}

fn read_table(manifest: &Manifest, file: SharedFile) -> Result<OwnedTable, SnapshotError> {
    let content = |fault: Sentence| SnapshotError::content(TABLE, fault);
    let options = ArrowReaderOptions::new().with_schema(Arc::new(arrow_schema(&manifest.columns, None, false)));
    let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)
        .and_then(|builder| builder.build())
        .map_err(|fault| content(fault.to_string().into()))?;
    let mut table = OwnedTable::new(manifest.columns.iter().map(|column| column.kind.cell_kind()));
    for batch in reader {
        let batch = batch.map_err(|fault| content(fault.to_string().into()))?;
        table.append_batch(&batch).map_err(|fault| content(fault.to_string().into()))?;
    }
    if u64::from(table.rows()) != manifest.files[0].rows {
        return Err(content(text!("it has another number of rows than registered", "行数与登记的不同").into()));
    }
    Ok(table)
}

fn shared(manifest: &Manifest, files: Vec<File>) -> Result<Vec<SharedFile>, SnapshotError> {
    if files.len() != manifest.files.len() {
        return Err(SnapshotError::files(manifest, manifest.files.len(), files.len()));
    }
    share(files, &manifest.files)
}

fn share(files: Vec<File>, named: &[ManifestFile]) -> Result<Vec<SharedFile>, SnapshotError> {
    let share =
        |(file, entry): (File, &ManifestFile)| SharedFile::new(Arc::new(file)).map_err(SnapshotError::io(&entry.file));
    files.into_iter().zip(named).map(share).collect()
}

fn verify(manifest: &Manifest, at: usize, file: &SharedFile) -> Result<(), SnapshotError> {
    let entry = &manifest.files[at];
    let altered = || SnapshotError::Altered { dataset: manifest.dataset.clone(), file: entry.file.clone() };
    if file.length() != entry.bytes {
        return Err(altered());
    }
    let (digest, length) = unseen_ids::digest_of(file.reader()).map_err(SnapshotError::io(&entry.file))?;
    if length != entry.bytes || digest.to_hex() != entry.sha256 {
        return Err(altered());
    }
    Ok(())
}

/// Makes a snapshot of `buckets` buckets of units and a column `n` of ints, of which the last holds
/// what `push` writes, and whose manifest `alter` may falsify: for tests of what a scan refuses.
#[cfg(test)]
pub(crate) fn forge(
    dir: &std::path::Path,
    key: &DataKey,
    buckets: u32,
    push: impl Fn(&mut crate::bucket_file::BucketFile),
    alter: impl Fn(&mut Manifest),
) -> (Vec<u8>, Vec<File>) {
    use parquet::encryption::encrypt::FileEncryptionProperties;
    let column = |name: &str, kind| ManifestColumn { name: name.into(), kind, nullable: true };
    let mut manifest = Manifest {
        version: 1,
        dataset: "forged".into(),
        kind: Kind::Private,
        unit_domain: Some("person".into()),
        unit_column: Some("unit".into()),
        key_column: None,
        description: hex::encode(&[0; 32]),
        salt: hex::encode(&[1; 32]),
        set_aside: 0,
        bounds: Bounds::DEFAULT,
        columns: vec![column("unit", ColumnType::Text), column("n", ColumnType::Int)],
        files: Vec::new(),
    };
    let schema = Arc::new(arrow_schema(&manifest.columns, Some("unit"), false));
    for bucket in 0..buckets {
        let name = bucket_file(bucket);
        let encryption = FileEncryptionProperties::builder(key.parquet_key().unwrap())
            .with_aad_prefix(bucket_context(&manifest.dataset, &manifest.salt, bucket))
            .build()
            .unwrap();
        let path = dir.join(&name);
        let (rows, bytes, digest) = std::thread::scope(|scope| {
            let file = crate::bucket_file::BucketFile::create(scope, &path, Arc::clone(&schema), Some(encryption));
            let mut file = file.unwrap();
            if bucket + 1 == buckets {
                push(&mut file);
            }
            file.finish().unwrap()
        });
        manifest.files.push(ManifestFile { file: name, rows, units: 0, bytes, sha256: hex::encode(&digest) });
    }
    alter(&mut manifest);
    let open = |entry: &ManifestFile| File::open(dir.join(&entry.file)).unwrap();
    let files = manifest.files.iter().map(open).collect();
    (serde_json::to_vec(&manifest).unwrap(), files)
}
