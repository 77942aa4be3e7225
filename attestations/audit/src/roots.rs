//! The roots that a log had, while it is read: whoever says to have seen a log of some size says its
//! root too.

use std::collections::VecDeque;

use unseen_tlog::merkle::{self, Hash};

/// How many of the last sizes are kept at hand; older ones are read from the tree.
const RECENT: usize = 4096;

/// The complete subtrees of the last few sizes of a growing tree.
#[derive(Debug)]
pub struct Roots {
    size: u64,
    /// For the sizes up to `size`: the roots of the complete subtrees, from the left.
    recent: VecDeque<Vec<Hash>>,
}

impl Default for Roots {
    /// Of the empty tree.
    fn default() -> Roots {
        Roots { size: 0, recent: VecDeque::from([Vec::new()]) }
    }
}

impl Roots {
    /// Adds the next leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut subtrees = self.recent.back().cloned().unwrap_or_default();
        // As many subtrees end here as the old size has ones at its end.
        let mut right = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = subtrees.pop() {
                right = merkle::node_hash(&left, &right);
            }
        }
        subtrees.push(right);
        self.size += 1;
        self.recent.push_back(subtrees);
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
    }

    /// The root at this size; none where it is too long ago, or still to come.
    pub fn at(&self, size: u64) -> Option<Hash> {
        let ago = usize::try_from(self.size.checked_sub(size)?).ok()?;
        let subtrees = self.recent.get(self.recent.len().checked_sub(ago + 1)?)?;
        let root = subtrees.iter().rev().copied().reduce(|right, left| merkle::node_hash(&left, &right));
        Some(root.unwrap_or_else(merkle::empty_root))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recent_size_has_the_root_that_the_tree_has() {
        let leaves: Vec<Hash> = (0..5000u32).map(|i| merkle::leaf_hash(&i.to_be_bytes())).collect();
        let mut roots = Roots::default();
        for leaf in &leaves {
            roots.push(*leaf);
        }
        for size in [905, 1024, 1025, 2047, 4095, 4096, 4999, 5000] {
            assert_eq!(roots.at(size), Some(merkle::root(&leaves[..size as usize])), "{size}");
        }
        assert_eq!((roots.at(904), roots.at(5001)), (None, None));
        assert_eq!(Roots::default().at(0), Some(merkle::empty_root()));
    }
}
