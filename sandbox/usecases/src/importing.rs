//! Imports into a lab's folder: of files that lie on its machine, and of rows that it has already.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_data::import::Progress;
use unseen_data::{Description, twin as twins};
use unseen_ids::{Answer, PublicKey};
use unseen_lab::{LabError, Rows, Snapshotted, Terms};
use unseen_texts::Sentence;
use unseen_tlog::Signer;

use crate::datasets::Quality;
use crate::desk::Desk;
use crate::doctor::Protection;
use crate::error::UseCaseError;
use crate::forms;
use crate::imports::PrepareRebucket;

/// Import a file as a snapshot and register it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Import {
    /// The file with the rows, where the lab can read it.
    pub source: PathBuf,
    /// The dataset's description: a `dataset.toml`.
    pub description: PathBuf,
    /// The analysts who may use it; everyone when empty.
    #[serde(default)]
    pub open_to: Vec<String>,
    /// From when on nobody may, and the lab destroys the snapshot.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub keep_until: Option<DateTime<Utc>>,
    /// The buckets that its rows are dealt into; as many as is usual when null.
    #[serde(default)]
    pub buckets: Option<u32>,
}

/// A dataset was registered.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    /// Its name.
    pub dataset: String,
    /// The entry that says so.
    pub entry: u64,
    /// The column that names the unit; null for a reference table.
    pub unit: Option<String>,
    /// The unit domain.
    pub domain: Option<String>,
    /// The buckets that its rows lie in; null for a reference table.
    #[serde(default)]
    pub buckets: Option<u32>,
    /// What its steward should know.
    pub quality: Quality,
    /// Columns of the source that the description does not declare, and that were left out.
    pub ignored_columns: Vec<String>,
    /// What is allowed, and probably not meant.
    #[serde(default)]
    pub hints: Vec<Sentence>,
    /// Whether rows were kept out of swap meanwhile.
    pub memory: Protection,
}

impl Answer for Imported {
    const NAME: &str = "dataset-registered/v1";
}

/// Refuses rows beside which the description of their twin lies, whatever description they are to be imported with.
pub fn check_rows(source: &Path) -> Result<(), LabError> {
    match twins::description_beside(source) {
        Some(beside) => Err(LabError::Twin { file: beside.display().to_string() }),
        None => Ok(()),
    }
}

/// Imports a file and registers it. Nobody holds the lab while rows are read and written.
pub fn import(
    desk: &impl Desk,
    request: &Import,
    steward: &dyn Signer,
    progress: &mut dyn FnMut(Progress),
) -> Result<Imported, UseCaseError> {
    let key = PublicKey::from(steward.verifying_key());
    let text = unseen_durable::read_text(&request.description).map_err(LabError::io(&request.description))?;
    let described = Description::parse(&text).ok();
    check_rows(&request.source)?;
    let rows = Rows { file: request.source.clone(), called: request.source.clone() };
    let file = request.description.display().to_string();
    let terms = Terms { open_to: request.open_to.clone(), keep_until: request.keep_until };
    let begin = desk.write(|lab| lab.begin_import(rows, &file, text, terms, request.buckets, &key));
    let written = begin?.carry_out(progress)?;
    let hints = match &described {
        Some(described) => forms::of_dataset(&desk.view()?, described),
        None => Vec::new(),
    };
    finish(desk, written, hints, steward)
}

/// Deals the rows of a dataset into another number of buckets and registers that. Nobody holds the lab meanwhile.
pub fn rebucket(
    desk: &impl Desk,
    request: &PrepareRebucket,
    steward: &dyn Signer,
    progress: &mut dyn FnMut(Progress),
) -> Result<Imported, UseCaseError> {
    let key = PublicKey::from(steward.verifying_key());
    let begun = desk.write(|lab| lab.begin_rebucket(&request.dataset, request.buckets, &key));
    finish(desk, begun?.carry_out(progress)?, Vec::new(), steward)
}

fn finish(
    desk: &impl Desk,
    written: Snapshotted,
    hints: Vec<Sentence>,
    steward: &dyn Signer,
) -> Result<Imported, UseCaseError> {
    desk.write(|lab| {
        let done = lab.finish_import(written, steward)?;
        let (column, domain) = done.description.unit.map(|unit| (unit.column, unit.domain)).unzip();
        Ok::<_, LabError>(Imported {
            dataset: done.description.name,
            entry: done.entry,
            unit: column,
            buckets: domain.is_some().then_some(done.buckets),
            domain,
            quality: done.quality.into(),
            ignored_columns: done.ignored_columns,
            hints,
            memory: Protection::new("memory", lab.memory()),
        })
    })
}
