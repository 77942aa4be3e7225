//! What people are told, in their language.

use chrono::{DateTime, FixedOffset, Local, Utc};
use serde::{Deserialize, Serialize};
use unseen_ids::JobId;
use unseen_policies::text::shown;
use unseen_texts::{InLang, Lang, Say, Sentence, say};

/// No subject is longer, in characters, and no value in a text.
const MOST: usize = 200;

/// What happened. It displays as the subject of its message.
#[derive(Clone, Debug, PartialEq, Eq, Say)]
pub enum Notice {
    /// A job waits for approvals.
    #[en("Job {job} “{title}” waits for approval")]
    #[zh("作业 {job}“{title}”等待批准")]
    JobSubmitted {
        /// The job.
        job: JobId,
        /// Its title.
        title: String,
        /// Who submitted it.
        author: String,
    },
    /// An operator has agreed to a job.
    #[en("Job {job} “{title}” is approved by {by}: {approvals} of {needed}")]
    #[zh("作业 {job}“{title}”已由 {by} 批准：{approvals}/{needed}")]
    JobApproved {
        /// The job.
        job: JobId,
        /// Its title.
        title: String,
        /// Who approved it.
        by: String,
        /// How many approvals it has.
        approvals: u32,
        /// How many it needs.
        needed: u32,
    },
    /// An operator has declined a job.
    #[en("Job {job} “{title}” is rejected by {by}")]
    #[zh("作业 {job}“{title}”已被 {by} 驳回")]
    JobRejected {
        /// The job.
        job: JobId,
        /// Its title.
        title: String,
        /// Who rejected it.
        by: String,
        /// Why, in the operator's words.
        reason: String,
    },
    /// Its author has withdrawn a job.
    #[en("Job {job} “{title}” is withdrawn")]
    #[zh("作业 {job}“{title}”已撤回")]
    JobWithdrawn {
        /// The job.
        job: JobId,
        /// Its title.
        title: String,
        /// Who withdrew it.
        by: String,
    },
    /// A job is charged and runs.
    #[en("Job {job} “{title}” is running")]
    #[zh("作业 {job}“{title}”开始运行")]
    RunStarted {
        /// The job.
        job: JobId,
        /// Its title.
        title: String,
        /// When the result may appear.
        release_at: DateTime<Utc>,
    },
    /// A result is out.
    #[en("Job {job} “{title}” is released")]
    #[zh("作业 {job}“{title}”已发布")]
    Released {
        /// The job.
        job: JobId,
        /// Its title.
        title: String,
    },
    /// A result is in the log and waits for witnesses.
    #[en("Job {job} “{title}” is released but not witnessed")]
    #[zh("作业 {job}“{title}”已发布，尚未见证")]
    ReleasedUnwitnessed {
        /// The job.
        job: JobId,
        /// Its title.
        title: String,
    },
    /// A run ended without a result.
    #[en("Job {job} “{title}” failed")]
    #[zh("作业 {job}“{title}”运行失败")]
    JobFailed {
        /// The job.
        job: JobId,
        /// Its title.
        title: String,
    },
    /// A job no longer fits the rules.
    #[en("Job {job} “{title}” is void: the rules have changed")]
    #[zh("作业 {job}“{title}”已失效：规则已变更")]
    JobVoided {
        /// The job.
        job: JobId,
        /// Its title.
        title: String,
        /// The entry of the new rules.
        policy: u64,
    },
    /// There is a dataset, or a new snapshot of one.
    #[en("Dataset “{dataset}” is registered")]
    #[zh("数据集“{dataset}”已登记")]
    DatasetRegistered {
        /// Its name.
        dataset: String,
        /// Who registered it.
        by: String,
    },
    /// Somebody has joined, or has a new key.
    #[en("{name} is enrolled")]
    #[zh("{name} 已登记")]
    PersonEnrolled {
        /// The person.
        name: String,
        /// Who enrolled them.
        by: String,
    },
    /// Somebody's key counts no more.
    #[en("A key of {name} is revoked")]
    #[zh("{name} 的密钥已吊销")]
    PersonRevoked {
        /// The person.
        name: String,
        /// Who revoked it.
        by: String,
    },
    /// The rules have changed.
    #[en("The rules of the lab have changed")]
    #[zh("实验室的规则已变更")]
    PolicyChanged {
        /// The entry of the new rules.
        policy: u64,
        /// Who changed them.
        by: String,
    },
}

