//! People, rules, and what keeps the lab up.

use chrono::{DateTime, TimeDelta, Utc};
use maud::{Markup, html};
use unseen_access::Action;
use unseen_policies::ledger::span;
use unseen_policies::lifecycle::State as JobState;
use unseen_shown::figures::bytes;
use unseen_shown::jobs::moment;
use unseen_shown::walls::{open_walls, title};
use unseen_terminal::output::clean;
use unseen_terminal::page::{facts, rows};
use unseen_terminal::table::Column::{Left, Right};
use unseen_texts::{Say, Text, say, text};
use unseen_usecases::budget::Budget;
use unseen_usecases::doctor::{Doctor, Hold};
use unseen_usecases::jobs::Jobs;
use unseen_usecases::labs::LabShown;
use unseen_usecases::logs::Entries;
use unseen_usecases::nodes::Nodes;
use unseen_usecases::people::People;
use unseen_usecases::policy::{AccessExplained, PolicyShown};
use unseen_usecases::witnesses::WitnessesShown;

use crate::catalogue::budgets;
use crate::log::rules_set;
use crate::parts::{Can, Change, can, mark, signed, spoken};
use crate::shell::{Page, Place, Reader};

/// Everybody who was ever enrolled.
pub fn people(reader: &Reader, found: &People, cans: &[Can]) -> Page {
    let lang = reader.lang;
    // Whether the rules let this reader enrol: who in particular, they say once it is known.
    let may = |action| can(cans, action).filter(|can| can.allowed);
    let header = [
        Left(text!("Name", "姓名").told(lang)),
        Left(text!("Roles", "角色").told(lang)),
        Left(text!("Key", "公钥").told(lang)),
        Right(text!("Since entry", "登记条目").told(lang)),
        Left(text!("State", "状态").told(lang)),
    ];
    let listed = found.people.iter().map(|person| {
        let roles: Vec<String> = person.roles.iter().map(|role| role.told(lang)).collect();
        let state = match person.revoked {
            Some(entry) => mark("note", &say!("revoked by entry {entry}", "由条目 {entry} 吊销").told(lang)),
            None => mark("good", text!("enrolled", "有效").to(lang)),
        };
        vec![
            html! { (clean(&person.name)) },
            html! { (roles.join(" · ")) },
            html! { code { (&person.public_key.to_string()[..16]) "…" } @if let Some(kept) = person.kept { " " span .small { (kept.key().to(lang)) } } },
            html! { a href=(reader.to(&format!("/log/{}", person.since))) { (person.since) } },
            state,
        ]
    });
    let revocable = found.people.iter().filter(|person| person.revoked.is_none());
    let body = html! {
        (rows(&header, listed))
        @if let Some(enrol) = may(Action::EnrolPerson) {
            section .decide { h2 { (text!("Enrol somebody", "登记人员").to(lang)) }
                (signed(lang, Some(enrol), &Change { json: Some("request"), ..Change::to("/v1/people".to_owned()) }, &text!("Enrol and sign", "登记并签名").into(), html! {
                    label for="request" { (spoken(text!("Their request, from their page \"My key\" or written by `unseen person request`", "登记申请：来自本人的“我的密钥”页，或由 `unseen person request` 写出").to(lang))) }
                    textarea #request name="request" rows="6" required spellcheck="false" {}
                }))
            }
        }
        @if let Some(revoke) = may(Action::RevokePerson) {
            section .decide { h2 { (text!("Revoke a key", "吊销密钥").to(lang)) }
                @for person in revocable {
                    details { summary { (clean(&person.name)) }
                        (signed(lang, Some(revoke), &Change::to(format!("/v1/people/{}/revocations", person.public_key)), &text!("Revoke and sign", "吊销并签名").into(), html! {
                            label for=(format!("why-{}", person.since)) { (text!("Why, for the record", "原因（记录在案）").to(lang)) }
                            input id=(format!("why-{}", person.since)) name="reason" required maxlength="500" autocomplete="off";
                        }))
                    }
                }
            }
        }
    };
    Page { title: text!("People", "人员").told(lang), place: Place::People, body }
}

