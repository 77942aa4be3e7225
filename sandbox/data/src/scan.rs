//! The streaming co-group: one grain per privacy unit, from every input, in one pass.

use thiserror::Error;

use crate::description::ColumnType;
use crate::reference::Lookup;
use crate::snapshot::{Snapshot, SnapshotError};

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
        let Cells::Texts { offsets, bytes } = self.cells else { return None };
        bytes.get(*offsets.get(row)? as usize..*offsets.get(row + 1)? as usize)
    }
}

/// All rows of one privacy unit, or of one block of units: one table per input.
#[derive(Clone, Copy)]
pub struct Grain<'a> {
    source: Source<'a>,
}

#[derive(Clone, Copy)]
enum Source<'a> {
    Stream(&'a CoGroup),
    Owned(&'a OwnedGrain),
}

/// The rows one grain has in one input.
#[derive(Clone, Copy)]
pub struct Table<'a> {
    source: TableSource<'a>,
}

#[derive(Clone, Copy)]
enum TableSource<'a> {
    Owned(&'a OwnedTable),
}

impl<'a> Grain<'a> {
    /// The unit's id; empty for a block.
    pub fn unit(&self) -> &'a str {
        match self.source {
            Source::Stream(_) => "",
            Source::Owned(_) => "",
        }
    }

    /// Number of inputs.
    pub fn tables(&self) -> usize {
        0
    }

    /// The table of input `index` (must be less than [`Grain::tables`]).
    pub fn table(&self, index: usize) -> Table<'a> {
        match self.source {
            Source::Stream(_) => Table { source: TableSource::Owned(const { &OwnedTable { rows: 0 } }) },
            Source::Owned(grain) => Table { source: TableSource::Owned(&grain.tables[index]) },
        }
    }
}

impl<'a> Table<'a> {
    /// Number of rows.
    pub fn rows(&self) -> u32 {
        match self.source {
            TableSource::Owned(table) => table.rows,
        }
    }

    /// Number of columns: the projected ones, then the looked-up ones.
    pub fn columns(&self) -> usize {
        0
    }

    /// Column `index` (must be less than [`Table::columns`]).
    pub fn column(&self, index: usize) -> Column<'a> {
        let _ = index;
        Column { cells: Cells::Ints(&[]), validity: &[] }
    }
}

/// A table that owns its cells.
#[derive(Clone, Debug)]
pub struct OwnedTable {
    rows: u32,
}

impl OwnedTable {
    /// Number of rows.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// Column `index`.
    pub fn column(&self, index: usize) -> Column<'_> {
        let _ = index;
        Column { cells: Cells::Ints(&[]), validity: &[] }
    }
}

/// A grain that owns its cells: a block.
#[derive(Clone, Debug)]
pub struct OwnedGrain {
    tables: Vec<OwnedTable>,
}

impl OwnedGrain {
    /// The grain's view.
    pub fn grain(&self) -> Grain<'_> {
        Grain { source: Source::Owned(self) }
    }
}

/// One input of a co-group.
pub struct ScanInput<'a> {
    /// The snapshot.
    pub snapshot: &'a Snapshot,
    /// The columns to show, in this order. The unit column may be among them.
    pub columns: &'a [String],
    /// Lookups whose columns are appended, in this order.
    pub lookups: &'a [Lookup],
}

impl ScanInput<'_> {
    /// Names and types of the columns a grain's table will have.
    pub fn shape(&self) -> Result<Vec<(String, ColumnType)>, ScanError> {
        Err(ScanError::NoInput)
    }
}

/// The grains of one bucket, in ascending order of unit bytes.
pub struct CoGroup {}

/// Why a scan cannot start or go on.
#[derive(Debug, Error)]
pub enum ScanError {
    /// A co-group needs an input.
    #[error("a scan needs at least one input")]
    NoInput,
    /// The snapshot itself is at fault.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

impl CoGroup {
    /// Opens bucket `bucket` of every input. All inputs must have the same unit domain and number of
    /// buckets.
    pub fn open(inputs: &[ScanInput<'_>], bucket: u32) -> Result<Self, ScanError> {
        let _ = (inputs, bucket);
        Err(ScanError::NoInput)
    }

    /// The next grain, or `None` after the last. After an error there are no more grains.
    #[expect(clippy::should_implement_trait, reason = "a grain borrows the co-group, which Iterator cannot say")]
    pub fn next(&mut self) -> Result<Option<Grain<'_>>, ScanError> {
        Ok(None)
    }
}
