//! `unseen log access`: who came to a served lab, and whether the day is the one on record.

use chrono::NaiveDate;
use serde_json::Value;
use unseen_ids::{Digest, canonical};
use unseen_terminal::Problem;
use unseen_terminal::output::Output;
use unseen_terminal::table::Column::Left;
use unseen_terminal::table::table;
use unseen_texts::{Lang, Say, Sentence, say, text};
use unseen_usecases::logs::{ListEntries, LogEntry, ShowCheckpoint, ShowEntry};
use unseen_usecases::visits::{AccessLines, ReadAccessLog};

use super::Outcome;
use crate::place::Place;

/// How many entries are asked for at a time.
const PAGE: u64 = 1_000;

pub fn run(lab: &Place, wanted: ReadAccessLog, lang: Lang) -> Outcome {
    let whole_day = wanted.who.is_none() && wanted.action.is_none();
    let mut found = lab.ask(wanted.clone())?;
    while let Some(from) = found.next.take() {
        let more = lab.ask(ReadAccessLog { day: Some(found.day), from, ..wanted.clone() })?;
        found.lines.extend(more.lines);
        (found.unreadable, found.next) = (found.unreadable + more.unreadable, more.next);
    }
    let compared = if whole_day { compare(lab, &found)? } else { Compared::NotOnRecord };
    let text = format!("{}\n{}", lines(&found, lang), compared.told(lang));
    Ok(Output::new(&found, text.trim_end()).bad_unless(compared.is_good()))
}

fn lines(found: &AccessLines, lang: Lang) -> String {
    let visits = found.lines.iter().filter(|line| line.get("note").is_none());
    let rows = visits.map(|line| {
        let field = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        // `2026-11-29T08:00:00.123Z`
        let time = field("time").get(11..19).unwrap_or_default().to_owned();
        let outcome = match line["rule"].as_str() {
            Some(rule) => format!("{} · {rule}", outcome(&field("outcome"), lang)),
            None => outcome(&field("outcome"), lang),
        };
        vec![time, field("who"), field("from"), field("action"), field("resource"), outcome]
    });
    table(
        lang,
        &[
            Left(text!("time (UTC)", "时间（UTC）")),
            Left(text!("person", "人员")),
            Left(text!("from", "来源")),
            Left(text!("action", "操作")),
            Left(text!("of", "对象")),
            Left(text!("outcome", "结果")),
        ],
        rows,
    )
}

fn outcome(name: &str, lang: Lang) -> String {
    match name {
        "allowed" => text!("allowed", "允许").told(lang),
        "denied" => text!("denied", "拒绝").told(lang),
        "failed" => text!("failed", "失败").told(lang),
        other => other.to_owned(),
    }
}

/// A day's lines beside what the log says of them.
enum Compared {
    /// They end as this entry says, and each names the one before.
    AsRecorded { entry: u64 },
    /// They do not.
    Otherwise { entry: u64 },
    /// A line does not name the one before it, or cannot be read.
    Broken,
    /// No entry tells of this day, or of a part of it.
    NotOnRecord,
}

impl Compared {
    fn is_good(&self) -> bool {
        matches!(self, Compared::AsRecorded { .. } | Compared::NotOnRecord)
    }

    fn told(&self, lang: Lang) -> String {
        let said: Sentence = match self {
            Compared::AsRecorded { entry } => {
                say!(
                    "Nothing of the day was altered: it ends as entry {entry} says.",
                    "当日记录未被改动：末行与条目 {entry} 一致。"
                )
            }
            Compared::Otherwise { entry } => say!(
                "THE DAY WAS ALTERED: it does not end as entry {entry} says. Keep both as evidence.",
                "当日记录已被改动：末行与条目 {entry} 不一致。请将两者留作证据。"
            ),
            Compared::Broken => text!(
                "THE DAY WAS ALTERED: a line does not name the one before it, or cannot be read. Keep it as evidence.",
                "当日记录已被改动：有一行未指向前一行，或无法读取。请留作证据。"
            )
            .into(),
            Compared::NotOnRecord => return String::new(),
        };
        said.told(lang)
    }
}

fn compare(lab: &Place, found: &AccessLines) -> Result<Compared, Problem> {
    let digest = |line: &Value| canonical::to_vec(line).map(|bytes| Digest::of(&bytes).to_string());
    let mut before: Option<String> = None;
    for line in &found.lines {
        if before.is_some() && line["previous"].as_str() != before.as_deref() {
            return Ok(Compared::Broken);
        }
        before = Some(digest(line)?);
    }
    if found.unreadable > 0 {
        return Ok(Compared::Broken);
    }
    Ok(match recorded(lab, found.day)? {
        None => Compared::NotOnRecord,
        Some((entry, end)) if before.as_ref() == Some(&end) => Compared::AsRecorded { entry },
        Some((entry, _)) => Compared::Otherwise { entry },
    })
}

/// The entry that says how a day ended, and its digest.
fn recorded(lab: &Place, day: NaiveDate) -> Result<Option<(u64, String)>, Problem> {
    let mut to = lab.ask(ShowCheckpoint {})?.size;
    while to > 0 {
        let from = to.saturating_sub(PAGE);
        let page = lab.ask(ListEntries { from, limit: Some(to - from) })?;
        let of_days = |entry: &&LogEntry| entry.kind == "access-log-recorded";
        for entry in page.entries.iter().rev().filter(of_days) {
            let said = lab.ask(ShowEntry { entry: entry.entry })?.statement;
            let event = &said["predicate"]["event"];
            let date: Option<NaiveDate> = event["date"].as_str().and_then(|date| date.parse().ok());
            if date == Some(day) {
                return Ok(Some((entry.entry, event["digest"].as_str().unwrap_or_default().to_owned())));
            }
            if date.is_none_or(|date| date < day) {
                return Ok(None);
            }
        }
        to = from;
    }
    Ok(None)
}