/// The rules in force, each of access in a sentence, and how they changed, for whom may read that.
pub fn policy(reader: &Reader, found: &PolicyShown, access: &AccessExplained, history: Option<&Entries>) -> Page {
    let lang = reader.lang;
    let header = [
        Left(text!("Rule", "规则").told(lang)),
        Left(text!("Effect", "效果").told(lang)),
        Left(text!("What it says", "内容").told(lang)),
    ];
    let listed = access.rules.iter().map(|rule| {
        let effect = match rule.permits {
            true => mark("good", text!("allows", "允许").to(lang)),
            false => mark("note", text!("forbids", "禁止").to(lang)),
        };
        vec![html! { code { (clean(&rule.rule)) } }, effect, html! { (clean(rule.says.to(lang))) }]
    });
    let body = html! {
        h2 { (text!("Budgets, approvals, releases", "预算、审批与发布").to(lang)) }
        pre { (found.toml) }
        h2 { (text!("Who may do what", "谁可以做什么").to(lang)) }
        (rows(&header, listed))
        @if let Some(history) = history { (rules_set(reader, history)) }
    };
    Page { title: text!("Rules", "规则").told(lang), place: Place::Policy, body }
}

/// What an operator watches.
pub struct Watched<'a> {
    /// The lab.
    pub lab: &'a LabShown,
    /// Jobs that wait or run.
    pub jobs: &'a Jobs,
    /// Budgets.
    pub budget: &'a Budget,
    /// The witnesses that the policy names.
    pub witnesses: &'a WitnessesShown,
    /// The nodes, for whom the rules let see them.
    pub nodes: Option<&'a Nodes>,
    /// The machine; none while a run goes on.
    pub doctor: Option<&'a Doctor>,
    /// What runs short.
    pub supplies: &'a Supplies,
}

/// What an operator must not let run short.
pub struct Supplies {
    /// How long the oldest job has waited for its approvals, in seconds.
    pub oldest_wait: u64,
    /// Free bytes of the lab's disk.
    pub disk_free: Option<u64>,
    /// When the certificate of the service ends; none where it shows none.
    pub certificate_ends: Option<DateTime<Utc>>,
    /// Sessions that are open.
    pub sessions: usize,
}

/// Less than this of the disk, or of the certificate's time, is worth a mark.
const LITTLE_DISK: u64 = 10 << 30;
const LITTLE_TIME: TimeDelta = TimeDelta::days(30);
/// A job that waits longer has been forgotten.
const LONG_WAIT: u64 = 7 * 24 * 3600;

/// The lab's machine, queue and watchers.
pub fn operations(reader: &Reader, found: &Watched<'_>) -> Page {
    let lang = reader.lang;
    let waiting = found.jobs.jobs.iter().filter(|job| job.state == JobState::Submitted && !job.void).count();
    let queued = found.jobs.jobs.iter().filter(|job| job.queued.is_some()).count();
    let body = html! {
        h2 { (text!("What to look after", "关注事项").to(lang)) } (to_look_after(reader, found.supplies))
        h2 { (text!("The lab", "实验室").to(lang)) }
        (facts(lang, &[
            (text!("Open sessions", "当前会话数"), found.supplies.sessions.to_string()),
            (text!("Entries of the log", "日志条目数"), found.lab.entries.to_string()),
            (text!("Nodes enrolled", "已登记的计算节点"), found.lab.nodes.to_string()),
            (text!("Jobs that wait for approval", "等待审批的作业"), waiting.to_string()),
            (text!("Jobs in the queue", "排队中的作业"), queued.to_string()),
            (text!("Verifier key", "验证公钥"), found.lab.log_key.clone()),
        ]))
        p { a href="/v1/evidence-pack" { (text!("What the lab shows for GB/T 22239 (level 3) and SATRE, with proofs (zip)", "等保三级（GB/T 22239）与 SATRE 合规材料，附证明（zip）").to(lang)) } }
        h2 { (text!("Witnesses", "见证方").to(lang)) } (witnesses(reader, found.witnesses))
        @if let Some(found) = found.nodes.filter(|found| !found.nodes.is_empty()) {
            h2 { (text!("Nodes", "计算节点").to(lang)) } (nodes(reader, found))
        }
        h2 { (text!("Protections of the machine", "本机防护").to(lang)) }
        @match found.doctor {
            Some(doctor) => (protections(reader, doctor)),
            None => p { (text!("A run goes on; the machine is looked at when its slot is over.", "正在运行作业；其时段结束后再检查本机。").to(lang)) },
        }
        h2 { (text!("Budgets", "预算").to(lang)) } (budgets(found.budget, lang))
    };
    Page { title: text!("Operations", "运行状况").told(lang), place: Place::Operations, body }
}

