//! What adding up a part costs whose totals take 16 MB, as the lab's worker does for each part of a spread run.
//!
//! ```text
//! cargo run --release -p unseen-core --example bench_merge [PARTS]
//! ```
//!
//! Prints the milliseconds of sealing a part, which a node does, of opening it and of adding it up: the median of all
//! parts, and the lowest and highest.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Instant;

use unseen_core::coverage::{Counted, Expected};
use unseen_core::order::Round;
use unseen_core::{ExactTotals, NoiseKey, PartialTotals, RoundNoise, RunIdentity};
use unseen_ids::Key;
use unseen_policies::plan::References;
use unseen_policies::{Manifest, Plan};

struct Nothing;

impl References for Nothing {
    fn column(&self, _: &str, _: &str) -> Option<Vec<Key>> {
        None
    }
}

const MANIFEST: &str = r#"
    [job]
    title = "A million numbers"
    purpose = "A measurement"
    release = "+1h"
    [[input]]
    dataset = "firms"
    columns = ["town"]
    [grain]
    kind = "unit"
    [[output]]
    name = "firms"
    groups = [{ name = "town", range = [0, 99999] }]
    values = [
        { name = "v0", lower = 0, upper = 8, granularity = 1 }, { name = "v1", lower = 0, upper = 8, granularity = 1 },
        { name = "v2", lower = 0, upper = 8, granularity = 1 }, { name = "v3", lower = 0, upper = 8, granularity = 1 },
        { name = "v4", lower = 0, upper = 8, granularity = 1 }, { name = "v5", lower = 0, upper = 8, granularity = 1 },
        { name = "v6", lower = 0, upper = 8, granularity = 1 }, { name = "v7", lower = 0, upper = 8, granularity = 1 },
        { name = "v8", lower = 0, upper = 8, granularity = 1 }, { name = "v9", lower = 0, upper = 8, granularity = 1 },
    ]
    [privacy]
    mechanism = "gaussian"
    rho = 0.1
"#;

fn main() {
    let parts: u32 = std::env::args().nth(1).map_or(16, |n| n.parse().unwrap());
    let plan = Plan::new(&Manifest::parse(MANIFEST).unwrap(), &Nothing).unwrap();
    let identity = RunIdentity { origin: "lab.example/log", entry: 9, leaf: [2; 32], snapshots: &[[3; 32]] };
    let round = Round::new(&plan, identity.digest(), 0, parts);
    let noise = RoundNoise::draw(&plan, NoiseKey::new([5; 32]).round_seed(&identity, 0), parts).unwrap();
    let counted = || vec![Counted { rows: 0, units: 0 }];
    let mut totals = ExactTotals::zero(&noise, Expected::Each((0..parts).map(|_| counted()).collect()));
    let [mut sealing, mut opening, mut adding]: [Vec<f64>; 3] = Default::default();
    let mut bytes = 0;
    for number in 0..parts {
        let mut part = PartialTotals::zero(&round);
        part.bucket(number).unwrap().finish(counted());
        let (sealed, took) = timed(|| part.seal(&[1; 32], b"here").unwrap());
        sealing.push(took);
        bytes = sealed.len();
        let (part, took) =
            timed(|| PartialTotals::open(&round, number..number + 1, &[1; 32], b"here", &sealed).unwrap());
        opening.push(took);
        let (new, took) = timed(|| totals.absorb(part).unwrap());
        assert!(new);
        adding.push(took);
    }
    println!("{parts} parts of {bytes} bytes");
    for (what, mut took) in [("sealing", sealing), ("opening", opening), ("adding up", adding)] {
        took.sort_by(f64::total_cmp);
        println!("{what}: {:.1} ms ({:.1} to {:.1})", took[took.len() / 2], took[0], took[took.len() - 1]);
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let begun = Instant::now();
    (work(), begun.elapsed().as_secs_f64() * 1_000.0)
}
