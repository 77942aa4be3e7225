//! Spans and metrics for a collector, over OTLP/HTTP: where this is built with the feature `otel`, and the standard
//! variables (`OTEL_EXPORTER_OTLP_ENDPOINT` and its kin) name one.
//!
//! Of a request there is its method, the template of its route, the status of its answer and how long that took; of
//! the service, what `/metrics` has. Nothing here depends on rows, and no path, name or number of anything is in it.

#[cfg(not(feature = "otel"))]
pub(crate) use nowhere::Telemetry;
#[cfg(feature = "otel")]
pub(crate) use otlp::Telemetry;

#[cfg(not(feature = "otel"))]
mod nowhere {
    use std::sync::Arc;

    use axum::Router;

    use crate::service::Service;

    /// Nothing: this is built without it.
    pub(crate) struct Telemetry;

    impl Telemetry {
        pub fn start(_: &Arc<Service>) -> Telemetry {
            Telemetry
        }

        pub fn over(&self, routes: Router) -> Router {
            routes
        }
    }
}

#[cfg(feature = "otel")]
mod otlp {
    use std::fmt;
    use std::sync::{Arc, Mutex, PoisonError};
    use std::time::{Duration, Instant, SystemTime};

    use axum::Router;
    use axum::body::Body;
    use axum::extract::{MatchedPath, Request, State};
    use axum::http::{Method, Response, StatusCode};
    use axum::middleware::{Next, from_fn_with_state};
    use futures_util::future::BoxFuture;
    use opentelemetry::metrics::{AsyncInstrument, Histogram, Meter, MeterProvider};
    use opentelemetry::trace::{Span, SpanKind, Status, Tracer, TracerProvider};
    use opentelemetry::{Context, KeyValue};
    use opentelemetry_http::{Bytes, HttpClient, HttpError};
    use opentelemetry_otlp::{ExporterBuildError, MetricExporter, SpanExporter, WithHttpConfig};
    use opentelemetry_sdk::metrics::SdkMeterProvider;
    use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
    use unseen_texts::say;
    use ureq::Agent;
    use ureq::tls::{RootCerts, TlsConfig, TlsProvider};

    use crate::counters::BOUNDS;
    use crate::events::EVENTS;
    use crate::service::{Service, Tell};
    use crate::status::METRICS;

    /// How long a collector may take to answer. Only threads of the exporter wait for it.
    const TIMEOUT: Duration = Duration::from_secs(5);
    /// How long operators are not told again that a collector fails.
    const QUIET: Duration = Duration::from_secs(3_600);
    /// The longest answer of a collector that is read, in bytes.
    const MAX_ANSWER: u64 = 64 << 10;

    /// What goes to a collector, until it is dropped: what is left then is sent first.
    pub(crate) struct Telemetry {
        spans: Option<SdkTracerProvider>,
        metrics: Option<SdkMeterProvider>,
    }

    impl Telemetry {
        /// Begins, if there is a collector. A faulty variable is told to operators, and the service goes on without.
        pub fn start(service: &Arc<Service>) -> Telemetry {
            let collector = Arc::new(Collector::new(service.tell.clone()));
            let failed = |error: ExporterBuildError| collector.failed(&error);
            let spans = wanted("TRACES").then(|| spans(collector.clone()).map_err(failed).ok());
            let metrics = wanted("METRICS").then(|| metrics(collector.clone(), service).map_err(failed).ok());
            Telemetry { spans: spans.flatten(), metrics: metrics.flatten() }
        }

        /// These routes, with what they answer.
        pub fn over(&self, routes: Router) -> Router {
            let watch = Watch {
                tracer: self.spans.as_ref().map(|spans| spans.tracer(SCOPE)),
                took: self.metrics.as_ref().map(|metrics| took(&metrics.meter(SCOPE))),
            };
            match watch {
                Watch { tracer: None, took: None } => routes,
                watch => routes.layer(from_fn_with_state(watch, answered)),
            }
        }
    }

    impl Drop for Telemetry {
        fn drop(&mut self) {
            // Operators have been told of a collector that fails.
            let _ = self.spans.take().map(|spans| spans.shutdown());
            let _ = self.metrics.take().map(|metrics| metrics.shutdown());
        }
    }

    /// Of whom a collector hears.
    const SCOPE: &str = "unseen";

