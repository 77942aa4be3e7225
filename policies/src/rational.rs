//! Exact numbers: a manifest's numbers are computed with to the last digit.

use num_bigint::BigInt;
use num_traits::{Pow, ToPrimitive, Zero};

pub use crate::number_error::NumberError;
use crate::number_error::{MAX_EXPONENT, MAX_LENGTH};

/// An exact fraction, always in lowest terms.
pub type Rational = num_rational::Ratio<BigInt>;

/// Reads a decimal (`0.01`, `-3`, `1e-3`) or a fraction of whole numbers (`1/3`), exactly.
///
/// # Errors
/// Anything else, and numbers too long to be meant; see [`NumberError`].
pub fn parse_decimal(text: &str) -> Result<Rational, NumberError> {
    if text.len() > MAX_LENGTH {
        return Err(NumberError::TooLong(text.chars().take(16).chain(['…']).collect()));
    }
    let unreadable = || NumberError::NotANumber(text.to_owned());
    if let Some((numerator, denominator)) = text.split_once('/') {
        let denominator = digits(denominator).ok_or_else(unreadable)?;
        if denominator.is_zero() {
            return Err(NumberError::ZeroDenominator(text.to_owned()));
        }
        let (negative, numerator) = sign(numerator);
        let value = Rational::new(digits(numerator).ok_or_else(unreadable)?, denominator);
        return Ok(if negative { -value } else { value });
    }

    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (negative, mantissa) = sign(mantissa);
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    if whole.is_empty() || part.is_empty() {
        return Err(unreadable());
    }
    let shown = if part == "0" { "" } else { part };
    let value = digits(&format!("{whole}{shown}")).ok_or_else(unreadable)?;
    let value = if negative { -value } else { value };

    let (shrink, exponent) = sign(exponent);
    let exponent = digits(exponent).ok_or_else(unreadable)?;
    let exponent = exponent.to_u32().filter(|e| *e <= MAX_EXPONENT);
    let exponent = exponent.ok_or_else(|| NumberError::TooLong(text.to_owned()))?;
    let ten = |power: usize| Pow::pow(BigInt::from(10), power);
    Ok(match (shrink, exponent as usize) {
        (true, exponent) => Rational::new(value, ten(exponent + shown.len())),
        (false, exponent) => Rational::new(value * ten(exponent), ten(shown.len())),
    })
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn digits(text: &str) -> Option<BigInt> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(numerator: i64, denominator: i64) -> Rational {
        Rational::new(numerator.into(), denominator.into())
    }

    #[test]
    fn decimals_and_fractions_are_exact() {
        for (text, value) in [
            ("0.01", ratio(1, 100)),
            ("1e-3", ratio(1, 1000)),
            ("1/3", ratio(1, 3)),
            ("-2/6", ratio(-1, 3)),
            ("+12.50E+1", ratio(125, 1)),
            ("-0.0", ratio(0, 1)),
            ("10.0", ratio(10, 1)),
        ] {
            assert_eq!(parse_decimal(text).unwrap(), value, "{text}");
        }
        for bad in [
            "",
            "nan",
            "inf",
            "1.",
            ".5",
            "1/0",
            "1/-3",
            "1/2/3",
            "--1",
            "1e",
            "0x10",
            "1 ",
            "1e401",
            "1e99999999999",
            &"9".repeat(65),
        ] {
            assert!(parse_decimal(bad).is_err(), "{bad}");
        }
    }
}
