//! Texts in the form that their columns declare, before anything else is made of them, whatever the source.

use std::borrow::Cow;

use super::error::{ImportError, Position};
use super::sink::RowSink;
use crate::cell::Cell;
use crate::description::{ColumnSpec, Description};

/// Stands between a source and what takes its rows.
pub(super) struct Normalizer<'a> {
    sink: &'a mut dyn RowSink,
    columns: Vec<Normalized<'a>>,
    changed: Vec<u64>,
}

/// A column that declares a form.
struct Normalized<'a> {
    at: usize,
    spec: &'a ColumnSpec,
    is_unit: bool,
    /// What stands for no value, in that form.
    nulls: Vec<String>,
}

impl<'a> Normalizer<'a> {
    pub(super) fn new(description: &'a Description, sink: &'a mut dyn RowSink) -> Self {
        let declares = |(_, spec): &(usize, &ColumnSpec)| !spec.normalize.steps().is_empty();
        let columns = description.columns.iter().enumerate().filter(declares).map(|(at, spec)| {
            let unit = description.unit.as_ref().filter(|unit| unit.column == spec.name);
            let missing = unit.into_iter().flat_map(|unit| &unit.missing);
            let nulls = spec.null.as_ref().unwrap_or(&description.csv.null).iter().chain(missing);
            let nulls = nulls.map(|null| spec.normalize.apply(null).into_owned()).collect();
            Normalized { at, spec, is_unit: unit.is_some(), nulls }
        });
        Self { sink, columns: columns.collect(), changed: vec![0; description.columns.len()] }
    }

    /// How many cells of each column were written otherwise.
    pub(super) fn changed(self) -> Vec<u64> {
        self.changed
    }
}

impl RowSink for Normalizer<'_> {
    fn row(&mut self, cells: &[Cell], at: Position, bytes: u64) -> Result<(), ImportError> {
        if self.columns.is_empty() {
            return self.sink.row(cells, at, bytes);
        }
        let form = |column: &Normalized| match cells[column.at] {
            Cell::Text(text) => Some((text, column.spec.normalize.apply(text))),
            _ => None,
        };
        let texts: Vec<Option<(&str, Cow<str>)>> = self.columns.iter().map(form).collect();
        let mut cells = cells.to_vec();
        for (column, text) in self.columns.iter().zip(&texts) {
            let Some((raw, text)) = text else { continue };
            let null = text.is_empty() || column.nulls.iter().any(|null| null == text);
            if null && !column.spec.nullable && !column.is_unit {
                self.sink.left_out();
                return Err(ImportError::Null { at, column: column.spec.name.clone() });
            }
            self.changed[column.at] += u64::from(!null && raw != text);
            cells[column.at] = if null { Cell::Null } else { Cell::Text(text) };
        }
        self.sink.row(&cells, at, bytes)
    }

    fn left_out(&mut self) {
        self.sink.left_out();
    }
}
