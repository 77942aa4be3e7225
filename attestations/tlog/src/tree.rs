//! Authenticated reading of a log's files.
//!
//! A [`Tree`] trusts a size and a root, nothing else. Opening it reads the tiles on the right edge,
//! the ones that are not full, and checks that together they hash to the root. Every full tile is
//! checked against its hash in the tile above it before it is used, and every entry against its
//! leaf hash. So whatever a tree returns is what the root stands for, and damage is reported with
//! the name of the damaged file.

use crate::{
    merkle::{self, Hash, HashReader},
    tile::{self, FULL, Kind, Tile},
};
use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use unseen_texts::{Say, Sentence, Text, say, text};

/// Where a log's files come from: a folder, an archive, a server.
pub trait Files {
    /// The whole content of the file at this path, relative to the log's folder, with `/` between
    /// its elements. A file that does not exist is [`io::ErrorKind::NotFound`].
    fn read(&self, path: &str) -> io::Result<Vec<u8>>;
}

impl<F: Files + ?Sized> Files for &F {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        (**self).read(path)
    }
}

impl<F: Files + ?Sized> Files for Arc<F> {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        (**self).read(path)
    }
}

/// The tree of the first `size` entries of a log.
#[derive(Debug)]
pub struct Tree<F> {
    files: F,
    size: u64,
    root: Hash,
    /// The hashes that are not yet in a full tile, for each level; none where all are.
    pub(crate) edge: Vec<Vec<Hash>>,
    /// The full tile last used, for each level.
    last: Mutex<Vec<LastTile>>,
}

/// A tile's index and its checked hashes.
type LastTile = Option<(u64, Arc<[Hash]>)>;

impl<F: Clone> Clone for Tree<F> {
    fn clone(&self) -> Tree<F> {
        self.in_files(self.files.clone())
    }
}

impl<F> Tree<F> {
    /// The same tree, read from other files from here on.
    pub fn in_files<G>(&self, files: G) -> Tree<G> {
        let (edge, last) = (self.edge.clone(), Mutex::new(self.last().clone()));
        Tree { files, size: self.size, root: self.root, edge, last }
    }

    /// What is in it is whole at any time, whoever panicked.
    fn last(&self) -> MutexGuard<'_, Vec<LastTile>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Files> Tree<F> {
    /// The tree with this size and root, as these files hold it.
    pub fn open(files: F, size: u64, root: Hash) -> Result<Tree<F>, TreeError> {
        let mut tree = Tree { files, size, root, edge: Vec::new(), last: Mutex::default() };
        for level in 0..levels(size) {
            let index = tree.count(level) / FULL as u64;
            let hashes = match Tile::at(Kind::Hashes { level }, index, size) {
                Some(tile) => tree.read_hashes(tile)?,
                None => Vec::new(),
            };
            tree.edge.push(hashes);
        }
        tree.last().resize(tree.edge.len(), None);
        if edge_root(&tree.edge) == root { Ok(tree) } else { Err(tree.blame()) }
    }

    /// How many entries.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root.
    pub fn root(&self) -> Hash {
        self.root
    }

    /// The files it reads.
    pub fn files(&self) -> &F {
        &self.files
    }

    /// Entry `index`.
    pub fn entry(&self, index: u64) -> Result<Vec<u8>, TreeError> {
        self.ensure(index < self.size, index)?;
        let mut bundle = self.bundle(index / FULL as u64)?;
        Ok(bundle.swap_remove((index % FULL as u64) as usize))
    }

