//! A report as one page of HTML, for people who do not use a terminal: no scripts, nothing loaded from
//! anywhere, fit to print.

use maud::{DOCTYPE, Markup, html};
use unseen_audit::report::Report;
use unseen_terminal::output::clean;
use unseen_terminal::table::Column::{self, Left, Right};
use unseen_texts::{Lang, Say, say, text};

use crate::summary::{Tone, summary};
use crate::text::{standing, witnessed};

const STYLE: &str = "body{font:16px/1.5 'Noto Sans CJK SC','Source Han Sans SC',system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}\
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}.verdict{padding:.75rem 1rem;border-left:.4rem solid}\
.good{border-color:#1a7f37}.bad{border-color:#b3261e;background:#fdecea}.note{border-color:#8a8f98}\
dt{font-weight:600;margin-top:.6rem;padding-left:.6rem;border-left:.25rem solid}dd{margin:0 0 0 .85rem}\
table{border-collapse:collapse;width:100%;font-size:.9rem}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #d5d8dd;vertical-align:top}\
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}code{font-size:.8rem;overflow-wrap:anywhere}@media print{body{margin:0;max-width:none}}";

/// The page.
pub fn html(report: &Report, lang: Lang) -> String {
    let code = if lang == Lang::Zh { "zh" } else { "en" };
    let good = report.violations.is_empty();
    let page = html! {
        (DOCTYPE)
        html lang=(code) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (text!("Audit report", "审计报告").to(lang)) " · " (clean(&report.head.origin)) }
                style { (maud::PreEscaped(STYLE)) }
            }
            body {
                h1 { (text!("Audit report", "审计报告").to(lang)) ": " (clean(&report.head.origin)) }
                p .verdict .(if good { "good" } else { "bad" }) {
                    @if good { (text!("No violation was found.", "未发现违规。").to(lang)) } @else { (text!("VIOLATIONS WERE FOUND. They are listed below.", "发现违规，详列于下。").to(lang)) }
                }
                dl {
                    @for line in summary(report) {
                        dt .(tone(line.tone)) { (line.question.to(lang)) }
                        dd { (clean(line.answer.to(lang))) }
                    }
                }
                @if !good {
                    h2 { (text!("Violations", "违规").to(lang)) }
                    (rows(lang, &[Right(text!("entry", "条目")), Left(text!("violation", "违规"))], report.violations.iter().map(|found| vec![found.entry.to_string(), found.what.told(lang)])))
                }
                h2 { (text!("Privacy budget", "隐私预算").to(lang)) }
                (rows(lang, &[Left(text!("dataset", "数据集")), Right(text!("spent, rho", "已用 rho")), Right(text!("cap, rho", "上限 rho"))], report.budget.iter().map(|line| vec![line.dataset.clone(), line.spent.to_string(), line.cap.to_string()])))
                h2 { (text!("Jobs", "作业").to(lang)) }
                (rows(lang, &[Left(text!("job", "作业")), Left(text!("title", "标题")), Left(text!("author", "提交人")), Left(text!("state", "状态")), Right(text!("rho", "rho 开销")), Left(text!("approved by", "审批人")), Left(text!("witnessed by", "见证方"))], report.jobs.iter().map(|job| vec![
                    job.job.clone(), job.title.clone(), job.author.clone(), standing(job, lang),
                    job.rho.to_string(), job.approvers.join(", "), witnessed(job, lang),
                ])))
                @for job in report.jobs.iter() {
                    @if let Some(evidence) = &job.evidence {
                        h2 { (text!("Evidence of the machine", "机器证据").to(lang)) ": " (job.job) " (" (evidence.provider) ")" }
                        ul {
                            @for line in &evidence.proves { li { (line.to(lang)) } }
                            @for line in &evidence.does_not_prove { li { em { (line.to(lang)) } } }
                        }
                    }
                }
                h2 { (text!("People", "人员").to(lang)) }
                (rows(lang, &[Left(text!("name", "姓名")), Left(text!("roles", "角色")), Left(text!("key", "密钥")), Right(text!("entry", "条目")), Left(text!("status", "状态"))], report.people.iter().map(|person| vec![
                    person.name.clone(),
                    person.roles.iter().map(|role| role.told(lang)).collect::<Vec<_>>().join(", "),
                    person.key.short(),
                    person.since.to_string(),
                    person.revoked.map_or(String::new(), |entry| say!("revoked by entry {entry}", "由条目 {entry} 吊销").told(lang)),
                ])))
                h2 { (text!("How it was recognised", "据以辨认的依据").to(lang)) }
                (rows(lang, &[Left(text!("what", "事项")), Left(text!("value", "内容"))], [
                    vec![text!("Verifier key", "验证公钥").told(lang), report.head.log_key.clone()],
                    vec![text!("Entries", "条目数").told(lang), report.head.entries.to_string()],
                    vec![text!("Root", "根哈希").told(lang), report.head.root.clone()],
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

/// A table; columns of numbers are set flush right.
fn rows(lang: Lang, header: &[Column], rows: impl Iterator<Item = Vec<String>>) -> Markup {
    let right = |at: usize| matches!(header.get(at), Some(Right(_)));
    html! {
        table {
            tr { @for (at, column) in header.iter().enumerate() { th .n[right(at)] { (column.name().to(lang)) } } }
            @for row in rows {
                tr { @for (at, cell) in row.iter().enumerate() { td .n[right(at)] { (clean(cell)) } } }
            }
        }
    }
}
