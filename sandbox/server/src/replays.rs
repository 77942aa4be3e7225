//! Replays that go on and those that were carried out, until the service ends.
//!
//! How long one takes may depend on rows, so its answer is told when the slot of a run as long as the job's has ended.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use unseen_api::replays::{ReplayStanding, ReplayState};
use unseen_ids::JobId;
use unseen_texts::Sentence;
use unseen_usecases::replay::Replayed;

/// How many are remembered; the oldest go first.
const MOST: usize = 1_000;

/// Replays by their jobs, the last of each.
#[derive(Default)]
pub(crate) struct Replays(Mutex<BTreeMap<JobId, Kept>>);

struct Kept {
    until: DateTime<Utc>,
    /// None as long as it goes on.
    outcome: Option<Result<Replayed, (String, Sentence)>>,
}

impl Replays {
    /// Notes that one begins.
    pub fn begin(&self, job: JobId, until: DateTime<Utc>) {
        let mut replays = self.lock();
        if replays.len() >= MOST {
            let oldest = replays.iter().filter(|(_, kept)| kept.outcome.is_some()).min_by_key(|(_, kept)| kept.until);
            oldest.map(|(job, _)| *job).and_then(|job| replays.remove(&job));
        }
        replays.insert(job, Kept { until, outcome: None });
    }

    /// Notes what came of it: an answer, or a code and what may be told.
    pub fn end(&self, job: JobId, outcome: Result<Replayed, (String, Sentence)>) {
        if let Some(kept) = self.lock().get_mut(&job) {
            kept.outcome = Some(outcome);
        }
    }

    /// Where the last replay of a job stands.
    pub fn standing(&self, job: JobId, now: DateTime<Utc>) -> Option<ReplayStanding> {
        let replays = self.lock();
        let kept = replays.get(&job)?;
        let mut standing = ReplayStanding {
            job: job.to_string(),
            state: ReplayState::Running,
            until: kept.until,
            replayed: None,
            code: None,
            why: None,
        };
        match &kept.outcome {
            Some(outcome) if kept.until <= now => match outcome {
                Ok(replayed) => (standing.state, standing.replayed) = (ReplayState::Done, Some(replayed.clone())),
                Err((code, why)) => {
                    standing.state = ReplayState::Failed;
                    (standing.code, standing.why) = (Some(code.clone()), Some(why.clone()));
                }
            },
            _ => {}
        }
        Some(standing)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<JobId, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    #[test]
    fn nothing_is_told_before_its_time() {
        let (replays, now) = (Replays::default(), Utc::now());
        let until = now + TimeDelta::seconds(60);
        assert!(replays.standing(JobId(7), now).is_none());
        replays.begin(JobId(7), until);
        let before = replays.standing(JobId(7), now).unwrap();
        replays.end(JobId(7), Err(("worker".to_owned(), "it died".to_owned().into())));
        let after = replays.standing(JobId(7), now).unwrap();
        assert_eq!(serde_json::to_string(&before).unwrap(), serde_json::to_string(&after).unwrap());
        let told = replays.standing(JobId(7), until).unwrap();
        assert_eq!((told.state, told.code.as_deref()), (ReplayState::Failed, Some("worker")));
    }
}
