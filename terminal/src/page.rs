//! A page of HTML for people who do not use a terminal: no scripts, nothing loaded from anywhere, fit for a
//! telephone and for paper.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use unseen_texts::{Lang, Text};

use crate::output::clean;
use crate::table::Column::{self, Right};

const STYLE: &str = include_str!("page.css");

/// A page under a title. `style` is what it has of its own.
pub fn page(lang: Lang, title: &str, style: &str, body: &Markup) -> String {
    let code = if lang == Lang::Zh { "zh" } else { "en" };
    let page = html! {
        (DOCTYPE)
        html lang=(code) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { (clean(title)) }
                style { (PreEscaped(STYLE)) (PreEscaped(style)) }
            }
            body { h1 { (clean(title)) } (body) }
        }
    };
    page.into_string()
}

/// Texts in a list of `name: value`.
pub fn facts(lang: Lang, facts: &[(Text, String)]) -> Markup {
    html! {
        dl .facts { @for (name, value) in facts { dt { (name.to(lang)) } dd { (clean(value.trim())) } } }
    }
}

/// A table; columns of numbers are set flush right. Where it has no room, each row is a card.
pub fn rows(header: &[Column<String>], rows: impl Iterator<Item = Vec<Markup>>) -> Markup {
    let right = |at: usize| matches!(header.get(at), Some(Right(_))).then_some("n");
    let name = |at: usize| header.get(at).map_or(String::new(), |column| clean(column.name()));
    html! {
        div .wide { table {
            thead { tr { @for at in 0..header.len() { th scope="col" class=[right(at)] { (name(at)) } } } }
            tbody { @for row in rows {
                tr { @for (at, cell) in row.iter().enumerate() {
                    td class=[right(at).or(long(&cell.0))] data-name=(name(at)) { (cell) }
                } }
            } }
        } }
    }
}

/// Whether a word of this cell, a key or a digest, may be broken anywhere. No other word is.
fn long(cell: &str) -> Option<&'static str> {
    let is_markup = cell.starts_with('<');
    (!is_markup && cell.split_whitespace().any(|word| word.chars().count() > LONG_WORD)).then_some("long")
}

const LONG_WORD: usize = 30;
