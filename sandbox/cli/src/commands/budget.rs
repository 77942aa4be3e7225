//! `unseen budget`: spent and left, as rho and as (epsilon, delta).

use serde_json::json;
use unseen_ids::Role;
use unseen_policies::accounting;
use unseen_policies::ledger::Refusal;
use unseen_policies::rho::Rho;

use super::{Outcome, view};
use crate::args::{BudgetArgs, Globals};
use unseen_terminal::i18n::tr;
use unseen_terminal::output::{Answer, bar, table};

pub fn run(globals: &Globals, args: &BudgetArgs) -> Outcome {
    let lab = view(globals)?;
    let ledger = lab.ledger();
    let policy = ledger.policy().ok_or(Refusal::OtherPolicy)?;
    if let Some(name) = &args.dataset {
        ledger.dataset(name)?;
    }
    let both = |rho: Rho| {
        if rho == Rho::ZERO {
            "0".to_owned()
        } else {
            format!("{rho} (ε {:.3})", accounting::epsilon(rho, policy.delta))
        }
    };
    let (mut rows, mut found) = (Vec::new(), Vec::new());
    let mut line = |dataset: &str, who: &str, spent: Rho, cap: Rho| {
        let left = cap.minus(spent);
        let used = bar(spent.to_f64(), cap.to_f64(), 12);
        rows.push(vec![dataset.to_owned(), who.to_owned(), both(spent), both(left), used]);
        found.push(json!({ "dataset": dataset, "analyst": who, "spent": spent, "left": left, "cap": cap, "delta": policy.delta,
            "spentEpsilon": accounting::epsilon(spent, policy.delta), "leftEpsilon": accounting::epsilon(left, policy.delta) }));
    };
    let private = ledger.datasets().iter().filter(|(name, dataset)| {
        dataset.registered.domain.is_some() && args.dataset.as_ref().is_none_or(|wanted| wanted == *name)
    });
    for (name, dataset) in private {
        if args.analyst.is_none() {
            line(name, &tr("everyone"), dataset.spent, policy.caps.dataset);
        }
        let analysts =
            ledger.people().values().filter(|person| person.revoked.is_none() && person.roles.contains(&Role::Analyst));
        let mut names: Vec<&String> = analysts.map(|person| &person.name).chain(dataset.spent_by.keys()).collect();
        names.sort();
        names.dedup();
        for analyst in names.into_iter().filter(|name| args.analyst.as_ref().is_none_or(|wanted| wanted == *name)) {
            line(name, analyst, dataset.spent_by.get(analyst).copied().unwrap_or_default(), policy.caps.analyst);
        }
    }
    let mut domains: Vec<&String> =
        ledger.datasets().values().filter_map(|dataset| dataset.registered.domain.as_ref()).collect();
    domains.sort();
    domains.dedup();
    let mut text = table(&["dataset", "analyst", ">spent, rho (ε)", ">left, rho (ε)", "used"], rows);
    for domain in &domains {
        let spent = ledger.spent_on_domain(domain);
        let cap = policy.caps.domain.map_or_else(String::new, |cap| format!(" / {cap}"));
        text.push_str(&format!(
            "\n{} {domain}: {}{cap}",
            tr("One unit's loss over all datasets of the domain"),
            both(spent)
        ));
    }
    text.push_str(&format!("\n{} δ = {:e}", tr("ε is stated at"), policy.delta));
    let domains: Vec<_> =
        domains.iter().map(|domain| json!({ "domain": domain, "spent": ledger.spent_on_domain(domain) })).collect();
    Ok(Answer::new(json!({ "delta": policy.delta, "budgets": found, "domains": domains }), text))
}
