//! A question that no use case answers: who asks is found, and what follows is guarded.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::Response;

use crate::caller::language;
use crate::credential::Credential;
use crate::problem::RequestError;
use crate::rules::Guarded;
use crate::service::Service;

/// What `work` answers to whoever sent `request`, or what is wrong in their language.
///
/// It runs where it may wait for the disk, on one view of the lab. What it shows, it asks [`Guarded`] for.
pub(crate) async fn asked(
    service: Arc<Service>,
    request: Request,
    work: impl FnOnce(&Guarded<'_>) -> Result<Response<Body>, RequestError> + Send + 'static,
) -> Response<Body> {
    answered(service, request, false, work).await
}

/// The same of what takes its time, where it holds nobody up who asks for less.
pub(crate) async fn asked_slowly(
    service: Arc<Service>,
    request: Request,
    work: impl FnOnce(&Guarded<'_>) -> Result<Response<Body>, RequestError> + Send + 'static,
) -> Response<Body> {
    answered(service, request, true, work).await
}

async fn answered(
    service: Arc<Service>,
    request: Request,
    slow: bool,
    work: impl FnOnce(&Guarded<'_>) -> Result<Response<Body>, RequestError> + Send + 'static,
) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let lang = language(&parts.headers);
    let answered = async {
        let credential = Credential::of(&service, &parts)?;
        let work = move |service: &Service| {
            let view = service.view()?;
            let caller = credential.known(service, view.ledger())?;
            work(&Guarded { service, view: &view, caller: &caller })
        };
        if slow { service.in_slow_thread(work).await } else { service.in_thread(work).await }
    };
    let answered = answered.await;
    service.respond(lang, answered)
}
