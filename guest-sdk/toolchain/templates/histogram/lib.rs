//! How many enterprises of each town have how much land: a histogram.

use unseen_guest::{Contributions, Grain, Job, job};

// The names of job.toml: `unseen job build` writes this file.
#[rustfmt::skip]
mod shape;
use shape::{Inputs, Sizes};

struct Histogram;

impl Job for Histogram {
    /// One enterprise: its rows are its plots of land.
    fn contribute(grain: &Grain, _: &[f64], out: &mut Contributions) -> Result<(), String> {
        let plots = grain.enterprises();
        let land: f64 = plots.land().floats()?.valid().sum();
        let bin = (land / 10.0).floor().clamp(0.0, 19.0) as i64;
        if let Some(town) = plots.town().texts()?.valid().next() {
            out.add(Sizes { town, bin, count: 1.0 });
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
    fn an_enterprise_counts_once_in_the_bin_of_its_land() {
        let plots = Rows::new()
            .texts("town", ["湖塘镇", "湖塘镇", "湖塘镇"])
            .floats("land", [Some(20.0), None, Some(15.5)]);
        let added = contribute::<Histogram>(&Unit::new(&SHAPE).table("enterprises", plots), &[]).unwrap();
        let counted = Sizes { town: "湖塘镇".into(), bin: 3.into(), count: 1.0 };
        assert_eq!(added.of::<Sizes>(), [counted]);
    }
}
