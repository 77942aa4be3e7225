//! What a source hands its rows to.

use unseen_texts::text;

use super::error::{ImportError, Position};
use crate::cell::Cell;
use crate::description::Description;

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
