//! What happens, as it happens: server-sent events, one for each entry of the log.
//!
//! An event's id is the entry's index, so whoever was cut off goes on with `Last-Event-ID`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::get;
use tokio::sync::watch;
use unseen_access::{Action, Resource};
use unseen_api::address::of_query;
use unseen_lab::View;

use crate::caller::language;
use crate::credential::Credential;
use crate::problem::RequestError;
use crate::rules::Guarded;
use crate::service::Service;

/// How often the log is looked at for what other processes have written.
const LOOK: Duration = Duration::from_secs(1);

/// Where they are.
pub(crate) const EVENTS: &str = "/v1/events";

pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new().route(EVENTS, get(events))
}

/// From where on.
#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct From {
    from: Option<u64>,
}

async fn events(State(service): State<Arc<Service>>, request: axum::extract::Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let lang = language(&parts.headers);
    let begun = async {
        let credential = Credential::of(&service, &parts)?;
        let From { from } = of_query(&[], parts.uri.query().unwrap_or_default()).map_err(RequestError::Malformed)?;
        let size = service
            .in_thread(move |service| {
                let view = service.view()?;
                let caller = credential.known(service, view.ledger())?;
                Guarded { service, view: &view, caller: &caller }.may(Action::WatchEvents, &Resource::Lab, EVENTS)?;
                Ok(view.log().size())
            })
            .await?;
        let after_last = last_id(&parts.headers).map(|last| last.saturating_add(1));
        Ok(Coming {
            next: after_last.or(from).unwrap_or(size),
            size: service.size.subscribe(),
            service: service.clone(),
        })
    };
    match begun.await {
        Ok(coming) => {
            let stream = futures_of(coming);
            Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response()
        }
        Err(error) => service.respond(lang, Err(error)),
    }
}

struct Coming {
    service: Arc<Service>,
    next: u64,
    size: watch::Receiver<u64>,
}

impl Coming {
    /// The next event, when there is one.
    async fn event(&mut self) -> Event {
        loop {
            let index = self.next;
            if *self.size.borrow() > index
                && let Ok(event) = self.service.in_thread(move |service| read(&service.view()?, index)).await
            {
                self.next += 1;
                return event;
            }
            let _ = tokio::time::timeout(LOOK, self.size.changed()).await;
            let _ = self.service.in_thread(|service| Ok(service.view()?.log().size())).await;
        }
    }
}

fn futures_of(coming: Coming) -> impl futures_util::Stream<Item = Result<Event, Infallible>> {
    futures_util::stream::unfold(coming, |mut coming| async move {
        let event = coming.event().await;
        Some((Ok(event), coming))
    })
}

fn read(view: &View, index: u64) -> Result<Event, RequestError> {
    let entry = view.log().entry(index).map_err(|_| RequestError::NoSuchPlace)?;
    let said = view.said(&entry).map_err(unseen_usecases::UseCaseError::from)?;
    let json = serde_json::json!({ "entry": index, "kind": said.event.kind(), "time": said.time });
    Ok(Event::default().event("entry").id(index.to_string()).data(json.to_string()))
}

fn last_id(headers: &HeaderMap) -> Option<u64> {
    headers.get("last-event-id")?.to_str().ok()?.parse().ok()
}
