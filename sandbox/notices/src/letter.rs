//! A notice on its way: of which lab, of which entry.

use std::sync::Arc;

use unseen_ids::Digest;
use unseen_texts::Lang;

use crate::notice::Notice;

/// Of which lab a notice is.
#[derive(Debug)]
pub(crate) struct Lab {
    /// The origin of its log, by which people know it.
    pub(crate) origin: String,
    /// What links begin with.
    pub(crate) console: String,
}

/// A notice of an entry.
#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) lab: Arc<Lab>,
    pub(crate) entry: u64,
    /// Which of the entry's notices, from 0.
    pub(crate) number: usize,
    pub(crate) notice: Notice,
}

impl Letter {
    /// The same whenever it is sent, and no other's: receivers know by it what they have had. It holds no dots,
    /// which divide what a webhook's signature is over.
    pub(crate) fn id(&self) -> String {
        let lab = Digest::of(self.lab.origin.as_bytes()).short();
        format!("unseen-{lab}-{}-{}", self.entry, self.number)
    }

    /// The page about it.
    pub(crate) fn link(&self, lang: Lang) -> String {
        format!("{}{}", self.lab.console.trim_end_matches('/'), self.notice.path(lang))
    }
}
