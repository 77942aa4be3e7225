//! `unseen budget`: spent and left, as rho and as (epsilon, delta).

use unseen_policies::rho::Rho;
use unseen_usecases::budget::{Budget, BudgetOf};

use super::Outcome;
use crate::args::{BudgetArgs, Globals};
use crate::place::Place;
use unseen_terminal::output::{Output, bar};
use unseen_terminal::table::Column::{Left, Right};
use unseen_terminal::table::table;
use unseen_texts::{Lang, Say, say, text};

pub fn run(globals: &Globals, args: &BudgetArgs, lang: Lang) -> Outcome {
    let of = BudgetOf { dataset: args.dataset.clone(), analyst: args.analyst.clone() };
    let found = Place::of(globals, lang)?.ask(of)?;
    Ok(Output::new(&found, shown(&found, lang)))
}

fn shown(found: &Budget, lang: Lang) -> String {
    let rows = found.budgets.iter().map(|line| {
        vec![
            line.dataset.clone(),
            line.analyst.clone().unwrap_or_else(|| text!("everyone", "所有人").told(lang)),
            both(line.spent, line.spent_epsilon, lang),
            both(line.left, line.left_epsilon, lang),
            bar(line.spent.to_f64(), line.cap.to_f64(), 12),
        ]
    });
    let mut text = table(
        lang,
        &[
            Left(text!("dataset", "数据集")),
            Left(text!("analyst", "分析员")),
            Right(text!("spent, rho (ε)", "已用 rho（ε）")),
            Right(text!("left, rho (ε)", "剩余 rho（ε）")),
            Left(text!("used", "使用比例")),
        ],
        rows,
    );
    for line in &found.domains {
        let cap = line.cap.map_or_else(String::new, |cap| format!(" / {cap}"));
        let spent = format!("{}{cap}", both(line.spent, line.spent_epsilon, lang));
        let told = say!(
            "One unit's loss over all datasets of the domain {domain}: {spent}",
            "单元域 {domain} 的所有数据集上单个单元的隐私损失：{spent}",
            domain = line.domain
        );
        text.push_str(&format!("\n{}", told.told(lang)));
    }
    let delta = format!("{:e}", found.delta);
    text.push_str(&format!("\n{}", say!("ε is stated at δ = {delta}", "ε 对应的 δ = {delta}").told(lang)));
    text
}

fn both(rho: Rho, epsilon: f64, lang: Lang) -> String {
    let epsilon = format!("{epsilon:.3}");
    if rho == Rho::ZERO { "0".to_owned() } else { say!("{rho} (ε {epsilon})", "{rho}（ε {epsilon}）").told(lang) }
}
