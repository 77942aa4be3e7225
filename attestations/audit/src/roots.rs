//! The roots that a log had, while it is read: whoever says to have seen a log of some size says its
//! root too.

use std::collections::VecDeque;
use std::rc::Rc;

use unseen_tlog::merkle::{self, Hash};

/// How many of the last sizes are kept at hand; older ones are read from the tree.
const RECENT: usize = 4096;

/// The complete subtrees of the last few sizes of a growing tree.
#[derive(Debug, Default)]
pub struct Roots {
    size: u64,
    /// For the sizes up to `size`: the last of the complete subtrees.
    recent: VecDeque<Rc<Subtree>>,
}

/// A complete subtree. Sizes that have the same ones on its left hold these together.
#[derive(Debug)]
struct Subtree {
    root: Hash,
    left: Option<Rc<Subtree>>,
}

impl Roots {
    /// Adds the next leaf.
    pub fn push(&mut self, leaf: Hash) {
        let (mut root, mut left) = (leaf, self.recent.back());
        // As many subtrees end here as the old size has ones at its end.
        for _ in 0..self.size.trailing_ones() {
            let Some(subtree) = left else { break };
            root = merkle::node_hash(&subtree.root, &root);
            left = subtree.left.as_ref();
        }
        let left = left.cloned();
        self.size += 1;
        self.recent.push_back(Rc::new(Subtree { root, left }));
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
    }

    /// The root at this size; none where it is too long ago, still to come, or that of the empty tree.
    pub fn at(&self, size: u64) -> Option<Hash> {
        let ago = usize::try_from(self.size.checked_sub(size)?).ok()?;
        let last = self.recent.get(self.recent.len().checked_sub(ago + 1)?)?;
        let subtrees = std::iter::successors(Some(last), |subtree| subtree.left.as_ref()).map(|subtree| subtree.root);
        subtrees.reduce(|right, left| merkle::node_hash(&left, &right))
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
        assert_eq!(Roots::default().at(0), None);
    }
}
