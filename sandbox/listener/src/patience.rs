//! How long a connection waits for its peer: for the next request, for the rest of a head, for room to send.

use std::{
    io::{self, ErrorKind},
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

use crate::{
    event::{Tally, Turned},
    limits::Limits,
};

/// What a connection is doing, known to both its ends: the bytes and the requests.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    under_way: AtomicUsize,
    /// How many times it became idle.
    rests: AtomicU64,
    /// Whether it speaks HTTP/2, where bytes may come and go without there being a request.
    framed: AtomicBool,
    /// Who waits for it to become idle.
    waiting: Mutex<Option<Waker>>,
}

/// A request under way, until this is dropped.
#[derive(Debug)]
pub(crate) struct UnderWay(Arc<Pulse>);

impl Pulse {
    pub(crate) fn begin(self: &Arc<Pulse>) -> UnderWay {
        self.under_way.fetch_add(1, SeqCst);
        UnderWay(self.clone())
    }

    pub(crate) fn speaks_frames(&self) {
        self.framed.store(true, SeqCst);
    }

    /// Which rest this is, if there is no request under way.
    fn rest(&self) -> Option<u64> {
        (self.under_way.load(SeqCst) == 0).then(|| self.rests.load(SeqCst))
    }

    /// The same; if there is one, whoever asks is woken when there is none any more.
    fn rest_or_wake(&self, cx: &Context<'_>) -> Option<u64> {
        if self.rest().is_none() {
            *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
        }
        // It may have become idle just before.
        self.rest()
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        // Counted first: whoever sees nothing under way sees a new rest.
        self.0.rests.fetch_add(1, SeqCst);
        if self.0.under_way.fetch_sub(1, SeqCst) == 1 {
            let waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
            waiting.into_iter().for_each(Waker::wake);
        }
    }
}

/// A stream that fails with [`ErrorKind::TimedOut`] when the peer keeps it waiting, and ends when it idles.
pub(crate) struct Patient<T> {
    stream: T,
    pulse: Arc<Pulse>,
    tally: Arc<Tally>,
    idle: Duration,
    head: Duration,
    pause: Duration,
    awaited: Awaited,
    reading: Pin<Box<Sleep>>,
    writing: Option<Pin<Box<Sleep>>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Awaited {
    /// An answer of ours.
    Nothing,
    /// The first byte of a request, in this rest.
    Request(u64),
    /// The rest of a head.
    Head(u64),
}

impl<T> Patient<T> {
    pub(crate) fn new(stream: T, pulse: Arc<Pulse>, tally: Arc<Tally>, limits: &Limits) -> Patient<T> {
        let Limits { idle, head, pause, .. } = *limits;
        let reading = Box::pin(sleep(idle));
        Patient { stream, pulse, tally, idle, head, pause, awaited: Awaited::Request(0), reading, writing: None }
    }

    fn wait_for(&mut self, awaited: Awaited, at_most: Duration) {
        self.awaited = awaited;
        self.reading.as_mut().reset(Instant::now() + at_most);
    }

    /// After a read that gave something.
    fn came(&mut self) {
        let Some(rest) = self.pulse.rest().filter(|_| !self.pulse.framed.load(SeqCst)) else { return };
        if self.awaited != Awaited::Head(rest) {
            self.wait_for(Awaited::Head(rest), self.head);
        }
    }

    /// After a read that gave nothing yet.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.pulse.rest_or_wake(cx) {
            None => {
                self.awaited = Awaited::Nothing;
                return Poll::Pending;
            }
            Some(rest) if self.awaited == Awaited::Request(rest) || self.awaited == Awaited::Head(rest) => {}
            Some(rest) => self.wait_for(Awaited::Request(rest), self.idle),
        }
        ready!(self.reading.as_mut().poll(cx));
        if matches!(self.awaited, Awaited::Head(_)) {
            self.tally.count(Turned::Slow);
            return Poll::Ready(Err(ErrorKind::TimedOut.into()));
        }
        // As if the peer had ended it: then it is closed in order.
        Poll::Ready(Ok(()))
    }

    /// After something was to be sent.
    fn sent<R>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        if outcome.is_ready() {
            self.writing = None;
            return outcome;
        }
        let pause = self.pause;
        ready!(self.writing.get_or_insert_with(|| Box::pin(sleep(pause))).as_mut().poll(cx));
        self.tally.count(Turned::Slow);
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Patient<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, into);
        if read.is_pending() {
            return self.wait(cx);
        }
        if into.filled().len() > before {
            self.came();
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Patient<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.sent(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.sent(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(cx);
        self.sent(cx, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.sent(cx, outcome)
    }
}
