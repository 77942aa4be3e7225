//! The body of a release: the form in which noised numbers leave, and what anybody with the job's plan can check
//! of it.

use num_bigint::BigInt;
use num_traits::{One, Signed, ToPrimitive, Zero};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use unseen_ids::{JobId, Key};
use unseen_texts::{Say, Sentence, say};

use crate::approximate::to_f64;
use crate::plan::{Noise, OutputPlan, Plan, ValuePlan};
use crate::rational::Rational;

/// Noised totals are clamped to ±this, in steps.
pub const MAX_NOISY: i128 = 1 << 125;

/// What [`ReleaseBody::format`] says.
pub const FORMAT: &str = "unseen-release-v1";

/// What a release says, as JSON. The bytes are fixed by the content: fields in this order, no spaces.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ReleaseBody {
    /// [`FORMAT`].
    pub format: String,
    /// The job.
    pub job: JobId,
    /// Index of the entry that started the run.
    pub run: u64,
    /// The noised totals, round by round.
    pub rounds: Vec<ReleasedRound>,
    /// Tables the guest computed from the noised totals, and from nothing else.
    #[serde(rename = "postProcessing")]
    pub derived: Vec<Derived>,
}

/// One round of a release.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ReleasedRound {
    /// From 0.
    pub round: u32,
    /// In the plan's order.
    pub outputs: Vec<ReleasedOutput>,
}

/// One output of one round.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ReleasedOutput {
    /// As in the manifest.
    pub name: String,
    /// Names of the key columns.
    pub keys: Vec<String>,
    /// Names of the values.
    pub values: Vec<String>,
    /// Every group of the domain, in its order, empty or not.
    pub groups: Vec<ReleasedGroup>,
}

/// One group of one output.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ReleasedGroup {
    /// One key for each key column.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<serde_json::Value>"))]
    pub keys: Vec<Key>,
    /// One number for each value.
    pub values: Vec<ReleasedValue>,
}

/// One noised number with its error.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ReleasedValue {
    /// Exact: steps × granularity, as a decimal, or as a fraction where no decimal is exact.
    pub value: String,
    /// Of the noise, in the value's units, to six digits.
    pub standard_deviation: f64,
    /// With probability 95 % or more, the noise alone lets the clamped total lie at or above this...
    pub low: String,
    /// ...and at or below this.
    pub high: String,
}

/// A table the guest computed from noised totals.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Derived {
    /// As the guest named it.
    pub name: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The cells.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<Vec<serde_json::Value>>"))]
    pub rows: Vec<Vec<Number>>,
    /// Names of the key columns before them; left out where there are none, as with every component.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// The keys of each row, where there are key columns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<Vec<serde_json::Value>>"))]
    pub groups: Vec<Vec<Key>>,
}

/// A double in JSON: a number, or one of the texts `NaN`, `Infinity` and `-Infinity`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number(pub f64);

impl ReleaseBody {
    /// Reads a body that was released.
    pub fn parse(bytes: &[u8]) -> Result<ReleaseBody, CheckError> {
        let body: ReleaseBody =
            serde_json::from_slice(bytes).map_err(|error| CheckError::NotABody(Sentence::of(&error)))?;
        if body.format != FORMAT {
            return Err(CheckError::NotABody(say!(
                "its format is {format:?}, not {FORMAT:?}",
                "其格式为 {format:?}，不是 {FORMAT:?}",
                format = body.format
            )));
        }
        Ok(body)
    }

    /// Checks what anybody can check who has the job's plan: it is of this run; every group of every domain
    /// is there, in order; every number lies on its declared grid; every error is the one the plan's noise
    /// has. Gives how many numbers there are.
    pub fn check(&self, plan: &Plan, job: JobId, run: u64) -> Result<u64, CheckError> {
        if self.job != job || self.run != run {
            return Err(CheckError::OtherRun);
        }
        if self.rounds.is_empty() || self.rounds.len() > plan.rounds as usize {
            return Err(wrong(say!(
                "the body has {count} rounds, the plan {rounds}",
                "正文有 {count} 轮，而计划有 {rounds} 轮",
                count = self.rounds.len(),
                rounds = plan.rounds
            )));
        }
        for (index, round) in self.rounds.iter().enumerate() {
            if round.round as usize != index || round.outputs.len() != plan.outputs.len() {
                return Err(wrong(say!(
                    "round {index} is missing, or does not have the {count} outputs of the plan",
                    "缺少第 {index} 轮，或输出数不是计划的 {count} 个",
                    count = plan.outputs.len()
                )));
            }
            for (output, planned) in round.outputs.iter().zip(&plan.outputs) {
                output.check(planned, index)?;
            }
        }
        let groups = self.rounds.iter().flat_map(|round| &round.outputs).flat_map(|output| &output.groups);
        Ok(groups.map(|group| group.values.len() as u64).sum())
    }
}

