//! Least squares and logistic regression, from noised sums.
//!
//! Both are fitted to scaled columns, whose sums have noise of one size, and told in the columns' own units. What the
//! noise hides is not divided by: eigenvalues below the size of the noise are held there and counted, and along these
//! directions coefficients are told to be as uncertain as bounds let them be.

use unseen_ids::Key;
use unseen_policies::manifest::Feature;
use unseen_policies::release::{Derived, Number};

use super::exponential::logistic as curve;
use super::matrix::{inverse, squared, times};
use super::noised::Noised;
use super::slope;

/// A step of Newton's is no longer than this: from far off it may lead further off.
const STEP: f64 = 4.0;
/// No coefficient of scaled columns is larger: with this, one end of a column is e^100 times as likely as the other.
const LARGEST: f64 = 50.0;

/// Coefficients of scaled columns, the constant first.
struct Fit {
    coefficients: Vec<f64>,
    /// What the noise makes of them, row by row.
    covariance: Vec<f64>,
}

/// By the normal equations: `features` are those that explain, and the target last.
pub(crate) fn linear(features: &[&Feature], noised: &Noised<'_>) -> Vec<Derived> {
    let Some((target, features)) = features.split_last() else { return Vec::new() };
    let size = features.len() + 1;
    // Values: rows; each feature and the target; then products, of each feature with itself and all after it.
    let of = |one: usize, other: usize| -> usize {
        match (one.min(other), one.max(other)) {
            (0, other) => other,
            (one, other) => size + 1 + (1..one).map(|before| size + 1 - before).sum::<usize>() + other - one,
        }
    };
    let (mut told, half) = (Told::new(features, ["rows", "hidden"]), (target.upper - target.lower) / 2.0);
    for group in 0..noised.groups() {
        let cells = || (0..size * size).map(|at| of(at / size, at % size));
        let noise = cells().map(|value| noised.deviation(value)).fold(1e-9, f64::max);
        let matrix = cells().map(|value| noised.total(value, group)).collect();
        let (inverse, hidden) = inverse(matrix, size, floor(noise, size));
        let sums: Vec<f64> = (0..size).map(|row| noised.total(of(row, size), group)).collect();
        let coefficients = times(&inverse, &sums);
        let mut noise = vec![0.0; size * size];
        for row in 0..size {
            let own = noised.deviation(of(row, size));
            noise[row * size + row] = own * own;
            for column in 0..size {
                let both = noised.deviation(of(row, column));
                noise[row * size + row] += both * both * coefficients[column] * coefficients[column];
                if row != column {
                    noise[row * size + column] += both * both * coefficients[row] * coefficients[column];
                }
            }
        }
        let covariance = sandwich(&inverse, &noise, &hidden, 1.0);
        let about = [noised.total(0, group), hidden.len() as f64];
        let middle = (target.upper + target.lower) / 2.0;
        told.add(&Fit { coefficients, covariance }, half, middle, about, noised.keys(group));
    }
    told.tables(noised)
}

/// What a row adds: the gradient of what is minimised, and its second derivatives.
pub(crate) fn make(numbers: &[f64], truth: f64, state: &[f64], made: &mut Vec<f64>) {
    let all = || std::iter::once(1.0).chain(numbers.iter().copied());
    let chance = curve(all().zip(state).map(|(number, coefficient)| number * coefficient).sum());
    let weight = chance * (1.0 - chance);
    made.extend(all().map(|number| (chance - truth) * number));
    made.extend(all().map(|number| weight * number));
    for (at, one) in numbers.iter().enumerate() {
        made.extend(numbers[at..].iter().map(|other| weight * one * other));
    }
}

/// One step of Newton's for each group, and the tables as they are then.
pub(crate) fn logistic(features: &[&Feature], state: &mut [f64], noised: &Noised<'_>) -> Vec<Derived> {
    let size = features.len() + 1;
    // Values: the gradient; then the second derivatives, of each term with itself and all after it.
    let of = |one: usize, other: usize| {
        let (one, other) = (one.min(other), one.max(other));
        size + (0..one).map(|before| size - before).sum::<usize>() + other - one
    };
    let mut told = Told::new(features, ["last_step", "hidden"]);
    for (group, coefficients) in state.chunks_exact_mut(size).enumerate() {
        let cells = || (0..size * size).map(|at| of(at / size, at % size));
        let noise = cells().map(|value| noised.deviation(value)).fold(1e-9, f64::max);
        let matrix = cells().map(|value| noised.total(value, group)).collect();
        let (inverse, hidden) = inverse(matrix, size, floor(noise, size));
        let gradient: Vec<f64> = (0..size).map(|value| noised.total(value, group)).collect();
        let mut step = times(&inverse, &gradient);
        let length = step.iter().map(|part| part * part).sum::<f64>().sqrt();
        if length > STEP {
            step.iter_mut().for_each(|part| *part *= STEP / length);
        }
        for (coefficient, part) in coefficients.iter_mut().zip(&step) {
            *coefficient = (*coefficient - part).clamp(-LARGEST, LARGEST);
        }
        let variance = |at: usize| if at / size == at % size { noised.deviation(at / size) } else { 0.0 };
        let noise: Vec<f64> = (0..size * size).map(|at| variance(at) * variance(at)).collect();
        let covariance = sandwich(&inverse, &noise, &hidden, STEP);
        let about = [length.min(STEP), hidden.len() as f64];
        let fit = Fit { coefficients: coefficients.to_vec(), covariance };
        told.add(&fit, 1.0, 0.0, about, noised.keys(group));
    }
    told.tables(noised)
}

