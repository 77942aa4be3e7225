//! What the rows of a source come to, all of them or those of a slice.

use serde::{Deserialize, Serialize};
use unseen_texts::text;

use super::error::ImportError;
use crate::description::Description;
use crate::quality::{LeftOut, QualityReport, Survey, UnitSurvey};

/// No slice has as many rows.
const MOST: u64 = 1 << 48;

/// Rows that were met, and what they are like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Tally {
    pub(super) rows: u64,
    /// Rows set aside because they name no unit.
    pub(super) set_aside: u64,
    /// Rows set aside for their cells.
    pub(super) bad: u64,
    pub(super) survey: Survey,
    /// How many cells of each column were brought into another form.
    pub(super) normalized: Vec<u64>,
}

impl Tally {
    pub(super) fn new(survey: Survey) -> Tally {
        Tally { rows: 0, set_aside: 0, bad: 0, survey, normalized: Vec::new() }
    }

    /// Takes the rows of another slice to these.
    pub(super) fn add(&mut self, other: &Tally) {
        let sum = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
        sum(&mut self.rows, other.rows);
        sum(&mut self.set_aside, other.set_aside);
        sum(&mut self.bad, other.bad);
        self.survey.add(&other.survey);
        self.normalized.iter_mut().zip(&other.normalized).for_each(|(all, more)| sum(all, *more));
    }

    /// Whether this can be of rows with so many columns.
    pub(super) fn can_be(&self, columns: usize) -> bool {
        let left_out = self.set_aside.checked_add(self.bad);
        let counted = left_out.is_some_and(|left_out| left_out <= self.rows) && self.rows < MOST;
        counted && self.normalized.len() == columns && self.survey.columns() == columns
    }

    pub(super) fn left_out(&self) -> u64 {
        self.set_aside + self.bad
    }

    /// Rows that are kept; refuses a source that has none, or more than its description allows.
    pub(super) fn kept(&self, description: &Description) -> Result<u64, ImportError> {
        let unit = description.unit.as_ref().ok_or(ImportError::Description)?;
        let most = description.bounds.rows;
        match self.rows {
            0 => Err(ImportError::NoRows),
            rows if rows > most => Err(ImportError::OverBound { what: text!("rows", "行"), key: "rows", most }),
            rows if rows == self.bad => Err(ImportError::NoGoodRow { rows }),
            rows if rows == self.left_out() => Err(ImportError::NoUnit { column: unit.column.clone(), rows }),
            rows => Ok(rows - self.left_out()),
        }
    }

    pub(super) fn report(self, description: &Description, units: UnitSurvey) -> QualityReport {
        let left_out = LeftOut { no_unit: self.set_aside, bad: self.bad };
        self.survey.report(description, left_out, units, &self.normalized)
    }
}
