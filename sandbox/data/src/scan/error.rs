//! Why a scan stops.

use thiserror::Error;
use unseen_texts::{Say, Sentence};

use crate::snapshot::SnapshotError;

/// Why a scan cannot start or go on.
#[derive(Debug, Error, Say)]
#[code("scan")]
pub enum ScanError {
    /// A co-group needs an input.
    #[error("a scan needs at least one input")]
    #[zh("扫描至少需要一个输入")]
    NoInput,
    /// A column the dataset does not have.
    #[error("dataset {dataset:?} has no column {column:?}{hint}")]
    #[zh("数据集 {dataset:?} 没有列 {column:?}{hint}")]
    NoColumn {
        /// Dataset name.
        dataset: String,
        /// Column name.
        column: String,
        /// The nearest name, if any is near.
        hint: Sentence,
    },
    /// Ints are looked up among ints, texts among texts.
    #[error("column {column:?} of dataset {dataset:?} cannot be looked up in {reference:?}: its type is not the key's")]
    #[zh("列 {column:?}（数据集 {dataset:?}）无法在 {reference:?} 中查找：类型与键不同")]
    LookupType {
        /// Dataset name.
        dataset: String,
        /// Column name.
        column: String,
        /// Reference table.
        reference: String,
    },
    /// Units of different domains, or of different bucketing, do not meet.
    #[error(
        "datasets {first:?} and {second:?} cannot be co-grouped: they differ in unit domain or in number of buckets"
    )]
    #[zh("数据集 {first:?} 和 {second:?} 不能合并分组：单元域或分桶数不同")]
    Mismatch {
        /// The first input.
        first: String,
        /// One that differs from it.
        second: String,
    },
    /// There is no such bucket.
    #[error("there is no bucket {0}")]
    #[zh("没有分桶 {0}")]
    NoBucket(u32),
    /// The snapshot itself is at fault.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// One grain has more than 2^32 rows or 4 GiB of text in one column.
    #[error("a grain has more rows or text than a job can be shown (2^32 rows, 4 GiB of text a column)")]
    #[zh("一个数据粒的行或文本超出作业可见的上限（2^32 行，每列 4 GiB 文本）")]
    TooLarge,
    /// Tables of different shapes were mixed: a fault of the program.
    #[error("tables of different shapes were mixed: this is a fault of the program, please report it")]
    #[zh("不同形状的表混在一起：这是程序缺陷，请报告")]
    Shape,
}
