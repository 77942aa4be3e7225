//! What documents tell people to type is typed here as it stands, in a lab like the one that `make demo` makes.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::*;

/// What is set off in a section of a document, comments included.
fn commands(document: &str, section: &str) -> Vec<String> {
    let page = std::fs::read_to_string(root().join(document)).unwrap();
    let (_, rest) = page.split_once(&format!("\n## {section}\n")).unwrap_or_else(|| panic!("{document}: {section}"));
    let mut code = false;
    let lines = rest.split("\n## ").next().unwrap().lines().filter(|line| {
        code ^= line.starts_with("```");
        !code
    });
    lines.filter_map(|line| line.strip_prefix("    ")).map(str::to_owned).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A smaller district than the demo's, with the same people, datasets, rules and twins.
fn demo() -> Lab {
    let lab = Lab::new();
    unseen_demo::district::District { seed: 1, enterprises: 5_000, months: 2 }.write(&lab.path("data")).unwrap();
    for name in ["enterprises", "monthly", "industries"] {
        let (rows, description) = (format!("data/{name}.csv"), format!("data/{name}.toml"));
        lab.ok(&["dataset", "import", &rows, "--description", &description, "--key", "keys/steward.pem"]);
        lab.ok(&["twin", name, "--rows", "4000", "--out", "twins"]);
    }
    lab.write("keys/log.vkey", text(&lab.ok(&["lab", "show"])["logKey"]) + "\n");
    symlink(root().join("guest-sdk/examples").canonicalize().unwrap(), lab.path("jobs")).unwrap();
    lab
}

/// Types each command in a shell; `jN` is the number that the last submission printed.
fn type_all(lab: &Lab, commands: &[String]) {
    let programs = Path::new(env!("CARGO_BIN_EXE_unseen")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let mut job = "jN".to_owned();
    for command in commands {
        if command.starts_with("unseen-audit") && !programs.join("unseen-audit").exists() {
            skipped("unseen-audit is not built: cargo build -p unseen-auditor");
            continue;
        }
        // A witness serves until it is told to end.
        let serves = command.contains(" serve ");
        let typed = if serves { format!("timeout 2 {command}") } else { command.replace("jN", &job) };
        let mut shell = Command::new("bash");
        shell.args(["-c", &typed]).current_dir(lab.path("")).env("PATH", &path).env("UNSEEN_LAB", "lab");
        shell.env("LANG", "C").env("XDG_STATE_HOME", lab.path("auditor"));
        shell.env_remove("CARGO_TARGET_DIR").env_remove("UNSEEN_KEY");
        let done = Done::from(shell.output().unwrap(), &[&typed]);
        assert_eq!(done.code, if serves { 124 } else { 0 }, "{done:?}");
        if command.contains(" job submit ") {
            let words = done.stdout.split(|c: char| !c.is_alphanumeric());
            let mut numbers = words.filter(|word| word.parse::<unseen_ids::JobId>().is_ok());
            job = numbers.next().unwrap_or_else(|| panic!("no number: {done:?}")).to_owned();
        }
    }
}

#[test]
fn the_tour_goes_on_from_the_demo() {
    type_all(&demo(), &commands("README.md", "A tour by role"));
}

#[test]
fn ten_minutes_lead_to_a_release() {
    let lab = demo();
    let typed = commands("docs/writing-a-job.md", "1. Ten minutes");
    assert!(typed.last().unwrap().starts_with("unseen job release"), "{typed:?}");
    type_all(&lab, &typed);
}

#[test]
fn the_chinese_readme_says_the_same() {
    let bare = |document, section| {
        let lines = commands(document, section).into_iter();
        lines.map(|line| line.split(" #").next().unwrap().trim_end().to_owned()).collect::<Vec<_>>()
    };
    for (english, chinese) in [("Try it", "上手"), ("A tour by role", "按角色了解")] {
        assert_eq!(bare("README.md", english), bare("README.zh.md", chinese));
    }
    let shape = |document| {
        let page = std::fs::read_to_string(root().join(document)).unwrap();
        let count = |start: &str| page.lines().filter(|line| line.starts_with(start)).count();
        ["## ", "- ", "1. ", "5. ", "| [", "```mermaid", "**"].map(count)
    };
    assert_eq!(shape("README.md"), shape("README.zh.md"));
}
