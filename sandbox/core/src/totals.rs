//! Exact totals, and the one way out of them: noise that was drawn before the first grain was added.
//!
//! Grains are added to [`PartialTotals`], of some pieces of a round; these to [`ExactTotals`], which take each
//! piece once and compare what it counts with what is registered; and those, once no piece is missing, are
//! [`WholeTotals`], the only ones that noise can be added to.

use std::collections::BTreeMap;
use std::ops::Range;

use rand_distr::Distribution;
use unseen_ids::sha256;
use unseen_policies::Plan;

use crate::contributions::Contributions;
use crate::coverage::{Counted, Expected};
use crate::noise::{MAX_DRAW, MAX_NOISY, NoiseError, Sampler};
use crate::order::{OutOfOrder, Round, UnitOrder};
use crate::release::NoisyTotals;
use crate::sealed::Sealing;
use crate::seed::RoundSeed;

/// No total is farther from zero than this. A grain moves a total by at most 2^63, so more grains
/// than any machine can count would be needed to get there.
pub const MAX_TOTAL: i128 = 1 << 125;

const SEAL: &[u8] = b"unseen sealed totals v2\n";

const _: () = assert!(MAX_DRAW >= MAX_TOTAL + MAX_NOISY);

/// All the noise of one round, drawn ahead of the data, so that the time a sampler takes cannot
/// depend on them and they cannot depend on it. Used up by [`WholeTotals::noise`].
///
/// ```compile_fail
/// fn look(noise: &unseen_core::RoundNoise) {
///     println!("{noise:?}");
/// }
/// ```
pub struct RoundNoise {
    draws: Vec<i128>,
    number: u32,
    round: Round,
}

impl RoundNoise {
    /// Draws one number for each value of each group of each output, in the plan's order. The round's grains
    /// come in so many pieces.
    pub fn draw(plan: &Plan, seed: RoundSeed, pieces: u32) -> Result<RoundNoise, NoiseError> {
        let (number, round) = (seed.round(), Round::new(plan, seed.run, seed.round(), pieces));
        let mut draws = Vec::with_capacity(round.cells);
        let mut rng = seed.into_rng();
        for output in &plan.outputs {
            let samplers = output.values.iter().map(|value| {
                let rounds = value.noise.len();
                let noise = value.noise.get(number as usize);
                Sampler::new(noise.ok_or(NoiseError::NoSuchRound { round: number, rounds })?)
            });
            let samplers: Vec<Sampler> = samplers.collect::<Result<_, _>>()?;
            for _ in 0..output.domain.size() {
                draws.extend(samplers.iter().map(|sampler| sampler.sample(&mut rng)));
            }
        }
        Ok(RoundNoise { draws, number, round })
    }

    /// The round it was drawn for.
    pub fn round(&self) -> &Round {
        &self.round
    }
}

/// The exact totals of some pieces of one round, by whichever thread or machine. Nothing but a seal lets them out
/// of a process, and no noise can be added to them: what they lack, nobody could see.
///
/// ```compile_fail
/// fn print(totals: &unseen_core::PartialTotals) { println!("{totals:?}"); }
/// ```
/// ```compile_fail
/// fn copy(totals: &unseen_core::PartialTotals) -> unseen_core::PartialTotals { totals.clone() }
/// ```
/// ```compile_fail
/// fn peek(totals: &unseen_core::PartialTotals) -> i128 { totals.cells[0] }
/// ```
/// ```compile_fail
/// fn publish(totals: unseen_core::PartialTotals, noise: unseen_core::RoundNoise) { totals.noise(noise); }
/// ```
pub struct PartialTotals {
    cells: Vec<i128>,
    round: Round,
    /// The pieces that are in it whole.
    pieces: BTreeMap<u32, Vec<Counted>>,
    /// A bucket was begun and not finished.
    unfinished: bool,
}

/// A bucket in the making.
pub struct Bucket<'t> {
    totals: &'t mut PartialTotals,
    order: UnitOrder,
    bucket: u32,
}

/// Leave to add one grain. It cannot be made, copied or kept.
///
/// ```compile_fail
/// fn twice(leave: unseen_core::OneGrain<'_>, grain: &unseen_core::Contributions) {
///     leave.add(grain);
///     leave.add(grain);
/// }
/// ```
#[must_use = "a grain that was given its place must be added or deliberately dropped"]
pub struct OneGrain<'t>(&'t mut PartialTotals);

