//! From a raw file to a snapshot, in bounded memory, all or nothing.
//!
//! Rows are read once, checked, sorted by (bucket, unit, arrival) in an external sort, and written
//! bucket by bucket into a temporary folder beside the destination. Everything in it is made durable
//! before it is renamed into place, so that a crash at any moment leaves either nothing or the whole.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::Schema;
use chrono::{DateTime, Utc};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::encryption::encrypt::FileEncryptionProperties;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use thiserror::Error;
use unseen_policies::Bounds;

use crate::cell::{Cell, Reason};
use crate::description::{
    Bilingual, Check, Classification, ColumnSpec, ColumnType, CsvOptions, DEFAULT_DATE_FORMAT, Description, Encoding,
    Kind, MAX_UNIT, Sharing, Unit, UpdateCycle, WhenMissing,
};
use crate::files::{self, DigestWriter};
use crate::hash::siphash24;
use crate::keys::{DataKey, KeyError, LabDataKey, random};
use crate::quality::{QualityReport, Survey, UnitSurvey};
use crate::snapshot::{
    self, MAX_BUCKETS, Manifest, ManifestColumn, ManifestFile, arrow_schema, bucket_context, bucket_file,
    quality_context,
};
use crate::sort::{Merge, Record, Sorter};
use crate::{cell, csv_source, parquet_source};
use unseen_ids::{bucket_of, canonical, hex, sha256};
use unseen_texts::{Lang, Say, Sentence, Text, say, text};

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

/// Where in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Data row, from 1.
    pub row: u64,
    /// Line of a CSV file, from 1.
    pub line: Option<u64>,
}

impl std::fmt::Display for Position {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.say(Lang::En, out)
    }
}

impl Say for Position {
    fn say(&self, lang: Lang, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let row = self.row;
        let said = match self.line {
            Some(line) => say!("row {row} (line {line})", "第 {row} 条记录（第 {line} 行）"),
            None => say!("row {row}", "第 {row} 条记录"),
        };
        out.write_str(said.to(lang))
    }
    fn value(&self) -> unseen_texts::Value {
        serde_json::json!({ "row": self.row, "line": self.line })
    }
}

