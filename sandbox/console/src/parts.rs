//! What several pages have.

use chrono::{DateTime, Local, Utc};
use maud::{Markup, html};
use unseen_access::Action;
use unseen_ids::{Digest, JobId};
use unseen_terminal::output::clean;
use unseen_texts::{Lang, Say, Sentence, say, text};

use crate::shell::Reader;

/// What the reader could do with a thing, and the rule that says so or not.
#[derive(Clone, Debug)]
pub struct Can {
    /// What.
    pub action: Action,
    /// Whether they may.
    pub allowed: bool,
    /// The rules that decide.
    pub why: Vec<Sentence>,
}

/// A digest in groups of four, as the command line and the log have it.
pub(crate) fn digest(digest: &Digest) -> Markup {
    let hex = digest.to_hex();
    let fours = hex.as_bytes().chunks(4).map(|four| String::from_utf8_lossy(four).into_owned());
    html! { code .digest { @for four in fours { span { (four) } " " } } }
}

/// A moment by the lab's clock.
pub(crate) fn moment(time: DateTime<Utc>) -> Markup {
    let shown = time.with_timezone(&Local).format("%F %H:%M").to_string();
    html! { time datetime=(time.to_rfc3339()) { (shown) } }
}

/// A link to a job.
pub(crate) fn job(reader: &Reader, id: JobId, title: &str) -> Markup {
    html! { a href=(reader.to(&format!("/jobs/{id}"))) { (id) " " (clean(title)) } }
}

/// A change that the reader signs in the browser.
pub(crate) struct Change<'a> {
    /// Where it is handed in.
    pub to: String,
    /// The exact bytes to sign, in base64; else the lab drafts them when the form is sent, out of its fields.
    pub sign: Option<&'a str>,
    /// Where its answer is a page of its own.
    pub open: Option<String>,
    /// The field that holds the whole change, in JSON.
    pub json: Option<&'a str>,
}

impl Change<'_> {
    /// One that the lab drafts.
    pub fn to(to: String) -> Self {
        Change { to, sign: None, open: None, json: None }
    }
}

/// The form for a change. `fields` are what the reader types.
pub(crate) fn signed(lang: Lang, can: Option<&Can>, change: &Change<'_>, button: &Sentence, fields: Markup) -> Markup {
    let Some(can) = can else { return html! {} };
    let why = can.why.iter().map(|why| why.told(lang)).collect::<Vec<_>>();
    let why = why.join(if lang == Lang::Zh { "；" } else { "; " });
    html! {
        form .change data-to=(change.to) data-sign=[change.sign] data-open=[&change.open] data-json=[change.json] {
            fieldset disabled[!can.allowed] {
                (fields)
                button disabled { (button.to(lang)) }
                @if can.allowed {
                    noscript { p { (spoken(text!("Signing needs a script; `unseen` at a terminal does without.", "签名需要脚本；也可在终端使用 `unseen`。").to(lang))) } }
                } @else {
                    p .why { (say!("Not yours to do: {why}", "您不能这样做：{why}").told(lang)) }
                }
            }
            p .said role="status" aria-live="polite" {}
        }
    }
}

/// A sentence of ours: what it has between backticks is set as what one types.
pub(crate) fn spoken(sentence: &str) -> Markup {
    html! { @for (at, part) in sentence.split('`').enumerate() { @if at % 2 == 1 { code { (part) } } @else { (part) } } }
}

/// What the reader may do of this kind.
pub(crate) fn can(all: &[Can], action: Action) -> Option<&Can> {
    all.iter().find(|can| can.action == action)
}

/// A mark that says in a word how something stands; its colour says no more.
pub(crate) fn mark(tone: &'static str, word: &str) -> Markup {
    html! { span .mark .(tone) { (word) } }
}
