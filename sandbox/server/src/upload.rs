//! Uploads of blobs: each is written as it comes.

use std::io::Write;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Path as InPath, State};
use axum::http::{Response, StatusCode};
use axum::routing::put;
use ring::digest::{Context, SHA256};
use unseen_api::BLOBS;
use unseen_ids::Digest;

use crate::answer::json_response;
use crate::blobs::{MOST, Room};
use crate::caller::language;
use crate::credential::Credential;
use crate::problem::RequestError;
use crate::service::Service;
use crate::share::{piece, resting};

pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new().route(&format!("{BLOBS}{{digest}}"), put(upload))
}

async fn upload(
    State(service): State<Arc<Service>>,
    InPath(digest): InPath<String>,
    request: axum::extract::Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let lang = language(&parts.headers);
    let answered = async {
        let credential = Credential::of(&service, &parts)?;
        let digest = Digest::from_hex(&digest).ok_or(RequestError::NoSuchPlace)?;
        if body.size_hint().lower() > MOST as u64 {
            return Err(RequestError::TooLong { most: MOST });
        }
        let bytes = body.size_hint().upper().unwrap_or(MOST as u64).min(MOST as u64);
        let room = service
            .in_thread(move |service| {
                let view = service.view()?;
                let caller = credential.known(service, view.ledger())?;
                service.blobs.room(&caller.principal, bytes)?.ok_or(RequestError::TooMuch)
            })
            .await?;
        drop(resting());
        let length = write(&service, &room, digest, body).await?;
        Ok(json_response(StatusCode::CREATED, &serde_json::json!({ "digest": digest, "bytes": length })))
    };
    let answered = answered.await;
    service.respond(lang, answered)
}

/// Writes what comes, piece by piece.
async fn write(service: &Service, room: &Room, digest: Digest, mut body: Body) -> Result<usize, RequestError> {
    let (mut file, unfinished) = room.begin().map_err(|error| inside(service, &error))?;
    let (mut hash, mut length) = (Context::new(&SHA256), 0usize);
    while let Some(piece) = piece(&mut body).await? {
        length += piece.len();
        if length > MOST {
            return Err(RequestError::TooLong { most: MOST });
        }
        hash.update(&piece);
        // A slow disk keeps this upload waiting, and no other request.
        tokio::task::block_in_place(|| file.write_all(&piece)).map_err(|error| inside(service, &error))?;
    }
    if hash.finish().as_ref() != digest.as_bytes() {
        return Err(RequestError::OtherBlob);
    }
    room.end(&unfinished, &digest).map_err(|error| inside(service, &error))?;
    Ok(length)
}

fn inside(service: &Service, error: &std::io::Error) -> RequestError {
    (service.tell)(unseen_texts::Sentence::of(error));
    RequestError::Inside
}
