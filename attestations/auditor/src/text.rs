//! A report as text.

use unseen_audit::report::{JobLine, Report};
use unseen_terminal::output::facts;
use unseen_terminal::table::Column::{Left, Right};
use unseen_terminal::table::table;
use unseen_texts::{Lang, Say, say, text};

use crate::summary::{Tone, summary};

/// The summary, then the details.
pub fn text(report: &Report, lang: Lang) -> String {
    let mut text = facts(
        lang,
        &[
            (text!("Log", "日志"), report.head.origin.clone()),
            (text!("Verifier key", "验证公钥"), report.head.log_key.clone()),
            (text!("Root", "根哈希"), report.head.root.clone()),
        ],
    );
    text.push('\n');
    for line in summary(report) {
        let mark = match line.tone {
            Tone::Good => "✓",
            Tone::Note => "·",
            Tone::Bad => "✗",
        };
        text.push_str(&format!("{mark} {}\n  {}\n", line.question.to(lang), line.answer.to(lang)));
    }
    text.push('\n');
    let budget =
        report.budget.iter().map(|line| vec![line.dataset.clone(), line.spent.to_string(), line.cap.to_string()]);
    text.push_str(&table(
        lang,
        &[
            Left(text!("dataset", "数据集")),
            Right(text!("spent, rho", "已用 rho")),
            Right(text!("cap, rho", "上限 rho")),
        ],
        budget,
    ));
    text.push('\n');
    let jobs = report.jobs.iter().map(|job| {
        vec![
            job.job.clone(),
            job.title.clone(),
            job.author.clone(),
            standing(job, lang),
            job.rho.to_string(),
            job.approvers.join(", "),
            witnessed(job, lang),
        ]
    });
    text.push_str(&table(
        lang,
        &[
            Left(text!("job", "作业")),
            Left(text!("title", "标题")),
            Left(text!("author", "提交人")),
            Left(text!("state", "状态")),
            Right(text!("rho", "rho 开销")),
            Left(text!("approved by", "审批人")),
            Left(text!("witnessed by", "见证方")),
        ],
        jobs,
    ));
    text.push('\n');
    if let Some(sm2) = &report.sm2 {
        let said = if sm2.checked {
            say!("the checkpoint and {n} releases", "检查点和 {n} 次发布", n = sm2.releases).told(lang)
        } else {
            text!("not checked: this program was built without SM2", "未检查：本程序构建时未包含 SM2").told(lang)
        };
        text.push_str(&facts(lang, &[(text!("Signed in SM2 too", "另有 SM2 签名"), said)]));
    }
    for job in &report.jobs {
        let Some(evidence) = &job.evidence else { continue };
        text.push_str(&facts(
            lang,
            &[(text!("Evidence of the machine", "机器证据"), format!("{} ({})", job.job, evidence.provider))],
        ));
        evidence.proves.iter().for_each(|line| text.push_str(&format!("  ✓ {}\n", line.to(lang))));
        evidence.does_not_prove.iter().for_each(|line| text.push_str(&format!("  · {}\n", line.to(lang))));
    }
    if report.violations.is_empty() {
        text.push_str(text!("No violation was found.", "未发现违规。").to(lang));
    } else {
        let rows = report.violations.iter().map(|found| vec![found.entry.to_string(), found.what.told(lang)]);
        text.push_str(&table(lang, &[Right(text!("entry", "条目")), Left(text!("violation", "违规"))], rows));
    }
    text
}

/// Where a job stands, in a word.
pub(crate) fn standing(job: &JobLine, lang: Lang) -> String {
    match (job.void, job.sealed) {
        (true, _) => text!("void", "已失效").told(lang),
        (_, true) => text!("sealed", "封存中").told(lang),
        _ => job.state.told(lang),
    }
}

/// Who had seen a job's release, or that too few had.
pub(crate) fn witnessed(job: &JobLine, lang: Lang) -> String {
    match &job.witnessed {
        None => String::new(),
        Some(found) if found.enough => found.by.join(", "),
        Some(found) => [&[text!("unwitnessed", "未经见证").told(lang)], found.by.as_slice()].concat().join(", "),
    }
}
