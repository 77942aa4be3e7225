//! Datasets: all that the reader may see, and one of them with its fields.

use maud::{Markup, html};
use unseen_shown::jobs::word;
use unseen_terminal::output::clean;
use unseen_terminal::page::{facts, rows};
use unseen_terminal::table::Column::{Left, Right};
use unseen_texts::{Lang, Say, text};
use unseen_usecases::budget::Budget;
use unseen_usecases::datasets::{Bilingual, DatasetShown, Datasets};

use crate::shell::{Page, Place, Reader};

/// All of them.
pub fn page(reader: &Reader, found: &Datasets) -> Page {
    let lang = reader.lang;
    let body = html! {
        @if found.datasets.is_empty() {
            p .empty { (text!("No dataset is open to you.", "没有向您开放的数据集。").to(lang)) }
        }
        ul .cards { @for dataset in &found.datasets { li {
            h2 { a href=(reader.to(&format!("/datasets/{}", dataset.name))) { (bilingual(&dataset.title, lang)) } }
            p .small { code { (dataset.name) } " · " (word(dataset.classification.en(), dataset.classification.zh(), lang))
                " · " (dataset.domain.clone().unwrap_or_else(|| text!("public table", "公开参照表").told(lang))) }
            @if !dataset.open_to.is_empty() {
                p .small { (text!("Open to", "开放给").to(lang)) " " (clean(&dataset.open_to.join(", "))) }
            }
        } } }
    };
    Page { title: text!("Datasets", "数据目录").told(lang), place: Place::Catalogue, body }
}

/// One of them.
pub fn one(reader: &Reader, found: &DatasetShown, budget: Option<&Budget>) -> Page {
    let lang = reader.lang;
    let unit = found.unit.as_ref().map(|unit| format!("{} · {}", unit.domain, unit.column));
    let about = [
        (text!("Name", "名称"), found.name.clone()),
        (text!("Privacy unit", "隐私单元"), unit.unwrap_or_else(|| text!("public table", "公开参照表").told(lang))),
        (text!("Provider", "提供方"), found.provider.clone()),
        (text!("Level", "级别"), word(found.classification.en(), found.classification.zh(), lang)),
        (text!("Update cycle", "更新周期"), word(found.update_cycle.en(), found.update_cycle.zh(), lang)),
        (text!("Sharing", "共享类型"), word(found.sharing.en(), found.sharing.zh(), lang)),
    ];
    let body = html! {
        (facts(lang, &about))
        h2 { (text!("Fields", "字段").to(lang)) }
        (fields(found, lang))
        @if let Some(budget) = budget.filter(|budget| !budget.budgets.is_empty()) {
            h2 { (text!("Budget", "预算").to(lang)) }
            (budgets(budget, lang))
        }
        h2 { (text!("Try it on made-up rows", "用合成数据试用").to(lang)) }
        p { code { "unseen twin " (found.name) " --out twins" } }
    };
    Page { title: bilingual(&found.title, lang), place: Place::Catalogue, body }
}

fn fields(found: &DatasetShown, lang: Lang) -> Markup {
    let header = [
        Left(text!("Field", "字段").told(lang)),
        Left(text!("Type", "类型").told(lang)),
        Left(text!("Range or values", "范围或取值").told(lang)),
        Left(text!("Meaning", "含义").told(lang)),
    ];
    let listed = found.columns.iter().map(|column| {
        let range = match (&column.min, &column.max, column.domain.as_slice()) {
            (None, None, domain) => domain.join(if lang == Lang::Zh { "、" } else { ", " }),
            (min, max, _) => {
                format!("{} … {}", min.as_deref().unwrap_or_default(), max.as_deref().unwrap_or_default())
            }
        };
        let null = column.nullable.then(|| text!("may be empty", "可为空").told(lang));
        vec![
            html! { code { (clean(&column.name)) } },
            html! { (column.kind) @if let Some(null) = &null { " · " (null) } },
            html! { (clean(&range)) },
            html! { (clean(&bilingual(&column.meaning, lang))) },
        ]
    });
    rows(&header, listed)
}

/// Budgets, each with a bar of what is left.
pub(crate) fn budgets(found: &Budget, lang: Lang) -> Markup {
    let header = [
        Left(text!("Dataset", "数据集").told(lang)),
        Left(text!("Of", "对象").told(lang)),
        Right(text!("Spent, rho", "已用 rho").told(lang)),
        Right(text!("Left", "剩余").told(lang)),
        Right(text!("Cap", "上限").told(lang)),
    ];
    let listed = found.budgets.iter().map(|line| {
        let of = line.analyst.clone().unwrap_or_else(|| text!("everyone together", "所有人合计").told(lang));
        vec![
            html! { (clean(&line.dataset)) },
            html! { (clean(&of)) },
            html! { (line.spent) },
            html! { (line.left) },
            html! { (line.cap) },
        ]
    });
    rows(&header, listed)
}

pub(crate) fn bilingual(text: &Bilingual, lang: Lang) -> String {
    clean(&word(&text.en, &text.zh, lang))
}
