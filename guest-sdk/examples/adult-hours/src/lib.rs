//! Mean weekly hours of work by education.

use unseen_guest::{Contributions, Grain, Job, job};

const EDUCATION: usize = 0;
const HOURS: usize = 1;

struct Hours;

impl Job for Hours {
    fn contribute(grain: &Grain, _: &[f64], out: &mut Contributions) -> Result<(), String> {
        let person = grain.table(0);
        if let (Some(education), Some(hours)) = (person.texts(EDUCATION)?.get(0), person.ints(HOURS)?.get(0)) {
            out.add(0, education, [1.0, hours as f64]);
        }
        Ok(())
    }
}

job!(Hours);

#[cfg(test)]
mod tests {
    use super::*;
    use unseen_guest::testing::{Rows, Unit, run};

    #[test]
    fn persons_and_hours_are_added_up_by_education() {
        let person = |education, hours: Option<i64>| Unit::new().table(Rows::new().texts([education]).ints([hours]));
        let totals =
            run::<Hours>(&[person("Masters", Some(40)), person("Masters", Some(35)), person("10th", None)], &[])
                .unwrap();
        assert_eq!(totals.len(), 1);
        assert_eq!(totals[&(0, vec!["Masters".into()])], [2.0, 75.0]);
    }
}
