//! Decoded rows, and the looked-up columns beside them.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, RecordBatch, StringArray};
use arrow_buffer::{Buffer, NullBuffer, ScalarBuffer};
use unseen_texts::text;

use super::cells::{Cells, Column};
use super::error::ScanError;
use super::input::ScanInput;
use super::owned::{OwnedColumn, OwnedTable};
use crate::description::CellKind;
use crate::reference::{Index, Lookup};
use crate::snapshot::{SnapshotError, UNIT};

/// Which columns are read, and what is shown of them.
pub(super) struct Plan {
    pub(super) read: Vec<Origin>,
    pub(super) lookups: Vec<PlannedLookup>,
    /// Indices into a chunk's columns.
    pub(super) shown: Vec<usize>,
}

/// Where a read column comes from.
#[derive(PartialEq)]
pub(super) enum Origin {
    Stored { name: String, kind: CellKind },
    UnitText,
    UnitInt,
}

pub(super) struct PlannedLookup {
    pub(super) lookup: Lookup,
    pub(super) on: usize,
}

/// A decoded batch. Its columns are those read, then those looked up.
pub(super) struct Chunk {
    pub(super) rows: usize,
    pub(super) unit_keys: ScalarBuffer<i32>,
    pub(super) units: StringArray,
    pub(super) columns: Vec<ChunkColumn>,
}

pub(super) struct ChunkColumn {
    pub(super) cells: ChunkCells,
    /// Empty when the chunk has no null here.
    pub(super) validity: Vec<u8>,
}

pub(super) enum ChunkCells {
    Ints(ScalarBuffer<i64>),
    Floats(ScalarBuffer<f64>),
    Bools(Vec<u8>),
    Texts { offsets: ScalarBuffer<i32>, bytes: Buffer },
}

impl Plan {
    pub(super) fn new(input: &ScanInput<'_>) -> Result<Self, ScanError> {
        let mut plan = Self { read: Vec::new(), lookups: Vec::new(), shown: Vec::new() };
        for name in input.columns {
            let at = plan.read(input, name)?;
            plan.shown.push(at);
        }
        for lookup in input.lookups {
            let kind = input.kind(&lookup.on)?.cell_kind();
            let fits =
                matches!((&*lookup.index, kind), (Index::Ints(_), CellKind::Int) | (Index::Texts(_), CellKind::Text));
            if !fits {
                return Err(ScanError::LookupType {
                    dataset: input.snapshot.manifest().dataset.clone(),
                    column: lookup.on.clone(),
                    reference: lookup.table.name().to_owned(),
                });
            }
            let on = plan.read(input, &lookup.on)?;
            plan.lookups.push(PlannedLookup { lookup: lookup.clone(), on });
        }
        let brought = plan.lookups.iter().map(|planned| planned.lookup.columns.len()).sum::<usize>();
        plan.shown.extend(plan.read.len()..plan.read.len() + brought);
        Ok(plan)
    }

    /// Index of the read column of this name.
    pub(super) fn read(&mut self, input: &ScanInput<'_>, name: &str) -> Result<usize, ScanError> {
        let kind = input.kind(name)?.cell_kind();
        let origin = match (input.snapshot.manifest().unit_column.as_deref() == Some(name), kind) {
            (true, CellKind::Int) => Origin::UnitInt,
            (true, _) => Origin::UnitText,
            (false, kind) => Origin::Stored { name: name.to_owned(), kind },
        };
        Ok(self.read.iter().position(|other| *other == origin).unwrap_or_else(|| {
            self.read.push(origin);
            self.read.len() - 1
        }))
    }

    /// Bytes that a row may have at most, `text` of them in the dataset's own texts.
    pub(super) fn row_bytes(&self, text: u64) -> u64 {
        let texts = self.read.iter().any(|origin| matches!(origin, Origin::Stored { kind: CellKind::Text, .. }));
        let brought: u64 = self.lookups.iter().map(|planned| planned.lookup.widest).fold(0, u64::saturating_add);
        let cells = 9 * (self.read.len() + self.shown.len()) as u64;
        cells.saturating_add(if texts { text } else { 0 }).saturating_add(brought)
    }

    pub(super) fn stored(&self) -> impl Iterator<Item = &str> {
        self.read.iter().filter_map(|origin| match origin {
            Origin::Stored { name, .. } => Some(name.as_str()),
            Origin::UnitText | Origin::UnitInt => None,
        })
    }
}

impl Chunk {
    pub(super) fn empty() -> Self {
        Self { rows: 0, unit_keys: Vec::new().into(), units: StringArray::new_null(0), columns: Vec::new() }
    }

