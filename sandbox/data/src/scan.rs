//! The streaming co-group: one grain per privacy unit, from every input, in one pass over one
//! bucket, in memory that depends on the largest unit and not on the data.
//!
//! A grain is all rows of one unit, up to the job's limits: one table per input, units in ascending order
//! of their bytes, rows in import order. A unit that any input has is a grain; where an input lacks it, its table
//! has no rows. Cells are slices straight into the decoded batch; only a unit that crosses the end
//! of a batch is copied.
//!
//! What the files say is checked while it is read, because a unit out of its place would make two
//! grains of one unit, and so break the privacy guarantee: units ascend strictly, each hashes to
//! its bucket, and rows and units come to what the manifest counts.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, RecordBatch, StringArray};
use arrow_buffer::{Buffer, NullBuffer, ScalarBuffer};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use thiserror::Error;
use unseen_ids::bucket_of;
use unseen_policies::need::{BATCH_BYTES, BATCH_ROWS};
use unseen_texts::{Say, Sentence, text};

use crate::description::{CellKind, ColumnType, nearest};
use crate::reference::{Index, Lookup};
use crate::snapshot::{Snapshot, SnapshotError, UNIT};

/// Cells of one column of one grain, one per row. A null cell holds 0, 0.0 or the empty text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cells<'a> {
    /// Ints, dates (days), timestamps (microseconds), decimals (steps).
    Ints(&'a [i64]),
    /// Floats.
    Floats(&'a [f64]),
    /// Bools: 0 or 1.
    Bools(&'a [u8]),
    /// Texts: cell `i` is `bytes[offsets[i]..offsets[i + 1]]`; `offsets` has one more item than
    /// there are rows and starts at 0.
    Texts {
        /// Where cells start and end.
        offsets: &'a [u32],
        /// UTF-8.
        bytes: &'a [u8],
    },
}

/// One column of one grain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Column<'a> {
    /// The cells.
    pub cells: Cells<'a>,
    /// One byte a row, 0 for a null. Empty when no cell of this grain is null.
    pub validity: &'a [u8],
}

impl<'a> Column<'a> {
    /// Whether the cell of this row is null.
    pub fn is_null(&self, row: usize) -> bool {
        self.validity.get(row) == Some(&0)
    }

    /// The bytes of a text cell; `None` when the column holds no texts or has no such row.
    pub fn text(&self, row: usize) -> Option<&'a [u8]> {
        let Cells::Texts { offsets, bytes } = self.cells else {
            return None;
        };
        bytes.get(*offsets.get(row)? as usize..*offsets.get(row + 1)? as usize)
    }
}

/// How much of a unit a grain shows. Both are public numbers, and each grain's fate is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrainLimits {
    /// Rows of one unit, in each input: the first ones in import order are shown.
    pub rows: u32,
    /// Bytes of the cells of all inputs together. A grain with more is [`Grain::overlarge`], and is never
    /// held whole.
    pub bytes: u64,
}

impl GrainLimits {
    /// No limits.
    pub const NONE: GrainLimits = GrainLimits { rows: u32::MAX, bytes: u64::MAX };
}

/// All rows of one privacy unit, or of one block of units: one table per input.
#[derive(Clone, Copy)]
pub struct Grain<'a>(GrainOf<'a>);

#[derive(Clone, Copy)]
enum GrainOf<'a> {
    Stream(&'a CoGroup),
    Owned(&'a OwnedGrain),
}

impl<'a> Grain<'a> {
    /// The unit's id; empty for a block.
    pub fn unit(&self) -> &'a str {
        match self.0 {
            GrainOf::Stream(stream) => &stream.unit,
            GrainOf::Owned(_) => "",
        }
    }

    /// Whether the grain is larger than its limit in bytes: what it shows is then not all of it, and it
    /// contributes nothing.
    pub fn overlarge(&self) -> bool {
        match self.0 {
            GrainOf::Stream(stream) => stream.overlarge,
            GrainOf::Owned(grain) => grain.overlarge,
        }
    }

    /// Number of inputs.
    pub fn tables(&self) -> usize {
        match self.0 {
            GrainOf::Stream(stream) => stream.cursors.len(),
            GrainOf::Owned(grain) => grain.tables.len(),
        }
    }

    /// The table of input `index` (must be less than [`Grain::tables`]).
    pub fn table(&self, index: usize) -> Table<'a> {
        Table(match self.0 {
            GrainOf::Stream(stream) => {
                let cursor = &stream.cursors[index];
                match &cursor.place {
                    Place::Absent => TableOf::Owned(&cursor.empty),
                    Place::Carried => TableOf::Owned(&cursor.carried),
                    Place::Chunk(rows) => TableOf::Chunk(cursor, rows.start, rows.end),
                }
            }
            GrainOf::Owned(grain) => TableOf::Owned(&grain.tables[index]),
        })
    }
}

/// The rows one grain has in one input.
#[derive(Clone, Copy)]
pub struct Table<'a>(TableOf<'a>);

#[derive(Clone, Copy)]
enum TableOf<'a> {
    Owned(&'a OwnedTable),
    Chunk(&'a Cursor, usize, usize),
}

impl Column<'_> {
    /// Bytes that the cells take.
    fn bytes(&self) -> u64 {
        let cells = match self.cells {
            Cells::Ints(cells) => size_of_val(cells),
            Cells::Floats(cells) => size_of_val(cells),
            Cells::Bools(cells) => cells.len(),
            Cells::Texts { offsets, bytes } => size_of_val(offsets) + bytes.len(),
        };
        (cells + self.validity.len()) as u64
    }
}

