//! One input of a bucket, unit by unit, and the rows it stands at.

use std::ops::Range;

use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use unseen_ids::bucket_of;
use unseen_policies::need::{BATCH_BYTES, BATCH_ROWS};
use unseen_texts::text;

use super::cells::Column;
use super::chunk::{Chunk, Plan};
use super::error::ScanError;
use super::input::{GrainLimits, ScanInput};
use super::owned::OwnedTable;
use crate::snapshot::SnapshotError;

/// The rows one grain has in one input.
#[derive(Clone, Copy)]
pub struct GrainTable<'a>(pub(super) TableOf<'a>);

#[derive(Clone, Copy)]
pub(super) enum TableOf<'a> {
    Owned(&'a OwnedTable),
    Chunk(&'a Cursor, usize, usize),
}

impl<'a> GrainTable<'a> {
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

/// One input's place in its bucket.
pub(super) struct Cursor {
    pub(super) reader: ParquetRecordBatchReader,
    pub(super) plan: Plan,
    pub(super) file: String,
    pub(super) bucket: u32,
    pub(super) buckets: u32,
    pub(super) expected: (u64, u64),
    pub(super) met: (u64, u64),
    /// Rows met before the current grain.
    pub(super) before: u64,
    pub(super) chunk: Chunk,
    /// The first row of `chunk` not yet given out.
    pub(super) next: usize,
    pub(super) place: Place,
    pub(super) carried: OwnedTable,
    pub(super) carried_unit: String,
    pub(super) empty: OwnedTable,
    /// Offsets from 0 of the text columns of the current grain, by shown column.
    pub(super) offsets: Vec<Vec<u32>>,
}

/// Where the rows of the current grain are.
pub(super) enum Place {
    Absent,
    Chunk(Range<usize>),
    Carried,
}

impl Cursor {
    pub(super) fn open(input: &ScanInput<'_>, bucket: u32) -> Result<Self, ScanError> {
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
            before: 0,
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
    pub(super) fn head(&self) -> Option<&str> {
        (self.next < self.chunk.rows).then(|| self.chunk.unit(self.next))
    }

    /// How many rows the current grain has here, whether shown or not.
    pub(super) fn here(&self) -> u64 {
        match self.place {
            Place::Absent => 0,
            Place::Chunk(_) | Place::Carried => self.met.0 - self.before,
        }
    }

    /// Makes the unit at hand the current grain, and moves on to the next unit.
    pub(super) fn take(&mut self, limits: &GrainLimits) -> Result<(), ScanError> {
        let start = self.next;
        let end = self.chunk.run_end(start);
        self.before = self.met.0;
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
    pub(super) fn take_across(&mut self, start: usize, limits: &GrainLimits) -> Result<(), ScanError> {
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

    /// Copies the columns of these rows that the guest sees. Of a table that is already over the limit no more is
    /// copied: one batch beyond it is all that is ever held.
    pub(super) fn carry(&mut self, rows: Range<usize>, limits: &GrainLimits) -> Result<(), ScanError> {
        let left = limits.rows.saturating_sub(self.carried.rows) as usize;
        if left == 0 || GrainTable(TableOf::Owned(&self.carried)).bytes() > limits.bytes {
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
    pub(super) fn load(&mut self) -> Result<bool, ScanError> {
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

    pub(super) fn check_bucket(&self, row: usize) -> Result<(), ScanError> {
        if bucket_of(self.chunk.unit(row).as_bytes(), self.buckets) == self.bucket {
            return Ok(());
        }
        Err(SnapshotError::content(
            &self.file,
            text!("a unit lies in a bucket that is not its own", "有隐私单元不在它应在的分桶中"),
        )
        .into())
    }

    pub(super) fn disorder(&self) -> ScanError {
        SnapshotError::content(&self.file, text!("its units are not in ascending order", "单元没有按升序排列")).into()
    }

    pub(super) fn check_counts(&self) -> Result<(), ScanError> {
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
    pub(super) fn rebase(&mut self, rows: Range<usize>) {
        for (&shown, rebased) in self.plan.shown.iter().zip(&mut self.offsets) {
            self.chunk.columns[shown].rebase(rows.clone(), rebased);
        }
    }

    /// A shown column of the chunk; offsets are those last rebased.
    pub(super) fn column(&self, index: usize, rows: Range<usize>) -> Column<'_> {
        self.chunk.columns[self.plan.shown[index]].view(rows, &self.offsets[index])
    }
}

/// Rows decoded at a time: about what fits the second-level cache, or fewer where rows may be so wide
/// that memory would not be bounded. A power of two, as the writer's row groups are, so that no batch spans
/// two dictionaries.
pub(crate) fn batch_rows(row_bytes: u64) -> usize {
    let rows = (BATCH_BYTES / row_bytes.max(1)).clamp(1, BATCH_ROWS);
    1 << rows.ilog2()
}

/// The most rows of a batch.
#[cfg(test)]
pub(super) const BATCH: usize = BATCH_ROWS as usize;
