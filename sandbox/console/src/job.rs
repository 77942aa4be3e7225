//! One job, on one page, for those who decide about it: five computed things first, then the rest.

use maud::{Markup, html};
use unseen_access::Action;
use unseen_policies::ledger::span;
use unseen_shown::figures::bytes;
use unseen_shown::jobs::{approvals, cost, standing, when, witnesses, word};
use unseen_shown::released::bounds;
use unseen_terminal::output::clean;
use unseen_terminal::page::{facts, rows};
use unseen_terminal::table::Column::Left;
use unseen_texts::{Lang, Say, Sentence, say, text};
use unseen_usecases::jobs::{JobShown, ListedJob, Reads};

use crate::parts::{Can, Change, can, digest, job, moment, signed, spoken};
use crate::plan::{left, published};
use crate::shell::{Page, Place, Reader};

/// How many of an author's earlier jobs are shown.
const MOST_EARLIER: usize = 10;

/// The page. `approval` is what an approver signs, in base64, where one could; `cans` is what the reader may do.
pub fn page(reader: &Reader, found: &JobShown, approval: Option<&str>, cans: &[Can]) -> Page {
    let lang = reader.lang;
    let body = html! {
        p .standing { (standing(&found.job, lang)) @if let Some(reason) = &found.job.reason { (text!(": ", "：").to(lang)) (clean(reason)) } }
        @if let Some(held) = &found.job.held { p .verdict { (clean(held.to(lang))) } }
        (five(found, lang))
        (decide(reader, found, approval, cans))
        (module(found, lang))
        (history(found, lang))
        (others(reader, found))
        @if !found.manifest_text.is_empty() {
            details { summary { (text!("Manifest", "作业清单").to(lang)) } pre { (found.manifest_text) } }
        }
    };
    Page { title: format!("{} {}", found.job.job, found.job.title), place: Place::Jobs, body }
}

/// What is decided about, computed from what was submitted.
fn five(found: &JobShown, lang: Lang) -> Markup {
    let plan = &found.plan;
    html! {
        ol .five {
            li { h2 { (text!("Purpose, and who", "用途与提交人").to(lang)) }
                p { (clean(&plan.purpose)) }
                p .small { (clean(&found.job.author)) " · " (moment(found.job.submitted))
                    @if found.author_revoked { " · " strong { (text!("key revoked: it cannot start", "密钥已吊销：无法开始").to(lang)) } } }
            }
            li { h2 { (text!("What is read", "读取的内容").to(lang)) } (reads(&found.reads, lang)) }
            li { h2 { (text!("The most one unit can add", "单个单元至多贡献").to(lang)) }
                ul { @for line in bounds(plan) { li { (clean(&line.told(lang))) } } } }
            li { h2 { (text!("What is published, when, how exact", "发布什么、何时发布、误差多大").to(lang)) }
                p { (clean(&when(&plan.release, lang))) }
                (published(plan, lang)) }
            li { h2 { (text!("Cost, and what is left", "开销与剩余预算").to(lang)) }
                p { "rho " (cost(plan, lang)) }
                (left(&found.budget, lang)) }
        }
    }
}

fn reads(reads: &[Reads], lang: Lang) -> Markup {
    let header = [
        Left(text!("Dataset", "数据集").told(lang)),
        Left(text!("Level", "级别").told(lang)),
        Left(text!("Columns", "列").told(lang)),
    ];
    let row = |read: &Reads| {
        let level = match read.domain {
            None => text!("public table", "公开参照表").told(lang),
            Some(_) => word(read.classification.en(), read.classification.zh(), lang),
        };
        let columns = html! {
            ul .inline { @for column in &read.columns { li {
                code { (clean(&column.name)) } " " (clean(&word(&column.en, &column.zh, lang)))
            } } }
            @if read.replaced { p .small { (text!("imported again since; the job runs on what it named", "此后已重新导入；作业使用其指定的快照").to(lang)) } }
        };
        vec![html! { (clean(&read.dataset)) }, html! { (level) }, columns]
    };
    rows(&header, reads.iter().map(row))
}

