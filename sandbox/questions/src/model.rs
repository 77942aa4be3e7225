//! Models of jobs without code: what one makes of each row, and what it computes of the noised totals.
//!
//! Both are the same to the last bit on every machine: floats are added, multiplied, divided and rooted, which IEEE 754
//! fixes, and no library's exponential is asked. Whatever the rows and the totals, there is an answer: no panic, no NaN.

mod cluster;
mod exponential;
mod matrix;
mod noised;
mod rank;
mod regression;

use unseen_policies::manifest::{CLUSTER, Feature, ManifestError, Model as Written, ModelKind};
use unseen_policies::meant::meant;
use unseen_policies::plan::OutputPlan;
use unseen_policies::release::Derived;
use unseen_texts::say;

use crate::node::{Node, Row};
use crate::typed::Typed;
use crate::value::{Type, Value};

pub use noised::Noised;

/// A model, tied to columns.
#[derive(Clone, Debug)]
pub struct Model {
    kind: ModelKind,
    /// Of each feature, the target of least squares included.
    features: Vec<Scaled>,
    /// What a logistic model explains.
    target: Option<Node>,
    /// The state of one group before the first round.
    start: Vec<f64>,
}

/// What follows a round.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// The state of the next.
    Next(Vec<f64>),
    /// The tables that are released.
    Done(Vec<Derived>),
}

/// A column, clamped to its bounds and scaled to -1 to 1.
#[derive(Clone, Debug)]
pub(crate) struct Scaled {
    node: Node,
    pub(crate) feature: Feature,
}

impl Scaled {
    /// What it is in a row, in its own unit; none where it is null.
    fn of<'a>(&'a self, row: &Row<'_, 'a>) -> Option<f64> {
        Some(self.node.of(row).as_number()?.clamp(self.feature.lower, self.feature.upper))
    }

    fn scaled<'a>(&'a self, row: &Row<'_, 'a>) -> Option<f64> {
        let (slope, rest) = slope(&self.feature);
        Some((self.of(row)? * slope + rest).clamp(-1.0, 1.0))
    }
}

/// What a number is multiplied with, and what is added, to be scaled.
pub(crate) fn slope(feature: &Feature) -> (f64, f64) {
    let width = feature.upper - feature.lower;
    (2.0 / width, -(feature.upper + feature.lower) / width)
}

impl Model {
    /// Ties a model to columns. `column` gives what a name means.
    ///
    /// # Errors
    /// A column that there is none of, or that holds no numbers.
    pub(crate) fn new(
        written: &Written,
        column: &dyn Fn(&str) -> Option<Typed>,
        names: &[&str],
    ) -> Result<Model, ManifestError> {
        let kind = written.kind.clone();
        let found = |name: &str, is_target: bool| {
            let found = column(name).ok_or_else(|| {
                let (advice, name) = (meant(name, names), name.to_owned());
                written.error(say!("the model finds no column `{name}`: {advice}", "模型找不到列 `{name}`：{advice}"))
            })?;
            match found.kind {
                Type::Whole | Type::Number | Type::Truth => Ok(found.node),
                kind if is_target => Err(written.error(say!(
                    "the target `{name}` holds {kind}: name a column of true and false, or make one, such as late = \"days > 30\"",
                    "目标列 `{name}` 是{kind}：请用真假值的列，或派生一列，如 late = \"days > 30\"",
                    name = name.to_owned(),
                    kind = kind.word()
                ))),
                kind => Err(written.error(say!(
                    "the model computes with numbers, and `{name}` holds {kind}: leave it out, or make a number of it with CASE",
                    "模型只用数来计算，而 `{name}` 是{kind}：请去掉它，或用 CASE 变成数",
                    name = name.to_owned(),
                    kind = kind.word()
                ))),
            }
        };
        if let Some(taken) = columns(&kind).into_iter().find(|made| column(made).is_some()) {
            return Err(written.error(say!(
                "the model makes a column `{taken}`, and there is one: give that another name in `[ready-made.columns]`",
                "模型会派生列 `{taken}`，而它已存在：请在 `[ready-made.columns]` 中另取名称"
            )));
        }
        let features = kind
            .features()
            .into_iter()
            .map(|feature| Ok(Scaled { node: found(&feature.name, false)?, feature: feature.clone() }));
        let features = features.collect::<Result<Vec<_>, ManifestError>>()?;
        let target = match &kind {
            ModelKind::Logistic { target, .. } => Some(found(target, true)?),
            _ => None,
        };
        let start = match &kind {
            ModelKind::Quantile { of, shares } => rank::start(of, shares.len()),
            ModelKind::Logistic { features, .. } => vec![0.0; features.len() + 1],
            ModelKind::KMeans { clusters, features } => cluster::start(*clusters, features.len()),
            ModelKind::Top { .. } | ModelKind::Linear { .. } => Vec::new(),
        };
        Ok(Model { kind, features, target, start })
    }

    /// What a column that it makes holds; none where it makes none of this name.
    pub(crate) fn kind(&self, name: &str) -> Option<Type> {
        match name {
            CLUSTER if matches!(self.kind, ModelKind::KMeans { .. }) => Some(Type::Whole),
            name => columns(&self.kind).iter().any(|made| made == name).then_some(Type::Number),
        }
    }

