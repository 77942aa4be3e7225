//! Datasets: described, imported, listed, their quality, their twins.

use std::path::{Path, PathBuf};

use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_data::cell::{Cell, render};
use unseen_data::description::{Bound, Classification, ColumnSpec, Kind, Sharing, Step, UpdateCycle};
use unseen_data::import::infer;
use unseen_data::twin::Written;
use unseen_data::{Description, QualityReport, description, twin as twins};
use unseen_ids::{Answer, Digest, JobId, PublicKey};
use unseen_lab::LabError;
use unseen_policies::ledger::Refusal;
use unseen_policies::rho::Rho;
use unseen_texts::{Sentence, say};
use unseen_worker::jail;

use crate::desk::Desk;
use crate::error::UseCaseError;
use crate::query::Query;
use crate::stars::{Star, stars};
use crate::wire::as_shown;

/// A draft of a dataset's description, for its steward to correct.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Draft {
    /// The text of a `dataset.toml`.
    pub draft: String,
}

/// What a steward should know of a snapshot. It counts rows: it is for nobody else.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Quality {
    /// Rows of the source, those set aside included.
    pub rows: u64,
    /// Rows left out because they name no unit.
    pub set_aside: u64,
    /// Rows left out because of cells that are not of their declared type.
    pub bad_rows: u64,
    /// Privacy units; 0 for a reference table.
    pub units: u64,
    /// Rows of the largest unit.
    pub largest_unit: u64,
    /// Units whose id differs from another's in case, width or spaces only.
    pub alike: u64,
    /// Ids that look like those of total rows, at most 20 of them.
    pub totals: Vec<String>,
    /// Units whose id looks like a whole number that a program took for a float, such as `1001.0`.
    pub as_floats: u64,
    /// How old the newest row is, where a column says so.
    pub freshness: Option<Freshness>,
    /// One for each column.
    pub columns: Vec<ColumnQuality>,
}

/// The newest date of the data.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Freshness {
    /// The column that holds it.
    pub column: String,
    /// That moment.
    #[schemars(with = "String")]
    pub newest: DateTime<Utc>,
    /// Whole days from then to the import.
    pub age_days: i64,
    /// After how many days the update cycle makes it late; null: never.
    pub late_after_days: Option<u32>,
    /// Whether it is not late.
    pub fresh: bool,
}

/// One column. Counts are of the rows kept.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ColumnQuality {
    /// Its name.
    pub name: String,
    /// Rows kept.
    pub rows: u64,
    /// Cells that are not null.
    pub present: u64,
    /// Present cells outside `min`..`max`.
    pub out_of_range: u64,
    /// Present cells outside the declared domain.
    pub out_of_domain: u64,
    /// Present cells that fail the declared check or pattern.
    pub failed_check: u64,
    /// Cells, of all rows of the source, that were brought into the declared form.
    #[serde(default)]
    pub normalized: u64,
    /// Different values among the present cells: an estimate, standard error 1.6 %.
    pub distinct_estimate: u64,
    /// Share of cells that are not null, 0 to 1.
    pub completeness: f64,
    /// Share of present cells that are in range, in the domain and pass the check, 0 to 1.
    pub validity: f64,
}

/// Show the quality report of the registered snapshot, to a steward.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ShowQuality {
    /// The dataset.
    pub dataset: String,
}

/// List registered datasets.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ListDatasets {}

/// Show a dataset's description.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ShowDataset {
    /// The dataset.
    pub dataset: String,
}

/// All registered datasets.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Datasets {
    /// By name.
    pub datasets: Vec<Dataset>,
}

/// A dataset in a list.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Dataset {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: Bilingual,
    /// The unit domain; null for a public reference table.
    pub domain: Option<String>,
    /// How sensitive it is.
    #[schemars(with = "String")]
    pub classification: Classification,
    /// The analysts who may use it; everyone when empty.
    pub open_to: Vec<String>,
    /// The entry that registered it.
    pub entry: u64,
    /// The snapshot.
    #[schemars(with = "String")]
    pub snapshot: Digest,
    /// How many of the five points of [`DatasetShown::stars`] hold.
    pub stars: usize,
}

