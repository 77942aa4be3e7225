//! Who asks, about what, and how: the words of rules as types.

use unseen_ids::{JobId, Keeping, Role};

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// Whoever has not signed on.
    Visitor,
    /// Somebody who is enrolled.
    Person(Person),
}

/// Somebody with a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Person {
    /// What they are called; stays when the key changes, and is what rules compare.
    pub name: String,
    /// Their key, 64 hex digits.
    pub key: String,
    /// What they are.
    pub roles: Vec<Role>,
    /// Where their key is kept, if their enrolment says so: `unsaid` in rules where it does not.
    pub kept: Option<Keeping>,
}

/// What is asked about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// The lab as a whole.
    Lab,
    /// A dataset, or the one that is to be registered.
    Dataset(Dataset),
    /// A job, or the one that is to be submitted.
    Job(Job),
    /// What a job brought out.
    Release(Job),
    /// Somebody to be enrolled, with the roles asked for, or whose key is to be revoked.
    Person(Person),
}

/// A dataset as rules see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Dataset {
    /// Its name.
    pub name: String,
    /// The name of who registered it; none when nobody has it: it is new, or its steward's key was revoked.
    pub steward: Option<String>,
    /// How grave it is.
    pub level: Level,
    /// The names of the analysts it is open to. When empty it names nobody, and rules decide by its level.
    pub open_to: Vec<String>,
    /// Whether it takes no new jobs.
    pub closed: bool,
}

/// Classification levels, from harmless to gravest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// 公开, 0 in rules.
    #[default]
    Public,
    /// 内部, 1 in rules.
    Internal,
    /// 敏感, 2 in rules.
    Sensitive,
    /// 核心, 3 in rules.
    Core,
}

/// A job as rules see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Job {
    /// Its number; none before it is submitted.
    pub id: Option<JobId>,
    /// The name of its author.
    pub author: String,
    /// Where it stands.
    pub state: JobState,
    /// What it reads.
    pub datasets: Vec<Dataset>,
    /// The names of those who approved it.
    pub approved_by: Vec<String>,
    /// How many of these approvals are by keys that no browser keeps.
    pub approved_elsewhere: u32,
    /// How many approvals it needs.
    pub approvals_needed: u32,
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum JobState {
    /// Not submitted.
    #[default]
    Draft,
    /// Waits for approvals.
    Submitted,
    /// May run.
    Approved,
    /// Runs, or has a result that is sealed.
    Running,
    /// The result is out.
    Released,
    /// An operator declined.
    Rejected,
    /// The run ended without a result.
    Failed,
    /// Its author took it back.
    Withdrawn,
}

impl JobState {
    /// Every state.
    pub const ALL: &[JobState] = &[
        JobState::Draft,
        JobState::Submitted,
        JobState::Approved,
        JobState::Running,
        JobState::Released,
        JobState::Rejected,
        JobState::Failed,
        JobState::Withdrawn,
    ];

    /// Its name in rules.
    pub fn name(self) -> &'static str {
        match self {
            JobState::Draft => "draft",
            JobState::Submitted => "submitted",
            JobState::Approved => "approved",
            JobState::Running => "running",
            JobState::Released => "released",
            JobState::Rejected => "rejected",
            JobState::Failed => "failed",
            JobState::Withdrawn => "withdrawn",
        }
    }
}

/// How it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// How the connection says who asks.
    pub session: Session,
    /// Whether the request bears the person's own signature. To learn what somebody could do if they signed, say
    /// that it does.
    pub signed: bool,
}

/// How a connection says who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    /// A client certificate.
    Certificate,
    /// A login link.
    Login,
    /// OpenID Connect.
    Oidc,
    /// It does not: a visitor, or an envelope that came some other way.
    None,
}

impl Session {
    /// Every kind.
    pub const ALL: &[Session] = &[Session::Certificate, Session::Login, Session::Oidc, Session::None];

    /// Its name in rules.
    pub fn name(self) -> &'static str {
        match self {
            Session::Certificate => "certificate",
            Session::Login => "login",
            Session::Oidc => "oidc",
            Session::None => "none",
        }
    }
}