    pub(super) fn unit(&self, row: usize) -> &str {
        self.units.value(self.unit_keys[row] as usize)
    }

    /// The first row after `start` of another unit.
    pub(super) fn run_end(&self, start: usize) -> usize {
        let keys = &self.unit_keys[start..];
        start + keys.iter().position(|key| *key != keys[0]).unwrap_or(keys.len())
    }

    pub(super) fn decode(batch: &RecordBatch, plan: &Plan, file: &str) -> Result<Self, ScanError> {
        let wrong = || {
            SnapshotError::content(
                file,
                text!("a column is missing or of another type than registered", "缺少一列，或其类型与登记的不同"),
            )
        };
        let column = |name: &str| batch.column_by_name(name).ok_or_else(wrong);
        let units = column(UNIT)?.as_dictionary_opt::<Int32Type>().ok_or_else(wrong)?;
        if units.null_count() > 0 {
            return Err(wrong().into());
        }
        let mut chunk = Self {
            rows: batch.num_rows(),
            unit_keys: units.keys().values().clone(),
            units: units.values().as_string_opt::<i32>().ok_or_else(wrong)?.clone(),
            columns: Vec::with_capacity(plan.read.len()),
        };
        for origin in &plan.read {
            let decoded = match origin {
                Origin::Stored { name, kind } => ChunkColumn::decode(column(name)?, *kind).ok_or_else(wrong)?,
                Origin::UnitText => chunk.unit_texts()?,
                Origin::UnitInt => chunk.unit_ints().ok_or_else(wrong)?,
            };
            chunk.columns.push(decoded);
        }
        for planned in &plan.lookups {
            let rows = chunk.columns[planned.on].look_up(&planned.lookup.index, chunk.rows);
            for &column in &planned.lookup.columns {
                chunk.columns.push(ChunkColumn::gather(planned.lookup.table.table().column(column), &rows)?);
            }
        }
        Ok(chunk)
    }

    pub(super) fn unit_texts(&self) -> Result<ChunkColumn, ScanError> {
        ChunkColumn::texts((0..self.rows).map(|row| self.unit(row).as_bytes()))
    }

    pub(super) fn unit_ints(&self) -> Option<ChunkColumn> {
        let mut cells = Vec::with_capacity(self.rows);
        while cells.len() < self.rows {
            let unit = self.unit(cells.len()).parse::<i64>().ok()?;
            cells.resize(self.run_end(cells.len()), unit);
        }
        Some(ChunkColumn { cells: ChunkCells::Ints(cells.into()), validity: Vec::new() })
    }
}

impl ChunkColumn {
    /// `None` when the array is of another kind. What the reader leaves in the place of a null may
    /// stem from another unit's row, so it is overwritten.
    pub(super) fn decode(array: &dyn Array, kind: CellKind) -> Option<Self> {
        let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
        let validity = nulls.map(|nulls| nulls.iter().map(u8::from).collect()).unwrap_or_default();
        let cells = match kind {
            CellKind::Int => ChunkCells::Ints(without_nulls(array.as_primitive_opt::<Int64Type>()?.values(), nulls)),
            CellKind::Float => {
                ChunkCells::Floats(without_nulls(array.as_primitive_opt::<Float64Type>()?.values(), nulls))
            }
            CellKind::Bool => {
                let bits = array.as_boolean_opt()?.values().iter().map(u8::from);
                ChunkCells::Bools(match nulls {
                    None => bits.collect(),
                    Some(nulls) => bits.zip(nulls.iter()).map(|(bit, valid)| bit & u8::from(valid)).collect(),
                })
            }
            CellKind::Text => {
                let texts = array.as_string_opt::<i32>()?;
                let empty = |row: usize| texts.value_offsets()[row] == texts.value_offsets()[row + 1];
                if nulls.is_some_and(|nulls| nulls.iter().enumerate().any(|(row, valid)| !valid && !empty(row))) {
                    return None;
                }
                ChunkCells::Texts { offsets: texts.offsets().inner().clone(), bytes: texts.values().clone() }
            }
        };
        Some(Self { cells, validity })
    }

    /// Fills `rebased` with the offsets of these rows, from 0; does nothing unless there are texts.
    pub(super) fn rebase(&self, rows: Range<usize>, rebased: &mut Vec<u32>) {
        if let ChunkCells::Texts { offsets, .. } = &self.cells {
            let offsets = &offsets[rows.start..=rows.end];
            let base = offsets[0];
            rebased.clear();
            rebased.extend(offsets.iter().map(|&offset| (offset - base).cast_unsigned()));
        }
    }

