//! Rows as they come in: checked, surveyed, and handed to the sorter.

use std::io;

use chrono::{DateTime, Utc};
use unseen_ids::bucket_of;
use unseen_texts::text;

use super::error::{ImportError, Position};
use super::request::{Progress, REPORT_EVERY};
use super::sink::RowSink;
use super::tally::Tally;
use crate::bucket_file::BucketFile;
use crate::cell::Cell;
use crate::description::{Description, MAX_UNIT, Unit, WhenMissing};
use crate::quality::Survey;
use crate::sort::Sorter;

/// Takes rows of units into the sort.
pub(super) struct Intake<'a, S> {
    description: &'a Description,
    unit: &'a Unit,
    unit_at: usize,
    buckets: u32,
    sorter: S,
    pub(super) tally: Tally,
    of_bytes: u64,
    progress: &'a mut dyn FnMut(Progress),
}

/// Sorts rows.
pub(super) trait Sort {
    /// Takes one row. An error of kind `InvalidInput` means that it is too large.
    fn push(&mut self, bucket: u32, unit: &[u8], cells: &[Cell]) -> io::Result<()>;
}

impl<S: Sort> Sort for &mut S {
    fn push(&mut self, bucket: u32, unit: &[u8], cells: &[Cell]) -> io::Result<()> {
        (**self).push(bucket, unit, cells)
    }
}

impl Sort for Sorter {
    fn push(&mut self, bucket: u32, unit: &[u8], cells: &[Cell]) -> io::Result<()> {
        Sorter::push(self, bucket, unit, cells)
    }
}

impl<'a, S: Sort> Intake<'a, S> {
    /// `progress` is told how much of a source of so many bytes is read.
    pub(super) fn new(
        description: &'a Description,
        buckets: u32,
        sorter: S,
        now: DateTime<Utc>,
        of_bytes: u64,
        progress: &'a mut dyn FnMut(Progress),
    ) -> Result<Self, ImportError> {
        let unit = description.unit.as_ref().ok_or(ImportError::Description)?;
        let unit_at = description.unit_at().ok_or(ImportError::Description)?;
        let tally = Tally::new(Survey::new(description, now));
        Ok(Intake { description, unit, unit_at, buckets, sorter, tally, of_bytes, progress })
    }

    /// Where the rows went, and what they came to.
    pub(super) fn finish(self) -> (S, Tally) {
        (self.sorter, self.tally)
    }
}

impl<S: Sort> RowSink for Intake<'_, S> {
    fn left_out(&mut self) {
        self.tally.rows += 1;
        self.tally.bad += 1;
    }

    fn row(&mut self, cells: &[Cell], at: Position, bytes: u64) -> Result<(), ImportError> {
        self.tally.rows += 1;
        let rows = self.tally.rows;
        if rows.is_multiple_of(REPORT_EVERY) {
            (self.progress)(Progress::Reading { rows, bytes, of_bytes: self.of_bytes });
        }
        let digits;
        let bounds = &self.description.bounds;
        if rows > bounds.rows {
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
                self.tally.set_aside += 1;
                return Ok(());
            }
        };
        if unit.len() > MAX_UNIT {
            return Err(ImportError::UnitTooLong { at });
        }
        self.tally.survey.row(&self.description.columns, cells);
        let bucket = bucket_of(unit.as_bytes(), self.buckets);
        self.sorter.push(bucket, unit.as_bytes(), cells).map_err(|fault| match fault.kind() {
            io::ErrorKind::InvalidInput => ImportError::RowTooLarge { at },
            _ => ImportError::Write(fault),
        })
    }
}

/// Takes rows of a reference table straight into its file.
pub(super) struct ReferenceIntake<'a> {
    pub(super) description: &'a Description,
    pub(super) key_at: usize,
    pub(super) keys: std::collections::HashSet<Box<[u8]>>,
    pub(super) file: BucketFile<'a>,
    pub(super) survey: Survey,
    pub(super) bytes: usize,
    /// Rows set aside for their cells.
    pub(super) bad: u64,
}

impl RowSink for ReferenceIntake<'_> {
    fn left_out(&mut self) {
        self.bad += 1;
    }

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
