//! What every request passes on its way to the service.

use std::{convert::Infallible, future::poll_fn, sync::Arc};

use hyper::{Request, Response, Version, body::Incoming};
use tokio::sync::Semaphore;
use tower_service::Service;

use crate::{
    answer::{Answer, Closed},
    body::Body,
    event::{Tally, Turned},
    limits::Limits,
    patience::Pulse,
    peer::Peer,
    places::Places,
    shown::Shown,
};

/// What all connections share.
#[derive(Debug)]
pub(crate) struct House {
    pub(crate) limits: Limits,
    pub(crate) places: Arc<Places>,
    pub(crate) requests: Arc<Semaphore>,
    pub(crate) tally: Arc<Tally>,
}

/// The door of one connection.
pub(crate) struct Door<S> {
    pub(crate) house: Arc<House>,
    pub(crate) service: S,
    pub(crate) peer: Peer,
    pub(crate) shown: Option<Arc<Shown>>,
    pub(crate) pulse: Arc<Pulse>,
}

impl<S: Clone> Door<S> {
    /// Answers one request.
    pub(crate) async fn answer<B>(
        self: Arc<Door<S>>,
        mut request: Request<Incoming>,
    ) -> Result<Response<Answer<B>>, Infallible>
    where
        S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
    {
        if request.version() == Version::HTTP_2 {
            self.pulse.speaks_frames();
        }
        let begun = self.pulse.begin();
        let (closed, turned) = if self.shown.as_ref().is_some_and(|shown| shown.has_lapsed()) {
            (Closed::CertificateLapsed, Turned::Lapsed)
        } else if request.headers().len() > self.house.limits.head_fields {
            (Closed::ManyFields, Turned::Fields)
        } else if let Ok(permit) = self.house.requests.clone().try_acquire_owned() {
            request.extensions_mut().insert(self.peer.clone());
            let request = request.map(|incoming| Body::new(incoming, self.house.limits.pause));
            let mut service = self.service.clone();
            let Ok(()) = poll_fn(|cx| service.poll_ready(cx)).await;
            let Ok(response) = service.call(request).await;
            return Ok(response.map(|body| Answer::of_service(body, begun, permit)));
        } else {
            (Closed::Busy, Turned::Busy)
        };
        self.house.tally.count(turned);
        Ok(Answer::of_door(closed, begun))
    }
}