/// Why an import was refused. Positions are given, contents never.
#[derive(Debug, Error, Say)]
#[code("import")]
pub enum ImportError {
    /// The source does not open.
    #[error("{path} cannot be opened: {source}")]
    #[zh("{path} 无法打开：{source}")]
    Open {
        /// The source.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Reading stopped half-way.
    #[error("the file cannot be read to its end: {0}")]
    #[zh("文件无法读完：{0}")]
    Read(io::Error),
    /// Writing stopped half-way; nothing was kept.
    #[error("the snapshot cannot be written, and nothing of it was kept: {0}")]
    #[zh("快照无法写入，未保留任何内容：{0}")]
    Write(io::Error),
    /// The destination exists.
    #[error("{0} exists already: a snapshot is never overwritten")]
    #[zh("{0} 已存在：快照绝不覆盖")]
    Exists(PathBuf),
    /// Another import works in the same folder.
    #[error("another import into {0} is running: wait for it to finish")]
    #[zh("另一个导入正在写入 {0}：请等它结束")]
    Busy(PathBuf),
    /// The number of buckets is out of range.
    #[error("a snapshot has 1 to 4096 buckets, not {0}")]
    #[zh("快照有 1 至 4096 个分桶，不能是 {0}")]
    Buckets(u32),
    /// The description and its text differ: a fault of the caller.
    #[error("the description is not the one in its text")]
    #[zh("描述与其原文不符")]
    Description,
    /// The source is of another format.
    #[error("the file is not CSV or Parquet but {0}")]
    #[zh("文件不是 CSV 或 Parquet，而是{0}")]
    NotCsv(Text),
    /// Not a byte, or not even a header.
    #[error("the file is empty")]
    #[zh("文件是空的")]
    Empty,
    /// A header without rows.
    #[error("the file has a header but no rows")]
    #[zh("文件只有表头，没有数据行")]
    NoRows,
    /// Two columns of one name.
    #[error("the header names column {0:?} twice: rename one of them")]
    #[zh("表头中列 {0:?} 出现两次：请改名")]
    DuplicateHeader(String),
    /// Declared columns that the file lacks.
    #[error("the file lacks {role} {missing:?}; it has: {found}")]
    #[zh("文件缺少{role} {missing:?}；现有列：{found}")]
    MissingColumn {
        /// What the column is for.
        role: Text,
        /// Its name.
        missing: String,
        /// The names in the file.
        found: String,
    },
    /// No name of the header is declared, so it may be no header: what stands there is not said.
    #[error(
        "none of the {0} fields of the first line is a column of the description: if the file has no header, say header = false under [csv]"
    )]
    #[zh("第一行的 {0} 个字段都不是描述中的列：如果文件没有表头，请在 [csv] 下写 header = false")]
    NoHeader(usize),
    /// A record with more or fewer fields than the header.
    #[error("{at}: {fields} fields where {expected} are expected; check the delimiter and the quotes")]
    #[zh("{at}：有 {fields} 个字段，应为 {expected} 个；请检查分隔符和引号")]
    Ragged {
        /// Where.
        at: Position,
        /// Fields found.
        fields: usize,
        /// Fields of the header.
        expected: usize,
    },
    /// Bytes that are not text in the declared encoding.
    #[error("line {line}: not valid {encoding}; if the file is in another encoding, declare it under [csv] encoding")]
    #[zh("第 {line} 行：不是有效的 {encoding}；如为其他编码，请在 [csv] encoding 中声明")]
    Encoding {
        /// From 1.
        line: u64,
        /// The declared encoding.
        encoding: &'static str,
    },
    /// A record that does not end.
    #[error("line {line}: a record longer than 16 MiB; is a quote left open?")]
    #[zh("第 {line} 行：记录超过 16 MiB；是否有引号未闭合？")]
    RecordTooLong {
        /// From 1.
        line: u64,
    },
    /// A row that does not fit.
    #[error("{at}: the row is larger than 16 MiB")]
    #[zh("{at}：该行超过 16 MiB")]
    RowTooLarge {
        /// Where.
        at: Position,
    },
    /// A cell that is not of its declared type.
    #[error("{at}, column {column:?}: {reason}")]
    #[zh("{at}，列 {column:?}：{reason}")]
    Cell {
        /// Where.
        at: Position,
        /// Column name.
        column: String,
        /// Why not; never what it holds.
        reason: Reason,
    },
    /// A null where none may be.
    #[error("{at}, column {column:?}: empty, but the column is declared not nullable")]
    #[zh("{at}，列 {column:?}：为空，但该列声明为不可为空")]
    Null {
        /// Where.
        at: Position,
        /// Column name.
        column: String,
    },
    /// A Parquet column of a type that the declared one does not take.
    #[error("column {column:?} is declared {declared}, but the file holds {found}")]
    #[zh("列 {column:?} 声明为 {declared}，而文件中是 {found}")]
    ColumnType {
        /// Column name.
        column: String,
        /// Declared type.
        declared: &'static str,
        /// Type in the file.
        found: String,
    },
    /// A Parquet file that contradicts itself.
    #[error("the Parquet file is damaged or lies about itself: {0}")]
    #[zh("Parquet 文件已损坏或自相矛盾：{0}")]
    Parquet(Sentence),
    /// A row without a unit where that is refused.
    #[error("{at}: the unit is missing, and the description says when_missing = \"refuse\"")]
    #[zh("{at}：缺少隐私单元，而描述规定 when_missing = \"refuse\"")]
    UnitMissing {
        /// Where.
        at: Position,
    },
    /// No row at all has a unit.
    #[error("no row names a unit: column {column:?} is empty in all {rows} rows")]
    #[zh("没有任何行给出隐私单元：列 {column:?} 在全部 {rows} 行中为空")]
    NoUnit {
        /// The unit column.
        column: String,
        /// Rows of the file.
        rows: u64,
    },
    /// A unit id that is too long.
    #[error("{at}: the unit's id is longer than 256 bytes")]
    #[zh("{at}：隐私单元标识超过 256 字节")]
    UnitTooLong {
        /// Where.
        at: Position,
    },
    /// A reference row without a key.
    #[error("{at}: the key is empty")]
    #[zh("{at}：键为空")]
    KeyMissing {
        /// Where.
        at: Position,
    },
    /// A key that two rows have.
    #[error("{at}: the key repeats that of an earlier row; keys of a reference table are unique")]
    #[zh("{at}：键与前面某行重复；参照表的键必须唯一")]
    KeyRepeated {
        /// Where.
        at: Position,
    },
    /// More of something than the description's bounds allow.
    #[error(
        "there are more than {most} {what}, the public bound of this dataset: declare more under [bounds] {key} in its description, if that may be said of it"
    )]
    #[zh("超过 {most} {what}，即本数据集的公开上限：如果可以公开说明，请在描述的 [bounds] {key} 中写更大的数")]
    OverBound {
        /// What there is too much of.
        what: Text,
        /// Its key under `[bounds]`.
        key: &'static str,
        /// The bound.
        most: u64,
    },
    /// A row with more text than the description's bounds allow.
    #[error(
        "{at}: the row has more than {most} bytes of text, the public bound of this dataset: declare more under [bounds] text in its description, if that may be said of it"
    )]
    #[zh(
        "{at}：该行文字超过 {most} 字节，即本数据集的公开上限：如果可以公开说明，请在描述的 [bounds] text 中写更大的数"
    )]
    OverText {
        /// Where.
        at: Position,
        /// The bound.
        most: u64,
    },
    /// A reference table that does not fit in memory.
    #[error("a reference table has at most 5,000,000 rows and 512 MiB; this one is larger")]
    #[zh("参照表至多 5,000,000 行、512 MiB；此表超出")]
    ReferenceTooLarge,
    /// A key could not be made or used.
    #[error(transparent)]
    Key(#[from] KeyError),
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
    if !(1..=MAX_BUCKETS).contains(&options.buckets) {
        return Err(ImportError::Buckets(options.buckets));
    }
    if Description::parse(description_toml).as_ref() != Ok(description) {
        return Err(ImportError::Description);
    }
    let opened = open_source(source)?;
    let workshop = Workshop::open(destination)?;
    let mut job = Job { description, description_toml, options, workshop: &workshop, progress };
    let imported = match description.kind {
        Kind::Private => job.private(opened, lab)?,
        Kind::Reference => job.reference(opened)?,
    };
    workshop.publish(destination)?;
    Ok(imported)
}

