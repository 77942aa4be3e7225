//! What a job costs and how exact its numbers will be, as answers say it.

use chrono::DateTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_ids::Key;
use unseen_policies::accounting;
use unseen_policies::approximate::to_f64;
use unseen_policies::ledger::Ledger;
use unseen_policies::manifest::{Feature, GrainKind, Manifest, ModelKind};
use unseen_policies::plan;
use unseen_policies::rho::Rho;
use unseen_texts::{Sentence, say};

/// At which epsilon is stated where no policy says another.
const DELTA: f64 = 1e-6;

/// A job's plan.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Why the job is run.
    pub purpose: String,
    /// The datasets it reads.
    pub datasets: Vec<String>,
    /// What the code sees at a time.
    pub grain: Grain,
    /// How many rounds.
    pub rounds: u32,
    /// What it costs, in rho.
    #[schemars(with = "String")]
    pub rho: Rho,
    /// What it costs as pure epsilon, where it is that; an exact fraction.
    pub pure_epsilon: Option<String>,
    /// What it costs as epsilon at `delta`.
    pub epsilon: f64,
    /// The delta.
    pub delta: f64,
    /// When the result is wanted.
    pub release: String,
    /// Seconds from the start of the run before which no result may appear, where there is a lab to say so.
    pub earliest_release: Option<u64>,
    /// Instructions a grain may use.
    pub fuel: u64,
    /// Bytes of memory a grain may use.
    pub memory: u64,
    /// Rows of one unit that a grain is shown of each input.
    pub rows: u32,
    /// What the run may need at most, where there is a lab to say so.
    pub need: Option<Need>,
    /// The condition under which a row counts, where the manifest of a ready-made job has one.
    #[serde(default)]
    pub filter: Option<String>,
    /// What such a job makes of its columns.
    #[serde(default)]
    pub made: Vec<MadeColumn>,
    /// What such a job computes of the noised totals, in words.
    #[serde(default)]
    pub model: Option<Sentence>,
    /// The outputs.
    pub outputs: Vec<PlannedOutput>,
}

/// A column that is made of others.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MadeColumn {
    /// Its name.
    pub name: String,
    /// Of what.
    pub expression: String,
}

/// What one call of the code sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Grain {
    /// All rows of one unit.
    Unit,
    /// All rows of the units in one of `count` blocks.
    Blocks {
        /// How many blocks.
        count: u32,
    },
}

/// What a run may need at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Need {
    /// Bytes of memory with one thread.
    pub memory: u64,
    /// Bytes of memory that each further thread adds.
    pub thread: u64,
    /// Seconds: the length of the run's slot.
    pub seconds: u64,
}

/// An output.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedOutput {
    /// Its name.
    pub name: String,
    /// How many groups are released: every combination of the keys of `by`.
    pub groups: usize,
    /// The columns that groups are formed by.
    pub by: Vec<GroupColumn>,
    /// How many of them one grain may contribute to.
    pub max_groups_per_unit: u32,
    /// Its values.
    pub values: Vec<PlannedValue>,
}

/// A column of keys.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GroupColumn {
    /// Its name.
    pub name: String,
    /// How many keys it has.
    pub count: usize,
    /// The first 20 of them.
    #[schemars(with = "Vec<serde_json::Value>")]
    pub first: Vec<Key>,
    /// The last of them.
    #[schemars(with = "serde_json::Value")]
    pub last: Option<Key>,
    /// Whether they are whole numbers that follow one another, so that the first and the last say all.
    pub is_range: bool,
}

/// One number of an output's groups.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedValue {
    /// Its name.
    pub name: String,
    /// The least that a grain adds to a group.
    pub lower: f64,
    /// The most.
    pub upper: f64,
    /// The size of one step.
    pub granularity: f64,
    /// Standard deviation of the noise, for each round.
    pub standard_deviation: Vec<f64>,
    /// Half the width of the 95 % interval, for each round.
    pub half_width_95: Vec<f64>,
}

impl GroupColumn {
    fn new(name: &str, keys: &[Key]) -> GroupColumn {
        let follows =
            |pair: &[Key]| matches!(pair, [Key::Int(one), Key::Int(next)] if one.checked_add(1) == Some(*next));
        GroupColumn {
            name: name.to_owned(),
            count: keys.len(),
            first: keys.iter().take(20).cloned().collect(),
            last: keys.last().cloned(),
            is_range: keys.len() > 1 && keys.windows(2).all(follows),
        }
    }
}

