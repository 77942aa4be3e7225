//! The public values of reference tables, as a blob of the log: which groups a domain has.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use unseen_ids::Key;
use unseen_policies::plan::References;

/// The different values of each column of a reference table, in order of first appearance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PublicValues(BTreeMap<String, Vec<Key>>);

impl PublicValues {
    /// Adds a column.
    pub fn insert(&mut self, column: &str, values: impl IntoIterator<Item = Key>) {
        self.0.insert(column.to_owned(), values.into_iter().collect());
    }
}

/// Reference tables by name.
#[derive(Clone, Debug, Default)]
pub struct PublicTables(pub BTreeMap<String, PublicValues>);

impl References for PublicTables {
    fn column(&self, reference: &str, column: &str) -> Option<Vec<Key>> {
        self.0.get(reference)?.0.get(column).cloned()
    }
}
