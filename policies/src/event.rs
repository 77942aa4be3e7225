//! What can happen in a lab. Every entry of the log is one [`Record`] in one signed envelope, as the
//! predicate of an in-toto Statement v1; the predicate type says which [`Event`] it holds. The start of
//! a run is SLSA provenance, see [`crate::provenance`]; all others have the same four fields
//! ([`crate::record`]).

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use unseen_ids::{Digest, JobId, Keeping, PublicKey, Role};
use unseen_texts::{Say, Sentence, Text, text};

use crate::bounds::Bounds;
use crate::need::Need;
use crate::policy::Policy;
use crate::rho::Rho;

/// One signed event, as it is in the log.
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
    ($( $(#[$doc:meta])* $variant:ident = $name:literal / $chinese:literal, $predicate:literal { $( $(#[$field_doc:meta])* $field:ident : $type:ty ),* $(,)? } )*) => {
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
            /// The kinds of event, as they stand in listings.
            pub const KINDS: &[&str] = &[$($name),*];

            /// The predicate types, in the order of [`Event::KINDS`].
            pub const PREDICATE_TYPES: &[&str] = &[$($predicate),*];

            /// The kind of this event, such as `job-approved`.
            pub fn kind(&self) -> &'static str {
                match self { $( Event::$variant(_) => $name, )* }
            }

            /// A kind of event as people are told of it.
            pub fn title(kind: &str) -> Option<Text> {
                match kind { $( $name => Some(text!($name, $chinese)), )* _ => None }
            }

            /// The predicate type of a statement that holds this event.
            pub fn predicate_type(&self) -> &'static str {
                match self { $( Event::$variant(_) => $predicate, )* }
            }

            pub(crate) fn to_value(&self) -> serde_json::Result<serde_json::Value> {
                match self { $( Event::$variant(event) => serde_json::to_value(event), )* }
            }

            pub(crate) fn from_json(predicate_type: &str, json: &str) -> Result<Event, RecordError> {
                match predicate_type {
                    $( $predicate => serde_json::from_str(json).map(Event::$variant).map_err(RecordError::malformed), )*
                    _ => Err(RecordError::UnknownKind(predicate_type.to_owned())),
                }
            }
        }
    };
}

