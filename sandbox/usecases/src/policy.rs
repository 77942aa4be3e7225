//! The lab's rules.

use schemars::JsonSchema;
use serde::Serialize;
use unseen_ids::Answer;
use unseen_policies::event::PolicySet as Event;
use unseen_policies::ledger::Refusal;
use unseen_policies::policy::Policy;
use unseen_policies::toml_fault;
use unseen_tlog::Signer;

use crate::desk::Desk;
use crate::error::UseCaseError;

/// The rules in force.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyShown {
    /// As the log has them: `predicate.policy` of `docs/schemas/policy.schema.json`.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub policy: Policy,
    /// As a TOML file that sets them.
    pub toml: String,
}

/// New rules are in force.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicySet {
    /// The entry that says so.
    pub entry: u64,
}

impl Answer for PolicyShown {
    const NAME: &str = "policy-shown/v1";
}
impl Answer for PolicySet {
    const NAME: &str = "policy-set/v1";
}

/// Shows the rules in force.
pub fn show_policy(desk: &impl Desk) -> Result<PolicyShown, UseCaseError> {
    let lab = desk.view()?;
    let policy = lab.ledger().policy().ok_or(Refusal::OtherPolicy)?.clone();
    let toml = toml::to_string(&policy).map_err(|error| UseCaseError::Unwritten(error.to_string().into()))?;
    Ok(PolicyShown { policy, toml })
}

/// Sets new rules from a TOML text; `file` is named in errors. What it says nothing about of the machine stays.
pub fn set_policy(desk: &impl Desk, file: &str, text: &str, operator: &dyn Signer) -> Result<PolicySet, UseCaseError> {
    let policy = parse(file, text)?;
    desk.write(|lab| {
        let in_force = lab.ledger().policy().and_then(|policy| policy.machine.clone());
        let policy = Policy { machine: policy.machine.clone().or(in_force), ..policy };
        policy.check().map_err(Refusal::BadPolicy)?;
        Ok(PolicySet { entry: lab.sign_and_accept(Event { policy }, operator, &[])? })
    })
}

fn parse(file: &str, text: &str) -> Result<Policy, UseCaseError> {
    toml::from_str(text).map_err(|error| {
        let before = &text[..error.span().map_or(0, |span| span.start)];
        UseCaseError::PolicyFile {
            file: file.to_owned(),
            line: before.lines().count().max(1),
            column: before.chars().rev().take_while(|c| *c != '\n').count() + 1,
            why: toml_fault(error.message()),
        }
    })
}
