//! The streaming co-group: one grain per privacy unit, from every input, in one pass over one
//! bucket, in memory that depends on the largest unit and not on the data.
//!
//! A grain is all rows of one unit, up to the job's limits: one table per input, units in ascending order
//! of their bytes, rows in import order. A unit that any input has is a grain; where an input lacks it, its table
//! has no rows. Cells are slices straight into the decoded batch; only a unit that crosses the end
//! of a batch is copied.
//!
//! What the files say is checked while it is read, because a unit out of its place would make two
//! grains of one unit, and so break the privacy guarantee: units ascend strictly, each hashes to
//! its bucket, and rows and units come to what the manifest counts.

pub(crate) mod cells;
mod chunk;
mod cursor;
pub(crate) mod error;
mod input;
pub(crate) mod owned;

pub use cells::{Cells, Column};
pub use cursor::GrainTable;
pub(crate) use cursor::batch_rows;
pub use error::ScanError;
pub use input::{GrainLimits, ScanInput};
pub use owned::OwnedTable;

use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use unseen_policies::need::BATCH_ROWS;

use crate::snapshot::SnapshotError;
use cursor::{Cursor, Place, TableOf};

/// The grains of one bucket, in ascending order of unit bytes.
pub struct CoGroup {
    cursors: Vec<Cursor>,
    limits: GrainLimits,
    unit: String,
    overlarge: bool,
    over: bool,
}

/// All rows of one privacy unit, or of one block of units: one table per input.
#[derive(Clone, Copy)]
pub struct Grain<'a>(GrainOf<'a>);

#[derive(Clone, Copy)]
enum GrainOf<'a> {
    Stream(&'a CoGroup),
    Owned(&'a OwnedGrain),
}

impl<'a> Grain<'a> {
    /// The unit's id; empty for a block.
    pub fn unit(&self) -> &'a str {
        match self.0 {
            GrainOf::Stream(stream) => &stream.unit,
            GrainOf::Owned(_) => "",
        }
    }

    /// Whether the grain is larger than its limit in bytes: what it shows is then not all of it, and it
    /// contributes nothing.
    pub fn overlarge(&self) -> bool {
        match self.0 {
            GrainOf::Stream(stream) => stream.overlarge,
            GrainOf::Owned(grain) => grain.overlarge,
        }
    }

    /// How many rows the unit has in input `index`, whether shown or not.
    fn there(&self, index: usize) -> u64 {
        match self.0 {
            GrainOf::Stream(stream) => stream.cursors[index].here(),
            GrainOf::Owned(grain) => grain.counted[index].0,
        }
    }

    /// Number of inputs.
    pub fn tables(&self) -> usize {
        match self.0 {
            GrainOf::Stream(stream) => stream.cursors.len(),
            GrainOf::Owned(grain) => grain.tables.len(),
        }
    }

    /// The table of input `index` (must be less than [`Grain::tables`]).
    pub fn table(&self, index: usize) -> GrainTable<'a> {
        GrainTable(match self.0 {
            GrainOf::Stream(stream) => {
                let cursor = &stream.cursors[index];
                match &cursor.place {
                    Place::Absent => TableOf::Owned(&cursor.empty),
                    Place::Carried => TableOf::Owned(&cursor.carried),
                    Place::Chunk(rows) => TableOf::Chunk(cursor, rows.start, rows.end),
                }
            }
            GrainOf::Owned(grain) => TableOf::Owned(&grain.tables[index]),
        })
    }
}

/// A grain that owns its cells: a block.
#[derive(Clone, Debug)]
pub struct OwnedGrain {
    tables: Vec<OwnedTable>,
    /// Rows and units of each input.
    counted: Vec<(u64, u64)>,
    bytes: u64,
    overlarge: bool,
}

impl OwnedGrain {
    pub(crate) fn new(tables: Vec<OwnedTable>) -> Self {
        Self { counted: vec![(0, 0); tables.len()], tables, bytes: 0, overlarge: false }
    }

    /// How many rows and units of each input are in it, whether shown or not.
    pub fn counted(&self) -> &[(u64, u64)] {
        &self.counted
    }

