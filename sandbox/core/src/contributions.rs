//! From what a guest says to what is counted: contribution bounds, enforced by the host.
//!
//! Whatever the guest answers, the [`Contributions`] of one grain name at most `max_groups` groups
//! of each output, all of the declared domain, and give each of their values a whole number of
//! steps within the declared bounds. That is all the proof in `docs/proofs/clamp-and-sum.md` asks.

use num_bigint::{BigInt, BigUint};
use num_integer::Integer;
use num_traits::{Signed, ToPrimitive, Zero};
use unseen_policies::domain::KeyRef;
use unseen_policies::plan::ValuePlan;
use unseen_policies::{Plan, Rational};

use crate::layout::Layout;

/// One item of a guest's answer: nothing in it is to be believed.
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
        debug_assert_eq!(steps, self.steps_by_rationals(value), "two ways to quantise {value} must agree");
        steps
    }

    fn clamp(&self, steps: i128) -> i64 {
        let clamped = steps.clamp(i128::from(self.lower), i128::from(self.upper));
        i64::try_from(clamped).expect("invariant: the bounds are i64")
    }

    fn nearest_big(&self, value: f64) -> i128 {
        let (mantissa, exponent) = decompose(value);
        let (mut num, mut den) = (self.granularity.denom().magnitude() * mantissa, self.granularity.numer().magnitude().clone());
        if exponent < 0 { den <<= exponent.unsigned_abs() } else { num <<= exponent.unsigned_abs() }
        let (quotient, rest) = num.div_rem(&den);
        let twice: BigUint = rest << 1u32;
        let up = twice > den || (twice == den && quotient.is_odd());
        (quotient + u32::from(up)).to_i128().map_or(Self::MOST, |steps| steps.min(Self::MOST))
    }

    /// The same by a second route: as one rational, plus a half, rounded down.
    fn steps_by_rationals(&self, value: f64) -> i128 {
        if value.is_infinite() {
            return if value > 0.0 { Self::MOST } else { -Self::MOST };
        }
        let (mantissa, exponent) = decompose(value);
        let power = BigInt::from(1) << exponent.unsigned_abs();
        let exact = Rational::from_integer(mantissa.into());
        let exact = if exponent < 0 { exact / power } else { exact * power } / &self.granularity;
        let exact = if value.is_sign_negative() { -exact } else { exact };
        let raised = exact + Rational::new(1.into(), 2.into());
        let mut nearest = raised.floor().to_integer();
        if raised.is_integer() && nearest.is_odd() {
            nearest -= 1;
        }
        let most = if nearest.is_negative() { -Self::MOST } else { Self::MOST };
        nearest.to_i128().filter(|steps| steps.abs() <= Self::MOST).unwrap_or(most)
    }
}

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
