//! `[ready-made.model]`: what a job without code computes from its noised totals, and what it sums for that.
//!
//! The output's groups and values are declared and bounded like any other's, so nothing here makes a number less
//! private. What a model makes of each row has fixed names, in which `[x]` is the column x, clamped to its bounds
//! and scaled to -1 to 1.

use std::ops::RangeInclusive;

use num_traits::{One, Zero};
use unseen_ids::Key;
use unseen_texts::{Sentence, say, text};

use super::{GrainKind, Keys, Limits, Output, Value};
use crate::approximate::to_f64;
use crate::rational::Rational;
use crate::reader::{ManifestError, Node, Place, unique};

/// Most columns that a model is fitted to.
pub const MOST_FEATURES: usize = 16;
/// Most centres.
pub const MOST_CLUSTERS: i64 = 64;
/// Most shares.
const MOST_SHARES: usize = 32;
/// Most groups that are ranked.
pub const MOST_RANKED: i64 = 1_000;
/// The group column of k-means.
pub const CLUSTER: &str = "cluster";

/// Nanoseconds in which a row finds its group's part of the state, a column is clamped and scaled, a value is made of
/// two, and a row is compared with one number of one centre.
const FOUND: u128 = 1_000;
const SCALED: u128 = 200;
const MADE: u128 = 50;
const COMPARED: u128 = 5;

/// `[ready-made.model]`.
#[derive(Clone, Debug)]
pub struct Model {
    /// What is computed.
    pub kind: ModelKind,
    at: Place,
}

/// What is computed from noised totals.
#[derive(Clone, Debug)]
pub enum ModelKind {
    /// Quantiles of a column, by bisection: one round halves the interval that each is in.
    Quantile {
        /// The column.
        of: Feature,
        /// Between 0 and 1, neither included.
        shares: Vec<Rational>,
    },
    /// The groups with the largest totals.
    Top {
        /// The value that is ranked.
        by: String,
        /// How many groups; at least 1.
        most: usize,
    },
    /// Least squares, in one round.
    Linear {
        /// What is explained.
        target: Feature,
        /// By what.
        features: Vec<Feature>,
    },
    /// Logistic regression, one step of Newton's in a round.
    Logistic {
        /// What is explained: a column of truths, or of 0 and 1.
        target: String,
        /// By what.
        features: Vec<Feature>,
    },
    /// Lloyd's algorithm, one step in a round.
    KMeans {
        /// How many centres.
        clusters: usize,
        /// The columns that rows are compared by.
        features: Vec<Feature>,
    },
}

/// A column that rows show or that is made of others, and the bounds that it is clamped to.
#[derive(Clone, Debug)]
pub struct Feature {
    /// Its name.
    pub name: String,
    /// The least that counts.
    pub lower: f64,
    /// The most that counts.
    pub upper: f64,
}

/// A value that a model makes of each row.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelValue {
    /// Its name.
    pub name: String,
    /// The least that a row has.
    pub lower: f64,
    /// The most that a row has.
    pub upper: f64,
}

impl ModelValue {
    /// How many rows the bounds of a value leave room for; without end of one of another name.
    fn rows_within(&self, value: &Value) -> f64 {
        if value.name != self.name {
            return f64::INFINITY;
        }
        let step = to_f64(&value.granularity);
        let room = |end: i64, of_row: f64| match of_row == 0.0 {
            // No row of this kind is below zero; some may be zero.
            true if end > 0 => 0.0,
            true => f64::INFINITY,
            false => end as f64 * step / of_row,
        };
        let rows = room(value.lower_steps, self.lower).min(room(value.upper_steps, self.upper));
        // 0.1 is no sum of a few halves.
        (rows * 1e9).round() / 1e9
    }
}

