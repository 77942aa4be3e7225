//! The log: its entries, and one of them whole.

use maud::html;
use unseen_policies::event::Event;
use unseen_shown::jobs::moment;
use unseen_terminal::output::clean;
use unseen_terminal::page::{facts, rows};
use unseen_terminal::table::Column::{Left, Right};
use unseen_texts::{Say, say, text};
use unseen_usecases::logs::{CheckpointShown, Entries, EntryProof, EntryShown, LogEntry};

use crate::shell::{Page, Place, Reader};

/// Some entries, the newest first.
pub fn page(reader: &Reader, found: &Entries, checkpoint: &CheckpointShown) -> Page {
    let lang = reader.lang;
    let header = [
        Right(text!("Entry", "条目").told(lang)),
        Left(text!("Time (UTC)", "时间（UTC）").told(lang)),
        Left(text!("What", "事项").told(lang)),
        Left(text!("Signed by", "签名人").told(lang)),
        Left(text!("About", "内容").told(lang)),
    ];
    let listed = found.entries.iter().rev().map(|entry| {
        vec![
            html! { a href=(reader.to(&format!("/log/{}", entry.entry))) { (entry.entry) } },
            html! { (moment(entry.time)) },
            html! { (clean(&kind(&entry.kind, reader))) },
            html! { (clean(&entry.signer.clone().unwrap_or_else(|| text!("the lab", "实验室").told(lang)))) },
            html! { (clean(&about(entry, reader))) },
        ]
    });
    let first = found.entries.first().map_or(0, |entry| entry.entry);
    let body = html! {
        p { (say!("{size} entries in {origin}.", "{origin} 共有 {size} 条。", size = checkpoint.size, origin = clean(&checkpoint.origin)).told(lang)) }
        (rows(&header, listed))
        @if first > 0 {
            p { a rel="next" href=(reader.to(&format!("/log?before={first}"))) { (text!("Older entries", "更早的条目").to(lang)) } }
        }
        details { summary { (text!("The signed checkpoint", "签名检查点").to(lang)) }
            p { (text!("Keep it: no later history can then be shortened or changed unnoticed.", "请保存：此后的历史便无法被悄悄截断或篡改。").to(lang)) }
            pre { (checkpoint.checkpoint) } }
    };
    Page { title: text!("Log", "日志").told(lang), place: Place::Log, body }
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
            (text!("About", "内容"), about(listed, reader)),
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

fn about(entry: &LogEntry, reader: &Reader) -> String {
    match entry.roles.is_empty() {
        true => entry.about.told(reader.lang),
        false => {
            say!("{about}: {roles}", "{about}：{roles}", about = entry.about, roles = entry.roles).told(reader.lang)
        }
    }
}