/// The kinds of notice, as configurations name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// [`Notice::JobSubmitted`]
    JobSubmitted,
    /// [`Notice::JobApproved`]
    JobApproved,
    /// [`Notice::JobRejected`]
    JobRejected,
    /// [`Notice::JobWithdrawn`]
    JobWithdrawn,
    /// [`Notice::RunStarted`]
    RunStarted,
    /// [`Notice::Released`]
    Released,
    /// [`Notice::ReleasedUnwitnessed`]
    ReleasedUnwitnessed,
    /// [`Notice::JobFailed`]
    JobFailed,
    /// [`Notice::JobVoided`]
    JobVoided,
    /// [`Notice::DatasetRegistered`]
    DatasetRegistered,
    /// [`Notice::PersonEnrolled`]
    PersonEnrolled,
    /// [`Notice::PersonRevoked`]
    PersonRevoked,
    /// [`Notice::PolicyChanged`]
    PolicyChanged,
}

impl Notice {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Notice::JobSubmitted { .. } => Kind::JobSubmitted,
            Notice::JobApproved { .. } => Kind::JobApproved,
            Notice::JobRejected { .. } => Kind::JobRejected,
            Notice::JobWithdrawn { .. } => Kind::JobWithdrawn,
            Notice::RunStarted { .. } => Kind::RunStarted,
            Notice::Released { .. } => Kind::Released,
            Notice::ReleasedUnwitnessed { .. } => Kind::ReleasedUnwitnessed,
            Notice::JobFailed { .. } => Kind::JobFailed,
            Notice::JobVoided { .. } => Kind::JobVoided,
            Notice::DatasetRegistered { .. } => Kind::DatasetRegistered,
            Notice::PersonEnrolled { .. } => Kind::PersonEnrolled,
            Notice::PersonRevoked { .. } => Kind::PersonRevoked,
            Notice::PolicyChanged { .. } => Kind::PolicyChanged,
        }
    }

    /// One line, in which nothing hides, of at most 200 characters.
    pub fn subject(&self, lang: Lang) -> String {
        visible(&InLang(self, lang).to_string())
    }

    /// A sentence or two: what that means for the reader.
    pub fn body(&self, lang: Lang) -> String {
        self.meaning().to(lang).to_owned()
    }

    /// The console's page about it, such as `/zh/jobs/j12`.
    pub fn path(&self, lang: Lang) -> String {
        let lang = match lang {
            Lang::En => "en",
            Lang::Zh => "zh",
        };
        match (self.job(), self) {
            (Some(job), _) => format!("/{lang}/jobs/{job}"),
            (_, Notice::DatasetRegistered { dataset, .. }) => format!("/{lang}/datasets/{}", in_path(dataset)),
            (_, Notice::PersonEnrolled { .. } | Notice::PersonRevoked { .. }) => format!("/{lang}/people"),
            _ => format!("/{lang}/policy"),
        }
    }

    /// The job it is about.
    pub fn job(&self) -> Option<JobId> {
        match self {
            Notice::JobSubmitted { job, .. }
            | Notice::JobApproved { job, .. }
            | Notice::JobRejected { job, .. }
            | Notice::JobWithdrawn { job, .. }
            | Notice::RunStarted { job, .. }
            | Notice::Released { job, .. }
            | Notice::ReleasedUnwitnessed { job, .. }
            | Notice::JobFailed { job, .. }
            | Notice::JobVoided { job, .. } => Some(*job),
            _ => None,
        }
    }

    fn meaning(&self) -> Sentence {
        match self {
            Notice::JobSubmitted { author, .. } => {
                let author = visible(author);
                say!(
                    "{author} has submitted it. Operators other than the author look at what it reads, what it may cost \
                     and how exact its numbers would be, and approve or reject it.",
                    "由 {author} 提交。请作者以外的运行管理员查看它读取的数据、将花费的预算和结果的精度，然后批准或驳回。"
                )
            }
            Notice::JobApproved { approvals, needed, .. } if approvals < needed => {
                let more = needed - approvals;
                say!("It still needs {more} more.", "还需 {more} 人批准。")
            }
            Notice::JobApproved { .. } => say!("It can be run.", "可以运行了。"),
            Notice::JobRejected { reason, .. } => {
                let reason = visible(reason);
                say!(
                    "The reason: “{reason}”. Nothing was charged; a changed job can be submitted anew.",
                    "理由：“{reason}”。未扣预算；修改后可重新提交。"
                )
            }
            Notice::JobWithdrawn { by, .. } => {
                let by = visible(by);
                say!("{by} has withdrawn it before its run. Nothing was charged.", "{by} 在运行前撤回了它。未扣预算。")
            }
            Notice::RunStarted { release_at, .. } => {
                let at = clock(release_at.with_timezone(&Local).fixed_offset());
                say!(
                    "Its budget is charged. The result appears no earlier than {at}.",
                    "预算已扣除。结果最早于 {at} 公布。"
                )
            }
            Notice::Released { .. } => say!(
                "The result can be read, and the proof that it is in the log comes with it.",
                "结果可以查看，并附有它在日志中的证明。"
            ),
            Notice::ReleasedUnwitnessed { .. } => say!(
                "Too few witnesses have answered. They are asked again; an operator can see which are missing.",
                "应答的见证方不足，将再次请求；运行管理员可查看缺少哪些。"
            ),
            Notice::JobFailed { .. } => say!(
                "The run ended without a result, and its charge stays. The job's page says what can be said of why.",
                "运行结束，没有结果，已扣的预算不退。作业页面上写有可以公开的原因。"
            ),
            Notice::JobVoided { policy, .. } => say!(
                "It was submitted under rules that entry {policy} has replaced, and can no longer be run. Nothing was \
                 charged; it can be submitted anew.",
                "它按旧规则提交，而第 {policy} 条日志已更换规则，因此不能再运行。未扣预算；可重新提交。"
            ),
            Notice::DatasetRegistered { by, .. } => {
                let by = visible(by);
                say!(
                    "{by} has registered it or a new snapshot of it. Its page says what it holds and who may use it.",
                    "由 {by} 登记，或登记了新快照。其页面说明内容以及谁可以使用。"
                )
            }
            Notice::PersonEnrolled { by, .. } => {
                let by = visible(by);
                say!(
                    "{by} has enrolled the key. Whoever did not expect this asks an operator.",
                    "由 {by} 登记了密钥。如有疑问，请询问运行管理员。"
                )
            }
            Notice::PersonRevoked { by, .. } => {
                let by = visible(by);
                say!(
                    "{by} has revoked it. What it signed before stays valid; it signs nothing more.",
                    "由 {by} 吊销。此前的签名仍然有效，此后不能再签名。"
                )
            }
            Notice::PolicyChanged { policy, by } => {
                let by = visible(by);
                say!(
                    "{by} has set new rules, entry {policy} of the log. The page shows what they change; jobs that no \
                     longer fit are void.",
                    "由 {by} 设置新规则，见第 {policy} 条日志。页面上列有变更之处；不再符合的作业已失效。"
                )
            }
        }
    }
}

