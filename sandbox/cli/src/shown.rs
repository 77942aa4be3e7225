//! Jobs, plans and releases as people see them.

use chrono::{DateTime, Utc};
use unseen_core::release::{Derived, ReleasedOutput};
use unseen_ids::Key;
use unseen_policies::ledger::span;
use unseen_usecases::check::Left as BudgetLeft;
use unseen_usecases::jobs::{JobShown, Jobs, ListedJob, WitnessedBy};
use unseen_usecases::labs::{AtWork, Work};
use unseen_usecases::plan::{Grain, Plan};
use unseen_usecases::release::Numbers;
use unseen_usecases::tally::Tally;
use unseen_usecases::trial::{Failed, Fuel, Trial};

use unseen_terminal::output::{bar, bold, facts};
use unseen_terminal::table::Column::{Left, Right};
use unseen_terminal::table::{named_table, table};
use unseen_texts::{Lang, Say, say, text};

/// A release: every output of the last round as a table with intervals and bars, then the tables the
/// job computed from them.
pub fn numbers(numbers: &Numbers, lang: Lang) -> String {
    let mut text = String::new();
    if numbers.rounds.len() > 1 {
        text.push_str(&facts(
            lang,
            &[(text!("Rounds; the last one is shown", "轮数（显示最后一轮）"), numbers.rounds.len().to_string())],
        ));
    }
    for output in numbers.rounds.iter().rev().take(1).flat_map(|round| &round.outputs) {
        text.push_str(&format!("\n{}\n{}\n", bold(&output.name), output_table(output, lang)));
    }
    for derived in &numbers.derived {
        text.push_str(&format!(
            "\n{} ({})\n{}\n",
            bold(&derived.name),
            text!("computed by the job from the noised totals", "由作业根据加噪总数计算").to(lang),
            derived_table(derived, lang)
        ));
    }
    text.push_str(
        text!(
            "± is the 95 % interval of the noise; clamping of contributions comes on top.",
            "± 是噪声的 95 % 区间，不含贡献截断造成的偏差。"
        )
        .to(lang),
    );
    text
}

/// More groups than this are cut, with a word about it.
const MOST_GROUPS: usize = 60;

fn output_table(output: &ReleasedOutput, lang: Lang) -> String {
    let number = |text: &str| text.parse::<f64>().unwrap_or(0.0);
    // Bars follow the first value.
    let most = output
        .groups
        .iter()
        .filter_map(|group| group.values.first())
        .map(|value| number(&value.value))
        .fold(0.0, f64::max);
    let mut header: Vec<_> = output.keys.iter().cloned().map(Left).collect();
    header.extend(output.values.iter().cloned().map(Right));
    header.push(Left(String::new()));
    let rows = output.groups.iter().take(MOST_GROUPS).map(|group| {
        let mut row: Vec<String> = group.keys.iter().map(Key::to_string).collect();
        for value in &group.values {
            let half = (number(&value.high) - number(&value.low)) / 2.0;
            row.push(format!("{} ± {}", value.value, brief(half)));
        }
        row.push(group.values.first().map_or(String::new(), |value| bar(number(&value.value), most, 24)));
        row
    });
    let mut text = named_table(lang, &header, rows);
    if let Some(more @ 1..) = output.groups.len().checked_sub(MOST_GROUPS) {
        let said = say!(
            "{more} more groups are in the release; --json shows all.",
            "另有 {more} 组未显示，用 --json 查看全部。"
        );
        text.push_str(&format!("\n{}", said.told(lang)));
    }
    text
}

fn derived_table(derived: &Derived, lang: Lang) -> String {
    let header: Vec<_> = derived.columns.iter().cloned().map(Right).collect();
    named_table(lang, &header, derived.rows.iter().map(|row| row.iter().map(|number| brief(number.0)).collect()))
}

/// Bytes in the largest unit that keeps them whole or nearly so.
fn bytes(count: u64) -> String {
    match count {
        0..0x10_0000 => format!("{} KiB", count.div_ceil(1 << 10)),
        0x10_0000..0x2_8000_0000 => format!("{} MiB", count.div_ceil(1 << 20)),
        _ => format!("{} GiB", count.div_ceil(1 << 30)),
    }
}

