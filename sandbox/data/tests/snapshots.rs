//! Raw files go in, grains come out: against a naive model in memory, and with every kind of bad
//! input that an import or a scan can meet.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use chrono::{DateTime, Utc};
use parquet::arrow::ArrowWriter;
use proptest::prelude::*;
use tempfile::TempDir;
use unseen_data::import::{import, infer};
use unseen_data::snapshot::SnapshotDir;
use unseen_data::*;
use unseen_ids::{Key, bucket_of};

const LAB: [u8; 32] = [7; 32];

fn options(buckets: u32, sort_memory: usize) -> ImportOptions {
    ImportOptions { buckets, sort_memory, now: now() }
}

fn now() -> DateTime<Utc> {
    "2024-03-01T00:00:00Z".parse().unwrap()
}

fn import_bytes(dir: &Path, toml: &str, bytes: &[u8], options: &ImportOptions) -> Result<PathBuf, ImportError> {
    let description = Description::parse(toml).unwrap();
    let source = dir.join(format!("{}.source", description.name));
    fs::write(&source, bytes).unwrap();
    let destination = dir.join("snapshots").join(&description.name);
    let lab = LabDataKey::from_bytes(&LAB).unwrap();
    import(&source, &description, toml, &destination, &lab, options, &mut |_| {})?;
    Ok(destination)
}

fn open(dir: &Path) -> Snapshot {
    let dir = SnapshotDir::open(dir, None).unwrap();
    let key = dir.data_key(&LabDataKey::from_bytes(&LAB).unwrap()).unwrap();
    dir.into_snapshot(&key).unwrap()
}

fn quality(dir: &Path) -> QualityReport {
    let dir = SnapshotDir::open(dir, None).unwrap();
    let key = dir.data_key(&LabDataKey::from_bytes(&LAB).unwrap()).unwrap();
    dir.quality(Some(&key)).unwrap()
}

fn head(name: &str, kind: &str) -> String {
    format!(
        "name = \"{name}\"\nkind = \"{kind}\"\nprovider = \"p\"\nclassification = \"internal\"\nupdate_cycle = \"monthly\"\nsharing = \"none\"\n"
    )
}

