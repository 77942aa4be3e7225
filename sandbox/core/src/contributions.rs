//! From what a guest says to what is counted: contribution bounds, enforced by the host.
//!
//! Whatever the guest answers, the [`Contributions`] of one grain name at most `max_groups` groups
//! of each output, all of the declared domain, and give each of their values a whole number of
//! steps within the declared bounds. That is all the proof in `docs/proofs/clamp-and-sum.md` asks.

use num_bigint::BigUint;
use num_integer::Integer;
use num_traits::{Signed, ToPrimitive, Zero};
use unseen_ids::KeyRef;
use unseen_policies::plan::ValuePlan;
use unseen_policies::{Plan, Rational};

use crate::layout::Layout;

/// One item of a guest's answer. Nothing in it can be trusted.
#[derive(Clone, Copy)]
pub struct RawContribution<'a> {
    /// Index of the output in the plan.
    pub output: u32,
    /// One key for each group column.
    pub group: &'a [KeyRef<'a>],
    /// One number for each value of the output.
    pub values: &'a [f64],
}

/// What one grain adds to the totals, within the plan's bounds. Made by a [`Clamper`] only.
///
/// ```compile_fail
/// fn print(contributions: &unseen_core::Contributions) {
///     println!("{contributions:?}");
/// }
/// ```
pub struct Contributions {
    /// (cell, steps), no cell twice.
    pub(crate) steps: Vec<(usize, i64)>,
    pub(crate) cells: usize,
}

/// Turns answers into contributions. Keeps its buffers from grain to grain, and nothing else.
pub struct Clamper<'p> {
    plan: &'p Plan,
    layout: Layout,
    grids: Vec<Vec<Grid>>,
    /// For each group of each output: one more than its place in `entries`, or 0.
    slots: Vec<u32>,
    entries: Vec<Entry>,
    /// The values of the entries, in steps, summed and not yet clamped.
    sums: Vec<i128>,
    /// Distinct groups so far, by output.
    groups: Vec<u32>,
    contributions: Contributions,
}

struct Entry {
    output: usize,
    group: usize,
    first_sum: usize,
}

impl<'p> Clamper<'p> {
    /// For grains of this plan.
    pub fn new(plan: &'p Plan) -> Clamper<'p> {
        let layout = Layout::of(plan);
        let grid_of = |value: &ValuePlan| Grid::new(&value.granularity, value.lower, value.upper);
        Clamper {
            plan,
            grids: plan.outputs.iter().map(|output| output.values.iter().map(grid_of).collect()).collect(),
            slots: vec![0; layout.groups],
            entries: Vec::new(),
            sums: Vec::new(),
            groups: vec![0; plan.outputs.len()],
            contributions: Contributions { steps: Vec::new(), cells: layout.cells },
            layout,
        }
    }

    /// Clamps a whole answer. A grain that failed has the empty answer.
    pub fn clamp<'a>(&mut self, answer: impl IntoIterator<Item = RawContribution<'a>>) -> &Contributions {
        let mut grain = self.grain();
        for raw in answer {
            grain.push(raw);
        }
        grain.finish()
    }

    /// Begins the answer of the next grain.
    pub fn grain(&mut self) -> Grain<'_, 'p> {
        for entry in self.entries.drain(..) {
            self.slots[self.layout.outputs[entry.output].first_group + entry.group] = 0;
        }
        self.sums.clear();
        self.groups.fill(0);
        self.contributions.steps.clear();
        Grain { clamper: self }
    }
}

/// One grain's answer, in the making.
pub struct Grain<'c, 'p> {
    clamper: &'c mut Clamper<'p>,
}

