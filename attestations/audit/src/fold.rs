//! The log folded entry by entry: each opened with the keys known so far, and put to the ledger.

use std::sync::Arc;

use unseen_entries::{EntryError, Keys, Opened};
use unseen_policies::ledger::{self, Entry, Ledger, Overtaken, Put, Refusal};
use unseen_texts::Say;

use crate::signatures::Signatures;

/// The ledger, with the keys by which envelopes name their signers. A clone stays as it is while the
/// original goes on; it costs little.
#[derive(Clone, Debug, Default)]
pub struct Fold {
    ledger: Arc<Ledger>,
    keys: Keys,
}

/// An entry that was opened, and may come next.
#[derive(Debug)]
#[must_use = "the entry is checked, not folded in"]
pub struct Checked {
    opened: Opened,
    step: ledger::Checked,
}

/// Why an entry does not belong in the log.
#[derive(Debug, thiserror::Error, Say)]
#[code("fold")]
pub enum FoldError {
    /// It is not an entry.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// It may not happen now.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Another one came first.
    #[error(transparent)]
    Overtaken(#[from] Overtaken),
}

impl Checked {
    /// What the entry says, and who signed it.
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    /// What it changes.
    pub fn puts(&self) -> &[Put] {
        self.step.puts()
    }
}

impl Fold {
    /// Goes on from a ledger folded before.
    pub fn resume(ledger: Ledger) -> Fold {
        let mut keys = Keys::default();
        ledger.people().keys().chain(ledger.service_key()).for_each(|key| keys.learn(key));
        Fold { ledger: Arc::new(ledger), keys }
    }

    /// The present state.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The last state, when nothing more is folded in.
    pub fn into_ledger(self) -> Ledger {
        Arc::unwrap_or_clone(self.ledger)
    }

    /// What an entry says, and which of the keys known so far has signed it.
    pub fn open(&self, entry: &[u8]) -> Result<Opened, EntryError> {
        self.keys.open(entry, None)
    }

    /// Whether this entry may come next: its envelope, statement, signature, and the ledger's rules.
    pub fn check(&self, entry: &[u8]) -> Result<Checked, FoldError> {
        self.check_opened(self.keys.open(entry, None)?)
    }

    /// Folds in an entry that was checked in this state. Where others came between, nothing changes.
    pub fn apply(&mut self, checked: Checked) -> Result<Opened, Overtaken> {
        let Checked { opened, step } = checked;
        Arc::make_mut(&mut self.ledger).apply(step)?;
        self.keys.learn_from(&opened.record.event);
        Ok(opened)
    }

    /// Opens the next entry and folds it in. On an error nothing has changed.
    pub fn next(&mut self, entry: &[u8]) -> Result<Opened, FoldError> {
        let checked = self.check(entry)?;
        Ok(self.apply(checked)?)
    }

    /// As [`Fold::check`], but the signature is left to be verified with others. What is folded counts
    /// only if they are all good.
    pub(crate) fn check_unverified(&self, entry: &[u8], later: &mut Signatures) -> Result<Checked, FoldError> {
        let mut take = |key: &_, message: &_, signature: &_| later.push(key, message, signature);
        self.check_opened(self.keys.open(entry, Some(&mut take))?)
    }

    /// Passes over an entry that [`Fold::next`] refused, as an auditor does.
    pub fn skip(&mut self) {
        Arc::make_mut(&mut self.ledger).skip();
    }

    /// As [`Fold::check`], for what this fold has opened, or what it was before: signatures stay good.
    pub fn check_opened(&self, opened: Opened) -> Result<Checked, FoldError> {
        let Opened { signer, cosigners, record, leaf, statement, .. } = &opened;
        let step = self.ledger.check(Entry { signer, cosigners, record, leaf: *leaf, statement: *statement })?;
        Ok(Checked { opened, step })
    }
}
