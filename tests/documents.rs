//! What documents tell people to type is typed here as it stands, in a lab like the one that `make demo` makes.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;
#[path = "support/typed.rs"]
mod typed;

use std::os::unix::fs::symlink;

use support::*;
use typed::{Shell, bare, commands, root};

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

fn type_all(lab: &Lab, commands: &[String]) {
    Shell::of(lab).with("UNSEEN_LAB", "lab").type_all(commands);
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
    for (english, chinese) in [("Try it", "上手"), ("A tour by role", "按角色了解"), ("Over the network", "通过网络")]
    {
        assert_eq!(bare("README.md", english), bare("README.zh.md", chinese));
    }
    let shape = |document| {
        let page = std::fs::read_to_string(root().join(document)).unwrap();
        let count = |start: &str| page.lines().filter(|line| line.starts_with(start)).count();
        ["## ", "- ", "1. ", "5. ", "| [", "```mermaid", "**"].map(count)
    };
    assert_eq!(shape("README.md"), shape("README.zh.md"));
}
