//! Exact totals, and the one way out of them: noise that was drawn before the first grain was added.

use rand_distr::Distribution;
use unseen_policies::Plan;

use crate::contributions::Contributions;
use crate::layout::Layout;
use crate::noise::{MAX_DRAW, MAX_NOISY, NoiseError, Sampler};
use crate::order::{Blocks, Buckets, OneGrain, OutOfOrder, Ticket};
use crate::release::NoisyTotals;
use crate::sealed::Sealing;
use crate::seed::RoundSeed;

/// No total is farther from zero than this. A grain moves a total by at most 2^63, so more grains
/// than any machine can count would be needed to get there.
pub const MAX_TOTAL: i128 = 1 << 125;

const SEAL: &[u8] = b"unseen sealed totals v1\n";

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
    ticket: Ticket,
    walked: bool,
}

impl RoundNoise {
    /// Draws one number for each value of each group of each output, in the plan's order.
    pub fn draw(plan: &Plan, seed: RoundSeed) -> Result<RoundNoise, NoiseError> {
        let (round, ticket) = (seed.round(), Ticket::new(plan, seed.run(), seed.round()));
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
        Ok(RoundNoise { draws, round, ticket, walked: false })
    }

    /// The walk whose grains are units. Once in a round.
    pub fn units(&mut self, buckets: u32) -> Result<Buckets, OutOfOrder> {
        Ok(Buckets::new(buckets, Some(self.begin_walk()?)))
    }

    /// The walk whose grains are blocks. Once in a round.
    pub fn blocks(&mut self, count: u32) -> Result<Blocks, OutOfOrder> {
        Ok(Blocks::new(count, self.begin_walk()?))
    }

    fn begin_walk(&mut self) -> Result<Ticket, OutOfOrder> {
        if std::mem::replace(&mut self.walked, true) { Err(OutOfOrder::AnotherWalk) } else { Ok(self.ticket) }
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
    ticket: Ticket,
}

impl ExactTotals {
    /// Nothing added yet, in the round this noise was drawn for. Each thread or bucket may have its own.
    pub fn zero(noise: &RoundNoise) -> ExactTotals {
        ExactTotals { cells: vec![0; noise.draws.len()], ticket: noise.ticket }
    }

    /// Adds one grain, which has its one place in the round.
    pub fn add(&mut self, leave: OneGrain, contributions: &Contributions) {
        assert_eq!(leave.ticket, Some(self.ticket), "invariant: there is leave for a grain of this round");
        assert_eq!(self.cells.len(), contributions.cells, "invariant: contributions and totals are of one plan");
        for &(cell, steps) in &contributions.steps {
            self.cells[cell] = plus(self.cells[cell], i128::from(steps));
        }
    }

    /// Adds other grains of the same round. In whatever order and whatever parts they are added, the
    /// sum is the same.
    pub fn merge(mut self, other: ExactTotals) -> ExactTotals {
        assert_eq!(self.ticket, other.ticket, "invariant: merged totals are of one round");
        for (cell, more) in self.cells.iter_mut().zip(other.cells) {
            *cell = plus(*cell, more);
        }
        self
    }

    /// Encrypted for another process of the same run, which alone has the key. The length follows from the
    /// plan.
    pub fn into_sealed_bytes(self, key: &[u8; 32]) -> Vec<u8> {
        let cells = self.cells.iter().flat_map(|cell| cell.to_le_bytes()).collect();
        Sealing::new(SEAL, key).seal(&self.ticket.to_bytes(), cells)
    }

    /// Back from [`Self::into_sealed_bytes`], if they are of the round this noise was drawn for.
    pub fn from_sealed_bytes(noise: &RoundNoise, key: &[u8; 32], bytes: &[u8]) -> Option<ExactTotals> {
        let content = Sealing::new(SEAL, key).open(&noise.ticket.to_bytes(), bytes)?;
        let (cells, rest) = content.as_chunks::<16>();
        let cells: Vec<i128> = cells.iter().map(|cell| i128::from_le_bytes(*cell)).collect();
        let whole = rest.is_empty() && cells.len() == noise.draws.len();
        whole.then_some(ExactTotals { cells, ticket: noise.ticket })
    }

