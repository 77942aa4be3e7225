//! A release, opened with its reader's signature: as a page, and as files.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, Response};
use base64::{Engine, prelude::BASE64_STANDARD};
use unseen_console::release::{self, Form};
use unseen_ids::JobId;
use unseen_shown::released::{csv, parquet, receipt};
use unseen_texts::Lang;
use unseen_usecases::labs::ShowLab;
use unseen_usecases::logs::ProveEntry;
use unseen_usecases::release::{ReadRelease, Release};
use unseen_usecases::witnesses::ShowWitnesses;
use unseen_usecases::{Change, UseCaseError};

use super::{MOST, Visit, fields, render, rendered};
use crate::answer::{attachment, to_json};
use crate::credential::Credential;
use crate::problem::RequestError;
use crate::routes::{by_signature, signed};
use crate::rules::Guarded;
use crate::service::Service;
use crate::share;

/// The release, opened with the envelope that the form holds; as a file where the form names one of [`Form`].
pub(super) async fn opened(service: Arc<Service>, lang: Lang, job: String, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let answered = async {
        let credential = Credential::of(&service, &parts);
        let (form, _held) = share::whole(body, MOST).await?;
        let path = parts.uri.path().get(3..).unwrap_or_default().to_owned();
        service
            .in_thread(move |service| {
                let mut fields = fields(&form)?;
                let wanted = fields.remove("as").map(|name| Form::named(&name).ok_or(name)).transpose();
                let wanted = wanted.map_err(|name| RequestError::Malformed(format!("`as`: {name}")))?;
                let entry = fields.remove("entry").unwrap_or_default();
                let read = |visit: &Visit<'_>| {
                    let job: JobId = job.parse().map_err(|_| RequestError::NoSuchPlace)?;
                    let bytes = BASE64_STANDARD.decode(&entry).ok().filter(|bytes| !bytes.is_empty());
                    let bytes = bytes.ok_or_else(|| RequestError::Malformed("`entry`".to_owned()))?;
                    reading(visit, ReadRelease { job }, &bytes)
                };
                match wanted {
                    Some(form) => {
                        render(service, lang, credential, &path, |visit| file(visit, &read(visit)?, form, lang))
                    }
                    None => rendered(service, lang, credential, &path, |visit| {
                        let found = read(visit)?;
                        Ok(release::opened(&visit.reader, &found, &entry))
                    }),
                }
            })
            .await
    };
    let answered = answered.await;
    service.respond(lang, answered)
}

/// The first time, the entry goes into the log. Files that are taken from the same page are the same reading.
fn reading(visit: &Visit<'_>, wish: ReadRelease, entry: &[u8]) -> Result<Release, RequestError> {
    let Guarded { service, view, caller } = visit.guarded;
    let opened = view.verified(entry).map_err(UseCaseError::from)?;
    let (reader, Some(index)) = by_signature(view, caller, &opened)? else {
        return signed(service, caller.clone(), wish, entry);
    };
    if !wish.is_said_by(opened.event()) {
        return Err(UseCaseError::OtherEntry { kind: opened.event().kind() }.into());
    }
    Guarded { service, view, caller: &reader }.must(&wish)?;
    Ok(wish.done(None, view, index)?)
}

fn file(visit: &Visit<'_>, found: &Release, form: Form, lang: Lang) -> Result<Response<Body>, RequestError> {
    let bytes = match form {
        Form::Csv => csv::write(&found.numbers).map_err(|_| RequestError::Inside)?,
        Form::Parquet => parquet::write(&found.numbers).map_err(|_| RequestError::Inside)?,
        Form::Json => serde_json::to_vec_pretty(&to_json(found, lang)?).map_err(|_| RequestError::Inside)?,
        Form::Receipt => {
            let proof = visit.ask(&ProveEntry { entry: found.entry })?;
            let (lab, witnesses) = (visit.ask(&ShowLab {})?, visit.ask(&ShowWitnesses {})?);
            receipt::write(found, &proof, &lab.log_key, &witnesses).ok_or(RequestError::Inside)?
        }
    };
    let mut response = attachment(form.kind(), &format!("{}.{}", found.job, form.ending()), bytes);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