impl<'a> Table<'a> {
    /// Bytes that the cells take.
    pub(crate) fn bytes(&self) -> u64 {
        (0..self.columns()).map(|index| self.column(index).bytes()).sum()
    }

    /// Number of rows.
    pub fn rows(&self) -> u32 {
        match self.0 {
            TableOf::Owned(table) => table.rows,
            TableOf::Chunk(_, start, end) => (end - start) as u32,
        }
    }

    /// Number of columns: the projected ones, then the looked-up ones.
    pub fn columns(&self) -> usize {
        match self.0 {
            TableOf::Owned(table) => table.columns.len(),
            TableOf::Chunk(cursor, ..) => cursor.plan.shown.len(),
        }
    }

    /// Column `index` (must be less than [`Table::columns`]).
    pub fn column(&self, index: usize) -> Column<'a> {
        match self.0 {
            TableOf::Owned(table) => table.column(index),
            TableOf::Chunk(cursor, start, end) => cursor.column(index, start..end),
        }
    }
}

/// A table that owns its cells.
#[derive(Clone, Debug)]
pub struct OwnedTable {
    rows: u32,
    columns: Vec<OwnedColumn>,
}

#[derive(Clone, Debug)]
struct OwnedColumn {
    cells: OwnedCells,
    /// Empty until the first null comes.
    validity: Vec<u8>,
}

#[derive(Clone, Debug)]
enum OwnedCells {
    Ints(Vec<i64>),
    Floats(Vec<f64>),
    Bools(Vec<u8>),
    Texts { offsets: Vec<u32>, bytes: Vec<u8> },
}

impl OwnedTable {
    pub(crate) fn new(kinds: impl IntoIterator<Item = CellKind>) -> Self {
        let column = |kind| OwnedColumn { cells: OwnedCells::new(kind), validity: Vec::new() };
        Self { rows: 0, columns: kinds.into_iter().map(column).collect() }
    }

    /// Number of rows.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// Column `index` (must be one of the table's).
    pub fn column(&self, index: usize) -> Column<'_> {
        let column = &self.columns[index];
        let cells = match &column.cells {
            OwnedCells::Ints(cells) => Cells::Ints(cells),
            OwnedCells::Floats(cells) => Cells::Floats(cells),
            OwnedCells::Bools(cells) => Cells::Bools(cells),
            OwnedCells::Texts { offsets, bytes } => Cells::Texts { offsets, bytes },
        };
        Column { cells, validity: &column.validity }
    }

    /// Gives all memory back.
    fn let_go(&mut self) {
        let kinds: Vec<CellKind> = self.columns.iter().map(|column| column.cells.kind()).collect();
        *self = Self::new(kinds);
    }

    fn clear(&mut self) {
        self.rows = 0;
        for column in &mut self.columns {
            column.validity.clear();
            match &mut column.cells {
                OwnedCells::Ints(cells) => cells.clear(),
                OwnedCells::Floats(cells) => cells.clear(),
                OwnedCells::Bools(cells) => cells.clear(),
                OwnedCells::Texts { offsets, bytes } => {
                    offsets.truncate(1);
                    bytes.clear();
                }
            }
        }
    }

    /// Appends rows whose columns have the kinds of this table's.
    pub(crate) fn append<'a>(
        &mut self,
        rows: usize,
        columns: impl IntoIterator<Item = Column<'a>>,
    ) -> Result<(), ScanError> {
        let before = self.rows as usize;
        self.rows = u32::try_from(before + rows).map_err(|_| ScanError::TooLarge)?;
        for (column, from) in self.columns.iter_mut().zip(columns) {
            if !from.validity.is_empty() {
                column.validity.resize(before, 1);
                column.validity.extend_from_slice(from.validity);
            } else if !column.validity.is_empty() {
                column.validity.resize(before + rows, 1);
            }
            match (&mut column.cells, from.cells) {
                (OwnedCells::Ints(cells), Cells::Ints(more)) => cells.extend_from_slice(more),
                (OwnedCells::Floats(cells), Cells::Floats(more)) => cells.extend_from_slice(more),
                (OwnedCells::Bools(cells), Cells::Bools(more)) => cells.extend_from_slice(more),
                (OwnedCells::Texts { offsets, bytes }, Cells::Texts { offsets: more, bytes: text }) => {
                    let base = bytes.len() as u32;
                    u32::try_from(bytes.len() + text.len()).map_err(|_| ScanError::TooLarge)?;
                    bytes.extend_from_slice(text);
                    offsets.extend(more.iter().skip(1).map(|offset| base + offset));
                }
                _ => return Err(ScanError::Shape),
            }
        }
        Ok(())
    }
}

impl OwnedTable {
    /// Appends a batch whose columns have the kinds of this table's, in order.
    pub(crate) fn append_batch(&mut self, batch: &RecordBatch) -> Result<(), ScanError> {
        let rows = batch.num_rows();
        let decode = |(array, column): (&arrow_array::ArrayRef, &OwnedColumn)| {
            ChunkColumn::decode(array, column.cells.kind()).ok_or(ScanError::Shape)
        };
        let decoded = batch.columns().iter().zip(&self.columns).map(decode).collect::<Result<Vec<_>, _>>()?;
        let mut offsets = vec![Vec::new(); decoded.len()];
        for (column, offsets) in decoded.iter().zip(&mut offsets) {
            column.rebase(0..rows, offsets);
        }
        self.append(rows, decoded.iter().zip(&offsets).map(|(column, offsets)| column.view(0..rows, offsets)))
    }
}

