//! The benchmark's job: a unit's largest three-month rolling mean of output per energy, in 20 bins.
//! Columns: output, energy, jobs (floats), town (text).

use unseen_guest::{Contribution, Contributions, Grain, Job, job};

struct Rolling;

impl Job for Rolling {
    fn contribute(grain: &Grain, _: &[f64], out: &mut Contributions) -> Result<(), String> {
        let table = grain.input(0);
        let (output, energy) = (table.column(0, "output").floats()?, table.column(1, "energy").floats()?);
        let (mut window, mut best) = ([0.0; 3], f64::NEG_INFINITY);
        for row in 0..table.rows() {
            let (Some(output), Some(energy)) = (output.get(row), energy.get(row)) else { continue };
            window[row % 3] = output / energy.max(1e-9);
            if row >= 2 {
                best = best.max((window[0] + window[1] + window[2]) / 3.0);
            }
        }
        if best.is_finite() {
            let bin = (best * 10.0).clamp(0.0, 19.0) as i64;
            out.add(Contribution { output: 0, group: vec![bin.into()], values: vec![1.0] });
        }
        Ok(())
    }
}

job!(Rolling);
