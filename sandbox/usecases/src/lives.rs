//! What becomes of datasets after their registration: closed, withdrawn, described anew, their snapshots destroyed.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_data::Description;
use unseen_ids::{Answer, Digest, PublicKey};
use unseen_lab::{View, refuse_twin};
use unseen_policies::event::{DatasetDeleted, DatasetDescribed, DatasetStatus, Event, Status};

use crate::change::{Change, reason};
use crate::desk::Desk;
use crate::error::UseCaseError;
use crate::query::Query;

/// Say whether a dataset may be used.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SetStatus {
    /// The dataset.
    pub dataset: String,
    /// `open`; `closed`: no job may be submitted, those that were may run; `withdrawn`: no run may start on what
    /// there is, for ever.
    #[schemars(with = "StatusName")]
    pub status: Status,
    /// Why, for those who use it.
    pub reason: String,
}

/// The names of [`Status`].
#[derive(JsonSchema)]
#[schemars(rename = "DatasetStatus", rename_all = "lowercase")]
#[expect(dead_code, reason = "stands for another type in schemas")]
enum StatusName {
    Open,
    Closed,
    Withdrawn,
}

/// Describe a dataset in other words. What it holds stays the same.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Describe {
    /// The dataset.
    pub dataset: String,
    /// What errors call the description: the file it was read from.
    pub name: String,
    /// The text of a `dataset.toml`.
    pub description: String,
}

/// Destroy snapshots: their files, and the keys to them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DeleteSnapshots {
    /// The dataset.
    pub dataset: String,
    /// Which, by their root digests; all that are there when left out.
    #[serde(default)]
    #[schemars(with = "Vec<String>", inner(regex(pattern = unseen_ids::pattern::DIGEST)))]
    pub snapshots: Vec<Digest>,
    /// Why, for the record.
    pub reason: String,
}

/// Show all snapshots that a dataset ever had.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ShowSnapshots {
    /// The dataset.
    pub dataset: String,
}

/// Where a dataset stands.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DatasetStanding {
    /// The dataset.
    pub dataset: String,
    /// Whether it may be used.
    #[schemars(with = "StatusName")]
    pub status: Status,
    /// The entry that was written; null where nothing was changed.
    pub entry: Option<u64>,
    /// Its snapshots, oldest first.
    pub snapshots: Vec<SnapshotShown>,
}

/// A snapshot.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotShown {
    /// Its root digest.
    #[schemars(with = "String")]
    pub snapshot: Digest,
    /// The entry that registered it.
    pub entry: u64,
    /// `withdrawn` or `deleted` where no run may read it any more.
    pub gone: Option<String>,
    /// The entry that says so.
    pub gone_by: Option<u64>,
    /// From when on it is kept no longer; null: until its steward says so.
    #[schemars(with = "Option<String>")]
    pub keep_until: Option<DateTime<Utc>>,
}

impl Answer for DatasetStanding {
    const NAME: &str = "dataset-standing/v1";
}

impl Change for SetStatus {
    type Answer = DatasetStanding;

    fn event(&self, _: &View) -> Result<Event, UseCaseError> {
        let (name, reason) = (self.dataset.clone(), reason(&self.reason)?);
        Ok(DatasetStatus { name, status: self.status, reason }.into())
    }

    fn is_said_by(&self, event: &Event) -> bool {
        let (name, reason) = (self.dataset.clone(), self.reason.clone());
        *event == DatasetStatus { name, status: self.status, reason }.into()
    }

    fn done(&self, _: Option<&View>, lab: &View, entry: u64) -> Result<DatasetStanding, UseCaseError> {
        standing(lab, &self.dataset, Some(entry))
    }
}

impl Change for Describe {
    type Answer = DatasetStanding;

    fn event(&self, _: &View) -> Result<Event, UseCaseError> {
        Description::parse(&self.description)
            .map_err(|error| UseCaseError::Description { file: self.name.clone(), error })?;
        refuse_twin(&self.name, &self.description)?;
        let description = Digest::of(self.description.as_bytes());
        Ok(DatasetDescribed { name: self.dataset.clone(), description }.into())
    }

    fn attachments(&self, _: &View) -> Result<Vec<Cow<'_, [u8]>>, UseCaseError> {
        Ok(vec![self.description.as_bytes().into()])
    }

    fn is_said_by(&self, event: &Event) -> bool {
        let description = Digest::of(self.description.as_bytes());
        *event == DatasetDescribed { name: self.dataset.clone(), description }.into()
    }

    fn done(&self, _: Option<&View>, lab: &View, entry: u64) -> Result<DatasetStanding, UseCaseError> {
        standing(lab, &self.dataset, Some(entry))
    }
}

impl Change for DeleteSnapshots {
    type Answer = DatasetStanding;

    fn event(&self, lab: &View) -> Result<Event, UseCaseError> {
        let kept = &lab.ledger().dataset(&self.dataset)?.snapshots;
        let there = kept.iter().filter(|kept| !kept.is(unseen_policies::ledger::Gone::Deleted));
        let snapshots = match self.snapshots.is_empty() {
            true => there.map(|kept| kept.snapshot).collect(),
            false => self.snapshots.clone(),
        };
        Ok(DatasetDeleted { name: self.dataset.clone(), snapshots, reason: reason(&self.reason)? }.into())
    }

    fn is_said_by(&self, event: &Event) -> bool {
        let Event::DatasetDeleted(said) = event else { return false };
        let all_or_these = self.snapshots.is_empty() || said.snapshots == self.snapshots;
        said.name == self.dataset && said.reason == self.reason && all_or_these
    }

    fn done(&self, _: Option<&View>, lab: &View, entry: u64) -> Result<DatasetStanding, UseCaseError> {
        standing(lab, &self.dataset, Some(entry))
    }
}

impl Query for ShowSnapshots {
    type Answer = DatasetStanding;

    fn answer(&self, desk: &impl Desk, _: Option<&PublicKey>) -> Result<DatasetStanding, UseCaseError> {
        standing(&desk.view()?, &self.dataset, None)
    }
}

fn standing(lab: &View, name: &str, entry: Option<u64>) -> Result<DatasetStanding, UseCaseError> {
    let dataset = lab.ledger().dataset(name)?;
    let snapshots = dataset.snapshots.iter().map(|kept| SnapshotShown {
        snapshot: kept.snapshot,
        entry: kept.entry,
        gone: kept.gone.map(|(gone, _)| gone.to_string()),
        gone_by: kept.gone.map(|(_, by)| by),
        keep_until: kept.until,
    });
    Ok(DatasetStanding { dataset: name.to_owned(), status: dataset.status, entry, snapshots: snapshots.collect() })
}
