//! `unseen audit`: verification from outside, and replay inside.

use unseen_audit::bundle::{self, Known, Report, VERIFIER_KEY};

use super::{Outcome, all_cores, open, program, read_text};
use crate::args::{AuditCommand, Globals};
use crate::i18n::tr;
use crate::output::{Answer, facts, progress, steps, table};

pub fn run(globals: &Globals, command: &AuditCommand) -> Outcome {
    match command {
        AuditCommand::Verify { bundle, log_key, since } => {
            if !bundle.join(VERIFIER_KEY).exists() {
                return Err(
                    format!("{} is no exported bundle: make one with `unseen log export`", bundle.display()).into()
                );
            }
            let since = since.as_ref().map(|file| read_text(file)).transpose()?;
            let report = bundle::verify(bundle, &Known { log_key: log_key.clone(), since })?;
            Ok(Answer::new(&report, shown(&report)).bad_unless(report.violations.is_empty()))
        }
        AuditCommand::Replay { job } => {
            let lab = open(globals)?;
            let bar = progress("Replaying", Some(1));
            let replay = lab.replay(&program()?, *job, all_cores(), steps(&bar));
            bar.finish_and_clear();
            let replay = replay?;
            let verdict = if replay.agrees() {
                "Every released number was derived again, bit for bit."
            } else {
                "The release is NOT what this run derives: its numbers were altered, or the run read something else."
            };
            let text = facts(&[
                ("Job", job.to_string()),
                ("Numbers", replay.numbers.to_string()),
                ("Released", replay.released.to_string()),
                ("Derived", replay.derived.to_string()),
            ]);
            let json = serde_json::json!({ "job": job.to_string(), "run": replay.run, "numbers": replay.numbers,
                "released": replay.released, "derived": replay.derived, "agrees": replay.agrees() });
            Ok(Answer::new(json, format!("{text}{}", tr(verdict))).bad_unless(replay.agrees()))
        }
    }
}

fn shown(report: &Report) -> String {
    let key =
        if report.key_known { "known from elsewhere" } else { "taken from the bundle: compare it with one you know" };
    let mut text = facts(&[
        ("Log", report.origin.clone()),
        ("Verifier key", format!("{} ({})", report.log_key, tr(key))),
        ("Entries, all read and signed", report.entries.to_string()),
        ("Root", report.root.clone()),
    ]);
    if let Some(size) = report.extends {
        text.push_str(&facts(&[("Extends the checkpoint kept from before, of size", size.to_string())]));
    }
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
        ]
    });
    text.push_str(&table(&["job", "title", "author", "state", ">rho", "approved by"], jobs));
    text.push('\n');
    text.push_str(&facts(&[(
        "Released numbers, on their grids and with the errors stated",
        report.numbers.to_string(),
    )]));
    if report.violations.is_empty() {
        text.push_str(&tr("No violation was found."));
    } else {
        let rows = report.violations.iter().map(|found| vec![found.entry.to_string(), tr(&found.what).into_owned()]);
        text.push_str(&table(&[">entry", "violation"], rows));
    }
    text
}
