//! A report as one page of HTML, for people who do not use a terminal: no scripts, nothing loaded from
//! anywhere, fit to print.

use maud::{DOCTYPE, Markup, html};
use unseen_audit::report::Report;
use unseen_terminal::i18n::{self, Lang, tr};
use unseen_terminal::output::clean;

use crate::summary::{Tone, summary};
use crate::text::witnessed;

const STYLE: &str = "body{font:16px/1.5 'Noto Sans CJK SC','Source Han Sans SC',system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}\
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}.verdict{padding:.75rem 1rem;border-left:.4rem solid}\
.good{border-color:#1a7f37}.bad{border-color:#b3261e;background:#fdecea}.note{border-color:#8a8f98}\
dt{font-weight:600;margin-top:.6rem;padding-left:.6rem;border-left:.25rem solid}dd{margin:0 0 0 .85rem}\
table{border-collapse:collapse;width:100%;font-size:.9rem}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #d5d8dd;vertical-align:top}\
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}code{font-size:.8rem;overflow-wrap:anywhere}@media print{body{margin:0;max-width:none}}";

/// The page.
pub fn html(report: &Report) -> String {
    let lang = if i18n::choose(None) == Lang::Zh { "zh" } else { "en" };
    let good = report.violations.is_empty();
    let page = html! {
        (DOCTYPE)
        html lang=(lang) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (tr("Audit report")) " · " (clean(&report.head.origin)) }
                style { (maud::PreEscaped(STYLE)) }
            }
            body {
                h1 { (tr("Audit report")) ": " (clean(&report.head.origin)) }
                p .verdict .(if good { "good" } else { "bad" }) {
                    @if good { (tr("No violation was found.")) } @else { (tr("VIOLATIONS WERE FOUND. They are listed below.")) }
                }
                dl {
                    @for line in summary(report) {
                        dt .(tone(line.tone)) { (line.question) }
                        dd { (clean(&line.answer)) }
                    }
                }
                @if !good {
                    h2 { (tr("Violations")) }
                    (rows(&[">entry", "violation"], report.violations.iter().map(|found| vec![found.entry.to_string(), tr(&found.what.to_string()).into_owned()])))
                }
                h2 { (tr("Privacy budget")) }
                (rows(&["dataset", ">spent, rho", ">cap, rho"], report.budget.iter().map(|line| vec![line.dataset.clone(), line.spent.to_string(), line.cap.to_string()])))
                h2 { (tr("Jobs")) }
                (rows(&["job", "title", "author", "state", ">rho", "approved by", "witnessed by"], report.jobs.iter().map(|job| vec![
                    job.job.clone(), job.title.clone(), job.author.clone(), tr(job.state.name()).into_owned(),
                    job.rho.to_string(), job.approvers.join(", "), witnessed(job),
                ])))
                @for job in report.jobs.iter() {
                    @if let Some(evidence) = &job.evidence {
                        h2 { (tr("Evidence of the machine")) ": " (job.job) " (" (evidence.provider) ")" }
                        ul {
                            @for line in &evidence.proves { li { (tr(line.en)) } }
                            @for line in &evidence.does_not_prove { li { em { (tr(line.en)) } } }
                        }
                    }
                }
                h2 { (tr("People")) }
                (rows(&["name", "roles", "key", ">entry", "status"], report.people.iter().map(|person| vec![
                    person.name.clone(),
                    person.roles.iter().map(|role| tr(role.name()).into_owned()).collect::<Vec<_>>().join(", "),
                    person.key.short(),
                    person.since.to_string(),
                    person.revoked.map_or(String::new(), |entry| format!("{} {entry}", tr("revoked by entry"))),
                ])))
                h2 { (tr("How it was recognised")) }
                (rows(&["what", "value"], [
                    vec![tr("Verifier key").into_owned(), report.head.log_key.clone()],
                    vec![tr("Entries").into_owned(), report.head.entries.to_string()],
                    vec![tr("Root").into_owned(), report.head.root.clone()],
                ].into_iter()))
            }
        }
    };
    page.into_string()
}

fn tone(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Note => "note",
        Tone::Bad => "bad",
    }
}

/// A table with a translated header; columns whose name starts with `>` are set flush right.
fn rows(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Markup {
    let right = |at: usize| header.get(at).is_some_and(|name| name.starts_with('>'));
    html! {
        table {
            tr { @for (at, name) in header.iter().enumerate() { th .n[right(at)] { (tr(name.trim_start_matches('>'))) } } }
            @for row in rows {
                tr { @for (at, cell) in row.iter().enumerate() { td .n[right(at)] { (clean(cell)) } } }
            }
        }
    }
}
