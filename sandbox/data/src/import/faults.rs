//! Several faults told at once, so that a file is mended in one go.

use super::error::ImportError;
use crate::description::BadRows;

/// So many are listed; the last of them ends the import.
const MOST: usize = 20;

/// Faults of rows that were met so far, where they are not set aside.
#[derive(Debug)]
pub(crate) struct Faults {
    met: Vec<ImportError>,
    bad_rows: BadRows,
}

impl Faults {
    pub(crate) fn new(bad_rows: BadRows) -> Faults {
        Faults { met: Vec::new(), bad_rows }
    }

    /// Takes a fault of one row. Anything else, and one too many, ends the import.
    pub(crate) fn take(&mut self, fault: ImportError) -> Result<(), ImportError> {
        if self.bad_rows == BadRows::SetAside && fault.is_of_cells() {
            return Ok(());
        }
        if fault.row().is_none() {
            return Err(fault);
        }
        self.met.push(fault);
        if self.met.len() < MOST {
            return Ok(());
        }
        Err(ImportError::Several { faults: std::mem::take(&mut self.met), more: true })
    }

    /// At the end of the file: nothing, the one fault, or all of them.
    pub(crate) fn finish(mut self) -> Result<(), ImportError> {
        match self.met.len() {
            0 => Ok(()),
            1 => Err(self.met.remove(0)),
            _ => Err(ImportError::Several { faults: self.met, more: false }),
        }
    }
}
