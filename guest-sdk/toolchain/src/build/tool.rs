//! Tools of languages: found where people put them, and of one version each, so that the same source makes the same
//! component.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs, io};

use super::BuildError;

/// A tool, as people get it.
pub(super) struct Tool {
    /// The program.
    pub program: &'static str,
    /// The variable that says where it is.
    pub variable: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Says its version; none where it cannot be run.
    pub says: fn(&Path) -> Option<String>,
    /// The line that gets it.
    pub get: &'static str,
    /// Folders of a project in which it may be.
    pub folders: &'static [&'static str],
}

impl Tool {
    /// Where it is: what the variable says, else in the project, else on the path.
    ///
    /// # Errors
    /// When there is none, or one of another version.
    pub(super) fn find(&self, dir: &Path) -> Result<PathBuf, BuildError> {
        let said = env::var_os(self.variable).filter(|said| !said.is_empty()).map(PathBuf::from);
        let here =
            self.folders.iter().filter_map(|folder| std::path::absolute(dir.join(folder).join(self.program)).ok());
        let path = said.or_else(|| here.chain(on_path(self.program)).find(|path| path.is_file()));
        let path = path.ok_or_else(|| BuildError::NoTool { tool: self.named(), get: self.get.to_owned() })?;
        let found = (self.says)(&path);
        let found = found.ok_or_else(|| BuildError::NoTool { tool: self.named(), get: self.get.to_owned() })?;
        match found.split_whitespace().last() {
            Some(version) if version == self.version => Ok(path),
            _ => Err(BuildError::OtherTool { path, found, tool: self.named(), get: self.get.to_owned() }),
        }
    }

    fn named(&self) -> String {
        format!("{} {}", self.program, self.version)
    }
}

/// What a program says of itself.
pub(super) fn said_by_itself(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The npm package that a program is of.
pub(super) fn of_its_package(program: &Path) -> Option<String> {
    let program = fs::canonicalize(program).ok()?;
    let package = program.ancestors().skip(1).find_map(|folder| fs::read(folder.join("package.json")).ok())?;
    let package: serde_json::Value = serde_json::from_slice(&package).ok()?;
    Some(format!("{} {}", package["name"].as_str()?, package["version"].as_str()?))
}

/// The files of a name on the path.
pub(super) fn on_path(program: &str) -> impl Iterator<Item = PathBuf> {
    let folders = env::var_os("PATH").map(|path| env::split_paths(&path).collect::<Vec<_>>()).unwrap_or_default();
    folders.into_iter().map(move |folder| folder.join(program))
}

/// Runs a tool in a folder, and reads what it made.
///
/// # Errors
/// What it printed, when it fails.
pub(super) fn run(mut command: Command, made: &Path) -> Result<Vec<u8>, BuildError> {
    let _there_is_none = fs::remove_file(made);
    // What is wrong is in the job, and not in the tool.
    command.env("RUST_BACKTRACE", "0").env("RUST_LIB_BACKTRACE", "0");
    let output = command.output().map_err(|source| BuildError::Read { path: command.get_program().into(), source })?;
    if !output.status.success() {
        return Err(BuildError::Compile { diagnostics: said(&output) });
    }
    fs::read(made).map_err(|source| BuildError::Read { path: made.to_owned(), source })
}

/// All that a tool printed.
pub(super) fn said(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).trim().to_owned();
    [text(&output.stdout), text(&output.stderr)].join("\n").trim().to_owned()
}

/// A folder below the project's `target` of the files given, empty but for them.
pub(super) fn workshop(dir: &Path, name: &str, files: &[(&str, &str)]) -> Result<PathBuf, BuildError> {
    let folder = std::path::absolute(dir.join("target").join(name));
    let folder = folder.map_err(|source| BuildError::Read { path: dir.to_owned(), source })?;
    let failed = |path: &Path| {
        let path = path.to_owned();
        |source: io::Error| BuildError::Write { path, source }
    };
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&folder)(error)),
        _ => {}
    }
    for (file, text) in files {
        let path = folder.join(file);
        let parent = path.parent().unwrap_or(&folder);
        fs::create_dir_all(parent).map_err(failed(parent))?;
        fs::write(&path, text).map_err(failed(&path))?;
    }
    Ok(folder)
}

/// The SDK's copy in a project.
pub(super) fn sdk(dir: &Path, file: &str) -> Result<(), BuildError> {
    let path = dir.join(file);
    if path.is_file() { Ok(()) } else { Err(BuildError::NoSdk { path }) }
}

/// Whether a source defines a function at its outermost level, by the beginnings of its lines.
pub(super) fn defines(dir: &Path, file: &str, beginnings: &[&str]) -> Result<bool, BuildError> {
    let path = dir.join(file);
    let text = fs::read_to_string(&path).map_err(|source| BuildError::Read { path, source })?;
    Ok(text.lines().any(|line| beginnings.iter().any(|beginning| line.starts_with(beginning))))
}
