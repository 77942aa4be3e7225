//! When a service ends.

use std::{convert::Infallible, io};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

/// When a listener ends: it takes no more connections, and lets what is under way be finished.
#[derive(Debug)]
pub struct Shutdown(When);

#[derive(Debug)]
enum When {
    Signals,
    Stopped(oneshot::Receiver<Infallible>),
}

/// Ends its listener when it is dropped.
#[derive(Debug)]
pub struct Stop {
    _dropped: oneshot::Sender<Infallible>,
}

impl Shutdown {
    /// On SIGTERM or SIGINT.
    pub fn on_signals() -> Shutdown {
        Shutdown(When::Signals)
    }

    /// When the [`Stop`] is dropped.
    pub fn on_drop() -> (Stop, Shutdown) {
        let (sender, receiver) = oneshot::channel();
        (Stop { _dropped: sender }, Shutdown(When::Stopped(receiver)))
    }

    pub(crate) async fn wait(self) -> io::Result<()> {
        match self.0 {
            When::Stopped(receiver) => drop(receiver.await),
            When::Signals => {
                let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
                tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
            }
        }
        Ok(())
    }
}
