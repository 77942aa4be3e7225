//! The log with all that its entries name, for auditors: what `log export` writes, as one tar archive.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, Response};
use axum::routing::get;
use hyper::body::Bytes;
use tokio::sync::mpsc;
use unseen_access::{Action, Resource};
use unseen_api::BUNDLE;
use unseen_api::address::of_query;
use unseen_lab::{LabError, View};
use unseen_usecases::Desk;

use crate::caller::language;
use crate::credential::Credential;
use crate::problem::RequestError;
use crate::rules::Guarded;
use crate::service::Service;
use crate::sessions::random;

/// Bytes that go at a time.
const PIECE: usize = 64 << 10;

pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new().route(BUNDLE, get(bundle))
}

/// What is wanted.
#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default)]
    modules: bool,
}

async fn bundle(State(service): State<Arc<Service>>, request: Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let lang = language(&parts.headers);
    let answered = async {
        let credential = Credential::of(&service, &parts)?;
        let Wanted { modules } =
            of_query(&[], parts.uri.query().unwrap_or_default()).map_err(RequestError::Malformed)?;
        let exported = service
            .in_slow_thread(move |service| {
                let view = service.view()?;
                let caller = credential.known(service, view.ledger())?;
                Guarded { service, view: &view, caller: &caller }.may(Action::ExportLog, &Resource::Lab, BUNDLE)?;
                export(service, &view, modules)
            })
            .await?;
        let mut response = Response::new(sent(exported));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-tar"));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(response)
    };
    let answered = answered.await;
    service.respond(lang, answered)
}

/// Writes what auditors get into a folder that goes when it is done with.
pub(crate) fn export(service: &Service, view: &View, modules: bool) -> Result<Exported, RequestError> {
    let folder = Exported::new(service)?;
    view.export_within(&folder.0, modules)?;
    Ok(folder)
}

/// Where archives are made; what a killed service left there is removed at the start.
pub(crate) fn exports(lab: &Path) -> PathBuf {
    lab.join("incoming/exports")
}

/// A folder that goes when it was sent.
pub(crate) struct Exported(PathBuf);

impl Exported {
    /// A place for a folder that is not there yet.
    pub fn new(service: &Service) -> Result<Exported, RequestError> {
        let place = exports(service.desk.folder());
        std::fs::create_dir_all(&place).map_err(LabError::io(&place))?;
        Ok(Exported(place.join(random().ok_or(RequestError::Inside)?)))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Exported {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The folder as an archive, written as fast as it is read.
fn sent(folder: Exported) -> Body {
    let (sender, receiver) = mpsc::channel(4);
    tokio::task::spawn_blocking(move || {
        let mut pipe = io::BufWriter::with_capacity(PIECE, Pipe(sender.clone()));
        let written = archive(&folder.0, &mut pipe).and_then(|()| pipe.flush());
        if let Err(error) = written {
            // The reader must not take what was cut off for the whole.
            let _ = sender.blocking_send(Err(error));
        }
    });
    let pieces = futures_util::stream::unfold(receiver, |mut receiver: mpsc::Receiver<io::Result<Bytes>>| async move {
        receiver.recv().await.map(|piece| (piece, receiver))
    });
    Body::from_stream(pieces)
}

fn archive(folder: &Path, to: &mut impl Write) -> io::Result<()> {
    let mut archive = tar::Builder::new(to);
    archive.mode(tar::HeaderMode::Deterministic);
    archive.append_dir_all("", folder)?;
    archive.finish()
}

struct Pipe(mpsc::Sender<io::Result<Bytes>>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map(|()| bytes.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
