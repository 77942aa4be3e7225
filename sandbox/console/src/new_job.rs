//! A new job, without a terminal: written, checked, signed.

use maud::{Markup, html};
use unseen_access::Action;
use unseen_ids::Digest;
use unseen_shown::jobs::{cost, in_blocks, when};
use unseen_shown::released::bounds;
use unseen_terminal::output::clean;
use unseen_texts::{Lang, Say, Sentence, text};
use unseen_usecases::check::Checked;

use crate::parts::{Can, Change, can, mark, signed, spoken};
use crate::plan::{left, published};
use crate::shell::{Page, Place, Reader};

/// A job that only counts and sums, to be changed.
const TEMPLATE: &str = include_str!("template.toml");

/// What was written.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// The text of `job.toml`.
    pub manifest: String,
    /// The digest of the component, if one was sent.
    pub module: Option<Digest>,
}

/// An empty page.
pub fn page(reader: &Reader) -> Page {
    let written = Written { manifest: TEMPLATE.to_owned(), module: None };
    Page { title: title(reader.lang), place: Place::Jobs, body: form(reader, &written) }
}

/// What was written, and what the lab says to it.
pub fn checked(reader: &Reader, written: &Written, found: &Result<Checked, Sentence>, cans: &[Can]) -> Page {
    let lang = reader.lang;
    let body = html! {
        @match found {
            Err(why) => p .verdict role="alert" { (clean(why.to(lang))) },
            Ok(found) => (good(written, found, cans, lang)),
        }
        h2 { (text!("Change it", "修改").to(lang)) }
        (form(reader, written))
    };
    Page { title: title(lang), place: Place::Jobs, body }
}

fn good(written: &Written, found: &Checked, cans: &[Can], lang: Lang) -> Markup {
    let plan = &found.plan;
    let module = written.module.map(|digest| digest.to_string());
    html! {
        @if let Some(refusal) = &found.refusal {
            p .verdict role="alert" { (mark("bad", text!("would be refused", "会被拒绝").to(lang))) " " (clean(refusal.to(lang))) }
            @if let Some(blocks) = &found.blocks { p { (clean(&in_blocks(blocks).told(lang))) } }
        }
        @for hint in &found.hints { p .small { (mark("note", text!("look", "请留意").to(lang))) " " (spoken(hint.to(lang))) } }
        ol .five {
            li { h2 { (text!("What is published, when, how exact", "发布什么、何时发布、误差多大").to(lang)) }
                p { (clean(&when(&plan.release, lang))) } (published(plan, lang)) }
            li { h2 { (text!("The most one unit can add", "单个单元至多贡献").to(lang)) }
                ul { @for line in bounds(plan) { li { (clean(&line.told(lang))) } } } }
            li { h2 { (text!("Cost, and what is left", "开销与剩余预算").to(lang)) }
                p { "rho " (cost(plan, lang)) } (left(&found.budget, lang)) }
        }
        @if found.refusal.is_none() {
            (signed(lang, can(cans, Action::SubmitJob), &Change::to("/v1/jobs".to_owned()), &text!("Submit and sign", "提交并签名").into(), html! {
                input type="hidden" name="name" value="job.toml";
                input type="hidden" name="manifest" value=(written.manifest);
                @if let Some(module) = &module { input type="hidden" name="module" value=(module); }
            }))
        }
    }
}

fn form(reader: &Reader, written: &Written) -> Markup {
    let lang = reader.lang;
    html! {
        form #new-job method="post" action=(reader.to("/jobs/new")) {
            fieldset {
                label for="manifest" { (text!("Manifest (job.toml)", "作业清单（job.toml）").to(lang)) }
                textarea #manifest name="manifest" rows="24" spellcheck="false" required { "\n" (written.manifest) }
                label for="component" { (text!("Component (.wasm); none for a ready-made job", "组件（.wasm）；现成作业不需要").to(lang)) }
                input #component type="file" accept=".wasm,application/wasm";
                @if let Some(module) = &written.module { input type="hidden" name="module" value=(module); }
                button { (text!("Check", "检查").to(lang)) }
                p .said role="status" aria-live="polite" {}
            }
        }
    }
}

fn title(lang: Lang) -> String {
    text!("New job", "新建作业").told(lang)
}
