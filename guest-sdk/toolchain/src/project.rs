//! Writes a new project.

mod files;

use std::fs;
use std::path::{Path, PathBuf};

use unseen_policies::manifest::Manifest;
use unseen_policies::shape::Shape;
use unseen_texts::Say;

use crate::language::Language;
use crate::shape;

/// What a new project starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Template {
    /// One round over units: a histogram.
    #[default]
    Histogram,
    /// One round over blocks of units: a median.
    Blocks,
    /// Several rounds: a linear regression by gradient descent.
    Iterative,
}

impl Template {
    /// All templates.
    pub const ALL: [Template; 3] = [Template::Histogram, Template::Blocks, Template::Iterative];
}

/// What a new project asks about.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    /// The dataset.
    pub dataset: String,
    /// A column of texts with its declared domain.
    pub group: Option<(String, Vec<String>)>,
    /// A column of numbers.
    pub value: Measure,
    /// Another one, for what relates two; without it, the same.
    pub other: Option<Measure>,
}

/// A column of numbers with public bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// Its name.
    pub column: String,
    /// Whether its cells are whole numbers.
    pub is_int: bool,
    /// No cell is less.
    pub lower: f64,
    /// No cell is more.
    pub upper: f64,
}

/// Why no project was written.
#[derive(Debug, thiserror::Error, Say)]
#[code("new-job")]
pub enum NewError {
    /// The name cannot name a crate.
    #[error("`{name}` cannot name a job: use small letters, digits and `-`, starting with a letter")]
    #[zh("`{name}` 不能作作业名称：请用小写字母、数字和 `-`，以字母开头")]
    Name {
        /// As given.
        name: String,
    },
    /// The subject makes no good manifest.
    #[error("no job can be written about this dataset: {0}")]
    #[zh("无法为该数据集编写作业：{0}")]
    Manifest(unseen_policies::manifest::ManifestError),
    /// The folder is in use.
    #[error("{path} exists and is not an empty folder; give the path of a new one")]
    #[zh("{path} 已存在且不是空文件夹；请给出新路径")]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// A file could not be written.
    #[error("cannot write {path}: {source}")]
    #[zh("无法写入 {path}：{source}")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Writes a project that builds and passes its test, with no network but for its language's tool, into `dir`, which
/// must be new or empty. Without a subject it asks about a dataset of the demo.
///
/// # Errors
/// When the name is no crate's name, the folder is in use, or a file cannot be written.
pub fn new_project(
    dir: &Path,
    name: &str,
    language: Language,
    template: Template,
    subject: Option<&Subject>,
) -> Result<(), NewError> {
    let mut letters = name.chars();
    let fits = letters.next().is_some_and(|c| c.is_ascii_lowercase())
        && letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        // Names that cargo or the compiler keep for themselves.
        && !["test", "core", "std", "alloc", "build", "deps", "self", "super", "crate"].contains(&name)
        && name != "unseen-guest"
        && name.len() <= 64;
    if !fits {
        return Err(NewError::Name { name: name.to_owned() });
    }
    let at = |path: &Path| {
        let path = path.to_owned();
        |source| NewError::Write { path, source }
    };
    if dir.exists() {
        let empty = dir.is_dir() && fs::read_dir(dir).map_err(at(dir))?.next().is_none();
        if !empty {
            return Err(NewError::Exists { path: dir.to_owned() });
        }
    }
    let mut files = files::written(name, language, template, subject);
    let manifest: String =
        files.iter().filter(|(path, _)| *path == "job.toml").map(|(_, text)| text.as_str()).collect();
    let manifest = Manifest::parse(&manifest).map_err(NewError::Manifest)?;
    files.push((language.shape_file(), shape::source(&Shape::of(&manifest), language)));
    for (path, text) in files {
        let path = dir.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(at(folder))?;
        }
        fs::write(&path, text).map_err(at(&path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_name_or_a_folder_in_use_writes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let new = |dir: &Path, name| new_project(dir, name, Language::Rust, Template::Histogram, None);
        for name in ["", "Big", "9to5", "a_b", "../up", "a b", "test", "unseen-guest"] {
            assert!(matches!(new(&dir.path().join("new"), name), Err(NewError::Name { .. })), "{name}");
        }
        assert!(!dir.path().join("new").exists());
        fs::write(dir.path().join("mine"), "x").unwrap();
        assert!(matches!(new(dir.path(), "job"), Err(NewError::Exists { .. })));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
