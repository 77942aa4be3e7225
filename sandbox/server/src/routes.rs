//! One handler for all queries, one for all changes.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{RawPathParams, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{Response, StatusCode};
use axum::routing::{MethodRouter, get, post};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;
use unseen_access::{Action, Context};
use unseen_api::address::{Addressed, Method, On, Visitor, of_body, of_query, visit};
use unseen_api::{DRAFT, MAX_REQUEST};
use unseen_ids::PublicKey;
use unseen_lab::{SignedEntry, View};
use unseen_texts::{Lang, Message};
use unseen_usecases::change::{HandIn, Unsigned, draft, receive};
use unseen_usecases::{Blob, Change, Desk, Query, UseCaseError};

use crate::answer::{json_response, to_json};
use crate::caller::{Caller, language};
use crate::credential::Credential;
use crate::problem::RequestError;
use crate::rules::Guarded;
use crate::service::Service;
use crate::share::{Place, whole};

/// Every use-case at its address.
pub(crate) fn routes() -> Router<Arc<Service>> {
    let mut routes = Routes(Router::new());
    visit(&mut routes);
    routes.0
}

struct Routes(Router<Arc<Service>>);

impl Routes {
    fn add(&mut self, path: &str, handler: MethodRouter<Arc<Service>>) {
        self.0 = std::mem::take(&mut self.0).route(path, handler);
    }
}

impl Visitor for Routes {
    fn query<Q: Query + Addressed + Send + Sync + 'static>(&mut self) {
        match Q::METHOD {
            Method::Get => self.add(Q::PATH, get(ask::<Q>)),
            Method::Post => self.add(Q::PATH, post(ask::<Q>)),
        }
    }

    fn change<C: Change + Addressed + Send + Sync + 'static>(&mut self) {
        self.add(C::PATH, post(take::<C>));
        self.add(&format!("{}{DRAFT}", C::PATH), post(prepare::<C>));
    }
}

/// A request as every use-case takes it.
pub(crate) struct Asked {
    pub lang: Lang,
    pub credential: Credential,
    pub path: Vec<(String, String)>,
    pub query: String,
    body: Vec<u8>,
    _held: Option<Place>,
}

impl Asked {
    pub async fn read(
        service: &Service,
        params: RawPathParams,
        parts: &Parts,
        body: Body,
    ) -> Result<Asked, RequestError> {
        let credential = Credential::of(service, parts)?;
        let path = params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let (body, held) = match parts.method {
            axum::http::Method::POST if body.is_end_stream() => (Vec::new(), None),
            axum::http::Method::POST if is_json(parts) => whole(body, MAX_REQUEST).await?,
            axum::http::Method::POST => return Err(RequestError::NotJson),
            _ => (Vec::new(), None),
        };
        Ok(Asked { lang: language(&parts.headers), credential, path, query, body, _held: held })
    }

    /// The body, read where that holds nobody up; null where there is none.
    pub fn json(&self) -> Result<Value, RequestError> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        if members(&self.body) > MOST_MEMBERS {
            return Err(RequestError::Malformed(format!("it has more than {MOST_MEMBERS} members")));
        }
        let mut json =
            serde_json::from_slice(&self.body).map_err(|error| RequestError::Malformed(error.to_string()))?;
        integral(&mut json);
        Ok(json)
    }
}

/// Writes `5.0` as `5`: to JSON Schema both are the same whole number.
fn integral(json: &mut Value) {
    /// Up to here floats are exact.
    const EXACT: f64 = (1u64 << 53) as f64;
    match json {
        Value::Number(number) if number.is_f64() => {
            let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() <= EXACT);
            *number = float.map_or(number.clone(), |float| (float as i64).into());
        }
        Value::Array(items) => items.iter_mut().for_each(integral),
        Value::Object(fields) => fields.values_mut().for_each(integral),
        _ => {}
    }
}

/// The most members of all arrays and objects in a request. Read, one takes ten times the memory that it takes to send.
const MOST_MEMBERS: usize = 10_000;

/// How many members a JSON text has at most, without reading it.
fn members(json: &[u8]) -> usize {
    let (mut found, mut in_string, mut escaped) = (0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            b',' | b'[' | b'{' if !in_string => found += 1,
            _ => {}
        }
    }
    found
}

