//! A job's project on the analyst's own machine: written, and built into a component.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_ids::{Answer, Digest};
use unseen_lab::LabError;
use unseen_toolchain::Template;

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

/// Writes a ready project into a new folder, whose name becomes the job's.
pub fn new_project(folder: &Path, template: Template) -> Result<Project, UseCaseError> {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    unseen_toolchain::new_project(folder, &name, template)?;
    Ok(Project { project: folder.display().to_string() })
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
