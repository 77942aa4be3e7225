//! The gallery's tables are what their descriptions say, and its jobs fit them.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use unseen_data::cell::{self, Cell};
use unseen_data::description::{Bound, ColumnSpec, Description};
use unseen_demo::gallery::{self, Scenario};
use unseen_policies::manifest::{Key, Keys, Manifest};
use unseen_policies::plan::{Plan, References};
use unseen_policies::policy::Policy;

const UNITS: u64 = 300;

#[test]
fn each_folder_is_a_scenario_and_says_all_of_it() {
    let folders: BTreeSet<String> =
        fs::read_dir(folder("")).unwrap().map(|found| found.unwrap().file_name().into_string().unwrap()).collect();
    let scenarios: BTreeSet<String> = gallery::ALL.iter().map(|scenario| scenario.name.to_owned()).collect();
    assert_eq!(folders, scenarios);
    for scenario in &gallery::ALL {
        let page = fs::read_to_string(folder(scenario.name).join("README.md")).unwrap();
        assert!(page.contains("## 中文"), "{}", scenario.name);
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
        let drawn = format!("pictures/gallery/{}.svg", scenario.name);
        for page in ["gallery.md", "gallery.zh.md"] {
            let page = fs::read_to_string(docs.join(page)).unwrap();
            assert!(page.contains(&format!("({drawn})")), "{}", scenario.name);
        }
        let picture = fs::read_to_string(docs.join(&drawn)).unwrap();
        assert!(picture.starts_with("<svg ") && picture.len() < 16 << 10, "{drawn}: {} bytes", picture.len());
        for (_, description) in descriptions(scenario) {
            for column in description.columns {
                assert!(
                    !column.description.zh.is_empty() && !column.description.en.is_empty(),
                    "{}: {}",
                    scenario.name,
                    column.name
                );
            }
        }
    }
}

#[test]
fn the_same_seed_writes_the_same_bytes_and_another_seed_others() {
    for scenario in &gallery::ALL {
        let write = |seed| {
            let dir = written(scenario, seed);
            let read = |(name, _): &(&str, _)| fs::read_to_string(dir.path().join(name).with_extension("csv")).unwrap();
            scenario.private.iter().map(read).collect::<Vec<_>>()
        };
        assert_eq!(write(7), write(7), "{}", scenario.name);
        assert_ne!(write(7), write(8), "{}", scenario.name);
    }
}

#[test]
fn rows_are_as_described() {
    for scenario in &gallery::ALL {
        let dir = written(scenario, 1);
        for (name, description) in descriptions(scenario) {
            let file = fs::read_to_string(dir.path().join(&name).with_extension("csv")).unwrap();
            let mut lines = file.lines();
            let header: Vec<&str> = lines.next().unwrap().split(',').collect();
            let described: Vec<&str> = description.columns.iter().map(|column| column.name.as_str()).collect();
            assert_eq!(header, described, "{name}");
            let (mut units, mut rows) = (BTreeSet::new(), 0);
            for line in lines {
                let cells: Vec<&str> = line.split(',').collect();
                assert_eq!(cells.len(), header.len(), "{name}: {line}");
                for (column, cell) in description.columns.iter().zip(&cells) {
                    assert!(fits(column, &column.normalize.apply(cell)), "{name}: {} is {cell}", column.name);
                }
                if description.unit.is_some() {
                    let plain = (scenario.plain)(cells[0]);
                    assert_eq!(
                        description.columns[0].normalize.apply(cells[0]),
                        plain.as_str(),
                        "{name}: {}",
                        cells[0]
                    );
                    units.insert(plain);
                }
                rows += 1;
            }
            // The bounds are for all units of a scenario.
            if description.unit.is_some() {
                assert!(rows * scenario.units <= description.bounds.rows * UNITS, "{name}: {rows} rows");
                assert!(units.len() as u64 * scenario.units <= description.bounds.units * UNITS, "{name}");
            }
        }
    }
}

