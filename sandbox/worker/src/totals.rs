//! Noised totals as the guest sees them: by name, with the keys of each group beside its numbers.

use unseen_ids::Key;
use unseen_policies::Plan;
use unseen_policies::plan::OutputPlan;
use unseen_runtime::{Cells, GroupColumn, Totals, ValueColumn};

/// The keys of every group of a plan, column by column: the same in each round.
pub struct Groups<'a> {
    plan: &'a Plan,
    outputs: Vec<Vec<Keys>>,
}

enum Keys {
    Ints(Vec<i64>),
    Texts { offsets: Vec<u32>, bytes: Vec<u8> },
}

impl<'a> Groups<'a> {
    /// The groups of a plan.
    pub fn new(plan: &'a Plan) -> Groups<'a> {
        Groups { plan, outputs: plan.outputs.iter().map(columns).collect() }
    }

    /// Shows `noisy` to `guest`: for each output the total of value `v` in group `g`, at `g * values + v`.
    pub fn show<T>(&self, noisy: &[Vec<f64>], guest: impl FnOnce(&[Totals<'_>]) -> T) -> T {
        let by_value: Vec<Vec<Vec<f64>>> =
            self.plan.outputs.iter().zip(noisy).map(|(output, cells)| by_value(cells, output.values.len())).collect();
        let groups: Vec<Vec<GroupColumn<'_>>> =
            self.plan.outputs.iter().zip(&self.outputs).map(group_columns).collect();
        let values: Vec<Vec<ValueColumn<'_>>> = self.plan.outputs.iter().zip(&by_value).map(value_columns).collect();
        let totals = self.plan.outputs.iter().zip(&groups).zip(&values);
        let totals: Vec<_> =
            totals.map(|((output, groups), values)| Totals { output: &output.name, groups, values }).collect();
        guest(&totals)
    }
}

fn columns(output: &OutputPlan) -> Vec<Keys> {
    let columns = 0..output.domain.names().len();
    let key = |group: usize, column: usize| output.domain.group(group).and_then(|keys| keys.get(column).copied());
    let keys = |column: usize| (0..output.domain.size()).filter_map(move |group| key(group, column));
    columns
        .map(|column| {
            let ints: Option<Vec<i64>> =
                keys(column).map(|key| if let Key::Int(int) = key { Some(*int) } else { None }).collect();
            ints.map_or_else(|| texts(keys(column)), Keys::Ints)
        })
        .collect()
}

fn texts<'k>(keys: impl Iterator<Item = &'k Key>) -> Keys {
    let (mut offsets, mut bytes) = (vec![0], Vec::new());
    for key in keys {
        bytes.extend_from_slice(key.to_string().as_bytes());
        // A list of keys is far from 4 GiB: the manifest and the tables it names are bounded.
        offsets.push(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    }
    Keys::Texts { offsets, bytes }
}

fn by_value(cells: &[f64], width: usize) -> Vec<Vec<f64>> {
    (0..width).map(|value| cells.iter().skip(value).step_by(width).copied().collect()).collect()
}

fn group_columns<'c>((output, columns): (&'c OutputPlan, &'c Vec<Keys>)) -> Vec<GroupColumn<'c>> {
    let named = output.domain.names().into_iter().zip(columns);
    let named = named.map(|(name, keys)| GroupColumn {
        name,
        keys: match keys {
            Keys::Ints(ints) => Cells::Ints(ints),
            Keys::Texts { offsets, bytes } => Cells::texts(offsets, bytes),
        },
    });
    named.collect()
}

fn value_columns<'c>((output, columns): (&'c OutputPlan, &'c Vec<Vec<f64>>)) -> Vec<ValueColumn<'c>> {
    let named = output.values.iter().zip(columns);
    named.map(|(value, totals)| ValueColumn { name: &value.name, totals }).collect()
}
