//! What a scan costs above bare decoding: `cargo run --release -p unseen-data --example scan_bench
//! -- [units] [rows per unit]` (1,000,000 x 10 by default). CPU seconds of this process, one thread.

use std::error::Error;
use std::fs::{self, File};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use unseen_data::import::import;
use unseen_data::scan::decode_only;
use unseen_data::snapshot_dir::SnapshotDir;
use unseen_data::*;

const DESCRIPTION: &str = r#"
name = "bench"
kind = "private"
provider = "nobody"
classification = "public"
update_cycle = "once"
sharing = "unconditional"
[bounds]
units = 10_000_000_000
rows = 1_000_000_000_000

[unit]
column = "unit"
domain = "enterprise"
[[column]]
name = "unit"
type = "text"
[[column]]
name = "a"
type = "float"
[[column]]
name = "b"
type = "float"
[[column]]
name = "c"
type = "float"
[[column]]
name = "town"
type = "text"
"#;

fn main() -> Result<(), Box<dyn Error>> {
    let numbers: Vec<usize> = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    let units = numbers.first().copied().unwrap_or(1_000_000);
    let rows_per_unit = numbers.get(1).copied().unwrap_or(10);
    let dir = std::env::temp_dir().join(format!("unseen-scan-bench-{}", std::process::id()));
    fs::create_dir_all(&dir)?;
    let result = run(&dir, units, rows_per_unit);
    fs::remove_dir_all(&dir)?;
    result
}

fn run(dir: &std::path::Path, units: usize, rows_per_unit: usize) -> Result<(), Box<dyn Error>> {
    let source = dir.join("source.parquet");
    write_source(&source, units, rows_per_unit)?;
    let lab = LabDataKey::generate()?;
    let description = Description::parse(DESCRIPTION)?;
    let options = ImportOptions::new(chrono::Utc::now());
    let destination = dir.join("snapshot");
    measure("import", || {
        import(&source, &description, DESCRIPTION, &destination, &lab, &options, &mut |_| {}).map_err(Into::into)
    })?;

    let opened = SnapshotDir::open(&destination, None)?;
    let key = opened.data_key(&lab)?;
    let snapshot = opened.into_snapshot(&key)?;
    let bytes: u64 = snapshot.manifest().files.iter().map(|file| file.bytes).sum();
    println!("{} rows, {} units, {} MiB on disk", snapshot.manifest().rows(), snapshot.manifest().units(), bytes >> 20);
    let columns = ["a", "b", "c", "town"].map(str::to_owned);
    let inputs = [ScanInput { snapshot: &snapshot, columns: &columns, lookups: &[] }];
    measure("verify digests", || (0..snapshot.buckets()).try_for_each(|bucket| Ok(snapshot.verify_bucket(bucket)?)))?;
    for _ in 0..3 {
        let bare = measure("bare decode", || {
            (0..snapshot.buckets())
                .try_for_each(|bucket| decode_only(&inputs[0], bucket).map(|_| ()).map_err(Into::into))
        })?;
        let scan = measure("co-group scan, every column of every grain touched", || {
            for bucket in 0..snapshot.buckets() {
                let mut scan = CoGroup::open(&inputs, bucket, GrainLimits::NONE)?;
                while let Some(grain) = scan.next()? {
                    let table = grain.table(0);
                    for column in 0..table.columns() {
                        black_box(table.column(column));
                    }
                }
            }
            Ok(())
        })?;
        println!("ratio {:.2}", scan / bare);
    }
    Ok(())
}

/// Rows by month, as a source would have them: the rows of a unit lie far apart.
fn write_source(path: &std::path::Path, units: usize, rows_per_unit: usize) -> Result<(), Box<dyn Error>> {
    let mut writer = None;
    let mut state = 1u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    for _ in 0..rows_per_unit {
        for start in (0..units).step_by(65_536) {
            let range = start..(start + 65_536).min(units);
            let mut floats = || -> ArrayRef {
                Arc::new(range.clone().map(|_| (random() * 1e6).round() / 100.0).collect::<Float64Array>())
            };
            let (a, b, c) = (floats(), floats(), floats());
            let unit: ArrayRef =
                Arc::new(range.clone().map(|unit| Some(format!("91330483MA{unit:08}"))).collect::<StringArray>());
            let town: ArrayRef =
                Arc::new(range.map(|unit| Some(format!("town-{}", unit % 12))).collect::<StringArray>());
            let batch = RecordBatch::try_from_iter([("unit", unit), ("a", a), ("b", b), ("c", c), ("town", town)])?;
            let writer = match &mut writer {
                Some(writer) => writer,
                none => none.insert(ArrowWriter::try_new(File::create(path)?, batch.schema(), None)?),
            };
            writer.write(&batch)?;
        }
    }
    if let Some(writer) = writer {
        writer.close()?;
    }
    Ok(())
}

fn measure<T>(what: &str, work: impl FnOnce() -> Result<T, Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let (cpu, wall) = (cpu_seconds()?, Instant::now());
    black_box(work()?);
    let (cpu, wall) = (cpu_seconds()? - cpu, wall.elapsed().as_secs_f64());
    println!("{what}: {cpu:.2} s CPU, {wall:.2} s wall, peak memory so far {} MiB", peak_memory_mib()?);
    Ok(cpu)
}

/// User and system time, from the kernel's ticks of 10 ms.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: Vec<f64> = after_name.split_whitespace().skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / 100.0)
}

fn peak_memory_mib() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM")).ok_or("no VmHWM")?;
    Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse::<u64>()? / 1024)
}
