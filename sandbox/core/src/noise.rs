//! Exact noise on the integers: the discrete Laplace and discrete Gaussian distributions, sampled as
//! Canonne, Kamath and Steinke describe (2020, arXiv 2004.00010). Proofs: `docs/proofs/`.
//!
//! Parameters are rationals and every step is integer arithmetic: no float is computed anywhere
//! here. Both samplers take whole 64-bit words from the generator in an order that depends only on
//! the parameters and the words themselves, so a seed always gives the same value. Parameters that
//! fit machine words take a fast path; the words consumed and the value are the same on both paths.

use std::cmp::Ordering;

use num_bigint::BigUint;
use num_integer::Integer;
use num_traits::{One, ToPrimitive, Zero};
use rand::Rng;
use rand_distr::Distribution;
use unseen_policies::Rational;
use unseen_policies::plan::Noise;
pub use unseen_policies::release::MAX_NOISY;

pub use crate::noise_error::NoiseError;

/// No draw is farther from zero than this: a draw that would be is returned as `±MAX_DRAW`.
///
/// This never shows. Totals stay within [`crate::totals::MAX_TOTAL`] and noised totals are clamped
/// to ±[`MAX_NOISY`], so with `MAX_DRAW >= MAX_TOTAL + MAX_NOISY` a clamped draw gives
/// the very number that the unclamped draw would have given.
pub const MAX_DRAW: i128 = 1 << 126;

/// The distribution on the integers with P(x) proportional to exp(-|x| / scale), clamped to
/// ±[`MAX_DRAW`]. Scale 0 is the constant 0.
#[derive(Clone, Debug)]
pub struct DiscreteLaplace {
    num: BigUint,
    den: BigUint,
    words: Option<(u64, u64)>,
}

impl DiscreteLaplace {
    /// With this scale, in steps of the grid.
    pub fn new(scale: &Rational) -> Result<DiscreteLaplace, NoiseError> {
        let (num, den) = parts(scale)?;
        Ok(DiscreteLaplace { words: num.to_u64().zip(den.to_u64()), num, den })
    }

    fn draw<R: Rng + ?Sized>(&self, rng: &mut R) -> Signed {
        match self.words {
            _ if self.num.is_zero() => Signed { negative: false, magnitude: Magnitude::Word(0) },
            Some((num, den)) => laplace(rng, &num, &den),
            None => laplace(rng, &self.num, &self.den),
        }
    }
}

impl Distribution<i128> for DiscreteLaplace {
    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> i128 {
        self.draw(rng).clamped()
    }
}

/// The distribution on the integers with P(x) proportional to exp(-x^2 / (2 variance)), clamped to
/// ±[`MAX_DRAW`]. Variance 0 is the constant 0.
#[derive(Clone, Debug)]
pub struct DiscreteGaussian {
    /// Laplace draws of scale t = floor(sqrt(variance)) + 1 are proposed...
    proposal: DiscreteLaplace,
    /// ...and kept with probability exp(-(|y| b t - a)^2 / (2 a b t^2)), where variance = a / b.
    a: BigUint,
    bt: BigUint,
    divisor: BigUint,
    words: Option<(u128, u128, u128)>,
}

impl DiscreteGaussian {
    /// With this variance, in squared steps of the grid.
    pub fn new(variance: &Rational) -> Result<DiscreteGaussian, NoiseError> {
        let (a, b) = parts(variance)?;
        let t = if a.is_zero() { BigUint::zero() } else { (&a / &b).sqrt() + 1u32 };
        let (bt, divisor) = (&b * &t, &a * &b * &t * &t * 2u32);
        let words = a.to_u128().zip(bt.to_u128()).zip(divisor.to_u128()).map(|((a, bt), d)| (a, bt, d));
        let proposal = DiscreteLaplace { words: t.to_u64().map(|t| (t, 1)), num: t, den: BigUint::one() };
        Ok(DiscreteGaussian { proposal, a, bt, divisor, words })
    }

