//! Exact fractions as floats: for display and for estimates.

use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive};

use crate::rational::Rational;

/// A float within two units in the last place of `value`; infinite or zero past the range of floats.
///
/// For display and for estimates, never for a number that is released or charged.
pub fn to_f64(value: &Rational) -> f64 {
    let (numerator, denominator) = (value.numer().abs(), value.denom());
    // Shift the quotient to 64 or 65 significant bits, so that its size never matters.
    let shift = 64 + denominator.bits() as i64 - numerator.bits() as i64;
    let quotient: BigInt = match shift >= 0 {
        true => (numerator << shift as usize) / denominator,
        false => numerator / (denominator << shift.unsigned_abs() as usize),
    };
    let size = quotient.to_f64().unwrap_or(f64::INFINITY);
    // Two steps: 2^-shift alone may leave the range of floats when the result does not.
    let (half, rest) = (-shift / 2, -shift - (-shift / 2));
    let size = size * 2f64.powi(half.clamp(-4000, 4000) as i32) * 2f64.powi(rest.clamp(-4000, 4000) as i32);
    if value.is_negative() { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rational::parse_decimal;

    #[test]
    fn floats_are_near_whatever_the_size() {
        for text in ["0", "1/3", "0.1", "-12345.678", "1e300", "1e-300", "5e-324", "4.9e-310"] {
            let near = to_f64(&parse_decimal(text).unwrap());
            let std: f64 = text.split_once('/').map_or_else(|| text.parse().unwrap(), |_| 1.0 / 3.0);
            assert!((near - std).abs() <= std.abs() * 5e-16 + 1e-323, "{text}: {near}");
        }
        assert_eq!(to_f64(&parse_decimal("1e400").unwrap()), f64::INFINITY);
        assert_eq!(to_f64(&parse_decimal("1e-400").unwrap()), 0.0);
    }
}
