//! Punctuality of aircraft: flights and arrival delays by carrier, flights by the time zone they go
//! to, and how many delayed departures in a row an aircraft ever had on one day.

use unseen_guest::{Contributions, Grain, Job, job};

#[rustfmt::skip]
mod shape;
use shape::{Carriers, Chains, Delays, Inputs, Zones};

/// Where the bins of arrival delays end, in minutes; the last bin is open.
const BINS: [i64; 7] = [-30, -15, 0, 15, 30, 60, 120];
/// Minutes from which a departure counts as delayed.
const DELAYED: i64 = 16;

struct Punctuality;

impl Job for Punctuality {
    fn contribute(aircraft: &Grain, _: &[f64], out: &mut Contributions) -> Result<(), String> {
        let flights = aircraft.flights();
        let (carriers, zones) = (flights.carrier().texts()?, flights.tzone().texts()?);
        let (arrival, departure) = (flights.arr_delay().ints()?, flights.dep_delay().ints()?);
        let (months, days) = (flights.month().ints()?, flights.day().ints()?);
        let scheduled = flights.sched_dep_time().ints()?;

        let mut departures = Vec::new();
        for row in 0..flights.rows() {
            if let (Some(carrier), Some(delay)) = (carriers.get(row), arrival.get(row)) {
                let bin = BINS.partition_point(|&end| end <= delay) as i64;
                out.add(Carriers { carrier, flights: 1.0, delay: delay as f64 });
                out.add(Delays { carrier, bin, flights: 1.0 });
            }
            if let Some(zone) = zones.get(row) {
                out.add(Zones { zone, flights: 1.0 });
            }
            if let Some(delay) = departure.get(row) {
                departures.push((months.get(row), days.get(row), scheduled.get(row), delay));
            }
        }
        let size = match aircraft.planes().seats().ints()?.get(0) {
            None => "unknown",
            Some(..100) => "small",
            Some(_) => "large",
        };
        out.add(Chains { size, longest: longest_chain(departures), aircraft: 1.0 });
        Ok(())
    }
}

type Departure = (Option<i64>, Option<i64>, Option<i64>, i64);

/// The most delayed departures that followed each other on one day.
fn longest_chain(mut departures: Vec<Departure>) -> i64 {
    departures.sort_unstable();
    let (mut longest, mut chain, mut today) = (0, 0, (None, None));
    for (month, day, _, delay) in departures {
        chain = if delay < DELAYED {
            0
        } else if today == (month, day) {
            chain + 1
        } else {
            1
        };
        today = (month, day);
        longest = longest.max(chain);
    }
    longest
}

job!(Punctuality);

#[cfg(test)]
mod tests {
    use super::*;
    use shape::SHAPE;
    use unseen_guest::testing::{Rows, Unit, run};

    fn aircraft(seats: Option<i64>) -> Unit {
        let flights = Rows::new()
            .ints("month", [1, 1, 1, 1])
            .ints("day", [5, 5, 5, 6])
            .ints("sched_dep_time", [1400, 600, 1000, 700])
            .ints("dep_delay", [Some(20), Some(90), Some(16), Some(30)])
            .ints("arr_delay", [Some(-31), Some(15), None, Some(500)])
            .texts("carrier", ["AA"; 4])
            .texts("tzone", [Some("America/Chicago"), None, Some("America/Chicago"), Some("America/Denver")]);
        let unit = Unit::new(&SHAPE).table("flights", flights);
        match seats {
            Some(seats) => unit.table("planes", Rows::new().ints("seats", [seats])),
            None => unit,
        }
    }

    #[test]
    fn an_aircraft_adds_its_flights_delays_zones_and_longest_chain() {
        let sums = run::<Punctuality>(&[aircraft(Some(55)), aircraft(None)], &[]).unwrap();
        assert_eq!(sums.of::<Carriers>(), [Carriers { carrier: "AA".into(), flights: 6.0, delay: 968.0 }]);
        let delays = |bin: i64| Delays { carrier: "AA".into(), bin: bin.into(), flights: 2.0 };
        assert_eq!(sums.of::<Delays>(), [delays(0), delays(4), delays(7)]);
        assert_eq!(sums.of::<Zones>()[0], Zones { zone: "America/Chicago".into(), flights: 4.0 });
        let chains = |size: &str| Chains { size: size.into(), longest: 3.into(), aircraft: 1.0 };
        assert_eq!(sums.of::<Chains>(), [chains("small"), chains("unknown")]);
    }

    #[test]
    fn a_chain_ends_with_a_punctual_departure_and_with_the_day() {
        let at = |day, time, delay| (Some(1), Some(day), Some(time), delay);
        assert_eq!(longest_chain(vec![]), 0);
        assert_eq!(longest_chain(vec![at(1, 700, 15)]), 0);
        assert_eq!(longest_chain(vec![at(1, 900, 50), at(1, 700, 16), at(1, 800, 0)]), 1);
        assert_eq!(longest_chain(vec![at(1, 900, 50), at(2, 700, 16), at(2, 800, 60)]), 2);
    }
}
