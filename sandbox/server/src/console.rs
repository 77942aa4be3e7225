//! The console: pages for people, at `/zh/...` and `/en/...`, made of the answers that programs get.

mod opened;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use axum::routing::{get, post};
use chrono::Utc;
use percent_encoding::percent_decode_str;
use unseen_access::{Action, Person, Principal, Resource};
use unseen_api::address::{Addressed, of_query};
use unseen_api::login::OFFICE;
use unseen_audit::bundle::{Known, verify};
use unseen_auditor::page::Audit;
use unseen_console::catalogue::One;
use unseen_console::new_job::Written;
use unseen_console::{
    Can, Page, Reader, assets, audit, catalogue, inbox, job, jobs, keys, log, new_job, office, refused, release,
    upload, whole,
};
use unseen_ids::JobId;
use unseen_texts::{Lang, Sentence};
use unseen_usecases::budget::BudgetOf;
use unseen_usecases::change::draft;
use unseen_usecases::check::Check;
use unseen_usecases::datasets::{ListDatasets, ShowDataset, ShowQuality};
use unseen_usecases::doctor::ShowDoctor;
use unseen_usecases::inbox::ShowInbox;
use unseen_usecases::jobs::{Approve, ListJobs, ShowJob};
use unseen_usecases::labs::ShowLab;
use unseen_usecases::lives::ShowSnapshots;
use unseen_usecases::logs::{ListEntries, ProveEntry, ShowCheckpoint, ShowEntry};
use unseen_usecases::nodes::ListNodes;
use unseen_usecases::people::ListPeople;
use unseen_usecases::policy::{ExplainAccess, ShowPolicy};
use unseen_usecases::witnesses::ShowWitnesses;
use unseen_usecases::{Blob, Query};

use crate::bundle;
use crate::caller::{COOKIE_NAME, cookie, language};
use crate::credential::Credential;
use crate::problem::RequestError;
use crate::routes::fill;
use crate::rules::Guarded;
use crate::service::Service;
use crate::{share, status};

/// What remembers the language in which somebody reads.
const KEPT_LANGUAGE: &str = "unseen-language";
/// How many entries of the log stand on a page, and how many jobs.
const PAGE: u64 = 50;
/// The most bytes of a form.
const MOST: usize = 1 << 20;
/// What a page may load and do: its own style and script, and ask this service.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

pub(crate) fn routes() -> Router<Arc<Service>> {
    let mut routes = Router::new()
        .route("/", get(async |request: Request| to(&format!("/{}/", code(kept_language(request.headers()))))))
        .route("/assets/{digest}/{name}", get(asset));
    for (code, lang) in [("zh", Lang::Zh), ("en", Lang::En)] {
        let shown = move |State(service): State<Arc<Service>>, request: Request| page(service, lang, request);
        let opened = move |State(service): State<Arc<Service>>, Path(job): Path<String>, request: Request| {
            opened::opened(service, lang, job, request)
        };
        let written = move |State(service): State<Arc<Service>>, request: Request| checked(service, lang, request);
        let left = move |State(service): State<Arc<Service>>, request: Request| log_out(service, lang, request);
        routes = routes
            .route(&format!("/{code}"), get(move || async move { to(&format!("/{code}/")) }))
            .route(&format!("/{code}/"), get(shown))
            .route(&format!("/{code}/{{*page}}"), get(shown))
            .route(&format!("/{code}/jobs/{{job}}/release"), get(shown).post(opened))
            .route(&format!("/{code}/jobs/new"), get(shown).post(written))
            .route(&format!("/{code}/logout"), post(left));
    }
    routes
}

async fn page(service: Arc<Service>, lang: Lang, request: Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let path = parts.uri.path().get(3..).unwrap_or_default().to_owned();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let credential = Credential::of(&service, &parts);
    // What looks at the machine takes its time.
    let slow = ["/operations", "/audit"].contains(&path.as_str());
    let work = move |service: &Service| shown(service, lang, credential, &path, &query);
    let answered = match slow {
        true => service.in_slow_thread(work).await,
        false => service.in_thread(work).await,
    };
    let mut response = service.respond(lang, answered);
    if cookie(&parts.headers, KEPT_LANGUAGE) != Some(code(lang)) {
        let kept = format!("{KEPT_LANGUAGE}={}; Path=/; HttpOnly; SameSite=Lax; Max-Age=31536000", code(lang));
        response.headers_mut().extend(HeaderValue::from_str(&kept).ok().map(|kept| (SET_COOKIE, kept)));
    }
    response
}