/// Takes rows from a source. The cells stand in the order of the description.
pub(crate) trait RowSink {
    /// `bytes` of the source are read so far.
    fn row(&mut self, cells: &[Cell], at: Position, bytes: u64) -> Result<(), ImportError>;
}

/// Empties a vector of cells for cells of another lifetime, keeping its memory.
pub(crate) fn recycle<'a>(mut cells: Vec<Cell<'_>>) -> Vec<Cell<'a>> {
    cells.clear();
    cells.into_iter().map(|_| Cell::Null).collect()
}

/// The place of each declared column among the file's, and the names not declared.
pub(crate) fn match_columns(
    declared: &[&str],
    found: &[String],
    description: &Description,
) -> Result<(Vec<usize>, Vec<String>), ImportError> {
    if !found.iter().any(|name| declared.contains(&name.as_str())) {
        return Err(ImportError::NoHeader(found.len()));
    }
    let place = |name: &&str| {
        found.iter().position(|found| found == name).ok_or_else(|| ImportError::MissingColumn {
            role: if description.unit.as_ref().is_some_and(|unit| unit.column == *name) {
                text!("the unit column", "隐私单元列")
            } else {
                text!("column", "列")
            },
            missing: (*name).to_owned(),
            found: found.iter().take(40).cloned().collect::<Vec<_>>().join(", "),
        })
    };
    let unit_first = declared.iter().find(|name| description.unit.as_ref().is_some_and(|unit| unit.column == **name));
    unit_first.map(place).transpose()?;
    let places = declared.iter().map(place).collect::<Result<_, _>>()?;
    let ignored = found.iter().filter(|name| !declared.contains(&name.as_str())).cloned().collect();
    Ok((places, ignored))
}

enum Opened {
    Csv(File, u64),
    Parquet(File, u64),
}

fn open_source(path: &Path) -> Result<Opened, ImportError> {
    let unopened = |source| ImportError::Open { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(unopened)?;
    let length = file.metadata().map_err(unopened)?.len();
    let mut magic = Vec::new();
    (&mut file).take(4).read_to_end(&mut magic).map_err(ImportError::Read)?;
    io::Seek::rewind(&mut file).map_err(ImportError::Read)?;
    match magic.as_slice() {
        [] => Err(ImportError::Empty),
        b"PAR1" => Ok(Opened::Parquet(file, length)),
        b"PARE" => Err(ImportError::Parquet(text!("it is encrypted", "文件已加密").into())),
        [0x1f, 0x8b, ..] => Err(ImportError::NotCsv(text!("gzip: decompress it first", "gzip：请先解压"))),
        [0x28, 0xb5, 0x2f, 0xfd] => Err(ImportError::NotCsv(text!("zstd: decompress it first", "zstd：请先解压"))),
        b"PK\x03\x04" => Err(ImportError::NotCsv(text!(
            "a ZIP archive or an Excel workbook: save it as CSV first",
            "ZIP 压缩包或 Excel 工作簿：请先另存为 CSV"
        ))),
        _ => Ok(Opened::Csv(file, length)),
    }
}

impl Opened {
    fn length(&self) -> u64 {
        match self {
            Self::Csv(_, length) | Self::Parquet(_, length) => *length,
        }
    }

    fn read(self, description: &Description, sink: &mut dyn RowSink) -> Result<Vec<String>, ImportError> {
        match self {
            Self::Csv(file, _) => csv_source::read(file, description, sink),
            Self::Parquet(file, _) => parquet_source::read(file, description, sink),
        }
    }
}

/// The temporary folder. One import at a time holds the lock beside it, so that whatever bears such
/// a name when the lock is taken was left by a crash.
struct Workshop {
    dir: PathBuf,
    parent: PathBuf,
    _lock: File,
}

const LEFTOVER: &str = ".importing-";

impl Workshop {
    fn open(destination: &Path) -> Result<Self, ImportError> {
        let parent = match destination.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        fs::create_dir_all(&parent).map_err(ImportError::Write)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(parent.join(".import.lock"))
            .map_err(ImportError::Write)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(ImportError::Busy(parent)),
            Err(fs::TryLockError::Error(fault)) => return Err(ImportError::Write(fault)),
        }
        for entry in fs::read_dir(&parent).map_err(ImportError::Write)? {
            let entry = entry.map_err(ImportError::Write)?;
            if entry.file_name().to_string_lossy().starts_with(LEFTOVER) {
                fs::remove_dir_all(entry.path()).map_err(ImportError::Write)?;
            }
        }
        if destination.symlink_metadata().is_ok() {
            return Err(ImportError::Exists(destination.to_owned()));
        }
        let dir = parent.join(format!("{LEFTOVER}{}", hex::encode(&random::<8>()?)));
        private_dir(&dir).map_err(ImportError::Write)?;
        Ok(Self { dir, parent, _lock: lock })
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), ImportError> {
        files::write_durably(&self.dir.join(name), bytes).map_err(ImportError::Write)
    }

    /// Everything is durable: make it so under its name.
    fn publish(&self, destination: &Path) -> Result<(), ImportError> {
        files::sync_dir(&self.dir)
            .and_then(|()| fs::rename(&self.dir, destination))
            .and_then(|()| files::sync_dir(&self.parent))
            .map_err(ImportError::Write)
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        // After `publish` there is nothing under this name; before it, nothing worth keeping.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn private_dir(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).create(dir)
}

struct Job<'a> {
    description: &'a Description,
    description_toml: &'a str,
    options: &'a ImportOptions,
    workshop: &'a Workshop,
    progress: &'a mut dyn FnMut(Progress),
}

