//! A store in a bucket of S3-compatible storage. Where that is, and who asks, stands in the environment, in the variables
//! of `AmazonS3Builder::from_env`.

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, Write};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::StreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::client::{HttpError, HttpErrorKind};
use object_store::path::Path;
use object_store::{ClientConfigKey, GetResult, MultipartUpload, ObjectStore, ObjectStoreExt, RetryConfig};
use tokio::runtime::{Builder, Runtime};
use unseen_texts::Sentence;

use super::shelf::Shelf;
use crate::error::ClusterError;

/// A bucket, or what lies in it under a prefix.
pub struct S3 {
    name: String,
    prefix: Path,
    client: AmazonS3,
    runtime: Runtime,
    near: PathBuf,
}

/// What is longer goes in parts of this length, of which one is in memory at a time.
const PART: u64 = 8 << 20;
/// S3 takes no more of them for one object.
const MOST_PARTS: u64 = 10_000;
/// How long one object may take, and how long nothing of it may come.
const TIMES: [(ClientConfigKey, &str); 2] =
    [(ClientConfigKey::Timeout, "1 hour"), (ClientConfigKey::ReadTimeout, "30 seconds")];
/// After that long and that often, what did not go is not tried again.
const PATIENCE: (Duration, usize) = (Duration::from_secs(60), 6);

impl S3 {
    /// What `BUCKET/PREFIX` names. What is read from it lies in `near` meanwhile, in files that have no name.
    pub fn open(address: &str, near: PathBuf) -> Result<S3, ClusterError> {
        let name = format!("s3://{address}");
        let (bucket, prefix) = address.split_once('/').unwrap_or((address, ""));
        let prefix = Path::parse(prefix).ok().filter(|_| !bucket.is_empty());
        let prefix = prefix.ok_or_else(|| ClusterError::S3Address { store: name.clone() })?;
        // Whoever was first has chosen; it is the only one that the workspace has.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (retry_timeout, max_retries) = PATIENCE;
        let client = TIMES
            .into_iter()
            .fold(AmazonS3Builder::from_env(), |builder, (key, value)| {
                builder.with_config(AmazonS3ConfigKey::Client(key), value)
            })
            .with_bucket_name(bucket)
            .with_retry(RetryConfig { retry_timeout, max_retries, ..RetryConfig::default() })
            .build()
            .map_err(|error| fault(&name, &error))?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|why| ClusterError::S3 { store: name.clone(), why: Sentence::of(&why) })?;
        Ok(S3 { name, prefix, client, runtime, near })
    }
}

impl Shelf for S3 {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn length(&self, key: &str) -> Result<Option<u64>, ClusterError> {
        let found = self.runtime.block_on(self.client.head(&self.path(key)));
        Ok(self.found(found)?.map(|found| found.size))
    }

    fn put(&self, key: &str, bytes: &mut dyn Read, length: u64) -> Result<(), ClusterError> {
        let path = self.path(key);
        self.runtime.block_on(async {
            if length <= PART {
                let whole = self.read(bytes, length)?;
                return self.client.put(&path, whole.into()).await.map(drop).map_err(|error| self.fault(&error));
            }
            let mut upload = self.client.put_multipart(&path).await.map_err(|error| self.fault(&error))?;
            let done = self.put_parts(&mut *upload, bytes, length).await;
            if done.is_err() {
                // Parts that nobody asks for cost their room.
                let _ = upload.abort().await;
            }
            done
        })
    }

    fn get(&self, key: &str, lengths: RangeInclusive<u64>) -> Result<Option<File>, ClusterError> {
        self.runtime.block_on(async {
            let Some(found) = self.found(self.client.get(&self.path(key)).await)? else { return Ok(None) };
            if !lengths.contains(&found.meta.size) {
                return Ok(None);
            }
            self.download(found).await.map(Some)
        })
    }

    fn remove(&self, key: &str) {
        let _ = self.runtime.block_on(self.client.delete(&self.path(key)));
    }