impl OwnedCells {
    fn kind(&self) -> CellKind {
        match self {
            Self::Ints(_) => CellKind::Int,
            Self::Floats(_) => CellKind::Float,
            Self::Bools(_) => CellKind::Bool,
            Self::Texts { .. } => CellKind::Text,
        }
    }

    fn new(kind: CellKind) -> Self {
        match kind {
            CellKind::Int => Self::Ints(Vec::new()),
            CellKind::Float => Self::Floats(Vec::new()),
            CellKind::Bool => Self::Bools(Vec::new()),
            CellKind::Text => Self::Texts { offsets: vec![0], bytes: Vec::new() },
        }
    }
}

/// A grain that owns its cells: a block.
#[derive(Clone, Debug)]
pub struct OwnedGrain {
    tables: Vec<OwnedTable>,
    bytes: u64,
    overlarge: bool,
}

impl OwnedGrain {
    pub(crate) fn new(tables: Vec<OwnedTable>) -> Self {
        Self { tables, bytes: 0, overlarge: false }
    }

    /// The grain's view.
    pub fn grain(&self) -> Grain<'_> {
        Grain(GrainOf::Owned(self))
    }

    /// Appends a copy of the rows of a grain of the same shape, unless that makes it larger than `most`
    /// bytes: then it lets go of all it has.
    pub(crate) fn append(&mut self, grain: Grain<'_>, most: u64) -> Result<(), ScanError> {
        if self.overlarge {
            return Ok(());
        }
        self.bytes = self.bytes.saturating_add((0..grain.tables()).map(|index| grain.table(index).bytes()).sum());
        if grain.overlarge() || self.bytes > most {
            self.overlarge = true;
            self.tables.iter_mut().for_each(OwnedTable::let_go);
            return Ok(());
        }
        for (index, table) in self.tables.iter_mut().enumerate() {
            let from = grain.table(index);
            table.append(from.rows() as usize, (0..from.columns()).map(|column| from.column(column)))?;
        }
        Ok(())
    }
}

/// One input of a co-group.
pub struct ScanInput<'a> {
    /// The snapshot.
    pub snapshot: &'a Snapshot,
    /// The columns to show, in this order. The unit column may be among them.
    pub columns: &'a [String],
    /// Lookups whose columns are appended, in this order. `on` need not be among `columns`.
    pub lookups: &'a [Lookup],
}

impl ScanInput<'_> {
    /// Names and types of the columns a grain's table will have.
    pub fn shape(&self) -> Result<Vec<(String, ColumnType)>, ScanError> {
        let own = self.columns.iter().map(|name| Ok((name.clone(), self.kind(name)?.clone())));
        let brought = self.lookups.iter().flat_map(|lookup| lookup.brings().cloned().map(Ok));
        own.chain(brought).collect()
    }

    pub(crate) fn kinds(&self) -> Result<Vec<CellKind>, ScanError> {
        Ok(self.shape()?.iter().map(|(_, kind)| kind.cell_kind()).collect())
    }

    fn kind(&self, name: &str) -> Result<&ColumnType, ScanError> {
        let columns = &self.snapshot.manifest().columns;
        match columns.iter().find(|column| column.name == name) {
            Some(column) => Ok(&column.kind),
            None => Err(ScanError::NoColumn {
                dataset: self.snapshot.manifest().dataset.clone(),
                column: name.to_owned(),
                hint: nearest(name, columns.iter().map(|column| column.name.as_str())),
            }),
        }
    }
}

/// Why a scan cannot start or go on.
#[derive(Debug, Error, Say)]
#[code("scan")]
pub enum ScanError {
    /// A co-group needs an input.
    #[error("a scan needs at least one input")]
    #[zh("扫描至少需要一个输入")]
    NoInput,
    /// A column the dataset does not have.
    #[error("dataset {dataset:?} has no column {column:?}{hint}")]
    #[zh("数据集 {dataset:?} 没有列 {column:?}{hint}")]
    NoColumn {
        /// Dataset name.
        dataset: String,
        /// Column name.
        column: String,
        /// The nearest name, if any is near.
        hint: Sentence,
    },
    /// Ints are looked up among ints, texts among texts.
    #[error("column {column:?} of dataset {dataset:?} cannot be looked up in {reference:?}: its type is not the key's")]
    #[zh("列 {column:?}（数据集 {dataset:?}）无法在 {reference:?} 中查找：类型与键不同")]
    LookupType {
        /// Dataset name.
        dataset: String,
        /// Column name.
        column: String,
        /// Reference table.
        reference: String,
    },
    /// Units of different domains, or of different bucketing, do not meet.
    #[error(
        "datasets {first:?} and {second:?} cannot be co-grouped: they differ in unit domain or in number of buckets"
    )]
    #[zh("数据集 {first:?} 和 {second:?} 不能合并分组：单元域或分桶数不同")]
    Mismatch {
        /// The first input.
        first: String,
        /// One that differs from it.
        second: String,
    },
    /// There is no such bucket.
    #[error("there is no bucket {0}")]
    #[zh("没有分桶 {0}")]
    NoBucket(u32),
    /// The snapshot itself is at fault.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// One grain has more than 2^32 rows or 4 GiB of text in one column.
    #[error("a grain has more rows or text than a job can be shown (2^32 rows, 4 GiB of text a column)")]
    #[zh("一个数据粒的行或文本超出作业可见的上限（2^32 行，每列 4 GiB 文本）")]
    TooLarge,
    /// Tables of different shapes were mixed: a fault of the program.
    #[error("tables of different shapes were mixed: this is a fault of the program, please report it")]
    #[zh("不同形状的表混在一起：这是程序缺陷，请报告")]
    Shape,
}

