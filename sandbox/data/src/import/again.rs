//! Rows that were imported before, dealt into another number of buckets: their raw file is not needed.

use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;
use unseen_ids::bucket_of;
use unseen_texts::text;

use super::error::ImportError;
use super::job::Job;
use super::request::{Imported, Progress};
use crate::cell::Cell;
use crate::decoder::guarded;
use crate::description::CellKind;
use crate::keys::{DataKey, LabDataKey};
use crate::scan::batch_rows;
use crate::scan::owned::OwnedTable;
use crate::snapshot::{MANIFEST, Manifest, Snapshot, SnapshotError};
use crate::snapshot_dir::SnapshotDir;
use crate::sort::Sorter;

impl Job<'_> {
    /// Writes the rows of a snapshot anew, under a key of their own. What was found of their quality at their import
    /// stays true of them, and is taken along.
    pub(super) fn again(&mut self, from: SnapshotDir, lab: &LabDataKey) -> Result<Imported, ImportError> {
        let old_key = from.data_key(lab)?;
        let quality = from.quality(Some(&old_key))?;
        let old = from.into_snapshot(&old_key)?;
        let mut manifest = self.manifest()?;
        let was = old.manifest();
        let unit_at = self.description.unit_at().ok_or(ImportError::Description)?;
        let same = (&was.dataset, &was.unit_column, &was.columns, was.bounds);
        if same != (&manifest.dataset, &manifest.unit_column, &manifest.columns, manifest.bounds) {
            return Err(ImportError::Description);
        }
        let mut sorter = self.sorter()?;
        let lies = |why| SnapshotError::content(MANIFEST, why).into();
        let read = guarded(|| self.read_all(&old, unit_at, &mut sorter), lies)?;
        let key = DataKey::generate()?;
        manifest.set_aside = was.set_aside;
        self.write_buckets(sorter, &key, &mut manifest, read)?;
        if (manifest.rows(), manifest.units()) != (was.rows(), was.units()) {
            let other = text!("it has another number of rows or units than registered", "行数或单元数与登记的不同");
            return Err(SnapshotError::content(MANIFEST, other).into());
        }
        self.seal(&manifest, &key, &quality, lab)?;
        self.finish(manifest, quality, Vec::new())
    }

    /// Hands all rows to the sort, bucket by bucket, each of which is verified first; gives how many there are.
    fn read_all(&mut self, old: &Snapshot, unit_at: usize, sorter: &mut Sorter) -> Result<u64, ImportError> {
        let (of_bytes, mut bytes, mut rows) = (old.manifest().files.iter().map(|file| file.bytes).sum(), 0, 0);
        for bucket in 0..old.buckets() {
            old.verify_bucket(bucket)?;
            let entry = &old.manifest().files[bucket as usize];
            let unread = |why: String| SnapshotError::content(&entry.file, why);
            for batch in batches(old, bucket).map_err(|fault| unread(fault.to_string()))? {
                let mut table = OwnedTable::new(stored_kinds(old.manifest()));
                let batch = batch.map_err(|fault| unread(fault.to_string()))?;
                table.append_batch(&batch).map_err(|fault| unread(fault.to_string()))?;
                for row in 0..table.rows() as usize {
                    self.push(&table, row, unit_at, sorter)?;
                }
                rows += u64::from(table.rows());
                (self.progress)(Progress::Reading { rows, bytes, of_bytes });
            }
            bytes += entry.bytes;
        }
        Ok(rows)
    }

    /// One row as it is stored, the unit first; sorted with its cells in the order of the description.
    fn push(&self, table: &OwnedTable, row: usize, unit_at: usize, sorter: &mut Sorter) -> Result<(), ImportError> {
        let mut cells = table.row(row).ok_or(ImportError::Description)?;
        let Cell::Text(unit) = cells[0] else { return Err(ImportError::Description) };
        cells[..=unit_at].rotate_left(1);
        let bucket = bucket_of(unit.as_bytes(), self.options.buckets);
        sorter.push(bucket, unit.as_bytes(), &cells).map_err(ImportError::Write)
    }
}

/// Decodes a bucket, as many rows at a time as memory is there for.
fn batches(old: &Snapshot, bucket: u32) -> Result<ParquetRecordBatchReader, ParquetError> {
    let (file, metadata) = old.parquet(bucket, false).map_err(|fault| ParquetError::External(fault.into()))?;
    let row_bytes = old.manifest().bounds.text + 16 * old.manifest().columns.len() as u64;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
    builder.with_batch_size(batch_rows(row_bytes)).build()
}

/// What the columns of a bucket file hold: the unit comes first.
fn stored_kinds(manifest: &Manifest) -> impl Iterator<Item = CellKind> {
    let others = manifest.columns.iter().filter(|column| Some(&column.name) != manifest.unit_column.as_ref());
    std::iter::once(CellKind::Text).chain(others.map(|column| column.kind.cell_kind()))
}
