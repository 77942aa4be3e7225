//! People, rules, and what keeps the lab up.

use maud::{Markup, html};
use unseen_access::Action;
use unseen_shown::jobs::moment;
use unseen_shown::walls::title;
use unseen_terminal::output::clean;
use unseen_terminal::page::{facts, rows};
use unseen_terminal::table::Column::{Left, Right};
use unseen_texts::{Say, Text, say, text};
use unseen_usecases::budget::Budget;
use unseen_usecases::doctor::{Doctor, Hold};
use unseen_usecases::jobs::Jobs;
use unseen_usecases::labs::LabShown;
use unseen_usecases::people::People;
use unseen_usecases::policy::{AccessExplained, PolicyShown};
use unseen_usecases::witnesses::WitnessesShown;

use crate::catalogue::budgets;
use crate::parts::{Can, Change, can, mark, signed};
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
            html! { code { (&person.public_key.to_string()[..16]) "…" } },
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
                    label for="request" { (text!("What `unseen person request` wrote", "`unseen person request` 写出的内容").to(lang)) }
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

/// The rules in force, each of access in a sentence.
pub fn policy(reader: &Reader, found: &PolicyShown, access: &AccessExplained) -> Page {
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
    /// The machine; none while a run goes on.
    pub doctor: Option<&'a Doctor>,
}

/// The lab's machine, queue and watchers.
pub fn operations(reader: &Reader, found: &Watched<'_>) -> Page {
    let lang = reader.lang;
    let waiting = found.jobs.jobs.iter().filter(|job| job.approvals < job.approvals_needed as usize).count();
    let queued = found.jobs.jobs.iter().filter(|job| job.queued.is_some()).count();
    let body = html! {
        (facts(lang, &[
            (text!("Entries of the log", "日志条目数"), found.lab.entries.to_string()),
            (text!("Jobs that wait for approval", "等待审批的作业"), waiting.to_string()),
            (text!("Jobs in the queue", "排队中的作业"), queued.to_string()),
            (text!("Verifier key", "验证公钥"), found.lab.log_key.clone()),
        ]))
        h2 { (text!("Witnesses", "见证方").to(lang)) } (witnesses(reader, found.witnesses))
        h2 { (text!("Protections of the machine", "本机防护").to(lang)) }
        @match found.doctor {
            Some(doctor) => (protections(reader, doctor)),
            None => p { (text!("A run goes on; the machine is looked at when its slot is over.", "正在运行作业；其时段结束后再检查本机。").to(lang)) },
        }
        h2 { (text!("Budgets", "预算").to(lang)) } (budgets(found.budget, lang))
    };
    Page { title: text!("Operations", "运行").told(lang), place: Place::Operations, body }
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