/// The language in which somebody read last in this browser; else the one that the browser asks for.
fn kept_language(headers: &HeaderMap) -> Lang {
    match cookie(headers, KEPT_LANGUAGE) {
        Some("zh") => Lang::Zh,
        Some("en") => Lang::En,
        _ => language(headers),
    }
}

/// A job that was written, checked.
async fn checked(service: Arc<Service>, lang: Lang, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let answered = async {
        let credential = Credential::of(&service, &parts);
        let (form, _held) = share::whole(body, MOST).await?;
        service
            .in_slow_thread(move |service| {
                rendered(service, lang, credential, "/jobs/new", |visit| visit.checked(&fields(&form)?))
            })
            .await
    };
    let answered = answered.await;
    service.respond(lang, answered)
}

/// What stands in a form.
fn fields(form: &[u8]) -> Result<BTreeMap<String, String>, RequestError> {
    of_query(&[], std::str::from_utf8(form).unwrap_or_default()).map_err(RequestError::Malformed)
}

async fn log_out(service: Arc<Service>, lang: Lang, request: Request) -> Response<Body> {
    if let Some(token) = cookie(request.headers(), COOKIE_NAME) {
        service.sessions.close(token);
    }
    let mut response = to(&format!("/{}/", code(lang)));
    let gone = format!("{COOKIE_NAME}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    if let Ok(gone) = HeaderValue::from_str(&gone) {
        response.headers_mut().insert(SET_COOKIE, gone);
    }
    response
}

async fn asset(Path((_, name)): Path<(String, String)>, request: Request) -> Response<Body> {
    let wanted = assets::ALL.into_iter().find(|asset| asset.name == name && asset.address() == request.uri().path());
    let mut response = Response::new(Body::from(wanted.map_or("", |asset| asset.text)));
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    match wanted {
        Some(asset) => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.kind));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
        }
        None => *response.status_mut() = StatusCode::NOT_FOUND,
    }
    response
}

fn shown(
    service: &Service,
    lang: Lang,
    credential: Result<Credential, RequestError>,
    path: &str,
    query: &str,
) -> Result<Response<Body>, RequestError> {
    let at = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
    rendered(service, lang, credential, &at, |visit| visit.page(path, query))
}