/// A text in Chinese and in English; either may be empty.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Bilingual {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// A dataset's description.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DatasetShown {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: Bilingual,
    /// The privacy unit; null for a public reference table.
    pub unit: Option<UnitShown>,
    /// A paragraph about it.
    pub about: Bilingual,
    /// Who provides the data.
    pub provider: String,
    /// Whom to ask about it, and for it.
    pub contact: Option<String>,
    /// Who registered it.
    pub steward: String,
    /// Five points that a reader can rely on, of what is written of it and not of its rows.
    pub stars: Vec<Star>,
    /// How sensitive it is.
    #[schemars(with = "String")]
    pub classification: Classification,
    /// How often new data is expected.
    #[schemars(with = "String")]
    pub update_cycle: UpdateCycle,
    /// Whether and how it is shared.
    #[schemars(with = "String")]
    pub sharing: Sharing,
    /// Its columns, in their order.
    pub columns: Vec<ShownColumn>,
    /// The buckets that its rows lie in; null for a public reference table.
    #[serde(default)]
    pub buckets: Option<u32>,
    /// The text of its `dataset.toml`.
    pub description: String,
}

/// A privacy unit.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnitShown {
    /// The kind of unit, such as `enterprise`.
    pub domain: String,
    /// The column that names it.
    pub column: String,
}

/// A column.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShownColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The form that its texts are brought into when they are imported, step by step.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub normalize: Vec<Step>,
    /// The least value.
    pub min: Option<String>,
    /// The greatest.
    pub max: Option<String>,
    /// The values it may have; any when empty.
    pub domain: Vec<String>,
    /// Whether a cell may be null.
    pub nullable: bool,
    /// What it means.
    pub meaning: Bilingual,
}

/// The most synthetic rows that a service sends.
pub const MOST_SENT: u64 = 100_000;

/// Write synthetic rows that follow a description.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Twin {
    /// How many rows.
    pub rows: u64,
    /// The same seed gives the same rows.
    pub seed: u64,
    /// The folder to write into.
    pub out: PathBuf,
}

/// Get the rows of a public table.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ShowTable {
    /// The table.
    pub dataset: String,
}

/// A public table.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TableShown {
    /// The table.
    pub dataset: String,
    /// Its rows in base64: a file that an import with its description takes.
    pub rows: String,
}

/// A twin was written.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TwinWritten {
    /// The file of its rows.
    pub data: String,
    /// The file of its description.
    pub description: String,
    /// What to know of the rows.
    #[serde(default)]
    pub notes: Vec<Sentence>,
    /// The release by which they were made; null of rows that know nothing of the dataset's own.
    #[serde(default)]
    pub fitted: Option<FittedTo>,
}

/// What a fitted twin was made of.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FittedTo {
    /// The job.
    #[serde(with = "as_shown")]
    #[schemars(with = "String")]
    pub job: JobId,
    /// The digest of its release, as the log names it.
    #[schemars(with = "String")]
    pub release: Digest,
    /// What the job cost, in rho.
    #[schemars(with = "String")]
    pub rho: Rho,
}

