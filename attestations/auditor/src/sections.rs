//! The details of a report as tables: what the text and the page both show, each in its own way.

use chrono::{DateTime, Utc};
use unseen_audit::report::{JobLine, NodeParts, Report, Root, RulesLine};
use unseen_policies::rules;
use unseen_terminal::table::Column::{self, Left, Right};
use unseen_texts::{Lang, Say, Text, say, text};

/// One table under its title.
pub struct Section {
    /// What it is about.
    pub title: Text,
    /// The heads of its columns.
    pub header: Vec<Column>,
    /// Its rows.
    pub rows: Vec<Vec<String>>,
}

/// Everything that should not be, entry by entry.
pub fn violations(report: &Report, lang: Lang) -> Section {
    Section {
        title: text!("Violations", "违规"),
        header: vec![Right(text!("entry", "条目")), Left(text!("violation", "违规"))],
        rows: report.violations.iter().map(|found| vec![found.entry.to_string(), found.what.told(lang)]).collect(),
    }
}

/// What to do about violations: a copy may have lost files on its way.
pub const AFTER_VIOLATIONS: Text = text!(
    "Get the bundle from the lab once more and audit that: files may be lost or damaged on the way. If the same is found again, keep the bundle and the checkpoint as they are, and show what is listed here to the lab's owner and to the other auditors.",
    "请向实验室再次索取导出包并重新审计：文件可能在途中丢失或损坏。若结果相同，请原样保存导出包和检查点，并把这里所列的内容出示给实验室的所有者和其他审计员。"
);

/// All others, in the order in which they are read. Those without a row are left out.
pub fn details(report: &Report, lang: Lang) -> Vec<Section> {
    let all = [
        budget(report, lang),
        jobs(report, lang),
        releases(report, lang),
        computed(report, lang),
        rules_in_force(report, lang),
        rules_set(report, lang),
        people(report, lang),
        nodes(report, lang),
    ];
    all.into_iter().filter(|section| !section.rows.is_empty()).collect()
}

fn budget(report: &Report, lang: Lang) -> Section {
    let datasets =
        report.budget.iter().map(|line| vec![line.dataset.clone(), line.spent.to_string(), line.cap.to_string()]);
    let domains = report.domains.iter().map(|line| {
        let whose = say!(
            "one unit of `{domain}`, in all datasets",
            "`{domain}` 域的一个单元，全部数据集",
            domain = line.domain
        );
        vec![whose.told(lang), line.spent.to_string(), line.cap.map_or(String::new(), |cap| cap.to_string())]
    });
    Section {
        title: text!("Privacy budget", "隐私预算"),
        header: vec![
            Left(text!("dataset", "数据集")),
            Right(text!("spent, rho", "已用 rho")),
            Right(text!("cap, rho", "上限 rho")),
        ],
        rows: datasets.chain(domains).collect(),
    }
}

fn jobs(report: &Report, lang: Lang) -> Section {
    let row = |job: &JobLine| {
        vec![
            job.job.clone(),
            job.title.clone(),
            job.purpose.clone().unwrap_or_default(),
            job.author.clone(),
            standing(job, lang),
            job.rho.to_string(),
            job.approvers.join(", "),
        ]
    };
    Section {
        title: text!("Jobs", "作业"),
        header: vec![
            Left(text!("job", "作业")),
            Left(text!("title", "标题")),
            Left(text!("purpose", "用途")),
            Left(text!("author", "提交人")),
            Left(text!("state", "状态")),
            Right(text!("rho", "rho 开销")),
            Left(text!("approved by", "审批人")),
        ],
        rows: report.jobs.iter().map(|job| row(job)).collect(),
    }
}

fn releases(report: &Report, lang: Lang) -> Section {
    let row = |job: &JobLine| {
        Some(vec![
            job.job.clone(),
            job.title.clone(),
            job.release?.to_string(),
            job.released_at.map_or(String::new(), moment),
            job.numbers.map_or(String::new(), |numbers| numbers.to_string()),
            job.rho.to_string(),
            witnessed(job, lang),
        ])
    };
    Section {
        title: text!("Releases", "发布"),
        header: vec![
            Left(text!("job", "作业")),
            Left(text!("title", "标题")),
            Right(text!("entry", "条目")),
            Left(text!("time (UTC)", "时间（UTC）")),
            Right(text!("numbers", "数字个数")),
            Right(text!("rho", "rho 开销")),
            Left(text!("witnessed by", "见证方")),
        ],
        rows: report.jobs.iter().filter_map(|job| row(job)).collect(),
    }
}

