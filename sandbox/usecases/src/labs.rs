//! A lab as a whole: made, shown, copied, its keys changed.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_ids::{Answer, PublicKey};
use unseen_lab::{Doing, Lab, LabError, Newest, View};
use unseen_policies::event::{self, Event};
use unseen_tlog::Signer;

use crate::change::Change;
use crate::desk::Desk;
use crate::error::UseCaseError;
use crate::query::Query;

/// Make a lab in a new folder.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Init {
    /// Name of the lab's log.
    pub origin: String,
    /// What the owner is called, who becomes its first operator.
    pub owner_name: String,
}

/// Show a lab.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ShowLab {}

/// Hand the log over to a new key, which the lab makes unless it waits there already.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RotateLogKey {}

/// A lab.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LabShown {
    /// Name of the lab's log.
    pub origin: String,
    /// The log's verifier key, to be given to auditors.
    pub log_key: String,
    /// The key with which the lab signs entries of its own, releases among them: 64 lower-case hex digits.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub service_key: Option<PublicKey>,
    /// Entries of the log.
    pub entries: u64,
    /// People enrolled and not revoked.
    pub people: usize,
    /// Nodes enrolled and not revoked, which carry out parts of runs.
    #[serde(default)]
    pub nodes: usize,
    /// Registered datasets.
    pub datasets: usize,
    /// Jobs ever submitted.
    pub jobs: usize,
    /// What rows are encrypted to that are uploaded here: an age recipient. Null in a copy of a log.
    pub upload_to: Option<String>,
    /// What goes on at this moment.
    pub at_work: Vec<AtWork>,
}

/// Something that a process does with the lab right now.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AtWork {
    /// A run or replay of a job, or an import.
    pub what: Work,
    /// The dataset that is imported.
    pub dataset: Option<String>,
    /// The process.
    pub pid: u32,
    /// What was typed to start it.
    pub command: String,
}

/// What lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// A job runs or is replayed.
    Run,
    /// A dataset is imported.
    Import,
}

/// A backup was made.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackedUp {
    /// Its folder.
    pub backup: String,
    /// Entries of the log in it.
    pub entries: u64,
}

/// The lab signs in SM2 too.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sm2Enabled {
    /// The entry that says so.
    pub entry: u64,
    /// The verifier key of those signatures.
    pub sm2_key: String,
}

/// The log has a new key.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogKeyChanged {
    /// The entry that says so.
    pub entry: u64,
    /// The new verifier key.
    pub log_key: String,
}

impl Answer for LabShown {
    const NAME: &str = "lab/v1";
}
impl Answer for BackedUp {
    const NAME: &str = "backup/v1";
}
impl Answer for Sm2Enabled {
    const NAME: &str = "sm2-enabled/v1";
}
impl Answer for LogKeyChanged {
    const NAME: &str = "log-key-changed/v1";
}

/// Makes a lab in an empty folder.
pub fn init(dir: &Path, request: &Init, owner: &dyn Signer) -> Result<LabShown, UseCaseError> {
    let lab = Lab::init(dir, &request.origin, &request.owner_name, owner)?;
    Ok(shown(&lab))
}

impl Query for ShowLab {
    type Answer = LabShown;

    fn answer(&self, desk: &impl Desk, _: Option<&PublicKey>) -> Result<LabShown, UseCaseError> {
        Ok(shown(&desk.view()?))
    }
}

/// Copies the lab, its keys too, into a new folder.
pub fn backup(desk: &impl Desk, out: &Path) -> Result<BackedUp, UseCaseError> {
    desk.write(|lab| {
        lab.backup(out)?;
        Ok::<_, LabError>(BackedUp { backup: out.display().to_string(), entries: lab.log().size() })
    })
}

/// Makes a lab in a new folder out of a backup that is whole and not older than `newest`.
pub fn restore(backup: &Path, dir: &Path, newest: &Newest<'_>) -> Result<LabShown, UseCaseError> {
    let lab = Lab::restore(backup, dir, newest)?;
    Ok(shown(&lab))
}

/// Lets the lab sign in SM2 with SM3 too, with a new key.
pub fn enable_sm2(desk: &impl Desk, operator: &dyn Signer) -> Result<Sm2Enabled, UseCaseError> {
    desk.write(|lab| {
        let entry = lab.enable_sm2(operator)?;
        let sm2_key = lab.ledger().policy().and_then(|policy| policy.sm2_key.clone()).unwrap_or_default();
        Ok::<_, LabError>(Sm2Enabled { entry, sm2_key })
    })
}

/// Names a key on a token of the lab's machine that [`RotateLogKey`] will hand the log over to.
pub fn propose_log_key(desk: &impl Desk, uri: &str) -> Result<(), UseCaseError> {
    desk.write(|lab| lab.propose_log_key(Some(uri)))
}

/// Takes [`propose_log_key`] back.
pub fn forget_log_key(desk: &impl Desk) -> Result<(), UseCaseError> {
    desk.write(|lab| lab.forget_log_key())
}

impl Change for RotateLogKey {
    type Answer = LogKeyChanged;

    fn prepare(&self, desk: &impl Desk, _: Option<&PublicKey>) -> Result<(), UseCaseError> {
        desk.write(|lab| lab.propose_log_key(None))
    }

    fn event(&self, lab: &View) -> Result<Event, UseCaseError> {
        Ok(event::LogKeyChanged { log_key: lab.next_log_key()? }.into())
    }

    fn is_said_by(&self, event: &Event) -> bool {
        matches!(event, Event::LogKeyChanged(_))
    }

    fn done(&self, _: Option<&View>, lab: &View, entry: u64) -> Result<LogKeyChanged, UseCaseError> {
        Ok(LogKeyChanged { entry, log_key: lab.ledger().log_key().to_owned() })
    }
}

/// What goes on in a lab at this moment.
pub(crate) fn at_work(lab: &View) -> Vec<AtWork> {
    let work = lab.at_work().into_iter().map(|(doing, holder)| {
        let (what, dataset) = match doing {
            Doing::Run => (Work::Run, None),
            Doing::Import(dataset) => (Work::Import, Some(dataset)),
        };
        AtWork { what, dataset, pid: holder.pid, command: holder.command }
    });
    work.collect()
}

fn shown(lab: &View) -> LabShown {
    let ledger = lab.ledger();
    LabShown {
        origin: ledger.origin().to_owned(),
        log_key: ledger.log_key().to_owned(),
        service_key: ledger.service_key().copied(),
        entries: ledger.size(),
        people: ledger.people().values().filter(|person| person.revoked.is_none()).count(),
        nodes: ledger.nodes().values().filter(|node| node.revoked.is_none()).count(),
        datasets: ledger.datasets().len(),
        jobs: ledger.jobs().len(),
        upload_to: lab.upload_recipient(),
        at_work: at_work(lab),
    }
}
