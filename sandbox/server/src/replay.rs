//! Replays: whoever may begins one, and asks for its answer.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{Response, StatusCode};
use axum::routing::post;
use chrono::{DateTime, Utc};
use unseen_access::{Action, Resource};
use unseen_api::replays::{REPLAYS, ReplayState};
use unseen_ids::JobId;
use unseen_lab::{LabError, RunLock};
use unseen_texts::{Sentence, text};
use unseen_usecases::Desk;
use unseen_usecases::replay;

use crate::answer::{json_response, to_json};
use crate::caller::language;
use crate::credential::Credential;
use crate::problem::RequestError;
use crate::rules::Guarded;
use crate::service::Service;

pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new().route(&format!("/v1/jobs/{{job}}{REPLAYS}"), post(begin).get(show))
}

async fn begin(State(service): State<Arc<Service>>, Path(job): Path<String>, request: Request) -> Response<Body> {
    asked(service, job, request, |service, job| {
        let goes_on = service.replays.standing(job, Utc::now()).is_some_and(|it| it.state == ReplayState::Running);
        if !goes_on {
            let service = service.clone();
            let held = RunLock::take(service.desk.folder())?;
            let until = slot_end(&service, job)?;
            let ready = replay::begin(&service.desk, job, service.run_threads(), &held)?;
            service.replays.begin(job, until);
            let work = move || {
                let outcome = ready.carry_out(|_, _| ());
                if let Err(error) = &outcome {
                    (service.tell)(Sentence::of(error));
                }
                let why = || Sentence::from(text!("the lab could not replay it", "实验室未能完成重算"));
                service.replays.end(job, outcome.map_err(|_| ("replay.failed".to_owned(), why())));
                while let Ok(left) = (until - Utc::now()).to_std() {
                    std::thread::sleep(left);
                }
                // Until then nobody learns from it that the replay has ended.
                drop(held);
            };
            std::thread::Builder::new().name("replay".to_owned()).spawn(work).map_err(LabError::io(job.to_string()))?;
        }
        Ok(StatusCode::ACCEPTED)
    })
    .await
}

async fn show(State(service): State<Arc<Service>>, Path(job): Path<String>, request: Request) -> Response<Body> {
    asked(service, job, request, |_, _| Ok(StatusCode::OK)).await
}

async fn asked(
    service: Arc<Service>,
    job: String,
    request: Request,
    first: impl FnOnce(&Arc<Service>, JobId) -> Result<StatusCode, RequestError> + Send + 'static,
) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let lang = language(&parts.headers);
    let shared = service.clone();
    let answered = async {
        let credential = Credential::of(&service, &parts)?;
        let path = parts.uri.path().to_owned();
        service
            .in_slow_thread(move |service| {
                let job: JobId = job.parse().map_err(|_| RequestError::NoSuchPlace)?;
                let view = service.view()?;
                let caller = credential.known(service, view.ledger())?;
                let guarded = Guarded { service, view: &view, caller: &caller };
                let found = view.ledger().job(job)?;
                guarded.may(Action::ReplayJob, &Resource::Job(guarded.things().job(job, found)), &path)?;
                let status = first(&shared, job)?;
                let standing = service.replays.standing(job, Utc::now()).ok_or(RequestError::NoSuchPlace)?;
                Ok(json_response(status, &to_json(&standing, lang)?))
            })
            .await
    };
    let answered = answered.await;
    service.respond(lang, answered)
}

/// When a run of this job would end that began now.
fn slot_end(service: &Service, job: JobId) -> Result<DateTime<Utc>, RequestError> {
    let view = service.view()?;
    let need = view.ledger().job(job)?.submitted.need;
    Ok(view.ledger().slot_end(need, Utc::now()))
}