    fn keeps<R: Rng + ?Sized>(&self, rng: &mut R, proposed: &Magnitude) -> bool {
        if let (Some((a, bt, divisor)), Magnitude::Word(y)) = (self.words, proposed) {
            let square = y.checked_mul(bt).and_then(|ybt| ybt.abs_diff(a).checked_pow(2));
            if let Some(square) = square {
                let (whole, rest) = square.div_rem(&divisor);
                return exp_minus(rng, u64::try_from(whole).unwrap_or(u64::MAX), &Chance::of_u128(rest, divisor));
            }
        }
        let ybt = proposed.to_big() * &self.bt;
        let distance = if ybt > self.a { ybt - &self.a } else { &self.a - ybt };
        let (whole, rest) = (&distance * &distance).div_rem(&self.divisor);
        exp_minus(rng, whole.to_u64().unwrap_or(u64::MAX), &Chance::of_big(&rest, &self.divisor))
    }
}

impl Distribution<i128> for DiscreteGaussian {
    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> i128 {
        if self.a.is_zero() {
            return 0;
        }
        loop {
            let proposed = self.proposal.draw(rng);
            if self.keeps(rng, &proposed.magnitude) {
                return proposed.clamped();
            }
        }
    }
}

/// The noise a plan asks for, ready to be drawn.
#[derive(Clone, Debug)]
pub enum Sampler {
    /// Discrete Laplace.
    Laplace(DiscreteLaplace),
    /// Discrete Gaussian.
    Gaussian(DiscreteGaussian),
}

impl Sampler {
    /// For one value in one round.
    pub fn new(noise: &Noise) -> Result<Sampler, NoiseError> {
        Ok(match noise {
            Noise::Laplace { scale } => Sampler::Laplace(DiscreteLaplace::new(scale)?),
            Noise::Gaussian { variance } => Sampler::Gaussian(DiscreteGaussian::new(variance)?),
        })
    }
}

impl Distribution<i128> for Sampler {
    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> i128 {
        match self {
            Sampler::Laplace(laplace) => laplace.sample(rng),
            Sampler::Gaussian(gaussian) => gaussian.sample(rng),
        }
    }
}

fn parts(parameter: &Rational) -> Result<(BigUint, BigUint), NoiseError> {
    let negative = || NoiseError::Negative(parameter.to_string());
    let num = parameter.numer().to_biguint().ok_or_else(negative)?;
    let den = parameter.denom().to_biguint().ok_or_else(negative)?;
    Ok((num, den))
}

// Proved: proofs/Laplace.v, `each_integer_has_its_mass`.
/// CKS20 algorithm 2, for a scale num / den with num > 0.
///
/// `u + num v` is geometric with ratio exp(-1 / num): `u` its residue, `v` its quotient. Divided by
/// `den` it is geometric with ratio exp(-den / num); a random sign makes it two-sided, and one of
/// the two zeros is thrown away.
fn laplace<N: Natural, R: Rng + ?Sized>(rng: &mut R, num: &N, den: &N) -> Signed {
    loop {
        let u = num.uniform_below(rng);
        if !exp_minus(rng, 0, &u.chance_in(num)) {
            continue;
        }
        // 2^64 successes in a row, each less likely than not, would outlast the generator's period.
        let mut v = 0u64;
        while exp_minus_one(rng) {
            v += 1;
        }
        let magnitude = N::combine(u, num, v, den);
        let negative = rng.next_u64() >> 63 == 1;
        if !(negative && magnitude.is_zero()) {
            return Signed { negative, magnitude };
        }
    }
}

/// True with probability exp(-(whole + part)): every factor exp(-1) and the factor exp(-part) must
/// come true. A `whole` that was cut down to `u64::MAX` cannot be told from the real one: the first
/// failure comes long before.
fn exp_minus<R: Rng + ?Sized>(rng: &mut R, whole: u64, part: &Chance) -> bool {
    (0..whole).all(|_| exp_minus_one(rng)) && exp_series(rng, part)
}

