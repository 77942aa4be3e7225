//! Privacy loss in other words: from zCDP to (epsilon, delta) and back, and from pure epsilon to zCDP.
//!
//! The conversion is Proposition 12 of Canonne, Kamath and Steinke 2020 (arXiv 2004.00010): a
//! rho-zCDP mechanism is (epsilon, delta)-DP for every order alpha > 1 with
//!
//! ```text
//! delta = exp((alpha - 1)(alpha rho - epsilon)) / (alpha - 1) * (1 - 1/alpha)^alpha
//! ```
//!
//! Every order gives a true statement, so the search for the best one may stop anywhere; what is
//! stated is then rounded outward by far more than floats can have lost. With x = alpha - 1, both
//! optima are roots of increasing functions and are found by bisection. Inputs in floats are
//! display values: what is charged and capped is [`Rho`], in integers.

use num_bigint::BigInt;

use crate::rational::Rational;
use crate::rho::Rho;

/// Slack on each term of a sum, relative: some hundred units in the last place.
const SLACK: f64 = 1e-13;

/// The zCDP loss of a pure epsilon-DP release, epsilon^2 / 2 (Bun and Steinke 2016, Proposition 1.4),
/// rounded up. `None` when it is out of range.
pub fn pure_to_zcdp(epsilon: &Rational) -> Option<Rho> {
    Rho::ceil(&(epsilon * epsilon / BigInt::from(2)))
}

/// The smallest epsilon, rounded up, such that a loss of `rho` is (epsilon, `delta`)-DP.
///
/// Zero when `rho` is zero or `delta` at least 1; infinite when `delta` is not above 0.
pub fn epsilon(rho: Rho, delta: f64) -> f64 {
    epsilon_above(rho.to_f64().next_up(), rho == Rho::ZERO, delta)
}

/// The smallest delta, rounded up, such that a loss of `rho` is (`epsilon`, delta)-DP.
///
/// Zero when `rho` is zero; 1 when `epsilon` is negative or not a number.
pub fn delta(rho: Rho, epsilon: f64) -> f64 {
    delta_above(rho.to_f64().next_up(), rho == Rho::ZERO, epsilon)
}

fn epsilon_above(rho: f64, lossless: bool, delta: f64) -> f64 {
    if delta.is_nan() || delta <= 0.0 {
        return f64::INFINITY;
    }
    if lossless || delta >= 1.0 {
        return 0.0;
    }
    // epsilon(x) = rho (1 + x) - ln(1 + 1/x) + (L - ln(1 + x)) / x, L = ln(1/delta);
    // its derivative has the sign of rho x^2 + ln(1 + x) - L.
    let logs = -delta.ln();
    let x = root(|x| rho * x * x + x.ln_1p() - logs);
    round_up(&[rho, rho * x, -(1.0 / x).ln_1p(), logs / x, -x.ln_1p() / x]).max(0.0)
}

fn delta_above(rho: f64, lossless: bool, epsilon: f64) -> f64 {
    if epsilon.is_nan() || epsilon < 0.0 {
        return 1.0;
    }
    if lossless || epsilon == f64::INFINITY {
        return 0.0;
    }
    // ln delta(x) = x ((1 + x) rho - epsilon) - x ln(1 + 1/x) - ln(1 + x);
    // its derivative is (1 + 2x) rho - epsilon - ln(1 + 1/x).
    let x = root(|x| (1.0 + 2.0 * x) * rho - epsilon - (1.0 / x).ln_1p());
    let log = round_up(&[x * rho, x * x * rho, -x * epsilon, -x * (1.0 / x).ln_1p(), -x.ln_1p()]);
    (log.exp() * (1.0 + SLACK)).min(1.0)
}

/// Where an increasing function of x > 0 changes sign, as nearly as floats tell; some x > 0 in any case.
fn root(sign: impl Fn(f64) -> f64) -> f64 {
    // On a logarithmic scale 2^-400 to 2^400 holds every order that floats can use.
    let (mut low, mut high) = (-400.0f64, 400.0f64);
    for _ in 0..64 {
        let middle = (low + high) / 2.0;
        if sign(middle.exp2()) > 0.0 { high = middle } else { low = middle }
    }
    high.exp2()
}

