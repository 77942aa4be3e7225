use unseen_guest::{Contributions, Grain, Job, job};

#[rustfmt::skip]
mod shape;
use shape::{Chains, Inputs};

/// The longest run of late flights, on the same day or the next.
struct Chain;

impl Job for Chain {
    fn contribute(grain: &Grain, _: &[f64], out: &mut Contributions) -> Result<(), String> {
        let flights = grain.flights();
        let (delays, days) = (flights.delay().floats()?, flights.day().ints()?);
        let (mut longest, mut length, mut before) = (0_i64, 0_i64, None);
        for row in 0..flights.rows() {
            let (is_late, day) = (delays.get(row).is_some_and(|delay| delay > 15.0), days.get(row));
            let follows = match (before, day) {
                (Some(before), Some(day)) => (0..=1).contains(&(day - before)),
                _ => false,
            };
            length = if !is_late { 0 } else if follows { length + 1 } else { 1 };
            longest = longest.max(length);
            before = day;
        }
        if flights.rows() == 0 {
            return Err("a plane without flights".into());
        }
        out.add(Chains { length: longest, planes: 1.0 });
        Ok(())
    }
}

job!(Chain);
