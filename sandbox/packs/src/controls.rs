//! What two standards ask of a lab, and where in it the answer is. Requirements are put in our own words; what the
//! service cannot show is said beside each, whatever else it shows.

use std::collections::BTreeMap;

use unseen_ids::Role;
use unseen_policies::policy::Policy;
use unseen_texts::{Sentence, Text, say, text};
use unseen_usecases::people::Person;

/// One requirement.
pub(crate) struct Control {
    pub standard: &'static str,
    pub clause: &'static str,
    /// What is asked.
    pub asks: Text,
    /// Kinds of entries that answer.
    pub kinds: &'static [&'static str],
    /// What is so in this lab.
    pub finds: fn(&Facts<'_>) -> Vec<Sentence>,
    /// What in this lab speaks against it.
    pub against: fn(&Facts<'_>) -> Vec<Sentence>,
    /// What the service does not show of it.
    pub gap: Option<Text>,
}

/// What is known of a lab.
pub(crate) struct Facts<'a> {
    pub policy: &'a Policy,
    pub people: &'a [Person],
    /// How many rules of access there are, and their text.
    pub rules: (usize, &'a str),
    pub witnesses: usize,
    pub datasets: usize,
    /// How many entries there are of each kind.
    pub counts: &'a BTreeMap<String, u64>,
}

impl Facts<'_> {
    fn count(&self, kind: &str) -> u64 {
        self.counts.get(kind).copied().unwrap_or_default()
    }

    fn active(&self) -> usize {
        self.people.iter().filter(|person| person.revoked.is_none()).count()
    }

    fn with(&self, role: Role) -> usize {
        self.people.iter().filter(|person| person.revoked.is_none() && person.roles.contains(&role)).count()
    }
}

/// GB/T 22239-2019, third level, general requirements.
pub(crate) const DJCP: &str = "GB/T 22239-2019 (L3)";
/// The Standard Architecture for Trusted Research Environments, version 2.
pub(crate) const SATRE: &str = "SATRE v2";

/// Everything that is run by the service in one way whatever the lab sets.
const BUILT_IN: Text = text!(
    "This is built into the program of the named version; that this version is what serves, the log shows for runs alone.",
    "此项由所列版本的程序固定实现；日志只对运行证明所用的正是该版本程序。"
);

