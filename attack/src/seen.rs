//! Released numbers, as whoever reads a body sees them.

use std::error::Error;

use num_traits::ToPrimitive;
use unseen_policies::Rational;
use unseen_policies::approximate::to_f64;
use unseen_policies::rational::parse_decimal;

/// A number as the body has it.
#[derive(Clone, Copy, Debug)]
pub enum Seen {
    /// So many steps.
    Steps(i128),
    /// In steps, and between two of them.
    OffGrid(f64),
}

impl Seen {
    /// From its text.
    pub fn read(text: &str, granularity: &Rational) -> Result<Seen, Box<dyn Error + Send + Sync>> {
        if granularity.is_integer() && granularity.numer().to_u8() == Some(1) {
            return Ok(Seen::Steps(text.parse()?));
        }
        let steps = parse_decimal(text)? / granularity;
        let whole = steps.is_integer().then(|| steps.to_integer().to_i128()).flatten();
        Ok(whole.map_or_else(|| Seen::OffGrid(to_f64(&steps)), Seen::Steps))
    }

    /// In steps, about.
    pub fn steps(&self) -> f64 {
        match self {
            Seen::Steps(steps) => *steps as f64,
            Seen::OffGrid(real) => *real,
        }
    }

    /// How many steps above a total.
    pub fn above(&self, total: i128) -> f64 {
        match self {
            Seen::Steps(steps) => (steps - total) as f64,
            Seen::OffGrid(real) => real - total as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_steps_of_their_grid() {
        for (text, granularity, steps) in [
            ("-12", "1", Some(-12)),
            ("1234567890123456789012345678.90", "0.01", Some(123_456_789_012_345_678_901_234_567_890)),
            ("-5/3", "1/3", Some(-5)),
            ("3000000000000", "1e12", Some(3)),
            ("0.105", "0.01", None),
        ] {
            let seen = Seen::read(text, &parse_decimal(granularity).unwrap()).unwrap();
            match (seen, steps) {
                (Seen::Steps(seen), Some(steps)) => assert_eq!(seen, steps),
                (Seen::OffGrid(real), None) => assert!((real - 10.5).abs() < 1e-12),
                _ => panic!("{text} was read as {seen:?}"),
            }
        }
        assert!(Seen::read("x", &parse_decimal("1").unwrap()).is_err());
        assert_eq!((Seen::Steps(7).above(9), Seen::OffGrid(7.5).above(9)), (-2.0, -1.5));
    }
}
