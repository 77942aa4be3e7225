//! Sum and number of output by district: the ready-made map of a mean.

use unseen_guest::{Contributions, Grain, Job, job};

mod shape;
use shape::{Inputs, Means};

struct Map;

impl Job for Map {
    fn contribute(grain: &Grain, _: &[f64], out: &mut Contributions) -> Result<(), String> {
        let rows = grain.bench();
        let output: f64 = rows.output().floats()?.valid().sum();
        if let Some(district) = rows.district().texts()?.valid().next() {
            out.add(Means { district, output, rows: rows.rows() as f64 });
        }
        Ok(())
    }
}

job!(Map);
