//! What can go wrong in a lab. Each text is one sentence for the person who gave the command.

use std::path::{Path, PathBuf};

use unseen_audit::fold::FoldError;
use unseen_data::{ImportError, SnapshotError};
use unseen_entries::{EntryError, sign::SignError};
use unseen_keys::KeyStoreError;
use unseen_log::LogError;
use unseen_policies::ledger::{Overtaken, Refusal};
use unseen_policies::manifest::ManifestError;
use unseen_worker::process::Fault;

/// Why a command did nothing.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum LabError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{} is no lab: make one with `unseen lab init`", .0.display())]
    NoLab(PathBuf),
    #[error("{} is not empty: a new lab needs a new folder", .0.display())]
    NotEmpty(PathBuf),
    #[error("{} exists already and is never overwritten: choose another name", .0.display())]
    Exists(PathBuf),
    #[error("{0}")]
    Key(#[from] KeyStoreError),
    #[error("{} is not a private key made by `unseen key new`", .0.display())]
    NotAKey(PathBuf),
    #[error("{0}")]
    Log(#[from] LogError),
    #[error("{0}")]
    Entry(#[from] EntryError),
    #[error("{0}")]
    Sign(#[from] SignError),
    #[error("{0}")]
    Refused(#[from] Refusal),
    #[error("{0}")]
    Overtaken(#[from] Overtaken),
    #[error("{0}")]
    Import(ImportError),
    #[error("{file}: {error}")]
    Source { file: String, error: ImportError },
    #[error("{file}: {error}")]
    Manifest { file: String, error: ManifestError },
    #[error("{0}")]
    Description(String),
    #[error("the module is refused: {0}")]
    Module(String),
    #[error("the manifest and what was submitted differ in {0}: submit the job again")]
    Mismatch(&'static str),
    #[error("the entry does not agree with what it names: {0}")]
    Named(String),
    #[error("the log's key is changed with `unseen lab rotate-key` only, since both keys must sign")]
    NotAHandover,
    #[error("the {what} that is there is not the one that was approved: {error}")]
    Replaced { what: &'static str, error: Box<LabError> },
    #[error("the snapshot of `{dataset}` cannot be used: {error}")]
    SnapshotOf { dataset: String, error: SnapshotError },
    #[error("{0}")]
    Snapshot(#[from] SnapshotError),
    #[error(
        "the policy asks for evidence of the machine, and there is none: {0}; the run is charged and goes on with `unseen job run` once there is"
    )]
    Evidence(String),
    #[error(
        "the witness {witness} has seen another history of this log than the one here, so nothing goes on: {refusal}"
    )]
    Alarm { witness: String, refusal: String },
    #[error(
        "the release of {job} stays sealed: {has} of the {needs} witnesses that the policy asks for have cosigned ({why}); try again with `unseen job release {job}`"
    )]
    Unwitnessed { job: unseen_ids::JobId, has: usize, needs: usize, why: String },
    #[error(
        "the policy of this lab names no witnesses: give the newest checkpoint there is with --since, or say --unchecked and answer for it"
    )]
    NothingToCompare,
    #[error(
        "{has} of the {needs} witnesses could say how far the log had come ({why}): try again, or give the newest checkpoint there is with --since"
    )]
    TooFewToCompare { has: usize, needs: usize, why: String },
    #[error("the kept checkpoint is of another log, or signed with a key that this backup does not know")]
    OtherCheckpoint,
    #[error("this lab signs in SM2 too, and this program was built without that: build it with the feature sm2")]
    NoSm2,
    #[error(
        "the policy names another SM2 key than this lab's own: leave `sm2_key` as it is, or let `unseen lab enable-sm2` write it"
    )]
    OtherSm2Key,
    #[error("the run stopped: {0}")]
    Run(Fault),
    #[error("the run was cut short: {fault}; run the job again before its result is due, or it ends without one")]
    CutShort { job: unseen_ids::JobId, fault: Fault },
    #[error(
        "the run may need {needs} MiB of memory, and this machine has {has} MiB for it: run it when the machine has less to do, or submit it with a lower `limits.memory`"
    )]
    Memory { needs: u64, has: u64 },
    #[error("{0} runs or replays a job of this lab: try again when it has ended")]
    RunGoesOn(String),
    #[error("{0} has the lab: try again when it has ended")]
    InUse(String),
    #[error("{by} imports `{dataset}`: try again when it has ended")]
    ImportGoesOn { dataset: String, by: String },
    #[error("the policy lets no row be read where it could be written to swap: {0}")]
    Swap(String),
    #[error(
        "the run of {job} was started by the build {started}, and this is the build {build}: go on with the one that started it"
    )]
    OtherBuild { job: unseen_ids::JobId, started: unseen_ids::Digest, build: unseen_ids::Digest },
    #[error("entry {0} of the log is not a valid one: {1}")]
    DamagedLog(u64, FoldError),
    #[error("the lab's state cannot be kept: {0}")]
    State(String),
    #[error("the release of {job} is sealed until {at}")]
    Sealed { job: unseen_ids::JobId, at: chrono::DateTime<chrono::Utc> },
    #[error("{0} has no result yet: run it first")]
    NoResult(unseen_ids::JobId),
    #[error("the lab's noise key is not the one the log began with: restore keys/noise.key from a backup")]
    OtherNoiseKey,
    #[error("{0}")]
    Other(String),
}

impl From<FoldError> for LabError {
    fn from(error: FoldError) -> LabError {
        match error {
            FoldError::Entry(error) => LabError::Entry(error),
            FoldError::Refused(refusal) => LabError::Refused(refusal),
            FoldError::Overtaken(overtaken) => LabError::Overtaken(overtaken),
        }
    }
}

impl LabError {
    /// An I/O error at a path.
    pub fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> LabError {
        let path = path.into();
        move |source| LabError::Io { path, source }
    }
}

impl LabError {
    /// A file that was refused, named once.
    pub fn import(file: &Path, error: ImportError) -> LabError {
        match error {
            ImportError::Open { .. } | ImportError::Write(_) | ImportError::Exists(_) | ImportError::Busy(_) => {
                LabError::Import(error)
            }
            _ => LabError::Source { file: file.display().to_string(), error },
        }
    }
}

impl From<Fault> for LabError {
    fn from(fault: Fault) -> LabError {
        LabError::Run(fault)
    }
}