    /// These rows, given their rebased offsets.
    pub(super) fn view<'a>(&'a self, rows: Range<usize>, rebased: &'a [u32]) -> Column<'a> {
        let validity = match self.validity.get(rows.clone()) {
            Some(validity) if validity.contains(&0) => validity,
            _ => &[],
        };
        let cells = match &self.cells {
            ChunkCells::Ints(cells) => Cells::Ints(&cells[rows]),
            ChunkCells::Floats(cells) => Cells::Floats(&cells[rows]),
            ChunkCells::Bools(cells) => Cells::Bools(&cells[rows]),
            ChunkCells::Texts { offsets, bytes } => Cells::Texts {
                offsets: rebased,
                bytes: &bytes[offsets[rows.start] as usize..offsets[rows.end] as usize],
            },
        };
        Column { cells, validity }
    }

    pub(super) fn texts<'a>(cells: impl Iterator<Item = &'a [u8]>) -> Result<Self, ScanError> {
        let (mut offsets, mut bytes) = (vec![0i32], Vec::new());
        for cell in cells {
            bytes.extend_from_slice(cell);
            offsets.push(i32::try_from(bytes.len()).map_err(|_| ScanError::TooLarge)?);
        }
        Ok(Self { cells: ChunkCells::Texts { offsets: offsets.into(), bytes: bytes.into() }, validity: Vec::new() })
    }

    /// The reference row for each row, if any.
    pub(super) fn look_up(&self, index: &Index, rows: usize) -> Vec<Option<u32>> {
        let valid = |row: usize| self.validity.get(row) != Some(&0);
        (0..rows)
            .map(|row| match (index, &self.cells) {
                _ if !valid(row) => None,
                (Index::Ints(index), ChunkCells::Ints(cells)) => index.get(&cells[row]).copied(),
                (Index::Texts(index), ChunkCells::Texts { offsets, bytes }) => {
                    index.get(&bytes[offsets[row] as usize..offsets[row + 1] as usize]).copied()
                }
                _ => None,
            })
            .collect()
    }

    /// The cells of a reference column at these rows; null where there is no row or a null.
    pub(super) fn gather(from: Column<'_>, rows: &[Option<u32>]) -> Result<Self, ScanError> {
        let present = |row: &Option<u32>| row.map(|row| row as usize).filter(|row| !from.is_null(*row));
        let cells = match from.cells {
            Cells::Ints(cells) => {
                ChunkCells::Ints(rows.iter().map(|row| present(row).map_or(0, |row| cells[row])).collect())
            }
            Cells::Floats(cells) => {
                ChunkCells::Floats(rows.iter().map(|row| present(row).map_or(0.0, |row| cells[row])).collect())
            }
            Cells::Bools(cells) => {
                ChunkCells::Bools(rows.iter().map(|row| present(row).map_or(0, |row| cells[row])).collect())
            }
            Cells::Texts { .. } => {
                Self::texts(rows.iter().map(|row| present(row).and_then(|row| from.text(row)).unwrap_or_default()))?
                    .cells
            }
        };
        let mut validity: Vec<u8> = rows.iter().map(|row| u8::from(present(row).is_some())).collect();
        if !validity.contains(&0) {
            validity = Vec::new();
        }
        Ok(Self { cells, validity })
    }
}

impl OwnedTable {
    /// Appends a batch whose columns have the kinds of this table's, in order.
    pub(crate) fn append_batch(&mut self, batch: &RecordBatch) -> Result<(), ScanError> {
        let rows = batch.num_rows();
        let decode = |(array, column): (&arrow_array::ArrayRef, &OwnedColumn)| {
            ChunkColumn::decode(array, column.cells.kind()).ok_or(ScanError::Shape)
        };
        let decoded = batch.columns().iter().zip(&self.columns).map(decode).collect::<Result<Vec<_>, _>>()?;
        let mut offsets = vec![Vec::new(); decoded.len()];
        for (column, offsets) in decoded.iter().zip(&mut offsets) {
            column.rebase(0..rows, offsets);
        }
        self.append(rows, decoded.iter().zip(&offsets).map(|(column, offsets)| column.view(0..rows, offsets)))
    }
}

fn without_nulls<T: arrow_buffer::ArrowNativeType>(
    values: &ScalarBuffer<T>,
    nulls: Option<&NullBuffer>,
) -> ScalarBuffer<T> {
    match nulls {
        None => values.clone(),
        Some(nulls) => {
            values.iter().zip(nulls.iter()).map(|(value, valid)| if valid { *value } else { T::default() }).collect()
        }
    }
}