    /// Every entry from `first` on, in order. A whole pass from 0 reads every byte of the tree's
    /// files, so it ends without an error only if they are all undamaged. It ends at its first error.
    pub fn entries(&self, first: u64) -> impl Iterator<Item = Result<Vec<u8>, TreeError>> + '_ {
        let bundles = first / FULL as u64..self.size.div_ceil(FULL as u64);
        let skip = (first % FULL as u64) as usize;
        let mut failed = false;
        let each = bundles.map(|index| self.bundle(index)).flat_map(|bundle| {
            let (entries, error) =
                bundle.map_or_else(|error| (Vec::new(), Some(Err(error))), |entries| (entries, None));
            entries.into_iter().map(Ok).chain(error)
        });
        each.skip(skip).take_while(move |entry| !std::mem::replace(&mut failed, entry.is_err()))
    }

    /// The entries of bundle `index`, up to 256.
    pub fn bundle(&self, index: u64) -> Result<Vec<Vec<u8>>, TreeError> {
        let tile = Tile::at(Kind::Entries, index, self.size).ok_or(self.beyond(index))?;
        let (path, bytes, width) = self.read(tile)?;
        let damaged = |what: Sentence| TreeError::Damaged { path: path.clone(), what };
        let entries = tile::decode_bundle(&bytes, width)
            .ok_or_else(|| damaged(say!("it does not hold exactly {width} entries", "条目数不是恰好 {width} 条")))?;
        let hashes = self.hashes(0, index)?;
        let odd = entries.iter().zip(&*hashes).position(|(entry, hash)| merkle::leaf_hash(entry) != *hash);
        if let Some(at) = odd {
            let number = index * FULL as u64 + at as u64;
            return Err(damaged(say!(
                "entry {number} is not the one that was logged",
                "条目 {number} 不是当初写入日志的那条"
            )));
        }
        Ok(entries[..tile.width].iter().map(|entry| entry.to_vec()).collect())
    }

    /// The root of the tree of the first `size` entries: what a checkpoint of that size must have.
    pub fn root_at(&self, size: u64) -> Result<Hash, TreeError> {
        self.ensure(size <= self.size, size)?;
        merkle::root_of_first(self, size)
    }

    /// Hashes there are at a level, in full tiles and on the edge.
    pub(crate) fn count(&self, level: u8) -> u64 {
        self.size.checked_shr(8 * u32::from(level)).unwrap_or(0)
    }

    /// The hashes of a tile, checked.
    fn hashes(&self, level: u8, index: u64) -> Result<Arc<[Hash]>, TreeError> {
        let at = usize::from(level);
        if index == self.count(level) / FULL as u64 {
            return Ok(self.edge[at].as_slice().into());
        }
        if let Some((_, hashes)) = self.last()[at].as_ref().filter(|(last, _)| *last == index) {
            return Ok(hashes.clone());
        }
        let tile = Tile { kind: Kind::Hashes { level }, index, width: FULL };
        let hashes: Arc<[Hash]> = self.read_hashes(tile)?.into();
        let parent = self.hashes(level + 1, index / FULL as u64)?;
        if merkle::root(&hashes) != parent[(index % FULL as u64) as usize] {
            return Err(damaged(tile, text!("its hashes are not the logged ones", "哈希与日志不符")));
        }
        self.last()[at] = Some((index, hashes.clone()));
        Ok(hashes)
    }

    fn read_hashes(&self, tile: Tile) -> Result<Vec<Hash>, TreeError> {
        let (path, bytes, width) = self.read(tile)?;
        let mut hashes = tile::decode_hashes(&bytes, width).ok_or_else(|| TreeError::Damaged {
            path,
            what: say!("it does not hold exactly {width} hashes", "哈希数不是恰好 {width} 个"),
        })?;
        hashes.truncate(tile.width);
        Ok(hashes)
    }

    /// The file, its path and its width. Where a narrow file is missing, the full one has replaced it, or a
    /// wider one has: the log has grown since this tree was opened.
    fn read(&self, tile: Tile) -> Result<(String, Vec<u8>, usize), TreeError> {
        let path = tile.to_string();
        let missing = match self.files.read(&path) {
            Ok(bytes) => return Ok((path, bytes, tile.width)),
            Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(TreeError::Read { path, source }),
            Err(missing) => missing,
        };
        let wider = (tile.width < FULL).then_some(FULL).into_iter().chain(tile.width + 1..FULL);
        for wider in wider.map(|width| Tile { width, ..tile }) {
            match self.files.read(&wider.to_string()) {
                Ok(bytes) => return Ok((wider.to_string(), bytes, wider.width)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(TreeError::Read { path: wider.to_string(), source }),
            }
        }
        Err(TreeError::Read { path, source: missing })
    }

    /// What is wrong when the edge does not hash to the root: the first file, from the entries up,
    /// that does not fit the one below it.
    fn blame(&self) -> TreeError {
        for level in 0..self.edge.len() as u8 {
            let index = self.count(level) / FULL as u64;
            let Some(tile) = Tile::at(Kind::Hashes { level }, index, self.size) else {
                continue;
            };
            for (at, hash) in (index * FULL as u64..).zip(&self.edge[usize::from(level)]) {
                let below = match level {
                    0 => match self.bundle(index) {
                        Err(error @ TreeError::Read { .. }) => return error,
                        Err(_) => None,
                        Ok(_) => break,
                    },
                    _ => {
                        let child = Tile { kind: Kind::Hashes { level: level - 1 }, index: at, width: FULL };
                        match self.read_hashes(child) {
                            Err(error) => return error,
                            Ok(hashes) => Some(merkle::root(&hashes)),
                        }
                    }
                };
                if below != Some(*hash) {
                    return damaged(
                        tile,
                        text!(
                            "it does not fit the files below it; one of them was altered",
                            "与其下层文件不符；其中之一已被篡改"
                        ),
                    );
                }
            }
        }
        TreeError::Root { size: self.size }
    }

    pub(crate) fn ensure(&self, holds: bool, value: u64) -> Result<(), TreeError> {
        if holds { Ok(()) } else { Err(self.beyond(value)) }
    }

    fn beyond(&self, value: u64) -> TreeError {
        TreeError::Beyond { value, size: self.size }
    }
}

