//! The log itself, for monitors and witnesses of others: plain files as C2SP tlog-tiles has them.
//!
//! `/checkpoint` changes; `/tile/...` never does. Any path but the exact one of a tile is nowhere.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, Response, StatusCode};
use axum::routing::get;
use unseen_access::{Action, Resource};
use unseen_lab::View;
use unseen_texts::Lang;
use unseen_tlog::tile::Tile;

use crate::credential::Credential;
use crate::problem::RequestError;
use crate::rules::Guarded;
use crate::service::Service;

pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new().route("/checkpoint", get(checkpoint)).route("/tile/{*path}", get(tile))
}

async fn checkpoint(State(service): State<Arc<Service>>, request: Request) -> Response<Body> {
    let credential = Credential::nobody(&request.into_parts().0);
    let found = service
        .in_thread(move |service| {
            let view = public(service, &credential)?;
            Ok(file("text/plain; charset=utf-8", "no-cache", view.log().note().to_string().into_bytes()))
        })
        .await;
    service.respond(Lang::En, found)
}

async fn tile(State(service): State<Arc<Service>>, Path(path): Path<String>, request: Request) -> Response<Body> {
    let credential = Credential::nobody(&request.into_parts().0);
    let found = service
        .in_thread(move |service| {
            let view = public(service, &credential)?;
            let tile = Tile::parse(&format!("tile/{path}")).ok_or(RequestError::NoSuchPlace)?;
            let bytes = std::fs::read(view.log_dir().join(tile.to_string())).map_err(|_| RequestError::NoSuchPlace)?;
            // Written before its checkpoint, it might tell of entries that are not there yet.
            let covered = Tile::at(tile.kind, tile.index, view.log().size()).is_some_and(|now| tile.width <= now.width);
            if !covered {
                return Err(RequestError::NoSuchPlace);
            }
            Ok(file("application/octet-stream", "public, max-age=31536000, immutable", bytes))
        })
        .await;
    service.respond(Lang::En, found)
}

/// The lab, if its rules let everybody read its log.
fn public(service: &Service, credential: &Credential) -> Result<View, RequestError> {
    let view = service.view()?;
    let caller = credential.known(service, view.ledger())?;
    Guarded { service, view: &view, caller: &caller }.may(Action::ReadLog, &Resource::Lab, "/checkpoint")?;
    Ok(view)
}

fn file(kind: &'static str, keep: &'static str, bytes: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(keep));
    response
}
