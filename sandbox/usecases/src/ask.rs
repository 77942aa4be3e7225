//! A question in SQL, as a job that needs no code: what it will say and how exactly, before anything is charged.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_data::Description;
use unseen_ids::{Answer, PublicKey};
use unseen_questions::{Catalogue, Fault, Heading, Target, Wish};
use unseen_texts::{Say, Sentence};

use crate::blob::Blob;
use crate::check::{Check, Checked};

/// Ask.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The question, in SQL.
    pub sql: String,
    /// What its asker says of bounds.
    pub wish: Wish,
    /// What it may cost, or how exact it shall be.
    pub price: Price,
    /// One line for people; the question itself where there is none.
    pub title: Option<String>,
    /// Why it is asked; the question itself where nothing is said.
    pub purpose: Option<String>,
    /// When the result is wanted.
    pub release: String,
    /// Who would submit it.
    pub author: Option<PublicKey>,
}

/// What a question may cost.
#[derive(Clone, Debug)]
pub enum Price {
    /// This rho, a decimal.
    Rho(String),
    /// As little as keeps this error.
    Error(Target),
}

/// When the result of a question is wanted of which nobody says it.
pub const RELEASE: &str = "+2h";

/// A question as it is put to a lab that is served.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Question {
    /// The question, in SQL.
    pub sql: String,
    /// How exact each number shall be (95 %), such as `5 %`, `20` or `5 % of NAME for GROUP`; the smallest budget is taken.
    #[serde(default)]
    pub error: Option<String>,
    /// What it may cost instead, in rho.
    #[serde(default)]
    pub rho: Option<String>,
    /// What one unit adds to one group at least and at most, by the name of a value.
    #[serde(default)]
    pub bounds: BTreeMap<String, (f64, f64)>,
    /// How many groups one unit is in, at most.
    #[serde(default)]
    pub groups_per_unit: Option<NonZeroU32>,
    /// How many rows one unit has in one group, at most.
    #[serde(default)]
    pub rows_per_unit: Option<NonZeroU32>,
    /// One line for people; the question itself when left out.
    #[serde(default)]
    pub title: Option<String>,
    /// Why it is asked; the question itself when left out.
    #[serde(default)]
    pub purpose: Option<String>,
    /// When the result is wanted: after the start of the run (`+2h`, which it is when left out), at a time, or `now`.
    #[serde(default)]
    pub release: Option<String>,
}

impl Question {
    /// The same, read. `author` is who would submit it.
    ///
    /// # Errors
    /// An error that is none, or no price, or two of them.
    pub fn read(self, author: Option<PublicKey>) -> Result<Ask, Unasked> {
        let price = match (self.error, self.rho) {
            (Some(error), None) => Price::Error(error.parse().map_err(Unasked::Error)?),
            (None, Some(rho)) => Price::Rho(rho),
            _ => return Err(Unasked::Price),
        };
        let wish = Wish {
            bounds: self.bounds.into_iter().map(|(name, (lower, upper))| (name, lower, upper)).collect(),
            groups_per_unit: self.groups_per_unit.map(NonZeroU32::get),
            rows_per_unit: self.rows_per_unit.map(NonZeroU32::get),
        };
        let release = self.release.unwrap_or_else(|| RELEASE.to_owned());
        Ok(Ask { sql: self.sql, wish, price, title: self.title, purpose: self.purpose, release, author })
    }
}

/// A question as a job, before it is submitted.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// The text of its `job.toml`.
    pub manifest: String,
    /// What bounds were taken from where.
    pub notes: Vec<Sentence>,
    /// What to expect of each number of a group, ratios first.
    pub expected: Vec<ExpectedNumber>,
    /// What a submission would cost and be told.
    pub checked: Checked,
    /// Where the manifest was written.
    pub folder: Option<String>,
    /// The job's number, if it was submitted.
    pub job: Option<String>,
}

/// What to expect of a number, where all groups are as large as each other and datasets as large as their descriptions
/// allow.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExpectedNumber {
    /// The ratio or the value.
    pub name: String,
    /// Half the width of its 95 % interval.
    pub half_width: f64,
    /// What it is supposed to be, with rows in the middle of their bounds.
    pub supposed: f64,
    /// Whether half of it or more would be noise.
    pub mostly_noise: bool,
    /// Keys in whose groups it would, by the public sizes that the steward gives.
    pub noisy: Vec<String>,
}

impl Answer for Asked {
    const NAME: &str = "ask/v1";
}

/// What a description lets one ask.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Suggested {
    /// The dataset.
    pub dataset: String,
    /// In its order.
    pub columns: Vec<SuggestedColumn>,
}

/// What to write for a column in a manifest.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SuggestedColumn {
    /// Its name.
    pub name: String,
    /// An entry of `groups`, where it forms groups.
    pub group: Option<String>,
    /// An entry of `values`, where it can be summed or counted.
    pub value: Option<String>,
    /// What else there is to do or to know.
    pub note: Option<Sentence>,
    /// A question that finds closer bounds by the rows themselves, for what it is let cost; null where it is no number.
    #[serde(default)]
    pub measure: Option<Measure>,
}

/// Quantiles near both ends of a column.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Measure {
    /// In SQL.
    pub sql: String,
    /// Bounds that the question needs, where none are declared: `NAME=LOW..HIGH`.
    pub bounds: Option<String>,
}

impl Answer for Suggested {
    const NAME: &str = "suggest/v1";
}

/// Suggests bounds, granularity and keys; `rows` is how many rows of one unit fall into one group, at most.
pub fn suggest(dataset: &Description, rows: Option<u32>) -> Suggested {
    let columns = unseen_questions::suggest(dataset, rows).into_iter();
    let columns = columns.map(|found| SuggestedColumn {
        name: found.column,
        group: found.group,
        value: found.value,
        note: found.note,
        measure: found.measure.map(|measure| Measure { sql: measure.sql, bounds: measure.bounds }),
    });
    Suggested { dataset: dataset.name.clone(), columns: columns.collect() }
}

