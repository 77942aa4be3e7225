//! Replays at a lab that is served: begun, and asked for until their answer may be told.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_ids::Answer;
use unseen_texts::Sentence;
use unseen_usecases::replay::Replayed;

/// Behind the address of a job: `POST` begins a replay, `GET` says where it stands.
pub const REPLAYS: &str = "/replays";

/// Where a replay stands.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplayStanding {
    /// The job.
    pub job: String,
    /// Where it stands.
    pub state: ReplayState,
    /// When its answer is told. It follows from public numbers, as the time of a run's result does.
    #[schemars(with = "String")]
    pub until: DateTime<Utc>,
    /// What came of it.
    pub replayed: Option<Replayed>,
    /// The stable name of what was wrong, where it failed.
    pub code: Option<String>,
    /// What was wrong, as far as it is told.
    #[schemars(with = "Option<String>")]
    pub why: Option<Sentence>,
}

/// Where a replay stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReplayState {
    /// Its answer is not told yet, whether or not it is there.
    Running,
    /// It has an answer.
    Done,
    /// It could not be carried out.
    Failed,
}

impl Answer for ReplayStanding {
    const NAME: &str = "replay-standing/v1";
}
