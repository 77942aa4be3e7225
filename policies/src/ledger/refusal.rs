//! Why an entry may not be appended.

use chrono::{DateTime, Utc};
use unseen_ids::JobId;

use crate::rho::Rho;

/// Why an entry may not be appended. Each text is fit for the person who asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[allow(missing_docs)]
pub enum Refusal {
    #[error("the first entry of a log must create the lab, and no later one may")]
    NotTheBeginning,
    #[error("the entry was signed for the log `{0}`, not for `{1}`")]
    OtherLog(String, String),
    #[error("the signer's key is not enrolled in this lab: ask an operator to enrol it")]
    NotEnrolled,
    #[error("the key of {0} was revoked by entry {1}: ask an operator to enrol a new one")]
    Revoked(String, u64),
    #[error("{name} is not {role}: ask an operator to enrol a key with that role")]
    WrongRole { name: String, role: &'static str },
    #[error("only the lab itself may record this")]
    NotTheLab,
    #[error("this envelope is in the log already: sign a new one")]
    Replayed,
    #[error("a nonce must be 32 lower-case hex digits")]
    BadNonce,
    #[error("the name `{0}` is taken by an enrolled person: choose another, or revoke the old key first")]
    NameTaken(String),
    #[error("this key is in the log already: make a new one with `unseen key new`")]
    KeyTaken,
    #[error("`{0}` is not a name: use 1 to 64 characters without control characters or surrounding spaces")]
    BadName(String),
    #[error("a person needs at least one role, and each only once")]
    BadRoles,
    #[error("nobody enrolled has the name or key `{0}`: see `unseen person list`")]
    NoSuchPerson(String),
    #[error("{0} is the last operator: enrol another one before this key is revoked")]
    LastOperator(String),
    #[error("the policy cannot stand: {0}")]
    BadPolicy(String),
    #[error("the dataset `{0}` is not registered: see `unseen dataset list`")]
    NoSuchDataset(String),
    #[error(
        "the dataset `{name}` was registered with {was}, so it cannot change to {now}: register it under another name"
    )]
    DatasetChanged { name: String, was: String, now: String },
    #[error("datasets of the unit domain `{domain}` have {has} buckets, not {not}: import with the same number")]
    OtherBuckets { domain: String, has: u32, not: u32 },
    #[error(
        "the job names another snapshot or description of `{0}` than the one registered now: check and submit again"
    )]
    OtherSnapshot(String),
    #[error("`{0}` is not open to {1}: ask its steward")]
    NotOpen(String, String),
    #[error("a job must read at least one private dataset")]
    NothingPrivate,
    #[error("`{0}` is named twice")]
    NamedTwice(String),
    #[error("the job joins the unit domains `{0}` and `{1}`: one job reads datasets of one unit domain only")]
    TwoDomains(String, String),
    #[error("the policy changed since the job was checked: check and submit again")]
    OtherPolicy,
    #[error("a job must spend something: its charge is zero")]
    NoCharge,
    #[error("the job costs {cost} rho, over the cap of {cap} rho for one job: lower its budget")]
    OverJobCap { cost: Rho, cap: Rho },
    #[error("the job costs {cost} rho, but only {left} rho of the budget of `{dataset}` is left")]
    OverDatasetCap { dataset: String, cost: Rho, left: Rho },
    #[error("the job costs {cost} rho, but {analyst} has only {left} rho left on `{dataset}`")]
    OverAnalystCap { dataset: String, analyst: String, cost: Rho, left: Rho },
    #[error(
        "the job costs {cost} rho, but only {left} rho is left of what one unit of `{domain}` may lose in all datasets"
    )]
    OverDomainCap { domain: String, cost: Rho, left: Rho },
    #[error("this lab releases on schedule only: give the job a release time, such as release = \"+1h\"")]
    ReleaseNow,
    #[error("there is no job {0}: see `unseen job list`")]
    NoSuchJob(JobId),
    #[error("job {job} is {state}, so `{event}` cannot follow: see `unseen job show {job}`")]
    WrongState { job: JobId, state: &'static str, event: &'static str },
    #[error("{0} wrote this job: its author never counts among its approvers")]
    Author(String),
    #[error("{0} has approved this job already: another operator is needed")]
    ApprovedTwice(String),
    #[error("what was approved is not what was submitted as job {0}: look at the job again")]
    OtherSubmission(JobId),
    #[error("the approval was given in the role of {0}: only an operator's counts")]
    OtherRole(&'static str),
    #[error("the approver saw a log of {seen} entries, which cannot hold job {job} or is longer than this log")]
    OtherLogSeen { job: JobId, seen: u64 },
    #[error("the run names other inputs, or another policy, than job {0} was approved with")]
    OtherInputs(JobId),
    #[error("the policy asks for evidence of the machine, and the run of job {0} has none on record")]
    NoEvidence(JobId),
    #[error("the policy asks for no evidence of the machine")]
    NoEvidenceRule,
    #[error("the policy names no witnesses, so nothing is witnessed")]
    NoWitnesses,
    #[error("`{0}` is not a witness of this lab, or is named twice")]
    OtherWitness(String),
    #[error("only {has} of the {needs} witnesses that the policy asks for have cosigned: try again when they answer")]
    TooFewWitnesses { has: u32, needs: u32 },
    #[error("that the release of job {0} was witnessed is on record already")]
    WitnessedAlready(JobId),
    #[error("the release of job {0} is not witnessed yet: try again when the witnesses answer")]
    NotWitnessed(JobId),
    #[error("`{0}` is not a new verifier key of this log: it needs the log's name and another key")]
    BadLogKey(String),
    #[error("the run does not stand on the approvals of job {0}")]
    OtherApprovals(JobId),
    #[error("the run does not charge what job {0} costs")]
    OtherCharge(JobId),
    #[error("the entry names another run or release than that of job {0}")]
    OtherRun(JobId),
    #[error("job {job} may not appear before {at}")]
    TooEarly { job: JobId, at: DateTime<Utc> },
    #[error(
        "this lab releases on schedule only: a result appears no sooner than ten minutes after its run starts, and not before the run's slot ends"
    )]
    TooSoon,
    #[error(
        "the submission does not say what the job may need at most, or says it where the policy names no machine: check and submit again"
    )]
    OtherNeed,
    #[error(
        "the job may need {needs} MiB of memory, but a run may have {has} MiB here: lower `limits.memory`, or read fewer or narrower columns"
    )]
    TooLarge { needs: u64, has: u64 },
    #[error("the run may take {needs}, but its result would appear after {has}: lower `limits.fuel` or `limits.memory` (`unseen job try` proposes a limit), choose a later release, or ask the steward for closer bounds on the datasets", needs = span(*needs), has = span(*has))]
    TooLong { needs: u64, has: u64 },
    #[error("the slot of {job} lasts until {until}: a run may start then")]
    Busy { job: JobId, until: DateTime<Utc> },
}

/// Another entry came between the check of one and its application; no rule was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the log has {size} entries now, and had {checked} when this one was checked: try again")]
pub struct Overtaken {
    /// How many entries the log had.
    pub checked: u64,
    /// How many it has.
    pub size: u64,
}

/// Seconds as people say them: `2 d 3 h`, `45 s`.
pub fn span(seconds: u64) -> String {
    let parts = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let shown: Vec<String> = parts
        .iter()
        .skip_while(|(count, _)| *count == 0)
        .take(2)
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect();
    if shown.is_empty() { "0 s".to_owned() } else { shown.join(" ") }
}
