//! Statistics: the samplers have the distributions they claim, and whole releases keep the epsilon
//! they claim. Every check is shown to catch what it is for. All seeds are fixed.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../src/testing.rs"]
mod testing;

use num_bigint::BigInt;
use num_traits::ToPrimitive;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use rand_distr::Distribution;
use std::collections::BTreeMap;
use testing::{laplace, output, plan, ratio, value};
use unseen_core::coverage::{Counted, Expected};
use unseen_core::noise::{DiscreteGaussian, DiscreteLaplace};
use unseen_core::{Clamper, ExactTotals, NoiseKey, PartialTotals, RawContribution, RoundNoise, RunIdentity};
use unseen_ids::KeyRef;
use unseen_policies::accounting;
use unseen_policies::approximate::to_f64;
use unseen_policies::plan::Noise;
use unseen_policies::{Plan, Rational, Rho};

const DRAWS: usize = 200_000;

fn draws(distribution: &impl Distribution<i128>, count: usize) -> Vec<i128> {
    distribution.sample_iter(ChaCha20Rng::from_seed([5; 32])).take(count).collect()
}

#[test]
fn small_noise_has_the_known_probabilities() {
    let two = draws(&DiscreteLaplace::new(&ratio(2, 1)).unwrap(), 1_000_000);
    let five = draws(&DiscreteGaussian::new(&ratio(25, 1)).unwrap(), 1_000_000);
    let known = [
        (&two, vec![(0, 0.24491866240), (1, 0.14855067788), (2, 0.09010054066), (3, 0.05464874037)]),
        (
            &five,
            vec![(0, 0.07978845608), (1, 0.07820853879), (2, 0.07365402807), (5, 0.04839414490), (10, 0.01079819330)],
        ),
    ];
    for (draws, probabilities) in known {
        for (x, p) in probabilities {
            for x in [x, -x] {
                let share = draws.iter().filter(|draw| **draw == x).count() as f64 / draws.len() as f64;
                let error = (p * (1.0 - p) / draws.len() as f64).sqrt();
                assert!((share - p).abs() < 4.5 * error, "P({x}) is {p}, seen {share}");
            }
        }
    }
    let variance = two.iter().map(|x| (x * x) as f64).sum::<f64>() / two.len() as f64;
    assert!((variance - 7.8354).abs() < 0.08, "{variance}");
}

#[test]
fn laplace_fits_its_distribution_at_every_scale() {
    for scale in
        ["1/1000", "1/10", "1/3", "1", "2", "10/3", "1000/7", "1000003", "1000000000", "1180591620717411303424/7"]
    {
        let scale: Rational = scale.parse().unwrap();
        fits(&draws(&DiscreteLaplace::new(&scale).unwrap(), DRAWS), to_f64(&scale), laplace_cdf(to_f64(&scale)))
            .unwrap();
    }
}

#[test]
fn gaussian_fits_its_distribution_at_every_scale() {
    for variance in [
        "1/1000000",
        "1/10",
        "1/3",
        "1",
        "25",
        "1000/7",
        "1000003",
        "1000000000000000000",
        "12345678901234567890123/1000",
    ] {
        let variance: Rational = variance.parse().unwrap();
        let sigma = to_f64(&variance).sqrt();
        fits(&draws(&DiscreteGaussian::new(&variance).unwrap(), DRAWS), sigma, gaussian_cdf(sigma)).unwrap();
    }
}

#[test]
fn the_fit_sees_noise_that_is_half_as_wide_or_continuous_or_slightly_wrong() {
    let half = DiscreteLaplace::new(&ratio(1, 1)).unwrap();
    assert!(fits(&draws(&half, DRAWS), 2.0, laplace_cdf(2.0)).is_err());
    let close = DiscreteGaussian::new(&ratio(24, 1)).unwrap();
    assert!(fits(&draws(&close, DRAWS), 5.0, gaussian_cdf(5.0)).is_err());
    // A continuous Laplace variable, rounded.
    let mut rng = ChaCha20Rng::from_seed([6; 32]);
    let rounded: Vec<i128> = (0..DRAWS).map(|_| float_laplace(&mut rng, 2.0).round() as i128).collect();
    assert!(fits(&rounded, 2.0, laplace_cdf(2.0)).is_err());
    // Zero counted from both sides.
    let mut twice = draws(&DiscreteLaplace::new(&ratio(2, 1)).unwrap(), DRAWS);
    let zeros = twice.iter().filter(|x| **x == 0).count();
    twice.extend(vec![0; zeros]);
    assert!(fits(&twice, 2.0, laplace_cdf(2.0)).is_err());
}

