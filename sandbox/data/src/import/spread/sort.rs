//! A node's first part: the rows of a slice are checked and sorted.

use std::io::{self, Write};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::cut::Slice;
use crate::cell::Cell;
use crate::csv_source::{self, Before};
use crate::description::{CsvOptions, Description};
use crate::files::{DigestWriter, ReadAt, SharedFile};
use crate::import::error::ImportError;
use crate::import::intake::{Intake, Sort};
use crate::import::normal::Normalizer;
use crate::import::tally::Tally;
use crate::parquet_source;
use crate::sort::Rows;

/// What is told of a slice that was sorted. What it was sorted into goes elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sorted {
    /// What was met.
    pub(super) tally: Tally,
    /// Where the rows of each bucket begin in what was written, and the end of all.
    pub(super) index: Vec<u64>,
    /// SHA-256 of what was written, before it was sealed.
    pub(super) content: [u8; 32],
}

impl Sorted {
    /// Whether this can be of a slice of such rows: what a node says is not believed further.
    pub fn can_be(&self, description: &Description, buckets: u32) -> bool {
        let in_order = self.index.is_sorted() && self.index.last().is_some_and(|end| *end < MOST);
        in_order && self.index.len() == buckets as usize + 1 && self.tally.can_be(description.columns.len())
    }

    /// Where in what was written the rows of some buckets are.
    pub fn segment(&self, first: u32, last: u32) -> Option<(u64, u64)> {
        Some((*self.index.get(first as usize)?, *self.index.get(last as usize + 1)?))
    }
}

/// No slice has as many rows or bytes.
const MOST: u64 = 1 << 48;

/// So many bytes of memory suffice to sort so many rows with as many columns, which take so many bytes unsorted.
pub fn need_to_sort(bytes: u64, rows: u64, columns: u64) -> u64 {
    // The head of a record and its place, and for each cell a tag and a number or a length; twice, for memory grows by
    // doubling.
    (96 << 20) + 2 * (bytes + rows * (26 + 9 * columns))
}

/// Sorts the rows of a slice by bucket, unit and arrival, and writes them behind `head`, which says whose they are.
///
/// # Errors
/// Why the rows are refused, as [`super::super::import`] says it.
pub fn sort<W: Write>(
    rows: Arc<dyn ReadAt>,
    slice: &Slice,
    description: &Description,
    buckets: u32,
    now: DateTime<Utc>,
    head: &[u8],
    to: W,
) -> Result<(Sorted, W), ImportError> {
    let mut rows_here = Rows::default();
    let mut quiet = |_| ();
    let mut intake = Intake::new(description, buckets, &mut rows_here, now, 0, &mut quiet)?;
    let mut normalizer = Normalizer::new(description, &mut intake);
    let file = SharedFile::new(rows).map_err(ImportError::Read)?;
    match slice {
        Slice::Records { names, rows, line, delimiter, .. } => {
            let before = Before { rows: *rows, line: *line };
            let options = CsvOptions { delimiter: *delimiter, ..description.csv.clone() };
            let text = Box::new(file.reader());
            csv_source::read_slice(text, &options, names.as_deref(), before, description, &mut normalizer)?;
        }
        Slice::Groups { first, end, rows, .. } => {
            parquet_source::read_groups(file, *first..*end, *rows, description, &mut normalizer)?;
        }
    }
    let normalized = normalizer.changed();
    let tally = Tally { normalized, ..intake.tally };
    let (index, content, to) = write(rows_here, buckets, head, to).map_err(ImportError::Write)?;
    Ok((Sorted { tally, index, content }, to))
}

/// Writes rows in their order; gives where those of each bucket begin, and the digest of all.
fn write<W: Write>(mut rows: Rows, buckets: u32, head: &[u8], to: W) -> io::Result<(Vec<u64>, [u8; 32], W)> {
    rows.sort();
    let mut to = DigestWriter::new(to);
    to.write_all(head)?;
    let (mut index, mut at) = (Vec::with_capacity(buckets as usize + 1), head.len() as u64);
    for (bucket, record) in rows.encoded() {
        while index.len() <= bucket as usize {
            index.push(at);
        }
        to.write_all(record)?;
        at += record.len() as u64;
    }
    index.resize(buckets as usize + 1, at);
    let (to, _, content) = to.finish()?;
    Ok((index, content, to))
}

impl Sort for Rows {
    fn push(&mut self, bucket: u32, unit: &[u8], cells: &[Cell]) -> io::Result<()> {
        Rows::push(self, bucket, unit, cells)
    }
}
