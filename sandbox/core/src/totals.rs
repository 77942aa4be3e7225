//! Exact totals, and the one way out of them: noise that was drawn before the first grain was added.

use std::sync::Arc;

use rand_distr::Distribution;
use unseen_policies::Plan;

use crate::contributions::Contributions;
use crate::layout::Layout;
use crate::noise::{MAX_DRAW, NoiseError, Sampler};
use crate::release::NoisyTotals;
use crate::seed::RoundSeed;

/// No total is farther from zero than this. A grain moves a total by at most 2^63, so more grains
/// than any machine can count would be needed to get there.
pub const MAX_TOTAL: i128 = 1 << 125;

/// Noised totals are clamped to ±this; see [`MAX_DRAW`].
pub const MAX_NOISY: i128 = 1 << 125;

const _: () = assert!(MAX_DRAW >= MAX_TOTAL + MAX_NOISY);

/// All the noise of one round, drawn ahead of the data, so that the time a sampler takes cannot
/// depend on them and they cannot depend on it. Used up by [`ExactTotals::noise`].
///
/// ```compile_fail
/// fn look(noise: &unseen_core::RoundNoise) {
///     println!("{noise:?}");
/// }
/// ```
pub struct RoundNoise {
    draws: Vec<i128>,
    round: u32,
    ticket: Arc<()>,
}

impl RoundNoise {
    /// Draws one number for each value of each group of each output, in the plan's order.
    pub fn draw(plan: &Plan, seed: RoundSeed) -> Result<RoundNoise, NoiseError> {
        let round = seed.round();
        let mut draws = Vec::with_capacity(Layout::of(plan).cells);
        let mut rng = seed.into_rng();
        for output in &plan.outputs {
            let samplers = output.values.iter().map(|value| {
                let rounds = value.noise.len();
                let noise = value.noise.get(round as usize).ok_or(NoiseError::NoSuchRound { round, rounds })?;
                Sampler::new(noise)
            });
            let samplers: Vec<Sampler> = samplers.collect::<Result<_, _>>()?;
            for _ in 0..output.domain.size() {
                draws.extend(samplers.iter().map(|sampler| sampler.sample(&mut rng)));
            }
        }
        Ok(RoundNoise { draws, round, ticket: Arc::new(()) })
    }
}

/// The exact totals of one round, or of some of its grains. They cannot be printed, compared,
/// cloned or serialised; all that can be done is to add more, and to add the noise.
///
/// ```compile_fail
/// fn print(totals: &unseen_core::ExactTotals) { println!("{totals:?}"); }
/// ```
/// ```compile_fail
/// fn print(totals: &unseen_core::ExactTotals) { println!("{totals}"); }
/// ```
/// ```compile_fail
/// fn copy(totals: &unseen_core::ExactTotals) -> unseen_core::ExactTotals { totals.clone() }
/// ```
/// ```compile_fail
/// fn write(totals: &unseen_core::ExactTotals) -> String { serde_json::to_string(totals).unwrap() }
/// ```
/// ```compile_fail
/// fn peek(totals: &unseen_core::ExactTotals) -> i128 { totals.cells[0] }
/// ```
/// Without noise already drawn there are none to begin with:
/// ```compile_fail
/// fn begin(plan: &unseen_policies::Plan) -> unseen_core::ExactTotals { unseen_core::ExactTotals::zero(plan) }
/// ```
pub struct ExactTotals {
    cells: Vec<i128>,
    ticket: Arc<()>,
}

impl ExactTotals {
    /// Nothing added yet, in the round this noise was drawn for. Each thread or bucket may have its own.
    pub fn zero(noise: &RoundNoise) -> ExactTotals {
        ExactTotals { cells: vec![0; noise.draws.len()], ticket: Arc::clone(&noise.ticket) }
    }

    /// Adds one grain.
    pub fn add(&mut self, contributions: &Contributions) {
        assert_eq!(self.cells.len(), contributions.cells, "invariant: contributions and totals are of one plan");
        for &(cell, steps) in &contributions.steps {
            self.cells[cell] = plus(self.cells[cell], i128::from(steps));
        }
    }

    /// Adds other grains of the same round. In whatever order and whatever parts they are added, the
    /// sum is the same.
    pub fn merge(mut self, other: ExactTotals) -> ExactTotals {
        assert!(Arc::ptr_eq(&self.ticket, &other.ticket), "invariant: merged totals are of one round");
        for (cell, more) in self.cells.iter_mut().zip(other.cells) {
            *cell = plus(*cell, more);
        }
        self
    }

    /// Adds the round's noise. This is where raw becomes releasable.
    pub fn noise(self, noise: RoundNoise) -> NoisyTotals {
        assert!(Arc::ptr_eq(&self.ticket, &noise.ticket), "invariant: the noise is that of the totals' own round");
        let noisy = self.cells.iter().zip(&noise.draws).map(|(total, draw)| (total + draw).clamp(-MAX_NOISY, MAX_NOISY));
        NoisyTotals::new(noise.round, noisy.collect())
    }
}

fn plus(total: i128, more: i128) -> i128 {
    total
        .checked_add(more)
        .filter(|sum| sum.abs() <= MAX_TOTAL)
        .expect("invariant: fewer than 2^62 grains are added up, each of at most 2^63 steps")
}
