//! What the tests share.

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use chrono::{DateTime, Utc};
use parquet::arrow::ArrowWriter;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use unseen_data::import::{import, import_again};
use unseen_data::snapshot_dir::SnapshotDir;
use unseen_data::*;

use crate::spreading::check_spread;

pub const LAB: [u8; 32] = [7; 32];

pub fn options(buckets: u32, sort_memory: usize) -> ImportOptions {
    ImportOptions { buckets, sort_memory, now: now() }
}

pub fn now() -> DateTime<Utc> {
    "2024-03-01T00:00:00Z".parse().unwrap()
}

pub fn import_bytes(dir: &Path, toml: &str, bytes: &[u8], options: &ImportOptions) -> Result<PathBuf, ImportError> {
    let description = Description::parse(toml).unwrap();
    let source = dir.join(format!("{}.source", description.name));
    fs::write(&source, bytes).unwrap();
    let destination = dir.join("snapshots").join(&description.name);
    let lab = LabDataKey::from_bytes(&LAB).unwrap();
    let imported = import(&source, &description, toml, &destination, &lab, options, &mut |_| {}).map(drop);
    check_spread(dir, toml, bytes, options, imported.as_ref().map(|()| destination.as_path()));
    imported.map(|()| destination)
}

/// Deals the rows of a snapshot into another number of buckets.
pub fn again(from: &Path, toml: &str, options: &ImportOptions) -> Result<PathBuf, ImportError> {
    let (description, destination) = (Description::parse(toml).unwrap(), from.with_extension("again"));
    let (from, lab) = (SnapshotDir::open(from, None).unwrap(), LabDataKey::from_bytes(&LAB).unwrap());
    import_again(from, &description, toml, &destination, &lab, options, &mut |_| {})?;
    Ok(destination)
}

pub fn open(dir: &Path) -> Snapshot {
    let dir = SnapshotDir::open(dir, None).unwrap();
    let key = dir.data_key(&LabDataKey::from_bytes(&LAB).unwrap()).unwrap();
    dir.into_snapshot(&key).unwrap()
}

pub fn quality(dir: &Path) -> QualityReport {
    let dir = SnapshotDir::open(dir, None).unwrap();
    let key = dir.data_key(&LabDataKey::from_bytes(&LAB).unwrap()).unwrap();
    dir.quality(Some(&key)).unwrap()
}

pub fn head(name: &str, kind: &str) -> String {
    format!(
        "name = \"{name}\"\nkind = \"{kind}\"\nprovider = \"p\"\nclassification = \"internal\"\nupdate_cycle = \"monthly\"\nsharing = \"none\"\n"
    )
}

pub fn private(name: &str, unit: &str, columns: &[(&str, &str)]) -> String {
    let mut toml = head(name, "private");
    toml += &format!(
        "[unit]\ncolumn = \"{unit}\"\ndomain = \"person\"\nmissing = [\"NA\", \"\"]\n[csv]\nnull = [\"\", \"NA\"]\n"
    );
    for (name, rest) in columns {
        toml += &format!("[[column]]\nname = \"{name}\"\n{rest}\n");
    }
    toml
}

/// A cell as the model sees it; null is what a null cell must hold, and a flag.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Int(i64),
    Float(f64),
    Bool(u8),
    Text(String),
}

pub type Row = Vec<(Value, bool)>;

pub fn rows_of(table: GrainTable<'_>) -> Vec<Row> {
    let cell = |row: usize, column: Column<'_>| {
        let value = match column.cells {
            Cells::Ints(cells) => Value::Int(cells[row]),
            Cells::Floats(cells) => Value::Float(cells[row]),
            Cells::Bools(cells) => Value::Bool(cells[row]),
            Cells::Texts { offsets, .. } => {
                assert_eq!((offsets[0], offsets.len()), (0, table.rows() as usize + 1));
                Value::Text(String::from_utf8(column.text(row).unwrap().to_vec()).unwrap())
            }
        };
        (value, !column.is_null(row))
    };
    let columns: Vec<_> = (0..table.columns()).map(|column| table.column(column)).collect();
    for column in &columns {
        assert!(
            column.validity.is_empty()
                || column.validity.len() == table.rows() as usize && column.validity.contains(&0)
        );
    }
    (0..table.rows() as usize).map(|row| columns.iter().map(|column| cell(row, *column)).collect()).collect()
}

