//! Jobs and plans as people see them.

use chrono::{DateTime, Local, Utc};
use unseen_ids::{Digest, Key};
use unseen_policies::ledger::span;
use unseen_policies::lifecycle::State;
use unseen_policies::rho::Rho;
use unseen_usecases::check::Blocks;
use unseen_usecases::claims::Left as BudgetLeft;
use unseen_usecases::jobs::{JobShown, Jobs, ListedJob, ReadColumn, Reads, WitnessedBy};
use unseen_usecases::labs::{AtWork, Work};
use unseen_usecases::plan::{Grain, GroupColumn, Plan};

use unseen_terminal::output::{clean, facts};
use unseen_terminal::table::Column::{Left, Right};
use unseen_terminal::table::table;
use unseen_texts::{Lang, Say, Sentence, Text, say, text};
use unseen_worker::ready_made;

use crate::figures::{bound, brief, bytes};

/// What a component is called that is the lab's own map; none of an analyst's.
pub fn ready_made(module: &Digest) -> Option<Text> {
    let is = |code: &[u8]| Digest::of(code) == *module;
    if is(ready_made::SUM) {
        return Some(text!("ready-made: sum", "现成的求和映射"));
    }
    if is(ready_made::QUESTION) {
        return Some(text!("ready-made: sum, with expressions of its manifest", "现成的求和映射，含清单中的表达式"));
    }
    is(ready_made::MODEL)
        .then_some(text!("ready-made: sum, with the model of its manifest", "现成的求和映射，含清单中的模型"))
}

/// Which blocks would fit where a run takes too long, and what fewer of them cost.
pub fn in_blocks(blocks: &Blocks) -> Sentence {
    let (count, time) = (blocks.count, span(blocks.seconds));
    match blocks.noise {
        None => say!(
            "kind = \"blocks\" with count = {count} would take at most {time}, with the same fuel for a block as for a unit now; bounds are those of a block then",
            "kind = \"blocks\"、count = {count} 时最长需要 {time}（每个分块的燃料与现在每个单元的相同；界限则须按分块填写）"
        ),
        Some(noise) => say!(
            "count = {count} would take at most {time}; the noise of an average over blocks would be {noise} times as wide then, and each block would hold more units",
            "count = {count} 时最长需要 {time}；分块平均值的噪声将是现在的 {noise} 倍，而每个分块的单元更多",
            noise = brief(noise)
        ),
    }
}