/// The grains of one bucket, in ascending order of unit bytes.
pub struct CoGroup {
    cursors: Vec<Cursor>,
    limits: GrainLimits,
    unit: String,
    overlarge: bool,
    over: bool,
}

impl CoGroup {
    /// Opens bucket `bucket` of every input, and verifies its digest if this is the first time. All
    /// inputs must have the same unit domain and number of buckets.
    pub fn open(inputs: &[ScanInput<'_>], bucket: u32, limits: GrainLimits) -> Result<Self, ScanError> {
        let first = inputs.first().ok_or(ScanError::NoInput)?;
        for other in inputs {
            let (a, b) = (first.snapshot.manifest(), other.snapshot.manifest());
            if a.unit_domain != b.unit_domain || a.files.len() != b.files.len() {
                return Err(ScanError::Mismatch { first: a.dataset.clone(), second: b.dataset.clone() });
            }
        }
        let cursors = inputs.iter().map(|input| Cursor::open(input, bucket)).collect::<Result<_, _>>()?;
        Ok(Self { cursors, limits, unit: String::new(), overlarge: false, over: false })
    }

    /// The next grain, or `None` after the last. After an error there are no more grains.
    #[expect(clippy::should_implement_trait, reason = "a grain borrows the co-group, which Iterator cannot say")]
    pub fn next(&mut self) -> Result<Option<Grain<'_>>, ScanError> {
        if self.over {
            return Ok(None);
        }
        self.over = true;
        if !self.advance()? {
            return Ok(None);
        }
        self.over = false;
        Ok(Some(Grain(GrainOf::Stream(self))))
    }

    fn advance(&mut self) -> Result<bool, ScanError> {
        let Some(least) = self.cursors.iter().filter_map(Cursor::head).min() else {
            for cursor in &self.cursors {
                cursor.check_counts()?;
            }
            return Ok(false);
        };
        self.unit.clear();
        self.unit.push_str(least);
        for cursor in &mut self.cursors {
            if cursor.head() == Some(self.unit.as_str()) {
                cursor.take(&self.limits)?;
            } else {
                cursor.place = Place::Absent;
            }
        }
        self.overlarge = false;
        if self.limits.bytes < u64::MAX {
            let whole = Grain(GrainOf::Stream(self));
            let bytes: u64 = (0..whole.tables()).map(|index| whole.table(index).bytes()).sum();
            self.overlarge = bytes > self.limits.bytes;
        }
        Ok(true)
    }
}

/// Decodes the columns of one bucket and the unit ids, looks at nothing, and returns the number of
/// rows: the floor that benchmarks compare [`CoGroup`] with. The bucket's digest is not verified.
pub fn decode_only(input: &ScanInput<'_>, bucket: u32) -> Result<u64, ScanError> {
    let entry = input.snapshot.manifest().files.get(bucket as usize).ok_or(ScanError::NoBucket(bucket))?;
    let content = |fault: &dyn std::fmt::Display| SnapshotError::content(&entry.file, fault.to_string());
    let (file, metadata) = input.snapshot.parquet(bucket, false)?;
    let builder =
        ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata).with_batch_size(BATCH_ROWS as usize);
    let wanted = input.columns.iter().filter_map(|name| input.snapshot.manifest().leaf(name));
    let mask = ProjectionMask::leaves(builder.parquet_schema(), wanted.chain([0]));
    let mut rows = 0;
    for batch in builder.with_projection(mask).build().map_err(|fault| content(&fault))? {
        rows += batch.map_err(|fault| content(&fault))?.num_rows() as u64;
    }
    Ok(rows)
}

/// Rows decoded at a time: about what fits the second-level cache, or fewer where rows may be so wide
/// that memory would not be bounded. A power of two, as the writer's row groups are, so that no batch spans
/// two dictionaries.
fn batch_rows(row_bytes: u64) -> usize {
    let rows = (BATCH_BYTES / row_bytes.max(1)).clamp(1, BATCH_ROWS);
    1 << rows.ilog2()
}

/// The most rows of a batch.
#[cfg(test)]
const BATCH: usize = BATCH_ROWS as usize;

/// One input's place in its bucket.
struct Cursor {
    reader: ParquetRecordBatchReader,
    plan: Plan,
    file: String,
    bucket: u32,
    buckets: u32,
    expected: (u64, u64),
    met: (u64, u64),
    chunk: Chunk,
    /// The first row of `chunk` not yet given out.
    next: usize,
    place: Place,
    carried: OwnedTable,
    carried_unit: String,
    empty: OwnedTable,
    /// Offsets from 0 of the text columns of the current grain, by shown column.
    offsets: Vec<Vec<u32>>,
}