/// A sum that is no smaller than the sum of the exact terms these floats stand for.
fn round_up(terms: &[f64]) -> f64 {
    let sum: f64 = terms.iter().sum();
    let size: f64 = terms.iter().map(|term| term.abs()).sum();
    let up = sum + SLACK * size;
    if up.is_nan() { f64::INFINITY } else { up }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rational::parse_decimal;

    #[test]
    fn agrees_with_the_published_regressions_of_opendp() {
        for (rho, epsilon, delta) in [(0.05, 0.25, 8.177275310369558e-2), (5e-30, 1e-13, 2.6196763297300477e-234)] {
            let ours = delta_above(rho, false, epsilon);
            assert!(ours >= delta * (1.0 - 1e-9) && ours <= delta * (1.0 + 1e-9), "{rho} {epsilon}: {ours}");
        }
    }

    #[test]
    fn no_order_beats_the_one_found_and_both_ways_agree() {
        for rho in [1e-30, 1e-12, 1e-3, 0.1, 1.0, 20.0, 1e6] {
            for delta in [1e-300, 1e-15, 1e-6, 0.1, 0.9, 0.999_999] {
                let best = epsilon_above(rho, false, delta);
                for exponent in -400..=400 {
                    let x = 1.1f64.powi(exponent);
                    let other = rho * (1.0 + x) - (1.0 / x).ln_1p() + (-delta.ln() - x.ln_1p()) / x;
                    assert!(best <= other.max(0.0) * (1.0 + 1e-9) + 1e-12, "{rho} {delta} at {x}: {best} > {other}");
                }
                if best > 0.0 {
                    let back = delta_above(rho, false, best);
                    assert!((0.99..=1.01).contains(&(back / delta)), "{rho} {delta}: {best} gives {back}");
                }
            }
        }
    }

    #[test]
    fn the_ends_are_safe() {
        let rho: Rho = "0.1".parse().unwrap();
        assert_eq!((epsilon(Rho::ZERO, 1e-6), delta(Rho::ZERO, 0.0)), (0.0, 0.0));
        for bad in [0.0, -1.0, f64::NAN, f64::NEG_INFINITY] {
            assert_eq!(epsilon(rho, bad), f64::INFINITY);
        }
        assert_eq!((epsilon(rho, 1.0), delta(rho, f64::NAN), delta(rho, -1.0)), (0.0, 1.0, 1.0));
        assert_eq!(delta(rho, f64::INFINITY), 0.0);
        // All but certain: what exp loses is no reason to state less.
        assert_eq!(delta("1000000".parse().unwrap(), 0.0), 1.0);
        for delta in [f64::from_bits(1), f64::MIN_POSITIVE, 1.0 - f64::EPSILON] {
            assert!(epsilon(Rho::ceil(&parse_decimal("1e-12").unwrap()).unwrap(), delta).is_finite());
            assert!(epsilon(Rho::ceil(&parse_decimal("1e20").unwrap()).unwrap(), delta).is_finite());
        }
    }

    #[test]
    fn a_sum_is_rounded_up_past_what_floats_lose() {
        assert!(round_up(&[1e16, 1.0, -1e16]) >= 1.0);
        assert!(round_up(&[0.1; 10]) >= 1.0);
        assert!((1.0..1.0 + 1e-12).contains(&round_up(&[2.0, -1.0])));
        assert_eq!(round_up(&[f64::INFINITY, f64::NEG_INFINITY]), f64::INFINITY);
    }

    #[test]
    fn pure_loss_is_rounded_up() {
        let rho = |epsilon: &str| pure_to_zcdp(&parse_decimal(epsilon).unwrap()).unwrap().to_string();
        assert_eq!(
            (rho("1"), rho("1/3").as_str(), rho("1e-9").as_str()),
            ("0.5".into(), "0.055555555556", "0.000000000001")
        );
    }
}