impl ModelKind {
    /// As a manifest names it.
    pub fn name(&self) -> &'static str {
        match self {
            ModelKind::Quantile { .. } => "quantile",
            ModelKind::Top { .. } => "top",
            ModelKind::Linear { .. } => "linear",
            ModelKind::Logistic { .. } => "logistic",
            ModelKind::KMeans { .. } => "k-means",
        }
    }

    /// The columns that are clamped, the target among them at the end where it is one.
    pub fn features(&self) -> Vec<&Feature> {
        match self {
            ModelKind::Quantile { of, .. } => vec![of],
            ModelKind::Top { .. } => Vec::new(),
            ModelKind::Linear { target, features } => features.iter().chain([target]).collect(),
            ModelKind::Logistic { features, .. } | ModelKind::KMeans { features, .. } => features.iter().collect(),
        }
    }

    /// The values that it makes of each row, in their order.
    pub fn makes(&self) -> Vec<ModelValue> {
        let value = |name: String, lower: f64, upper: f64| ModelValue { name, lower, upper };
        let names: Vec<String> = self.features().iter().map(|feature| format!("[{}]", feature.name)).collect();
        let pairs = || names.iter().enumerate().flat_map(|(at, one)| names[at..].iter().map(move |other| (one, other)));
        let scaled = names.iter().map(|name| value(name.clone(), -1.0, 1.0));
        match self {
            ModelKind::Quantile { shares, .. } => {
                let values = shares.iter().map(to_f64);
                values.map(|share| value(format!("rank({share})"), -share, 1.0 - share)).collect()
            }
            ModelKind::Top { .. } => Vec::new(),
            ModelKind::KMeans { .. } => scaled.collect(),
            ModelKind::Linear { features, .. } => {
                // Whatever is explained is multiplied by what explains it, and not by itself.
                let own = |name: &String| names.get(features.len()) == Some(name);
                let products = pairs().filter(|(one, _)| !own(one));
                let least = |one: &String, other: &String| if one == other { 0.0 } else { -1.0 };
                scaled
                    .chain(products.map(|(one, other)| value(format!("{one}*{other}"), least(one, other), 1.0)))
                    .collect()
            }
            ModelKind::Logistic { .. } => {
                let gradient = names.iter().map(|name| value(format!("gradient{name}"), -1.0, 1.0));
                let weighed = names.iter().map(|name| value(format!("hessian{name}"), -0.25, 0.25));
                let products = pairs().map(|(one, other)| {
                    value(format!("hessian{one}*{other}"), if one == other { 0.0 } else { -0.25 }, 0.25)
                });
                let first = value("gradient".to_owned(), -1.0, 1.0);
                let second = value("hessian".to_owned(), 0.0, 0.25);
                std::iter::once(first).chain(gradient).chain([second]).chain(weighed).chain(products).collect()
            }
        }
    }

    /// The values that are read as sums over rows, those that rows are counted by included.
    pub fn of_row(&self) -> Vec<ModelValue> {
        let counted = matches!(self, ModelKind::Linear { .. } | ModelKind::KMeans { .. });
        let rows = counted.then(|| ModelValue { name: "rows".to_owned(), lower: 0.0, upper: 1.0 });
        rows.into_iter().chain(self.makes()).collect()
    }

    /// How many rows of one unit the bounds of all its values leave room for; without end where none is a sum over rows.
    pub fn rows_within(&self, output: &Output) -> f64 {
        let values = || output.values.iter();
        let within = |row: &ModelValue| values().map(|value| row.rows_within(value)).fold(f64::INFINITY, f64::min);
        self.of_row().iter().map(within).fold(f64::INFINITY, f64::min)
    }

    /// The names of all values that it reads, in their order.
    pub fn reads(&self) -> Vec<String> {
        let counted = match self {
            ModelKind::Linear { .. } | ModelKind::KMeans { .. } => Some("rows".to_owned()),
            ModelKind::Top { by, .. } => Some(by.clone()),
            _ => None,
        };
        counted.into_iter().chain(self.makes().into_iter().map(|value| value.name)).collect()
    }

    /// How many rounds it may have.
    pub fn rounds(&self) -> RangeInclusive<u32> {
        match self {
            // Three standard deviations of each round hold for so many rounds together, 19 times of 20.
            ModelKind::Quantile { .. } => 1..=18,
            ModelKind::Top { .. } | ModelKind::Linear { .. } => 1..=1,
            ModelKind::Logistic { .. } => 1..=30,
            ModelKind::KMeans { .. } => 1..=50,
        }
    }
}