/// Rows between two progress reports.
const REPORT_EVERY: u64 = 1 << 16;

impl Job<'_> {
    fn private(&mut self, source: Opened, lab: &LabDataKey) -> Result<Imported, ImportError> {
        let unit = self.description.unit.as_ref().ok_or(ImportError::Description)?;
        let unit_at = self
            .description
            .columns
            .iter()
            .position(|column| column.name == unit.column)
            .ok_or(ImportError::Description)?;
        let of_bytes = source.length();
        let mut intake = Intake {
            description: self.description,
            unit,
            unit_at,
            buckets: self.options.buckets,
            sorter: Sorter::new(&self.workshop.dir, self.options.sort_memory).map_err(ImportError::Write)?,
            survey: Survey::new(self.description),
            rows: 0,
            set_aside: 0,
            of_bytes,
            progress: self.progress,
        };
        let ignored_columns = source.read(self.description, &mut intake)?;
        let Intake { sorter, survey, rows, set_aside, .. } = intake;
        if rows == 0 {
            return Err(ImportError::NoRows);
        }
        if rows == set_aside {
            return Err(ImportError::NoUnit { column: unit.column.clone(), rows });
        }

        let key = DataKey::generate()?;
        let mut manifest = self.manifest()?;
        manifest.set_aside = set_aside;
        let met = self.write_buckets(sorter, &key, &mut manifest, rows - set_aside, unit_at)?;
        let units = UnitSurvey { units: manifest.units(), largest: met.largest, alike: alike(met.folded) };
        let quality = survey.report(self.description, set_aside, units, self.options.now);
        let context = quality_context(&manifest.dataset, &manifest.salt);
        self.workshop.write(snapshot::SEALED_QUALITY, &key.seal(&context, &json(&quality)?)?)?;
        self.workshop.write(snapshot::WRAPPED_KEY, &lab.wrap(&key, &manifest.dataset, &manifest.salt_bytes())?)?;
        self.finish(manifest, quality, ignored_columns)
    }

    fn reference(&mut self, source: Opened) -> Result<Imported, ImportError> {
        let key_at = self
            .description
            .columns
            .iter()
            .position(|column| Some(&column.name) == self.description.key.as_ref())
            .ok_or(ImportError::Description)?;
        let mut manifest = self.manifest()?;
        let schema = Arc::new(arrow_schema(&manifest.columns, None, false));
        let path = self.workshop.dir.join(snapshot::TABLE);
        let mut intake = ReferenceIntake {
            description: self.description,
            key_at,
            keys: std::collections::HashSet::new(),
            file: BucketFile::create(&path, schema, None)?,
            survey: Survey::new(self.description),
            bytes: 0,
        };
        let ignored_columns = source.read(self.description, &mut intake)?;
        let ReferenceIntake { file, survey, .. } = intake;
        let (rows, bytes, digest) = file.finish()?;
        if rows == 0 {
            return Err(ImportError::NoRows);
        }
        manifest.files.push(ManifestFile {
            file: snapshot::TABLE.into(),
            rows,
            units: 0,
            bytes,
            sha256: hex::encode(&digest),
        });
        let quality = survey.report(self.description, 0, UnitSurvey::default(), self.options.now);
        self.workshop.write(snapshot::PLAIN_QUALITY, &json(&quality)?)?;
        self.finish(manifest, quality, ignored_columns)
    }

    fn manifest(&self) -> Result<Manifest, ImportError> {
        let column = |column: &ColumnSpec| ManifestColumn {
            name: column.name.clone(),
            kind: column.kind.clone(),
            nullable: column.nullable,
        };
        let unit = self.description.unit.as_ref();
        Ok(Manifest {
            version: 1,
            dataset: self.description.name.clone(),
            kind: self.description.kind,
            unit_domain: unit.map(|unit| unit.domain.clone()),
            unit_column: unit.map(|unit| unit.column.clone()),
            key_column: self.description.key.clone(),
            description: hex::encode(&sha256(&[self.description_toml.as_bytes()])),
            salt: hex::encode(&random::<32>()?),
            set_aside: 0,
            bounds: self.description.bounds,
            columns: self.description.columns.iter().map(column).collect(),
            files: Vec::new(),
        })
    }

    fn finish(
        &self,
        manifest: Manifest,
        quality: QualityReport,
        ignored_columns: Vec<String>,
    ) -> Result<Imported, ImportError> {
        let bytes =
            canonical::to_vec_as_declared(&manifest).map_err(|error| ImportError::Write(io::Error::other(error)))?;
        self.workshop.write(snapshot::DESCRIPTION, self.description_toml.as_bytes())?;
        self.workshop.write(snapshot::MANIFEST, &bytes)?;
        Ok(Imported { root: sha256(&[&bytes]), manifest, quality, ignored_columns })
    }

    /// Merges the sorted rows into one file per bucket; returns what was met of units.
    fn write_buckets(
        &mut self,
        sorter: Sorter,
        key: &DataKey,
        manifest: &mut Manifest,
        of_rows: u64,
        unit_at: usize,
    ) -> Result<UnitsMet, ImportError> {
        let schema = Arc::new(arrow_schema(&manifest.columns, manifest.unit_column.as_deref(), false));
        let mut merge = sorter.finish().map_err(ImportError::Write)?;
        let (mut written, mut met) = (0, UnitsMet::default());
        for bucket in 0..self.options.buckets {
            let name = bucket_file(bucket);
            let encryption = FileEncryptionProperties::builder(key.parquet_key()?)
                .with_aad_prefix(bucket_context(&manifest.dataset, &manifest.salt, bucket))
                .build()
                .map_err(unwritten)?;
            let mut file = BucketFile::create(&self.workshop.dir.join(&name), Arc::clone(&schema), Some(encryption))?;
            let mut units = UnitCounter::default();
            while let Some(record) = head_of(&merge, bucket) {
                if units.take(record.unit) && met.folded.len() < MOST_FOLDED {
                    met.folded.push(folded(record.unit));
                }
                file.push_record(record, unit_at)?;
                merge.pop().map_err(ImportError::Write)?;
                written += 1;
                if written % REPORT_EVERY == 0 {
                    (self.progress)(Progress::Writing { rows: written, of_rows });
                }
            }
            if manifest.units() + units.units > manifest.bounds.units {
                return Err(ImportError::OverBound {
                    what: text!("units", "个隐私单元"),
                    key: "units",
                    most: manifest.bounds.units,
                });
            }
            let (rows, bytes, digest) = file.finish()?;
            met.largest = met.largest.max(units.largest);
            manifest.files.push(ManifestFile {
                file: name,
                rows,
                units: units.units,
                bytes,
                sha256: hex::encode(&digest),
            });
        }
        (self.progress)(Progress::Writing { rows: written, of_rows });
        Ok(met)
    }
}

