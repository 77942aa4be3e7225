//! Answers as they are sent.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, Response, StatusCode};
use serde::Serialize;
use serde_json::Value;
use unseen_ids::Answer;
use unseen_texts::{Lang, written_in};

use crate::problem::RequestError;

/// An answer, its texts in this language.
pub(crate) fn to_json<A: Answer>(answer: &A, lang: Lang) -> Result<Value, RequestError> {
    written_in(lang, || answer.to_json()).map_err(|_| RequestError::Inside)
}

pub(crate) fn json_response(status: StatusCode, json: &impl Serialize) -> Response<Body> {
    let mut response = Response::new(Body::from(serde_json::to_vec(json).unwrap_or_default()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A file, to be kept under this name, which is of letters that need no quoting.
pub(crate) fn attachment(kind: &'static str, name: &str, bytes: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    let named = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    response.headers_mut().insert(CONTENT_DISPOSITION, named.unwrap_or(HeaderValue::from_static("attachment")));
    response
}
