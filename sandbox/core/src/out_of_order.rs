//! Why grains or totals are not added.

use unseen_texts::Say;

/// The rows are not what they must be for the guarantee to hold, so nothing is added. Depends on rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Say)]
#[code("order")]
pub enum OutOfOrder {
    /// A bucket or block was added before, or there is none.
    #[error("bucket or block {0} was taken before, or there is none")]
    #[zh("分桶或分块 {0} 已被取用，或者不存在")]
    Taken(u32),
    /// A unit does not come after the one before it.
    #[error("the units of bucket {0} do not ascend strictly")]
    #[zh("分桶 {0} 中的隐私单元没有严格递增")]
    Descends(u32),
    /// A unit belongs elsewhere.
    #[error("a unit of bucket {0} belongs to another bucket")]
    #[zh("分桶 {0} 中有属于另一个分桶的隐私单元")]
    OtherBucket(u32),
    /// A bucket was left before its end.
    #[error("a bucket was not read to its end")]
    #[zh("有分桶没有读到末尾")]
    Unfinished,
    /// Totals of another round, run or plan.
    #[error("the totals are of another round")]
    #[zh("总数属于另一轮")]
    OtherRound,
    /// Rows or units are missing, or are too many.
    #[error("bucket or block {0} has another number of rows or units than registered")]
    #[zh("分桶或分块 {0} 的行数或单元数与登记的不同")]
    Counts(u32),
    /// The same piece was counted twice, and came out differently.
    #[error("buckets or blocks {0} to {1} were counted twice with different totals")]
    #[zh("分桶或分块 {0} 至 {1} 统计了两次，总数不同")]
    Unequal(u32, u32),
    /// Not all pieces are there.
    #[error("bucket or block {0} is missing")]
    #[zh("缺少分桶或分块 {0}")]
    Missing(u32),
}
