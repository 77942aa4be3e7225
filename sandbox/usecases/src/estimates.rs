//! What readers want of a release before its totals: ratios (a mean is one) and averages over blocks, each with
//! its interval. They are formed of the noised numbers of the last round and of nothing else, so they cost
//! nothing, and whoever has the release and its manifest can form them again.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_core::release::{ReleasedOutput, ReleasedRound, ReleasedValue};
use unseen_ids::Key;
use unseen_policies::Manifest;
use unseen_policies::approximate::to_f64;
use unseen_policies::manifest::{GrainKind, Output, Ratio};

/// One number of each group.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Estimates {
    /// The output whose totals they are formed of.
    pub output: String,
    /// The ratio as the manifest names it, or the value that is averaged.
    pub name: String,
    /// The value whose total is divided.
    pub numerator: String,
    /// What it is divided by.
    pub by: Divisor,
    /// Names of the key columns.
    pub keys: Vec<String>,
    /// In the order of the output's groups.
    pub groups: Vec<Estimate>,
}

/// What a total is divided by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Divisor {
    /// The total of another value.
    Value {
        /// Its name.
        name: String,
    },
    /// The number of blocks: a block that failed or said nothing of a group counts as zero.
    Blocks {
        /// How many.
        count: u32,
    },
}

/// An estimate and its 95 % interval, which covers the noise and not what clamping changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Estimate {
    /// One key for each key column.
    #[schemars(with = "Vec<serde_json::Value>")]
    pub keys: Vec<Key>,
    /// The number; null where the noise leaves open whether the divisor is zero.
    pub value: Option<f64>,
    /// Its lower limit.
    pub low: Option<f64>,
    /// Its upper limit.
    pub high: Option<f64>,
}

/// The ratios that the manifest declares, and where blocks answered, the averages over them.
pub(crate) fn estimates(manifest: &Manifest, rounds: &[ReleasedRound]) -> Vec<Estimates> {
    let Some(last) = rounds.last() else { return Vec::new() };
    let mut found = Vec::new();
    for (output, released) in manifest.outputs.iter().zip(&last.outputs) {
        found.extend(output.ratios.iter().filter_map(|ratio| ratios(output, ratio, released)));
        if let GrainKind::Blocks { count } = manifest.grain {
            found.extend((0..output.values.len()).filter_map(|at| averages(released, at, count)));
        }
    }
    found
}

fn averages(released: &ReleasedOutput, at: usize, count: u32) -> Option<Estimates> {
    let name = released.values.get(at)?.clone();
    let of = |text: &str| Some(number(text) / f64::from(count));
    let groups = released.groups.iter().filter_map(|group| {
        let ReleasedValue { value, low, high, .. } = group.values.get(at)?;
        Some(Estimate { keys: group.keys.clone(), value: of(value), low: of(low), high: of(high) })
    });
    Some(Estimates {
        output: released.name.clone(),
        numerator: name.clone(),
        name,
        by: Divisor::Blocks { count },
        keys: released.keys.clone(),
        groups: groups.collect(),
    })
}

fn ratios(output: &Output, ratio: &Ratio, released: &ReleasedOutput) -> Option<Estimates> {
    let place = |names: &[String], name: &String| names.iter().position(|known| known == name);
    let kept: Vec<usize> = ratio.by.iter().filter_map(|name| place(&released.keys, name)).collect();
    let (above, below) = (place(&released.values, &ratio.numerator)?, place(&released.values, &ratio.denominator)?);
    let step = |at: usize| output.values.get(at).map_or(0.0, |value| to_f64(&value.granularity));
    let mut sums: Vec<(Vec<Key>, Total, Total)> = Vec::new();
    let mut places = HashMap::new();
    for group in &released.groups {
        let keys: Vec<Key> = kept.iter().filter_map(|at| group.keys.get(*at).cloned()).collect();
        let at = *places.entry(keys.clone()).or_insert(sums.len());
        if at == sums.len() {
            sums.push((keys, Total::new(step(above)), Total::new(step(below))));
        }
        let (_, numerator, denominator) = &mut sums[at];
        numerator.add(group.values.get(above)?);
        denominator.add(group.values.get(below)?);
    }
    let groups = sums.into_iter().map(|(keys, numerator, denominator)| {
        let (value, low, high) = match fieller(&numerator, &denominator) {
            Some((low, high)) => (Some(numerator.value / denominator.value), Some(low), Some(high)),
            None => (None, None, None),
        };
        Estimate { keys, value, low, high }
    });
    Some(Estimates {
        output: output.name.clone(),
        name: ratio.name.clone(),
        numerator: ratio.numerator.clone(),
        by: Divisor::Value { name: ratio.denominator.clone() },
        keys: ratio.by.clone(),
        groups: groups.collect(),
    })
}

