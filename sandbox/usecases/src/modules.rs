//! The component of a job, for those who look at it before they approve.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_ids::{Answer, Digest, JobId, PublicKey};

use crate::desk::Desk;
use crate::error::UseCaseError;
use crate::query::Query;
use crate::wire::{as_base64, as_shown};

/// Fetch the component of a job, as it was submitted.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct FetchModule {
    /// The job.
    #[serde(with = "as_shown")]
    #[schemars(with = "String", regex(pattern = unseen_ids::pattern::JOB))]
    pub job: JobId,
}

/// A job's component.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Module {
    /// The job.
    #[serde(with = "as_shown")]
    #[schemars(with = "String")]
    pub job: JobId,
    /// The digest that was submitted, and is approved.
    #[schemars(with = "String")]
    pub module: Digest,
    /// The WebAssembly component, in base64.
    #[serde(with = "as_base64")]
    #[schemars(with = "String")]
    pub bytes: Vec<u8>,
}

impl Answer for Module {
    const NAME: &str = "module/v1";
}

impl Query for FetchModule {
    type Answer = Module;

    fn answer(&self, desk: &impl Desk, _: Option<&PublicKey>) -> Result<Module, UseCaseError> {
        let lab = desk.view()?;
        let module = lab.ledger().job(self.job)?.submitted.module;
        Ok(Module { job: self.job, module, bytes: lab.blob(&module)? })
    }
}
