//! k-means by Lloyd's steps: rows go to the nearest centre, and centres to the mean of their rows (Lloyd 1982; under
//! noise, Blum, Dwork, McSherry and Nissim 2005).
//!
//! All is in scaled numbers, so that each column counts as much as its bounds say.

use unseen_ids::Key;
use unseen_policies::manifest::{CLUSTER, Feature};
use unseen_policies::release::{Derived, Number};

use super::noised::Noised;
use super::slope;

/// One for each feature that there may be.
const PRIMES: [u32; 16] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53];

/// Centres that no row had a say in: Halton's points (1960), which lie evenly.
pub(crate) fn start(clusters: usize, features: usize) -> Vec<f64> {
    let points = (1..=clusters as u32).flat_map(|number| {
        let primes = PRIMES.iter().cycle().take(features);
        primes.map(move |prime| 2.0 * turned(number, *prime) - 1.0)
    });
    points.collect()
}

/// The digits of a number to a base, behind the point and the last one first.
fn turned(mut number: u32, base: u32) -> f64 {
    let (mut above, mut below) = (0_u64, 1_u64);
    while number > 0 {
        above = above * u64::from(base) + u64::from(number % base);
        below *= u64::from(base);
        number /= base;
    }
    above as f64 / below as f64
}

/// The number of the centre that is nearest, from 0; of equals the first.
pub(crate) fn nearest(numbers: &[f64], centres: &[f64]) -> usize {
    let mut best = (0, f64::INFINITY);
    for (at, centre) in centres.chunks_exact(numbers.len().max(1)).enumerate() {
        let distance: f64 = centre.iter().zip(numbers).map(|(one, other)| (one - other) * (one - other)).sum();
        if distance < best.1 {
            best = (at, distance);
        }
    }
    best.0
}

/// Moves each centre to the noised mean of its rows, and the tables as they are then.
///
/// A cluster whose rows are lost in the noise has no mean. Before the last round its centre goes beside that of the
/// largest cluster, which is then divided; in the last it stays.
pub(crate) fn advance(
    features: &[&Feature],
    clusters: usize,
    is_last: bool,
    state: &mut [f64],
    noised: &Noised<'_>,
) -> Vec<Derived> {
    let (width, few) = (features.len(), (noised.sure() * noised.deviation(0)).max(1.0));
    let rows: Vec<f64> = (0..clusters).map(|cluster| noised.total(0, cluster)).collect();
    for (cluster, centre) in state.chunks_exact_mut(width.max(1)).enumerate() {
        let count = rows.get(cluster).copied().unwrap_or(0.0);
        if count > few {
            let means = (1..=width).map(|value| (noised.total(value, cluster) / count).clamp(-1.0, 1.0));
            centre.iter_mut().zip(means).for_each(|(number, mean)| *number = mean);
        }
    }
    let largest = (0..clusters).fold(0, |best, next| if rows[next] > rows[best] { next } else { best });
    let tables = tables(features, &rows, few, state, noised);
    let beside = state.get(largest * width..(largest + 1) * width).map(<[f64]>::to_vec).unwrap_or_default();
    if !is_last && rows.get(largest).is_some_and(|count| *count > few) {
        for (cluster, centre) in state.chunks_exact_mut(width.max(1)).enumerate() {
            if rows.get(cluster).is_some_and(|count| *count <= few) {
                centre.copy_from_slice(&beside);
                // In another direction each time, and for each cluster.
                let turn = cluster + noised.round as usize;
                let (at, side) =
                    (turn % width.max(1), if (turn / width.max(1)).is_multiple_of(2) { 1.0 } else { -1.0 });
                let step = side * 0.5 / f64::from(noised.round + 2);
                centre[at] = (centre[at] + step).clamp(-1.0, 1.0);
            }
        }
    }
    tables
}

/// The centres in their columns' own units, and what the noise is on each: that of a quotient, for given clusters.
fn tables(features: &[&Feature], rows: &[f64], few: f64, state: &[f64], noised: &Noised<'_>) -> Vec<Derived> {
    let (mut centres, mut deviations) = (Vec::new(), Vec::new());
    for (count, centre) in rows.iter().zip(state.chunks_exact(features.len().max(1))) {
        let (mut numbers, mut spreads) = (vec![*count], vec![noised.deviation(0)]);
        for (at, (number, feature)) in centre.iter().zip(features).enumerate() {
            let (slope, rest) = slope(feature);
            numbers.push((number - rest) / slope);
            let (above, below) = (noised.deviation(at + 1), number * noised.deviation(0));
            let noise = (above * above + below * below).sqrt();
            // A centre that stayed where it was is as far off as it may be.
            let spread = if *count > few { noise / count } else { 2.0 };
            spreads.push(spread.min(2.0) / slope);
        }
        centres.push(numbers.into_iter().map(Number).collect());
        deviations.push(spreads.into_iter().map(Number).collect());
    }
    let columns: Vec<String> =
        std::iter::once("rows".to_owned()).chain(features.iter().map(|feature| feature.name.clone())).collect();
    let keys = vec![CLUSTER.to_owned()];
    let groups: Vec<Vec<Key>> = (1..=rows.len() as i64).map(|cluster| vec![Key::Int(cluster)]).collect();
    [("centres", centres), ("standard deviations of the centres", deviations)]
        .map(|(name, rows)| Derived {
            name: name.to_owned(),
            columns: columns.clone(),
            rows,
            keys: keys.clone(),
            groups: groups.clone(),
        })
        .to_vec()
}
