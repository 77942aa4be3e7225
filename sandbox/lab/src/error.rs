//! What can go wrong in a lab. Each text is one sentence for the person who gave the command.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Local, Utc};
use unseen_audit::fold::FoldError;
use unseen_data::{ImportError, SnapshotError};
use unseen_entries::{EntryError, sign::SignError};
use unseen_ids::JobId;
use unseen_keys::KeyStoreError;
use unseen_log::LogError;
use unseen_policies::ledger::{Overtaken, Refusal};
use unseen_policies::lifecycle::State;
use unseen_policies::manifest::ManifestError;
use unseen_texts::{Say, Sentence, Text, exists};
use unseen_worker::process::Fault;

use crate::upload_error::UploadError;

/// Why a command did nothing.
#[derive(Debug, thiserror::Error, Say)]
#[code("lab")]
#[allow(missing_docs)]
pub enum LabError {
    #[error("{}: {source}", path.display())]
    #[zh("{path}：{source}")]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{} is not a lab", .0.display())]
    #[zh("{0} 不是实验室")]
    NoLab(PathBuf),
    #[error("{}, line {line}: {why}", path.display())]
    #[zh("{path} 第 {line} 行：{why}")]
    Settings { path: PathBuf, line: usize, why: Sentence },
    #[error("{} is not empty: a new lab needs a new folder", .0.display())]
    #[zh("{0} 不是空文件夹：新实验室需要新文件夹")]
    NotEmpty(PathBuf),
    #[error("job {job} has {has} of the {needed} approvals it needs: ask another operator")]
    #[zh("作业 {job} 需要 {needed} 个审批，现有 {has} 个：请另一位运行管理员审批")]
    NotApproved { job: JobId, has: usize, needed: u32 },
    #[error("{}", exists(.0))]
    #[zh("{said}", said = exists(_0))]
    Exists(PathBuf),
    #[error("{0}")]
    Key(#[from] KeyStoreError),
    #[error("{} is not a private key of the kind that is made here", .0.display())]
    #[zh("{0} 不是此处生成的那种私钥")]
    NotAKey(PathBuf),
    #[error("{0}")]
    Log(#[from] Arc<LogError>),
    #[error("{0}")]
    Entry(#[from] EntryError),
    #[error("{0}")]
    Sign(#[from] SignError),
    #[error("{0}")]
    Refused(#[from] Refusal),
    #[error("{0}")]
    Overtaken(#[from] Overtaken),
    #[error("{0}")]
    Access(Box<unseen_access::RulesError>),
    #[error("{0}")]
    Import(ImportError),
    #[error("{file}: {error}")]
    #[zh("{file}：{error}")]
    Source { file: String, error: ImportError },
    #[error("{file}: {error}")]
    #[zh("{file}：{error}")]
    Encrypted { file: String, error: unseen_age::AgeError },
    #[error("{0}")]
    Upload(#[from] UploadError),
    #[error("`{dataset}` has {buckets} buckets already")]
    #[zh("`{dataset}` 已有 {buckets} 个分桶")]
    HasBuckets { dataset: String, buckets: u32 },
    #[error("`{0}` is a public table, and has no buckets")]
    #[zh("`{0}` 是公开表，没有分桶")]
    NoBuckets(String),
    #[error("there is no such import, or it was removed since: ask for it again")]
    #[zh("没有此导入，或其已被清除：请重新提出")]
    NoImport,
    #[error("{file}: {error}")]
    #[zh("{file}：{error}")]
    Manifest { file: String, error: ManifestError },
    #[error("{0}")]
    #[zh("{0}")]
    Description(Sentence),
    #[error(
        "{file} says in its first line that it describes a twin, whose rows are made up: import the rows themselves, with their own description; or, if made-up rows are what you mean, delete that line"
    )]
    #[zh(
        "{file} 的首行写明它描述的是孪生数据，即编造的行：请导入真实的行及其自己的描述；若确实要用编造的行，请删去该行"
    )]
    Twin { file: String },
    #[error(
        "the new description of `{0}` says something else of the data than the one before: only what people are told may change, all else needs an import"
    )]
    #[zh("`{0}` 的新描述对数据本身的说明与原描述不同：只能修改供人阅读的内容，其他改动须重新导入")]
    OtherData(String),
    #[error("`{0}` is not a public table: nobody gets its rows, `unseen twin` makes others like them")]
    #[zh("`{0}` 不是公开表：任何人都不能取得其数据行，请用 `unseen twin` 生成孪生数据")]
    NotPublic(String),
    #[error("the module is refused: {0}")]
    #[zh("模块被拒绝：{0}")]
    Module(Sentence),
    #[error("the manifest and what was submitted differ in {0}: submit the job again")]
    #[zh("作业清单与提交内容不一致（{0}）：请重新提交")]
    Mismatch(Text),
    #[error("an audit would find fault with this entry: {0}")]
    #[zh("此条目经不起审计：{0}")]
    Named(Sentence),
    #[error("the key that this names is not the one that is ready to take over the log")]
    #[zh("其中的密钥不是现在准备接管日志的密钥")]
    NotAHandover,
    #[error("the {what} that is there is not the one that was approved: {error}")]
    #[zh("现有的{what}不是所批准的：{error}")]
    Replaced { what: Text, error: Box<LabError> },
    #[error("the snapshot of `{dataset}` cannot be used: {error}")]
    #[zh("`{dataset}` 的快照无法使用：{error}")]
    SnapshotOf { dataset: String, error: SnapshotError },
    #[error("{0}")]
    Snapshot(#[from] SnapshotError),
    #[error("{0}")]
    Cluster(#[from] unseen_cluster::error::ClusterError),
    #[error(
        "the policy asks for evidence of the machine, and there is none: {0}; the run is charged and goes on once there is"
    )]
    #[zh("规则要求机器证据，但没有取得：{0}；该次运行已扣预算，取得证据后继续")]
    Evidence(Sentence),
    #[error(
        "the witness {witness} has seen another history of this log than the one here, so nothing goes on: {refusal}"
    )]
    #[zh("见证方 {witness} 看到的此日志的历史与这里的不同，因此停止一切操作：{refusal}")]
    Alarm { witness: String, refusal: unseen_witness::client::Refusal },
    #[error(
        "the release of {job} stays sealed: {has} of the {needs} witnesses that the policy asks for have cosigned ({why}); try again later"
    )]
    #[zh("{job} 的结果继续封存：规则要求 {needs} 个见证方联署，现在有 {has} 个（{why}）；请稍后重试")]
    Unwitnessed { job: unseen_ids::JobId, has: usize, needs: usize, why: Sentence },
    #[error("the policy of this lab names no witnesses, so nothing shows that the backup is the newest")]
    #[zh("本实验室的规则没有列出见证方，无从表明备份是最新的")]
    NothingToCompare,
    #[error("{has} of the {needs} witnesses could say how far the log had come ({why}): try again")]
    #[zh("需要 {needs} 个见证方说明日志的进展，现在有 {has} 个（{why}）：请重试")]
    TooFewToCompare { has: usize, needs: usize, why: Sentence },
    #[error("the kept checkpoint belongs to another log, or is signed with a key that this backup does not know")]
    #[zh("所保存的检查点属于别的日志，或由此备份不认识的密钥签名")]
    OtherCheckpoint,
    #[error("this lab signs in SM2 too, and this program was built without that: build it with the feature sm2")]
    #[zh("本实验室同时使用 SM2 签名，而本程序构建时未包含它：请启用 sm2 特性重新构建")]
    NoSm2,
    #[error("the policy names another SM2 key than this lab's own: leave `sm2_key` as it is")]
    #[zh("规则所写的 SM2 密钥不是本实验室的密钥：请保留 `sm2_key` 原值")]
    OtherSm2Key,
    #[error("the run stopped: {0}")]
    #[zh("运行中止：{0}")]
    Run(Fault),
    #[error("the run was cut short: {fault}; run the job again before its result is due, or it ends without one")]
    #[zh("运行中断：{fault}；请在结果发布时间之前再次运行该作业，否则它将以无结果告终")]
    CutShort { job: unseen_ids::JobId, fault: Fault },
    #[error(
        "the run may need {needs} MiB of memory, and this machine has {has} MiB for it: run it when the machine has less to do, or submit it with a lower `limits.memory`"
    )]
    #[zh(
        "运行最多需要 {needs} MiB 内存，而本机可用的只有 {has} MiB：请等机器空闲时再运行，或调低 `limits.memory` 后重新提交"
    )]
    Memory { needs: u64, has: u64 },
    #[error("{0} runs or replays a job of this lab: try again when it has ended")]
    #[zh("{0} 正在运行或重放本实验室的作业：请等它结束后再试")]
    RunGoesOn(Sentence),
    #[error("{0} has the lab: try again when it has ended")]
    #[zh("{0} 正在使用本实验室：请等它结束后再试")]
    InUse(Sentence),
    #[error("{by} imports `{dataset}`: try again when it has ended")]
    #[zh("{by} 正在导入 `{dataset}`：请等它结束后再试")]
    ImportGoesOn { dataset: String, by: Sentence },
    #[error("the policy lets no row be read where it could be written to swap: {0}")]
    #[zh("规则不允许在数据可能写入交换区的地方读取数据行：{0}")]
    Swap(Sentence),
    #[error(
        "the run of {job} was started by the build {started}, and this is the build {build}: go on with the one that started it"
    )]
    #[zh("{job} 的运行由构建 {started} 开始，而当前构建是 {build}：请用开始它的那个构建继续")]
    OtherBuild { job: unseen_ids::JobId, started: unseen_ids::Digest, build: unseen_ids::Digest },
    #[error("entry {0} of the log is not a valid one: {1}")]
    #[zh("日志条目 {0} 无效：{1}")]
    DamagedLog(u64, FoldError),
    #[error("the lab's state cannot be kept: {0}")]
    #[zh("无法保存实验室状态：{0}")]
    State(Sentence),
    #[error("the release of {job} is sealed until {at}")]
    #[zh("{job} 的结果封存至 {at}")]
    Sealed { job: JobId, at: String },
    #[error("the job does not fit its data: {0}")]
    #[zh("作业与数据不符：{0}")]
    Unfit(Sentence),
    #[error(
        "{} is a link, and what a lab holds lies in the lab's own folder: move it there, or mount another disk in its place", .0.display()
    )]
    #[zh("{0} 是链接，而实验室的内容须在它自己的文件夹内：请移入该文件夹，或把另一块磁盘挂载到此处")]
    Linked(PathBuf),
    #[error("{} is in the folder that is to be copied: choose a place outside of it", .0.display())]
    #[zh("{0} 在要复制的文件夹之内：请换到文件夹之外")]
    Inside(PathBuf),
    #[error("{job} is {state} and has no result: {reason}")]
    #[zh("{job} {state}，没有结果：{reason}")]
    Ended { job: JobId, state: State, reason: String },
    #[error("{0} has no result yet: it has not run to its end")]
    #[zh("{0} 尚无结果：运行还没有结束")]
    NoResult(unseen_ids::JobId),
    #[error("the lab's noise key is not the one the log began with: restore keys/noise.key from a backup")]
    #[zh("实验室的噪声密钥与日志初始记录不符：请从备份恢复 keys/noise.key")]
    OtherNoiseKey,
    #[error("{0}")]
    #[zh("{0}")]
    Other(Sentence),
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
    /// A result that is not to be seen before `at`, told by this machine's clock.
    pub(crate) fn sealed(job: JobId, at: DateTime<Utc>) -> LabError {
        LabError::Sealed { job, at: at.with_timezone(&Local).format("%F %T %:z").to_string() }
    }

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

/// Shared, for those whose entries were to be logged together.
impl From<LogError> for LabError {
    fn from(error: LogError) -> LabError {
        LabError::Log(Arc::new(error))
    }
}

impl From<unseen_access::RulesError> for LabError {
    fn from(error: unseen_access::RulesError) -> LabError {
        LabError::Access(Box::new(error))
    }
}

impl From<Fault> for LabError {
    fn from(fault: Fault) -> LabError {
        LabError::Run(fault)
    }
}
