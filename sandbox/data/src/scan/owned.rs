//! Rows that outlive the batch they were decoded in.

use super::cells::{Cells, Column};
use super::error::ScanError;
use crate::cell::Cell;
use crate::description::CellKind;

/// A table that owns its cells.
#[derive(Clone, Debug)]
pub struct OwnedTable {
    pub(super) rows: u32,
    pub(super) columns: Vec<OwnedColumn>,
}

#[derive(Clone, Debug)]
pub(super) struct OwnedColumn {
    pub(super) cells: OwnedCells,
    /// Empty until the first null comes.
    pub(super) validity: Vec<u8>,
}

#[derive(Clone, Debug)]
pub(super) enum OwnedCells {
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

    /// The cells of a row; none outside the table, or where a text is not UTF-8.
    pub(crate) fn row(&self, row: usize) -> Option<Vec<Cell<'_>>> {
        let cell = |index| {
            let column = self.column(index);
            let cell = match column.cells {
                Cells::Ints(cells) => Cell::Int(*cells.get(row)?),
                Cells::Floats(cells) => Cell::Float(*cells.get(row)?),
                Cells::Bools(cells) => Cell::Bool(*cells.get(row)? != 0),
                Cells::Texts { .. } => Cell::Text(std::str::from_utf8(column.text(row)?).ok()?),
            };
            Some(if column.is_null(row) { Cell::Null } else { cell })
        };
        (0..self.columns.len()).map(cell).collect()
    }

    /// Gives all memory back.
    pub(super) fn let_go(&mut self) {
        let kinds: Vec<CellKind> = self.columns.iter().map(|column| column.cells.kind()).collect();
        *self = Self::new(kinds);
    }

    pub(super) fn clear(&mut self) {
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

impl OwnedCells {
    pub(super) fn kind(&self) -> CellKind {
        match self {
            Self::Ints(_) => CellKind::Int,
            Self::Floats(_) => CellKind::Float,
            Self::Bools(_) => CellKind::Bool,
            Self::Texts { .. } => CellKind::Text,
        }
    }

    pub(super) fn new(kind: CellKind) -> Self {
        match kind {
            CellKind::Int => Self::Ints(Vec::new()),
            CellKind::Float => Self::Floats(Vec::new()),
            CellKind::Bool => Self::Bools(Vec::new()),
            CellKind::Text => Self::Texts { offsets: vec![0], bytes: Vec::new() },
        }
    }
}
