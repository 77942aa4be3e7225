//! The lab's log on disk: entries and blobs, written so that nothing acknowledged is ever lost and
//! no two histories are ever signed.
//!
//! A log is one folder, in the layout of C2SP tlog-tiles:
//!
//! | path | content |
//! |---|---|
//! | `checkpoint.lock` | the signed checkpoint that counts: what is in its tree is logged |
//! | `checkpoint` | the same or an earlier one, for readers |
//! | `tile/entries/...`, `tile/<level>/...` | entries and tree hashes |
//! | `handover/ENTRY` | the checkpoint that the old key and the new one have signed |
//! | `sm2/ENTRY.json` | a second envelope, signed in SM2, over what a release's entry says |
//! | `blobs/sha256/ab/abcd...` | bodies too large for an entry, by their digest |
//!
//! An append writes bundles and tiles, then `checkpoint.lock` (this commits), then `checkpoint`.
//! Each step is durable before the next begins. Files beyond the committed size are garbage, which
//! later appends overwrite. Opening a log is the second half of an append done again: it makes the
//! lock durable, checks the right edge against it, and publishes it if that had not happened.
//!
//! [`Log`] writes; [`LogReader`] reads a log or a copy of one and trusts only a key.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod log;
mod reader;
mod storage;

pub use log::{Appended, Log, ensure_fits};
pub use reader::LogReader;
pub use storage::{Folder, Storage};

use std::{io, path::PathBuf};
use unseen_ids::Digest;
use unseen_texts::Say;
use unseen_tlog::{merkle::ProofError, note::NoteError, tree::TreeError};

/// The path of the checkpoint for readers.
pub const CHECKPOINT: &str = "checkpoint";

/// The path of the checkpoint that counts. It stays in the lab: copies of a log have none.
pub const LOCK: &str = "checkpoint.lock";

/// The path of the overlap checkpoint that goes with the entry that hands the log over to another key.
pub fn handover_path(entry: u64) -> String {
    format!("handover/{entry}")
}

/// The path of the second envelope, signed in SM2, over the statement of an entry.
pub fn sm2_path(entry: u64) -> String {
    format!("sm2/{entry}.json")
}

/// The path of a blob.
pub fn blob_path(digest: &Digest) -> String {
    let hex = digest.to_hex();
    format!("blobs/sha256/{}/{hex}", &hex[..2])
}

/// Why a log cannot be opened, read or appended to.
#[derive(Debug, thiserror::Error, Say)]
#[code("log")]
pub enum LogError {
    /// Somebody else has the log open.
    #[error("the log {0} is in use by another process; wait for it to end")]
    #[zh("日志 {0} 正被另一个进程使用；请等它结束")]
    InUse(PathBuf),
    /// A log, or something else, is there already.
    #[error("a log can only be made in an empty folder, and this one is not")]
    #[zh("日志只能建在空文件夹中，而此文件夹不空")]
    NotEmpty,
    /// Neither checkpoint is there.
    #[error("there is no log here: it has neither {LOCK} nor {CHECKPOINT}")]
    #[zh("此处没有日志：既没有 {LOCK} 也没有 {CHECKPOINT}")]
    NoLog,
    /// The checkpoint that counts is gone.
    #[error(
        "{LOCK} is missing but {CHECKPOINT} is not: restore it from a backup, a new one is never made for an old log"
    )]
    #[zh("缺少 {LOCK}，而 {CHECKPOINT} 还在：请从备份恢复，旧日志绝不新建")]
    LockMissing,
    /// A checkpoint that is not this log's.
    #[error("{path} does not count: {source}")]
    #[zh("{path} 无效：{source}")]
    Checkpoint {
        /// Which of the two.
        path: &'static str,
        /// Why.
        source: NoteError,
    },
    /// More was published, or seen, than this log holds.
    #[error("ROLLBACK: a checkpoint of {published} entries was published and this log holds {held}")]
    #[zh("日志回退：已公布 {published} 条的检查点，而此日志只有 {held} 条")]
    Rollback {
        /// Entries that were once published.
        published: u64,
        /// Entries there are.
        held: u64,
    },
    /// Another history was published, or seen, than this log holds.
    #[error(
        "FORK: the checkpoint of {published} entries that was published is not of this log's history ({source}); keep both as evidence"
    )]
    #[zh("日志分叉：已公布的 {published} 条检查点不属于此日志的历史（{source}）；请把两者都留作证据")]
    Fork {
        /// Entries in the published checkpoint.
        published: u64,
        /// What the proof between the two showed.
        source: ProofError,
    },
    /// The committed checkpoint is not the one this handle committed.
    #[error("{LOCK} was changed by somebody else while this process held the log; nothing was logged")]
    #[zh("本进程持有日志期间 {LOCK} 被他人改动；未写入任何条目")]
    Changed,
    /// Damaged or missing files, an index beyond the end, or an entry that is too long.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A file that cannot be read.
    #[error("cannot read {path}: {source}")]
    #[zh("无法读取 {path}：{source}")]
    Read {
        /// Relative to the log's folder.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A folder that cannot be opened or made.
    #[error("cannot open the log {path}: {source}")]
    #[zh("无法打开日志 {path}：{source}")]
    Open {
        /// The log's folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A write that failed while the log was being opened.
    #[error(
        "cannot finish opening the log: {0}; nothing was lost, and the log can be read meanwhile (free some space if the disk is full)"
    )]
    #[zh("无法完成打开日志：{0}；没有丢失内容，日志仍可读取（如磁盘已满请清理空间）")]
    Recovery(io::Error),
    /// A write that failed before the commit.
    #[error("cannot write to the log: {0}; nothing was logged, and the log must be reopened before it is used again")]
    #[zh("无法写入日志：{0}；未写入任何条目，再次使用前须重新打开日志")]
    NotLogged(io::Error),
    /// A write that failed at or after the commit.
    #[error("cannot finish writing to the log: {0}; the entry may have been logged or not: reopen the log and look")]
    #[zh("无法完成日志写入：{0}；条目可能已写入也可能没有：请重新打开日志查看")]
    Uncertain(io::Error),
    /// An earlier write failed.
    #[error("an earlier write to this log failed: reopen it before it is used again")]
    #[zh("此日志先前写入失败：再次使用前请重新打开")]
    Poisoned,
    /// A blob that is not what its name says.
    #[error("{} is damaged: its content has another digest", blob_path(.0))]
    #[zh("{value1} 已损坏：内容摘要不符", value1 = blob_path(_0))]
    Blob(Digest),
}
