//! A job's project on the analyst's own machine: written, and built into a component.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_data::description::{Bound, ColumnSpec, ColumnType, Description};
use unseen_ids::{Answer, Digest};
use unseen_lab::LabError;
use unseen_toolchain::{Language, Measure, Subject, Template};

use crate::error::UseCaseError;

/// A project was written.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Project {
    /// Its folder.
    pub project: String,
}

/// A component was made.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Built {
    /// Its file.
    pub component: String,
    /// Its length.
    pub bytes: usize,
    /// Its digest.
    #[schemars(with = "String")]
    pub digest: Digest,
}

impl Answer for Project {
    const NAME: &str = "project/v1";
}
impl Answer for Built {
    const NAME: &str = "component/v1";
}

/// Writes a ready project into a new folder, whose name becomes the job's: about the dataset of a description, or about
/// one of the demo.
pub fn new_project(
    folder: &Path,
    language: Language,
    template: Template,
    description: Option<&str>,
) -> Result<Project, UseCaseError> {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let subject = description.map(|text| subject(text, template)).transpose()?;
    unseen_toolchain::new_project(folder, &name, language, template, subject.as_ref())?;
    Ok(Project { project: folder.display().to_string() })
}

/// The most groups of a new job: a page of numbers.
const MOST_GROUPS: usize = 60;

/// What can be asked of a dataset: the first column of texts with a domain, and the first of numbers with bounds.
fn subject(text: &str, template: Template) -> Result<Subject, UseCaseError> {
    let description = Description::parse(text)
        .map_err(|error| UseCaseError::Description { file: "dataset.toml".to_owned(), error })?;
    let dataset = description.name.clone();
    if description.unit.is_none() {
        return Err(UseCaseError::NoUnit { dataset });
    }
    let group = description.columns.iter().find(|column| {
        let keys = 1..=MOST_GROUPS;
        column.kind == ColumnType::Text
            && keys.contains(&column.domain.len())
            && column.domain.iter().all(|key| is_plain(key))
    });
    let mut measures = description.columns.iter().filter_map(measure);
    let needed = if template == Template::Iterative { 2 } else { 1 };
    let (Some(value), other) = (measures.next(), measures.next()) else {
        return Err(UseCaseError::NoNumbers { dataset, needed });
    };
    if needed == 2 && other.is_none() {
        return Err(UseCaseError::NoNumbers { dataset, needed });
    }
    let group =
        group.filter(|column| is_plain(&column.name)).map(|column| (column.name.clone(), column.domain.clone()));
    Ok(Subject { dataset, group, value, other })
}

fn measure(column: &ColumnSpec) -> Option<Measure> {
    let (is_int, lower, upper) = match (&column.kind, &column.min, &column.max) {
        (ColumnType::Int, Some(Bound::Int(lower)), Some(Bound::Int(upper))) => (true, *lower as f64, *upper as f64),
        (ColumnType::Float, Some(Bound::Float(lower)), Some(Bound::Float(upper))) => (false, *lower, *upper),
        _ => return None,
    };
    (is_plain(&column.name) && lower < upper).then(|| Measure { column: column.name.clone(), is_int, lower, upper })
}

/// Whether a text can stand between quotes in the manifest and in every language.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(|c| c.is_control() || matches!(c, '"' | '\\' | '{' | '}' | '?' | '*' | '`'))
}

/// Compiles the project in a folder to a component.
pub fn build(folder: &Path) -> Result<Built, UseCaseError> {
    let built = unseen_toolchain::build(folder)?;
    Ok(shown(&built.path, &built.bytes))
}

/// Makes the component of the project in a folder out of a module that was built in another way. One that does not
/// say itself which names it was built for is taken to be built for those of the folder's `job.toml`.
pub fn componentize(folder: &Path, module: &Path) -> Result<Built, UseCaseError> {
    let module = std::fs::read(module).map_err(LabError::io(module))?;
    let built = unseen_toolchain::build_from(folder, &module)?;
    Ok(shown(&built.path, &built.bytes))
}

fn shown(path: &Path, bytes: &[u8]) -> Built {
    Built { component: path.display().to_string(), bytes: bytes.len(), digest: Digest::of(bytes) }
}
