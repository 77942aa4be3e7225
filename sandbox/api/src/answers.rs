//! Answers of what is no use-case of the lab's: being served, logging in and out, files to hand in, certificates,
//! what shells and `man` read.

use chrono::{DateTime, NaiveDate, Utc};
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use unseen_ids::{Answer, schema};

use crate::login::{DeviceCode, LoggedIn};
use crate::replays::ReplayStanding;
use crate::uploads::UploadsWaiting;

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

/// A certificate was made, and its key.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateMade {
    /// The file with the certificate, in PEM.
    pub certificate: String,
    /// The file with its key, in PEM.
    pub key: String,
    /// Its serial number, in lower-case hex digits; null for an authority's own.
    pub serial: Option<String>,
}

/// Certificates of people.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Certificates {
    /// By person, and then by when each ends.
    pub certificates: Vec<Certificate>,
    /// The file with the revocation list.
    pub list: String,
}

/// A certificate of a person.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Certificate {
    /// Whose it is.
    pub person: String,
    /// Its serial number, in lower-case hex digits.
    pub serial: String,
    /// Its last moment.
    #[schemars(with = "String")]
    pub until: DateTime<Utc>,
    /// Whether it is on the revocation list.
    pub revoked: bool,
}

/// A day of the access log, compared with the log.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessDay {
    /// The day, in UTC.
    #[schemars(with = "String")]
    pub day: NaiveDate,
    /// The lines that were asked for.
    pub lines: Vec<Value>,
    /// How many lines of the day could not be read.
    pub unreadable: u64,
    /// Whether the day is the one on record.
    pub standing: DayStanding,
    /// The entry that says how it ends, if there is one.
    pub entry: Option<u64>,
}

/// Whether a day of the access log is the one on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DayStanding {
    /// Each line names the one before, and the last one is the one on record.
    AsRecorded,
    /// It is not.
    Altered,
    /// The log tells nothing of this day.
    NotOnRecord,
    /// It is not over.
    Open,
}

/// What lets a shell complete commands.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Completions {
    /// For the shell to read.
    pub script: String,
}

/// Manual pages were written.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Manual {
    /// Names of their files.
    pub pages: Vec<String>,
}

impl Answer for AccessDay {
    const NAME: &str = "access-day/v1";
}
impl Answer for CertificateMade {
    const NAME: &str = "certificate-made/v1";
}
impl Answer for Certificates {
    const NAME: &str = "certificates/v1";
}
impl Answer for Completions {
    const NAME: &str = "completions/v1";
}
impl Answer for Manual {
    const NAME: &str = "manual/v1";
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
        schema::<AccessDay>(),
        schema::<CertificateMade>(),
        schema::<UploadsWaiting>(),
        schema::<Certificates>(),
        schema::<Completions>(),
        schema::<DeviceCode>(),
        schema::<HandInWritten>(),
        schema::<LoggedIn>(),
        schema::<LoggedOut>(),
        schema::<Manual>(),
        schema::<ReplayStanding>(),
        schema::<Served>(),
    ]
}