fn exp_minus_one<R: Rng + ?Sized>(rng: &mut R) -> bool {
    exp_series(rng, &Chance::ONE)
}

// Proved: proofs/Laplace.v, `odd_failures_are_the_series`.
/// True with probability exp(-p), for p in [0, 1] (CKS20 algorithm 1): the first failure among
/// events of chance p/1, p/2, p/3... has an odd number with exactly that probability. An event of
/// chance p/k is one of chance p and, independently, one of chance 1/k.
fn exp_series<R: Rng + ?Sized>(rng: &mut R, p: &Chance) -> bool {
    let mut k = 1u64;
    while p.happens(rng) && (k == 1 || Chance::one_in(k).happens(rng)) {
        k += 1;
    }
    k % 2 == 1
}

/// An exact rational probability in [0, 1] with its first 64 binary digits at hand.
struct Chance<'a> {
    first: u64,
    exact: Exact<'a>,
}

enum Exact<'a> {
    Certain,
    Words(u128, u128),
    Big(&'a BigUint, &'a BigUint),
}

impl<'a> Chance<'a> {
    const ONE: Chance<'static> = Chance { first: u64::MAX, exact: Exact::Certain };

    /// 1 / k, for k >= 2.
    fn one_in(k: u64) -> Chance<'static> {
        const FIRST: [u64; 24] = {
            let (mut table, mut k) = ([0; 24], 2);
            while k < table.len() {
                table[k] = ((1u128 << 64) / k as u128) as u64;
                k += 1;
            }
            table
        };
        let first = FIRST.get(k as usize).copied().unwrap_or_else(|| ((1u128 << 64) / u128::from(k)) as u64);
        Chance { first, exact: Exact::Words(1, u128::from(k)) }
    }

    /// num / den, for num < den.
    fn of_u128(num: u128, den: u128) -> Chance<'static> {
        let first = if num >> 64 == 0 {
            (num << 64) / den
        } else if den >> 96 == 0 {
            let (high, rest) = (num << 32).div_rem(&den);
            (high << 32) | ((rest << 32) / den)
        } else {
            u128::from(first_digits(&num.into(), &den.into()).0)
        };
        Chance { first: first as u64, exact: Exact::Words(num, den) }
    }

    /// num / den, for num < den.
    fn of_big(num: &'a BigUint, den: &'a BigUint) -> Chance<'a> {
        Chance { first: first_digits(num, den).0, exact: Exact::Big(num, den) }
    }

    /// Compares a uniform real in [0, 1), drawn 64 binary digits at a time, with the probability.
    fn happens<R: Rng + ?Sized>(&self, rng: &mut R) -> bool {
        if matches!(self.exact, Exact::Certain) {
            return true;
        }
        match rng.next_u64().cmp(&self.first) {
            Ordering::Less => true,
            Ordering::Greater => false,
            Ordering::Equal => self.later_digits(rng),
        }
    }

    /// The first 64 digits were equal: one time in 2^64.
    #[cold]
    fn later_digits<R: Rng + ?Sized>(&self, rng: &mut R) -> bool {
        let (num, den) = match self.exact {
            Exact::Certain => return true,
            Exact::Words(num, den) => (num.into(), den.into()),
            Exact::Big(num, den) => (num.clone(), den.clone()),
        };
        let mut rest = first_digits(&num, &den).1;
        while !rest.is_zero() {
            let (digits, next) = first_digits(&rest, &den);
            match rng.next_u64().cmp(&digits) {
                Ordering::Less => return true,
                Ordering::Greater => return false,
                Ordering::Equal => rest = next,
            }
        }
        false
    }
}

/// The first 64 binary digits of num / den < 1, and the remainder that yields the following ones.
fn first_digits(num: &BigUint, den: &BigUint) -> (u64, BigUint) {
    let (digits, rest) = (num << 64u32).div_rem(den);
    (digits.to_u64().expect("invariant: num < den, so the quotient is below 2^64"), rest)
}

