//! The architecture, as a test: what may depend on what, how much an auditor has to read, and what
//! no file may hold.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Every crate, and which of our own it may be built from, `texts` aside, on which all may stand. Crates for tests
/// are not counted.
const ARROWS: &[(&str, &[&str])] = &[
    ("texts", &["derive"]),
    ("texts/derive", &[]),
    ("ids", &[]),
    ("durable", &[]),
    ("policies", &["ids"]),
    ("attestations/tlog", &["ids"]),
    ("attestations/evidence", &["ids"]),
    ("attestations/entries", &["ids", "policies", "tlog"]),
    ("guest-sdk/rust", &[]),
    ("guest-sdk/toolchain", &["durable", "policies"]),
    ("runtime", &[]),
    ("sandbox/age", &[]),
    ("sandbox/core", &["ids", "policies", "tlog"]),
    ("sandbox/data", &["age", "ids", "durable", "policies"]),
    ("sandbox/questions", &["ids", "data", "policies"]),
    ("attestations/log", &["ids", "durable", "tlog"]),
    ("attestations/keys", &["tlog"]),
    ("attestations/witness", &["ids", "durable", "tlog"]),
    ("attestations/audit", &["ids", "durable", "entries", "tlog", "log", "policies", "evidence"]),
    (
        "attestations/auditor",
        &["ids", "durable", "entries", "audit", "evidence", "keys", "policies", "terminal", "tlog", "witness"],
    ),
    ("terminal", &["ids", "policies"]),
    ("sandbox/listener", &["ids", "durable", "keys"]),
    ("sandbox/worker", &["age", "ids", "data", "questions", "core", "runtime", "policies"]),
    ("sandbox/access", &["ids"]),
    (
        "sandbox/cluster",
        &["age", "ids", "durable", "entries", "evidence", "worker", "data", "core", "policies", "tlog", "keys"],
    ),
    (
        "sandbox/lab",
        &[
            "access", "age", "cluster", "ids", "durable", "entries", "worker", "data", "core", "runtime", "policies",
            "log", "audit", "tlog", "keys", "evidence", "witness",
        ],
    ),
    ("sandbox/accesslog", &["ids", "durable", "policies"]),
    ("sandbox/notices", &["ids", "keys", "policies"]),
    (
        "sandbox/usecases",
        &[
            "access",
            "accesslog",
            "age",
            "cluster",
            "ids",
            "durable",
            "entries",
            "lab",
            "worker",
            "data",
            "core",
            "runtime",
            "policies",
            "questions",
            "audit",
            "tlog",
            "keys",
            "toolchain",
        ],
    ),
    ("sandbox/api", &["ids", "tlog", "usecases"]),
    ("sandbox/client", &["age", "api", "entries", "ids", "tlog", "usecases"]),
    ("sandbox/shown", &["audit", "core", "ids", "policies", "terminal", "usecases", "worker"]),
    ("sandbox/packs", &["api", "data", "entries", "ids", "policies", "shown", "terminal", "tlog", "usecases"]),
    ("sandbox/console", &["access", "ids", "policies", "shown", "terminal", "usecases"]),
    (
        "sandbox/server",
        &[
            "access",
            "accesslog",
            "api",
            "audit",
            "auditor",
            "console",
            "data",
            "ids",
            "lab",
            "listener",
            "notices",
            "packs",
            "policies",
            "shown",
            "signon",
            "tlog",
            "usecases",
        ],
    ),
    (
        "sandbox/cli",
        &[
            "access",
            "api",
            "client",
            "cluster",
            "demo",
            "listener",
            "notices",
            "packs",
            "server",
            "shown",
            "ids",
            "durable",
            "entries",
            "usecases",
            "lab",
            "worker",
            "data",
            "core",
            "runtime",
            "policies",
            "questions",
            "auditor",
            "tlog",
            "toolchain",
            "terminal",
        ],
    ),
    ("sandbox/signon", &["ids"]),
    ("demo", &[]),
    ("attack", &["core", "ids", "policies"]),
    (
        "fuzz",
        &[
            "access",
            "age",
            "ids",
            "notices",
            "policies",
            "tlog",
            "entries",
            "audit",
            "evidence",
            "witness",
            "data",
            "questions",
            "runtime",
            "signon",
            "toolchain",
            "worker",
            "cluster",
            "usecases",
            "api",
        ],
    ),
    (
        "bench",
        &[
            "ids",
            "lab",
            "listener",
            "usecases",
            "worker",
            "data",
            "core",
            "runtime",
            "policies",
            "tlog",
            "toolchain",
            "demo",
            "terminal",
        ],
    ),
];

