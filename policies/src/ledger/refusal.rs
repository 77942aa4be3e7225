//! Why an entry may not be appended.

use chrono::{DateTime, Utc};
use unseen_ids::{JobId, Role};
use unseen_texts::{Say, Sentence, Text, say, text};

use crate::lifecycle::State;
use crate::rho::Rho;

/// Why an entry may not be appended. Each text is fit for the person who asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error, Say)]
#[code("ledger")]
#[allow(missing_docs)]
pub enum Refusal {
    #[error("the first entry of a log must create the lab, and no later one may")]
    #[zh("日志的第一条必须是创建实验室，之后不得再有")]
    NotTheBeginning,
    #[error("the entry was signed for the log `{0}`, not for `{1}`")]
    #[zh("该条目是为日志 `{0}` 签名的，不是为 `{1}`")]
    OtherLog(String, String),
    #[error("the signer's key is not enrolled in this lab: ask an operator to enrol it")]
    #[zh("签名者的密钥未在本实验室登记：请由运行管理员登记")]
    NotEnrolled,
    #[error("the key of {0} was revoked by entry {1}: ask an operator to enrol a new one")]
    #[zh("{0} 的密钥已由条目 {1} 吊销：请由运行管理员登记新密钥")]
    Revoked(String, u64),
    #[error("{name} is not {}: ask an operator to enrol a key with that role", role.as_a())]
    #[zh("{name} 没有“{role}”角色：请由运行管理员登记具有该角色的密钥")]
    WrongRole { name: String, role: Role },
    #[error("only the lab itself may record this")]
    #[zh("这只能由实验室自身记录")]
    NotTheLab,
    #[error("this envelope is in the log already: sign a new one")]
    #[zh("该签名信封已在日志中：请重新签名")]
    Replayed,
    #[error("a nonce must be 32 lower-case hex digits")]
    #[zh("一次性值（nonce）必须是 32 位小写十六进制数字")]
    BadNonce,
    #[error("the name `{0}` is taken by an enrolled person: choose another, or revoke the old key first")]
    #[zh("姓名 `{0}` 已被登记人员使用：请换一个，或先吊销旧密钥")]
    NameTaken(String),
    #[error("this key is in the log already: make a new one")]
    #[zh("该密钥已在日志中：请生成新密钥")]
    KeyTaken,
    #[error("`{0}` is not a name: use 1 to 64 characters without control characters or surrounding spaces")]
    #[zh("`{0}` 不能作名称：请用 1 至 64 个字符，不含控制字符，首尾无空格")]
    BadName(String),
    #[error("a person needs at least one role, and each only once")]
    #[zh("每人至少要有一个角色，且不得重复")]
    BadRoles,
    #[error("no enrolled person has the name or key `{0}`")]
    #[zh("没有姓名或公钥为 `{0}` 的登记人员")]
    NoSuchPerson(String),
    #[error("{0} is the last operator: enrol another one before this key is revoked")]
    #[zh("{0} 是最后一位运行管理员：请先登记另一位，再吊销此密钥")]
    LastOperator(String),
    #[error("the policy cannot stand: {0}")]
    #[zh("规则不成立：{0}")]
    BadPolicy(Sentence),
    #[error("the dataset `{0}` is not registered")]
    #[zh("数据集 `{0}` 未登记")]
    NoSuchDataset(String),
    #[error(
        "the dataset `{name}` was registered with {}, so it cannot change to {}: register it under another name",
        unit(was),
        unit(now)
    )]
    #[zh("数据集 `{name}` 登记时为{was}，不能改为{now}：请换名称登记", was = unit(was), now = unit(now))]
    DatasetChanged { name: String, was: Option<String>, now: Option<String> },
    #[error("datasets of the unit domain `{domain}` have {has} buckets, not {not}: import with the same number")]
    #[zh("单元域 `{domain}` 的数据集有 {has} 个分桶，不是 {not} 个：请用相同数目导入")]
    OtherBuckets { domain: String, has: u32, not: u32 },
    #[error(
        "the job names another snapshot or description of `{0}` than the one registered now: check and submit again"
    )]
    #[zh("作业所指的 `{0}` 的快照或描述不是现在登记的：请重新检查并提交")]
    OtherSnapshot(String),
    #[error("`{0}` is not open to {1}: ask its steward")]
    #[zh("`{0}` 未向 {1} 开放：请联系数据管理员")]
    NotOpen(String, String),
    #[error("a job must read at least one private dataset")]
    #[zh("作业至少要读取一个私有数据集")]
    NothingPrivate,
    #[error("`{0}` is named twice")]
    #[zh("`{0}` 重复出现")]
    NamedTwice(String),
    #[error("the job joins the unit domains `{0}` and `{1}`: one job reads datasets of one unit domain only")]
    #[zh("作业混用了单元域 `{0}` 和 `{1}`：一个作业只能读取同一单元域的数据集")]
    TwoDomains(String, String),
    #[error("the policy changed since the job was checked: check and submit again")]
    #[zh("作业检查之后规则已变更：请重新检查并提交")]
    OtherPolicy,
    #[error("a job must spend something: its charge is zero")]
    #[zh("作业必须消耗预算：其开销为零")]
    NoCharge,
    #[error("the job costs {cost} rho, over the cap of {cap} rho for one job: lower its budget")]
    #[zh("作业开销 {cost} rho，超过单个作业上限 {cap} rho：请降低预算")]
    OverJobCap { cost: Rho, cap: Rho },
    #[error("the job costs {cost} rho, but only {left} rho of the budget of `{dataset}` is left")]
    #[zh("作业开销 {cost} rho，而数据集 `{dataset}` 的隐私预算只剩 {left} rho")]
    OverDatasetCap { dataset: String, cost: Rho, left: Rho },
    #[error("the job costs {cost} rho, but {analyst} has only {left} rho left on `{dataset}`")]
    #[zh("作业开销 {cost} rho，而 {analyst} 在 `{dataset}` 上只剩 {left} rho")]
    OverAnalystCap { dataset: String, analyst: String, cost: Rho, left: Rho },
    #[error(
        "the job costs {cost} rho, but only {left} rho is left of what one unit of `{domain}` may lose in all datasets"
    )]
    #[zh("作业开销 {cost} rho，而 `{domain}` 域的一个单元在全部数据集中只能再损失 {left} rho")]
    OverDomainCap { domain: String, cost: Rho, left: Rho },
    #[error("this lab releases on schedule only: give the job a release time, such as release = \"+1h\"")]
    #[zh("本实验室只按计划时间发布：请给出发布时间，例如 release = \"+1h\"")]
    ReleaseNow,
    #[error("there is no job {0}")]
    #[zh("没有作业 {0}")]
    NoSuchJob(JobId),
    #[error("job {job} is {state}: it cannot be {}", done(event))]
    #[zh("作业 {job} {state}，不能{done}", done = done(event))]
    WrongState { job: JobId, state: State, event: &'static str },
    #[error("{0} wrote this job: its author never counts among its approvers")]
    #[zh("{0} 是本作业的提交人：提交人不得审批自己的作业")]
    Author(String),
    #[error("{0} has approved this job already: another operator is needed")]
    #[zh("{0} 已批准过本作业：需要另一位运行管理员")]
    ApprovedTwice(String),
    #[error("what was approved is not what was submitted as job {0}: look at the job again")]
    #[zh("所批准的内容与作业 {0} 所提交的不符：请重新查看作业")]
    OtherSubmission(JobId),
    #[error("the approval was given in the role of {0}: only an operator's counts")]
    #[zh("该审批是以“{0}”角色作出的：只有运行管理员的审批有效")]
    OtherRole(Role),
    #[error("the approver saw a log of {seen} entries, which cannot hold job {job} or is longer than this log")]
    #[zh("审批人所见日志有 {seen} 条，其中不可能有作业 {job}，或比此日志更长")]
    OtherLogSeen { job: JobId, seen: u64 },
    #[error("the run names other inputs, or another policy, than job {0} was approved with")]
    #[zh("该次运行所列的输入或规则与批准作业 {0} 时的不同")]
    OtherInputs(JobId),
    #[error("the policy asks for evidence of the machine, and the run of job {0} has none on record")]
    #[zh("规则要求机器证据，而作业 {0} 的运行没有记录在案的证据")]
    NoEvidence(JobId),
    #[error("the policy asks for no evidence of the machine")]
    #[zh("规则不要求机器证据")]
    NoEvidenceRule,
    #[error("the policy names no witnesses, so nothing is witnessed")]
    #[zh("规则没有列出见证方，因此不作见证")]
    NoWitnesses,
    #[error("`{0}` is not a witness of this lab, or is named twice")]
    #[zh("`{0}` 不是本实验室的见证方，或重复出现")]
    OtherWitness(String),
    #[error("only {has} of the {needs} witnesses that the policy asks for have cosigned: try again when they answer")]
    #[zh("规则要求 {needs} 个见证方联署，现在只有 {has} 个：请等见证方应答后重试")]
    TooFewWitnesses { has: u32, needs: u32 },
    #[error("that the release of job {0} was witnessed is on record already")]
    #[zh("作业 {0} 的见证发布已记录在案")]
    WitnessedAlready(JobId),
    #[error("the release of job {0} is not witnessed yet: try again when the witnesses answer")]
    #[zh("作业 {0} 的发布尚未见证：请等见证方应答后重试")]
    NotWitnessed(JobId),
    #[error("`{0}` is not a new verifier key of this log: it needs the log's name and another key")]
    #[zh("`{0}` 不是此日志的新验证公钥：须名称相同而密钥不同")]
    BadLogKey(String),
    #[error("the run does not stand on the approvals of job {0}")]
    #[zh("该次运行所依据的不是作业 {0} 的审批")]
    OtherApprovals(JobId),
    #[error("the run does not charge what job {0} costs")]
    #[zh("该次运行所记的账与作业 {0} 的开销不符")]
    OtherCharge(JobId),
    #[error("the entry names another run or release than that of job {0}")]
    #[zh("条目所指的不是作业 {0} 的运行或发布")]
    OtherRun(JobId),
    #[error("job {job} may not appear before {at}")]
    #[zh("作业 {job} 不得早于 {at} 发布")]
    TooEarly { job: JobId, at: DateTime<Utc> },
    #[error(
        "this lab releases on schedule only: a result appears no sooner than ten minutes after its run starts, and not before the run's slot ends"
    )]
    #[zh("本实验室按计划发布：结果最早在运行开始十分钟后、且在该次运行的时段结束后才会出现")]
    TooSoon,
    #[error(
        "the submission does not say what the job may need at most, or says it where the policy names no machine: check and submit again"
    )]
    #[zh("提交内容没有写明作业的资源需求，或规则没有说明机器却写了：请检查后重新提交")]
    OtherNeed,
    #[error(
        "the job may need {needs} MiB of memory, but a run may have {has} MiB here: lower `limits.memory`, or read fewer or narrower columns"
    )]
    #[zh(
        "作业最多需要 {needs} MiB 内存，而这里一次运行最多可用 {has} MiB：请调低 `limits.memory`，或少读几列、读更窄的列"
    )]
    TooLarge { needs: u64, has: u64 },
    #[error("the run may take {needs}, but its result would appear after {has}: lower `limits.fuel` or `limits.memory`, choose a later release, or ask the steward for closer bounds on the datasets", needs = span(*needs), has = span(*has))]
    #[zh("运行最长可能需要 {needs}，而结果将在 {has} 后发布：请调低 `limits.fuel` 或 `limits.memory`，或选择更晚的发布时间，或请数据管理员给数据集定更紧的上限", needs = span(*needs), has = span(*has))]
    TooLong { needs: u64, has: u64 },
    #[error("the slot of {job} lasts until {until}: a run may start then")]
    #[zh("{job} 的时段到 {until} 为止：届时才能开始新的运行")]
    Busy { job: JobId, until: DateTime<Utc> },
}

