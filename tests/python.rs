//! The client for Python, with the real binary: its own tests, which serve labs and run its documents.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/skip.rs"]
mod skip;

use std::path::{Path, PathBuf};
use std::process::Command;

use skip::skipped;

/// What its tests import; `scripts/verifiers.sh` gets them.
const PACKAGES: &[&str] = &[
    "httpx",
    "cryptography",
    "pandas",
    "polars",
    "pyarrow",
    "matplotlib",
    "tqdm",
    "pytest",
    "nbclient",
    "ipykernel",
    "mypy",
    "ruff",
    "hatchling",
];

/// Ends with the name of the first that is not there.
const MISSING: &str = "import sys
from importlib.util import find_spec
sys.exit(next((name for name in sys.argv[1:] if find_spec(name) is None), None))";

/// Python with all of them, or the word that one is not there.
fn python() -> Option<Command> {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("verifiers").join("venv/bin/python");
    let missing = match Command::new(&program).args(["-c", MISSING]).args(PACKAGES).output() {
        Ok(done) if done.status.success() => return Some(Command::new(program)),
        Ok(done) => String::from_utf8_lossy(&done.stderr).trim().to_owned(),
        Err(_) => "Python".to_owned(),
    };
    skipped(&format!("{missing} is not installed: see scripts/verifiers.sh"));
    None
}

#[test]
fn the_python_client_does_what_its_tests_ask() {
    let Some(mut pytest) = python() else { return };
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guest-sdk/python");
    pytest.args(["-m", "pytest", "-rs", "-p", "no:cacheprovider"]).current_dir(&folder);
    pytest.env("UNSEEN_BIN", env!("CARGO_BIN_EXE_unseen")).env("PYTHONDONTWRITEBYTECODE", "1");
    let done = pytest.output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    said.lines().filter(|line| line.starts_with("SKIPPED")).for_each(skipped);
}
