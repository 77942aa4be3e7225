//! Planted faults: each changes one stage of the path, as a slip in the product could, and must be found.

use num_traits::{Signed, Zero};
use rand::Rng;
use rand_chacha::ChaCha20Rng;
use unseen_policies::manifest::{GrainKind, Mechanism};
use unseen_policies::plan::{Noise, OutputPlan, Sensitivity, ValuePlan};
use unseen_policies::{Manifest, Plan, Rational};

use crate::path::{Answer, Item, Noised, PRODUCT, Source, Stages};

/// One slip.
pub struct Fault {
    /// For people.
    pub name: &'static str,
    /// The path with it.
    pub stages: Stages,
}

/// All faults.
pub const FAULTS: &[Fault] = &[
    noise("half the sensitivity", |_, plan| resize(plan, |_, _, _| ratio(1, 2))),
    noise("scale or variance rounded down", |_, plan| {
        each(plan, |_, _, _, parameter| *parameter = parameter.floor());
    }),
    noise("every round has the noise of the round with the largest share", |_, plan| {
        let values = plan.outputs.iter_mut().flat_map(|output| &mut output.values);
        values.for_each(|value| {
            let least = value.noise.iter().min_by(|one, other| size(one).cmp(size(other))).cloned();
            least.into_iter().for_each(|least| value.noise.fill(least));
        });
    }),
    noise("every round has the whole budget", |manifest, plan| {
        let weights = manifest.privacy.round_weights.clone();
        let share = |round: usize| match &weights {
            Some(weights) => &weights[round] / weights.iter().sum::<Rational>(),
            None => ratio(1, 1),
        };
        divide(plan, |_, _, round| share(round));
    }),
    noise("weights of values not divided by their sum", |manifest, plan| {
        let sums: Vec<Rational> =
            manifest.outputs.iter().map(|output| output.values.iter().map(|value| &value.weight).sum()).collect();
        divide(plan, |output, _, _| ratio(1, 1) / &sums[output]);
    }),
    noise("weights of outputs not divided by their sum", |manifest, plan| {
        let sum: Rational = manifest.outputs.iter().map(|output| &output.weight).sum();
        divide(plan, |_, _, _| ratio(1, 1) / &sum);
    }),
    noise("no noise on the last of several values", |_, plan| {
        let several = plan.outputs.iter_mut().filter(|output| output.values.len() > 1);
        several.filter_map(|output| output.values.last_mut()).for_each(|value| {
            value.noise.fill(Noise::Laplace { scale: Rational::zero() });
        });
    }),
    noise("a standard deviation taken for a variance", |manifest, plan| {
        if matches!(manifest.privacy.mechanism, Mechanism::Gaussian { .. }) {
            each(plan, |_, _, _, variance| *variance = root(variance));
        }
    }),
    noise("a block's sensitivity is that of a unit", |_, plan| {
        sense(plan, |_, n, m, low, high| Sensitivity::new(GrainKind::Unit, n, m, low, high));
    }),
    noise("a block's groups are taken to stay the same", |_, plan| {
        sense(plan, |grain, n, m, low, high| match grain {
            GrainKind::Unit => Sensitivity::new(grain, n, m, low, high),
            // As if each answer were the lower bound in all its groups, moved up.
            GrainKind::Blocks { .. } => Sensitivity::new(GrainKind::Unit, n, m, 0, (high - low).max(1)),
        });
    }),
    noise("the sensitivity of one group, however many there are", |_, plan| {
        sense(plan, |grain, _, _, low, high| Sensitivity::new(grain, 1, 1, low, high));
    }),
    noise("only the upper bound counts for the sensitivity", |_, plan| {
        sense(plan, |grain, n, m, _, high| Sensitivity::new(grain, n, m, high.min(0), high.max(1)));
    }),
    noise("Laplace noise by the root of the squared sensitivity", |manifest, plan| {
        if matches!(manifest.privacy.mechanism, Mechanism::Laplace { .. }) {
            resize(plan, |grain, output, value| {
                let Sensitivity { l1, l2_squared } = sensitivity(grain, output, value);
                root(&Rational::from_integer(l2_squared)) / l1
            });
        }
    }),
    clamp("no clamp", |_, plan| {
        let values = plan.outputs.iter_mut().flat_map(|output| &mut output.values);
        values.for_each(|value| (value.lower, value.upper) = (-(1 << 62), 1 << 62));
    }),
    clamp("one group more than max_groups", |_, plan| {
        let outputs = plan.outputs.iter_mut();
        outputs.for_each(|output| output.max_groups = (output.max_groups + 1).min(output.domain.size() as u32));
    }),
    grains("a group that is named again is counted again", |answers| answers.into_iter().flat_map(repeats).collect()),
    grains("a grain is counted twice", |answers| {
        answers.into_iter().flat_map(|answer| [answer.clone(), answer]).collect()
    }),
    grains("NaN counts as three times the upper bound", |answers| {
        answers
            .into_iter()
            .flat_map(|answer| if has_nan(&answer) { vec![without_nan(answer); 3] } else { vec![answer] })
            .collect()
    }),
    seed("a later round draws from the first round's seed", |source| Source { round: 0, ..source }),
    seed("two jobs draw from one seed", |source| Source { job: 0, ..source }),
    seed("seeds of six bits", |source| Source { trial: source.trial % 64, with: false, ..source }),
    noised("one draw for all numbers of a round", |exact, _, cells| {
        let draw = cells[0] - exact[0];
        cells.iter_mut().zip(exact).for_each(|(cell, exact)| *cell = exact + draw);
    }),
    noised("clamped to the data's own range after the noise", |exact, _, cells| {
        cells.iter_mut().zip(exact).for_each(|(cell, exact)| *cell = (*cell).clamp(*exact.min(&0), *exact.max(&0)));
    }),
    noised("tails cut at three times the scale", |exact, widths, cells| {
        for ((cell, exact), width) in cells.iter_mut().zip(exact).zip(widths) {
            let most = (3.0 * width).ceil() as i128;
            *cell = exact + (*cell - exact).clamp(-most, most);
        }
    }),
    noised("noise without its sign", |exact, _, cells| {
        cells.iter_mut().zip(exact).for_each(|(cell, exact)| *cell = exact + (*cell - exact).abs());
    }),
    noised("no noise where nobody contributed", |exact, _, cells| {
        cells.iter_mut().zip(exact).filter(|(_, exact)| exact.is_zero()).for_each(|(cell, _)| *cell = 0);
    }),
    float("Laplace noise of floats (Mironov's least bits)", |exact, scale, rng| {
        exact + sign(rng) * exponential(scale, rng)
    }),
    float("zero is drawn with either sign", |exact, scale, rng| exact + sign(rng) * exponential(scale, rng).floor()),
    Fault { name: "the state is computed of totals without noise", stages: Stages { exact_state: true, ..PRODUCT } },
    Fault {
        name: "two releases are charged once",
        stages: Stages { charge: |costs| costs.iter().copied().fold(0.0, f64::max), ..PRODUCT },
    },
];

