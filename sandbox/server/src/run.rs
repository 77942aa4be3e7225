//! The service at work: its queue, its listeners, until it is told to end.

use std::io;
use std::sync::Arc;

use unseen_console::assets;
use unseen_listener::{Listener, Shutdown};
use unseen_texts::Sentence;
use unseen_usecases::logs::{ListEntries, ShowEntry};
use unseen_usecases::{Desk, Query};

use crate::importer::Importer;
use crate::notify::Notifier;
use crate::problem::RequestError;
use crate::queue::Queue;
use crate::router::router;
use crate::service::Service;
use crate::telemetry::Telemetry;

/// How many threads wait for connections; use-cases have threads of their own.
const THREADS: usize = 2;

/// Serves on all listeners until SIGTERM or SIGINT, then finishes what was begun. `notices` says whom to tell what
/// happens. A run that goes on is left, and resumed by the next start.
pub fn serve(
    service: &Arc<Service>,
    listeners: Vec<Listener>,
    notices: Option<unseen_notices::Config>,
) -> io::Result<()> {
    console_on_record(service).map_or_else(
        |error| service.tell(Sentence::of(&error)),
        |entry| {
            let _ = service.console.set(entry);
        },
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build()?;
    let notifier = notices.map(|config| Notifier::start(config, service)).transpose().map_err(io::Error::other)?;
    let importer = Importer::start(service.clone())?;
    let queue = Queue::start(service.clone(), notifier)?;
    let telemetry = Telemetry::start(service);
    let ended = runtime.block_on(async {
        let mut all = tokio::task::JoinSet::new();
        for listener in listeners {
            let (router, tell) = (telemetry.over(router(service.clone())), service.tell.clone());
            let told = move |event: unseen_listener::Event| tell(event.line());
            let (router, over) = (router.into_service::<unseen_listener::Body>(), Shutdown::on_signals()?);
            all.spawn(listener.serve(router, over, told)?);
        }
        let mut ended = Ok(());
        while let Some(one) = all.join_next().await {
            ended = ended.and(one.unwrap_or_else(|error| Err(io::Error::other(error))));
        }
        ended
    });
    drop((queue, importer, telemetry));
    ended
}

/// The entry of the log that names what pages load: a new one where the last one names something else.
fn console_on_record(service: &Service) -> Result<u64, RequestError> {
    let assets = assets::digest();
    let kind = Some("console-served".to_owned());
    let wanted = ListEntries { before: Some(u64::MAX), limit: Some(1), kind, ..ListEntries::default() };
    if let Some(last) = wanted.answer(&service.desk, None)?.entries.first() {
        let said = ShowEntry { entry: last.entry }.answer(&service.desk, None)?.statement;
        if said["predicate"]["event"]["assets"] == assets.to_string().as_str() {
            return Ok(last.entry);
        }
    }
    Ok(service.desk.write(|lab| lab.record_console(assets))?)
}

impl Service {
    /// Tells the lab's operators something.
    pub fn tell(&self, said: impl Into<Sentence>) {
        (self.tell)(said.into());
    }
}
