//! What documents tell people to type is typed here as it stands, in a lab like the one that `make demo` makes.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;
#[path = "support/tools.rs"]
mod tools;
#[path = "support/typed.rs"]
mod typed;

use std::os::unix::fs::symlink;
use std::path::Path;

use support::*;
use typed::{Shell, bare, commands, fenced, root};
use unseen_toolchain::Language;

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

/// Each of the languages, with its tools where `make verifiers` has put them; its job is that of the page's code too.
#[test]
fn tutorials_lead_to_a_trial() {
    for (language, of) in [("python", Language::Python), ("javascript", Language::JavaScript), ("c", Language::C)] {
        let (english, chinese) = (format!("docs/tutorials/{language}.md"), format!("docs/tutorials/{language}.zh.md"));
        assert_eq!(bare(&english, "Ten minutes"), bare(&chinese, "十分钟"), "{language}");
        assert_eq!(shape(&english), shape(&chinese), "{language}");
        let Some([venv, node]) = tools::folders(of) else { continue };
        let lab = demo();
        let shell = || Shell::of(&lab).with("UNSEEN_LAB", "lab").with_programs(&venv).with_programs(&node);
        let typed = commands(&english, "Ten minutes");
        shell().type_all(&typed);
        let page = std::fs::read_to_string(root().join(&english)).unwrap();
        let code = page.split("```").nth(1).unwrap().split_once('\n').unwrap().1;
        std::fs::write(lab.path("yields").join(of.source_file()), code).unwrap();
        // The project's own test is that of the project's own bins.
        let again = ["build", "check", "try"].map(|verb| format!("unseen job {verb} yields"));
        assert!(again.iter().all(|line| typed.iter().any(|typed| typed.starts_with(line))), "{typed:?}");
        shell().type_all(&again);
    }
}

#[test]
fn questions_are_asked_as_the_page_says() {
    let lab = demo();
    type_all(&lab, &commands("docs/asking.md", "1. In SQL"));
    lab.write("by-hand/job.toml", fenced("docs/asking.md", "2. In a manifest"));
    lab.ok(&["job", "check", "by-hand"]);
    let trial = lab.ok(&["job", "try", "by-hand", "--twins", "twins"]);
    assert_eq!(trial["failed"], serde_json::json!([]));
    type_all(&lab, &commands("docs/asking.md", "4. Models"));
    for (english, chinese) in [("1. In SQL", "1. 用 SQL"), ("4. Models", "4. 模型")] {
        assert_eq!(bare("docs/asking.md", english), bare("docs/asking.zh.md", chinese));
    }
    let (english, chinese) = ("Budget: how much rho?", "预算：花多少 rho？");
    type_all(&lab, &commands("docs/choosing.md", english));
    assert_eq!(bare("docs/choosing.md", english), bare("docs/choosing.zh.md", chinese));
    assert_eq!(shape("docs/choosing.md"), shape("docs/choosing.zh.md"));
}

/// What a description says of how values lie is enough for a regression to have the signs of the real rows, the same
/// code on either.
#[test]
fn a_twin_of_the_demo_teaches_the_signs_of_the_real_rows() {
    let lab = Lab::empty();
    unseen_demo::district::District { seed: 1, enterprises: 5_000, months: 6 }.write(&lab.path("data")).unwrap();
    symlink(root().join("guest-sdk/examples").canonicalize().unwrap(), lab.path("jobs")).unwrap();
    lab.ok(&["twin", "data/monthly.toml", "--rows", "24000", "--out", "twins"]);
    for (from, to) in [("monthly.csv", "monthly.csv"), ("monthly.toml", "monthly.dataset.toml")] {
        lab.write(&format!("real/{to}"), std::fs::read(lab.path(&format!("data/{from}"))).unwrap());
    }
    lab.ok(&["job", "build", "jobs/regression"]);
    let coefficients = |rows: &str| {
        let trial = lab.ok(&["job", "try", "jobs/regression", "--twins", rows, "--no-noise"]);
        let row = trial["derived"][0]["rows"][0].as_array().unwrap().clone();
        row.iter().map(|number| number.as_f64().unwrap()).collect::<Vec<_>>()
    };
    let (real, twin) = (coefficients("real"), coefficients("twins"));
    assert_eq!(real.len(), 4);
    for (real, twin) in real.iter().zip(&twin) {
        assert!(real * twin > 0.0 && real.abs() > 0.02 && twin.abs() > 0.02, "{real} {twin}");
    }
}

#[test]
fn the_chinese_readme_says_the_same() {
    for (english, chinese) in [("Try it", "上手"), ("A tour by role", "按角色了解"), ("Over the network", "通过网络")]
    {
        assert_eq!(bare("README.md", english), bare("README.zh.md", chinese));
    }
    assert_eq!(shape("README.md"), shape("README.zh.md"));
}

#[test]
fn the_chinese_guides_say_the_same() {
    for guide in ["analyst", "operator", "steward", "auditor"] {
        let (english, chinese) = (format!("docs/guides/{guide}.md"), format!("docs/guides/{guide}.zh.md"));
        assert_eq!(bare(&english, "At a terminal"), bare(&chinese, "在终端"), "{guide}");
        assert_eq!(shape(&english), shape(&chinese), "{guide}");
    }
}

/// How many lines begin with each of what gives a page its form.
fn shape(document: &str) -> [usize; 11] {
    let page = std::fs::read_to_string(root().join(document)).unwrap();
    let count = |start: &str| page.lines().filter(|line| line.starts_with(start)).count();
    ["## ", "- ", "1. ", "5. ", "6. ", "| ", "   | ", "![", "   ![", "```mermaid", "**"].map(count)
}

/// Each leads to a file that is there, and to a heading of it.
#[test]
fn links_lead_somewhere() {
    let mut links = 0;
    for folder in ["", "docs", "docs/guides", "docs/tutorials"] {
        let pages = std::fs::read_dir(root().join(folder)).unwrap().map(|found| found.unwrap().path());
        for page in pages.filter(|page| page.extension().is_some_and(|ends| ends == "md")) {
            for line in prose(&page) {
                for link in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                    if link.contains("://") {
                        continue;
                    }
                    links += 1;
                    let (file, heading) = link.split_once('#').unwrap_or((link, ""));
                    let to = if file.is_empty() { page.clone() } else { page.with_file_name(file) };
                    assert!(to.exists(), "{}: {link}", page.display());
                    let known =
                        heading.is_empty() || prose(&to).iter().any(|line| anchor(line).as_deref() == Some(heading));
                    assert!(known, "{}: {link}: no such heading", page.display());
                }
            }
        }
    }
    assert!(links > 500, "{links}");
}

/// The lines of a page outside its code.
fn prose(page: &Path) -> Vec<String> {
    let page = std::fs::read_to_string(page).unwrap();
    let mut code = false;
    let lines = page.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence && !line.starts_with("    ")
    });
    lines.map(str::to_owned).collect()
}

/// What GitHub calls a heading.
fn anchor(line: &str) -> Option<String> {
    let heading = line.strip_prefix('#')?.trim_start_matches('#').trim().to_lowercase();
    let kept = heading.chars().filter(|sign| sign.is_alphanumeric() || matches!(sign, ' ' | '-' | '_'));
    Some(kept.map(|sign| if sign == ' ' { '-' } else { sign }).collect())
}