impl ReleasedOutput {
    /// One output of one round, from its noised totals in steps: group by group, value by value.
    pub fn new(planned: &OutputPlan, round: usize, cells: &[i128]) -> ReleasedOutput {
        let scales: Vec<Scale> = planned.values.iter().map(|value| Scale::new(value, round)).collect();
        let groups = (0..planned.domain.size()).map(|group| {
            let row = &cells[group * scales.len()..][..scales.len()];
            ReleasedGroup {
                keys: keys(planned, group),
                values: row.iter().zip(&scales).map(|(steps, scale)| scale.released(*steps)).collect(),
            }
        });
        ReleasedOutput {
            name: planned.name.clone(),
            keys: names(planned),
            values: planned.values.iter().map(|value| value.name.clone()).collect(),
            groups: groups.collect(),
        }
    }

    fn check(&self, planned: &OutputPlan, round: usize) -> Result<(), CheckError> {
        let place = say!("round {round}, output `{name}`", "第 {round} 轮，输出 `{name}`", name = planned.name);
        let values = planned.values.iter().map(|value| &value.name);
        if self.name != planned.name || self.keys != names(planned) || !self.values.iter().eq(values) {
            return Err(wrong(say!(
                "{place}: its name, keys or values are not the plan's",
                "{place}：名称、键或值与计划不符"
            )));
        }
        if self.groups.len() != planned.domain.size() {
            return Err(wrong(say!(
                "{place}: {count} groups are there, the domain has {size}",
                "{place}：有 {count} 组，而分组域有 {size} 组",
                count = self.groups.len(),
                size = planned.domain.size()
            )));
        }
        let scales: Vec<Scale> = planned.values.iter().map(|value| Scale::new(value, round)).collect();
        for (index, group) in self.groups.iter().enumerate() {
            let keys = keys(planned, index);
            if group.keys != keys || group.values.len() != scales.len() {
                return Err(wrong(say!(
                    "{place}: group {index} is not {keys:?} with {count} values",
                    "{place}：第 {index} 组不是 {keys:?}（{count} 个值）",
                    count = scales.len()
                )));
            }
            for ((value, scale), name) in group.values.iter().zip(&scales).zip(&self.values) {
                scale.check(value).map_err(|what| {
                    wrong(say!(
                        "{place}, group {index}, value `{name}`: {what}",
                        "{place}，第 {index} 组，值 `{name}`：{what}"
                    ))
                })?;
            }
        }
        Ok(())
    }
}

/// Why a released body is not what the plan allows.
#[derive(Debug, thiserror::Error, Say)]
#[code("release-body")]
pub enum CheckError {
    /// It cannot be read.
    #[error("this is not a release body: {0}")]
    #[zh("这不是发布正文：{0}")]
    NotABody(Sentence),
    /// It belongs to something else.
    #[error("the release body is that of another run")]
    #[zh("发布正文属于另一次运行")]
    OtherRun,
    /// It can, and says something the plan does not.
    #[error("the release differs from its plan: {0}")]
    #[zh("发布结果与计划不符：{0}")]
    Differs(Sentence),
}

fn wrong(what: Sentence) -> CheckError {
    CheckError::Differs(what)
}

/// How the steps of one value in one round are written.
struct Scale {
    granularity: Rational,
    /// The granularity times ten to `places`, where that is whole.
    decimal: Option<(BigInt, usize)>,
    standard_deviation: f64,
    half_width: i128,
}

impl Scale {
    fn new(value: &ValuePlan, round: usize) -> Scale {
        let noise: &Noise = &value.noise[round];
        Scale {
            decimal: decimal(&value.granularity),
            standard_deviation: six_digits(noise.standard_deviation() * to_f64(&value.granularity)),
            half_width: noise.half_width_95() as i128,
            granularity: value.granularity.clone(),
        }
    }

    fn released(&self, steps: i128) -> ReleasedValue {
        ReleasedValue {
            value: self.text(steps),
            standard_deviation: self.standard_deviation,
            low: self.text(steps.saturating_sub(self.half_width)),
            high: self.text(steps.saturating_add(self.half_width)),
        }
    }

