//! From noised totals to what an analyst reads: a body with the error of every number, sealed until
//! its own entry stands in the log.

use num_bigint::BigInt;
use num_traits::{One, Signed, ToPrimitive, Zero};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use unseen_ids::{Digest, JobId, Key, canonical};
use unseen_policies::event::{Event, Record, Released};
use unseen_policies::plan::{Noise, OutputPlan, ValuePlan};
use unseen_policies::rational::to_f64;
use unseen_policies::{Plan, Rational};
use unseen_texts::{Say, Sentence, say};
use unseen_tlog::dsse::Envelope;
use unseen_tlog::merkle::{self, Hash, ProofError};
use unseen_tlog::statement::Statement;

use crate::layout::Layout;
use crate::noise::MAX_NOISY;
use crate::sealed::Sealing;

/// What [`ReleaseBody::format`] says.
pub const FORMAT: &str = "unseen-release-v1";

/// The noised totals of one round, in steps. Safe to show: made by [`crate::ExactTotals::noise`] only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoisyTotals {
    round: u32,
    #[serde(with = "as_texts")]
    cells: Vec<i128>,
}

impl NoisyTotals {
    pub(crate) fn new(round: u32, cells: Vec<i128>) -> NoisyTotals {
        NoisyTotals { round, cells }
    }

    /// The round, from 0.
    pub fn round(&self) -> u32 {
        self.round
    }

    /// In steps: `groups × values` numbers of the first output, then of the second...
    pub fn steps(&self) -> &[i128] {
        &self.cells
    }

    /// What the guest's `advance` sees: for each output, `groups × values` numbers in the values' own
    /// units. Rounded the same way everywhere.
    pub fn as_f64(&self, plan: &Plan) -> Result<Vec<Vec<f64>>, ReleaseError> {
        let layout = self.layout(plan)?;
        let outputs = plan.outputs.iter().zip(&layout.outputs).map(|(output, place)| {
            let cells = &self.cells[place.first_cell..][..place.groups * place.width];
            let units: Vec<f64> = output.values.iter().map(|value| to_f64(&value.granularity)).collect();
            cells
                .chunks(place.width.max(1))
                .flat_map(|row| row.iter().zip(&units).map(|(steps, unit)| *steps as f64 * unit))
                .collect()
        });
        Ok(outputs.collect())
    }

    fn layout(&self, plan: &Plan) -> Result<Layout, ReleaseError> {
        let layout = Layout::of(plan);
        if self.cells.len() != layout.cells || self.round >= plan.rounds {
            return Err(ReleaseError::OtherPlan);
        }
        Ok(layout)
    }
}

/// Why noised totals cannot become a release.
#[derive(Debug, thiserror::Error, Say)]
#[code("release")]
pub enum ReleaseError {
    /// The totals have another shape than the plan gives them.
    #[error("the totals are not of this plan: seal them with the plan they were counted under")]
    #[zh("总数不属于此计划：请用统计时的计划封存")]
    OtherPlan,
    /// Rounds are missing or out of order.
    #[error("the rounds of a release must be 0, 1, 2...: round {0} is missing or out of place")]
    #[zh("发布结果的轮次须为 0、1、2……：第 {0} 轮缺失或错位")]
    Rounds(u32),
}

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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Derived {
    /// As the guest named it.
    pub name: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The cells.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<Vec<serde_json::Value>>"))]
    pub rows: Vec<Vec<Number>>,
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
                    "round {index} is missing, or has not the plan's {count} outputs",
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

    fn new(
        plan: &Plan,
        job: JobId,
        run: u64,
        rounds: &[NoisyTotals],
        derived: Vec<Derived>,
    ) -> Result<ReleaseBody, ReleaseError> {
        let rounds = (0u32..).zip(rounds).map(|(index, totals)| {
            let layout = totals.layout(plan)?;
            if totals.round != index {
                return Err(ReleaseError::Rounds(index));
            }
            let outputs = plan.outputs.iter().enumerate().map(|(output, planned)| {
                let start = layout.outputs[output].first_cell;
                ReleasedOutput::new(planned, index as usize, &totals.cells[start..])
            });
            Ok(ReleasedRound { round: index, outputs: outputs.collect() })
        });
        let rounds: Vec<ReleasedRound> = rounds.collect::<Result<_, _>>()?;
        if rounds.is_empty() {
            return Err(ReleaseError::Rounds(0));
        }
        Ok(ReleaseBody { format: FORMAT.to_owned(), job, run, rounds, derived })
    }
}

