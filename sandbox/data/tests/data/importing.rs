//! Raw files of every kind, and every kind of bad input.

use std::collections::BTreeSet;
use std::fs;
use tempfile::TempDir;
use unseen_data::import::import;
use unseen_data::snapshot_dir::SnapshotDir;
use unseen_data::*;

use crate::support::*;

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
        (b"\x1f\x8b\x08\0", "unexpected end of file"),
        (b"PK\x03\x04....", "a damaged workbook"),
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
    let left = dir.path().join("snapshots/.building-0123");
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
