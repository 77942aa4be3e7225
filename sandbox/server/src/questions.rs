//! Questions in SQL: drafted as jobs and checked, for whoever may see the descriptions of what they read. Nothing is
//! signed, charged or kept.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{RawPathParams, Request, State};
use axum::http::{Response, StatusCode};
use axum::routing::post;
use unseen_access::{Action, Resource};
use unseen_api::QUESTIONS;
use unseen_api::address::of_body;
use unseen_texts::Message;
use unseen_usecases::Query;
use unseen_usecases::ask::{self, NotAsked, Question};
use unseen_usecases::check::Check;
use unseen_usecases::datasets::{ListDatasets, ShowDataset};

use crate::answer::{json_response, to_json};
use crate::caller::language;
use crate::problem::RequestError;
use crate::routes::Asked;
use crate::rules::Guarded;
use crate::service::Service;

/// The code of a refusal that says that there is no such dataset.
const NO_DATASET: &str = "ledger.no-such-dataset";

pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new().route(QUESTIONS, post(put))
}

async fn put(State(service): State<Arc<Service>>, params: RawPathParams, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let lang = language(&parts.headers);
    let answered = async {
        let asked = Asked::read(&service, params, &parts, body).await?;
        service.in_thread(move |service| answer(service, &asked)).await
    };
    let answered = answered.await;
    service.respond(lang, answered)
}

fn answer(service: &Service, asked: &Asked) -> Result<Response<Body>, RequestError> {
    let view = service.view()?;
    let caller = asked.credential.known(service, view.ledger())?;
    let question: Question = of_body(&[], asked.json()?).map_err(RequestError::Malformed)?;
    let guarded = Guarded { service, view: &view, caller: &caller };
    guarded.may(Action::ListDatasets, &Resource::Lab, QUESTIONS)?;
    let request = question.read(caller.key)?;
    let describe = |name: &str| match guarded.must(&ShowDataset { dataset: name.to_owned() }) {
        Ok(_) => Ok(Some(view.description(name)?.0)),
        Err(error) if error.code() == NO_DATASET => Ok(None),
        Err(error) => Err(error),
    };
    // For advice: a dataset that the asker may not see is in none.
    let names = || {
        let (listed, _) = guarded.answer(&ListDatasets {})?;
        Ok(listed.datasets.into_iter().map(|dataset| dataset.name).collect())
    };
    // What descriptions say is checked, and what the lab would say to a submission: no more than the asker may see.
    let check = |check: Check| Ok(check.answer(&service.desk, caller.key.as_ref())?);
    let mut found = ask::ask(&request, &describe, &names, &check).map_err(|why| match why {
        NotAsked::Question(why) => RequestError::from(why),
        NotAsked::Lab(error) => error,
    })?;
    guarded.hide(&mut found)?;
    Ok(json_response(StatusCode::OK, &to_json(&found, asked.lang)?))
}
