//! What an audit found as one page of HTML, for people who do not use a terminal: no scripts, nothing loaded from
//! anywhere, fit for a telephone and for paper. Nothing on it is told by colour alone.

use std::path::Path;

use chrono::{DateTime, Utc};
use maud::{Markup, html};
use unseen_audit::CHECKPOINT;
use unseen_audit::bundle::{Known, VERIFIER_KEY};
use unseen_audit::error::Stopped;
use unseen_audit::report::{Report, Root};
use unseen_terminal::output::clean;
use unseen_terminal::page::{facts as page_facts, page, rows};
use unseen_texts::{Lang, Say, Text, say, text};
use unseen_tlog::note::{Checkpoint, Note};

use crate::sections::{AFTER_VIOLATIONS, Section, both, details, moment, violations};
use crate::summary::{Tone, summary};
use crate::verdict::{Explained, explained};

const STYLE: &str = include_str!("page.css");

/// An audit: of what, by what, when, for whom.
pub struct Audit<'a> {
    /// The exported folder.
    pub bundle: &'a Path,
    /// What the auditor brought along.
    pub known: &'a Known,
    /// When the page was written.
    pub written: DateTime<Utc>,
    /// The language of its reader.
    pub lang: Lang,
}

impl Audit<'_> {
    /// The page for what was found, be it a report or not.
    pub fn page(&self, found: &Result<Report, Stopped>) -> String {
        let bundle = || self.bundle.file_name().unwrap_or(self.bundle.as_os_str()).to_string_lossy().into_owned();
        let what = found.as_ref().map_or_else(|_| bundle(), |report| report.head.origin.clone());
        let lang = self.lang;
        let title = say!("Audit report: {what}", "审计报告：{what}", what = clean(&what));
        let written = say!(
            "Written on {time} UTC by Unseen {version}.",
            "本页由 Unseen {version} 写于 {time}（UTC）。",
            time = moment(self.written),
            version = env!("CARGO_PKG_VERSION")
        );
        let body = html! { p .written { (written.to(lang)) } (self.body(found)) };
        page(lang, title.to(lang), STYLE, &body)
    }

    /// What is on it below its title.
    pub fn body(&self, found: &Result<Report, Stopped>) -> Markup {
        match found {
            Ok(report) => self.of_report(report),
            Err(stopped) => self.of_verdict(stopped),
        }
    }

    fn of_report(&self, report: &Report) -> Markup {
        let lang = self.lang;
        let good = report.violations.is_empty();
        let verdict = match good {
            true => text!("No violation was found.", "未发现违规。"),
            false => text!("VIOLATIONS WERE FOUND. They are listed below.", "发现违规，详列于下。"),
        };
        let violations = (!good).then(|| violations(report, lang));
        html! {
                p .verdict .(tone(if good { Tone::Good } else { Tone::Bad })) { (verdict.to(lang)) }
                dl .questions {
                    @for line in summary(report) {
                        div .(tone(line.tone)) {
                            dt { span .mark { (mark(line.tone).to(lang)) } " " (line.question.to(lang)) }
                            dd { (clean(line.answer.to(lang))) }
                        }
                    }
                }
                @for section in violations.iter() {
                    (self.section(section))
                    h2 { (text!("What to do", "该怎么做").to(lang)) }
                    p { (AFTER_VIOLATIONS.to(lang)) }
                }
                @for section in details(report, lang).iter() { (self.section(section)) }
                @for job in report.jobs.iter() {
                    @if let Some(evidence) = &job.evidence {
                        h2 { (text!("Evidence of the machine", "机器证据").to(lang)) ": " (job.job) " (" (evidence.provider) ")" }
                        ul {
                            @for line in &evidence.proves { li { "✓ " (line.to(lang)) } }
                            @for line in &evidence.does_not_prove { li { em { "· " (line.to(lang)) } } }
                        }
                    }
                }
                h2 { (text!("How it was recognised", "核对依据").to(lang)) }
                (self.facts(&[
                    (text!("Verifier key", "验证公钥"), report.head.log_key.clone()),
                    (text!("Entries", "条目数"), report.head.entries.to_string()),
                ]))
                (self.facts(&both(&report.head.root)))
        }
    }

    fn of_verdict(&self, stopped: &Stopped) -> Markup {
        let lang = self.lang;
        let Explained { name, means, to_do } = explained(stopped.error.verdict());
        let file = |path: &str| unseen_durable::read_text(&self.bundle.join(path)).ok();
        let before = stopped.before.as_deref().or(self.known.since.as_deref());
        let mut known = vec![(text!("Bundle", "导出包"), self.bundle.display().to_string())];
        known.extend(file(VERIFIER_KEY).map(|key| (text!("Verifier key in the bundle", "导出包内的验证公钥"), key)));
        known.extend(
            self.known.log_key.iter().map(|key| (text!("Verifier key you know", "您所知的验证公钥"), key.to_string())),
        );
        known.extend(
            self.known.witnesses.iter().map(|key| (text!("Witness you trust", "您所信任的见证方"), key.to_string())),
        );
        html! {
                p .verdict .(tone(Tone::Bad)) { (name.to(lang)) }
                h2 { (text!("What was found", "发现了什么").to(lang)) }
                p { (clean(&stopped.error.told(lang))) }
                p { (text!("There is no report: the questions of an audit cannot be answered.", "因此没有报告：审计的各个问题无法回答。").to(lang)) }
                h2 { (text!("What it means", "这意味着什么").to(lang)) }
                p { (means.to(lang)) }
                h2 { (text!("What to do", "该怎么做").to(lang)) }
                ol { @for step in &to_do { li { (step.to(lang)) } } }
                h2 { (text!("The checkpoint seen before", "先前所见的检查点").to(lang)) }
                (self.checkpoint(before, text!("None was kept, or the audit did not come so far.", "没有保存过，或审计未进行到这一步。")))
                h2 { (text!("The checkpoint in this bundle", "此导出包中的检查点").to(lang)) }
                (self.checkpoint(file(CHECKPOINT).as_deref(), text!("There is none that can be read.", "没有可读的检查点。")))
                h2 { (text!("What was compared", "比对所用").to(lang)) }
                (self.facts(&known))
        }
    }

    fn section(&self, section: &Section) -> Markup {
        let Section { title, header, rows: cells } = section;
        let header: Vec<_> = header.iter().map(|column| column.map(|name| name.to(self.lang).to_owned())).collect();
        let row = |row: &Vec<String>| row.iter().map(|cell| html! { (clean(cell)) }).collect();
        html! { h2 { (title.to(self.lang)) } (rows(&header, cells.iter().map(row))) }
    }

    fn facts(&self, facts: &[(Text, String)]) -> Markup {
        page_facts(self.lang, facts)
    }

    /// A checkpoint as it was signed, and its numbers as people compare them.
    fn checkpoint(&self, note: Option<&str>, none: Text) -> Markup {
        let Some(note) = note else { return html! { p { (none.to(self.lang)) } } };
        let parsed = Note::parse(note.as_bytes()).ok().and_then(|note| Checkpoint::parse(note.text()).ok());
        let lines: Vec<String> = note.lines().map(clean).collect();
        html! {
            @if let Some(Checkpoint { origin, size, root }) = parsed {
                (self.facts(&[(text!("Log", "日志"), origin), (text!("Entries", "条目数"), size.to_string())]))
                (self.facts(&both(&Root::from(root))))
            }
            pre { (lines.join("\n")) }
        }
    }
}

fn tone(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Note => "note",
        Tone::Bad => "bad",
    }
}

/// A tone in a sign and a word: colours are lost on paper, and not everybody sees them.
fn mark(tone: Tone) -> Text {
    match tone {
        Tone::Good => text!("✓ In order", "✓ 正常"),
        Tone::Note => text!("· To be known", "· 须知"),
        Tone::Bad => text!("✗ NOT in order", "✗ 不正常"),
    }
}
