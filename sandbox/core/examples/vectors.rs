//! Compares this code with the definitions that `proofs/` proves the lemmas of: `make proofs` pipes in what
//! `proofs/vectors.ml` computed from them, one vector a line, in the format that is described there.
//!
//! Prints how many of each kind agree. The first that does not ends it with code 1, and so does a kind of which there
//! is none.
#![allow(clippy::unwrap_used)]

#[path = "../src/testing.rs"]
mod testing;

use std::process::ExitCode;

use num_bigint::BigInt;
use num_traits::Num;
use testing::{laplace, output, plan, ratio, value};
use unseen_core::coverage::{Counted, Expected};
use unseen_core::{Clamper, ExactTotals, NoiseKey, PartialTotals, RawContribution, RoundNoise, RunIdentity};
use unseen_ids::{Key, KeyRef};
use unseen_policies::manifest::GrainKind;
use unseen_policies::plan::{Noise, References, Sensitivity};
use unseen_policies::{Manifest, Plan, Rational};

const KINDS: [&str; 4] = ["steps", "answer", "sensitivity", "shares"];

fn main() -> ExitCode {
    let mut counts = [0u64; KINDS.len()];
    let mut grains = Grains::default();
    for (number, line) in (1u64..).zip(std::io::stdin().lines()) {
        let checked = line.map_err(|error| error.to_string()).and_then(|line| {
            let parts: Vec<&str> = line.split(' ').collect();
            let kind = KINDS.iter().position(|kind| *kind == parts[0]).ok_or("not a kind of vector")?;
            let (wanted, got) = match KINDS[kind] {
                "sensitivity" => sensitivity(&parts),
                "shares" => shares(&parts),
                _ => grains.totals(&parts),
            }
            .map_err(|error| format!("{error}\n  {line}"))?;
            counts[kind] += 1;
            if wanted == got { Ok(()) } else { Err(format!("proved: {wanted}\n  code:   {got}\n  {line}")) }
        });
        if let Err(error) = checked {
            eprintln!("vector {number}: {error}");
            return ExitCode::FAILURE;
        }
    }
    for (kind, count) in KINDS.iter().zip(counts) {
        println!("{kind} {count}");
    }
    match KINDS.iter().zip(counts).find(|(_, count)| *count == 0) {
        Some((kind, _)) => {
            eprintln!("no vector of the kind `{kind}` came");
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    }
}

/// What is proved and what the code says, as texts that are equal if the numbers are.
type Pair = Result<(String, String), String>;

/// Hands in answers, and reads what was counted of them from a round whose noise is 0. One clamper has all answers
/// under a plan, as a worker's has.
#[derive(Default)]
struct Grains {
    plan: String,
    clamper: Option<(&'static Plan, Clamper<'static>)>,
}

impl Grains {
    fn totals(&mut self, parts: &[&str]) -> Pair {
        let [_, groups, most, grids, items, first, second] = parts else { return Err("not seven parts".into()) };
        let shape = format!("{groups} {most} {grids}");
        if self.clamper.is_none() || self.plan != shape {
            // It lasts as long as the program.
            let plan: &Plan = Box::leak(Box::new(plan_of(groups, most, grids)?));
            (self.plan, self.clamper) = (shape, Some((plan, Clamper::new(plan))));
        }
        let (plan, clamper) = self.clamper.as_mut().ok_or("there is no plan")?;
        let mut grain = clamper.grain();
        for (at, item) in list(items, ';').enumerate() {
            let [output, key, numbers] = item.split(':').collect::<Vec<_>>()[..] else {
                return Err(format!("not an item: {item}"));
            };
            // A key of another shape is of another type, or is none.
            let group = match key {
                "x" if at % 2 == 0 => vec![],
                "x" => vec![KeyRef::Text("x")],
                key => vec![KeyRef::Int(whole(key)?)],
            };
            let bits = |bits: &str| u64::from_str_radix(bits, 16).map(f64::from_bits).map_err(|e| e.to_string());
            let values: Vec<f64> = list(numbers, '.').map(bits).collect::<Result<_, _>>()?;
            grain.push(RawContribution { output: whole(output)?, group: &group, values: &values });
        }

        let run = RunIdentity { origin: "vectors", entry: 1, leaf: [0; 32], snapshots: &[] };
        let noise = RoundNoise::draw(plan, NoiseKey::new([1; 32]).round_seed(&run, 0), 1).map_err(|e| e.to_string())?;
        let counted = || vec![Counted { rows: 1, units: 1 }];
        let mut part = PartialTotals::zero(noise.round());
        part.block(0, counted()).map_err(|e| e.to_string())?.add(grain.finish());
        let mut totals = ExactTotals::zero(&noise, Expected::Each(vec![counted()]));
        totals.absorb(part).map_err(|e| e.to_string())?;
        let noisy = totals.complete().map_err(|e| e.to_string())?.noise(noise);

        let (width, groups) = (plan.outputs[0].values.len(), plan.outputs[0].domain.size());
        let mut wanted = vec![0i128; 2 * groups * width];
        for (output, entries) in [first, second].into_iter().enumerate() {
            for entry in list(entries, ';') {
                let (group, values) = entry.split_once(':').ok_or("not an entry")?;
                let cell = (output * groups + whole::<usize>(group)?) * width;
                for (at, steps) in list(values, '.').enumerate() {
                    wanted[cell + at] = whole(steps)?;
                }
            }
        }
        Ok((format!("{wanted:?}"), format!("{:?}", noisy.steps())))
    }
}

/// Two outputs of one shape, without noise.
fn plan_of(groups: &str, most: &str, grids: &str) -> Result<Plan, String> {
    let grid = |(at, grid): (usize, &str)| {
        let [lower, upper, num, den] = grid.split('/').collect::<Vec<_>>()[..] else {
            return Err(format!("not a grid: {grid}"));
        };
        let noise = vec![laplace(ratio(0, 1))];
        let granularity = Rational::new(whole(num)?, whole(den)?);
        Ok(value(&format!("v{at}"), (whole(lower)?, whole(upper)?), granularity, noise))
    };
    let values: Vec<_> = list(grids, ',').enumerate().map(grid).collect::<Result<_, String>>()?;
    let (groups, most) = (whole(groups)?, whole(most)?);
    Ok(plan(1, vec![output("first", groups, most, values.clone()), output("second", groups, most, values)]))
}

fn sensitivity(parts: &[&str]) -> Pair {
    let [_, grain, groups, most, lower, upper, l1, l2_squared] = parts else { return Err("not eight parts".into()) };
    let grain = if *grain == "unit" { GrainKind::Unit } else { GrainKind::Blocks { count: 10 } };
    let code = Sensitivity::new(grain, whole(groups)?, whole(most)?, whole(lower)?, whole(upper)?);
    let proved = Sensitivity { l1: whole(l1)?, l2_squared: whole(l2_squared)? };
    Ok((format!("{proved:?}"), format!("{code:?}")))
}

struct Nothing;

impl References for Nothing {
    fn column(&self, _: &str, _: &str) -> Option<Vec<Key>> {
        None
    }
}

/// A manifest goes the way of a submitted one.
fn shares(parts: &[&str]) -> Pair {
    let [_, mechanism, grain, budget, rounds, outputs, noise] = parts else { return Err("not seven parts".into()) };
    let grain = if *grain == "unit" { "'unit'" } else { "'blocks'\ncount = 10" };
    let loss = if *mechanism == "laplace" { "epsilon" } else { "rho" };
    let rounds: Vec<String> =
        list(rounds, ',').map(|weight| Ok(format!("'{}'", fraction(weight)?))).collect::<Result<_, String>>()?;
    let mut text = format!(
        "[job]\ntitle = 'a'\npurpose = 'b'\nrelease = '+1h'\n[[input]]\ndataset = 'd'\ncolumns = ['c']\n\
         [grain]\nkind = {grain}\n[privacy]\nmechanism = '{mechanism}'\n{loss} = '{}'\nround_weights = [{}]\n\
         [limits]\nrounds = {}\n",
        fraction(budget)?,
        rounds.join(","),
        rounds.len()
    );
    for (at, output) in list(outputs, ';').enumerate() {
        let [weight, groups, most, values] = output.split(':').collect::<Vec<_>>()[..] else {
            return Err(format!("not an output: {output}"));
        };
        let value = |(at, value): (usize, &str)| {
            let [weight, lower, upper] = value.split('~').collect::<Vec<_>>()[..] else {
                return Err(format!("not a value: {value}"));
            };
            let (weight, lower, upper): (_, i64, i64) = (fraction(weight)?, whole(lower)?, whole(upper)?);
            Ok(format!("{{ name = 'v{at}', lower = {lower}, upper = {upper}, granularity = 1, weight = '{weight}' }}"))
        };
        let values: Vec<String> = list(values, ',').enumerate().map(value).collect::<Result<_, String>>()?;
        let (groups, most): (u32, u32) = (whole(groups)?, whole(most)?);
        text += &format!(
            "[[output]]\nname = 'o{at}'\nweight = '{}'\nmax_groups_per_unit = {most}\n\
             groups = [{{ name = 'g', range = [1, {groups}] }}]\nvalues = [{}]\n",
            fraction(weight)?,
            values.join(",")
        );
    }
    let manifest = Manifest::parse(&text).map_err(|error| format!("{error}\n{text}"))?;
    let plan = Plan::new(&manifest, &Nothing).map_err(|error| format!("{error}\n{text}"))?;
    let values = plan.outputs.iter().flat_map(|output| &output.values);
    let code = values.flat_map(|value| &value.noise).map(|noise| match noise {
        Noise::Laplace { scale } => format!("laplace {scale}"),
        Noise::Gaussian { variance } => format!("gaussian {variance}"),
    });
    let proved = list(noise, ',').map(|noise| Ok(format!("{mechanism} {}", fraction(noise)?)));
    Ok((proved.collect::<Result<Vec<_>, String>>()?.join(", "), code.collect::<Vec<_>>().join(", ")))
}

/// The parts of a list, of which `-` is the empty one.
fn list(text: &str, separator: char) -> impl Iterator<Item = &str> {
    text.split(separator).filter(|part| *part != "-")
}

/// A whole number in base 16.
fn whole<N: TryFrom<BigInt>>(text: &str) -> Result<N, String> {
    let number = BigInt::from_str_radix(text, 16).map_err(|error| error.to_string())?;
    N::try_from(number).map_err(|_| format!("{text} is too large"))
}

fn fraction(text: &str) -> Result<Rational, String> {
    let (num, den) = text.split_once('/').ok_or_else(|| format!("not a fraction: {text}"))?;
    Ok(Rational::new(whole(num)?, whole(den)?))
}
