//! What a release says of how values lie: shares that replace what a description says.

use crate::description::{ColumnSpec, ColumnType};

/// How values lie, by a release.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fitted {
    /// Of columns, each at most once. A column stands behind the one that it is given by.
    pub columns: Vec<FittedColumn>,
    /// How many rows units have; empty when nothing is said.
    pub rows_of_unit: Vec<(Bin, f64)>,
}

/// How the values of one column lie.
#[derive(Clone, Debug, PartialEq)]
pub struct FittedColumn {
    /// The column.
    pub column: String,
    /// What its values fall into.
    pub bins: Vec<Bin>,
    /// How often each is met; only proportions count.
    pub weights: Vec<f64>,
    /// Where the values go by those of another column: that column, and for each of its bins the weights here. Weights
    /// that are all 0 say nothing, and those of the column itself hold.
    pub given: Option<(String, Vec<Vec<f64>>)>,
}

/// What values fall into.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bin {
    /// One text of the domain, by its place; true (0) and false (1).
    Text(usize),
    /// Numbers in the column's own unit, or days, from one to another.
    Between(f64, f64),
    /// No value.
    Null,
}

impl FittedColumn {
    /// The weights of the bins, where the column that it goes by has fallen into this bin.
    pub(super) fn weights(&self, given: Option<usize>) -> &[f64] {
        let by_other = self.given.as_ref().zip(given).and_then(|((_, shares), at)| shares.get(at));
        by_other.filter(|weights| weights.iter().sum::<f64>() > 0.0).unwrap_or(&self.weights)
    }

    /// Whether its bins are such as the column has, and weigh anything.
    pub(super) fn fits(&self, column: &ColumnSpec) -> bool {
        let texts = if column.kind == ColumnType::Bool { 2 } else { column.domain.len() };
        let fits = |bin: &Bin| match bin {
            Bin::Text(at) => *at < texts,
            Bin::Between(low, high) => low <= high && texts == 0 && column.kind != ColumnType::Text,
            Bin::Null => column.nullable,
        };
        self.bins.iter().all(fits)
            && self.bins.len() == self.weights.len()
            && self.weights.iter().all(|weight| *weight >= 0.0)
            && self.weights.iter().sum::<f64>() > 0.0
    }
}
