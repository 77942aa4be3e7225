//! Why there is no pack.

use unseen_ids::JobId;
use unseen_texts::{Say, Sentence};

/// Why there is no pack. What a question about the lab was refused with is not in here.
#[derive(Debug, thiserror::Error, Say)]
#[code("pack")]
pub enum PackError {
    /// A crate is made of what was released.
    #[error("{job} has no release yet: a crate is made of a release")]
    #[zh("{job} 还没有发布结果：只能为发布结果生成 RO-Crate")]
    NotReleased {
        /// The job.
        job: JobId,
    },
    /// The workflow of a crate is the job's manifest.
    #[error("you may not see the manifest of {job}, and a crate without it would not say what was run")]
    #[zh("您无权查看 {job} 的作业清单，而没有清单的 RO-Crate 无法说明运行了什么")]
    NoManifest {
        /// The job.
        job: JobId,
    },
    /// The lab contradicts itself: an auditor should see it.
    #[error("the lab's proof of entry {entry} does not hold: {why}")]
    #[zh("实验室对条目 {entry} 的证明不成立：{why}")]
    Unproven {
        /// The entry.
        entry: u64,
        /// Why not.
        why: Sentence,
    },
    /// The lab contradicts itself: an auditor should see it.
    #[error("the release that was opened is not the one that entry {entry} announces")]
    #[zh("所打开的发布结果与条目 {entry} 公布的不一致")]
    OtherRelease {
        /// The entry.
        entry: u64,
    },
    /// A description that was registered cannot be read by this program.
    #[error("the description of `{dataset}` cannot be read: {why}")]
    #[zh("无法读取 `{dataset}` 的描述：{why}")]
    Description {
        /// The dataset.
        dataset: String,
        /// Why not.
        why: Sentence,
    },
    /// The archive or one of its files does not get written.
    #[error("the pack cannot be written: {0}")]
    #[zh("无法写出材料包：{0}")]
    Unwritten(Sentence),
}

impl PackError {
    pub(crate) fn unwritten(why: impl std::fmt::Display) -> PackError {
        PackError::Unwritten(why.to_string().into())
    }
}
