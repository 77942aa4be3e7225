//! Which budgets a job draws on, and what it would leave of each.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_ids::JobId;
use unseen_policies::event::JobSubmitted;
use unseen_policies::ledger::{Job, Ledger};
use unseen_policies::lifecycle::State;
use unseen_policies::rho::Rho;

/// A budget before and after a job.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Left {
    /// The dataset; null for the budget of a unit domain.
    pub dataset: Option<String>,
    /// The analyst whose share it is.
    pub analyst: Option<String>,
    /// The unit domain.
    pub domain: Option<String>,
    /// The cap, in rho.
    #[schemars(with = "String")]
    pub cap: Rho,
    /// What is left now, in rho.
    #[schemars(with = "String")]
    pub before: Rho,
    /// What would be left; null where it is not enough.
    #[schemars(with = "Option<String>")]
    pub after: Option<Rho>,
    /// What other jobs that wait ask of the same budget, in rho.
    #[schemars(with = "String")]
    pub others: Rho,
}

/// The budgets that a job draws on. `job` is its number once it is submitted, and `author` whose it is, where that
/// is known.
pub(crate) fn left(ledger: &Ledger, job: Option<JobId>, event: &JobSubmitted, author: Option<&str>) -> Vec<Left> {
    let Some(policy) = ledger.policy() else { return Vec::new() };
    let others: Vec<&Job> = waiting(ledger).filter(|(id, _)| Some(*id) != job).map(|(_, other)| other).collect();
    let line = |cap: Rho, spent: Rho, draws: &dyn Fn(&Job) -> bool| {
        let before = cap.minus(spent);
        let after = (event.rho <= before).then(|| before.minus(event.rho));
        let asked = others.iter().filter(|other| draws(other)).map(|other| other.submitted.rho);
        let others = asked.fold(Rho::ZERO, |sum, rho| sum.checked_add(rho).unwrap_or(sum));
        Left { dataset: None, analyst: None, domain: None, cap, before, after, others }
    };
    let mut lines = Vec::new();
    let mut domains = BTreeSet::new();
    for used in &event.datasets {
        let Some((dataset, domain)) = private(ledger, &used.name) else { continue };
        domains.insert(domain);
        let of = Some(used.name.clone());
        let reads = |other: &Job| other.submitted.datasets.iter().any(|read| read.name == used.name);
        lines.push(Left { dataset: of.clone(), ..line(policy.caps.dataset, dataset.spent, &reads) });
        if let Some(author) = author {
            let spent = dataset.spent_by.get(author).copied().unwrap_or_default();
            let theirs = |other: &Job| reads(other) && name(ledger, other) == Some(author);
            let left = line(policy.caps.analyst, spent, &theirs);
            lines.push(Left { dataset: of, analyst: Some(author.to_owned()), ..left });
        }
    }
    for (domain, cap) in domains.into_iter().zip(policy.caps.domain) {
        let within = |other: &Job| {
            let mut read = other.submitted.datasets.iter();
            read.any(|read| private(ledger, &read.name).is_some_and(|(_, found)| found == domain))
        };
        let left = line(cap, ledger.spent_on_domain(domain), &within);
        lines.push(Left { domain: Some(domain.clone()), ..left });
    }
    lines
}

/// The jobs that wait for approvals or their run, and could have it.
pub(crate) fn waiting(ledger: &Ledger) -> impl Iterator<Item = (JobId, &Job)> {
    let jobs = ledger.jobs().iter().map(|(id, job)| (*id, job.as_ref()));
    jobs.filter(|(_, job)| matches!(job.state, State::Submitted | State::Approved) && !ledger.is_void(job))
}

fn private<'l>(ledger: &'l Ledger, name: &str) -> Option<(&'l unseen_policies::ledger::Dataset, &'l String)> {
    let dataset = ledger.dataset(name).ok()?;
    Some((dataset, dataset.registered.domain.as_ref()?))
}

fn name<'l>(ledger: &'l Ledger, job: &Job) -> Option<&'l str> {
    ledger.people().get(&job.author).map(|person| person.name.as_str())
}
