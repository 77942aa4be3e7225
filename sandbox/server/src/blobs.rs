//! What is uploaded before the request that names it: components, mostly.
//!
//! A blob is written as it comes, and is there whole or not at all. It waits for a day; how much may wait is bounded for
//! each person and for all.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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

use crate::answer::json_response;
use crate::caller::{Caller, Credential, language};
use crate::problem::RequestError;
use crate::service::Service;
use crate::share::{piece, resting};

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
    /// The bytes that uploads under way may still fill, by where they go.
    promised: Mutex<HashMap<PathBuf, u64>>,
}

/// Room for an upload, until it is whole or given up.
struct Room {
    service: Arc<Service>,
    place: PathBuf,
    bytes: u64,
}

pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new().route(&format!("{BLOBS}{{digest}}"), put(upload))
}

impl Blobs {
    pub fn open(folder: PathBuf) -> Result<Blobs, LabError> {
        std::fs::create_dir_all(&folder).map_err(LabError::io(&folder))?;
        let blobs = Blobs { folder, counter: AtomicU64::new(0), promised: Mutex::default() };
        // What a killed process left half done is not counted, and never will be whole.
        for file in files(&blobs.folder).into_iter().filter(|file| !is_whole(file)) {
            let _ = std::fs::remove_file(file);
        }
        Ok(blobs)
    }

    /// A blob that this person has uploaded.
    pub fn read(&self, digest: &Digest, caller: &Caller) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = std::fs::File::open(self.place(&caller.principal)?.join(digest.to_hex())).ok()?;
        file.take(MOST as u64 + 1).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    /// Removes what has waited too long.
    fn sweep(&self) {
        let old = |path: &Path| {
            let changed = path.metadata().and_then(|found| found.modified()).ok();
            changed.and_then(|at| SystemTime::now().duration_since(at).ok()).is_some_and(|age| age > KEPT)
        };
        // What lies beside people's folders is the service's own.
        let theirs = |file: &Path| file.parent() != Some(&self.folder) && is_whole(file);
        for file in files(&self.folder).into_iter().filter(|file| theirs(file) && old(file)) {
            let _ = std::fs::remove_file(file);
        }
    }

    /// Promises so much room to an upload, if so much more may wait for this person.
    fn promise(&self, place: &Path, bytes: u64) -> bool {
        let waiting = |folder: &Path| {
            let whole = files(folder).into_iter().filter(|file| is_whole(file));
            whole.filter_map(|file| file.metadata().ok()).map(|found| found.len()).sum::<u64>()
        };
        let mut promised = self.promised();
        let all: u64 = promised.values().sum();
        let own = promised.get(place).copied().unwrap_or_default();
        let fits = waiting(place) + own + bytes <= MOST_EACH && waiting(&self.folder) + all + bytes <= MOST_OF_ALL;
        if fits {
            promised.insert(place.to_owned(), own + bytes);
        }
        fits
    }

    fn promised(&self) -> MutexGuard<'_, HashMap<PathBuf, u64>> {
        self.promised.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self, principal: &Principal) -> Option<PathBuf> {
        match principal {
            // A name may be anything; its hash is a file's name.
            Principal::Person(person) => Some(self.folder.join(hex::encode(&sha256(&[person.name.as_bytes()])[..16]))),
            Principal::Visitor => None,
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut promised = self.service.blobs.promised();
        let left = promised.remove(&self.place).unwrap_or_default().saturating_sub(self.bytes);
        if left > 0 {
            promised.insert(self.place.clone(), left);
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
        let bytes = body.size_hint().upper().unwrap_or(MOST as u64).min(MOST as u64);
        let whose = service.clone();
        let room = service
            .in_thread(move |service| {
                let view = service.view()?;
                let caller = credential.known(service, view.ledger())?;
                let place = service.blobs.place(&caller.principal).ok_or(RequestError::Unknown)?;
                service.blobs.sweep();
                if !service.blobs.promise(&place, bytes) {
                    return Err(RequestError::TooMuch);
                }
                let room = Room { service: whose, place, bytes };
                std::fs::create_dir_all(&room.place).map_err(|error| inside(service, &error))?;
                Ok(room)
            })
            .await?;
        drop(resting());
        let length = write(&service, &room.place, digest, body).await?;
        Ok(json_response(StatusCode::CREATED, &serde_json::json!({ "digest": digest, "bytes": length })))
    };
    let answered = answered.await;
    service.respond(lang, answered)
}

/// Writes what comes, piece by piece.
async fn write(service: &Service, place: &Path, digest: Digest, mut body: Body) -> Result<usize, RequestError> {
    let number = service.blobs.counter.fetch_add(1, Ordering::Relaxed);
    let unfinished = Unfinished(place.join(format!("{}-{number}.tmp", std::process::id())));
    let mut file = std::fs::File::create(&unfinished.0).map_err(|error| inside(service, &error))?;
    let (mut hash, mut length) = (Context::new(&SHA256), 0usize);
    while let Some(piece) = piece(&mut body).await? {
        length += piece.len();
        if length > MOST {
            return Err(RequestError::TooLong { most: MOST });
        }
        hash.update(&piece);
        // A slow disk keeps this upload waiting, and no other request.
        tokio::task::block_in_place(|| file.write_all(&piece)).map_err(|error| inside(service, &error))?;
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

fn is_whole(file: &Path) -> bool {
    file.extension().is_none()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let found = std::fs::read_dir(folder).into_iter().flatten().flatten();
    found.flat_map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { vec![entry.path()] }).collect()
}

fn inside(service: &Service, error: &std::io::Error) -> RequestError {
    (service.tell)(unseen_texts::Sentence::of(error));
    RequestError::Inside
}
