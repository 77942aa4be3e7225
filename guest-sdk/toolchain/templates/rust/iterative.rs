//! A private linear regression by gradient descent: `{{other}}` on `{{value}}`, in a few rounds.
//!
//! `contribute` sees rows and the state, and adds one gradient. `advance` sees the noised sum of
//! all gradients, never rows, and takes a step.

use unseen_guest::{Contributions, Derived, Grain, IterativeJob, Job, Noisy, Verdict, iterative_job};

// The names of job.toml: `unseen job build` writes this file.
#[rustfmt::skip]
mod shape;
use shape::{Gradient, Inputs};

/// Rounds, as `rounds` in job.toml.
const ROUNDS: u32 = 5;
/// How far a step goes.
const RATE: f64 = 0.5;
/// Make the columns numbers of about one.
const X_SCALE: f64 = {{x_scale}};
const Y_SCALE: f64 = {{y_scale}};

struct Regression;

impl Job for Regression {
    fn contribute(grain: &Grain, state: &[f64], out: &mut Contributions) -> Result<(), String> {
        let (slope, intercept) = weights(state);
        let table = grain.{{id_dataset}}();
        let (xs, ys) = (table.{{id_value}}().{{cells}}()?, table.{{id_other}}().{{other_cells}}()?);
        let (mut rows, mut by_slope, mut by_intercept) = (0.0, 0.0, 0.0);
        for (x, y) in xs.iter().zip(ys.iter()) {
            if let (Some(x), Some(y)) = (x, y) {
                let (x, y) = (x{{as_float}} / X_SCALE, y{{other_as_float}} / Y_SCALE);
                let error = slope * x + intercept - y;
                rows += 1.0;
                by_slope += error * x;
                by_intercept += error;
            }
        }
        if rows > 0.0 {
            let (by_slope, by_intercept) = (by_slope / rows, by_intercept / rows);
            out.add(Gradient { units: 1.0, by_slope, by_intercept });
        }
        Ok(())
    }
}

impl IterativeJob for Regression {
    fn advance(round: u32, state: &[f64], noisy: &Noisy) -> Result<Verdict, String> {
        let [sum] = Gradient::of(noisy)[..] else { return Err("no totals".into()) };
        let units = sum.units.max(1.0);
        let (slope, intercept) = weights(state);
        let slope = slope - RATE * sum.by_slope / units;
        let intercept = intercept - RATE * sum.by_intercept / units;
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
    use shape::SHAPE;
    use unseen_guest::testing::{Rows, Unit, run};

    fn unit(x: f64) -> Unit {
        let (x, y) = ((x * X_SCALE){{to_cell}}, (0.8 * x * Y_SCALE){{other_to_cell}});
        let rows = Rows::new().{{cells}}("{{value}}", [x, x]).{{other_cells}}("{{other}}", [y, y]);
        Unit::new(&SHAPE).table("{{dataset}}", rows)
    }

    #[test]
    fn the_slope_is_found() {
        let units: Vec<Unit> = (0..20).map(|i| unit(f64::from(i) / 10.0 - 1.0)).collect();
        let mut state = vec![];
        for round in 0.. {
            let sums = run::<Regression>(&units, &state).unwrap();
            match Regression::advance(round, &state, &sums.noisy()).unwrap() {
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
