//! The second signatures, in SM2 with SM3, of labs whose policy names an SM2 key: on the checkpoint and on
//! every release. They are checked by a program that was built with the feature `sm2`; any other says that
//! it did not check.

use std::path::Path;

use serde::Serialize;
use unseen_policies::ledger::Ledger;
use unseen_texts::Sentence;
#[cfg(feature = "sm2")]
use unseen_texts::{Say, say, text};
use unseen_tlog::note::Note;

/// What was found of SM2 signatures.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Sm2Line {
    /// Whether this program looked.
    pub checked: bool,
    /// How many releases bear a true second signature.
    pub releases: u64,
}

/// Whether this program can look.
pub const BUILT: bool = cfg!(feature = "sm2");

/// The SM2 key that the policy in force names. A malformed one was reported with the policy's entry.
pub(crate) fn key_in_force(ledger: &Ledger) -> Option<String> {
    let named = ledger.policy()?.sm2_key.as_ref()?;
    check_key(named).is_ok().then(|| named.clone())
}

/// Whether the checkpoint bears a true line of the key. `vkey` is the policy's `sm2_key`.
#[cfg(feature = "sm2")]
pub fn checkpoint(note: &Note, vkey: &str) -> Result<(), Sentence> {
    key(vkey)?
        .verify(note)
        .map_err(|error| say!("the checkpoint's SM2 signature: {error}", "检查点的 SM2 签名：{error}"))
}

/// Whether a release's entry has a second envelope over the same statement, signed by the key.
#[cfg(feature = "sm2")]
pub fn release(bundle: &Path, index: u64, entry: &[u8], vkey: &str) -> Result<(), Sentence> {
    use unseen_tlog::dsse::Envelope;
    use unseen_tlog::sm2::Sm2Envelope;

    let path = bundle.join(unseen_log::sm2_path(index));
    let bytes = unseen_durable::read(&path).map_err(|error| say!("{path}: {error}", "{path}：{error}"))?;
    let said = |error: &dyn Say| say!("the release's SM2 envelope: {error}", "发布条目的 SM2 信封：{error}");
    let second = Sm2Envelope::from_bytes(&bytes).map_err(|error| said(&error))?;
    let payload = second.verify(key(vkey)?.key()).map_err(|error| said(&error))?;
    let first = Envelope::from_bytes(entry).map_err(|error| said(&error))?;
    if (payload, second.payload_type()) == (first.unverified_payload(), first.payload_type()) {
        Ok(())
    } else {
        Err(said(&text!("it is over another statement than the entry", "所签声明与条目的不同")))
    }
}

/// Whether this is a verifier key, as far as this program can look.
#[cfg(feature = "sm2")]
pub fn check_key(vkey: &str) -> Result<(), Sentence> {
    key(vkey).map(drop)
}

#[cfg(feature = "sm2")]
fn key(vkey: &str) -> Result<unseen_tlog::sm2::Sm2NoteKey, Sentence> {
    vkey.parse().map_err(|error| say!("the policy's sm2_key: {error}", "规则中的 `sm2_key`：{error}"))
}

/// See above: not looked at.
#[cfg(not(feature = "sm2"))]
pub fn check_key(_: &str) -> Result<(), Sentence> {
    Ok(())
}

/// See above: not looked at.
#[cfg(not(feature = "sm2"))]
pub fn checkpoint(_: &Note, _: &str) -> Result<(), Sentence> {
    Ok(())
}

/// See above: not looked at.
#[cfg(not(feature = "sm2"))]
pub fn release(_: &Path, _: u64, _: &[u8], _: &str) -> Result<(), Sentence> {
    Ok(())
}
