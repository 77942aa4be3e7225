//! Job numbers and people's roles.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

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
    type Err = String;
    fn from_str(text: &str) -> Result<JobId, String> {
        text.strip_prefix('j')
            .unwrap_or(text)
            .parse()
            .map(JobId)
            .map_err(|_| format!("`{text}` is not a job: write its number, such as j12, as `unseen job list` shows it"))
    }
}

/// What a person may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Registers datasets.
    Steward,
    /// Submits jobs.
    Analyst,
    /// Approves and runs jobs, enrols people, sets the policy.
    Operator,
    /// Reads everything that may be read.
    Auditor,
}

impl Role {
    /// The name people type.
    pub fn name(self) -> &'static str {
        match self {
            Role::Steward => "steward",
            Role::Analyst => "analyst",
            Role::Operator => "operator",
            Role::Auditor => "auditor",
        }
    }
}

impl FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Role, String> {
        [Role::Steward, Role::Analyst, Role::Operator, Role::Auditor]
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| format!("`{text}` is not a role: write steward, analyst, operator or auditor"))
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
