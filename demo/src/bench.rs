//! The table that speed is measured on: units of equal size, their rows scattered over the whole
//! file, as an export from a register of transactions would have them.
//!
//! Columns: `unit` (integer), `month` (0, 1, ... within the unit), `district` (one of the twelve
//! towns, the same in all rows of a unit), `output`, `energy` (floats), `jobs` (integer).

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use crate::district::TOWNS;
use crate::numbers;

/// Rows of one batch, and so of what is in memory at a time.
const BATCH: u64 = 65_536;
const UNITS: u32 = 11;
const ROWS: u32 = 12;
const ORDER: u32 = 13;

/// A benchmark table to be made.
#[derive(Clone, Copy, Debug)]
pub struct Bench {
    /// Everything follows from it.
    pub seed: u64,
    /// How many rows.
    pub rows: u64,
    /// How many rows a unit has; the last unit has what is left.
    pub rows_per_unit: u64,
}

/// Why a table could not be written.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The file could not be made.
    #[error("cannot write the benchmark table: {0}")]
    Io(#[from] std::io::Error),
    /// The Parquet writer refused.
    #[error("cannot write the benchmark table as Parquet: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// The columns did not fit together.
    #[error("cannot put the benchmark table's columns together: {0}")]
    Arrow(#[from] arrow_schema::ArrowError),
}

impl Bench {
    /// Writes the table as a Parquet file (zstd), replacing what is there.
    pub fn write(&self, out: &Path) -> Result<(), BenchError> {
        let order = Shuffle::new(self.seed, self.rows);
        let batches = (0..self.rows.div_ceil(BATCH)).map(|batch| (batch * BATCH)..((batch + 1) * BATCH).min(self.rows));
        let mut writer = None;
        for positions in batches {
            let rows: Vec<Row> = positions.map(|position| self.row(order.place(position))).collect();
            let batch = batch(&rows)?;
            let writer = match &mut writer {
                Some(writer) => writer,
                none => {
                    let properties =
                        WriterProperties::builder().set_compression(Compression::ZSTD(Default::default())).build();
                    none.insert(ArrowWriter::try_new(File::create(out)?, batch.schema(), Some(properties))?)
                }
            };
            writer.write(&batch)?;
        }
        if let Some(writer) = writer {
            writer.close()?;
        }
        Ok(())
    }

    /// Draws the row with this index; rows of a unit are neighbours here and scattered in the file.
    pub fn row(&self, index: u64) -> Row {
        let unit = index / self.rows_per_unit.max(1);
        let of_unit = &mut numbers(self.seed, UNITS, unit);
        let district = of_unit.random_range(0..TOWNS.len());
        let size = (4.5 + 1.1 * normal(of_unit)).exp();
        let intensity = 0.12 * (0.5 * normal(of_unit)).exp();
        let of_row = &mut numbers(self.seed, ROWS, index);
        let output = size * (0.2 * normal(of_row)).exp();
        let energy = output * intensity * (0.1 * normal(of_row)).exp();
        let jobs = (1.0 + size * 0.1 * (0.1 * normal(of_row)).exp()) as i64;
        let cents = |number: f64| (number * 100.0).round() / 100.0;
        Row {
            unit: unit as i64,
            month: (index % self.rows_per_unit.max(1)) as i64,
            district: TOWNS[district].0,
            output: cents(output),
            energy: cents(energy),
            jobs,
        }
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// The privacy unit.
    pub unit: i64,
    /// Month within the unit, from 0.
    pub month: i64,
    /// A town's name.
    pub district: &'static str,
    /// Output, two places.
    pub output: f64,
    /// Energy, two places.
    pub energy: f64,
    /// Persons.
    pub jobs: i64,
}

fn batch(rows: &[Row]) -> Result<RecordBatch, BenchError> {
    let ints = |cell: fn(&Row) -> i64| Arc::new(Int64Array::from_iter_values(rows.iter().map(cell))) as ArrayRef;
    let floats = |cell: fn(&Row) -> f64| Arc::new(Float64Array::from_iter_values(rows.iter().map(cell))) as ArrayRef;
    Ok(RecordBatch::try_from_iter([
        ("unit", ints(|row| row.unit)),
        ("month", ints(|row| row.month)),
        ("district", Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.district))) as ArrayRef),
        ("output", floats(|row| row.output)),
        ("energy", floats(|row| row.energy)),
        ("jobs", ints(|row| row.jobs)),
    ])?)
}

fn normal(numbers: &mut impl Rng) -> f64 {
    StandardNormal.sample(numbers)
}

/// A seeded order of 0 to n - 1 that needs no memory: a Feistel network on the next even power of
/// two, walked until it lands below n.
struct Shuffle {
    rows: u64,
    half: u32,
    keys: [u64; 4],
}

impl Shuffle {
    fn new(seed: u64, rows: u64) -> Shuffle {
        let bits = rows.max(2).next_power_of_two().ilog2();
        let mut numbers = numbers(seed, ORDER, 0);
        Shuffle { rows, half: bits.div_ceil(2), keys: std::array::from_fn(|_| numbers.random()) }
    }

    /// The row that stands at this position, below `rows`.
    fn place(&self, position: u64) -> u64 {
        let mask = (1 << self.half) - 1;
        let mut place = position;
        loop {
            let (mut left, mut right) = (place >> self.half, place & mask);
            for key in self.keys {
                let mixed = (right ^ key).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                (left, right) = (right, left ^ (mixed >> 32 & mask));
            }
            place = left << self.half | right;
            if place < self.rows {
                return place;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_visits_every_row_once_and_scatters_neighbours() {
        for rows in [1, 2, 3, 10, 1000, 4096, 5000] {
            let order = Shuffle::new(3, rows);
            let mut places: Vec<u64> = (0..rows).map(|position| order.place(position)).collect();
            if rows == 5000 {
                let near = places.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) < 10).count();
                assert!(near < 100, "{near} neighbours stayed together");
            }
            places.sort_unstable();
            assert!(places.into_iter().eq(0..rows));
        }
    }

    #[test]
    fn the_file_holds_every_row_and_the_same_seed_writes_the_same_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let bench = Bench { seed: 1, rows: 1234, rows_per_unit: 10 };
        let (first, second) = (dir.path().join("a"), dir.path().join("b"));
        bench.write(&first).unwrap();
        bench.write(&second).unwrap();
        assert_eq!(std::fs::read(&first).unwrap(), std::fs::read(&second).unwrap());
        let reader =
            parquet::arrow::arrow_reader::ParquetRecordBatchReader::try_new(File::open(&first).unwrap(), 512).unwrap();
        assert_eq!(reader.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 1234);
        assert_eq!((bench.row(1229).unit, bench.row(1229).month), (122, 9));
        assert_eq!(bench.row(20).district, bench.row(29).district);
    }
}
