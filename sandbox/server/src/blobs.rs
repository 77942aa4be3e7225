//! What is uploaded before the request that names it: components, mostly.
//!
//! A blob is written as it comes, and is there whole or not at all. It waits for a day; how much may wait is bounded for
//! each person and for all.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Path as InPath, State};
use axum::http::{Response, StatusCode};
use axum::routing::put;
use ring::digest::{Context, SHA256};
use unseen_access::Principal;
use unseen_api::BLOBS;
use unseen_ids::{Digest, hex, sha256};
use unseen_lab::LabError;

use crate::caller::{Caller, Credential, language};
use crate::problem::RequestError;
use crate::routes::json_response;
use crate::service::Service;

/// The most bytes of one: as many as a component may have.
pub(crate) const MOST: usize = 64 << 20;
/// The most bytes that may wait for one person.
const MOST_EACH: u64 = 256 << 20;
/// The most bytes that may wait altogether.
const MOST_OF_ALL: u64 = 4 << 30;
/// How long one waits.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// The folder in which they wait: one folder in it for each person.
pub(crate) struct Blobs {
    folder: PathBuf,
    counter: AtomicU64,
    /// Bytes are counted and taken by one at a time.
    counting: Mutex<()>,
}

pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new().route(&format!("{BLOBS}{{digest}}"), put(upload))
}

impl Blobs {
    pub fn open(folder: PathBuf) -> Result<Blobs, LabError> {
        std::fs::create_dir_all(&folder).map_err(LabError::io(&folder))?;
        let blobs = Blobs { folder, counter: AtomicU64::new(0), counting: Mutex::new(()) };
        blobs.sweep();
        Ok(blobs)
    }

    /// A blob that this person has uploaded.
    pub fn read(&self, digest: &Digest, caller: &Caller) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = std::fs::File::open(self.place(&caller.principal)?.join(digest.to_hex())).ok()?;
        file.take(MOST as u64 + 1).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    /// Removes what has waited too long, and what was never whole.
    pub fn sweep(&self) {
        let old = |path: &Path| {
            let changed = path.metadata().and_then(|found| found.modified()).ok();
            changed.and_then(|at| SystemTime::now().duration_since(at).ok()).is_some_and(|age| age > KEPT)
        };
        for file in files(&self.folder).into_iter().filter(|file| old(file)) {
            let _ = std::fs::remove_file(file);
        }
    }

    /// Whether so much more may wait for this person.
    fn has_room(&self, place: &Path) -> bool {
        let sum =
            |files: Vec<PathBuf>| files.iter().filter_map(|file| file.metadata().ok()).map(|it| it.len()).sum::<u64>();
        let _one_at_a_time = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
        sum(files(place)) < MOST_EACH && sum(files(&self.folder)) < MOST_OF_ALL
    }

    fn place(&self, principal: &Principal) -> Option<PathBuf> {
        match principal {
            // A name may be anything; its hash is a file's name.
            Principal::Person(person) => Some(self.folder.join(hex::encode(&sha256(&[person.name.as_bytes()])[..16]))),
            Principal::Visitor => None,
        }
    }
}

async fn upload(
    State(service): State<Arc<Service>>,
    InPath(digest): InPath<String>,
    request: axum::extract::Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let lang = language(&parts.headers);
    let answered = async {
        let credential = Credential::of(&service, &parts)?;
        let digest = Digest::from_hex(&digest).ok_or(RequestError::NoSuchPlace)?;
        if body.size_hint().lower() > MOST as u64 {
            return Err(RequestError::TooLong { most: MOST });
        }
        let place = service
            .in_thread(move |service| {
                let view = service.view()?;
                let caller = credential.known(service, view.ledger())?;
                let place = service.blobs.place(&caller.principal).ok_or(RequestError::Unknown)?;
                if !service.blobs.has_room(&place) {
                    return Err(RequestError::TooMuch);
                }
                std::fs::create_dir_all(&place).map_err(|error| inside(service, &error))?;
                Ok(place)
            })
            .await?;
        let length = write(&service, &place, digest, body).await?;
        Ok(json_response(StatusCode::CREATED, &serde_json::json!({ "digest": digest, "bytes": length })))
    };
    let answered = answered.await;
    service.respond(lang, answered)
}

/// Writes what comes, piece by piece.
async fn write(service: &Service, place: &Path, digest: Digest, body: Body) -> Result<usize, RequestError> {
    let number = service.blobs.counter.fetch_add(1, Ordering::Relaxed);
    let unfinished = Unfinished(place.join(format!("{}-{number}.tmp", std::process::id())));
    let mut file = std::fs::File::create(&unfinished.0).map_err(|error| inside(service, &error))?;
    let (mut hash, mut length) = (Context::new(&SHA256), 0usize);
    let mut body = std::pin::pin!(body);
    while let Some(frame) = std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let frame = frame.map_err(|error| RequestError::Malformed(error.to_string()))?;
        let Ok(piece) = frame.into_data() else { continue };
        length += piece.len();
        if length > MOST {
            return Err(RequestError::TooLong { most: MOST });
        }
        hash.update(&piece);
        file.write_all(&piece).map_err(|error| inside(service, &error))?;
    }
    if hash.finish().as_ref() != digest.as_bytes() {
        return Err(RequestError::OtherBlob);
    }
    std::fs::rename(&unfinished.0, place.join(digest.to_hex())).map_err(|error| inside(service, &error))?;
    Ok(length)
}

/// A file that goes unless it was moved to its place.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let found = std::fs::read_dir(folder).into_iter().flatten().flatten();
    found.flat_map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { vec![entry.path()] }).collect()
}

fn inside(service: &Service, error: &std::io::Error) -> RequestError {
    (service.tell)(unseen_texts::Sentence::of(error));
    RequestError::Inside
}
