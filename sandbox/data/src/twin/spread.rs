//! Numbers and choices from a uniform draw, by their quantiles.

use crate::description::Distribution;

/// Draws are kept off 0 and 1, where normal numbers are infinite.
const EDGE: f64 = 1e-12;

impl Distribution {
    /// The quantile of `draw`, 0 to 1, of the part of the distribution between two numbers.
    pub fn quantile(&self, draw: f64, low: f64, high: f64) -> f64 {
        let (from, to) = (self.below(low), self.below(high));
        let at = (from + draw * (to - from)).clamp(EDGE, 1.0 - EDGE);
        let number = match self {
            Distribution::Normal { mean, sd } if to - from > EDGE => mean + sd * normal(at),
            Distribution::LogNormal { median, sigma } if to - from > EDGE => median * (sigma * normal(at)).exp(),
            Distribution::Exponential { from: start, mean } if to - from > EDGE => start - mean * (1.0 - at).ln(),
            // So little of the distribution lies between them that its form there does not matter.
            _ if low.is_finite() && high.is_finite() => low + draw * (high - low),
            _ => 0.0,
        };
        number.max(low).min(high)
    }

    /// The share of the whole distribution below a number; 0 of a uniform one, which has no place of its own.
    pub(crate) fn below(&self, number: f64) -> f64 {
        match self {
            Distribution::Uniform => 0.0,
            Distribution::Normal { mean, sd } => below_normal((number - mean) / sd),
            Distribution::LogNormal { .. } if number <= 0.0 => 0.0,
            Distribution::LogNormal { median, sigma } => below_normal((number / median).ln() / sigma),
            Distribution::Exponential { from, mean } => 1.0 - (-(number - from).max(0.0) / mean).exp(),
        }
    }
}

/// The choice that `draw`, 0 to 1, makes among weights, and what is left of the draw, 0 to 1 again; the last of
/// those that weigh anything at the very end.
pub(super) fn pick(weights: &[f64], draw: f64) -> (usize, f64) {
    let mut left = draw * weights.iter().sum::<f64>();
    let mut last = 0;
    for (at, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
        if left < *weight {
            return (at, left / weight);
        }
        left -= weight;
        last = at;
    }
    (last, 1.0)
}

/// One draw of two, `share` of whose spread is the first's.
pub(super) fn mixed(first: f64, second: f64, share: f64) -> f64 {
    let kept = |draw: f64| normal(draw.clamp(EDGE, 1.0 - EDGE));
    below_normal(share.sqrt() * kept(first) + (1.0 - share).sqrt() * kept(second))
}

/// The share of the standard normal distribution below a number (Marsaglia 2004, a Taylor series).
fn below_normal(number: f64) -> f64 {
    if number.abs() > 8.0 || number.is_nan() {
        return if number > 0.0 { 1.0 } else { 0.0 };
    }
    let (mut sum, mut term, mut odd) = (number, number, 1.0);
    while term.abs() > f64::EPSILON * sum.abs() {
        odd += 2.0;
        term *= number * number / odd;
        sum += term;
    }
    (0.5 + sum * (-0.5 * number * number).exp() / (2.0 * std::f64::consts::PI).sqrt()).clamp(0.0, 1.0)
}

/// The quantile of the standard normal distribution (Acklam 2003, relative error below 1.2e-9).
pub(super) fn normal(share: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969683028665376e1,
        2.209460984245205e2,
        -2.759285104469687e2,
        1.38357751867269e2,
        -3.066479806614716e1,
        2.506628277459239,
    ];
    const B: [f64; 6] = [
        -5.447609879822406e1,
        1.615858368580409e2,
        -1.556989798598866e2,
        6.680131188771972e1,
        -1.328068155288572e1,
        1.0,
    ];
    const C: [f64; 6] = [
        -7.784894002430293e-3,
        -3.223964580411365e-1,
        -2.400758277161838,
        -2.549732539343734,
        4.374664141464968,
        2.938163982698783,
    ];
    const D: [f64; 5] = [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416, 1.0];
    const TAIL: f64 = 0.02425;
    let of = |factors: &[f64], x: f64| factors.iter().fold(0.0, |sum, factor| sum * x + factor);
    let tail = |share: f64| {
        let q = (-2.0 * share.ln()).sqrt();
        of(&C, q) / of(&D, q)
    };
    if share < TAIL {
        tail(share)
    } else if share > 1.0 - TAIL {
        -tail(1.0 - share)
    } else {
        let q = share - 0.5;
        q * of(&A, q * q) / of(&B, q * q)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_shares_and_quantiles_are_those_of_the_tables() {
        for (number, share) in [(-3.0, 0.001349898), (-1.0, 0.158655254), (0.0, 0.5), (1.96, 0.975002105)] {
            assert!((below_normal(number) - share).abs() < 1e-8 && (normal(share) - number).abs() < 1e-5, "{number}");
        }
    }

    #[test]
    fn a_part_of_a_distribution_stays_within_its_ends_and_rises() {
        for distribution in [
            Distribution::Uniform,
            Distribution::Normal { mean: 5.0, sd: 1.0 },
            Distribution::Normal { mean: 1e9, sd: 1.0 },
            Distribution::LogNormal { median: 4.0, sigma: 0.8 },
            Distribution::Exponential { from: 0.0, mean: 2.0 },
        ] {
            let of = |draw: f64| distribution.quantile(draw, 3.0, 9.0);
            let drawn: Vec<f64> = (0..=100).map(|at| of(f64::from(at) / 100.0)).collect();
            assert!(drawn.is_sorted() && drawn[0] >= 3.0 && drawn[100] <= 9.0, "{distribution:?}: {drawn:?}");
            assert!(drawn[100] - drawn[0] > 4.0, "{distribution:?}: {drawn:?}");
        }
        let free = Distribution::LogNormal { median: 4.0, sigma: 0.8 };
        assert!((free.quantile(0.5, f64::NEG_INFINITY, f64::INFINITY) - 4.0).abs() < 1e-6);
    }

    #[test]
    fn choices_follow_their_weights() {
        let choose = |draw| pick(&[1.0, 0.0, 3.0], draw).0;
        assert_eq!([0.0, 0.24, 0.26, 0.999, 1.0].map(choose), [0, 0, 2, 2, 2]);
        assert!((pick(&[1.0, 0.0, 3.0], 0.625).1 - 0.5).abs() < 1e-12);
    }
}