events! {
    /// The lab begins: always entry 0, signed by the owner, who becomes its first operator.
    LabCreated = "lab-created" / "创建实验室", "urn:unseen:Lab/v1" {
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
    PersonEnrolled = "person-enrolled" / "登记人员", "urn:unseen:Enrolment/v1" {
        /// Unique among those enrolled and not revoked.
        name: String,
        /// What the person may do.
        roles: Vec<Role>,
        /// The person's public key.
        key: PublicKey,
        /// Where it is kept, as the key itself says; older entries say nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kept: Option<Keeping>,
        /// Base64 of the key's signature over [`enrolment_bytes`].
        proof: String,
    }
    /// A key counts no more. Signed by an operator.
    PersonRevoked = "person-revoked" / "吊销密钥", "urn:unseen:Revocation/v1" {
        /// The key that is revoked.
        key: PublicKey,
        /// Why, for the record.
        reason: String,
    }
    /// A machine may carry out parts of runs. Signed as people's enrolment is; `proof` is the node's own signature.
    NodeEnrolled = "node-enrolled" / "登记计算节点", "urn:unseen:Node/v1" {
        /// Unique among the nodes enrolled and not revoked.
        name: String,
        /// The node's public key, with which it signs receipts and nothing else.
        key: PublicKey,
        /// The age recipient to which the keys of a run are encrypted.
        recipient: String,
        /// Base64 of the key's signature over [`node_bytes`](crate::enrolment::node_bytes).
        proof: String,
    }
    /// A node takes part in no run that starts from here on. Signed as the revocation of people is.
    NodeRevoked = "node-revoked" / "吊销计算节点", "urn:unseen:NodeRevocation/v1" {
        /// The node's key.
        key: PublicKey,
        /// Why, for the record.
        reason: String,
    }
    /// The rules change. Signed by an operator.
    PolicySet = "policy-set" / "设置规则", "urn:unseen:Policy/v1" {
        /// The rules from here on.
        policy: Policy,
    }
    /// A dataset, or a new snapshot of one. Signed by a steward.
    DatasetRegistered = "dataset-registered" / "登记数据集", "urn:unseen:Registration/v1" {
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
        /// Public upper bounds: of a private dataset what its steward declares, of a reference table what
        /// it has. Older entries have none, which counts as [`Bounds::DEFAULT`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bounds: Option<Bounds>,
        /// From then on no job may use the snapshot, and the lab destroys it. Without it, it is kept until its steward
        /// says otherwise.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keep_until: Option<DateTime<Utc>>,
    }
    /// Whether a dataset may be used. Signed by a steward.
    DatasetStatus = "dataset-status" / "变更数据集状态", "urn:unseen:DatasetStatus/v1" {
        /// The dataset.
        name: String,
        /// From here on.
        status: Status,
        /// Why, for those who use it.
        reason: String,
    }
    /// What people read of a dataset is put otherwise; what it holds is the same. Signed by a steward.
    DatasetDescribed = "dataset-described" / "更新数据集描述", "urn:unseen:Description/v1" {
        /// The dataset.
        name: String,
        /// The new description, as a blob.
        description: Digest,
    }
    /// Snapshots are destroyed: their files and the keys to them, once this is in the log. Signed by its
    /// steward, or by the lab when they were to be kept no longer.
    DatasetDeleted = "dataset-deleted" / "销毁数据快照", "urn:unseen:Deletion/v1" {
        /// The dataset.
        name: String,
        /// Root digests of the snapshots.
        snapshots: Vec<Digest>,
        /// Why, for the record.
        reason: String,
    }
    /// An analyst asks for a run. The entry's index is the job's number.
    JobSubmitted = "job-submitted" / "提交作业", "urn:unseen:Submission/v1" {
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
        /// What the run may need at most, worked out from the manifest, the datasets' bounds and the
        /// policy's machine; none where the policy says nothing of a machine.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        need: Option<Need>,
    }
    /// An operator, not the author, agrees to exactly what is named here.
    JobApproved = "job-approved" / "批准作业", "urn:unseen:Approval/v1" {
        /// The job.
        job: JobId,
        /// Leaf hash of the submission.
        submission: Digest,
        /// The manifest the operator saw.
        manifest: Digest,
        /// The component the operator saw.
        module: Digest,
        /// In which role: always operator, said so that no other consent can pass for this one.
        role: Role,
        /// The log as the operator saw it: a lab that shows people different histories is found out.
        seen: TreeHead,
        /// The same job in words, so that whoever signs reads what they sign; older entries have none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        words: Option<Words>,
    }
    /// An operator declines; the job ends.
    JobRejected = "job-rejected" / "驳回作业", "urn:unseen:Rejection/v1" {
        /// The job.
        job: JobId,
        /// Why, for the analyst.
        reason: String,
    }
    /// The author takes the job back before it runs; it ends.
    JobWithdrawn = "job-withdrawn" / "撤回作业", "urn:unseen:Withdrawal/v1" {
        /// The job.
        job: JobId,
        /// Why, for the record.
        reason: String,
    }
    /// A job goes before others, or after them. Signed by an operator.
    JobPrioritized = "job-prioritized" / "调整优先级", "urn:unseen:Priority/v1" {
        /// The job.
        job: JobId,
        /// From 1, which runs first, to 9; a job has [`Job::PRIORITY`](crate::ledger::Job::PRIORITY) until somebody says so.
        priority: u8,
    }
    /// The run begins and is charged, before any raw row is read. Signed by an operator or the lab. In the log it
    /// is SLSA provenance: what was run, from which inputs, under which policy, on which build.
    RunStarted = "run-started" / "开始运行", "https://slsa.dev/provenance/v1" {
        /// The job.
        job: JobId,
        /// Leaf hash of the submission.
        submission: Digest,
        /// The manifest that is run.
        manifest: Digest,
        /// The component that is run.
        module: Digest,
        /// The snapshots that are read, by dataset, in the submission's order.
        snapshots: Vec<Snapshot>,
        /// Entry of the policy in force.
        policy: u64,
        /// Leaf hash of that entry.
        policy_leaf: Digest,
        /// Entries of the approvals this run stands on.
        approvals: Vec<u64>,
        /// What is charged to each private dataset and to the author.
        rho: Rho,
        /// No earlier than this may the result appear.
        release_at: DateTime<Utc>,
        /// Name and version of what runs it, such as `unseen 0.1.0`.
        runtime: String,
        /// SHA-256 of the binary that runs it.
        runtime_build: Digest,
    }
    /// Evidence of the machine on which a run goes on, bound to the statement that started it. Signed by
    /// the lab.
    EvidenceRecorded = "evidence-recorded" / "记录证据", "urn:unseen:Evidence/v1" {
        /// The job.
        job: JobId,
        /// Entry of the run.
        run: u64,
        /// The evidence document, as a blob.
        evidence: Digest,
    }
    /// The result is out. Signed by the lab.
    Released = "released" / "已发布", "urn:unseen:Release/v1" {
        /// The job.
        job: JobId,
        /// Entry of the run.
        run: u64,
        /// Leaf hash of that entry.
        run_leaf: Digest,
        /// Entries of the approvals the run stood on.
        approvals: Vec<u64>,
        /// The release body, as a blob.
        body: Digest,
        /// Which nodes computed which parts, as a blob ([`crate::receipts`]); none of a run on the lab's machine alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        receipts: Option<Digest>,
    }
    /// Enough witnesses have seen the release's entry, or too few have and the policy opens it anyway.
    /// Signed by the lab.
    ReleaseWitnessed = "release-witnessed" / "见证发布", "urn:unseen:Witnessing/v1" {
        /// The job.
        job: JobId,
        /// Entry of the release.
        release: u64,
        /// A checkpoint that holds that entry, with the cosignatures, as a blob.
        checkpoint: Digest,
        /// Names of the policy's witnesses whose cosignatures are on it; empty when nobody answered.
        witnesses: Vec<String>,
    }
    /// The run ended without a result; its charge stays. Signed by the lab.
    RunFailed = "run-failed" / "运行失败", "urn:unseen:Failure/v1" {
        /// The job.
        job: JobId,
        /// Entry of the run.
        run: u64,
        /// A fixed, data-independent sentence.
        reason: String,
    }
    /// The log's key changes. Signed by an operator; the checkpoint that follows this entry is signed by
    /// the old key and by the new one, every later one by the new one alone.
    LogKeyChanged = "log-key-changed" / "更换日志密钥", "urn:unseen:LogKey/v1" {
        /// The new verifier key, of the same name.
        log_key: String,
    }
    /// What was read and refused on one day stands in the lab's second log, of which this is the digest. Signed by
    /// the lab.
    AccessLogRecorded = "access-log-recorded" / "记录访问日志", "urn:unseen:AccessLog/v1" {
        /// The day, in UTC.
        date: NaiveDate,
        /// SHA-256 of that day's part of the log, which stays in the lab.
        digest: Digest,
        /// How many lines it has.
        lines: u64,
    }
    /// What the lab's pages load in a browser, from here on. Signed by the lab.
    ConsoleServed = "console-served" / "启用控制台", "urn:unseen:Console/v1" {
        /// Name and version of what serves it, such as `unseen 0.1.0`.
        runtime: String,
        /// SHA-256 of what `sha256sum` says of all the files that pages load, in the order of their names.
        assets: Digest,
    }
    /// Somebody opened a release.
    ReleaseRead = "release-read" / "查看结果", "urn:unseen:Reading/v1" {
        /// The job.
        job: JobId,
        /// Entry of the release.
        release: u64,
    }
}

/// Whether a dataset may be used. Its text is its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Say)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Jobs may be submitted.
    #[en("open")]
    #[zh("已开放")]
    Open,
    /// No job may be submitted; those that were may run.
    #[en("closed")]
    #[zh("已关闭")]
    Closed,
    /// No run may start on any snapshot so far, for ever. The steward who registered it may register another.
    #[en("withdrawn")]
    #[zh("已撤回")]
    Withdrawn,
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

/// One snapshot that a run reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// The dataset's name.
    pub name: String,
    /// Root digest of the snapshot's manifest.
    pub snapshot: Digest,
}

