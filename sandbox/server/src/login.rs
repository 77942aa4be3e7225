//! Logging in: with a key that is enrolled, or by a link that is good once.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{LOCATION, ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use axum::routing::{get, post};
use chrono::Utc;
use unseen_accesslog::How;
use unseen_api::login::{LoggedIn, Login, PATH};
use unseen_ids::PublicKey;

use crate::answer::{json_response, to_json};
use crate::caller::{COOKIE_NAME, address, bearer, language};
use crate::problem::RequestError;
use crate::service::Service;
use crate::sessions::By;
pub(crate) use crate::sessions::random;
use crate::share::whole;

/// The most bytes of a log-in.
const MOST: usize = 4 << 10;

/// Where a link that logs in leads; its secret is the query.
pub(crate) const LINK: &str = "/v1/login/link";
/// Where a browser logs in with the key that it keeps.
const BROWSER: &str = "/v1/login/browser";

pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new().route(PATH, post(log_in).delete(log_out)).route(BROWSER, post(let_in)).route(LINK, get(follow))
}

async fn log_in(State(service): State<Arc<Service>>, request: axum::extract::Request) -> Response<Body> {
    let lang = language(request.headers());
    let session = session(&service, request).await;
    service.respond(lang, session.and_then(|session| Ok(json_response(StatusCode::CREATED, &to_json(&session, lang)?))))
}

/// The same for a browser, which keeps the session where no script of a page can read it.
async fn let_in(State(service): State<Arc<Service>>, request: axum::extract::Request) -> Response<Body> {
    let (lang, secure) = (language(request.headers()), is_secure(request.headers()));
    let session = session(&service, request).await;
    let answered = session.and_then(|session| {
        // A browser that had forgotten its passkey learns by which key the lab knows it.
        let key = service.sessions.of(&session.token, Utc::now()).map(|session| session.key);
        let mut response = json_response(StatusCode::CREATED, &serde_json::json!({ "name": session.name, "key": key }));
        response.headers_mut().insert(SET_COOKIE, cookie(&session, secure)?);
        Ok(response)
    });
    service.respond(lang, answered)
}

/// Whether the browser came over TLS, as it says itself: then the cookie goes over nothing else.
fn is_secure(headers: &HeaderMap) -> bool {
    headers.get(ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"https://"))
}

async fn session(service: &Arc<Service>, request: axum::extract::Request) -> Result<LoggedIn, RequestError> {
    let (parts, body) = request.into_parts();
    let from = address(&parts);
    {
        let (bytes, _held) = whole(body, MOST).await?;
        let login: Login =
            serde_json::from_slice(&bytes).map_err(|error| RequestError::Malformed(error.to_string()))?;
        service
            .in_thread(move |service| {
                let now = Utc::now();
                let view = service.view()?;
                // Only log-ins of known keys are remembered: with others anybody could fill that memory.
                let known = view.ledger().people().iter().filter(|(_, person)| person.revoked.is_none());
                let signer = login.signer(&service.hosts, now, known.map(|(key, _)| key));
                match signer.filter(|key| service.sessions.is_new(*key, &login, now)) {
                    Some(key) => logged_in(service, key, By::Key, from),
                    None => Err(service.watch.failed(from, "logIn")),
                }
            })
            .await
    }
}

/// Opens a session.
pub(crate) fn logged_in(service: &Service, key: PublicKey, by: By, from: IpAddr) -> Result<LoggedIn, RequestError> {
    let view = service.view()?;
    let person = view.ledger().person(&key).map_err(|_| service.watch.failed(from, "logIn"))?;
    service.watch.logged_in(&person.name, how(&by), from)?;
    let (token, until) = service.sessions.open(key, by, Utc::now()).ok_or(RequestError::Inside)?;
    Ok(LoggedIn { name: person.name.clone(), log: view.ledger().origin().to_owned(), token, until })
}

async fn log_out(State(service): State<Arc<Service>>, request: axum::extract::Request) -> Response<Body> {
    if let Some(token) = bearer(request.headers()) {
        service.sessions.close(token);
    }
    json_response(StatusCode::OK, &serde_json::json!({}))
}

async fn follow(State(service): State<Arc<Service>>, request: axum::extract::Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let (lang, from) = (language(&parts.headers), address(&parts));
    let secret = parts.uri.query().unwrap_or_default().to_owned();
    let answered = service
        .in_thread(move |service| {
            let key = service.sessions.follow(&secret).ok_or_else(|| service.watch.failed(from, "link"))?;
            to_session(&logged_in(service, key, By::Key, from)?, false)
        })
        .await;
    service.respond(lang, answered)
}

/// Gives a browser its session.
pub(crate) fn to_session(session: &LoggedIn, secure: bool) -> Result<Response<Body>, RequestError> {
    let mut response = json_response(StatusCode::SEE_OTHER, &serde_json::json!({}));
    response.headers_mut().insert(SET_COOKIE, cookie(session, secure)?);
    response.headers_mut().insert(LOCATION, HeaderValue::from_static("/"));
    Ok(response)
}

fn cookie(session: &LoggedIn, secure: bool) -> Result<HeaderValue, RequestError> {
    let secure = if secure { "; Secure" } else { "" };
    let cookie = format!("{COOKIE_NAME}={}; Path=/; HttpOnly; SameSite=Strict{secure}", session.token);
    HeaderValue::from_str(&cookie).map_err(|_| RequestError::Inside)
}

fn how(by: &By) -> How {
    match by {
        By::Key => How::Login,
        By::Office(_) => How::Oidc,
    }
}
