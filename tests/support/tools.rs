//! The tools of languages, where `scripts/verifiers.sh` puts them.
#![allow(dead_code, clippy::unwrap_used)]

use std::ffi::OsString;
use std::path::PathBuf;

use unseen_toolchain::Language;

use super::{skipped, verifiers};

/// The folders of the tools; none, said aloud, where the one of a language is missing.
pub fn folders(language: Language) -> Option<[PathBuf; 2]> {
    let (venv, node) = (verifiers().join("venv/bin"), verifiers().join("node/node_modules/.bin"));
    let tool = match language {
        Language::Rust => None,
        Language::Python => Some(venv.join("componentize-py")),
        Language::JavaScript => Some(node.join("componentize-qjs")),
        Language::C => Some(venv.join("python-zig")),
    };
    if let Some(missing) = tool.filter(|tool| !tool.exists()) {
        skipped(&format!("{} is not installed: see scripts/verifiers.sh", missing.display()));
        return None;
    }
    Some([venv, node])
}

/// The path on which they are.
pub fn path_of(language: Language) -> Option<OsString> {
    let rest = std::env::var_os("PATH").unwrap_or_default();
    Some(std::env::join_paths(folders(language)?.into_iter().chain(std::env::split_paths(&rest))).unwrap())
}
