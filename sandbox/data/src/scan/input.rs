//! What a scan reads, and how much of it a grain shows.

use super::error::ScanError;
use crate::description::{CellKind, ColumnType, nearest};
use crate::reference::Lookup;
use crate::snapshot::Snapshot;

/// One input of a co-group.
pub struct ScanInput<'a> {
    /// The snapshot.
    pub snapshot: &'a Snapshot,
    /// The columns to show, in this order. The unit column may be among them.
    pub columns: &'a [String],
    /// Lookups whose columns are appended, in this order. `on` need not be among `columns`.
    pub lookups: &'a [Lookup],
}

impl ScanInput<'_> {
    /// Names and types of the columns a grain's table will have.
    pub fn shape(&self) -> Result<Vec<(String, ColumnType)>, ScanError> {
        let own = self.columns.iter().map(|name| Ok((name.clone(), self.kind(name)?.clone())));
        let brought = self.lookups.iter().flat_map(|lookup| lookup.brings().cloned().map(Ok));
        own.chain(brought).collect()
    }

    pub(crate) fn kinds(&self) -> Result<Vec<CellKind>, ScanError> {
        Ok(self.shape()?.iter().map(|(_, kind)| kind.cell_kind()).collect())
    }

    pub(super) fn kind(&self, name: &str) -> Result<&ColumnType, ScanError> {
        let columns = &self.snapshot.manifest().columns;
        match columns.iter().find(|column| column.name == name) {
            Some(column) => Ok(&column.kind),
            None => Err(ScanError::NoColumn {
                dataset: self.snapshot.manifest().dataset.clone(),
                column: name.to_owned(),
                hint: nearest(name, columns.iter().map(|column| column.name.as_str())),
            }),
        }
    }
}

/// How much of a unit a grain shows. Both are public numbers, and each grain's fate is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrainLimits {
    /// Rows of one unit, in each input: the first ones in import order are shown.
    pub rows: u32,
    /// Bytes of the cells of all inputs together. A grain with more is [`Grain::overlarge`], and is never
    /// held whole.
    pub bytes: u64,
}

impl GrainLimits {
    /// No limits.
    pub const NONE: GrainLimits = GrainLimits { rows: u32::MAX, bytes: u64::MAX };
}