/// The number kinds a scale can have: machine words where they fit, big integers otherwise.
trait Natural: Sized {
    /// Uniform on 0..self; the top bits of whole words, refused and drawn again when too large.
    fn uniform_below<R: Rng + ?Sized>(&self, rng: &mut R) -> Self;
    /// self / den, for self < den.
    fn chance_in<'a>(&'a self, den: &'a Self) -> Chance<'a>;
    /// floor((u + num v) / den).
    fn combine(u: Self, num: &Self, v: u64, den: &Self) -> Magnitude;
}

impl Natural for u64 {
    fn uniform_below<R: Rng + ?Sized>(&self, rng: &mut R) -> u64 {
        let unused = (self - 1).leading_zeros();
        if unused == 64 {
            return 0;
        }
        loop {
            let candidate = rng.next_u64() >> unused;
            if candidate < *self {
                return candidate;
            }
        }
    }

    fn chance_in<'a>(&'a self, den: &'a u64) -> Chance<'a> {
        Chance::of_u128(u128::from(*self), u128::from(*den))
    }

    fn combine(u: u64, num: &u64, v: u64, den: &u64) -> Magnitude {
        // Below 2^64 + (2^64 - 1)^2 <= 2^128 - 2^64 + 1: it fits.
        Magnitude::Word((u128::from(u) + u128::from(*num) * u128::from(v)) / u128::from(*den))
    }
}

impl Natural for BigUint {
    fn uniform_below<R: Rng + ?Sized>(&self, rng: &mut R) -> BigUint {
        let bits = (self - 1u32).bits();
        let words = bits.div_ceil(64);
        loop {
            let mut digits = Vec::with_capacity(2 * words as usize);
            for word in 0..words {
                let unused = if word + 1 == words { 64 * words - bits } else { 0 };
                let digit = rng.next_u64() >> unused;
                digits.extend([digit as u32, (digit >> 32) as u32]);
            }
            let candidate = BigUint::new(digits);
            if candidate < *self {
                return candidate;
            }
        }
    }

    fn chance_in<'a>(&'a self, den: &'a BigUint) -> Chance<'a> {
        Chance::of_big(self, den)
    }

    fn combine(u: BigUint, num: &BigUint, v: u64, den: &BigUint) -> Magnitude {
        Magnitude::Big((u + num * v) / den)
    }
}

enum Magnitude {
    Word(u128),
    Big(BigUint),
}

impl Magnitude {
    fn is_zero(&self) -> bool {
        match self {
            Magnitude::Word(word) => *word == 0,
            Magnitude::Big(big) => big.is_zero(),
        }
    }

    fn to_big(&self) -> BigUint {
        match self {
            Magnitude::Word(word) => (*word).into(),
            Magnitude::Big(big) => big.clone(),
        }
    }
}

struct Signed {
    negative: bool,
    magnitude: Magnitude,
}

