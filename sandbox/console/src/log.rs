//! The log: its entries, and one of them whole.

use maud::{Markup, html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use unseen_policies::event::Event;
use unseen_shown::jobs::moment;
use unseen_terminal::output::clean;
use unseen_terminal::page::{facts, rows};
use unseen_terminal::table::Column::{Left, Right};
use unseen_texts::{Say, Text, say, text};
use unseen_usecases::logs::{CheckpointShown, Entries, EntryProof, EntryShown, LogEntry};

use crate::shell::{Page, Place, Reader};

/// Which entries a reader wants to see, as they typed it.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// A kind.
    pub kind: String,
    /// Who signed.
    pub by: String,
    /// A job's number, or the name of a dataset.
    pub about: String,
    /// The first day.
    pub since: String,
    /// The last day.
    pub until: String,
}

impl Filter {
    /// The fields of its form.
    const FIELDS: [&str; 5] = ["kind", "by", "about", "since", "until"];

    /// What stands in a form.
    pub fn of(field: impl Fn(&str) -> String) -> Filter {
        let [kind, by, about, since, until] = Filter::FIELDS.map(field);
        Filter { kind, by, about, since, until }
    }

    /// The query of an address that asks for the same, without what is left open.
    fn query(&self) -> String {
        let said = [&self.kind, &self.by, &self.about, &self.since, &self.until];
        let said = Filter::FIELDS.into_iter().zip(said).filter(|(_, said)| !said.is_empty());
        said.map(|(name, said)| format!("&{name}={}", utf8_percent_encode(said, NON_ALPHANUMERIC))).collect()
    }
}

/// Some entries, the newest first.
pub fn page(reader: &Reader, found: &Entries, checkpoint: &CheckpointShown, filter: &Filter) -> Page {
    let lang = reader.lang;
    let body = html! {
        p { (say!("{size} entries in {origin}.", "{origin} 共有 {size} 条。", size = checkpoint.size, origin = clean(&checkpoint.origin)).told(lang)) }
        (filters(reader, filter))
        @if found.entries.is_empty() {
            p .empty { @match found.earlier {
                Some(before) => (say!("None of these among the entries from {before} on.", "自条目 {before} 起没有符合的条目。").told(lang)),
                None => (text!("No entry is like this.", "没有符合的条目。").to(lang)),
            } }
        } @else {
            (listed(reader, found))
        }
        @if let Some(before) = found.earlier {
            p { a rel="next" href=(reader.to(&format!("/log?before={before}{}", filter.query()))) { (text!("Older entries", "更早的条目").to(lang)) } }
        }
        details { summary { (text!("The signed checkpoint", "签名检查点").to(lang)) }
            p { (text!("Keep it: no later history can then be shortened or changed unnoticed.", "请保存：此后的历史便无法被悄悄截断或篡改。").to(lang)) }
            pre { (checkpoint.checkpoint) } }
    };
    Page { title: text!("Log", "日志").told(lang), place: Place::Log, body }
}

fn filters(reader: &Reader, filter: &Filter) -> Markup {
    let lang = reader.lang;
    let field = |id: &str, kind: &str, label: Text, value: &str| {
        html! { div { label for=(id) { (label.to(lang)) } input id=(id) name=(id) type=(kind) value=(value) autocomplete="off"; } }
    };
    let (kind_label, all) = (text!("What", "事项"), text!("everything", "全部"));
    html! {
        form .filters method="get" action=(reader.to("/log")) role="search" aria-label=(text!("Entries", "条目").to(lang)) {
            div { label for="kind" { (kind_label.to(lang)) }
                select #kind name="kind" {
                    option value="" { (all.to(lang)) }
                    @for name in Event::KINDS { option value=(name) selected[*name == filter.kind] { (kind(name, reader)) } }
                } }
            (field("about", "text", text!("Job or dataset", "作业或数据集"), &filter.about))
            (field("by", "text", text!("Signed by", "签名人"), &filter.by))
            (field("since", "date", text!("From", "起"), &filter.since))
            (field("until", "date", text!("To", "止"), &filter.until))
            div { button { (text!("Show", "显示").to(lang)) } }
        }
    }
}

fn listed(reader: &Reader, found: &Entries) -> Markup {
    let lang = reader.lang;
    let header = [
        Right(text!("Entry", "条目").told(lang)),
        Left(text!("Time (UTC)", "时间（UTC）").told(lang)),
        Left(text!("What", "事项").told(lang)),
        Left(text!("Signed by", "签名人").told(lang)),
        Left(text!("About", "内容").told(lang)),
    ];
    let row = |entry: &LogEntry| {
        vec![
            html! { a href=(reader.to(&format!("/log/{}", entry.entry))) { (entry.entry) } },
            html! { span .whole { (moment(entry.time)) } },
            html! { span .whole { (clean(&kind(&entry.kind, reader))) } },
            html! { (clean(&entry.signer.clone().unwrap_or_else(|| text!("the lab", "实验室").told(lang)))) },
            html! { (clean(&entry.says().told(lang))) },
        ]
    };
    rows(&header, found.entries.iter().rev().map(row))
}

/// The entries that set rules, the newest first, each with what it changed.
pub(crate) fn rules_set(reader: &Reader, found: &Entries) -> Markup {
    html! {
        h2 { (text!("How the rules changed", "规则的变更").to(reader.lang)) }
        (listed(reader, found))
        @if found.earlier.is_some() {
            p { a href=(reader.to("/log?kind=policy-set")) { (text!("All of them", "全部").to(reader.lang)) } }
        }
    }
}

/// One entry: what was signed, the envelope, and the proof that it is in the log.
pub fn one(reader: &Reader, found: &EntryShown, listed: &LogEntry, proof: &EntryProof, pretty: [String; 2]) -> Page {
    let lang = reader.lang;
    let signer = listed.signer.clone().unwrap_or_else(|| text!("the lab", "实验室").told(lang));
    let [statement, envelope] = pretty;
    let body = html! {
        (facts(lang, &[
            (text!("What", "事项"), kind(&listed.kind, reader)),
            (text!("Signed by", "签名人"), signer),
            (text!("Time (UTC)", "时间（UTC）"), moment(listed.time)),
            (text!("About", "内容"), listed.says().told(lang)),
        ]))
        h2 { (text!("What was signed", "所签内容").to(lang)) } pre { (statement) }
        details { summary { (text!("The envelope", "信封").to(lang)) } pre { (envelope) } }
        details { summary { (text!("Proof that it is in the log (C2SP tlog-proof)", "在日志中的证明（C2SP tlog-proof）").to(lang)) }
            pre { (proof.proof) } }
        p {
            @if let Some(before) = found.entry.checked_sub(1) {
                a rel="prev" href=(reader.to(&format!("/log/{before}"))) { (text!("The entry before", "上一条").to(lang)) } " · "
            }
            a href=(reader.to("/log")) { (text!("All entries", "全部条目").to(lang)) }
        }
    };
    Page { title: say!("Entry {n}", "条目 {n}", n = found.entry).told(lang), place: Place::Log, body }
}

fn kind(name: &str, reader: &Reader) -> String {
    Event::title(name).map_or_else(|| name.to_owned(), |title| title.told(reader.lang))
}