fn private(name: &str, unit: &str, columns: &[(&str, &str)]) -> String {
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
enum Value {
    Int(i64),
    Float(f64),
    Bool(u8),
    Text(String),
}

type Row = Vec<(Value, bool)>;

fn rows_of(table: Table<'_>) -> Vec<Row> {
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

fn int(value: Option<i64>) -> (Value, bool) {
    (Value::Int(value.unwrap_or(0)), value.is_some())
}

fn float(value: Option<f64>) -> (Value, bool) {
    (Value::Float(value.unwrap_or(0.0)), value.is_some())
}

fn bool(value: Option<bool>) -> (Value, bool) {
    (Value::Bool(u8::from(value.unwrap_or(false))), value.is_some())
}

fn text(value: Option<&str>) -> (Value, bool) {
    (Value::Text(value.unwrap_or("").to_owned()), value.is_some())
}

fn csv_field(text: Option<&str>) -> String {
    text.map_or(String::new(), |text| format!("\"{}\"", text.replace('"', "\"\"")))
}

#[derive(Clone, Debug)]
struct Reading {
    unit: Option<u16>,
    count: Option<i64>,
    level: Option<f64>,
    flag: Option<bool>,
    note: Option<String>,
}

fn readings(count: usize, units: u16) -> impl Strategy<Value = Vec<Reading>> {
    let note = prop::sample::select(vec!["a", "b,\"c\"", "两\n行", "unknown"]).prop_map(str::to_owned);
    let reading = (
        prop::option::weighted(0.9, 0..units),
        prop::option::of(any::<i64>()),
        prop::option::of(-1e9..1e9f64),
        prop::option::of(any::<bool>()),
        prop::option::of(note),
    );
    let reading = reading.prop_map(|(unit, count, level, flag, note)| Reading { unit, count, level, flag, note });
    prop::collection::vec(reading, 1..count)
}

fn unit_name(unit: u16) -> String {
    format!("u{unit}")
}

fn readings_csv(rows: &[Reading]) -> String {
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

const READING: [(&str, &str); 5] = [
    ("unit", "type = \"text\""),
    ("count", "type = \"int\""),
    ("level", "type = \"float\""),
    ("flag", "type = \"bool\""),
    ("note", "type = \"text\""),
];

/// What `note` brings from the reference table: its rank, and its label.
fn brought(note: Option<&str>) -> [(Value, bool); 2] {
    match note {
        Some("a") => [int(Some(1)), text(Some("first"))],
        Some("b,\"c\"") => [int(None), text(Some("second"))],
        _ => [int(None), text(None)],
    }
}

const LABELS: &str = "key,rank,label\na,1,first\n\"b,\"\"c\"\"\",,second\nz,3,\n";

fn labels_toml() -> String {
    let mut toml = head("labels", "reference");
    toml += "key = \"key\"\n";
    for (name, kind) in [("key", "text"), ("rank", "int"), ("label", "text")] {
        toml += &format!("[[column]]\nname = \"{name}\"\ntype = \"{kind}\"\n");
    }
    toml
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Imports two datasets and a reference table, co-groups them, and compares every cell of every
/// grain with a model that does the same in memory.
fn check_against_model(first: &[Reading], second: &[Reading], buckets: u32, sort_memory: usize) {
    let dir = TempDir::new().unwrap();
    let options = options(buckets, sort_memory);
    let one =
        import_bytes(dir.path(), &private("one", "unit", &READING), readings_csv(first).as_bytes(), &options).unwrap();
    let two =
        import_bytes(dir.path(), &private("two", "unit", &READING), readings_csv(second).as_bytes(), &options).unwrap();
    let labels = import_bytes(dir.path(), &labels_toml(), LABELS.as_bytes(), &options).unwrap();
    let labels = SnapshotDir::open(&labels, None).unwrap().into_reference().unwrap();
    assert_eq!(labels.distinct("rank"), Some(vec![Key::Int(1), Key::Int(3)]));

    let lookups = [labels.lookup("note", "key", &strings(&["rank", "label"])).unwrap()];
    let (one_columns, two_columns) = (strings(&["note", "count", "level", "flag"]), strings(&["level", "unit"]));
    let (one, two) = (open(&one), open(&two));
    let inputs = [
        ScanInput { snapshot: &one, columns: &one_columns, lookups: &lookups },
        ScanInput { snapshot: &two, columns: &two_columns, lookups: &[] },
    ];

    let mut model: BTreeMap<(u32, String), (Vec<Row>, Vec<Row>)> = BTreeMap::new();
    let place = |unit: u16| (bucket_of(unit_name(unit).as_bytes(), buckets), unit_name(unit));
    for row in first {
        let Some(unit) = row.unit else { continue };
        let mut cells = vec![text(row.note.as_deref()), int(row.count), float(row.level), bool(row.flag)];
        cells.extend(brought(row.note.as_deref()));
        model.entry(place(unit)).or_default().0.push(cells);
    }
    for row in second {
        let Some(unit) = row.unit else { continue };
        model.entry(place(unit)).or_default().1.push(vec![float(row.level), text(Some(&unit_name(unit)))]);
    }

    let mut grains = Vec::new();
    for bucket in 0..buckets {
        let mut scan = CoGroup::open(&inputs, bucket, GrainLimits::NONE).unwrap();
        while let Some(grain) = scan.next().unwrap() {
            assert_eq!(grain.tables(), 2);
            grains.push(((bucket, grain.unit().to_owned()), (rows_of(grain.table(0)), rows_of(grain.table(1)))));
        }
        assert!(scan.next().unwrap().is_none());
    }
    assert_eq!(grains.len(), model.len());
    for (grain, wanted) in grains.iter().zip(&model) {
        assert_eq!((&grain.0, &grain.1), wanted);
    }

    let blocks: Vec<_> = [0..2, 2..5]
        .into_iter()
        .flat_map(|range| {
            let mut gatherer =
                BlockGatherer::new(BlockKey::new(&[3; 32]).unwrap(), 5, range, &inputs, GrainLimits::NONE).unwrap();
            for bucket in 0..buckets {
                absorb(&mut gatherer, CoGroup::open(&inputs, bucket, GrainLimits::NONE).unwrap());
            }
            gatherer.finish()
        })
        .collect();
    assert_eq!(blocks.len(), 5);
    let key = BlockKey::new(&[3; 32]).unwrap();
    for (number, block) in blocks.iter().enumerate() {
        let members = || model.iter().filter(|((_, unit), _)| key.block_of(unit.as_bytes(), 5) as usize == number);
        let wanted: (Vec<Row>, Vec<Row>) = (
            members().flat_map(|(_, rows)| rows.0.clone()).collect(),
            members().flat_map(|(_, rows)| rows.1.clone()).collect(),
        );
        assert_eq!((rows_of(block.grain().table(0)), rows_of(block.grain().table(1))), wanted);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn grains_are_the_rows_of_each_unit_in_import_order(
        mut first in readings(120, 12),
        mut second in readings(60, 12),
        buckets in 1u32..5,
        sort_memory in prop::sample::select(vec![1usize, 500, 4000, 1 << 20]),
    ) {
        // An import without any unit is refused, and is not what is tested here.
        first[0].unit = Some(0);
        second[0].unit = Some(1);
        check_against_model(&first, &second, buckets, sort_memory);
    }
}

/// Units larger than a batch, units ending exactly at the end of a batch, many runs.
#[test]
fn units_across_batches_and_many_runs() {
    let sizes = [8192usize, 1, 20_000, 8191, 3, 5, 8192, 400];
    let mut rows = Vec::new();
    for (unit, size) in sizes.iter().enumerate() {
        for at in 0..*size {
            let odd = (at * 7 + unit) % 11;
            rows.push(Reading {
                unit: Some(unit as u16),
                count: (odd != 3).then_some(at as i64),
                level: (unit != 2 || odd != 5).then_some(at as f64 / 8.0),
                flag: Some(odd > 5),
                note: (odd != 7).then(|| format!("n{}", at % 300)),
            });
        }
    }
    // A fixed shuffle: rows of a unit keep no neighbours, but their order is what is imported.
    let step = 10_007;
    let shuffled: Vec<_> = (0..rows.len()).map(|at| rows[at * step % rows.len()].clone()).collect();
    check_against_model(&shuffled, &rows[..30_000], 1, 300 << 10);
    check_against_model(&rows[..9000], &shuffled[..100], 3, 300 << 10);
}

#[test]
fn int_units_are_canonical_and_shown_as_ints() {
    let dir = TempDir::new().unwrap();
    let toml = private("ints", "id", &[("id", "type = \"int\""), ("v", "type = \"decimal\"\nscale = 2")]);
    let at = import_bytes(dir.path(), &toml, b"id,v\n007,1.5\n+7,2\n7,\n-1,0.25\n", &options(2, 1 << 20)).unwrap();
    let snapshot = open(&at);
    let columns = strings(&["v", "id"]);
    let inputs = [ScanInput { snapshot: &snapshot, columns: &columns, lookups: &[] }];
    let mut seen = BTreeMap::new();
    for bucket in 0..2 {
        let mut scan = CoGroup::open(&inputs, bucket, GrainLimits::NONE).unwrap();
        while let Some(grain) = scan.next().unwrap() {
            seen.insert(grain.unit().to_owned(), rows_of(grain.table(0)));
        }
    }
    let row = |steps: Option<i64>, id: i64| vec![int(steps), int(Some(id))];
    let wanted = [("-1", vec![row(Some(25), -1)]), ("7", vec![row(Some(150), 7), row(Some(200), 7), row(None, 7)])];
    assert_eq!(seen, wanted.map(|(unit, rows)| (unit.to_owned(), rows)).into());
}

#[test]
fn bad_input_gets_one_clear_sentence_and_leaves_nothing() {
    let toml = private(
        "d",
        "unit",
        &[("unit", "type = \"text\""), ("n", "type = \"int\""), ("must", "type = \"int\"\nnullable = false")],
    );
    let long = format!("unit,n,must\n{},1,1\n", "u".repeat(257));
    let open_quote = [b"unit,n,must\na,1,\"".as_slice(), &vec![b'x'; 20 << 20]].concat();
    let cases: &[(&[u8], &str)] = &[
        (b"", "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (b"unit,n,must\n", "a header but no rows"),
        (b"unit,n,must\na,1,1\nb,2\n", "row 2 (line 3): 2 fields where 3 are expected"),
        (b"unit,n,must\na,1,1,1\n", "row 1 (line 2): 4 fields where 3"),
        (b"unit,n,must,n\na,1,1,1\n", "column \"n\" twice"),
        (b"n,must\n1,1\n", "lacks the unit column \"unit\"; it has: n, must"),
        (b"unit,n\na,1\n", "lacks column \"must\""),
        (b"unit,n,must\nNA,1,1\n,2,2\n", "no row names a unit: column \"unit\" is empty in all 2 rows"),
        (b"unit,n,must\na,1,1\nb,secret,1\n", "row 2 (line 3), column \"n\": not a whole number"),
        (b"unit,n,must\na,1,\n", "row 1 (line 2), column \"must\": empty"),
        (b"unit,n,must\na,1,1\nb\xff,2,2\n", "line 3: not valid utf-8"),
        ("unit,n,must\n\"甲\n\",1,1\n".as_bytes(), ""),
        (b"\xff\xfeu\0n\0", "UTF-16"),
        (b"\x1f\x8b\x08\0", "gzip"),
        (b"PK\x03\x04....", "Excel"),
        (b"PAR1", "damaged or lies"),
        (b"PAR1\0\0\0\0\xff\xff\xff\xffPAR1", "longer than the file"),
        (b"PAR1\0\0\0\0\0\0\0\0", "closing mark is missing"),
        (long.as_bytes(), "longer than 256 bytes"),
        (&open_quote, "is a quote left open?"),
    ];
    for (bytes, sentence) in cases {
        let dir = TempDir::new().unwrap();
        match import_bytes(dir.path(), &toml, bytes, &options(4, 1 << 20)) {
            Ok(_) => assert!(sentence.is_empty(), "accepted, not refused with {sentence:?}"),
            Err(fault) => {
                let text = fault.to_string();
                assert!(!sentence.is_empty() && text.contains(sentence), "{text:?} lacks {sentence:?}");
                assert!(!text.contains("secret") && !text.contains('\n'), "{text}");
                let left: Vec<_> = fs::read_dir(dir.path().join("snapshots"))
                    .map(|entries| {
                        entries.map(|entry| entry.unwrap().file_name()).filter(|name| name != ".import.lock").collect()
                    })
                    .unwrap_or_default();
                assert!(left.is_empty(), "{left:?}");
            }
        }
    }
    let refuse = toml.replace("domain = \"person\"", "domain = \"person\"\nwhen_missing = \"refuse\"");
    let dir = TempDir::new().unwrap();
    let fault = import_bytes(dir.path(), &refuse, b"unit,n,must\na,1,1\nNA,1,1\n", &options(4, 1 << 20)).unwrap_err();
    assert!(fault.to_string().contains("row 2 (line 3): the unit is missing"), "{fault}");
    let reference = import_bytes(dir.path(), &labels_toml(), b"key,rank,label\na,1,x\na,2,y\n", &options(4, 1 << 20));
    assert!(reference.unwrap_err().to_string().contains("row 2 (line 3): the key repeats"));
}

#[test]
fn a_wrong_type_on_row_three_million_is_named() {
    let toml =
        private("d", "unit", &[("unit", "type = \"int\""), ("n", "type = \"int\"")]) + "\n[bounds]\nrows = 3_000_000\n";
    let mut csv = String::from("unit,n\n");
    csv += &"12,3\n".repeat(2_999_999);
    csv += "12,x\n";
    let dir = TempDir::new().unwrap();
    let fault = import_bytes(dir.path(), &toml, csv.as_bytes(), &options(4, 8 << 20)).unwrap_err();
    assert_eq!(fault.to_string(), "row 3000000 (line 3000001), column \"n\": not a whole number of 64 bits");
}

#[test]
fn encodings_and_marks() {
    let toml = private("d", "unit", &[("unit", "type = \"text\""), ("镇", "type = \"text\"")]);
    let gb = toml.replace("[csv]", "[csv]\nencoding = \"gb18030\"");
    let csv = "unit,镇\n甲,崇福\n";
    let (encoded, _, _) = encoding_rs::GB18030.encode(csv);
    let bom = [b"\xef\xbb\xbf", csv.as_bytes()].concat();
    for (toml, bytes) in [(&toml, csv.as_bytes()), (&toml, &bom), (&gb, &encoded)] {
        let dir = TempDir::new().unwrap();
        let snapshot = open(&import_bytes(dir.path(), toml, bytes, &options(1, 1 << 20)).unwrap());
        let columns = strings(&["镇"]);
        let mut scan =
            CoGroup::open(&[ScanInput { snapshot: &snapshot, columns: &columns, lookups: &[] }], 0, GrainLimits::NONE)
                .unwrap();
        let grain = scan.next().unwrap().unwrap();
        assert_eq!((grain.unit(), rows_of(grain.table(0))), ("甲", vec![vec![text(Some("崇福"))]]));
    }
    let dir = TempDir::new().unwrap();
    let undeclared = import_bytes(dir.path(), &toml, &encoded, &options(1, 1 << 20)).unwrap_err();
    assert!(undeclared.to_string().contains("line 1: not valid utf-8"), "{undeclared}");
    let malformed = [encoded.as_ref(), b"\xff\xff,x\n"].concat();
    let malformed = import_bytes(dir.path(), &gb, &malformed, &options(1, 1 << 20)).unwrap_err();
    assert!(malformed.to_string().contains("line 3: not valid gb18030"), "{malformed}");
    let marked = import_bytes(dir.path(), &gb, &bom, &options(1, 1 << 20)).unwrap_err();
    assert!(marked.to_string().contains("byte order mark"), "{marked}");
}

#[test]
fn leftovers_of_a_crash_are_swept_and_nothing_is_overwritten() {
    let toml = private("d", "unit", &[("unit", "type = \"text\"")]);
    let dir = TempDir::new().unwrap();
    let left = dir.path().join("snapshots/.importing-0123");
    fs::create_dir_all(&left).unwrap();
    fs::write(left.join("bucket-0000.parquet"), b"half").unwrap();
    let at = import_bytes(dir.path(), &toml, b"unit\na\n", &options(2, 1 << 20)).unwrap();
    assert!(!left.exists());
    let names: BTreeSet<String> =
        fs::read_dir(&at).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    let wanted = [
        "bucket-0000.parquet",
        "bucket-0001.parquet",
        "dataset.toml",
        "key.wrapped",
        "manifest.json",
        "quality.sealed",
    ];
    assert_eq!(names, wanted.map(str::to_owned).into());
    let again = import_bytes(dir.path(), &toml, b"unit\nb\n", &options(2, 1 << 20)).unwrap_err();
    assert!(matches!(again, ImportError::Exists(_)), "{again}");
    assert_eq!(open(&at).manifest().units(), 1);

    let lock = fs::File::open(dir.path().join("snapshots/.import.lock")).unwrap();
    lock.lock().unwrap();
    fs::remove_dir_all(&at).unwrap();
    let busy = import_bytes(dir.path(), &toml, b"unit\nb\n", &options(2, 1 << 20)).unwrap_err();
    assert!(matches!(busy, ImportError::Busy(_)), "{busy}");
}

/// Reads a whole snapshot as the worker does.
fn read_all(dir: &Path, root: [u8; 32], lab: &LabDataKey) -> Result<usize, String> {
    let opened = SnapshotDir::open(dir, Some(root)).map_err(|fault| fault.to_string())?;
    let key = opened.data_key(lab).map_err(|fault| fault.to_string())?;
    opened.quality(Some(&key)).map_err(|fault| fault.to_string())?;
    let snapshot = opened.into_snapshot(&key).map_err(|fault| fault.to_string())?;
    let columns = strings(&["unit", "count", "level", "flag", "note"]);
    let mut rows = 0;
    for bucket in 0..snapshot.buckets() {
        let inputs = [ScanInput { snapshot: &snapshot, columns: &columns, lookups: &[] }];
        let mut scan = CoGroup::open(&inputs, bucket, GrainLimits::NONE).map_err(|fault| fault.to_string())?;
        while let Some(grain) = scan.next().map_err(|fault| fault.to_string())? {
            rows += rows_of(grain.table(0)).len();
        }
    }
    Ok(rows)
}

#[test]
fn any_altered_byte_of_a_snapshot_is_an_error() {
    let dir = TempDir::new().unwrap();
    let rows: Vec<Reading> = (0..200)
        .map(|at| Reading { unit: Some(at % 40), count: Some(i64::from(at)), level: None, flag: None, note: None })
        .collect();
    let at = import_bytes(
        dir.path(),
        &private("one", "unit", &READING),
        readings_csv(&rows).as_bytes(),
        &options(2, 1 << 20),
    )
    .unwrap();
    let root = open(&at).root();
    let lab = LabDataKey::from_bytes(&LAB).unwrap();
    assert_eq!(read_all(&at, root, &lab), Ok(200));
    assert!(read_all(&at, [0; 32], &lab).unwrap_err().contains("digest is not the registered one"));
    assert!(read_all(&at, root, &LabDataKey::from_bytes(&[8; 32]).unwrap()).unwrap_err().contains("does not open"));

    for entry in fs::read_dir(&at).unwrap() {
        let path = entry.unwrap().path();
        let good = fs::read(&path).unwrap();
        for place in (0..good.len()).step_by(good.len() / 20 + 1) {
            let mut bad = good.clone();
            bad[place] ^= 0x20;
            fs::write(&path, &bad).unwrap();
            assert!(read_all(&at, root, &lab).is_err(), "{path:?} byte {place}");
        }
        fs::write(&path, &good[..good.len() - 1]).unwrap();
        assert!(read_all(&at, root, &lab).is_err(), "{path:?} cut");
        fs::remove_file(&path).unwrap();
        assert!(read_all(&at, root, &lab).is_err(), "{path:?} removed");
        fs::write(&path, &good).unwrap();
    }
    fs::rename(at.join("bucket-0000.parquet"), at.join("x")).unwrap();
    fs::rename(at.join("bucket-0001.parquet"), at.join("bucket-0000.parquet")).unwrap();
    fs::rename(at.join("x"), at.join("bucket-0001.parquet")).unwrap();
    assert!(read_all(&at, root, &lab).unwrap_err().contains("altered"));
}

/// Even with manifest and digests to match, a bucket opens neither in another bucket's place nor
/// for another dataset: the cipher binds it.
#[test]
fn a_bucket_opens_in_its_own_place_only() {
    let dir = TempDir::new().unwrap();
    let toml = private("one", "unit", &READING);
    let at = import_bytes(
        dir.path(),
        &toml,
        readings_csv(&[Reading { unit: Some(1), count: None, level: None, flag: None, note: None }]).as_bytes(),
        &options(2, 1 << 20),
    )
    .unwrap();
    let opened = SnapshotDir::open(&at, None).unwrap();
    let key = opened.data_key(&LabDataKey::from_bytes(&LAB).unwrap()).unwrap();
    let mut manifest = opened.manifest.clone();
    let (a, b) = (manifest.files[0].clone(), manifest.files[1].clone());
    manifest.files[0] = unseen_data::snapshot::ManifestFile { file: a.file, ..b.clone() };
    manifest.files[1] = unseen_data::snapshot::ManifestFile { file: b.file, ..opened.manifest.files[0].clone() };
    let bytes = serde_json::to_vec(&manifest).unwrap();
    let mut files = opened.files;
    files.reverse();
    let snapshot = Snapshot::open(&bytes, unseen_ids::sha256(&[&bytes]), &key, files).unwrap();
    let columns = strings(&["count"]);
    for bucket in 0..2 {
        let fault = CoGroup::open(
            &[ScanInput { snapshot: &snapshot, columns: &columns, lookups: &[] }],
            bucket,
            GrainLimits::NONE,
        )
        .err()
        .unwrap();
        assert!(fault.to_string().contains("does not hold what its manifest says"), "{fault}");
    }
}

fn parquet_bytes(rows: usize) -> Vec<u8> {
    let unit: ArrayRef = Arc::new((0..rows).map(|row| Some(format!("u{}", row % 7))).collect::<StringArray>());
    let n: ArrayRef = Arc::new((0..rows).map(|row| (row % 5 != 0).then_some(row as i64)).collect::<Int64Array>());
    let batch = RecordBatch::try_from_iter([("unit", unit), ("n", n)]).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn parquet_sources() {
    let toml = private("d", "unit", &[("unit", "type = \"text\""), ("n", "type = \"int\"")]);
    let dir = TempDir::new().unwrap();
    let at = import_bytes(dir.path(), &toml, &parquet_bytes(100), &options(3, 500)).unwrap();
    assert_eq!((open(&at).manifest().rows(), open(&at).manifest().units()), (100, 7));
    assert_eq!(quality(&at).columns[1].present, 80);
    let wrong = toml.replace("type = \"int\"", "type = \"bool\"");
    fs::remove_dir_all(&at).unwrap();
    let fault = import_bytes(dir.path(), &wrong, &parquet_bytes(100), &options(3, 500)).unwrap_err();
    assert_eq!(fault.to_string(), "column \"n\" is declared bool, but the file holds Int64");
}

/// Every byte of a small Parquet file set to a few other values: whatever the file then claims, the
/// import ends with an answer, and what it accepts it counts right.
#[test]
fn a_parquet_file_that_lies_is_an_error_and_never_a_crash() {
    let toml = private("d", "unit", &[("unit", "type = \"text\""), ("n", "type = \"int\"")]);
    let good = parquet_bytes(20);
    let dir = TempDir::new().unwrap();
    let source = dir.path().join("bad.parquet");
    let mut refused = 0;
    for place in 4..good.len() {
        for value in [0x00, 0x7f, 0xff, good[place] ^ 1] {
            let mut bad = good.clone();
            bad[place] = value;
            fs::write(&source, &bad).unwrap();
            // Drafting decodes the same pages as an import, and writes nothing.
            let drafted = infer(&source, "d");
            refused += usize::from(drafted.is_err());
            if (place + usize::from(value)).is_multiple_of(16) {
                match import_bytes(dir.path(), &toml, &bad, &options(1, 1 << 20)) {
                    Ok(at) => fs::remove_dir_all(at).unwrap(),
                    Err(fault) => assert!(!fault.to_string().contains('\n'), "{fault}"),
                }
            }
        }
    }
    assert!(refused > good.len(), "{refused}");
    for length in (0..good.len()).step_by(7) {
        assert!(import_bytes(dir.path(), &toml, &good[..length], &options(1, 1 << 20)).is_err());
    }
}

/// A footer that counts other rows than there are, in two places that agree: no row is lost or made
/// up without a word.
#[test]
fn a_parquet_footer_cannot_change_the_number_of_rows() {
    let toml = private("d", "unit", &[("unit", "type = \"text\""), ("n", "type = \"int\"")]);
    let good = parquet_bytes(20);
    let footer = u32::from_le_bytes(good[good.len() - 8..][..4].try_into().unwrap()) as usize;
    // 20 is written as 40: a zigzag varint.
    let places: Vec<usize> = (good.len() - 8 - footer..good.len() - 8).filter(|&at| good[at] == 40).collect();
    assert!(places.len() >= 4, "{places:?}");
    let dir = TempDir::new().unwrap();
    for &a in &places {
        for &b in &places {
            for lie in [36, 42] {
                let mut bad = good.clone();
                (bad[a], bad[b]) = (lie, lie);
                if let Ok(at) = import_bytes(dir.path(), &toml, &bad, &options(1, 1 << 20)) {
                    assert_eq!(open(&at).manifest().rows(), 20, "bytes {a} and {b} set to {lie}");
                    fs::remove_dir_all(at).unwrap();
                }
            }
        }
    }
}

#[test]
fn the_quality_report_counts_what_is_wrong() {
    let toml = private(
        "d",
        "unit",
        &[
            ("unit", "type = \"text\"\ncheck = \"uscc\""),
            ("n", "type = \"int\"\nmin = 0\nmax = 10"),
            ("town", "type = \"text\"\ndomain = [\"east\", \"west\"]"),
            ("day", "type = \"date\""),
        ],
    );
    let csv = "unit,n,town,day\n\
        91350100M000100Y43,1,east,2024-01-15\n\
        91350100M000100Y43,11,north,2023-12-01\n\
        91350100M000100Y44,,west,\n\
        NA,-5,south,2030-01-01\n";
    let dir = TempDir::new().unwrap();
    let report = quality(&import_bytes(dir.path(), &toml, csv.as_bytes(), &options(4, 1 << 20)).unwrap());
    assert_eq!((report.rows, report.set_aside, report.units, report.largest_unit), (4, 1, 2, 2));
    let [unit, n, town, day] = &report.columns[..] else { panic!("four columns") };
    assert_eq!((unit.failed_check, unit.distinct_estimate), (1, 2));
    assert_eq!((n.present, n.out_of_range, n.rows), (2, 1, 3));
    assert_eq!((n.completeness(), n.validity()), (2.0 / 3.0, 0.5));
    assert_eq!((town.out_of_domain, day.present), (1, 2));
    let freshness = report.freshness.as_ref().unwrap();
    assert_eq!((freshness.age_days, freshness.fresh, freshness.column.as_str()), (46, true, "day"));
}

#[test]
fn twins_follow_the_description_and_meet_each_other() {
    let columns = [
        ("code", "type = \"text\"\ncheck = \"uscc\""),
        ("plate", "type = \"text\"\npattern = \"浙@-####*\""),
        ("n", "type = \"int\"\nmin = -5\nmax = 5"),
        ("x", "type = \"float\"\nmin = 1.5\nmax = 2"),
        ("tax", "type = \"decimal\"\nscale = 2\nmin = 0"),
        ("on", "type = \"bool\"\nnullable = false"),
        ("month", "type = \"date\"\nformat = \"%Y-%m\"\nmin = \"2024-01\"\nmax = \"2024-06\""),
        ("at", "type = \"timestamp\""),
        ("town", "type = \"text\"\ndomain = [\"东, 镇\", \"west\"]"),
    ];
    let dir = TempDir::new().unwrap();
    let mut units = Vec::new();
    for (name, seed) in [("one", 1), ("two", 2)] {
        let toml = private(name, "code", &columns).replace("[csv]", "[csv]\nencoding = \"gb18030\"\ndelimiter = \";\"");
        let description = Description::parse(&toml).unwrap();
        let (csv, copy) = twin::write(&description, &toml, 400, seed, &dir.path().join("twins")).unwrap();
        assert_eq!(fs::read_to_string(copy).unwrap(), toml);
        let bytes = fs::read(&csv).unwrap();
        let (again, _) = twin::write(&description, &toml, 400, seed, &dir.path().join("again")).unwrap();
        assert_eq!(bytes, fs::read(again).unwrap());
        let at = import_bytes(dir.path(), &toml, &bytes, &options(2, 1 << 20)).unwrap();
        let report = quality(&at);
        for column in &report.columns {
            assert_eq!(column.validity(), 1.0, "{column:?}");
        }
        assert_eq!(report.columns[0].present, 400);
        assert!(report.columns[2].present < 400 && report.columns[2].present > 300);
        assert!((40..=50).contains(&report.units), "{}", report.units);
        let snapshot = open(&at);
        let mut names = BTreeSet::new();
        for bucket in 0..2 {
            let mut scan = CoGroup::open(
                &[ScanInput { snapshot: &snapshot, columns: &[], lookups: &[] }],
                bucket,
                GrainLimits::NONE,
            )
            .unwrap();
            while let Some(grain) = scan.next().unwrap() {
                names.insert(grain.unit().to_owned());
            }
        }
        units.push(names);
    }
    assert!(units[0].intersection(&units[1]).count() > 40);
}

#[test]
fn a_draft_of_a_description_imports_what_it_was_drafted_from() {
    let dir = TempDir::new().unwrap();
    let csv =
        "name;tailnum;day;delay;zip;seen\nx;N1;2024-01-01;1.5;0123;2024-01-01T00:00:00Z\ny;NA;2024-01-02;NA;0456;\n";
    let source = dir.path().join("raw.csv");
    for (bytes, encoding) in [
        (csv.as_bytes().to_vec(), "utf-8"),
        (encoding_rs::GB18030.encode(&csv.replace('x', "甲乙")).0.into_owned(), "gb18030"),
    ] {
        fs::write(&source, &bytes).unwrap();
        let draft = infer(&source, "flights").unwrap();
        let toml = draft.to_toml();
        assert!(toml.contains(encoding), "{toml}");
        assert_eq!(Description::parse(&toml).as_ref(), Ok(&draft));
        let kinds: Vec<_> = draft.columns.iter().map(|column| column.kind.word()).collect();
        assert_eq!(kinds, ["text", "text", "date", "float", "text", "timestamp"]);
        assert_eq!(draft.unit.as_ref().unwrap().column, "tailnum");
        let at = import_bytes(dir.path(), &toml, &bytes, &options(1, 1 << 20)).unwrap();
        assert_eq!((open(&at).manifest().rows(), open(&at).manifest().set_aside), (1, 1));
        fs::remove_dir_all(at).unwrap();
    }
    fs::write(&source, parquet_bytes(50)).unwrap();
    let draft = infer(&source, "p").unwrap();
    assert_eq!(
        draft.columns.iter().map(|c| (c.kind.word(), c.nullable)).collect::<Vec<_>>(),
        [("text", false), ("int", true)]
    );
}

/// A private table of a unit, a number and a text, with these bounds.
fn bounded(bounds: &str) -> String {
    format!(
        "name = \"b\"\nkind = \"private\"\nprovider = \"\"\nclassification = \"sensitive\"\nupdate_cycle = \"once\"\nsharing = \"none\"\n\
         [unit]\ncolumn = \"who\"\ndomain = \"person\"\nmissing = [\"-9\", \"NA\"]\n{bounds}\n\
         [[column]]\nname = \"who\"\ntype = \"TYPE\"\n[[column]]\nname = \"n\"\ntype = \"int\"\n[[column]]\nname = \"t\"\ntype = \"text\"\n"
    )
}

/// Imports this CSV of `who,n,t`; the folder, and what came of it.
fn imported(text: &str, csv: &str) -> (tempfile::TempDir, LabDataKey, Result<Imported, ImportError>) {
    let (dir, key) = (tempfile::tempdir().unwrap(), LabDataKey::generate().unwrap());
    let description = Description::parse(text).unwrap();
    let source = dir.path().join("b.csv");
    std::fs::write(&source, csv).unwrap();
    let options = ImportOptions { buckets: 2, ..ImportOptions::new(chrono::Utc::now()) };
    let done = import(&source, &description, text, &dir.path().join("b"), &key, &options, &mut |_| ());
    (dir, key, done)
}

#[test]
fn an_import_beyond_its_public_bounds_is_refused_and_one_at_them_is_not() {
    let text = |bounds: &str| bounded(&format!("[bounds]\n{bounds}")).replace("TYPE", "text");
    let csv = "who,n,t\na,1,xx\nb,2,xx\nb,3,xx\n";
    for (bounds, refused) in [
        ("units = 2\nrows = 3\ntext = 3", None),
        ("units = 1", Some("more than 1 units, the public bound of this dataset: declare more under [bounds] units")),
        ("rows = 2", Some("more than 2 rows, the public bound")),
        ("text = 2", Some("row 1 (line 2): the row has more than 2 bytes of text")),
    ] {
        let (dir, _, done) = imported(&text(bounds), csv);
        match refused {
            None => assert_eq!(done.unwrap().manifest.bounds, unseen_policies::Bounds { units: 2, rows: 3, text: 3 }),
            Some(words) => {
                let error = done.unwrap_err().to_string();
                assert!(error.contains(words), "{error}");
                assert!(!dir.path().join("b").exists());
            }
        }
    }
    // What is left out has its default, and what is written reads back.
    let parsed = Description::parse(&text("text = \"8KiB\"")).unwrap();
    assert_eq!(parsed.bounds, unseen_policies::Bounds { text: 8 << 10, ..unseen_policies::Bounds::DEFAULT });
    assert_eq!(Description::parse(&parsed.to_toml()).unwrap(), parsed);
    for (bounds, words) in [
        ("units = 0", "from 1 to"),
        ("rows = \"many\"", "whole number"),
        ("text = \"1GiB\"", "from 1 to"),
        ("unit = 5", "did you mean \"units\"?"),
    ] {
        let error = Description::parse(&text(bounds)).unwrap_err().to_string();
        assert!(error.contains(words), "{bounds}: {error}");
    }
}

#[test]
fn a_missing_unit_is_missing_however_it_is_written_and_likely_doubles_are_counted() {
    let numbers = "who,n,t\n-9,1,x\n-09,1,x\n -9,1,x\n7,1,x\n+7,1,x\n";
    let (_dir, _, done) = imported(&bounded("").replace("TYPE", "int"), numbers);
    let quality = done.unwrap().quality;
    assert_eq!((quality.set_aside, quality.units), (3, 1));
    let texts = "who,n,t\nNA,1,x\n NA,1,x\nNA ,1,x\nA1,1,x\na1 ,1,x\n\u{ff21}\u{ff11},1,x\nA1\u{200b},1,x\nB2,1,x\n";
    let (_dir, _, done) = imported(&bounded("").replace("TYPE", "text"), texts);
    let quality = done.unwrap().quality;
    assert_eq!((quality.set_aside, quality.units, quality.alike), (3, 5, 4));
}

#[test]
fn a_grain_shows_its_first_rows_and_none_is_held_that_is_too_large() {
    // `long` has more rows than a batch, `wide` more text than the limit, `fits` is at both limits.
    let mut csv = "who,n,t\n".to_owned();
    csv.extend((0..20_000).map(|n| format!("long,{n},\n")));
    csv.extend((0..10).map(|n| format!("fits,{n},{}\n", "x".repeat(10))));
    csv.extend((0..10).map(|n| format!("wide,{n},{}\n", "x".repeat(11))));
    let (dir, key, done) = imported(&bounded("").replace("TYPE", "text"), &csv);
    done.unwrap();
    let folder = SnapshotDir::open(&dir.path().join("b"), None).unwrap();
    let key = folder.data_key(&key).unwrap();
    let snapshot = folder.into_snapshot(&key).unwrap();
    let columns = ["n".to_owned(), "t".to_owned()];
    let inputs = [ScanInput { snapshot: &snapshot, columns: &columns, lookups: &[] }];
    // Ten rows of 8 bytes, eleven offsets of 4, and the text.
    let fits = 10 * 8 + 11 * 4 + 10 * 10;
    let seen = |limits: GrainLimits| {
        let mut seen = Vec::new();
        for bucket in 0..2 {
            let mut scan = CoGroup::open(&inputs, bucket, limits).unwrap();
            while let Some(grain) = scan.next().unwrap() {
                let first = match grain.table(0).column(0).cells {
                    Cells::Ints(cells) => cells.first().copied(),
                    _ => None,
                };
                seen.push((grain.unit().to_owned(), grain.overlarge(), grain.table(0).rows(), first));
            }
        }
        seen.sort();
        seen
    };
    let of = |unit: &str, overlarge, rows, first| (unit.to_owned(), overlarge, rows, Some(first));
    assert_eq!(
        seen(GrainLimits { rows: 9_000, bytes: u64::MAX }),
        [of("fits", false, 10, 0), of("long", false, 9_000, 0), of("wide", false, 10, 0)]
    );
    let within = seen(GrainLimits { rows: 10, bytes: fits });
    assert_eq!(within, [of("fits", false, 10, 0), of("long", false, 10, 0), of("wide", true, 10, 0)]);
    let narrow = seen(GrainLimits { rows: u32::MAX, bytes: fits });
    assert!(!narrow[0].1 && narrow[1].1 && narrow[2].1);
    // Of what is too large no more than a batch is held.
    assert!(narrow[1].2 <= 8_192, "{narrow:?}");

    // A block that is too large is let go of whole, and the others are as they were.
    let gathered = |limits: GrainLimits| {
        let block_key = BlockKey::new(&[3; 32]).unwrap();
        let mut gatherer = BlockGatherer::new(block_key, 50, 0..50, &inputs, limits).unwrap();
        for bucket in 0..2 {
            absorb(&mut gatherer, CoGroup::open(&inputs, bucket, limits).unwrap());
        }
        let blocks = gatherer.finish();
        let found = blocks.iter().map(|block| (block.grain().overlarge(), block.grain().table(0).rows()));
        found.filter(|(overlarge, rows)| *overlarge || *rows > 0).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(gathered(GrainLimits { rows: 10, bytes: fits }), [(false, 10), (true, 0)].into());
    assert_eq!(gathered(GrainLimits::NONE), [(false, 10), (false, 20_000)].into());
}

fn absorb(gatherer: &mut BlockGatherer, mut bucket: CoGroup) {
    while let Some(unit) = bucket.next().unwrap() {
        gatherer.absorb(unit).unwrap();
    }
}
