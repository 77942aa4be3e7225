//! `normalize`: one code is one code, however it is written.

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;
use tempfile::TempDir;
use unseen_data::cell::passes;
use unseen_data::description::{Check, Form, Step};
use unseen_data::import::infer;
use unseen_data::snapshot_dir::SnapshotDir;
use unseen_data::*;

use crate::support::*;

const ALL: &str = "normalize = [\"width\", \"blanks\", \"separators\", \"case\", \"resident-id\"]";

fn form() -> impl Strategy<Value = Form> {
    prop::collection::vec(prop::sample::select(Step::ALL.to_vec()), 0..6).prop_map(Form::new)
}

/// Texts of what offices write codes with, and of anything.
fn written() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "9",
        "１",
        "a",
        "Ｚ",
        "x",
        " ",
        "\u{3000}",
        "\u{a0}",
        "\u{200b}",
        "-",
        "－",
        "—",
        "·",
        "/",
        "\u{feff}",
        "ß",
        "ı",
        "湖",
        "110105491231002",
        "11010519491231002X",
        "",
    ]);
    let pieces = prop::collection::vec(pieces, 0..8).prop_map(|pieces| pieces.concat());
    prop_oneof![pieces, any::<String>()]
}

/// A number of an identity card, made as the standard says, the check digit found by trying.
fn resident_id() -> impl Strategy<Value = String> {
    (110_000..660_000u32, 1920..1999u32, 1..13u32, 1..29u32, 1..996u32).prop_map(
        |(region, year, month, day, serial)| {
            let body = format!("{region}{year}{month:02}{day:02}{serial:03}");
            let ends = "0123456789X".chars().map(|end| format!("{body}{end}"));
            let good: Vec<String> = ends.filter(|number| passes(number, &Check::ResidentId)).collect();
            assert_eq!(good.len(), 1, "{body}");
            good[0].clone()
        },
    )
}

/// The same code as somebody else might write it, by a list of whims.
fn as_written(code: &str, whims: &[u8]) -> String {
    let short = format!("{}{}", &code[..6], &code[8..17]);
    let code = if whims[0].is_multiple_of(3) { &short } else { code };
    let character = |(c, whim): (char, &u8)| {
        let c = if whim & 1 == 0 { c.to_ascii_lowercase() } else { c };
        let c = if whim & 6 == 0 { char::from_u32(c as u32 + 0xfee0).unwrap() } else { c };
        let between = ["", "", "", "", "", " ", "\u{3000}", "-", "－", "\u{200b}", "\t"][usize::from(whim >> 3) % 11];
        format!("{between}{c}")
    };
    code.chars().zip(whims.iter().cycle()).map(character).collect()
}