/// What one has to read to believe the lab, as three questions: files, and how many lines of code they may be
/// together, without tests, comments, blank lines and Chinese texts. A ceiling only falls: whoever makes a reading shorter
/// lowers it. The first rose once, by what it takes to have code note its writes. `docs/trusted-base.md` says what each file is read for.
const READINGS: &[(&str, usize, &[&str])] = &[
    (
        "Is a number private?",
        2_346,
        &[
            "sandbox/core/src/contributions.rs",
            "sandbox/core/src/layout.rs",
            "sandbox/core/src/noise.rs",
            "sandbox/core/src/order.rs",
            "sandbox/core/src/seed.rs",
            "sandbox/core/src/totals.rs",
            "sandbox/worker/src/run.rs",
            "sandbox/data/src/blocks.rs",
            "runtime/src/reset.rs",
            "runtime/src/plain.rs",
            "runtime/src/marks.rs",
            "runtime/src/pagemap.rs",
            "policies/src/plan.rs",
            "policies/src/domain.rs",
            "policies/src/accounting.rs",
            "policies/src/rational.rs",
            "policies/src/rho.rs",
            "ids/src/bucket.rs",
        ],
    ),
    (
        "Is the log honest?",
        1_135,
        &[
            "attestations/tlog/src/lib.rs",
            "attestations/tlog/src/merkle.rs",
            "attestations/tlog/src/tile.rs",
            "attestations/tlog/src/tree.rs",
            "attestations/tlog/src/key.rs",
            "attestations/tlog/src/note.rs",
            "attestations/tlog/src/cosignature.rs",
            "attestations/tlog/src/proof.rs",
            "attestations/log/src/reader.rs",
            "attestations/audit/src/roots.rs",
            "attestations/audit/src/memory.rs",
            "ids/src/digest.rs",
            "ids/src/hex.rs",
        ],
    ),
    (
        "Were the rules kept?",
        2_890,
        &[
            "policies/src/event.rs",
            "policies/src/lifecycle.rs",
            "policies/src/policy.rs",
            "policies/src/provenance.rs",
            "policies/src/need.rs",
            "policies/src/bounds.rs",
            "policies/src/ledger.rs",
            "policies/src/ledger/check.rs",
            "policies/src/ledger/datasets.rs",
            "policies/src/ledger/jobs.rs",
            "policies/src/ledger/put.rs",
            "attestations/tlog/src/signature.rs",
            "attestations/tlog/src/dsse.rs",
            "attestations/tlog/src/statement.rs",
            "attestations/entries/src/lib.rs",
            "attestations/entries/src/open.rs",
            "attestations/entries/src/json.rs",
            "ids/src/canonical.rs",
            "attestations/audit/src/fold.rs",
            "attestations/audit/src/named.rs",
            "attestations/audit/src/bundle.rs",
            "attestations/audit/src/public_values.rs",
        ],
    ),
];

#[test]
fn crates_depend_on_no_more_than_they_may() {
    let root: toml::Table = read("Cargo.toml").parse().unwrap();
    let mut members: Vec<_> =
        root["workspace"]["members"].as_array().unwrap().iter().map(|m| m.as_str().unwrap()).collect();
    let mut known: Vec<_> = ARROWS.iter().map(|(folder, _)| *folder).collect();
    members.sort_unstable();
    known.sort_unstable();
    assert_eq!(members, known, "a crate that tests/tidy.rs does not know");
    for (folder, may) in ARROWS {
        let manifest: toml::Table = read(&format!("{folder}/Cargo.toml")).parse().unwrap();
        for section in ["dependencies", "build-dependencies"] {
            let names =
                manifest.get(section).and_then(toml::Value::as_table).into_iter().flat_map(|table| table.keys());
            for name in names {
                let ours = name.strip_prefix("unseen-");
                assert!(
                    ours.is_none_or(|ours| ours == "texts" || may.contains(&ours)),
                    "{folder} may not depend on {name}"
                );
                assert!(
                    *folder == "runtime" || !name.starts_with("wasmtime"),
                    "{folder}: wasmtime lives in runtime and nowhere else"
                );
            }
        }
    }
    // `policies` and `tlog` compute; what reads files, clocks or randomness lives elsewhere.
    for path in files(&["policies/src", "attestations/tlog/src"], "rs") {
        let code = code(&path);
        for effect in ["std::fs", "std::net", "std::time::SystemTime", "Utc::now", "thread_rng"] {
            assert!(!code.contains(effect), "{}: {effect}", path.display());
        }
    }
}

