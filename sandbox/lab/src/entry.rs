//! An entry as somebody hands it in: read, and its signatures verified, once for all who ask about it.

use unseen_entries::Opened;
use unseen_ids::PublicKey;
use unseen_policies::event::Event;

/// The bytes of an entry and what they say, whose signatures are good in the lab that has opened it. They stay so,
/// for a lab forgets no key; whether the signer may still do this, only the moment decides in which it is taken.
#[derive(Clone, Debug)]
pub struct SignedEntry {
    bytes: Vec<u8>,
    opened: Opened,
}

impl SignedEntry {
    pub(crate) fn new(bytes: &[u8], opened: Opened) -> SignedEntry {
        SignedEntry { bytes: bytes.to_vec(), opened }
    }

    /// As it is logged.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What it says.
    pub fn event(&self) -> &Event {
        &self.opened.record.event
    }

    /// Who has signed it, or first.
    pub fn signer(&self) -> &PublicKey {
        &self.opened.signer
    }

    /// Whether this key is one of those that have signed it.
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        self.opened.signer == *key || self.opened.cosigners.contains(key)
    }

    pub(crate) fn opened(&self) -> Opened {
        self.opened.clone()
    }
}
