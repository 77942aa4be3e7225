//! The noised totals of one round, as models read them.

use unseen_ids::Key;
use unseen_policies::approximate::to_f64;
use unseen_policies::plan::{Noise, OutputPlan};

/// Totals beyond this are taken for this, so that no product of them overflows.
const LARGEST: f64 = 1e60;

/// The totals of the values that a model reads, in its order.
pub struct Noised<'a> {
    pub(crate) output: &'a OutputPlan,
    /// From 0.
    pub(crate) round: u32,
    /// Of each value its totals, group by group, and the standard deviation of the noise on each.
    values: Vec<(&'a [f64], f64)>,
}

impl<'a> Noised<'a> {
    pub(crate) fn new(
        output: &'a OutputPlan,
        round: u32,
        names: &[String],
        totals: &dyn Fn(&str) -> Option<&'a [f64]>,
    ) -> Noised<'a> {
        let values = names.iter().map(|name| {
            let planned = output.values.iter().find(|value| value.name == *name);
            let noise = planned.and_then(|value| Some((value.noise.get(round as usize)?, &value.granularity)));
            let deviation = noise.map_or(0.0, |(noise, step)| deviation(noise) * to_f64(step));
            (totals(name).unwrap_or_default(), deviation)
        });
        Noised { output, round, values: values.collect() }
    }

    /// How many groups there are.
    pub(crate) fn groups(&self) -> usize {
        self.output.domain.size()
    }

    /// A total: a finite number.
    pub(crate) fn total(&self, value: usize, group: usize) -> f64 {
        let total = self.values.get(value).and_then(|(totals, _)| totals.get(group)).copied().unwrap_or(0.0);
        if total.is_nan() { 0.0 } else { total.clamp(-LARGEST, LARGEST) }
    }

    /// The standard deviation of the noise on each total of a value, or a little more.
    pub(crate) fn deviation(&self, value: usize) -> f64 {
        self.values.get(value).map_or(0.0, |(_, deviation)| deviation.min(LARGEST))
    }

    /// How many standard deviations hold the noise of one number, but for some 0.27 % of cases.
    pub(crate) fn sure(&self) -> f64 {
        let planned = self.output.values.iter().flat_map(|value| &value.noise);
        if planned.into_iter().any(|noise| matches!(noise, Noise::Laplace { .. })) { 5.0 } else { 3.0 }
    }

    /// The keys of a group.
    pub(crate) fn keys(&self, group: usize) -> Vec<Key> {
        self.output.domain.group(group).unwrap_or_default().into_iter().cloned().collect()
    }

    /// The names of the key columns.
    pub(crate) fn names(&self) -> Vec<String> {
        self.output.domain.names().into_iter().map(str::to_owned).collect()
    }
}

/// Of the noise of the continuous kind, which is never less wide than the discrete one's, and needs a root only.
fn deviation(noise: &Noise) -> f64 {
    match noise {
        Noise::Laplace { scale } => std::f64::consts::SQRT_2 * to_f64(scale),
        Noise::Gaussian { variance } => to_f64(variance).sqrt(),
    }
}
