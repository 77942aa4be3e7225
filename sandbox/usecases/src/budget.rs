//! What was spent of the privacy budget, and what is left.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_ids::{Answer, PublicKey, Role};
use unseen_policies::accounting;
use unseen_policies::ledger::{Dataset, Refusal};
use unseen_policies::rho::Rho;

use crate::desk::Desk;
use crate::error::UseCaseError;
use crate::query::Query;

/// Whose budget; everything when nothing is named.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BudgetOf {
    /// Only of this dataset.
    pub dataset: Option<String>,
    /// Only of this analyst.
    pub analyst: Option<String>,
}

/// Budgets of private datasets.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Budget {
    /// The delta at which every epsilon here is stated.
    pub delta: f64,
    /// For each dataset everyone together, then each analyst.
    pub budgets: Vec<BudgetLine>,
    /// For each unit domain, what one unit has lost over all its datasets.
    pub domains: Vec<DomainLine>,
}

/// What was spent on a dataset.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BudgetLine {
    /// The dataset.
    pub dataset: String,
    /// By whom; null: by everyone together.
    pub analyst: Option<String>,
    /// Spent, in rho.
    #[schemars(with = "String")]
    pub spent: Rho,
    /// Left under the cap, in rho.
    #[schemars(with = "String")]
    pub left: Rho,
    /// The cap, in rho.
    #[schemars(with = "String")]
    pub cap: Rho,
    /// What was spent, as epsilon.
    pub spent_epsilon: f64,
    /// What is left, as epsilon.
    pub left_epsilon: f64,
}

/// What one unit has lost.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DomainLine {
    /// The unit domain.
    pub domain: String,
    /// Spent on all datasets of the domain, in rho.
    #[schemars(with = "String")]
    pub spent: Rho,
    /// The same as epsilon.
    pub spent_epsilon: f64,
    /// The cap, in rho, where the policy has one.
    #[schemars(with = "Option<String>")]
    pub cap: Option<Rho>,
}

impl Answer for Budget {
    const NAME: &str = "budget/v1";
}

impl Query for BudgetOf {
    type Answer = Budget;

    fn answer(&self, desk: &impl Desk, _: Option<&PublicKey>) -> Result<Budget, UseCaseError> {
        let lab = desk.view()?;
        let ledger = lab.ledger();
        let policy = ledger.policy().ok_or(Refusal::OtherPolicy)?;
        if let Some(name) =
            self.analyst.as_ref().filter(|name| !ledger.people().values().any(|person| person.name == **name))
        {
            return Err(Refusal::NoSuchPerson(name.clone()).into());
        }
        let wanted: BTreeMap<&String, &Dataset> = match &self.dataset {
            Some(name) => BTreeMap::from([(name, ledger.dataset(name)?)]),
            None => ledger.datasets().iter().collect(),
        };
        let line = |dataset: &str, analyst: Option<&String>, spent: Rho, cap: Rho| {
            let left = cap.minus(spent);
            BudgetLine {
                dataset: dataset.to_owned(),
                analyst: analyst.cloned(),
                spent,
                left,
                cap,
                spent_epsilon: accounting::epsilon(spent, policy.delta),
                left_epsilon: accounting::epsilon(left, policy.delta),
            }
        };
        let analysts = ledger.people().values();
        let analysts = analysts.filter(|person| person.revoked.is_none() && person.roles.contains(&Role::Analyst));
        let analysts: BTreeSet<_> = analysts.map(|person| &person.name).collect();
        let mut budgets = Vec::new();
        for (name, dataset) in wanted.iter().filter(|(_, dataset)| dataset.registered.domain.is_some()) {
            if self.analyst.is_none() {
                budgets.push(line(name, None, dataset.spent, policy.caps.dataset));
            }
            let names: BTreeSet<_> = analysts.iter().copied().chain(dataset.spent_by.keys()).collect();
            for analyst in names.into_iter().filter(|name| self.analyst.as_ref().is_none_or(|wanted| wanted == *name)) {
                let spent = dataset.spent_by.get(analyst).copied().unwrap_or_default();
                budgets.push(line(name, Some(analyst), spent, policy.caps.analyst));
            }
        }
        let domains: BTreeSet<_> =
            ledger.datasets().values().filter_map(|found| found.registered.domain.as_ref()).collect();
        let domains = domains.into_iter().map(|domain| {
            let spent = ledger.spent_on_domain(domain);
            let spent_epsilon = accounting::epsilon(spent, policy.delta);
            DomainLine { domain: domain.clone(), spent, spent_epsilon, cap: policy.caps.domain }
        });
        Ok(Budget { delta: policy.delta, budgets, domains: domains.collect() })
    }
}