impl<F: Files> HashReader for Tree<F> {
    type Error = TreeError;
    fn hash(&self, level: u32, index: u64) -> Result<Hash, TreeError> {
        let (tile_level, height) = ((level / 8) as u8, level % 8);
        let first = index << height;
        let from = (first % FULL as u64) as usize;
        let hashes = self.hashes(tile_level, first / FULL as u64)?;
        Ok(merkle::root(&hashes[from..from + (1 << height)]))
    }
}

/// Why a log's files are not what its checkpoint stands for.
#[derive(Debug, thiserror::Error, Say)]
#[code("tree")]
pub enum TreeError {
    /// A file that cannot be read.
    #[error("cannot read {path}: {source}")]
    #[zh("无法读取 {path}：{source}")]
    Read {
        /// Relative to the log's folder.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A file that is not what was logged.
    #[error("{path} is damaged: {what}")]
    #[zh("{path} 已损坏：{what}")]
    Damaged {
        /// Relative to the log's folder.
        path: String,
        /// How that shows.
        what: Sentence,
    },
    /// Files that fit together, but are another tree's.
    #[error(
        "the files make a tree of {size} entries that is not the checkpoint's: one of the two is of another history"
    )]
    #[zh("文件构成的 {size} 条日志树与检查点不符：两者之一属于另一段历史")]
    Root {
        /// Entries.
        size: u64,
    },
    /// An index or a size that this tree does not have.
    #[error("{value} is beyond the end of this log: it has {size} entries")]
    #[zh("{value} 超出日志末尾：日志共有 {size} 条")]
    Beyond {
        /// What was asked for.
        value: u64,
        /// Entries.
        size: u64,
    },
    /// An entry too long to be logged.
    #[error(
        "the entry is {length} bytes long and the longest a log takes is 65535: keep it as a blob and log its digest"
    )]
    #[zh("条目长 {length} 字节，日志条目至多 65535 字节：请存为附件并记录其摘要")]
    TooLong {
        /// Bytes.
        length: usize,
    },
}

