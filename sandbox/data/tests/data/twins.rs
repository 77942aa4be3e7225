//! Twins follow what a description says, and every one of them is taken by an import with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;
use unseen_data::hash::siphash24;
use unseen_data::twin::{Bin, Fitted, FittedColumn};
use unseen_data::*;

use crate::support::*;

/// The fields of a twin's rows.
fn fields(description: &str, rows: u64, seed: u64, fitted: &Fitted) -> Vec<BTreeMap<String, String>> {
    let dir = TempDir::new().unwrap();
    let parsed = Description::parse(description).unwrap();
    let written = twin::write_fitted(&parsed, description, fitted, rows, seed, dir.path()).unwrap();
    let text = fs::read_to_string(written.data).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let names = lines.next().unwrap();
    lines.map(|line| names.iter().cloned().zip(line).collect()).collect()
}

fn share(rows: &[BTreeMap<String, String>], column: &str, is: impl Fn(&str) -> bool) -> f64 {
    rows.iter().filter(|row| is(&row[column])).count() as f64 / rows.len() as f64
}

fn register() -> String {
    private(
        "firms",
        "code",
        &[
            ("code", "type = \"text\""),
            ("town", "type = \"text\"\nnullable = false\nper_unit = true\ndomain = [\"a\", \"b\", \"c\"]\nweights = { a = 3, b = 1 }"),
            ("kind", "type = \"text\"\nnullable = false\ndomain = [\"x\", \"y\"]\nsizes = [900, 100]"),
            ("big", "type = \"bool\"\nweights = { true = 1, false = 3 }\nnulls = 0.5"),
            ("land", "type = \"float\"\nnullable = false\nmin = 0\nmax = 100\nper_unit = true\ndistribution = { kind = \"log-normal\", median = 4, sigma = 0.8 }"),
            ("output", "type = \"decimal\"\nscale = 1\nnullable = false\nmin = 0\ndepends = { on = { land = 30.0 }, base = 5, noise = 0.1 }"),
            ("opened", "type = \"date\"\nnullable = false\nmin = \"2020-01-01\"\nmax = \"2020-12-31\""),
            ("closed", "type = \"date\"\nnullable = false\nmax = \"2035-12-31\"\nafter = { column = \"opened\", days = 40 }"),
        ],
    )
    .replace("[csv]", "rows = { min = 2, max = 5 }\n[csv]")
}

#[test]
fn a_twin_follows_what_its_description_says() {
    let rows = fields(&register(), 7_000, 1, &Fitted::default());
    assert_eq!(rows.len(), 7_000);
    let mut units: BTreeMap<&str, Vec<&BTreeMap<String, String>>> = BTreeMap::new();
    rows.iter().for_each(|row| units.entry(&row["code"]).or_default().push(row));
    let sizes: BTreeSet<usize> = units.values().map(Vec::len).collect();
    assert!(sizes.iter().all(|size| (1..=5).contains(size)) && sizes.is_superset(&[2, 3, 4, 5].into()), "{sizes:?}");
    for of_unit in units.values() {
        assert!(of_unit.iter().all(|row| row["town"] == of_unit[0]["town"] && row["land"] == of_unit[0]["land"]));
    }
    let near = |found: f64, wanted: f64| assert!((found - wanted).abs() < 0.04, "{found} and not {wanted}");
    near(share(&rows, "town", |town| town == "a"), 0.75);
    near(share(&rows, "town", |town| town == "c"), 0.0);
    near(share(&rows, "kind", |kind| kind == "x"), 0.9);
    near(share(&rows, "big", str::is_empty), 0.5);
    near(share(&rows, "big", |big| big == "true"), 0.125);
    let number = |row: &BTreeMap<String, String>, column: &str| row[column].parse::<f64>().unwrap();
    near(share(&rows, "land", |land| land.parse::<f64>().unwrap() < 4.0), 0.5);
    // One standard deviation to each side.
    near(
        rows.iter().filter(|row| (number(row, "output") / (5.0 + 30.0 * number(row, "land"))).ln().abs() < 0.1).count()
            as f64
            / 7_000.0,
        0.68,
    );
    let days = |row: &BTreeMap<String, String>| {
        let day = |column: &str| row[column].parse::<chrono::NaiveDate>().unwrap();
        (day("closed") - day("opened")).num_days()
    };
    assert!(rows.iter().all(|row| days(row) >= 0));
    let mean = rows.iter().map(days).sum::<i64>() as f64 / 7_000.0;
    assert!((mean - 40.0).abs() < 3.0, "{mean}");

    // What is a unit's own is the same in another dataset of its domain, though that has other columns beside.
    let other = private(
        "other",
        "code",
        &[
            ("code", "type = \"text\""),
            ("n", "type = \"int\""),
            (
                "land",
                "type = \"float\"\nnullable = false\nmin = 0\nmax = 100\nper_unit = true\ndistribution = { kind = \"log-normal\", median = 4, sigma = 0.8 }",
            ),
        ],
    );
    let other = fields(&other, 100, 1, &Fitted::default());
    assert!(other.iter().all(|row| units.get(row["code"].as_str()).is_none_or(|of| of[0]["land"] == row["land"])));
}

