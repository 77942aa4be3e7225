//! What waits for whoever reads: the first page that they see.

use maud::{Markup, html};
use unseen_terminal::output::clean;
use unseen_texts::{Lang, Say, Text, text};
use unseen_usecases::inbox::{Inbox, Waiting, WaitsFor};

use crate::parts::{job, moment};
use crate::shell::{Page, Place, Reader};

/// The page.
pub fn page(reader: &Reader, found: &Inbox) -> Page {
    let lang = reader.lang;
    let body = html! {
        @if found.waits.is_empty() {
            p .empty { (text!("Nothing waits for you.", "没有待办事项。").to(lang)) }
        }
        @for kinds in found.waits.chunk_by(|one, other| one.why == other.why) {
            @if let [first, ..] = kinds {
                section {
                    h2 { (title(first.why).to(lang)) " " span .count { (kinds.len()) } }
                    ul .cards { @for waiting in kinds { li { (card(reader, waiting, lang)) } } }
                }
            }
        }
    };
    Page { title: text!("Inbox", "待办").told(lang), place: Place::Inbox, body }
}

/// What a visitor sees in its place.
pub fn welcome(reader: &Reader) -> Page {
    let lang = reader.lang;
    let body = html! {
        p { (text!(
            "Data that can be used and never seen: analysts bring code, it runs where the data is, and only noised aggregates leave, each with a signed history that anyone can check.",
            "可用不可见：分析员带来代码，代码在数据所在之处运行，离开的只有加噪后的汇总结果，且每一项都有任何人可验证的签名历史。"
        ).to(lang)) }
        p { a .button href=(reader.to("/login")) { (text!("Log in", "登录").to(lang)) } " "
            a href=(reader.to("/log")) { (text!("Read the public log", "阅读公开日志").to(lang)) } }
        p #key-left .small hidden { (text!("A key is kept in this browser: whoever uses it can log in and sign with it.", "此浏览器中保存着密钥：使用此浏览器者可用它登录和签名。").to(lang)) " "
            a href=(reader.to("/keys")) { (text!("Remove it", "移除").to(lang)) } }
    };
    Page { title: reader.lab.clone(), place: Place::Inbox, body }
}

fn card(reader: &Reader, waiting: &Waiting, lang: Lang) -> Markup {
    let at = match waiting.why {
        WaitsFor::Release => format!("/jobs/{}/release", waiting.job),
        _ => format!("/jobs/{}", waiting.job),
    };
    html! {
        h3 { (job(reader, waiting.job, &waiting.title)) }
        @if !waiting.words.is_empty() { p { (clean(&waiting.words)) } }
        p .small { (clean(&waiting.author)) " · " (moment(waiting.since)) }
        p { a .button href=(reader.to(&at)) { (button(waiting.why).to(lang)) } }
    }
}

fn title(why: WaitsFor) -> Text {
    match why {
        WaitsFor::Decision => text!("To decide", "待审批"),
        WaitsFor::Witnesses => text!("Sealed: too few witnesses have answered", "封存中：见证方尚未足数"),
        WaitsFor::Again => text!("Void: submit again", "已失效：请重新提交"),
        WaitsFor::Rejected => text!("Declined", "被驳回"),
        WaitsFor::Failed => text!("Failed", "运行失败"),
        WaitsFor::Release => text!("Released", "已发布"),
    }
}

fn button(why: WaitsFor) -> Text {
    match why {
        WaitsFor::Decision => text!("Look and decide", "查看并审批"),
        WaitsFor::Release => text!("Read the release", "阅读发布结果"),
        _ => text!("Look", "查看"),
    }
}
