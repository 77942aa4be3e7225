//! The ready-made map with expressions, against a reference written straight down.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use proptest::prelude::*;
use unseen_data::description::ColumnType;
use unseen_policies::{Manifest, Plan};
use unseen_runtime::{Cells, Column, Contribution, Key, Table};
use unseen_worker::guest::Guest;
use unseen_worker::ready_made::ReadyMade;
use unseen_worker::rows::ReferenceTables;

const MANIFEST: &str = r#"
[job]
title = "t"
purpose = "p"
release = "now"
module = "ready-made:sum"
[[input]]
dataset = "monthly"
columns = ["month", "output", "jobs"]
[[input]]
dataset = "firms"
columns = ["town", "land"]
[ready-made]
where = "month >= '1970-02' and jobs is not null"
columns = { per_mu = "output / land", band = "bin(total(output), [1, 5], ['low', 'middle', 'high'])", share = "coalesce(jobs * 2, 0) - 1" }
[grain]
kind = "unit"
[[output]]
name = "by-town"
max_groups_per_unit = 2
groups = [{ name = "town", keys = ["a", "b"] }, { name = "jobs", range = [0, 3] }]
values = [
  { name = "per_mu", lower = 0, upper = 9, granularity = 1 },
  { name = "rows", lower = 0, upper = 9, granularity = 1 },
]
[[output]]
name = "by-size"
groups = [{ name = "band", keys = ["low", "middle", "high"] }]
values = [
  { name = "share", lower = 0, upper = 9, granularity = 1 },
  { name = "tax", lower = 0, upper = 9, granularity = 1 },
  { name = "units", lower = 0, upper = 1, granularity = 1 },
]
[privacy]
mechanism = "gaussian"
rho = 1
"#;