/// Whoever does not trust the lab builds this program and reads what is in it.
#[test]
fn the_auditors_program_holds_no_engine_and_no_data_format() {
    let arrows: BTreeMap<_, _> =
        ARROWS.iter().map(|(folder, may)| (folder.rsplit('/').next().unwrap(), (folder, may))).collect();
    let mut linked = vec!["auditor"];
    let mut at = 0;
    while let Some(name) = linked.get(at) {
        let (folder, may) = arrows[name];
        let manifest: toml::Table = read(&format!("{folder}/Cargo.toml")).parse().unwrap();
        for outside in manifest["dependencies"].as_table().unwrap().keys() {
            let heavy = ["wasmtime", "arrow", "parquet", "sled"].iter().any(|heavy| outside.starts_with(heavy));
            assert!(!heavy, "{folder} brings {outside} into unseen-audit");
        }
        linked.extend(may.iter().filter(|next| !linked.contains(next)).copied().collect::<Vec<_>>());
        at += 1;
    }
    assert!(linked.contains(&"witness") && linked.contains(&"policies"), "{linked:?}");
    assert!(!linked.iter().any(|name| ["runtime", "core", "data", "worker", "lab"].contains(name)), "{linked:?}");
}

#[test]
fn what_must_be_believed_grows_no_longer() {
    let page = read("docs/trusted-base.md");
    for (question, most, files) in READINGS {
        let counted: Vec<_> = files.iter().map(|file| (*file, code(&root().join(file)).lines().count())).collect();
        let sum: usize = counted.iter().map(|(_, lines)| lines).sum();
        println!("{question} {sum} lines of code of at most {most}");
        assert!(sum <= *most, "{question} has grown to {sum} lines: {counted:?}");
        assert!(page.contains(question), "docs/trusted-base.md does not ask: {question}");
        for file in *files {
            assert!(page.contains(&format!("`{file}`")), "docs/trusted-base.md does not name {file}");
        }
    }
}

/// A file that is longer has more than one subject.
const MOST_LINES: usize = 600;

#[test]
fn no_file_is_too_long() {
    for path in files(&["."], "rs") {
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= MOST_LINES, "{} has {lines} lines of at most {MOST_LINES}", path.display());
    }
}

/// Each can be read without the other.
#[test]
fn no_two_files_import_each_other() {
    for (folder, _) in ARROWS {
        let source = root().join(folder).join("src");
        let mut modules = BTreeMap::new();
        for path in files(&[&format!("{folder}/src")], "rs").into_iter().filter(|path| !for_tests(path)) {
            let name = path.strip_prefix(&source).unwrap().with_extension("");
            let parts = name.iter().map(|part| part.to_str().unwrap().to_owned());
            let module: Vec<String> = parts.filter(|part| !["lib", "main", "mod"].contains(&part.as_str())).collect();
            modules.insert(module.clone(), imports(&code(&path), &module));
        }
        // The file that a path leads to is that of its longest beginning.
        let file = |path: &Vec<String>| {
            (0..=path.len()).rev().map(|end| path[..end].to_vec()).find(|m| modules.contains_key(m))
        };
        let uses =
            |from: &Vec<String>, to: &Vec<String>| modules[from].iter().any(|path| file(path).as_ref() == Some(to));
        for one in modules.keys() {
            for other in modules.keys().filter(|other| one < *other) {
                assert!(!(uses(one, other) && uses(other, one)), "{folder}: {one:?} and {other:?} import each other");
            }
        }
    }
}