/// A noised total, or the sum of several with independent noise.
struct Total {
    value: f64,
    variance: f64,
    /// How many standard deviations the 95 % interval of one of them reaches: 1.96 for Gaussian noise, more for
    /// Laplace. Of a sum it reaches no farther.
    reach: f64,
    step: f64,
}

/// Standard deviations that hold 95 % of a normal distribution.
const NORMAL: f64 = 1.959_963_984_540_055;

impl Total {
    fn new(step: f64) -> Total {
        Total { value: 0.0, variance: 0.0, reach: NORMAL, step }
    }

    fn add(&mut self, released: &ReleasedValue) {
        self.value += number(&released.value);
        self.variance += released.standard_deviation.powi(2);
        let half_width = (number(&released.high) - number(&released.low)) / 2.0;
        // No noise at all gives NaN, which `max` passes over.
        self.reach = self.reach.max(half_width / released.standard_deviation);
    }

    /// The square of how far its noise reaches: `reach` standard deviations, and half a step for noise that is a step
    /// wide itself.
    fn spread(&self, reach: f64) -> f64 {
        match self.variance {
            0.0 => 0.0,
            variance => (reach * variance.sqrt() + self.step / 2.0).powi(2),
        }
    }
}

/// The 95 % interval of a ratio of two totals with independent noise: all r for which numerator − r × denominator
/// lies within the reach of its own noise. None where that is not an interval, since the denominator may be zero.
///
/// Fieller, "Some problems in interval estimation", J. R. Stat. Soc. B 16 (1954).
fn fieller(numerator: &Total, denominator: &Total) -> Option<(f64, f64)> {
    let reach = numerator.reach.max(denominator.reach);
    let (a, b) = (numerator.value, denominator.value);
    let (above, below) = (numerator.spread(reach), denominator.spread(reach));
    let certain = b * b - below;
    if certain <= 0.0 {
        return None;
    }
    let root = (above * certain + below * a * a).sqrt();
    Some(((a * b - root) / certain, (a * b + root) / certain))
}

