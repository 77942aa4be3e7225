//! The datasets, public tables and columns that a manifest names.

use std::collections::HashSet;

use unseen_texts::Sentence;

use super::{Keys, Manifest};
use crate::meant::meant;
use crate::reader::{ManifestError, Place};

/// A table that a manifest names, or a column of it.
#[derive(Clone, Copy, Debug)]
pub struct Mention<'m> {
    /// The dataset or public table.
    pub table: &'m str,
    /// The column; none where the table itself is named.
    pub column: Option<&'m str>,
    /// Whether the code is shown rows of this table, as opposed to values looked up in it.
    pub is_input: bool,
    at: Place,
}

impl Mention<'_> {
    /// An error that points to it.
    pub fn error(&self, message: impl Into<Sentence>) -> ManifestError {
        self.at.error(message)
    }

    /// Advice on it, where it is none of the `known` names.
    pub fn meant(&self, known: &[&str]) -> Sentence {
        meant(self.column.unwrap_or(self.table), known)
    }
}

impl Manifest {
    /// Every table and column that it names: those of the inputs first, then those of public tables.
    pub fn mentions(&self) -> Vec<Mention<'_>> {
        fn all<'m>(columns: &'m [String], places: &'m [Place]) -> impl Iterator<Item = (&'m String, Place)> {
            columns.iter().zip(places.iter().copied())
        }
        let mut found = Vec::new();
        for input in &self.inputs {
            let named = |column, at| Mention { table: &input.dataset, column, is_input: true, at };
            found.push(named(None, input.at));
            found.extend(all(&input.columns, &input.columns_at).map(|(column, at)| named(Some(column), at)));
            found.extend(input.lookups.iter().map(|lookup| named(Some(&lookup.on), lookup.on_at)));
        }
        for lookup in self.inputs.iter().flat_map(|input| &input.lookups) {
            let named = |column, at| Mention { table: &lookup.reference, column, is_input: false, at };
            found.extend([named(None, lookup.at), named(Some(&lookup.key), lookup.key_at)]);
            found.extend(all(&lookup.columns, &lookup.columns_at).map(|(column, at)| named(Some(column), at)));
        }
        for group in self.outputs.iter().flat_map(|output| &output.groups) {
            if let Keys::Reference { reference, column } = &group.keys {
                let named = |column| Mention { table: reference, column, is_input: false, at: group.at };
                found.extend([named(None), named(Some(column))]);
            }
        }
        found
    }

    /// Names of the datasets the job reads: its inputs in order, then its public tables, each once.
    pub fn datasets(&self) -> Vec<&str> {
        once(self.mentions().into_iter().map(|mention| mention.table))
    }

    /// Names of the public tables the job uses, each once, in order of appearance.
    pub fn references(&self) -> Vec<&str> {
        once(self.mentions().into_iter().filter(|mention| !mention.is_input).map(|mention| mention.table))
    }

    /// The columns it reads of a dataset or public table, each once.
    pub fn columns_of(&self, table: &str) -> Vec<&str> {
        once(self.mentions().into_iter().filter(|mention| mention.table == table).filter_map(|mention| mention.column))
    }
}

fn once<'m>(names: impl Iterator<Item = &'m str>) -> Vec<&'m str> {
    let mut seen = HashSet::new();
    names.filter(|name| seen.insert(*name)).collect()
}
