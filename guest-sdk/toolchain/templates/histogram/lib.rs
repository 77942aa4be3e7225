//! How many enterprises of each town have which yearly output: a histogram.

use unseen_guest::{Contributions, Grain, Job, job};

// Columns, in the order of `columns` in job.toml.
const TOWN: usize = 0;
const OUTPUT: usize = 1;

struct Histogram;

impl Job for Histogram {
    /// One enterprise: its rows are its months.
    fn contribute(grain: &Grain, _: &[f64], out: &mut Contributions) -> Result<(), String> {
        let firms = grain.table(0);
        let year: f64 = firms.floats(OUTPUT)?.valid().sum();
        let bin = (year / 10.0).floor().clamp(0.0, 19.0) as i64;
        if let Some(town) = firms.texts(TOWN)?.valid().next() {
            out.add(0, (town, bin), [1.0]);
        }
        Ok(())
    }
}

job!(Histogram);

#[cfg(test)]
mod tests {
    use super::*;
    use unseen_guest::Key;
    use unseen_guest::testing::{Rows, Unit, contribute};

    #[test]
    fn an_enterprise_counts_once_in_the_bin_of_its_year() {
        let unit = Unit::new()
            .table(Rows::new().texts(["East", "East", "East"]).floats([Some(20.0), None, Some(15.5)]));
        let added = contribute::<Histogram>(&unit, &[]).unwrap();
        assert_eq!(added.len(), 1);
        assert_eq!(added[0].group, [Key::from("East"), Key::from(3)]);
        assert_eq!(added[0].values, [1.0]);
    }
}
