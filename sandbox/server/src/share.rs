//! Each caller's share of the service, so that others are served whatever one does.
//!
//! A caller is the holder of a session or a certificate, or else a network. What is over the share of requests is
//! refused at once; what is over the share of work waits for the caller's own work to be done.

use std::cell::Cell;
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::Response;
use hyper::body::{Bytes, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use unseen_listener::BodyError;

use crate::problem::RequestError;

/// Requests that one caller may have under way; a stream of events is under way as long as it lasts.
const UNDER_WAY: usize = 256;
/// Use-cases of one caller that are at work at a time, together with large answers that the caller has not read.
const AT_WORK: usize = 4;
/// From so many bytes on an answer is large.
const LARGE: u64 = 64 << 10;
/// Requests of one caller that are read or held in memory at a time.
const HELD: usize = 4;
/// How long a request that is no upload may take to come.
const READ: Duration = Duration::from_secs(60);
/// From so many callers on, those who are gone are forgotten before there is another.
const FORGET: usize = 1_024;

tokio::task_local! {
    /// The request that this task answers.
    static OWN: Own;
}

thread_local! {
    /// The place in the house of the use-case that this thread is at.
    static PLACE: Cell<Option<OwnedSemaphorePermit>> = const { Cell::new(None) };
}

/// A request, and whose share it takes of.
struct Own {
    share: Arc<Share>,
    /// Its place among those at work, between two steps of it.
    at_work: Mutex<Option<Place>>,
}

/// The shares of all callers who have a request under way.
#[derive(Debug, Default)]
pub(crate) struct Shares(Mutex<HashMap<String, Weak<Share>>>);

#[derive(Debug)]
struct Share {
    under_way: Arc<Semaphore>,
    at_work: Arc<Semaphore>,
    held: Arc<Semaphore>,
}

/// A place of a share, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    // Forgotten, it would be given out anew while this place is taken.
    _share: Arc<Share>,
}

impl Shares {
    fn of(&self, caller: String) -> Arc<Share> {
        let mut shares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get(&caller).and_then(Weak::upgrade) {
            return share;
        }
        if shares.len() >= FORGET {
            shares.retain(|_, share| share.strong_count() > 0);
        }
        let places = |many| Arc::new(Semaphore::new(many));
        let share = Arc::new(Share { under_way: places(UNDER_WAY), at_work: places(AT_WORK), held: places(HELD) });
        shares.insert(caller, Arc::downgrade(&share));
        share
    }
}

/// Answers a request within its caller's share; none where the share is used up.
pub(crate) async fn within(
    shares: &Shares,
    caller: String,
    answer: impl Future<Output = Response<Body>>,
) -> Option<Response<Body>> {
    let share = shares.of(caller);
    let permit = share.under_way.clone().try_acquire_owned().ok()?;
    let place = Place { _permit: permit, _share: share.clone() };
    let answer = async {
        let response = answer.await;
        let large = response.body().size_hint().lower() >= LARGE;
        (response, resting().filter(|_| large))
    };
    let (response, at_work) = OWN.scope(Own { share, at_work: Mutex::default() }, answer).await;
    Some(response.map(|body| Body::new(Lasting { body, _places: (place, at_work) })))
}

/// The place of this request among the caller's that are at work, waited for. None where nobody asked for it.
pub(crate) async fn at_work() -> Option<Place> {
    match resting() {
        Some(place) => Some(place),
        None => place(|share| &share.at_work).await,
    }
}

/// Keeps the place for the request's next step, or its answer.
pub(crate) fn keep(place: Option<Place>) {
    let _ = OWN.try_with(|own| *own.at_work.lock().unwrap_or_else(PoisonError::into_inner) = place);
}

/// The place that was kept, which is free when it is dropped: a request that waits for its sender is not at work.
pub(crate) fn resting() -> Option<Place> {
    OWN.try_with(|own| own.at_work.lock().unwrap_or_else(PoisonError::into_inner).take()).ok().flatten()
}

/// Is at work in this place of the house until the work is done, or waits for nothing but the disk.
pub(crate) fn in_place<T>(place: OwnedSemaphorePermit, work: impl FnOnce() -> T) -> T {
    struct Leaves;
    impl Drop for Leaves {
        fn drop(&mut self) {
            leave_place();
        }
    }
    let _leaves = Leaves;
    PLACE.set(Some(place));
    work()
}

/// Lets others to work meanwhile: what this thread does from here on needs neither a core nor memory.
pub(crate) fn leave_place() {
    PLACE.set(None);
}

/// The whole body of a request, and the place it takes in memory until that is dropped.
pub(crate) async fn whole(body: Body, most: usize) -> Result<(Vec<u8>, Option<Place>), RequestError> {
    let place = place(|share| &share.held).await;
    if body.size_hint().lower() > most as u64 {
        return Err(RequestError::TooLong { most });
    }
    let read = async {
        let (mut body, mut bytes) = (body, Vec::new());
        while let Some(piece) = piece(&mut body).await? {
            if bytes.len() + piece.len() > most {
                return Err(RequestError::TooLong { most });
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    };
    let bytes = tokio::time::timeout(READ, read).await.unwrap_or(Err(RequestError::Slow))?;
    Ok((bytes, place))
}

/// The next piece of a body, if there is one.
pub(crate) async fn piece(body: &mut Body) -> Result<Option<Bytes>, RequestError> {
    while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await {
        let frame = frame.map_err(|error| {
            let slow = std::error::Error::source(&error).and_then(|why| why.downcast_ref()) == Some(&BodyError::Slow);
            if slow { RequestError::Slow } else { RequestError::Malformed(error.to_string()) }
        })?;
        if let Ok(piece) = frame.into_data() {
            return Ok(Some(piece));
        }
    }
    Ok(None)
}

async fn place(of: impl FnOnce(&Share) -> &Arc<Semaphore>) -> Option<Place> {
    let share = OWN.try_with(|own| own.share.clone()).ok()?;
    let permit = of(&share).clone().acquire_owned().await.ok()?;
    Some(Place { _permit: permit, _share: share })
}

/// An answer that holds its places until it was sent.
struct Lasting {
    body: Body,
    _places: (Place, Option<Place>),
}

impl HttpBody for Lasting {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_keeps_one_share_and_those_who_are_gone_are_forgotten() {
        let shares = Shares::default();
        let held = shares.of("a".to_owned());
        assert!(Arc::ptr_eq(&held, &shares.of("a".to_owned())));
        assert!(!Arc::ptr_eq(&held, &shares.of("b".to_owned())));
        for other in 0..3 * FORGET {
            drop(shares.of(other.to_string()));
        }
        assert!(Arc::ptr_eq(&held, &shares.of("a".to_owned())));
        assert!(shares.0.lock().unwrap().len() <= FORGET);
    }
}