/// The requirements, by standard and clause.
pub(crate) const CONTROLS: &[Control] = &[
    Control {
        standard: DJCP,
        clause: "8.1.4.1 a",
        asks: text!("Everybody is identified, uniquely.", "身份标识具有唯一性，登录须鉴别身份。"),
        kinds: &["person-enrolled", "person-revoked"],
        finds: |facts| {
            let (all, active) = (facts.people.len(), facts.active());
            vec![say!(
                "{active} people enrolled and not revoked, of {all} keys ever; each key was signed for by its holder",
                "已登记且未吊销 {active} 人（历史共 {all} 个密钥）；每个密钥均由本人签名确认"
            )]
        },
        against: nothing,
        gap: None,
    },
    Control {
        standard: DJCP,
        clause: "8.1.4.1 b",
        asks: text!("Failed log-ins lock, idle sessions end.", "登录失败处理：限制非法登录次数，空闲超时自动退出。"),
        kinds: &["access-log-recorded"],
        finds: |_| {
            vec![say!(
                "five failures in ten minutes lock for fifteen; a session ends after 30 idle minutes and after 12 hours",
                "十分钟内失败五次即锁定十五分钟；会话空闲 30 分钟、最长 12 小时后结束"
            )]
        },
        against: nothing,
        gap: Some(BUILT_IN),
    },
    Control {
        standard: DJCP,
        clause: "8.1.4.1 d",
        asks: text!("Two factors, one of them cryptographic.", "采用两种以上鉴别技术，其中至少一种使用密码技术。"),
        kinds: &["person-enrolled"],
        finds: |_| {
            vec![say!(
                "whatever changes anything is signed by the person's own key (Ed25519), whatever let them in",
                "任何变更均须由本人密钥签名（Ed25519），与登录方式无关"
            )]
        },
        against: nothing,
        gap: Some(text!(
            "Whether a certificate or the office's identity provider was the other factor stands in the access log, which is not public.",
            "另一种因素（证书或单位身份认证）的使用情况记录在不公开的访问日志中。"
        )),
    },
    Control {
        standard: DJCP,
        clause: "8.1.4.2",
        asks: text!(
            "Least rights, administrators apart, security labels on what is accessed.",
            "访问控制：最小权限、管理角色权限分离、对主体和客体设置安全标记。"
        ),
        kinds: &["policy-set"],
        finds: |facts| {
            let (count, text) = facts.rules;
            let mut found = vec![say!(
                "{count} rules of access in Cedar; what no rule permits is denied",
                "Cedar 访问规则 {count} 条；规则未允许的一律拒绝"
            )];
            if text.contains("openLevel") {
                found.push(say!("rules decide by the level of data", "规则按数据分级判定"));
            }
            found.extend(separated(facts));
            found
        },
        against: not_separated,
        gap: None,
    },
    Control {
        standard: DJCP,
        clause: "8.1.4.3",
        asks: text!(
            "Audit of everybody: time, who, what, whether it succeeded; protected and backed up.",
            "安全审计：覆盖每个用户，记录时间、用户、事件、是否成功，并加以保护和备份。"
        ),
        kinds: &["access-log-recorded"],
        finds: |facts| {
            let (days, witnesses) = (facts.count("access-log-recorded"), facts.witnesses);
            vec![
                say!(
                    "changes: each is a signed entry of a Merkle log, which {witnesses} witnesses cosign",
                    "变更：每项都是默克尔日志中的签名条目，由 {witnesses} 个见证方联署"
                ),
                say!(
                    "log-ins, reads and refusals: a second log, of which {days} days are sealed by a digest in the first",
                    "登录、查阅与拒绝：第二份日志，其中 {days} 天已由主日志中的摘要固化"
                ),
            ]
        },
        against: unsealed,
        gap: Some(text!(
            "Backups are made outside the service and are not on record.",
            "备份在服务之外进行，没有记录。"
        )),
    },
    Control {
        standard: DJCP,
        clause: "8.1.4.4",
        asks: text!("Administrators come from known addresses.", "入侵防范：限定管理终端的网络地址范围。"),
        kinds: &[],
        finds: |_| Vec::new(),
        against: nothing,
        gap: Some(text!(
            "This is the network's and the machine's, not the service's.",
            "由网络和主机配置实现，服务不予证明。"
        )),
    },
    Control {
        standard: DJCP,
        clause: "8.1.4.6",
        asks: text!("What runs is measured and attested.", "可信验证：对系统程序进行可信验证并留存结果。"),
        kinds: &["run-started", "evidence-recorded"],
        finds: |facts| {
            let (runs, quotes) = (facts.count("run-started"), facts.count("evidence-recorded"));
            vec![say!(
                "{runs} runs, each with the digest of the program; {quotes} of them with evidence of the machine",
                "共 {runs} 次运行，均记录程序摘要；其中 {quotes} 次附机器证据"
            )]
        },
        against: unattested,
        gap: None,
    },
    Control {
        standard: DJCP,
        clause: "8.1.4.7–8",
        asks: text!("Integrity and secrecy of data, by cryptography.", "数据完整性与保密性：采用密码技术。"),
        kinds: &["dataset-registered"],
        finds: |facts| {
            let sm2 = facts.policy.sm2_key.as_ref().map(|_| {
                say!("checkpoints and releases are signed in SM2 with SM3 too", "检查点和发布另以 SM2/SM3 签名")
            });
            let named = [say!(
                "each snapshot is named by the root of its digests (SHA-256), and every run says which it read",
                "每个快照以摘要根（SHA-256）命名，每次运行均记录所读快照"
            )];
            named.into_iter().chain(sm2).collect()
        },
        against: no_sm2,
        gap: Some(text!(
            "That files are encrypted at rest (AES-256-GCM) and connections by TLS is built in; the log does not show it.",
            "静态加密（AES-256-GCM）和 TLS 由程序固定实现，日志不作证明。"
        )),
    },
    Control {
        standard: DJCP,
        clause: "8.1.4.9",
        asks: text!("Backups, and drills of their return.", "数据备份恢复：本地与异地备份，恢复演练。"),
        kinds: &[],
        finds: |_| Vec::new(),
        against: nothing,
        gap: Some(text!(
            "`lab backup` and `lab restore` leave no entry: keep minutes of the drill.",
            "`lab backup` 与 `lab restore` 不产生条目：请另行留存演练记录。"
        )),
    },
    Control {
        standard: DJCP,
        clause: "8.1.4.10",
        asks: text!("Nothing is left of what was deleted.", "剩余信息保护：存储空间释放前完全清除。"),
        kinds: &["dataset-deleted"],
        finds: |facts| {
            let count = facts.count("dataset-deleted");
            vec![say!(
                "{count} deletions on record: the key of each snapshot goes first, then its files",
                "共 {count} 次销毁记录：先销毁快照密钥，再删除文件"
            )]
        },
        against: nothing,
        gap: Some(text!(
            "What backups still hold is for whoever keeps them to destroy.",
            "备份中的副本须由保管者另行销毁。"
        )),
    },
    Control {
        standard: DJCP,
        clause: "8.1.4.11",
        asks: text!(
            "No more personal data is used than is needed, and nobody sees it without right.",
            "个人信息保护：仅使用业务必需的个人信息，禁止未授权访问和非法使用。"
        ),
        kinds: &["job-submitted", "job-approved", "released"],
        finds: |facts| {
            let (cap, approvals) = (facts.policy.caps.dataset, facts.policy.approvals);
            vec![
                say!(
                    "nobody reads rows; what leaves has noise for all rows of one unit, up to rho {cap} a dataset for ever",
                    "任何人不读取原始行；离开的结果均为单个单元的全部数据加噪，每个数据集累计 rho 不超过 {cap}"
                ),
                say!(
                    "each job names its purpose and columns, and has {approvals} approvals by others than its author",
                    "每个作业写明用途和列，并由作者以外的 {approvals} 人批准"
                ),
            ]
        },
        against: nothing,
        gap: None,
    },
    Control {
        standard: DJCP,
        clause: "8.1.5",
        asks: text!(
            "System, audit and security administrators are different people.",
            "安全管理中心：系统管理、审计管理、安全管理三员分立。"
        ),
        kinds: &["person-enrolled", "policy-set"],
        finds: |facts| {
            let (operators, security, auditors) =
                (facts.with(Role::Operator), facts.with(Role::Security), facts.with(Role::Auditor));
            let roles = [say!(
                "operators {operators}, security administrators {security}, auditors {auditors}",
                "运行管理员 {operators} 人，安全管理员 {security} 人，审计员 {auditors} 人"
            )];
            roles.into_iter().chain(separated(facts)).collect()
        },
        against: not_separated,
        gap: None,
    },
    Control {
        standard: "网络安全法",
        clause: "日志留存",
        asks: text!("Logs are kept for six months at least.", "网络日志留存不少于六个月。"),
        kinds: &["access-log-recorded"],
        finds: |_| {
            vec![say!(
                "the first log never ends; days of the second are kept for 180 days at least",
                "主日志永久保留；访问日志每天的内容至少保留 180 天"
            )]
        },
        against: unsealed,
        gap: Some(text!(
            "That no day's file was lost since, an auditor sees with `unseen log access`.",
            "各日文件此后是否完好，由审计员用 `unseen log access` 查验。"
        )),
    },
    Control {
        standard: SATRE,
        clause: "1.5.06",
        asks: text!(
            "A unique log-on for each user, records strictly controlled.",
            "每个用户有唯一登录标识，其记录的变更受严格控制。"
        ),
        kinds: &["person-enrolled", "person-revoked"],
        finds: |facts| {
            let active = facts.active();
            vec![say!("{active} people, each with a key of their own", "{active} 人，各有自己的密钥")]
        },
        against: nothing,
        gap: Some(text!("Training, affiliation and contracts are not kept here.", "培训、所属单位和合同不在此记录。")),
    },
    Control {
        standard: SATRE,
        clause: "2.1.03",
        asks: text!("Users send code and never see data.", "用户只提交代码，不直接接触数据。"),
        kinds: &["job-submitted"],
        finds: |facts| {
            let jobs = facts.count("job-submitted");
            vec![say!(
                "{jobs} jobs, each a component that runs beside the data",
                "共 {jobs} 个作业，均以组件形式在数据旁运行"
            )]
        },
        against: nothing,
        gap: None,
    },
    Control {
        standard: SATRE,
        clause: "2.2.13",
        asks: text!("Usage is recorded.", "记录使用情况。"),
        kinds: &["run-started"],
        finds: |facts| {
            let (people, datasets, jobs, runs) =
                (facts.active(), facts.datasets, facts.count("job-submitted"), facts.count("run-started"));
            vec![say!(
                "people {people}, datasets {datasets}, jobs {jobs}, runs {runs}",
                "人员 {people}，数据集 {datasets}，作业 {jobs}，运行 {runs}"
            )]
        },
        against: nothing,
        gap: Some(text!("How many rows there are is nobody's to know.", "原始数据行数不公开。")),
    },
    Control {
        standard: SATRE,
        clause: "2.2.14",
        asks: text!("Which datasets were used, when and by whom.", "记录谁在何时使用了哪些数据集。"),
        kinds: &["run-started", "release-read"],
        finds: |facts| {
            let (runs, reads) = (facts.count("run-started"), facts.count("release-read"));
            vec![say!(
                "{runs} runs, each with its snapshots and author; {reads} readings of releases, each with its reader",
                "{runs} 次运行，均注明快照和作者；{reads} 次查看结果，均注明查看人"
            )]
        },
        against: nothing,
        gap: None,
    },
    Control {
        standard: SATRE,
        clause: "2.5.03",
        asks: text!("Security logs that cannot be altered, and are reviewed.", "安全日志防篡改，并有审阅流程。"),
        kinds: &["access-log-recorded"],
        finds: |facts| {
            let (days, witnesses) = (facts.count("access-log-recorded"), facts.witnesses);
            vec![say!(
                "{witnesses} witnesses cosign the log; {days} days of the access log are sealed in it",
                "{witnesses} 个见证方联署日志；访问日志已有 {days} 天固化其中"
            )]
        },
        against: unsealed,
        gap: Some(text!("That somebody reviews them is not on record.", "审阅流程本身没有记录。")),
    },
    Control {
        standard: SATRE,
        clause: "2.8.01–02",
        asks: text!("Data is encrypted at rest and on its way.", "数据静态加密和传输加密。"),
        kinds: &[],
        finds: |_| {
            vec![say!(
                "snapshots in AES-256-GCM with a key each; uploads in the age format; connections in TLS 1.2 or 1.3",
                "快照用 AES-256-GCM 各自加密；上传采用 age 格式；连接采用 TLS 1.2 或 1.3"
            )]
        },
        against: nothing,
        gap: Some(BUILT_IN),
    },
    Control {
        standard: SATRE,
        clause: "3.1.06",
        asks: text!("What leaves is let out by those who may.", "数据导出仅限有权者批准。"),
        kinds: &["job-approved", "released"],
        finds: |facts| {
            let (approvals, releases) = (facts.policy.approvals, facts.count("released"));
            vec![say!(
                "{releases} releases, each of a job with {approvals} signed approvals as the policy stands now",
                "共 {releases} 次发布；现行规则下每个作业须有 {approvals} 个签名批准"
            )]
        },
        against: nothing,
        gap: None,
    },
    Control {
        standard: SATRE,
        clause: "3.1.10",
        asks: text!("Deletion can be proved.", "能够证明数据已删除。"),
        kinds: &["dataset-deleted"],
        finds: |facts| {
            let count = facts.count("dataset-deleted");
            vec![say!(
                "{count} deletions, each a signed entry that no later run may contradict",
                "共 {count} 次销毁，均为签名条目，此后任何运行不得与之矛盾"
            )]
        },
        against: nothing,
        gap: None,
    },
    Control {
        standard: SATRE,
        clause: "3.2.04",
        asks: text!("More than one factor for everybody.", "所有用户启用多因素认证。"),
        kinds: &[],
        finds: |_| vec![say!("changes need one's own key beside whatever let one in", "变更除登录外还须本人密钥签名")],
        against: nothing,
        gap: Some(text!(
            "Reading needs what the lab's rules and its identity provider ask for, which may be one factor.",
            "查阅所需因素由实验室规则和身份认证服务决定，可能只有一种。"
        )),
    },
    Control {
        standard: SATRE,
        clause: "3.3.09",
        asks: text!(
            "A machine-readable record of the criteria applied to each release.",
            "每次发布均有机器可读的披露控制记录。"
        ),
        kinds: &["run-started", "released"],
        finds: |_| {
            vec![say!(
                "the manifest of each job, by its digest in the entries; a Five Safes RO-Crate of each release",
                "每个作业的清单（条目中有其摘要）；每次发布可生成 Five Safes RO-Crate"
            )]
        },
        against: nothing,
        gap: None,
    },
    Control {
        standard: SATRE,
        clause: "3.4.01–02",
        asks: text!("A catalogue of datasets, by a common model.", "数据集目录采用通用模型。"),
        kinds: &["dataset-registered", "dataset-described"],
        finds: |facts| {
            let datasets = facts.datasets;
            vec![say!(
                "{datasets} datasets that you may see, as DCAT-AP 3.0.1 and as GB/T 21063.3",
                "您可见 {datasets} 个数据集，提供 DCAT-AP 3.0.1 和 GB/T 21063.3 目录"
            )]
        },
        against: nothing,
        gap: None,
    },
];

