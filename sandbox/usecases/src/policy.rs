//! The lab's rules.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_access::{Change as Changed, Effect, Rules};
use unseen_ids::{Answer, Digest, JobId, PublicKey};
use unseen_lab::{LabError, View};
use unseen_policies::event::{self, Event};
use unseen_policies::ledger::{Job, Refusal};
use unseen_policies::lifecycle::State;
use unseen_policies::policy::Policy;
use unseen_policies::rules::{self, changes};
use unseen_policies::toml_fault;
use unseen_texts::Sentence;

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
    /// The rules of access, in Cedar, in the place of those that `toml` names.
    #[serde(default)]
    pub access: Option<String>,
}

/// Look at what new rules would change, before they are set.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct PreviewPolicy(pub SetPolicy);

/// What new rules would change.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyPreview {
    /// Rules that would be others.
    pub changes: Vec<rules::Change>,
    /// Rules of access that would be others.
    pub access: Vec<AccessChange>,
    /// Jobs that have not started, and could not run any more.
    #[schemars(with = "Vec<String>")]
    #[serde(with = "as_shown::list")]
    pub voids: Vec<JobId>,
}

/// A rule of access that is another.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessChange {
    /// Its name.
    pub rule: String,
    /// What it said; null where it is new.
    pub before: Option<Sentence>,
    /// What it says; null where it is gone.
    pub after: Option<Sentence>,
}

/// Show the rules of access in force, each in a sentence.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ExplainAccess {}

/// Rules of access.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessExplained {
    /// In the order in which they are written.
    pub rules: Vec<AccessRule>,
    /// Their text, in Cedar.
    pub cedar: String,
    /// Whether these are the usual ones, for the policy names none.
    pub usual: bool,
}

/// A rule of access.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessRule {
    /// Its name.
    pub rule: String,
    /// Whether it permits; otherwise it forbids, and what is forbidden nothing permits.
    pub permits: bool,
    /// What it says.
    pub says: Sentence,
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
    /// Rules of access that are others now.
    #[serde(default)]
    pub access: Vec<AccessChange>,
    /// Jobs that had not started, and that cannot run any more: they must be submitted again.
    #[schemars(with = "Vec<String>")]
    #[serde(with = "as_shown::list")]
    pub voided: Vec<JobId>,
}

impl Answer for PolicyShown {
    const NAME: &str = "policy-shown/v1";
}
impl Answer for PolicyPreview {
    const NAME: &str = "policy-preview/v1";
}
impl Answer for AccessExplained {
    const NAME: &str = "access/v1";
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
        let access = self.access.as_ref().map(|text| Digest::of(text.as_bytes())).or(policy.access);
        Ok(Policy { machine: policy.machine.clone().or(in_force), access, ..policy })
    }

    /// What these rules change in a lab as it is.
    fn preview(&self, lab: &View) -> Result<PolicyPreview, UseCaseError> {
        let (ledger, policy) = (lab.ledger(), self.policy(lab)?);
        let waits = |job: &Job| matches!(job.state, State::Submitted | State::Approved) && !ledger.is_void(job);
        let voids = ledger.jobs().iter().filter(|(_, job)| waits(job)).map(|(id, _)| *id).collect();
        let rules = match (&self.access, policy.access) {
            (Some(text), _) => Rules::parse(text).map_err(LabError::from)?,
            (None, named) => lab.access_named(named.as_ref())?.1,
        };
        let access = lab.access()?.1.diff(&rules).into_iter().map(|change| match change {
            Changed::Added(rule) => AccessChange { rule: rule.id, before: None, after: Some(rule.text) },
            Changed::Removed(rule) => AccessChange { rule: rule.id, before: Some(rule.text), after: None },
            Changed::Changed { before, after } => {
                AccessChange { rule: after.id, before: Some(before.text), after: Some(after.text) }
            }
        });
        Ok(PolicyPreview { changes: changes(ledger.policy(), &policy), access: access.collect(), voids })
    }
}

impl Query for PreviewPolicy {
    type Answer = PolicyPreview;

    fn answer(&self, desk: &impl Desk, _: Option<&PublicKey>) -> Result<PolicyPreview, UseCaseError> {
        let lab = desk.view()?;
        // What would be refused is refused now.
        self.0.event(&lab)?;
        self.0.preview(&lab)
    }
}

impl Query for ExplainAccess {
    type Answer = AccessExplained;

    fn answer(&self, desk: &impl Desk, _: Option<&PublicKey>) -> Result<AccessExplained, UseCaseError> {
        let lab = desk.view()?;
        let (cedar, rules) = lab.access()?;
        let usual = lab.ledger().policy().is_none_or(|policy| policy.access.is_none());
        Ok(AccessExplained { rules: explained(&rules), cedar, usual })
    }
}

/// Each rule in a sentence.
pub fn explained(rules: &Rules) -> Vec<AccessRule> {
    let one = |rule: &unseen_access::Rule| AccessRule {
        rule: rule.id.clone(),
        permits: rule.effect == Effect::Permit,
        says: rule.text.clone(),
    };
    rules.explain().iter().map(one).collect()
}

impl Change for SetPolicy {
    type Answer = PolicySet;
    const LOOKS_BACK: bool = true;

    fn event(&self, lab: &View) -> Result<Event, UseCaseError> {
        let policy = self.policy(lab)?;
        policy.check().map_err(|why| LabError::from(Refusal::BadPolicy(why)))?;
        if let Some(text) = &self.access {
            Rules::parse(text).map_err(LabError::from)?;
        }
        Ok(event::PolicySet { policy }.into())
    }

    fn attachments(&self, _: &View) -> Result<Vec<Cow<'_, [u8]>>, UseCaseError> {
        Ok(self.access.iter().map(|text| text.as_bytes().into()).collect())
    }

    fn is_said_by(&self, event: &Event) -> bool {
        let Ok(wished) = parse(&self.name, &self.toml) else { return false };
        let access = self.access.as_ref().map(|text| Digest::of(text.as_bytes())).or(wished.access);
        let wished = Policy { access, ..wished };
        match event {
            Event::PolicySet(said) if wished.machine.is_none() => {
                Policy { machine: None, ..said.policy.clone() } == wished
            }
            Event::PolicySet(said) => said.policy == wished,
            _ => false,
        }
    }

    fn done(&self, before: Option<&View>, lab: &View, entry: u64) -> Result<PolicySet, UseCaseError> {
        let PolicyPreview { changes, access, voids: voided } = self.preview(before.unwrap_or(lab))?;
        Ok(PolicySet { entry, changes, access, voided })
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