fn head_of(merge: &Merge, bucket: u32) -> Option<Record<'_>> {
    merge.head().filter(|record| record.bucket == bucket)
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, ImportError> {
    serde_json::to_vec_pretty(value).map_err(|fault| ImportError::Write(fault.into()))
}

fn unwritten(fault: parquet::errors::ParquetError) -> ImportError {
    ImportError::Write(match fault {
        parquet::errors::ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(fault) => *fault,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    })
}

#[derive(Default)]
struct UnitCounter {
    last: Vec<u8>,
    run: u64,
    units: u64,
    largest: u64,
}

/// What writing the buckets met of units.
#[derive(Default)]
struct UnitsMet {
    /// Rows of the largest one.
    largest: u64,
    /// A hash of each one's id, folded.
    folded: Vec<u64>,
}

/// As many ids are compared in other spellings, in 8 bytes each.
const MOST_FOLDED: usize = 1 << 26;

/// A hash of an id without what people vary by mistake: spaces round it, case, full width, and
/// characters that cannot be seen.
fn folded(unit: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(unit);
    let seen = text.chars().filter(|c| !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}'));
    let narrow = seen.map(|c| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        other => other,
    });
    let folded: String = narrow.flat_map(char::to_lowercase).collect();
    siphash24(&[0; 16], folded.trim().as_bytes())
}

/// How many ids another one is like.
fn alike(mut folded: Vec<u64>) -> u64 {
    folded.sort_unstable();
    folded.chunk_by(|a, b| a == b).map(|same| same.len() as u64).filter(|same| *same > 1).sum()
}

impl UnitCounter {
    /// Whether this is another unit than the last.
    fn take(&mut self, unit: &[u8]) -> bool {
        let new = self.units == 0 || self.last != unit;
        if new {
            self.last.clear();
            self.last.extend_from_slice(unit);
            self.units += 1;
            self.run = 0;
        }
        self.run += 1;
        self.largest = self.largest.max(self.run);
        new
    }
}

/// Takes rows of units into the sort.
struct Intake<'a> {
    description: &'a Description,
    unit: &'a Unit,
    unit_at: usize,
    buckets: u32,
    sorter: Sorter,
    survey: Survey,
    rows: u64,
    set_aside: u64,
    of_bytes: u64,
    progress: &'a mut dyn FnMut(Progress),
}

impl RowSink for Intake<'_> {
    fn row(&mut self, cells: &[Cell], at: Position, bytes: u64) -> Result<(), ImportError> {
        self.rows += 1;
        if self.rows.is_multiple_of(REPORT_EVERY) {
            (self.progress)(Progress::Reading { rows: self.rows, bytes, of_bytes: self.of_bytes });
        }
        let digits;
        let bounds = &self.description.bounds;
        if self.rows > bounds.rows {
            return Err(ImportError::OverBound { what: text!("rows", "行"), key: "rows", most: bounds.rows });
        }
        let text = cells.iter().map(|cell| if let Cell::Text(text) = cell { text.len() as u64 } else { 0 });
        if text.sum::<u64>() > bounds.text {
            return Err(ImportError::OverText { at, most: bounds.text });
        }
        // Compared as it was read: a source may write a number in many ways, and pad a text.
        let missing = match cells[self.unit_at] {
            Cell::Text(text) => self.unit.is_missing(text),
            Cell::Int(number) => self.unit.is_missing_number(number),
            _ => true,
        };
        let unit = match cells[self.unit_at] {
            Cell::Text(text) if !missing => text,
            Cell::Int(number) if !missing => {
                digits = number.to_string();
                &digits
            }
            _ if self.unit.when_missing == WhenMissing::Refuse => {
                return Err(ImportError::UnitMissing { at });
            }
            _ => {
                self.set_aside += 1;
                return Ok(());
            }
        };
        if unit.len() > MAX_UNIT {
            return Err(ImportError::UnitTooLong { at });
        }
        self.survey.row(&self.description.columns, cells);
        let bucket = bucket_of(unit.as_bytes(), self.buckets);
        self.sorter.push(bucket, unit.as_bytes(), cells).map_err(|fault| match fault.kind() {
            io::ErrorKind::InvalidInput => ImportError::RowTooLarge { at },
            _ => ImportError::Write(fault),
        })
    }
}

