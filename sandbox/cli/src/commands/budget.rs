//! `unseen budget`: spent and left, as rho and as (epsilon, delta).

use unseen_policies::rho::Rho;
use unseen_usecases::budget::{self, Budget, BudgetOf};

use super::{Outcome, desk};
use crate::args::{BudgetArgs, Globals};
use unseen_terminal::i18n::tr;
use unseen_terminal::output::{Output, bar, table};

pub fn run(globals: &Globals, args: &BudgetArgs) -> Outcome {
    let of = BudgetOf { dataset: args.dataset.clone(), analyst: args.analyst.clone() };
    let found = budget::budget(&desk(globals)?, &of)?;
    Ok(Output::new(&found, shown(&found)))
}

fn shown(found: &Budget) -> String {
    let rows = found.budgets.iter().map(|line| {
        vec![
            line.dataset.clone(),
            line.analyst.clone().unwrap_or_else(|| tr("everyone").into_owned()),
            both(line.spent, line.spent_epsilon),
            both(line.left, line.left_epsilon),
            bar(line.spent.to_f64(), line.cap.to_f64(), 12),
        ]
    });
    let mut text = table(&["dataset", "analyst", ">spent, rho (ε)", ">left, rho (ε)", "used"], rows);
    for line in &found.domains {
        let cap = line.cap.map_or_else(String::new, |cap| format!(" / {cap}"));
        let title = tr("One unit's loss over all datasets of the domain");
        text.push_str(&format!("\n{title} {}: {}{cap}", line.domain, both(line.spent, line.spent_epsilon)));
    }
    text.push_str(&format!("\n{} δ = {:e}", tr("ε is stated at"), found.delta));
    text
}

fn both(rho: Rho, epsilon: f64) -> String {
    if rho == Rho::ZERO { "0".to_owned() } else { format!("{rho} (ε {epsilon:.3})") }
}
