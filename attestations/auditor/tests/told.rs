//! What an auditor is told, by the program itself: a page for every verdict, the rules and their history, both
//! spellings of a root, and whether a proof of one entry is good.
#![allow(clippy::unwrap_used, clippy::panic)]

#[allow(dead_code, reason = "written for the tests of every rule")]
#[path = "../../audit/tests/rules/lab.rs"]
mod lab;
#[path = "told/pages.rs"]
mod pages;
#[path = "told/proofs.rs"]
mod proofs;

use std::path::{Path, PathBuf};
use std::process::Command;

use lab::*;
use serde_json::Value;
use tempfile::TempDir;

/// An auditor's folder, and what the program says in it.
struct Desk(TempDir);

/// What the program said, and how it ended.
#[derive(Debug)]
struct Done {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Desk {
    fn new() -> Desk {
        Desk(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), content).unwrap();
        name.to_owned()
    }

    /// `unseen-audit ARGS` in this folder.
    fn run(&self, args: &[&str]) -> Done {
        let mut command = Command::new(env!("CARGO_BIN_EXE_unseen-audit"));
        command.args(args).current_dir(self.0.path()).env("LANG", "C").env("XDG_STATE_HOME", self.path("state"));
        for name in ["LC_ALL", "LC_MESSAGES", "NO_COLOR"] {
            command.env_remove(name);
        }
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap();
        Done { code, stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Verifies a bundle in this language, with these options; what was said, and the page.
    fn verify(&self, bundle: &Path, lang: &str, options: &[&str]) -> (Done, String) {
        let page = self.path("page.html");
        let _ = std::fs::remove_file(&page);
        let bundle = bundle.display().to_string();
        let done = self.run(&[&["--lang", lang, "verify", &bundle, "--html", "page.html"], options].concat());
        (done, std::fs::read_to_string(page).unwrap_or_default())
    }
}

#[test]
fn a_root_is_told_in_both_spellings_everywhere() {
    let (desk, lab) = (Desk::new(), Lab::new());
    let bundle = lab.export();
    let hex = unseen_ids::Digest::from_bytes(lab.root()).to_hex();
    let base64 = lab.checkpoint(LOG_KEY).text().lines().nth(2).unwrap().to_owned();
    for lang in ["en", "zh"] {
        let (done, page) = desk.verify(bundle.path(), lang, &["--forget"]);
        assert_eq!(done.code, 0, "{done:?}");
        for said in [&done.stdout, &page] {
            assert!(said.contains(&hex) && said.contains(&base64), "{said}");
        }
    }
    let done = desk.run(&["--json", "verify", &bundle.path().display().to_string(), "--forget"]);
    let report: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!((&report["root"], &report["rootBase64"]), (&hex.into(), &base64.into()));
}

/// From one approval to nine: who did it, when, and what it was before.
#[test]
fn the_rules_and_their_history_are_told() {
    let (desk, mut lab) = (Desk::new(), Lab::new());
    let entry = lab.rules(|policy| policy.approvals = 9);
    let time = lab.time.format("%F %T").to_string();
    lab.rules(|policy| policy.release_now = true);
    let bundle = lab.export();
    let (done, page) = desk.verify(bundle.path(), "en", &[]);
    for said in [&done.stdout, &page] {
        for part in ["caps.analyst", "release_now", &time, "operators who must approve"] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    let row = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let change = row(&format!("{entry} {time} owner approvals 2 9"));
    assert!(done.stdout.lines().any(|line| row(line) == change), "{change:?}: {done:?}");
    let cells = "<td data-name=\"rule\">approvals</td><td data-name=\"before\">2</td><td data-name=\"now\">9</td>";
    assert!(page.contains(cells), "{page}");
    let (done, page) = desk.verify(bundle.path(), "zh", &[]);
    for said in [&done.stdout, &page] {
        assert!(said.contains("规则的变更") && said.contains("现为") && said.contains("运行管理员人数"), "{said}");
    }
    let done = desk.run(&["--json", "verify", &bundle.path().display().to_string()]);
    let report: Value = serde_json::from_str(&done.stdout).unwrap();
    let set = report["rulesSet"].as_array().unwrap();
    assert_eq!((set.len(), &set[1]["entry"], &set[1]["by"]), (3, &entry.into(), &"owner".into()));
    let change = serde_json::json!({ "key": "approvals", "before": "2", "after": "9" });
    assert_eq!(set[1]["changes"], serde_json::json!([change]));
    assert_eq!(report["rules"]["approvals"], "9");
}
