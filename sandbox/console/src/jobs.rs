//! All jobs that the reader may see.

use maud::html;
use unseen_ids::Role;
use unseen_shown::jobs::standing;
use unseen_terminal::output::clean;
use unseen_terminal::page::rows;
use unseen_terminal::table::Column::{Left, Right};
use unseen_texts::{Say, text};
use unseen_usecases::jobs::Jobs;

use crate::parts::{job, moment};
use crate::shell::{Page, Place, Reader};

/// The page; the newest job first.
pub fn page(reader: &Reader, found: &Jobs) -> Page {
    let lang = reader.lang;
    let header = [
        Left(text!("Job", "作业").told(lang)),
        Left(text!("Author", "提交人").told(lang)),
        Left(text!("State", "状态").told(lang)),
        Right(text!("Cost, rho", "开销 rho").told(lang)),
        Left(text!("Submitted", "提交时间").told(lang)),
    ];
    let listed = found.jobs.iter().rev().map(|listed| {
        vec![
            job(reader, listed.job, &listed.title),
            html! { (clean(&listed.author)) },
            html! { (standing(listed, lang)) },
            html! { (listed.rho) },
            moment(listed.submitted),
        ]
    });
    let body = html! {
        @if reader.roles.contains(&Role::Analyst) {
            p { a .button href=(reader.to("/jobs/new")) { (text!("New job", "新建作业").to(lang)) } }
        }
        @if found.jobs.is_empty() {
            p .empty { (text!("There are no jobs that you may see.", "没有您可以查看的作业。").to(lang)) }
        } @else {
            (rows(&header, listed))
        }
        @if let Some(next) = found.next {
            p { a rel="next" href=(reader.to(&format!("/jobs?before={next}"))) { (text!("Older jobs", "更早的作业").to(lang)) } }
        }
    };
    Page { title: text!("Jobs", "作业").told(lang), place: Place::Jobs, body }
}
