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
    pub(crate) fn finish(self) -> Result<(), ImportError> {
        self.told(false).map_or(Ok(()), Err)
    }

    /// `more` is whether there is more of the file that was not read.
    fn told(mut self, more: bool) -> Option<ImportError> {
        match self.met.len() {
            0 => None,
            1 if !more => self.met.pop(),
            _ => Some(ImportError::Several { faults: self.met, more }),
        }
    }
}

/// What is wrong with slices of a file that follow each other, as is said of the file: `slices` finds it out of each, and
/// is asked no longer than more would be told. `more` is whether the file goes on behind them.
pub fn refusal<E>(
    slices: impl Iterator<Item = Result<Option<ImportError>, E>>,
    more: bool,
) -> Result<Option<ImportError>, E> {
    let mut all = Faults::new(BadRows::Refuse);
    for found in slices {
        let told = match found? {
            None => Ok(()),
            Some(ImportError::Several { faults, .. }) => faults.into_iter().try_for_each(|fault| all.take(fault)),
            Some(fault) => all.take(fault),
        };
        if let Err(fault) = told {
            return Ok(Some(fault));
        }
    }
    Ok(all.told(more))
}
