//! C: clang, as the system's or as zig has it, for wasm32 without a C library.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use super::BuildError;
use super::tool::{on_path, run, sdk, workshop};

/// The core module.
pub(super) fn compile(dir: &Path) -> Result<Vec<u8>, BuildError> {
    sdk(dir, "vendor/unseen/unseen.c")?;
    let mut command = compiler(dir)?;
    let workshop = workshop(dir, "c", &[("none", "")])?;
    let made = workshop.join("job.wasm");
    command.current_dir(dir);
    command.args([
        "-O2",
        "-std=c11",
        "-Wall",
        "-nostdlib",
        "-ffreestanding",
        "-mbulk-memory",
        "-fno-color-diagnostics",
        // Debug information names the folder; zig adds it, and keeps that of whoever compiled the same before.
        "-g0",
    ]);
    command.args(["-I", "vendor/unseen", "-I", ".", "vendor/unseen/unseen.c"]).args(sources(dir)?);
    // As for Rust: a small stack at the bottom of memory, and room in which a grain usually finds its own.
    command.args(["-Wl,--no-entry", "-Wl,-z,stack-size=16384", "-Wl,--initial-memory=262144"]);
    command.arg("-o").arg(&made);
    run(command, &made)
}

/// The files of the project, but for its tests.
fn sources(dir: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let failed = |source| BuildError::Read { path: dir.to_owned(), source };
    let mut names = Vec::new();
    for file in fs::read_dir(dir).map_err(failed)? {
        let name = PathBuf::from(file.map_err(failed)?.file_name());
        let is_test = name.to_string_lossy().starts_with("test");
        if name.extension().is_some_and(|extension| extension == "c") && !is_test {
            names.push(name);
        }
    }
    // The order of a folder is nobody's.
    names.sort();
    Ok(names)
}

const ZIG: &str = "wasm32-freestanding";
const CLANG: &str = "--target=wasm32-unknown-unknown";

/// What `UNSEEN_ZIG` names, else clang where it can link for WebAssembly, else zig, of itself or of a Python.
fn compiler(dir: &Path) -> Result<Command, BuildError> {
    let zig = |program: PathBuf, arguments: &[&str]| {
        let mut zig = Command::new(program);
        zig.args(arguments).args(["cc", "-target", ZIG]);
        zig
    };
    let is_there = |path: &PathBuf| path.is_file();
    if let Some(said) = env::var_os("UNSEEN_ZIG").filter(|said| !said.is_empty()) {
        return Ok(zig(said.into(), &[]));
    }
    if let Some(clang) = on_path("clang").find(is_there)
        && on_path("wasm-ld").any(|path| path.is_file())
    {
        let mut command = Command::new(clang);
        command.arg(CLANG);
        return Ok(command);
    }
    if let Some(program) = on_path("zig").find(is_there) {
        return Ok(zig(program, &[]));
    }
    let own = [".venv/bin/python3", "venv/bin/python3"].map(|python| dir.join(python));
    let own = own.into_iter().filter_map(|python| std::path::absolute(python).ok());
    let has_zig = |python: &PathBuf| {
        let asked = Command::new(python).args(["-m", "ziglang", "version"]).output();
        asked.is_ok_and(|asked| asked.status.success())
    };
    let python = own.chain(on_path("python3")).filter(is_there).find(has_zig);
    python.map(|python| zig(python, &["-m", "ziglang"])).ok_or_else(|| BuildError::NoTool {
        tool: "clang with lld, or zig".to_owned(),
        get: "pip install ziglang==0.15.2, or apt install clang lld".to_owned(),
    })
}
