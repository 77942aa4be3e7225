//! Merkle tree hashing and proofs as RFC 6962, section 2.1, defines them.
//!
//! Every function here follows the recursion of the RFC literally, so that the two can be read side
//! by side; trees have fewer than 2^64 leaves, so no recursion is deeper than 64.

use unseen_ids::sha256;
use unseen_texts::Say;

/// A node of the tree: SHA-256, 32 bytes.
pub type Hash = [u8; 32];

/// The hashes of an inclusion or consistency proof, from the leaf's side up to the root's.
pub type Proof = Vec<Hash>;

/// The root of the empty tree: the SHA-256 of nothing.
pub fn empty_root() -> Hash {
    sha256(&[])
}

/// The hash of a leaf that holds `entry`.
pub fn leaf_hash(entry: &[u8]) -> Hash {
    sha256(&[&[0], entry])
}

/// The hash of the node above `left` and `right`.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], left, right])
}

/// The root of the tree over these leaf hashes: MTH of the RFC.
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len() as u64) as usize);
            node_hash(&root(left), &root(right))
        }
    }
}

/// Gives the hashes of complete subtrees; what a prover reads from.
pub trait HashReader {
    /// What a failed read gives.
    type Error;
    /// The root of the complete subtree over the leaves `[index << level, (index + 1) << level)`.
    fn hash(&self, level: u32, index: u64) -> Result<Hash, Self::Error>;
}

/// The root of the tree of the first `size` leaves.
pub fn root_of_first<R: HashReader>(reader: &R, size: u64) -> Result<Hash, R::Error> {
    if size == 0 { Ok(empty_root()) } else { range_hash(reader, 0, size) }
}

/// Whether `proof` shows that `leaf` is leaf `index` of the tree of `size` leaves with root `root`.
pub fn verify_inclusion(index: u64, size: u64, leaf: &Hash, proof: &[Hash], root: &Hash) -> Result<(), ProofError> {
    let claimed = if index < size { climb(index, size, leaf, proof) } else { None };
    if claimed.ok_or(ProofError::Shape)? == *root { Ok(()) } else { Err(ProofError::Root) }
}

/// Whether `proof` shows that the tree of `old` leaves with root `old_root` is a prefix of the tree
/// of `new` leaves with root `new_root`.
pub fn verify_consistency(
    old: u64,
    new: u64,
    proof: &[Hash],
    old_root: &Hash,
    new_root: &Hash,
) -> Result<(), ProofError> {
    let claimed = match old {
        0 if proof.is_empty() => Some((empty_root(), *new_root)),
        1.. if old <= new => climb_both(old, new, true, old_root, proof),
        _ => None,
    };
    if claimed.ok_or(ProofError::Shape)? == (*old_root, *new_root) { Ok(()) } else { Err(ProofError::Root) }
}

/// Why a proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Say)]
#[code("proof")]
pub enum ProofError {
    /// Not the right number of hashes for these sizes, or sizes that make no sense.
    #[error("the proof does not have the shape that these tree sizes ask for")]
    #[zh("证明的形状与日志树长度不符")]
    Shape,
    /// Well formed, but it leads to another root.
    #[error("the proof leads to another root: what it was made for is not in this tree")]
    #[zh("证明得出另一个根：所证内容不在此日志树中")]
    Root,
}

/// Undoes PATH: the root that the proof leads to, if it has the right length.
fn climb(index: u64, size: u64, leaf: &Hash, proof: &[Hash]) -> Option<Hash> {
    if size == 1 {
        return proof.is_empty().then_some(*leaf);
    }
    let (last, rest) = proof.split_last()?;
    let k = split(size);
    Some(if index < k {
        node_hash(&climb(index, k, leaf, rest)?, last)
    } else {
        node_hash(last, &climb(index - k, size - k, leaf, rest)?)
    })
}

