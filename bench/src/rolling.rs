//! The largest three-month rolling mean of output over energy of one enterprise, in twenty bins.

use unseen_guest::{Contributions, Grain, Job, job};

mod shape;
use shape::{Best, Inputs};

struct Rolling;

impl Job for Rolling {
    fn contribute(grain: &Grain, _: &[f64], out: &mut Contributions) -> Result<(), String> {
        let rows = grain.bench();
        let months = rows.month().ints()?;
        let (output, energy) = (rows.output().floats()?, rows.energy().floats()?);
        let mut order: Vec<usize> = (0..rows.rows()).collect();
        order.sort_unstable_by_key(|&row| months.values()[row]);
        let ratios: Vec<f64> = order.iter().map(|&row| output.values()[row] / energy.values()[row].max(1e-9)).collect();
        let best = ratios.windows(3).map(|three| (three[0] + three[1] + three[2]) / 3.0).fold(0.0, f64::max);
        out.add(Best { bin: best.min(19.0) as i64, units: 1.0 });
        Ok(())
    }
}

job!(Rolling);
