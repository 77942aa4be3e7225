//! What a crate tells of a release: each entry that it stands on, proved.

use unseen_ids::JobId;
use unseen_policies::event::{Event, Released, RunStarted};
use unseen_texts::text;
use unseen_usecases::jobs::{JobShown, ShowJob};
use unseen_usecases::logs::ListEntries;

use crate::Asks;
use crate::error::PackError;
use crate::proof::{Log, Proven, listed};

/// What a crate is made of.
pub(crate) struct Story {
    pub origin: String,
    pub shown: JobShown,
    /// The policy in force when the job was submitted.
    pub policy: Proven,
    pub submitted: Proven,
    pub approvals: Vec<(Proven, String)>,
    pub started: Proven,
    pub run: RunStarted,
    pub released: Proven,
    pub release: Released,
    /// Who saw the release before it opened.
    pub witnessed: Option<Proven>,
    /// Whether the numbers are in it.
    pub opened: bool,
}

/// Where the numbers are, as they were released and as a table.
pub(crate) const NUMBERS: &str = "outputs/release.json";
pub(crate) const TABLE: &str = "outputs/release.csv";
/// The rules that approvals stand on.
pub(crate) const POLICY: &str = "policy.json";

impl Story {
    /// Asks for all of it.
    pub fn told<A: Asks>(asks: &A, log: &Log, job: JobId, opened: bool) -> Result<Story, A::Error> {
        let shown = asks.ask(ShowJob { job })?;
        let released = shown.release.ok_or(PackError::NotReleased { job })?;
        if shown.manifest_text.is_empty() {
            return Err(PackError::NoManifest { job }.into());
        }
        let released = log.prove(asks, released)?;
        let other = |entry: &Proven| PackError::Unproven {
            entry: entry.recorded.entry,
            why: text!("it is of another kind", "条目类型不符").into(),
        };
        let Event::Released(release) = released.record.event.clone() else { return Err(other(&released).into()) };
        let started = log.prove(asks, release.run)?;
        let Event::RunStarted(run) = started.record.event.clone() else { return Err(other(&started).into()) };
        let mut approvals = Vec::new();
        for entry in &run.approvals {
            let by = listed(asks, *entry)?.and_then(|entry| entry.signer).unwrap_or_default();
            approvals.push((log.prove(asks, *entry)?, by));
        }
        let witnessed = witnessing(asks, log, job, released.recorded.entry, shown.witnessed.is_some())?;
        Ok(Story {
            origin: log.origin.clone(),
            policy: log.prove(asks, shown.policy)?,
            submitted: log.prove(asks, job.0)?,
            shown,
            approvals,
            started,
            run,
            released,
            release,
            witnessed,
            opened,
        })
    }

    pub fn entries(&self) -> impl Iterator<Item = &Proven> {
        let approvals = self.approvals.iter().map(|(entry, _)| entry);
        [&self.policy, &self.submitted, &self.started, &self.released]
            .into_iter()
            .chain(approvals)
            .chain(&self.witnessed)
    }
}

/// The entry by which witnesses let the release open: it follows the release.
fn witnessing<A: Asks>(
    asks: &A,
    log: &Log,
    job: JobId,
    released: u64,
    is_there: bool,
) -> Result<Option<Proven>, A::Error> {
    let mut from = is_there.then_some(released + 1);
    while let Some(at) = from {
        let kind = Some("release-witnessed".to_owned());
        let page =
            asks.ask(ListEntries { from: at, kind, job: Some(job), limit: Some(1), ..ListEntries::default() })?;
        if let Some(entry) = page.entries.first() {
            return log.prove(asks, entry.entry).map(Some);
        }
        from = page.next;
    }
    Ok(None)
}