/// Undoes SUBPROOF: the old and the new root that the proof leads to. `whole` is the RFC's `b`: the
/// old tree begins here, so its root, where it is met, is the one already known.
fn climb_both(old: u64, new: u64, whole: bool, known: &Hash, proof: &[Hash]) -> Option<(Hash, Hash)> {
    if old == new {
        return match (whole, proof) {
            (true, []) => Some((*known, *known)),
            (false, [hash]) => Some((*hash, *hash)),
            _ => None,
        };
    }
    let (last, rest) = proof.split_last()?;
    let k = split(new);
    Some(if old <= k {
        let (o, n) = climb_both(old, k, whole, known, rest)?;
        (o, node_hash(&n, last))
    } else {
        let (o, n) = climb_both(old - k, new - k, false, known, rest)?;
        (node_hash(last, &o), node_hash(last, &n))
    })
}

/// MTH(D[lo:hi]) out of complete subtrees. `lo` is a multiple of the largest power of two that is
/// at most `hi - lo`, as every left end in the RFC's recursions is.
pub(crate) fn range_hash<R: HashReader>(reader: &R, lo: u64, hi: u64) -> Result<Hash, R::Error> {
    let width = hi - lo;
    if width.is_power_of_two() {
        let level = width.trailing_zeros();
        return reader.hash(level, lo >> level);
    }
    let middle = lo + split(width);
    Ok(node_hash(&range_hash(reader, lo, middle)?, &range_hash(reader, middle, hi)?))
}

