//! The job manifest, `job.toml`: all an approver needs to bound what any code can do.
//!
//! ```toml
//! [job]
//! title = "Output per mu by town"
//! purpose = "Yearly evaluation of industrial enterprises"
//! module = "target/job.wasm"            # or "sha256:..." or "ready-made:sum"; optional
//! release = "+2h"                       # after the start; or "now", or an RFC 3339 time
//!
//! [[input]]                             # one table per input in each grain
//! dataset = "firms"
//! columns = ["town", "output"]
//!   [[input.lookup]]                    # optional: columns of a public table, joined row by row
//!   reference = "airports"
//!   on = "dest"                         # column of the dataset
//!   key = "faa"                         # column of the reference
//!   columns = ["tz"]
//!
//! [ready-made]                          # optional, with module = "ready-made:sum"; `unseen-questions` reads it
//! where = "output > 0"                  # rows that count
//! columns = { per_mu = "output / land" }  # made of others, for groups and values
//! model = { kind = "top", by = "sum", most = 10 }  # optional: computed of the noised totals
//!
//! [grain]
//! kind = "blocks"                       # or "unit", without `count`
//! count = 100
//!
//! [[output]]
//! name = "output-per-mu"
//! max_groups_per_unit = 1               # per block in a block grain; default 1
//! weight = 2                            # optional share of the budget, default 1
//! values = [{ name = "sum", lower = 0, upper = 100, granularity = 0.01, weight = 1 }]
//! groups = [                            # empty or left out: one total
//!   { name = "town", keys = ["湖塘", "牛塘"] },
//!   { name = "bin", range = [0, 19] },  # both ends included
//!   { name = "dest", reference = "airports", column = "faa" },
//! ]
//! ratios = [                            # optional: shown with their errors by every reader; cost nothing
//!   { name = "mean", numerator = "sum", denominator = "count", by = ["town"] },
//! ]
//!
//! [privacy]
//! mechanism = "gaussian"                # with rho; or "laplace" with epsilon
//! rho = 0.1
//! round_weights = [1, 1, 2]             # optional, one per round
//!
//! [limits]                              # optional
//! fuel = 10_000_000                     # per grain
//! memory = "64MiB"                      # per grain; or a number of bytes
//! rows = 1_000_000                      # of one unit in one input; the first ones, in import order
//! rounds = 3                            # default 1
//! ```
//!
//! `lower`, `upper`, `granularity`, `epsilon`, `rho` and weights are TOML numbers or texts such as
//! `"1/3"`, read exactly as they are written: `0.01` is one hundredth. Contributions are whole
//! multiples of the granularity that lie in `[lower, upper]`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, FixedOffset, SecondsFormat, TimeDelta, Utc};
use toml::de::{DeTable, DeValue};
use unseen_ids::Digest;
use unseen_texts::{Sentence, say, text};

use crate::rational::Rational;
use crate::reader::{Node, Place, TomlTable, unique};
use crate::toml_fault;

mod mentions;
mod model;
mod outputs;
mod question;

pub use crate::reader::ManifestError;
pub use mentions::Mention;
pub use model::{CLUSTER, Feature, MOST_CLUSTERS, MOST_FEATURES, MOST_RANKED, Model, ModelKind, ModelValue};
pub use outputs::{Group, Keys, MAX_CELLS, MAX_GROUPS, Output, Ratio, Value};
pub(crate) use outputs::{check_sizes, too_many_groups};
pub use question::{Expression, Question};
pub use unseen_ids::{Key, KeyRef};

/// A manifest, validated as far as it can be without the tables it names.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// What the job is for.
    pub job: JobSection,
    /// What it reads; at least one, each dataset once.
    pub inputs: Vec<Input>,
    /// What the lab's own map makes of its rows before it sums; with [`ModuleRef::ReadyMadeSum`] only.
    pub question: Option<Question>,
    /// What one call of the guest sees.
    pub grain: GrainKind,
    /// What it releases; at least one, names unique.
    pub outputs: Vec<Output>,
    /// What it costs.
    pub privacy: Privacy,
    /// What a grain may use up.
    pub limits: Limits,
}

/// `[job]`.
#[derive(Clone, Debug)]
pub struct JobSection {
    /// One line for people.
    pub title: String,
    /// Why the job is run, for the approver.
    pub purpose: String,
    /// The component, when the manifest names it.
    pub module: Option<ModuleRef>,
    /// When the result may appear.
    pub release: Release,
}