/// Chi-square and Kolmogorov-Smirnov against an exact distribution function.
fn fits(draws: &[i128], width: f64, cdf: impl Fn(i128) -> f64) -> Result<(), String> {
    let mut edges: Vec<i128> = (-30..=30).map(|i: i32| (f64::from(i) * 0.23 * width).round() as i128).collect();
    edges.dedup();
    let count = draws.len() as f64;
    let (mut chi_square, mut bins, mut furthest) = (0.0, 0, 0.0f64);
    let (mut expected_before, mut seen_before) = (0.0, 0.0);
    for edge in edges.iter().map(Some).chain([None]) {
        let expected = edge.map_or(1.0, |edge| cdf(*edge)) * count;
        let seen = edge.map_or(count, |edge| draws.iter().filter(|draw| *draw <= edge).count() as f64);
        furthest = furthest.max((expected - seen).abs() / count);
        let bin = expected - expected_before;
        if bin < 10.0 && edge.is_some() {
            continue;
        }
        if bin >= 1e-6 {
            chi_square += (seen - seen_before - bin).powi(2) / bin;
            bins += 1;
        } else if seen != seen_before {
            return Err(format!("{} draws where none are expected", seen - seen_before));
        }
        (expected_before, seen_before) = (expected, seen);
    }
    let freedom = f64::from((bins - 1).max(1));
    let limit = freedom + 4.0 * (2.0 * freedom).sqrt() + 8.0;
    if chi_square > limit || furthest * count.sqrt() > 2.0 {
        return Err(format!(
            "width {width}: chi-square {chi_square:.1} over {limit:.1} in {bins} bins, or distance {furthest:.5}"
        ));
    }
    Ok(())
}

fn laplace_cdf(scale: f64) -> impl Fn(i128) -> f64 {
    let zero = 1.0 + (-1.0 / scale).exp();
    move |k| if k < 0 { (k as f64 / scale).exp() / zero } else { 1.0 - (-(k as f64 + 1.0) / scale).exp() / zero }
}

fn gaussian_cdf(sigma: f64) -> impl Fn(i128) -> f64 {
    let weight = move |x: f64| (-(x * x) / (2.0 * sigma * sigma)).exp();
    let reach = (40.0 * sigma).ceil().min(100_000.0) as i128 + 1;
    let whole: f64 = (-reach..=reach).map(|x| weight(x as f64)).sum();
    move |k| {
        if sigma < 1000.0 {
            return (-reach..=k).map(|x| weight(x as f64)).sum::<f64>() / whole;
        }
        // The sum to k is the integral to k + 1/2 but for terms below 1 / sigma^2; by Simpson's rule.
        let (end, parts) = ((k as f64 + 0.5) / sigma, 2000);
        let step = end / f64::from(parts);
        let density = |i: i32| {
            (-(f64::from(i) * step).powi(2) / 2.0).exp()
                * f64::from([1, 4, 2][if i == 0 || i == parts { 0 } else { 1 + (i as usize + 1) % 2 }])
        };
        0.5 + (0..=parts).map(density).sum::<f64>() * step / 3.0 / (2.0 * std::f64::consts::PI).sqrt()
    }
}

