//! What is round every page: where one is, who one is, the other language.

use maud::{DOCTYPE, Markup, html};
use unseen_ids::Role;
use unseen_terminal::output::clean;
use unseen_texts::{Lang, Say, Sentence, Text, say, text};

use crate::assets::{ICON, SCRIPT, STYLE, VERIFIER};

/// Whoever reads a page.
#[derive(Clone, Debug)]
pub struct Reader {
    /// The language that the address names.
    pub lang: Lang,
    /// The lab's name.
    pub lab: String,
    /// What they are called; none for a visitor.
    pub name: Option<String>,
    /// What they may be asked to do.
    pub roles: Vec<Role>,
    /// The address of the page, behind the language.
    pub at: String,
    /// The entry of the log that names what these pages load.
    pub console: Option<u64>,
}

/// The desks there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// What waits.
    Inbox,
    /// Datasets.
    Catalogue,
    /// Jobs.
    Jobs,
    /// The log.
    Log,
    /// People.
    People,
    /// The rules in force.
    Policy,
    /// The machine, and who watches.
    Operations,
    /// The lab's own audit.
    Audit,
    /// One's own key.
    Keys,
}

/// A page, without what is round it.
pub struct Page {
    /// What it is about.
    pub title: String,
    /// The desk that it belongs to.
    pub place: Place,
    /// What it says.
    pub body: Markup,
}

impl Reader {
    /// The address of a page in the reader's language.
    pub fn to(&self, at: &str) -> String {
        format!("/{}{at}", code(self.lang))
    }
}

impl Place {
    const ALL: [Place; 9] = [
        Place::Inbox,
        Place::Catalogue,
        Place::Jobs,
        Place::Log,
        Place::People,
        Place::Policy,
        Place::Operations,
        Place::Audit,
        Place::Keys,
    ];

    fn name(self) -> Text {
        match self {
            Place::Inbox => text!("Inbox", "待办"),
            Place::Catalogue => text!("Datasets", "数据目录"),
            Place::Jobs => text!("Jobs", "作业"),
            Place::Log => text!("Log", "日志"),
            Place::People => text!("People", "人员"),
            Place::Policy => text!("Rules", "规则"),
            Place::Operations => text!("Operations", "运行状况"),
            Place::Audit => text!("Audit", "审计"),
            Place::Keys => text!("My key", "我的密钥"),
        }
    }

    fn at(self) -> &'static str {
        match self {
            Place::Inbox => "/",
            Place::Catalogue => "/datasets",
            Place::Jobs => "/jobs",
            Place::Log => "/log",
            Place::People => "/people",
            Place::Policy => "/policy",
            Place::Operations => "/operations",
            Place::Audit => "/audit",
            Place::Keys => "/keys",
        }
    }

    /// Whether this reader has anything to do there.
    fn is_for(self, reader: &Reader) -> bool {
        let is = |roles: &[Role]| reader.roles.iter().any(|role| roles.contains(role));
        match self {
            Place::Log => true,
            Place::People => is(&[Role::Steward, Role::Operator, Role::Security, Role::Auditor]),
            Place::Operations | Place::Audit => is(&[Role::Operator, Role::Auditor]),
            _ => reader.name.is_some(),
        }
    }
}

/// A page as it is sent.
pub fn whole(reader: &Reader, page: &Page) -> String {
    let lang = reader.lang;
    let other = if lang == Lang::Zh { (Lang::En, "English") } else { (Lang::Zh, "中文") };
    let elsewhere = Reader { lang: other.0, ..reader.clone() };
    let title = clean(&page.title);
    html! {
        (DOCTYPE)
        html lang=(if lang == Lang::Zh { "zh-CN" } else { "en" }) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Unseen" }
                link rel="icon" type=(ICON.kind) href=(ICON.address());
                link rel="stylesheet" href=(STYLE.address());
                script src=(SCRIPT.address()) defer {}
                script src=(VERIFIER.address()) defer {}
            }
            body data-lab=(reader.lab) {
                a .skip href="#main" { (text!("Skip to the page", "跳到正文").to(lang)) }
                header {
                    p .lab { a href=(reader.to("/")) { "Unseen" } " " span { (clean(&reader.lab)) } }
                    nav aria-label=(text!("Desks", "工作台").to(lang)) { ul {
                        @for place in Place::ALL.into_iter().filter(|place| place.is_for(reader)) {
                            li { a href=(reader.to(place.at())) aria-current=[(place == page.place).then_some("page")] {
                                (place.name().to(lang))
                            } }
                        }
                    } }
                    div .who { (who(reader)) " " a hreflang=(code(other.0)) lang=(code(other.0)) href=(elsewhere.to(&reader.at)) { (other.1) } }
                }
                main id="main" tabindex="-1" { h1 { (title) } (page.body) }
                footer { p {
                    (text!("Nothing on these pages depends on raw rows, but for what noise was added to.", "除加噪后的数字外，本站任何内容都不取决于原始数据行。").to(lang))
                    " " (text!("This console:", "本控制台：").to(lang)) " " code { (crate::assets::digest().to_hex()) }
                    @if let Some(entry) = reader.console {
                        " " a href=(reader.to(&format!("/log/{entry}"))) { (say!("on record in entry {entry}", "载于条目 {entry}").told(lang)) }
                    }
                } }
            }
        }
    }
    .into_string()
}

fn who(reader: &Reader) -> Markup {
    let lang = reader.lang;
    let Some(name) = &reader.name else {
        return html! { a href=(reader.to("/login")) { (text!("Log in", "登录").to(lang)) } };
    };
    let roles: Vec<String> = reader.roles.iter().map(|role| role.told(lang)).collect();
    html! {
        strong { (clean(name)) } " " span .roles { (roles.join(if lang == Lang::Zh { "、" } else { ", " })) }
        form method="post" action=(reader.to("/logout")) { button .plain { (text!("Log out", "退出").to(lang)) } }
    }
}

/// A page that says why there is no other.
pub fn refused(reader: &Reader, why: &Sentence) -> Page {
    let lang = reader.lang;
    let body = html! {
        p .verdict role="alert" { (clean(why.to(lang))) }
        @if reader.name.is_none() {
            p { a .button href=(reader.to("/login")) { (text!("Log in", "登录").to(lang)) } }
        }
        p { a href=(reader.to("/")) { (text!("To the inbox", "回到待办").to(lang)) } }
    };
    Page { title: text!("This cannot be shown", "无法显示").told(lang), place: Place::Inbox, body }
}

fn code(lang: Lang) -> &'static str {
    if lang == Lang::Zh { "zh" } else { "en" }
}
