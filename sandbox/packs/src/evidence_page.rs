//! The evidence as a page, for assessors.

use maud::{Markup, html};
use unseen_terminal::output::clean;
use unseen_terminal::page::page as whole;
use unseen_texts::{Lang, Say, say, text};
use unseen_usecases::datasets::Bilingual;

use crate::documents::{EvidencePack, Requirement};

/// The page.
pub(crate) fn page(of: &EvidencePack, lang: Lang) -> String {
    let title = say!("Evidence of {lab}", "{lab} 合规材料", lab = of.lab).told(lang);
    whole(lang, &title, "", &body(of, lang))
}

fn body(of: &EvidencePack, lang: Lang) -> Markup {
    let entries = of.entries;
    html! {
        p { (text!(
            "What the lab shows for each requirement that is listed, and what it does not show. Requirements are in our words; whether they are met, an assessor says. log/README.md says how proofs are checked.",
            "针对所列各项要求，说明实验室能给出什么、不能给出什么。要求为转述；是否符合由测评人员判断。证明的核验方法见 log/README.md。"
        ).to(lang)) }
        p { (say!("The log had {entries} entries.", "生成时日志共有 {entries} 个条目。").told(lang)) }
        @for one in &of.requirements { (requirement(one, lang)) }
    }
}

fn requirement(of: &Requirement, lang: Lang) -> Markup {
    let said = |text: &Bilingual| if lang == Lang::Zh { text.zh.clone() } else { text.en.clone() };
    let (count, kinds) = (of.count, of.kinds.join(", "));
    html! {
        h2 { (of.standard) " " (of.clause) }
        p { (said(&of.asks)) }
        p { strong { (of.standing.told(lang)) } }
        @if !of.shows.is_empty() { ul { @for shown in &of.shows { li { (clean(&said(shown))) } } } }
        @if !of.against.is_empty() {
            p { (text!("Against it:", "不利情况：").to(lang)) }
            ul { @for against in &of.against { li { (clean(&said(against))) } } }
        }
        @if let Some(left) = &of.not_shown {
            p { (say!("Not shown: {left}", "未给出：{left}", left = said(left)).told(lang)) }
        }
        @if !of.kinds.is_empty() {
            p {
                (say!("Entries ({kinds}): {count}.", "条目（{kinds}）：{count} 个。").told(lang))
                @for entry in &of.entries { " " code { (entry.entry) } " " code { (entry.proof) } }
            }
        }
    }
}
