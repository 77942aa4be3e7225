//! Punctuality of aircraft: flights and arrival delays by carrier, flights by the time zone they go
//! to, and how many delayed departures in a row an aircraft ever had on one day.

use unseen_guest::{Contributions, Grain, Job, job};

/// Inputs and their columns, in the order of `job.toml`.
const FLIGHTS: usize = 0;
const MONTH: usize = 0;
const DAY: usize = 1;
const SCHEDULED: usize = 2;
const DEPARTURE_DELAY: usize = 3;
const ARRIVAL_DELAY: usize = 4;
const CARRIER: usize = 5;
const ZONE: usize = 6; // looked up
const PLANES: usize = 1;
const SEATS: usize = 0;

/// Where the bins of arrival delays end, in minutes; the last bin is open.
const BINS: [i64; 7] = [-30, -15, 0, 15, 30, 60, 120];
/// Minutes from which a departure counts as delayed.
const DELAYED: i64 = 16;

struct Flights;

impl Job for Flights {
    fn contribute(aircraft: &Grain, _: &[f64], out: &mut Contributions) -> Result<(), String> {
        let flights = aircraft.table(FLIGHTS);
        let (carriers, zones) = (flights.texts(CARRIER)?, flights.texts(ZONE)?);
        let (arrival, departure) = (flights.ints(ARRIVAL_DELAY)?, flights.ints(DEPARTURE_DELAY)?);
        let (months, days, scheduled) = (flights.ints(MONTH)?, flights.ints(DAY)?, flights.ints(SCHEDULED)?);

        let mut departures = Vec::new();
        for row in 0..flights.rows() {
            if let (Some(carrier), Some(delay)) = (carriers.get(row), arrival.get(row)) {
                let bin = BINS.partition_point(|&end| end <= delay) as i64;
                out.add(0, carrier, [1.0, delay as f64]);
                out.add(1, (carrier, bin), [1.0]);
            }
            if let Some(zone) = zones.get(row) {
                out.add(2, zone, [1.0]);
            }
            if let Some(delay) = departure.get(row) {
                departures.push((months.get(row), days.get(row), scheduled.get(row), delay));
            }
        }
        let size = match aircraft.table(PLANES).ints(SEATS)?.get(0) {
            None => "unknown",
            Some(..100) => "small",
            Some(_) => "large",
        };
        out.add(3, (size, longest_chain(departures)), [1.0]);
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

job!(Flights);

#[cfg(test)]
mod tests {
    use super::*;
    use unseen_guest::Key;
    use unseen_guest::testing::{Rows, Unit, run};

    fn aircraft(seats: Option<i64>) -> Unit {
        let flights = Rows::new()
            .ints([1, 1, 1, 1])
            .ints([5, 5, 5, 6])
            .ints([1400, 600, 1000, 700])
            .ints([Some(20), Some(90), Some(16), Some(30)])
            .ints([Some(-31), Some(15), None, Some(500)])
            .texts(["AA"; 4])
            .texts([Some("America/Chicago"), None, Some("America/Chicago"), Some("America/Denver")]);
        let planes = match seats {
            Some(seats) => Rows::new().ints([seats]),
            None => Rows::new().ints([] as [i64; 0]),
        };
        Unit::new().table(flights).table(planes)
    }

    #[test]
    fn an_aircraft_adds_its_flights_delays_zones_and_longest_chain() {
        let totals = run::<Flights>(&[aircraft(Some(55)), aircraft(None)], &[]).unwrap();
        let of = |output, group: Vec<Key>| totals.get(&(output, group)).map(Vec::as_slice);
        assert_eq!(of(0, vec!["AA".into()]), Some([6.0, 968.0].as_slice()));
        for (bin, flights) in [(0, Some(2.0)), (3, None), (4, Some(2.0)), (7, Some(2.0))] {
            assert_eq!(of(1, vec!["AA".into(), bin.into()]).map(|values| values[0]), flights, "bin {bin}");
        }
        assert_eq!(of(2, vec!["America/Chicago".into()]), Some([4.0].as_slice()));
        assert_eq!(of(3, vec!["small".into(), 3.into()]), Some([1.0].as_slice()));
        assert_eq!(of(3, vec!["unknown".into(), 3.into()]), Some([1.0].as_slice()));
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
