//! What a store is kept in.

use std::fmt::Debug;
use std::fs::File;
use std::io::Read;
use std::ops::RangeInclusive;

use crate::error::ClusterError;

/// What the keys of an import's files begin with.
pub const IMPORTS: &str = "imports/";

/// Files by their keys, `objects/...`, `orders/...` or `imports/...`, whatever they lie in.
pub trait Shelf: Debug + Send + Sync {
    /// What people call it.
    fn name(&self) -> String;

    /// How long a file is; none where there is none.
    fn length(&self, key: &str) -> Result<Option<u64>, ClusterError>;

    /// Puts so many bytes there. Others find all of them, or none.
    fn put(&self, key: &str, bytes: &mut dyn Read, length: u64) -> Result<(), ClusterError>;

    /// Opens a file at its start; none where there is none of such a length.
    fn get(&self, key: &str, lengths: RangeInclusive<u64>) -> Result<Option<File>, ClusterError>;

    /// Takes a file away, if that can be done.
    fn remove(&self, key: &str);

    /// Makes a folder that others may write into, where there are folders.
    fn prepare(&self, folder: &str) -> Result<(), ClusterError>;

    /// Takes all files of a folder away, as far as that can be done.
    fn remove_all(&self, folder: &str);
}