/// Four significant digits.
fn brief(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return number.to_string();
    }
    let digits = (3 - number.abs().log10().floor() as i32).clamp(0, 12);
    let text = format!("{number:.*}", digits as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// What a job costs, what its run may need, and how exact its numbers will be.
pub fn plan(plan: &Plan, lang: Lang) -> String {
    let grain = match plan.grain {
        Grain::Unit => text!("one unit", "一个隐私单元").told(lang),
        Grain::Blocks { count } => say!("{count} blocks of units", "{count} 个单元分块").told(lang),
    };
    let epsilon = match &plan.pure_epsilon {
        Some(epsilon) => say!("{rho} (ε {epsilon})", "{rho}（ε {epsilon}）", rho = plan.rho).told(lang),
        None => {
            let (epsilon, delta) = (format!("{:.3}", plan.epsilon), format!("{:e}", plan.delta));
            say!("{rho} (ε {epsilon}, δ {delta})", "{rho}（ε {epsilon}，δ {delta}）", rho = plan.rho).told(lang)
        }
    };
    let mut text = facts(
        lang,
        &[
            (text!("Purpose", "用途"), plan.purpose.clone()),
            (text!("Reads", "读取"), plan.datasets.join(", ")),
            (text!("The code sees at a time", "代码每次看到"), grain),
            (text!("Rounds", "轮数"), plan.rounds.to_string()),
            (text!("Costs, rho", "开销 rho"), epsilon),
            (text!("Release", "发布"), plan.release.clone()),
            (text!("Fuel a grain", "每个数据粒的燃料"), plan.fuel.to_string()),
            (text!("Memory a grain", "每个数据粒的内存"), bytes(plan.memory)),
        ],
    );
    if let Some(seconds @ 1..) = plan.earliest_release {
        text.push_str(&facts(
            lang,
            &[(text!("No result before, from the start of the run", "结果最早在开始运行后"), span(seconds).told(lang))],
        ));
    }
    if let Some(need) = plan.need {
        text.push_str(&facts(
            lang,
            &[
                (text!("The run takes at most", "运行最长需要"), span(need.seconds).told(lang)),
                (text!("The run's memory, at most", "运行最多占用内存"), bytes(need.memory)),
                (text!("Each further thread adds", "每增加一个线程再加"), bytes(need.thread)),
            ],
        ));
    }
    let rows = plan.outputs.iter().flat_map(|output| {
        output.values.iter().map(|value| {
            vec![
                format!("{}.{}", output.name, value.name),
                output.groups.to_string(),
                output.max_groups_per_unit.to_string(),
                format!("{} .. {}", brief(value.lower), brief(value.upper)),
                value.standard_deviation.last().copied().map_or_else(String::new, brief),
                value.half_width_95.last().map_or_else(String::new, |half| format!("± {}", brief(*half))),
            ]
        })
    });
    text.push_str(&table(
        lang,
        &[
            Left(text!("value", "值")),
            Right(text!("groups", "组数")),
            Right(text!("groups a unit", "每单元组数")),
            Right(text!("one unit adds", "单个单元的贡献")),
            Right(text!("deviation", "标准差")),
            Right(text!("95 %", "95 % 区间")),
        ],
        rows,
    ));
    text.push('\n');
    text
}

/// What a job would leave of the budgets it draws on; nothing where there is no lab.
pub fn left(budgets: &[BudgetLeft], lang: Lang) -> String {
    if budgets.is_empty() {
        return String::new();
    }
    let rows = budgets.iter().map(|line| {
        let of = match (&line.dataset, &line.analyst, &line.domain) {
            (Some(dataset), Some(analyst), _) => say!("{dataset}, {analyst}", "{dataset}，{analyst}").told(lang),
            (Some(dataset), None, _) => dataset.clone(),
            (None, _, domain) => {
                let domain = domain.clone().unwrap_or_default();
                say!("one unit of {domain}", "{domain} 域的一个单元").told(lang)
            }
        };
        let after = line.after.map_or_else(|| text!("NOT ENOUGH", "不足").told(lang), |after| after.to_string());
        vec![of, line.cap.to_string(), line.before.to_string(), after]
    });
    let header = [
        Left(text!("budget of", "预算")),
        Right(text!("cap, rho", "上限 rho")),
        Right(text!("left, rho", "剩余 rho")),
        Right(text!("left after it", "作业之后剩余")),
    ];
    format!("\n{}\n", table(lang, &header, rows))
}

/// All jobs, and what goes on: whoever lists jobs while one runs wants to know.
pub fn jobs(found: &Jobs, lang: Lang) -> String {
    let rows = found.jobs.iter().map(|job| {
        vec![
            job.job.to_string(),
            job.title.clone(),
            job.author.clone(),
            standing(job, lang),
            job.rho.to_string(),
            moment(job.submitted),
        ]
    });
    let shown = table(
        lang,
        &[
            Left(text!("job", "作业")),
            Left(text!("title", "标题")),
            Left(text!("author", "提交人")),
            Left(text!("state", "状态")),
            Right(text!("rho", "rho 开销")),
            Right(text!("submitted (UTC)", "提交时间（UTC）")),
        ],
        rows,
    );
    if found.at_work.is_empty() { shown } else { format!("{shown}\n{}", at_work(&found.at_work, lang)) }
}

/// A job with its plan.
pub fn job(found: &JobShown, lang: Lang) -> String {
    let job = &found.job;
    let mut text = facts(
        lang,
        &[
            (text!("Job", "作业"), format!("{} {}", job.job, job.title)),
            (text!("Author", "提交人"), job.author.clone()),
            (text!("State", "状态"), standing(job, lang)),
            (text!("Approved by", "审批人"), found.approved_by.join(", ")),
            (text!("Manifest", "作业清单"), found.manifest.to_string()),
            (text!("Module", "模块"), found.module.to_string()),
            (text!("Datasets", "数据集"), found.plan.datasets.join(", ")),
        ],
    );
    if job.void {
        text.push_str(&facts(
            lang,
            &[(
                text!("Void", "失效"),
                text!("the policy changed after it was submitted; submit it again", "提交后规则已变更，请重新提交")
                    .told(lang),
            )],
        ));
    }
    if let Some(run) = &found.run {
        text.push_str(&facts(
            lang,
            &[
                (text!("Started by entry", "开始运行的条目"), run.entry.to_string()),
                (text!("No result before (UTC)", "结果不早于（UTC）"), moment(run.release_at)),
            ],
        ));
    }
    if let Some(entry) = found.release {
        text.push_str(&facts(lang, &[(text!("Released by entry", "发布条目"), entry.to_string())]));
    }
    text.push_str(&witnessed(found.witnessed.as_ref(), lang));
    if let Some(reason) = &found.reason {
        text.push_str(&facts(lang, &[(text!("Reason", "原因"), reason.clone())]));
    }
    text.push_str(&plan(&found.plan, lang));
    text
}

/// Where a job stands, in a word or two.
fn standing(job: &ListedJob, lang: Lang) -> String {
    match (job.void, job.sealed_until) {
        (true, _) => text!("void", "已失效").told(lang),
        _ if job.waits_for_witnesses => text!("sealed: waits for witnesses", "封存中，等待见证").told(lang),
        (false, Some(until)) => say!("sealed until {until}", "封存至 {until}", until = moment(until)).told(lang),
        (false, None) => job.state.told(lang),
    }
}

/// Who had seen a release before it opened; nothing where the policy names no witnesses.
pub fn witnessed(found: Option<&WitnessedBy>, lang: Lang) -> String {
    let Some(found) = found else { return String::new() };
    let names = found.by.join(", ");
    let said = match (found.enough, names.is_empty()) {
        (true, _) => names,
        (false, true) => {
            text!("UNWITNESSED: no witness had seen it when it opened", "未经见证：启封时没有任何见证方看到").told(lang)
        }
        (false, false) => {
            say!("UNWITNESSED: only {names} had seen it when it opened", "未经见证：启封时仅 {names} 看到").told(lang)
        }
    };
    facts(lang, &[(text!("Witnessed by", "见证方"), said)])
}

/// A moment, in UTC, as all screens show it.
pub fn moment(time: DateTime<Utc>) -> String {
    time.format("%F %T").to_string()
}

/// What goes on in the lab at this moment, a line each.
pub fn at_work(work: &[AtWork], lang: Lang) -> String {
    let lines = work.iter().map(|work| {
        let holder =
            say!("process {pid} ({command})", "进程 {pid}（{command}）", pid = work.pid, command = work.command);
        let said = match work.what {
            Work::Run => say!("a job runs: {holder}", "正在运行作业：{holder}"),
            Work::Import => say!(
                "`{dataset}` is imported: {holder}",
                "正在导入 `{dataset}`：{holder}",
                dataset = work.dataset.as_deref().unwrap_or_default()
            ),
        };
        facts(lang, &[(text!("At work", "正在进行"), said.told(lang))])
    });
    lines.collect()
}

/// What a trial gave, and what it says about fuel.
pub fn trial(trial: &Trial, lang: Lang) -> String {
    format!(
        "{}\n{}{}{}{}",
        text!(
            "This is a trial on synthetic rows: the numbers mean nothing.",
            "这是在合成数据上的试运行：数字没有实际意义。"
        )
        .to(lang),
        numbers(&trial.numbers, lang),
        tally(&trial.tally, lang),
        failures(&trial.failed, lang),
        fuel(&trial.fuel, lang)
    )
}

/// What a lab would drop and change, without a word to anybody.
fn tally(tally: &Tally, lang: Lang) -> String {
    let dropped = [
        (text!("Dropped, no such output", "丢弃：没有这个输出"), tally.unknown_output),
        (
            text!("Dropped, another number of keys or values than declared", "丢弃：键或值的个数与声明不符"),
            tally.malformed,
        ),
        (text!("Dropped, group outside the domain", "丢弃：分组不在声明的范围内"), tally.outside_domain),
        (text!("Dropped, past max_groups_per_unit", "丢弃：超过 max_groups_per_unit"), tally.past_max_groups),
    ];
    let mut lines = vec![(text!("Contributions that count", "计入的贡献数"), tally.counted.to_string())];
    lines.extend(dropped.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name, count.to_string())));
    let mut text = format!("\n\n{}", facts(lang, &lines));
    if tally.counted == 0 {
        text.push_str(
            text!("NOTHING counts: the release would hold noise alone.", "没有任何贡献计入：发布结果将只有噪声。")
                .to(lang),
        );
        return text;
    }
    let changed = tally.values.iter().filter(|value| value.low + value.high + value.nan > 0);
    let rows: Vec<_> = changed
        .map(|value| {
            let bent = (value.counts - value.said) / value.said.abs() * 100.0;
            let bent = if bent.is_finite() { format!("{bent:+.1} %") } else { brief(value.counts - value.said) };
            vec![
                format!("{}.{}", value.output, value.value),
                value.low.to_string(),
                value.high.to_string(),
                value.nan.to_string(),
                bent,
            ]
        })
        .collect();
    if !rows.is_empty() {
        let header = [
            Left(text!("clamped", "被截断的值")),
            Right(text!("below", "低于下界")),
            Right(text!("above", "高于上界")),
            Right(text!("NaN", "非数（NaN）")),
            Right(text!("bends the sum by", "使总和改变")),
        ];
        text.push_str(&table(lang, &header, rows));
    }
    text
}