/// Where the rows of the current grain are.
enum Place {
    Absent,
    Chunk(Range<usize>),
    Carried,
}

/// Which columns are read, and what is shown of them.
struct Plan {
    read: Vec<Origin>,
    lookups: Vec<PlannedLookup>,
    /// Indices into a chunk's columns.
    shown: Vec<usize>,
}

/// Where a read column comes from.
#[derive(PartialEq)]
enum Origin {
    Stored { name: String, kind: CellKind },
    UnitText,
    UnitInt,
}

struct PlannedLookup {
    lookup: Lookup,
    on: usize,
}

/// A decoded batch. Its columns are those read, then those looked up.
struct Chunk {
    rows: usize,
    unit_keys: ScalarBuffer<i32>,
    units: StringArray,
    columns: Vec<ChunkColumn>,
}

struct ChunkColumn {
    cells: ChunkCells,
    /// Empty when the chunk has no null here.
    validity: Vec<u8>,
}

enum ChunkCells {
    Ints(ScalarBuffer<i64>),
    Floats(ScalarBuffer<f64>),
    Bools(Vec<u8>),
    Texts { offsets: ScalarBuffer<i32>, bytes: Buffer },
}

impl Cursor {
    fn open(input: &ScanInput<'_>, bucket: u32) -> Result<Self, ScanError> {
        let snapshot = input.snapshot;
        let entry = snapshot.manifest().files.get(bucket as usize).ok_or(ScanError::NoBucket(bucket))?;
        snapshot.verify_bucket(bucket)?;
        let plan = Plan::new(input)?;
        let (file, metadata) = snapshot.parquet(bucket, true)?;
        let content = |fault: parquet::errors::ParquetError| SnapshotError::content(&entry.file, fault.to_string());
        let rows = batch_rows(plan.row_bytes(snapshot.manifest().bounds.text));
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata).with_batch_size(rows);
        let wanted = plan.stored().filter_map(|name| snapshot.manifest().leaf(name));
        let mask = ProjectionMask::leaves(builder.parquet_schema(), wanted.chain([0]));
        let reader = builder.with_projection(mask).build().map_err(content)?;
        let kinds = input.kinds()?;
        let mut cursor = Self {
            reader,
            offsets: vec![Vec::new(); kinds.len()],
            carried: OwnedTable::new(kinds.iter().copied()),
            empty: OwnedTable::new(kinds),
            carried_unit: String::new(),
            plan,
            file: entry.file.clone(),
            bucket,
            buckets: snapshot.buckets(),
            expected: (entry.rows, entry.units),
            met: (0, 0),
            chunk: Chunk::empty(),
            next: 0,
            place: Place::Absent,
        };
        if cursor.load()? {
            cursor.check_bucket(0)?;
        }
        Ok(cursor)
    }

    /// The unit at hand.
    fn head(&self) -> Option<&str> {
        (self.next < self.chunk.rows).then(|| self.chunk.unit(self.next))
    }

    /// Makes the unit at hand the current grain, and moves on to the next unit.
    fn take(&mut self, limits: &GrainLimits) -> Result<(), ScanError> {
        let start = self.next;
        let end = self.chunk.run_end(start);
        self.met.0 += (end - start) as u64;
        self.met.1 += 1;
        if end < self.chunk.rows {
            if self.chunk.unit(end) <= self.chunk.unit(start) {
                return Err(self.disorder());
            }
            self.check_bucket(end)?;
            self.next = end;
            let shown = start..end.min(start.saturating_add(limits.rows as usize));
            self.place = Place::Chunk(shown.clone());
            self.rebase(shown);
            return Ok(());
        }
        self.take_across(start, limits)
    }

    /// The unit at hand lasts to the end of the chunk: it may go on in the next.
    fn take_across(&mut self, start: usize, limits: &GrainLimits) -> Result<(), ScanError> {
        self.carried.clear();
        self.carried_unit.clear();
        self.carried_unit.push_str(self.chunk.unit(start));
        self.carry(start..self.chunk.rows, limits)?;
        self.place = Place::Carried;
        while self.load()? {
            let first = self.chunk.unit(0);
            if first == self.carried_unit {
                let end = self.chunk.run_end(0);
                self.met.0 += end as u64;
                self.carry(0..end, limits)?;
                self.next = end;
                if end == self.chunk.rows {
                    continue;
                }
            }
            if self.chunk.unit(self.next) <= self.carried_unit.as_str() {
                return Err(self.disorder());
            }
            return self.check_bucket(self.next);
        }
        Ok(())
    }

    /// Copies what is to be shown of these rows. Of a table that is over the limit already no more is
    /// copied: one batch beyond it is all that is ever held.
    fn carry(&mut self, rows: Range<usize>, limits: &GrainLimits) -> Result<(), ScanError> {
        let left = limits.rows.saturating_sub(self.carried.rows) as usize;
        if left == 0 || Table(TableOf::Owned(&self.carried)).bytes() > limits.bytes {
            return Ok(());
        }
        let rows = rows.start..rows.end.min(rows.start.saturating_add(left));
        self.rebase(rows.clone());
        let mut carried = std::mem::replace(&mut self.carried, OwnedTable::new([]));
        let columns = (0..self.plan.shown.len()).map(|index| self.column(index, rows.clone()));
        let appended = carried.append(rows.len(), columns);
        self.carried = carried;
        appended
    }

    /// Decodes the next batch; false at the end.
    fn load(&mut self) -> Result<bool, ScanError> {
        self.next = 0;
        for batch in self.reader.by_ref() {
            let batch = batch.map_err(|fault| SnapshotError::content(&self.file, fault.to_string()))?;
            if batch.num_rows() > 0 {
                self.chunk = Chunk::decode(&batch, &self.plan, &self.file)?;
                return Ok(true);
            }
        }
        self.chunk = Chunk::empty();
        Ok(false)
    }

    fn check_bucket(&self, row: usize) -> Result<(), ScanError> {
        if bucket_of(self.chunk.unit(row).as_bytes(), self.buckets) == self.bucket {
            return Ok(());
        }
        Err(SnapshotError::content(
            &self.file,
            text!("a unit lies in a bucket that is not its own", "有隐私单元不在它应在的分桶中"),
        )
        .into())
    }

    fn disorder(&self) -> ScanError {
        SnapshotError::content(&self.file, text!("its units are not in ascending order", "单元没有按升序排列")).into()
    }

    fn check_counts(&self) -> Result<(), ScanError> {
        if self.met == self.expected {
            return Ok(());
        }
        Err(SnapshotError::content(
            &self.file,
            text!("it has another number of rows or units than registered", "行数或单元数与登记的不同"),
        )
        .into())
    }

    /// Prepares text offsets that start at 0.
    fn rebase(&mut self, rows: Range<usize>) {
        for (&shown, rebased) in self.plan.shown.iter().zip(&mut self.offsets) {
            self.chunk.columns[shown].rebase(rows.clone(), rebased);
        }
    }

    /// A shown column of the chunk; offsets are those last rebased.
    fn column(&self, index: usize, rows: Range<usize>) -> Column<'_> {
        self.chunk.columns[self.plan.shown[index]].view(rows, &self.offsets[index])
    }
}