fn is_json(parts: &Parts) -> bool {
    let kind = parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().map(str::trim) == Some("application/json")
}

/// What compiles a component, looks at the machine or waits for others holds nobody up who asks for less.
async fn in_thread<A: Addressed>(
    service: &Arc<Service>,
    work: impl FnOnce(&Service) -> Result<Response<Body>, RequestError> + Send + 'static,
) -> Result<Response<Body>, RequestError> {
    let is_slow = [Action::CheckJob, Action::SubmitJob, Action::ShowDoctor, Action::AskWitnesses];
    match is_slow.iter().any(|action| action.name() == A::ACTION) {
        true => service.in_slow_thread(work).await,
        false => service.in_thread(work).await,
    }
}

async fn ask<Q: Query + Addressed + Send + Sync + 'static>(
    State(service): State<Arc<Service>>,
    params: RawPathParams,
    request: axum::extract::Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let lang = language(&parts.headers);
    let answered = async {
        let asked = Asked::read(&service, params, &parts, body).await?;
        in_thread::<Q>(&service, move |service| answer::<Q>(service, asked)).await
    };
    let answered = answered.await;
    service.respond(lang, answered)
}

fn answer<Q: Query + Addressed + 'static>(service: &Service, asked: Asked) -> Result<Response<Body>, RequestError> {
    let view = service.view()?;
    let caller = asked.credential.known(service, view.ledger())?;
    let mut query: Q = match Q::METHOD {
        Method::Get => of_query(&asked.path, &asked.query),
        Method::Post => of_body(&asked.path, asked.json()?),
    }
    .map_err(RequestError::Malformed)?;
    let guarded = Guarded { service, view: &view, caller: &caller };
    fill(service, query.blobs(), &caller)?;
    let (answer, resource) = guarded.answer(&query)?;
    let mut json = to_json(&answer, asked.lang)?;
    if let Some(allowed) = guarded.allowed(&resource, asked.lang)
        && let Value::Object(fields) = &mut json
    {
        fields.insert("allowedActions".to_owned(), allowed);
    }
    Ok(json_response(StatusCode::OK, &json))
}

async fn prepare<C: Change + Addressed + Send + Sync + 'static>(
    State(service): State<Arc<Service>>,
    params: RawPathParams,
    request: axum::extract::Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let lang = language(&parts.headers);
    let answered = async {
        let asked = Asked::read(&service, params, &parts, body).await?;
        in_thread::<C>(&service, move |service| drafted::<C>(service, asked)).await
    };
    let answered = answered.await;
    service.respond(lang, answered)
}

/// Who will sign what is drafted.
#[derive(Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WillSign {
    /// The key: 64 lower-case hex digits. With it, what the lab would refuse is refused now.
    #[schemars(with = "Option<String>", regex(pattern = unseen_ids::pattern::KEY))]
    pub signer: Option<PublicKey>,
}

fn drafted<C: Change + Addressed + 'static>(service: &Service, asked: Asked) -> Result<Response<Body>, RequestError> {
    let view = service.view()?;
    let caller = asked.credential.known(service, view.ledger())?;
    let WillSign { signer } = of_query(&[], &asked.query).map_err(RequestError::Malformed)?;
    let mut change: C = of_body(&asked.path, asked.json()?).map_err(RequestError::Malformed)?;
    // What would be refused once it is signed is refused now.
    let caller = Caller { context: Context { signed: true, ..caller.context }, ..caller };
    Guarded { service, view: &view, caller: &caller }
        .must(&change)
        .map_err(|denied| refused(&view, &change, signer.as_ref(), denied))?;
    fill(service, change.blobs(), &caller)?;
    let draft: Unsigned = draft(&service.desk, &change, signer.as_ref())?;
    Ok(json_response(StatusCode::OK, &to_json(&draft, asked.lang)?))
}