    fn text(&self, steps: i128) -> String {
        let Some((unit, places)) = &self.decimal else {
            return (&self.granularity * BigInt::from(steps)).to_string();
        };
        let scaled = unit * steps;
        let digits = format!("{:0>width$}", scaled.magnitude().to_string(), width = places + 1);
        let (whole, part) = digits.split_at(digits.len() - places);
        let (sign, point) = (if scaled.is_negative() { "-" } else { "" }, if *places > 0 { "." } else { "" });
        format!("{sign}{whole}{point}{part}")
    }

    /// Errors may differ by what two machines' logarithms and roots may differ by, and no more.
    fn check(&self, value: &ReleasedValue) -> Result<(), Sentence> {
        const SIX_DIGITS: f64 = 1.1e-5;
        const SLACK: f64 = 1e-9;
        let steps = self.steps(&value.value)?;
        if steps.abs() > MAX_NOISY {
            return Err(say!("{value} is beyond all totals", "{value} 超出任何可能的总数", value = value.value));
        }
        let difference = value.standard_deviation - self.standard_deviation;
        if difference.is_nan() || difference.abs() > SIX_DIGITS * self.standard_deviation {
            return Err(say!(
                "the standard deviation is {standard_deviation}, the plan's is {standard_deviation2}",
                "标准差为 {standard_deviation}，而计划中是 {standard_deviation2}",
                standard_deviation = value.standard_deviation,
                standard_deviation2 = self.standard_deviation
            ));
        }
        let slack = 1 + (self.half_width as f64 * SLACK) as i128;
        let widths = [steps.saturating_sub(self.steps(&value.low)?), self.steps(&value.high)?.saturating_sub(steps)];
        match widths.iter().all(|width| width.abs_diff(self.half_width) <= slack as u128) {
            true => Ok(()),
            false => Err(say!(
                "the interval {low} to {high} is not the plan's",
                "区间 {low} 至 {high} 不是计划中的区间",
                low = value.low,
                high = value.high
            )),
        }
    }

    /// Back from [`Self::text`]; nothing else is read.
    fn steps(&self, text: &str) -> Result<i128, Sentence> {
        let steps: Option<BigInt> = match &self.decimal {
            _ if text.len() > LONGEST_NUMBER => None,
            Some((unit, _)) => text.replacen('.', "", 1).parse().ok().map(|scaled: BigInt| scaled / unit),
            None => text.parse().ok().map(|exact: Rational| (exact / &self.granularity).to_integer()),
        };
        // What is between two steps is written otherwise than the one that it was cut down to.
        steps
            .and_then(|steps| steps.to_i128())
            .filter(|steps| self.text(*steps) == text)
            .ok_or_else(|| say!("{text:.60} is not on the declared grid", "{text:.60} 不在声明的格点上"))
    }
}

/// A granularity has an exponent of at most 400, and steps have at most 39 digits.
const LONGEST_NUMBER: usize = 1000;

fn decimal(granularity: &Rational) -> Option<(BigInt, usize)> {
    let (mut rest, mut places) = (granularity.denom().clone(), 0);
    let mut scaled = granularity.numer().clone();
    while !rest.is_one() {
        let (by_ten, by_five, by_two) = ((&rest % 10u32).is_zero(), (&rest % 5u32).is_zero(), (&rest % 2u32).is_zero());
        match (by_ten, by_five, by_two) {
            (true, _, _) => rest /= 10u32,
            (_, true, _) => {
                rest /= 5u32;
                scaled *= 2u32
            }
            (_, _, true) => {
                rest /= 2u32;
                scaled *= 5u32
            }
            _ => return None,
        }
        places += 1;
    }
    Some((scaled, places))
}

/// Logarithms differ in their last digits from one machine to another; a release must not.
fn six_digits(number: f64) -> f64 {
    format!("{number:.5e}").parse().unwrap_or(number)
}

fn keys(planned: &OutputPlan, group: usize) -> Vec<Key> {
    planned.domain.group(group).unwrap_or_default().into_iter().cloned().collect()
}

fn names(planned: &OutputPlan) -> Vec<String> {
    planned.domain.names().iter().map(|name| name.to_string()).collect()
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            number if number.is_finite() => serializer.serialize_f64(number),
            number if number.is_nan() => serializer.serialize_str("NaN"),
            number if number > 0.0 => serializer.serialize_str("Infinity"),
            _ => serializer.serialize_str("-Infinity"),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Number, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(f64),
            Text(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Number(number) => Ok(Number(number)),
            Form::Text(text) => match text.as_str() {
                "NaN" => Ok(Number(f64::NAN)),
                "Infinity" => Ok(Number(f64::INFINITY)),
                "-Infinity" => Ok(Number(f64::NEG_INFINITY)),
                _ => Err(de::Error::custom("a number must be a JSON number, NaN, Infinity or -Infinity")),
            },
        }
    }
}