impl Plan {
    fn new(input: &ScanInput<'_>) -> Result<Self, ScanError> {
        let mut plan = Self { read: Vec::new(), lookups: Vec::new(), shown: Vec::new() };
        for name in input.columns {
            let at = plan.read(input, name)?;
            plan.shown.push(at);
        }
        for lookup in input.lookups {
            let kind = input.kind(&lookup.on)?.cell_kind();
            let fits =
                matches!((&*lookup.index, kind), (Index::Ints(_), CellKind::Int) | (Index::Texts(_), CellKind::Text));
            if !fits {
                return Err(ScanError::LookupType {
                    dataset: input.snapshot.manifest().dataset.clone(),
                    column: lookup.on.clone(),
                    reference: lookup.table.name().to_owned(),
                });
            }
            let on = plan.read(input, &lookup.on)?;
            plan.lookups.push(PlannedLookup { lookup: lookup.clone(), on });
        }
        let brought = plan.lookups.iter().map(|planned| planned.lookup.columns.len()).sum::<usize>();
        plan.shown.extend(plan.read.len()..plan.read.len() + brought);
        Ok(plan)
    }

    /// Index of the read column of this name.
    fn read(&mut self, input: &ScanInput<'_>, name: &str) -> Result<usize, ScanError> {
        let kind = input.kind(name)?.cell_kind();
        let origin = match (input.snapshot.manifest().unit_column.as_deref() == Some(name), kind) {
            (true, CellKind::Int) => Origin::UnitInt,
            (true, _) => Origin::UnitText,
            (false, kind) => Origin::Stored { name: name.to_owned(), kind },
        };
        Ok(self.read.iter().position(|other| *other == origin).unwrap_or_else(|| {
            self.read.push(origin);
            self.read.len() - 1
        }))
    }

    /// Bytes that a row may have at most, `text` of them in the dataset's own texts.
    fn row_bytes(&self, text: u64) -> u64 {
        let texts = self.read.iter().any(|origin| matches!(origin, Origin::Stored { kind: CellKind::Text, .. }));
        let brought: u64 = self.lookups.iter().map(|planned| planned.lookup.widest).fold(0, u64::saturating_add);
        let cells = 9 * (self.read.len() + self.shown.len()) as u64;
        cells.saturating_add(if texts { text } else { 0 }).saturating_add(brought)
    }

    fn stored(&self) -> impl Iterator<Item = &str> {
        self.read.iter().filter_map(|origin| match origin {
            Origin::Stored { name, .. } => Some(name.as_str()),
            Origin::UnitText | Origin::UnitInt => None,
        })
    }
}

impl Chunk {
    fn empty() -> Self {
        Self { rows: 0, unit_keys: Vec::new().into(), units: StringArray::new_null(0), columns: Vec::new() }
    }

    fn unit(&self, row: usize) -> &str {
        self.units.value(self.unit_keys[row] as usize)
    }

    /// The first row after `start` of another unit.
    fn run_end(&self, start: usize) -> usize {
        let keys = &self.unit_keys[start..];
        start + keys.iter().position(|key| *key != keys[0]).unwrap_or(keys.len())
    }

