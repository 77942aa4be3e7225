//! The languages that jobs are written in.

/// A language whose tools [`crate::build`] knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// Rust, by cargo.
    #[default]
    Rust,
    /// Python, by componentize-py.
    Python,
    /// JavaScript, by componentize-qjs.
    JavaScript,
    /// C, by clang or zig.
    C,
}

impl Language {
    /// All of them, by the names that people type.
    pub const ALL: [(&'static str, Language); 4] =
        [("rust", Language::Rust), ("python", Language::Python), ("js", Language::JavaScript), ("c", Language::C)];

    /// The file by which a project of the language is known, in its folder.
    pub fn main_file(self) -> &'static str {
        match self {
            Language::Rust => "Cargo.toml",
            Language::Python => "job.py",
            Language::JavaScript => "job.js",
            Language::C => "job.c",
        }
    }

    /// Where the code lies that people write.
    pub fn source_file(self) -> &'static str {
        match self {
            Language::Rust => "src/lib.rs",
            other => other.main_file(),
        }
    }

    /// Where a build writes the names of `job.toml`.
    pub fn shape_file(self) -> &'static str {
        match self {
            Language::Rust => "src/shape.rs",
            Language::Python => "shape.py",
            Language::JavaScript => "shape.js",
            Language::C => "shape.h",
        }
    }

    /// What runs the tests of a project, in its folder.
    pub fn test_command(self) -> &'static str {
        match self {
            Language::Rust => "cargo test",
            Language::Python => "python3 -m unittest",
            Language::JavaScript => "node --test",
            Language::C => "make test",
        }
    }

    /// The language of a name; none for one that is not known.
    pub fn named(name: &str) -> Option<Language> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, language)| language)
    }
}