    /// The grain's view.
    pub fn grain(&self) -> Grain<'_> {
        Grain(GrainOf::Owned(self))
    }

    /// Appends a copy of the rows of a grain of the same shape, unless that makes it larger than `most`
    /// bytes: then it is emptied.
    pub(crate) fn append(&mut self, grain: Grain<'_>, most: u64) -> Result<(), ScanError> {
        for (index, (rows, units)) in self.counted.iter_mut().enumerate() {
            *rows += grain.there(index);
            *units += u64::from(grain.there(index) > 0);
        }
        if self.overlarge {
            return Ok(());
        }
        self.bytes = self.bytes.saturating_add((0..grain.tables()).map(|index| grain.table(index).bytes()).sum());
        if grain.overlarge() || self.bytes > most {
            self.overlarge = true;
            self.tables.iter_mut().for_each(OwnedTable::let_go);
            return Ok(());
        }
        for (index, table) in self.tables.iter_mut().enumerate() {
            let from = grain.table(index);
            table.append(from.rows() as usize, (0..from.columns()).map(|column| from.column(column)))?;
        }
        Ok(())
    }
}

impl CoGroup {
    /// Opens bucket `bucket` of every input, and verifies its digest if this is the first time. All
    /// inputs must have the same unit domain and number of buckets.
    pub fn open(inputs: &[ScanInput<'_>], bucket: u32, limits: GrainLimits) -> Result<Self, ScanError> {
        let first = inputs.first().ok_or(ScanError::NoInput)?;
        for other in inputs {
            let (a, b) = (first.snapshot.manifest(), other.snapshot.manifest());
            if a.unit_domain != b.unit_domain || a.files.len() != b.files.len() {
                return Err(ScanError::Mismatch { first: a.dataset.clone(), second: b.dataset.clone() });
            }
        }
        let cursors = inputs.iter().map(|input| Cursor::open(input, bucket)).collect::<Result<_, _>>()?;
        Ok(Self { cursors, limits, unit: String::new(), overlarge: false, over: false })
    }

    /// How many rows and units of each input were met so far.
    pub fn counted(&self) -> Vec<(u64, u64)> {
        self.cursors.iter().map(|cursor| cursor.met).collect()
    }

    /// The next grain, or `None` after the last. After an error there are no more grains.
    #[expect(clippy::should_implement_trait, reason = "a grain borrows the co-group, which Iterator cannot say")]
    pub fn next(&mut self) -> Result<Option<Grain<'_>>, ScanError> {
        if self.over {
            return Ok(None);
        }
        self.over = true;
        if !self.advance()? {
            return Ok(None);
        }
        self.over = false;
        Ok(Some(Grain(GrainOf::Stream(self))))
    }

    fn advance(&mut self) -> Result<bool, ScanError> {
        let Some(least) = self.cursors.iter().filter_map(Cursor::head).min() else {
            for cursor in &self.cursors {
                cursor.check_counts()?;
            }
            return Ok(false);
        };
        self.unit.clear();
        self.unit.push_str(least);
        for cursor in &mut self.cursors {
            if cursor.head() == Some(self.unit.as_str()) {
                cursor.take(&self.limits)?;
            } else {
                cursor.place = Place::Absent;
            }
        }
        self.overlarge = false;
        if self.limits.bytes < u64::MAX {
            let whole = Grain(GrainOf::Stream(self));
            let bytes: u64 = (0..whole.tables()).map(|index| whole.table(index).bytes()).sum();
            self.overlarge = bytes > self.limits.bytes;
        }
        Ok(true)
    }
}

