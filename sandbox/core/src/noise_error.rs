//! Why noise cannot be drawn.

use unseen_texts::Say;

/// Why a parameter is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error, Say)]
#[code("noise")]
pub enum NoiseError {
    /// The scale or variance is below zero.
    #[error("the noise parameter {0} is negative: a scale or variance must be at least zero")]
    #[zh("噪声参数 {0} 为负：尺度或方差不得小于零")]
    Negative(String),
    /// The plan has no such round.
    #[error("round {round} does not exist: the plan has {rounds} rounds")]
    #[zh("第 {round} 轮不存在：计划共有 {rounds} 轮")]
    NoSuchRound {
        /// The round asked for, from 0.
        round: u32,
        /// How many there are.
        rounds: usize,
    },
}
