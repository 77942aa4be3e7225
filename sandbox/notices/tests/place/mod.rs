//! A folder with a configuration, and what is waited for.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

#[path = "../../../../tests/support/skip.rs"]
mod skip;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[allow(unused_imports)]
pub use skip::skipped;
use tempfile::TempDir;
use unseen_ids::JobId;
use unseen_notices::{Config, Notice, Pace, Sender};

pub const ORIGIN: &str = "lab.example/test";

/// What a webhook's receiver knows the lab by.
pub const SECRET: &str = "whsec_dW5zZWVuLXVuc2Vlbi11bnNlZW4tdW5zZWVuLTMy";

pub struct Place(TempDir);

impl Place {
    pub fn new() -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        place.write("secret", SECRET);
        place.write("password", "a b\n");
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
        fs::set_permissions(self.path(name), Permissions::from_mode(0o600)).unwrap();
    }

    /// Starts to send, trying again soon.
    pub fn start(&self, config: &str) -> Sender {
        self.write("notices.toml", &format!("console = \"https://lab.example/\"\n{config}"));
        let config = Config::read(&self.path("notices.toml")).unwrap();
        let pace = Pace { first: Duration::from_millis(20), longest: Duration::from_millis(200), ..Pace::default() };
        Sender::start(config, ORIGIN, pace).unwrap()
    }
}

/// A notice of a job, whose title is somebody's.
pub fn submitted(job: u64, title: &str) -> Notice {
    Notice::JobSubmitted { job: JobId(job), title: title.into(), author: "李雷".into() }
}

pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Python with libraries by others, if `scripts/verifiers.sh` got them.
pub fn python(library: &str) -> Option<PathBuf> {
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("verifiers").join("venv/bin/python");
    let import = std::process::Command::new(&python).arg("-c").arg(format!("import {library}")).output();
    if import.is_ok_and(|done| done.status.success()) {
        return Some(python);
    }
    skipped(&format!("{library} is not installed: see scripts/verifiers.sh"));
    None
}

pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/verifiers").join(name)
}
