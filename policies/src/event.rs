//! What can happen in a lab. Every entry of the log is one [`Record`] in one signed envelope, as the
//! predicate of an in-toto Statement v1; the predicate type says which [`Event`] it holds.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::policy::Policy;
use crate::rho::Rho;

/// One signed happening, as it stands in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Origin of the log it was signed for: an envelope counts in no other log.
    pub log: String,
    /// When the signer says it happened. Order comes from the log, never from this.
    pub time: DateTime<Utc>,
    /// Random hex, used once by this signer: a replayed envelope is refused.
    pub nonce: String,
    /// What happened.
    pub event: Event,
}

macro_rules! events {
    ($( $(#[$doc:meta])* $variant:ident = $name:literal { $( $(#[$field_doc:meta])* $field:ident : $type:ty ),* $(,)? } )*) => {
        /// What happened. Each variant is a predicate type of its own.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Event { $( $(#[$doc])* $variant($variant), )* }

        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
            #[serde(deny_unknown_fields, rename_all = "camelCase")]
            pub struct $variant { $( $(#[$field_doc])* pub $field: $type, )* }

            impl From<$variant> for Event {
                fn from(event: $variant) -> Event { Event::$variant(event) }
            }
        )*

        impl Event {
            /// The kinds of event, as they stand in predicate types and listings.
            pub const KINDS: &[&str] = &[$($name),*];

            /// The kind of this event, such as `job-approved`.
            pub fn kind(&self) -> &'static str {
                match self { $( Event::$variant(_) => $name, )* }
            }

            fn to_value(&self) -> serde_json::Result<serde_json::Value> {
                match self { $( Event::$variant(event) => serde_json::to_value(event), )* }
            }

            fn from_value(kind: &str, value: serde_json::Value) -> Result<Event, RecordError> {
                match kind {
                    $( $name => serde_json::from_value(value).map(Event::$variant).map_err(RecordError::malformed), )*
                    _ => Err(RecordError::UnknownKind(kind.to_owned())),
                }
            }
        }
    };
}

events! {
    /// The lab begins: always entry 0, signed by the owner, who becomes its first operator.
    LabCreated = "lab-created" {
        /// The owner's name.
        owner: String,
        /// The owner's public key.
        owner_key: PublicKey,
        /// The key that signs what the lab itself says (releases, failures).
        service_key: PublicKey,
        /// The key that signs checkpoints, as a signed-note verifier key.
        log_key: String,
        /// Commitment to the sealed noise key, so that a replay with another key is recognised.
        noise_commitment: Digest,
    }
    /// A person joins, or gets a new key. Signed by an operator; `proof` is the new key's own signature.
    PersonEnrolled = "person-enrolled" {
        /// Unique among those enrolled and not revoked.
        name: String,
        /// What the person may do.
        roles: Vec<Role>,
        /// The person's public key.
        key: PublicKey,
        /// Base64 of the key's signature over [`enrolment_bytes`].
        proof: String,
    }
    /// A key counts no more. Signed by an operator.
    PersonRevoked = "person-revoked" {
        /// The key that is revoked.
        key: PublicKey,
        /// Why, for the record.
        reason: String,
    }
    /// The rules change. Signed by an operator.
    PolicySet = "policy-set" {
        /// The rules from here on.
        policy: Policy,
    }
    /// A dataset, or a new snapshot of one. Signed by a steward.
    DatasetRegistered = "dataset-registered" {
        /// The dataset's name; its budget runs on under the same name.
        name: String,
        /// The unit domain (`enterprise`, `person`...) of a private dataset; none for a public reference table.
        domain: Option<String>,
        /// Number of bucket files; 0 for a reference table. One number per unit domain.
        buckets: u32,
        /// The dataset description, as a blob.
        description: Digest,
        /// Root digest of the snapshot's manifest.
        snapshot: Digest,
        /// Names of the analysts who may use it; empty for all.
        open_to: Vec<String>,
        /// Of a reference table: the different values of its columns, as a blob, so that anyone can
        /// tell which groups a job's domains have.
        values: Option<Digest>,
    }
    /// An analyst asks for a run. The entry's index is the job's number.
    JobSubmitted = "job-submitted" {
        /// One line for people.
        title: String,
        /// The manifest, as a blob.
        manifest: Digest,
        /// The component, as a blob.
        module: Digest,
        /// What the job reads, in the manifest's order, reference tables last.
        datasets: Vec<Used>,
        /// Index of the policy entry the analyst saw.
        policy: u64,
        /// Privacy loss of the whole job, charged to each private dataset.
        rho: Rho,
        /// Set when every release of the job is pure epsilon-DP: the total epsilon, exact.
        pure_epsilon: Option<String>,
        /// When the result may appear, as in the manifest.
        release: String,
    }
    /// An operator, not the author, agrees to exactly what is named here.
    JobApproved = "job-approved" {
        /// The job.
        job: JobId,
        /// Leaf hash of the submission.
        submission: Digest,
        /// The manifest the operator saw.
        manifest: Digest,
        /// The component the operator saw.
        module: Digest,
    }
    /// An operator declines; the job ends.
    JobRejected = "job-rejected" {
        /// The job.
        job: JobId,
        /// Why, for the analyst.
        reason: String,
    }
    /// The run begins and is charged, before any raw row is read. Signed by an operator.
    RunStarted = "run-started" {
        /// The job.
        job: JobId,
        /// Leaf hash of the submission.
        submission: Digest,
        /// Entries of the approvals this run stands on.
        approvals: Vec<u64>,
        /// What is charged to each private dataset and to the author.
        rho: Rho,
        /// No earlier than this may the result appear.
        release_at: DateTime<Utc>,
        /// Name and version of what runs it.
        runtime: String,
    }
    /// The result is out. Signed by the lab.
    Released = "released" {
        /// The job.
        job: JobId,
        /// Entry of the run.
        run: u64,
        /// The release body, as a blob.
        body: Digest,
    }
    /// The run ended without a result; its charge stays. Signed by the lab.
    RunFailed = "run-failed" {
        /// The job.
        job: JobId,
        /// Entry of the run.
        run: u64,
        /// A fixed, data-independent sentence.
        reason: String,
    }
    /// Somebody opened a release.
    ReleaseRead = "release-read" {
        /// The job.
        job: JobId,
        /// Entry of the release.
        release: u64,
    }
}

/// One dataset as a job uses it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Used {
    /// The dataset's name.
    pub name: String,
    /// The snapshot that is read.
    pub snapshot: Digest,
    /// The description the analyst saw.
    pub description: Digest,
    /// The public values of a reference table, which domains may name.
    pub values: Option<Digest>,
}

/// What a person may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Registers datasets.
    Steward,
    /// Submits jobs.
    Analyst,
    /// Approves and runs jobs, enrols people, sets the policy.
    Operator,
    /// Reads everything that may be read.
    Auditor,
}

impl Role {
    /// The name people type.
    pub fn name(self) -> &'static str {
        match self {
            Role::Steward => "steward",
            Role::Analyst => "analyst",
            Role::Operator => "operator",
            Role::Auditor => "auditor",
        }
    }
}

