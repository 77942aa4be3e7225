//! One entry's inclusion, provable offline from one text file (C2SP tlog-proof).

use crate::{
    canonical_u64,
    merkle::{self, Hash, Proof, ProofError},
    note::{Checkpoint, Note, NoteError, NoteKey},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::fmt;
use unseen_texts::Say;

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// What shows, together with the entry and the log's key, that the log holds the entry.
/// [`fmt::Display`] gives the file, usually named `*.tlog-proof`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryProof {
    /// The entry's position, from 0.
    pub index: u64,
    /// Its inclusion proof in the checkpoint's tree; at most 64 hashes.
    pub path: Proof,
    /// Anything that helps the reader; nothing vouches for it.
    pub extra: Option<Vec<u8>>,
    /// The checkpoint, with every signature it has.
    pub checkpoint: Note,
}

impl EntryProof {
    /// Reads a file. Nothing is verified: see [`EntryProof::verify`].
    pub fn parse(bytes: &[u8]) -> Result<EntryProof, EntryProofError> {
        let text = std::str::from_utf8(bytes).map_err(|_| EntryProofError::Malformed)?;
        let (head, note) = text.split_once("\n\n").ok_or(EntryProofError::Malformed)?;
        let checkpoint = Note::parse(note.as_bytes())?;
        let read = || {
            let mut lines = head.split('\n');
            lines.next().filter(|line| *line == HEADER)?;
            let mut line = lines.next()?;
            let mut extra = None;
            if let Some(base64) = line.strip_prefix("extra ") {
                extra = Some(STANDARD.decode(base64).ok()?);
                line = lines.next()?;
            }
            let index = canonical_u64(line.strip_prefix("index ")?)?;
            let path = lines.map(|line| STANDARD.decode(line).ok()?.try_into().ok()).collect::<Option<Proof>>()?;
            (path.len() <= 64).then_some((index, path, extra))
        };
        let (index, path, extra) = read().ok_or(EntryProofError::Malformed)?;
        Ok(EntryProof { index, path, extra, checkpoint })
    }

    /// Whether `log` has signed a tree that holds `entry` at this index; the checkpoint that says so.
    pub fn verify(&self, log: &NoteKey, entry: &[u8]) -> Result<Checkpoint, EntryProofError> {
        self.verify_leaf(log, &merkle::leaf_hash(entry))
    }

    /// [`EntryProof::verify`] for an entry of which only the leaf hash is known.
    pub fn verify_leaf(&self, log: &NoteKey, leaf: &Hash) -> Result<Checkpoint, EntryProofError> {
        let checkpoint = Checkpoint::open(&self.checkpoint, log)?;
        merkle::verify_inclusion(self.index, checkpoint.size, leaf, &self.path, &checkpoint.root)?;
        Ok(checkpoint)
    }
}

impl fmt::Display for EntryProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.path.iter().try_for_each(|hash| writeln!(f, "{}", STANDARD.encode(hash)))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

/// Why a file proves no inclusion.
#[derive(Debug, thiserror::Error, Say)]
#[code("entry-proof")]
pub enum EntryProofError {
    /// Not the shape of a tlog-proof.
    #[error(
        "this is not a tlog-proof file: it needs the line {HEADER}, an index, hashes, a blank line and a checkpoint"
    )]
    #[zh("这不是 tlog-proof 文件：须有 {HEADER} 行、序号、哈希、空行和检查点")]
    Malformed,
    /// Its checkpoint is refused.
    #[error("the proof's checkpoint does not count: {0}")]
    #[zh("证明中的检查点无效：{0}")]
    Checkpoint(#[from] NoteError),
    /// Its hashes do not lead from the entry to the checkpoint.
    #[error("the entry is not proven: {0}")]
    #[zh("条目未得到证明：{0}")]
    Proof(#[from] ProofError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Signer, SigningKey};

    #[test]
    fn file_proves_its_entry_only() {
        let key = SigningKey::from_seed([1; 32]).unwrap();
        let log = NoteKey::new("example.com/log", key.verifying_key()).unwrap();
        let leaves = [merkle::leaf_hash(b"a"), merkle::leaf_hash(b"b"), merkle::leaf_hash(b"c")];
        let checkpoint = Checkpoint { origin: log.name().into(), size: 3, root: merkle::root(&leaves) };
        let note = checkpoint.sign(&key).unwrap();
        let path = vec![leaves[0], leaves[2]];
        let mut proof = EntryProof { index: 1, path, extra: None, checkpoint: note.clone() };
        let [a, c] = [leaves[0], leaves[2]].map(|hash| STANDARD.encode(hash));
        assert_eq!(proof.to_string(), format!("c2sp.org/tlog-proof@v1\nindex 1\n{a}\n{c}\n\n{note}"));

        for extra in [None, Some(vec![]), Some(b"context".to_vec())] {
            proof.extra = extra;
            let read = EntryProof::parse(proof.to_string().as_bytes()).unwrap();
            assert_eq!(read, proof);
            assert_eq!(read.verify(&log, b"b").unwrap(), checkpoint);
            assert!(matches!(read.verify(&log, b"a"), Err(EntryProofError::Proof(ProofError::Root))));
        }
        let other = NoteKey::new("example.com/other", key.verifying_key()).unwrap();
        assert!(matches!(proof.verify(&other, b"b"), Err(EntryProofError::Checkpoint(_))));

        proof.extra = None;
        let text = proof.to_string();
        for wrong in [
            text.replace("@v1", "@v2"),
            text.replace("index 1", "index 01"),
            text.replace("index 1\n", ""),
            text.replace("index", "extra !\nindex"),
            text.replace(&a, &a[1..]),
            text.replace("\n\n", "\n"),
            text.replace("\n\n", "\n\n\n"),
        ] {
            assert!(EntryProof::parse(wrong.as_bytes()).and_then(|proof| proof.verify(&log, b"b")).is_err(), "{wrong}");
        }
    }
}