/// What draws are compared with, worked out again in numbers of 250 binary places.
#[test]
fn the_distribution_functions_are_right() {
    for scale in ["1/1000", "1/3", "2", "1000/7", "1000003", "1000000000"] {
        let scale: Rational = scale.parse().unwrap();
        let (cdf, one) = (laplace_cdf(to_f64(&scale)), fixed(&ratio(1, 1)));
        let steps = |widths: i64| (&scale * ratio(widths, 4)).round().to_integer().to_i64().unwrap();
        for k in [-12, -4, -1, 0, 1, 4, 12].map(steps) {
            let zero = &one + exp_minus(&scale.recip());
            let tail = |steps: i64| times(&exp_minus(&(ratio(steps, 1) / &scale)), &divided(&one, &zero));
            let exact = if k < 0 { tail(-k) } else { &one - tail(k + 1) };
            near(cdf(k.into()), &exact, &format!("Laplace {scale}, {k}"));
        }
    }
    for variance in ["1/1000000", "1/3", "1", "25", "1000/7", "998001"] {
        let variance: Rational = variance.parse().unwrap();
        let (sigma, cdf) = (to_f64(&variance).sqrt(), gaussian_cdf(to_f64(&variance).sqrt()));
        let reach = (20.0 * sigma).ceil() as i64 + 1;
        // The weight of x + 1 is that of x times e^(-(2x + 1) / 2v), and that factor falls by e^(-1/v).
        let (step, mut factor) = (exp_minus(&variance.recip()), exp_minus(&(variance.recip() / ratio(2, 1))));
        let mut weights = vec![fixed(&ratio(1, 1))];
        for x in 0..reach as usize {
            weights.push(times(&weights[x], &factor));
            factor = times(&factor, &step);
        }
        let up_to = |k: i64| (-reach..=k).map(|x| &weights[x.unsigned_abs() as usize]).sum::<BigInt>();
        for k in [-3.0, -1.0, 0.0, 0.3, 1.0, 3.0].map(|widths: f64| (widths * sigma).round() as i64) {
            let exact = divided(&up_to(k), &up_to(reach));
            near(cdf(k.into()), &exact, &format!("Gaussian {variance}, {k}"));
        }
    }
    // Where a deviation is a billion steps, it is the normal distribution's.
    let wide = gaussian_cdf(1e9);
    for (widths, known) in [(-2.0, 0.022_750_131_948_179_2), (0.0, 0.5), (1.0, 0.841_344_746_068_543)] {
        assert!((wide((widths * 1e9) as i128) - known).abs() < 1e-9, "{widths}");
    }
}

const PLACES: u32 = 250;

fn near(float: f64, exact: &BigInt, what: &str) {
    let exact = to_f64(&Rational::new(exact.clone(), BigInt::from(1) << PLACES));
    assert!((float - exact).abs() <= 1e-10 + 1e-10 * exact, "{what}: {float} is not {exact}");
}

fn fixed(x: &Rational) -> BigInt {
    (x * Rational::from_integer(BigInt::from(1) << PLACES)).to_integer()
}

fn times(one: &BigInt, other: &BigInt) -> BigInt {
    (one * other) >> PLACES
}

fn divided(one: &BigInt, other: &BigInt) -> BigInt {
    (one << PLACES) / other
}

/// e^-x for x >= 0: its series for a part of x, squared as often as x was halved.
fn exp_minus(x: &Rational) -> BigInt {
    let (mut part, mut halvings) = (x.clone(), 0);
    while part > ratio(1, 2) {
        (part, halvings) = (part / ratio(2, 1), halvings + 1);
    }
    let part = fixed(&part);
    let (mut term, mut sum) = (fixed(&ratio(1, 1)), BigInt::from(0));
    for i in 1..60 {
        sum += &term;
        term = -times(&term, &part) / i;
    }
    (0..halvings).fold(sum, |power, _| times(&power, &power))
}

