//! Why a request was not answered (RFC 9457).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use unseen_texts::{Lang, Message};

/// A problem. What it says depends on no row.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// `urn:unseen:error:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The sentence in English, as every front end has it.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The sentence in the language of the reader.
    pub detail: String,
    /// What programs go by: `docs/error-codes.md`.
    pub code: String,
    /// What the sentence speaks of.
    #[serde(default)]
    pub data: Value,
}

impl Problem {
    /// A message as a problem.
    pub fn new(status: u16, message: &(impl Message + ?Sized), lang: Lang) -> Problem {
        Problem {
            kind: format!("urn:unseen:error:{}", message.code()),
            title: message.told(Lang::En),
            status,
            detail: message.told(lang),
            code: message.code().to_owned(),
            data: message.data(),
        }
    }
}
