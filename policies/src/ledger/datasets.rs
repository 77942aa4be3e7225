//! The rules of datasets: registered, closed, withdrawn, described, deleted.

use std::collections::BTreeSet;

use unseen_ids::Digest;

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
        let mut snapshots = old.map(|old| old.snapshots.clone()).unwrap_or_default();
        match snapshots.iter().find(|kept| kept.snapshot == e.snapshot) {
            Some(Kept { gone: Some((gone, _)), .. }) => {
                return Err(Refusal::SnapshotGone { dataset: e.name.clone(), gone: *gone });
            }
            Some(_) => {}
            None => snapshots.push(Kept { snapshot: e.snapshot, entry: self.size, gone: None }),
        }
        if let Some(domain) = &e.domain {
            let others = self.datasets.values().map(|dataset| &dataset.registered);
            let mut others = others.filter(|other| other.name != e.name && other.domain.as_ref() == Some(domain));
            if let Some(other) = others.find(|other| other.buckets != e.buckets) {
                return Err(Refusal::OtherBuckets { domain: domain.clone(), has: other.buckets, not: e.buckets });
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
    pub(super) fn status_set(&self, e: &DatasetStatus) -> Result<Vec<Put>, Refusal> {
        let mut dataset = self.dataset(&e.name)?.clone();
        if dataset.status == Status::Withdrawn || dataset.status == e.status {
            return Err(Refusal::DatasetIs { dataset: e.name.clone(), status: dataset.status });
        }
        dataset.status = e.status;
        if e.status == Status::Withdrawn {
            dataset.snapshots.iter_mut().for_each(|kept| kept.gone = kept.gone.or(Some((Gone::Withdrawn, self.size))));
        }
        Ok(vec![Put::Dataset(e.name.clone(), dataset)])
    }

    pub(super) fn described(&self, e: &DatasetDescribed) -> Result<Vec<Put>, Refusal> {
        let mut dataset = self.dataset(&e.name)?.clone();
        dataset.registered.description = e.description;
        Ok(vec![Put::Dataset(e.name.clone(), dataset)])
    }

    /// What was spent stays spent. The present snapshot goes only with the whole dataset, and none while a run reads it.
    pub(super) fn deleted(&self, e: &DatasetDeleted) -> Result<Vec<Put>, Refusal> {
        let mut dataset = self.dataset(&e.name)?.clone();
        let named: BTreeSet<&Digest> = e.snapshots.iter().collect();
        let gone =
            dataset.snapshots.iter_mut().filter(|kept| named.contains(&kept.snapshot) && !kept.is(Gone::Deleted));
        let gone: Vec<&mut Kept> = gone.collect();
        if named.is_empty() || gone.len() != e.snapshots.len() {
            return Err(Refusal::NoSuchSnapshot(e.name.clone()));
        }
        gone.into_iter().for_each(|kept| kept.gone = Some((Gone::Deleted, self.size)));
        if dataset.status != Status::Withdrawn && named.contains(&dataset.registered.snapshot) {
            return Err(Refusal::DatasetIs { dataset: e.name.clone(), status: dataset.status });
        }
        let reads = |used: &Used| used.name == e.name && named.contains(&used.snapshot);
        let mut running = self.jobs.iter().filter(|(_, job)| job.state == State::Running);
        match running.find(|(_, job)| job.submitted.datasets.iter().any(reads)) {
            Some((job, _)) => Err(Refusal::StillRead(*job)),
            None => Ok(vec![Put::Dataset(e.name.clone(), dataset)]),
        }
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
}
