//! A private linear regression by gradient descent: output on energy, in a few rounds.
//!
//! `contribute` sees rows and the state, and adds one gradient. `advance` sees the noised sum of
//! all gradients, never rows, and takes a step.

use unseen_guest::{
    Contributions, Derived, Grain, IterativeJob, Job, Totals, Verdict, iterative_job,
};

// Columns, in the order of `columns` in job.toml.
const ENERGY: usize = 0;
const OUTPUT: usize = 1;

/// Rounds, as `rounds` in job.toml.
const ROUNDS: u32 = 5;
/// How far a step goes.
const RATE: f64 = 0.5;

struct Regression;

impl Job for Regression {
    fn contribute(grain: &Grain, state: &[f64], out: &mut Contributions) -> Result<(), String> {
        let (slope, intercept) = weights(state);
        let firms = grain.table(0);
        let (energy, output) = (firms.floats(ENERGY)?, firms.floats(OUTPUT)?);
        let (mut rows, mut by_slope, mut by_intercept) = (0.0, 0.0, 0.0);
        for row in 0..firms.rows() {
            if let (Some(x), Some(y)) = (energy.get(row), output.get(row)) {
                let error = slope * x + intercept - y;
                rows += 1.0;
                by_slope += error * x;
                by_intercept += error;
            }
        }
        if rows > 0.0 {
            out.add(0, (), [1.0, by_slope / rows, by_intercept / rows]);
        }
        Ok(())
    }
}

impl IterativeJob for Regression {
    fn advance(round: u32, state: &[f64], noisy: &[Totals]) -> Result<Verdict, String> {
        let sums = noisy.first().and_then(|totals| totals.group(0, 3)).ok_or("no totals")?;
        let units = sums[0].max(1.0);
        let (slope, intercept) = weights(state);
        let slope = slope - RATE * sums[1] / units;
        let intercept = intercept - RATE * sums[2] / units;
        if round + 1 < ROUNDS {
            return Ok(Verdict::Next(vec![slope, intercept]));
        }
        Ok(Verdict::Done(vec![Derived {
            name: "model".into(),
            columns: vec!["slope".into(), "intercept".into()],
            rows: vec![vec![slope, intercept]],
        }]))
    }
}

/// The state is empty in the first round.
fn weights(state: &[f64]) -> (f64, f64) {
    match state {
        [slope, intercept] => (*slope, *intercept),
        _ => (0.0, 0.0),
    }
}

iterative_job!(Regression);

#[cfg(test)]
mod tests {
    use super::*;
    use unseen_guest::testing::{Rows, Unit, run};

    #[test]
    fn the_slope_is_found() {
        let units: Vec<Unit> = (0..20)
            .map(|i| f64::from(i) / 10.0 - 1.0)
            .map(|x| Unit::new().table(Rows::new().floats([x, x]).floats([0.8 * x, 0.8 * x])))
            .collect();
        let mut state = vec![];
        for round in 0.. {
            let totals = run::<Regression>(&units, &state).unwrap();
            let sums: Vec<f64> = totals.into_values().flatten().collect();
            match Regression::advance(round, &state, &[Totals::new(&sums)]).unwrap() {
                Verdict::Next(next) => state = next,
                Verdict::Done(tables) => {
                    let slope = tables[0].rows[0][0];
                    assert!((0.3..0.8).contains(&slope), "{slope}");
                    return;
                }
            }
        }
    }
}
