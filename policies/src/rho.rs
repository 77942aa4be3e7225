//! Privacy loss as an exact integer: zero-concentrated differential privacy (Bun and Steinke 2016,
//! arXiv 1605.02065), counted in units of 10^-12 rho.

use std::fmt;
use std::str::FromStr;

use num_traits::{Signed, ToPrimitive};
use serde::{Deserialize, Serialize};
use unseen_texts::{Sentence, said_as_written, say};

use crate::rational::{Rational, parse_decimal};

/// An amount of zCDP privacy loss, in units of 10^-12 rho.
///
/// Charges are rounded up and caps are rounded down when they become a `Rho`; after that all sums
/// are integer sums, so a million small charges weigh exactly what they add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rho(u128);

said_as_written!(Rho);

const UNITS_PER_RHO: u64 = 1_000_000_000_000;

impl Rho {
    /// No loss at all.
    pub const ZERO: Rho = Rho(0);

    /// The most that a `Rho` holds.
    pub const MAX: Rho = Rho(u128::MAX);

    /// The smallest `Rho` that is at least `rho`: for charges. `None` when `rho` is negative or too large.
    pub fn ceil(rho: &Rational) -> Option<Rho> {
        Rho::from_units((rho * Rational::from_integer(UNITS_PER_RHO.into())).ceil())
    }

    /// The largest `Rho` that is at most `rho`: for caps. `None` when `rho` is negative or too large.
    pub fn floor(rho: &Rational) -> Option<Rho> {
        Rho::from_units((rho * Rational::from_integer(UNITS_PER_RHO.into())).floor())
    }

    fn from_units(units: Rational) -> Option<Rho> {
        if units.is_negative() {
            return None;
        }
        units.to_integer().to_u128().map(Rho)
    }

    /// The sum, or `None` past 2^128 units.
    pub fn checked_add(self, other: Rho) -> Option<Rho> {
        self.0.checked_add(other.0).map(Rho)
    }

    /// What is left of `self` after `spent`; zero when nothing is.
    pub fn minus(self, spent: Rho) -> Rho {
        Rho(self.0.saturating_sub(spent.0))
    }

    /// The nearest float, for display and for conversions that round outward themselves.
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / UNITS_PER_RHO as f64
    }
}

impl fmt::Display for Rho {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / u128::from(UNITS_PER_RHO), self.0 % u128::from(UNITS_PER_RHO));
        let digits = format!("{whole}.{part:012}");
        let shortest = digits.trim_end_matches('0').trim_end_matches('.');
        f.pad(shortest)
    }
}

impl FromStr for Rho {
    type Err = Sentence;

    /// Reads a decimal that is a whole number of units, such as `0.5`.
    fn from_str(text: &str) -> Result<Rho, Sentence> {
        let exact = parse_decimal(text).map_err(|e| Sentence::of(&e))?;
        match (Rho::floor(&exact), Rho::ceil(&exact)) {
            (Some(low), Some(high)) if low == high => Ok(low),
            _ => Err(say!(
                "`{text}` is not an amount of rho: write a decimal of at most 12 places, not negative",
                "`{text}` 不是 rho 的数额：请写不超过 12 位小数的非负小数"
            )),
        }
    }
}

impl TryFrom<String> for Rho {
    type Error = Sentence;
    fn try_from(text: String) -> Result<Rho, Sentence> {
        text.parse()
    }
}

impl From<Rho> for String {
    fn from(rho: Rho) -> String {
        rho.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charges_round_up_and_caps_round_down() {
        let third = Rational::new(1.into(), 3.into());
        let (up, down) = (Rho::ceil(&third).unwrap(), Rho::floor(&third).unwrap());
        assert_eq!(up.to_string(), "0.333333333334");
        assert_eq!(down.to_string(), "0.333333333333");
        assert!(Rho::ceil(&-third).is_none());
    }

    #[test]
    fn a_million_tiny_charges_are_not_lost() {
        let tiny = Rho::ceil(&parse_decimal("1e-30").unwrap()).unwrap();
        let sum = (0..1_000_000).try_fold(Rho(1 << 100), |sum, _| sum.checked_add(tiny)).unwrap();
        assert_eq!(sum, Rho((1 << 100) + 1_000_000));
    }

    #[test]
    fn text_is_exact_both_ways() {
        for text in ["0", "0.1", "12.000000000001"] {
            assert_eq!(text.parse::<Rho>().unwrap().to_string(), text);
        }
        assert!("0.0000000000001".parse::<Rho>().is_err());
        assert!("-1".parse::<Rho>().is_err());
    }
}