impl PartialTotals {
    /// Nothing added yet.
    pub fn zero(round: &Round) -> PartialTotals {
        PartialTotals { cells: vec![0; round.cells], round: *round, pieces: BTreeMap::new(), unfinished: false }
    }

    /// Begins a bucket, whose grains are units.
    pub fn bucket(&mut self, bucket: u32) -> Result<Bucket<'_>, OutOfOrder> {
        self.ensure_new(bucket)?;
        self.unfinished = true;
        let order = UnitOrder::new(bucket, self.round.pieces);
        Ok(Bucket { totals: self, order, bucket })
    }

    /// A whole block, which is one grain and counts so much.
    pub fn block(&mut self, block: u32, counted: Vec<Counted>) -> Result<OneGrain<'_>, OutOfOrder> {
        self.ensure_new(block)?;
        self.pieces.insert(block, counted);
        Ok(OneGrain(self))
    }

    /// Adds other pieces of the same round, or nothing. In whatever order and whatever parts they are added, the sum is
    /// the same.
    pub fn merge(&mut self, other: PartialTotals) -> Result<(), OutOfOrder> {
        self.ensure_fits(&other)?;
        other.pieces.keys().try_for_each(|piece| self.ensure_new(*piece))?;
        for (cell, more) in self.cells.iter_mut().zip(other.cells) {
            *cell = plus(*cell, more);
        }
        self.pieces.extend(other.pieces);
        Ok(())
    }

    /// Encrypted for whoever adds them up, bound to the round, to the pieces and to `context`. The length follows from
    /// the plan, the number of pieces and that of inputs.
    pub fn seal(self, key: &[u8; 32], context: &[u8]) -> Result<Vec<u8>, OutOfOrder> {
        let pieces = self.range()?;
        Ok(Sealing::new(SEAL, key).seal(&self.round.bound(&pieces, context), self.content()))
    }

    /// Back from [`Self::seal`], if these are the pieces of this round.
    pub fn open(
        round: &Round,
        pieces: Range<u32>,
        key: &[u8; 32],
        context: &[u8],
        sealed: &[u8],
    ) -> Option<PartialTotals> {
        let content = Sealing::new(SEAL, key).open(&round.bound(&pieces, context), sealed)?;
        let (numbers, rest) = content.as_chunks::<16>();
        let (cells, counts) = numbers.split_at_checked(round.cells)?;
        let inputs = counts.len().checked_div(pieces.len())?;
        if !rest.is_empty() || pieces.end > round.pieces || inputs * pieces.len() != counts.len() || inputs == 0 {
            return None;
        }
        let counted = |number: &[u8; 16]| {
            let number = u128::from_le_bytes(*number);
            Counted { rows: (number >> 64) as u64, units: number as u64 }
        };
        let pieces = pieces.zip(counts.chunks(inputs).map(|piece| piece.iter().map(counted).collect())).collect();
        let cells = cells.iter().map(|cell| i128::from_le_bytes(*cell)).collect();
        Some(PartialTotals { cells, round: *round, pieces, unfinished: false })
    }

    fn content(&self) -> Vec<u8> {
        let count = |count: &Counted| u128::from(count.rows) << 64 | u128::from(count.units);
        let counts = self.pieces.values().flatten().map(|counted| count(counted).to_le_bytes());
        self.cells.iter().map(|cell| cell.to_le_bytes()).chain(counts).flatten().collect()
    }

    /// The pieces, which follow on each other.
    fn range(&self) -> Result<Range<u32>, OutOfOrder> {
        let first = self.pieces.keys().next().copied().unwrap_or_default();
        let end = first + self.pieces.len() as u32;
        match (first..end).find(|piece| !self.pieces.contains_key(piece)) {
            _ if self.unfinished => Err(OutOfOrder::Unfinished),
            Some(piece) => Err(OutOfOrder::Missing(piece)),
            None => Ok(first..end),
        }
    }

    fn ensure_new(&self, piece: u32) -> Result<(), OutOfOrder> {
        match self.pieces.contains_key(&piece) || piece >= self.round.pieces {
            _ if self.unfinished => Err(OutOfOrder::Unfinished),
            true => Err(OutOfOrder::Taken(piece)),
            false => Ok(()),
        }
    }

    fn ensure_fits(&self, other: &PartialTotals) -> Result<(), OutOfOrder> {
        match other.unfinished {
            true => Err(OutOfOrder::Unfinished),
            false if self.round != other.round => Err(OutOfOrder::OtherRound),
            false => Ok(()),
        }
    }
}

