//! `unseen audit`: verification from outside, and replay inside.

use unseen_client::Client;
use unseen_ids::JobId;
use unseen_usecases::replay::{self, Replayed, Verdict};

use super::{Outcome, Problem, packs};
use crate::args::{AuditCommand, Globals};
use crate::place::{Place, known};
use unseen_terminal::output::{Output, facts, progress, steps};
use unseen_terminal::table::Column::{Left, Right};
use unseen_terminal::table::table;
use unseen_texts::{Lang, text};

pub fn run(globals: &Globals, command: &AuditCommand, lang: Lang) -> Outcome {
    match command {
        AuditCommand::Verify(args) => unseen_auditor::verify(args, lang),
        AuditCommand::Proof(args) => unseen_auditor::proof(args, lang),
        AuditCommand::Receipt(args) => unseen_auditor::receipt(args, lang),
        AuditCommand::Pack { out } => packs::evidence(globals, out, lang),
        AuditCommand::Replay { job } => {
            let lab = Place::of(globals, lang)?;
            let bar = progress(text!("Replaying", "正在重算").to(lang), Some(1));
            let replayed = match &lab {
                Place::Remote { client, key } => remote(client, key.as_deref(), *job),
                place => place.folder().and_then(|lab| Ok(replay::replay(lab, *job, &mut steps(&bar))?)),
            };
            bar.finish_and_clear();
            let replayed = replayed?;
            Ok(Output::new(&replayed, shown(&replayed, lang)).bad_unless(replayed.verdict == Verdict::Agrees))
        }
    }
}

fn remote(client: &Client, key: Option<&str>, job: JobId) -> Result<Replayed, Problem> {
    let standing = known(client, key)?.replay(job)?;
    standing.replayed.ok_or_else(|| Problem::from(standing.why.unwrap_or_default()))
}

fn shown(replayed: &Replayed, lang: Lang) -> String {
    let mut text = facts(
        lang,
        &[
            (text!("Job", "作业"), replayed.job.to_string()),
            (text!("Numbers", "数字个数"), replayed.numbers.to_string()),
            (text!("Named by the log", "日志所载的摘要"), replayed.logged.to_string()),
            (text!("Kept", "所存的摘要"), replayed.kept.to_string()),
            (text!("Derived", "重算的摘要"), replayed.derived.to_string()),
        ],
    );
    if !replayed.differences.is_empty() {
        let differences = replayed.differences.iter();
        let rows = differences.map(|found| vec![found.place.clone(), found.kept.clone(), found.derived.clone()]);
        text.push_str(&table(
            lang,
            &[
                Left(text!("round · output · group · value", "轮 · 输出 · 组 · 值")),
                Right(text!("kept", "所存")),
                Right(text!("derived", "重算")),
            ],
            rows,
        ));
        text.push('\n');
    }
    if let Some(builds) = &replayed.other_build {
        text.push_str(&facts(
            lang,
            &[
                (text!("Run by the build", "运行所用的程序构建"), builds.run.to_string()),
                (text!("Replayed by the build", "重算所用的程序构建"), builds.replay.to_string()),
            ],
        ));
    }
    text.push_str(match replayed.verdict {
        Verdict::Agrees => {
            text!("Every released number was derived again, bit for bit.", "所发布的每个数字都已逐位重算，完全一致。")
                .to(lang)
        }
        Verdict::Altered => text!(
            "The release that is kept was ALTERED: the log names what the run derives, and this is something else.",
            "所存的发布结果已被篡改：日志所载与重算一致，而所存的不同。"
        )
        .to(lang),
        Verdict::NotDerived => text!(
            "The release is NOT what this run derives. Its numbers stay sealed, for nobody was charged for them.",
            "发布结果与重算结果不一致。重算所得数字继续封存，因为未曾有人为其支付预算。"
        )
        .to(lang),
    });
    text
}