#[test]
fn released_shares_stand_in_place_of_those_of_the_description() {
    let column = |column: &str, bins: &[Bin], weights: &[f64], given| FittedColumn {
        column: column.to_owned(),
        bins: bins.to_vec(),
        weights: weights.to_vec(),
        given,
    };
    let fitted = Fitted {
        columns: vec![
            column(
                "kind",
                &[Bin::Text(0), Bin::Text(1)],
                &[1.0, 1.0],
                Some(("town".to_owned(), vec![vec![1.0, 0.0], vec![0.0, 1.0], vec![0.0, 0.0]])),
            ),
            column("town", &[Bin::Text(0), Bin::Text(1), Bin::Text(2)], &[0.0, 1.0, 1.0], None),
            column("land", &[Bin::Between(0.0, 1.0), Bin::Between(50.0, 60.0)], &[1.0, 3.0], None),
            column("big", &[Bin::Text(0), Bin::Text(1), Bin::Null], &[4.0, 4.0, 2.0], None),
            // Of what the column does not have, nothing is taken.
            column("opened", &[Bin::Text(7)], &[1.0], None),
        ],
        rows_of_unit: vec![(Bin::Between(1.0, 1.0), 1.0)],
    };
    let rows = fields(&register(), 4_000, 1, &fitted);
    assert_eq!(rows.iter().map(|row| &row["code"]).collect::<BTreeSet<_>>().len(), 4_000);
    let near = |found: f64, wanted: f64| assert!((found - wanted).abs() < 0.04, "{found} and not {wanted}");
    near(share(&rows, "town", |town| town == "b"), 0.5);
    assert!(rows.iter().all(|row| row["town"] != "b" || row["kind"] == "y"));
    near(share(&rows, "kind", |kind| kind == "x"), 0.25);
    near(share(&rows, "land", |land| (50.0..=60.0).contains(&land.parse::<f64>().unwrap())), 0.75);
    near(share(&rows, "big", str::is_empty), 0.2);
}

/// Where nothing is said of how values lie, twins are what they were before it could be said.
#[test]
fn a_description_that_says_nothing_gives_the_bytes_it_always_gave() {
    let toml = private(
        "d",
        "code",
        &[
            ("n", "type = \"int\"\nmin = -5\nmax = 5"),
            ("code", "type = \"text\"\ncheck = \"uscc\""),
            ("x", "type = \"float\"\nmin = 1.5\nmax = 2"),
            ("day", "type = \"date\"\nnullable = false"),
            ("on", "type = \"bool\""),
            ("town", "type = \"text\"\ndomain = [\"东\", \"west\"]"),
        ],
    );
    let dir = TempDir::new().unwrap();
    let written = twin::write(&Description::parse(&toml).unwrap(), &toml, 500, 3, dir.path()).unwrap();
    assert_eq!(siphash24(&[0; 16], &fs::read(written.data).unwrap()), 14_073_047_180_670_198_553);
}

#[test]
fn bounds_and_keys_leave_room_for_so_many_rows() {
    let dir = TempDir::new().unwrap();
    let write = |toml: &str, rows| twin::write(&Description::parse(toml).unwrap(), toml, rows, 1, dir.path()).unwrap();
    let bounds = "[bounds]\nunits = 50\nrows = 60\n[csv]";
    // A register of about one row a unit, by its bounds.
    let toml = private("few", "id", &[("id", "type = \"int\"")]).replace("[csv]", bounds);
    let written = write(&toml, 1_000);
    assert_eq!(written.rows, Some(50));
    import_bytes(dir.path(), &toml, &fs::read(written.data).unwrap(), &options(1, 1 << 20)).unwrap();
    for (key, rows) in
        [("type = \"int\"\nmin = 1\nmax = 9", 9), ("type = \"text\"\npattern = \"#\"", 10), ("type = \"text\"", 200)]
    {
        let toml = head("table", "reference") + &format!("key = \"k\"\n[[column]]\nname = \"k\"\n{key}\n");
        let written = write(&toml, 200);
        assert_eq!(written.rows, Some(rows), "{key}");
        assert!(fs::read_to_string(written.description).unwrap().starts_with(twin::MADE_UP));
        fs::remove_dir_all(
            import_bytes(dir.path(), &toml, &fs::read(written.data).unwrap(), &options(1, 1 << 20)).unwrap(),
        )
        .unwrap();
    }
}