    fn prepare(&self, _: &str) -> Result<(), ClusterError> {
        Ok(())
    }

    fn remove_all(&self, folder: &str) {
        self.runtime.block_on(async {
            let mut found = self.client.list(Some(&self.path(folder)));
            while let Some(Ok(file)) = found.next().await {
                let _ = self.client.delete(&file.location).await;
            }
        });
    }
}

impl S3 {
    fn path(&self, key: &str) -> Path {
        self.prefix.parts().chain(Path::from(key).parts()).collect()
    }

    fn read(&self, bytes: &mut dyn Read, length: u64) -> Result<Vec<u8>, ClusterError> {
        let mut part = Vec::with_capacity(length as usize);
        let whole = match bytes.take(length).read_to_end(&mut part) {
            Ok(read) if (read as u64) < length => Err(ErrorKind::UnexpectedEof.into()),
            other => other.map(|_| part),
        };
        whole.map_err(|why| ClusterError::S3 { store: self.name.clone(), why: Sentence::of(&why) })
    }

    async fn put_parts(
        &self,
        upload: &mut dyn MultipartUpload,
        bytes: &mut dyn Read,
        length: u64,
    ) -> Result<(), ClusterError> {
        let most = PART.max(length.div_ceil(MOST_PARTS));
        let mut left = length;
        while left > 0 {
            let part = self.read(bytes, left.min(most))?;
            left -= part.len() as u64;
            upload.put_part(part.into()).await.map_err(|error| self.fault(&error))?;
        }
        upload.complete().await.map(drop).map_err(|error| self.fault(&error))
    }

    /// Into a file without a name: it is gone when nobody has it open any more, whatever becomes of this process.
    async fn download(&self, found: GetResult) -> Result<File, ClusterError> {
        let no_room = |why| ClusterError::NoRoom { near: self.near.clone(), why };
        let mut file = unseen_durable::nameless(&self.near).map_err(no_room)?;
        let mut chunks = found.into_stream();
        while let Some(chunk) = chunks.next().await {
            file.write_all(&chunk.map_err(|error| self.fault(&error))?).map_err(no_room)?;
        }
        file.rewind().map_err(no_room)?;
        Ok(file)
    }

    fn found<T>(&self, answer: object_store::Result<T>) -> Result<Option<T>, ClusterError> {
        match answer {
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            other => other.map(Some).map_err(|error| self.fault(&error)),
        }
    }

    fn fault(&self, error: &object_store::Error) -> ClusterError {
        fault(&self.name, error)
    }
}

/// The client has the keys to the storage.
impl fmt::Debug for S3 {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("S3").field("name", &self.name).field("near", &self.near).finish_non_exhaustive()
    }
}

fn fault(store: &str, error: &object_store::Error) -> ClusterError {
    use object_store::Error::{NotFound, PermissionDenied, Unauthenticated};
    let store = store.to_owned();
    let causes = || std::iter::successors(Some(error as &dyn Error), |error| Error::source(*error));
    let gone = |error: &HttpError| matches!(error.kind(), HttpErrorKind::Connect | HttpErrorKind::Timeout);
    // The innermost says it in the fewest words.
    let why = causes().last().map_or_else(String::new, short).into();
    match error {
        PermissionDenied { .. } | Unauthenticated { .. } => ClusterError::S3Refused { store },
        NotFound { .. } => ClusterError::NoBucket { store },
        _ if causes().filter_map(|cause| cause.downcast_ref()).any(gone) => ClusterError::S3Unreached { store, why },
        _ => ClusterError::S3 { store, why },
    }
}

/// What an answer in XML says in words; the first line of anything else.
fn short(error: &dyn Error) -> String {
    let text = error.to_string();
    let words = text.split_once("<Message>").and_then(|(_, rest)| Some(rest.split_once("</Message>")?.0));
    words.or_else(|| text.lines().next()).unwrap_or_default().to_owned()
}
