//! A page of HTML for people who do not use a terminal: no scripts, nothing loaded from anywhere, fit for a
//! telephone and for print.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use unseen_texts::Lang;

use crate::output::clean;
use crate::table::Column::{self, Right};

const STYLE: &str = "body{font:16px/1.5 'Noto Sans CJK SC','Source Han Sans SC',system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}\
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}dt{font-weight:600;margin-top:.6rem}dd{margin:0}\
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #d5d8dd;vertical-align:top}\
th{white-space:nowrap}td.n,th.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}code,.key{overflow-wrap:anywhere}\
svg{display:block}@media print{body{margin:0;max-width:none}.wide{overflow:visible}}";

/// A page under a title. `style` is what the page has of its own.
pub fn page(lang: Lang, title: &str, style: &str, body: Markup) -> String {
    let code = if lang == Lang::Zh { "zh" } else { "en" };
    let page = html! {
        (DOCTYPE)
        html lang=(code) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (clean(title)) }
                style { (PreEscaped(STYLE)) (PreEscaped(style)) }
            }
            body { h1 { (clean(title)) } (body) }
        }
    };
    page.into_string()
}

/// A table that scrolls sideways where it is too wide; columns of numbers are set flush right.
pub fn rows(header: &[Column<String>], rows: impl Iterator<Item = Vec<Markup>>) -> Markup {
    let right = |at: usize| matches!(header.get(at), Some(Right(_)));
    html! {
        div .wide {
            table {
                thead { tr { @for (at, column) in header.iter().enumerate() { th scope="col" .n[right(at)] { (clean(column.name())) } } } }
                tbody {
                    @for row in rows {
                        tr { @for (at, cell) in row.iter().enumerate() { td .n[right(at)] { (cell) } } }
                    }
                }
            }
        }
    }
}