async fn take<C: Change + Addressed + Send + Sync + 'static>(
    State(service): State<Arc<Service>>,
    params: RawPathParams,
    request: axum::extract::Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let lang = language(&parts.headers);
    let answered = async {
        let asked = Asked::read(&service, params, &parts, body).await?;
        in_thread::<C>(&service, move |service| taken::<C>(service, asked)).await
    };
    let answered = answered.await;
    service.respond(lang, answered)
}

fn taken<C: Change + Addressed + 'static>(service: &Service, asked: Asked) -> Result<Response<Body>, RequestError> {
    let view = service.view()?;
    let sent = asked.credential.known(service, view.ledger())?;
    let HandIn { change, entry }: HandIn<Value> =
        serde_json::from_value(asked.json()?).map_err(|error| RequestError::Malformed(error.to_string()))?;
    let change: C = of_body(&asked.path, change).map_err(RequestError::Malformed)?;
    let entry = BASE64_STANDARD.decode(entry).map_err(|error| RequestError::Malformed(error.to_string()))?;
    let answer = signed(service, sent, change, &entry)?;
    Ok(json_response(StatusCode::CREATED, &to_json(&answer, asked.lang)?))
}

/// Makes a change that its author has signed. Whose it is says the signature, whoever carried it here.
pub(crate) fn signed<C: Change + Addressed + 'static>(
    service: &Service,
    sent: Caller,
    mut change: C,
    entry: &[u8],
) -> Result<C::Answer, RequestError> {
    // What takes long and needs no turn.
    let entry = service.view()?.verified(entry).map_err(UseCaseError::from)?;
    // Uploaded by whoever carried it here.
    let filled = fill(service, change.blobs(), &sent);
    // Rules may count approvals: they are asked about the very lab in which the change is then made.
    let answer = service.desk.together(|lab| {
        if lab.was_taken(&entry) {
            lab.commit().map_err(UseCaseError::from)?;
        }
        let (caller, on_record) = by_signature(lab, &sent, &entry)?;
        if let Err(denied) = (Guarded { service, view: lab, caller: &caller }).must(&change) {
            // What is in the log already was allowed then, and whoever did not hear of it asks again. What it lets one
            // read is read now.
            if on_record.is_none() || matches!(C::ON, On::Release) {
                return Err(refused(lab, &change, caller.key.as_ref(), denied));
            }
        }
        filled?;
        Ok(receive(lab, &change, &entry)?)
    })?;
    let _ = service.view();
    Ok(answer)
}

/// Whoever signed an entry, and where it is in the log, if it is. The log is public: an entry of it says nothing to
/// whoever has copied it there, but to those alone who have signed it.
pub(crate) fn by_signature(
    view: &View,
    sent: &Caller,
    entry: &SignedEntry,
) -> Result<(Caller, Option<u64>), RequestError> {
    let caller = sent.clone().signed(view.ledger(), *entry.signer())?;
    if !view.was_taken(entry) {
        return Ok((caller, None));
    }
    match &sent.key {
        Some(key) if entry.is_signed_by(key) => Ok((caller, view.find(entry)?)),
        _ => Err(RequestError::OnRecord),
    }
}

/// Where the ledger refuses too, its words are the ones to tell: they are the same at every front end.
fn refused<C: Change>(view: &View, change: &C, signer: Option<&PublicKey>, denied: RequestError) -> RequestError {
    let said = || {
        let record = view.record(change.event(view)?)?;
        signer.map_or(Ok(()), |signer| Ok::<_, RequestError>(view.ledger().may(signer, &record)?))
    };
    said().err().filter(|error| error.code().starts_with("ledger.")).unwrap_or(denied)
}

/// Gives blobs without bytes those that were uploaded before, or that every lab has.
pub(crate) fn fill(service: &Service, blobs: Vec<&mut Blob>, caller: &Caller) -> Result<(), RequestError> {
    for blob in blobs.into_iter().filter(|blob| !blob.is_whole()) {
        let digest = *blob.digest();
        let bytes = match Blob::ready_made_named(&digest) {
            Some(map) => map.bytes().to_vec(),
            None => service.blobs.read(&digest, caller).ok_or(RequestError::NoBlob { digest })?,
        };
        if !blob.fill(bytes) {
            return Err(RequestError::NoBlob { digest });
        }
    }
    Ok(())
}
