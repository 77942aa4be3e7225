//! Packs for registers, archives and assessors, made of what the caller is answered.

use std::cell::Cell;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::LINK;
use axum::http::{HeaderValue, Response, StatusCode};
use axum::routing::get;
use unseen_access::Action;
use unseen_api::address::Addressed;
use unseen_ids::JobId;
use unseen_packs::{Asks, Pack, PackError, core_elements, evidence, five_safes, registration};
use unseen_texts::Lang;
use unseen_usecases::Query;

use crate::answer::{attachment, json_response, to_json};
use crate::asked::{asked, asked_slowly};
use crate::problem::RequestError;
use crate::rules::Guarded;
use crate::service::Service;

/// Where the catalogue is, as GB/T 21063.3 names its elements.
pub(crate) const ELEMENTS: &str = "/v1/catalog.gbt21063.json";
/// Zip archives: where each is, the name of its operation, and what it does.
pub(crate) const PACKS: [(&str, &str, &str); 3] = [
    (REGISTRATION, "registrationPack", "Makes what a register of public data asks of a dataset, with proofs"),
    (
        CRATE,
        "roCrate",
        "Makes a Five Safes RO-Crate of a release, without its numbers, which are opened with a signature",
    ),
    (EVIDENCE, "evidencePack", "Makes what the lab shows for GB/T 22239-2019 and SATRE, with proofs"),
];
const REGISTRATION: &str = "/v1/datasets/{dataset}/registration-pack";
const CRATE: &str = "/v1/jobs/{job}/ro-crate";
const EVIDENCE: &str = "/v1/evidence-pack";

pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route(ELEMENTS, get(elements))
        .route(REGISTRATION, get(of_dataset))
        .route(CRATE, get(of_job))
        .route(EVIDENCE, get(of_lab))
}

async fn elements(State(service): State<Arc<Service>>, request: Request) -> Response<Body> {
    asked(service, request, |guarded| {
        let found = core_elements(&Packing::of(guarded))?;
        Ok(json_response(StatusCode::OK, &to_json(&found, Lang::En)?))
    })
    .await
}

async fn of_dataset(
    State(service): State<Arc<Service>>,
    Path(dataset): Path<String>,
    request: Request,
) -> Response<Body> {
    asked_slowly(service, request, move |guarded| Ok(sent(registration(&Packing::of(guarded), &dataset)?))).await
}

async fn of_job(State(service): State<Arc<Service>>, Path(job): Path<String>, request: Request) -> Response<Body> {
    asked_slowly(service, request, move |guarded| {
        let job: JobId = job.parse().map_err(|_| RequestError::NoSuchPlace)?;
        let mut response = sent(five_safes(&Packing::of(guarded), job, None)?);
        let profile = HeaderValue::from_static("<https://w3id.org/ro/crate>; rel=\"profile\"");
        response.headers_mut().insert(LINK, profile);
        Ok(response)
    })
    .await
}

async fn of_lab(State(service): State<Arc<Service>>, request: Request) -> Response<Body> {
    asked_slowly(service, request, |guarded| Ok(sent(evidence(&Packing::of(guarded))?))).await
}

fn sent(pack: Pack) -> Response<Body> {
    attachment("application/zip", &pack.name, pack.bytes)
}

/// Somebody who has a pack made.
struct Packing<'a> {
    guarded: &'a Guarded<'a>,
    /// Whether the log has been read for it: that is one reading, however many entries are proved.
    reads_log: Cell<bool>,
}

impl Packing<'_> {
    fn of<'a>(guarded: &'a Guarded<'a>) -> Packing<'a> {
        Packing { guarded, reads_log: Cell::new(false) }
    }
}

impl Asks for Packing<'_> {
    type Error = RequestError;

    fn ask<Q: Query + Addressed>(&self, query: Q) -> Result<Q::Answer, RequestError>
    where
        Q::Answer: 'static,
    {
        let of_log = Q::ACTION == Action::ReadLog.name();
        if of_log && self.reads_log.get() {
            return Ok(query.answer(&self.guarded.service.desk, self.guarded.caller.key.as_ref())?);
        }
        let (answer, _) = self.guarded.answer(&query)?;
        self.reads_log.set(of_log || self.reads_log.get());
        Ok(answer)
    }
}

impl From<PackError> for RequestError {
    fn from(error: PackError) -> RequestError {
        RequestError::Pack(Box::new(error))
    }
}
