//! Every address of the service.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use axum::middleware::{Next, from_fn_with_state};
use percent_encoding::percent_decode_str;

use crate::caller::language;
use crate::credential::Credential;
use crate::events::EVENTS;
use crate::problem::RequestError;
use crate::service::Service;
use crate::share::within;
use crate::status::ALIVE;
use crate::{
    bundle, catalog, console, data_upload, events, log, login, openapi, packs, questions, replay, routes, sign_on,
    status, tes, upload,
};

/// Every address of the service.
pub fn router(service: Arc<Service>) -> Router {
    routes::routes()
        .merge(upload::routes())
        .merge(data_upload::routes())
        .merge(events::routes())
        .merge(log::routes())
        .merge(bundle::routes())
        .merge(replay::routes())
        .merge(questions::routes())
        .merge(openapi::routes())
        .merge(login::routes())
        .merge(sign_on::routes())
        .merge(status::routes())
        .merge(tes::routes())
        .merge(catalog::routes())
        .merge(packs::routes())
        .merge(console::routes())
        .fallback(nowhere)
        .method_not_allowed_fallback(not_so)
        .layer(from_fn_with_state(service.clone(), shared))
        .layer(from_fn_with_state(service.clone(), counted))
        .with_state(service)
}

async fn nowhere(State(service): State<Arc<Service>>, request: Request) -> Response<Body> {
    service.respond(language(request.headers()), Err(RequestError::NoSuchPlace))
}

async fn not_so(State(service): State<Arc<Service>>, request: Request) -> Response<Body> {
    let method = request.method().as_str().chars().take(20).collect();
    service.respond(language(request.headers()), Err(RequestError::Method { method }))
}

/// Answers a request within its caller's share.
async fn shared(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response<Body> {
    // Whether this process lives is answered whatever goes on.
    if request.uri().path() == ALIVE {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    if percent_decode_str(parts.uri.path()).decode_utf8().is_err() {
        return service.respond(language(&parts.headers), Err(RequestError::NoSuchPlace));
    }
    let (caller, lang) = (Credential::caller(&service, &parts), language(&parts.headers));
    let answered = within(&service.shares, caller, next.run(Request::from_parts(parts, body))).await;
    service.respond(lang, answered.ok_or(RequestError::TooMany { seconds: 1 }))
}

/// Counts every answer that has an end.
async fn counted(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response<Body> {
    let endless = request.uri().path() == EVENTS;
    let start = Instant::now();
    let response = next.run(request).await;
    if !endless {
        service.counters.count(response.status(), start.elapsed());
    }
    response
}
