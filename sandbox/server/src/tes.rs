//! Jobs as tasks of GA4GH's Task Execution Service (TES 1.1), over the same use-cases and the same rules of access.
//!
//! A task has what its author has signed, and nothing else. Who creates one gets what is to be signed at
//! `/v1/jobs/draft`, as anywhere, and sends the signed envelope along. Why a request was not answered is told as a
//! problem (RFC 9457), for TES says nothing of errors.

mod list;
mod task;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{RawPathParams, Request, State};
use axum::http::{Method, Response, StatusCode};
use axum::routing::get;
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};
use unseen_access::{Action, Resource};
use unseen_ids::JobId;
use unseen_policies::event::Event;
use unseen_usecases::jobs::{ListJobs, Reject, ShowJob, Submit, Withdraw};
use unseen_usecases::{Query, UseCaseError};

use crate::answer::json_response;
use crate::caller::language;
use crate::problem::RequestError;
use crate::routes::{Asked, signed};
use crate::rules::Guarded;
use crate::service::Service;
use list::{Wanted, detail_of};

/// Where tasks are.
const PATH: &str = "/ga4gh/tes/v1";
/// What follows the number of a task that is cancelled.
const CANCEL: &str = ":cancel";

pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route(&format!("{PATH}/service-info"), get(async |state, path, request| at(state, path, request, info).await))
        .route(
            &format!("{PATH}/tasks"),
            get(async |state, path, request| at(state, path, request, listed).await)
                .post(async |state, path, request| at(state, path, request, created).await),
        )
        // A router's path has no text after a name, so that `j12:cancel` is one part here.
        .route(
            &format!("{PATH}/tasks/{{task}}"),
            get(async |state, path, request| at(state, path, request, shown).await)
                .post(async |state, path, request| at(state, path, request, cancelled).await),
        )
}

async fn at(
    State(service): State<Arc<Service>>,
    path: RawPathParams,
    request: Request,
    answer: fn(&Service, Asked) -> Result<Value, RequestError>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let lang = language(&parts.headers);
    let answered = async {
        let asked = Asked::read(&service, path, &parts, body).await?;
        let answer = match parts.method {
            // It may have a component to compile.
            Method::POST => service.in_slow_thread(move |service| answer(service, asked)).await?,
            _ => service.in_thread(move |service| answer(service, asked)).await?,
        };
        Ok(json_response(StatusCode::OK, &answer))
    };
    let answered = answered.await;
    service.respond(lang, answered)
}

/// What there is here, in the form of GA4GH's service-info 1.0; for everybody who may read the log, which says as much.
fn info(service: &Service, asked: Asked) -> Result<Value, RequestError> {
    let view = service.view()?;
    let caller = asked.credential.known(service, view.ledger())?;
    Guarded { service, view: &view, caller: &caller }.may(
        Action::ReadLog,
        &Resource::Lab,
        &format!("{PATH}/service-info"),
    )?;
    let origin = view.ledger().origin();
    Ok(json!({
        "id": origin,
        "name": "Unseen",
        "description": "A lab whose data can be used and never seen: a task is a job that its author has signed.",
        "type": { "group": "org.ga4gh", "artifact": "tes", "version": "1.1.0" },
        // A log's name is an address without its scheme (C2SP tlog-checkpoint).
        "organization": { "name": origin, "url": format!("https://{origin}") },
        "version": env!("CARGO_PKG_VERSION"),
        "storage": [],
        "tesResources_backend_parameters": task::PARAMETERS,
    }))
}

fn listed(service: &Service, asked: Asked) -> Result<Value, RequestError> {
    let wanted = Wanted::of(&asked.query)?;
    let view = service.view()?;
    let caller = asked.credential.known(service, view.ledger())?;
    let guarded = Guarded { service, view: &view, caller: &caller };
    guarded.must(&ListJobs::default())?;
    let (page, next) = wanted.page(|request| {
        let mut jobs = request.answer(&service.desk, caller.key.as_ref())?;
        guarded.hide(&mut jobs)?;
        Ok(jobs)
    })?;
    let tasks: Result<Vec<_>, _> = page
        .iter()
        .map(|job| task::shown(&view, job, wanted.detail, guarded.sees(job.job, Action::ShowManifest)))
        .collect();
    let mut answer = json!({ "tasks": tasks? });
    if let Some(next) = next {
        answer["next_page_token"] = next.to_string().into();
    }
    Ok(answer)
}

fn shown(service: &Service, asked: Asked) -> Result<Value, RequestError> {
    let detail = detail_of(&asked.query)?;
    let request = ShowJob { job: number(named(&asked))? };
    let view = service.view()?;
    let caller = asked.credential.known(service, view.ledger())?;
    let guarded = Guarded { service, view: &view, caller: &caller };
    guarded.must(&request)?;
    let answer = request.answer(&service.desk, caller.key.as_ref())?;
    task::shown(&view, &answer.job, detail, guarded.sees(request.job, Action::ShowManifest))
}

fn created(service: &Service, asked: Asked) -> Result<Value, RequestError> {
    let view = service.view()?;
    let sent = asked.credential.known(service, view.ledger())?;
    let task = task::New::read(asked.json()?)?;
    let entry = decoded(task.entry.as_deref().ok_or(RequestError::UnsignedTask)?)?;
    if let Event::JobSubmitted(said) = view.said(&entry).map_err(UseCaseError::from)?.event {
        task.check(&said)?;
    }
    let change = Submit { name: "job.toml".to_owned(), manifest: task.manifest, module: task.module };
    let submitted = signed(service, sent, change, &entry)?;
    Ok(json!({ "id": submitted.job.to_string() }))
}

/// The body of a request to cancel a task; TES knows none, but the lab takes no change that nobody has signed.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cancel {
    /// The signed envelope, in base64.
    entry: Option<String>,
}

fn cancelled(service: &Service, asked: Asked) -> Result<Value, RequestError> {
    let job = number(named(&asked).strip_suffix(CANCEL).ok_or(RequestError::NoSuchPlace)?)?;
    let view = service.view()?;
    let sent = asked.credential.known(service, view.ledger())?;
    Guarded { service, view: &view, caller: &sent }.must(&ShowJob { job })?;
    let Cancel { entry } = match asked.json()? {
        Value::Null => Cancel::default(),
        body => serde_json::from_value(body).map_err(|error| RequestError::Malformed(error.to_string()))?,
    };
    let entry = decoded(&entry.ok_or(RequestError::UnsignedCancel { job })?)?;
    match view.said(&entry).map_err(UseCaseError::from)?.event {
        Event::JobWithdrawn(said) => {
            signed(service, sent, Withdraw { job, reason: said.reason }, &entry)?;
        }
        Event::JobRejected(said) => {
            signed(service, sent, Reject { job, reason: said.reason }, &entry)?;
        }
        other => return Err(UseCaseError::OtherEntry { kind: other.kind() }.into()),
    }
    Ok(json!({}))
}

/// What stands in the path after `tasks/`.
fn named(asked: &Asked) -> &str {
    asked.path.iter().find(|(name, _)| name == "task").map_or("", |(_, value)| value)
}

fn number(task: &str) -> Result<JobId, RequestError> {
    task.parse().map_err(|_| RequestError::NoSuchPlace)
}

fn decoded(entry: &str) -> Result<Vec<u8>, RequestError> {
    BASE64_STANDARD.decode(entry).map_err(|error| RequestError::Malformed(error.to_string()))
}