/// Why a question is not asked: what is wrong in it, or what the lab says.
pub enum NotAsked<E> {
    /// The question, or what was wished with it.
    Question(Unasked),
    /// The lab.
    Lab(E),
}

impl<E> From<Unasked> for NotAsked<E> {
    fn from(why: Unasked) -> NotAsked<E> {
        NotAsked::Question(why)
    }
}

/// The rho with which a wished error is measured, and its square root: so small that the noise is far wider than a
/// step, and falls with the root of the budget.
const MEASURE: (&str, f64) = ("0.000001", 0.001);

/// The longest title of a manifest.
const TITLE: usize = 200;

/// A lab's datasets, as far as they can be had: the first failure is kept.
struct Lab<'a, E> {
    describe: &'a dyn Fn(&str) -> Result<Option<Description>, E>,
    names: &'a dyn Fn() -> Result<Vec<String>, E>,
    failed: RefCell<Option<E>>,
}

impl<E> Catalogue for Lab<'_, E> {
    fn describe(&self, name: &str) -> Option<Description> {
        self.kept((self.describe)(name))
    }

    fn names(&self) -> Vec<String> {
        self.kept((self.names)())
    }
}

impl<E> Lab<'_, E> {
    fn kept<T: Default>(&self, found: Result<T, E>) -> T {
        found.unwrap_or_else(|error| {
            self.failed.borrow_mut().get_or_insert(error);
            T::default()
        })
    }
}

/// Drafts the job and has it checked. `describe` gives descriptions and `names` lists the datasets; `check` is the lab's
/// check of a manifest.
pub fn ask<E>(
    request: &Ask,
    describe: &dyn Fn(&str) -> Result<Option<Description>, E>,
    names: &dyn Fn() -> Result<Vec<String>, E>,
    check: &dyn Fn(Check) -> Result<Checked, E>,
) -> Result<Asked, NotAsked<E>> {
    let lab = Lab { describe, names, failed: RefCell::default() };
    let drafted = unseen_questions::ask(&request.sql, &request.wish, &lab);
    if let Some(error) = lab.failed.take() {
        return Err(NotAsked::Lab(error));
    }
    let draft = drafted.map_err(|fault| Unasked::Question(Underlined::new(fault, &request.sql)))?;
    let checked = |rho: &str| {
        let manifest = draft.manifest(&heading(request, rho));
        let module = Blob::ready_made(&manifest);
        let (name, author) = ("job.toml".to_owned(), request.author);
        check(Check { name, manifest: manifest.clone(), module, author })
            .map(|checked| (manifest, checked))
            .map_err(NotAsked::Lab)
    };
    let rho = match &request.price {
        Price::Rho(rho) => rho.clone(),
        Price::Error(target) => {
            let (_, measured) = checked(MEASURE.0)?;
            let at_one: Vec<f64> = half_widths(&measured).iter().map(|half_width| half_width * MEASURE.1).collect();
            draft.budget(target, &at_one).map_err(Unasked::Error)?
        }
    };
    let (manifest, checked) = checked(&rho)?;
    let half_widths = half_widths(&checked);
    let expected = draft.expected(&half_widths).into_iter().map(|expected| ExpectedNumber {
        mostly_noise: expected.is_mostly_noise(),
        noisy: draft.noisy(&expected.name, &half_widths),
        name: expected.name,
        half_width: expected.half_width,
        supposed: expected.supposed,
    });
    let expected = expected.collect();
    Ok(Asked { manifest, expected, notes: draft.notes, checked, folder: None, job: None })
}

fn heading(request: &Ask, rho: &str) -> Heading {
    let question = request.sql.split_whitespace().collect::<Vec<_>>().join(" ");
    let title = request.title.clone().unwrap_or_else(|| question.chars().take(TITLE).collect());
    let purpose = request.purpose.clone().unwrap_or_else(|| question.chars().take(4_000).collect());
    Heading { title, purpose, release: request.release.clone(), rho: rho.to_owned() }
}

fn half_widths(checked: &Checked) -> Vec<f64> {
    let values = checked.plan.outputs.iter().flat_map(|output| &output.values);
    values.map(|value| value.half_width_95.last().copied().unwrap_or_default()).collect()
}

/// Why a question is no job.
#[derive(Debug, thiserror::Error, Say)]
#[code("ask")]
pub enum Unasked {
    /// What is wrong in it.
    #[error("{0}")]
    Question(Underlined),
    /// The wished error is none, or cannot be had.
    #[error("the wished error: {0}")]
    #[zh("期望的误差：{0}")]
    Error(Sentence),
    /// It is not said what it may cost, or said twice.
    #[error(
        "say how exact each number shall be, as in error = \"5 %\", or what it may cost, as in rho = \"0.05\": one of the two"
    )]
    #[zh("请说明每个数字要多准（如 error = \"5 %\"）或可以花费多少（如 rho = \"0.05\"）：二者取一")]
    Price,
}

/// Why a question was not asked, with the piece underlined.
#[derive(Debug, thiserror::Error, Say)]
#[code("question")]
#[error("{fault}\n{underlined}")]
#[zh("{fault}\n{underlined}")]
pub struct Underlined {
    /// What is wrong, and where.
    pub fault: Fault,
    /// The line that it is in, and a line that marks the piece.
    pub underlined: String,
}

impl Underlined {
    /// The fault of this question.
    fn new(fault: Fault, sql: &str) -> Underlined {
        let underlined = fault.underlined(sql).trim_end().to_owned();
        Underlined { fault, underlined }
    }
}
