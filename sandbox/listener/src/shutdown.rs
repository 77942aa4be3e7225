//! When a service ends.

use std::{convert::Infallible, io};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
};

/// When a listener ends: it takes no more connections, and lets what is under way be finished.
#[derive(Debug)]
pub struct Shutdown(When);

#[derive(Debug)]
enum When {
    Signals { term: Signal, int: Signal },
    Stopped(oneshot::Receiver<Infallible>),
}

/// Ends its listener when it is dropped.
#[derive(Debug)]
pub struct Stop {
    _dropped: oneshot::Sender<Infallible>,
}

impl Shutdown {
    /// On SIGTERM or SIGINT, from now on: whoever has read that connections are taken may send one. Panics outside a
    /// runtime.
    pub fn on_signals() -> io::Result<Shutdown> {
        let (term, int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(Shutdown(When::Signals { term, int }))
    }

    /// When the [`Stop`] is dropped.
    pub fn on_drop() -> (Stop, Shutdown) {
        let (sender, receiver) = oneshot::channel();
        (Stop { _dropped: sender }, Shutdown(When::Stopped(receiver)))
    }

    pub(crate) async fn wait(self) {
        match self.0 {
            When::Stopped(receiver) => drop(receiver.await),
            When::Signals { mut term, mut int } => tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} },
        }
    }
}
