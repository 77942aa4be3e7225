//! Models of jobs without code, through the map: against references in plain floats, under noise, and on whatever rows
//! and totals there may be.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use proptest::prelude::*;
use unseen_data::description::ColumnType;
use unseen_policies::approximate::to_f64;
use unseen_policies::plan::Noise;
use unseen_policies::release::Derived;
use unseen_policies::{Manifest, Plan};
use unseen_runtime::{Cells, Column, Key, Table, Totals, ValueColumn};
use unseen_worker::guest::{Guest, Verdict, key_ref};
use unseen_worker::ready_made::ReadyMade;
use unseen_worker::rows::ReferenceTables;

/// One row a unit: its town, two numbers, one to be explained, and a truth.
#[derive(Clone, Copy, Debug)]
struct Unit {
    town: i64,
    x: Option<f64>,
    z: Option<f64>,
    y: Option<f64>,
    late: bool,
}

fn manifest(model: &str, groups: &str, values: &str, rounds: u32, rho: f64, weights: &str) -> String {
    format!(
        "[job]\ntitle = \"t\"\npurpose = \"p\"\nrelease = \"+1h\"\nmodule = \"ready-made:sum\"\n\
         [[input]]\ndataset = \"firms\"\ncolumns = [\"town\", \"x\", \"z\", \"y\", \"late\"]\n\
         [ready-made.model]\n{model}\n[grain]\nkind = \"unit\"\n[[output]]\nname = \"o\"\n{groups}\nvalues = [{values}]\n\
         [privacy]\nmechanism = \"gaussian\"\nrho = {rho}\n{weights}\n[limits]\nfuel = 1\nrounds = {rounds}\n"
    )
}

/// A value of the manifest.
fn value(name: &str, lower: f64, upper: f64) -> String {
    format!("{{ name = \"{name}\", lower = {lower}, upper = {upper}, granularity = 0.0001 }},")
}

const FEATURES: &str = "features = [{ name = \"x\", lower = 0, upper = 10 }, { name = \"z\", lower = -1, upper = 1 }]";

fn linear(rho: f64) -> String {
    let names = ["[x]", "[z]", "[y]", "[x]*[x]", "[x]*[z]", "[x]*[y]", "[z]*[z]", "[z]*[y]"];
    let values: String = names.iter().map(|name| value(name, -1.0, 1.0)).collect();
    let model = format!("kind = \"linear\"\ntarget = {{ name = \"y\", lower = -10, upper = 40 }}\n{FEATURES}");
    manifest(&model, "", &(value("rows", 0.0, 1.0) + &values), 1, rho, "")
}

fn logistic(rho: f64) -> String {
    let names = ["gradient", "gradient[x]", "gradient[z]"].map(|name| value(name, -1.0, 1.0));
    let more = ["", "[x]", "[z]", "[x]*[x]", "[x]*[z]", "[z]*[z]"];
    let more: String = more.iter().map(|name| value(&format!("hessian{name}"), -0.25, 0.25)).collect();
    let model = format!("kind = \"logistic\"\ntarget = \"late\"\n{FEATURES}");
    manifest(&model, "", &(names.concat() + &more), 6, rho, "round_weights = [1, 1, 2, 4, 8, 16]")
}

fn k_means(rho: f64) -> String {
    let values = value("rows", 0.0, 1.0) + &value("[x]", -1.0, 1.0) + &value("[z]", -1.0, 1.0);
    let model = format!("kind = \"k-means\"\nclusters = 3\n{FEATURES}");
    manifest(&model, "groups = [{ name = \"cluster\", range = [1, 3] }]", &values, 8, rho, "")
}

fn quantile(rho: f64) -> String {
    let values = value("rank(0.5)", -0.5, 0.5) + &value("rank(0.9)", -0.9, 0.1);
    let model = "kind = \"quantile\"\nof = { name = \"x\", lower = 0, upper = 10 }\nshares = [0.5, 0.9]";
    manifest(model, "groups = [{ name = \"town\", range = [1, 2] }]", &values, 12, rho, "")
}

fn top(rho: f64) -> String {
    let model = "kind = \"top\"\nby = \"units\"\nmost = 2";
    manifest(model, "groups = [{ name = \"town\", range = [0, 4] }]", &value("units", 0.0, 1.0), 1, rho, "")
}

