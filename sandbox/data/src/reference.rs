//! Public reference tables: held in memory, looked up by key, row by row.

use std::collections::HashMap;
use std::sync::Arc;

use thiserror::Error;
use unseen_ids::Key;
use unseen_policies::Bounds;
use unseen_texts::Say;

use crate::cell::Cell;
use crate::description::{CellKind, ColumnType};
use crate::scan::cells::Cells;
use crate::scan::owned::OwnedTable;

/// A reference table in memory.
#[derive(Clone, Debug)]
pub struct ReferenceTable {
    name: String,
    key: String,
    columns: Vec<(String, ColumnType)>,
    table: Arc<OwnedTable>,
}

/// Rows of one input joined to a reference table: which cell is looked up, and what it brings.
#[derive(Clone, Debug)]
pub struct Lookup {
    pub(crate) table: ReferenceTable,
    pub(crate) on: String,
    pub(crate) index: Arc<Index>,
    pub(crate) columns: Vec<usize>,
    /// Bytes of text that it may bring to one row.
    pub(crate) widest: u64,
}

impl Lookup {
    /// What the columns it brings hold.
    pub fn kinds(&self) -> impl Iterator<Item = ColumnType> + '_ {
        self.columns.iter().map(|column| self.table.columns()[*column].1.clone())
    }
}

/// Key to row.
#[derive(Debug)]
pub(crate) enum Index {
    Ints(HashMap<i64, u32>),
    Texts(HashMap<Box<[u8]>, u32>),
}

/// Why a lookup cannot be made.
#[derive(Debug, Error, PartialEq, Eq, Say)]
#[code("lookup")]
pub enum LookupError {
    /// A column the table does not have.
    #[error("reference table {table:?} has no column {column:?}")]
    #[zh("参照表 {table:?} 没有列 {column:?}")]
    NoColumn {
        /// Table name.
        table: String,
        /// Column name.
        column: String,
    },
    /// Key values must be unique, or a row would be multiplied.
    #[error("column {column:?} of reference table {table:?} cannot be a key: row {row} repeats an earlier value")]
    #[zh("列 {column:?}（参照表 {table:?}）不能作键：第 {row} 行与前面重复")]
    Repeated {
        /// Table name.
        table: String,
        /// Column name.
        column: String,
        /// From 1.
        row: u64,
    },
    /// Floats and bools do not make keys.
    #[error("column {column:?} of reference table {table:?} cannot be a key: only ints, dates and texts can")]
    #[zh("列 {column:?}（参照表 {table:?}）不能作键：只有整数、日期和文本可以")]
    NotAKey {
        /// Table name.
        table: String,
        /// Column name.
        column: String,
    },
}

impl ReferenceTable {
    pub(crate) fn new(name: String, key: String, columns: Vec<(String, ColumnType)>, table: OwnedTable) -> Self {
        Self { name, key, columns, table: Arc::new(table) }
    }

    /// The dataset's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key column of its description.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Names and types of the columns.
    pub fn columns(&self) -> &[(String, ColumnType)] {
        &self.columns
    }

    /// Number of rows.
    pub fn rows(&self) -> u32 {
        self.table.rows()
    }

    /// One cell; row and column must be there.
    pub(crate) fn cell(&self, row: usize, column: usize) -> Cell<'_> {
        let column = self.table.column(column);
        match column.cells {
            _ if column.is_null(row) => Cell::Null,
            Cells::Ints(cells) => Cell::Int(cells[row]),
            Cells::Floats(cells) => Cell::Float(cells[row]),
            Cells::Bools(cells) => Cell::Bool(cells[row] != 0),
            Cells::Texts { .. } => {
                let bytes = column.text(row).unwrap_or_default();
                Cell::Text(std::str::from_utf8(bytes).unwrap_or_default())
            }
        }
    }

    pub(crate) fn table(&self) -> &OwnedTable {
        &self.table
    }

    /// The different values of a column in order of first appearance, nulls left out: a public
    /// domain of groups. `None` when there is no such column or it holds floats or bools.
    pub fn distinct(&self, column: &str) -> Option<Vec<Key>> {
        let at = self.position(column)?;
        let column = self.table.column(at);
        let mut seen = std::collections::HashSet::new();
        let mut values = Vec::new();
        for row in 0..self.table.rows() as usize {
            if column.is_null(row) {
                continue;
            }
            let value = match column.cells {
                Cells::Ints(cells) => Key::Int(cells[row]),
                Cells::Texts { .. } => Key::Text(String::from_utf8_lossy(column.text(row)?).into_owned()),
                Cells::Floats(_) | Cells::Bools(_) => return None,
            };
            if seen.insert(value.clone()) {
                values.push(value);
            }
        }
        Some(values)
    }

    /// Prepares the lookup of column `on` of an input by `key`, bringing `columns`.
    pub fn lookup(&self, on: &str, key: &str, columns: &[String]) -> Result<Lookup, LookupError> {
        let position = |column: &str| {
            self.position(column)
                .ok_or_else(|| LookupError::NoColumn { table: self.name.clone(), column: column.to_owned() })
        };
        let index = Arc::new(self.index(position(key)?)?);
        let columns = columns.iter().map(|column| position(column)).collect::<Result<Vec<_>, _>>()?;
        let widest = self.widest(&columns);
        Ok(Lookup { table: self.clone(), on: on.to_owned(), index, columns, widest })
    }

    /// What the table has, as public bounds.
    pub fn bounds(&self) -> Bounds {
        let all: Vec<usize> = (0..self.columns.len()).collect();
        Bounds { units: 0, rows: u64::from(self.rows()), text: self.widest(&all) }
    }

    /// The most bytes of text that these columns have in one row.
    fn widest(&self, columns: &[usize]) -> u64 {
        let text = |row: usize, at: &usize| self.table.column(*at).text(row).map_or(0, |text| text.len() as u64);
        let row = |row: usize| columns.iter().map(|at| text(row, at)).sum();
        (0..self.rows() as usize).map(row).max().unwrap_or(0)
    }

    fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|(name, _)| name == column)
    }

    pub(crate) fn index(&self, at: usize) -> Result<Index, LookupError> {
        let column = self.table.column(at);
        let (table, name) = (|| self.name.clone(), || self.columns[at].0.clone());
        let mut index = match self.columns[at].1.cell_kind() {
            CellKind::Int => Index::Ints(HashMap::new()),
            CellKind::Text => Index::Texts(HashMap::new()),
            CellKind::Float | CellKind::Bool => {
                return Err(LookupError::NotAKey { table: table(), column: name() });
            }
        };
        for row in 0..self.table.rows() {
            if column.is_null(row as usize) {
                continue;
            }
            let earlier = match (&mut index, column.cells) {
                (Index::Ints(index), Cells::Ints(cells)) => index.insert(cells[row as usize], row),
                (Index::Texts(index), Cells::Texts { .. }) => {
                    column.text(row as usize).and_then(|text| index.insert(text.into(), row))
                }
                _ => None,
            };
            if earlier.is_some() {
                return Err(LookupError::Repeated { table: table(), column: name(), row: u64::from(row) + 1 });
            }
        }
        Ok(index)
    }
}

impl Lookup {
    /// Names and types of the columns it brings, in order.
    pub fn brings(&self) -> impl Iterator<Item = &(String, ColumnType)> {
        self.columns.iter().map(|&at| &self.table.columns[at])
    }
}
