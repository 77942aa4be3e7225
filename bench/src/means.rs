//! Sum and number of output by district: the ready-made map of a mean.

use unseen_guest::{Contributions, Grain, Job, job};

struct Means;

impl Job for Means {
    fn contribute(grain: &Grain, _: &[f64], out: &mut Contributions) -> Result<(), String> {
        let rows = grain.table(0);
        let sum: f64 = rows.floats(1)?.valid().sum();
        if let Some(district) = rows.texts(0)?.valid().next() {
            out.add(0, district, [sum, rows.rows() as f64]);
        }
        Ok(())
    }
}

job!(Means);
