//! Answers of what is no use-case of the lab's: being served, logging in and out, files to hand in.

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use unseen_ids::{Answer, schema};

use crate::login::{DeviceCode, LoggedIn};

/// Nobody is logged in any more.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoggedOut {
    /// The address of the lab.
    pub lab: String,
}

/// A service that has ended.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Served {
    /// Where it was listening.
    pub addresses: Vec<String>,
}

/// A change was signed and written to a file.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HandInWritten {
    /// The file.
    pub hand_in: String,
    /// What is to be signed with `ssh-keygen`; null where it is signed.
    pub to_sign: Option<String>,
}

impl Answer for LoggedOut {
    const NAME: &str = "logged-out/v1";
}
impl Answer for Served {
    const NAME: &str = "served/v1";
}
impl Answer for HandInWritten {
    const NAME: &str = "hand-in-written/v1";
}

/// The JSON schema of every one of them, by its name.
pub fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        schema::<DeviceCode>(),
        schema::<HandInWritten>(),
        schema::<LoggedIn>(),
        schema::<LoggedOut>(),
        schema::<Served>(),
    ]
}