pub fn int(value: Option<i64>) -> (Value, bool) {
    (Value::Int(value.unwrap_or(0)), value.is_some())
}

pub fn float(value: Option<f64>) -> (Value, bool) {
    (Value::Float(value.unwrap_or(0.0)), value.is_some())
}

pub fn bool(value: Option<bool>) -> (Value, bool) {
    (Value::Bool(u8::from(value.unwrap_or(false))), value.is_some())
}

pub fn text(value: Option<&str>) -> (Value, bool) {
    (Value::Text(value.unwrap_or("").to_owned()), value.is_some())
}

pub fn csv_field(text: Option<&str>) -> String {
    text.map_or(String::new(), |text| format!("\"{}\"", text.replace('"', "\"\"")))
}

#[derive(Clone, Debug)]
pub struct Reading {
    pub unit: Option<u16>,
    pub count: Option<i64>,
    pub level: Option<f64>,
    pub flag: Option<bool>,
    pub note: Option<String>,
}

pub fn unit_name(unit: u16) -> String {
    format!("u{unit}")
}

pub fn readings_csv(rows: &[Reading]) -> String {
    let mut csv = String::from("note,unit,ignored,count,level,flag\n");
    for row in rows {
        let unit = row.unit.map_or("NA".to_owned(), unit_name);
        let show = |value: Option<String>| value.unwrap_or_default();
        csv += &format!(
            "{},{unit},x,{},{},{}\n",
            csv_field(row.note.as_deref()),
            show(row.count.map(|c| c.to_string())),
            show(row.level.map(|l| l.to_string())),
            show(row.flag.map(|f| f.to_string())),
        );
    }
    csv
}

pub const READING: [(&str, &str); 5] = [
    ("unit", "type = \"text\""),
    ("count", "type = \"int\""),
    ("level", "type = \"float\""),
    ("flag", "type = \"bool\""),
    ("note", "type = \"text\""),
];

/// What `note` brings from the reference table: its rank, and its label.
pub fn brought(note: Option<&str>) -> [(Value, bool); 2] {
    match note {
        Some("a") => [int(Some(1)), text(Some("first"))],
        Some("b,\"c\"") => [int(None), text(Some("second"))],
        _ => [int(None), text(None)],
    }
}

pub const LABELS: &str = "key,rank,label\na,1,first\n\"b,\"\"c\"\"\",,second\nz,3,\n";

pub fn labels_toml() -> String {
    let mut toml = head("labels", "reference");
    toml += "key = \"key\"\n";
    for (name, kind) in [("key", "text"), ("rank", "int"), ("label", "text")] {
        toml += &format!("[[column]]\nname = \"{name}\"\ntype = \"{kind}\"\n");
    }
    toml
}

pub fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

pub fn parquet_bytes(rows: usize) -> Vec<u8> {
    let unit: ArrayRef = Arc::new((0..rows).map(|row| Some(format!("u{}", row % 7))).collect::<StringArray>());
    let n: ArrayRef = Arc::new((0..rows).map(|row| (row % 5 != 0).then_some(row as i64)).collect::<Int64Array>());
    let batch = RecordBatch::try_from_iter([("unit", unit), ("n", n)]).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

pub fn absorb(gatherer: &mut BlockGatherer, mut bucket: CoGroup) {
    while let Some(unit) = bucket.next().unwrap() {
        gatherer.absorb(unit).unwrap();
    }
}