    /// Adds the round's noise. This is where raw becomes releasable.
    pub fn noise(self, noise: RoundNoise) -> NoisyTotals {
        assert_eq!(self.ticket, noise.ticket, "invariant: the noise is that of the totals' own round");
        let noisy =
            self.cells.iter().zip(&noise.draws).map(|(total, draw)| (total + draw).clamp(-MAX_NOISY, MAX_NOISY));
        NoisyTotals::new(noise.round, noisy.collect())
    }
}

fn plus(total: i128, more: i128) -> i128 {
    total
        .checked_add(more)
        .filter(|sum| sum.abs() <= MAX_TOTAL)
        .expect("invariant: fewer than 2^62 grains are added up, each of at most 2^63 steps")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{NoiseKey, RunIdentity};
    use crate::testing::{laplace, output, plan, ratio, value};
    use proptest::prelude::*;
    use unseen_policies::plan::Noise;

    fn seed(round: u32) -> RoundSeed {
        NoiseKey::new([9; 32]).round_seed(&RunIdentity { origin: "o", entry: 1, leaf: [2; 32], snapshots: &[] }, round)
    }

    fn edge_plan() -> Plan {
        let edge = 1 << 62;
        let values = vec![
            value(
                "a",
                (-edge, edge),
                ratio(1, 1),
                vec![laplace(ratio(1, 1)), Noise::Gaussian { variance: ratio(9, 1) }],
            ),
            value("b", (-1, 1), ratio(1, 1), vec![laplace(ratio(0, 1)), laplace(ratio(0, 1))]),
        ];
        plan(2, vec![output("o", 3, 3, values)])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn any_order_and_any_bucketing_gives_the_same_totals(
            grains in prop::collection::vec(prop::collection::vec((0..6usize, any::<i64>()), 0..6), 0..40),
            order in any::<u64>(), buckets in 1..6usize,
        ) {
            let plan = edge_plan();
            let mut noise = RoundNoise::draw(&plan, seed(0)).unwrap();
            let walk = noise.blocks(2 * grains.len() as u32).unwrap();
            let mut next = 0..;
            let mut leave = || walk.block(next.next().unwrap()).unwrap();
            let grains: Vec<Contributions> = grains.into_iter().map(|steps| Contributions { steps, cells: 6 }).collect();
            let mut straight = ExactTotals::zero(&noise);
            grains.iter().for_each(|grain| straight.add(leave(), grain));
            let mut parts: Vec<ExactTotals> = (0..buckets).map(|_| ExactTotals::zero(&noise)).collect();
            let mut shuffled: Vec<usize> = (0..grains.len()).collect();
            shuffled.sort_by_key(|index| (*index as u64 + 1).wrapping_mul(order | 1).rotate_left(17));
            for index in shuffled {
                parts[(index as u64 ^ order) as usize % buckets].add(leave(), &grains[index]);
            }
            // Every other part comes from another process.
            let carried = parts.into_iter().enumerate().map(|(at, part)| match at % 2 {
                0 => part,
                _ => ExactTotals::from_sealed_bytes(&noise, &[5; 32], &part.into_sealed_bytes(&[5; 32])).unwrap(),
            });
            let merged = carried.reduce(ExactTotals::merge).unwrap();
            prop_assert_eq!(&merged.cells, &straight.cells);
            let exact: Vec<i128> = (0..6).map(|cell| grains.iter().flat_map(|g| &g.steps).filter(|(c, _)| *c == cell).map(|(_, s)| i128::from(*s)).sum()).collect();
            prop_assert_eq!(straight.cells, exact);
        }
    }

    #[test]
    fn sealed_totals_open_in_their_own_round_only() {
        let plan = edge_plan();
        let noise = |plan: &Plan, seed| RoundNoise::draw(plan, seed).unwrap();
        let key = NoiseKey::new([9; 32]);
        let other_run = key.round_seed(&RunIdentity { origin: "o", entry: 2, leaf: [2; 32], snapshots: &[] }, 0);
        let first = noise(&plan, seed(0));
        let sealed = ExactTotals::zero(&first).into_sealed_bytes(&[5; 32]);
        let opens = |noise: &RoundNoise, key, bytes: &[u8]| ExactTotals::from_sealed_bytes(noise, key, bytes).is_some();
        // The same round, drawn again elsewhere.
        assert!(opens(&noise(&plan, seed(0)), &[5; 32], &sealed));
        assert!(!opens(&noise(&plan, seed(1)), &[5; 32], &sealed));
        assert!(!opens(&noise(&plan, other_run), &[5; 32], &sealed));
        assert!(!opens(&first, &[6; 32], &sealed));
        let mut wider = plan.clone();
        wider.outputs[0].values[0].upper += 1;
        assert!(!opens(&noise(&wider, seed(0)), &[5; 32], &sealed), "another plan");
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert!(!opens(&first, &[5; 32], &bent), "byte {at}");
        }
        assert!(!opens(&first, &[5; 32], &sealed[..sealed.len() - 1]));
    }

    #[test]
    fn every_group_of_a_round_gets_the_draws_of_its_own_seed() {
        let plan = edge_plan();
        let draws = |round| RoundNoise::draw(&plan, seed(round)).unwrap().draws;
        assert_eq!(draws(0), draws(0));
        assert_ne!(draws(0), draws(1));
        let mut rng = seed(1).into_rng();
        let gaussian = Sampler::new(&Noise::Gaussian { variance: ratio(9, 1) }).unwrap();
        for group in draws(1).chunks(2) {
            assert_eq!(group, [gaussian.sample(&mut rng), 0]);
        }
        assert!(matches!(RoundNoise::draw(&plan, seed(2)), Err(NoiseError::NoSuchRound { round: 2, rounds: 2 })));
    }

    /// A draw clamped to ±MAX_DRAW and the draw itself cannot be told apart in what is released.
    #[test]
    fn clamping_the_draw_is_clamping_the_release() {
        for total in [-MAX_TOTAL, -1, 0, 1, MAX_TOTAL] {
            for beyond in [MAX_DRAW, MAX_DRAW + 1, i128::MAX - MAX_TOTAL] {
                for sign in [-1, 1] {
                    let ideal = (total + sign * beyond).clamp(-MAX_NOISY, MAX_NOISY);
                    assert_eq!((total + sign * beyond.min(MAX_DRAW)).clamp(-MAX_NOISY, MAX_NOISY), ideal);
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "of the totals' own round")]
    fn noise_of_another_round_is_refused() {
        let plan = edge_plan();
        let (first, second) = (RoundNoise::draw(&plan, seed(0)).unwrap(), RoundNoise::draw(&plan, seed(1)).unwrap());
        ExactTotals::zero(&first).noise(second);
    }
}