/// Joined as they are written, few would meet.
#[test]
fn codes_of_couriers_meet_only_in_their_form() {
    let scenario = gallery::ALL.iter().find(|scenario| scenario.name == "courier-cover").unwrap();
    let dir = written(scenario, 1);
    let ids = |table: &str| -> Vec<String> {
        let file = fs::read_to_string(dir.path().join(table).with_extension("csv")).unwrap();
        file.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect()
    };
    let (couriers, insured) = (ids("couriers"), ids("insured"));
    let met = |form: &dyn Fn(&str) -> String| {
        let insured: BTreeSet<String> = insured.iter().map(|id| form(id)).collect();
        couriers.iter().filter(|id| insured.contains(&form(id))).count()
    };
    let (raw, plain) = (met(&str::to_owned), met(&|id| (scenario.plain)(id)));
    assert!(2 * plain > couriers.len() && 3 * raw < plain, "{raw} of {plain} couriers of {}", couriers.len());
    let short = couriers.iter().chain(&insured).filter(|id| id.trim().len() == 15).count();
    assert!(short > 10, "{short}");
}

/// Each job can be planned, names columns and keys that its descriptions have, and costs what the default rules allow.
#[test]
fn jobs_fit_their_descriptions_and_the_default_caps() {
    for scenario in &gallery::ALL {
        let name = scenario.name;
        let manifest = Manifest::parse(&fs::read_to_string(folder(name).join("job.toml")).unwrap()).unwrap();
        let plan = Plan::new(&manifest, &Public(scenario)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(plan.charge.rho <= Policy::default().caps.job, "{name} costs {}", plan.charge.rho);
        let described = descriptions(scenario);
        for input in &manifest.inputs {
            let columns = |dataset: &str, columns: &[String]| {
                columns
                    .iter()
                    .for_each(|column| assert!(described[dataset].column(column).is_some(), "{name}: {column}"));
            };
            columns(&input.dataset, &input.columns);
            input.lookups.iter().for_each(|lookup| columns(&lookup.reference, &lookup.columns));
        }
        for group in manifest.outputs.iter().flat_map(|output| &output.groups) {
            let domain = described.values().filter_map(|description| description.column(&group.name));
            let domain = domain.map(|column| &column.domain).find(|domain| !domain.is_empty());
            if let (Keys::Listed(keys), Some(domain)) = (&group.keys, domain) {
                let keys: Vec<&str> =
                    keys.iter().map(|key| if let Key::Text(text) = key { text } else { "" }).collect();
                assert_eq!(keys, *domain, "{name}: {}", group.name);
            }
        }
    }
}

/// The public tables of a scenario.
struct Public<'a>(&'a Scenario);

impl References for Public<'_> {
    fn column(&self, reference: &str, column: &str) -> Option<Vec<Key>> {
        let (_, table) = self.0.reference.iter().find(|(name, _)| *name == reference)?;
        let at = table.lines().next()?.split(',').position(|name| name == column)?;
        Some(table.lines().skip(1).map(|line| Key::Text(line.split(',').nth(at).unwrap().into())).collect())
    }
}

fn fits(column: &ColumnSpec, cell: &str) -> bool {
    if cell.is_empty() {
        return column.nullable;
    }
    let known = column.domain.is_empty() || column.domain.iter().any(|known| known == cell);
    let checked = column.check.as_ref().is_none_or(|check| cell::passes(cell, check));
    let at_least = |value: f64| column.min.is_none_or(|min| value >= number(min));
    let at_most = |value: f64| column.max.is_none_or(|max| value <= number(max));
    let within = match cell::parse(cell, &column.kind) {
        Ok(Cell::Int(value)) => at_least(value as f64) && at_most(value as f64),
        Ok(Cell::Float(value)) => at_least(value) && at_most(value),
        other => other.is_ok(),
    };
    known && checked && within
}

fn number(bound: Bound) -> f64 {
    match bound {
        Bound::Int(bound) => bound as f64,
        Bound::Float(bound) => bound,
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-sdk/examples/gallery").join(name)
}

fn written(scenario: &Scenario, seed: u64) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    gallery::write(scenario.name, dir.path(), seed, Some(UNITS)).unwrap();
    dir
}

fn descriptions(scenario: &Scenario) -> HashMap<String, Description> {
    let tables = scenario.private.iter().map(|(name, _)| name).chain(scenario.reference.iter().map(|(name, _)| name));
    let described = tables.map(|name| {
        let path = folder(scenario.name).join("datasets").join(name).with_extension("toml");
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        ((*name).to_owned(), Description::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}")))
    });
    described.collect()
}
