//! What a lab reads of stewards and analysts: descriptions, raw files, snapshots, components.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use unseen_data::import::{import as import_file, infer};
use unseen_data::{Description, ImportError, ImportOptions, Imported, LabDataKey};
use unseen_runtime::{Engine, Limits, Module, Table, custom_section};
use unseen_toolchain::componentize;

use crate::text;

const ROWS: &str = r#"
name = "rows"
kind = "private"
provider = "Somebody"
classification = "internal"
update_cycle = "monthly"
sharing = "none"
[unit]
column = "unit"
domain = "person"
missing = ["NA", ""]
[csv]
null = ["", "NA"]
[[column]]
name = "unit"
type = "text"
[[column]]
name = "n"
type = "int"
"#;

pub fn description(bytes: &[u8]) -> bool {
    text(bytes).is_some_and(|text| Description::parse(text).is_ok())
}

pub fn descriptions() -> Vec<Vec<u8>> {
    let demo = [include_str!("../../demo/datasets/enterprises.toml"), include_str!("../../demo/datasets/monthly.toml")];
    demo.map(|text| text.as_bytes().to_vec()).to_vec()
}

/// A CSV or Parquet file: drafted, and imported as what the draft is not.
pub fn import(bytes: &[u8]) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let (out, imported) = import_rows(dir.path(), bytes);
    assert_eq!(imported.is_ok(), out.exists(), "an import is there whole or not at all");
    infer(&dir.path().join("source"), "rows").is_ok()
}

fn import_rows(dir: &Path, bytes: &[u8]) -> (PathBuf, Result<Imported, ImportError>) {
    let (source, out) = (dir.join("source"), dir.join("snapshots/rows"));
    std::fs::write(&source, bytes).unwrap();
    let options = ImportOptions { buckets: 2, sort_memory: 1 << 16, now: chrono::DateTime::UNIX_EPOCH };
    let (lab, described) = (LabDataKey::from_bytes(&[7; 32]).unwrap(), Description::parse(ROWS).unwrap());
    let imported = import_file(&source, &described, ROWS, &out, &lab, &options, &mut |_| ());
    (out, imported)
}

pub fn sources() -> Vec<Vec<u8>> {
    let unit: ArrayRef = Arc::new(StringArray::from_iter_values(["a", "b", "a"]));
    let n: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]));
    let batch = RecordBatch::try_from_iter([("unit", unit), ("n", n)]).unwrap();
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let csv = "unit,n\na,1\n\"b\"\"c\",-2\n,3\n\u{6e56}\u{5858},NA\n".as_bytes().to_vec();
    vec![csv, b"\xef\xbb\xbfn;unit\r\n1;x\r\n".to_vec(), file]
}

pub fn snapshot(bytes: &[u8]) -> bool {
    let root = unseen_ids::sha256(&[bytes]);
    let Ok(manifest) = unseen_data::Manifest::parse(bytes, root) else { return false };
    let _ = (manifest.rows(), manifest.units());
    let _ = unseen_data::snapshot::load_reference(bytes, root, Vec::new());
    true
}

pub fn snapshots() -> Vec<Vec<u8>> {
    let dir = tempfile::tempdir().unwrap();
    let (out, imported) = import_rows(dir.path(), &sources()[0]);
    imported.unwrap();
    vec![std::fs::read(out.join("manifest.json")).unwrap()]
}

/// Anybody's module: made a component, checked, compiled, and run on an empty grain under little fuel.
pub fn module(bytes: &[u8]) -> bool {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    let engine = ENGINE.get_or_init(|| Engine::new(&Limits::new(100_000, 8 << 20), 1).unwrap());
    let _ = custom_section(bytes, "unseen:shape");
    let component = componentize(bytes);
    for bytes in [Some(bytes), component.as_deref().ok()].into_iter().flatten() {
        if let Ok(module) = Module::compile(engine, bytes) {
            let _ = module.contribute(&[Table { rows: 0, columns: &[] }], &[]);
        }
    }
    component.is_ok()
}

pub fn modules() -> Vec<Vec<u8>> {
    let text = include_str!("../../tests/guests/raw.wat");
    let blanks = [("MEMORY", "1"), ("ITEMS", ""), ("BODY", "(f64.const 1)"), ("AFTER", "")];
    let text = blanks.iter().fold(text.to_owned(), |text, (blank, with)| text.replace(blank, with));
    let core = wat::parse_str(text).unwrap();
    vec![componentize(&core).unwrap(), core]
}