fn decide(reader: &Reader, found: &JobShown, approval: Option<&str>, cans: &[Can]) -> Markup {
    let lang = reader.lang;
    let id = found.job.job;
    let to = |what: &str| format!("/v1/jobs/{id}/{what}");
    let reason = |id: &str, label: Sentence| {
        html! { label for=(id) { (label.to(lang)) } input id=(id) name="reason" required maxlength="500" autocomplete="off"; }
    };
    // Why one may not approve is worth a sentence; what else is not theirs to do is left out.
    let open = |action| match action {
        Action::ApproveJob => can(cans, action).filter(|can| approval.is_some() || !can.allowed),
        _ => can(cans, action).filter(|can| can.allowed),
    };
    let open_still = found.job.approvals.is_none_or(|has| has < found.job.approvals_needed as usize);
    let waits = open_still || found.run.is_none();
    html! {
        @if waits && found.release.is_none() && (open(Action::ApproveJob).is_some() || open(Action::WithdrawJob).is_some()) {
            section .decide { h2 { (text!("Decide", "决定").to(lang)) }
                (signed(lang, open(Action::ApproveJob), &Change { sign: approval, ..Change::to(to("approvals")) }, &text!("Approve and sign", "批准并签名").into(), html! {
                    p .small { (text!("You sign exactly this job: title, purpose, datasets, cost, manifest and module.", "您签署的正是此作业：标题、用途、数据集、开销、作业清单和模块。").to(lang)) }
                }))
                (signed(lang, open(Action::RejectJob), &Change::to(to("rejections")), &text!("Decline and sign", "驳回并签名").into(),
                    reason("reject", text!("Why, for the analyst", "原因（分析员可见）").into())))
                (signed(lang, open(Action::WithdrawJob), &Change::to(to("withdrawals")), &text!("Take it back and sign", "撤回并签名").into(),
                    reason("withdraw", text!("Why, for the record", "原因（记录在案）").into())))
            }
        }
        @if found.release.is_some() {
            p { a .button href=(reader.to(&format!("/jobs/{id}/release"))) { (text!("Read the release", "阅读发布结果").to(lang)) } }
        }
    }
}

fn module(found: &JobShown, lang: Lang) -> Markup {
    let name = unseen_shown::jobs::ready_made(&found.module);
    let ready_made = name.is_some();
    html! {
        section { h2 { (text!("What runs", "运行的内容").to(lang)) }
            dl .facts {
                dt { (text!("Module", "模块").to(lang)) }
                dd { @if let Some(name) = name { (name.to(lang)) } @else { (digest(&found.module)) } }
                @if !ready_made {
                    dt { (text!("Size", "大小").to(lang)) } dd { (bytes(found.module_bytes)) }
                    dt { (text!("Imports", "导入").to(lang)) } dd { (text!("nothing but the types of its contract: a component that imports anything else does not start", "仅限约定的类型：含有其他导入的组件无法启动").to(lang)) }
                }
                @if let Some(filter) = &found.plan.filter {
                    dt { (text!("Rows that count", "计入的行").to(lang)) } dd { code { (filter) } }
                }
                @for made in &found.plan.made {
                    dt { (made.name) } dd { code { (made.expression) } }
                }
                dt { (text!("Manifest", "作业清单").to(lang)) } dd { (digest(&found.manifest)) }
            }
            @if !ready_made { p .small { (spoken(&say!("Look at the component itself: `unseen job fetch {id} --out DIR`.", "查看组件本身：`unseen job fetch {id} --out DIR`。", id = found.job.job).told(lang))) } }
            @if let Some(need) = found.plan.need {
                (facts(lang, &[
                    (text!("The run takes at most", "运行最长需要"), span(need.seconds).told(lang)),
                    (text!("Memory, at most", "最多占用内存"), bytes(need.memory)),
                ]))
            }
        }
    }
}

fn history(found: &JobShown, lang: Lang) -> Markup {
    let mut about = vec![(text!("Approvals", "审批"), approvals(found).told(lang))];
    if let Some(place) = found.job.queued {
        about.push((text!("Queued at", "排队位次"), place.to_string()));
    }
    if let Some(run) = &found.run {
        about.push((text!("Started by entry", "开始运行的条目"), run.entry.to_string()));
    }
    if let Some(entry) = found.release {
        about.push((text!("Released by entry", "发布条目"), entry.to_string()));
    }
    about.extend(witnesses(found.witnessed.as_ref(), lang).map(|said| (text!("Witnessed by", "见证方"), said)));
    html! {
        section { h2 { (text!("History", "经过").to(lang)) } (facts(lang, &about))
            @if let Some(run) = &found.run {
                p { (text!("No result before", "结果不早于").to(lang)) " " (moment(run.release_at)) }
            }
        }
    }
}

fn others(reader: &Reader, found: &JobShown) -> Markup {
    let lang = reader.lang;
    let listed = |jobs: &[ListedJob]| {
        html! { ul { @for other in jobs { li { (job(reader, other.job, &other.title)) " · " (clean(&other.author)) " · " (standing(other, lang)) " · rho " (other.rho) } } } }
    };
    html! {
        @if !found.waiting.is_empty() && !found.budget.is_empty() {
            section { h2 { (text!("Other jobs that wait", "其他待办作业").to(lang)) } (listed(&found.waiting)) }
        }
        @if !found.earlier.is_empty() {
            section { h2 { (text!("Earlier jobs of the same author", "同一提交人此前的作业").to(lang)) }
                (listed(&found.earlier[..found.earlier.len().min(MOST_EARLIER)])) }
        }
    }
}
