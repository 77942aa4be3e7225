//! `[cluster]` in a lab's `lab.toml`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How runs are spread over nodes.
///
/// ```toml
/// [cluster]
/// courier = ["python3", "/opt/unseen/couriers/spark.py", "spark://head:7077"]
/// store = "/shared/unseen"
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// The courier's program and its arguments.
    pub courier: Vec<String>,
    /// The folder that the lab and all nodes reach, perhaps by different paths; or `s3://BUCKET/PREFIX`.
    pub store: PathBuf,
    /// Buckets or blocks that a node is asked for at once.
    #[serde(default = "pieces")]
    pub pieces: u32,
    /// Nodes answer at multiples of so many seconds only, so that the engine shows less of how long rows take.
    #[serde(default = "tick")]
    pub tick_seconds: u32,
    /// After so many seconds without an answer, or three times as long as the others of the round took, a task is
    /// sent again.
    #[serde(default = "late")]
    pub late_seconds: u32,
    /// What is longer is imported by nodes, in slices of about so many bytes, 256 MiB at most.
    #[serde(default = "slice")]
    pub slice_bytes: u64,
    /// Environment variables that the courier is given beside `PATH`, `HOME` and `LANG`.
    #[serde(default)]
    pub environment: Vec<String>,
}

impl Cluster {
    /// [`Cluster::late_seconds`].
    pub fn late(&self) -> Duration {
        Duration::from_secs(self.late_seconds.max(1).into())
    }

    /// The variables of this process's environment that the courier is given.
    pub(crate) fn given(&self) -> impl Iterator<Item = (&str, OsString)> {
        let names = ["PATH", "HOME", "LANG"].into_iter().chain(self.environment.iter().map(String::as_str));
        names.filter_map(|name| Some((name, std::env::var_os(name)?)))
    }

    /// The variables that a process needs which spreads something: the courier's, and those that say where storage is.
    pub fn needed(&self) -> Vec<(String, OsString)> {
        let of_storage = |name: &OsString| {
            name.to_str().is_some_and(|name| name.starts_with("AWS_") || name.starts_with("SSL_CERT_"))
        };
        let storage = std::env::vars_os().filter(|(name, _)| of_storage(name));
        let storage = storage.filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        self.given().map(|(name, value)| (name.to_owned(), value)).chain(storage).collect()
    }
}

fn pieces() -> u32 {
    4
}

fn tick() -> u32 {
    10
}

fn late() -> u32 {
    30
}

fn slice() -> u64 {
    64 << 20
}