/// The size that eigenvalues of a matrix of noise have, about twice: below it nothing is told from none.
fn floor(noise: f64, size: usize) -> f64 {
    2.0 * noise * (size as f64).sqrt()
}

/// What noise makes of coefficients: M N M, of symmetric matrices, where noise hides nothing. Along the directions that
/// it hides anything might be true, as far as `wide`.
fn sandwich(outer: &[f64], inner: &[f64], hidden: &[Vec<f64>], wide: f64) -> Vec<f64> {
    let size = outer.len().isqrt();
    let product = |one: &[f64], other: &[f64]| -> Vec<f64> {
        let cell = |at: usize| {
            let (row, column) = (at / size, at % size);
            (0..size).map(|between| one[row * size + between] * other[between * size + column]).sum()
        };
        (0..size * size).map(cell).collect()
    };
    let mut covariance = product(&product(outer, inner), outer);
    for direction in hidden {
        for (at, cell) in covariance.iter_mut().enumerate() {
            *cell += wide * wide * direction[at / size] * direction[at % size];
        }
    }
    covariance
}

/// Tables of coefficients in the columns' own units, group by group.
struct Told<'f> {
    features: &'f [&'f Feature],
    /// What is told of each fit.
    about: [&'static str; 2],
    coefficients: Vec<Row>,
    fits: Vec<Row>,
}

/// Keys, and numbers.
type Row = (Vec<Key>, [f64; 2]);

impl<'f> Told<'f> {
    fn new(features: &'f [&'f Feature], about: [&'static str; 2]) -> Told<'f> {
        Told { features, about, coefficients: Vec::new(), fits: Vec::new() }
    }

    /// Adds a group. What is explained is `half` times what was fitted, and `middle` more.
    fn add(&mut self, fit: &Fit, half: f64, middle: f64, about: [f64; 2], keys: Vec<Key>) {
        let scales: Vec<(f64, f64)> = self.features.iter().map(|feature| slope(feature)).collect();
        let constant: Vec<f64> = std::iter::once(1.0).chain(scales.iter().map(|(_, rest)| *rest)).collect();
        let mut row = |term: &str, combined: &[f64], more: f64| {
            let number: f64 = fit.coefficients.iter().zip(combined).map(|(one, other)| one * other).sum();
            let deviation = squared(&fit.covariance, combined).max(0.0).sqrt();
            let keys = keys.iter().cloned().chain([Key::Text(term.to_owned())]).collect();
            self.coefficients.push((keys, [number * half + more, deviation * half]));
        };
        row("intercept", &constant, middle);
        for (at, (feature, (slope, _))) in self.features.iter().zip(&scales).enumerate() {
            let own: Vec<f64> = (0..constant.len()).map(|term| if term == at + 1 { *slope } else { 0.0 }).collect();
            row(&feature.name, &own, 0.0);
        }
        self.fits.push((keys, about));
    }

    fn tables(self, noised: &Noised<'_>) -> Vec<Derived> {
        let table = |name: &str, columns: [&str; 2], keys: Vec<String>, rows: Vec<Row>| {
            let (mut groups, rows): (Vec<_>, Vec<_>) =
                rows.into_iter().map(|(keys, row)| (keys, row.map(Number).to_vec())).unzip();
            if keys.is_empty() {
                groups.clear();
            }
            Derived { name: name.to_owned(), columns: columns.map(str::to_owned).to_vec(), rows, keys, groups }
        };
        let keys = noised.names();
        let terms = keys.iter().cloned().chain(["term".to_owned()]).collect();
        vec![
            table("coefficients", ["coefficient", "standard_deviation"], terms, self.coefficients),
            table("fit", self.about, keys, self.fits),
        ]
    }
}
