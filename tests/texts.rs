//! Texts for people: nobody's own words are translated, and codes stay what they are.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use support::{FIRMS, Lab};

/// Every word and sentence of ours, in both languages, as a person, a dataset's column or a job could be called.
fn words() -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for source in sources() {
        for (at, _) in source.match_indices("text!(\"") {
            let mut literals = source[at + 6..].split('"');
            words.extend([literals.nth(1), literals.nth(1)].into_iter().flatten().map(str::to_owned));
        }
    }
    words.retain(|word| (1..=64).contains(&word.chars().count()) && word.trim() == word && !word.contains(['\\', '{']));
    words
}

/// A list of all of them would take a lab of hundreds of people; these are what was once translated, and one of
/// each kind.
#[test]
fn what_people_call_themselves_and_their_things_is_left_as_it_is() {
    let lab = Lab::new();
    let known = words();
    assert!(known.len() > 200, "{known:?}");
    let people: Vec<&str> =
        ["rows", "operator", "state", "error", "entry", "waiting", "released", "运行管理员", "条目"]
            .into_iter()
            .filter(|word| known.contains(*word) || ["operator", "error", "released", "运行管理员"].contains(word))
            .collect();
    assert!(people.len() >= 8, "{people:?}");
    // Somebody is called `operator` in every lab of these tests.
    for (at, name) in people.iter().enumerate().filter(|(_, name)| **name != "operator") {
        let (key, request) = (format!("person-{at}.pem"), format!("person-{at}.json"));
        lab.ok(&["key", "new", &key]);
        let origin = support::ORIGIN;
        lab.ok(&[
            "person",
            "request",
            "--name",
            name,
            "--role",
            "analyst",
            "--new-key",
            &key,
            "--origin",
            origin,
            "--out",
            &request,
        ]);
        lab.ok(&["person", "enroll", "--request", &request, "--key", "keys/owner.pem"]);
    }
    for lang in ["en", "zh"] {
        let listed = lab.unseen(&["--lang", lang, "person", "list"]).stdout;
        let logged = lab.unseen(&["--lang", lang, "log", "show"]).stdout;
        let json = lab.unseen(&["--lang", lang, "--json", "person", "list"]).stdout;
        for name in &people {
            let begins = |line: &str| line.trim_start().starts_with(&format!("{name} "));
            assert!(listed.lines().any(begins), "{lang}: {name}: {listed}");
            assert!(logged.contains(name), "{lang}: {name}: {logged}");
            assert!(json.contains(&format!("\"{name}\"")), "{lang}: {name}: {json}");
        }
        assert_eq!(
            json,
            lab.unseen(&["--lang", "en", "--json", "person", "list"]).stdout,
            "names are never translated"
        );
        // In sentences: a dataset, a person, a file of that name.
        for name in &people {
            let refused = lab.unseen(&["--lang", lang, "dataset", "show", name]).stderr;
            assert!(refused.contains(&format!("`{name}`")), "{lang}: {refused}");
            let refused = lab.unseen(&[
                "--lang",
                lang,
                "person",
                "revoke",
                &format!("{name}?"),
                "--reason",
                "x",
                "--key",
                "keys/owner.pem",
            ]);
            assert!(refused.stderr.contains(&format!("`{name}?`")), "{lang}: {refused:?}");
        }
    }
}