    /// What stands at this place of what it made.
    pub fn value(&self, made: &[f64], at: usize) -> Value<'static> {
        match (&self.kind, made.get(at)) {
            (ModelKind::KMeans { features, .. }, Some(cluster)) if at == features.len() => {
                Value::Whole(*cluster as i64)
            }
            (_, number) => number.map_or(Value::Null, |number| Value::Number(*number)),
        }
    }

    /// Whether each group has a state of its own, by which its rows are seen.
    pub fn is_by_group(&self) -> bool {
        matches!(self.kind, ModelKind::Quantile { .. } | ModelKind::Logistic { .. })
    }

    /// The state of one group, of that of all; what it begins with where there is none yet.
    pub fn part<'s>(&'s self, state: &'s [f64], group: usize) -> &'s [f64] {
        let width = self.start.len();
        let from = if self.is_by_group() { group.saturating_mul(width) } else { 0 };
        state.get(from..from.saturating_add(width)).unwrap_or(&self.start)
    }

    /// What it makes of a row, into `made`, in the order of [`columns`]; false where a column that it needs is null.
    pub fn make<'a>(
        &'a self,
        cell: &dyn Fn(usize) -> Value<'a>,
        derived: &[Value<'a>],
        state: &[f64],
        made: &mut Vec<f64>,
    ) -> bool {
        made.clear();
        let row = Row { cell, derived, totals: &[] };
        let scaled = || self.features.iter().map(|feature| feature.scaled(&row));
        match &self.kind {
            ModelKind::Top { .. } => true,
            ModelKind::Quantile { shares, .. } => {
                let Some(number) = self.features.first().and_then(|feature| feature.of(&row)) else { return false };
                rank::make(number, shares, state, made);
                true
            }
            ModelKind::Linear { .. } => {
                made.extend(scaled().map_while(|number| number));
                let count = self.features.len();
                let whole = made.len() == count;
                for one in 0..count.saturating_sub(1) {
                    for other in one..if whole { count } else { 0 } {
                        made.push(made[one] * made[other]);
                    }
                }
                whole
            }
            ModelKind::Logistic { .. } => {
                let (Some(numbers), Some(truth)) = (
                    scaled().collect::<Option<Vec<f64>>>(),
                    self.target.as_ref().and_then(|target| target.of(&row).as_number()),
                ) else {
                    return false;
                };
                regression::make(&numbers, truth.clamp(0.0, 1.0), state, made);
                true
            }
            ModelKind::KMeans { .. } => {
                made.extend(scaled().map_while(|number| number));
                let whole = made.len() == self.features.len();
                let nearest = if whole { cluster::nearest(made, state) } else { 0 };
                made.push(nearest as f64 + 1.0);
                whole
            }
        }
    }

    /// What follows round `round` of `rounds`. Sees noised totals only.
    pub fn advance(&self, rounds: u32, state: &[f64], noised: &Noised<'_>) -> Step {
        let is_last = noised.round.saturating_add(1) >= rounds;
        let groups = if self.is_by_group() { noised.groups() } else { 1 };
        let mut state: Vec<f64> = (0..groups).flat_map(|group| self.part(state, group).to_vec()).collect();
        let features: Vec<&Feature> = self.features.iter().map(|scaled| &scaled.feature).collect();
        let mut tables = match &self.kind {
            ModelKind::Quantile { of, shares } => rank::advance(of, shares, &mut state, noised),
            ModelKind::Top { by, most } => rank::top(by, *most, noised),
            ModelKind::Linear { .. } => regression::linear(&features, noised),
            ModelKind::Logistic { .. } => regression::logistic(&features, &mut state, noised),
            ModelKind::KMeans { clusters, .. } => cluster::advance(&features, *clusters, is_last, &mut state, noised),
        };
        let numbers = tables.iter_mut().flat_map(|table| &mut table.rows).flatten().map(|number| &mut number.0);
        numbers.chain(&mut state).for_each(|number| *number = finite(*number));
        if is_last { Step::Done(tables) } else { Step::Next(state) }
    }

    /// The noised totals of its output in one round: `totals` gives those of each value by its name.
    pub fn noised<'a>(
        &self,
        output: &'a OutputPlan,
        round: u32,
        totals: &dyn Fn(&str) -> Option<&'a [f64]>,
    ) -> Noised<'a> {
        Noised::new(output, round, &self.kind.reads(), totals)
    }
}

/// Noise has no bound, and what is computed of it may overflow: then it is as large as may be.
fn finite(number: f64) -> f64 {
    if number.is_nan() { 0.0 } else { number.clamp(-1e300, 1e300) }
}

/// The columns that a model makes, by name.
pub fn columns(kind: &ModelKind) -> Vec<String> {
    let cluster = matches!(kind, ModelKind::KMeans { .. }).then(|| CLUSTER.to_owned());
    kind.makes().into_iter().map(|value| value.name).chain(cluster).collect()
}
