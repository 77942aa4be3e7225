//! `unseen audit`: verification from outside, and replay inside.

use unseen_lab::{RunLock, Verdict};

use super::{Outcome, all_cores, folder, open, program};
use crate::args::{AuditCommand, Globals};
use unseen_terminal::i18n::tr;
use unseen_terminal::output::{Answer, facts, progress, steps, table};

pub fn run(globals: &Globals, command: &AuditCommand) -> Outcome {
    match command {
        AuditCommand::Verify(args) => unseen_auditor::verify(args),
        AuditCommand::Replay { job } => {
            let lock = RunLock::take(folder(globals)?)?;
            let ready = open(globals)?.begin_replay(&program()?, *job, all_cores(), lock)?;
            let bar = progress("Replaying", Some(1));
            let replay = ready.carry_out(steps(&bar));
            bar.finish_and_clear();
            let replay = replay?;
            let verdict = match replay.verdict() {
                Verdict::Agrees => tr("Every released number was derived again, bit for bit."),
                Verdict::Altered => tr(
                    "The release that is kept was ALTERED: the log names what the run derives, and this is something else.",
                ),
                Verdict::NotDerived => tr(
                    "The release is NOT what this run derives. Its numbers stay sealed, for nobody was charged for them.",
                ),
            };
            let mut text = facts(&[
                ("Job", job.to_string()),
                ("Numbers", replay.numbers.to_string()),
                ("Named by the log", replay.logged.to_string()),
                ("Kept", replay.kept.to_string()),
                ("Derived", replay.derived.to_string()),
            ]);
            if !replay.differences.is_empty() {
                let rows = replay
                    .differences
                    .iter()
                    .map(|found| vec![found.place.clone(), found.kept.clone(), found.derived.clone()]);
                text.push_str(&table(&["round · output · group · value", ">kept", ">derived"], rows));
                text.push('\n');
            }
            if let Some((then, now)) = &replay.other_build {
                text.push_str(&facts(&[
                    ("Run by the build", then.to_string()),
                    ("Replayed by the build", now.to_string()),
                ]));
            }
            let differences: Vec<_> = replay
                .differences
                .iter()
                .map(|found| serde_json::json!({ "place": found.place, "kept": found.kept, "derived": found.derived }))
                .collect();
            let agrees = replay.verdict() == Verdict::Agrees;
            let json = serde_json::json!({ "job": job.to_string(), "run": replay.run, "numbers": replay.numbers,
                "logged": replay.logged, "kept": replay.kept, "derived": replay.derived, "agrees": agrees,
                "differences": differences, "otherBuild": replay.other_build.map(|(then, now)| [then, now]) });
            Ok(Answer::new(json, format!("{text}{verdict}")).bad_unless(agrees))
        }
    }
}