/// What looks like a fault and is none: post-processing of what is released. None of it may be found.
pub const HARMLESS: &[Fault] = &[
    noised("what is below zero is released as zero", |_, _, cells| {
        cells.iter_mut().for_each(|cell| *cell = (*cell).max(0));
    }),
    noised("what is released is rounded to even numbers", |_, _, cells| {
        cells.iter_mut().for_each(|cell| *cell &= !1);
    }),
];

const fn noise(name: &'static str, noise: fn(&Manifest, &mut Plan)) -> Fault {
    Fault { name, stages: Stages { noise, ..PRODUCT } }
}

const fn clamp(name: &'static str, clamp: fn(&Manifest, &mut Plan)) -> Fault {
    Fault { name, stages: Stages { clamp, ..PRODUCT } }
}

const fn grains(name: &'static str, grains: fn(Vec<Answer>) -> Vec<Answer>) -> Fault {
    Fault { name, stages: Stages { grains, ..PRODUCT } }
}

const fn seed(name: &'static str, seed: fn(Source) -> Source) -> Fault {
    Fault { name, stages: Stages { seed, ..PRODUCT } }
}

const fn noised(name: &'static str, noised: Noised) -> Fault {
    Fault { name, stages: Stages { noised: Some(noised), ..PRODUCT } }
}

