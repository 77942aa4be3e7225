//! Parts that were accepted, as they came: a lab that is killed goes on from them. Sealed as they travelled.

use std::fs;
use std::path::{Path, PathBuf};

use unseen_durable::flush_folder;
use unseen_ids::Digest;

use crate::answer::{Answer, Made};
use crate::error::ClusterError;
use crate::store::Store;

/// What the name of a note begins with that says which orders are in the store.
const ORDERS: &str = "orders-";

/// The parts of one run or import, in a folder of its own.
#[derive(Debug)]
pub struct Spool(PathBuf);

impl Spool {
    /// In this folder, which is made.
    pub fn open(folder: &Path) -> Result<Spool, ClusterError> {
        fs::create_dir_all(folder).map_err(|why| ClusterError::Store { path: folder.to_owned(), why })?;
        Ok(Spool(folder.to_owned()))
    }

    /// Keeps a part.
    pub(crate) fn keep(&self, made: Made) -> Result<(), ClusterError> {
        let path = self.0.join(format!("{}-{}-{}.part", made.round, made.place.first, made.place.last));
        unseen_durable::write(&path, &Answer::Made(made).to_bytes()).map_err(|why| ClusterError::Store { path, why })
    }

    /// The parts of a round. What cannot be read is as if it were not there: it is asked for again.
    pub(crate) fn round(&self, round: u32) -> Vec<Made> {
        let files = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let ours = files.filter(|file| file.file_name().to_string_lossy().starts_with(&format!("{round}-")));
        let read = ours.filter_map(|file| match Answer::parse(&fs::read(file.path()).ok()?)? {
            Answer::Made(made) => Some(made),
            Answer::Refused { .. } => None,
        });
        read.collect()
    }

    /// Leaves orders in the store, and a note here that they are there.
    pub fn put_orders(&self, store: &Store, bytes: &[u8]) -> Result<Digest, ClusterError> {
        let path = self.0.join(format!("{ORDERS}{}", Digest::of(bytes).to_hex()));
        unseen_durable::write(&path, b"").map_err(|why| ClusterError::Store { path, why })?;
        store.put_orders(bytes)
    }

    /// Takes it away, and all orders that were left on the way, by labs that were killed too: the result is kept.
    pub fn clear(folder: &Path, store: &Store) {
        for file in fs::read_dir(folder).into_iter().flatten().flatten() {
            let orders = file.file_name().to_str().and_then(|name| Digest::from_hex(name.strip_prefix(ORDERS)?));
            orders.iter().for_each(|digest| store.remove_orders(digest));
        }
        let _ = fs::remove_dir_all(folder);
        let _ = folder.parent().map(flush_folder);
    }
}
