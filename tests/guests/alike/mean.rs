use unseen_guest::{Contributions, Grain, Job, job};

#[rustfmt::skip]
mod shape;
use shape::{Inputs, Means};

struct Mean;

impl Job for Mean {
    fn contribute(grain: &Grain, _: &[f64], out: &mut Contributions) -> Result<(), String> {
        let flights = grain.flights();
        let (carriers, delays) = (flights.carrier().texts()?, flights.delay().floats()?);
        let mut seats = 0.0;
        for cell in grain.planes().seats().ints()?.valid() {
            seats += cell as f64;
        }
        for carrier in ["东航", "AA", "b?c"] {
            let (mut sum, mut count) = (0.0, 0.0);
            for row in 0..flights.rows() {
                if let (true, Some(delay)) = (carriers.get(row) == Some(carrier), delays.get(row)) {
                    sum += delay;
                    count += 1.0;
                }
            }
            if count > 0.0 {
                out.add(Means { carrier, sum, count, seats });
            }
        }
        Ok(())
    }
}

job!(Mean);