fn tied(text: &str) -> (ReadyMade, Plan) {
    let manifest = Manifest::parse(text).unwrap();
    let plan = Plan::new(&manifest, &ReferenceTables::default()).unwrap();
    let kinds = [ColumnType::Int, ColumnType::Float, ColumnType::Float, ColumnType::Float, ColumnType::Bool];
    (ReadyMade::new(&manifest, &plan).unwrap().with_kinds(&kinds).unwrap(), plan)
}

/// What one unit adds, by group and value.
fn contributed(map: &ReadyMade, plan: &Plan, unit: &Unit, state: &[f64]) -> Vec<(usize, Vec<f64>)> {
    let numbers = [unit.x, unit.z, unit.y].map(|number| [number.unwrap_or(0.0)]);
    let valid = [unit.x, unit.z, unit.y].map(|number| [u8::from(number.is_some())]);
    let floats = |at: usize| Column { cells: Cells::Floats(&numbers[at]), validity: &valid[at] };
    let (town, late) = ([unit.town], [u8::from(unit.late)]);
    let columns = [
        Column { cells: Cells::Ints(&town), validity: &[] },
        floats(0),
        floats(1),
        floats(2),
        Column { cells: Cells::Bools(&late), validity: &[] },
    ];
    let answer = map.contribute(&[Table { rows: 1, columns: &columns }], state).unwrap();
    let placed = answer.into_iter().filter_map(|contribution| {
        let keys: Vec<_> = contribution.group.iter().map(key_ref).collect();
        Some((plan.outputs[0].domain.index_of(&keys)?, contribution.values))
    });
    placed.collect()
}

/// Runs all rounds; `noise` gives that of one number, for a standard deviation.
fn run(text: &str, units: &[Unit], noise: &mut dyn FnMut(f64) -> f64) -> Vec<Derived> {
    let (map, plan) = tied(text);
    let output = &plan.outputs[0];
    let mut state = Vec::new();
    for round in 0..plan.rounds {
        let mut totals = vec![vec![0.0; output.domain.size()]; output.values.len()];
        for unit in units {
            for (group, values) in contributed(&map, &plan, unit, &state) {
                for ((total, value), planned) in totals.iter_mut().zip(values).zip(&output.values) {
                    let step = to_f64(&planned.granularity);
                    total[group] += value.clamp(planned.lower as f64 * step, planned.upper as f64 * step);
                }
            }
        }
        for (totals, planned) in totals.iter_mut().zip(&output.values) {
            let Noise::Gaussian { variance } = &planned.noise[round as usize] else { panic!() };
            let deviation = to_f64(variance).sqrt() * to_f64(&planned.granularity);
            totals.iter_mut().for_each(|total| *total += noise(deviation));
        }
        match advanced(&map, &plan, round, &state, &totals) {
            Verdict::Next(next) => state = next,
            Verdict::Done(tables) => return tables,
        }
    }
    panic!("no tables")
}

fn advanced(map: &ReadyMade, plan: &Plan, round: u32, state: &[f64], totals: &[Vec<f64>]) -> Verdict {
    let output = &plan.outputs[0];
    let values: Vec<ValueColumn<'_>> =
        output.values.iter().zip(totals).map(|(value, totals)| ValueColumn { name: &value.name, totals }).collect();
    map.advance(round, state, &[Totals { output: "o", groups: &[], values: &values }]).unwrap().unwrap()
}

/// Numbers that look drawn, and are the same each time.
struct Draws(u64);