/// A page, or one that says why there is none.
fn rendered(
    service: &Service,
    lang: Lang,
    credential: Result<Credential, RequestError>,
    at: &str,
    work: impl FnOnce(&Visit<'_>) -> Result<Page, RequestError>,
) -> Result<Response<Body>, RequestError> {
    render(service, lang, credential, at, |visit| Ok(html(200, whole(&visit.reader, &work(visit)?))))
}

/// What `work` answers to a reader, or a page that says why there is nothing.
fn render(
    service: &Service,
    lang: Lang,
    credential: Result<Credential, RequestError>,
    at: &str,
    work: impl FnOnce(&Visit<'_>) -> Result<Response<Body>, RequestError>,
) -> Result<Response<Body>, RequestError> {
    let view = service.view()?;
    let mut reader = Reader {
        lang,
        lab: view.ledger().origin().to_owned(),
        name: None,
        roles: Vec::new(),
        at: at.to_owned(),
        console: service.console.get().copied(),
    };
    let made = credential.and_then(|credential| credential.known(service, view.ledger())).and_then(|caller| {
        if let Principal::Person(person) = &caller.principal {
            (reader.name, reader.roles) = (Some(person.name.clone()), person.roles.clone());
        }
        work(&Visit { guarded: Guarded { service, view: &view, caller: &caller }, reader: reader.clone() })
    });
    Ok(made.unwrap_or_else(|error| {
        let (status, told) = error.outside(&*service.tell);
        html(status, whole(&reader, &refused(&reader, &Sentence::of(&told))))
    }))
}

/// One reader at one page.
struct Visit<'a> {
    guarded: Guarded<'a>,
    reader: Reader,
}

impl Visit<'_> {
    fn page(&self, path: &str, query: &str) -> Result<Page, RequestError> {
        let parts: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(unescape).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let reader = &self.reader;
        Ok(match parts.as_slice() {
            [] if reader.name.is_none() => inbox::welcome(reader),
            [] => inbox::page(reader, &self.ask(&ShowInbox {})?),
            ["datasets"] => catalogue::page(reader, &self.ask(&ListDatasets {})?),
            ["datasets", "new"] => upload::page(reader, self.ask(&ShowLab {})?.upload_to.as_deref()),
            ["datasets", name] => self.dataset(name)?,
            ["jobs"] => {
                let asked: ListJobs = of_query(&[], query).map_err(RequestError::Malformed)?;
                jobs::page(reader, &self.ask(&ListJobs { limit: Some(PAGE as usize), ..asked })?)
            }
            ["jobs", "new"] => new_job::page(reader),
            ["jobs", id] => self.job(id)?,
            ["jobs", id, "release"] => {
                let (found, resource) = self.guarded.answer(&ShowJob { job: number(id)? })?;
                let Resource::Job(thing) = resource else { return Err(RequestError::Inside) };
                release::page(reader, &found, &self.cans(&Resource::Release(thing)))
            }
            ["log"] => self.log(query)?,
            ["log", entry] => self.entry(entry)?,
            ["people"] => {
                let nobody = Person { name: String::new(), key: String::new(), roles: Vec::new(), kept: None };
                office::people(reader, &self.ask(&ListPeople {})?, &self.cans(&Resource::Person(nobody)))
            }
            ["policy"] => {
                let kind = Some("policy-set".to_owned());
                let wanted = ListEntries { before: Some(u64::MAX), limit: Some(PAGE), kind, ..ListEntries::default() };
                let history = self.ask(&wanted).ok();
                let access = self.ask(&ExplainAccess::default())?;
                office::policy(reader, &self.ask(&ShowPolicy {})?, &access, history.as_ref())
            }
            ["operations"] => self.operations()?,
            ["audit"] => self.audit()?,
            ["keys"] => keys::page(reader, self.guarded.caller.key.as_ref()),
            ["login"] => keys::login(reader, self.guarded.service.office.as_ref().map(|_| OFFICE)),
            _ => return Err(RequestError::NoSuchPlace),
        })
    }

    fn ask<Q: Query + Addressed>(&self, query: &Q) -> Result<Q::Answer, RequestError>
    where
        Q::Answer: 'static,
    {
        Ok(self.guarded.answer(query)?.0)
    }

    fn cans(&self, resource: &Resource) -> Vec<Can> {
        let actions = self.guarded.actions(resource).into_iter();
        let can = |(action, decision): (Action, unseen_access::Decision)| Can {
            action,
            allowed: decision.allowed,
            why: decision.because.into_iter().map(|because| because.text).collect(),
        };
        actions.map(can).collect()
    }

    fn dataset(&self, name: &str) -> Result<Page, RequestError> {
        let dataset = || name.to_owned();
        let (shown, resource) = self.guarded.answer(&ShowDataset { dataset: dataset() })?;
        let cans = self.cans(&resource);
        let sees = |action| cans.iter().any(|can| can.action == action && can.allowed);
        let budget = sees(Action::ShowBudget).then(|| self.ask(&BudgetOf { dataset: Some(dataset()), analyst: None }));
        let quality = sees(Action::ShowQuality).then(|| self.ask(&ShowQuality { dataset: dataset() }).ok()).flatten();
        let standing = self.ask(&ShowSnapshots { dataset: dataset() })?;
        let budget = budget.transpose()?;
        let one = One { shown: &shown, standing: &standing, budget: budget.as_ref(), quality: quality.as_ref() };
        Ok(catalogue::one(&self.reader, &one, &cans))
    }

    fn job(&self, id: &str) -> Result<Page, RequestError> {
        let id = number(id)?;
        let (found, resource) = self.guarded.answer(&ShowJob { job: id })?;
        let cans = self.cans(&resource);
        let approves = cans.iter().any(|can| can.action == Action::ApproveJob && can.allowed);
        // What cannot be approved as things are, the page says in other words.
        let drafted = approves
            .then(|| draft(&self.guarded.service.desk, &Approve { job: id }, self.guarded.caller.key.as_ref()).ok());
        Ok(job::page(&self.reader, &found, drafted.flatten().map(|unsigned| unsigned.to_sign).as_deref(), &cans))
    }

    fn checked(&self, fields: &BTreeMap<String, String>) -> Result<Page, RequestError> {
        // A browser ends lines as HTML has it; what is signed has the lines that were meant.
        let manifest = fields.get("manifest").map_or_else(String::new, |text| text.replace("\r\n", "\n"));
        let module = fields.get("module").and_then(|digest| digest.parse().ok());
        let mut written = Written { manifest, module };
        if let Some(map) = Blob::ready_made(&written.manifest) {
            written.module = Some(*map.digest());
        }
        let (guarded, name) = (&self.guarded, "job.toml".to_owned());
        let module = written.module.map(serde_json::to_value).and_then(Result::ok);
        let module: Option<Blob> = module.and_then(|digest| serde_json::from_value(digest).ok());
        let mut query = Check { name, manifest: written.manifest.clone(), module, author: guarded.caller.key };
        let found = fill(guarded.service, query.blobs(), guarded.caller).and_then(|()| guarded.answer(&query));
        let (found, cans) = match found {
            Ok((found, thing)) => (Ok(found), self.cans(&thing)),
            Err(error) => {
                let (_, told) = error.outside(&*guarded.service.tell);
                (Err(Sentence::of(&told)), Vec::new())
            }
        };
        Ok(new_job::checked(&self.reader, &written, &found, &cans))
    }

    fn log(&self, query: &str) -> Result<Page, RequestError> {
        let asked: BTreeMap<String, String> = of_query(&[], query).map_err(RequestError::Malformed)?;
        let asked: BTreeMap<_, _> = asked.into_iter().filter(|(_, said)| !said.trim().is_empty()).collect();
        let filter = log::Filter::of(|name| asked.get(name).map_or_else(String::new, |said| said.trim().to_owned()));
        let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let day = |text: &str| said(text).map(|day| day.parse()).transpose();
        let wrong = |_: chrono::ParseError| RequestError::Malformed("`since`, `until`: 2027-12-31".to_owned());
        let before = asked.get("before").map(|before| before.parse()).transpose();
        let before =
            before.map_err(|error: std::num::ParseIntError| RequestError::Malformed(format!("`before`: {error}")))?;
        let job: Option<JobId> = filter.about.parse().ok();
        let wanted = ListEntries {
            before: Some(before.unwrap_or(u64::MAX)),
            limit: Some(PAGE),
            kind: said(&filter.kind),
            signer: said(&filter.by),
            job,
            dataset: said(&filter.about).filter(|_| job.is_none()),
            since: day(&filter.since).map_err(wrong)?,
            until: day(&filter.until).map_err(wrong)?,
            ..ListEntries::default()
        };
        Ok(log::page(&self.reader, &self.ask(&wanted)?, &self.ask(&ShowCheckpoint {})?, &filter))
    }

    fn entry(&self, entry: &str) -> Result<Page, RequestError> {
        let entry: u64 = entry.parse().map_err(|_| RequestError::NoSuchPlace)?;
        let found = self.ask(&ShowEntry { entry })?;
        let listed = self.ask(&ListEntries { from: entry, limit: Some(1), ..ListEntries::default() })?;
        let proof = self.ask(&ProveEntry { entry })?;
        let pretty =
            [&found.statement, &found.envelope].map(|json| serde_json::to_string_pretty(json).unwrap_or_default());
        let listed = listed.entries.first().ok_or(RequestError::NoSuchPlace)?;
        Ok(log::one(&self.reader, &found, listed, &proof, pretty))
    }

    fn audit(&self) -> Result<Page, RequestError> {
        self.guarded.may(Action::ExportLog, &Resource::Lab, "/audit")?;
        let bundle = bundle::export(self.guarded.service, self.guarded.view, false)?;
        let found = verify(bundle.path(), &Known::default());
        let (lang, known) = (self.reader.lang, Known::default());
        let report = Audit { bundle: bundle.path(), known: &known, written: Utc::now(), lang };
        Ok(audit::page(&self.reader, &report.body(&found)))
    }

    fn operations(&self) -> Result<Page, RequestError> {
        let doctor = match self.ask(&ShowDoctor { engine: false }) {
            Ok(doctor) => Some(doctor),
            Err(RequestError::UseCase(_)) => None,
            Err(denied) => return Err(denied),
        };
        let (lab, jobs) = (self.ask(&ShowLab {})?, self.ask(&ListJobs::default())?);
        let budget = self.ask(&BudgetOf { dataset: None, analyst: None })?;
        let (witnesses, nodes) = (self.ask(&ShowWitnesses {})?, self.ask(&ListNodes {}).ok());
        let (lab, jobs, budget, witnesses, nodes) = (&lab, &jobs, &budget, &witnesses, nodes.as_ref());
        let supplies = &status::supplies(self.guarded.service, self.guarded.view);
        let watched = office::Watched { lab, jobs, budget, witnesses, nodes, doctor: doctor.as_ref(), supplies };
        Ok(office::operations(&self.reader, &watched))
    }
}

fn number(id: &str) -> Result<JobId, RequestError> {
    id.parse().map_err(|_| RequestError::NoSuchPlace)
}

/// A part of a path as it was before it was escaped.
fn unescape(part: &str) -> String {
    percent_decode_str(part).decode_utf8_lossy().into_owned()
}

fn html(status: u16, page: String) -> Response<Body> {
    let mut response = Response::new(Body::from(page));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
        (HeaderName::from_static("referrer-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn to(at: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    if let Ok(at) = HeaderValue::from_str(at) {
        response.headers_mut().insert(LOCATION, at);
    }
    response
}

fn code(lang: Lang) -> &'static str {
    if lang == Lang::Zh { "zh" } else { "en" }
}