/// Takes rows of a reference table straight into its file.
struct ReferenceIntake<'a> {
    description: &'a Description,
    key_at: usize,
    keys: std::collections::HashSet<Box<[u8]>>,
    file: BucketFile,
    survey: Survey,
    bytes: usize,
}

impl RowSink for ReferenceIntake<'_> {
    fn row(&mut self, cells: &[Cell], at: Position, _: u64) -> Result<(), ImportError> {
        let key: Box<[u8]> = match cells[self.key_at] {
            Cell::Text(text) => text.as_bytes().into(),
            Cell::Int(number) => number.to_le_bytes().into(),
            _ => return Err(ImportError::KeyMissing { at }),
        };
        if !self.keys.insert(key) {
            return Err(ImportError::KeyRepeated { at });
        }
        let texts = cells.iter().map(|cell| if let Cell::Text(text) = cell { text.len() } else { 0 });
        self.bytes += texts.sum::<usize>() + 9 * cells.len();
        if self.bytes > 512 << 20 || self.keys.len() > 5_000_000 {
            return Err(ImportError::ReferenceTooLarge);
        }
        self.survey.row(&self.description.columns, cells);
        self.file.push(None, cells.iter().copied())
    }
}

/// Rows of one row group: few enough that its dictionary of units stays small, and a multiple of
/// the scan's batch, so that no batch spans two dictionaries.
const ROW_GROUP: usize = 1 << 17;
/// Rows and bytes of text gathered before they are handed to the Parquet writer.
const BATCH: usize = 8192;
const BATCH_TEXT: usize = 32 << 20;

/// A Parquet file being written.
pub(crate) struct BucketFile {
    writer: ArrowWriter<DigestWriter>,
    schema: Arc<Schema>,
    unit: Option<StringBuilder>,
    columns: Vec<Builder>,
    waiting: usize,
    waiting_text: usize,
    rows: u64,
}

enum Builder {
    Ints(Int64Builder),
    Floats(Float64Builder),
    Bools(BooleanBuilder),
    Texts(StringBuilder),
}

impl BucketFile {
    pub(crate) fn create(
        path: &Path,
        schema: Arc<Schema>,
        encryption: Option<Arc<FileEncryptionProperties>>,
    ) -> Result<Self, ImportError> {
        let unit = schema.column_with_name(snapshot::UNIT).map(|_| StringBuilder::new());
        let stored = schema.fields().iter().skip(usize::from(unit.is_some()));
        let columns = stored.map(|field| Builder::new(field.data_type())).collect();
        let options = ArrowWriterOptions::new()
            .with_properties(writer_properties(&schema, encryption))
            .with_skip_arrow_metadata(true);
        let file = DigestWriter::create(path).map_err(ImportError::Write)?;
        let writer = ArrowWriter::try_new_with_options(file, Arc::clone(&schema), options).map_err(unwritten)?;
        Ok(Self { writer, schema, unit, columns, waiting: 0, waiting_text: 0, rows: 0 })
    }

    /// Takes a sorted record, whose cell at `unit_at` is the unit itself and stored once only.
    fn push_record(&mut self, record: Record<'_>, unit_at: usize) -> Result<(), ImportError> {
        let unit = std::str::from_utf8(record.unit).map_err(|fault| ImportError::Write(io::Error::other(fault)))?;
        let cells = record.cells().enumerate().filter(|(at, _)| *at != unit_at).map(|(_, cell)| cell);
        self.push(Some(unit), cells)
    }

    pub(crate) fn push<'a>(
        &mut self,
        unit: Option<&str>,
        cells: impl Iterator<Item = Cell<'a>>,
    ) -> Result<(), ImportError> {
        if let (Some(builder), Some(unit)) = (&mut self.unit, unit) {
            builder.append_value(unit);
        }
        let mut taken = 0;
        for (builder, cell) in self.columns.iter_mut().zip(cells) {
            self.waiting_text += builder.push(&cell);
            taken += 1;
        }
        if taken != self.columns.len() {
            return Err(ImportError::Write(io::Error::other(Sentence::from(text!(
                "a row was altered during the import",
                "导入期间有行被改动"
            )))));
        }
        self.waiting += 1;
        self.rows += 1;
        if self.waiting == BATCH || self.waiting_text >= BATCH_TEXT {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ImportError> {
        if self.waiting == 0 {
            return Ok(());
        }
        let unit = self.unit.as_mut().map(|unit| Arc::new(unit.finish()) as ArrayRef);
        let arrays = unit.into_iter().chain(self.columns.iter_mut().map(Builder::finish)).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays)
            .map_err(|fault| ImportError::Write(io::Error::other(fault)))?;
        (self.waiting, self.waiting_text) = (0, 0);
        self.writer.write(&batch).map_err(unwritten)
    }

    /// Rows, length and SHA-256 of the durable file.
    pub(crate) fn finish(mut self) -> Result<(u64, u64, [u8; 32]), ImportError> {
        self.flush()?;
        let file = self.writer.into_inner().map_err(unwritten)?;
        let (bytes, digest) = file.finish().map_err(ImportError::Write)?;
        Ok((self.rows, bytes, digest))
    }
}

