//! How many enterprises of each town have which yearly output: a histogram.

use unseen_guest::{Contributions, Grain, Job, job};

// The names of job.toml: `unseen job build` writes this file.
#[rustfmt::skip]
mod shape;
use shape::{Enterprises, Inputs};

struct Histogram;

impl Job for Histogram {
    /// One enterprise: its rows are its months.
    fn contribute(grain: &Grain, _: &[f64], out: &mut Contributions) -> Result<(), String> {
        let firms = grain.firms();
        let year: f64 = firms.output().floats()?.valid().sum();
        let bin = (year / 10.0).floor().clamp(0.0, 19.0) as i64;
        if let Some(town) = firms.town().texts()?.valid().next() {
            out.add(Enterprises { town, bin, count: 1.0 });
        }
        Ok(())
    }
}

job!(Histogram);

#[cfg(test)]
mod tests {
    use super::*;
    use shape::SHAPE;
    use unseen_guest::testing::{Rows, Unit, contribute};

    #[test]
    fn an_enterprise_counts_once_in_the_bin_of_its_year() {
        let months = Rows::new()
            .texts("town", ["East", "East", "East"])
            .floats("output", [Some(20.0), None, Some(15.5)]);
        let added = contribute::<Histogram>(&Unit::new(&SHAPE).table("firms", months), &[]).unwrap();
        let counted = Enterprises { town: "East".into(), bin: 3.into(), count: 1.0 };
        assert_eq!(added.of::<Enterprises>(), [counted]);
    }
}
