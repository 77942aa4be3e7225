//! What a source hands its rows to.

use unseen_texts::text;

use super::error::{ImportError, Position};
use crate::cell::Cell;
use crate::description::{ColumnSpec, Description};

/// Takes rows from a source. The cells stand in the order of the description.
pub(crate) trait RowSink {
    /// `bytes` of the source are read so far.
    fn row(&mut self, cells: &[Cell], at: Position, bytes: u64) -> Result<(), ImportError>;

    /// A row that is set aside for its cells.
    fn left_out(&mut self);
}

/// Empties a vector of cells for cells of another lifetime, keeping its memory.
pub(crate) fn recycle<'a>(mut cells: Vec<Cell<'_>>) -> Vec<Cell<'a>> {
    cells.clear();
    cells.into_iter().map(|_| Cell::Null).collect()
}

/// The place of each declared column among the file's, and the names not declared.
pub(crate) fn match_columns(
    found: &[String],
    description: &Description,
) -> Result<(Vec<usize>, Vec<String>), ImportError> {
    let declared: Vec<&str> = description.columns.iter().map(ColumnSpec::source).collect();
    if !found.iter().any(|name| declared.contains(&name.as_str())) {
        return Err(ImportError::NoHeader(found.len()));
    }
    let is_unit = |column: &ColumnSpec| description.unit.as_ref().is_some_and(|unit| unit.column == column.name);
    let place = |column: &ColumnSpec| {
        found.iter().position(|found| found == column.source()).ok_or_else(|| ImportError::MissingColumn {
            role: if is_unit(column) { text!("the unit column", "隐私单元列") } else { text!("column", "列") },
            missing: column.source().to_owned(),
            found: found.iter().filter(|name| !name.is_empty()).take(40).cloned().collect::<Vec<_>>().join(", "),
        })
    };
    description.columns.iter().find(|column| is_unit(column)).map(place).transpose()?;
    let places = description.columns.iter().map(place).collect::<Result<_, _>>()?;
    let undeclared = found.iter().filter(|name| !name.is_empty() && !declared.contains(&name.as_str()));
    Ok((places, undeclared.cloned().collect()))
}
