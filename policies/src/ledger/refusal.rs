//! Why an entry may not be appended.

use chrono::{DateTime, NaiveDate, Utc};
use unseen_ids::{JobId, Role};
use unseen_texts::{Say, Sentence, Text, say, text};

use super::Gone;
use crate::event::Status;
use crate::lifecycle::State;
use crate::rho::Rho;

/// Why an entry may not be appended, or should not be in the log. Each text says what is wrong with the entry, to
/// whoever asked for it and to an outsider who finds it; what to do is for the lab's own front to add.
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
    #[error("the signer's key is not enrolled in this lab")]
    #[zh("签名者的密钥未在本实验室登记")]
    NotEnrolled,
    #[error("the key of {0} was revoked by entry {1}")]
    #[zh("{0} 的密钥已由条目 {1} 吊销")]
    Revoked(String, u64),
    #[error("{name} is not {}", role.as_a())]
    #[zh("{name} 没有“{role}”角色")]
    WrongRole { name: String, role: Role },
    #[error("only the lab itself may record this")]
    #[zh("这只能由实验室自身记录")]
    NotTheLab,
    #[error("this envelope is in the log already")]
    #[zh("该签名信封已在日志中")]
    Replayed,
    #[error("a nonce must be 32 lower-case hex digits")]
    #[zh("一次性值（nonce）必须是 32 位小写十六进制数字")]
    BadNonce,
    #[error("the name `{0}` is that of an enrolled person already")]
    #[zh("姓名 `{0}` 已被登记人员使用")]
    NameTaken(String),
    #[error("this key is in the log already")]
    #[zh("该密钥已在日志中")]
    KeyTaken,
    #[error(
        "`{0}` is not a name: one has 1 to 64 characters, no control characters and no surrounding spaces, and is not what the lab itself is called"
    )]
    #[zh("`{0}` 不能作名称：名称须为 1 至 64 个字符，不含控制字符，首尾无空格，且不得与实验室自身的称呼相同")]
    BadName(String),
    #[error("a person needs at least one role, and each only once")]
    #[zh("每人至少要有一个角色，且不得重复")]
    BadRoles,
    #[error("no enrolled person has the name or key `{0}`")]
    #[zh("没有姓名或公钥为 `{0}` 的登记人员")]
    NoSuchPerson(String),
    #[error("the name `{0}` is that of an enrolled node already")]
    #[zh("名称 `{0}` 已被登记的计算节点使用")]
    NodeNameTaken(String),
    #[error("no enrolled node has the name or key `{0}`")]
    #[zh("没有名称或公钥为 `{0}` 的计算节点")]
    NoSuchNode(String),
    #[error("the node {0} was revoked by entry {1}")]
    #[zh("计算节点 {0} 已由条目 {1} 吊销")]
    NodeRevoked(String, u64),
    #[error("`{0}` is not an age recipient: one is `age1` and 58 more letters and digits")]
    #[zh("`{0}` 不是 age 接收者：应为 `age1` 加 58 个字母和数字")]
    BadRecipient(String),
    #[error("{name} is {} whom the rules cannot do without, so the key may not be revoked", role.as_a())]
    #[zh("按规则不能没有 {name}（{role}），其密钥不得吊销")]
    Needed { name: String, role: Role },
    #[error("{has} of the {needs} people have signed whom the policy asks for")]
    #[zh("规则要求 {needs} 人签署，只有 {has} 人签署了")]
    TooFewSigners { has: u32, needs: u32 },
    #[error("only changes of people, nodes, rules and the log's key are signed by more than one")]
    #[zh("只有人员、计算节点、规则和日志密钥的变更可由多人签署")]
    TooManySigners,
    #[error("the policy asks for {needs} people in the role of {role}, and there are {has}")]
    #[zh("规则要求 {needs} 位{role}，现有 {has} 位")]
    TooFewPeople { role: Role, has: u32, needs: u32 },
    #[error("{0} would be two of operator, security administrator and auditor, which the policy separates")]
    #[zh("{0} 将同时是运行管理员、安全管理员和审计员中的两种，而规则要求三员分立")]
    NotSeparated(String),
    #[error("the policy cannot stand: {0}")]
    #[zh("规则不成立：{0}")]
    BadPolicy(Sentence),
    #[error("the dataset `{0}` is not registered")]
    #[zh("数据集 `{0}` 未登记")]
    NoSuchDataset(String),
    #[error("the dataset `{name}` was registered with {}, so it cannot change to {}", unit(was), unit(now))]
    #[zh("数据集 `{name}` 登记时为{was}，不能改为{now}", was = unit(was), now = unit(now))]
    DatasetChanged { name: String, was: Option<String>, now: Option<String> },
    #[error("`{one}` has {has} buckets and `{other}` has {not}: a job reads datasets with the same number of buckets")]
    #[zh("`{one}` 有 {has} 个分桶，`{other}` 有 {not} 个：一个作业读取的数据集分桶数必须相同")]
    OtherBuckets { one: String, has: u32, other: String, not: u32 },
    #[error("the dataset `{dataset}` is {status}")]
    #[zh("数据集 `{dataset}` {status}")]
    DatasetIs { dataset: String, status: Status },
    #[error(
        "the dataset `{0}` was withdrawn, and only the steward of its last registration may bring another snapshot"
    )]
    #[zh("数据集 `{0}` 已撤回，只有最近一次登记它的数据管理员可以登记新快照")]
    OtherSteward(String),
    #[error("only the steward who registered `{0}` may do this")]
    #[zh("只有登记 `{0}` 的数据管理员可以执行此操作")]
    NotItsSteward(String),
    #[error("the lab destroys a snapshot of `{0}` only when it is to be kept no longer")]
    #[zh("只有在保留期届满后，实验室才会自行销毁 `{0}` 的快照")]
    StillKept(String),
    #[error("the snapshot of `{dataset}` was {gone}, so no run may read it")]
    #[zh("`{dataset}` 的快照已被{gone}，任何运行都不得读取")]
    SnapshotGone { dataset: String, gone: Gone },
    #[error("`{0}` has no such snapshot, or it is named twice or deleted already")]
    #[zh("`{0}` 没有该快照，或其重复出现、已被销毁")]
    NoSuchSnapshot(String),
    #[error("the run of job {0} reads this snapshot and has not ended")]
    #[zh("作业 {0} 的运行要读取该快照，且尚未结束")]
    StillRead(JobId),
    #[error("the job names another snapshot or description of `{0}` than the one registered then")]
    #[zh("作业所指的 `{0}` 的快照或描述不是当时登记的")]
    OtherSnapshot(String),
    #[error("`{0}` is not open to {1}")]
    #[zh("`{0}` 未向 {1} 开放")]
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
    #[error("the job was made under another policy than the one in force")]
    #[zh("作业所依据的规则不是现行规则")]
    OtherPolicy,
    #[error("a job must spend something: its charge is zero")]
    #[zh("作业必须消耗预算：其开销为零")]
    NoCharge,
    #[error("the job costs {cost} rho, over the cap of {cap} rho for one job")]
    #[zh("作业开销 {cost} rho，超过单个作业上限 {cap} rho")]
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
    #[error("this lab releases on schedule only, and the job has no release time")]
    #[zh("本实验室只按计划时间发布，而作业没有发布时间")]
    ReleaseNow,
    #[error("there is no job {0}")]
    #[zh("没有作业 {0}")]
    NoSuchJob(JobId),
    #[error("job {job} is {state}, so it may not be {done}", done = done(event))]
    #[zh("作业 {job} {state}，此时不能{done}", done = done(event))]
    WrongState { job: JobId, state: State, event: &'static str },
    #[error("job {job} is started with {has} of {needs} approvals")]
    #[zh("作业 {job} 须有 {needs} 个审批，开始运行时只有 {has} 个")]
    TooFewApprovals { job: JobId, has: usize, needs: u32 },
    #[error("{0} wrote this job: its author never counts among its approvers")]
    #[zh("{0} 是本作业的提交人：提交人不得审批自己的作业")]
    Author(String),
    #[error("{0} did not submit this job: only its author may take it back")]
    #[zh("{0} 不是本作业的提交人：只有提交人可以撤回作业")]
    NotTheAuthor(String),
    #[error("a priority lies between 1, first, and 9, last, and this is {0}")]
    #[zh("优先级须在 1（最先）到 9（最后）之间，而这里是 {0}")]
    BadPriority(u8),
    #[error("{0} has approved this job already, and counts once")]
    #[zh("{0} 已批准过本作业，只算一次")]
    ApprovedTwice(String),
    #[error("the entry names something else than what was submitted as job {0}")]
    #[zh("条目所指的内容与作业 {0} 所提交的不符")]
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
    #[error("only {has} of the {needs} witnesses that the policy asks for have cosigned")]
    #[zh("规则要求 {needs} 个见证方联署，只有 {has} 个联署了")]
    TooFewWitnesses { has: u32, needs: u32 },
    #[error("that the release of job {0} was witnessed is on record already")]
    #[zh("作业 {0} 的见证发布已记录在案")]
    WitnessedAlready(JobId),
    #[error("the release of job {0} is not witnessed yet")]
    #[zh("作业 {0} 的发布尚未见证")]
    NotWitnessed(JobId),
    #[error("`{0}` is not a new verifier key of this log: it needs the log's name and another key")]
    #[zh("`{0}` 不是此日志的新验证公钥：须名称相同而密钥不同")]
    BadLogKey(String),
    #[error("the access log of {date} comes too late: that of {last} is on record")]
    #[zh("{date} 的访问日志来得太晚：{last} 的已记录在案")]
    OldAccessLog { date: NaiveDate, last: NaiveDate },
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
    #[error("the submission does not say what the job may need at most, or says it where the policy names no machine")]
    #[zh("提交内容没有写明作业的资源需求，或规则没有说明机器却写了")]
    OtherNeed,
    #[error("the job may need {needs} MiB of memory, but a run may have {has} MiB here")]
    #[zh("作业最多需要 {needs} MiB 内存，而这里一次运行最多可用 {has} MiB")]
    TooLarge { needs: u64, has: u64 },
    #[error("the run may take {needs}, but its result would appear after {has}", needs = span(*needs), has = span(*has))]
    #[zh("运行最长可能需要 {needs}，而结果将在 {has} 后发布", needs = span(*needs), has = span(*has))]
    TooLong { needs: u64, has: u64 },
    #[error("the slot of {job} lasts until {until}, and no other run may start in it")]
    #[zh("{job} 的时段到 {until} 为止，其间不得开始其他运行")]
    Busy { job: JobId, until: DateTime<Utc> },
}

/// What happens to a job with an event of this kind.
fn done(event: &str) -> Text {
    match event {
        "job-approved" => text!("approved", "批准"),
        "job-rejected" => text!("rejected", "驳回"),
        "job-withdrawn" => text!("withdrawn", "撤回"),
        "job-prioritized" => text!("put before or after others", "调整优先级"),
        "run-started" => text!("started", "开始运行"),
        "evidence-recorded" => text!("given evidence", "记录证据"),
        "released" => text!("released", "发布"),
        "release-witnessed" => text!("witnessed", "见证"),
        "release-read" => text!("read", "查看"),
        "run-failed" => text!("ended as failed", "记为失败"),
        _ => text!("changed so", "这样变更"),
    }
}

fn unit(domain: &Option<String>) -> Sentence {
    match domain {
        None => text!("no unit", "无隐私单元").into(),
        Some(domain) => say!("the unit domain `{domain}`", "单元域 `{domain}`"),
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