/// Decodes the columns of one bucket and the unit ids, looks at nothing, and returns the number of
/// rows: the floor that benchmarks compare [`CoGroup`] with. The bucket's digest is not verified.
pub fn decode_only(input: &ScanInput<'_>, bucket: u32) -> Result<u64, ScanError> {
    let entry = input.snapshot.manifest().files.get(bucket as usize).ok_or(ScanError::NoBucket(bucket))?;
    let content = |fault: &dyn std::fmt::Display| SnapshotError::content(&entry.file, fault.to_string());
    let (file, metadata) = input.snapshot.parquet(bucket, false)?;
    let builder =
        ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata).with_batch_size(BATCH_ROWS as usize);
    let wanted = input.columns.iter().filter_map(|name| input.snapshot.manifest().leaf(name));
    let mask = ProjectionMask::leaves(builder.parquet_schema(), wanted.chain([0]));
    let mut rows = 0;
    for batch in builder.with_projection(mask).build().map_err(|fault| content(&fault))? {
        rows += batch.map_err(|fault| content(&fault))?.num_rows() as u64;
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use unseen_ids::bucket_of;

    use super::cursor::BATCH;
    use crate::bucket_file::BucketFile;
    use crate::cell::Cell;
    use crate::keys::DataKey;
    use crate::snapshot::Snapshot;
    use crate::snapshot::{Manifest, forge};

    /// A snapshot of two buckets whose second one holds these units as its manifest counts them:
    /// right key, right digests, but perhaps made by a faulty or hostile importer.
    fn scan(units: &[&str], rows: u64, distinct: u64) -> Result<Vec<(String, u32)>, ScanError> {
        let dir = tempfile::tempdir().unwrap();
        let key = DataKey::generate().unwrap();
        let push = |file: &mut BucketFile| {
            for unit in units {
                file.push(Some(unit), [Cell::Int(1)].into_iter()).unwrap();
            }
        };
        let (manifest, files) = forge(dir.path(), &key, 2, push, |manifest: &mut Manifest| {
            (manifest.files[1].rows, manifest.files[1].units) = (rows, distinct);
        });
        let snapshot = Snapshot::open(&manifest, unseen_ids::sha256(&[&manifest]), &key, files).unwrap();
        let columns = ["n".to_owned()];
        let input = ScanInput { snapshot: &snapshot, columns: &columns, lookups: &[] };
        let mut scan = CoGroup::open(&[input], 1, GrainLimits::NONE)?;
        let mut grains = Vec::new();
        while let Some(grain) = scan.next()? {
            grains.push((grain.unit().to_owned(), grain.table(0).rows()));
        }
        Ok(grains)
    }

    fn refusal(units: &[&str], rows: u64, distinct: u64) -> String {
        scan(units, rows, distinct).unwrap_err().to_string()
    }

    #[test]
    fn a_bucket_that_would_split_or_hide_a_unit_is_refused() {
        let names: Vec<String> = (0..100).map(|n| format!("u{n:03}")).collect();
        let (right, wrong): (Vec<&str>, Vec<&str>) =
            names.iter().map(String::as_str).partition(|name| bucket_of(name.as_bytes(), 2) == 1);
        let [a, b, c] = right[..3] else { panic!("three units of bucket 1") };

        assert_eq!(scan(&[a, a, b, c], 4, 3).unwrap(), [(a.to_owned(), 2), (b.to_owned(), 1), (c.to_owned(), 1)]);
        assert!(refusal(&[b, a], 2, 2).contains("ascending"));
        assert!(refusal(&[a, b, a], 3, 2).contains("ascending"));
        assert!(refusal(&[wrong[0]], 1, 1).contains("not its own"));
        assert!(refusal(&[a, wrong[99 - right.len()]], 2, 2).contains("not its own"));
        assert!(refusal(&[a, b], 3, 2).contains("another number of rows or units"));
        assert!(refusal(&[a, b], 2, 1).contains("another number of rows or units"));

        // A unit taken up again after a batch of others, and one that a batch border parts.
        let mut long = vec![a; BATCH];
        long.extend([b; 10]);
        assert_eq!(scan(&long, BATCH as u64 + 10, 2).unwrap().len(), 2);
        long.push(a);
        assert!(refusal(&long, BATCH as u64 + 11, 2).contains("ascending"));
        let mut parted = vec![b; BATCH];
        parted.push(a);
        assert!(refusal(&parted, BATCH as u64 + 1, 2).contains("ascending"));
    }
}
