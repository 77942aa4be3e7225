//! `unseen audit`: verification from outside, and replay inside.

use unseen_usecases::replay::{self, Replayed, Verdict};

use super::{Outcome, desk};
use crate::args::{AuditCommand, Globals};
use unseen_terminal::i18n::tr;
use unseen_terminal::output::{Output, facts, progress, steps, table};

pub fn run(globals: &Globals, command: &AuditCommand) -> Outcome {
    match command {
        AuditCommand::Verify(args) => unseen_auditor::verify(args),
        AuditCommand::Replay { job } => {
            let desk = desk(globals)?;
            let bar = progress("Replaying", Some(1));
            let replayed = replay::replay(&desk, *job, &mut steps(&bar));
            bar.finish_and_clear();
            let replayed = replayed?;
            Ok(Output::new(&replayed, shown(&replayed)).bad_unless(replayed.verdict == Verdict::Agrees))
        }
    }
}

fn shown(replayed: &Replayed) -> String {
    let mut text = facts(&[
        ("Job", replayed.job.to_string()),
        ("Numbers", replayed.numbers.to_string()),
        ("Named by the log", replayed.logged.to_string()),
        ("Kept", replayed.kept.to_string()),
        ("Derived", replayed.derived.to_string()),
    ]);
    if !replayed.differences.is_empty() {
        let differences = replayed.differences.iter();
        let rows = differences.map(|found| vec![found.place.clone(), found.kept.clone(), found.derived.clone()]);
        text.push_str(&table(&["round · output · group · value", ">kept", ">derived"], rows));
        text.push('\n');
    }
    if let Some(builds) = &replayed.other_build {
        text.push_str(&facts(&[
            ("Run by the build", builds.run.to_string()),
            ("Replayed by the build", builds.replay.to_string()),
        ]));
    }
    text.push_str(&match replayed.verdict {
        Verdict::Agrees => tr("Every released number was derived again, bit for bit."),
        Verdict::Altered => {
            tr("The release that is kept was ALTERED: the log names what the run derives, and this is something else.")
        }
        Verdict::NotDerived => {
            tr("The release is NOT what this run derives. Its numbers stay sealed, for nobody was charged for them.")
        }
    });
    text
}