/// Statistics are left out: they would repeat cells in page headers for nothing. Floats rarely
/// repeat, so they are stored plainly; everything else tries a dictionary first.
fn writer_properties(schema: &Schema, encryption: Option<Arc<FileEncryptionProperties>>) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_created_by("unseen".into())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .set_max_row_group_bytes(Some(256 << 20))
        .set_data_page_row_count_limit(2 * BATCH)
        .set_column_dictionary_page_size_limit(ColumnPath::from(vec![snapshot::UNIT.to_owned()]), 64 << 20);
    for field in schema.fields() {
        if field.data_type() == &arrow_schema::DataType::Float64 {
            properties = properties.set_column_dictionary_enabled(ColumnPath::from(vec![field.name().clone()]), false);
        }
    }
    match encryption {
        Some(encryption) => properties.with_file_encryption_properties(encryption).build(),
        None => properties.build(),
    }
}

impl Builder {
    fn new(kind: &arrow_schema::DataType) -> Self {
        match kind {
            arrow_schema::DataType::Int64 => Self::Ints(Int64Builder::new()),
            arrow_schema::DataType::Float64 => Self::Floats(Float64Builder::new()),
            arrow_schema::DataType::Boolean => Self::Bools(BooleanBuilder::new()),
            _ => Self::Texts(StringBuilder::new()),
        }
    }

    /// Appends a cell (one of another kind counts as null, which a column that is not nullable then
    /// refuses); returns its bytes of text.
    fn push(&mut self, cell: &Cell) -> usize {
        match (self, cell) {
            (Self::Ints(builder), Cell::Int(number)) => builder.append_value(*number),
            (Self::Floats(builder), Cell::Float(number)) => builder.append_value(*number),
            (Self::Bools(builder), Cell::Bool(value)) => builder.append_value(*value),
            (Self::Texts(builder), Cell::Text(text)) => {
                builder.append_value(text);
                return text.len();
            }
            (Self::Ints(builder), _) => builder.append_null(),
            (Self::Floats(builder), _) => builder.append_null(),
            (Self::Bools(builder), _) => builder.append_null(),
            (Self::Texts(builder), _) => builder.append_null(),
        }
        0
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Ints(builder) => Arc::new(builder.finish()),
            Self::Floats(builder) => Arc::new(builder.finish()),
            Self::Bools(builder) => Arc::new(builder.finish()),
            Self::Texts(builder) => Arc::new(builder.finish()),
        }
    }
}

/// Rows looked at when a description is drafted.
const SAMPLE: usize = 10_000;

/// Drafts a description from the first 10,000 rows of a CSV or Parquet file. The steward must
/// confirm it: above all the unit, the classification and the sharing kind, which no file tells.
pub fn infer(source: &Path, name: &str) -> Result<Description, ImportError> {
    let mut csv = CsvOptions::default();
    let bounds;
    let columns = match open_source(source)? {
        Opened::Parquet(file, length) => {
            let parquet_source::Sample { columns, rows, whole } = parquet_source::sample(file, SAMPLE)?;
            let text = |row: &Vec<Option<String>>| row.iter().flatten().map(String::len).sum();
            bounds = draft_bounds(length, rows.iter().map(text), whole);
            let column = |(at, (name, kind)): (usize, (String, ColumnType))| {
                let cells: Vec<&str> = rows.iter().filter_map(|row| row[at].as_deref()).collect();
                let check = (kind == ColumnType::Text && all_uscc(&cells)).then_some(Check::Uscc);
                draft_column(name, kind, !whole || cells.len() < rows.len(), check)
            };
            columns.into_iter().enumerate().map(column).collect()
        }
        Opened::Csv(file, length) => {
            (csv.encoding, csv.delimiter) = sniff(&file)?;
            let sample = csv_source::sample(file, &csv, SAMPLE)?;
            bounds =
                draft_bounds(length, sample.rows.iter().map(|row| row.iter().map(String::len).sum()), sample.whole);
            const NULLS: [&str; 8] = ["", "NA", "N/A", "null", "NULL", "None", "nan", "NaN"];
            let seen = |null: &&str| sample.rows.iter().flatten().any(|cell| cell == null);
            csv.null = NULLS.into_iter().filter(|null| null.is_empty() || seen(null)).map(str::to_owned).collect();
            let column = |(at, name): (usize, &String)| {
                let cells: Vec<&str> = sample
                    .rows
                    .iter()
                    .map(|row| row[at].as_str())
                    .filter(|cell| !csv.null.iter().any(|null| null == cell))
                    .collect();
                let kind = draft_type(&cells);
                let check = (kind == ColumnType::Text && all_uscc(&cells)).then_some(Check::Uscc);
                draft_column(name.clone(), kind, !sample.whole || cells.len() < sample.rows.len(), check)
            };
            sample.names.iter().enumerate().map(column).collect()
        }
    };
    Ok(Description { bounds, ..draft(name, csv, columns) })
}

