//! The second log: who came to the lab, who read what, and who was refused.

use chrono::{NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use unseen_accesslog::{Page, Wanted};
use unseen_ids::{Answer, PublicKey};

use crate::desk::Desk;
use crate::error::UseCaseError;
use crate::query::Query;

/// Read lines of the access log.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ReadAccessLog {
    /// The day, in UTC; today when left out.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("format" = "date"))]
    pub day: Option<NaiveDate>,
    /// Only what this person did.
    #[serde(default)]
    pub who: Option<String>,
    /// Only this action, such as `readRelease`.
    #[serde(default)]
    pub action: Option<String>,
    /// Where in the day to go on: `next` of the answer before.
    #[serde(default)]
    pub from: u64,
    /// How many lines at most; no answer has more than 1,000.
    #[serde(default)]
    pub limit: Option<usize>,
}

/// Lines of the access log.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessLines {
    /// The day, in UTC.
    #[schemars(with = "String")]
    pub day: NaiveDate,
    /// The lines as they are in the lab, in their order. Each names the SHA-256 of the line before it, of its canonical
    /// JSON (RFC 8785).
    pub lines: Vec<Value>,
    /// How many lines could not be read.
    pub unreadable: u64,
    /// Where the day goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

impl Answer for AccessLines {
    const NAME: &str = "access-lines/v1";
}

impl Query for ReadAccessLog {
    type Answer = AccessLines;

    fn answer(&self, desk: &impl Desk, _: Option<&PublicKey>) -> Result<AccessLines, UseCaseError> {
        let day = self.day.unwrap_or_else(|| Utc::now().date_naive());
        let (who, action) = (self.who.clone(), self.action.clone());
        let wanted = Wanted { day, who, action, from: self.from, most: self.limit.unwrap_or(usize::MAX) };
        let Page { lines, unreadable, next } =
            unseen_accesslog::read(&desk.folder().join(unseen_accesslog::FOLDER), &wanted)?;
        let lines = lines.iter().map(|line| serde_json::to_value(line).unwrap_or_default()).collect();
        Ok(AccessLines { day, lines, unreadable, next })
    }
}
