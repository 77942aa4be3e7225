//! What was released of a job. Opening it is an entry of the log that its reader signs.

use maud::html;
use unseen_access::Action;
use unseen_shown::jobs::standing;
use unseen_shown::released;
use unseen_texts::{Text, text};
use unseen_usecases::jobs::JobShown;
use unseen_usecases::release::Release;

use crate::parts::{Can, Change, can, signed, spoken};
use crate::shell::{Page, Place, Reader};

/// The page before it is opened.
pub fn page(reader: &Reader, found: &JobShown, cans: &[Can]) -> Page {
    let lang = reader.lang;
    let id = found.job.job;
    let body = html! {
        p .standing { (standing(&found.job, lang)) }
        @if found.release.is_some() {
            p { (text!("Every reading of a release is on record: it is opened with your signature.", "每次阅读发布结果都记录在案：须用您的签名打开。").to(lang)) }
            (signed(lang, can(cans, Action::ReadRelease),
                &Change { open: Some(reader.to(&format!("/jobs/{id}/release"))), ..Change::to(format!("/v1/jobs/{id}/release")) },
                &text!("Open and sign", "签名并打开").into(), html! {}))
            p { a href=(format!("/v1/jobs/{id}/ro-crate")) { (text!("Without the numbers: a Five Safes RO-Crate, with proofs (zip)", "不含数字：Five Safes RO-Crate，附证明（zip）").to(lang)) } }
        } @else {
            p .empty { (text!("There is no release yet.", "尚无发布结果。").to(lang)) }
        }
        p { a href=(reader.to(&format!("/jobs/{id}"))) { (text!("To the job", "回到作业").to(lang)) } }
    };
    Page { title: format!("{id} {}", found.job.title), place: Place::Jobs, body }
}

/// The release itself. `entry` is the envelope with which it was opened, in base64: files are taken with it too.
pub fn opened(reader: &Reader, found: &Release, entry: &str) -> Page {
    let lang = reader.lang;
    let id = found.job;
    let at = reader.to(&format!("/jobs/{id}/release"));
    let taken = |form: Form| {
        html! {
            form method="post" action=(at) {
                input type="hidden" name="entry" value=(entry);
                button name="as" value=(form.name()) { (form.title().to(lang)) }
            }
        }
    };
    let body = html! {
        section .take aria-label=(text!("Take it along", "下载").to(lang)) { @for form in Form::ALL { (taken(form)) } }
        (released::page::body(found, lang))
        section .verify { h2 { (text!("Verify this release", "核验此次发布").to(lang)) }
            p { (text!(
                "Your browser fetches the receipt and checks it by itself: that the numbers are those that the log names, that the log holds that entry, that the log's key has signed it, and who has witnessed it.",
                "浏览器会取得凭证并自行核验：数字与日志所载一致、日志中有该条目、由日志密钥签名，以及有哪些见证方。"
            ).to(lang)) }
            form #verify data-at=(at) data-entry=(entry) data-digest=(found.body) data-job=(id) {
                button disabled { (text!("Verify", "核验").to(lang)) }
                p .said role="status" aria-live="polite" {}
                ul .checks hidden {}
            }
            noscript { p { (spoken(text!("This needs a script; `unseen-audit receipt` does without.", "此处需要脚本；也可用 `unseen-audit receipt`。").to(lang))) } }
            p .small { (spoken(text!(
                "A lab that lies could lie on this page too. Take the receipt and check it with a program from elsewhere: `unseen-audit receipt`.",
                "若实验室作假，本页也可能作假。请下载凭证，用来自别处的程序核验：`unseen-audit receipt`。"
            ).to(lang))) }
        }
        p { a href=(reader.to(&format!("/jobs/{id}"))) { (text!("To the job", "回到作业").to(lang)) } }
    };
    Page { title: format!("{id} {}", found.title), place: Place::Jobs, body }
}

/// A file that a release is taken as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A line for each number, for spreadsheets.
    Csv,
    /// The same with types.
    Parquet,
    /// The answer that programs get.
    Json,
    /// The numbers with the proof that the log names them.
    Receipt,
}

impl Form {
    /// All of them.
    pub const ALL: [Form; 4] = [Form::Csv, Form::Parquet, Form::Json, Form::Receipt];

    /// The one that a form field names.
    pub fn named(name: &str) -> Option<Form> {
        Form::ALL.into_iter().find(|form| form.name() == name)
    }

    /// Its name in a form field.
    pub fn name(self) -> &'static str {
        match self {
            Form::Csv => "csv",
            Form::Parquet => "parquet",
            Form::Json => "json",
            Form::Receipt => "receipt",
        }
    }

    /// How the names of such files end.
    pub fn ending(self) -> &'static str {
        match self {
            Form::Receipt => "receipt.json",
            other => other.name(),
        }
    }

    /// Its media type.
    pub fn kind(self) -> &'static str {
        match self {
            Form::Csv => "text/csv; charset=utf-8",
            Form::Parquet => "application/vnd.apache.parquet",
            Form::Json | Form::Receipt => "application/json",
        }
    }

    fn title(self) -> Text {
        match self {
            Form::Csv => text!("CSV file", "CSV 文件"),
            Form::Parquet => text!("Parquet file", "Parquet 文件"),
            Form::Json => text!("JSON file", "JSON 文件"),
            Form::Receipt => text!("Receipt", "凭证"),
        }
    }
}
