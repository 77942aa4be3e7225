//! Every address of the service.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::Response;

use crate::caller::language;
use crate::problem::RequestError;
use crate::service::Service;
use crate::share::shared;
use crate::{blobs, events, log, login, office, openapi, routes, status, tes};

/// Every address of the service.
pub fn router(service: Arc<Service>) -> Router {
    routes::routes()
        .merge(blobs::routes())
        .merge(events::routes())
        .merge(log::routes())
        .merge(openapi::routes())
        .merge(login::routes())
        .merge(office::routes())
        .merge(status::routes())
        .merge(tes::routes())
        .fallback(nowhere)
        .method_not_allowed_fallback(not_so)
        .layer(axum::middleware::from_fn_with_state(service.clone(), shared))
        .layer(axum::middleware::from_fn_with_state(service.clone(), status::counted))
        .with_state(service)
}

async fn nowhere(State(service): State<Arc<Service>>, request: axum::extract::Request) -> Response<Body> {
    service.respond(language(request.headers()), Err(RequestError::NoSuchPlace))
}

async fn not_so(State(service): State<Arc<Service>>, request: axum::extract::Request) -> Response<Body> {
    let method = request.method().as_str().chars().take(20).collect();
    service.respond(language(request.headers()), Err(RequestError::Method { method }))
}
