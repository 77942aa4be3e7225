//! A report as text.

use unseen_audit::report::Report;
use unseen_terminal::output::{bold, facts};
use unseen_terminal::table::table;
use unseen_texts::{Lang, Say, say, text};

use crate::sections::{AFTER_VIOLATIONS, Section, both, details, violations};
use crate::summary::{Tone, summary};

/// The summary, then the details.
pub fn text(report: &Report, lang: Lang) -> String {
    let mut known = vec![
        (text!("Log", "日志"), report.head.origin.clone()),
        (text!("Verifier key", "验证公钥"), report.head.log_key.clone()),
    ];
    known.extend(both(&report.head.root));
    let mut text = facts(lang, &known);
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
    details(report, lang).iter().for_each(|section| text.push_str(&shown(section, lang)));
    if let Some(sm2) = &report.sm2 {
        let said = if sm2.checked {
            say!("the checkpoint, and releases: {n}", "检查点和 {n} 次发布", n = sm2.releases).told(lang)
        } else {
            text!("not checked: this program was built without SM2", "未检查：本程序构建时未包含 SM2").told(lang)
        };
        text.push_str(&facts(lang, &[(text!("Signed in SM2 too", "另有 SM2 签名"), said)]));
    }
    for job in &report.jobs {
        let Some(evidence) = &job.evidence else { continue };
        text.push_str(&facts(
            lang,
            &[(
                text!("Evidence of the machine", "机器证据"),
                say!("{job} ({by})", "{job}（{by}）", job = job.job, by = evidence.provider).told(lang),
            )],
        ));
        evidence.proves.iter().for_each(|line| text.push_str(&format!("  ✓ {}\n", line.to(lang))));
        evidence.does_not_prove.iter().for_each(|line| text.push_str(&format!("  · {}\n", line.to(lang))));
    }
    if report.violations.is_empty() {
        text.push_str(text!("No violation was found.", "未发现违规。").to(lang));
    } else {
        text.push_str(&shown(&violations(report, lang), lang));
        text.push_str(AFTER_VIOLATIONS.to(lang));
    }
    text
}

fn shown(section: &Section, lang: Lang) -> String {
    let Section { title, header, rows } = section;
    format!("{}\n{}\n\n", bold(title.to(lang)), table(lang, header, rows.iter().cloned()).trim_end())
}