impl Draws {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

fn none(_: f64) -> f64 {
    0.0
}

/// 600 units about three places, with y on a plane and truths by a logistic curve.
fn units() -> Vec<Unit> {
    let mut draws = Draws(7);
    let places = [(1.5, -0.6), (5.0, 0.7), (8.5, -0.2)];
    let unit = |at: usize| {
        let (x, z) = (places[at % 3].0 + draws.normal() * 0.7, places[at % 3].1 + draws.normal() * 0.15);
        let (x, z) = (x.clamp(0.0, 10.0), z.clamp(-1.0, 1.0));
        let late = draws.uniform() < 1.0 / (1.0 + (2.0 - 0.5 * x - 1.5 * z).exp());
        Unit { town: (at % 2) as i64 + 1, x: Some(x), z: Some(z), y: Some(3.0 + 2.0 * x - 5.0 * z), late }
    };
    (0..600).map(unit).collect()
}

/// The table's rows, by what is written before them.
fn told(tables: &[Derived], name: &str) -> BTreeMap<String, Vec<f64>> {
    let table = tables.iter().find(|table| table.name == name).unwrap();
    let keys = |at: usize| table.groups[at].iter().map(ToString::to_string).collect::<Vec<_>>().join("/");
    (0..table.rows.len()).map(|at| (keys(at), table.rows[at].iter().map(|number| number.0).collect())).collect()
}

#[test]
fn least_squares_find_the_plane_and_say_how_far_noise_moves_it() {
    let found = told(&run(&linear(1.0), &units(), &mut none), "coefficients");
    for (term, truth) in [("intercept", 3.0), ("x", 2.0), ("z", -5.0)] {
        assert!((found[term][0] - truth).abs() < 1e-9, "{found:?}");
    }
    let mut draws = Draws(11);
    let (mut squares, seeds) = ([0.0; 3], 300);
    for _ in 0..seeds {
        let tables = run(&linear(0.5), &units(), &mut |deviation| deviation * draws.normal());
        assert_eq!(tables[1].rows[0][1].0, 0.0, "{tables:?}");
        let found = told(&tables, "coefficients");
        for (square, (term, truth)) in squares.iter_mut().zip([("intercept", 3.0), ("x", 2.0), ("z", -5.0)]) {
            *square += ((found[term][0] - truth) / found[term][1]).powi(2) / f64::from(seeds);
        }
    }
    // As wide as is said: the mean of 300 squares of one deviation is within a quarter of 1.
    assert!(squares.iter().all(|square| (0.75..1.3).contains(square)), "{squares:?}");
}

#[test]
fn what_noise_hides_is_said_and_not_divided_by() {
    // Both columns say the same.
    let twice = |unit: Unit| Unit { z: unit.x.map(|x| x / 5.0 - 1.0), y: unit.x.map(|x| 8.0 + x), ..unit };
    let units: Vec<Unit> = units().into_iter().map(twice).collect();
    let mut draws = Draws(3);
    let tables = run(&linear(0.5), &units, &mut |deviation| deviation * draws.normal());
    assert_eq!((tables[1].columns[1].as_str(), tables[1].rows[0][1].0), ("hidden", 1.0));
    let found = told(&tables, "coefficients");
    // The two share what one would have, a slope of 1.
    let slope = found["x"][0] + found["z"][0] / 5.0;
    assert!((slope - 1.0).abs() < 0.3 && found["z"][0].abs() < 5.0, "{found:?}");
    // Which of them it is nobody knows.
    assert!(found["x"][1] > 1.0 && found["z"][1] > 5.0, "{found:?}");
    // Of no rows nothing is known, whatever the noise says.
    for _ in 0..50 {
        for text in [linear(0.2), logistic(0.2)] {
            let found = told(&run(&text, &[], &mut |deviation| deviation * draws.normal()), "coefficients");
            let sure = ["x", "z"].into_iter().find(|term| found[*term][0].abs() > 3.0 * found[*term][1]);
            assert_eq!(sure, None, "{found:?}");
        }
    }
}

/// Bounds leave room for one row of a unit; one of more has one vote, and each of its rows the same part of it.
#[test]
fn rows_of_a_unit_share_the_votes_that_it_has() {
    let asked = |text: &str, towns: &[i64], xs: &[f64]| {
        let (map, _) = tied(text);
        let zeros = vec![0.0; xs.len()];
        let [x, zero] = [xs, &zeros].map(|cells| Column { cells: Cells::Floats(cells), validity: &[] });
        let lates = vec![0; xs.len()];
        let late = Column { cells: Cells::Bools(&lates), validity: &[] };
        let columns = [Column { cells: Cells::Ints(towns), validity: &[] }, x, zero, zero, late];
        let answer = map.contribute(&[Table { rows: xs.len() as u32, columns: &columns }], &[]).unwrap();
        let mut sums: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        for found in answer {
            let town = if let Some(Key::Int(town)) = found.group.first() { *town } else { 0 };
            let sum = sums.entry(town).or_default();
            sum.resize(found.values.len(), 0.0);
            sum.iter_mut().zip(found.values).for_each(|(sum, value)| *sum += value);
        }
        sums
    };
    let near = |found: &[f64], wanted: &[f64]| found.iter().zip(wanted).all(|(one, other)| (one - other).abs() < 1e-12);
    // Above and below the middle of 0 to 10; rows of one town lie apart.
    let found = asked(&quantile(1.0), &[1, 2, 1, 1], &[1.0, 9.0, 1.0, 9.0]);
    assert!(near(&found[&1], &[0.5 / 3.0, -0.7 / 3.0]) && near(&found[&2], &[-0.5, -0.9]), "{found:?}");
    // Rows are votes too where a model counts them.
    let found = asked(&linear(1.0), &[1, 1, 1, 1], &[0.0, 10.0, 10.0, 10.0]);
    assert!(near(&found[&0][..2], &[1.0, 0.5]), "{found:?}");
}

/// The same by plain gradient descent, in the columns' own units.
fn reference_logistic(units: &[Unit]) -> [f64; 3] {
    let mut w = [0.0_f64; 3];
    for _ in 0..60_000 {
        let mut gradient = [0.0; 3];
        for unit in units {
            // Scaled, for speed.
            let row = [1.0, unit.x.unwrap() / 5.0 - 1.0, unit.z.unwrap()];
            let u: f64 = row.iter().zip(w).map(|(one, other)| one * other).sum();
            let error = 1.0 / (1.0 + (-u).exp()) - f64::from(u8::from(unit.late));
            gradient.iter_mut().zip(row).for_each(|(sum, number)| *sum += error * number);
        }
        w.iter_mut().zip(gradient).for_each(|(w, gradient)| *w -= 2.0 * gradient / units.len() as f64);
    }
    [w[0] - w[1], w[1] / 5.0, w[2]]
}

#[test]
fn a_logistic_model_is_that_of_gradient_descent() {
    let units = &units()[..200];
    let truth = reference_logistic(units);
    let tables = run(&logistic(1.0), units, &mut none);
    let found = told(&tables, "coefficients");
    for (term, truth) in ["intercept", "x", "z"].into_iter().zip(truth) {
        assert!((found[term][0] - truth).abs() < 1e-4, "{term}: {truth} {found:?}");
    }
    // Under noise it is as far off as is said: the signs of 600 units are found with rho = 2.
    let (mut draws, mut squares) = (Draws(5), 0.0);
    let exact = told(&run(&logistic(1.0), &self::units(), &mut none), "coefficients");
    for _ in 0..100 {
        let tables = run(&logistic(2.0), &self::units(), &mut |deviation| deviation * draws.normal());
        let found = told(&tables, "coefficients");
        squares += ((found["x"][0] - exact["x"][0]) / found["x"][1]).powi(2) / 100.0;
        assert!(found["x"][0] > 0.0, "{found:?}");
    }
    assert!((0.5..1.8).contains(&squares), "{squares}");
}

#[test]
fn centres_are_those_of_lloyd() {
    let tables = run(&k_means(1.0), &units(), &mut none);
    let found = told(&tables, "centres");
    // From the same beginning, in plain floats: Halton's first three points to the bases 2 and 3.
    let mut centres = [[0.0, -1.0 / 3.0], [-0.5, 1.0 / 3.0], [0.5, -7.0 / 9.0]];
    let mut counts = [0.0; 3];
    for _ in 0..8 {
        let mut sums = [[0.0; 2]; 3];
        counts = [0.0; 3];
        for unit in units() {
            let row = [unit.x.unwrap() / 5.0 - 1.0, unit.z.unwrap()];
            let distance = |centre: &[f64; 2]| (centre[0] - row[0]).powi(2) + (centre[1] - row[1]).powi(2);
            let nearest =
                (1..3).fold(0, |best, at| if distance(&centres[at]) < distance(&centres[best]) { at } else { best });
            counts[nearest] += 1.0;
            sums[nearest][0] += row[0];
            sums[nearest][1] += row[1];
        }
        for at in 0..3 {
            centres[at] = sums[at].map(|sum| sum / counts[at]);
        }
    }
    for at in 0..3 {
        let row = &found[&(at + 1).to_string()];
        let truth = [counts[at], (centres[at][0] + 1.0) * 5.0, centres[at][1]];
        assert!(row.iter().zip(truth).all(|(one, other)| (one - other).abs() < 1e-9), "{row:?} {truth:?}");
    }
    // With noise each place still has its centre.
    let mut draws = Draws(9);
    let found = told(&run(&k_means(2.0), &units(), &mut |deviation| deviation * draws.normal()), "centres");
    for (x, z) in [(1.5, -0.6), (5.0, 0.7), (8.5, -0.2)] {
        let near =
            |row: &Vec<f64>| (row[1] - x).abs() < 1.0 && (row[2] - z).abs() < 0.3 && (row[0] - 200.0).abs() < 60.0;
        assert!(found.values().any(near), "{found:?}");
    }
}

#[test]
fn a_cluster_without_rows_divides_the_largest() {
    // All rows are where one of the first centres is.
    let at = |x: f64, count: usize| {
        (0..count).map(move |n| Unit {
            town: 1,
            x: Some(x + 0.01 * (n % 5) as f64),
            z: Some(-0.9),
            y: None,
            late: false,
        })
    };
    let units: Vec<Unit> = at(9.0, 100).chain(at(9.6, 100)).chain(at(7.9, 100)).collect();
    let found = told(&run(&k_means(5.0), &units, &mut none), "centres");
    assert!(found.values().all(|row| (row[0] - 100.0).abs() < 1e-9), "{found:?}");
}

#[test]
fn quantiles_are_as_near_in_rank_as_is_said() {
    let units = units();
    let mut sorted = BTreeMap::new();
    for unit in &units {
        sorted.entry(unit.town).or_insert_with(Vec::new).push(unit.x.unwrap());
    }
    let (text, mut draws) = (quantile(0.5), Draws(13));
    let (_, plan) = tied(&text);
    let deviations: Vec<f64> = plan.outputs[0]
        .values
        .iter()
        .map(|value| match &value.noise[0] {
            Noise::Gaussian { variance } => to_f64(variance).sqrt() * to_f64(&value.granularity),
            Noise::Laplace { .. } => panic!(),
        })
        .collect();
    let (mut within, mut held, mut all, mut worst) = (0, 0, 0, 0.0_f64);
    for _ in 0..200 {
        let tables = run(&text, &units, &mut |deviation| deviation * draws.normal());
        for (row, keys) in tables[0].rows.iter().zip(&tables[0].groups) {
            let [share, value, low, high] = [0, 1, 2, 3].map(|at| row[at].0);
            let numbers = sorted.get_mut(&keys[0].to_string().parse().unwrap()).unwrap();
            numbers.sort_by(f64::total_cmp);
            let rank = |number: f64| numbers.partition_point(|other| *other <= number) as f64;
            let off = (rank(value) - share * numbers.len() as f64).abs();
            let bound = 3.0 * deviations[usize::from(share > 0.5)];
            let truth = numbers[(share * numbers.len() as f64).ceil() as usize - 1];
            // One row may lie between the value and the ends of its interval.
            within += u32::from(off <= bound + 1.0);
            held += u32::from((low..=high).contains(&truth));
            (all, worst) = (all + 1, worst.max(off / bound));
        }
    }
    println!("{within} and {held} of {all}, the farthest at {worst:.2} of the bound");
    assert!(within >= all * 95 / 100 && held >= all * 95 / 100, "{within} {held} {all}");
    // Without noise it is the quantile, to a 4096th of the bounds.
    let tables = run(&text, &units, &mut none);
    for (row, keys) in tables[0].rows.iter().zip(&tables[0].groups) {
        let numbers = &sorted[&keys[0].to_string().parse().unwrap()];
        let at = (row[0].0 * numbers.len() as f64).ceil() as usize;
        let (least, most) = (numbers[at - 1] - 10.0 / 4_096.0, numbers[at] + 10.0 / 4_096.0);
        assert!((least..=most).contains(&row[1].0), "{row:?}");
    }
}

#[test]
fn the_largest_groups_come_first_and_equals_in_their_order() {
    let units: Vec<Unit> =
        [4, 1, 3, 1, 3, 9, 3].map(|town| Unit { town, x: None, z: None, y: None, late: false }).to_vec();
    let tables = run(&top(1.0), &units, &mut none);
    let found: Vec<_> = tables[0]
        .groups
        .iter()
        .zip(&tables[0].rows)
        .map(|(keys, row)| (keys[0].to_string(), row[0].0, row[1].0))
        .collect();
    assert_eq!(found, [("3".to_owned(), 1.0, 3.0), ("1".to_owned(), 2.0, 2.0)]);
    assert_eq!((tables[0].name.as_str(), &tables[0].keys[..]), ("top 2 by units", &["town".to_owned()][..]));
}

/// What every machine has to give, and every later version too, or it is another map.
#[test]
fn the_same_numbers_to_the_last_bit() {
    let mut draws = Draws(17);
    let found = [linear(0.5), logistic(1.0), k_means(0.5), quantile(0.5)].map(|text| {
        // No library's logarithm stands in the noise here.
        let tables = run(&text, &units_by_hand(), &mut |deviation| deviation * (draws.uniform() - 0.5));
        let bits = tables.iter().flat_map(|table| &table.rows).flatten().map(|number| number.0.to_bits());
        bits.fold(0_u64, |sum, bits| sum.rotate_left(7).wrapping_mul(31) ^ bits)
    });
    assert_eq!(
        found,
        [6_230_744_827_976_915_004, 3_355_125_594_380_092_276, 5_627_798_479_628_842_380, 15_980_371_480_746_469_128]
    );
}

/// Without a function that a machine may have its own of.
fn units_by_hand() -> Vec<Unit> {
    let mut draws = Draws(19);
    let unit = |at: i64| {
        let (x, z) = (10.0 * draws.uniform(), 2.0 * draws.uniform() - 1.0);
        Unit {
            town: at % 2 + 1,
            x: Some(x),
            z: Some(z),
            y: Some(3.0 * x - z + draws.uniform()),
            late: draws.uniform() * 10.0 < x,
        }
    };
    (0..300).map(unit).collect()
}

fn all() -> [String; 5] {
    [linear(0.1), logistic(0.1), k_means(0.1), quantile(0.1), top(0.1)]
}

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(-1e308), Just(1e308), Just(-0.0), Just(5e-324), -1e3..1e3_f64]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a row has, what it adds is within its bounds, and nothing where something is null.
    #[test]
    fn rows_of_all_kinds_add_what_they_may(
        x in any_number(), z in any_number(), y in any_number(), late: bool, town in 0..4_i64,
        there: [bool; 3], state in proptest::collection::vec(any_number(), 0..20),
    ) {
        let kept = |number: f64, is: bool| is.then_some(number);
        let unit = Unit { town, x: kept(x, there[0]), z: kept(z, there[1]), y: kept(y, there[2]), late };
        for text in all() {
            let (map, plan) = tied(&text);
            for (_, values) in contributed(&map, &plan, &unit, &state) {
                for (value, planned) in values.iter().zip(&plan.outputs[0].values) {
                    let step = to_f64(&planned.granularity);
                    let (lower, upper) = (planned.lower as f64 * step, planned.upper as f64 * step);
                    prop_assert!((lower - 1e-9..=upper + 1e-9).contains(value), "{}: {value}", planned.name);
                }
            }
        }
    }

    /// Whatever the totals and the state are, there is a next state or a table, of finite numbers.
    #[test]
    fn totals_of_all_kinds_lead_somewhere(
        numbers in proptest::collection::vec(any_number(), 64),
        state in proptest::collection::vec(any_number(), 0..20),
        round in 0..12_u32,
    ) {
        for text in all() {
            let (map, plan) = tied(&text);
            let output = &plan.outputs[0];
            let totals: Vec<Vec<f64>> = (0..output.values.len())
                .map(|value| (0..output.domain.size()).map(|group| numbers[(value * 7 + group) % 64]).collect())
                .collect();
            let round = round.min(plan.rounds - 1);
            let found = match advanced(&map, &plan, round, &state, &totals) {
                Verdict::Next(state) => state,
                Verdict::Done(tables) => tables.iter().flat_map(|table| &table.rows).flatten().map(|n| n.0).collect(),
            };
            prop_assert!(found.iter().all(|number| number.is_finite()));
        }
    }
}

#[test]
fn a_unit_without_rows_adds_nothing() {
    for text in all() {
        let (map, _) = tied(&text);
        let columns = [
            Column { cells: Cells::Ints(&[]), validity: &[] },
            Column { cells: Cells::Floats(&[]), validity: &[] },
            Column { cells: Cells::Floats(&[]), validity: &[] },
            Column { cells: Cells::Floats(&[]), validity: &[] },
            Column { cells: Cells::Bools(&[]), validity: &[] },
        ];
        assert!(map.contribute(&[Table { rows: 0, columns: &columns }], &[]).unwrap().is_empty());
    }
}