impl<'c> Grain<'c, '_> {
    // Proved: proofs/Clamp.v, `every_answer_is_bounded` and `saturation_never_shows`.
    /// Takes the next item in the guest's order. Dropped without a word: an item whose output does
    /// not exist, whose group is not in the domain, or that has another number of keys or values
    /// than declared; and any item that names one group more than `max_groups` of its output.
    pub fn push(&mut self, raw: RawContribution<'_>) {
        let clamper = &mut *self.clamper;
        let index = raw.output as usize;
        let Some(output) = clamper.plan.outputs.get(index) else { return };
        if raw.values.len() != output.values.len() {
            return;
        }
        let Some(group) = output.domain.index_of(raw.group) else { return };
        let slot = &mut clamper.slots[clamper.layout.outputs[index].first_group + group];
        if *slot == 0 {
            if clamper.groups[index] >= output.max_groups {
                return;
            }
            clamper.groups[index] += 1;
            clamper.entries.push(Entry { output: index, group, first_sum: clamper.sums.len() });
            clamper.sums.resize(clamper.sums.len() + raw.values.len(), 0);
            *slot = clamper.entries.len() as u32;
        }
        let first_sum = clamper.entries[*slot as usize - 1].first_sum;
        let sums = &mut clamper.sums[first_sum..first_sum + raw.values.len()];
        for ((sum, grid), value) in sums.iter_mut().zip(&clamper.grids[index]).zip(raw.values) {
            // Each number is at most 2^64 steps, so 2^62 items could not overflow the sum.
            *sum = sum.saturating_add(grid.steps(*value));
        }
    }

    // Proved: proofs/Clamp.v, `every_answer_is_bounded`.
    /// Clamps what was summed up.
    pub fn finish(self) -> &'c Contributions {
        let clamper = self.clamper;
        for entry in &clamper.entries {
            let first_cell = clamper.layout.cell(entry.output, entry.group);
            for (offset, grid) in clamper.grids[entry.output].iter().enumerate() {
                let steps = grid.clamp(clamper.sums[entry.first_sum + offset]);
                clamper.contributions.steps.push((first_cell + offset, steps));
            }
        }
        debug_assert!(within_bounds(clamper.plan, &clamper.layout, &clamper.contributions));
        &clamper.contributions
    }
}

/// The bounds and grid of one value.
struct Grid {
    lower: i64,
    upper: i64,
    granularity: Rational,
    /// Numerator and denominator of the granularity, where they fit.
    words: Option<(u64, u64)>,
}

impl Grid {
    /// No single number counts for more steps than this: the largest finite doubles and the
    /// infinities do.
    const MOST: i128 = 1 << 64;

    fn new(granularity: &Rational, lower: i64, upper: i64) -> Grid {
        let words = granularity.numer().to_u64().zip(granularity.denom().to_u64());
        Grid { lower, upper, granularity: granularity.clone(), words }
    }

    // Proved: proofs/Clamp.v, `nearest_is_nearest` and `steps_bounded`.
    /// The number of steps nearest to `value`, ties to even, within ±[`Self::MOST`]; the lower bound
    /// for NaN. Exact: the double's own binary value is divided by the granularity in integers.
    fn steps(&self, value: f64) -> i128 {
        if value.is_nan() {
            return i128::from(self.lower);
        }
        let steps = match self.words {
            _ if value.is_infinite() => Self::MOST,
            Some((num, den)) => nearest(value, num, den),
            None => self.nearest_big(value),
        };
        let steps = if value.is_sign_negative() { -steps } else { steps };
        debug_assert_eq!(steps, self.steps_by_fraction(value), "two ways to quantise {value} must agree");
        steps
    }

    fn clamp(&self, steps: i128) -> i64 {
        let clamped = steps.clamp(i128::from(self.lower), i128::from(self.upper));
        i64::try_from(clamped).expect("invariant: the bounds are i64")
    }

    fn nearest_big(&self, value: f64) -> i128 {
        let (mantissa, exponent) = decompose(value);
        let (mut num, mut den) =
            (self.granularity.denom().magnitude() * mantissa, self.granularity.numer().magnitude().clone());
        if exponent < 0 {
            den <<= exponent.unsigned_abs()
        } else {
            num <<= exponent.unsigned_abs()
        }
        let (quotient, rest) = num.div_rem(&den);
        let twice: BigUint = rest << 1u32;
        let up = twice > den || (twice == den && quotient.is_odd());
        (quotient + u32::from(up)).to_i128().map_or(Self::MOST, |steps| steps.min(Self::MOST))
    }