/// The largest power of two smaller than `size`, for `size >= 2`: where a tree splits.
pub(crate) fn split(size: u64) -> u64 {
    1 << (63 - (size - 1).leading_zeros())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prove::{prove_consistency, prove_inclusion};
    use proptest::prelude::*;
    use std::convert::Infallible;
    use unseen_ids::hex;

    /// The leaves and roots of certificate-transparency's reference tests.
    const LEAVES: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    struct Leaves(Vec<Hash>);

    impl HashReader for Leaves {
        type Error = Infallible;
        fn hash(&self, level: u32, index: u64) -> Result<Hash, Infallible> {
            let range = (index << level) as usize..((index + 1) << level) as usize;
            Ok(root(&self.0[range]))
        }
    }

    fn leaves(size: u64) -> Leaves {
        Leaves((0..size).map(|i| leaf_hash(&i.to_be_bytes())).collect())
    }

    #[test]
    fn reference_roots() {
        let hashes: Vec<Hash> = LEAVES.iter().map(|leaf| leaf_hash(leaf)).collect();
        for (size, expected) in ROOTS.iter().enumerate() {
            assert_eq!(hex::encode(&root(&hashes[..size])), *expected, "size {size}");
        }
    }

    /// PATH and PROOF for the seven-leaf tree, as the RFC itself spells them out (section 2.1.3).
    #[test]
    fn proofs_of_the_rfc_example() {
        let tree = leaves(7);
        let d = &tree.0;
        let n = |range: std::ops::Range<usize>| root(&d[range]);
        assert_eq!(prove_inclusion(&tree, 0, 7).unwrap(), [d[1], n(2..4), n(4..7)]);
        assert_eq!(prove_inclusion(&tree, 3, 7).unwrap(), [d[2], n(0..2), n(4..7)]);
        assert_eq!(prove_inclusion(&tree, 4, 7).unwrap(), [d[5], d[6], n(0..4)]);
        assert_eq!(prove_inclusion(&tree, 6, 7).unwrap(), [n(4..6), n(0..4)]);
        assert_eq!(prove_consistency(&tree, 3, 7).unwrap(), [d[2], d[3], n(0..2), n(4..7)]);
        assert_eq!(prove_consistency(&tree, 4, 7).unwrap(), [n(4..7)]);
        assert_eq!(prove_consistency(&tree, 6, 7).unwrap(), [n(4..6), d[6], n(0..4)]);
    }

    #[test]
    fn every_small_tree_proves_itself_and_nothing_else() {
        let tree = leaves(40);
        let roots: Vec<Hash> = (0..=40).map(|n| root(&tree.0[..n])).collect();
        for new in 0..=40u64 {
            let new_root = &roots[new as usize];
            assert_eq!(root_of_first(&tree, new).unwrap(), *new_root);
            for index in 0..new {
                let proof = prove_inclusion(&tree, index, new).unwrap();
                for other in 0..41 {
                    let verdict = verify_inclusion(other, new, &tree.0[index as usize], &proof, new_root);
                    assert_eq!(verdict.is_ok(), other == index, "{index} as {other} of {new}");
                }
            }
            for old in 0..=new {
                let proof = prove_consistency(&tree, old, new).unwrap();
                for other in 1..=40u64 {
                    // The proof from 0 is empty and says only that the old tree was empty.
                    let verdict = verify_consistency(other, new, &proof, &roots[old as usize], new_root);
                    assert_eq!(verdict.is_ok(), other == old, "{old} as {other} to {new}");
                }
            }
        }
        assert_eq!(verify_consistency(0, 9, &[], &empty_root(), &roots[9]), Ok(()));
        assert_eq!(verify_consistency(0, 9, &[], &roots[1], &roots[9]), Err(ProofError::Root));
        assert_eq!(verify_consistency(0, 9, &[roots[1]], &empty_root(), &roots[9]), Err(ProofError::Shape));
        assert_eq!(verify_consistency(3, 2, &[], &roots[3], &roots[2]), Err(ProofError::Shape));
        assert_eq!(verify_inclusion(0, 0, &roots[1], &[], &roots[1]), Err(ProofError::Shape));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// One flipped bit anywhere in a proof, a leaf or a root, a dropped or an added hash: refused.
        #[test]
        fn any_change_is_refused(new in 1u64..700, pick in any::<u64>(), bit in any::<usize>()) {
            let tree = leaves(new);
            let new_root = root(&tree.0);
            let index = pick % new;
            let proof = prove_inclusion(&tree, index, new).unwrap();
            let leaf = tree.0[index as usize];
            prop_assert_eq!(verify_inclusion(index, new, &leaf, &proof, &new_root), Ok(()));
            prop_assert!(verify_inclusion(index, new, &flip(&leaf, bit), &proof, &new_root).is_err());
            prop_assert!(verify_inclusion(index, new, &leaf, &proof, &flip(&new_root, bit)).is_err());
            for wrong in changes(&proof, bit) {
                prop_assert!(verify_inclusion(index, new, &leaf, &wrong, &new_root).is_err());
            }

            let old = 1 + pick % new;
            let old_root = root(&tree.0[..old as usize]);
            let proof = prove_consistency(&tree, old, new).unwrap();
            prop_assert_eq!(verify_consistency(old, new, &proof, &old_root, &new_root), Ok(()));
            prop_assert!(verify_consistency(old, new, &proof, &flip(&old_root, bit), &new_root).is_err());
            prop_assert!(verify_consistency(old, new, &proof, &old_root, &flip(&new_root, bit)).is_err());
            for wrong in changes(&proof, bit) {
                prop_assert!(verify_consistency(old, new, &wrong, &old_root, &new_root).is_err());
            }
        }
    }

    fn flip(hash: &Hash, bit: usize) -> Hash {
        let mut hash = *hash;
        hash[bit / 8 % 32] ^= 1 << (bit % 8);
        hash
    }

    fn changes(proof: &Proof, bit: usize) -> Vec<Proof> {
        let mut all = vec![[proof.as_slice(), &[[0; 32]]].concat()];
        if !proof.is_empty() {
            let mut flipped = proof.clone();
            let at = bit / 256 % proof.len();
            flipped[at] = flip(&flipped[at], bit);
            all.extend([flipped, proof[1..].to_vec(), proof[..proof.len() - 1].to_vec()]);
        }
        all
    }
}
