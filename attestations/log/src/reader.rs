//! Reading a log: everything returned is covered by a signed checkpoint.

use crate::{CHECKPOINT, Folder, LogError, blob_path};
use std::{io, path::PathBuf};
use unseen_ids::Digest;
use unseen_tlog::{
    merkle::{self, Hash, Proof},
    note::{Checkpoint, Note, NoteKey},
    proof::EntryProof,
    tree::{Files, Tree},
};

/// A log, or a copy of one, as one of its checkpoints has it. It holds no lock and does not see the
/// log grow; while it grows, the last few entries may be missing from their old place: open it again.
#[derive(Debug, Clone)]
pub struct LogReader<F = Folder> {
    pub(crate) note: Note,
    pub(crate) checkpoint: Checkpoint,
    pub(crate) tree: Tree<F>,
}

impl LogReader {
    /// The log in this folder, if `log` has signed its `checkpoint`.
    pub fn open(folder: impl Into<PathBuf>, log: &NoteKey) -> Result<LogReader, LogError> {
        LogReader::open_in(Folder::reading(folder), log)
    }
}

impl<F: Files> LogReader<F> {
    /// [`LogReader::open`] for files kept elsewhere.
    pub fn open_in(files: F, log: &NoteKey) -> Result<LogReader<F>, LogError> {
        let (note, checkpoint) = read_checkpoint(&files, CHECKPOINT, log)?.ok_or(LogError::NoLog)?;
        LogReader::at(files, note, checkpoint)
    }

    /// The log as this checkpoint has it: its right edge, the last bundle included, is checked.
    pub(crate) fn at(files: F, note: Note, checkpoint: Checkpoint) -> Result<LogReader<F>, LogError> {
        let tree = checked_tree(files, &checkpoint)?;
        Ok(LogReader { note, checkpoint, tree })
    }

    /// The checkpoint.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The checkpoint with its signatures.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// How many entries.
    pub fn size(&self) -> u64 {
        self.checkpoint.size
    }

    /// Entry `index`.
    pub fn entry(&self, index: u64) -> Result<Vec<u8>, LogError> {
        Ok(self.tree.entry(index)?)
    }

    /// Every entry from `first` on, in order, up to the first error.
    pub fn entries(&self, first: u64) -> impl Iterator<Item = Result<Vec<u8>, LogError>> + '_ {
        self.tree.entries(first).map(|entry| Ok(entry?))
    }

    /// Reads every entry and every tile, and so finds any damage to them; blobs are not looked at.
    pub fn verify(&self) -> Result<(), LogError> {
        self.entries(0).try_for_each(|entry| entry.map(drop))
    }

    /// The root that the log had when it had `size` entries.
    pub fn root_at(&self, size: u64) -> Result<Hash, LogError> {
        Ok(self.tree.root_at(size)?)
    }

    /// The proof that entry `index` is in the tree of the first `size` entries.
    pub fn prove_inclusion(&self, index: u64, size: u64) -> Result<Proof, LogError> {
        Ok(self.tree.prove_inclusion(index, size)?)
    }

    /// The proof that the first `old` entries were the whole log before there were `new`.
    pub fn prove_consistency(&self, old: u64, new: u64) -> Result<Proof, LogError> {
        Ok(self.tree.prove_consistency(old, new)?)
    }

    /// [`LogReader::prove_inclusion`] with this checkpoint and the entry itself, as a file to hand out.
    pub fn prove_entry(&self, index: u64) -> Result<EntryProof, LogError> {
        let path = self.prove_inclusion(index, self.size())?;
        Ok(EntryProof { index, path, extra: Some(self.entry(index)?), checkpoint: self.note.clone() })
    }

    /// Whether this log is `earlier` or has grown from it: neither rolled back nor forked since.
    pub fn ensure_extends(&self, earlier: &Checkpoint) -> Result<(), LogError> {
        ensure_extends(&self.tree, earlier)
    }

    /// The blob with this digest; `None` if there is none.
    pub fn blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>, LogError> {
        match read(self.tree.files(), &blob_path(digest))? {
            Some(bytes) if Digest::of(&bytes) != *digest => Err(LogError::Blob(*digest)),
            found => Ok(found),
        }
    }
}

/// The tree of a checkpoint, with its right edge and the last bundle checked.
pub(crate) fn checked_tree<F: Files>(files: F, checkpoint: &Checkpoint) -> Result<Tree<F>, LogError> {
    let tree = Tree::open(files, checkpoint.size, checkpoint.root)?;
    if let Some(last) = checkpoint.size.checked_sub(1) {
        tree.entry(last)?;
    }
    Ok(tree)
}

pub(crate) fn ensure_extends<F: Files>(tree: &Tree<F>, earlier: &Checkpoint) -> Result<(), LogError> {
    let (published, held) = (earlier.size, tree.size());
    if published > held {
        return Err(LogError::Rollback { published, held });
    }
    let proof = tree.prove_consistency(published, held)?;
    merkle::verify_consistency(published, held, &proof, &earlier.root, &tree.root())
        .map_err(|source| LogError::Fork { published, source })
}

/// A file that may be missing. Any other failure is an error: it must never look like "missing".
pub(crate) fn read<F: Files>(files: &F, path: &str) -> Result<Option<Vec<u8>>, LogError> {
    match files.read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(LogError::Read { path: path.into(), source }),
    }
}

/// A checkpoint that may be missing, if the log's key has signed it.
pub(crate) fn read_checkpoint<F: Files>(
    files: &F,
    path: &'static str,
    log: &NoteKey,
) -> Result<Option<(Note, Checkpoint)>, LogError> {
    let open = |bytes: Vec<u8>| {
        let note = Note::parse(&bytes)?;
        let checkpoint = Checkpoint::open(&note, log)?;
        Ok((note, checkpoint))
    };
    read(files, path)?.map(open).transpose().map_err(|source| LogError::Checkpoint { path, source })
}
