//! `[cluster]` in a lab's `lab.toml`.

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
    /// Environment variables that the courier is given beside `PATH`, `HOME` and `LANG`.
    #[serde(default)]
    pub environment: Vec<String>,
}

impl Cluster {
    /// [`Cluster::late_seconds`].
    pub fn late(&self) -> Duration {
        Duration::from_secs(self.late_seconds.max(1).into())
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
