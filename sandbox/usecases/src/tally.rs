//! What a lab would make of the contributions of a trial: what it would drop and change, and why. A lab says
//! nothing of this, since it depends on rows; here the rows are synthetic. It follows the rules of
//! [`unseen_core::contributions`] on its own, in floats, and decides nothing.

use std::collections::HashMap;
use std::sync::Mutex;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_policies::approximate::to_f64;
use unseen_policies::plan::{OutputPlan, Plan, ValuePlan};
use unseen_runtime::{Contribution, Failure, Table, Totals};
use unseen_worker::guest::{Guest, Verdict, key_ref};

/// How a trial's contributions fared, over all grains and rounds.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Contributions that count.
    pub counted: u64,
    /// Dropped: there is no such output.
    pub unknown_output: u64,
    /// Dropped: another number of keys or values than declared.
    pub malformed: u64,
    /// Dropped: the group is not in the output's domain.
    pub outside_domain: u64,
    /// Dropped: the grain had named as many groups as `max_groups_per_unit` allows.
    pub past_max_groups: u64,
    /// What clamping changes, for each value.
    pub values: Vec<Clamped>,
}

/// What clamping changes of one value. A contribution here is the sum of all that a grain says of a group.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Clamped {
    /// The output.
    pub output: String,
    /// Its value.
    pub value: String,
    /// Contributions below the lower bound, and raised to it.
    pub low: u64,
    /// Contributions above the upper bound, and lowered to it.
    pub high: u64,
    /// Numbers that are none, and count as the lower bound.
    pub nan: u64,
    /// The sum of all that is counted, as it was said.
    pub said: f64,
    /// The same after clamping.
    pub counts: f64,
}

/// A guest whose answers are tallied.
pub(crate) struct Tallied<'a> {
    guest: &'a dyn Guest,
    plan: &'a Plan,
    tally: Mutex<Tally>,
}

impl<'a> Tallied<'a> {
    pub(crate) fn new(guest: &'a dyn Guest, plan: &'a Plan) -> Tallied<'a> {
        let clamped = |output: &OutputPlan, value: &ValuePlan| Clamped {
            output: output.name.clone(),
            value: value.name.clone(),
            low: 0,
            high: 0,
            nan: 0,
            said: 0.0,
            counts: 0.0,
        };
        let values = plan.outputs.iter().flat_map(|output| output.values.iter().map(|value| clamped(output, value)));
        let tally = Mutex::new(Tally { values: values.collect(), ..Tally::default() });
        Tallied { guest, plan, tally }
    }

    pub(crate) fn found(self) -> Tally {
        self.tally.into_inner().unwrap_or_default()
    }

    fn take(&self, answer: &[Contribution]) {
        let Ok(mut tally) = self.tally.lock() else { return };
        let mut sums = HashMap::<(usize, usize), Vec<f64>>::new();
        let mut groups = vec![0; self.plan.outputs.len()];
        for said in answer {
            let index = said.output as usize;
            let Some(output) = self.plan.outputs.get(index) else {
                tally.unknown_output += 1;
                continue;
            };
            let keys: Vec<_> = said.group.iter().map(key_ref).collect();
            if said.values.len() != output.values.len() || keys.len() != output.domain.columns().count() {
                tally.malformed += 1;
                continue;
            }
            let Some(group) = output.domain.index_of(&keys) else {
                tally.outside_domain += 1;
                continue;
            };
            if !sums.contains_key(&(index, group)) {
                if groups[index] >= output.max_groups {
                    tally.past_max_groups += 1;
                    continue;
                }
                groups[index] += 1;
            }
            tally.counted += 1;
            let sums = sums.entry((index, group)).or_insert_with(|| vec![0.0; output.values.len()]);
            for (at, (sum, number)) in sums.iter_mut().zip(&said.values).enumerate() {
                let value = &output.values[at];
                let place = self.place(index, at);
                if number.is_nan() {
                    tally.values[place].nan += 1;
                    *sum += value.lower as f64 * to_f64(&value.granularity);
                } else {
                    *sum += number;
                }
            }
        }
        for ((index, _), sums) in sums {
            for (at, (sum, value)) in sums.into_iter().zip(&self.plan.outputs[index].values).enumerate() {
                let step = to_f64(&value.granularity);
                let (low, high) = (value.lower as f64 * step, value.upper as f64 * step);
                let found = &mut tally.values[self.place(index, at)];
                // What is rounded to a bound is not changed by it.
                found.low += u64::from(sum < low - step / 2.0);
                found.high += u64::from(sum > high + step / 2.0);
                found.said += sum;
                found.counts += sum.clamp(low, high);
            }
        }
    }

    /// Where a value stands among those of all outputs.
    fn place(&self, output: usize, value: usize) -> usize {
        self.plan.outputs[..output].iter().map(|output| output.values.len()).sum::<usize>() + value
    }
}

impl Guest for Tallied<'_> {
    fn contribute(&self, grain: &[Table<'_>], state: &[f64]) -> Result<Vec<Contribution>, Failure> {
        let answer = self.guest.contribute(grain, state)?;
        self.take(&answer);
        Ok(answer)
    }

    fn advance(&self, round: u32, state: &[f64], noisy: &[Totals<'_>]) -> Option<Result<Verdict, Failure>> {
        self.guest.advance(round, state, noisy)
    }
}
