//! Mean weekly hours of work by education.

use unseen_guest::{Contributions, Grain, Job, job};

#[rustfmt::skip]
mod shape;
use shape::{Hours, Inputs};

struct MeanHours;

impl Job for MeanHours {
    fn contribute(grain: &Grain, _: &[f64], out: &mut Contributions) -> Result<(), String> {
        let person = grain.adult();
        let (education, hours) = (person.education().texts()?, person.hr_per_week().ints()?);
        if let (Some(education), Some(hours)) = (education.get(0), hours.get(0)) {
            out.add(Hours { education, persons: 1.0, hours: hours as f64 });
        }
        Ok(())
    }
}

job!(MeanHours);

#[cfg(test)]
mod tests {
    use super::*;
    use shape::SHAPE;
    use unseen_guest::testing::{Rows, Unit, run};

    #[test]
    fn persons_and_hours_are_added_up_by_education() {
        let person = |education, hours: Option<i64>| {
            let row = Rows::new().texts("education", [education]).ints("hr_per_week", [hours]);
            Unit::new(&SHAPE).table("adult", row)
        };
        let people = [person("Masters", Some(40)), person("Masters", Some(35)), person("10th", None)];
        let sums = run::<MeanHours>(&people, &[]).unwrap();
        assert_eq!(sums.of::<Hours>(), [Hours { education: "Masters".into(), persons: 2.0, hours: 75.0 }]);
    }
}
