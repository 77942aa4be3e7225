//! A job's folder as it lies on the analyst's disk: its manifest and what it names.

use std::io::Read;
use std::path::{Component, Path, PathBuf};

use unseen_ids::Digest;
use unseen_lab::LabError;
use unseen_policies::manifest::{Manifest, ModuleRef};
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
}

/// Where a component is that nothing is said of.
const BUILT: &str = "target/job.wasm";

type Fallible<T> = Result<T, Problem>;

impl Project {
    pub fn read(dir: &JobDir) -> Fallible<Project> {
        let path = if dir.path.is_dir() { dir.path.join("job.toml") } else { dir.path.clone() };
        let text = read_text(&path)?;
        let manifest = Manifest::parse(&text).map_err(|error| say!("{path}: {error}", "{path}：{error}"))?;
        Ok(Project { path, text, manifest })
    }

    /// One whose manifest is to be written into this folder.
    pub fn of(folder: &Path, text: String) -> Fallible<Project> {
        let path = folder.join("job.toml");
        let manifest = Manifest::parse(&text).map_err(|error| say!("{path}: {error}", "{path}：{error}"))?;
        Ok(Project { path, text, manifest })
    }

    /// Writes manifest and component. A component whose place others have named stays within the folder.
    pub fn write(&self, component: &[u8]) -> std::io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::fs::write(&self.path, &self.text)?;
        let Some(file) = self.component_file() else { return Ok(()) };
        let within = |part| matches!(part, Component::Normal(_));
        let named = file.strip_prefix(folder).ok().filter(|named| named.components().all(within));
        let file = folder.join(named.unwrap_or(Path::new(BUILT)));
        std::fs::create_dir_all(file.parent().unwrap_or(folder))?;
        std::fs::write(file, component)
    }

    /// What errors call it.
    pub fn name(&self) -> String {
        self.path.display().to_string()
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
        let Some(file) = self.component_file() else { return Ok(ready_made::SUM.to_vec()) };
        let opened = std::fs::File::open(&file)
            .map_err(|_| say!("there is no component {file}: build it first", "没有组件 {file}：请先编译"))?;
        // Far too long a file is refused unread.
        let size = opened.metadata()?.len() as usize;
        if size > unseen_runtime::MAX_MODULE {
            return Err(
                LabError::Module(unseen_texts::Sentence::of(&unseen_runtime::ModuleError::TooLong { size })).into()
            );
        }
        let mut bytes = Vec::new();
        opened.take(unseen_runtime::MAX_MODULE as u64).read_to_end(&mut bytes)?;
        if let Some(ModuleRef::Digest(named)) = &self.manifest.job.module
            && Digest::of(&bytes) != *named
        {
            return Err(say!(
                "{file} is not the module that job.toml names: {named}",
                "{file} 不是 job.toml 所指的模块：{named}"
            )
            .into());
        }
        Ok(bytes)
    }

    /// Where the component is, once it is built; none when the lab's own map takes its place.
    fn component_file(&self) -> Option<PathBuf> {
        let beside = self.path.parent().unwrap_or(Path::new("."));
        match &self.manifest.job.module {
            Some(ModuleRef::Path(path)) => Some(beside.join(path)),
            None | Some(ModuleRef::Digest(_)) => Some(beside.join(BUILT)),
            Some(ModuleRef::ReadyMadeSum) => None,
        }
    }
}