    /// The same by a second route: as one fraction, plus a half, rounded down.
    fn steps_by_fraction(&self, value: f64) -> i128 {
        if value.is_infinite() {
            return if value.is_sign_negative() { -Self::MOST } else { Self::MOST };
        }
        let (mantissa, exponent) = decompose(value);
        let (mut num, mut den) = ((self.granularity.denom() * mantissa) << 1u32, self.granularity.numer() << 1u32);
        *(if exponent < 0 { &mut den } else { &mut num }) <<= exponent.unsigned_abs();
        let num = if value.is_sign_negative() { -num } else { num };
        let (mut nearest, rest) = (num + (&den >> 1u32)).div_mod_floor(&den);
        if rest.is_zero() && nearest.is_odd() {
            nearest -= 1;
        }
        let most = if nearest.is_negative() { -Self::MOST } else { Self::MOST };
        nearest.to_i128().filter(|steps| steps.unsigned_abs() <= Self::MOST.unsigned_abs()).unwrap_or(most)
    }
}

// Proved: proofs/Clamp.v, `decompose_keeps_the_value`.
/// |value| as mantissa × 2^exponent, with an odd mantissa unless it is zero.
fn decompose(value: f64) -> (u64, i32) {
    let bits = value.to_bits();
    let (biased, fraction) = ((bits >> 52 & 0x7ff) as i32, bits & ((1 << 52) - 1));
    let (mantissa, exponent) = if biased == 0 { (fraction, -1074) } else { (fraction | 1 << 52, biased - 1075) };
    if mantissa.is_zero() {
        return (0, 0);
    }
    let zeros = mantissa.trailing_zeros();
    (mantissa >> zeros, exponent + zeros as i32)
}

// Proved: proofs/Clamp.v, `nearest_words_is_nearest` and `nearest_words_fit`.
/// |value| / (num / den) to the nearest integer, ties to even, at most [`Grid::MOST`].
fn nearest(value: f64, num: u64, den: u64) -> i128 {
    let (mantissa, exponent) = decompose(value);
    // Below 2^53 × 2^64 = 2^117.
    let (mut dividend, mut divisor) = (u128::from(mantissa) * u128::from(den), u128::from(num));
    if exponent >= 0 {
        if exponent as u32 > dividend.leading_zeros() {
            // At least 2^128 / num: more than the most.
            return Grid::MOST;
        }
        dividend <<= exponent;
    } else {
        if exponent.unsigned_abs() > divisor.leading_zeros() {
            // Below 2^117 / 2^128: less than a half.
            return 0;
        }
        divisor <<= exponent.unsigned_abs();
    }
    let (quotient, rest) = if let (Ok(dividend), Ok(divisor)) = (u64::try_from(dividend), u64::try_from(divisor)) {
        (u128::from(dividend / divisor), u128::from(dividend % divisor))
    } else {
        dividend.div_rem(&divisor)
    };
    let up = rest > divisor - rest || (rest == divisor - rest && quotient % 2 == 1);
    i128::try_from(quotient + u128::from(up)).map_or(Grid::MOST, |steps| steps.min(Grid::MOST))
}

