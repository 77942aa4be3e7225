//! An audit in eight questions that need no engineer.

use chrono::DateTime;
use unseen_audit::report::Report;
use unseen_policies::lifecycle::State;
use unseen_terminal::i18n::tr;

/// How an answer is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// To be known: nothing is wrong, but less is shown than could be.
    Note,
    /// Not as it should be.
    Bad,
}

/// A question and its answer, in the chosen language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The question.
    pub question: String,
    /// The answer.
    pub answer: String,
    /// How to take it.
    pub tone: Tone,
}

/// All questions, in the order in which they matter.
pub fn summary(report: &Report) -> Vec<Line> {
    let head = &report.head;
    let line = |question: &str, tone, answer: String| Line { question: tr(question).into_owned(), answer, tone };
    let say = |english: String| tr(&english).into_owned();
    let plain = |english: &str| tr(english).into_owned();

    let complete = say(format!(
        "Yes: {} entries, all of them read, none missing and none changed since it was logged.",
        head.entries
    ));
    let (own_tone, own) = match head.key_known {
        true => {
            (Tone::Good, plain("Yes: it is signed with the key you know, or with one that key was handed over to."))
        }
        false => {
            (Tone::Note, plain("Not shown: the key came with the bundle. Compare it with one known from elsewhere."))
        }
    };
    let (before_tone, before) = match head.extends {
        Some(size) => (Tone::Good, say(format!("Yes: it goes on from the {size} entries seen before."))),
        None if head.remembered => {
            (Tone::Note, plain("Nothing was seen of it before. From now on this checkpoint is remembered."))
        }
        None => (
            Tone::Note,
            plain("Nothing was seen of it before, and nothing is remembered: keep the checkpoint yourself."),
        ),
    };
    let (witness_tone, witness) = if head.cosigned.is_empty() {
        (Tone::Note, plain("Not shown: you named no witnesses that you trust."))
    } else {
        let names = head.cosigned.iter().map(|found| format!("{} ({})", found.name, utc(found.at)));
        (Tone::Good, say(format!("Yes: cosigned by {}.", names.collect::<Vec<_>>().join(", "))))
    };
    let (rules_tone, rules) = match report.violations.len() {
        0 => (
            Tone::Good,
            say(format!("Yes: each job has {} approvals by others than its author.", report.approvals_needed)),
        ),
        n => (Tone::Bad, say(format!("NO: {n} entries break the rules; they are listed below."))),
    };
    let over: Vec<_> = report.budget.iter().filter(|line| line.spent > line.cap).collect();
    let (budget_tone, budget) = match over.first() {
        None => (Tone::Good, say(format!("Yes: {} private datasets, each within its cap.", report.budget.len()))),
        Some(first) => {
            (Tone::Bad, say(format!("NO: more was spent on `{}` than the cap in force allows.", first.dataset)))
        }
    };
    let released = report.jobs.iter().filter(|job| job.state == State::Released);
    let (count, unwitnessed) = released.fold((0, 0), |(count, open), job| {
        let witnessed = job.witnessed.as_ref().is_some_and(|found| found.enough);
        (count + 1, open + usize::from(!witnessed))
    });
    let releases = say(format!(
        "{count} releases with {} numbers, each on its grid and with the error its plan states.",
        report.numbers
    ));
    let (releases_tone, releases) = match unwitnessed {
        0 => (Tone::Good, releases),
        n => (Tone::Note, format!("{releases} {}", say(format!("{n} of them opened without witnesses.")))),
    };
    let runs = report.jobs.iter().filter(|job| job.run.is_some()).count();
    let proven = report.jobs.iter().filter(|job| job.evidence.is_some()).count();
    let machine = say(format!("There is evidence of the machine for {proven} of {runs} runs."));
    let machine_tone = if proven == runs && runs > 0 { Tone::Good } else { Tone::Note };

    vec![
        line("Is the history complete and unaltered?", Tone::Good, complete),
        line("Is it the log you know?", own_tone, own),
        line("Does it go on from what was seen before?", before_tone, before),
        line("Have independent witnesses seen the same history?", witness_tone, witness),
        line("Was everything decided by the rules?", rules_tone, rules),
        line("Is the privacy budget kept?", budget_tone, budget),
        line("Is every release what its job may release?", releases_tone, releases),
        line("On what machine did it run?", machine_tone, machine),
    ]
}

/// Seconds since 1970 as a time for people.
fn utc(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    time.map_or_else(|| seconds.to_string(), |time| time.format("%F %R UTC").to_string())
}
