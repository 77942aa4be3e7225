//! How far a released number may be from the true one, foreseen from the plan alone.

use crate::approximate::to_f64;
use crate::plan::{Noise, ValuePlan};

impl ValuePlan {
    /// Standard deviation of the noise on a released total in `round` (from 0), in units of the
    /// value; `None` when there is no such round.
    pub fn standard_deviation(&self, round: usize) -> Option<f64> {
        Some(self.noise.get(round)?.standard_deviation() * to_f64(&self.granularity))
    }

    /// Half the width of the 95 % interval of a released total in `round`, in units of the value;
    /// `None` when there is no such round.
    pub fn half_width_95(&self, round: usize) -> Option<f64> {
        Some(self.noise.get(round)?.half_width_95() * to_f64(&self.granularity))
    }
}

impl Noise {
    /// Standard deviation in steps.
    ///
    /// Laplace: sqrt(2q) / (1 - q) with q = exp(-1 / scale). Gaussian: summed while small; sigma
    /// itself above, which the discrete one never exceeds and by then equals to the last bit.
    pub fn standard_deviation(&self) -> f64 {
        match self {
            Noise::Laplace { scale } => 1.0 / (std::f64::consts::SQRT_2 * (0.5 / to_f64(scale)).sinh()),
            Noise::Gaussian { variance } => {
                let variance = to_f64(variance);
                if variance > 100.0 {
                    return variance.sqrt();
                }
                let mass = gaussian_mass(variance);
                let second: f64 = mass.iter().enumerate().map(|(x, p)| (x as f64).powi(2) * p).sum();
                second.sqrt()
            }
        }
    }

    /// The smallest number of steps h with P(|noise| <= h) >= 0.95. When floats cannot tell, and for
    /// wide Gaussians, it may be the next larger step: never too small.
    pub fn half_width_95(&self) -> f64 {
        match self {
            // P(|X| > h) = 2 q^(h+1) / (1 + q).
            Noise::Laplace { scale } => {
                let scale = to_f64(scale);
                let steps = scale * (40.0 / (1.0 + (-1.0 / scale).exp())).ln();
                (steps * (1.0 + 1e-12) - 1.0).ceil().max(0.0)
            }
            Noise::Gaussian { variance } => {
                let variance = to_f64(variance);
                if variance > 10_000.0 {
                    // Midpoint rule on the falling side: the sum to h is more than the integral to h + 1/2.
                    return (1.959_963_984_540_055 * variance.sqrt() - 0.5).ceil();
                }
                let mut covered = 0.0;
                let mass = gaussian_mass(variance);
                let enough = mass.iter().position(|p| {
                    covered += p;
                    covered >= 0.95 + 1e-12
                });
                enough.unwrap_or(mass.len()) as f64
            }
        }
    }
}

/// P(|X| = 0), P(|X| = 1), ... of the discrete Gaussian, to ten sigma, where floats end. `variance` at most 10,000.
fn gaussian_mass(variance: f64) -> Vec<f64> {
    let reach = (10.0 * variance.sqrt()).ceil() as u32 + 2;
    let weight = |x: u32| if x == 0 { 1.0 } else { 2.0 * (-(f64::from(x).powi(2)) / (2.0 * variance)).exp() };
    let weights: Vec<f64> = (0..=reach).map(weight).collect();
    // Smallest first, so that the tail is not lost.
    let total: f64 = weights.iter().rev().sum();
    weights.into_iter().map(|w| w / total).collect()
}