/// Every label of ours as somebody's column, and as a dataset that is not there.
#[test]
fn every_word_of_ours_may_be_a_column() {
    let lab = Lab::new();
    let words: Vec<String> = words().into_iter().filter(|word| word.len() <= 128).collect();
    assert!(words.len() > 200, "{words:?}");
    let quoted = |word: &String| format!("{word:?}");
    // No dataset has room for all.
    for words in words.chunks(1_000) {
        let columns: String =
            words.iter().map(|word| format!("[[column]]\nname = {}\ntype = \"text\"\n", quoted(word))).collect();
        let head = FIRMS.split("[[column]]\nname = \"town\"").next().unwrap();
        let head = head.replace("name = \"firms\"", "name = \"words\"").replace("text = 256", "text = 4096");
        lab.write("words.toml", head + &columns);
        let header = words.iter().map(quoted).collect::<Vec<_>>().join(",");
        lab.write("words.csv", format!("code,{header}\na{}\n", ",x".repeat(words.len())));
        lab.ok(&["dataset", "import", "words.csv", "--description", "words.toml", "--key", "keys/steward.pem"]);
        for lang in ["en", "zh"] {
            let quality = ["dataset", "quality", "words", "--key", "keys/steward.pem"];
            for command in [&["dataset", "show", "words"][..], &quality] {
                let said = |json: &[&str]| lab.unseen(&[&["--lang", lang], json, command].concat()).stdout;
                let (shown, json) = (said(&[]), said(&["--json"]));
                for word in words {
                    assert!(shown.contains(word.as_str()), "{lang}: {word} is not in {shown}");
                    assert!(json.contains(&format!("\"name\": {}", quoted(word))), "{lang}: {word} is not in {json}");
                }
            }
        }
    }
    for word in &words {
        let refused = lab.unseen(&["--lang", "zh", "dataset", "show", "--", word]).stderr;
        assert!(refused.contains(&format!("`{word}`")), "{refused}");
    }
}

/// Programs go by codes, so none goes or changes its name unnoticed. `UNSEEN_BLESS=1 cargo test -p unseen --test
/// texts` writes the page anew.
#[test]
fn the_codes_of_errors_are_the_ones_on_the_page() {
    let mut codes = BTreeSet::new();
    for source in sources() {
        for (at, _) in source.match_indices("#[code(\"") {
            let rest = &source[at + 8..];
            let (prefix, rest) = rest.split_once('"').unwrap();
            let declared =
                rest.find("enum ").filter(|at| !rest[..*at].contains("struct ") && !rest[..*at].contains("#[code"));
            match declared {
                None => _ = codes.insert(prefix.to_owned()),
                Some(_) => codes.extend(variants(rest).into_iter().map(|variant| format!("{prefix}.{variant}"))),
            }
        }
    }
    codes.extend(["refused", "system", "json"].map(str::to_owned));
    let lines: String = codes.iter().map(|code| format!("- `{code}`\n")).collect();
    let page = format!(
        "# Codes of errors\n\nWith `--json` an error is `{{\"error\": {{\"code\", \"message\", \"data\"}}}}` on standard error. Programs go by `code`: \
         it stays. `message` is for people, in English or as `--lang` says, and may change; `data` holds what it speaks of.\n\n{lines}"
    );
    let path = root().join("docs/error-codes.md");
    if std::env::var_os("UNSEEN_BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), page, "run the test once with UNSEEN_BLESS=1");
}

/// The variants of an enum that have a text of their own, as codes write them.
fn variants(source: &str) -> Vec<String> {
    let body = source.split_once("enum ").and_then(|(_, rest)| rest.split_once('{')).unwrap().1;
    let body = body.split("\n}\n").next().unwrap();
    let mut own = false;
    let mut found = Vec::new();
    for line in body.lines().map(str::trim) {
        own |= line.starts_with("#[zh(");
        let name: String = line.chars().take_while(|c| c.is_alphanumeric()).collect();
        if line.starts_with(|c: char| c.is_ascii_uppercase()) && line[name.len()..].starts_with([',', '(', ' ']) {
            if own {
                let mut kebab = String::new();
                for c in name.chars() {
                    if c.is_uppercase() && !kebab.is_empty() {
                        kebab.push('-');
                    }
                    kebab.extend(c.to_lowercase());
                }
                found.push(kebab);
            }
            own = false;
        }
    }
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Every source that says something to people, without its tests.
fn sources() -> Vec<String> {
    let mut folders: Vec<PathBuf> =
        ["ids", "policies", "attestations", "runtime", "sandbox", "terminal", "guest-sdk/toolchain"]
            .map(|folder| root().join(folder))
            .to_vec();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") && path.iter().any(|part| part == "src") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push(text.split("\n#[cfg(test)]\nmod tests {").next().unwrap().to_owned());
            }
        }
    }
    found
}
