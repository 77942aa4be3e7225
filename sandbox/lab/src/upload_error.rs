//! Why an upload does not go on.

use unseen_ids::Digest;
use unseen_texts::Say;

/// Why an upload does not go on.
#[derive(Debug, thiserror::Error, Say)]
#[code("upload")]
pub enum UploadError {
    /// It was not begun, or was removed since.
    #[error("nothing that you have uploaded here has the digest {digest}")]
    #[zh("您上传的文件中没有摘要为 {digest} 的")]
    None {
        /// What its address says.
        digest: Digest,
    },
    /// More is missing than what was sent.
    #[error("{received} bytes of the upload are here: go on with byte {received}")]
    #[zh("已收到 {received} 字节：请从第 {received} 字节继续")]
    Offset {
        /// Bytes that are here.
        received: u64,
    },
    /// Another connection sends it.
    #[error("another connection sends this upload: try again when it has ended")]
    #[zh("另一个连接正在发送此上传：请等它结束后再试")]
    Busy,
    /// Whole, and not what its address says.
    #[error("what was uploaded is not what its address names: it was removed, send it again")]
    #[zh("上传内容与地址所写的摘要不符：已删除，请重新发送")]
    Other,
    /// More than was announced.
    #[error("the upload is longer than the {length} bytes that were announced")]
    #[zh("上传内容超过预告的 {length} 字节")]
    Longer {
        /// Bytes announced.
        length: u64,
    },
    /// Beyond one person's share.
    #[error("uploads of one person may have {most} bytes together: take others back first")]
    #[zh("每人上传的文件合计不得超过 {most} 字节：请先收回其他文件")]
    TooMuch {
        /// That share.
        most: u64,
    },
    /// Too many imports that were asked for.
    #[error("{most} imports of yours wait: let them end before you ask for more")]
    #[zh("您已有 {most} 个导入在等待：请等它们结束后再提出")]
    TooMany {
        /// How many may wait.
        most: usize,
    },
    /// The disk is too small.
    #[error("the lab has no room for {length} bytes now: ask its operators")]
    #[zh("实验室目前没有 {length} 字节的空间：请联系运行管理员")]
    NoRoom {
        /// Bytes that are still to come.
        length: u64,
    },
}
