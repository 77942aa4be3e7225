//! Job numbers and people's roles.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unseen_texts::{Say, Sentence, Text, said_as_written, say, text};

said_as_written!(JobId);

/// A job's number: the index of its submission in the log. Shown as `j12`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub u64);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("j{}", self.0))
    }
}

impl FromStr for JobId {
    type Err = Sentence;
    fn from_str(text: &str) -> Result<JobId, Sentence> {
        text.strip_prefix('j').unwrap_or(text).parse().map(JobId).map_err(|_| {
            say!("`{text}` is not a job: write its number, such as j12", "`{text}` 不是作业：请写编号，例如 j12")
        })
    }
}

/// What a person may do. Its text is its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Say)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Registers datasets.
    #[en("steward")]
    #[zh("数据管理员")]
    Steward,
    /// Submits jobs.
    #[en("analyst")]
    #[zh("分析员")]
    Analyst,
    /// Approves and runs jobs; enrols people and sets the policy too, unless that is a security administrator's.
    #[en("operator")]
    #[zh("运行管理员")]
    Operator,
    /// Enrols people and sets the policy where the policy separates that from operation.
    #[en("security")]
    #[zh("安全管理员")]
    Security,
    /// Reads everything that may be read.
    #[en("auditor")]
    #[zh("审计员")]
    Auditor,
}

impl Role {
    /// The name people type.
    pub fn name(self) -> &'static str {
        match self {
            Role::Steward => "steward",
            Role::Analyst => "analyst",
            Role::Operator => "operator",
            Role::Security => "security",
            Role::Auditor => "auditor",
        }
    }

    /// The name in a sentence that says what somebody is.
    pub fn as_a(self) -> Text {
        match self {
            Role::Steward => text!("a steward", "数据管理员"),
            Role::Analyst => text!("an analyst", "分析员"),
            Role::Operator => text!("an operator", "运行管理员"),
            Role::Security => text!("a security administrator", "安全管理员"),
            Role::Auditor => text!("an auditor", "审计员"),
        }
    }
}

impl FromStr for Role {
    type Err = Sentence;
    fn from_str(text: &str) -> Result<Role, Sentence> {
        [Role::Steward, Role::Analyst, Role::Operator, Role::Security, Role::Auditor]
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| say!("`{text}` is not a role: write steward, analyst, operator, security or auditor", "`{text}` 不是角色：请写 steward（数据管理员）、analyst（分析员）、operator（运行管理员）、security（安全管理员）或 auditor（审计员）"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_and_roles_are_read_as_they_are_written() {
        assert_eq!(("j12".parse(), "12".parse()), (Ok(JobId(12)), Ok(JobId(12))));
        assert_eq!(JobId(12).to_string(), "j12");
        assert_eq!(serde_json::to_string(&JobId(12)).unwrap(), "12");
        for wrong in ["", "j", "j-1", "jj1", "x1"] {
            assert!(wrong.parse::<JobId>().is_err(), "{wrong}");
        }
        assert_eq!(Role::Auditor.name().parse(), Ok(Role::Auditor));
        assert!("Auditor".parse::<Role>().is_err());
    }
}