/// Noise as it must not be: from a float logarithm.
fn float_laplace(rng: &mut ChaCha20Rng, scale: f64) -> f64 {
    let uniform = ((rng.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    let sign = if rng.next_u64() >> 63 == 1 { -1.0 } else { 1.0 };
    -sign * scale * uniform.ln()
}

/// A count of at most 1 for a unit, released with this noise.
fn count(upper: i64, noise: Noise) -> Plan {
    plan(1, vec![output("units", 1, 1, vec![value("count", (0, upper), ratio(1, 1), vec![noise])])])
}

/// One whole release: each unit says `2.0`.
fn release(bounds: &Plan, noise: &Plan, key: &NoiseKey, entry: u64, units: u32) -> i128 {
    let seed = key.round_seed(&RunIdentity { origin: "test", entry, leaf: [0; 32], snapshots: &[] }, 0);
    let noise = RoundNoise::draw(noise, seed, 1).unwrap();
    let mut part = PartialTotals::zero(noise.round());
    let mut bucket = part.bucket(0).unwrap();
    let mut clamper = Clamper::new(bounds);
    for unit in 0..units {
        let leave = bucket.next(&unit.to_be_bytes()).unwrap();
        leave.add(clamper.clamp([RawContribution { output: 0, group: &[KeyRef::Int(0)], values: &[2.0] }]));
    }
    let counted = vec![Counted { rows: units.into(), units: units.into() }];
    bucket.finish(counted.clone());
    let mut totals = ExactTotals::zero(&noise, Expected::Each(vec![counted]));
    totals.absorb(part).unwrap();
    totals.complete().unwrap().noise(noise).steps()[0]
}

/// A million releases on neighbours (one unit, none): what an attacker can prove about epsilon stays
/// below the claim, and comes within 10 % of it, so the attack has power.
#[test]
fn a_million_releases_prove_no_more_epsilon_than_claimed() {
    let key = NoiseKey::new([1; 32]);
    let fair = count(1, laplace(ratio(1, 1)));
    let proved = proved_epsilon(500_000, 0.0, |unit, i| release(&fair, &fair, &key, i, unit.into()));
    assert!((0.9..=1.0).contains(&proved), "claimed 1, proved {proved}");
}

#[test]
fn the_same_attack_proves_more_when_something_is_broken() {
    let key = NoiseKey::new([1; 32]);
    let fair = count(1, laplace(ratio(1, 1)));
    let missing_clamp = count(2, laplace(ratio(1, 1)));
    let proved = proved_epsilon(50_000, 0.0, |unit, i| release(&missing_clamp, &fair, &key, i, unit.into()));
    assert!(proved > 1.5, "without the clamp: {proved}");
    let half = count(1, laplace(ratio(1, 2)));
    let proved = proved_epsilon(50_000, 0.0, |unit, i| release(&fair, &half, &key, i, unit.into()));
    assert!(proved > 1.5, "with half the noise: {proved}");
    // Two releases, one of the data and one of nothing, subtracted: two runs cost epsilon 2.
    let difference = |unit: bool, first, second| {
        release(&fair, &fair, &key, first, unit.into()) - release(&fair, &fair, &key, second, 0)
    };
    let proved = proved_epsilon(50_000, 0.0, |unit, i| difference(unit, 2 * i, 2 * i + 1));
    assert!(proved < 2.0, "with a seed each: {proved}");
    let proved = proved_epsilon(50_000, 0.0, |unit, i| difference(unit, i, i));
    assert!(proved > 5.0, "with one seed for two runs: {proved}");
}

#[test]
fn gaussian_releases_prove_no_more_than_the_accounting_says() {
    let key = NoiseKey::new([2; 32]);
    let fair = count(1, Noise::Gaussian { variance: ratio(1, 1) });
    let rho: Rho = "0.5".parse().unwrap();
    let delta = 1e-3;
    let claim = accounting::epsilon(rho, delta);
    let proved = proved_epsilon(100_000, delta, |unit, i| release(&fair, &fair, &key, i, unit.into()));
    assert!(proved < claim && proved > claim / 3.0, "claimed {claim}, proved {proved}");
    let half = count(1, Noise::Gaussian { variance: ratio(1, 16) });
    let proved = proved_epsilon(100_000, delta, |unit, i| release(&fair, &half, &key, i, unit.into()));
    assert!(proved > claim, "claimed {claim}, proved {proved} with a quarter of the noise");
}

/// A lower bound, at 99.9 %, on the epsilon of a mechanism: some event E has
/// P(E | D) >= exp(epsilon) P(E | D') + delta. The event is picked on one part of the releases and
/// measured on another.
fn proved_epsilon(releases: u64, delta: f64, mut release: impl FnMut(bool, u64) -> i128) -> f64 {
    let mut counts = |from: u64, to: u64, unit: bool| {
        let mut counts = BTreeMap::<i128, u64>::new();
        (from..to).for_each(|i| *counts.entry(release(unit, 2 * i + u64::from(unit))).or_default() += 1);
        counts
    };
    let training = releases / 5;
    let trained = [counts(0, training, false), counts(0, training, true)];
    let tested = [counts(training, training + releases, false), counts(training, training + releases, true)];
    let in_event = |counts: &BTreeMap<i128, u64>, event: (u8, i128)| -> u64 {
        match event {
            (0, t) => counts.range(..=t).map(|(_, n)| n).sum(),
            (1, t) => counts.range(t..).map(|(_, n)| n).sum(),
            (_, t) => counts.get(&t).copied().unwrap_or(0),
        }
    };
    let bound = |data: &[BTreeMap<i128, u64>; 2], total: u64, on: usize, event: (u8, i128)| {
        let (likely, unlikely) = (in_event(&data[on], event), in_event(&data[1 - on], event));
        let low = (1.0 - at_most(total - likely, total) - delta).max(0.0);
        (low / at_most(unlikely, total)).ln()
    };
    let values: Vec<i128> = trained.iter().flat_map(|counts| counts.keys().copied()).filter(|x| x.abs() < 6).collect();
    let events =
        values.iter().flat_map(|x| [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)].map(|(kind, on)| (on, (kind, *x))));
    let best =
        events.max_by(|a, b| bound(&trained, training, a.0, a.1).total_cmp(&bound(&trained, training, b.0, b.1)));
    let (on, event) = best.unwrap();
    bound(&tested, releases, on, event)
}

/// Clopper-Pearson: the largest p under which seeing `count` or fewer of `total` still has a
/// probability of 0.05 %.
fn at_most(count: u64, total: u64) -> f64 {
    if count == total {
        return 1.0;
    }
    let (mut low, mut high) = (count as f64 / total as f64, 1.0);
    for _ in 0..40 {
        let p = (low + high) / 2.0;
        if lower_tail(count, total, p) > 0.0005 { low = p } else { high = p }
    }
    high
}

/// P(Binomial(total, p) <= count).
fn lower_tail(count: u64, total: u64, p: f64) -> f64 {
    let ln_factorial = |n: u64| match n {
        0..20 => (1..=n).map(|i| (i as f64).ln()).sum::<f64>(),
        _ => {
            let n = n as f64;
            n * n.ln() - n + 0.5 * (2.0 * std::f64::consts::PI * n).ln() + 1.0 / (12.0 * n) - 1.0 / (360.0 * n.powi(3))
        }
    };
    let (k, rest) = (count as f64, (total - count) as f64);
    let ln_last =
        ln_factorial(total) - ln_factorial(count) - ln_factorial(total - count) + k * p.ln() + rest * (-p).ln_1p();
    let (mut term, mut sum) = (ln_last.exp(), 0.0);
    for i in (0..=count).rev() {
        sum += term;
        term *= i as f64 / (total - i + 1) as f64 * (1.0 - p) / p;
        if term < sum * 1e-12 {
            break;
        }
    }
    sum
}

#[test]
fn the_binomial_tail_is_right() {
    assert!((lower_tail(0, 10, 0.5) - 1.0 / 1024.0).abs() < 1e-12);
    assert!((lower_tail(6, 30, 0.2) - 0.606970).abs() < 1e-5);
    assert!((at_most(0, 1000) - (1.0 - 0.0005f64.powf(0.001))).abs() < 1e-9);
}

/// The precision attack (Mironov 2012; Haney et al. 2022): low bits and residues of what neighbours
/// release. Integers have one support; float noise does not.
#[test]
fn neighbours_share_one_support_and_float_noise_would_not() {
    let key = NoiseKey::new([3; 32]);
    let fair = count(1, laplace(ratio(1, 1)));
    let releases = |units: u32| -> Vec<f64> {
        (0..60_000).map(|i| release(&fair, &fair, &key, 2 * i + u64::from(units), units) as f64).collect()
    };
    assert!(!distinguished(&releases(0), &releases(1)));
    let mut rng = ChaCha20Rng::from_seed([8; 32]);
    let mut float_releases =
        |count: f64| -> Vec<f64> { (0..60_000).map(|_| count + float_laplace(&mut rng, 1.0)).collect() };
    assert!(distinguished(&float_releases(0.0), &float_releases(1.0)));
}

fn distinguished(one: &[f64], two: &[f64]) -> bool {
    let finer = |x: &f64| (x * 2f64.powi(53)).fract() != 0.0;
    let residues =
        [2.0, 3.0, 4.0, 5.0, 7.0].into_iter().flat_map(|m: f64| (0..m as u32).map(move |r| (m, f64::from(r))));
    type Event = Box<dyn Fn(&f64) -> bool>;
    let events: Vec<Event> = residues
        .map(|(m, r)| Box::new(move |x: &f64| x.rem_euclid(m) == r) as _)
        .chain([Box::new(finer) as _])
        .collect();
    events.iter().any(|event| {
        let [a, b] = [one, two].map(|sample| sample.iter().filter(|x| event(x)).count() as f64 / sample.len() as f64);
        a.max(b) > 0.001 && a.max(b) > a.min(b) * std::f64::consts::E * 1.05
    })
}