/// A description out of bytes: each of them decides something.
fn described(bytes: &[u8]) -> String {
    let mut bytes = bytes.iter().copied().cycle();
    let mut choose = move |among: u8| bytes.next().unwrap_or(0) % among;
    let mut columns: Vec<(String, String)> = vec![(
        "id".into(),
        ["type = \"text\"", "type = \"int\"", "type = \"text\"\ncheck = \"uscc\""][choose(3) as usize].into(),
    )];
    // What later ones may depend on: name, type, whether it is constant.
    let mut made: Vec<(String, &str, bool)> = Vec::new();
    for number in 0..choose(7) + 1 {
        let name = ["列", "c d", "x"][choose(3) as usize].to_owned() + &number.to_string();
        let kind = ["int", "float", "decimal", "date", "timestamp", "bool", "text"][choose(7) as usize];
        let mut lines = format!("type = \"{kind}\"\n");
        let is_number = matches!(kind, "int" | "float" | "decimal");
        let is_time = matches!(kind, "date" | "timestamp");
        if kind == "decimal" {
            lines += "scale = 2\n";
        }
        if kind == "text" && choose(2) == 0 {
            lines += [
                "domain = [\"甲\"]\n",
                "domain = [\"a,b\", \"\\\"\", \"c\"]\nweights = [0, 2.5, 1]\n",
                "domain = [\"a\", \"b\"]\nsizes = [0, 7]\n",
            ][choose(3) as usize];
        }
        if kind == "bool" && choose(2) == 0 {
            lines += "weights = { false = 1 }\n";
        }
        let is_free = kind == "text" && !lines.contains("domain");
        let constant = choose(3) == 0;
        lines += match (constant, choose(3)) {
            (true, _) => "per_unit = true\n",
            (false, 0) if !is_free => "per_unit = 0.6\n",
            _ => "",
        };
        lines += ["", "nullable = false\n", "nulls = 0.4\n"][choose(3) as usize];
        if is_number && choose(2) == 0 {
            lines += ["min = -20\n", "max = 1000\n", "min = 3\nmax = 4\n"][choose(3) as usize];
        }
        let before = made.iter().filter(|(_, of, is)| {
            (!constant || *is) && (is_number && matches!(*of, "int" | "float" | "decimal") || is_time && *of == kind)
        });
        let before: Vec<String> = before.map(|(name, ..)| name.clone()).collect();
        match choose(5) {
            0 | 1 if !before.is_empty() && is_number => {
                let slopes: Vec<String> = before
                    .iter()
                    .take(2)
                    .map(|name| format!("\"{name}\" = {}", ["-2", "1e9", "0.25"][choose(3) as usize]))
                    .collect();
                lines +=
                    &format!("depends = {{ on = {{ {} }}, base = 1, noise = {} }}\n", slopes.join(", "), choose(4));
            }
            0 | 1 if !before.is_empty() && is_time => {
                lines += &format!(
                    "after = {{ column = \"{}\", days = {} }}\n",
                    before[0],
                    ["0", "3.5", "90000"][choose(3) as usize]
                );
            }
            2 if is_number => {
                lines += &format!(
                    "distribution = {}\n",
                    [
                        "{ kind = \"normal\", mean = 3, sd = 100 }",
                        "{ kind = \"log-normal\", median = 1e7, sigma = 6 }",
                        "{ kind = \"exponential\", mean = 0.5 }"
                    ][choose(3) as usize]
                );
            }
            _ => {}
        }
        made.push((name.clone(), kind, constant));
        columns.push((name, lines));
    }
    let columns: Vec<(&str, &str)> = columns.iter().map(|(name, lines)| (name.as_str(), lines.as_str())).collect();
    let rows = ["", "rows = 3\n", "rows = { max = 9, distribution = { kind = \"exponential\", mean = 2 } }\n"]
        [choose(3) as usize];
    let bounds = ["", "[bounds]\nunits = 20\nrows = 70\n"][choose(2) as usize];
    private("d", "id", &columns).replace("[csv]", &format!("{rows}{bounds}[csv]"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn an_import_takes_every_twin(bytes in proptest::collection::vec(any::<u8>(), 24..96), seed: u64) {
        let toml = described(&bytes);
        let description = Description::parse(&toml).unwrap_or_else(|fault| panic!("{fault}\n{toml}"));
        prop_assert_eq!(Description::parse(&description.to_toml()), Ok(description.clone()));
        let dir = TempDir::new().unwrap();
        let written = twin::write(&description, &toml, 120, seed, dir.path()).unwrap();
        let rows = fs::read(written.data).unwrap();
        let at = import_bytes(dir.path(), &toml, &rows, &options(2, 1 << 20));
        let report = quality(&at.unwrap_or_else(|fault| panic!("{fault}\n{toml}\n{}", String::from_utf8_lossy(&rows))));
        prop_assert_eq!((Some(report.rows), report.set_aside, report.bad_rows), (written.rows, 0, 0));
        for (column, spec) in report.columns.iter().zip(&description.columns) {
            prop_assert!(column.validity() == 1.0, "{:?}\n{}", column, toml);
            prop_assert!(spec.nullable || column.present == column.rows);
        }
    }
}
