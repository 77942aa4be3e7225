//! Uploads of rows that are encrypted to the lab: sent in pieces, and on after a break, as the IETF's draft on resumable
//! uploads (draft-ietf-httpbis-resumable-upload) names its headers.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use axum::routing::{get, patch};
use unseen_access::{Action, Dataset, Principal, Resource};
use unseen_api::{
    UPLOAD_LENGTH, UPLOAD_OFFSET, UPLOADS,
    uploads::{UploadWaiting, Uploaded, UploadsWaiting},
};
use unseen_ids::Digest;
use unseen_lab::{Received, UploadError, Uploading, Uploads};
use unseen_usecases::Desk;

use crate::answer::json_response;
use crate::asked::asked;
use crate::caller::language;
use crate::credential::Credential;
use crate::problem::RequestError;
use crate::rules::Guarded;
use crate::service::Service;
use crate::share::{piece, resting};

pub(crate) fn routes() -> Router<Arc<Service>> {
    let one = patch(send).get(show).delete(remove);
    Router::new().route(UPLOADS.trim_end_matches('/'), get(list)).route(&format!("{UPLOADS}{{digest}}"), one)
}

/// Takes the next bytes.
async fn send(State(service): State<Arc<Service>>, Path(digest): Path<String>, request: Request) -> Response<Body> {
    let (parts, mut body) = request.into_parts();
    let lang = language(&parts.headers);
    let answered = async {
        let credential = Credential::of(&service, &parts)?;
        let digest = named(&digest)?;
        let (at, length) = (number(&parts.headers, UPLOAD_OFFSET)?, number(&parts.headers, UPLOAD_LENGTH)?);
        let path = parts.uri.path().to_owned();
        let mut upload: Uploading = service
            .in_thread(move |service| {
                let view = service.view()?;
                let caller = credential.known(service, view.ledger())?;
                let (uploads, person) = whose(&Guarded { service, view: &view, caller: &caller }, &path)?;
                Ok(uploads.go_on(&person, &digest, at, length)?)
            })
            .await?;
        drop(resting());
        while let Some(piece) = piece(&mut body).await? {
            // A slow disk keeps this upload waiting, and no other request.
            tokio::task::block_in_place(|| upload.write(&piece))?;
        }
        let received = service.in_thread(move |_| Ok(upload.finish(&digest)?)).await?;
        Ok(shown(digest, received))
    };
    let answered = answered.await;
    if answered.is_err() {
        // Whoever is cut short in the middle of a piece may never hear why.
        let _ = tokio::time::timeout(DRAINED.1, drain(&mut body)).await;
    }
    service.respond(lang, answered)
}

/// How much of a piece that is refused is read, and for how long.
const DRAINED: (usize, Duration) = (16 << 20, Duration::from_secs(10));

async fn drain(body: &mut Body) {
    let mut read = 0;
    while let Ok(Some(bytes)) = piece(body).await {
        read += bytes.len();
        if read > DRAINED.0 {
            break;
        }
    }
}

/// Says what waits.
async fn list(State(service): State<Arc<Service>>, request: Request) -> Response<Body> {
    about(service, request, |uploads, person| {
        let uploads = uploads.waiting(person).into_iter();
        let uploads = uploads.map(|(upload, Received { bytes, whole }, until)| UploadWaiting {
            upload,
            received: bytes,
            whole,
            until,
        });
        Ok(json_response(StatusCode::OK, &UploadsWaiting { uploads: uploads.collect() }))
    })
    .await
}

/// Says how far it is.
async fn show(State(service): State<Arc<Service>>, Path(digest): Path<String>, request: Request) -> Response<Body> {
    about(service, request, move |uploads, person| {
        let digest = &named(&digest)?;
        let received = uploads.received(person, digest).ok_or(UploadError::None { digest: *digest });
        Ok(shown(*digest, received.map_err(unseen_lab::LabError::from)?))
    })
    .await
}

/// Removes it.
async fn remove(State(service): State<Arc<Service>>, Path(digest): Path<String>, request: Request) -> Response<Body> {
    about(service, request, move |uploads, person| {
        uploads.remove(person, &named(&digest)?)?;
        Ok(json_response(StatusCode::OK, &serde_json::json!({})))
    })
    .await
}

async fn about(
    service: Arc<Service>,
    request: Request,
    then: impl FnOnce(&Uploads, &str) -> Result<Response<Body>, RequestError> + Send + 'static,
) -> Response<Body> {
    let path = request.uri().path().to_owned();
    asked(service, request, move |guarded| {
        let (uploads, person) = whose(guarded, &path)?;
        then(&uploads, &person)
    })
    .await
}

/// The uploads, and the name of who may send some. Whose dataset it becomes, the import asks.
fn whose(guarded: &Guarded<'_>, path: &str) -> Result<(Uploads, String), RequestError> {
    guarded.may(Action::UploadData, &Resource::Dataset(Dataset::default()), path)?;
    match &guarded.caller.principal {
        Principal::Person(person) => Ok((Uploads::of(guarded.service.desk.folder()), person.name.clone())),
        Principal::Visitor => Err(RequestError::Unknown),
    }
}

fn shown(digest: Digest, received: Received) -> Response<Body> {
    let Received { bytes, whole } = received;
    let mut response = json_response(StatusCode::OK, &Uploaded { upload: digest, received: bytes, whole });
    response.headers_mut().insert(UPLOAD_OFFSET, HeaderValue::from(bytes));
    response
}

fn named(digest: &str) -> Result<Digest, RequestError> {
    Digest::from_hex(digest).ok_or(RequestError::NoSuchPlace)
}

fn number(headers: &HeaderMap, name: &str) -> Result<u64, RequestError> {
    let value = headers.get(name).and_then(|value| value.to_str().ok()).and_then(|value| value.parse().ok());
    value.ok_or_else(|| RequestError::Malformed(format!("the header `{name}` must be a number of bytes")))
}
