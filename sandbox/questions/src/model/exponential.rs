//! The exponential and the logistic function, the same to the last bit everywhere.

use std::f64::consts::LOG2_E;

/// ln 2 in two parts; the first has so few bits that any whole number below 2^11 times it is exact.
const LN_2: (f64, f64) = (0.693_147_180_369_123_8, 1.908_214_929_270_587_7e-10);

/// Beyond this the logistic function is 0 or 1 as far as a float tells.
const FAR: f64 = 40.0;

/// 1 / (1 + e^-x); 1/2 where x is no number.
pub(crate) fn logistic(x: f64) -> f64 {
    let x = if x.is_nan() { 0.0 } else { x.clamp(-FAR, FAR) };
    1.0 / (1.0 + exp(-x))
}

/// e^x for x from -700 to 700, to some parts in 10^16: e^x = 2^k e^r, with |r| at most ln 2 / 2 and e^r by its series.
fn exp(x: f64) -> f64 {
    let k = (x * LOG2_E).round();
    let r = (x - k * LN_2.0) - k * LN_2.1;
    // From the 14th term on none is as large as half a part in 2^53.
    let series = (1..=14_u32).rev().fold(1.0, |sum, n| 1.0 + sum * r / f64::from(n));
    series * f64::from_bits(((k + 1023.0) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_exponential() {
        for at in -40_000..=40_000 {
            let x = f64::from(at) / 1_000.0;
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-15, "{x}");
        }
        assert_eq!((exp(0.0), logistic(0.0), logistic(f64::NAN)), (1.0, 0.5, 0.5));
        assert_eq!((logistic(f64::INFINITY), logistic(40.0)), (1.0, 1.0));
        assert!(logistic(f64::NEG_INFINITY) > 0.0 && logistic(-1e300) < 1e-17);
    }

    /// What every machine has to give.
    #[test]
    fn its_bits_are_these() {
        let found = [-3.5, -0.1, 0.7, 12.25].map(|x| logistic(x).to_bits());
        assert_eq!(found, [0x3f9e_0406_81cc_ad94, 0x3fde_66bd_b1ac_a090, 0x3fe5_61cb_52a1_9476, 0x3fef_fff5_f705_9ed0]);
    }
}
