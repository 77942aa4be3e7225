//! A report as text.

use unseen_audit::report::{JobLine, Report};
use unseen_terminal::i18n::tr;
use unseen_terminal::output::{facts, table};

use crate::summary::{Tone, summary};

/// The summary, then the details.
pub fn text(report: &Report) -> String {
    let mut text = facts(&[
        ("Log", report.head.origin.clone()),
        ("Verifier key", report.head.log_key.clone()),
        ("Root", report.head.root.clone()),
    ]);
    text.push('\n');
    for line in summary(report) {
        let mark = match line.tone {
            Tone::Good => "✓",
            Tone::Note => "·",
            Tone::Bad => "✗",
        };
        text.push_str(&format!("{mark} {}\n  {}\n", line.question, line.answer));
    }
    text.push('\n');
    let budget =
        report.budget.iter().map(|line| vec![line.dataset.clone(), line.spent.to_string(), line.cap.to_string()]);
    text.push_str(&table(&["dataset", ">spent, rho", ">cap, rho"], budget));
    text.push('\n');
    let jobs = report.jobs.iter().map(|job| {
        vec![
            job.job.clone(),
            job.title.clone(),
            job.author.clone(),
            tr(job.state.name()).into_owned(),
            job.rho.to_string(),
            job.approvers.join(", "),
            witnessed(job),
        ]
    });
    text.push_str(&table(&["job", "title", "author", "state", ">rho", "approved by", "witnessed by"], jobs));
    text.push('\n');
    if let Some(sm2) = &report.sm2 {
        let said = if sm2.checked {
            tr(&format!("the checkpoint and {} releases", sm2.releases)).into_owned()
        } else {
            tr("not checked: this program was built without SM2").into_owned()
        };
        text.push_str(&facts(&[("Signed in SM2 too", said)]));
    }
    for job in &report.jobs {
        let Some(evidence) = &job.evidence else { continue };
        text.push_str(&facts(&[("Evidence of the machine", format!("{} ({})", job.job, evidence.provider))]));
        evidence.proves.iter().for_each(|line| text.push_str(&format!("  ✓ {}\n", tr(line.en))));
        evidence.does_not_prove.iter().for_each(|line| text.push_str(&format!("  · {}\n", tr(line.en))));
    }
    if report.violations.is_empty() {
        text.push_str(&tr("No violation was found."));
    } else {
        let rows = report
            .violations
            .iter()
            .map(|found| vec![found.entry.to_string(), tr(&found.what.to_string()).into_owned()]);
        text.push_str(&table(&[">entry", "violation"], rows));
    }
    text
}

/// Who had seen a job's release, or that too few had.
pub(crate) fn witnessed(job: &JobLine) -> String {
    match &job.witnessed {
        None => String::new(),
        Some(found) if found.enough => found.by.join(", "),
        Some(found) => [&[tr("unwitnessed").into_owned()], found.by.as_slice()].concat().join(", "),
    }
}