impl TwinWritten {
    /// As it was written, where so many rows were asked for.
    pub(crate) fn new(written: Written, description: &Description, asked: u64) -> TwinWritten {
        let mut notes = Vec::new();
        if let Some(rows) = written.rows.filter(|rows| *rows < asked) {
            notes.push(say!(
                "{rows} rows were made, and not {asked}: the description leaves room for no more",
                "只生成了 {rows} 行，而不是 {asked} 行：描述的上限容不下更多"
            ));
        }
        if description.kind == Kind::Reference && written.rows.is_some() {
            let name = description.name.clone();
            notes.push(say!(
                "`{name}` is a public table, and its rows here are made up, keys too: a job that looks them up or groups by them needs the table's own, which `unseen twin {name}` writes where its lab is named",
                "`{name}` 是公开参照表，此处的行（包括键）是编造的：查找或按其分组的作业需要该表本身的行，指定其实验室后用 `unseen twin {name}` 即可写出"
            ));
        }
        let Written { data, description, .. } = written;
        let (data, description) = (data.display().to_string(), description.display().to_string());
        TwinWritten { data, description, notes, fitted: None }
    }
}

impl Answer for Draft {
    const NAME: &str = "draft/v1";
}
impl Answer for Quality {
    const NAME: &str = "quality/v1";
}
impl Answer for Datasets {
    const NAME: &str = "datasets/v1";
}
impl Answer for DatasetShown {
    const NAME: &str = "dataset/v1";
}
impl Answer for TableShown {
    const NAME: &str = "table/v1";
}
impl Answer for TwinWritten {
    const NAME: &str = "twin/v1";
}

/// Drafts the description of a CSV or Parquet file.
pub fn describe(source: &Path) -> Result<Draft, UseCaseError> {
    jail::keep_to_itself();
    let draft = infer(source, &name_of(source)).map_err(|error| LabError::import(source, error))?;
    Ok(Draft { draft })
}

impl Query for ListDatasets {
    type Answer = Datasets;

    fn answer(&self, desk: &impl Desk, _: Option<&PublicKey>) -> Result<Datasets, UseCaseError> {
        let lab = desk.view()?;
        let listed = lab.ledger().datasets().iter().map(|(name, dataset)| {
            let (description, _) = lab.description(name)?;
            Ok(Dataset {
                name: name.clone(),
                domain: dataset.registered.domain.clone(),
                classification: description.classification,
                open_to: dataset.registered.open_to.clone(),
                stars: stars(&description, dataset.time, Utc::now()).iter().filter(|star| star.holds).count(),
                title: description.title.into(),
                entry: dataset.entry,
                snapshot: dataset.registered.snapshot,
            })
        });
        Ok(Datasets { datasets: listed.collect::<Result<_, LabError>>()? })
    }
}

impl Query for ShowDataset {
    type Answer = DatasetShown;

    fn answer(&self, desk: &impl Desk, _: Option<&PublicKey>) -> Result<DatasetShown, UseCaseError> {
        let lab = desk.view()?;
        let (description, text) = lab.description(&self.dataset)?;
        let registered = lab.ledger().dataset(&self.dataset)?;
        let steward = lab.ledger().people().get(&registered.steward);
        let columns = description.columns.iter().map(shown_column);
        Ok(DatasetShown {
            name: description.name.clone(),
            columns: columns.collect(),
            stars: stars(&description, registered.time, Utc::now()),
            steward: steward.map_or_else(String::new, |steward| steward.name.clone()),
            contact: description.catalogue.contact,
            title: description.title.into(),
            about: description.description.into(),
            unit: description.unit.map(|unit| UnitShown { domain: unit.domain, column: unit.column }),
            provider: description.provider,
            classification: description.classification,
            update_cycle: description.update_cycle,
            sharing: description.sharing,
            buckets: registered.registered.domain.is_some().then_some(registered.registered.buckets),
            description: text,
        })
    }
}

impl Query for ShowQuality {
    type Answer = Quality;

    fn answer(&self, desk: &impl Desk, reader: Option<&PublicKey>) -> Result<Quality, UseCaseError> {
        let reader = reader.ok_or(LabError::from(Refusal::NotEnrolled))?;
        Ok(desk.view()?.quality(&self.dataset, reader)?.into())
    }
}

impl Query for ShowTable {
    type Answer = TableShown;