impl Bucket<'_> {
    /// The next unit, all its rows in one grain.
    pub fn next(&mut self, unit: &[u8]) -> Result<OneGrain<'_>, OutOfOrder> {
        self.order.next(unit)?;
        Ok(OneGrain(self.totals))
    }

    /// The bucket was read to its end, and counts so much.
    pub fn finish(self, counted: Vec<Counted>) {
        self.totals.pieces.insert(self.bucket, counted);
        self.totals.unfinished = false;
    }
}

impl OneGrain<'_> {
    /// Adds it.
    pub fn add(self, contributions: &Contributions) {
        assert_eq!(self.0.cells.len(), contributions.cells, "invariant: contributions and totals are of one plan");
        for &(cell, steps) in &contributions.steps {
            self.0.cells[cell] = plus(self.0.cells[cell], i128::from(steps));
        }
    }
}

/// The exact totals of one round, as far as they have come. They cannot be printed, compared, cloned or serialised;
/// all that can be done is to add more, and to find out what is missing.
///
/// ```compile_fail
/// fn print(totals: &unseen_core::ExactTotals) { println!("{totals:?}"); }
/// ```
/// ```compile_fail
/// fn copy(totals: &unseen_core::ExactTotals) -> unseen_core::ExactTotals { totals.clone() }
/// ```
/// ```compile_fail
/// fn write(totals: &unseen_core::ExactTotals) -> String { serde_json::to_string(totals).unwrap() }
/// ```
/// ```compile_fail
/// fn peek(totals: &unseen_core::ExactTotals) -> i128 { totals.sums.cells[0] }
/// ```
/// As long as something may be missing, no noise can be added:
/// ```compile_fail
/// fn publish(totals: unseen_core::ExactTotals, noise: unseen_core::RoundNoise) { totals.noise(noise); }
/// ```
/// And without noise already drawn there are none to begin with:
/// ```compile_fail
/// fn begin(round: &unseen_core::Round) -> unseen_core::ExactTotals { unseen_core::ExactTotals::zero(round) }
/// ```
pub struct ExactTotals {
    sums: PartialTotals,
    expected: Expected,
    /// The parts that were added, by their first pieces: where each ends, and a digest of it.
    parts: BTreeMap<u32, (u32, [u8; 32])>,
}

impl ExactTotals {
    /// Nothing added yet, in the round this noise was drawn for.
    pub fn zero(noise: &RoundNoise, expected: Expected) -> ExactTotals {
        assert_eq!(noise.round.pieces, expected.pieces(), "invariant: the pieces of a round are one number");
        ExactTotals { sums: PartialTotals::zero(&noise.round), expected, parts: BTreeMap::new() }
    }

    /// Adds a part. The same part again, from whomever, is compared and changes nothing; returns whether it was new.
    pub fn absorb(&mut self, part: PartialTotals) -> Result<bool, OutOfOrder> {
        let range = part.range()?;
        self.sums.ensure_fits(&part)?;
        let digest = sha256(&[&part.content()]);
        match self.parts.get(&range.start) {
            Some((end, before)) if *end == range.end && *before == digest => return Ok(false),
            Some((end, _)) if *end == range.end => return Err(OutOfOrder::Unequal(range.start, range.end - 1)),
            _ => {}
        }
        self.expected.check(&part.pieces)?;
        self.sums.merge(part)?;
        self.parts.insert(range.start, (range.end, digest));
        Ok(true)
    }

    /// The first piece that is not there yet.
    pub fn missing(&self) -> Option<u32> {
        (0..self.expected.pieces()).find(|piece| !self.sums.pieces.contains_key(piece))
    }

    /// All pieces are there, and what they count is what is registered.
    pub fn complete(self) -> Result<WholeTotals, OutOfOrder> {
        self.missing().map_or(Ok(()), |piece| Err(OutOfOrder::Missing(piece)))?;
        self.expected.check_all(&self.sums.pieces)?;
        Ok(WholeTotals(self.sums))
    }
}

