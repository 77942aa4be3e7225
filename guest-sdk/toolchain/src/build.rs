//! Builds a project into a component.

mod c;
mod js;
mod python;
mod rust;
mod tool;

use std::path::{Path, PathBuf};
use std::{fs, io};

pub use rust::build_package;

use crate::component::{ComponentError, componentize, shape_section, with_shape};
use crate::flatten::flatten;
use crate::language::Language;
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
    #[error("{path} is not a job's project: it has no Cargo.toml, job.py, job.js or job.c")]
    #[zh("{path} 不是作业项目：没有 Cargo.toml、job.py、job.js 或 job.c")]
    NoProject {
        /// The folder.
        path: PathBuf,
    },
    /// Projects of two languages.
    #[error("{path} has both {one} and {other}: keep one of them, so that it is known in which language the job is")]
    #[zh("{path} 中既有 {one} 又有 {other}：请只保留一个，以便确定作业使用的语言")]
    TwoProjects {
        /// The folder.
        path: PathBuf,
        /// The main file of one.
        one: &'static str,
        /// That of the other.
        other: &'static str,
    },
    /// The language's tool is not there.
    #[error("{tool} is missing: {get}")]
    #[zh("缺少 {tool}：{get}")]
    NoTool {
        /// Its name and version.
        tool: String,
        /// The line that gets it.
        get: String,
    },
    /// It is there, in another version: what it makes may be refused, or differ.
    #[error("{path} says that it is `{found}`, and jobs are built with {tool}: {get}")]
    #[zh("{path} 的版本是 `{found}`，而作业须用 {tool} 编译：{get}")]
    OtherTool {
        /// Where it was found.
        path: PathBuf,
        /// What it calls itself.
        found: String,
        /// The version that is wanted.
        tool: String,
        /// The line that gets it.
        get: String,
    },
    /// A package of Python with native code, or none.
    #[error(
        "`{package}` of requirements.txt has no version in Python alone: packages with native code, such as numpy, do not run in a job; unseen_guest.vector has means, quantiles and groups"
    )]
    #[zh(
        "requirements.txt 中的 `{package}` 没有纯 Python 版本：含本地代码的包（如 numpy）不能在作业中运行；unseen_guest.vector 提供均值、分位数与分组"
    )]
    NativePackage {
        /// As it is written there.
        package: String,
    },
    /// What the job imports is not there.
    #[error(
        "{place}: `{package}` is imported, and is not there: a package in Python alone is named in requirements.txt; those with native code, such as numpy, do not run in a job, and unseen_guest.vector has means, quantiles and groups"
    )]
    #[zh(
        "{place}：导入的 `{package}` 不存在：纯 Python 的包请写入 requirements.txt；含本地代码的包（如 numpy）不能在作业中运行，unseen_guest.vector 提供均值、分位数与分组"
    )]
    NoPackage {
        /// Where, as `job.py:3`.
        place: String,
        /// Its name.
        package: String,
    },
    /// The SDK's copy is not in the project.
    #[error("{path} is missing: it is part of what `unseen job new` writes")]
    #[zh("缺少 {path}：它是 `unseen job new` 所写内容的一部分")]
    NoSdk {
        /// What is missing.
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
    let language = language_of(dir)?;
    write_shape(dir, language)?;
    let made = match language {
        Language::Rust => rust::compile(dir, None, &dir.join("target"))?,
        Language::Python => linked(python::componentize(dir)?)?,
        Language::JavaScript => linked(js::componentize(dir)?)?,
        Language::C => c::compile(dir)?,
    };
    let bytes = componentize(&made)?;
    match language {
        Language::Rust if shape_section(&bytes).is_none() => Err(BuildError::NoShape),
        Language::Rust => keep(dir, bytes),
        // The code takes the names from the file that was just written, and from nowhere else.
        _ => keep(dir, with_shape(bytes, &Shape::of(&manifest(dir)?))),
    }
}

/// The language of the project in a folder.
fn language_of(dir: &Path) -> Result<Language, BuildError> {
    let is_there = |language: &Language| dir.join(language.main_file()).is_file();
    let found: Vec<_> = Language::ALL.map(|(_, language)| language).into_iter().filter(is_there).collect();
    match found[..] {
        [language] => Ok(language),
        [] => Err(BuildError::NoProject { path: dir.to_owned() }),
        [one, other, ..] => {
            Err(BuildError::TwoProjects { path: dir.to_owned(), one: one.main_file(), other: other.main_file() })
        }
    }
}

/// What an interpreter's tool has made, as one core module where that can be, which costs a grain less.
fn linked(component: Vec<u8>) -> Result<Vec<u8>, BuildError> {
    let flat = flatten(&component).map_err(|error| ComponentError::NotWasm(error.to_string()))?;
    Ok(flat.unwrap_or(component))
}

/// Writes `target/job.wasm` in `dir` from a core module or component that was built in another way. One that does not
/// say itself which names it was built for is taken to be built for those of the folder's `job.toml`.
///
/// # Errors
/// When there is no right manifest, or the bytes do not fit the contract, or nothing can be written.
pub fn build_from(dir: &Path, module: &[u8]) -> Result<BuiltModule, BuildError> {
    let manifest = manifest(dir)?;
    let component = componentize(module)?;
    let component = match shape_section(&component) {
        Some(_) => component,
        None => with_shape(componentize(&linked(component)?)?, &Shape::of(&manifest)),
    };
    keep(dir, component)
}

/// Writes the file of names ([`Language::shape_file`]) from `job.toml`, where it says something else. A project in Rust
/// may have no `job.toml`.
///
/// # Errors
/// When the manifest is wrong, or the file cannot be written.
pub fn write_shape(dir: &Path, language: Language) -> Result<(), BuildError> {
    let manifest = match manifest(dir) {
        Err(BuildError::Read { source, .. })
            if language == Language::Rust && source.kind() == io::ErrorKind::NotFound =>
        {
            return Ok(());
        }
        other => other?,
    };
    let (path, source) = (dir.join(language.shape_file()), shape::source(&Shape::of(&manifest), language));
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