/// A row of the first input: month in days, quarters of output, jobs.
type Row = (i64, Option<i32>, Option<i64>);
/// The unit's own row: town, land as a power of two, tax in cents.
type Firm = (Option<&'static str>, Option<f64>, i64);

fn map() -> ReadyMade {
    let text = MANIFEST.replace("columns = [\"town\", \"land\"]", "columns = [\"town\", \"land\", \"tax\"]");
    let kinds = [
        ColumnType::Date { format: "%Y-%m".into() },
        ColumnType::Float,
        ColumnType::Int,
        ColumnType::Text,
        ColumnType::Float,
        ColumnType::Decimal { scale: 2 },
    ];
    let manifest = Manifest::parse(&text).unwrap();
    let plan = Plan::new(&manifest, &ReferenceTables::default()).unwrap();
    ReadyMade::new(&manifest, &plan).unwrap().with_kinds(&kinds).unwrap()
}

/// Sums by output and group.
type Sums = BTreeMap<(u32, String), Vec<f64>>;

fn summed(answer: &[Contribution]) -> Sums {
    let mut sums = Sums::new();
    for Contribution { output, group, values } in answer {
        let key = group.iter().map(|key| match key {
            Key::Int(number) => number.to_string(),
            Key::Text(text) => text.clone(),
        });
        let units = sums.contains_key(&(*output, key.clone().collect::<Vec<_>>().join("/")));
        let into = sums.entry((*output, key.collect::<Vec<_>>().join("/"))).or_insert_with(|| vec![0.0; values.len()]);
        into.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        // Each run counts the unit again, and the clamper knows better.
        if *output == 1 && units {
            into[2] = 1.0;
        }
    }
    sums
}

fn answered(map: &ReadyMade, rows: &[Row], firm: Option<&Firm>) -> Sums {
    let valid = |all: Vec<bool>| all.into_iter().map(u8::from).collect::<Vec<u8>>();
    let months: Vec<i64> = rows.iter().map(|row| row.0).collect();
    let outputs: Vec<f64> = rows.iter().map(|row| f64::from(row.1.unwrap_or(0)) / 4.0).collect();
    let has_output = valid(rows.iter().map(|row| row.1.is_some()).collect());
    let jobs: Vec<i64> = rows.iter().map(|row| row.2.unwrap_or(0)).collect();
    let has_jobs = valid(rows.iter().map(|row| row.2.is_some()).collect());
    let monthly = [
        Column { cells: Cells::Ints(&months), validity: &[] },
        Column { cells: Cells::Floats(&outputs), validity: &has_output },
        Column { cells: Cells::Ints(&jobs), validity: &has_jobs },
    ];
    let (town, land, tax) = firm.copied().unwrap_or((None, None, 0));
    let bytes = town.unwrap_or("").as_bytes();
    let offsets = [0, bytes.len() as u32];
    let (lands, taxes) = ([land.unwrap_or(0.0)], [tax]);
    let (has_town, has_land) = ([u8::from(town.is_some())], [u8::from(land.is_some())]);
    let firms = [
        Column { cells: Cells::texts(&offsets, bytes), validity: &has_town },
        Column { cells: Cells::Floats(&lands), validity: &has_land },
        Column { cells: Cells::Ints(&taxes), validity: &[] },
    ];
    let tables = [
        Table { rows: rows.len() as u32, columns: &monthly },
        Table { rows: u32::from(firm.is_some()), columns: &firms },
    ];
    summed(&map.contribute(&tables, &[]).unwrap())
}

fn reference(rows: &[Row], firm: Option<&Firm>) -> Sums {
    let kept: Vec<(Option<f64>, i64)> = rows
        .iter()
        .filter(|row| row.0 >= 31)
        .filter_map(|row| Some((row.1.map(|quarters| f64::from(quarters) / 4.0), row.2?)))
        .collect();
    let outputs: Vec<f64> = kept.iter().filter_map(|row| row.0).collect();
    let total: f64 = outputs.iter().sum();
    let band = match total {
        total if total < 1.0 => "low",
        total if total < 5.0 => "middle",
        _ => "high",
    };
    let mut sums = Sums::new();
    for (output, jobs) in &kept {
        let (town, land, tax) = firm.copied().unwrap_or((None, None, 0));
        if let Some(town) = town {
            let per_mu = output.zip(land).filter(|(_, land)| *land != 0.0).map_or(0.0, |(output, land)| output / land);
            let into = sums.entry((0, format!("{town}/{jobs}"))).or_insert_with(|| vec![0.0; 2]);
            into[0] += per_mu;
            into[1] += 1.0;
        }
        if !outputs.is_empty() {
            let into = sums.entry((1, band.to_owned())).or_insert_with(|| vec![0.0, 0.0, 1.0]);
            into[0] += (jobs * 2 - 1) as f64;
            into[1] += if firm.is_some() { tax as f64 / 100.0 } else { 0.0 };
        }
    }
    sums
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    prop::collection::vec((0i64..90, prop::option::of(-20i32..60), prop::option::of(0i64..4)), 0..24)
}

fn firm() -> impl Strategy<Value = Option<Firm>> {
    let town = prop::option::of(prop_oneof![Just("a"), Just("b"), Just("elsewhere")]);
    let land = prop::option::of(prop_oneof![Just(0.0), Just(0.5), Just(4.0)]);
    // Quarters of a yuan, so that sums of them are exact.
    prop::option::of((town, land, (-8i64..8).prop_map(|quarters| quarters * 25)))
}

proptest! {
    /// Equal to the reference; equal for every order of a grain's rows; and whatever grains came before.
    #[test]
    fn answers_are_those_of_the_reference(rows in rows(), others in rows(), firm in firm(), other in firm(), turn in 0usize..24) {
        let map = map();
        let expected = reference(&rows, firm.as_ref());
        prop_assert_eq!(&answered(&map, &rows, firm.as_ref()), &expected);
        prop_assert_eq!(answered(&map, &others, other.as_ref()), reference(&others, other.as_ref()));
        let mut turned = rows.clone();
        turned.rotate_left(turn.min(rows.len()));
        turned.reverse();
        prop_assert_eq!(&answered(&map, &turned, firm.as_ref()), &expected);
    }
}