    fn decode(batch: &RecordBatch, plan: &Plan, file: &str) -> Result<Self, ScanError> {
        let wrong = || {
            SnapshotError::content(
                file,
                text!("a column is missing or of another type than registered", "缺少一列，或其类型与登记的不同"),
            )
        };
        let column = |name: &str| batch.column_by_name(name).ok_or_else(wrong);
        let units = column(UNIT)?.as_dictionary_opt::<Int32Type>().ok_or_else(wrong)?;
        if units.null_count() > 0 {
            return Err(wrong().into());
        }
        let mut chunk = Self {
            rows: batch.num_rows(),
            unit_keys: units.keys().values().clone(),
            units: units.values().as_string_opt::<i32>().ok_or_else(wrong)?.clone(),
            columns: Vec::with_capacity(plan.read.len()),
        };
        for origin in &plan.read {
            let decoded = match origin {
                Origin::Stored { name, kind } => ChunkColumn::decode(column(name)?, *kind).ok_or_else(wrong)?,
                Origin::UnitText => chunk.unit_texts()?,
                Origin::UnitInt => chunk.unit_ints().ok_or_else(wrong)?,
            };
            chunk.columns.push(decoded);
        }
        for planned in &plan.lookups {
            let rows = chunk.columns[planned.on].look_up(&planned.lookup.index, chunk.rows);
            for &column in &planned.lookup.columns {
                chunk.columns.push(ChunkColumn::gather(planned.lookup.table.table().column(column), &rows)?);
            }
        }
        Ok(chunk)
    }

    fn unit_texts(&self) -> Result<ChunkColumn, ScanError> {
        ChunkColumn::texts((0..self.rows).map(|row| self.unit(row).as_bytes()))
    }

    fn unit_ints(&self) -> Option<ChunkColumn> {
        let mut cells = Vec::with_capacity(self.rows);
        while cells.len() < self.rows {
            let unit = self.unit(cells.len()).parse::<i64>().ok()?;
            cells.resize(self.run_end(cells.len()), unit);
        }
        Some(ChunkColumn { cells: ChunkCells::Ints(cells.into()), validity: Vec::new() })
    }
}

impl ChunkColumn {
    /// `None` when the array is of another kind. What the reader leaves in the place of a null may
    /// stem from another unit's row, so it is overwritten.
    fn decode(array: &dyn Array, kind: CellKind) -> Option<Self> {
        let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
        let validity = nulls.map(|nulls| nulls.iter().map(u8::from).collect()).unwrap_or_default();
        let cells = match kind {
            CellKind::Int => ChunkCells::Ints(without_nulls(array.as_primitive_opt::<Int64Type>()?.values(), nulls)),
            CellKind::Float => {
                ChunkCells::Floats(without_nulls(array.as_primitive_opt::<Float64Type>()?.values(), nulls))
            }
            CellKind::Bool => {
                let bits = array.as_boolean_opt()?.values().iter().map(u8::from);
                ChunkCells::Bools(match nulls {
                    None => bits.collect(),
                    Some(nulls) => bits.zip(nulls.iter()).map(|(bit, valid)| bit & u8::from(valid)).collect(),
                })
            }
            CellKind::Text => {
                let texts = array.as_string_opt::<i32>()?;
                let empty = |row: usize| texts.value_offsets()[row] == texts.value_offsets()[row + 1];
                if nulls.is_some_and(|nulls| nulls.iter().enumerate().any(|(row, valid)| !valid && !empty(row))) {
                    return None;
                }
                ChunkCells::Texts { offsets: texts.offsets().inner().clone(), bytes: texts.values().clone() }
            }
        };
        Some(Self { cells, validity })
    }

    /// Fills `rebased` with the offsets of these rows, from 0; does nothing unless there are texts.
    fn rebase(&self, rows: Range<usize>, rebased: &mut Vec<u32>) {
        if let ChunkCells::Texts { offsets, .. } = &self.cells {
            let offsets = &offsets[rows.start..=rows.end];
            let base = offsets[0];
            rebased.clear();
            rebased.extend(offsets.iter().map(|&offset| (offset - base).cast_unsigned()));
        }
    }

    /// These rows, given their rebased offsets.
    fn view<'a>(&'a self, rows: Range<usize>, rebased: &'a [u32]) -> Column<'a> {
        let validity = match self.validity.get(rows.clone()) {
            Some(validity) if validity.contains(&0) => validity,
            _ => &[],
        };
        let cells = match &self.cells {
            ChunkCells::Ints(cells) => Cells::Ints(&cells[rows]),
            ChunkCells::Floats(cells) => Cells::Floats(&cells[rows]),
            ChunkCells::Bools(cells) => Cells::Bools(&cells[rows]),
            ChunkCells::Texts { offsets, bytes } => Cells::Texts {
                offsets: rebased,
                bytes: &bytes[offsets[rows.start] as usize..offsets[rows.end] as usize],
            },
        };
        Column { cells, validity }
    }

