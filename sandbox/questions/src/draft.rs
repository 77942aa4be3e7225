//! A job that needs no code, as a manifest.

use std::fmt::Write;

use unseen_ids::Key;
use unseen_policies::manifest::{Feature, ModelKind};
use unseen_policies::rational::to_f64;
use unseen_texts::Sentence;

/// The draft of a job, and what was taken from where.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What people should know of it before they say yes.
    pub notes: Vec<Sentence>,
    /// Its values.
    pub values: Vec<Value>,
    /// Its ratios.
    pub ratios: Vec<Ratio>,
    /// Units in one group, if the dataset were as large as its description allows and every group as large as
    /// another.
    pub units_per_group: f64,
    /// Rows of one unit in one group, at most.
    pub rows_per_unit: f64,
    /// Units in each group of one key, as the steward says publicly, where all other groups are alike.
    pub sizes: Vec<(String, f64)>,
    /// The name of its output.
    pub(crate) output: String,
    /// What else a value is called in the question.
    pub(crate) aliases: Vec<(String, String)>,
    /// What is computed of the noised totals.
    pub(crate) model: Option<ModelKind>,
    /// The weight of each round.
    pub(crate) rounds: Vec<u32>,
    pub(crate) inputs: Vec<Input>,
    pub(crate) filter: Option<String>,
    pub(crate) derived: Vec<(String, String)>,
    pub(crate) groups: Vec<(String, GroupKeys)>,
    /// Groups of time that one unit may be in.
    pub(crate) times: usize,
    pub(crate) groups_per_unit: u32,
}

impl Default for Draft {
    fn default() -> Draft {
        let (notes, values, ratios, inputs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (derived, groups) = (Vec::new(), Vec::new());
        Draft {
            notes,
            values,
            ratios,
            units_per_group: 1.0,
            rows_per_unit: 1.0,
            sizes: Vec::new(),
            output: "answer".to_owned(),
            aliases: Vec::new(),
            model: None,
            rounds: vec![1],
            inputs,
            filter: None,
            derived,
            groups,
            times: 1,
            groups_per_unit: 1,
        }
    }
}

/// A value, and what one unit adds to a group.
#[derive(Clone, Debug)]
pub struct Value {
    /// Its name.
    pub name: String,
    /// The least and the most that a unit adds to a group.
    pub bounds: (f64, f64),
    /// The step.
    pub granularity: f64,
    /// The least and the most that a row has.
    pub row: (f64, f64),
    /// Its share of the budget among the values.
    pub weight: usize,
}

/// A quotient of two values.
#[derive(Clone, Debug)]
pub struct Ratio {
    /// Its name.
    pub name: String,
    /// What is divided.
    pub numerator: String,
    /// By what.
    pub denominator: String,
}

/// A dataset, and the columns that rows show of it.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) dataset: String,
    pub(crate) columns: Vec<String>,
    pub(crate) lookups: Vec<Lookup>,
}

/// Columns of a public table.
#[derive(Clone, Debug)]
pub(crate) struct Lookup {
    pub(crate) reference: String,
    pub(crate) on: String,
    pub(crate) key: String,
    pub(crate) columns: Vec<String>,
}

/// The keys of a group.
#[derive(Clone, Debug)]
pub(crate) enum GroupKeys {
    Listed(Vec<Key>),
    Range(i64, i64),
    Reference { reference: String, column: String },
}

/// What a manifest says of itself.
#[derive(Clone, Debug)]
pub struct Heading {
    /// One line.
    pub title: String,
    /// Why it is asked.
    pub purpose: String,
    /// When the result is wanted.
    pub release: String,
    /// The budget, a decimal.
    pub rho: String,
}

impl Value {
    /// With a step that is a thousandth of the bounds or finer, and no finer than one of what is counted.
    pub(crate) fn new(name: String, bounds: (f64, f64), whole: bool, row: (f64, f64)) -> Value {
        let most = bounds.0.abs().max(bounds.1.abs());
        let fine = 10_f64.powi((most / 1_000.0).log10().floor() as i32);
        let granularity = if whole { fine.max(1.0) } else { fine };
        // Outward, but for what floats add to a whole number of steps.
        let lower = (bounds.0 / granularity + 1e-9).floor() * granularity;
        let upper = (bounds.1 / granularity - 1e-9).ceil() * granularity;
        Value { name, bounds: (lower, upper), granularity, row, weight: 1 }
    }

    /// As a manifest lists it.
    pub(crate) fn entry(&self) -> String {
        let ((lower, upper), step) = (self.bounds, self.granularity);
        let (lower, upper, step) = (decimal(lower), decimal(upper), decimal(step));
        let weight = if self.weight == 1 { String::new() } else { format!(", weight = {}", self.weight) };
        format!("{{ name = {}, lower = {lower}, upper = {upper}, granularity = {step}{weight} }}", toml(&self.name))
    }
}

impl GroupKeys {
    /// As a manifest lists it.
    pub(crate) fn entry(&self, name: &str) -> String {
        let keys = match self {
            GroupKeys::Listed(keys) => {
                let keys: Vec<String> = keys
                    .iter()
                    .map(|key| match key {
                        Key::Int(number) => number.to_string(),
                        Key::Text(text) => toml(text),
                    })
                    .collect();
                format!("keys = [{}]", keys.join(", "))
            }
            GroupKeys::Range(first, last) => format!("range = [{first}, {last}]"),
            GroupKeys::Reference { reference, column } => {
                format!("reference = {}, column = {}", toml(reference), toml(column))
            }
        };
        format!("{{ name = {}, {keys} }}", toml(name))
    }