fn damaged(tile: Tile, what: Text) -> TreeError {
    TreeError::Damaged { path: tile.to_string(), what: what.into() }
}

/// How many tile levels a tree has.
fn levels(size: u64) -> u8 {
    (64 - size.leading_zeros()).div_ceil(8) as u8
}

/// The root over the edge: its complete subtrees, from the smallest up.
pub(crate) fn edge_root(edge: &[Vec<Hash>]) -> Hash {
    let mut root = None;
    for mut row in edge.iter().map(Vec::as_slice) {
        while !row.is_empty() {
            let (rest, subtree) = row.split_at(row.len() - (1 << row.len().trailing_zeros()));
            let left = merkle::root(subtree);
            root = Some(root.map_or(left, |right| merkle::node_hash(&left, &right)));
            row = rest;
        }
    }
    root.unwrap_or_else(merkle::empty_root)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::Proof;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    type Memory = BTreeMap<String, Vec<u8>>;

    impl Files for Memory {
        fn read(&self, path: &str) -> io::Result<Vec<u8>> {
            self.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
        }
    }

    fn entry(index: u64) -> Vec<u8> {
        format!("entry {index}").into_bytes()
    }

    /// A log grown to `sizes.last()` in these steps, and its root at each.
    fn grown(sizes: &[u64]) -> (Memory, Vec<Hash>) {
        let mut files = Memory::new();
        let mut roots = vec![merkle::empty_root()];
        let mut size = 0;
        for next in sizes {
            let tree = Tree::open(&files, size, *roots.last().unwrap()).unwrap();
            let growth = tree.grow(&(size..*next).map(entry).collect::<Vec<_>>()).unwrap();
            assert_eq!(growth.size, *next);
            for (path, bytes) in growth.files {
                assert!(files.insert(path.clone(), bytes).is_none(), "{path} written twice");
            }
            roots.push(growth.root);
            size = *next;
        }
        roots.remove(0);
        (files, roots)
    }

    fn plain_root(size: u64) -> Hash {
        merkle::root(&(0..size).map(|index| merkle::leaf_hash(&entry(index))).collect::<Vec<_>>())
    }

    #[test]
    fn a_tree_of_three_levels() {
        let sizes = [1, 2, 255, 256, 257, 600, 65_536, 65_537, 66_000];
        let (files, roots) = grown(&sizes);
        for (size, root) in sizes.iter().zip(&roots) {
            assert_eq!(*root, plain_root(*size), "size {size}");
        }
        let tree = Tree::open(&files, 66_000, roots[8]).unwrap();
        assert!(tile::files(66_000).all(|tile| files.contains_key(&tile.to_string())));
        assert!(tree.entries(0).map(Result::unwrap).eq((0..66_000).map(entry)));
        assert!(tree.entries(65_999).map(Result::unwrap).eq([entry(65_999)]));
        for (old, old_root) in sizes.iter().zip(&roots) {
            let proof = tree.prove_consistency(*old, 66_000).unwrap();
            assert_eq!(merkle::verify_consistency(*old, 66_000, &proof, old_root, &roots[8]), Ok(()));
        }
        // An older tree can be read although its narrow files are gone, once the full ones exist.
        let mut kept = files.clone();
        kept.retain(|path, _| !path.contains(".p/") || *path == "tile/1/000.p/2" || *path == "tile/1/000.p/1");
        assert!(Tree::open(&kept, 255, roots[2]).unwrap().entries(0).map(Result::unwrap).eq((0..255).map(entry)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// However a log grew, it is the same tree; and it proves every leaf and prefix.
        #[test]
        fn growth_does_not_depend_on_steps(mut sizes in prop::collection::btree_set(1u64..1500, 1..6), pick in any::<u64>()) {
            let size = *sizes.last().unwrap();
            sizes.insert(size);
            let (files, roots) = grown(&sizes.into_iter().collect::<Vec<_>>());
            let root = *roots.last().unwrap();
            prop_assert_eq!(root, plain_root(size));
            let tree = Tree::open(&files, size, root).unwrap();
            let (index, old) = (pick % size, 1 + pick % size);
            prop_assert_eq!(tree.entry(index).unwrap(), entry(index));
            let proof = tree.prove_inclusion(index, size).unwrap();
            prop_assert_eq!(merkle::verify_inclusion(index, size, &merkle::leaf_hash(&entry(index)), &proof, &root), Ok(()));
            let proof = tree.prove_consistency(old, size).unwrap();
            prop_assert_eq!(merkle::verify_consistency(old, size, &proof, &plain_root(old), &root), Ok(()));
        }
    }

    /// A flipped bit, a lost or added byte, in any file: a pass over the log reports that file.
    #[test]
    fn all_damage_is_found_and_named() {
        let size = 1030;
        let (files, roots) = grown(&[size]);
        let pass = |files: &Memory| {
            let tree = Tree::open(files, size, roots[0])?;
            tree.entries(0).try_for_each(|entry| entry.map(drop))
        };
        pass(&files).unwrap();
        for path in files.keys() {
            let length = files[path].len();
            for at in [0, length / 2, length - 1] {
                for change in [0, 1, 2] {
                    let mut broken = files.clone();
                    let bytes = broken.get_mut(path).unwrap();
                    match change {
                        0 => bytes[at] ^= 1 << (at % 8),
                        1 => drop(bytes.remove(at)),
                        _ => bytes.insert(at, 0),
                    }
                    let error = pass(&broken).unwrap_err();
                    assert!(error.to_string().contains(path.as_str()), "{path}: {error}");
                }
            }
            let mut broken = files.clone();
            broken.remove(path);
            assert!(matches!(pass(&broken), Err(TreeError::Read { path: found, .. }) if found == *path));
        }
        assert!(matches!(Tree::open(&files, size, [0; 32]), Err(TreeError::Root { size: 1030 })));
        let swapped = |a: &str, b: &str| {
            let mut broken = files.clone();
            let held = broken.insert(a.into(), files[b].clone());
            broken.insert(b.into(), held.unwrap());
            pass(&broken).unwrap_err().to_string()
        };
        assert!(swapped("tile/entries/000", "tile/entries/001").contains("tile/entries/000 is damaged: entry 0 "));
        assert!(swapped("tile/0/000", "tile/0/001").contains("tile/0/000 "));
    }

    #[test]
    fn asking_beyond_the_end() {
        let (files, roots) = grown(&[3]);
        let tree = Tree::open(&files, 3, roots[0]).unwrap();
        assert!(matches!(tree.entry(3), Err(TreeError::Beyond { value: 3, size: 3 })));
        assert!(
            tree.prove_inclusion(3, 3).is_err()
                && tree.prove_inclusion(1, 4).is_err()
                && tree.prove_inclusion(0, 0).is_err()
        );
        assert!(tree.prove_consistency(3, 2).is_err() && tree.prove_consistency(2, 4).is_err());
        assert_eq!(tree.prove_consistency(0, 0).unwrap(), Proof::new());
        assert_eq!(tree.entries(3).count() + tree.entries(u64::MAX).count(), 0);
        assert!(matches!(tree.grow(&[vec![0; 65_536]]), Err(TreeError::TooLong { length: 65_536 })));
        let empty = Tree::open(Memory::new(), 0, merkle::empty_root()).unwrap();
        assert!(empty.entry(0).is_err() && empty.prove_inclusion(0, 0).is_err() && empty.bundle(0).is_err());
        assert!(Tree::open(Memory::new(), 0, [1; 32]).is_err());
    }
}
