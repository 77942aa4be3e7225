//! What a lab reads of stewards and analysts: descriptions, raw files, snapshots, components.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use unseen_age::{Decrypter, Identity, Recipient};
use unseen_data::description::ColumnType;
use unseen_data::import::{import as import_file, infer};
use unseen_data::snapshot::{Manifest, load_reference};
use unseen_data::{Description, ImportError, ImportOptions, Imported, LabDataKey, cell, twin};
use unseen_ids::{hex, sha256};
use unseen_runtime::{Cells, Column, Engine, Failure, Limits, Module, Table, custom_section};
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

/// What is read is written again, and twins are made of it.
pub fn description(bytes: &[u8]) -> bool {
    let Some(text) = text(bytes) else { return false };
    let Ok(description) = Description::parse(text) else { return false };
    assert_eq!(Description::parse(&description.to_toml()).unwrap(), description);
    let dir = tempfile::tempdir().unwrap();
    twin::write(&description, text, 3, 0, dir.path()).unwrap();
    true
}

pub fn descriptions() -> Vec<Vec<u8>> {
    let demo = [include_str!("../../demo/datasets/enterprises.toml"), include_str!("../../demo/datasets/monthly.toml")];
    let with_clock = "\n[[column]]\nname = \"day\"\ntype = \"date\"\nformat = \"%Y-%m-%d %H:%M\"\n";
    demo.map(str::to_owned).into_iter().chain([ROWS.to_owned() + with_clock]).map(String::into_bytes).collect()
}

/// A cell of a type that the first byte picks.
pub fn cell(bytes: &[u8]) -> bool {
    let Some((at, rest)) = bytes.split_first() else { return false };
    let Some(text) = text(rest) else { return false };
    let kinds = kinds();
    let kind = &kinds[usize::from(*at) % kinds.len()];
    let Ok(read) = cell::parse(text, kind) else { return false };
    let written = cell::render(&read, kind);
    assert_eq!(cell::parse(&written, kind), Ok(read), "{written} of {kind:?}");
    true
}

pub fn cells() -> Vec<Vec<u8>> {
    let texts = [
        "-42",
        "1e3",
        "true",
        " a ",
        "2024-02-29",
        "2024-02",
        "-7.10",
        "1970-01-01T08:00:00.5+08:00",
        "31/12/1999 23:59",
    ];
    let far = [(7, &"-1970-01-01 08:00:00.6"), (7, &"+20000-01-01T00:00:00")];
    texts.iter().enumerate().chain(far).map(|(at, text)| [&[at as u8], text.as_bytes()].concat()).collect()
}

fn kinds() -> [ColumnType; 9] {
    let date = |format: &str| ColumnType::Date { format: format.to_owned() };
    let moment = |format: Option<&str>| ColumnType::Timestamp { format: format.map(str::to_owned) };
    let decimal = ColumnType::Decimal { scale: 2 };
    let plain = [ColumnType::Int, ColumnType::Float, ColumnType::Bool, ColumnType::Text];
    let [int, float, bool, text] = plain;
    [int, float, bool, text, date("%Y-%m-%d"), date("%Y-%m"), decimal, moment(None), moment(Some("%d/%m/%Y %H:%M"))]
}

/// A CSV or Parquet file: drafted, and imported as what the draft is not.
pub fn import(bytes: &[u8]) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let (out, imported) = import_rows(dir.path(), ROWS, bytes);
    assert_eq!(imported.is_ok(), out.exists(), "an import is there whole or not at all");
    infer(&dir.path().join("source"), "rows").is_ok()
}

fn import_rows(dir: &Path, description: &str, bytes: &[u8]) -> (PathBuf, Result<Imported, ImportError>) {
    let (source, out) = (dir.join("source"), dir.join("snapshots/rows"));
    std::fs::write(&source, bytes).unwrap();
    let options = ImportOptions { buckets: 2, sort_memory: 1 << 16, now: chrono::DateTime::UNIX_EPOCH };
    let (lab, described) = (LabDataKey::from_bytes(&[7; 32]).unwrap(), Description::parse(description).unwrap());
    let imported = import_file(&source, &described, description, &out, &lab, &options, &mut |_| ());
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
    let Ok(manifest) = Manifest::parse(bytes, sha256(&[bytes])) else { return false };
    let again = serde_json::to_vec(&manifest).unwrap();
    assert_eq!(Manifest::parse(&again, sha256(&[&again])).unwrap(), manifest);
    let _ = (manifest.rows(), manifest.units());
    true
}

pub fn snapshots() -> Vec<Vec<u8>> {
    [ROWS, &reference_rows()].map(|text| imported(text).0).to_vec()
}

/// The Parquet file of a reference table, of the digest that its manifest names.
pub fn reference(bytes: &[u8]) -> bool {
    static MANIFEST: OnceLock<Vec<u8>> = OnceLock::new();
    let manifest = MANIFEST.get_or_init(|| imported(&reference_rows()).0);
    let mut manifest: Manifest = serde_json::from_slice(manifest).unwrap();
    (manifest.files[0].bytes, manifest.files[0].sha256) = (bytes.len() as u64, hex::encode(&sha256(&[bytes])));
    let manifest = serde_json::to_vec(&manifest).unwrap();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    load_reference(&manifest, sha256(&[&manifest]), vec![file]).is_ok()
}

pub fn references() -> Vec<Vec<u8>> {
    vec![imported(&reference_rows()).1]
}

