//! Median age by sex. A median is not a sum, so it is taken in each of 100 blocks of people, and the
//! blocks' medians are averaged: sample and aggregate.

use unseen_guest::{Contributions, Grain, Job, job};

#[rustfmt::skip]
mod shape;
use shape::{Inputs, Median};

/// Medians are given as years over this age: the nearer to 0, the less noise they need.
const MIDDLE: f64 = 40.0;

struct MedianAge;

impl Job for MedianAge {
    fn contribute(block: &Grain, _: &[f64], out: &mut Contributions) -> Result<(), String> {
        let people = block.adult();
        let (sexes, ages) = (people.sex().texts()?, people.age().ints()?);
        for sex in ["Female", "Male"] {
            let of_sex = sexes.iter().zip(ages.iter()).filter(|(one, _)| *one == Some(sex));
            let mut ages: Vec<i64> = of_sex.filter_map(|(_, age)| age).collect();
            ages.sort_unstable();
            if let Some(last) = ages.len().checked_sub(1) {
                let median = (ages[last / 2] + ages[last.div_ceil(2)]) as f64 / 2.0;
                out.add(Median { sex, years_over_40: median - MIDDLE });
            }
        }
        Ok(())
    }
}

job!(MedianAge);

#[cfg(test)]
mod tests {
    use super::*;
    use shape::SHAPE;
    use unseen_guest::testing::{Rows, Unit, run};

    fn block<const N: usize>(sexes: [&str; N], ages: [i64; N]) -> Unit {
        Unit::new(&SHAPE).table("adult", Rows::new().texts("sex", sexes).ints("age", ages))
    }

    #[test]
    fn each_block_gives_one_median_a_sex() {
        let both = block(["Male", "Female", "Male", "Male", "Female"], [50, 30, 20, 44, 31]);
        let men_only = block(["Male"], [45]);
        let sums = run::<MedianAge>(&[both, men_only], &[]).unwrap();
        let median = |sex: &str, years_over_40| Median { sex: sex.into(), years_over_40 };
        assert_eq!(sums.of::<Median>(), [median("Female", -9.5), median("Male", 4.0 + 5.0)]);
    }
}
