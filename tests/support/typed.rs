//! Documents, and what they tell people to type, typed as it stands.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::{Done, Lab, skipped};

/// The top of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What is set off in a section of a document, comments included.
pub fn commands(document: &str, section: &str) -> Vec<String> {
    let lines = lines(document, section, false);
    lines.iter().filter_map(|line| line.strip_prefix("    ")).map(str::to_owned).collect()
}

/// What stands between fences in a section of a document.
pub fn fenced(document: &str, section: &str) -> String {
    lines(document, section, true).join("\n")
}

fn lines(document: &str, section: &str, of_fences: bool) -> Vec<String> {
    let page = std::fs::read_to_string(root().join(document)).unwrap();
    let (_, rest) = page.split_once(&format!("\n## {section}\n")).unwrap_or_else(|| panic!("{document}: {section}"));
    let mut code = false;
    let lines = rest.split("\n## ").next().unwrap().lines().filter(|line| {
        let fence = line.starts_with("```");
        code ^= fence;
        code == of_fences && !fence
    });
    lines.map(str::to_owned).collect()
}

/// The same commands without their comments, which each language has its own of.
pub fn bare(document: &str, section: &str) -> Vec<String> {
    let lines = commands(document, section).into_iter();
    lines.map(|line| line.split(" #").next().unwrap().trim_end().to_owned()).collect()
}

/// A shell in a lab's folder, in which the programs are found that were built.
pub struct Shell {
    folder: PathBuf,
    programs: PathBuf,
    path: String,
    variables: Vec<(String, String)>,
    /// What stands in the document, and what it is here.
    places: Vec<(String, String)>,
    /// `jN` is the number that the last submission printed.
    job: String,
    /// How long a release may take that the lab makes by itself.
    patience: Duration,
}

impl Shell {
    pub fn of(lab: &Lab) -> Shell {
        let programs = Path::new(env!("CARGO_BIN_EXE_unseen")).parent().unwrap().to_owned();
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
        let (folder, variables) = (lab.path(""), vec![("XDG_STATE_HOME".into(), text(&lab.path("auditor")))]);
        let patience = Duration::ZERO;
        Shell { folder, programs, path, variables, places: Vec::new(), job: "jN".into(), patience }
    }

    pub fn with(mut self, variable: &str, value: &str) -> Shell {
        self.variables.push((variable.to_owned(), value.to_owned()));
        self
    }

    /// In a folder of the lab's.
    pub fn within(mut self, folder: &str) -> Shell {
        self.folder.push(folder);
        self
    }

    /// Programs in this folder stand for those of the system.
    pub fn with_programs(mut self, folder: &Path) -> Shell {
        self.path = format!("{}:{}", folder.display(), self.path);
        self
    }

    pub fn where_is(mut self, written: &str, here: &str) -> Shell {
        self.places.push((written.to_owned(), here.to_owned()));
        self
    }

    pub fn waits(mut self, patience: Duration) -> Shell {
        self.patience = patience;
        self
    }

    /// A text of the document as it is here.
    pub fn here(&self, written: &str) -> String {
        self.places.iter().fold(written.to_owned(), |text, (written, here)| text.replace(written, here))
    }

    /// Types each command; each must end well.
    pub fn type_all(&mut self, commands: &[String]) {
        for command in commands {
            if command.starts_with("unseen-audit") && !self.programs.join("unseen-audit").exists() {
                skipped("unseen-audit is not built: cargo build -p unseen-auditor");
                continue;
            }
            self.type_one(command);
        }
    }

    fn type_one(&mut self, command: &str) {
        // A witness serves until it is told to end.
        let serves = command.contains(" serve ");
        let typed = self.here(&command.replace("jN", &self.job));
        let typed = if serves { format!("timeout 2 {typed}") } else { typed };
        let start = Instant::now();
        let done = loop {
            let done = self.run(&typed);
            let early = done.code == 1 && command.contains(" job release ") && start.elapsed() < self.patience;
            if !early {
                break done;
            }
            std::thread::sleep(Duration::from_millis(300));
        };
        assert_eq!(done.code, if serves { 124 } else { 0 }, "{done:?}");
        if command.contains(" job submit ") {
            let words = done.stdout.split(|c: char| !c.is_alphanumeric());
            let mut numbers = words.filter(|word| word.parse::<unseen_ids::JobId>().is_ok());
            self.job = numbers.next().unwrap_or_else(|| panic!("no number: {done:?}")).to_owned();
        }
    }

    fn run(&self, typed: &str) -> Done {
        let mut shell = Command::new("bash");
        shell.args(["-c", typed]).current_dir(&self.folder).env("PATH", &self.path).env("LANG", "C");
        for variable in ["CARGO_TARGET_DIR", "UNSEEN_KEY", "UNSEEN_LAB", "UNSEEN_PROFILE", "UNSEEN_CONFIG"] {
            shell.env_remove(variable);
        }
        shell.envs(self.variables.iter().map(|(name, value)| (name, value)));
        Done::from(shell.output().unwrap(), &[typed])
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