/// Which nodes took which share of each run that was carried out on nodes.
fn computed(report: &Report, lang: Lang) -> Section {
    let row = |job: &JobLine| {
        let parts = job.parts.as_ref()?;
        let share = |node: &NodeParts| {
            let (name, count) = (&node.name, node.parts);
            say!("{name} ({count})", "{name}（{count}）").told(lang)
        };
        let by = parts.nodes.iter().map(share).collect::<Vec<_>>().join(", ");
        let counts = [parts.nodes.len() as u64, parts.parts, parts.pieces.into()].map(|count| count.to_string());
        Some([job.job.clone()].into_iter().chain(counts).chain([by]).collect())
    };
    Section {
        title: text!("Computed on nodes, by their receipts", "由计算节点完成的运行（依据回执）"),
        header: vec![
            Left(text!("job", "作业")),
            Right(text!("nodes", "节点数")),
            Right(text!("parts", "部分数")),
            Right(text!("pieces a round", "每轮分片数")),
            Left(text!("node (parts)", "节点（部分数）")),
        ],
        rows: report.jobs.iter().filter_map(|job| row(job)).collect(),
    }
}

fn rules_in_force(report: &Report, lang: Lang) -> Section {
    let row = |(key, value): (&String, &String)| vec![key.clone(), value.clone(), rules::meaning(key).told(lang)];
    Section {
        title: text!("Rules in force", "现行规则"),
        header: vec![
            Left(text!("rule", "规则")),
            Left(text!("value", "内容")),
            Left(text!("what it is about", "含义")),
        ],
        rows: report.rules.iter().map(row).collect(),
    }
}

fn rules_set(report: &Report, lang: Lang) -> Section {
    let row = |set: &RulesLine, [rule, before, after]: [String; 3]| {
        vec![set.entry.to_string(), moment(set.time), set.by.clone(), rule, before, after]
    };
    let said = |value: &Option<String>| value.clone().unwrap_or_else(|| text!("not set", "未设").told(lang));
    let rows = |set: &RulesLine| match set.changes.as_slice() {
        [] => vec![row(set, [text!("none", "无").told(lang), String::new(), String::new()])],
        some => some.iter().map(|one| row(set, [one.key.clone(), said(&one.before), said(&one.after)])).collect(),
    };
    Section {
        title: text!("How the rules changed", "规则的变更"),
        header: vec![
            Right(text!("entry", "条目")),
            Left(text!("time (UTC)", "时间（UTC）")),
            Left(text!("signed by", "签名人")),
            Left(text!("rule", "规则")),
            Left(text!("before", "原为")),
            Left(text!("now", "现为")),
        ],
        rows: report.rules_set.iter().flat_map(rows).collect(),
    }
}

fn people(report: &Report, lang: Lang) -> Section {
    let rows = report.people.iter().map(|person| {
        let revoked = person.revoked.map(|entry| say!("revoked by entry {entry}", "由条目 {entry} 吊销").told(lang));
        vec![
            person.name.clone(),
            person.roles.iter().map(|role| role.told(lang)).collect::<Vec<_>>().join(", "),
            person.key.short(),
            person.since.to_string(),
            revoked.unwrap_or_default(),
        ]
    });
    Section {
        title: text!("People", "人员"),
        header: vec![
            Left(text!("name", "姓名")),
            Left(text!("roles", "角色")),
            Left(text!("key", "密钥")),
            Right(text!("entry", "条目")),
            Left(text!("status", "状态")),
        ],
        rows: rows.collect(),
    }
}

fn nodes(report: &Report, lang: Lang) -> Section {
    let rows = report.nodes.iter().map(|node| {
        let revoked = node.revoked.map(|entry| say!("revoked by entry {entry}", "由条目 {entry} 吊销").told(lang));
        vec![node.name.clone(), node.key.short(), node.since.to_string(), revoked.unwrap_or_default()]
    });
    Section {
        title: text!("Nodes", "计算节点"),
        header: vec![
            Left(text!("name", "名称")),
            Left(text!("key", "密钥")),
            Right(text!("entry", "条目")),
            Left(text!("status", "状态")),
        ],
        rows: rows.collect(),
    }
}

/// A root in both spellings, as people compare it with others.
pub fn both(root: &Root) -> [(Text, String); 2] {
    [
        (text!("Root, in hex", "根哈希（十六进制）"), root.hex.clone()),
        (text!("The same in base64, as in checkpoints", "同一根哈希（base64，与检查点写法相同）"), root.base64.clone()),
    ]
}

/// A moment, in UTC.
pub fn moment(time: DateTime<Utc>) -> String {
    time.format("%F %T").to_string()
}

/// Where a job stands, in a word.
fn standing(job: &JobLine, lang: Lang) -> String {
    match (job.void, job.sealed) {
        (true, _) => text!("void", "已失效").told(lang),
        (_, true) => text!("sealed", "封存中").told(lang),
        _ => job.state.told(lang),
    }
}

/// Who had seen a job's release, or that too few had.
fn witnessed(job: &JobLine, lang: Lang) -> String {
    match &job.witnessed {
        None => String::new(),
        Some(found) if found.enough => found.by.join(", "),
        Some(found) => [&[text!("unwitnessed", "未经见证").told(lang)], found.by.as_slice()].concat().join(", "),
    }
}
