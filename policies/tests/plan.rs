//! Sensitivity by brute force, budget shares by algebra, noise by direct summation.
#![allow(clippy::unwrap_used, clippy::panic)]

use num_bigint::BigInt;
use num_traits::Zero;
use proptest::prelude::*;
use unseen_ids::Key;
use unseen_policies::manifest::GrainKind;
use unseen_policies::plan::{Noise, References, Sensitivity};
use unseen_policies::{Manifest, Plan, Rational};

const BLOCKS: GrainKind = GrainKind::Blocks { count: 1 };

/// Every clamped answer: per group nothing, or a value in bounds; at most `m` groups named.
fn answers(groups: usize, m: u32, lower: i64, upper: i64) -> Vec<Vec<Option<i64>>> {
    let mut all = vec![vec![]];
    for _ in 0..groups {
        let cells = || std::iter::once(None).chain((lower..=upper).map(Some));
        all = all.iter().flat_map(|answer: &Vec<_>| cells().map(|cell| [&answer[..], &[cell]].concat())).collect();
    }
    all.retain(|answer| answer.iter().flatten().count() <= m as usize);
    all
}

#[test]
fn sensitivity_is_the_exact_maximum_over_all_answers() {
    let moves = |old: &[Option<i64>], new: &[Option<i64>]| {
        let change = |(old, new): (&Option<i64>, &Option<i64>)| old.unwrap_or(0) - new.unwrap_or(0);
        let changes = || old.iter().zip(new).map(change);
        (changes().map(i64::abs).sum::<i64>(), changes().map(|c| c * c).sum::<i64>())
    };
    let largest = |all: &mut dyn Iterator<Item = (i64, i64)>| all.fold((0, 0), |(a, b), (c, d)| (a.max(c), b.max(d)));
    let bounds = [(0, 1), (1, 1), (0, 2), (-1, 1), (-2, -1), (2, 3), (-1, 2), (-3, -3), (1, 4), (-2, 2)];
    for (lower, upper) in bounds {
        for groups in 1..=if upper - lower > 2 { 3 } else { 4 } {
            for m in 1..=groups as u32 {
                let (all, none) = (answers(groups, m, lower, upper), vec![None; groups]);
                let unit = largest(&mut all.iter().map(|answer| moves(&none, answer)));
                let blocks = largest(
                    &mut all
                        .iter()
                        .flat_map(|old| all.iter().map(move |new| (old, new)))
                        .map(|(old, new)| moves(old, new)),
                );
                for (grain, (l1, l2)) in [(GrainKind::Unit, unit), (BLOCKS, blocks)] {
                    let stated = Sensitivity::new(grain, groups, m, lower, upper);
                    assert_eq!(
                        (stated.l1, stated.l2_squared),
                        (l1.into(), l2.into()),
                        "{grain:?} {groups} groups, {m} named, {lower}..={upper}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_extremes_do_not_overflow() {
    let edge = 1i64 << 62;
    let most = Sensitivity::new(BLOCKS, 100_000, 100_000, -edge, edge);
    assert_eq!(most.l1, BigInt::from(edge) * 200_000);
    assert_eq!(most.l2_squared, BigInt::from(edge) * edge * 400_000);
    let text = manifest("gaussian", "rho = 1e-12", "")
        .replace("upper = 100", "upper = 4611686018427387904")
        .replace("granularity = 0.01", "granularity = 1");
    let plan = plan(&text);
    assert_eq!(plan.outputs[0].values[0].upper, edge);
    assert!(plan.outputs[0].values[0].noise[0].half_width_95().is_finite());
    let drowned = text
        .replace("rho = 1e-12", "rho = 1e-12\nround_weights = [1e-6, 1e6]")
        .replace("range = [0, 1]", "range = [0, 19999]")
        .replace("[limits]", "[limits]\nrounds = 2")
        .replace("max_groups_per_unit = 1", "max_groups_per_unit = 60000");
    let error = Plan::new(&Manifest::parse(&drowned).unwrap(), &Tables).unwrap_err();
    assert!(error.message.to_string().contains("wider than 2^90 steps"), "{error}");
}

proptest! {
    #[test]
    fn sensitivity_never_passes_the_bound_for_unlimited_domains(
        groups in 1usize..100_000, m in 1u32..100_000, a in -(1i64 << 62)..=1 << 62, b in -(1i64 << 62)..=1 << 62,
    ) {
        let (lower, upper, m) = (a.min(b), a.max(b), m.min(groups as u32));
        let big = BigInt::from;
        let (peak, width, m_) = (big(lower.abs().max(upper.abs())), big(upper) - big(lower), big(m.into()));
        let unit = Sensitivity::new(GrainKind::Unit, groups, m, lower, upper);
        prop_assert_eq!(&unit.l1, &(&m_ * &peak));
        prop_assert_eq!(&unit.l2_squared, &(&m_ * &peak * &peak));
        let blocks = Sensitivity::new(BLOCKS, groups, m, lower, upper);
        let wide = (&m_ * 2 * &peak, &m_ * (&width * &width).max(2 * &peak * &peak));
        prop_assert!(blocks.l1 >= unit.l1 && blocks.l2_squared >= unit.l2_squared);
        prop_assert!(blocks.l1 <= wide.0 && blocks.l2_squared <= wide.1);
        if 2 * m as usize <= groups {
            prop_assert_eq!((blocks.l1, blocks.l2_squared), wide);
        }
    }

    #[test]
    fn shares_of_the_budget_add_up_to_exactly_the_whole(
        rounds in prop::collection::vec(1u32..1_000_000, 1..6), outputs in prop::collection::vec((1u32..100, prop::collection::vec(1u32..100, 1..4)), 1..4),
    ) {
        for (mechanism, budget) in [("gaussian", "rho = \"1/7\""), ("laplace", "epsilon = \"1/7\"")] {
            let mut text = format!(
                "[job]\ntitle = 'a'\npurpose = 'b'\nrelease = 'now'\n[[input]]\ndataset = 'd'\ncolumns = ['c']\n[grain]\nkind = 'unit'\n\
                 [privacy]\nmechanism = '{mechanism}'\n{budget}\nround_weights = {rounds:?}\n[limits]\nrounds = {}\n", rounds.len());
            for (at, (weight, values)) in outputs.iter().enumerate() {
                let value = |(at, weight): (usize, &u32)| format!("{{ name = 'v{at}', lower = -2, upper = 3, granularity = 0.1, weight = {weight} }}");
                let values: Vec<String> = values.iter().enumerate().map(value).collect();
                text += &format!("[[output]]\nname = 'o{at}'\nweight = {weight}\nvalues = [{}]\n", values.join(","));
            }
            let plan = plan(&text);
            let mut spent = Rational::zero();
            for noise in plan.outputs.iter().flat_map(|output| &output.values).flat_map(|value| &value.noise) {
                spent += match noise {
                    Noise::Gaussian { variance } => Rational::from_integer(900.into()) / (variance * BigInt::from(2)),
                    Noise::Laplace { scale } => Rational::from_integer(30.into()) / scale,
                };
            }
            prop_assert_eq!(spent, Rational::new(1.into(), 7.into()));
        }
    }
}

#[test]
fn a_plan_is_what_the_manifest_says() {
    let one = plan(&manifest("gaussian", "rho = 0.1", ""));
    let value = &one.outputs[0].values[0];
    assert_eq!((value.lower, value.upper, one.outputs[0].domain.size()), (0, 10_000, 6));
    assert_eq!(value.noise, [Noise::Gaussian { variance: Rational::from_integer(500_000_000.into()) }]);
    assert!((value.standard_deviation(0).unwrap() - 5e8f64.sqrt() / 100.0).abs() < 1e-9);
    assert_eq!((value.half_width_95(0), value.half_width_95(1)), (Some(438.26), None));
    assert_eq!((one.charge.rho.to_string(), one.charge.pure_epsilon), ("0.1".to_owned(), None));

    let pure = plan(&manifest("laplace", "epsilon = \"1/3\"", ""));
    assert_eq!(pure.outputs[0].values[0].noise, [Noise::Laplace { scale: Rational::from_integer(30_000.into()) }]);
    assert_eq!(
        (pure.charge.rho.to_string(), pure.charge.pure_epsilon.unwrap().to_string()),
        ("0.055555555556".to_owned(), "1/3".to_owned())
    );

    let refused = |from: &str, to: &str| {
        Plan::new(&Manifest::parse(&manifest("gaussian", "rho = 0.1", "").replace(from, to)).unwrap(), &Tables)
            .unwrap_err()
    };
    assert!(
        refused("\"faa\"", "\"iata\"")
            .to_string()
            .starts_with("line 16, column 22: there is no reference `airports` with a column `iata`")
    );
    assert!(refused("\"faa\"", "\"empty\"").message.to_string().contains("is empty"));
    assert!(refused("\"faa\"", "\"many\"").message.to_string().contains("more than 100000 groups"));
    assert!(
        refused("max_groups_per_unit = 1", "max_groups_per_unit = 7")
            .message
            .to_string()
            .contains("has 6 groups: write at most 6")
    );
}

#[test]
fn expected_errors_agree_with_direct_summation() {
    let laplace = |scale: Rational| Noise::Laplace { scale };
    let ratio = |a: i64, b: i64| Rational::new(a.into(), b.into());
    assert!((laplace(ratio(2, 1)).standard_deviation().powi(2) - 7.8354).abs() < 1e-4);

    let direct = |noise: &Noise| {
        let mass = |x: f64| match noise {
            Noise::Laplace { scale } => (-x / unseen_policies::approximate::to_f64(scale)).exp(),
            Noise::Gaussian { variance } => (-x * x / (2.0 * unseen_policies::approximate::to_f64(variance))).exp(),
        };
        let masses: Vec<f64> = (0..60_000).map(|x| mass(f64::from(x)) * if x == 0 { 1.0 } else { 2.0 }).collect();
        let total: f64 = masses.iter().rev().sum();
        let variance: f64 = masses.iter().enumerate().rev().map(|(x, p)| (x as f64).powi(2) * p / total).sum();
        let mut beyond: f64 = 0.0;
        let tail = masses
            .iter()
            .enumerate()
            .rev()
            .find(|(_, p)| {
                beyond += **p / total;
                beyond > 0.05
            })
            .unwrap()
            .0;
        (variance.sqrt(), tail as f64)
    };
    for (a, b) in [(1, 1_000), (1, 40), (1, 3), (1, 2), (1, 1), (2, 1), (7, 3), (25, 1), (99, 1), (101, 1), (1_000, 1)]
    {
        for noise in [
            laplace(ratio(a, b)),
            Noise::Gaussian { variance: ratio(a, b) },
            Noise::Gaussian { variance: ratio(a * a, b * b) },
        ] {
            let (deviation, half_width) = direct(&noise);
            assert!(
                (noise.standard_deviation() - deviation).abs() <= 1e-9 * deviation.max(1e-9),
                "{noise:?}: {} for {deviation}",
                noise.standard_deviation()
            );
            let stated = noise.half_width_95();
            assert!(stated >= half_width && stated <= half_width + 1.0, "{noise:?}: {stated} for {half_width}");
            assert!(a * a > 10_000 * b * b || stated == half_width, "{noise:?}: {stated} for {half_width}");
        }
    }
    for power in [10u32, 40, 90, 180] {
        let wide = Rational::from_integer(BigInt::from(1) << power);
        let size = 2f64.powi(power as i32);
        let laplace = laplace(wide.clone()).half_width_95() / (size * 20f64.ln());
        let gaussian = Noise::Gaussian { variance: wide }.half_width_95() / (size.sqrt() * 1.959964);
        assert!((laplace - 1.0).abs() < 1e-3 && (gaussian - 1.0).abs() < 2e-2, "{laplace} {gaussian}");
    }
}

struct Tables;

impl References for Tables {
    fn column(&self, _: &str, column: &str) -> Option<Vec<Key>> {
        match column {
            "faa" => Some(["ANC", "EWR", "ANC", "JFK"].map(|key| Key::Text(key.into())).to_vec()),
            "empty" => Some(vec![]),
            "many" => Some((0..60_000).map(Key::Int).collect()),
            _ => None,
        }
    }
}

fn plan(text: &str) -> Plan {
    Plan::new(&Manifest::parse(text).unwrap_or_else(|why| panic!("{why}\n{text}")), &Tables).unwrap()
}

fn manifest(mechanism: &str, budget: &str, more: &str) -> String {
    format!(
        r#"[job]
title = "t"
purpose = "p"
release = "+2h"
[[input]]
dataset = "d"
columns = ["c"]
[grain]
kind = "unit"
[[output]]
name = "o"
max_groups_per_unit = 1
values = [{{ name = "sum", lower = 0, upper = 100, granularity = 0.01 }}]
groups = [
  {{ name = "bin", range = [0, 1] }},
            {{ name = "dest", reference = "airports", column = "faa" }},
]
[privacy]
mechanism = "{mechanism}"
{budget}
[limits]
{more}"#
    )
}