/// A job as people speak of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// Its title.
    pub title: String,
    /// Why it is run, as its manifest says.
    pub purpose: String,
    /// The datasets it reads.
    pub datasets: Vec<String>,
    /// What it costs.
    pub rho: Rho,
    /// When its result may appear.
    pub release: String,
}

impl Words {
    /// Of a submission, with the purpose that its manifest states.
    pub fn of(job: &JobSubmitted, purpose: &str) -> Words {
        let datasets = job.datasets.iter().map(|used| used.name.clone()).collect();
        let (title, release) = (job.title.clone(), job.release.clone());
        Words { title, purpose: purpose.to_owned(), datasets, rho: job.rho, release }
    }
}

/// A log of some size, as a checkpoint has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeHead {
    /// How many entries.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Digest,
}

/// What a new key signs to show that its holder asks for exactly this enrolment. Where it says how it is kept, that
/// is one line more, and the first line says so.
pub fn enrolment_bytes(log: &str, name: &str, roles: &[Role], key: &PublicKey, kept: Option<Keeping>) -> Vec<u8> {
    let roles: Vec<&str> = roles.iter().map(|role| role.name()).collect();
    let (version, kept) = kept.map_or((1, String::new()), |kept| (2, format!("{}\n", kept.name())));
    format!("unseen enrolment v{version}\n{log}\n{name}\n{}\n{key}\n{kept}", roles.join(",")).into_bytes()
}

