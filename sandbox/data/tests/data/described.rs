//! What is made from a description or from data: quality reports, twins, drafts.

use std::collections::BTreeSet;
use std::fs;
use tempfile::TempDir;
use unseen_data::import::infer;
use unseen_data::*;

use crate::support::*;

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
        let written = twin::write(&description, &toml, 400, seed, &dir.path().join("twins")).unwrap();
        let headed = fs::read_to_string(written.description).unwrap();
        let (head, rest) = headed.split_once('\n').unwrap();
        assert_eq!((twin::is_headed(head), rest, written.rows), (true, toml.as_str(), Some(400)));
        assert!(!twin::is_headed(&toml) && Description::parse(&headed).as_ref() == Ok(&description));
        let bytes = fs::read(&written.data).unwrap();
        let again = twin::write(&description, &toml, 400, seed, &dir.path().join("again")).unwrap();
        assert_eq!(bytes, fs::read(again.data).unwrap());
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
        let toml = infer(&source, "flights").unwrap();
        assert!(toml.contains(encoding), "{toml}");
        // Whose rows these are is never guessed.
        let unsaid = Description::parse(&toml).unwrap_err().to_string();
        assert!(unsaid.contains("say whose rows these are"), "{unsaid}");
        assert!(toml.contains("perhaps tailnum"), "{toml}");
        let toml = filled_in(&toml, "tailnum", "vehicle");
        let draft = Description::parse(&toml).unwrap();
        assert_eq!(Description::parse(&draft.to_toml()).as_ref(), Ok(&draft));
        let kinds: Vec<_> = draft.columns.iter().map(|column| column.kind.word()).collect();
        assert_eq!(kinds, ["text", "text", "date", "float", "text", "timestamp"]);
        let at = import_bytes(dir.path(), &toml, &bytes, &options(1, 1 << 20)).unwrap();
        assert_eq!((open(&at).manifest().rows(), open(&at).manifest().set_aside), (1, 1));
        fs::remove_dir_all(at).unwrap();
    }
    fs::write(&source, parquet_bytes(50)).unwrap();
    let draft = Description::parse(&filled_in(&infer(&source, "p").unwrap(), "unit", "person")).unwrap();
    assert_eq!(
        draft.columns.iter().map(|c| (c.kind.word(), c.nullable)).collect::<Vec<_>>(),
        [("text", false), ("int", true)]
    );
}

/// A draft with the one thing in it that no file tells.
fn filled_in(draft: &str, column: &str, domain: &str) -> String {
    draft.replacen("column = \"\"", &format!("column = \"{column}\""), 1).replacen(
        "domain = \"\"",
        &format!("domain = \"{domain}\""),
        1,
    )
}

/// Every draft can be imported once the unit is filled in, and makes no number of a code.
#[test]
fn a_draft_looks_at_the_whole_file() {
    let dir = TempDir::new().unwrap();
    let mut csv = String::from(
        "\u{feff},编号,code,long,day,amount,\"1、请问贵单位在过去十二个月内是否使用过由本市政务服务平台提供的线上办理服务，包括但不限于税务、社保和年报等事项？\"\n",
    );
    for row in 0..11_000 {
        csv += &format!(
            "{row},p{row},{},{},2024年3月7日,{}.5,是\n",
            row + 100,
            12_345_678_901_234_567_890_u128 + row,
            row
        );
    }
    // After what used to be the end of the sample.
    csv += "11000,p1,0042,1,2024年12月1日,NA,否\n";
    let source = dir.path().join("codes.csv");
    fs::write(&source, &csv).unwrap();
    let toml = filled_in(&infer(&source, "codes").unwrap(), "编号", "person");
    let draft = Description::parse(&toml).unwrap_or_else(|error| panic!("{error}\n{toml}"));
    let found: Vec<_> = draft.columns.iter().map(|column| (column.name.as_str(), column.kind.word())).collect();
    let wanted = [
        ("编号", "text"),
        ("code", "text"),
        ("long", "text"),
        ("day", "date"),
        ("amount", "float"),
        ("column_7", "bool"),
    ];
    assert_eq!(found, wanted);
    let at = import_bytes(dir.path(), &toml, csv.as_bytes(), &options(1, 1 << 20)).unwrap();
    assert_eq!(open(&at).manifest().rows(), 11_001);
}