/// What a job costs, what its run may need, and how exact its numbers will be.
pub fn plan(plan: &Plan, lang: Lang) -> String {
    let grain = match plan.grain {
        Grain::Unit => text!("one unit", "一个隐私单元").told(lang),
        Grain::Blocks { count } => say!("{count} blocks of units", "{count} 个单元分块").told(lang),
    };
    let mut text = facts(
        lang,
        &[
            (text!("Purpose", "用途"), plan.purpose.clone()),
            (text!("Reads", "读取"), plan.datasets.join(", ")),
            (text!("The code sees at a time", "代码每次看到"), grain),
            (text!("Rounds", "轮数"), plan.rounds.to_string()),
            (text!("Costs, rho", "开销 rho"), cost(plan, lang)),
            (text!("Release", "发布"), when(&plan.release, lang)),
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
    if let Some(filter) = &plan.filter {
        text.push_str(&facts(lang, &[(text!("Rows that count", "计入的行"), filter.clone())]));
    }
    text.push_str(&facts(lang, &made(plan)));
    if let Some(model) = &plan.model {
        let computed = text!("Computed of the noised totals", "由加噪总数计算");
        text.push_str(&facts(lang, &[(computed, clean(&model.told(lang)))]));
    }
    let rows = plan.outputs.iter().flat_map(|output| {
        output.values.iter().map(|value| {
            vec![
                format!("{}.{}", output.name, value.name),
                output.groups.to_string(),
                output.max_groups_per_unit.to_string(),
                format!("{} .. {}", bound(value.lower), bound(value.upper)),
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
    for output in plan.outputs.iter().filter(|output| !output.by.is_empty()) {
        let by = output.by.iter().map(|column| keys(column, lang)).collect::<Vec<_>>().join(" × ");
        let name = &output.name;
        let line = say!("Groups of {name}: {by}", "{name} 的分组：{by}");
        text.push_str(&format!("{}\n", clean(&line.told(lang))));
    }
    text
}

/// What stands behind the names of columns that are made of others, where the name does not say it itself.
pub fn made(plan: &Plan) -> Vec<(Text, String)> {
    let made = plan.made.iter().filter(|made| made.name != made.expression);
    made.map(|made| (text!("Made of others", "派生列"), format!("{} = {}", made.name, made.expression))).collect()
}

/// The keys of a column: all where they are few, else the first and the last.
fn keys(column: &GroupColumn, lang: Lang) -> String {
    let GroupColumn { name, count, first, last, is_range } = column;
    let comma = if lang == Lang::Zh { "、" } else { ", " };
    let join = |keys: &[Key]| keys.iter().map(Key::to_string).collect::<Vec<_>>().join(comma);
    let keys = match (first.as_slice(), last) {
        ([least, ..], Some(most)) if *is_range && *count > 4 => format!("{least} … {most}"),
        (first, Some(last)) if *count > first.len() => format!("{} … {last}", join(first)),
        (first, _) => join(first),
    };
    say!("{name} ({count}: {keys})", "{name}（{count} 个：{keys}）").told(lang)
}

/// When the result is wanted, in words.
pub fn when(release: &str, lang: Lang) -> String {
    let delay = release.strip_prefix('+').and_then(|rest| rest.strip_suffix('s')?.parse().ok());
    match (release, delay) {
        ("now", _) => text!("as soon as the run ends", "运行结束即发布").told(lang),
        (_, Some(seconds)) => {
            say!("{span} after the start of the run", "开始运行 {span} 后", span = span(seconds)).told(lang)
        }
        (at, None) => at.to_owned(),
    }
}

/// What a job costs, as rho and as epsilon.
pub fn cost(plan: &Plan, lang: Lang) -> String {
    match &plan.pure_epsilon {
        Some(epsilon) => say!("{rho} (ε {epsilon})", "{rho}（ε {epsilon}）", rho = plan.rho).told(lang),
        None => {
            let (epsilon, delta) = (format!("{:.3}", plan.epsilon), format!("{:e}", plan.delta));
            say!("{rho} (ε {epsilon}, δ {delta})", "{rho}（ε {epsilon}，δ {delta}）", rho = plan.rho).told(lang)
        }
    }
}

/// What a job would leave of the budgets it draws on; nothing where there is no lab.
pub fn left(budgets: &[BudgetLeft], lang: Lang) -> String {
    if budgets.is_empty() {
        return String::new();
    }
    let rows = budgets.iter().map(|line| {
        let after = line.after.map_or_else(|| text!("NOT ENOUGH", "不足").told(lang), |after| after.to_string());
        let others = match line.others {
            Rho::ZERO => String::new(),
            others if line.after.is_none_or(|after| others > after) => {
                say!("{others}: TOO MUCH TOGETHER", "{others}（合计超出）").told(lang)
            }
            others => others.to_string(),
        };
        vec![budget_of(line, lang), line.cap.to_string(), line.before.to_string(), after, others]
    });
    let header = [
        Left(text!("budget of", "预算")),
        Right(text!("cap, rho", "上限 rho")),
        Right(text!("left, rho", "剩余 rho")),
        Right(text!("left after it", "作业之后剩余")),
        Right(text!("others waiting ask", "其他待办作业所需")),
    ];
    format!("\n{}\n", table(lang, &header, rows))
}

/// Whose budget a line is about.
pub fn budget_of(line: &BudgetLeft, lang: Lang) -> String {
    match (&line.dataset, &line.analyst, &line.domain) {
        (Some(dataset), Some(analyst), _) => say!("{dataset}, {analyst}", "{dataset}，{analyst}").told(lang),
        (Some(dataset), None, _) => dataset.clone(),
        (None, _, domain) => {
            let domain = domain.clone().unwrap_or_default();
            say!("one unit of {domain}", "{domain} 域的一个单元").told(lang)
        }
    }
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

/// How many have approved, and who; not before one has decided oneself, where the rules want that.
pub fn approvals(found: &JobShown) -> Sentence {
    let needed = found.job.approvals_needed;
    match found.job.approvals {
        None => say!(
            "{needed} needed; who approved is shown once you have decided",
            "需要 {needed} 个；您作出决定后才会显示审批人"
        ),
        Some(0) => say!("0 of {needed}", "0/{needed}"),
        Some(has) => say!("{has} of {needed}: {by}", "{has}/{needed}：{by}", by = found.approved_by.join(", ")),
    }
}

/// What an approver should see of a job: who asks for what, which columns of which level are read, the most that one
/// unit adds, what is published with which error, and what is left of each budget.
pub fn job(found: &JobShown, lang: Lang) -> String {
    let job = &found.job;
    let approvals = approvals(found).told(lang);
    let author = match found.author_revoked {
        true => {
            let author = &job.author;
            say!("{author}: REVOKED, so the job cannot start", "{author}：已吊销，作业无法开始").told(lang)
        }
        false => job.author.clone(),
    };
    let module = match ready_made(&found.module) {
        Some(name) => name.told(lang),
        None => format!("{} ({})", found.module, bytes(found.module_bytes)),
    };
    let mut text = facts(
        lang,
        &[
            (text!("Job", "作业"), format!("{} {}", job.job, job.title)),
            (text!("Author", "提交人"), author),
            (text!("State", "状态"), standing(job, lang)),
            (text!("Approvals", "审批"), approvals),
            (text!("Manifest", "作业清单"), found.manifest.to_string()),
            (text!("Module", "模块"), module),
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
                (text!("No result before", "结果不早于"), local(run.release_at)),
            ],
        ));
    }
    if let Some(entry) = found.release {
        text.push_str(&facts(lang, &[(text!("Released by entry", "发布条目"), entry.to_string())]));
    }
    text.push_str(&witnessed(found.witnessed.as_ref(), lang));
    if let Some(reason) = &found.job.reason {
        text.push_str(&facts(lang, &[(text!("Reason", "原因"), reason.clone())]));
    }
    text.push_str(&format!("\n{}\n\n", reads(&found.reads, lang)));
    text.push_str(&plan(&found.plan, lang));
    text.push_str(&left(&found.budget, lang));
    if !found.budget.is_empty() && !found.waiting.is_empty() {
        let title = text!("Other jobs that wait", "其他待办作业").to(lang);
        text.push_str(&format!("\n{title}\n{}\n", listed(&found.waiting, lang)));
    }
    if let Some(last) = found.earlier.get(..found.earlier.len().min(MOST_EARLIER)).filter(|last| !last.is_empty()) {
        let title = say!(
            "Earlier jobs of {author}: {count}; the last {shown}, newest first",
            "{author} 此前的作业：{count} 个；最近 {shown} 个，最近的在前",
            author = job.author,
            count = found.earlier.len(),
            shown = last.len()
        );
        text.push_str(&format!("\n{}\n{}\n", title.told(lang), listed(last, lang)));
    }
    text
}

/// How many of an author's earlier jobs are shown.
const MOST_EARLIER: usize = 10;

/// What a job reads: each table with its level and columns.
fn reads(reads: &[Reads], lang: Lang) -> String {
    let rows = reads.iter().map(|read| {
        let column = |column: &ReadColumn| {
            let meaning = word(&column.en, &column.zh, lang);
            let name = &column.name;
            if meaning.is_empty() {
                name.clone()
            } else {
                say!("{name} ({meaning})", "{name}（{meaning}）").told(lang)
            }
        };
        let level = match read.domain {
            None => text!("public table", "公开参照表").told(lang),
            Some(_) => word(read.classification.en(), read.classification.zh(), lang),
        };
        let level = match read.replaced {
            true => say!("{level}; imported again since", "{level}；此后已重新导入").told(lang),
            false => level,
        };
        let columns = read.columns.iter().map(column).collect::<Vec<_>>();
        vec![read.dataset.clone(), level, columns.join(if lang == Lang::Zh { "、" } else { ", " })]
    });
    let header = [Left(text!("reads", "读取")), Left(text!("level", "级别")), Left(text!("columns", "列"))];
    table(lang, &header, rows)
}

/// The text in the chosen language, or in the other one when it is missing.
pub fn word(en: &str, zh: &str, lang: Lang) -> String {
    let (first, second) = if lang == Lang::Zh { (zh, en) } else { (en, zh) };
    if first.is_empty() { second.to_owned() } else { first.to_owned() }
}

/// Jobs in a list beside another.
fn listed(jobs: &[ListedJob], lang: Lang) -> String {
    let rows = jobs.iter().map(|job| {
        vec![job.job.to_string(), job.title.clone(), job.author.clone(), standing(job, lang), job.rho.to_string()]
    });
    let header = [
        Left(text!("job", "作业")),
        Left(text!("title", "标题")),
        Left(text!("author", "提交人")),
        Left(text!("state", "状态")),
        Right(text!("rho", "rho 开销")),
    ];
    table(lang, &header, rows)
}

/// Where a job stands, in a word or two.
pub fn standing(job: &ListedJob, lang: Lang) -> String {
    match (job.void, job.sealed_until) {
        (true, _) => text!("void", "已失效").told(lang),
        _ if job.state == State::Submitted
            && let Some(has @ 1..) = job.approvals =>
        {
            say!("approved {has} of {needs}", "已批准 {has}/{needs}", needs = job.approvals_needed).told(lang)
        }
        _ if job.held.is_some() && job.state == State::Approved => {
            text!("approved, held back", "已批准，暂不能运行").told(lang)
        }
        _ if let Some(place) = job.queued => say!("queued at {place}", "排队第 {place} 位").told(lang),
        _ if job.due => text!("due: to be released, or run again", "已到期：待发布或重新运行").told(lang),
        _ if job.waits_for_witnesses => text!("sealed: waits for witnesses", "封存中，等待见证").told(lang),
        (false, Some(until)) => say!("sealed until {until}", "封存至 {until}", until = local(until)).told(lang),
        (false, None) => job.state.told(lang),
    }
}

/// Who had seen a release before it opened; none where the policy names no witnesses.
pub fn witnesses(found: Option<&WitnessedBy>, lang: Lang) -> Option<String> {
    let found = found?;
    let names = found.by.join(", ");
    Some(match (found.enough, names.is_empty()) {
        (true, _) => names,
        (false, true) => {
            text!("UNWITNESSED: no witness had seen it when it opened", "未经见证：启封时没有任何见证方看到").told(lang)
        }
        (false, false) => {
            say!("UNWITNESSED: only {names} had seen it when it opened", "未经见证：启封时仅 {names} 看到").told(lang)
        }
    })
}

/// The same as a line; nothing where there is none.
pub fn witnessed(found: Option<&WitnessedBy>, lang: Lang) -> String {
    witnesses(found, lang).map_or(String::new(), |said| facts(lang, &[(text!("Witnessed by", "见证方"), said)]))
}

/// A moment that people wait for, by their own clock.
pub fn local(time: DateTime<Utc>) -> String {
    time.with_timezone(&Local).format("%F %T %:z").to_string()
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
                "`{dataset}` is being imported: {holder}",
                "正在导入 `{dataset}`：{holder}",
                dataset = work.dataset.as_deref().unwrap_or_default()
            ),
        };
        facts(lang, &[(text!("At work", "正在进行"), said.told(lang))])
    });
    lines.collect()
}