    /// How many there are; none where a table says.
    pub(crate) fn len(&self) -> Option<usize> {
        match self {
            GroupKeys::Listed(keys) => Some(keys.len()),
            GroupKeys::Range(first, last) => usize::try_from(last.abs_diff(*first)).ok()?.checked_add(1),
            GroupKeys::Reference { .. } => None,
        }
    }
}

impl Draft {
    /// The public table and its column that a column is looked up from or in.
    pub(crate) fn looked_up(&self, name: &str) -> Option<(String, String)> {
        let mut lookups = self.inputs.iter().flat_map(|input| &input.lookups);
        lookups.find_map(|lookup| {
            let column = match lookup.on == name {
                true => &lookup.key,
                false => lookup.columns.iter().find(|column| *column == name)?,
            };
            Some((lookup.reference.clone(), column.clone()))
        })
    }

    /// The text of `job.toml`.
    pub fn manifest(&self, heading: &Heading) -> String {
        let mut text = String::new();
        // Writing to a text cannot fail.
        let _written = self.write(heading, &mut text);
        text
    }

    fn write(&self, heading: &Heading, out: &mut String) -> std::fmt::Result {
        writeln!(out, "[job]\ntitle = {}\npurpose = {}", toml(&heading.title), toml(&heading.purpose))?;
        writeln!(out, "module = \"ready-made:sum\"\nrelease = {}\n", toml(&heading.release))?;
        for input in &self.inputs {
            writeln!(out, "[[input]]\ndataset = {}\ncolumns = {}", toml(&input.dataset), list(&input.columns))?;
            for lookup in &input.lookups {
                writeln!(
                    out,
                    "  [[input.lookup]]\n  reference = {}\n  on = {}",
                    toml(&lookup.reference),
                    toml(&lookup.on)
                )?;
                writeln!(out, "  key = {}\n  columns = {}", toml(&lookup.key), list(&lookup.columns))?;
            }
            writeln!(out)?;
        }
        if self.filter.is_some() || !self.derived.is_empty() || self.inputs.len() > 1 || self.model.is_some() {
            writeln!(out, "[ready-made]")?;
            if let Some(filter) = &self.filter {
                writeln!(out, "where = {}", toml(filter))?;
            }
            if !self.derived.is_empty() {
                writeln!(out, "\n[ready-made.columns]")?;
            }
            for (name, expression) in &self.derived {
                writeln!(out, "{} = {}", toml(name), toml(expression))?;
            }
            if let Some(model) = &self.model {
                writeln!(out, "\n[ready-made.model]\n{}", written(model))?;
            }
            writeln!(out)?;
        }
        writeln!(out, "[grain]\nkind = \"unit\"\n\n[[output]]\nname = {}", toml(&self.output))?;
        writeln!(out, "max_groups_per_unit = {}", self.groups_per_unit)?;
        if !self.groups.is_empty() {
            writeln!(out, "groups = [")?;
            for (name, keys) in &self.groups {
                writeln!(out, "  {},", keys.entry(name))?;
            }
            writeln!(out, "]")?;
        }
        writeln!(out, "values = [")?;
        for value in &self.values {
            writeln!(out, "  {},", value.entry())?;
        }
        writeln!(out, "]")?;
        if !self.ratios.is_empty() {
            writeln!(out, "ratios = [")?;
            for ratio in &self.ratios {
                writeln!(
                    out,
                    "  {{ name = {}, numerator = {}, denominator = {} }},",
                    toml(&ratio.name),
                    toml(&ratio.numerator),
                    toml(&ratio.denominator)
                )?;
            }
            writeln!(out, "]")?;
        }
        writeln!(out, "\n[privacy]\nmechanism = \"gaussian\"\nrho = {}", heading.rho)?;
        if self.rounds.iter().any(|weight| *weight != 1) {
            writeln!(out, "round_weights = {:?}", self.rounds)?;
        }
        // No code runs, so none has to be waited for.
        writeln!(out, "\n[limits]\nfuel = 1\nmemory = \"16MiB\"")?;
        if self.rounds.len() > 1 {
            writeln!(out, "rounds = {}", self.rounds.len())?;
        }
        Ok(())
    }
}

/// The section of a model.
fn written(model: &ModelKind) -> String {
    let one = |feature: &Feature| {
        let (lower, upper) = (decimal(feature.lower), decimal(feature.upper));
        format!("{{ name = {}, lower = {lower}, upper = {upper} }}", toml(&feature.name))
    };
    let all = |features: &[Feature]| {
        let features = features.iter().map(|feature| format!("  {},\n", one(feature)));
        format!("features = [\n{}]", features.collect::<String>())
    };
    let rest = match model {
        ModelKind::Quantile { of, shares } => {
            let shares: Vec<f64> = shares.iter().map(to_f64).collect();
            format!("of = {}\nshares = {shares:?}", one(of))
        }
        ModelKind::Top { by, most } => format!("by = {}\nmost = {most}", toml(by)),
        ModelKind::Linear { target, features } => format!("target = {}\n{}", one(target), all(features)),
        ModelKind::Logistic { target, features } => format!("target = {}\n{}", toml(target), all(features)),
        ModelKind::KMeans { clusters, features } => format!("clusters = {clusters}\n{}", all(features)),
    };
    format!("kind = {}\n{rest}", toml(model.name()))
}

pub(crate) fn toml(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

pub(crate) fn list(names: &[String]) -> String {
    format!("[{}]", names.iter().map(|name| toml(name)).collect::<Vec<_>>().join(", "))
}

/// A number with at most twelve digits, without what floats add behind them.
pub(crate) fn decimal(number: f64) -> String {
    let digits = 12 - number.abs().max(1e-12).log10().floor() as i32;
    let written = format!("{number:.*}", usize::try_from(digits).unwrap_or(0));
    match written.contains('.') {
        true => written.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => written,
    }
}
