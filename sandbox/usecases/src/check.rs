//! A job looked at before it is submitted: its cost, its expected errors, its component.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_audit::named;
use unseen_ids::{Answer, Digest};
use unseen_lab::compile;
use unseen_policies::rho::Rho;

use crate::desk::Desk;
use crate::error::UseCaseError;
use crate::plan::Plan;
use crate::trial;
use crate::wire::as_base64;

/// Check a job.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Check {
    /// What errors call the manifest: the file it was read from.
    pub name: String,
    /// The text of `job.toml`.
    pub manifest: String,
    /// The component, in base64; null when it is not built yet.
    #[serde(with = "as_base64::option")]
    #[schemars(with = "Option<String>")]
    pub module: Option<Vec<u8>>,
}

/// What was found.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    /// What it costs and how exact its numbers will be.
    pub plan: Plan,
    /// The policy's cap for one job, in rho, where there is a lab.
    #[schemars(with = "Option<String>")]
    pub job_cap: Option<Rho>,
    /// Digest of the component, which is good; null when there is none yet.
    #[schemars(with = "Option<String>")]
    pub module: Option<Digest>,
}

impl Answer for Checked {
    const NAME: &str = "check/v1";
}

/// Checks a job against a lab.
pub fn check(desk: &impl Desk, request: &Check) -> Result<Checked, UseCaseError> {
    let lab = desk.view()?;
    let ledger = lab.ledger();
    let (manifest, plan) = lab.plan(&request.name, &request.manifest)?;
    lab.check_columns(&manifest)?;
    let module = good(request, &manifest, &plan)?;
    let need = named::need(ledger, &manifest, &plan);
    let job_cap = ledger.policy().map(|policy| policy.caps.job);
    Ok(Checked { plan: Plan::new(&manifest, &plan, need, Some(ledger)), job_cap, module })
}

/// Checks a job against the descriptions of twins.
pub fn check_on_twins(twins: &Path, request: &Check) -> Result<Checked, UseCaseError> {
    let manifest = trial::parse(&request.name, &request.manifest)?;
    let plan = trial::plan(&manifest, &request.name, twins)?;
    let module = good(request, &manifest, &plan)?;
    Ok(Checked { plan: Plan::new(&manifest, &plan, None, None), job_cap: None, module })
}

fn good(
    request: &Check,
    manifest: &unseen_policies::Manifest,
    plan: &unseen_policies::Plan,
) -> Result<Option<Digest>, UseCaseError> {
    let Some(module) = &request.module else { return Ok(None) };
    compile(module, manifest, plan)?;
    Ok(Some(Digest::of(module)))
}
