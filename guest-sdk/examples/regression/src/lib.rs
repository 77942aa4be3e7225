//! A linear regression that never sees a row in the open: the logarithm of an enterprise's tax on
//! those of its output, its energy per output and its output per person, by gradient descent. Each
//! round adds up the gradients of all enterprises, clamped and noised.

use unseen_guest::{Contributions, Derived, Grain, IterativeJob, Job, Noisy, Verdict, iterative_job};

#[rustfmt::skip]
mod shape;
use shape::{Gradient, Inputs};

/// Rounds, as in `job.toml`.
const ROUNDS: u32 = 12;
const RATE: f64 = 0.5;
/// Public guesses of mean and standard deviation of the four logarithms, tax last: they bring all
/// numbers to one scale, and a wrong guess costs accuracy, never privacy.
const SCALE: [(f64, f64); 4] = [(4.7, 1.3), (-2.6, 0.9), (2.1, 0.65), (1.4, 1.35)];

struct Regression;

impl Job for Regression {
    fn contribute(grain: &Grain, weights: &[f64], out: &mut Contributions) -> Result<(), String> {
        let monthly = grain.monthly();
        let mean = |cells: &mut dyn Iterator<Item = f64>| {
            let (sum, count) = cells.fold((0.0, 0.0), |(sum, count), cell| (sum + cell, count + 1.0));
            if count > 0.0 && sum > 0.0 { Some(sum / count) } else { None }
        };
        let output = mean(&mut monthly.output().floats()?.valid());
        let energy = mean(&mut monthly.energy().floats()?.valid());
        let tax = mean(&mut monthly.tax().floats()?.valid());
        let jobs = mean(&mut monthly.jobs().ints()?.valid().map(|jobs| jobs as f64));
        let (Some(output), Some(energy), Some(tax), Some(jobs)) = (output, energy, tax, jobs) else { return Ok(()) };

        let mut scaled = [output, energy / output, output / jobs, tax];
        for (number, (mean, deviation)) in scaled.iter_mut().zip(SCALE) {
            *number = ((number.ln() - mean) / deviation).clamp(-3.0, 3.0);
        }
        let features = [1.0, scaled[0], scaled[1], scaled[2]];
        let predicted: f64 = features.iter().zip(weights).map(|(feature, weight)| feature * weight).sum();
        let miss = (predicted - scaled[3]).clamp(-2.0, 2.0);
        out.add(Gradient {
            enterprises: 1.0,
            intercept: miss,
            output: miss * scaled[0],
            energy_per_output: miss * scaled[1],
            output_per_person: miss * scaled[2],
        });
        Ok(())
    }
}

impl IterativeJob for Regression {
    fn advance(round: u32, weights: &[f64], noisy: &Noisy) -> Result<Verdict, String> {
        let [sum] = Gradient::of(noisy)[..] else { return Err("no totals".into()) };
        let gradient = [sum.intercept, sum.output, sum.energy_per_output, sum.output_per_person];
        let count = sum.enterprises;
        let weight = |index: usize| weights.get(index).copied().unwrap_or(0.0);
        let next: Vec<f64> =
            gradient.iter().enumerate().map(|(index, sum)| weight(index) - RATE * sum / count.max(1.0)).collect();
        Ok(if round + 1 < ROUNDS { Verdict::Next(next) } else { Verdict::Done(vec![coefficients(&next)]) })
    }
}

/// The weights brought back from the common scale to the logarithms themselves.
fn coefficients(weights: &[f64]) -> Derived {
    let (tax_mean, tax_deviation) = SCALE[3];
    let mut row = vec![tax_mean + tax_deviation * weights[0]];
    for (weight, (mean, deviation)) in weights[1..].iter().zip(SCALE) {
        let slope = weight * tax_deviation / deviation;
        row[0] -= slope * mean;
        row.push(slope);
    }
    let columns = ["intercept", "ln_output", "ln_energy_per_output", "ln_output_per_person"];
    Derived { name: "coefficients".into(), columns: columns.map(String::from).into(), rows: vec![row] }
}

iterative_job!(Regression);

#[cfg(test)]
mod tests {
    use super::*;
    use shape::SHAPE;
    use unseen_guest::testing::{Rows, Unit, contribute, run};

    /// tax = 0.05 x output^0.9 x (energy/output)^-0.2 x (output/jobs)^0.3, exactly.
    fn enterprises() -> Vec<Unit> {
        (0..400)
            .map(|index| {
                let spread = |step: u64| (((index * step) % 101) as f64 / 50.0 - 1.0) * 1.7;
                let output = (4.7 + 1.3 * spread(37)).exp();
                let (intensity, productivity) = ((-2.6 + 0.9 * spread(59)).exp(), (2.1 + 0.65 * spread(83)).exp());
                let jobs = (output / productivity).max(1.0).round();
                let tax = 0.05 * output.powf(0.9) * intensity.powf(-0.2) * (output / jobs).powf(0.3);
                let months = Rows::new()
                    .floats("output", [Some(output), None])
                    .floats("energy", [output * intensity; 2])
                    .floats("tax", [tax; 2])
                    .ints("jobs", [jobs as i64; 2]);
                Unit::new(&SHAPE).table("monthly", months)
            })
            .collect()
    }

    #[test]
    fn descent_without_noise_finds_the_coefficients() {
        let (units, mut weights) = (enterprises(), Vec::new());
        for round in 0.. {
            let sums = run::<Regression>(&units, &weights).unwrap();
            match Regression::advance(round, &weights, &sums.noisy()).unwrap() {
                Verdict::Next(next) => weights = next,
                Verdict::Done(tables) => {
                    assert_eq!(round + 1, ROUNDS);
                    for (found, truth) in tables[0].rows[0].iter().zip([0.05f64.ln(), 0.9, -0.2, 0.3]) {
                        assert!((found - truth).abs() < 0.1, "{:?}", tables[0].rows[0]);
                    }
                    return;
                }
            }
        }
    }

    #[test]
    fn an_enterprise_without_tax_adds_nothing() {
        let month =
            Rows::new().floats("output", [10.0]).floats("energy", [1.0]).floats("tax", [None]).ints("jobs", [5]);
        let unit = Unit::new(&SHAPE).table("monthly", month);
        assert!(contribute::<Regression>(&unit, &[]).unwrap().is_empty());
    }
}