impl Model {
    pub(crate) fn read(node: Node<'_>) -> Result<Model, ManifestError> {
        let kinds = text!(
            "\"quantile\", \"top\", \"linear\", \"logistic\" or \"k-means\"",
            "\"quantile\"、\"top\"、\"linear\"、\"logistic\" 或 \"k-means\""
        );
        let known = ["kind", "of", "shares", "by", "most", "target", "features", "clusters"];
        let named = node.table(&known)?.required("kind")?;
        let own: &[&str] = match named.text(kinds)? {
            "quantile" => &["kind", "of", "shares"],
            "top" => &["kind", "by", "most"],
            "linear" | "logistic" => &["kind", "target", "features"],
            "k-means" => &["kind", "clusters", "features"],
            other => {
                return Err(
                    named.error(say!("`{other}` is not a model: write {kinds}", "`{other}` 不是模型：请写 {kinds}"))
                );
            }
        };
        let table = node.table(own)?;
        let features = || features(table.required("features")?);
        let kind = match named.text(kinds)? {
            "quantile" => ModelKind::Quantile {
                of: Feature::read(table.required("of")?)?,
                shares: shares(table.required("shares")?)?,
            },
            "top" => ModelKind::Top {
                by: table.required("by")?.name(64)?,
                most: table.required("most")?.whole(1..=MOST_RANKED)? as usize,
            },
            "linear" => ModelKind::Linear { target: Feature::read(table.required("target")?)?, features: features()? },
            "logistic" => ModelKind::Logistic { target: table.required("target")?.name(64)?, features: features()? },
            _ => ModelKind::KMeans {
                clusters: table.required("clusters")?.whole(2..=MOST_CLUSTERS)? as usize,
                features: features()?,
            },
        };
        let model = Model { kind, at: node.place() };
        let mut names: Vec<&str> = model.kind.features().iter().map(|feature| feature.name.as_str()).collect();
        if let ModelKind::Logistic { target, .. } = &model.kind {
            names.push(target);
        }
        unique(text!("column", "列"), names.into_iter().map(|name| (model.at, name)))?;
        Ok(model)
    }

    /// An error that points to it.
    pub fn error(&self, message: impl Into<Sentence>) -> ManifestError {
        self.at.error(message)
    }

    /// Refuses a manifest whose other sections are not what the model needs.
    pub(crate) fn check(&self, grain: GrainKind, outputs: &[Output], limits: &Limits) -> Result<(), ManifestError> {
        let kind = self.kind.name();
        let ([output], GrainKind::Unit) = (outputs, grain) else {
            return Err(self.error(say!(
                "a model is computed from one output and by unit: write kind = \"unit\" and one [[output]]",
                "模型由一个输出按单元算出：请写 kind = \"unit\"，且只写一个 [[output]]"
            )));
        };
        let rounds = self.kind.rounds();
        if !rounds.contains(&limits.rounds) {
            return Err(self.error(say!(
                "`{kind}` takes {least} to {most} rounds, and `limits` has {rounds}: set `rounds` to one of these",
                "`{kind}` 须为 {least} 至 {most} 轮，而 `limits` 中为 {rounds} 轮：请改写 `rounds`",
                least = rounds.start(),
                most = rounds.end(),
                rounds = limits.rounds
            )));
        }
        for name in self.kind.reads() {
            if !output.values.iter().any(|value| value.name == name) {
                return Err(output.at.error(say!(
                    "`{kind}` is computed from the value `{name}`, and output `{output}` has none: add it",
                    "`{kind}` 由值 `{name}` 算出，而输出 `{output}` 没有它：请补上",
                    output = output.name
                )));
            }
        }
        for row in self.kind.of_row() {
            if let Some(value) = output.values.iter().find(|value| row.rows_within(value) < 1.0) {
                return Err(value.at.error(say!(
                    "what `{kind}` sums of one row as `{name}` lies between {lower} and {upper}, and closer bounds would make its answer wrong: write these, or as many times these as a unit has rows, and a granularity that divides them",
                    "`{kind}` 对每行求和的 `{name}` 在 {lower} 与 {upper} 之间，界限更窄会使结果出错：请写这一范围，或其单元行数倍，且粒度须能整除",
                    name = row.name,
                    lower = row.lower,
                    upper = row.upper
                )));
            }
        }
        if let ModelKind::KMeans { clusters, .. } = self.kind {
            let numbers = |keys: &Keys| match keys {
                Keys::Range { first, last } => *first == 1 && usize::try_from(*last) == Ok(clusters),
                Keys::Listed(keys) => {
                    keys.len() == clusters && keys.iter().zip(1..).all(|(key, at)| *key == Key::Int(at))
                }
                Keys::Reference { .. } => false,
            };
            if !matches!(&output.groups[..], [group] if group.name == CLUSTER && numbers(&group.keys)) {
                return Err(output.at.error(say!(
                    "the groups of k-means are its clusters: write groups = [{group}] in output `{output}`",
                    "k-means 按聚类分组：请在输出 `{output}` 中写 groups = [{group}]",
                    group = format!("{{ name = \"{CLUSTER}\", range = [1, {clusters}] }}"),
                    output = output.name
                )));
            }
        }
        Ok(())
    }

