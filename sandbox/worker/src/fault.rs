//! Why a worker has no result.

use serde::{Deserialize, Serialize};
use unseen_texts::{Lang, Say, Sentence, text};

use crate::run::RunError;

/// Why a worker has no release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error, Say)]
#[code("fault")]
pub enum Fault {
    /// The job's own `advance` failed: it ends.
    #[error("the job's `advance` failed in round {round}: {said}")]
    #[zh("作业的 `advance` 在第 {round} 轮失败：{said}")]
    Job {
        /// The round, from 0.
        round: u32,
        /// What it said, at most [`MOST_SAID`] characters. It is made of noised totals, as a release is.
        #[serde(with = "unseen_texts::both")]
        said: Sentence,
    },
    /// The lab or the machine is at fault: the run can be tried again. Inside text.
    #[error("{0}")]
    #[zh("{0}")]
    Lab(#[serde(with = "unseen_texts::both")] Sentence),
}

impl From<RunError> for Fault {
    fn from(error: RunError) -> Fault {
        match error {
            RunError::Advance { round, failure } => Fault::Job { round, said: short(&failure) },
            error => Fault::Lab(Sentence::of(&error)),
        }
    }
}

/// How much of what a job says of its failure is passed on.
const MOST_SAID: usize = 1_000;

fn short(said: &dyn Say) -> Sentence {
    let [en, zh] = [Lang::En, Lang::Zh].map(|lang| said.told(lang).chars().take(MOST_SAID).collect::<String>());
    Sentence::new_in(move |lang| if lang == Lang::Zh { zh.clone() } else { en.clone() })
}

pub(crate) fn lab_fault(error: impl Say) -> Fault {
    Fault::Lab(Sentence::of(&error))
}

pub(crate) fn out_of_turn() -> Fault {
    lab_fault(text!("the worker spoke out of turn", "工作进程未按约定通信"))
}