    fn texts<'a>(cells: impl Iterator<Item = &'a [u8]>) -> Result<Self, ScanError> {
        let (mut offsets, mut bytes) = (vec![0i32], Vec::new());
        for cell in cells {
            bytes.extend_from_slice(cell);
            offsets.push(i32::try_from(bytes.len()).map_err(|_| ScanError::TooLarge)?);
        }
        Ok(Self { cells: ChunkCells::Texts { offsets: offsets.into(), bytes: bytes.into() }, validity: Vec::new() })
    }

    /// The reference row for each row, if any.
    fn look_up(&self, index: &Index, rows: usize) -> Vec<Option<u32>> {
        let valid = |row: usize| self.validity.get(row) != Some(&0);
        (0..rows)
            .map(|row| match (index, &self.cells) {
                _ if !valid(row) => None,
                (Index::Ints(index), ChunkCells::Ints(cells)) => index.get(&cells[row]).copied(),
                (Index::Texts(index), ChunkCells::Texts { offsets, bytes }) => {
                    index.get(&bytes[offsets[row] as usize..offsets[row + 1] as usize]).copied()
                }
                _ => None,
            })
            .collect()
    }

    /// The cells of a reference column at these rows; null where there is no row or a null.
    fn gather(from: Column<'_>, rows: &[Option<u32>]) -> Result<Self, ScanError> {
        let present = |row: &Option<u32>| row.map(|row| row as usize).filter(|row| !from.is_null(*row));
        let cells = match from.cells {
            Cells::Ints(cells) => {
                ChunkCells::Ints(rows.iter().map(|row| present(row).map_or(0, |row| cells[row])).collect())
            }
            Cells::Floats(cells) => {
                ChunkCells::Floats(rows.iter().map(|row| present(row).map_or(0.0, |row| cells[row])).collect())
            }
            Cells::Bools(cells) => {
                ChunkCells::Bools(rows.iter().map(|row| present(row).map_or(0, |row| cells[row])).collect())
            }
            Cells::Texts { .. } => {
                Self::texts(rows.iter().map(|row| present(row).and_then(|row| from.text(row)).unwrap_or_default()))?
                    .cells
            }
        };
        let mut validity: Vec<u8> = rows.iter().map(|row| u8::from(present(row).is_some())).collect();
        if !validity.contains(&0) {
            validity = Vec::new();
        }
        Ok(Self { cells, validity })
    }
}

fn without_nulls<T: arrow_buffer::ArrowNativeType>(
    values: &ScalarBuffer<T>,
    nulls: Option<&NullBuffer>,
) -> ScalarBuffer<T> {
    match nulls {
        None => values.clone(),
        Some(nulls) => {
            values.iter().zip(nulls.iter()).map(|(value, valid)| if valid { *value } else { T::default() }).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Cell;
    use crate::import::BucketFile;
    use crate::keys::DataKey;
    use crate::snapshot::{Manifest, forge};

    /// A snapshot of two buckets whose second one holds these units as its manifest counts them:
    /// right key, right digests, but perhaps made by a faulty or hostile importer.
    fn scan(units: &[&str], rows: u64, distinct: u64) -> Result<Vec<(String, u32)>, ScanError> {
        let dir = tempfile::tempdir().unwrap();
        let key = DataKey::generate().unwrap();
        let push = |file: &mut BucketFile| {
            for unit in units {
                file.push(Some(unit), [Cell::Int(1)].into_iter()).unwrap();
            }
        };
        let (manifest, files) = forge(dir.path(), &key, 2, push, |manifest: &mut Manifest| {
            (manifest.files[1].rows, manifest.files[1].units) = (rows, distinct);
        });
        let snapshot = Snapshot::open(&manifest, unseen_ids::sha256(&[&manifest]), &key, files).unwrap();
        let columns = ["n".to_owned()];
        let input = ScanInput { snapshot: &snapshot, columns: &columns, lookups: &[] };
        let mut scan = CoGroup::open(&[input], 1, GrainLimits::NONE)?;
        let mut grains = Vec::new();
        while let Some(grain) = scan.next()? {
            grains.push((grain.unit().to_owned(), grain.table(0).rows()));
        }
        Ok(grains)
    }

    fn refusal(units: &[&str], rows: u64, distinct: u64) -> String {
        scan(units, rows, distinct).unwrap_err().to_string()
    }

    #[test]
    fn a_bucket_that_would_split_or_hide_a_unit_is_refused() {
        let names: Vec<String> = (0..100).map(|n| format!("u{n:03}")).collect();
        let (right, wrong): (Vec<&str>, Vec<&str>) =
            names.iter().map(String::as_str).partition(|name| bucket_of(name.as_bytes(), 2) == 1);
        let [a, b, c] = right[..3] else { panic!("three units of bucket 1") };

        assert_eq!(scan(&[a, a, b, c], 4, 3).unwrap(), [(a.to_owned(), 2), (b.to_owned(), 1), (c.to_owned(), 1)]);
        assert!(refusal(&[b, a], 2, 2).contains("ascending"));
        assert!(refusal(&[a, b, a], 3, 2).contains("ascending"));
        assert!(refusal(&[wrong[0]], 1, 1).contains("not its own"));
        assert!(refusal(&[a, wrong[99 - right.len()]], 2, 2).contains("not its own"));
        assert!(refusal(&[a, b], 3, 2).contains("another number of rows or units"));
        assert!(refusal(&[a, b], 2, 1).contains("another number of rows or units"));

        // A unit taken up again after a batch of others, and one that a batch border parts.
        let mut long = vec![a; BATCH];
        long.extend([b; 10]);
        assert_eq!(scan(&long, BATCH as u64 + 10, 2).unwrap().len(), 2);
        long.push(a);
        assert!(refusal(&long, BATCH as u64 + 11, 2).contains("ascending"));
        let mut parted = vec![b; BATCH];
        parted.push(a);
        assert!(refusal(&parted, BATCH as u64 + 1, 2).contains("ascending"));
    }
}