fn parquet_of(units: &[String]) -> Vec<u8> {
    let unit: ArrayRef = Arc::new(StringArray::from(units.to_vec()));
    let batch = RecordBatch::try_from_iter([("unit", unit)]).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_text_in_its_form_stays_as_it_is(form in form(), text in written()) {
        let once = form.apply(&text).into_owned();
        prop_assert_eq!(form.apply(&once), once.as_str());
        let longer = matches!(once.len().checked_sub(text.len()), Some(1..));
        prop_assert!(!longer || once.len() == 18 && form.steps().contains(&Step::ResidentId));
    }

    #[test]
    fn steps_are_taken_in_their_order_whatever_order_they_are_written_in(mut steps in prop::collection::vec(prop::sample::select(Step::ALL.to_vec()), 0..8), text in written()) {
        let form = Form::new(steps.clone());
        steps.reverse();
        prop_assert_eq!(Form::new(steps).apply(&text), form.apply(&text));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// A CSV file and a Parquet file write the same people in their own ways, and a third one plainly.
    #[test]
    fn the_unit_is_the_same_however_it_is_written(
        codes in prop::collection::btree_set(resident_id(), 1..20),
        whims in prop::collection::vec(any::<u8>(), 18..90),
    ) {
        let codes: Vec<String> = codes.into_iter().collect();
        let write = |shift: usize| -> Vec<String> {
            let whims = |at: usize| whims.iter().copied().cycle().skip(at + shift).take(18).collect::<Vec<_>>();
            codes.iter().enumerate().map(|(at, code)| as_written(code, &whims(at))).collect()
        };
        let (csv, parquet) = (write(0), write(7));
        let unit = [("unit", format!("type = \"text\"\nnullable = false\ncheck = \"resident-id\"\n{ALL}"))];
        let unit = unit.each_ref().map(|(name, rest)| (*name, rest.as_str()));
        let dir = TempDir::new().unwrap();
        let import = |name: &str, bytes: &[u8]| {
            let at = import_bytes(dir.path(), &private(name, "unit", &unit), bytes, &options(3, 1 << 20)).unwrap();
            let column = &quality(&at).columns[0];
            prop_assert_eq!(column.failed_check, 0);
            Ok((open(&at), column.normalized))
        };
        let file = |units: &[String]| format!("unit\n{}\n", units.iter().map(|u| format!("\"{u}\"")).collect::<Vec<_>>().join("\n"));
        let changed = |units: &[String]| units.iter().zip(&codes).filter(|(unit, code)| unit != code).count() as u64;
        let (one, normalized) = import("one", file(&csv).as_bytes())?;
        prop_assert_eq!(normalized, changed(&csv));
        let (two, normalized) = import("two", &parquet_of(&parquet))?;
        prop_assert_eq!(normalized, changed(&parquet));
        let (plain, normalized) = import("plain", file(&codes).as_bytes())?;
        prop_assert_eq!(normalized, 0);
        let columns = strings(&["unit"]);
        let inputs = [&one, &two, &plain].map(|snapshot| ScanInput { snapshot, columns: &columns, lookups: &[] });
        let mut met = BTreeSet::new();
        for bucket in 0..3 {
            let mut scan = CoGroup::open(&inputs, bucket, GrainLimits::NONE).unwrap();
            while let Some(grain) = scan.next().unwrap() {
                let row = vec![text(Some(grain.unit()))];
                (0..3).for_each(|table| assert_eq!(rows_of(grain.table(table)), std::slice::from_ref(&row)));
                met.insert(grain.unit().to_owned());
            }
        }
        prop_assert_eq!(met, codes.into_iter().collect::<BTreeSet<_>>());
    }
}

/// A dataset of one unit column that declares its form.
fn of_unit(rest: &str) -> String {
    private("d", "unit", &[("unit", rest), ("n", "type = \"int\"")])
}

#[test]
fn what_is_left_of_nothing_is_no_value() {
    let toml = private(
        "d",
        "unit",
        &[
            ("unit", &format!("type = \"text\"\n{ALL}")),
            ("plate", &format!("type = \"text\"\nnullable = false\nnull = [\"N/A\"]\n{ALL}")),
        ],
    );
    let csv = "unit,plate\nｎａ,苏d·12345\n－,苏D12345\na1,苏D-12345\n";
    let dir = TempDir::new().unwrap();
    let at = import_bytes(dir.path(), &toml, csv.as_bytes(), &options(1, 1 << 20)).unwrap();
    let report = quality(&at);
    assert_eq!((report.rows, report.set_aside, report.units), (3, 2, 1));
    let normalized: Vec<u64> = report.columns.iter().map(|column| column.normalized).collect();
    assert_eq!(normalized, [1, 2]);
    fs::remove_dir_all(at).unwrap();
    // A cell of which nothing is left is empty, and its row is told or set aside as of any other.
    let gone = "unit,plate\na1,苏D12345\na2,－ －\na3,ｎa\n";
    let error = import_bytes(dir.path(), &toml, gone.as_bytes(), &options(1, 1 << 20)).unwrap_err().to_string();
    assert!(error.contains("row 2 (line 3), column \"plate\": empty") && error.contains("row 3"), "{error}");
    let lenient = toml.replace("[unit]", "bad_rows = \"set-aside\"\n[unit]");
    let at = import_bytes(dir.path(), &lenient, gone.as_bytes(), &options(1, 1 << 20)).unwrap();
    assert_eq!((quality(&at).bad_rows, quality(&at).units), (2, 1));
}

#[test]
fn sheets_and_keys_of_tables_are_brought_into_form_too() {
    let dir = TempDir::new().unwrap();
    let columns = [
        ("id", "type = \"text\""),
        ("v", "type = \"text\"\nnormalize = [\"case\"]"),
        ("note", "type = \"text\"\nnormalize = [\"case\", \"width\"]"),
    ];
    let gaps = import_bytes(
        dir.path(),
        &private("gaps", "id", &columns),
        include_bytes!("files/gaps.xlsx"),
        &options(1, 1 << 20),
    )
    .unwrap();
    let normalized: Vec<u64> = quality(&gaps).columns.iter().map(|column| column.normalized).collect();
    assert_eq!(normalized, [0, 1, 1]);

    let table = labels_toml().replacen("type = \"text\"", "type = \"text\"\nnormalize = [\"width\", \"case\"]", 1);
    let rows = "key,rank,label\nｘ,1,ex\nz,2,zed\n";
    let twice = import_bytes(dir.path(), &table, "key,rank,label\nｘ,1,ex\nX,2,zed\n".as_bytes(), &options(1, 1 << 20));
    assert!(twice.unwrap_err().to_string().contains("row 2 (line 3): the key repeats"));
    let labels = import_bytes(dir.path(), &table, rows.as_bytes(), &options(1, 1 << 20)).unwrap();
    let labels = SnapshotDir::open(&labels, None).unwrap();
    assert_eq!(labels.quality(None).unwrap().columns[0].normalized, 2);
    let labels = labels.into_reference().unwrap();
    let found: BTreeMap<&str, &str> = [("v", "ex"), ("note", "zed")].into();
    for (on, label) in found {
        let lookups = [labels.lookup(on, "key", &strings(&["label"])).unwrap()];
        let (snapshot, columns) = (open(&gaps), strings(&[on]));
        let inputs = [ScanInput { snapshot: &snapshot, columns: &columns, lookups: &lookups }];
        let mut scan = CoGroup::open(&inputs, 0, GrainLimits::NONE).unwrap();
        let mut rows = Vec::new();
        while let Some(grain) = scan.next().unwrap() {
            rows.extend(rows_of(grain.table(0)));
        }
        assert!(rows.iter().any(|row| row[1] == text(Some(label))), "{on}: {rows:?}");
    }
}

#[test]
fn what_cannot_be_is_refused_at_its_line() {
    let line = |rest: &str| 14 + rest.lines().count();
    for (rest, says) in [
        ("type = \"text\"\nnormalize = [\"width\", \"cse\"]", "there is no form \"cse\"; did you mean \"case\"?"),
        (
            "type = \"text\"\nnormalize = [\n\"width\",\n\"id-18\"]",
            "forms are width, blanks, separators, case, resident-id",
        ),
        ("type = \"text\"\nnormalize = \"width\"", "must be a list of texts"),
        ("type = \"int\"\nnormalize = [\"width\"]", "only a text column has `normalize`"),
        ("type = \"text\"\nnormalize = [\"case\"]\ndomain = [\"A\", \"b\"]", "write \"B\""),
        ("type = \"text\"\nnormalize = [\"separators\"]\npattern = \"苏@-#####\"", "write \"苏@#####\""),
        ("type = \"text\"\nnormalize = [\"case\"]\ncheck = \"id-18\"", "\"resident-id\""),
        ("type = \"int\"\ncheck = \"resident-id\"", "only a text column has `check`"),
    ] {
        let fault = Description::parse(&of_unit(rest)).unwrap_err();
        assert!(fault.to_string().contains(says), "{rest}: {fault}");
        assert_eq!(fault.line, line(rest), "{rest}: {fault}");
    }
    let good = "type = \"text\"\nnormalize = [\"case\", \"width\", \"case\"]\npattern = \"苏@#####\"\ndomain = [\"A\"]";
    let described = Description::parse(&of_unit(good)).unwrap();
    assert_eq!(described.columns[0].normalize.steps(), [Step::Width, Step::Case]);
    assert_eq!(Description::parse(&described.to_toml()), Ok(described.clone()));
    // Read in another form, rows are other rows.
    let plain = Description::parse(&of_unit(&good.replace("normalize", "null"))).unwrap();
    assert!(!plain.is_of_same_data(&described));
}

#[test]
fn a_draft_proposes_the_form_that_brings_codes_together() {
    let dir = TempDir::new().unwrap();
    let source = dir.path().join("people.csv");
    let csv = "name,person,firm,mixed,born,serial\n\
        a,11010519491231002X,91350100M000100Y43,91350100M000100Y43,1949,123456789012345\n\
        b,110105491231002,91350100m000100y43,91350100m000100y43,1950,223456789012345\n\
        c,４４０５２４１８８００１０１００１４,9135 0100 M000 100Y43,not a code,1951,323456789012345\n\
        d,370802-19940221-0029,91350100M000100Y43,,1952,423456789012345\n";
    let look = |csv: &str| {
        fs::write(&source, csv).unwrap();
        let toml = infer(&source, "people").unwrap().replacen("column = \"\"", "column = \"person\"", 1);
        Description::parse(&toml.replacen("domain = \"\"", "domain = \"person\"", 1)).unwrap()
    };
    let form = |steps: &[Step]| Form::new(steps.to_vec());
    let found = look(csv);
    let of = |name: &str| found.column(name).unwrap();
    let all_but_case = [Step::Width, Step::Separators, Step::ResidentId];
    assert_eq!((&of("person").normalize, of("person").check.clone()), (&form(&all_but_case), Some(Check::ResidentId)));
    assert_eq!(
        (&of("firm").normalize, of("firm").check.clone()),
        (&form(&[Step::Blanks, Step::Case]), Some(Check::Uscc))
    );
    for other in ["name", "mixed", "born", "serial"] {
        assert_eq!((&of(other).normalize, of(other).check.clone()), (&Form::default(), None), "{other}");
    }
    assert_eq!(of("serial").kind.word(), "int");
    assert_eq!(Description::parse(&found.to_toml()), Ok(found.clone()));
    // Numbers of 15 digits alone are those of people where all of them have a day of birth.
    let short = look("person\n110105491231002\n370802940221002\n");
    assert_eq!((&short.columns[0].normalize, short.columns[0].kind.word()), (&form(&[Step::ResidentId]), "text"));
    // Where one in ten or fewer is mistyped, the form is proposed and the check is not.
    let mut typed = "person,n\n".to_owned() + &"110105491231002,1\n".repeat(19);
    typed += "1101054912310,1\n";
    let typed = look(&typed);
    assert_eq!((&typed.columns[0].normalize, typed.columns[0].check.clone()), (&form(&[Step::ResidentId]), None));
    // What is in one form already is left as it is.
    let plain = look("person\n11010519491231002X\n440524188001010014\n");
    assert_eq!(
        (&plain.columns[0].normalize, plain.columns[0].check.clone()),
        (&Form::default(), Some(Check::ResidentId))
    );
}

#[test]
fn twins_of_numbers_of_identity_cards_are_numbers_of_identity_cards() {
    let dir = TempDir::new().unwrap();
    let mut units = Vec::new();
    for (name, form) in [("one", ALL), ("two", "")] {
        let toml = private(name, "unit", &[("unit", &format!("type = \"text\"\ncheck = \"resident-id\"\n{form}"))]);
        let csv = twin::write(&Description::parse(&toml).unwrap(), &toml, 200, 3, dir.path()).unwrap().data;
        let at = import_bytes(dir.path(), &toml, &fs::read(csv).unwrap(), &options(1, 1 << 20)).unwrap();
        let report = quality(&at);
        assert_eq!((report.columns[0].failed_check, report.columns[0].normalized), (0, 0));
        units.push(report.units);
    }
    assert!(units[0] > 10 && units[0] == units[1], "{units:?}");
}
