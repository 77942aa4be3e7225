//! Columns of cells, read where they lie.

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

impl Column<'_> {
    /// Bytes that the cells take.
    pub(super) fn bytes(&self) -> u64 {
        let cells = match self.cells {
            Cells::Ints(cells) => size_of_val(cells),
            Cells::Floats(cells) => size_of_val(cells),
            Cells::Bools(cells) => cells.len(),
            Cells::Texts { offsets, bytes } => size_of_val(offsets) + bytes.len(),
        };
        (cells + self.validity.len()) as u64
    }
}