impl Plan {
    /// `ledger` is the lab's, where there is one.
    pub(crate) fn new(
        manifest: &Manifest,
        plan: &plan::Plan,
        need: Option<unseen_policies::Need>,
        ledger: Option<&Ledger>,
    ) -> Plan {
        let start = DateTime::UNIX_EPOCH;
        let waits = ledger.map(|ledger| ledger.earliest_release_of(need, start) - start);
        let delta = ledger.and_then(Ledger::policy).map_or(DELTA, |policy| policy.delta);
        let outputs = plan.outputs.iter().map(|output| PlannedOutput {
            name: output.name.clone(),
            groups: output.domain.size(),
            by: output.domain.columns().map(|(name, keys)| GroupColumn::new(name, keys)).collect(),
            max_groups_per_unit: output.max_groups,
            values: output.values.iter().map(|value| value_of(value, plan.rounds)).collect(),
        });
        let made = manifest.question.iter().flat_map(|question| &question.columns);
        Plan {
            filter: manifest.question.as_ref().and_then(|question| Some(question.filter.as_ref()?.text.clone())),
            model: manifest.question.as_ref().and_then(|question| Some(of_model(&question.model.as_ref()?.kind))),
            made: made.map(|(name, made)| MadeColumn { name: name.clone(), expression: made.text.clone() }).collect(),
            purpose: manifest.job.purpose.clone(),
            datasets: manifest.datasets().into_iter().map(str::to_owned).collect(),
            grain: match plan.grain {
                GrainKind::Unit => Grain::Unit,
                GrainKind::Blocks { count } => Grain::Blocks { count },
            },
            rounds: plan.rounds,
            rho: plan.charge.rho,
            pure_epsilon: plan.charge.pure_epsilon.as_ref().map(ToString::to_string),
            epsilon: accounting::epsilon(plan.charge.rho, delta),
            delta,
            release: manifest.job.release.to_string(),
            earliest_release: waits.and_then(|waits| waits.num_seconds().try_into().ok()),
            fuel: plan.limits.fuel,
            memory: plan.limits.memory,
            rows: plan.limits.rows,
            need: need.map(|need| Need { memory: need.memory, thread: need.thread, seconds: need.seconds }),
            outputs: outputs.collect(),
        }
    }
}

/// A model in words.
fn of_model(kind: &ModelKind) -> Sentence {
    let one = |feature: &Feature| format!("{} ({} .. {})", feature.name, feature.lower, feature.upper);
    let all = |features: &[Feature]| features.iter().map(one).collect::<Vec<_>>().join(", ");
    match kind {
        ModelKind::Quantile { of, shares } => {
            let shares = shares.iter().map(|share| to_f64(share).to_string()).collect::<Vec<_>>().join(", ");
            say!("quantiles {shares} of {of}", "{of} 的分位数 {shares}", of = one(of))
        }
        ModelKind::Top { by, most } => {
            say!("the {most} groups with the largest {by}", "{by} 最大的 {most} 组", by = by.clone())
        }
        ModelKind::Linear { target, features } => say!(
            "linear regression of {target} on {features}",
            "{target} 对 {features} 的线性回归",
            target = one(target),
            features = all(features)
        ),
        ModelKind::Logistic { target, features } => say!(
            "logistic regression of {target} on {features}",
            "{target} 对 {features} 的逻辑回归",
            target = target.clone(),
            features = all(features)
        ),
        ModelKind::KMeans { clusters, features } => say!(
            "k-means of {features} around {clusters} centres",
            "{features} 的 k-means 聚类，{clusters} 个中心",
            features = all(features)
        ),
    }
}

fn value_of(value: &plan::ValuePlan, rounds: u32) -> PlannedValue {
    let unit = to_f64(&value.granularity);
    let each_round = || 0..rounds as usize;
    PlannedValue {
        name: value.name.clone(),
        lower: value.lower as f64 * unit,
        upper: value.upper as f64 * unit,
        granularity: unit,
        standard_deviation: each_round().filter_map(|round| value.standard_deviation(round)).collect(),
        half_width_95: each_round().filter_map(|round| value.half_width_95(round)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_a_range_only_where_none_is_left_out_or_elsewhere() {
        let is_range =
            |keys: &[i64]| GroupColumn::new("n", &keys.iter().copied().map(Key::Int).collect::<Vec<_>>()).is_range;
        assert!(is_range(&[-1, 0, 1]) && is_range(&[i64::MAX - 1, i64::MAX]));
        // The first and the last would pass for five that follow one another.
        assert!(
            !is_range(&[1, 100, 3, 4, 5]) && !is_range(&[1, 3]) && !is_range(&[7]) && !is_range(&[i64::MAX, i64::MIN])
        );
        assert!(!GroupColumn::new("t", &[Key::Text("1".into()), Key::Text("2".into())]).is_range);
    }
}