    /// What it takes for a row, beside summing, at most.
    pub(crate) fn nanoseconds(&self) -> u128 {
        let features = self.kind.features().len() as u128;
        let compared = match self.kind {
            ModelKind::KMeans { clusters, .. } => clusters as u128 * features,
            _ => 0,
        };
        FOUND + SCALED * (features + 1) + MADE * self.kind.makes().len() as u128 + COMPARED * compared
    }
}

impl Feature {
    fn read(node: Node<'_>) -> Result<Feature, ManifestError> {
        let table = node.table(&["name", "lower", "upper"])?;
        let ends = (table.required("lower")?, table.required("upper")?);
        let feature = Feature {
            name: table.required("name")?.name(64)?,
            lower: to_f64(&ends.0.number()?),
            upper: to_f64(&ends.1.number()?),
        };
        if !feature.is_sound() {
            return Err(ends.1.error(say!(
                "`upper` must lie above `lower` for `{name}`, by 1e-9 at least, and both between -1e15 and 1e15",
                "`{name}` 的 `upper` 须大于 `lower`，至少相差 1e-9，且都在 -1e15 与 1e15 之间",
                name = feature.name
            )));
        }
        Ok(feature)
    }

    /// Whether its bounds hold something, and may be computed with.
    pub fn is_sound(&self) -> bool {
        self.upper - self.lower >= 1e-9 && self.lower >= -1e15 && self.upper <= 1e15
    }
}

fn features(node: Node<'_>) -> Result<Vec<Feature>, ManifestError> {
    let features = node.each(Feature::read)?;
    match features.len() > MOST_FEATURES {
        true => Err(node.error(say!(
            "the model has {count} features; at most {MOST_FEATURES} are allowed",
            "模型有 {count} 个特征；至多允许 {MOST_FEATURES} 个",
            count = features.len()
        ))),
        false => Ok(features),
    }
}

fn shares(node: Node<'_>) -> Result<Vec<Rational>, ManifestError> {
    let nodes: Vec<_> = node.list(text!("a list of numbers", "数字的列表"))?.collect();
    let shares = nodes.iter().map(|node| {
        let share = node.number()?;
        match share > Rational::zero() && share < Rational::one() {
            true => Ok(share),
            false => Err(node.error(say!(
                "the share {share} is not between 0 and 1: the median is 0.5",
                "份额 {share} 不在 0 与 1 之间：中位数为 0.5",
                share = share.to_string()
            ))),
        }
    });
    let shares = shares.collect::<Result<Vec<_>, _>>()?;
    let texts: Vec<String> = shares.iter().map(|share| to_f64(share).to_string()).collect();
    unique(text!("share", "份额"), nodes.iter().map(|node| node.place()).zip(texts.iter().map(String::as_str)))?;
    match (1..=MOST_SHARES).contains(&shares.len()) {
        true => Ok(shares),
        false => Err(node.error(say!(
            "there are {count} shares: write 1 to {MOST_SHARES}",
            "有 {count} 个份额：请写 1 至 {MOST_SHARES} 个",
            count = shares.len()
        ))),
    }
}
