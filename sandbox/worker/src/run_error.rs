//! Why a run has no outcome.

use unseen_core::noise::NoiseError;
use unseen_core::order::OutOfOrder;
use unseen_core::release::ReleaseError;
use unseen_data::ScanError;
use unseen_runtime as runtime;
use unseen_texts::{Say, Sentence};

/// Why a run has no outcome.
#[derive(Debug, thiserror::Error, Say)]
#[code("run")]
pub enum RunError {
    /// The rows cannot be read, or are not what was registered.
    #[error("the rows cannot be read: {0}")]
    #[zh("无法读取数据行：{0}")]
    Rows(#[from] ScanError),
    /// The rows are not in the order that the guarantee rests on.
    #[error("the rows cannot be read: {0}")]
    #[zh("无法读取数据行：{0}")]
    Order(#[from] OutOfOrder),
    /// Totals that are made elsewhere do not come. Inside text.
    #[error("{0}")]
    Elsewhere(Sentence),
    /// The host failed in the middle of a grain: the run can be resumed.
    #[error("{0}")]
    Host(runtime::Failure),
    /// `advance` failed. It sees noised totals only, so that may be told.
    #[error("the job's `advance` failed in round {round}: {failure}")]
    #[zh("作业的 `advance` 在第 {round} 轮失败：{failure}")]
    Advance {
        /// The round, from 0.
        round: u32,
        /// What it said.
        failure: runtime::Failure,
    },
    /// The plan asks for noise that cannot be drawn.
    #[error("the noise cannot be drawn: {0}")]
    #[zh("无法生成噪声：{0}")]
    Noise(#[from] NoiseError),
    /// The totals do not fit the plan.
    #[error("{0}")]
    Release(#[from] ReleaseError),
}