impl Signed {
    fn clamped(&self) -> i128 {
        let magnitude = match &self.magnitude {
            Magnitude::Word(word) => i128::try_from(*word).ok(),
            Magnitude::Big(big) => big.to_i128(),
        };
        let magnitude = magnitude.unwrap_or(MAX_DRAW).min(MAX_DRAW);
        if self.negative { -magnitude } else { magnitude }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_bigint::BigInt;
    use rand::SeedableRng;
    use rand::rand_core::TryRng;
    use rand_chacha::ChaCha20Rng;

    fn ratio(num: u128, den: u128) -> Rational {
        Rational::new(num.into(), den.into())
    }

    /// A generator that says these words, then zeros.
    struct Script(Vec<u64>);

    impl TryRng for Script {
        type Error = std::convert::Infallible;
        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            Ok(if self.0.is_empty() { 0 } else { self.0.remove(0) })
        }
        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            self.try_next_u64().map(|word| word as u32)
        }
        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
            bytes.fill_with(|| 0);
            Ok(())
        }
    }

    #[test]
    fn fast_and_big_paths_draw_the_same_numbers_from_the_same_words() {
        for (num, den) in
            [(1, 1000), (1, 1), (10, 3), (1 << 32, 77), (u128::from(u64::MAX), 1), (1, u128::from(u64::MAX))]
        {
            let fast = DiscreteLaplace::new(&ratio(num, den)).unwrap();
            let big = DiscreteLaplace { words: None, ..fast.clone() };
            assert!(fast.words.is_some());
            same_draws(&fast, &big);
        }
        for (num, den) in [(1, 50), (25, 1), (1_000_003, 7), (1 << 40, 3), (1 << 55, 1), ((1 << 61) + 1, 1)] {
            let fast = DiscreteGaussian::new(&ratio(num, den)).unwrap();
            let proposal = DiscreteLaplace { words: None, ..fast.proposal.clone() };
            let big = DiscreteGaussian { words: None, proposal, ..fast.clone() };
            same_draws(&fast, &big);
        }
    }

    fn same_draws<D: Distribution<i128>>(one: &D, two: &D) {
        let (mut a, mut b) = (ChaCha20Rng::from_seed([1; 32]), ChaCha20Rng::from_seed([1; 32]));
        for _ in 0..3000 {
            assert_eq!(one.sample(&mut a), two.sample(&mut b));
        }
        assert_eq!(a.get_word_pos(), b.get_word_pos());
    }

    #[test]
    fn a_chance_is_compared_digit_by_digit_to_the_end() {
        // 1/3 is 0.5555..., 1/2 is 0.8000... in base 16.
        let third = u64::MAX / 3;
        for (num, den, words, happens) in [
            (1, 3, vec![third - 1], true),
            (1, 3, vec![third + 1], false),
            (1, 3, vec![third, third, third - 1], true),
            (1, 3, vec![third, third, third + 1], false),
            (1, 2, vec![1 << 63, 0], false),
            (1, 2, vec![(1 << 63) - 1], true),
            (0, 7, vec![0], false),
        ] {
            let (n, d) = (BigUint::from(num as u32), BigUint::from(den as u32));
            assert_eq!(Chance::of_u128(num, den).happens(&mut Script(words.clone())), happens, "{num}/{den} {words:?}");
            assert_eq!(Chance::of_big(&n, &d).happens(&mut Script(words)), happens);
        }
        for k in 2..100u64 {
            assert_eq!(Chance::one_in(k).first, Chance::of_u128(1, u128::from(k)).first);
        }
        // The three ways to the first digits agree.
        for (num, den) in [
            (1u128, 3),
            (1 << 70, (1 << 95) + 1),
            ((1 << 90) - 5, 1 << 90),
            ((1 << 100) + 7, 1 << 101),
            ((1 << 100) + 7, (1 << 101) + 3),
            (u128::MAX - 1, u128::MAX),
        ] {
            assert_eq!(Chance::of_u128(num, den).first, first_digits(&num.into(), &den.into()).0, "{num}/{den}");
        }
    }

    /// The numbers come from another implementation: fractions in Python, and its own ChaCha20.
    #[test]
    fn a_seed_always_gives_these_numbers() {
        let draw = |distribution: &dyn Fn(&mut ChaCha20Rng) -> i128| {
            let mut rng = ChaCha20Rng::from_seed([42; 32]);
            [0; 6].map(|_| distribution(&mut rng))
        };
        let laplace = DiscreteLaplace::new(&ratio(200, 3)).unwrap();
        let gaussian = DiscreteGaussian::new(&ratio(10_000, 3)).unwrap();
        let wide = DiscreteGaussian::new(&ratio(1 << 126, 1)).unwrap();
        assert_eq!(draw(&|rng| laplace.sample(rng)), [7, 0, 46, -45, 80, -36]);
        assert_eq!(draw(&|rng| gaussian.sample(rng)), [5, 27, 34, -34, -27, -25]);
        assert_eq!(
            draw(&|rng| wide.sample(rng)),
            [
                1585975039535028632,
                1093185998192472351,
                15245513471268428173,
                -11941655095289003536,
                12052124353746934700,
                815171105383537378,
            ]
        );
    }

    /// How the randomness is used, word for word. `UNSEEN_BLESS=1` writes the file anew.
    #[test]
    fn a_seed_gives_the_golden_numbers_and_as_many_words() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/draws.txt");
        let golden = std::fs::read_to_string(&path).unwrap();
        let drawn: String = golden.lines().map(|line| again(line) + "\n").collect();
        if std::env::var_os("UNSEEN_BLESS").is_some() {
            std::fs::write(&path, &drawn).unwrap();
        }
        for (drawn, golden) in drawn.lines().zip(golden.lines()) {
            assert_eq!(drawn, golden);
        }
    }

    /// A line of that file, drawn again.
    fn again(line: &str) -> String {
        let parts: Vec<&str> = line.split(' ').collect();
        let [kind, parameter, seed, _, ref draws @ ..] = parts[..] else { panic!("{line}") };
        if kind == "#" {
            return line.to_owned();
        }
        let parameter: Rational = parameter.parse().unwrap();
        let (num, den) = super::parts(&parameter).unwrap();
        let (whole, rest) = num.div_rem(&den);
        let words = rest.to_u128().zip(den.to_u128());
        let part = words.map_or_else(|| Chance::of_big(&rest, &den), |(rest, den)| Chance::of_u128(rest, den));
        let mut rng = ChaCha20Rng::from_seed([seed.parse().unwrap(); 32]);
        let drawn = draws.iter().map(|_| match kind {
            "below" => BigInt::from(match num.to_u64() {
                Some(n) => n.uniform_below(&mut rng).into(),
                None => num.uniform_below(&mut rng),
            }),
            "chance" => BigInt::from(u8::from(part.happens(&mut rng))),
            "exp" => u8::from(exp_minus(&mut rng, whole.to_u64().unwrap(), &part)).into(),
            "laplace" => DiscreteLaplace::new(&parameter).unwrap().sample(&mut rng).into(),
            "gaussian" => DiscreteGaussian::new(&parameter).unwrap().sample(&mut rng).into(),
            _ => panic!("{line}"),
        });
        let drawn: Vec<String> = drawn.map(|number: BigInt| number.to_string()).collect();
        let taken = rng.get_word_pos() / 2;
        format!("{kind} {parameter} {seed} {taken} {}", drawn.join(" "))
    }

    #[test]
    fn no_parameter_and_no_draw_can_stop_a_run() {
        assert_eq!(DiscreteLaplace::new(&-ratio(1, 2)).unwrap_err(), NoiseError::Negative("-1/2".into()));
        assert!(DiscreteGaussian::new(&-ratio(1, 2)).is_err());
        let mut rng = ChaCha20Rng::from_seed([2; 32]);
        assert_eq!(DiscreteLaplace::new(&ratio(0, 1)).unwrap().sample(&mut rng), 0);
        assert_eq!(DiscreteGaussian::new(&ratio(0, 1)).unwrap().sample(&mut rng), 0);
        let enormous = Rational::from_integer(BigInt::from(1) << 300u32);
        let widest = Rational::from_integer((BigInt::from(1000) << 62u32) * BigInt::from(10u64.pow(12)));
        for _ in 0..200 {
            assert_eq!(DiscreteLaplace::new(&enormous).unwrap().sample(&mut rng).abs(), MAX_DRAW);
            assert_eq!(DiscreteGaussian::new(&(&enormous * &enormous)).unwrap().sample(&mut rng).abs(), MAX_DRAW);
            assert!(DiscreteLaplace::new(&widest).unwrap().sample(&mut rng).abs() < MAX_DRAW);
            assert!(DiscreteGaussian::new(&(&widest * &widest)).unwrap().sample(&mut rng).abs() < MAX_DRAW);
            assert_eq!(DiscreteLaplace::new(&enormous.recip()).unwrap().sample(&mut rng), 0);
            assert_eq!(DiscreteGaussian::new(&enormous.recip()).unwrap().sample(&mut rng), 0);
        }
    }
}
