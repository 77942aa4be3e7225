//! The lab's rules.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_ids::{Answer, JobId, PublicKey};
use unseen_lab::{LabError, View};
use unseen_policies::event::{self, Event};
use unseen_policies::ledger::{Job, Refusal};
use unseen_policies::lifecycle::State;
use unseen_policies::policy::Policy;
use unseen_policies::rules::{self, changes};
use unseen_policies::toml_fault;

use crate::change::Change;
use crate::desk::Desk;
use crate::error::UseCaseError;
use crate::query::Query;
use crate::wire::as_shown;

/// Show the rules in force.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ShowPolicy {}

/// Set new rules. What they say nothing about of the machine stays.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SetPolicy {
    /// What errors call the text: the file it was read from.
    pub name: String,
    /// The rules, as a TOML text.
    pub toml: String,
}

/// The rules in force.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyShown {
    /// As the log has them: `predicate.policy` of `docs/schemas/policy.schema.json`.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub policy: Policy,
    /// As a TOML file that sets them.
    pub toml: String,
}

/// New rules are in force.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicySet {
    /// The entry that says so.
    pub entry: u64,
    /// What it changes.
    pub changes: Vec<rules::Change>,
    /// Jobs that had not started, and that cannot run any more: they must be submitted again.
    #[schemars(with = "Vec<String>")]
    #[serde(with = "as_shown::list")]
    pub voided: Vec<JobId>,
}

impl Answer for PolicyShown {
    const NAME: &str = "policy-shown/v1";
}
impl Answer for PolicySet {
    const NAME: &str = "policy-set/v1";
}

impl Query for ShowPolicy {
    type Answer = PolicyShown;

    fn answer(&self, desk: &impl Desk, _: Option<&PublicKey>) -> Result<PolicyShown, UseCaseError> {
        let lab = desk.view()?;
        let policy = lab.ledger().policy().ok_or(Refusal::OtherPolicy)?.clone();
        let toml = toml::to_string(&policy).map_err(|error| UseCaseError::Unwritten(error.to_string().into()))?;
        Ok(PolicyShown { policy, toml })
    }
}

impl SetPolicy {
    fn policy(&self, lab: &View) -> Result<Policy, UseCaseError> {
        let policy = parse(&self.name, &self.toml)?;
        let in_force = lab.ledger().policy().and_then(|policy| policy.machine.clone());
        Ok(Policy { machine: policy.machine.clone().or(in_force), ..policy })
    }
}

impl Change for SetPolicy {
    type Answer = PolicySet;

    fn event(&self, lab: &View) -> Result<Event, UseCaseError> {
        let policy = self.policy(lab)?;
        policy.check().map_err(|why| LabError::from(Refusal::BadPolicy(why)))?;
        Ok(event::PolicySet { policy }.into())
    }

    fn is_said_by(&self, event: &Event) -> bool {
        let Ok(wished) = parse(&self.name, &self.toml) else { return false };
        match event {
            Event::PolicySet(said) if wished.machine.is_none() => {
                Policy { machine: None, ..said.policy.clone() } == wished
            }
            Event::PolicySet(said) => said.policy == wished,
            _ => false,
        }
    }

    fn done(&self, before: &View, _: &View, entry: u64) -> Result<PolicySet, UseCaseError> {
        let ledger = before.ledger();
        let waits = |job: &Job| matches!(job.state, State::Submitted | State::Approved) && !ledger.is_void(job);
        let voided = ledger.jobs().iter().filter(|(_, job)| waits(job)).map(|(id, _)| *id).collect();
        let changes = changes(ledger.policy(), &self.policy(before)?);
        Ok(PolicySet { entry, changes, voided })
    }
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
