//! Why a use-case did nothing.

use std::path::PathBuf;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_accesslog::AccessLogError;
use unseen_core::release::{OpenError, ReleaseError};
use unseen_data::{DescriptionError, SnapshotError};
use unseen_entries::sign::SignError;
use unseen_ids::JobId;
use unseen_keys::KeyStoreError;
use unseen_lab::LabError;
use unseen_policies::ledger::Refusal;
use unseen_texts::{Say, Sentence};
use unseen_toolchain::{BuildError, ComponentError, NewError};
use unseen_worker::code::CodeError;
use unseen_worker::process::Fault;
use unseen_worker::rows::RowsError;
use unseen_worker::run::RunError;

/// Why a use-case did nothing. Each text is one sentence for the person who asked.
#[derive(Debug, thiserror::Error, Say)]
#[code("usecase")]
#[allow(missing_docs)]
pub enum UseCaseError {
    #[error("{0}")]
    Lab(#[from] LabError),
    #[error("{0}")]
    AccessLog(#[from] AccessLogError),
    #[error("{0}")]
    Refused(#[from] Refusal),
    #[error("{0}")]
    Key(#[from] KeyStoreError),
    #[error("{0}")]
    Sign(#[from] SignError),
    #[error("{0}")]
    NewProject(#[from] NewError),
    #[error("{0}")]
    Build(#[from] BuildError),
    #[error("{0}")]
    Component(#[from] ComponentError),
    #[error("{0}")]
    Code(#[from] CodeError),
    #[error("{0}")]
    DataKey(#[from] unseen_data::keys::KeyError),
    #[error("{0}")]
    NewKey(#[from] unseen_tlog::KeyError),
    #[error("{0}")]
    Rows(#[from] RowsError),
    #[error("{0}")]
    Snapshot(#[from] SnapshotError),
    #[error("{0}")]
    Worker(#[from] Fault),
    #[error("{0}")]
    Release(#[from] ReleaseError),
    #[error("{0}")]
    Open(#[from] OpenError),
    #[error("{file}: {error}")]
    #[zh("{file}：{error}")]
    Description { file: String, error: DescriptionError },
    #[error("{file} describes `{says}` and not `{asked}`")]
    #[zh("{file} 描述的是 `{says}`，不是 `{asked}`")]
    OtherName { file: String, says: String, asked: String },
    #[error("{file}: line {line}, column {column}: {why}")]
    #[zh("{file}：第 {line} 行第 {column} 列：{why}")]
    PolicyFile { file: String, line: usize, column: usize, why: Sentence },
    #[error("the policy cannot be written as a file: {0}")]
    #[zh("规则无法写成文件：{0}")]
    Unwritten(Sentence),
    #[error("{error}")]
    #[zh("{error}")]
    Trial { error: RunError, failed: Vec<Failed> },
    #[error("there is no twin of `{dataset}` in {}", folder.display())]
    #[zh("{folder} 中没有 `{dataset}` 的孪生数据")]
    NoTwin { dataset: String, folder: PathBuf },
    #[error("{why}; the rows of `{table}` in {} are made up, keys too: the table is public, and `unseen twin {table}` writes its own rows where its lab is named", folder.display())]
    #[zh(
        "{why}；{folder} 中 `{table}` 的行（包括键）是编造的：该表是公开的，指定其实验室后用 `unseen twin {table}` 即可写出真实的行"
    )]
    MadeUpTable { why: Sentence, table: String, folder: PathBuf },
    #[error("{0}")]
    NotFitted(Sentence),
    #[error("{job} is not about `{dataset}` alone: a twin is fitted to the release of a `dataset fit` of it")]
    #[zh("{job} 不是只针对 `{dataset}` 的作业：孪生数据须依据 `dataset fit` 作业的发布结果拟合")]
    OtherDatasets { job: JobId, dataset: String },
    #[error("these are not the numbers of {job}: they have another digest than the one that stands with them")]
    #[zh("这些数字不是 {job} 的发布结果：与所附的摘要不符")]
    OtherNumbers { job: JobId },
    #[error("`{word}` is not explained here: there are {known}")]
    #[zh("这里没有对 `{word}` 的解释：可用 {known}")]
    NoWord { word: String, known: String },
    #[error("`{dataset}` is a public reference table: a job looks rows of it up, and asks about a private dataset")]
    #[zh("`{dataset}` 是公开参照表：作业可以查找其中的行，但应针对私有数据集编写")]
    NoUnit { dataset: String },
    #[error(
        "`{dataset}` has not {needed} columns of numbers that state a least and a greatest value, which a new job asks about: have the job written without --dataset, and name columns in its job.toml"
    )]
    #[zh(
        "`{dataset}` 没有 {needed} 个写明最小值和最大值的数值列可供新作业使用：请不带 --dataset 生成作业，再在 job.toml 中写列名"
    )]
    NoNumbers { dataset: String, needed: usize },
    #[error(
        "what was signed is an entry of the kind {kind} that says something else than was asked for: nothing was done"
    )]
    #[zh("所签内容是“{kind}”类条目，与所要求的不符：未做任何更改")]
    OtherEntry { kind: &'static str },
    #[error("a reason is a text of 1 to {most} characters, all of which show")]
    #[zh("原因应为 1 至 {most} 个可见字符")]
    Reason { most: usize },
    #[error("this is a copy of a lab's log, and not the lab: write what you sign with --out, and give it to the lab")]
    #[zh("这是实验室日志的副本，不是实验室本身：请用 --out 写出签名内容，再交给实验室")]
    IsCopy,
    #[error("what the lab gave to be signed is not what was asked for: nothing was signed")]
    #[zh("实验室给出的待签内容与所要求的不符：未签名")]
    OtherDraft,
    #[error(
        "`{name}` cannot be the name of a node, for it becomes the name of a file: it has no slash and begins with no full stop"
    )]
    #[zh("`{name}` 不能作计算节点的名称：名称将用作文件名，不得含斜杠，也不得以句点开头")]
    NodeName { name: String },
    #[error(
        "what the lab said of itself has no `serviceKey`, which nodes go by: have it asked again by a newer unseen"
    )]
    #[zh("实验室的说明中没有计算节点所依据的 `serviceKey`：请用较新的 unseen 重新查询")]
    NoServiceKey,
    #[error("{0}")]
    #[zh("{0}")]
    NodeIdentity(unseen_age::AgeError),
    #[error("there is no entry {entry}: the log has {size} entries")]
    #[zh("没有条目 {entry}：日志共有 {size} 条")]
    NoEntry { entry: u64, size: u64 },
    #[error("there is no kind of entry that is called `{kind}`: such as job-approved")]
    #[zh("没有名为 `{kind}` 的条目类型：例如 job-approved")]
    NoKind { kind: String },
    #[error("there are no days from {since} to {until}: the first one is the later one")]
    #[zh("{since} 至 {until} 之间没有日期：起始日晚于截止日")]
    NoDays { since: NaiveDate, until: NaiveDate },
    #[error("entry {entry} cannot be read: {why}")]
    #[zh("条目 {entry} 无法读取：{why}")]
    UnreadEntry { entry: u64, why: Sentence },
}

/// Grains that failed in one way.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Say)]
#[serde(rename_all = "camelCase")]
#[en("{failure}")]
#[zh("{failure}")]
pub struct Failed {
    /// How many.
    pub grains: u64,
    /// What happened.
    pub failure: Sentence,
}
