//! Builds a project into a component.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use crate::component::{ComponentError, componentize, shape_section, with_shape};
use crate::shape;
use unseen_policies::manifest::{Manifest, ManifestError};
use unseen_policies::shape::Shape;
use unseen_texts::Say;

/// A component made by [`build`].
#[derive(Debug)]
pub struct BuiltModule {
    /// Where it was written.
    pub path: PathBuf,
    /// The component.
    pub bytes: Vec<u8>,
}

/// Why a build made nothing.
#[derive(Debug, thiserror::Error, Say)]
#[code("build")]
pub enum BuildError {
    /// No project here.
    #[error("{path} is not a job's project: it has no Cargo.toml")]
    #[zh("{path} 不是作业项目：没有 Cargo.toml")]
    NoProject {
        /// The folder.
        path: PathBuf,
    },
    /// No Rust.
    #[error("cargo cannot be run ({0}); install Rust from https://rustup.rs")]
    #[zh("无法运行 cargo（{0}）；请从 https://rustup.rs 安装 Rust")]
    NoCargo(io::Error),
    /// No standard library for WebAssembly.
    #[error(
        "Rust's WebAssembly target is missing; run `rustup target add wasm32-unknown-unknown`, \
         or `make setup` in Unseen's own folder, which also knows a way without rustup"
    )]
    #[zh(
        "缺少 Rust 的 WebAssembly 目标；请运行 `rustup target add wasm32-unknown-unknown`，或在 Unseen 文件夹中运行 `make setup`（没有 rustup 也可以）"
    )]
    NoTarget,
    /// The source does not compile.
    #[error("the job does not compile:\n{diagnostics}")]
    #[zh(
        "作业编译不通过：
{diagnostics}"
    )]
    Compile {
        /// What cargo printed.
        diagnostics: String,
    },
    /// The crate is not a library for the lab.
    #[error("the build made no .wasm file; Cargo.toml needs `crate-type = [\"cdylib\"]` under [lib]")]
    #[zh("编译没有生成 .wasm 文件；Cargo.toml 的 [lib] 下需要 `crate-type = [\"cdylib\"]`")]
    NoModule,
    /// The manifest is wrong.
    #[error("{path}: {error}")]
    #[zh("{path}：{error}")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: ManifestError,
    },
    /// The code counts places instead of using names.
    #[error(
        "the code does not use the names that job.toml has: write `mod shape;` in src/lib.rs, and use what is there"
    )]
    #[zh("代码没有使用 job.toml 中的名称：请在 src/lib.rs 中写上 `mod shape;`，并使用其中的名称")]
    NoShape,
    /// The module does not fit.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// A file could not be read.
    #[error("cannot read {path}: {source}")]
    #[zh("无法读取 {path}：{source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The result could not be written.
    #[error("cannot write {path}: {source}")]
    #[zh("无法写入 {path}：{source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Compiles the project in `dir` for the lab and writes `target/job.wasm` in it.
///
/// # Errors
/// See [`BuildError`]; compiler messages are passed on word for word.
pub fn build(dir: &Path) -> Result<BuiltModule, BuildError> {
    write_shape(dir)?;
    let core = compile(dir, None, &dir.join("target"))?;
    let bytes = componentize(&core)?;
    if shape_section(&bytes).is_none() {
        return Err(BuildError::NoShape);
    }
    keep(dir, bytes)
}

/// Writes `target/job.wasm` in `dir` from a core module or component that was built in another way. One that does not
/// say itself which names it was built for is taken to be built for those of the folder's `job.toml`.
///
/// # Errors
/// When there is no right manifest, or the bytes do not fit the contract, or nothing can be written.
pub fn build_from(dir: &Path, module: &[u8]) -> Result<BuiltModule, BuildError> {
    let manifest = manifest(dir)?;
    keep(dir, with_shape(componentize(module)?, &Shape::of(&manifest)))
}

/// Writes `src/shape.rs` from `job.toml`, where there is one and the file says something else.
///
/// # Errors
/// When the manifest is wrong, or the file cannot be written.
pub fn write_shape(dir: &Path) -> Result<(), BuildError> {
    let manifest = match manifest(dir) {
        Err(BuildError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    let (path, source) = (dir.join("src/shape.rs"), shape::source(&Shape::of(&manifest)));
    if fs::read_to_string(&path).is_ok_and(|there| there == source) {
        return Ok(());
    }
    fs::write(&path, source).map_err(|source| BuildError::Write { path, source })
}

fn manifest(dir: &Path) -> Result<Manifest, BuildError> {
    let path = dir.join("job.toml");
    match fs::read_to_string(&path) {
        Ok(text) => Manifest::parse(&text).map_err(|error| BuildError::Manifest { path, error }),
        Err(source) => Err(BuildError::Read { path, source }),
    }
}

/// Writes a component whole or not at all, so that nobody submits half of one.
fn keep(dir: &Path, bytes: Vec<u8>) -> Result<BuiltModule, BuildError> {
    let target = dir.join("target");
    let path = target.join("job.wasm");
    match fs::create_dir_all(&target).and_then(|()| unseen_durable::write(&path, &bytes)) {
        Ok(()) => Ok(BuiltModule { path, bytes }),
        Err(source) => Err(BuildError::Write { path, source }),
    }
}

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
fn compile(dir: &Path, package: Option<&str>, target: &Path) -> Result<Vec<u8>, BuildError> {
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
