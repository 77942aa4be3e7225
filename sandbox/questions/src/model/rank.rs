//! Quantiles by bisection, and the groups with the largest totals.

use unseen_policies::Rational;
use unseen_policies::approximate::to_f64;
use unseen_policies::manifest::Feature;
use unseen_policies::release::{Derived, Number};

use super::noised::Noised;

/// Numbers of state for one share: the interval that its quantile is searched in, and one that surely holds it.
const WIDTH: usize = 4;

/// The state of one group before the first round.
pub(crate) fn start(of: &Feature, shares: usize) -> Vec<f64> {
    [of.lower, of.upper, of.lower, of.upper].repeat(shares)
}

/// What a row adds for each share q: 1 - q where its number is not above the middle of the interval, and -q where it
/// is. The sum over n rows, F of them not above, is F - qn, so that its sign says in which half the quantile is; and
/// no row moves it by more than the larger of q and 1 - q.
pub(crate) fn make(number: f64, shares: &[Rational], state: &[f64], made: &mut Vec<f64>) {
    made.extend(shares.iter().zip(state.chunks_exact(WIDTH)).map(|(share, interval)| {
        let share = to_f64(share);
        if number <= middle(interval) { 1.0 - share } else { -share }
    }));
}

fn middle(interval: &[f64]) -> f64 {
    interval[0] + (interval[1] - interval[0]) / 2.0
}

/// Halves each interval, and the tables as they are then.
pub(crate) fn advance(of: &Feature, shares: &[Rational], state: &mut [f64], noised: &Noised<'_>) -> Vec<Derived> {
    let parts = state.chunks_exact_mut(WIDTH).enumerate();
    for (at, part) in parts {
        let (group, value) = (at / shares.len().max(1), at % shares.len().max(1));
        let (threshold, below) = (middle(part), noised.total(value, group));
        let sure = noised.sure() * noised.deviation(value);
        if below < -sure {
            part[2] = part[2].max(threshold);
        }
        if below > sure {
            part[3] = part[3].min(threshold);
        }
        part[usize::from(below >= 0.0)] = threshold;
    }
    let name = format!("quantiles of {}", of.name);
    let columns = ["share", "value", "low", "high"].map(str::to_owned).to_vec();
    let parts = || state.chunks_exact(WIDTH).enumerate();
    let rows = parts().map(|(at, part)| {
        let share = shares.get(at % shares.len().max(1)).map_or(0.0, to_f64);
        [share, middle(part), part[2], part[3]].map(Number).to_vec()
    });
    let keys = noised.names();
    let groups = match keys.is_empty() {
        true => Vec::new(),
        false => parts().map(|(at, _)| noised.keys(at / shares.len().max(1))).collect(),
    };
    vec![Derived { name, columns, rows: rows.collect(), keys, groups }]
}

/// The groups with the largest noised totals of its one value; of equals the first.
pub(crate) fn top(by: &str, most: usize, noised: &Noised<'_>) -> Vec<Derived> {
    let mut groups: Vec<(usize, f64)> = (0..noised.groups()).map(|group| (group, noised.total(0, group))).collect();
    groups.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    groups.truncate(most);
    let columns = vec!["rank".to_owned(), by.to_owned(), "standard_deviation".to_owned()];
    let deviation = noised.deviation(0);
    let rows =
        groups.iter().enumerate().map(|(at, (_, total))| [at as f64 + 1.0, *total, deviation].map(Number).to_vec());
    let name = format!("top {} by {by}", groups.len());
    let keys = groups.iter().map(|(group, _)| noised.keys(*group));
    vec![Derived { name, columns, rows: rows.collect(), keys: noised.names(), groups: keys.collect() }]
}
