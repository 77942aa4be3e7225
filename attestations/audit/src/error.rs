//! Why there is no verdict at all.

use unseen_log::LogError;
use unseen_tlog::note::NoteError;

/// Why a bundle cannot be read at all, or is not one history.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// Damage, or another log.
    #[error("{0}")]
    Log(#[from] LogError),
    /// A key or a checkpoint is malformed, or its signature is bad.
    #[error("{what}: {error}")]
    Note {
        /// Which.
        what: &'static str,
        /// How.
        error: NoteError,
    },
    /// A key that was never the log's.
    #[error(
        "the log is not signed by the key you know, nor was it handed over from it: {known}; this is another log, or its overlap checkpoints are missing"
    )]
    OtherKey {
        /// The key.
        known: String,
    },
    /// Too few of the auditor's own witnesses.
    #[error("UNWITNESSED: {has} of the witnesses you trust have cosigned the checkpoint, and you ask for {needs}")]
    Quorum {
        /// How many have.
        has: usize,
        /// How many must have.
        needs: usize,
    },
    /// What is remembered cannot be read or written.
    #[error("{path}, where the last checkpoint seen is remembered, cannot be used: {error}")]
    Memory {
        /// Which file.
        path: String,
        /// Why.
        error: String,
    },
    /// A file of the bundle cannot be read.
    #[error("{path} cannot be read: {error}")]
    File {
        /// Which.
        path: String,
        /// Why.
        error: std::io::Error,
    },
}
