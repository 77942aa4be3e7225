use unseen_guest::{Contributions, Grain, Job, job};

#[rustfmt::skip]
mod shape;
use shape::{Delays, Inputs};

struct Histogram;

impl Job for Histogram {
    fn contribute(grain: &Grain, _: &[f64], out: &mut Contributions) -> Result<(), String> {
        let flights = grain.flights();
        let (carriers, delays) = (flights.carrier().texts()?, flights.delay().floats()?);
        let cancelled = flights.cancelled().bools()?;
        for row in 0..flights.rows() {
            if let (Some(carrier), Some(delay)) = (carriers.get(row), delays.get(row)) {
                let bin = (delay / 15.0).floor().clamp(-2.0, 9.0) as i64;
                let cancelled = if cancelled.get(row) == Some(true) { 1.0 } else { 0.0 };
                out.add(Delays { carrier, bin, flights: 1.0, cancelled });
            }
        }
        Ok(())
    }
}

job!(Histogram);
