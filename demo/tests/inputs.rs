//! The descriptions of the demo's and the examples' datasets, and the examples' manifests, fit each
//! other and the files they speak of.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use unseen_data::cell;
use unseen_data::description::{Check, Description};
use unseen_demo::district::{District, INDUSTRIES, TOWNS};
use unseen_policies::manifest::{Key, Keys, Manifest};
use unseen_policies::plan::{Plan, References};
use unseen_policies::policy::Policy;

const EXAMPLES: [&str; 7] =
    ["yield-per-mu", "regression", "flights", "flights-recovery", "adult-hours", "adult-median-age", "adult-quartiles"];

#[test]
fn the_district_is_what_its_descriptions_say() {
    let dir = tempfile::tempdir().unwrap();
    District { seed: 1, enterprises: 300, months: 2 }.write(dir.path()).unwrap();
    for name in ["enterprises", "monthly", "industries"] {
        let description = parse(&dir.path().join(name).with_extension("toml"));
        let (valid, invalid) =
            cells(&description, &fs::read_to_string(dir.path().join(name).with_extension("csv")).unwrap());
        assert!(valid > 100 * invalid, "{name}: {invalid} of {valid} cells are not as described");
    }
}

#[test]
fn the_public_datasets_are_what_their_descriptions_say() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data");
    for name in ["planes", "airports"] {
        let description = parse(&examples().join("flights/datasets").join(name).with_extension("toml"));
        let file = fs::read_to_string(data.join("nycflights13").join(name).with_extension("csv")).unwrap();
        assert_eq!(cells(&description, &file).1, 0, "{name}");
    }
}

#[test]
fn codes_are_judged_alike_by_the_generator_and_by_the_import() {
    let district = District { seed: 5, enterprises: 4000, months: 1 };
    let mut wrong = 0;
    for index in 0..district.enterprises {
        let code = district.enterprise(index).code;
        let code = std::str::from_utf8(&code).unwrap();
        assert_eq!(unseen_demo::uscc::is_valid(code), cell::passes(code, &Check::Uscc), "{code}");
        wrong += u32::from(!cell::passes(code, &Check::Uscc));
    }
    assert!(wrong > 0);
}

/// Each manifest can be planned, names columns that exist, lists groups its data has, and costs what
/// a lab with the default rules allows.
#[test]
fn the_examples_fit_their_datasets_and_the_default_caps() {
    let described: HashMap<String, Description> = [
        "../../demo/datasets/enterprises.toml",
        "../../demo/datasets/monthly.toml",
        "../../demo/datasets/industries.toml",
        "flights/datasets/flights.toml",
        "flights/datasets/planes.toml",
        "flights/datasets/airports.toml",
        "adult-hours/datasets/adult.toml",
    ]
    .into_iter()
    .map(|path| parse(&examples().join(path)))
    .map(|description| (description.name.clone(), description))
    .collect();

    for example in EXAMPLES {
        let text = fs::read_to_string(examples().join(example).join("job.toml")).unwrap();
        let manifest = Manifest::parse(&text).unwrap_or_else(|error| panic!("{example}: {error}"));
        let plan = Plan::new(&manifest, &Industries).unwrap_or_else(|error| panic!("{example}: {error}"));
        assert!(plan.charge.rho <= Policy::default().caps.job, "{example} costs {}", plan.charge.rho);

        let column = |dataset: &str, column: &str| {
            let found = described.get(dataset).and_then(|description| description.column(column));
            found.unwrap_or_else(|| panic!("{example}: {dataset} has no column {column}"))
        };
        for input in &manifest.inputs {
            input.columns.iter().for_each(|name| _ = column(&input.dataset, name));
            for lookup in &input.lookups {
                column(&input.dataset, &lookup.on);
                lookup.columns.iter().chain([&lookup.key]).for_each(|name| _ = column(&lookup.reference, name));
            }
        }
        for group in manifest.outputs.iter().flat_map(|output| &output.groups) {
            let domain = described
                .values()
                .filter_map(|description| description.column(&group.name))
                .find(|column| !column.domain.is_empty());
            if let (Keys::Listed(keys), Some(domain)) = (&group.keys, domain) {
                let keys: Vec<&str> =
                    keys.iter().map(|key| if let Key::Text(text) = key { text } else { "" }).collect();
                assert_eq!(keys.len(), domain.domain.len(), "{example}: {}", group.name);
                assert!(
                    keys.iter().all(|key| domain.domain.iter().any(|known| known == key)),
                    "{example}: {}",
                    group.name
                );
            }
        }
    }
}

#[test]
fn the_descriptions_list_the_towns_and_industries_that_are_drawn() {
    let enterprises = parse(&examples().join("../../demo/datasets/enterprises.toml"));
    let listed = |name| enterprises.column(name).unwrap().domain.clone();
    assert!(listed("town").iter().eq(TOWNS.iter().map(|town| town.0)));
    assert!(listed("industry").iter().eq(INDUSTRIES.iter().map(|industry| industry.code)));
}

struct Industries;

impl References for Industries {
    fn column(&self, reference: &str, column: &str) -> Option<Vec<Key>> {
        (reference == "industries" && column == "name")
            .then(|| INDUSTRIES.iter().map(|industry| Key::Text(industry.name.into())).collect())
    }
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-sdk/examples")
}

fn parse(path: &Path) -> Description {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Description::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// How many cells of a CSV file without quoted commas are as described, and how many are not.
fn cells(description: &Description, file: &str) -> (u32, u32) {
    let mut lines = file.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    assert!(description.columns.iter().all(|column| header.contains(&column.name.as_str())));
    let (mut valid, mut invalid) = (0, 0);
    for line in lines.filter(|line| !line.contains('"')) {
        for (name, text) in header.iter().zip(line.split(',')) {
            let Some(column) = description.column(name) else { continue };
            let fits = match description.csv.null.iter().any(|null| null == text) {
                true => column.nullable,
                false => {
                    let known = column.domain.is_empty() || column.domain.iter().any(|known| known == text);
                    let checked = column.check.as_ref().is_none_or(|check| cell::passes(text, check));
                    cell::parse(text, &column.kind).is_ok() && known && checked
                }
            };
            if fits { valid += 1 } else { invalid += 1 }
        }
    }
    (valid, invalid)
}
