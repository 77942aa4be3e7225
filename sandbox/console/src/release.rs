//! What was released of a job. Opening it is an entry of the log that its reader signs.

use maud::html;
use unseen_access::Action;
use unseen_shown::jobs::standing;
use unseen_shown::released;
use unseen_texts::text;
use unseen_usecases::jobs::JobShown;
use unseen_usecases::release::Release;

use crate::parts::{Can, Change, can, signed};
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
        } @else {
            p .empty { (text!("There is no release yet.", "尚无发布结果。").to(lang)) }
        }
        p { a href=(reader.to(&format!("/jobs/{id}"))) { (text!("To the job", "回到作业").to(lang)) } }
    };
    Page { title: format!("{id} {}", found.job.title), place: Place::Jobs, body }
}

/// The release itself.
pub fn opened(reader: &Reader, found: &Release) -> Page {
    let lang = reader.lang;
    let id = found.job;
    let body = html! {
        (released::page::body(found, lang))
        p { a href=(reader.to(&format!("/jobs/{id}"))) { (text!("To the job", "回到作业").to(lang)) } }
    };
    Page { title: format!("{id} {}", found.title), place: Place::Jobs, body }
}
