//! What a draw and a grain cost: `cargo run --release -p unseen-core --example speed`.
#![allow(clippy::unwrap_used)]

#[path = "../src/testing.rs"]
mod testing;

use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use rand_distr::Distribution;
use std::hint::black_box;
use std::time::Instant;
use testing::{laplace, output, plan, ratio, value};
use unseen_core::coverage::Expected;
use unseen_core::noise::{DiscreteGaussian, DiscreteLaplace};
use unseen_core::{
    Clamper, ExactTotals, NoiseKey, PartialTotals, RawContribution, RoundNoise, RunIdentity, SealedRelease,
};
use unseen_ids::{JobId, KeyRef};
use unseen_policies::Rational;

fn main() {
    for scale in [
        "1/1000",
        "1",
        "10/3",
        "1000003/7",
        "1000000000",
        "4611686018427387904000",
        "4611686018427387904000000000000000",
    ] {
        let laplace = DiscreteLaplace::new(&scale.parse::<Rational>().unwrap()).unwrap();
        time(&format!("laplace, scale {scale}"), draws(laplace));
    }
    for variance in [
        "1/1000000",
        "1",
        "25",
        "1000003/7",
        "1000000000000000000",
        "12345678901234567890123/1000",
        "1267650600228229401496703205376",
    ] {
        let gaussian = DiscreteGaussian::new(&variance.parse::<Rational>().unwrap()).unwrap();
        time(&format!("gaussian, variance {variance}"), draws(gaussian));
    }

    let noise = || vec![laplace(ratio(10, 1))];
    let histogram = plan(1, vec![output("h", 20, 1, vec![value("count", (0, 1), ratio(1, 1), noise())])]);
    time("clamp and add, one contribution of one value", grains(&histogram, 1, &[1.0]));
    let amounts = (0..3).map(|i| value(&format!("v{i}"), (0, 1_000_000), ratio(1, 100), noise())).collect();
    let table = plan(1, vec![output("t", 10_000, 8, amounts)]);
    time("clamp and add, eight contributions of three values", grains(&table, 8, &[0.1, 1234.56, 1e9]));

    let wide = plan(1, vec![output("w", 100_000, 1, vec![value("count", (0, 1), ratio(1, 1), noise())])]);
    let start = Instant::now();
    let noise = RoundNoise::draw(&wide, seed(), 0).unwrap();
    let drawn = start.elapsed();
    let noisy = ExactTotals::zero(&noise, Expected::Each(vec![])).complete().unwrap().noise(noise);
    let sealed = SealedRelease::seal(&wide, JobId(1), 2, &[noisy], vec![]).unwrap();
    println!(
        "a round of 100,000 groups: noise {drawn:.1?}, with body and digest {:.1?} {}",
        start.elapsed(),
        sealed.digest()
    );
}

fn seed() -> unseen_core::RoundSeed {
    NoiseKey::new([1; 32]).round_seed(&RunIdentity { origin: "speed", entry: 1, leaf: [0; 32], snapshots: &[] }, 0)
}

fn draws(distribution: impl Distribution<i128>) -> impl FnMut(u64) {
    let mut rng = ChaCha20Rng::from_seed([7; 32]);
    move |_| {
        black_box(distribution.sample(&mut rng));
    }
}

fn grains<'p>(plan: &'p unseen_policies::Plan, contributions: u64, values: &'p [f64]) -> impl FnMut(u64) + 'p {
    let noise = RoundNoise::draw(plan, seed(), 1).unwrap();
    // It lasts as long as the program.
    let mut units = Box::leak(Box::new(PartialTotals::zero(noise.round()))).bucket(0).unwrap();
    let mut clamper = Clamper::new(plan);
    let mut unit = 0_u64;
    let groups = plan.outputs[0].domain.size() as u64;
    move |i| {
        let mut grain = clamper.grain();
        for nth in 0..contributions {
            let key = [KeyRef::Int((i.wrapping_mul(7919).wrapping_add(nth * 31) % groups) as i64)];
            grain.push(RawContribution { output: 0, group: &key, values });
        }
        unit += 1;
        units.next(&unit.to_be_bytes()).unwrap().add(grain.finish());
    }
}

fn time(what: &str, mut once: impl FnMut(u64)) {
    const TIMES: u64 = 300_000;
    let start = Instant::now();
    (0..TIMES).for_each(&mut once);
    println!("{what}: {:.0} ns", start.elapsed().as_nanos() as f64 / TIMES as f64);
}
