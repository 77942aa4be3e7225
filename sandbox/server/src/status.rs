//! Whether the service is well, for machines: health, readiness, counts.
//!
//! Nothing here depends on rows: no time of a run, no size of what it read, no memory of this process.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response, StatusCode};
use axum::routing::get;
use chrono::{DateTime, Utc};
use unseen_access::{Action, Resource};
use unseen_console::office::Supplies;
use unseen_lab::{View, disk};
use unseen_listener::ends;
use unseen_policies::lifecycle::State as JobState;

use crate::asked::asked;
use crate::problem::RequestError;
use crate::service::Service;

/// Where it is said that this process lives.
pub(crate) const ALIVE: &str = "/healthz";

pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route(ALIVE, get(async || plain(StatusCode::OK, "ok\n".to_owned())))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
}

/// How many bytes the lab's folder must take to be ready.
const PROBE: usize = 1 << 16;

/// Whether requests can be answered: the log is readable, and the lab's folder takes files.
async fn ready(State(service): State<Arc<Service>>) -> Response<Body> {
    let found = service
        .in_thread(|service| {
            service.view()?;
            // One for each who asks: they would remove each other's.
            static ASKED: AtomicU64 = AtomicU64::new(0);
            let number = ASKED.fetch_add(1, Ordering::Relaxed);
            let probe = service.desk_folder().join(format!("incoming/ready-{number}.tmp"));
            std::fs::write(&probe, [0; PROBE])
                .and_then(|()| std::fs::remove_file(&probe))
                .map_err(|_| RequestError::Inside)
        })
        .await;
    match found {
        Ok(()) => plain(StatusCode::OK, "ready\n".to_owned()),
        Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE, "not ready\n".to_owned()),
    }
}

async fn metrics(State(service): State<Arc<Service>>, request: Request) -> Response<Body> {
    asked(service, request, |guarded| {
        guarded.may(Action::ShowDoctor, &Resource::Lab, "/metrics")?;
        Ok(plain(StatusCode::OK, text(guarded.service, guarded.view)))
    })
    .await
}

/// A number of the service, or several that a label tells apart.
pub(crate) struct Metric {
    /// Its name, behind `unseen_`.
    pub name: &'static str,
    /// Whether it only grows.
    pub grows: bool,
    /// What it counts.
    pub help: &'static str,
    /// What tells several apart; empty where there is one.
    pub label: &'static str,
    /// The label's values, and the numbers.
    pub read: fn(&Service, &View) -> Vec<(&'static str, u64)>,
}

/// All there are, beside how long answers took.
pub(crate) const METRICS: [Metric; 7] = [
    Metric {
        name: "http_answers_total",
        grows: true,
        help: "Answers by the class of their status.",
        label: "class",
        read: |service, _| service.counters.classes().to_vec(),
    },
    Metric {
        name: "log_entries",
        grows: false,
        help: "Entries of the log.",
        label: "",
        read: |_, view| vec![("", view.ledger().size())],
    },
    Metric { name: "jobs", grows: false, help: "Jobs by their state.", label: "state", read: |_, view| jobs(view) },
    Metric {
        name: "oldest_wait_seconds",
        grows: false,
        help: "How long the oldest job has waited for its approvals.",
        label: "",
        read: |_, view| vec![("", oldest_wait(view))],
    },
    Metric {
        name: "sessions",
        grows: false,
        help: "Sessions that are open.",
        label: "",
        read: |service, _| vec![("", service.sessions.count(Utc::now()) as u64)],
    },
    Metric {
        name: "disk_free_bytes",
        grows: false,
        help: "Free bytes of the disk that the lab is on, in whole GiB.",
        label: "",
        read: |service, _| free(service).map(|bytes| ("", bytes)).into_iter().collect(),
    },
    Metric {
        name: "certificate_seconds",
        grows: false,
        help: "For how long this service's certificate is good.",
        label: "",
        read: |service, _| {
            let ends = service.certificate.as_deref().and_then(ends);
            let left = ends.map(|ends| ends.duration_since(SystemTime::now()).map_or(0, |left| left.as_secs()));
            left.map(|left| ("", left)).into_iter().collect()
        },
    },
];

/// Free bytes of the lab's disk, in whole GiB.
fn free(service: &Service) -> Option<u64> {
    let (free, _) = disk(service.desk_folder()).ok()?;
    Some(free >> 30 << 30)
}

/// What the console shows of what may run short.
pub(crate) fn supplies(service: &Service, view: &View) -> Supplies {
    Supplies {
        oldest_wait: oldest_wait(view),
        disk_free: free(service),
        certificate_ends: service.certificate.as_deref().and_then(ends).map(DateTime::from),
        sessions: service.sessions.count(Utc::now()),
    }
}

fn jobs(view: &View) -> Vec<(&'static str, u64)> {
    let states = [
        ("submitted", JobState::Submitted),
        ("approved", JobState::Approved),
        ("running", JobState::Running),
        ("released", JobState::Released),
        ("rejected", JobState::Rejected),
        ("failed", JobState::Failed),
        ("withdrawn", JobState::Withdrawn),
    ];
    let many = |state| view.ledger().jobs().values().filter(|job| job.state == state).count() as u64;
    states.map(|(name, state)| (name, many(state))).to_vec()
}

fn oldest_wait(view: &View) -> u64 {
    let ledger = view.ledger();
    let waits = ledger.jobs().values().filter(|job| job.state == JobState::Submitted && !ledger.is_void(job));
    waits.map(|job| (Utc::now() - job.time).num_seconds().max(0) as u64).max().unwrap_or(0)
}

/// The text format of Prometheus, version 0.0.4.
fn text(service: &Service, view: &View) -> String {
    let mut text = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, lines: Vec<(String, String)>| {
        let _ = write!(text, "# HELP unseen_{name} {help}\n# TYPE unseen_{name} {kind}\n");
        for (labels, value) in lines {
            let _ = writeln!(text, "unseen_{name}{labels} {value}");
        }
    };
    for Metric { name, grows, help, label, read } in &METRICS {
        let labels = |value| if label.is_empty() { String::new() } else { format!("{{{label}=\"{value}\"}}") };
        let lines = read(service, view).into_iter().map(|(value, number)| (labels(value), number.to_string()));
        metric(name, if *grows { "counter" } else { "gauge" }, help, lines.collect());
    }
    metric("http_answer_seconds", "histogram", "How long answers took.", service.counters.histogram());
    text
}

fn plain(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
    response
}
