//! The service: what every handler shares.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::body::Body;
use axum::http::Response;
use tokio::sync::{Semaphore, watch};
use unseen_access::Rules;
use unseen_ids::Digest;
use unseen_lab::{LabError, View};
use unseen_texts::{Lang, Sentence};
use unseen_usecases::{Desk, Shared, UseCaseError};

use crate::blobs::Blobs;
use crate::counters::Counters;
use crate::levels::Levels;
use crate::office::{Office, OfficeConfig};
use crate::problem::RequestError;

use crate::replays::Replays;
use crate::sessions::Sessions;
use crate::share::{self, Shares};
use crate::watch::Watch;

/// Rules of access, and how the policy names them.
type InForce = (Option<Digest>, Arc<Rules>);

/// What a service is made of.
pub struct Config {
    /// The lab's folder.
    pub folder: PathBuf,
    /// The binary that becomes a run's worker.
    pub program: PathBuf,
    /// The hosts and ports under which people know this service: a log-in is signed for one of them.
    pub hosts: Vec<String>,
    /// The office's identity provider, and the lab's secret there.
    pub office: Option<(OfficeConfig, Option<String>)>,
    /// How many threads a run may use; its result does not depend on it.
    pub run_threads: u32,
    /// The file of the certificate that this service shows, if it has one.
    pub certificate: Option<PathBuf>,
}

/// Tells the lab's operators what is for them.
pub type Tell = Arc<dyn Fn(Sentence) + Send + Sync>;

/// A lab, served.
pub struct Service {
    pub(crate) desk: Shared,
    pub(crate) hosts: Vec<String>,
    rules: Mutex<Option<InForce>>,
    pub(crate) levels: Levels,
    pub(crate) sessions: Sessions,
    pub(crate) shares: Shares,
    pub(crate) blobs: Arc<Blobs>,
    pub(crate) counters: Counters,
    pub(crate) watch: Watch,
    pub(crate) office: Option<Office>,
    pub(crate) replays: Replays,
    run_threads: u32,
    pub(crate) certificate: Option<PathBuf>,
    /// The entry that names what the console's pages load.
    pub(crate) console: OnceLock<u64>,
    pub(crate) tell: Tell,
    /// How many entries the log has, for those who wait for more.
    pub(crate) size: watch::Sender<u64>,
    /// Use-cases at work: each may need a core and much memory.
    at_work: Arc<Semaphore>,
    /// Those that compile a component, which is long.
    compiling: Arc<Semaphore>,
}

/// How many use-cases are answered at a time. Further ones wait.
const AT_WORK: usize = 16;
/// How many of those that compile a component, beside the others.
const COMPILING: usize = 2;

impl Service {
    /// Opens a lab to be served.
    pub fn open(config: Config, tell: Tell) -> Result<Arc<Service>, LabError> {
        let Config { folder, program, hosts, office, run_threads, certificate } = config;
        // What a killed service was sending.
        let _ = std::fs::remove_dir_all(folder.join("incoming/exports"));
        let blobs = Blobs::open(folder.join("incoming/blobs"))?;
        let watch = Watch::open(&folder.join(unseen_accesslog::FOLDER))
            .map_err(|error| LabError::Other(Sentence::of(&error)))?;
        let desk = Shared::open(folder, program, share::leave_place)?;
        Ok(Arc::new(Service {
            desk,
            hosts,
            rules: Mutex::new(None),
            levels: Levels::default(),
            sessions: Sessions::default(),
            shares: Shares::default(),
            blobs: Arc::new(blobs),
            counters: Counters::default(),
            watch,
            office: office.map(Office::new),
            replays: Replays::default(),
            run_threads,
            certificate,
            console: OnceLock::new(),
            tell,
            size: watch::channel(0).0,
            at_work: Arc::new(Semaphore::new(AT_WORK)),
            compiling: Arc::new(Semaphore::new(COMPILING)),
        }))
    }

    /// The lab as it is now. Whoever waits for entries hears of new ones.
    pub(crate) fn view(&self) -> Result<View, RequestError> {
        let view = self.desk.view()?;
        let size = view.log().size();
        self.size.send_if_modified(|known| std::mem::replace(known, size.max(*known)) < size);
        Ok(view)
    }

    /// The rules of access that a lab's policy names. Rules that cannot be had let nobody do anything.
    pub(crate) fn rules(&self, view: &View) -> Result<Arc<Rules>, RequestError> {
        let named = view.ledger().policy().and_then(|policy| policy.access);
        let mut known = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((digest, rules)) = &*known
            && *digest == named
        {
            return Ok(rules.clone());
        }
        let rules = Arc::new(view.access().map_err(UseCaseError::from)?.1);
        *known = Some((named, rules.clone()));
        Ok(rules)
    }

    /// Does what waits for disks and cores where it holds nobody up.
    pub(crate) async fn in_thread<T: Send + 'static>(
        self: &Arc<Service>,
        work: impl FnOnce(&Service) -> Result<T, RequestError> + Send + 'static,
    ) -> Result<T, RequestError> {
        self.among(&self.at_work, work).await
    }

    /// Does what may take seconds, where it holds nobody up who asks for less.
    pub(crate) async fn in_slow_thread<T: Send + 'static>(
        self: &Arc<Service>,
        work: impl FnOnce(&Service) -> Result<T, RequestError> + Send + 'static,
    ) -> Result<T, RequestError> {
        self.among(&self.compiling, work).await
    }

    async fn among<T: Send + 'static>(
        self: &Arc<Service>,
        places: &Arc<Semaphore>,
        work: impl FnOnce(&Service) -> Result<T, RequestError> + Send + 'static,
    ) -> Result<T, RequestError> {
        let (service, places) = (self.clone(), places.clone());
        let own = share::at_work().await;
        let Ok(place) = places.acquire_owned().await else { return Err(RequestError::Inside) };
        let done = tokio::task::spawn_blocking(move || (share::in_place(place, || work(&service)), own));
        let (done, own) = done.await.unwrap_or((Err(RequestError::Inside), None));
        share::keep(own);
        done
    }

    /// An answer, or why there is none.
    pub(crate) fn respond(&self, lang: Lang, answered: Result<Response<Body>, RequestError>) -> Response<Body> {
        answered.unwrap_or_else(|error| error.respond(lang, &*self.tell))
    }

    pub(crate) fn run_threads(&self) -> u32 {
        self.run_threads
    }

    pub(crate) fn desk_folder(&self) -> &std::path::Path {
        self.desk.folder()
    }

    /// A secret for an address that logs the holder of a key in, once: for trying on one's own machine.
    pub fn login_link(&self, key: unseen_ids::PublicKey) -> Option<String> {
        self.sessions.link(key)
    }
}
