//! Signing on by an office's identity provider: in a browser, or from a terminal by a code.
//!
//! Whoever signs on reads as the person of that name, with no more roles than their enrolled keys have and the provider
//! says. It signs nothing: what changes the lab is signed with a person's own key.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path as InPath, State};
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response, StatusCode};
use axum::routing::{get, post};
use unseen_api::login::{DeviceCode, LoggedIn, OFFICE, OFFICE_DEVICE, WAITS};
use unseen_ids::Role;
use unseen_signon::{Claims, Poll, SignOnError};
use unseen_texts::Sentence;

use crate::answer::{json_response, to_json};
use crate::caller::{address, cookie, language};
use crate::login::{logged_in, random, to_session};
use crate::office::{Office, now};
use crate::problem::RequestError;
use crate::service::Service;
use crate::sessions::By;

/// Where the provider sends the browser back to.
const BACK: &str = "/v1/login/office/back";
/// The cookie of a browser that has gone to the provider.
const AWAY: &str = "unseen-away";

pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route(OFFICE, get(go))
        .route(BACK, get(come_back))
        .route(OFFICE_DEVICE, post(begin_device))
        .route(&format!("{OFFICE_DEVICE}/{{id}}"), post(poll_device))
}

/// Sends a browser to the provider.
async fn go(State(service): State<Arc<Service>>, request: axum::extract::Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let lang = language(&parts.headers);
    let answered = service
        .in_thread(move |service| {
            let office = of(service)?;
            let provider = office.provider().map_err(|error| refused(service, &error))?;
            let back = format!("{}{BACK}", office.config.url.trim_end_matches('/'));
            let begun =
                provider.authorization_url(&back, &office.scopes()).map_err(|error| refused(service, &error))?;
            let (away, url) = (random().ok_or(RequestError::Inside)?, begun.url.clone());
            office.away.put(&away, address(&parts), begun)?;
            let secure = if office.config.url.starts_with("https://") { "; Secure" } else { "" };
            // The provider sends the browser back from another site.
            let cookie = format!("{AWAY}={away}; Path={BACK}; Max-Age=600; HttpOnly; SameSite=Lax{secure}");
            to(&url, &cookie)
        })
        .await;
    service.respond(lang, answered)
}

/// Takes a browser back, with what the provider says of who it is.
async fn come_back(State(service): State<Arc<Service>>, request: axum::extract::Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let lang = language(&parts.headers);
    let answered = service
        .in_thread(move |service| {
            let office = of(service)?;
            let begun = cookie(&parts.headers, AWAY).and_then(|away| office.away.take(away));
            let begun = begun.ok_or_else(|| refused(service, &SignOnError::Strayed))?;
            let provider = office.provider().map_err(|error| refused(service, &error))?;
            let claims = provider.exchange(parts.uri.query().unwrap_or_default(), &begun, now());
            let claims = claims.map_err(|error| refused(service, &error))?;
            let session = known(service, office, &claims, &parts)?;
            to_session(&session, office.config.url.starts_with("https://"))
        })
        .await;
    service.respond(lang, answered)
}

/// Begins for a terminal: what to type where.
async fn begin_device(State(service): State<Arc<Service>>, request: axum::extract::Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let lang = language(&parts.headers);
    let answered = service
        .in_thread(move |service| {
            let office = of(service)?;
            let provider = office.provider().map_err(|error| refused(service, &error))?;
            let device = provider.begin_device(&office.scopes(), now()).map_err(|error| refused(service, &error))?;
            let id = random().ok_or(RequestError::Inside)?;
            let code = DeviceCode {
                id: id.clone(),
                code: device.user_code.clone(),
                at: device.verification_uri.clone(),
                interval: device.interval,
            };
            office.waiting.put(&id, address(&parts), device)?;
            Ok(json_response(StatusCode::CREATED, &to_json(&code, lang)?))
        })
        .await;
    service.respond(lang, answered)
}

/// Whether the person at a terminal has signed on by now.
async fn poll_device(
    State(service): State<Arc<Service>>,
    InPath(id): InPath<String>,
    request: axum::extract::Request,
) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let lang = language(&parts.headers);
    let answered = service
        .in_thread(move |service| {
            let office = of(service)?;
            let device = office.waiting.take(&id).ok_or_else(|| refused(service, &SignOnError::Strayed))?;
            let provider = office.provider().map_err(|error| refused(service, &error))?;
            match provider.poll_device(&device, now()).map_err(|error| refused(service, &error))? {
                Poll::Done(claims) => {
                    let session = known(service, office, &claims, &parts)?;
                    Ok(json_response(StatusCode::CREATED, &to_json(&session, lang)?))
                }
                wait => {
                    office.waiting.put(&id, address(&parts), device)?;
                    let slower = matches!(wait, Poll::SlowDown);
                    Ok(json_response(StatusCode::ACCEPTED, &serde_json::json!({ WAITS: true, "slower": slower })))
                }
            }
        })
        .await;
    service.respond(lang, answered)
}

/// A session of the person whom the provider names.
fn known(service: &Service, office: &Office, claims: &Claims, parts: &Parts) -> Result<LoggedIn, RequestError> {
    let signed_on = office.config.claims.read(claims).map_err(|error| refused(service, &error))?;
    let view = service.view()?;
    let mut people = view.ledger().people().iter();
    let own = people.find(|(_, person)| person.name == signed_on.name && person.revoked.is_none());
    let Some((key, person)) = own.map(|(key, person)| (*key, person)) else {
        return Err(service.watch.failed(address(parts), "office"));
    };
    let roles: Vec<Role> = signed_on.narrow(person.roles.iter().copied()).into_iter().collect();
    logged_in(service, key, By::Office(roles), address(parts))
}

fn of(service: &Service) -> Result<&Office, RequestError> {
    service.office.as_ref().ok_or(RequestError::NoSuchPlace)
}

/// What went wrong is for operators; whoever tried is told one of two fixed sentences.
fn refused(service: &Service, error: &SignOnError) -> RequestError {
    (service.tell)(Sentence::of(error));
    RequestError::Office(error.outside())
}

fn to(url: &str, cookie: &str) -> Result<Response<Body>, RequestError> {
    let mut response = json_response(StatusCode::SEE_OTHER, &serde_json::json!({}));
    let header = |text: &str| HeaderValue::from_str(text).map_err(|_| RequestError::Inside);
    response.headers_mut().insert(LOCATION, header(url)?);
    response.headers_mut().insert(SET_COOKIE, header(cookie)?);
    Ok(response)
}
