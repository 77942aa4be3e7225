//! What the lab and its nodes share: files by the digest of their bytes, all of them public or sealed. Whoever alters one
//! is found out by who reads it.
//!
//! ```text
//! <store>/objects/<sha256>   bucket files (ciphertext) and public tables
//! <store>/orders/<sha256>    what nodes are told of one run, while it goes on
//! ```

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use unseen_ids::{Digest, digest_of};

use crate::error::ClusterError;

const OBJECTS: &str = "objects";
const ORDERS: &str = "orders";

/// A folder that the lab and its nodes reach.
#[derive(Clone, Debug)]
pub struct Store(PathBuf);

impl Store {
    /// In this folder.
    pub fn new(folder: impl Into<PathBuf>) -> Store {
        Store(folder.into())
    }

    /// Makes sure that these bytes are there, copying them from `file` where they are not. One that was begun and
    /// not finished has another name.
    pub fn keep(&self, digest: &Digest, bytes: u64, mut file: &File) -> Result<(), ClusterError> {
        let path = self.0.join(OBJECTS).join(digest.to_hex());
        if fs::metadata(&path).is_ok_and(|found| found.len() == bytes) {
            return Ok(());
        }
        let mut copy = || -> io::Result<()> {
            use std::io::Seek;
            fs::create_dir_all(self.0.join(OBJECTS))?;
            let part = path.with_extension("part");
            let mut to = File::create(&part)?;
            file.rewind()?;
            io::copy(&mut file, &mut to)?;
            file.rewind()?;
            to.sync_all()?;
            fs::rename(&part, &path)
        };
        copy().map_err(|why| ClusterError::Store { path: path.clone(), why })
    }

    /// Opens a file by its digest. That its bytes have it, whoever reads them checks.
    pub fn object(&self, digest: &Digest) -> Result<File, ClusterError> {
        let path = self.0.join(OBJECTS).join(digest.to_hex());
        File::open(&path).map_err(|why| self.missing(path, why, "object"))
    }

    /// Leaves orders there.
    pub fn put_orders(&self, bytes: &[u8]) -> Result<Digest, ClusterError> {
        let digest = Digest::of(bytes);
        let path = self.orders_path(&digest);
        let put = || fs::create_dir_all(self.0.join(ORDERS)).and_then(|()| unseen_durable::write(&path, bytes));
        put().map_err(|why| ClusterError::Store { path: path.clone(), why })?;
        Ok(digest)
    }

    /// Reads orders, which have this digest.
    pub fn orders(&self, digest: &Digest) -> Result<Vec<u8>, ClusterError> {
        let path = self.orders_path(digest);
        let bytes = fs::read(&path).map_err(|why| self.missing(path, why, "orders"))?;
        if Digest::of(&bytes) == *digest { Ok(bytes) } else { Err(self.other("orders")) }
    }

    /// Takes orders away, whose run is over: they hold keys, sealed to nodes.
    pub fn remove_orders(&self, digest: &Digest) {
        let _ = fs::remove_file(self.orders_path(digest));
    }

    /// Whether a file has the bytes of its name: for those that are not read in a jail.
    pub fn verify(&self, digest: &Digest) -> Result<bool, ClusterError> {
        let path = self.0.join(OBJECTS).join(digest.to_hex());
        let found = digest_of(self.object(digest)?).map_err(|why| ClusterError::Store { path, why })?;
        Ok(found.0 == *digest)
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    fn orders_path(&self, digest: &Digest) -> PathBuf {
        self.0.join(ORDERS).join(digest.to_hex())
    }

    fn missing(&self, path: PathBuf, why: io::Error, name: &str) -> ClusterError {
        match why.kind() {
            io::ErrorKind::NotFound => self.other(name),
            _ => ClusterError::Store { path, why },
        }
    }

    fn other(&self, name: &str) -> ClusterError {
        ClusterError::NotInStore { store: self.0.clone(), name: name.to_owned() }
    }
}