fn unit(domain: &Option<String>) -> Sentence {
    match domain {
        None => text!("no unit", "无隐私单元").into(),
        Some(domain) => say!("the unit domain `{domain}`", "单元域 `{domain}`"),
    }
}

/// What an event does to a job, as people say it.
fn done(event: &str) -> Text {
    match event {
        "job-approved" => text!("approved", "批准"),
        "job-rejected" => text!("rejected", "驳回"),
        "run-started" => text!("run", "运行"),
        "evidence-recorded" => text!("given evidence of the machine", "记录机器证据"),
        "released" => text!("released", "发布"),
        "release-witnessed" => text!("witnessed", "见证"),
        "release-read" => text!("read", "查看结果"),
        "run-failed" => text!("ended", "结束"),
        _ => text!("changed so", "作此变更"),
    }
}

/// Another entry came between the check of one and its application; no rule was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Say)]
#[code("overtaken")]
#[error("the log has {size} entries now, and had {checked} when this one was checked: try again")]
#[zh("日志现有 {size} 条，检查本条时为 {checked} 条：请重试")]
pub struct Overtaken {
    /// How many entries the log had.
    pub checked: u64,
    /// How many it has.
    pub size: u64,
}

/// Seconds as people say them: `2 d 3 h`, `45 s`.
pub fn span(seconds: u64) -> Sentence {
    let units = [text!("d", "天"), text!("h", "小时"), text!("min", "分"), text!("s", "秒")];
    let counts = [seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60];
    let parts = counts.into_iter().zip(units).skip_while(|(count, _)| *count == 0).take(2);
    let shown = parts.filter(|(count, _)| *count > 0).map(|(count, unit)| say!("{count} {unit}", "{count} {unit}"));
    shown.reduce(|one, other| say!("{one} {other}", "{one} {other}")).unwrap_or_else(|| say!("0 s", "0 秒"))
}
