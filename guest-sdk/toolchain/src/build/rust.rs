//! Rust: cargo for wasm32-unknown-unknown, then a component, in this process.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use super::BuildError;
use crate::component::componentize;

/// The component of one package of a cargo workspace, built under `target`; nothing else is
/// written.
///
/// # Errors
/// As [`build`].
pub fn build_package(workspace: &Path, package: &str, target: &Path) -> Result<Vec<u8>, BuildError> {
    Ok(componentize(&compile(workspace, Some(package), target)?)?)
}

const TARGET: &str = "wasm32-unknown-unknown";

/// Linker settings that keep a grain cheap; `templates/config.toml` says why.
const FLAGS: [&str; 4] = ["-C", "link-arg=-zstack-size=16384", "-C", "link-arg=--initial-memory=262144"];

/// The core module that cargo makes.
pub(super) fn compile(dir: &Path, package: Option<&str>, target: &Path) -> Result<Vec<u8>, BuildError> {
    if !dir.join("Cargo.toml").is_file() {
        return Err(BuildError::NoProject { path: dir.to_owned() });
    }
    let mut cargo = Toolchain::find(dir)?.cargo();
    cargo
        .current_dir(dir)
        .args(["build", "--release", "--lib", "--target", TARGET])
        .args(["--message-format", "json-render-diagnostics", "--color", "never"])
        .arg("--target-dir")
        .arg(std::path::absolute(target).map_err(BuildError::NoCargo)?);
    if let Some(package) = package {
        cargo.args(["--package", package]);
    }
    let output = cargo.output().map_err(BuildError::NoCargo)?;
    if !output.status.success() {
        let diagnostics = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(BuildError::Compile { diagnostics });
    }
    let made = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact")
        .flat_map(|message| message["filenames"].as_array().cloned().unwrap_or_default())
        .filter_map(|name| name.as_str().map(PathBuf::from))
        .rfind(|path| path.extension().is_some_and(|extension| extension == "wasm"))
        .ok_or(BuildError::NoModule)?;
    fs::read(&made).map_err(|source| BuildError::Write { path: made, source })
}

/// A cargo that can build for the lab.
enum Toolchain {
    /// The user's own.
    Own,
    /// The system's, with the standard library that `scripts/wasm-target.sh` built for it.
    System { sysroot: PathBuf },
}

impl Toolchain {
    fn find(dir: &Path) -> Result<Self, BuildError> {
        let output = Command::new("rustc")
            .current_dir(dir)
            .args(["--print", "target-libdir", "--target", TARGET])
            .output()
            .map_err(BuildError::NoCargo)?;
        let libraries = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if output.status.success() && Path::new(&libraries).is_dir() {
            return Ok(Toolchain::Own);
        }
        let sysroot =
            system_sysroot().filter(|sysroot| sysroot.join("lib/rustlib").join(TARGET).join("complete").is_file());
        sysroot.map(|sysroot| Toolchain::System { sysroot }).ok_or(BuildError::NoTarget)
    }

    fn cargo(&self) -> Command {
        let mut flags: Vec<OsString> = FLAGS.iter().map(OsString::from).collect();
        let mut cargo = match self {
            Toolchain::Own => Command::new("cargo"),
            Toolchain::System { sysroot } => {
                flags.extend(["--sysroot".into(), sysroot.into()]);
                flags.extend(["-C".into(), "linker=wasm-ld".into()]);
                let mut cargo = Command::new("/usr/bin/cargo");
                cargo.env("PATH", "/usr/bin:/bin").env_remove("RUSTC");
                cargo
            }
        };
        cargo
            // Takes the place of every other setting of flags, so that the result depends on the
            // source alone.
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join(&OsString::from("\x1f")))
            .env_remove("RUSTC_WRAPPER")
            .env_remove("CARGO_BUILD_TARGET");
        cargo
    }
}

/// Where `scripts/wasm-target.sh` puts the system's standard library.
fn system_sysroot() -> Option<PathBuf> {
    env::var_os("UNSEEN_WASM_SYSROOT")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache/unseen/wasm-sysroot")))
}
