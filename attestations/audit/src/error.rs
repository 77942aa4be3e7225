//! Why there is no verdict at all.

use unseen_log::LogError;
use unseen_texts::{Say, Text};
use unseen_tlog::note::NoteError;

/// An audit that ended without a report.
#[derive(Debug)]
pub struct Stopped {
    /// Why.
    pub error: AuditError,
    /// The checkpoint from before that the log was last held against, as it was signed.
    pub before: Option<String>,
}

/// What it comes to that there is no report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Two histories were signed.
    Fork,
    /// A longer history was there before.
    Rollback,
    /// Too few of the auditor's own witnesses have seen it.
    Unwitnessed,
    /// It is another log than the one that is known, or what leads from the one to the other is missing.
    OtherLog,
    /// A checkpoint bears no true signature of the key that should have signed it.
    NotSigned,
    /// Files are missing, or are not what they should be.
    Damaged,
    /// What is remembered on this machine cannot be used.
    NoMemory,
}

impl AuditError {
    /// What it comes to.
    pub fn verdict(&self) -> Verdict {
        match self {
            AuditError::Log(LogError::Fork { .. }) => Verdict::Fork,
            AuditError::Log(LogError::Rollback { .. }) => Verdict::Rollback,
            AuditError::Quorum { .. } => Verdict::Unwitnessed,
            AuditError::OtherKey { .. } => Verdict::OtherLog,
            AuditError::Log(LogError::Checkpoint { source: error, .. }) | AuditError::Note { error, .. } => match error
            {
                NoteError::Unsigned(_) | NoteError::Signature(_) => Verdict::NotSigned,
                NoteError::Origin { .. } => Verdict::OtherLog,
                _ => Verdict::Damaged,
            },
            AuditError::Log(_) | AuditError::File { .. } => Verdict::Damaged,
            AuditError::Memory { .. } => Verdict::NoMemory,
        }
    }
}

/// Why a bundle cannot be read at all, or is not one history.
#[derive(Debug, thiserror::Error, Say)]
#[code("audit")]
pub enum AuditError {
    /// Damage, or another log.
    #[error("{0}")]
    Log(#[from] LogError),
    /// A key or a checkpoint is malformed, or its signature is bad.
    #[error("{what}: {error}")]
    #[zh("{what}：{error}")]
    Note {
        /// Which.
        what: Text,
        /// How.
        error: NoteError,
    },
    /// A key that was never the log's.
    #[error(
        "the log is not signed by the key you know, nor was it handed over from it: {known}; this is another log, or its overlap checkpoints are missing"
    )]
    #[zh("日志不是由您所知的密钥签名，也不是由它交接而来：{known}；这是别的日志，或缺少双签检查点")]
    OtherKey {
        /// The key.
        known: String,
    },
    /// Too few of the auditor's own witnesses.
    #[error("UNWITNESSED: {has} of the witnesses you trust have cosigned the checkpoint, and you ask for {needs}")]
    #[zh("未经见证：您所信任的见证方中有 {has} 个联署了检查点，而您要求 {needs} 个")]
    Quorum {
        /// How many have.
        has: usize,
        /// How many must have.
        needs: usize,
    },
    /// What is remembered cannot be read or written.
    #[error("{path}, where the last checkpoint seen is remembered, cannot be used: {error}")]
    #[zh("{path}（用来记住最近所见的检查点）无法使用：{error}")]
    Memory {
        /// Which file.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// A file of the bundle cannot be read.
    #[error("{path} cannot be read: {error}")]
    #[zh("{path} 无法读取：{error}")]
    File {
        /// Which.
        path: String,
        /// Why.
        error: std::io::Error,
    },
}