    /// Whether a variable says where this goes.
    fn wanted(signal: &str) -> bool {
        let names = ["OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), format!("OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")];
        names.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
    }

    fn spans(collector: Arc<Collector>) -> Result<SdkTracerProvider, ExporterBuildError> {
        let exporter = SpanExporter::builder().with_http().with_shared_http_client(collector).build()?;
        Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).build())
    }

    fn metrics(collector: Arc<Collector>, service: &Arc<Service>) -> Result<SdkMeterProvider, ExporterBuildError> {
        let exporter = MetricExporter::builder().with_http().with_shared_http_client(collector).build()?;
        let provider = SdkMeterProvider::builder().with_periodic_exporter(exporter).build();
        let meter = provider.meter(SCOPE);
        for metric in &METRICS {
            let service = service.clone();
            let observe = move |to: &dyn AsyncInstrument<u64>| {
                let Ok(view) = service.view() else { return };
                for (value, number) in (metric.read)(&service, &view) {
                    match metric.label {
                        "" => to.observe(number, &[]),
                        label => to.observe(number, &[KeyValue::new(label, value)]),
                    }
                }
            };
            let name = format!("unseen_{}", metric.name);
            if metric.grows {
                meter.u64_observable_counter(name).with_description(metric.help).with_callback(observe).build();
            } else {
                meter.u64_observable_gauge(name).with_description(metric.help).with_callback(observe).build();
            }
        }
        Ok(provider)
    }

    fn took(meter: &Meter) -> Histogram<f64> {
        meter.f64_histogram("unseen_http_answer_seconds").with_boundaries(BOUNDS.to_vec()).with_unit("s").build()
    }

    /// Where an answer is put on record.
    #[derive(Clone)]
    struct Watch {
        tracer: Option<SdkTracer>,
        took: Option<Histogram<f64>>,
    }

    /// Records every answer that has an end.
    async fn answered(State(watch): State<Watch>, request: Request, next: Next) -> Response<Body> {
        let (method, route) = (known(request.method()), request.extensions().get::<MatchedPath>().cloned());
        let (time, start) = (SystemTime::now(), Instant::now());
        let response = next.run(request).await;
        let route = route.as_ref().map(MatchedPath::as_str);
        if route != Some(EVENTS) {
            if let Some(took) = &watch.took {
                took.record(start.elapsed().as_secs_f64(), &[]);
            }
            if let Some(tracer) = &watch.tracer {
                span(tracer, method, route, response.status(), time);
            }
        }
        response
    }

    fn span(tracer: &SdkTracer, method: &'static str, route: Option<&str>, status: StatusCode, began: SystemTime) {
        let mut attributes = vec![
            KeyValue::new("http.request.method", method),
            KeyValue::new("http.response.status_code", i64::from(status.as_u16())),
        ];
        attributes.extend(route.map(|route| KeyValue::new("http.route", route.to_owned())));
        let name = route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"));
        let builder = tracer.span_builder(name).with_kind(SpanKind::Server).with_start_time(began);
        // No context of whoever asks: it would be words of theirs.
        let mut span = tracer.build_with_context(builder.with_attributes(attributes), &Context::new());
        if status.is_server_error() {
            span.set_status(Status::error(""));
        }
        span.end();
    }

    /// A method by its name; others than these are words of whoever asks.
    fn known(method: &Method) -> &'static str {
        let all = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT"];
        all.into_iter().find(|known| *known == method.as_str()).unwrap_or("_OTHER")
    }

    /// Where it goes.
    struct Collector {
        agent: Agent,
        tell: Tell,
        told: Mutex<Option<Instant>>,
    }

    impl Collector {
        fn new(tell: Tell) -> Collector {
            let tls = TlsConfig::builder()
                .provider(TlsProvider::Rustls)
                .root_certs(RootCerts::PlatformVerifier)
                .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .build();
            let config = Agent::config_builder()
                .tls_config(tls)
                .timeout_global(Some(TIMEOUT))
                .http_status_as_error(false)
                .max_redirects(0)
                .max_redirects_will_error(false)
                .user_agent("unseen");
            Collector { agent: config.build().into(), tell, told: Mutex::new(None) }
        }

        fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ureq::Error> {
            let (parts, mut body) = self.agent.run(request.map(|body| body.to_vec()))?.into_parts();
            let body = body.with_config().limit(MAX_ANSWER).read_to_vec()?;
            Ok(Response::from_parts(parts, body.into()))
        }

        /// Tells operators, unless they have been told a short while ago.
        fn failed(&self, why: &dyn fmt::Display) {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            if told.is_none_or(|at| at.elapsed() > QUIET) {
                *told = Some(Instant::now());
                let why = why.to_string();
                (self.tell)(say!(
                    "telemetry does not reach its collector, and the service goes on without: {why}",
                    "遥测数据未能送达采集器，服务不受影响：{why}"
                ));
            }
        }
    }

    impl HttpClient for Collector {
        fn send_bytes<'a, 'b>(&'a self, request: Request<Bytes>) -> BoxFuture<'b, Result<Response<Bytes>, HttpError>>
        where
            'a: 'b,
            Self: 'b,
        {
            let sent = self.send(request);
            match &sent {
                Ok(response) if response.status().is_success() => {}
                Ok(response) => self.failed(&response.status()),
                Err(error) => self.failed(error),
            }
            Box::pin(std::future::ready(sent.map_err(HttpError::from)))
        }
    }

    impl fmt::Debug for Collector {
        fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str("Collector")
        }
    }
}