    fn answer(&self, desk: &impl Desk, _: Option<&PublicKey>) -> Result<TableShown, UseCaseError> {
        let rows = BASE64_STANDARD.encode(desk.view()?.public_rows(&self.dataset)?);
        Ok(TableShown { dataset: self.dataset.clone(), rows })
    }
}

/// Writes a public table that a lab has shown, as [`twin`] writes it; none for rows that are not in base64.
pub fn twin_of_table(shown: &TableShown, description: &str, out: &Path) -> Result<Option<TwinWritten>, UseCaseError> {
    let Ok(rows) = BASE64_STANDARD.decode(&shown.rows) else { return Ok(None) };
    let parsed = Description::parse(description)
        .map_err(|error| UseCaseError::Description { file: shown.dataset.clone(), error })?;
    let written = twins::write_public(&parsed, description, &rows, out).map_err(LabError::io(out))?;
    Ok(Some(TwinWritten::new(written, &parsed, 0)))
}

/// Writes a twin of a registered dataset; a public table is written as it is.
pub fn twin(desk: &impl Desk, name: &str, request: &Twin) -> Result<TwinWritten, UseCaseError> {
    let view = desk.view()?;
    let written = view.twin(name, request.rows, request.seed, &request.out)?;
    Ok(TwinWritten::new(written, &view.description(name)?.0, request.rows))
}

/// Writes a twin from a description that is not a lab's; `file` is named in errors.
pub fn twin_of_description(file: &Path, text: &str, request: &Twin) -> Result<TwinWritten, UseCaseError> {
    let description = Description::parse(text)
        .map_err(|error| UseCaseError::Description { file: file.display().to_string(), error })?;
    let written = twins::write(&description, text, request.rows, request.seed, &request.out);
    Ok(TwinWritten::new(written.map_err(LabError::io(&request.out))?, &description, request.rows))
}

/// A dataset's name out of a file's.
fn name_of(source: &Path) -> String {
    let stem = source.file_stem().map(|stem| stem.to_string_lossy().to_lowercase()).unwrap_or_default();
    let first = stem.split('.').next().unwrap_or_default();
    first.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

fn shown_column(column: &ColumnSpec) -> ShownColumn {
    let bound = |bound: &Bound| match bound {
        Bound::Int(number) => render(&Cell::Int(*number), &column.kind).into_owned(),
        Bound::Float(number) => number.to_string(),
    };
    ShownColumn {
        name: column.name.clone(),
        kind: column.kind.word().to_owned(),
        normalize: column.normalize.steps().to_vec(),
        min: column.min.as_ref().map(bound),
        max: column.max.as_ref().map(bound),
        domain: column.domain.clone(),
        nullable: column.nullable,
        meaning: column.description.clone().into(),
    }
}

impl From<description::Bilingual> for Bilingual {
    fn from(text: description::Bilingual) -> Bilingual {
        Bilingual { zh: text.zh, en: text.en }
    }
}

impl From<QualityReport> for Quality {
    fn from(report: QualityReport) -> Quality {
        let columns = report.columns.into_iter().map(|column| ColumnQuality {
            completeness: column.completeness(),
            validity: column.validity(),
            name: column.name,
            rows: column.rows,
            present: column.present,
            out_of_range: column.out_of_range,
            out_of_domain: column.out_of_domain,
            failed_check: column.failed_check,
            normalized: column.normalized,
            distinct_estimate: column.distinct_estimate,
        });
        Quality {
            rows: report.rows,
            set_aside: report.set_aside,
            bad_rows: report.bad_rows,
            units: report.units,
            largest_unit: report.largest_unit,
            alike: report.alike,
            totals: report.totals,
            as_floats: report.as_floats,
            columns: columns.collect(),
            freshness: report.freshness.map(|found| Freshness {
                column: found.column,
                newest: found.newest,
                age_days: found.age_days,
                late_after_days: found.late_after_days,
                fresh: found.fresh,
            }),
        }
    }
}
