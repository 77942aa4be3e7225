//! Writes a new project.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::shape;
use unseen_policies::manifest::Manifest;
use unseen_policies::shape::Shape;
use unseen_texts::Say;

/// What a new project starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Template {
    /// One round: a histogram by town.
    #[default]
    Histogram,
    /// Several rounds: a linear regression by gradient descent.
    Iterative,
}

impl Template {
    /// All templates, by the name people type.
    pub const ALL: [(&'static str, Template); 2] =
        [("histogram", Template::Histogram), ("iterative", Template::Iterative)];

    fn sources(self) -> [(&'static str, &'static str); 2] {
        match self {
            Template::Histogram => [
                ("src/lib.rs", include_str!("../templates/histogram/lib.rs")),
                ("job.toml", include_str!("../templates/histogram/job.toml")),
            ],
            Template::Iterative => [
                ("src/lib.rs", include_str!("../templates/iterative/lib.rs")),
                ("job.toml", include_str!("../templates/iterative/job.toml")),
            ],
        }
    }
}

impl Template {
    /// `src/shape.rs`, as a build would write it.
    fn shape(self) -> String {
        let [_, (_, manifest)] = self.sources();
        let manifest = Manifest::parse(manifest).expect("invariant: the templates' manifests are good");
        shape::source(&Shape::of(&manifest))
    }
}

impl FromStr for Template {
    type Err = NewError;

    fn from_str(name: &str) -> Result<Self, NewError> {
        Template::ALL
            .into_iter()
            .find_map(|(known, template)| (known == name).then_some(template))
            .ok_or_else(|| NewError::Template { name: name.to_owned() })
    }
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
    /// There is no such template.
    #[error("there is no template `{name}`; there are `histogram` and `iterative`")]
    #[zh("没有模板 `{name}`；可用 `histogram` 和 `iterative`")]
    Template {
        /// As given.
        name: String,
    },
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

/// Files every project has, beside its template's.
const FILES: [(&str, &str); 13] = [
    ("Cargo.toml", include_str!("../templates/Cargo.toml")),
    (".cargo/config.toml", include_str!("../templates/config.toml")),
    (".gitignore", include_str!("../templates/gitignore")),
    ("README.md", include_str!("../templates/README.md")),
    ("vendor/unseen-guest/Cargo.toml", include_str!("../templates/sdk-Cargo.toml")),
    ("vendor/unseen-guest/src/lib.rs", include_str!("../../rust/src/lib.rs")),
    ("vendor/unseen-guest/src/contributions.rs", include_str!("../../rust/src/contributions.rs")),
    ("vendor/unseen-guest/src/grain.rs", include_str!("../../rust/src/grain.rs")),
    ("vendor/unseen-guest/src/job.rs", include_str!("../../rust/src/job.rs")),
    ("vendor/unseen-guest/src/shape.rs", include_str!("../../rust/src/shape.rs")),
    ("vendor/unseen-guest/src/testing.rs", include_str!("../../rust/src/testing.rs")),
    ("vendor/unseen-guest/src/totals.rs", include_str!("../../rust/src/totals.rs")),
    ("vendor/unseen-guest/src/wasm.rs", include_str!("../../rust/src/wasm.rs")),
];

/// Writes a project that builds and passes its test, with no network, into `dir`, which must be
/// new or empty.
///
/// # Errors
/// When the name is no crate's name, the folder is in use, or a file cannot be written.
pub fn new_project(dir: &Path, name: &str, template: Template) -> Result<(), NewError> {
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
    for (path, text) in FILES.into_iter().chain(template.sources()) {
        let path = dir.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(at(folder))?;
        }
        fs::write(&path, text.replace("{{name}}", name)).map_err(at(&path))?;
    }
    let path = dir.join("src/shape.rs");
    fs::write(&path, template.shape()).map_err(at(&path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copied_sdk_is_whole() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rust/src");
        for file in fs::read_dir(folder).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            let copy = format!("vendor/unseen-guest/src/{name}");
            assert!(FILES.iter().any(|(path, _)| *path == copy), "{name} is not copied");
        }
    }

    #[test]
    fn a_bad_name_or_a_folder_in_use_writes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["", "Big", "9to5", "a_b", "../up", "a b", "test", "unseen-guest"] {
            let result = new_project(&dir.path().join("new"), name, Template::Histogram);
            assert!(matches!(result, Err(NewError::Name { .. })), "{name}");
        }
        assert!(!dir.path().join("new").exists());
        fs::write(dir.path().join("mine"), "x").unwrap();
        let result = new_project(dir.path(), "job", Template::Histogram);
        assert!(matches!(result, Err(NewError::Exists { .. })));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