impl FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Role, String> {
        [Role::Steward, Role::Analyst, Role::Operator, Role::Auditor]
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| format!("`{text}` is not a role: write steward, analyst, operator or auditor"))
    }
}

/// A job's number: the index of its submission in the log. Shown as `j12`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub u64);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("j{}", self.0))
    }
}

impl FromStr for JobId {
    type Err = String;
    fn from_str(text: &str) -> Result<JobId, String> {
        text.strip_prefix('j')
            .unwrap_or(text)
            .parse()
            .map(JobId)
            .map_err(|_| format!("`{text}` is not a job: write its number, such as j12, as `unseen job list` shows it"))
    }
}

/// A SHA-256 digest as text, `sha256:` and 64 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

/// An Ed25519 public key as text: 64 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey(String);

macro_rules! hex_text {
    ($type:ident, $prefix:literal, $what:literal) => {
        impl $type {
            /// From the 32 bytes.
            pub fn from_bytes(bytes: &[u8; 32]) -> $type {
                let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                $type(format!("{}{hex}", $prefix))
            }

            /// The 32 bytes.
            pub fn to_bytes(&self) -> [u8; 32] {
                let hex = self.0.as_bytes().get($prefix.len()..).unwrap_or_default();
                let nibble = |at: usize| hex.get(at).and_then(|c| (*c as char).to_digit(16)).unwrap_or(0) as u8;
                std::array::from_fn(|i| nibble(2 * i) << 4 | nibble(2 * i + 1))
            }

            /// As it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The first hex digits, for people.
            pub fn short(&self) -> &str {
                &self.0[$prefix.len()..$prefix.len() + 12]
            }
        }

        impl TryFrom<String> for $type {
            type Error = String;
            fn try_from(text: String) -> Result<$type, String> {
                let lower_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
                match text.strip_prefix($prefix) {
                    Some(hex) if hex.len() == 64 && hex.chars().all(lower_hex) => Ok($type(text)),
                    _ => Err(format!(
                        concat!("`{}` is not ", $what, ": write ", $prefix, " and 64 lower-case hex digits"),
                        text
                    )),
                }
            }
        }

        impl FromStr for $type {
            type Err = String;
            fn from_str(text: &str) -> Result<$type, String> {
                text.to_owned().try_into()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> String {
                value.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

hex_text!(Digest, "sha256:", "a digest");
hex_text!(PublicKey, "", "a public key");

/// What a new key signs to show that its holder asks for exactly this enrolment.
pub fn enrolment_bytes(log: &str, name: &str, roles: &[Role], key: &PublicKey) -> Vec<u8> {
    let roles: Vec<&str> = roles.iter().map(|role| role.name()).collect();
    format!("unseen enrolment v1\n{log}\n{name}\n{}\n{key}\n", roles.join(",")).into_bytes()
}

const TYPE_PREFIX: &str = "urn:unseen:";
const TYPE_SUFFIX: &str = ":v1";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Predicate {
    log: String,
    time: DateTime<Utc>,
    nonce: String,
    event: serde_json::Value,
}

/// Why a predicate is not a record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The predicate type names no event this version knows.
    #[error("`{0}` is not a kind of entry that this version knows: use a newer unseen")]
    UnknownKind(String),
    /// The predicate does not have the fields of its type.
    #[error("the entry does not have the form of its kind: {0}")]
    Malformed(String),
}

impl RecordError {
    fn malformed(error: serde_json::Error) -> RecordError {
        RecordError::Malformed(error.to_string())
    }
}

impl Record {
    /// The predicate type and predicate of an in-toto statement.
    pub fn to_predicate(&self) -> (String, serde_json::Value) {
        let event = self.event.to_value().expect("invariant: events hold text, numbers and lists only");
        let predicate = Predicate { log: self.log.clone(), time: self.time, nonce: self.nonce.clone(), event };
        let value = serde_json::to_value(predicate).expect("invariant: as above");
        (format!("{TYPE_PREFIX}{}{TYPE_SUFFIX}", self.event.kind()), value)
    }

    /// Reads a predicate. Unknown kinds, unknown fields and missing fields are errors.
    pub fn from_predicate(predicate_type: &str, predicate: &serde_json::Value) -> Result<Record, RecordError> {
        let kind = predicate_type
            .strip_prefix(TYPE_PREFIX)
            .and_then(|rest| rest.strip_suffix(TYPE_SUFFIX))
            .ok_or_else(|| RecordError::UnknownKind(predicate_type.to_owned()))?;
        let Predicate { log, time, nonce, event } =
            serde_json::from_value(predicate.clone()).map_err(RecordError::malformed)?;
        Ok(Record { log, time, nonce, event: Event::from_value(kind, event)? })
    }

    /// The digests of what the signer saw, by name: the subjects of the statement. Never empty.
    pub fn subjects(&self) -> Vec<(String, Digest)> {
        let named = |name: &str, digest: &Digest| (name.to_owned(), digest.clone());
        match &self.event {
            Event::LabCreated(e) => vec![named("noise-key-commitment", &e.noise_commitment)],
            Event::PersonEnrolled(e) => vec![(e.name.clone(), Digest(format!("sha256:{}", e.key)))],
            Event::PersonRevoked(e) => vec![("key".to_owned(), Digest(format!("sha256:{}", e.key)))],
            Event::DatasetRegistered(e) => vec![named("description", &e.description), named("snapshot", &e.snapshot)],
            Event::JobSubmitted(e) => {
                let used = e.datasets.iter().map(|used| (used.name.clone(), used.snapshot.clone()));
                [named("manifest", &e.manifest), named("module", &e.module)].into_iter().chain(used).collect()
            }
            Event::JobApproved(e) => {
                vec![named("submission", &e.submission), named("manifest", &e.manifest), named("module", &e.module)]
            }
            Event::RunStarted(e) => vec![named("submission", &e.submission)],
            Event::Released(e) => vec![named("release", &e.body)],
            Event::PolicySet(_) | Event::JobRejected(_) | Event::RunFailed(_) | Event::ReleaseRead(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_its_predicate_and_refuses_strange_fields() {
        let record = Record {
            log: "wujin.example/lab".into(),
            time: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
            nonce: "00ff".into(),
            event: JobRejected { job: JobId(7), reason: "too wide".into() }.into(),
        };
        let (kind, mut value) = record.to_predicate();
        assert_eq!(kind, "urn:unseen:job-rejected:v1");
        assert_eq!(Record::from_predicate(&kind, &value).unwrap(), record);
        assert!(Record::from_predicate("urn:unseen:job-approved:v1", &value).is_err());
        assert!(Record::from_predicate("urn:other", &value).is_err());
        value["event"]["extra"] = 1.into();
        assert!(Record::from_predicate(&kind, &value).is_err());
    }

    #[test]
    fn digests_and_keys_are_strict_hex() {
        let digest = Digest::from_bytes(&[0xab; 32]);
        assert_eq!(digest.to_bytes(), [0xab; 32]);
        assert_eq!(digest.as_str().parse::<Digest>().unwrap(), digest);
        for bad in ["sha256:AB", "ab", "sha512:", ""] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
        assert!("j12".parse::<JobId>().is_ok() && "job".parse::<JobId>().is_err());
    }
}
