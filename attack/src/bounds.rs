//! Statements about a distribution that hold with a stated probability, however many draws there are and whatever
//! the distribution is: no normal approximation anywhere.

/// The smallest p under which `count` or more of `total` still has probability `error`: Clopper and Pearson (1934).
pub fn at_least(count: u64, total: u64, error: f64) -> f64 {
    if count == 0 {
        return 0.0;
    }
    let (a, b) = (count as f64, (total - count) as f64 + 1.0);
    bisect(0.0, count as f64 / total as f64, |p| beta(p, a, b) < error).0
}

/// The largest p under which `count` or fewer of `total` still has probability `error`.
pub fn at_most(count: u64, total: u64, error: f64) -> f64 {
    if count == total {
        return 1.0;
    }
    let (a, b) = (count as f64 + 1.0, (total - count) as f64);
    bisect(count as f64 / total as f64, 1.0, |p| 1.0 - beta(p, a, b) > error).1
}

/// Mean and variance of numbers within known bounds, added up one by one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// One more number.
    pub fn add(&mut self, x: f64) {
        self.count += 1.0;
        let step = x - self.mean;
        self.mean += step / self.count;
        self.squares += step * (x - self.mean);
    }

    /// The mean of what was added.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// How far the true mean may lie from [`Self::mean`] to one side, but for probability `error`, where no number is
    /// farther than `range` from another: the empirical Bernstein bound of Maurer and Pontil (2009, theorem 4). With
    /// `repeat`, what it would be for so many times as many numbers.
    pub fn deviation(&self, range: f64, error: f64, repeat: f64) -> f64 {
        let (variance, log) = (self.squares / (self.count - 1.0), (2.0 / error).ln());
        let count = self.count * repeat;
        (2.0 * variance * log / count).sqrt() + 7.0 * range * log / (3.0 * (count - 1.0))
    }
}

/// Kullback-Leibler divergence of an event of probability p from one of probability q < p.
pub fn divergence(p: f64, q: f64) -> f64 {
    let part = |p: f64, q: f64| if p == 0.0 { 0.0 } else { p * (p / q).ln() };
    part(p, q) + part(1.0 - p, 1.0 - q)
}

/// The two ends of the last interval around where `below` ceases to hold.
fn bisect(mut low: f64, mut high: f64, below: impl Fn(f64) -> bool) -> (f64, f64) {
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if below(middle) { low = middle } else { high = middle }
    }
    (low, high)
}

/// The regularised incomplete beta function I_x(a, b): P(Binomial(a + b - 1, x) >= a) for whole a and b.
fn beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - beta(1.0 - x, b, a);
    }
    let front = a * x.ln() + b * (-x).ln_1p() + ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b);
    front.exp() / a / fraction(x, a, b)
}

/// The continued fraction of [`beta`], by Lentz's method; it converges where `beta` calls it.
fn fraction(x: f64, a: f64, b: f64) -> f64 {
    let away = |y: f64| if y.abs() < 1e-300 { 1e-300 } else { y };
    let (mut whole, mut c, mut d) = (1.0, 1.0, 0.0);
    for i in 0..200_000 {
        let m = f64::from(i / 2);
        let term = match i {
            0 => 1.0,
            _ if i % 2 == 0 => m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m)),
            _ => -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0)),
        };
        if i == 0 {
            continue;
        }
        d = 1.0 / away(1.0 + term * d);
        c = away(1.0 + term / c);
        whole *= c * d;
        if (1.0 - c * d).abs() < 1e-15 {
            break;
        }
    }
    whole
}

/// By Stirling's series, shifted to where eight digits and more of it are exact.
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut shift) = (x, 0.0);
    while x < 20.0 {
        shift += x.ln();
        x += 1.0;
    }
    let inverse = 1.0 / (x * x);
    let series = (1.0 / 12.0 - inverse * (1.0 / 360.0 - inverse * (1.0 / 1260.0 - inverse / 1680.0))) / x;
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + series - shift
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};

    fn near(x: f64, y: f64) {
        assert!((x - y).abs() < 1e-6 * y.abs().max(1e-3), "{x} is not {y}");
    }

    #[test]
    fn the_special_functions_have_their_known_values() {
        near(ln_gamma(0.5), std::f64::consts::PI.sqrt().ln());
        near(ln_gamma(11.0), 3_628_800f64.ln());
        near(beta(0.3, 1.0, 1.0), 0.3);
        // I_x(2, 3) = 6x^2 - 8x^3 + 3x^4.
        near(beta(0.4, 2.0, 3.0), 0.5248);
        // P(Binomial(30, 0.2) <= 6) = 0.606970.
        near(1.0 - beta(0.2, 7.0, 24.0), 0.606_969_7);
        near(beta(0.5, 500_000.0, 500_000.0), 0.5);
        for (x, a, b) in [(0.1, 3.0, 9.0), (0.7, 40.0, 11.0), (0.001, 5.0, 4000.0)] {
            near(beta(x, a, b), 1.0 - beta(1.0 - x, b, a));
        }
    }

    #[test]
    fn clopper_and_pearson_agree_with_the_tables() {
        // None of n at error e: 1 - e^(1/n); all of n: e^(1/n).
        near(at_most(0, 1000, 0.0005), 1.0 - 0.0005f64.powf(0.001));
        near(at_least(1000, 1000, 0.0005), 0.0005f64.powf(0.001));
        // The textbook interval for 3 of 10 at 95 %.
        near(at_least(3, 10, 0.025), 0.066_739_5);
        near(at_most(3, 10, 0.025), 0.652_452_9);
        // 81 of 263 at 95 % (Newcombe 1998): 0.2527 to 0.3676.
        assert!((at_least(81, 263, 0.025) - 0.2527).abs() < 5e-5 && (at_most(81, 263, 0.025) - 0.3676).abs() < 5e-5);
        assert_eq!((at_least(0, 9, 0.01), at_most(9, 9, 0.01)), (0.0, 1.0));
    }

    #[test]
    fn a_million_draws_are_no_trouble() {
        let (low, high) = (at_least(300_000, 1_000_000, 0.0005), at_most(300_000, 1_000_000, 0.0005));
        // 3.2905 standard deviations of 0.000458.
        assert!((0.3 - low - 0.001508).abs() < 3e-6 && (high - 0.3 - 0.001508).abs() < 3e-6, "{low} {high}");
    }

    /// Over many repetitions the bounds fail no more often than they may.
    #[test]
    fn bounds_hold_as_often_as_they_say() {
        let mut rng = rand_chacha::ChaCha20Rng::from_seed([3; 32]);
        let mut failed = [0; 3];
        for _ in 0..4000 {
            let (mut count, mut moments) = (0, Moments::default());
            for _ in 0..200 {
                let hit = rng.next_u64() < u64::MAX / 10;
                count += u64::from(hit);
                moments.add(f64::from(u8::from(hit)));
            }
            failed[0] += u32::from(at_least(count, 200, 0.05) > 0.1);
            failed[1] += u32::from(at_most(count, 200, 0.05) < 0.1);
            failed[2] += u32::from(moments.mean() - moments.deviation(1.0, 0.05, 1.0) > 0.1);
        }
        // 200 in the mean, and hardly ever 250.
        assert!(failed.iter().all(|failed| *failed < 250) && failed[1] > 50, "{failed:?}");
    }

    #[test]
    fn the_divergence_of_an_event_is_that_of_two_coins() {
        near(divergence(0.5, 0.25), 0.5 * 2f64.ln() + 0.5 * (2.0f64 / 3.0).ln());
        near(divergence(1.0, 0.5), 2f64.ln());
    }
}
