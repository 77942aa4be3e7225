//! The log folded entry by entry: each opened with the keys known so far, and put to the ledger.

use unseen_entries::{EntryError, Keys, Opened};
use unseen_policies::ledger::{Ledger, Refusal};

use crate::signatures::Signatures;

/// The ledger, with the keys by which envelopes name their signers.
#[derive(Clone, Debug, Default)]
pub struct Fold {
    ledger: Ledger,
    keys: Keys,
}

/// Why an entry does not belong in the log.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// It is not an entry.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// It may not happen now.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl Fold {
    /// Goes on from a ledger folded before.
    pub fn resume(ledger: Ledger) -> Fold {
        let mut keys = Keys::default();
        ledger.people.keys().chain(&ledger.service_key).for_each(|key| keys.learn(key));
        Fold { ledger, keys }
    }

    /// The state at the end.
    pub fn into_ledger(self) -> Ledger {
        self.ledger
    }

    /// The present state.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Whether this entry may come next: its envelope, statement, signature, and the ledger's rules.
    pub fn check(&self, entry: &[u8]) -> Result<Opened, FoldError> {
        let opened = self.keys.open(entry, None)?;
        self.ledger.check(&opened.signer, &opened.record)?;
        Ok(opened)
    }

    /// Folds in an entry that was opened by [`Fold::check`] in this state. On an error nothing has changed.
    pub fn apply(&mut self, opened: &Opened) -> Result<(), Refusal> {
        self.ledger.apply(&opened.signer, &opened.record, &opened.leaf, &opened.statement)?;
        self.keys.learn_from(&opened.record.event);
        Ok(())
    }

    /// Opens the next entry and folds it in. On an error nothing has changed.
    pub fn next(&mut self, entry: &[u8]) -> Result<Opened, FoldError> {
        let opened = self.keys.open(entry, None)?;
        self.apply(&opened)?;
        Ok(opened)
    }

    /// As [`Fold::next`], but the signature is left to be verified with others. What was folded counts
    /// only if they are all good.
    pub(crate) fn next_unverified(&mut self, entry: &[u8], later: &mut Signatures) -> Result<Opened, FoldError> {
        let mut take = |key: &_, message, signature: &_| later.push(key, message, signature);
        let opened = self.keys.open(entry, Some(&mut take))?;
        self.apply(&opened)?;
        Ok(opened)
    }

    /// Passes over an entry that [`Fold::next`] refused, as an auditor does.
    pub fn skip(&mut self) {
        self.ledger.skip();
    }
}
