//! Entries that are taken and not in the log yet: all of them will be, or none, at the cost of one.

use std::sync::{Arc, OnceLock};

use unseen_audit::fold::{Checked, Fold};
use unseen_log::LogError;
use unseen_policies::ledger::Put;

use crate::error::LabError;

/// What becomes of entries that are logged together.
#[derive(Clone, Debug, Default)]
pub struct Outcome(Arc<OnceLock<Result<(), Arc<LogError>>>>);

impl Outcome {
    /// Waits until the entries are in the log, durable and published; or else for the reason why they are not.
    pub fn wait(&self) -> Result<(), LabError> {
        Ok(self.0.wait().clone()?)
    }
}

/// The entries, and what they change.
pub(crate) struct Batch {
    entries: Vec<Vec<u8>>,
    puts: Vec<Put>,
    before: Fold,
    outcome: Outcome,
}

impl Batch {
    pub fn after(before: Fold) -> Batch {
        Batch { entries: Vec::new(), puts: Vec::new(), before, outcome: Outcome::default() }
    }

    pub fn push(&mut self, entry: &[u8], checked: &Checked) {
        self.entries.push(entry.to_vec());
        self.puts.extend_from_slice(checked.puts());
    }

    pub fn entries(&self) -> &[Vec<u8>] {
        &self.entries
    }

    pub fn puts(&self) -> &[Put] {
        &self.puts
    }

    /// The state without them.
    pub fn before(&self) -> &Fold {
        &self.before
    }

    pub fn outcome(&self) -> Outcome {
        self.outcome.clone()
    }

    /// Tells all who wait.
    pub fn tell(&self, outcome: Result<(), Arc<LogError>>) {
        let _told_once = self.outcome.0.set(outcome);
    }
}

impl Drop for Batch {
    /// Whoever waits for what nobody commits any more is not left waiting.
    fn drop(&mut self) {
        self.tell(Err(Arc::new(LogError::Poisoned)));
    }
}