/// A released number, a decimal or a fraction; it was checked to be one.
pub fn number(text: &str) -> f64 {
    match text.split_once('/') {
        Some((above, below)) => above.parse::<f64>().unwrap_or(f64::NAN) / below.parse::<f64>().unwrap_or(f64::NAN),
        None => text.parse().unwrap_or(f64::NAN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;
    use rand_distr::Distribution;
    use unseen_core::noise::Sampler;
    use unseen_policies::Plan;
    use unseen_worker::rows::ReferenceTables;

    const GROUPS: usize = 4_000;

    /// A release whose true totals are these in every group, under noise of a seed.
    fn released(grain: &str, privacy: &str, by: &str, sum: i128, count: i128) -> (Manifest, Vec<ReleasedRound>) {
        let text = format!(
            "[job]\ntitle = \"t\"\npurpose = \"p\"\nrelease = \"+1h\"\n[[input]]\ndataset = \"firms\"\ncolumns = [\"a\"]\n\
             [grain]\n{grain}\n[privacy]\n{privacy}\n[[output]]\nname = \"o\"\n\
             values = [{{ name = \"sum\", lower = 0, upper = 9, granularity = 1 }}, {{ name = \"n\", lower = 0, upper = 1, granularity = 1 }}]\n\
             groups = [{{ name = \"town\", range = [1, {towns}] }}, {{ name = \"size\", range = [1, 10] }}]\n\
             ratios = [{{ name = \"mean\", numerator = \"sum\", denominator = \"n\"{by} }}]\n",
            towns = GROUPS / 10
        );
        let manifest = Manifest::parse(&text).unwrap();
        let plan = Plan::new(&manifest, &ReferenceTables::default()).unwrap();
        let mut rng = ChaCha20Rng::from_seed([7; 32]);
        let planned = &plan.outputs[0];
        let samplers: Vec<_> = planned.values.iter().map(|value| Sampler::new(&value.noise[0]).unwrap()).collect();
        let mut cell = |truth: i128, at: usize| truth + samplers[at].sample(&mut rng);
        let cells: Vec<i128> = (0..GROUPS).flat_map(|_| [cell(sum, 0), cell(count, 1)]).collect();
        let outputs = vec![ReleasedOutput::new(planned, 0, &cells)];
        (manifest, vec![ReleasedRound { round: 0, outputs }])
    }

    /// With Gaussian and with Laplace noise, from less than a step to a fifth of the count, over single groups and
    /// over sums of ten, 95 of 100 intervals hold the true ratio.
    #[test]
    fn the_interval_of_a_ratio_holds_what_it_says() {
        for privacy in ["mechanism = \"gaussian\"\nrho = %", "mechanism = \"laplace\"\nepsilon = %"] {
            for budget in ["0.01", "0.1", "1", "15"] {
                for by in ["", ", by = [\"town\"]"] {
                    let privacy = privacy.replace('%', budget);
                    let (manifest, rounds) = released("kind = \"unit\"", &privacy, by, 3_000, 500);
                    let found = estimates(&manifest, &rounds).remove(0);
                    let holds = |estimate: &&Estimate| {
                        estimate.low.is_none_or(|low| low <= 6.0) && estimate.high.is_none_or(|high| high >= 6.0)
                    };
                    let (held, all) = (found.groups.iter().filter(holds).count(), found.groups.len());
                    assert_eq!(all, if by.is_empty() { GROUPS } else { GROUPS / 10 });
                    // Four standard errors below 95 %.
                    let least = 0.95 - 4.0 * (0.95 * 0.05 / all as f64).sqrt();
                    assert!(held as f64 >= least * all as f64, "{privacy}{by}: {held} of {all}");
                }
            }
        }
    }

    #[test]
    fn a_ratio_is_stated_where_the_divisor_stands_out_of_its_noise() {
        let (manifest, rounds) = released("kind = \"unit\"", "mechanism = \"laplace\"\nepsilon = 1", "", 3_000, 500);
        assert!(estimates(&manifest, &rounds)[0].groups.iter().all(|estimate| estimate.value.is_some()));
    }

    #[test]
    fn no_ratio_is_stated_where_the_divisor_may_be_zero() {
        let (manifest, rounds) = released("kind = \"unit\"", "mechanism = \"gaussian\"\nrho = 0.01", "", 0, 0);
        let found = estimates(&manifest, &rounds).remove(0);
        let open = found.groups.iter().filter(|estimate| estimate.value.is_none()).count();
        assert!(open * 100 >= GROUPS * 94, "{open}");
        assert!(found.groups.iter().all(|estimate| estimate.value.is_some() == estimate.low.is_some()));
    }

    #[test]
    fn what_blocks_say_is_divided_by_their_number() {
        let (manifest, rounds) =
            released("kind = \"blocks\"\ncount = 40", "mechanism = \"laplace\"\nepsilon = 1", "", 200, 40);
        let found = estimates(&manifest, &rounds);
        assert_eq!(found.iter().map(|found| found.name.as_str()).collect::<Vec<_>>(), ["mean", "sum", "n"]);
        let (average, released) = (&found[1].groups[3], &rounds[0].outputs[0].groups[3].values[0]);
        assert_eq!(found[1].by, Divisor::Blocks { count: 40 });
        assert_eq!(average.value, Some(number(&released.value) / 40.0));
        assert_eq!(average.high, Some(number(&released.high) / 40.0));
    }
}
