//! Answers for programs. The report of an audit is [`unseen_audit::report::Report`], what evidence proves
//! [`unseen_evidence::Proven`].

use chrono::{DateTime, Utc};
use serde::Serialize;
use unseen_audit::report::{Cosigner, Root};
use unseen_ids::{Answer, Digest};
use unseen_policies::release::{Derived, ReleasedRound};
use unseen_texts::Sentence;

/// What a receipt shows.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReceiptShown {
    /// Name of the log.
    pub log: String,
    /// The entry of the release.
    pub entry: u64,
    /// When, by the lab's clock.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub time: DateTime<Utc>,
    /// Entries of the log that its checkpoint stands for.
    pub entries: u64,
    /// The root of their tree.
    pub root: Root,
    /// The job.
    pub job: String,
    /// The digest of the release's bytes, as the log names it.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub digest: Digest,
    /// The noised totals, round by round.
    pub rounds: Vec<ReleasedRound>,
    /// Tables that the job computed from them.
    pub derived: Vec<Derived>,
    /// Who has cosigned the checkpoint.
    pub witnessed: Vec<Cosigner>,
    /// How many witnesses the lab's policy asked for.
    pub quorum: u32,
    /// Whether the log's key was known from elsewhere, rather than taken from the receipt.
    pub log_key_known: bool,
}

/// A key was made.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct KeyMade {
    /// Its public half: 64 lower-case hex digits.
    pub public_key: String,
}

/// A witness was made.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WitnessMade {
    /// Its name.
    pub name: String,
    /// Its verifier key, for labs and auditors.
    pub verifier_key: String,
}

/// A witness follows a log.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LogFollowed {
    /// The log's name.
    pub log: String,
}

/// A witness has served and ended.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WitnessServed {
    /// Where it listened.
    pub address: String,
}

/// A witness and the logs it follows.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WitnessShown {
    /// Its name.
    pub name: String,
    /// Its verifier key.
    pub verifier_key: String,
    /// The logs.
    pub logs: Vec<FollowedLog>,
}

/// A log that a witness follows.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct FollowedLog {
    /// Its name.
    pub origin: String,
    /// How many entries the witness cosigned last.
    pub size: Option<u64>,
    /// When, in seconds since 1970 (UTC).
    pub time: Option<u64>,
    /// How many documents there are that the log showed different histories.
    pub evidence: usize,
    /// The verifier keys it is known by.
    pub keys: Vec<String>,
}

/// The digest of a TPM's attestation key.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AttestationKey {
    /// As the policy names it.
    pub key: String,
}

/// Evidence of a machine was written.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct EvidenceCollected {
    /// The file.
    pub evidence: String,
}

/// An entry was proven to be in a log.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct EntryProven {
    /// Name of the log.
    pub log: String,
    /// The entry's index.
    pub entry: u64,
    /// How many entries the log has in the proof's checkpoint.
    pub entries: u64,
    /// Root of the tree over them.
    #[serde(flatten)]
    pub root: Root,
    /// What the entry says; null where it is not one that this version knows.
    pub says: Option<ProvenEntry>,
}

/// What an entry says that is in a log.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ProvenEntry {
    /// What happened, such as `job-approved`.
    pub kind: String,
    /// When, by the signer's clock.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub time: DateTime<Utc>,
    /// What it is about, in a few words and numbers.
    pub about: Sentence,
    /// Which key is said to have signed it: the SHA-256 of the public key, in hex.
    pub key_id: String,
}

impl Answer for EntryProven {
    const NAME: &str = "entry-proven/v1";
}
impl Answer for ReceiptShown {
    const NAME: &str = "receipt/v1";
}
impl Answer for KeyMade {
    const NAME: &str = "key-made/v1";
}
impl Answer for WitnessMade {
    const NAME: &str = "witness-made/v1";
}
impl Answer for LogFollowed {
    const NAME: &str = "log-followed/v1";
}
impl Answer for WitnessServed {
    const NAME: &str = "witness-served/v1";
}
impl Answer for WitnessShown {
    const NAME: &str = "witness/v1";
}
impl Answer for AttestationKey {
    const NAME: &str = "attestation-key/v1";
}
impl Answer for EvidenceCollected {
    const NAME: &str = "evidence-collected/v1";
}

/// The JSON schema of every answer of an auditor's, by its name.
#[cfg(feature = "schema")]
pub fn schemas() -> Vec<(&'static str, schemars::Schema)> {
    use unseen_audit::report::Report;
    use unseen_evidence::Proven;
    use unseen_ids::schema;
    vec![
        schema::<AttestationKey>(),
        schema::<EntryProven>(),
        schema::<EvidenceCollected>(),
        schema::<KeyMade>(),
        schema::<LogFollowed>(),
        schema::<Proven>(),
        schema::<ReceiptShown>(),
        schema::<Report>(),
        schema::<WitnessMade>(),
        schema::<WitnessServed>(),
        schema::<WitnessShown>(),
    ]
}
