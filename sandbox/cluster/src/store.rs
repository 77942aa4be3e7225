//! What the lab and its nodes share: files by the digest of their bytes, all of them public or sealed. Whoever alters one
//! is found out by who reads it.
//!
//! ```text
//! <store>/objects/<sha256>   bucket files (ciphertext) and public tables
//! <store>/orders/<sha256>    what nodes are told of one run or import, while it goes on
//! <store>/imports/<number>/<sha256>   what an import consists of meanwhile, all of it encrypted
//! ```
//!
//! It lies in a folder that all of them reach, or, where this is built with the feature `s3`, in a bucket of
//! S3-compatible storage.

mod folder;
#[cfg(feature = "s3")]
mod s3;
mod shelf;

use std::fs::File;
use std::io::{self, Read, Seek};
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use unseen_ids::Digest;

use crate::error::ClusterError;
use folder::Folder;
use shelf::{IMPORTS, Shelf};

/// What the lab and its nodes reach.
#[derive(Clone, Debug)]
pub struct Store(Arc<dyn Shelf>);

/// No orders are longer, in bytes.
const MOST_ORDERS: u64 = 1 << 30;

impl Store {
    /// The store at `place`: a folder, or `s3://BUCKET/PREFIX`. What is read from a bucket lies in `near` meanwhile, a
    /// folder of one's own.
    pub fn open(place: &Path, near: &Path) -> Result<Store, ClusterError> {
        match place.to_str().and_then(|place| place.strip_prefix("s3://")) {
            Some(bucket) => in_bucket(bucket, near),
            None => Ok(Store(Arc::new(Folder(place.to_owned())))),
        }
    }

    /// Makes sure that these bytes are there, copying them from `file` where they are not.
    pub fn keep(&self, digest: &Digest, bytes: u64, mut file: &File) -> Result<(), ClusterError> {
        let key = object(digest);
        if self.0.length(&key)? == Some(bytes) {
            return Ok(());
        }
        file.rewind().map_err(|why| self.unread(why))?;
        self.0.put(&key, &mut file, bytes)?;
        file.rewind().map_err(|why| self.unread(why))
    }

    /// Opens a file of that many bytes by its digest. That they have it, whoever reads them checks.
    pub fn object(&self, digest: &Digest, bytes: u64) -> Result<File, ClusterError> {
        self.get(&object(digest), bytes..=bytes)
    }

    /// Leaves orders there.
    pub fn put_orders(&self, mut bytes: &[u8]) -> Result<Digest, ClusterError> {
        let digest = Digest::of(bytes);
        let length = bytes.len() as u64;
        self.0.put(&orders(&digest), &mut bytes, length)?;
        Ok(digest)
    }

    /// Reads orders, which have this digest.
    pub fn orders(&self, digest: &Digest) -> Result<Vec<u8>, ClusterError> {
        let key = orders(digest);
        let mut bytes = Vec::new();
        let read = self.get(&key, 0..=MOST_ORDERS)?.take(MOST_ORDERS).read_to_end(&mut bytes);
        read.map_err(|why| self.unread(why))?;
        if Digest::of(&bytes) == *digest { Ok(bytes) } else { Err(self.missing(key)) }
    }

    /// Takes orders away, whose run is over: they hold keys, sealed to nodes.
    pub fn remove_orders(&self, digest: &Digest) {
        self.0.remove(&orders(digest));
    }

    /// Makes the place for the files of an import, where nodes write too.
    pub fn begin_import(&self, import: &Digest) -> Result<(), ClusterError> {
        self.0.prepare(&imports(import))
    }

    /// Puts a file of an import there, unless it is.
    pub fn keep_import_file(
        &self,
        import: &Digest,
        digest: &Digest,
        bytes: u64,
        mut file: &File,
    ) -> Result<(), ClusterError> {
        if self.has_import_file(import, digest, bytes)? {
            return Ok(());
        }
        file.rewind().map_err(|why| self.unread(why))?;
        self.0.put(&import_file(import, digest), &mut file, bytes)
    }

    /// Whether a file of an import is there, as long as it should be.
    pub fn has_import_file(&self, import: &Digest, digest: &Digest, bytes: u64) -> Result<bool, ClusterError> {
        Ok(self.0.length(&import_file(import, digest))? == Some(bytes))
    }

    /// Refuses to go on where a file of an import is not there any more.
    pub fn ensure_import_file(&self, import: &Digest, digest: &Digest, bytes: u64) -> Result<(), ClusterError> {
        let is_there = self.has_import_file(import, digest, bytes)?;
        if is_there { Ok(()) } else { Err(self.lost(import_file(import, digest))) }
    }

    /// Opens a file of an import. That it is the one, whoever reads it checks.
    pub fn import_file(&self, import: &Digest, digest: &Digest, bytes: u64) -> Result<File, ClusterError> {
        let key = import_file(import, digest);
        self.0.get(&key, bytes..=bytes)?.ok_or_else(|| self.lost(key))
    }

    /// Takes all files of an import away, as far as that can be done.
    pub fn end_import(&self, import: &Digest) {
        self.0.remove_all(&imports(import));
    }

    fn get(&self, key: &str, lengths: RangeInclusive<u64>) -> Result<File, ClusterError> {
        self.0.get(key, lengths)?.ok_or_else(|| self.missing(key.to_owned()))
    }

    fn unread(&self, why: io::Error) -> ClusterError {
        ClusterError::Store { path: self.0.name().into(), why }
    }

    fn lost(&self, name: String) -> ClusterError {
        ClusterError::LostFromStore { store: self.0.name(), name }
    }

    fn missing(&self, name: String) -> ClusterError {
        ClusterError::NotInStore { store: self.0.name(), name }
    }
}

#[cfg(feature = "s3")]
fn in_bucket(address: &str, near: &Path) -> Result<Store, ClusterError> {
    Ok(Store(Arc::new(s3::S3::open(address, near.to_owned())?)))
}

#[cfg(not(feature = "s3"))]
fn in_bucket(address: &str, _: &Path) -> Result<Store, ClusterError> {
    Err(ClusterError::WithoutS3 { store: format!("s3://{address}") })
}

fn object(digest: &Digest) -> String {
    format!("objects/{}", digest.to_hex())
}

fn orders(digest: &Digest) -> String {
    format!("orders/{}", digest.to_hex())
}

fn imports(import: &Digest) -> String {
    format!("{IMPORTS}{}", import.to_hex())
}

fn import_file(import: &Digest, digest: &Digest) -> String {
    format!("{}/{}", imports(import), digest.to_hex())
}
