//! What can be wrong with an access log.

use std::io;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use unseen_texts::Say;

/// For operators: none of this is told to who asked.
#[derive(Debug, thiserror::Error, Say)]
#[code("access-log")]
pub enum AccessLogError {
    /// It would be kept for less time than the law asks.
    #[error("the access log would be kept for {days} days, and must be for at least {least}: raise the number")]
    #[zh("访问日志只保留 {days} 天，而至少须保留 {least} 天：请调大天数")]
    TooShort {
        /// What was asked for.
        days: u32,
        /// [`crate::KEPT_AT_LEAST`].
        least: u32,
    },
    /// There is one writer at a time.
    #[error("another process writes to the access log in {0}: stop it first")]
    #[zh("另一进程正在写入 {0} 中的访问日志：请先停止它")]
    Held(PathBuf),
    /// The disk does not take the lines as fast as they come, or not at all.
    #[error(
        "the access log in {0} is not being written, and what is not logged is not allowed: see whether its disk is full"
    )]
    #[zh("{0} 中的访问日志未能写入，未记录的访问一律不放行：请检查磁盘是否已满")]
    Behind(PathBuf),
    /// A finished day is not what it was.
    #[error("the access log of {day} is not the one whose digest is on record: keep it as evidence; it stays here")]
    #[zh("{day} 的访问日志与已记录的摘要不符：请留作证据；该文件不会删除")]
    Changed {
        /// The day.
        day: NaiveDate,
    },
    /// A page that begins in the middle of a line.
    #[error("no line of {day} begins at byte {from}: begin at 0, or where the page before said")]
    #[zh("{day} 的日志中没有从第 {from} 字节开始的行：请从 0 开始，或从上一页给出的位置开始")]
    NoSuchPlace {
        /// The day.
        day: NaiveDate,
        /// Where the page was to begin.
        from: u64,
    },
    /// The disk.
    #[error("`{path}` of the access log cannot be read or written: {source}")]
    #[zh("访问日志的 `{path}` 无法读写：{source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl AccessLogError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> AccessLogError + '_ {
        move |source| AccessLogError::Io { path: path.to_owned(), source }
    }
}