fn to_look_after(reader: &Reader, found: &Supplies) -> Markup {
    let lang = reader.lang;
    let good = |good| match good {
        true => mark("good", text!("in order", "正常").to(lang)),
        false => mark("bad", text!("LOOK AT IT", "须处理").to(lang)),
    };
    let header = [
        Left(text!("What", "事项").told(lang)),
        Left(text!("State", "状态").told(lang)),
        Left(text!("Figure", "数值").told(lang)),
    ];
    let wait = match found.oldest_wait {
        0 => text!("nothing waits", "没有等待").told(lang),
        seconds => span(seconds).told(lang),
    };
    let mut watched = vec![(
        text!("Oldest job that waits for approval", "等待审批最久的作业"),
        good(found.oldest_wait < LONG_WAIT),
        wait,
    )];
    watched.extend(
        found.disk_free.map(|free| (text!("Free disk", "磁盘剩余空间"), good(free >= LITTLE_DISK), bytes(free))),
    );
    watched.extend(found.certificate_ends.map(|ends| {
        let good = good(ends - Utc::now() >= LITTLE_TIME);
        (text!("The service's certificate ends", "服务证书到期"), good, ends.date_naive().to_string())
    }));
    let row =
        |(what, state, figure): (Text, Markup, String)| vec![html! { (what.to(lang)) }, state, html! { (figure) }];
    rows(&header, watched.into_iter().map(row))
}

fn witnesses(reader: &Reader, found: &WitnessesShown) -> Markup {
    let lang = reader.lang;
    if found.witnesses.is_empty() {
        return html! { p { (text!("The policy names none.", "规则未指定见证方。").to(lang)) } };
    }
    let header =
        [Left(text!("Witness", "见证方").told(lang)), Left(text!("The present checkpoint", "当前检查点").told(lang))];
    let listed = found.witnesses.iter().map(|witness| {
        let state = match witness.cosigned {
            Some(at) => mark("good", &say!("cosigned {at}", "已于 {at} 联署", at = moment(at)).told(lang)),
            None => mark("note", text!("not yet", "尚未联署").to(lang)),
        };
        vec![html! { (clean(&witness.name)) }, state]
    });
    rows(&header, listed)
}

fn nodes(reader: &Reader, found: &Nodes) -> Markup {
    let lang = reader.lang;
    let header = [
        Left(text!("Node", "节点").told(lang)),
        Left(text!("Key", "公钥").told(lang)),
        Right(text!("Since entry", "登记条目").told(lang)),
        Left(text!("State", "状态").told(lang)),
        Left(text!("Last run", "最近运行").told(lang)),
        Left(text!("Walls then", "当时的防护墙").told(lang)),
    ];
    let listed = found.nodes.iter().map(|node| {
        let state = match node.revoked {
            Some(entry) => mark("note", &say!("revoked by entry {entry}", "由条目 {entry} 吊销").told(lang)),
            None => mark("good", text!("enrolled", "有效").to(lang)),
        };
        let last = node.last.as_ref();
        vec![
            html! { (clean(&node.name)) },
            html! { code { (&node.public_key.to_string()[..16]) "…" } },
            html! { a href=(reader.to(&format!("/log/{}", node.since))) { (node.since) } },
            state,
            html! { @if let Some(last) = last { a href=(reader.to(&format!("/jobs/{}", last.job))) { (last.job) } } },
            html! { @if let Some(last) = last { (open_walls(&last.walls).told(lang)) } },
        ]
    });
    rows(&header, listed)
}

fn protections(reader: &Reader, found: &Doctor) -> Markup {
    let lang = reader.lang;
    let header = [
        Left(text!("Protection", "防护").told(lang)),
        Left(text!("State", "状态").told(lang)),
        Left(text!("Why", "原因").told(lang)),
    ];
    let listed = found.protections.iter().map(|protection| {
        let (tone, state): (_, Text) = match protection.state {
            Hold::Holds => ("good", text!("holds", "有效")),
            Hold::Partly => ("note", text!("holds in part", "部分有效")),
            Hold::Missing => ("bad", text!("MISSING", "缺失")),
        };
        let why = protection.why.as_ref().map(|why| clean(why.to(lang)));
        let name = title(&protection.name).map_or_else(|| protection.name.clone(), |title| title.told(lang));
        vec![html! { (name) }, mark(tone, state.to(lang)), html! { (why.unwrap_or_default()) }]
    });
    rows(&header, listed)
}
