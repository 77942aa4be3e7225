//! `unseen log access`: who came to a served lab, and whether the day is the one on record.

use chrono::{NaiveDate, Utc};
use serde_json::Value;
use unseen_api::answers::{AccessDay, DayStanding};
use unseen_ids::{Digest, canonical};
use unseen_terminal::Problem;
use unseen_terminal::output::Output;
use unseen_terminal::table::Column::Left;
use unseen_terminal::table::table;
use unseen_texts::{Lang, Say, Sentence, say, text};
use unseen_usecases::logs::{ListEntries, ShowEntry};
use unseen_usecases::visits::{AccessLines, ReadAccessLog};

use super::Outcome;
use crate::place::Place;

pub fn run(lab: &Place, wanted: &ReadAccessLog, lang: Lang) -> Outcome {
    let today = Utc::now().date_naive();
    let day = wanted.day.unwrap_or(today);
    // A day that is over is read whole, whatever of it is wanted: a part of it cannot be compared with its entry.
    let mut found = match day < today {
        true => whole(lab, ReadAccessLog { day: Some(day), ..ReadAccessLog::default() })?,
        false => whole(lab, wanted.clone())?,
    };
    let (standing, entry) = if day < today { compare(lab, &found)? } else { (DayStanding::Open, None) };
    found.lines.retain(|line| {
        let is = |field: &str, asked: &Option<String>| {
            asked.as_ref().is_none_or(|asked| line[field].as_str() == Some(asked.as_str()))
        };
        is("who", &wanted.who) && is("action", &wanted.action)
    });
    let answer = AccessDay { day, lines: found.lines, unreadable: found.unreadable, standing, entry };
    let text = format!("{}\n{}", lines(&answer, lang), told(&answer).told(lang));
    Ok(Output::new(&answer, text).bad_unless(standing != DayStanding::Altered))
}

fn whole(lab: &Place, wanted: ReadAccessLog) -> Result<AccessLines, Problem> {
    let mut found = lab.ask(wanted.clone())?;
    while let Some(from) = found.next.take() {
        let more = lab.ask(ReadAccessLog { day: Some(found.day), from, ..wanted.clone() })?;
        found.lines.extend(more.lines);
        (found.unreadable, found.next) = (found.unreadable + more.unreadable, more.next);
    }
    Ok(found)
}

fn lines(found: &AccessDay, lang: Lang) -> String {
    let visits: Vec<&Value> = found.lines.iter().filter(|line| line.get("note").is_none()).collect();
    if visits.is_empty() {
        return text!("No line of that day is what you ask for.\n", "该日没有符合条件的记录。\n").told(lang);
    }
    let rows = visits.into_iter().map(|line| {
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
fn told(found: &AccessDay) -> Sentence {
    let entry = found.entry.unwrap_or_default();
    match (found.standing, found.entry) {
        (DayStanding::AsRecorded, _) => {
            say!(
                "Nothing of the day was altered: it ends as entry {entry} says.",
                "当日记录未被改动：末行与条目 {entry} 一致。"
            )
        }
        (DayStanding::Altered, Some(_)) => say!(
            "THE DAY WAS ALTERED: it does not end as entry {entry} says. Keep both as evidence.",
            "当日记录已被改动：末行与条目 {entry} 不一致。请将两者留作证据。"
        ),
        (DayStanding::Altered, None) => text!(
            "THE DAY WAS ALTERED: a line does not name the one before it, or cannot be read. Keep it as evidence.",
            "当日记录已被改动：有一行未指向前一行，或无法读取。请留作证据。"
        )
        .into(),
        (DayStanding::NotOnRecord, _) => {
            text!("No entry of the log tells of this day.", "日志中没有关于该日的条目。").into()
        }
        (DayStanding::Open, _) => {
            text!("The day is not over: its entry is written when it is.", "该日尚未结束：结束后才会写入日志条目。")
                .into()
        }
    }
}

fn compare(lab: &Place, found: &AccessLines) -> Result<(DayStanding, Option<u64>), Problem> {
    let mut before: Option<String> = None;
    let mut chained = found.unreadable == 0;
    for line in &found.lines {
        chained &= before.is_none() || line["previous"].as_str() == before.as_deref();
        before = Some(Digest::of(&canonical::to_vec(line)?).to_string());
    }
    Ok(match recorded(lab, found.day)? {
        _ if !chained => (DayStanding::Altered, None),
        None => (DayStanding::NotOnRecord, None),
        Some((entry, end)) if before.as_ref() == Some(&end) => (DayStanding::AsRecorded, Some(entry)),
        Some((entry, _)) => (DayStanding::Altered, Some(entry)),
    })
}

/// The entry that says how a day ended, and its digest.
fn recorded(lab: &Place, day: NaiveDate) -> Result<Option<(u64, String)>, Problem> {
    let mut before = Some(u64::MAX);
    while before.is_some() {
        let kind = Some("access-log-recorded".to_owned());
        let page = lab.ask(ListEntries { before, kind, ..ListEntries::default() })?;
        for entry in page.entries.iter().rev() {
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
        before = page.earlier;
    }
    Ok(None)
}
