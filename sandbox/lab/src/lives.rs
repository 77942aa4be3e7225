//! What becomes of datasets after their registration: other words for them, and their end.

use chrono::{DateTime, Utc};
use unseen_audit::named::Lookup;
use unseen_data::Description;
use unseen_data::snapshot_dir::SnapshotDir;
use unseen_ids::Digest;
use unseen_policies::event::{DatasetDeleted, DatasetDescribed};
use unseen_policies::ledger::{Gone, Refusal};
use unseen_texts::{Sentence, text};

use crate::error::LabError;
use crate::lab::Lab;
use crate::moment::now;
use crate::view::View;

impl Lab {
    /// Whether a new description says the same of the data as the one before.
    pub(crate) fn check_described(&self, event: &DatasetDescribed, lookup: &dyn Lookup) -> Result<(), LabError> {
        let text = lookup.blob(&event.description).map_err(LabError::Named)?;
        let text = String::from_utf8(text).map_err(|_| LabError::Mismatch(text!("the description", "描述")))?;
        let new = Description::parse(&text).map_err(|error| LabError::Description(Sentence::of(&error)))?;
        let (old, _) = self.description(&event.name)?;
        if old.is_of_same_data(&new) { Ok(()) } else { Err(LabError::OtherData(event.name.clone())) }
    }

    /// Puts on record that snapshots are destroyed which are to be kept no longer.
    pub(crate) fn delete_expired(&mut self) -> Result<(), LabError> {
        let now = now();
        for (name, snapshots) in self.expired(now) {
            let reason = "kept until its time".to_owned();
            let service = self.keys.service.clone();
            self.sign_and_accept(DatasetDeleted { name, snapshots, reason }, &*service, &[])?;
        }
        Ok(())
    }

    /// Destroys the snapshots that the log says are deleted; what a crash left, on the next opening.
    pub(crate) fn destroy_deleted(&self) -> Result<(), LabError> {
        for (name, dataset) in self.ledger().datasets() {
            for kept in dataset.snapshots.iter().filter(|kept| kept.is(Gone::Deleted)) {
                let dir = self.snapshot_dir(name, &kept.snapshot);
                if dir.exists() {
                    SnapshotDir::destroy(&dir).map_err(LabError::io(dir))?;
                }
            }
        }
        Ok(())
    }
}

impl View {
    /// Snapshots that are to be kept no longer, are there, and are read by no run, by their datasets.
    pub fn expired(&self, now: DateTime<Utc>) -> Vec<(String, Vec<Digest>)> {
        let datasets = self.ledger().datasets().iter().map(|(name, dataset)| {
            let over = dataset.snapshots.iter().filter(|kept| kept.is_over(now) && !kept.is(Gone::Deleted));
            let over = over.filter(|kept| self.ledger().still_read(name, &[kept.snapshot]).is_none());
            (name.clone(), over.map(|kept| kept.snapshot).collect::<Vec<_>>())
        });
        datasets.filter(|(_, over)| !over.is_empty()).collect()
    }

    /// Refuses a snapshot that the log says is deleted.
    pub(crate) fn check_not_deleted(&self, name: &str, root: &Digest) -> Result<(), Refusal> {
        let kept = self.ledger().datasets().get(name).into_iter().flat_map(|dataset| &dataset.snapshots);
        match kept.into_iter().any(|kept| kept.snapshot == *root && kept.is(Gone::Deleted)) {
            true => Err(Refusal::SnapshotGone { dataset: name.to_owned(), gone: Gone::Deleted }),
            false => Ok(()),
        }
    }
}