const fn float(name: &'static str, float: fn(f64, f64, &mut ChaCha20Rng) -> f64) -> Fault {
    Fault { name, stages: Stages { float: Some(float), ..PRODUCT } }
}

/// Changes the scale or variance of every value in every round; told are the places of output, value and round.
fn each(plan: &mut Plan, change: impl Fn(usize, usize, usize, &mut Rational)) {
    for (o, output) in plan.outputs.iter_mut().enumerate() {
        for (v, value) in output.values.iter_mut().enumerate() {
            for (round, noise) in value.noise.iter_mut().enumerate() {
                let (Noise::Laplace { scale: parameter } | Noise::Gaussian { variance: parameter }) = noise;
                change(o, v, round, parameter);
            }
        }
    }
}

/// Makes the noise so many times as wide.
fn resize(plan: &mut Plan, factor: impl Fn(GrainKind, &OutputPlan, &ValuePlan) -> Rational) {
    let before = plan.clone();
    let gaussian = |o: usize, v: usize| matches!(before.outputs[o].values[v].noise[0], Noise::Gaussian { .. });
    each(plan, |o, v, _, parameter| {
        let factor = factor(before.grain, &before.outputs[o], &before.outputs[o].values[v]);
        *parameter *= if gaussian(o, v) { &factor * &factor } else { factor };
    });
}

/// Gives the noise that is wrong by a factor in the budget: scale and variance go down as the budget goes up.
fn divide(plan: &mut Plan, share: impl Fn(usize, usize, usize) -> Rational) {
    each(plan, |output, value, round, parameter| *parameter *= share(output, value, round));
}

/// Gives the noise of another sensitivity, from grain, groups, max_groups and bounds.
fn sense(plan: &mut Plan, other: fn(GrainKind, usize, u32, i64, i64) -> Sensitivity) {
    let before = plan.clone();
    each(plan, |o, v, _, parameter| {
        let (output, value) = (&before.outputs[o], &before.outputs[o].values[v]);
        let right = sensitivity(before.grain, output, value);
        let wrong = other(before.grain, output.domain.size(), output.max_groups, value.lower, value.upper);
        *parameter *= match value.noise[0] {
            Noise::Laplace { .. } => Rational::new(wrong.l1, right.l1),
            Noise::Gaussian { .. } => Rational::new(wrong.l2_squared, right.l2_squared),
        };
    });
}

fn sensitivity(grain: GrainKind, output: &OutputPlan, value: &ValuePlan) -> Sensitivity {
    Sensitivity::new(grain, output.domain.size(), output.max_groups, value.lower, value.upper)
}

fn size(noise: &Noise) -> &Rational {
    let (Noise::Laplace { scale: size } | Noise::Gaussian { variance: size }) = noise;
    size
}

/// A group that was named before in an answer, in an answer of its own.
fn repeats(answer: Answer) -> Vec<Answer> {
    let mut answers: Vec<Answer> = vec![vec![]];
    for item in answer {
        let same = |other: &Item| (other.output, other.group) == (item.output, item.group);
        let free = answers.iter().position(|answer| !answer.iter().any(same));
        match free {
            Some(free) => answers[free].push(item),
            None => answers.push(vec![item]),
        }
    }
    answers
}

fn has_nan(answer: &Answer) -> bool {
    answer.iter().any(|item| item.values.iter().any(|value| value.is_nan()))
}

fn without_nan(mut answer: Answer) -> Answer {
    let values = answer.iter_mut().flat_map(|item| &mut item.values);
    values.filter(|value| value.is_nan()).for_each(|value| *value = f64::INFINITY);
    answer
}

fn exponential(scale: f64, rng: &mut ChaCha20Rng) -> f64 {
    let uniform = ((rng.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    -scale * uniform.ln()
}

fn sign(rng: &mut ChaCha20Rng) -> f64 {
    if rng.next_u64() >> 63 == 1 { -1.0 } else { 1.0 }
}

fn ratio(num: i64, den: i64) -> Rational {
    Rational::new(num.into(), den.into())
}

/// The square root to nine digits, rounded down.
fn root(square: &Rational) -> Rational {
    let scaled = (square.abs() * ratio(1_000_000_000_000_000_000, 1)).floor().to_integer();
    Rational::new(scaled.sqrt(), 1_000_000_000.into())
}
