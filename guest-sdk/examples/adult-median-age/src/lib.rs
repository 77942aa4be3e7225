//! Median age by sex. A median is no sum, so it is taken in each of 100 blocks of people, and the
//! blocks' medians are averaged: sample and aggregate.

use unseen_guest::{Contributions, Grain, Job, job};

const SEX: usize = 0;
const AGE: usize = 1;

/// Medians are given as years over this age: the nearer to 0, the less noise they need.
const MIDDLE: f64 = 40.0;

struct MedianAge;

impl Job for MedianAge {
    fn contribute(block: &Grain, _: &[f64], out: &mut Contributions) -> Result<(), String> {
        let people = block.table(0);
        let (sexes, ages) = (people.texts(SEX)?, people.ints(AGE)?);
        for sex in ["Female", "Male"] {
            let of_sex = sexes.iter().zip(ages.iter()).filter(|(one, _)| *one == Some(sex));
            let mut ages: Vec<i64> = of_sex.filter_map(|(_, age)| age).collect();
            ages.sort_unstable();
            if let Some(last) = ages.len().checked_sub(1) {
                let median = (ages[last / 2] + ages[last.div_ceil(2)]) as f64 / 2.0;
                out.add(0, sex, [median - MIDDLE]);
            }
        }
        Ok(())
    }
}

job!(MedianAge);

#[cfg(test)]
mod tests {
    use super::*;
    use unseen_guest::testing::{Rows, Unit, run};

    #[test]
    fn each_block_gives_one_median_a_sex() {
        let block = Unit::new()
            .table(Rows::new().texts(["Male", "Female", "Male", "Male", "Female"]).ints([50, 30, 20, 44, 31]));
        let men_only = Unit::new().table(Rows::new().texts(["Male"]).ints([45]));
        let totals = run::<MedianAge>(&[block, men_only], &[]).unwrap();
        assert_eq!(totals[&(0, vec!["Female".into()])], [-9.5]);
        assert_eq!(totals[&(0, vec!["Male".into()])], [4.0 + 5.0]);
    }
}
