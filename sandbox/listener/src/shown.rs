//! A person's certificate on a connection that lives on: it may expire, or be revoked, meanwhile.

use std::{
    future::pending,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use rustls::pki_types::{CertificateDer, UnixTime};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use crate::{files::Tls, peer::Identity};

/// How long a verification holds: certificates between a person's and its authority, and revocation lists, may
/// run out too.
const HOLDS: Duration = Duration::from_secs(60);

/// A certificate that was verified when its connection began.
#[derive(Debug)]
pub(crate) struct Shown {
    chain: Vec<CertificateDer<'static>>,
    not_after: SystemTime,
    tls: watch::Receiver<Arc<Tls>>,
    /// By which files it was verified last, and when.
    verified: Mutex<(u64, Instant)>,
}

impl Shown {
    /// `generation` is that of the files by which the chain was verified a moment ago.
    pub(crate) fn new(
        chain: Vec<CertificateDer<'static>>,
        identity: &Identity,
        tls: watch::Receiver<Arc<Tls>>,
        generation: u64,
    ) -> Shown {
        Shown { chain, not_after: identity.not_after, tls, verified: Mutex::new((generation, Instant::now())) }
    }

    /// Whether it counts no longer.
    pub(crate) fn has_lapsed(&self) -> bool {
        if self.not_after <= SystemTime::now() {
            return true;
        }
        let tls = self.tls.borrow().clone();
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if verified.0 == tls.generation && verified.1.elapsed() < HOLDS {
            return false;
        }
        let (Some((own, between)), Some(people)) = (self.chain.split_first(), &tls.people) else { return true };
        if people.verify_client_cert(own, between, UnixTime::now()).is_err() {
            return true;
        }
        *verified = (tls.generation, Instant::now());
        false
    }

    /// Waits until it counts no longer.
    pub(crate) async fn lapse(&self) {
        let mut tls = self.tls.clone();
        while !self.has_lapsed() {
            let left = self.not_after.duration_since(SystemTime::now()).unwrap_or_default();
            let changed = async {
                // Without files that could change there is the time alone.
                if tls.changed().await.is_err() {
                    pending::<()>().await;
                }
            };
            tokio::select! { () = changed => {}, () = sleep(left.min(HOLDS)) => {} }
        }
    }
}
