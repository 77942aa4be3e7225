//! A wish that its author signs: what is signed, and what comes of it.
//!
//! ```text
//! at the lab:           make(desk, wish, key)
//! elsewhere:            draft(desk, wish) -> bytes to sign -> signature -> hand_in(desk, wish, entry)
//! ```
//! Either way the lab takes a signed envelope and nothing else, so that nobody but the author can have wished it.

use std::borrow::Cow;

use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::Utc;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use unseen_entries::sign;
use unseen_ids::{Answer, PublicKey};
use unseen_lab::{Lab, SignedEntry, View};
use unseen_policies::event::Event;
use unseen_policies::text::hides;
use unseen_tlog::Signer;

use crate::blob::Blob;
use crate::desk::Desk;
use crate::error::UseCaseError;

/// A use-case that its author signs.
pub trait Change: Serialize + DeserializeOwned + JsonSchema {
    /// What is answered once it is in the log.
    type Answer: Answer + DeserializeOwned + JsonSchema;

    /// What goes beside it, named in it by digest.
    fn blobs(&mut self) -> Vec<&mut Blob> {
        Vec::new()
    }

    /// What the lab does by itself before this can be asked of it, by whom if that is known.
    fn prepare(&self, _: &impl Desk, _: Option<&PublicKey>) -> Result<(), UseCaseError> {
        Ok(())
    }

    /// Whether this is theirs to sign, beside what the ledger asks of everybody.
    fn is_theirs(&self, _: &View, _: &PublicKey) -> Result<(), UseCaseError> {
        Ok(())
    }

    /// What its author signs, by what the lab is now.
    fn event(&self, lab: &View) -> Result<Event, UseCaseError>;

    /// What the event names and this brings along, or the lab has made for it.
    fn attachments(&self, _: &View) -> Result<Vec<Cow<'_, [u8]>>, UseCaseError> {
        Ok(Vec::new())
    }

    /// Whether an event says what was wished: asked of one that others have drafted before it is signed, and of one
    /// that is handed in.
    fn is_said_by(&self, event: &Event) -> bool;

    /// Whether the answer tells of the lab as it was before the entry too. To keep that costs a copy of the ledger.
    const LOOKS_BACK: bool = false;

    /// The answer. `lab` is as it is after the entry, which its log may not have yet; `before` is as it was before, for
    /// those that look back.
    fn done(&self, before: Option<&View>, lab: &View, entry: u64) -> Result<Self::Answer, UseCaseError>;
}

/// What is to be signed for a change.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Unsigned {
    /// The very bytes, in base64: the pre-authentication encoding of a DSSE envelope.
    pub to_sign: String,
}

/// A change with the signed envelope for it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", bound = "C: DeserializeOwned + Serialize")]
pub struct HandIn<C> {
    /// What was wished.
    pub change: C,
    /// The DSSE envelope, in base64.
    pub entry: String,
}

impl Answer for Unsigned {
    const NAME: &str = "draft-to-sign/v1";
}

/// The most characters of a reason.
const LONGEST_REASON: usize = 1_000;

/// Whether a reason says something, at no great length, and hides nothing: it stays in the log for ever.
pub(crate) fn reason(said: &str) -> Result<String, UseCaseError> {
    let fine = !said.trim().is_empty() && said.chars().count() <= LONGEST_REASON && !said.contains(hides);
    if fine { Ok(said.to_owned()) } else { Err(UseCaseError::Reason { most: LONGEST_REASON }) }
}

/// Signs a change and makes it, at once.
pub fn make<C: Change>(desk: &impl Desk, change: &C, author: &dyn Signer) -> Result<C::Answer, UseCaseError> {
    change.prepare(desk, Some(&author.verifying_key().into()))?;
    desk.write(|lab| {
        change.is_theirs(lab, &author.verifying_key().into())?;
        let event = change.event(lab)?;
        let before = C::LOOKS_BACK.then(|| lab.view());
        let attachments = change.attachments(lab)?;
        let attachments: Vec<&[u8]> = attachments.iter().map(AsRef::as_ref).collect();
        let entry = lab.sign_and_accept(event, author, &attachments)?;
        change.done(before.as_ref(), lab, entry)
    })
}

/// What the author of a change signs elsewhere. With `author`, what the lab would refuse is refused now.
pub fn draft<C: Change>(desk: &impl Desk, change: &C, author: Option<&PublicKey>) -> Result<Unsigned, UseCaseError> {
    change.prepare(desk, author)?;
    let lab = desk.view()?;
    author.map_or(Ok(()), |author| change.is_theirs(&lab, author))?;
    let record = lab.record(change.event(&lab)?)?;
    if let Some(author) = author {
        lab.ledger().may(author, &record)?;
    }
    Ok(Unsigned { to_sign: BASE64_STANDARD.encode(sign::to_sign(&record)?) })
}

impl Unsigned {
    /// The bytes to sign, if they say what was wished and nothing else.
    pub fn checked<C: Change>(&self, change: &C, origin: Option<&str>) -> Result<Vec<u8>, UseCaseError> {
        let bytes = BASE64_STANDARD.decode(&self.to_sign).map_err(|_| UseCaseError::OtherDraft)?;
        let record = sign::says(&bytes).map_err(|_| UseCaseError::OtherDraft)?;
        let of_this_log = origin.is_none_or(|origin| record.log == origin);
        let recent = (record.time - Utc::now()).abs() < chrono::TimeDelta::minutes(10);
        if of_this_log && recent && change.is_said_by(&record.event) {
            Ok(bytes)
        } else {
            Err(UseCaseError::OtherDraft)
        }
    }
}

/// Takes a change that was signed elsewhere. Handed in again, it is answered as before.
pub fn hand_in<C: Change>(desk: &impl Desk, change: &C, entry: &[u8]) -> Result<C::Answer, UseCaseError> {
    desk.together(|lab| receive(lab, change, &lab.verified(entry)?))
}

/// [`hand_in`] among the steps of a [`Desk::together`].
pub fn receive<C: Change>(lab: &mut Lab, change: &C, entry: &SignedEntry) -> Result<C::Answer, UseCaseError> {
    if !change.is_said_by(entry.event()) {
        return Err(UseCaseError::OtherEntry { kind: entry.event().kind() });
    }
    let before = C::LOOKS_BACK.then(|| lab.view());
    let theirs = change.is_theirs(lab, entry.signer());
    let staged = theirs.and_then(|()| change.attachments(lab)).and_then(|attachments| {
        let attachments: Vec<&[u8]> = attachments.iter().map(AsRef::as_ref).collect();
        Ok(lab.stage(entry, &attachments)?)
    });
    let error = match staged {
        Ok(index) => return change.done(before.as_ref(), lab, index),
        Err(error) => error,
    };
    if !lab.was_taken(entry) {
        return Err(error);
    }
    // Not in the log yet, if it was among those before this one.
    lab.commit()?;
    let index = lab.find(entry)?.ok_or(error)?;
    let before = C::LOOKS_BACK.then(|| lab.at(index)).transpose()?;
    change.done(before.as_ref(), lab, index)
}
