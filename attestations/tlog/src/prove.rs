//! Proofs, made from a tree's hashes: RFC 6962, section 2.1. Whoever is given one verifies it.

use crate::{
    merkle::{HashReader, Proof, range_hash, split},
    tree::{Files, Tree, TreeError},
};

/// The inclusion proof for leaf `index` in the tree of the first `size` leaves.
///
/// # Panics
/// If `index >= size`: the caller knows its tree.
pub fn prove_inclusion<R: HashReader>(reader: &R, index: u64, size: u64) -> Result<Proof, R::Error> {
    assert!(index < size, "invariant: leaf {index} lies in a tree of {size}");
    // PATH(m, D[lo:hi]); pushed on the way down, so the root's end comes first.
    let (mut lo, mut hi) = (0, size);
    let mut proof = Proof::new();
    while hi - lo > 1 {
        let middle = lo + split(hi - lo);
        if index < middle {
            proof.push(range_hash(reader, middle, hi)?);
            hi = middle;
        } else {
            proof.push(range_hash(reader, lo, middle)?);
            lo = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the tree of the first `old` leaves is a prefix of the tree of the first `new`.
/// Nothing needs proving, so the proof is empty, where `old` is 0 or `new`.
///
/// # Panics
/// If `old > new`: the caller knows its trees.
pub fn prove_consistency<R: HashReader>(reader: &R, old: u64, new: u64) -> Result<Proof, R::Error> {
    assert!(old <= new, "invariant: a tree of {old} is a prefix of a tree of {new}");
    // SUBPROOF(m, D[lo:hi], lo == 0); pushed on the way down, so the root's end comes first.
    let (mut lo, mut hi) = (0, new);
    let mut proof = Proof::new();
    while old != 0 && old != hi {
        let middle = lo + split(hi - lo);
        if old <= middle {
            proof.push(range_hash(reader, middle, hi)?);
            hi = middle;
        } else {
            proof.push(range_hash(reader, lo, middle)?);
            lo = middle;
        }
    }
    if lo != 0 {
        proof.push(range_hash(reader, lo, hi)?);
    }
    proof.reverse();
    Ok(proof)
}

impl<F: Files> Tree<F> {
    /// The proof that leaf `index` is in the tree of the first `size` entries.
    pub fn prove_inclusion(&self, index: u64, size: u64) -> Result<Proof, TreeError> {
        self.ensure(size <= self.size(), size)?;
        self.ensure(index < size, index)?;
        prove_inclusion(self, index, size)
    }

    /// The proof that the tree of the first `old` entries is a prefix of that of the first `new`.
    pub fn prove_consistency(&self, old: u64, new: u64) -> Result<Proof, TreeError> {
        self.ensure(new <= self.size(), new)?;
        self.ensure(old <= new, old)?;
        prove_consistency(self, old, new)
    }
}