/// Why a predicate is not a record.
#[derive(Debug, thiserror::Error, Say)]
#[code("record")]
pub enum RecordError {
    /// The predicate type names no event this version knows.
    #[error("`{0}` is not a kind of entry that this version knows: use a newer unseen")]
    #[zh("`{0}` 不是本版本认识的条目类型：请使用更新的 unseen")]
    UnknownKind(String),
    /// The predicate does not have the fields of its type.
    #[error("the entry does not have the form of its kind: {0}")]
    #[zh("条目格式与其类型不符：{0}")]
    Malformed(Sentence),
}

impl RecordError {
    pub(crate) fn malformed(error: serde_json::Error) -> RecordError {
        RecordError::Malformed(Sentence::of(&error))
    }
}

impl Record {
    /// The digests and keys that the event names, by name: the subjects of the statement. Of an event that names none,
    /// the predicate itself is the subject.
    pub fn subjects(&self) -> Vec<(String, Digest)> {
        let named = |name: &str, digest: &Digest| (name.to_owned(), *digest);
        match &self.event {
            Event::LabCreated(e) => vec![named("noise-key-commitment", &e.noise_commitment)],
            Event::PersonEnrolled(e) => vec![(e.name.clone(), Digest::from_bytes(e.key.to_bytes()))],
            Event::PersonRevoked(e) => vec![("key".to_owned(), Digest::from_bytes(e.key.to_bytes()))],
            Event::NodeEnrolled(e) => vec![(e.name.clone(), Digest::from_bytes(e.key.to_bytes()))],
            Event::NodeRevoked(e) => vec![("key".to_owned(), Digest::from_bytes(e.key.to_bytes()))],
            Event::DatasetRegistered(e) => vec![named("description", &e.description), named("snapshot", &e.snapshot)],
            Event::DatasetDescribed(e) => vec![named("description", &e.description)],
            Event::DatasetDeleted(e) => e.snapshots.iter().map(|snapshot| named("snapshot", snapshot)).collect(),
            Event::JobSubmitted(e) => {
                let used = e.datasets.iter().map(|used| (used.name.clone(), used.snapshot));
                [named("manifest", &e.manifest), named("module", &e.module)].into_iter().chain(used).collect()
            }
            Event::JobApproved(e) => {
                vec![named("submission", &e.submission), named("manifest", &e.manifest), named("module", &e.module)]
            }
            Event::RunStarted(e) => vec![named("submission", &e.submission)],
            Event::EvidenceRecorded(e) => vec![named("evidence", &e.evidence)],
            Event::Released(e) => {
                let receipts = e.receipts.iter().map(|receipts| named("receipts", receipts));
                [named("release", &e.body)].into_iter().chain(receipts).collect()
            }
            Event::ReleaseWitnessed(e) => vec![named("checkpoint", &e.checkpoint)],
            Event::AccessLogRecorded(e) => vec![named("access-log", &e.digest)],
            Event::ConsoleServed(e) => vec![named("assets", &e.assets)],
            _ => Vec::new(),
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
        assert_eq!(kind, "urn:unseen:Rejection/v1");
        assert_eq!(Record::from_predicate(&kind, value.clone()).unwrap(), record);
        assert!(Record::from_predicate("urn:unseen:Approval/v1", value.clone()).is_err());
        assert!(Record::from_predicate("urn:other", value.clone()).is_err());
        value["event"]["extra"] = 1.into();
        assert!(Record::from_predicate(&kind, value).is_err());
    }

    #[test]
    fn digests_and_keys_are_strict_hex() {
        let digest = Digest::from_bytes([0xab; 32]);
        assert_eq!(digest.to_bytes(), [0xab; 32]);
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        let short = digest.to_string();
        for bad in ["sha256:AB", "ab", "sha512:", "", &short[..70], &short[..71].to_uppercase(), &format!("{short}0")] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
        assert!("j12".parse::<JobId>().is_ok() && "job".parse::<JobId>().is_err());
    }
}
