//! Which approved job runs next. No rule of the log asks this: an operator may start any job that was approved, and
//! the lab's own queue goes by it.

use std::collections::{BTreeMap, BTreeSet};

use unseen_ids::JobId;

use super::{Job, Ledger, Refusal};
use crate::lifecycle::State;

/// Whose turn it is: the entry of the analyst's last run, 0 before the first, then that of the oldest approval among
/// the jobs that wait, then the name.
type Turn<'l> = (u64, u64, &'l str);

/// The jobs that wait, by their author's name: each after its last approval.
type Waiting<'l> = BTreeMap<&'l str, BTreeSet<(u64, JobId)>>;

impl Ledger {
    /// The approved jobs that may run as things are, in the order in which they will: by priority; of one priority in
    /// turn, the analyst first whose last run started longest ago; of one analyst by their last approval. So an
    /// analyst with many jobs lets another's pass after one run, and nobody of one priority waits for ever.
    pub fn queue(&self) -> Vec<JobId> {
        let mut waiting: BTreeMap<u8, Waiting<'_>> = BTreeMap::new();
        let mut last: BTreeMap<&str, u64> = BTreeMap::new();
        for (id, job) in &self.jobs {
            let Some(author) = self.people.get(&job.author).map(|person| person.name.as_str()) else { continue };
            if let Some(run) = &job.run {
                let started = last.entry(author).or_default();
                *started = run.entry.max(*started);
            }
            if job.state == State::Approved && self.held(job).is_none() {
                let since = job.approvals.last().map_or(0, |(entry, _)| *entry);
                waiting.entry(job.priority).or_default().entry(author).or_default().insert((since, *id));
            }
        }
        let (mut queue, mut now) = (Vec::new(), self.size);
        for mut jobs in waiting.into_values() {
            let turn = |jobs: &BTreeSet<(u64, JobId)>| jobs.first().map(|(since, _)| *since);
            let mut turns: BTreeSet<Turn<'_>> = jobs
                .iter()
                .filter_map(|(author, jobs)| Some((last.get(author).copied().unwrap_or(0), turn(jobs)?, *author)))
                .collect();
            while let Some((_, _, author)) = turns.pop_first() {
                let Some(theirs) = jobs.get_mut(author) else { continue };
                queue.extend(theirs.pop_first().map(|(_, id)| id));
                // As if its run had started now.
                last.insert(author, now);
                turns.extend(turn(theirs).map(|since| (now, since, author)));
                now += 1;
            }
        }
        queue
    }

    /// Why a job that waits could not run as things are, however many approve it; none where nothing holds it, or it
    /// does not wait any more.
    pub fn held(&self, job: &Job) -> Option<Refusal> {
        let waits = matches!(job.state, State::Submitted | State::Approved);
        waits.then(|| self.check_runnable(job).err()).flatten()
    }
}
