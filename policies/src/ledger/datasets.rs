//! The rules of datasets: registered, closed, withdrawn, described, deleted.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use unseen_ids::{Digest, JobId};

use super::check::{Entry, check_name};
use super::put::Put;
use super::{Dataset, Gone, Kept, Ledger, Refusal};
use crate::event::{DatasetDeleted, DatasetDescribed, DatasetRegistered, DatasetStatus, Status, Used};
use crate::lifecycle::State;

impl Ledger {
    pub(super) fn registered(&self, entry: Entry<'_>, e: &DatasetRegistered) -> Result<Vec<Put>, Refusal> {
        check_name(&e.name)?;
        let old = self.datasets.get(&e.name);
        if let Some(old) = old.filter(|old| old.registered.domain != e.domain) {
            let (was, now) = (old.registered.domain.clone(), e.domain.clone());
            return Err(Refusal::DatasetChanged { name: e.name.clone(), was, now });
        }
        if old.is_some_and(|old| old.status == Status::Withdrawn && !self.same_person(&old.steward, entry.signer)) {
            return Err(Refusal::OtherSteward(e.name.clone()));
        }
        if e.keep_until.is_some_and(|until| until <= entry.record.time) {
            return Err(Refusal::SnapshotGone { dataset: e.name.clone(), gone: Gone::Expired });
        }
        let mut snapshots = old.map(|old| old.snapshots.clone()).unwrap_or_default();
        match snapshots.iter_mut().find(|kept| kept.snapshot == e.snapshot) {
            Some(Kept { gone: Some((gone, _)), .. }) => {
                return Err(Refusal::SnapshotGone { dataset: e.name.clone(), gone: *gone });
            }
            Some(kept) => kept.until = e.keep_until,
            None => {
                let (snapshot, buckets, entry, until) = (e.snapshot, e.buckets, self.size, e.keep_until);
                snapshots.push(Kept { snapshot, entry, buckets, gone: None, until });
            }
        }
        // The budget runs on under the same name.
        let (spent, spent_by) = old.map(|old| (old.spent, old.spent_by.clone())).unwrap_or_default();
        let (steward, time, status) = (*entry.signer, entry.record.time, Status::Open);
        let registered = e.clone();
        let dataset = Dataset { registered, entry: self.size, status, snapshots, steward, time, spent, spent_by };
        Ok(vec![Put::Dataset(e.name.clone(), dataset)])
    }

    /// A dataset is closed and opened again as often as a steward likes, and withdrawn once.
    pub(super) fn status_set(&self, entry: Entry<'_>, e: &DatasetStatus) -> Result<Vec<Put>, Refusal> {
        let mut dataset = self.own(entry, &e.name)?.clone();
        if dataset.status == Status::Withdrawn || dataset.status == e.status {
            return Err(Refusal::DatasetIs { dataset: e.name.clone(), status: dataset.status });
        }
        dataset.status = e.status;
        if e.status == Status::Withdrawn {
            dataset.snapshots.iter_mut().for_each(|kept| kept.gone = kept.gone.or(Some((Gone::Withdrawn, self.size))));
        }
        Ok(vec![Put::Dataset(e.name.clone(), dataset)])
    }

    pub(super) fn described(&self, entry: Entry<'_>, e: &DatasetDescribed) -> Result<Vec<Put>, Refusal> {
        let mut dataset = self.own(entry, &e.name)?.clone();
        dataset.registered.description = e.description;
        Ok(vec![Put::Dataset(e.name.clone(), dataset)])
    }

    /// What was spent stays spent. The present snapshot goes only with the whole dataset, and none while a run reads it.
    pub(super) fn deleted(&self, entry: Entry<'_>, e: &DatasetDeleted) -> Result<Vec<Put>, Refusal> {
        let by_lab = self.service_key.as_ref() == Some(entry.signer);
        let mut dataset = if by_lab { self.dataset(&e.name)? } else { self.own(entry, &e.name)? }.clone();
        let named: BTreeSet<&Digest> = e.snapshots.iter().collect();
        let there = |kept: &&mut Kept| named.contains(&kept.snapshot) && !kept.is(Gone::Deleted);
        let gone: Vec<&mut Kept> = dataset.snapshots.iter_mut().filter(there).collect();
        if named.is_empty() || gone.len() != e.snapshots.len() {
            return Err(Refusal::NoSuchSnapshot(e.name.clone()));
        }
        if by_lab && gone.iter().any(|kept| !kept.is_over(entry.record.time)) {
            return Err(Refusal::StillKept(e.name.clone()));
        }
        gone.into_iter().for_each(|kept| kept.gone = Some((Gone::Deleted, self.size)));
        if !by_lab && dataset.status != Status::Withdrawn && named.contains(&dataset.registered.snapshot) {
            return Err(Refusal::DatasetIs { dataset: e.name.clone(), status: dataset.status });
        }
        match self.still_read(&e.name, &e.snapshots) {
            Some(job) => Err(Refusal::StillRead(job)),
            None => Ok(vec![Put::Dataset(e.name.clone(), dataset)]),
        }
    }

    /// A job whose run reads one of these snapshots and has not ended.
    pub fn still_read(&self, name: &str, snapshots: &[Digest]) -> Option<JobId> {
        let reads = |used: &Used| used.name == name && snapshots.contains(&used.snapshot);
        let mut running = self.jobs.iter().filter(|(_, job)| job.state == State::Running);
        running.find(|(_, job)| job.submitted.datasets.iter().any(reads)).map(|(job, _)| *job)
    }

    /// A dataset of whoever signs this; of anybody while its steward's key is revoked.
    fn own(&self, entry: Entry<'_>, name: &str) -> Result<&Dataset, Refusal> {
        let dataset = self.dataset(name)?;
        let own = self.same_person(&dataset.steward, entry.signer) || self.person(&dataset.steward).is_err();
        if own { Ok(dataset) } else { Err(Refusal::NotItsSteward(name.to_owned())) }
    }

    /// Whether a snapshot is still to be kept at this time, so that a job may use it.
    pub(super) fn check_kept(&self, used: &Used, time: DateTime<Utc>) -> Result<(), Refusal> {
        let mut kept = self.dataset(&used.name)?.snapshots.iter().filter(|kept| kept.snapshot == used.snapshot);
        let expired = Refusal::SnapshotGone { dataset: used.name.clone(), gone: Gone::Expired };
        if kept.any(|kept| kept.is_over(time)) { Err(expired) } else { Ok(()) }
    }

    /// Whether a run may start that reads this.
    pub(super) fn check_there(&self, used: &Used) -> Result<(), Refusal> {
        let kept = self.dataset(&used.name)?.snapshots.iter().find(|kept| kept.snapshot == used.snapshot);
        match kept.map(|kept| kept.gone) {
            Some(Some((gone, _))) => Err(Refusal::SnapshotGone { dataset: used.name.clone(), gone }),
            Some(None) => Ok(()),
            None => Err(Refusal::NoSuchSnapshot(used.name.clone())),
        }
    }
}

impl Kept {
    /// Whether this has become of it.
    pub fn is(&self, gone: Gone) -> bool {
        self.gone.is_some_and(|(became, _)| became == gone)
    }

    /// Whether it was to be kept until then.
    pub fn is_over(&self, time: DateTime<Utc>) -> bool {
        self.until.is_some_and(|until| until <= time)
    }
}