impl ReleasedOutput {
    fn new(planned: &OutputPlan, round: usize, cells: &[i128]) -> ReleasedOutput {
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

/// A body that nobody has read yet.
///
/// ```compile_fail
/// fn peek(sealed: &unseen_core::SealedRelease) -> &[u8] { &sealed.bytes }
/// ```
/// ```compile_fail
/// fn print(sealed: &unseen_core::SealedRelease) { println!("{sealed:?}"); }
/// ```
pub struct SealedRelease {
    bytes: Vec<u8>,
}

impl SealedRelease {
    /// Writes the body and seals it. `rounds` are all rounds that were run, in order.
    pub fn seal(
        plan: &Plan,
        job: JobId,
        run: u64,
        rounds: &[NoisyTotals],
        derived: Vec<Derived>,
    ) -> Result<SealedRelease, ReleaseError> {
        let body = ReleaseBody::new(plan, job, run, rounds, derived)?;
        let bytes = canonical::to_vec_as_declared(&body).expect("invariant: a body is texts, numbers and lists");
        Ok(SealedRelease { bytes })
    }

    /// Whether an auditor will find in it what belongs to this run: [`ReleaseBody::check`], of which nothing
    /// but the verdict comes out.
    pub fn check(&self, plan: &Plan, job: JobId, run: u64) -> Result<u64, CheckError> {
        ReleaseBody::parse(&self.bytes)?.check(plan, job, run)
    }

    /// What the log entry of this release must name.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    /// Encrypted for keeping (AES-256-GCM), until the entry is logged. The same body and key give
    /// the same bytes: the nonce is a keyed hash of the body, so a resumed run rewrites the same file.
    pub fn into_sealed_bytes(self, key: &[u8; 32]) -> Vec<u8> {
        Sealing::new(SEAL, key).seal(&[], self.bytes)
    }

    /// Back from [`Self::into_sealed_bytes`].
    pub fn from_sealed_bytes(key: &[u8; 32], bytes: &[u8]) -> Result<SealedRelease, OpenError> {
        let body = Sealing::new(SEAL, key).open(&[], bytes).ok_or(OpenError::NotSealedBytes)?;
        Ok(SealedRelease { bytes: body })
    }

    /// Opens, given the log entry that announces exactly this body and the proof that the entry is
    /// number `index` of the log with this `size` and `root`. The caller has verified the checkpoint
    /// that says so.
    pub fn open(self, entry: &[u8], index: u64, size: u64, root: &Hash, proof: &[Hash]) -> Result<Release, OpenError> {
        let leaf = merkle::leaf_hash(entry);
        merkle::verify_inclusion(index, size, &leaf, proof, root).map_err(OpenError::NotInTheLog)?;
        let released = announced(entry)?;
        let body = ReleaseBody::parse(&self.bytes).map_err(|error| OpenError::NotABody(Sentence::of(&error)))?;
        let same = released.body == self.digest();
        if !same || released.job != body.job || released.run != body.run {
            return Err(OpenError::OtherRelease);
        }
        Ok(Release { bytes: self.bytes, body })
    }
}

/// A release that stands in the log: [`SealedRelease::open`] is the only way to one.
///
/// ```compile_fail
/// fn forge(bytes: Vec<u8>, body: unseen_core::ReleaseBody) -> unseen_core::Release {
///     unseen_core::Release { bytes, body }
/// }
/// ```
/// ```compile_fail
/// fn hurry(sealed: unseen_core::SealedRelease) -> unseen_core::Release { sealed.open() }
/// ```
#[derive(Debug)]
pub struct Release {
    bytes: Vec<u8>,
    body: ReleaseBody,
}

impl Release {
    /// The body, byte for byte as the entry's digest names it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The body, read.
    pub fn body(&self) -> &ReleaseBody {
        &self.body
    }
}

/// Why a release stays closed.
#[derive(Debug, thiserror::Error, Say)]
#[code("release-open")]
pub enum OpenError {
    /// The bytes were not sealed with this key, or were changed since.
    #[error("the sealed release cannot be decrypted: it was sealed with another key, or its file was changed")]
    #[zh("封存的结果无法解密：密钥不同，或文件已被改动")]
    NotSealedBytes,
    /// The inclusion proof fails.
    #[error("the entry of the release is not in the log: {0}")]
    #[zh("发布条目不在日志中：{0}")]
    NotInTheLog(ProofError),
    /// The entry announces no release.
    #[error("the entry does not announce a release: {0}")]
    #[zh("该条目没有公布发布结果：{0}")]
    NotAnAnnouncement(Sentence),
    /// The entry announces another release.
    #[error("the entry announces another release: its job, run or body digest differs")]
    #[zh("该条目公布的是另一个结果：作业、运行或正文摘要不同")]
    OtherRelease,
    /// The sealed bytes are not a body.
    #[error("the sealed bytes are not a release body: {0}")]
    #[zh("封存的内容不是发布正文：{0}")]
    NotABody(Sentence),
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

/// Reads an entry as the announcement of a release. Any other kind of entry, even one that names the
/// body's digest, announces nothing.
fn announced(entry: &[u8]) -> Result<Released, OpenError> {
    let refused = OpenError::NotAnAnnouncement;
    let envelope = Envelope::from_bytes(entry).map_err(|error| refused(Sentence::of(&error)))?;
    let statement: Statement = Statement::open_unverified(&envelope).map_err(|error| refused(Sentence::of(&error)))?;
    let record = Record::from_predicate(&statement.predicate_type, statement.predicate);
    match record.map_err(|error| refused(Sentence::of(&error)))?.event {
        Event::Released(released) => Ok(released),
        other => Err(refused(say!("it is of the kind {kind}", "其类型是{kind}", kind = other.kind()))),
    }
}

const SEAL: &[u8] = b"unseen sealed release v1\n";

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
        let exact = match &self.decimal {
            _ if text.len() > LONGEST_NUMBER => None,
            Some((unit, _)) => {
                text.replacen('.', "", 1).parse().ok().map(|scaled: BigInt| Rational::new(scaled, unit.clone()))
            }
            None => text.parse().ok().map(|exact: Rational| exact / &self.granularity),
        };
        let steps = exact.filter(Rational::is_integer).and_then(|exact| exact.to_integer().to_i128());
        steps
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

/// JSON numbers do not hold 128 bits; decimal texts do.
mod as_texts {
    use super::*;

    pub fn serialize<S: Serializer>(cells: &[i128], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(cells.iter().map(i128::to_string))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<i128>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| text.parse().map_err(de::Error::custom)).collect()
    }
}
