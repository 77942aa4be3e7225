//! The body of a request, which may not dawdle.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use hyper::body::{Bytes, Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};
use unseen_texts::Say;

/// What a request brings. How long it may be is for its reader to bound.
#[derive(Debug)]
pub struct Body {
    incoming: Incoming,
    pause: Duration,
    /// Runs while a piece is waited for.
    waiting: Option<Pin<Box<Sleep>>>,
}

/// Why a body has no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Say)]
#[code("body")]
pub enum BodyError {
    /// To be answered with 408.
    #[error("the request came too slowly")]
    #[zh("请求传送过慢")]
    Slow,
    /// To be answered with 400, if anybody still listens.
    #[error("the request broke off")]
    #[zh("请求中断")]
    Broken,
}

impl Body {
    pub(crate) fn new(incoming: Incoming, pause: Duration) -> Body {
        Body { incoming, pause, waiting: None }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Ready(frame) => {
                self.waiting = None;
                Poll::Ready(frame.map(|frame| frame.map_err(|_| BodyError::Broken)))
            }
            Poll::Pending => {
                let pause = self.pause;
                let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(pause)));
                waiting.as_mut().poll(cx).map(|()| Some(Err(BodyError::Slow)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
