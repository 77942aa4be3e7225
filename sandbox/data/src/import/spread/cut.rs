//! The lab's part: where a source can be cut.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use unseen_texts::say;

use crate::csv_slices::Slices;
use crate::csv_source::places;
use crate::description::Description;
use crate::files::ReadAt;
use crate::import::error::ImportError;
use crate::import::source::{Opened, open_source};
use crate::{parquet_source, workbook};

/// Some rows of a source, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Slice {
    /// Whole records of a CSV file, in UTF-8, without its header.
    Records {
        /// The names of the columns, if the file has any.
        names: Option<Vec<String>>,
        /// Rows before it.
        rows: u64,
        /// How many it has.
        count: u64,
        /// The line that it begins with, from 1.
        line: u64,
        /// What stands between its fields.
        delimiter: u8,
    },
    /// Row groups of a Parquet file.
    Groups {
        /// The first.
        first: usize,
        /// The one after the last.
        end: usize,
        /// Rows before it.
        rows: u64,
        /// How many it has.
        count: u64,
        /// How long it is unpacked, in bytes.
        bytes: u64,
    },
}

/// What is cut off a source.
pub enum Cut {
    /// The text of the next slice.
    Records(Slice, Vec<u8>),
    /// A slice of the source as it is.
    Groups(Slice),
}

/// A row group that is longer unpacked, in bytes, is not sorted in memory.
const LONGEST_GROUP: u64 = 1 << 30;

/// Cuts a source into slices of about so many bytes, and hands each to `each`. Gives the columns of the source that the
/// description does not declare.
pub fn cut<E: From<ImportError>>(
    rows: Arc<dyn ReadAt>,
    description: &Description,
    bytes: usize,
    each: &mut dyn FnMut(Cut) -> Result<(), E>,
) -> Result<Vec<String>, E> {
    match open_source(rows)? {
        Opened::Parquet(file) => {
            let parquet_source::Groups { ignored, groups } = parquet_source::groups(file, description)?;
            let (mut first, mut rows) = (0, 0);
            while first < groups.len() {
                let (mut end, mut here, mut long) = (first, 0, 0);
                while end < groups.len() && (end == first || long + groups[end].1 <= bytes as u64) {
                    (here, long) = (here + groups[end].0, long + groups[end].1);
                    end += 1;
                }
                if long > LONGEST_GROUP {
                    let long = long >> 20;
                    return Err(ImportError::Parquet(say!(
                        "a row group of {long} MiB is more than a node sorts: write groups of at most 1 GiB, or import it without a cluster",
                        "有一个行组长 {long} MiB，超出节点可排序的范围：请写成至多 1 GiB 的行组，或不用集群导入"
                    ))
                    .into());
                }
                each(Cut::Groups(Slice::Groups { first, end, rows, count: here, bytes: long }))?;
                (first, rows) = (end, rows + here);
            }
            Ok(ignored)
        }
        Opened::Csv(packed) => {
            let (text, _) = packed.text()?;
            let slices = Slices::new(text, &description.csv).map_err(|fault| packed.named(fault))?;
            let (csv, named) = (&description.csv, |fault| packed.named(fault));
            records(slices, description, csv.delimiter, bytes, &named, each)
        }
        Opened::Workbook(file) => {
            let text = workbook::as_csv(&file, description.sheet.as_deref())?;
            let described = workbook::described(description);
            let slices = Slices::new(Box::new(std::io::Cursor::new(text)), &described.csv)?;
            records(slices, description, described.csv.delimiter, bytes, &|fault| fault, each)
        }
    }
}

/// Says of a fault in a slice what only the whole source tells: what its encoding seems to be.
pub fn named(source: Arc<dyn ReadAt>, fault: ImportError) -> ImportError {
    match open_source(source) {
        Ok(Opened::Csv(packed)) => packed.named(fault),
        _ => fault,
    }
}

fn records<E: From<ImportError>>(
    (names, mut slices): (Option<Vec<String>>, Slices),
    description: &Description,
    delimiter: u8,
    bytes: usize,
    named: &dyn Fn(ImportError) -> ImportError,
    each: &mut dyn FnMut(Cut) -> Result<(), E>,
) -> Result<Vec<String>, E> {
    let (_, ignored) = places(names.as_deref(), description)?;
    while let Some((before, count, text)) = slices.next(bytes).map_err(named)? {
        let slice = Slice::Records { count, names: names.clone(), rows: before.rows, line: before.line, delimiter };
        each(Cut::Records(slice, text))?;
    }
    Ok(ignored)
}
