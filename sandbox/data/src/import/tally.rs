//! What the rows of a source come to, all of them or those of a slice.

use serde::{Deserialize, Serialize};
use unseen_texts::text;

use super::error::ImportError;
use crate::description::Description;
use crate::quality::{LeftOut, QualityReport, Survey, UnitSurvey};

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
        self.rows += other.rows;
        self.set_aside += other.set_aside;
        self.bad += other.bad;
        self.survey.add(&other.survey);
        self.normalized.resize(other.normalized.len(), 0);
        self.normalized.iter_mut().zip(&other.normalized).for_each(|(sum, more)| *sum += more);
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