/// The description [`ROWS`], of a public table.
fn reference_rows() -> String {
    let unit = ROWS.find("[unit]").unwrap()..ROWS.find("[csv]").unwrap();
    let private = ROWS.replace(&ROWS[unit], "").replace("\"private\"", "\"reference\"\nkey = \"unit\"");
    private.replace("name = \"unit\"", "name = \"unit\"\nnullable = false")
}

/// The manifest of an imported file, and the first of its files.
fn imported(description: &str) -> (Vec<u8>, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let source = "unit,n\na,1\nb,\n\u{6e56}\u{5858},3\n";
    let (out, imported) = import_rows(dir.path(), description, source.as_bytes());
    imported.unwrap();
    let manifest = std::fs::read(out.join("manifest.json")).unwrap();
    let first = Manifest::parse(&manifest, sha256(&[&manifest])).unwrap().files[0].file.clone();
    (manifest, std::fs::read(out.join(first)).unwrap())
}

/// A file encrypted with age. Only who has the key could make one of another content than the seeds have.
pub fn age_file(bytes: &[u8]) -> bool {
    let us = Identity::from_secret(AGE_SECRET).unwrap();
    let Ok(mut reader) = Decrypter::new(bytes, &[us]) else { return false };
    let mut content = Vec::new();
    let whole = reader.read_to_end(&mut content).is_ok();
    assert_eq!(content, if whole { &b"age"[..] } else { b"" });
    whole
}

pub fn age_files() -> Vec<Vec<u8>> {
    let vectors: [&[u8]; 4] = [
        include_bytes!("../../sandbox/age/tests/testkit/x25519"),
        include_bytes!("../../sandbox/age/tests/testkit/x25519_grease"),
        include_bytes!("../../sandbox/age/tests/testkit/x25519_multiple_recipients"),
        include_bytes!("../../sandbox/age/tests/testkit/armor_crlf"),
    ];
    let file = |vector: &[u8]| vector[vector.windows(2).position(|pair| pair == b"\n\n").unwrap() + 2..].to_vec();
    vectors.map(file).to_vec()
}

/// The key of age's test vectors.
pub const AGE_SECRET: &str = "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0";

/// A key has one form.
pub fn age_key(bytes: &[u8]) -> bool {
    let Some(text) = text(bytes) else { return false };
    let secret = Identity::from_secret(text).map(|identity| identity.to_secret().to_string());
    let public = text.parse::<Recipient>().map(|recipient| recipient.to_string());
    for written in secret.iter().chain(&public) {
        assert_eq!(written, text);
    }
    secret.is_ok() || public.is_ok()
}

pub fn age_keys() -> Vec<Vec<u8>> {
    let public = Identity::from_secret(AGE_SECRET).unwrap().recipient().to_string();
    [AGE_SECRET, &public].map(|text| text.as_bytes().to_vec()).to_vec()
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

/// A guest whose memory begins with these bytes, and whose answer lies where the first four say. The host's own reader
/// and the engine's read the same.
pub fn guest_answer(bytes: &[u8]) -> bool {
    static GUEST: OnceLock<Module> = OnceLock::new();
    if bytes.len() > 65_536 {
        return false;
    }
    let guest = GUEST.get_or_init(|| {
        let engine = Engine::new(&Limits::new(1_000_000, 1 << 20), 1).unwrap();
        Module::compile(&engine, &componentize(&wat::parse_str(GUEST_OF_BYTES).unwrap()).unwrap()).unwrap()
    });
    let columns = [Column { cells: Cells::Bools(bytes), validity: &[] }];
    let grain = [Table { rows: bytes.len() as u32, columns: &columns }];
    let [own, engines] =
        [Module::contribute, Module::contribute_in_new_instance].map(|call| match call(guest, &grain, &[]) {
            Ok(answer) => {
                let bits = |values: Vec<f64>| values.into_iter().map(f64::to_bits).collect::<Vec<_>>();
                Some(Ok(answer.into_iter().map(|it| (it.output, it.group, bits(it.values))).collect::<Vec<_>>()))
            }
            Err(Failure::Guest(said)) => Some(Err(said.to_string())),
            Err(Failure::Host(why)) => panic!("{why}"),
            Err(_) => None,
        });
    assert_eq!(own, engines);
    own.is_some()
}

const GUEST_OF_BYTES: &str = r#"(module
  (memory (export "memory") 3)
  (global $next (mut i32) (i32.const 65536))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $start i32)
    (local.set $start (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $start) (local.get 3)))
    (local.get $start))
  (func (export "contribute") (param $grain i32) (param i32 i32 i32) (result i32)
    (local $column i32)
    (local.set $column (i32.load offset=4 (local.get $grain)))
    (memory.copy (i32.const 0) (i32.load offset=4 (local.get $column)) (i32.load offset=8 (local.get $column)))
    (i32.load (i32.const 0))))"#;

pub fn guest_answers() -> Vec<Vec<u8>> {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    // Ok, two contributions at 16 of which one has a number and a text for keys at 56, and values at 96.
    let answer =
        words(&[4, 0, 16, 2, 0, 56, 2, 96, 2, 1, 0, 0, 104, 1, 0, 0, 7, 0, 1, 0, 100, 3, 0, 0, 0x0061_6263, 0]);
    let values = [1.5_f64, f64::NAN].map(f64::to_le_bytes).concat();
    let error = [words(&[4, 1, 16, 3]), b"why".to_vec()].concat();
    vec![[answer, values].concat(), error]
}