/// The component a manifest names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModuleRef {
    /// A file, relative to the manifest.
    Path(String),
    /// Exactly this component.
    Digest(Digest),
    /// No component: the lab's own map sums columns by group.
    ReadyMadeSum,
}

/// When the result may appear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Release {
    /// As soon as the run ends; tells how long the run took.
    Now,
    /// Not before this moment.
    At(DateTime<FixedOffset>),
    /// This long after the run started; whole seconds, at least one, at most 366 days.
    After(Duration),
}

/// `[[input]]`.
#[derive(Clone, Debug)]
pub struct Input {
    /// The private dataset.
    pub dataset: String,
    /// Its columns, in the order the guest sees them; at least one.
    pub columns: Vec<String>,
    /// Columns of public tables that follow them.
    pub lookups: Vec<Lookup>,
    at: Place,
    columns_at: Vec<Place>,
}

/// `[[input.lookup]]`.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// The public table.
    pub reference: String,
    /// The dataset's column that holds the key.
    pub on: String,
    /// The public table's key column.
    pub key: String,
    /// The public table's columns to add; at least one.
    pub columns: Vec<String>,
    at: Place,
    on_at: Place,
    key_at: Place,
    columns_at: Vec<Place>,
}

/// `[grain]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrainKind {
    /// All rows of one privacy unit.
    Unit,
    /// All rows of the units dealt into one of `count` blocks.
    Blocks {
        /// Number of blocks, 1 to 10,000.
        count: u32,
    },
}

/// `[privacy]`.
#[derive(Clone, Debug)]
pub struct Privacy {
    /// Noise and budget of the whole job.
    pub mechanism: Mechanism,
    /// Shares of the budget among the rounds, one per round; equal when left out.
    pub round_weights: Option<Vec<Rational>>,
    pub(crate) at: Place,
}

/// The noise, and the budget in its own currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// Discrete Gaussian noise.
    Gaussian {
        /// zCDP loss of the whole job, 1e-12 to 20.
        rho: Rational,
    },
    /// Discrete Laplace noise.
    Laplace {
        /// Pure epsilon of the whole job, 1e-6 to 20.
        epsilon: Rational,
    },
}

/// `[limits]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Instructions per grain, 1 to 10^12.
    pub fuel: u64,
    /// Bytes of memory per grain, 64 KiB to 4 GiB. A grain whose rows alone take more contributes
    /// nothing.
    pub memory: u64,
    /// Rows of one unit that a grain is shown of each input: the first ones in import order. 1 to 2^32 - 1.
    pub rows: u32,
    /// Rounds of the job, 1 to 1,000.
    pub rounds: u32,
}

impl Limits {
    /// Bytes of the host's memory that a grain's answer may take: one for each unit of fuel, from 64 KiB to
    /// 16 MiB. So whoever makes the host read much has paid for the time.
    pub fn answer(&self) -> u32 {
        self.fuel.clamp(64 << 10, 16 << 20) as u32
    }
}

const MAX_BYTES: usize = 8 << 20;
const MAX_INPUTS: usize = 16;
const MAX_LOOKUPS: usize = 16;
const MAX_COLUMNS: usize = 1_024;
const MAX_LOSS: i64 = 20;
const MAX_DELAY: u64 = 366 * 86_400;

impl Release {
    /// The earliest moment the manifest allows for the result of a run that starts at `start`.
    pub fn earliest(&self, start: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Release::Now => start,
            Release::At(time) => time.to_utc(),
            Release::After(wait) => start + TimeDelta::from_std(*wait).unwrap_or(TimeDelta::MAX),
        }
    }
}

