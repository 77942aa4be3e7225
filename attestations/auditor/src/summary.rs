//! An audit in eight questions that need no engineer.

use chrono::DateTime;
use unseen_audit::report::{Cosigner, Report};
use unseen_policies::lifecycle::State;
use unseen_texts::{Sentence, Text, say, text};

/// How to read an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// To be known: nothing is wrong, but less is shown than could be.
    Note,
    /// Not as it should be.
    Bad,
}

/// A question and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The question.
    pub question: Text,
    /// The answer.
    pub answer: Sentence,
    /// How to take it.
    pub tone: Tone,
}

/// All questions, in the order in which they matter.
pub fn summary(report: &Report) -> Vec<Line> {
    let head = &report.head;
    let line = |question, tone, answer| Line { question, answer, tone };
    let plain = Sentence::from;

    // What an entry that breaks the rules would have changed is unknown, so nothing that is counted from
    // the entries can be called good beside one.
    let broken = report.violations.len();
    let (complete_tone, complete) = match broken {
        0 => (
            Tone::Good,
            say!(
                "Yes: {entries} entries, all of them read, none missing and none changed since it was logged.",
                "是：共 {entries} 条，全部读过，自记入以来无一缺失、无一改动。",
                entries = head.entries
            ),
        ),
        _ => (
            Tone::Bad,
            say!(
                "Not shown: the {entries} entries are those that the checkpoint signs, but not everything that they say and name is as it should be.",
                "未能表明：{entries} 条均为检查点所签名的条目，但其内容和所指的附件并非全部正确。",
                entries = head.entries
            ),
        ),
    };
    let not_shown = || plain(text!("Not shown, because of the violations listed below.", "因有下列违规，未能表明。"));
    let (own_tone, own) = match head.key_known {
        true => (
            Tone::Good,
            plain(text!(
                "Yes: it is signed with the key you know, or with one that key was handed over to.",
                "是：由您所知的密钥签名，或由该密钥交接后的新密钥签名。"
            )),
        ),
        false => (
            Tone::Note,
            plain(text!(
                "Not shown: the key came with the bundle. Compare it with one known from elsewhere.",
                "未能表明：公钥取自导出包。请与从别处得知的公钥核对。"
            )),
        ),
    };
    let (before_tone, before) = match head.extends {
        Some(size) => (
            Tone::Good,
            say!("Yes: it goes on from the {size} entries seen before.", "是：延续了先前所见的 {size} 条。"),
        ),
        None if head.remembered => (
            Tone::Note,
            plain(text!(
                "Nothing was seen of it before. From now on this checkpoint is remembered.",
                "先前未见过此日志。从现在起记住此检查点。"
            )),
        ),
        None => (
            Tone::Note,
            plain(text!(
                "Nothing was seen of it before, and nothing is remembered: keep the checkpoint yourself.",
                "先前未见过此日志，此次也不记住：请自行保存检查点。"
            )),
        ),
    };
    let (witness_tone, witness) = if head.cosigned.is_empty() {
        (
            Tone::Note,
            plain(text!("Not shown: you named no witnesses that you trust.", "未能表明：您没有指明所信任的见证方。")),
        )
    } else {
        let name = |found: &Cosigner| say!("{name} ({at})", "{name}（{at}）", name = found.name, at = utc(found.at));
        let names: Vec<_> = head.cosigned.iter().map(name).collect();
        (Tone::Good, say!("Yes: cosigned by {names}.", "是：已由 {names} 联署。"))
    };
    let (rules_tone, rules) = match broken {
        0 => (
            Tone::Good,
            match report.fewest_approvals {
                None => plain(text!("Yes. No job has run so far.", "是。尚无作业运行过。")),
                Some(fewest) => say!(
                    "Yes: each job that ran had the approvals that its policy asked for, by others than its author; the fewest were {fewest}.",
                    "是：每个运行过的作业都有当时规则所要求的、提交人以外的审批，最少的有 {fewest} 个。"
                ),
            },
        ),
        1 => (Tone::Bad, plain(text!("NO: there is a violation, listed below.", "否：有 1 处违规，列于下。"))),
        n => (Tone::Bad, say!("NO: there are {n} violations, listed below.", "否：有 {n} 处违规，详列于下。")),
    };
    let over = report.budget.iter().find(|line| line.spent > line.cap).map(|line| &line.dataset);
    let domain_over = report.domains.iter().find(|line| line.cap.is_some_and(|cap| line.spent > cap));
    let (budget_tone, budget) = match (over, domain_over) {
        (Some(dataset), _) => (
            Tone::Bad,
            say!(
                "NO: more was spent on `{dataset}` than the cap in force allows.",
                "否：数据集 `{dataset}` 的花费超过现行预算上限。",
                dataset = dataset.clone()
            ),
        ),
        (None, Some(line)) => (
            Tone::Bad,
            say!(
                "NO: a unit of `{domain}` may have lost more in all datasets than the cap in force allows.",
                "否：`{domain}` 域的一个单元在全部数据集中的隐私损失可能超过现行上限。",
                domain = line.domain
            ),
        ),
        (None, None) if broken > 0 => (Tone::Note, not_shown()),
        (None, None) => (
            Tone::Good,
            say!(
                "Yes: {count} private datasets, each within its cap.",
                "是：共 {count} 个私有数据集，均未超过各自的预算上限。",
                count = report.budget.len()
            ),
        ),
    };
    let sealed = report.jobs.iter().filter(|job| job.sealed).count();
    let opened = report.jobs.iter().filter(|job| job.state == State::Released && !job.sealed);
    let (count, unwitnessed) = opened.fold((0, 0), |(count, open), job| {
        // Where the rules name no witnesses, none are missing.
        let witnessed = job.witnessed.as_ref().is_none_or(|found| found.enough);
        (count + 1, open + usize::from(!witnessed))
    });
    let releases = say!(
        "Releases: {count}, with {numbers} numbers, each on its grid and with the error its plan states.",
        "共发布 {count} 次、{numbers} 个数字，均落在规定的格点上，误差与计划所述一致。",
        numbers = report.numbers
    );
    let releases = match unwitnessed {
        0 => releases,
        n => {
            say!("{releases} {n} of them opened without enough witnesses.", "{releases}其中 {n} 次未经足够见证即启封。")
        }
    };
    let (releases_tone, releases) = match (broken, sealed, unwitnessed) {
        (1.., ..) => (Tone::Note, not_shown()),
        (0, 0, 0) => (Tone::Good, releases),
        (0, 0, _) => (Tone::Note, releases),
        (0, ..) => (
            Tone::Note,
            say!(
                "{releases} Sealed still, until witnesses answer: {sealed}.",
                "{releases}另有 {sealed} 次仍封存，等待见证。"
            ),
        ),
    };
    let runs = report.jobs.iter().filter(|job| job.run.is_some()).count();
    let proven = report.jobs.iter().filter(|job| job.evidence.is_some()).count();
    let on_nodes = report.jobs.iter().filter(|job| job.parts.is_some()).count();
    let (machine_tone, machine) = match broken {
        0 if on_nodes > 0 => (
            Tone::Note,
            say!(
                "There is evidence of the lab's machine for {proven} of {runs} runs. {on_nodes} of them were computed on nodes: who took which part is signed, and there is no evidence of those machines.",
                "共 {runs} 次运行，其中 {proven} 次有实验室机器的证据；{on_nodes} 次由计算节点完成：各部分由谁完成均有签名，但没有这些机器的证据。"
            ),
        ),
        0 => (
            if proven == runs && runs > 0 { Tone::Good } else { Tone::Note },
            say!(
                "There is evidence of the machine for {proven} of {runs} runs.",
                "共 {runs} 次运行，其中 {proven} 次有机器证据。"
            ),
        ),
        _ => (Tone::Note, not_shown()),
    };

    vec![
        line(text!("Is the history complete and unaltered?", "历史是否完整、未被篡改？"), complete_tone, complete),
        line(text!("Is it the log you know?", "是否就是您所知的那个日志？"), own_tone, own),
        line(text!("Does it go on from what was seen before?", "是否为先前所见内容的延续？"), before_tone, before),
        line(
            text!("Have independent witnesses seen the same history?", "独立的见证方是否看到同一历史？"),
            witness_tone,
            witness,
        ),
        line(text!("Was everything decided by the rules?", "一切决定是否都合乎规则？"), rules_tone, rules),
        line(text!("Is the privacy budget kept?", "隐私预算是否守住？"), budget_tone, budget),
        line(
            text!("Is every release what its job may release?", "每个发布结果是否都在作业所许范围之内？"),
            releases_tone,
            releases,
        ),
        line(text!("On what machine did it run?", "在什么机器上运行？"), machine_tone, machine),
    ]
}

/// Seconds since 1970 as a time for people.
fn utc(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    time.map_or_else(|| seconds.to_string(), |time| time.format("%F %R UTC").to_string())
}