/// What people wrote: on one line, bounded, hiding nothing.
fn visible(text: &str) -> String {
    let line = shown(&text.chars().take(MOST + 1).collect::<String>());
    if line.chars().count() <= MOST { line } else { line.chars().take(MOST - 1).chain(['…']).collect() }
}

/// A time as the lab's people read it on their clock: `2026-11-29 14:05 +08:00`.
fn clock(time: DateTime<FixedOffset>) -> String {
    time.format("%Y-%m-%d %H:%M %:z").to_string()
}

/// One part of a path (RFC 3986, section 3.3).
fn in_path(text: &str) -> String {
    let mut path = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => path.push(char::from(byte)),
            _ => path.push_str(&format!("%{byte:02X}")),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reader_is_told_in_their_language() {
        let (job, title) = (JobId(12), "钢铁行业用电".to_owned());
        let notice = Notice::JobApproved { job, title, by: "王芳".into(), approvals: 1, needed: 2 };
        assert_eq!(notice.subject(Lang::Zh), "作业 j12“钢铁行业用电”已由 王芳 批准：1/2");
        assert_eq!(notice.subject(Lang::En), "Job j12 “钢铁行业用电” is approved by 王芳: 1 of 2");
        assert_eq!(notice.body(Lang::Zh), "还需 1 人批准。");
        assert_eq!(notice.path(Lang::Zh), "/zh/jobs/j12");
        let notice = Notice::DatasetRegistered { dataset: "用电 2025/..".into(), by: "李".into() };
        assert_eq!(notice.path(Lang::En), "/en/datasets/%E7%94%A8%E7%94%B5%202025%2F..");
        let time = DateTime::parse_from_rfc3339("2026-11-29T14:05:59+08:00").unwrap();
        assert_eq!(clock(time), "2026-11-29 14:05 +08:00");
    }

    #[test]
    fn what_people_wrote_stays_on_its_line() {
        let title = "a\r\nBcc: x@example.org\u{202e}".to_owned() + &"工".repeat(1000);
        let notice = Notice::JobRejected { job: JobId(1), reason: title.clone(), by: "甲\n".into(), title };
        for lang in [Lang::En, Lang::Zh] {
            let (subject, body) = (notice.subject(lang), notice.body(lang));
            assert!(!subject.contains(unseen_policies::text::hides), "{subject}");
            assert!(!body.contains(unseen_policies::text::hides), "{body}");
            assert!(subject.chars().count() <= MOST && body.chars().count() < 400);
        }
    }

    #[test]
    fn kinds_are_named_as_entries_are() {
        let named = |kind: Kind| serde_json::to_value(kind).unwrap();
        assert_eq!(named(Kind::ReleasedUnwitnessed), "released-unwitnessed");
        for kind in [Kind::JobSubmitted, Kind::JobApproved, Kind::RunStarted, Kind::Released, Kind::PersonEnrolled] {
            assert!(unseen_policies::event::Event::KINDS.contains(&named(kind).as_str().unwrap()), "{kind:?}");
        }
    }
}