/// The exact totals of a whole round, each of whose pieces is in them once. All that can be done is to add the noise.
///
/// ```compile_fail
/// fn print(totals: &unseen_core::WholeTotals) { println!("{totals:?}"); }
/// ```
/// ```compile_fail
/// fn pretend(totals: unseen_core::PartialTotals) -> unseen_core::WholeTotals { unseen_core::WholeTotals(totals) }
/// ```
pub struct WholeTotals(PartialTotals);

impl WholeTotals {
    /// Adds the round's noise. This is where raw becomes releasable.
    pub fn noise(self, noise: RoundNoise) -> NoisyTotals {
        assert_eq!(self.0.round, noise.round, "invariant: the noise is that of the totals' own round");
        let noisy =
            self.0.cells.iter().zip(&noise.draws).map(|(total, draw)| (total + draw).clamp(-MAX_NOISY, MAX_NOISY));
        NoisyTotals::new(noise.number, noisy.collect())
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

    const RUN: RunIdentity<'static> = RunIdentity { origin: "o", entry: 1, leaf: [2; 32], snapshots: &[] };

    fn seed(round: u32) -> RoundSeed {
        NoiseKey::new([9; 32]).round_seed(&RUN, round)
    }

    fn noise(plan: &Plan, round: u32, pieces: u32) -> RoundNoise {
        RoundNoise::draw(plan, seed(round), pieces).unwrap()
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

    fn grain(steps: &[(usize, i64)]) -> Contributions {
        Contributions { steps: steps.to_vec(), cells: 6 }
    }

    const ONE: Counted = Counted { rows: 3, units: 1 };

    fn each(pieces: u32) -> Expected {
        Expected::Each((0..pieces).map(|_| vec![ONE]).collect())
    }

    /// These pieces, in each of which cell 0 is its number.
    fn part(round: &Round, pieces: Range<u32>) -> PartialTotals {
        let mut part = PartialTotals::zero(round);
        for piece in pieces {
            part.block(piece, vec![ONE]).unwrap().add(&grain(&[(0, i64::from(piece))]));
        }
        part
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn any_order_and_any_parts_give_the_same_totals(
            grains in prop::collection::vec(prop::collection::vec((0..6usize, any::<i64>()), 0..6), 1..40),
            cuts in prop::collection::btree_set(1..40u32, 0..6), order in any::<u64>(),
        ) {
            let (plan, pieces) = (edge_plan(), grains.len() as u32);
            let noise = noise(&plan, 0, pieces);
            let grains: Vec<Contributions> = grains.iter().map(|steps| grain(steps)).collect();
            let ends = cuts.into_iter().filter(|cut| *cut < pieces).chain([pieces]);
            let mut parts = Vec::new();
            let mut start = 0;
            for end in ends {
                let mut part = PartialTotals::zero(noise.round());
                for piece in start..end {
                    part.block(piece, vec![ONE]).unwrap().add(&grains[piece as usize]);
                }
                parts.push((start..end, part));
                start = end;
            }
            parts.sort_by_key(|(range, _)| (u64::from(range.start) + 1).wrapping_mul(order | 1).rotate_left(17));
            let mut totals = ExactTotals::zero(&noise, each(pieces));
            for (range, part) in parts {
                prop_assert!(totals.missing().is_some());
                // Every other part comes from another process.
                let part = match range.start % 2 {
                    0 => part,
                    _ => PartialTotals::open(noise.round(), range, &[5; 32], b"c", &part.seal(&[5; 32], b"c").unwrap()).unwrap(),
                };
                prop_assert!(totals.absorb(part).unwrap());
            }
            let exact: Vec<i128> = (0..6).map(|cell| grains.iter().flat_map(|g| &g.steps).filter(|(c, _)| *c == cell).map(|(_, s)| i128::from(*s)).sum()).collect();
            prop_assert_eq!(totals.complete().map_err(|error| error.to_string()).unwrap().0.cells, exact);
        }
    }

    #[test]
    fn a_piece_counts_once_whoever_sends_it_and_however_often() {
        let noise = noise(&edge_plan(), 0, 4);
        let mut totals = ExactTotals::zero(&noise, each(4));
        assert_eq!(totals.absorb(part(noise.round(), 1..3)), Ok(true));
        assert_eq!(totals.absorb(part(noise.round(), 1..3)), Ok(false));
        // The same pieces cut otherwise, and others between them.
        assert_eq!(totals.absorb(part(noise.round(), 1..2)), Err(OutOfOrder::Taken(1)));
        assert_eq!(totals.absorb(part(noise.round(), 0..4)), Err(OutOfOrder::Taken(1)));
        let mut other = PartialTotals::zero(noise.round());
        other.block(1, vec![ONE]).unwrap().add(&grain(&[(0, 2)]));
        drop(other.block(2, vec![ONE]).unwrap());
        assert_eq!(totals.absorb(other), Err(OutOfOrder::Unequal(1, 2)));
        let later = self::noise(&edge_plan(), 1, 4);
        assert_eq!(totals.absorb(part(later.round(), 0..1)), Err(OutOfOrder::OtherRound));
        let mut gap = part(noise.round(), 0..1);
        drop(gap.block(3, vec![ONE]).unwrap());
        assert_eq!(totals.absorb(gap), Err(OutOfOrder::Missing(1)));
        assert_eq!(totals.missing(), Some(0));
        assert_eq!(totals.absorb(part(noise.round(), 0..1)), Ok(true));
        assert_eq!(totals.missing(), Some(3));
        assert_eq!(totals.absorb(part(noise.round(), 3..4)), Ok(true));
        let whole = totals.complete().map_err(|error| error.to_string()).unwrap();
        assert_eq!(whole.0.cells, [1 + 2 + 3, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn what_is_missing_or_miscounted_gets_no_noise() {
        let noise = noise(&edge_plan(), 0, 2);
        let complete = |totals: ExactTotals| totals.complete().map(drop);
        let mut totals = ExactTotals::zero(&noise, each(2));
        totals.absorb(part(noise.round(), 1..2)).unwrap();
        assert_eq!(complete(totals), Err(OutOfOrder::Missing(0)));
        let mut short = PartialTotals::zero(noise.round());
        drop(short.block(0, vec![Counted { rows: 2, units: 1 }]).unwrap());
        assert_eq!(ExactTotals::zero(&noise, each(2)).absorb(short), Err(OutOfOrder::Counts(0)));
        for (rows, outcome) in [(6, Ok(())), (5, Err(OutOfOrder::Counts(2)))] {
            let expected = Expected::Together { blocks: 2, counted: vec![Counted { rows, units: 2 }] };
            let mut totals = ExactTotals::zero(&noise, expected);
            totals.absorb(part(noise.round(), 0..2)).unwrap();
            assert_eq!(complete(totals), outcome);
        }
        // A bucket that was left in the middle.
        let mut totals = PartialTotals::zero(noise.round());
        drop(totals.bucket(0).unwrap());
        assert_eq!(totals.bucket(1).map(drop), Err(OutOfOrder::Unfinished));
        assert_eq!(PartialTotals::zero(noise.round()).merge(totals), Err(OutOfOrder::Unfinished));
        let mut totals = part(noise.round(), 0..1);
        drop(totals.bucket(1).unwrap());
        assert_eq!(totals.seal(&[5; 32], b"c"), Err(OutOfOrder::Unfinished));
        let mut totals = part(noise.round(), 0..1);
        assert_eq!(totals.bucket(0).map(drop), Err(OutOfOrder::Taken(0)));
        assert_eq!(totals.block(2, vec![]).map(drop), Err(OutOfOrder::Taken(2)));
    }

    #[test]
    fn sealed_totals_open_in_their_own_place_only() {
        let plan = edge_plan();
        let first = noise(&plan, 0, 4);
        let sealed = part(first.round(), 1..3).seal(&[5; 32], b"attempt 1").unwrap();
        let opens = |noise: &RoundNoise, pieces, key, context: &[u8], bytes: &[u8]| {
            PartialTotals::open(noise.round(), pieces, key, context, bytes).is_some()
        };
        let here = |bytes: &[u8]| opens(&first, 1..3, &[5; 32], b"attempt 1", bytes);
        assert!(here(&sealed));
        // The same round, drawn again elsewhere.
        assert!(opens(&noise(&plan, 0, 4), 1..3, &[5; 32], b"attempt 1", &sealed));
        assert!(!opens(&noise(&plan, 1, 4), 1..3, &[5; 32], b"attempt 1", &sealed), "another round");
        assert!(!opens(&noise(&plan, 0, 5), 1..3, &[5; 32], b"attempt 1", &sealed), "other pieces in all");
        let other_run = NoiseKey::new([9; 32]).round_seed(&RunIdentity { entry: 2, ..RUN }, 0);
        let other_run = RoundNoise::draw(&plan, other_run, 4).unwrap();
        assert!(!opens(&other_run, 1..3, &[5; 32], b"attempt 1", &sealed), "another run");
        let mut wider = plan.clone();
        wider.outputs[0].values[0].upper += 1;
        assert!(!opens(&noise(&wider, 0, 4), 1..3, &[5; 32], b"attempt 1", &sealed), "another plan");
        assert!(!opens(&first, 0..2, &[5; 32], b"attempt 1", &sealed), "other pieces");
        assert!(!opens(&first, 1..3, &[6; 32], b"attempt 1", &sealed), "another key");
        assert!(!opens(&first, 1..3, &[5; 32], b"attempt 2", &sealed), "another context");
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert!(!here(&bent), "byte {at}");
        }
        assert!(!here(&sealed[..sealed.len() - 1]));
    }

    /// Whoever has the key can seal anything.
    #[test]
    fn what_is_sealed_rightly_and_counts_wrongly_does_not_open() {
        let first = noise(&edge_plan(), 0, 4);
        let opens = |pieces: Range<u32>, numbers: usize, bytes: usize| {
            let content = vec![0; 16 * numbers + bytes];
            let sealed = Sealing::new(SEAL, &[5; 32]).seal(&first.round().bound(&pieces, b"c"), content);
            PartialTotals::open(first.round(), pieces, &[5; 32], b"c", &sealed).is_some()
        };
        assert!(opens(1..3, 6 + 2, 0) && opens(1..3, 6 + 4, 0) && opens(0..4, 6 + 4, 0));
        assert!(!opens(1..3, 6 + 2, 1), "a byte more");
        assert!(!opens(1..3, 6 + 3, 0), "pieces of unequal inputs");
        assert!(!opens(1..3, 6, 0) && !opens(1..3, 5, 0), "nothing counted");
        assert!(!opens(3..5, 6 + 2, 0) && !opens(2..2, 6, 0), "pieces that are not there");
    }

    #[test]
    fn a_release_is_the_total_and_its_own_draw_within_bounds() {
        let mut noise = noise(&edge_plan(), 0, 2);
        noise.draws = vec![7, -7, MAX_DRAW, -MAX_DRAW, 0, MAX_NOISY - 1];
        let mut part = PartialTotals::zero(noise.round());
        part.block(0, vec![ONE]).unwrap().add(&grain(&[(0, 5), (1, -5), (2, -9), (3, 9), (4, i64::MIN), (5, 1)]));
        part.block(1, vec![ONE]).unwrap().add(&grain(&[(4, i64::MIN), (5, 1)]));
        let mut totals = ExactTotals::zero(&noise, each(2));
        totals.absorb(part).unwrap();
        let noisy = totals.complete().map_err(|error| error.to_string()).unwrap().noise(noise);
        assert_eq!(noisy.steps(), [12, -12, MAX_NOISY, -MAX_NOISY, 2 * i128::from(i64::MIN), MAX_NOISY]);
    }

    #[test]
    fn every_group_of_a_round_gets_the_draws_of_its_own_seed() {
        let plan = edge_plan();
        let draws = |round| noise(&plan, round, 1).draws;
        assert_eq!(draws(0), draws(0));
        assert_ne!(draws(0), draws(1));
        let mut rng = seed(1).into_rng();
        let gaussian = Sampler::new(&Noise::Gaussian { variance: ratio(9, 1) }).unwrap();
        for group in draws(1).chunks(2) {
            assert_eq!(group, [gaussian.sample(&mut rng), 0]);
        }
        let past = RoundNoise::draw(&plan, seed(2), 1);
        assert!(matches!(past, Err(NoiseError::NoSuchRound { round: 2, rounds: 2 })));
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
        let (first, second) = (noise(&plan, 0, 0), noise(&plan, 1, 0));
        let whole = ExactTotals::zero(&first, each(0)).complete().map_err(|error| error.to_string()).unwrap();
        whole.noise(second);
    }
}