/// Grains that failed; nothing where none did.
pub fn failures(failed: &[Failed], lang: Lang) -> String {
    if failed.is_empty() {
        return String::new();
    }
    let rows = failed.iter().map(|failed| vec![failed.grains.to_string(), failed.failure.told(lang)]);
    let title =
        text!("Grains that failed and counted as contributing nothing:", "运行失败、按无贡献处理的数据粒：").to(lang);
    format!("\n\n{title}\n{}", table(lang, &[Right(text!("grains", "数据粒数")), Left(text!("why", "原因"))], rows))
}

fn fuel(fuel: &Fuel, lang: Lang) -> String {
    let Some(proposed) = fuel.proposed else { return String::new() };
    let used = facts(
        lang,
        &[(text!("Fuel of the hungriest grain", "最耗燃料的数据粒"), format!("{} / {}", fuel.most, fuel.limit))],
    );
    if fuel.most >= fuel.limit {
        return format!(
            "\n\n{used}{}",
            text!(
                "A grain used it all: raise limits.fuel in job.toml and try again.",
                "有数据粒用完了全部燃料：请在 job.toml 中调高 limits.fuel 后再试。"
            )
            .to(lang)
        );
    }
    // The slot of the run is as long as this limit lets it be.
    format!(
        "\n\n{used}{}",
        facts(
            lang,
            &[(
                text!("Proposed for job.toml, in [limits]", "建议写入 job.toml 的 [limits]"),
                format!("fuel = {proposed}")
            )]
        )
    )
}