impl Manifest {
    /// Reads and validates `job.toml`.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place. Domains are measured with each reference
    /// column counted as one key; [`crate::Plan::new`] measures again with the tables at hand.
    pub fn parse(text: &str) -> Result<Manifest, ManifestError> {
        if text.len() > MAX_BYTES {
            return Err(Place { line: 1, column: 1 }.error(say!(
                "the manifest is larger than {MAX_BYTES} bytes: take long key lists from a reference table",
                "作业清单超过 {MAX_BYTES} 字节：较长的键列表请取自参照表"
            )));
        }
        let tree = DeTable::parse(text).map_err(|error| {
            let at = Place::of(text, error.span().map_or(0, |span| span.start));
            let fault = toml_fault(error.message());
            at.error(say!("this is not valid TOML: {fault}", "不是有效的 TOML：{fault}"))
        })?;
        let root = TomlTable { text, name: "job.toml", at: 0, fields: tree.get_ref() };
        let root = root.knowing(&["job", "input", "ready-made", "grain", "output", "privacy", "limits"])?;

        let input = root.required("input")?;
        let inputs = input.each(Input::read)?;
        if inputs.len() > MAX_INPUTS {
            return Err(input.error(say!(
                "the job has {count} inputs; at most {MAX_INPUTS} are allowed",
                "作业有 {count} 个输入；至多允许 {MAX_INPUTS} 个",
                count = inputs.len()
            )));
        }
        unique(text!("dataset", "数据集"), inputs.iter().map(|input| (input.at, input.dataset.as_str())))?;
        let grain = GrainKind::read(root.required("grain")?)?;
        let outputs = root.required("output")?.each(Output::read)?;
        unique(text!("output", "输出"), outputs.iter().map(|output| (output.at, output.name.as_str())))?;
        let limits = Limits::read(root.optional("limits"), grain)?;
        let privacy = Privacy::read(root.required("privacy")?, limits.rounds)?;
        check_sizes(&outputs, &outputs.iter().map(Output::least_groups).collect::<Vec<_>>(), limits.rounds)?;
        let job = JobSection::read(root.required("job")?)?;
        let question = root.optional("ready-made").map(|node| Question::read(node, job.module.as_ref())).transpose()?;
        if let Some(model) = question.as_ref().and_then(|question| question.model.as_ref()) {
            model.check(grain, &outputs, &limits)?;
        }
        Ok(Manifest { job, inputs, question, grain, outputs, privacy, limits })
    }
}

impl JobSection {
    fn read(node: Node<'_>) -> Result<JobSection, ManifestError> {
        let table = node.table(&["title", "purpose", "module", "release"])?;
        let module = table.optional("module").map(|node| {
            let text = node.name(1024)?;
            if let Some(map) = text.strip_prefix("ready-made:") {
                let known = map == "sum";
                return if known {
                    Ok(ModuleRef::ReadyMadeSum)
                } else {
                    Err(node.error(say!(
                        "there is no ready-made map `{map}`; there is `ready-made:sum`",
                        "没有现成的映射 `{map}`；可用 `ready-made:sum`"
                    )))
                };
            }
            if !text.starts_with("sha256:") {
                return Ok(ModuleRef::Path(text));
            }
            text.parse().map(ModuleRef::Digest).map_err(|why: Sentence| node.error(why))
        });
        let release = table.required("release")?;
        let time = match release.value {
            DeValue::Datetime(time) => time.to_string(),
            _ => release.text(text!("a time", "时间"))?.to_owned(),
        };
        Ok(JobSection {
            title: table.required("title")?.name(200)?,
            purpose: table.required("purpose")?.name(4000)?,
            module: module.transpose()?,
            release: time.parse().map_err(|why: Sentence| release.error(why))?,
        })
    }
}

impl FromStr for Release {
    type Err = Sentence;