/// Bounds with room to spare: round numbers at least twice what a sample of rows, each of so many
/// characters, makes one expect of a file of this length.
fn draft_bounds(length: u64, rows: impl Iterator<Item = usize> + Clone, whole: bool) -> Bounds {
    let (count, characters) = rows.clone().fold((0_u64, 0_u64), |(count, all), row| (count + 1, all + row as u64 + 1));
    let rows_expected = if whole { count } else { length / (characters / count.max(1)).max(1) };
    let round = |expected: u64| {
        let powers = (0..13).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_u64.pow(power)));
        powers.into_iter().find(|round| *round >= 2 * expected).unwrap_or(Bounds::MOST.units)
    };
    let widest = rows.max().unwrap_or(0) as u64;
    Bounds {
        units: round(rows_expected).max(Bounds::DEFAULT.units),
        rows: round(rows_expected).max(Bounds::DEFAULT.rows),
        text: (4 * widest).next_power_of_two().clamp(Bounds::DEFAULT.text, Bounds::MOST.text),
    }
}

fn draft(name: &str, csv: CsvOptions, columns: Vec<ColumnSpec>) -> Description {
    let able = |column: &&ColumnSpec| matches!(column.kind, ColumnType::Int | ColumnType::Text);
    let telling = |column: &&ColumnSpec| {
        let name = column.name.to_lowercase();
        ["id", "code", "unit", "tailnum", "plate", "统一社会信用代码", "编号", "证号", "车牌"]
            .iter()
            .any(|part| name.contains(part))
    };
    let uscc = columns.iter().find(|column| column.check == Some(Check::Uscc));
    let unit = uscc
        .or_else(|| columns.iter().filter(able).find(telling))
        .or_else(|| columns.iter().find(able))
        .or(columns.first());
    let domain = if uscc.is_some() { "enterprise" } else { "person" };
    Description {
        name: name.to_owned(),
        kind: Kind::Private,
        title: Bilingual::default(),
        description: Bilingual::default(),
        provider: String::new(),
        classification: Classification::Sensitive,
        update_cycle: UpdateCycle::Irregular,
        sharing: Sharing::Conditional,
        unit: unit.map(|column| Unit {
            column: column.name.clone(),
            domain: domain.to_owned(),
            missing: csv.null.clone(),
            when_missing: WhenMissing::SetAside,
        }),
        key: None,
        bounds: Bounds::DEFAULT,
        csv,
        columns,
    }
}

fn draft_column(name: String, kind: ColumnType, nullable: bool, check: Option<Check>) -> ColumnSpec {
    ColumnSpec {
        name,
        kind,
        nullable,
        description: Bilingual::default(),
        min: None,
        max: None,
        domain: Vec::new(),
        check,
    }
}

/// The narrowest type that takes every cell. Numbers with a leading zero are codes, so texts.
fn draft_type(cells: &[&str]) -> ColumnType {
    let date = |format: &str| ColumnType::Date { format: format.to_owned() };
    let padded =
        cells.iter().any(|cell| cell.len() > 1 && cell.starts_with('0') && cell.bytes().all(|b| b.is_ascii_digit()));
    let bools = cells.iter().all(|cell| !cell.bytes().all(|b| b.is_ascii_digit()));
    let candidates = [
        (bools, ColumnType::Bool),
        (!padded, ColumnType::Int),
        (!padded, ColumnType::Float),
        (true, date(DEFAULT_DATE_FORMAT)),
        (true, date("%Y/%m/%d")),
        (true, date("%Y-%m")),
        (true, ColumnType::Timestamp { format: None }),
    ];
    let fits = |kind: &ColumnType| cells.iter().all(|cell| cell::parse(cell, kind).is_ok());
    candidates
        .into_iter()
        .find(|(allowed, kind)| *allowed && !cells.is_empty() && fits(kind))
        .map_or(ColumnType::Text, |(_, kind)| kind)
}

fn all_uscc(cells: &[&str]) -> bool {
    !cells.is_empty() && cells.iter().all(|cell| cell::passes(cell, &Check::Uscc))
}

/// Encoding and delimiter, guessed from the first 64 KiB.
fn sniff(file: &File) -> Result<(Encoding, u8), ImportError> {
    use std::os::unix::fs::FileExt;
    let mut start = vec![0; 64 << 10];
    let read = file.read_at(&mut start, 0).map_err(ImportError::Read)?;
    start.truncate(read);
    let encoding = match std::str::from_utf8(&start) {
        Err(fault) if fault.error_len().is_some() => Encoding::Gb18030,
        _ => Encoding::Utf8,
    };
    let header = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let count = |delimiter: u8| header.iter().filter(|&&byte| byte == delimiter).count();
    let delimiter =
        [b',', b'\t', b';', b'|'].into_iter().rev().max_by_key(|&delimiter| count(delimiter)).unwrap_or(b',');
    Ok((encoding, delimiter))
}
