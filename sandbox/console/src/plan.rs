//! What a job would publish, and what it would leave of budgets.

use maud::{Markup, html};
use unseen_policies::rho::Rho;
use unseen_shown::figures::{bound, brief};
use unseen_shown::jobs::budget_of;
use unseen_terminal::output::clean;
use unseen_terminal::page::rows;
use unseen_terminal::table::Column::{Left, Right};
use unseen_texts::{Lang, Say, say, text};
use unseen_usecases::claims::Left as BudgetLeft;
use unseen_usecases::plan::Plan;

/// Its values, with the error of each.
pub(crate) fn published(plan: &Plan, lang: Lang) -> Markup {
    let header = [
        Left(text!("Value", "值").told(lang)),
        Right(text!("Groups", "组数").told(lang)),
        Right(text!("One unit adds", "单个单元的贡献").told(lang)),
        Right(text!("Error, 19 times in 20", "误差（20 次中有 19 次不超过）").told(lang)),
    ];
    let values = plan.outputs.iter().flat_map(|output| output.values.iter().map(move |value| (output, value)));
    let listed = values.map(|(output, value)| {
        let half = value.half_width_95.last().map_or_else(String::new, |half| format!("± {}", brief(*half)));
        vec![
            html! { (clean(&format!("{}.{}", output.name, value.name))) },
            html! { (output.groups) },
            html! { (bound(value.lower)) " … " (bound(value.upper)) },
            html! { (half) },
        ]
    });
    rows(&header, listed)
}

/// The budgets that it draws on.
pub(crate) fn left(budgets: &[BudgetLeft], lang: Lang) -> Markup {
    if budgets.is_empty() {
        return html! {};
    }
    let header = [
        Left(text!("Budget of", "预算").told(lang)),
        Right(text!("Left before, rho", "之前剩余 rho").told(lang)),
        Right(text!("Left after", "之后剩余").told(lang)),
        Right(text!("Others waiting ask", "其他待办作业所需").told(lang)),
    ];
    let row = |line: &BudgetLeft| {
        let after = line.after.map_or_else(|| text!("not enough", "不足").told(lang), |after| after.to_string());
        let others = match line.others {
            Rho::ZERO => String::new(),
            others if line.after.is_none_or(|after| others > after) => {
                say!("{others}: too much together", "{others}（合计超出）").told(lang)
            }
            others => others.to_string(),
        };
        vec![html! { (clean(&budget_of(line, lang))) }, html! { (line.before) }, html! { (after) }, html! { (others) }]
    };
    rows(&header, budgets.iter().map(row))
}