fn separated(facts: &Facts<'_>) -> Option<Sentence> {
    facts.policy.separated.then(|| {
        say!(
            "the policy keeps operators, security administrators and auditors apart",
            "规则规定运行、安全、审计三员分立"
        )
    })
}

fn nothing(_: &Facts<'_>) -> Vec<Sentence> {
    Vec::new()
}

fn not_separated(facts: &Facts<'_>) -> Vec<Sentence> {
    let not = || {
        say!(
            "the policy does not keep operators and security administrators apart (`separated = false`)",
            "规则未要求运行与安全管理分立（`separated = false`）"
        )
    };
    (!facts.policy.separated).then(not).into_iter().collect()
}

fn unsealed(facts: &Facts<'_>) -> Vec<Sentence> {
    let nobody = (facts.witnesses == 0)
        .then(|| say!("no witnesses: the lab alone vouches for its log", "没有见证方：日志仅由实验室自己担保"));
    let no_days = (facts.count("access-log-recorded") == 0)
        .then(|| say!("no day of an access log is on record yet", "尚无任何一天的访问日志记录在案"));
    nobody.into_iter().chain(no_days).collect()
}

fn unattested(facts: &Facts<'_>) -> Vec<Sentence> {
    let asks = facts.policy.evidence.as_ref().is_some_and(|rule| rule.required);
    let not = || say!("the policy does not ask for evidence of the machine", "规则未要求机器证据");
    (!asks).then(not).into_iter().collect()
}

fn no_sm2(facts: &Facts<'_>) -> Vec<Sentence> {
    let not = || say!("no signatures in SM2 beside Ed25519", "除 Ed25519 外未启用 SM2 签名");
    facts.policy.sm2_key.is_none().then(not).into_iter().collect()
}