/// What a file of this module names with `crate::` and `super::`, as paths from the crate's root.
fn imports(code: &str, module: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (word, base) in [("crate::", &[][..]), ("super::", &module[..module.len().saturating_sub(1)])] {
        for (at, _) in code.match_indices(word) {
            let rest = &code[at + word.len()..];
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(rest.len());
            let path = |text: &str| -> Vec<String> {
                let parts = text.split("::").map(str::trim).filter(|part| !part.is_empty());
                base.iter().cloned().chain(parts.map(str::to_owned)).collect()
            };
            match rest[end..].strip_prefix('{').and_then(|group| group.split_once('}')) {
                None => found.push(path(&rest[..end])),
                Some((group, _)) => {
                    found.extend(group.split([',', '{']).map(|item| path(&format!("{}{}", &rest[..end], item.trim()))));
                }
            }
        }
    }
    found
}

#[test]
fn what_no_source_holds() {
    for path in sources() {
        let text = std::fs::read_to_string(&path).unwrap();
        let shown = path.strip_prefix(root()).unwrap().display().to_string();
        // Written in pieces, so that this file passes too.
        for word in [["TO", "DO"], ["FIX", "ME"], ["X", "XX"], ["dbg", "!("]] {
            assert!(!text.contains(&word.concat()), "{shown}: {}", word.concat());
        }
        assert!(!text.contains(&["/wo", "rk/"].concat()), "{shown} names a folder of one machine");
        assert!(!text.contains(&["shared", "/data"].concat()), "{shown} needs a file outside the repository");
        assert!(!text.contains('\t') || shown.ends_with("Makefile"), "{shown}: a tab");
        assert!(text.lines().all(|line| line == line.trim_end()), "{shown}: a line ends in blanks");
        if shown.ends_with(".rs") && !for_tests(Path::new(&shown)) {
            let code = code(&path);
            for panics in [".unwrap()", "panic!(", "unreachable!("] {
                assert!(!code.contains(panics), "{shown}: {panics}");
            }
        }
    }
}

/// `UNSEEN_BLESS=1 cargo test -p unseen --test tidy` writes the page anew.
#[test]
fn the_life_cycle_in_the_documents_is_the_one_in_the_code() {
    use unseen_policies::lifecycle;
    let (diagram, signers) = (lifecycle::diagram::states(), lifecycle::diagram::signers());
    let page = format!(
        "# The life of a job\n\nMade from `policies/src/lifecycle.rs`, where it is data that the lab and the auditor both go by. What is \
         not an arrow here cannot happen.\n\n```mermaid\n{diagram}```\n\nWhat happens to no job:\n\n{signers}"
    );
    let path = root().join("docs/job-life-cycle.md");
    if std::env::var_os("UNSEEN_BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), page, "run the test once with UNSEEN_BLESS=1");
    for path in files(&["docs"], "md") {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            !text.contains("stateDiagram") || text.contains(&diagram),
            "{} shows another life-cycle",
            path.display()
        );
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// A Rust file without what is for tests only, comments, blank lines and what says in Chinese what stands in English.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let (mut of_tests, mut of_chinese) = (false, false);
    let kept = text.lines().filter(|line| {
        of_tests |= *line == "#[cfg(test)]";
        let skip = of_tests;
        // An item ends with a brace at the margin, or is one line.
        of_tests &= *line != "}" && !(line.starts_with("mod ") && line.ends_with(';'));
        let line = line.trim();
        of_chinese |= line.starts_with("#[zh(");
        let chinese = of_chinese || line.starts_with('"') && line.contains(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
        of_chinese &= !line.ends_with(")]");
        !skip && !chinese && !line.is_empty() && !line.starts_with("//")
    });
    kept.map(str::trim).collect::<Vec<_>>().join("\n")
}

/// Whether a whole file is there for tests, examples, measurements or fuzzing.
fn for_tests(path: &Path) -> bool {
    path.components().any(|part| {
        matches!(part.as_os_str().to_str(), Some("tests" | "examples" | "fuzz" | "testing.rs" | "tests.rs"))
    })
}

/// Everything that people write in this repository.
fn sources() -> Vec<PathBuf> {
    let all = files(&["."], "");
    let written = |path: &&PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        ["rs", "toml", "md", "sh", "wit", "wat", "txt"].iter().any(|end| name.ends_with(&format!(".{end}")))
            || name == "Makefile"
    };
    all.iter().filter(written).cloned().collect()
}

/// All files under some folders whose extension is `extension`; any, if that is empty.
fn files(folders: &[&str], extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let made = matches!(name.as_str(), "target" | "demo-lab" | "demo-served")
                || (name.starts_with('.') && name != ".ci");
            if path.is_symlink() || made {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if extension.is_empty() || path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