    /// Reads `now`, a delay (`+2h`, `+1d12h`, `+PT1H30M`) or an RFC 3339 time.
    fn from_str(text: &str) -> Result<Release, Sentence> {
        let delay = |delay: &str| match delay.strip_prefix('P') {
            None => spans(delay, &[('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)]),
            Some(iso) => {
                let (days, time) = iso.split_once('T').map_or((iso, None), |(days, time)| (days, Some(time)));
                let days = if days.is_empty() && time.is_some() { Some(0) } else { spans(days, &[('D', 86_400)]) };
                let time = time.map_or(Some(0), |time| spans(time, &[('H', 3_600), ('M', 60), ('S', 1)]));
                days?.checked_add(time?)
            }
        };
        let release = match text.strip_prefix('+') {
            None if text == "now" => Some(Release::Now),
            None => DateTime::parse_from_rfc3339(text).ok().map(Release::At),
            Some(rest) => {
                delay(rest).filter(|s| (1..=MAX_DELAY).contains(s)).map(|s| Release::After(Duration::from_secs(s)))
            }
        };
        release.ok_or_else(|| say!("`{text}` is not a release time: write \"now\", a delay of 1 s to 366 days such as \"+2h\" or \"+PT1H\", or a time with its zone such as \"2027-01-31T08:00:00+08:00\"", "`{text}` 不是发布时间：请写 \"now\"、1 秒至 366 天的延时（如 \"+2h\" 或 \"+PT1H\"），或带时区的时间（如 \"2027-01-31T08:00:00+08:00\"）"))
    }
}

impl fmt::Display for Release {
    /// A text that reads back as the same time.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Release::Now => f.pad("now"),
            Release::At(time) => f.pad(&time.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
            Release::After(delay) => f.pad(&format!("+{}s", delay.as_secs())),
        }
    }
}

/// Adds up `2h30m`, units in the given order, each at most once.
fn spans(text: &str, units: &[(char, u64)]) -> Option<u64> {
    let (mut rest, mut total) = (text, 0u64);
    let mut units = units.iter();
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let (digits, tail) = rest.split_at(end);
        let unit = tail.chars().next()?;
        let (_, seconds) = units.find(|(name, _)| *name == unit)?;
        total = total.checked_add(digits.parse::<u64>().ok()?.checked_mul(*seconds)?)?;
        rest = &tail[unit.len_utf8()..];
    }
    (!text.is_empty()).then_some(total)
}

impl Input {
    fn read(node: Node<'_>) -> Result<Input, ManifestError> {
        let table = node.table(&["dataset", "columns", "lookup"])?;
        let dataset = table.required("dataset")?;
        let lookups = table.optional("lookup").map(|node| node.each(Lookup::read)).transpose()?.unwrap_or_default();
        let (columns, columns_at) = table.required("columns")?.names()?;
        if lookups.len() > MAX_LOOKUPS {
            return Err(dataset.error(say!("this input has {count} lookups; at most {MAX_LOOKUPS} are allowed: bring several columns with one lookup", "此输入有 {count} 个查找；至多允许 {MAX_LOOKUPS} 个：请用一个查找带入多列", count = lookups.len())));
        }
        let shown = columns.len() + lookups.iter().map(|lookup| lookup.columns.len()).sum::<usize>();
        if shown > MAX_COLUMNS {
            return Err(dataset.error(say!(
                "this input shows {shown} columns, those looked up included; at most {MAX_COLUMNS} are allowed",
                "此输入共有 {shown} 列（含查找带入的列）；至多允许 {MAX_COLUMNS} 列"
            )));
        }
        Ok(Input { dataset: dataset.name(64)?, columns, lookups, at: dataset.place(), columns_at })
    }
}

impl Lookup {
    fn read(node: Node<'_>) -> Result<Lookup, ManifestError> {
        let table = node.table(&["reference", "on", "key", "columns"])?;
        let (reference, on, key) = (table.required("reference")?, table.required("on")?, table.required("key")?);
        let (columns, columns_at) = table.required("columns")?.names()?;
        Ok(Lookup {
            reference: reference.name(64)?,
            on: on.name(128)?,
            key: key.name(128)?,
            columns,
            at: reference.place(),
            on_at: on.place(),
            key_at: key.place(),
            columns_at,
        })
    }
}

impl GrainKind {
    fn read(node: Node<'_>) -> Result<GrainKind, ManifestError> {
        let table = node.table(&["kind", "count"])?;
        let kind = table.required("kind")?;
        match (kind.text(text!("\"unit\" or \"blocks\"", "\"unit\" 或 \"blocks\""))?, table.optional("count")) {
            ("unit", None) => Ok(GrainKind::Unit),
            ("unit", Some(count)) => Err(count.error(text!(
                "a unit grain has no `count`: leave it out, or write kind = \"blocks\"",
                "单元数据粒没有 `count`：请删去，或写 kind = \"blocks\""
            ))),
            ("blocks", _) => Ok(GrainKind::Blocks { count: table.required("count")?.whole(1..=10_000)? as u32 }),
            (other, _) => Err(kind.error(say!(
                "`{other}` is not a grain: write \"unit\" or \"blocks\"",
                "`{other}` 不是数据粒：请写 \"unit\" 或 \"blocks\""
            ))),
        }
    }
}

impl Privacy {
    fn read(node: Node<'_>, rounds: u32) -> Result<Privacy, ManifestError> {
        let table = node.table(&["mechanism", "rho", "epsilon", "round_weights"])?;
        let kind = table.required("mechanism")?;
        let (rho, epsilon) = (table.optional("rho"), table.optional("epsilon"));
        let mechanism =
            match (kind.text(text!("\"gaussian\" or \"laplace\"", "\"gaussian\" 或 \"laplace\""))?, rho, epsilon) {
                (_, Some(_), Some(epsilon)) => Err(epsilon.error(text!(
                    "both `rho` and `epsilon` are given: keep rho for gaussian, epsilon for laplace",
                    "同时给出了 `rho` 和 `epsilon`：gaussian 用 rho，laplace 用 epsilon"
                ))),
                ("gaussian", Some(rho), None) => Ok(Mechanism::Gaussian { rho: rho.between("1e-12", MAX_LOSS)? }),
                ("laplace", None, Some(epsilon)) => {
                    Ok(Mechanism::Laplace { epsilon: epsilon.between("1e-6", MAX_LOSS)? })
                }
                ("gaussian", None, Some(epsilon)) => Err(epsilon.error(text!(
                    "gaussian noise has no pure epsilon: write rho, or mechanism = \"laplace\"",
                    "gaussian 噪声没有纯 epsilon：请写 rho，或 mechanism = \"laplace\""
                ))),
                ("laplace", Some(rho), None) => Err(rho.error(text!(
                    "laplace noise is paid in epsilon: write epsilon, or mechanism = \"gaussian\"",
                    "laplace 噪声以 epsilon 计：请写 epsilon，或 mechanism = \"gaussian\""
                ))),
                ("gaussian", None, None) => Err(kind.error(text!(
                    "the budget is missing: add `rho`, such as rho = 0.1",
                    "缺少预算：请加上 `rho`，例如 rho = 0.1"
                ))),
                ("laplace", None, None) => Err(kind.error(text!(
                    "the budget is missing: add `epsilon`, such as epsilon = 1.0",
                    "缺少预算：请加上 `epsilon`，例如 epsilon = 1.0"
                ))),
                (other, _, _) => Err(kind.error(say!(
                    "`{other}` is not a mechanism: write \"gaussian\" or \"laplace\"",
                    "`{other}` 不是噪声机制：请写 \"gaussian\" 或 \"laplace\""
                ))),
            }?;
        let round_weights = table.optional("round_weights").map(|node| {
            let weights = node
                .list(text!("a list of numbers", "数字的列表"))?
                .map(|node| node.weight())
                .collect::<Result<Vec<_>, _>>()?;
            match weights.len() == rounds as usize {
                true => Ok(weights),
                false => Err(node.error(say!(
                    "`round_weights` must have one number per round, which is {rounds}, and has {count}",
                    "`round_weights` 须每轮一个数，共 {rounds} 个，现有 {count} 个",
                    count = weights.len()
                ))),
            }
        });
        Ok(Privacy { mechanism, round_weights: round_weights.transpose()?, at: kind.place() })
    }
}

impl Limits {
    fn read(node: Option<Node<'_>>, grain: GrainKind) -> Result<Limits, ManifestError> {
        let mut limits = match grain {
            GrainKind::Unit => Limits { fuel: 10_000_000, memory: 64 << 20, rows: 1_000_000, rounds: 1 },
            GrainKind::Blocks { .. } => Limits { fuel: 1_000_000_000, memory: 256 << 20, rows: 1_000_000, rounds: 1 },
        };
        let Some(node) = node else { return Ok(limits) };
        let table = node.table(&["fuel", "memory", "rows", "rounds"])?;
        if let Some(fuel) = table.optional("fuel") {
            limits.fuel = fuel.whole(1..=1_000_000_000_000)? as u64;
        }
        if let Some(rounds) = table.optional("rounds") {
            limits.rounds = rounds.whole(1..=1_000)? as u32;
        }
        if let Some(memory) = table.optional("memory") {
            limits.memory = memory.bytes()?;
        }
        if let Some(rows) = table.optional("rows") {
            limits.rows = rows.whole(1..=u32::MAX.into())? as u32;
        }
        Ok(limits)
    }
}