/// The second look of debug builds at what the clamp promises.
fn within_bounds(plan: &Plan, layout: &Layout, contributions: &Contributions) -> bool {
    let mut seen = std::collections::BTreeSet::new();
    let mut groups = std::collections::BTreeSet::new();
    contributions.steps.iter().all(|&(cell, steps)| {
        let (output, group, value) = layout.place(cell);
        groups.insert((output, group));
        let bounds = &plan.outputs[output].values[value];
        seen.insert(cell) && (bounds.lower..=bounds.upper).contains(&steps)
    }) && (0..plan.outputs.len())
        .all(|output| groups.range((output, 0)..(output + 1, 0)).count() <= plan.outputs[output].max_groups as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{laplace, output, plan, ratio, value};
    use num_bigint::BigInt;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use unseen_policies::manifest::GrainKind;
    use unseen_policies::plan::Sensitivity;

    /// Two outputs: (count in 0..=1, amount in -3.00..=5.00 by cents) over 4 groups, at most 2 of
    /// them; and one number by thirds over 3 groups, at most 1.
    fn two_outputs() -> Plan {
        let noise = || vec![laplace(ratio(1, 1))];
        let amounts =
            vec![value("count", (0, 1), ratio(1, 1), noise()), value("amount", (-300, 500), ratio(1, 100), noise())];
        plan(
            1,
            vec![
                output("amounts", 4, 2, amounts),
                output("third", 3, 1, vec![value("x", (2, 9), ratio(1, 3), noise())]),
            ],
        )
    }

    type Item = (u32, Vec<i64>, Vec<f64>);

    fn clamp(clamper: &mut Clamper<'_>, items: &[Item]) -> BTreeMap<usize, i64> {
        let mut grain = clamper.grain();
        for (output, keys, values) in items {
            let keys: Vec<KeyRef<'_>> = keys.iter().map(|key| KeyRef::Int(*key)).collect();
            grain.push(RawContribution { output: *output, group: &keys, values });
        }
        grain.finish().steps.iter().copied().collect()
    }

    /// What the module's documents say, written down as slowly as can be.
    fn by_the_book(plan: &Plan, items: &[Item]) -> BTreeMap<usize, i64> {
        let mut cells = BTreeMap::new();
        let mut first_cell = 0;
        for (index, output) in plan.outputs.iter().enumerate() {
            let mut named: Vec<i64> = Vec::new();
            for (of, keys, values) in items {
                let known =
                    *of as usize == index && keys.len() == 1 && (0..output.domain.size() as i64).contains(&keys[0]);
                if known
                    && values.len() == output.values.len()
                    && !named.contains(&keys[0])
                    && named.len() < output.max_groups as usize
                {
                    named.push(keys[0]);
                }
            }
            for group in named {
                for (offset, bounds) in output.values.iter().enumerate() {
                    let grid = Grid::new(&bounds.granularity, bounds.lower, bounds.upper);
                    let own = items.iter().filter(|(of, keys, values)| {
                        *of as usize == index && *keys == [group] && values.len() == output.values.len()
                    });
                    let sum: i128 = own
                        .map(|(_, _, values)| {
                            if values[offset].is_nan() {
                                bounds.lower.into()
                            } else {
                                grid.steps_by_fraction(values[offset])
                            }
                        })
                        .sum();
                    cells.insert(first_cell + group as usize * output.values.len() + offset, grid.clamp(sum));
                }
            }
            first_cell += output.domain.size() * output.values.len();
        }
        cells
    }

    fn any_number() -> impl Strategy<Value = f64> {
        let special = prop::sample::select(vec![
            0.0,
            -0.0,
            0.5,
            1.0,
            1.5,
            -2.5,
            0.005,
            0.015,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MAX,
            f64::MIN,
            f64::MIN_POSITIVE,
            5e-324,
            -5e-324,
            9.223372036854775e18,
            1.8446744073709552e19,
            -1.8446744073709552e19,
        ]);
        prop_oneof![special, any::<u64>().prop_map(f64::from_bits), -10.0..10.0f64]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn any_answer_is_clamped_by_the_book(
            grains in prop::collection::vec(prop::collection::vec(
                (0..4u32, prop::collection::vec(-1..5i64, 0..3), prop::collection::vec(any_number(), 0..4)), 0..12), 1..4)
        ) {
            let plan = two_outputs();
            let mut clamper = Clamper::new(&plan);
            for items in &grains {
                prop_assert_eq!(clamp(&mut clamper, items), by_the_book(&plan, items));
            }
        }

        #[test]
        fn both_ways_to_quantise_agree(bits in any::<u64>(), num in 1..u64::MAX, den in 1..u64::MAX, shift in 0..64u32) {
            let granularity = Rational::new((num >> shift | 1).into(), den.into());
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            let grid = Grid::new(&granularity, -5, 5);
            let slow = Grid { words: None, ..Grid::new(&granularity, -5, 5) };
            for value in [value, value.abs().sqrt(), f64::from_bits(bits >> 12 | 1023 << 52)] {
                prop_assert_eq!(grid.steps(value), grid.steps_by_fraction(value));
                prop_assert_eq!(slow.steps(value), grid.steps_by_fraction(value));
            }
        }
    }

    #[test]
    fn numbers_are_rounded_half_to_even_and_odd_ones_have_a_place() {
        let whole = Grid::new(&ratio(1, 1), -7, 7);
        let slow = Grid { words: None, ..Grid::new(&ratio(1, 1), -7, 7) };
        for (value, steps) in [
            (0.5, 0),
            (1.5, 2),
            (2.5, 2),
            (-0.5, 0),
            (-1.5, -2),
            (0.49999999999999994, 0),
            (-0.0, 0),
            (5e-324, 0),
            (-5e-324, 0),
            (f64::NAN, -7),
            (-f64::NAN, -7),
            (f64::INFINITY, 1 << 64),
            (f64::NEG_INFINITY, -(1 << 64)),
            (f64::MAX, 1 << 64),
            (i128::MIN as f64, -(1 << 64)),
            (1e19, 10i128.pow(19)),
        ] {
            assert_eq!([whole.steps(value), slow.steps(value)], [steps, steps], "{value}");
        }
        // The double nearest to 0.015 lies just below it, the one nearest to 0.035 just above.
        let cents = Grid::new(&ratio(1, 100), 0, 10);
        assert_eq!([0.01, 0.015, 0.035, 0.07].map(|value| cents.steps(value)), [1, 1, 4, 7]);
        let tiny = Grid::new(&ratio(1, 1 << 40), 0, 10);
        assert_eq!(tiny.steps(0.75f64.powi(40)), 11057332);
        // Shifted by as much as fits, and not yet the most.
        let coarse = Grid::new(&Rational::from_integer(u64::MAX.into()), 0, 10);
        assert_eq!(coarse.steps(2f64.powi(127)), (1 << 63) + 1);
        // Infinity is the most however coarse the grid, and no number is near it.
        let vast = Grid::new(&Rational::from_integer(BigInt::from(10).pow(320)), 0, 10);
        assert_eq!([vast.steps(f64::INFINITY), vast.steps(f64::MAX)], [1 << 64, 0]);
    }

    #[test]
    fn the_second_look_sees_what_the_clamp_is_there_for() {
        let plan = two_outputs();
        let layout = Layout::of(&plan);
        let holds = |steps: &[(usize, i64)]| {
            within_bounds(&plan, &layout, &Contributions { steps: steps.to_vec(), cells: layout.cells })
        };
        assert!(holds(&[(0, 1), (1, -300), (6, 0), (7, 500), (9, 2)]));
        assert!(!holds(&[(0, 2)]) && !holds(&[(7, 501)]) && !holds(&[(9, 1)]), "out of bounds");
        assert!(!holds(&[(0, 1), (1, 0), (0, 1)]), "a cell twice");
        assert!(!holds(&[(0, 1), (2, 1), (4, 1)]) && !holds(&[(8, 2), (10, 2)]), "too many groups");
    }

    #[test]
    fn bounds_near_the_end_of_i64_hold() {
        let edge = 1i64 << 62;
        let plan =
            plan(1, vec![output("o", 1, 1, vec![value("x", (-edge, edge), ratio(1, 1), vec![laplace(ratio(1, 1))])])]);
        let mut clamper = Clamper::new(&plan);
        for (values, steps) in [
            (vec![f64::MAX, f64::MAX], edge),
            (vec![f64::MIN, f64::MIN], -edge),
            (vec![f64::INFINITY, f64::NEG_INFINITY], 0),
            (vec![f64::NAN], -edge),
            (vec![4.611686018427388e18], edge),
            (vec![-4611686018427387392.0], -4611686018427387392),
        ] {
            let items: Vec<Item> = values.iter().map(|value| (0, vec![0], vec![*value])).collect();
            assert_eq!(clamp(&mut clamper, &items)[&0], steps, "{values:?}");
        }
    }

    /// Whatever a unit answers, its L1 and squared L2 norms stay within the plan's sensitivity; so do
    /// those of the difference of any two answers of a block. And some answers reach them.
    #[test]
    fn no_two_neighbours_are_farther_apart_than_the_plan_says() {
        let numbers = [-9.0, -3.0, -1.0, 0.0, 2.0, 5.0, f64::NAN, f64::INFINITY];
        let items: Vec<Item> = (-1..3).flat_map(|group| numbers.map(|number| (0, vec![group], vec![number]))).collect();
        for bounds in [(-3, 5), (2, 5), (-5, -5), (0, 1)] {
            for max_groups in [1, 2, 3] {
                let plan = plan(
                    1,
                    vec![output("o", 3, max_groups, vec![value("x", bounds, ratio(1, 1), vec![laplace(ratio(1, 1))])])],
                );
                let mut clamper = Clamper::new(&plan);
                let mut answers = vec![[0i64; 3]];
                for one in &items {
                    for two in &items {
                        for three in &items[24..] {
                            let cells = clamp(&mut clamper, &[one.clone(), two.clone(), three.clone()]);
                            answers.push([0, 1, 2].map(|cell| cells.get(&cell).copied().unwrap_or(0)));
                        }
                    }
                }
                answers.sort();
                answers.dedup();
                let norms = |pairs: &mut dyn Iterator<Item = ([i64; 3], [i64; 3])>| {
                    pairs.fold((0, 0), |(l1, l2), (a, b)| {
                        let moved = [0, 1, 2].map(|cell| (a[cell] - b[cell]).abs());
                        (l1.max(moved.iter().sum()), l2.max(moved.iter().map(|d| d * d).sum()))
                    })
                };
                let unit = norms(&mut answers.iter().map(|answer| (*answer, [0; 3])));
                let block = norms(&mut answers.iter().flat_map(|a| answers.iter().map(|b| (*a, *b))));
                for (grain, (l1, l2_squared)) in [(GrainKind::Unit, unit), (GrainKind::Blocks { count: 9 }, block)] {
                    let claim = Sensitivity::new(grain, 3, max_groups, bounds.0, bounds.1);
                    assert_eq!(
                        claim,
                        Sensitivity { l1: l1.into(), l2_squared: l2_squared.into() },
                        "{grain:?} {bounds:?} {max_groups}"
                    );
                }
            }
        }
    }

    /// A million hostile numbers at and beyond the bounds. Checked in integers, after quantising.
    #[test]
    fn norms_hold_for_a_million_numbers_at_the_bound_and_not_without_the_clamp() {
        let plan = two_outputs();
        let claims: Vec<Sensitivity> = [(4, 2, 0, 1), (4, 2, -300, 500), (3, 1, 2, 9)]
            .map(|(groups, most, lower, upper)| Sensitivity::new(GrainKind::Unit, groups, most, lower, upper))
            .into();
        let mut clamper = Clamper::new(&plan);
        let mut state = 1u64;
        let mut next = move |n: u64| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) % n
        };
        let numbers =
            [5.0, 5.004999, 5.005, -3.0, -3.005, 1.0, 1.5, 0.5, 3.0, 3.1666666666666665, 1e300, -1e300, f64::NAN];
        let mut broken_caught = false;
        for _ in 0..140_000 {
            let items: Vec<Item> = (0..5)
                .map(|_| {
                    let output = next(2) as u32;
                    (output, vec![next(4) as i64], (0..2 - output).map(|_| numbers[next(13) as usize]).collect())
                })
                .collect();
            let cells = clamp(&mut clamper, &items);
            let norms = |cells: &mut dyn Iterator<Item = (usize, BigInt)>| {
                let mut norms = vec![Sensitivity { l1: 0.into(), l2_squared: 0.into() }; 3];
                for (cell, steps) in cells {
                    let value = if cell < 8 { cell % 2 } else { 2 };
                    norms[value].l2_squared += &steps * &steps;
                    norms[value].l1 += steps.abs();
                }
                norms
            };
            let over = |norms: Vec<Sensitivity>| {
                norms.iter().zip(&claims).any(|(norm, claim)| norm.l1 > claim.l1 || norm.l2_squared > claim.l2_squared)
            };
            assert!(!over(norms(&mut cells.iter().map(|(cell, steps)| (*cell, (*steps).into())))), "{items:?}");
            // The planted bug: the sums as they were before the clamp.
            let raw = clamper.entries.iter().flat_map(|entry| {
                let (first_cell, width) =
                    (clamper.layout.cell(entry.output, entry.group), clamper.layout.outputs[entry.output].width);
                clamper.sums[entry.first_sum..][..width]
                    .iter()
                    .enumerate()
                    .map(move |(offset, sum)| (first_cell + offset, (*sum).into()))
            });
            broken_caught |= over(norms(&mut raw.into_iter()));
        }
        assert!(broken_caught, "the check must see a missing clamp");
    }
}
