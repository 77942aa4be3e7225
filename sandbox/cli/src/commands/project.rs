//! A job's folder as it lies on the analyst's disk: its manifest and what it names.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use unseen_ids::Digest;
use unseen_lab::LabError;
use unseen_policies::manifest::{Manifest, ModuleRef};
use unseen_terminal::FileError;
use unseen_texts::say;
use unseen_worker::ready_made;

use super::{Problem, read_text};
use crate::args::JobDir;

/// A job's manifest, read from its folder.
pub struct Project {
    path: PathBuf,
    /// The text of `job.toml`.
    pub text: String,
    manifest: Manifest,
    /// What it was fetched as, from a lab.
    fetched: Option<Fetched>,
}

/// What is in a folder that was fetched from a lab: its manifest may name a component anywhere, and that is not the one
/// that was submitted.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fetched {
    /// The job.
    pub job: String,
    /// The digest of the manifest.
    pub manifest: Digest,
    /// The digest of the component, which is in `target/job.wasm`.
    pub module: Digest,
}

/// Where it says so.
const FETCHED: &str = "fetched.json";
/// Where a component is that nothing is said of.
const BUILT: &str = "target/job.wasm";

type Fallible<T> = Result<T, Problem>;

impl Project {
    pub fn read(dir: &JobDir) -> Fallible<Project> {
        let path = if dir.path.is_dir() { dir.path.join("job.toml") } else { dir.path.clone() };
        let text = read_text(&path)?;
        let file = || path.display().to_string();
        let manifest = Manifest::parse(&text).map_err(|error| LabError::Manifest { file: file(), error })?;
        let fetched = fetched(path.parent().unwrap_or(Path::new(".")))?;
        if let Some(Fetched { job, .. }) = fetched.as_ref().filter(|own| own.manifest != Digest::of(text.as_bytes())) {
            return Err(say!("{path} is not the manifest of {job} any more", "{path} 已不是 {job} 的作业清单").into());
        }
        Ok(Project { path, text, manifest, fetched })
    }

    /// Writes into this folder what was fetched from a lab.
    pub fn write_fetched(folder: &Path, own: &Fetched, manifest: &str, component: &[u8]) -> Fallible<()> {
        let built = folder.join(BUILT);
        std::fs::create_dir_all(built.parent().unwrap_or(folder))?;
        std::fs::write(folder.join("job.toml"), manifest)?;
        std::fs::write(built, component)?;
        Ok(std::fs::write(folder.join(FETCHED), serde_json::to_vec_pretty(own)?)?)
    }

    /// What errors call it.
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Where `job new` writes twins.
    pub fn twins(&self) -> PathBuf {
        self.path.parent().unwrap_or(Path::new(".")).join("twins")
    }

    /// The component; none when it is not built yet.
    pub fn component_if_built(&self) -> Fallible<Option<Vec<u8>>> {
        match self.component_file() {
            Some(file) if !file.exists() => Ok(None),
            _ => self.component().map(Some),
        }
    }

    /// The component.
    pub fn component(&self) -> Fallible<Vec<u8>> {
        let Some(file) = self.component_file() else {
            return Ok(ready_made::of(&self.manifest).unwrap_or(ready_made::SUM).to_vec());
        };
        let opened = std::fs::File::open(&file)
            .map_err(|_| say!("there is no component {file}: build it first", "没有组件 {file}：请先编译"))?;
        // Far too long a file is refused unread.
        let failed = FileError::at(&file);
        let size = opened.metadata().map_err(failed)?.len() as usize;
        if size > unseen_runtime::MAX_MODULE {
            return Err(
                LabError::Module(unseen_texts::Sentence::of(&unseen_runtime::ModuleError::TooLong { size })).into()
            );
        }
        let mut bytes = Vec::new();
        opened.take(unseen_runtime::MAX_MODULE as u64).read_to_end(&mut bytes).map_err(FileError::at(&file))?;
        let named = match (&self.fetched, &self.manifest.job.module) {
            (Some(fetched), _) => Some(&fetched.module),
            (None, Some(ModuleRef::Digest(named))) => Some(named),
            _ => None,
        };
        if let Some(named) = named.filter(|named| Digest::of(&bytes) != **named) {
            return Err(
                say!("{file} is not the module that is meant: {named}", "{file} 不是所指的模块：{named}").into()
            );
        }
        Ok(bytes)
    }

    /// Where the component is, once it is built; none when the lab's own map takes its place.
    fn component_file(&self) -> Option<PathBuf> {
        let beside = self.path.parent().unwrap_or(Path::new("."));
        match &self.manifest.job.module {
            Some(ModuleRef::Path(_)) if self.fetched.is_some() => Some(beside.join(BUILT)),
            Some(ModuleRef::Path(path)) => Some(beside.join(path)),
            None | Some(ModuleRef::Digest(_)) => Some(beside.join(BUILT)),
            Some(ModuleRef::ReadyMadeSum) => None,
        }
    }
}

fn fetched(folder: &Path) -> Fallible<Option<Fetched>> {
    let file = folder.join(FETCHED);
    if !file.exists() {
        return Ok(None);
    }
    let read = read_text(&file)?;
    let not = || say!("{file} is not what `job fetch` writes", "{file} 不是 `job fetch` 写出的文件");
    Ok(Some(serde_json::from_str(&read).map_err(|_| Problem::from(not()))?))
}
