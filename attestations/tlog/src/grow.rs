//! How a log's files grow.

use crate::{
    merkle::{self, Hash},
    tile::{self, FULL, Kind, Tile},
    tree::{Files, Tree, TreeError, edge_root},
};

/// What must be written for a tree to grow; see [`Tree::grow`].
#[derive(Debug)]
pub struct Growth {
    /// Paths and contents. None of them is a file of the smaller tree.
    pub files: Vec<(String, Vec<u8>)>,
    /// The new size.
    pub size: u64,
    /// The new root.
    pub root: Hash,
}

impl<F: Files> Tree<F> {
    /// The files, size and root of this tree with `entries` added at its end. Nothing is written.
    pub fn grow<E: AsRef<[u8]>>(&self, entries: &[E]) -> Result<Growth, TreeError> {
        let mut files = Vec::new();
        let first = self.size() / FULL as u64;
        let mut row = if self.size().is_multiple_of(FULL as u64) { Vec::new() } else { self.bundle(first)? };
        row.extend(entries.iter().map(|entry| entry.as_ref().to_vec()));
        for (index, chunk) in (first..).zip(row.chunks(FULL)) {
            let bytes = tile::encode_bundle(chunk).map_err(|at| TreeError::TooLong { length: chunk[at].len() })?;
            files.push((Tile { kind: Kind::Entries, index, width: chunk.len() }.to_string(), bytes));
        }

        let mut edge = self.edge.clone();
        let mut fresh: Vec<Hash> = entries.iter().map(|entry| merkle::leaf_hash(entry.as_ref())).collect();
        for level in 0.. {
            if fresh.is_empty() {
                break;
            }
            if edge.len() == level {
                edge.push(Vec::new());
            }
            edge[level].append(&mut fresh);
            let level8 = level as u8;
            let first = self.count(level8) / FULL as u64;
            for (index, chunk) in (first..).zip(edge[level].chunks(FULL)) {
                let tile = Tile { kind: Kind::Hashes { level: level8 }, index, width: chunk.len() };
                files.push((tile.to_string(), tile::encode_hashes(chunk)));
                if chunk.len() == FULL {
                    fresh.push(merkle::root(chunk));
                }
            }
            edge[level].drain(..fresh.len() * FULL);
        }
        Ok(Growth { files, size: self.size() + entries.len() as u64, root: edge_root(&edge) })
    }
}
