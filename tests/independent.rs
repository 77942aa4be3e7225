//! A log of the real binary in the hands of people who trust none of our code: each of their verifiers
//! accepts it, and refuses it once it is damaged, shortened, forked, or signed with another key.
//! `scripts/verifiers.sh` gets them; where one is missing its test says so.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use support::*;

/// Somebody's verifier.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Verifier {
    /// golang.org/x/mod/sumdb: signatures, tiles, entries, consistency.
    Go,
    /// tlog-scales: signatures, root, inclusion of every entry, consistency.
    TlogScales,
    /// securesystemslib: every envelope.
    Securesystemslib,
    /// @sigstore/verify: every envelope.
    Sigstore,
    /// The checkpoint and the first envelope.
    OpenSsl,
    /// jsonschema: the form of every statement, by the schemas in `docs/schemas`.
    JsonSchema,
}

use Verifier::*;

/// What a verifier said: a line, and whether it accepts.
#[derive(Debug)]
struct Verdict {
    line: String,
    accepts: bool,
}

impl Verifier {
    /// Judges a bundle. `kept` is a checkpoint from before, for those that look at one; none if it is not
    /// installed.
    fn judge(self, bundle: &Path, key: &str, kept: Option<&Path>) -> Option<Verdict> {
        let [program, script, library] = self.needs();
        if [&program, &script, &library].iter().any(|path| !path.exists()) {
            skipped(&format!("{self:?} is not installed: see scripts/verifiers.sh"));
            return None;
        }
        let mut command = Command::new(&program);
        match (self, kept) {
            (Go, None) => command.arg(bundle).arg(key),
            (Go, Some(kept)) => command.arg("-kept").arg(kept).arg(bundle).arg(key),
            (TlogScales, None) => command.arg(script).arg(bundle).arg(key),
            (TlogScales, Some(kept)) => command.arg(script).arg("--kept").arg(kept).arg(bundle).arg(key),
            (Securesystemslib | JsonSchema, _) => command.arg(script).arg(bundle),
            (Sigstore, _) => command.arg(script).arg(&library).arg(bundle),
            (OpenSsl, _) => command.arg(script).arg(bundle).arg(key),
        };
        let output = command.output().unwrap();
        let line = String::from_utf8(output.stdout).unwrap();
        assert_eq!(line.lines().count(), 1, "{self:?}: {line}{}", String::from_utf8_lossy(&output.stderr));
        let accepts = output.status.success();
        assert_eq!(accepts, line.starts_with("OK "), "{self:?}: {line}");
        Some(Verdict { line, accepts })
    }

    /// Program, script and library.
    fn needs(self) -> [PathBuf; 3] {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/verifiers");
        let packages = verifiers().join("venv/lib");
        let python = |script: &str| [verifiers().join("venv/bin/python"), scripts.join(script), packages.clone()];
        match self {
            Go => [verifiers().join("logcheck"), scripts.join("logcheck"), scripts],
            TlogScales => python("inclusion.py"),
            Securesystemslib => python("envelopes.py"),
            JsonSchema => python("schemas.py"),
            Sigstore => [on_path("node"), scripts.join("envelopes.mjs"), verifiers().join("node/node_modules/..")],
            OpenSsl => [on_path("bash"), scripts.join("openssl.sh"), on_path("openssl")],
        }
    }

    fn accepts(self, bundle: &Path, key: &str, kept: Option<&Path>) {
        if let Some(verdict) = self.judge(bundle, key, kept) {
            assert!(verdict.accepts, "{self:?}: {verdict:?}");
        }
    }

    /// Those that name a reason give this one.
    fn refuses(self, bundle: &Path, key: &str, kept: Option<&Path>, reason: &str) {
        if let Some(verdict) = self.judge(bundle, key, kept) {
            let named = self != Go || verdict.line.starts_with(reason);
            assert!(!verdict.accepts && named, "{self:?} should have said {reason}: {verdict:?}");
        }
    }
}

/// Where a program is; a path that does not exist if it is nowhere.
fn on_path(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&path).map(|folder| folder.join(program));
    found.find(|path| path.exists()).unwrap_or_else(|| Path::new("/nowhere").join(program))
}

/// A lab whose job was released, its log exported to `bundle`, and a log of the same name and key that
/// went another way after a dataset had been registered, in the folder of `other`.
struct Story {
    lab: Lab,
    other: Lab,
    key: String,
}

impl Story {
    fn new() -> Story {
        let lab = Lab::with_job();
        let other = lab.copy();
        let job = lab.approved("job");
        lab.ok(&["job", "run", &job, "--key", "keys/operator.pem"]);
        lab.ok(&["job", "release", &job, "--key", "keys/analyst.pem"]);
        lab.ok(&["log", "export", "bundle"]);
        lab.write("kept.txt", std::fs::read(lab.path("bundle/checkpoint")).unwrap());
        while other.entries() < lab.entries() {
            other.ok(&["policy", "set", "policy.toml", "--key", "keys/owner.pem"]);
        }
        let key = text(&lab.ok(&["lab", "show"])["logKey"]);
        Story { lab, other, key }
    }

    fn bundle(&self) -> PathBuf {
        self.lab.path("bundle")
    }

    /// Lets some verifiers judge a copy of the bundle after a change to one of its files.
    fn refused_with(&self, file: &str, change: fn(&mut Vec<u8>), who: &[Verifier], reason: &str) {
        let lab = self.lab.copy();
        let path = lab.path("bundle").join(file);
        let mut bytes = std::fs::read(&path).unwrap();
        change(&mut bytes);
        std::fs::write(path, bytes).unwrap();
        for verifier in who {
            verifier.refuses(&lab.path("bundle"), &self.key, None, reason);
        }
    }

    /// The widest file of a level of the tree, relative to the bundle.
    fn tile(&self, level: &str) -> String {
        format!("tile/{level}/000.p/{}", self.lab.entries())
    }
}

/// One for all tests that only look, for those who run in one process.
fn story() -> &'static Story {
    static STORY: OnceLock<Story> = OnceLock::new();
    STORY.get_or_init(Story::new)
}

/// Flips one bit in the middle. Base64 stays base64: letters of one case become other letters.
fn flip(bytes: &mut [u8]) {
    let middle = bytes.len() / 2;
    let at = (middle..bytes.len()).find(|at| matches!(bytes[*at], b'b' | b'f' | b'j' | b'n' | b'r' | b'v')).unwrap();
    bytes[at] ^= 1;
}

#[test]
fn everybody_accepts_the_log_as_it_is() {
    let Story { lab, key, .. } = story();
    for verifier in [Go, TlogScales, Securesystemslib, Sigstore, OpenSsl, JsonSchema] {
        verifier.accepts(&lab.path("bundle"), key, None);
        // The lab's own folder is laid out alike.
        verifier.accepts(&lab.path("lab/log"), key, Some(&lab.path("kept.txt")));
    }
}

/// Every kind of entry, and keys of every kind. The envelopes signed with SSH are for tools that know SSH.
#[test]
fn everybody_accepts_the_golden_log() {
    let bundle = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/log");
    let key = std::fs::read_to_string(bundle.join("log.vkey")).unwrap();
    for verifier in [Go, TlogScales, Securesystemslib, Sigstore, OpenSsl, JsonSchema] {
        verifier.accepts(&bundle, key.trim(), None);
    }
}

#[test]
fn a_flipped_bit_is_found_wherever_it_is() {
    let story = story();
    let (bundle, tile) = (story.tile("entries"), story.tile("0"));
    story.refused_with(
        &bundle,
        |bytes| flip(bytes),
        &[Go, TlogScales, Securesystemslib, Sigstore],
        "DAMAGED tile/entries/",
    );
    // In the first entry, past its length.
    story.refused_with(
        &bundle,
        |bytes| bytes[40] ^= 1,
        &[Go, TlogScales, Securesystemslib, Sigstore, OpenSsl],
        "DAMAGED",
    );
    story.refused_with(&tile, |bytes| bytes[33] ^= 1, &[Go, TlogScales], "DAMAGED tile/0/");
    // In the root, and in the signature.
    let root = |bytes: &mut Vec<u8>| {
        let at = bytes.iter().position(|byte| *byte == b'=').unwrap() - 5;
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    };
    story.refused_with("checkpoint", root, &[Go, TlogScales, OpenSsl], "SIGNATURE");
    let signature = |bytes: &mut Vec<u8>| {
        let at = bytes.len() - 20;
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    };
    story.refused_with("checkpoint", signature, &[Go, TlogScales, OpenSsl], "SIGNATURE");
}

#[test]
fn a_cut_file_and_trailing_bytes_are_found() {
    let story = story();
    let cut = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() - 1);
    let (bundle, tile) = (story.tile("entries"), story.tile("0"));
    story.refused_with(&bundle, cut, &[Go, TlogScales, Securesystemslib, Sigstore], "DAMAGED tile/entries/");
    story.refused_with(&tile, cut, &[Go, TlogScales], "DAMAGED tile/0/");
    story.refused_with("checkpoint", cut, &[Go], "MALFORMED");
    story.refused_with("checkpoint", |bytes| bytes.truncate(bytes.len() / 2), &[Go, TlogScales, OpenSsl], "MALFORMED");
    let more = |bytes: &mut Vec<u8>| bytes.extend([0, 1, b'x']);
    story.refused_with(&bundle, more, &[Go, TlogScales, Sigstore], "DAMAGED tile/entries/");
    story.refused_with(&tile, |bytes| bytes.extend([7; 32]), &[Go, TlogScales], "DAMAGED tile/0/");
}

#[test]
fn an_older_copy_is_a_rollback_and_another_history_a_fork() {
    let Story { lab, other, key } = story();
    // Everything about the other history is properly signed.
    let forked = other.path("lab/log");
    for verifier in [Go, TlogScales, Securesystemslib, Sigstore, OpenSsl, JsonSchema] {
        verifier.accepts(&forked, key, None);
    }
    for verifier in [Go, TlogScales] {
        // As long as the history it replaces, and longer.
        verifier.refuses(&forked, key, Some(&lab.path("kept.txt")), "FORK");
        let longer = other.copy();
        longer.ok(&["policy", "set", "policy.toml", "--key", "keys/owner.pem"]);
        verifier.refuses(&longer.path("lab/log"), key, Some(&lab.path("kept.txt")), "FORK");
        // What both have in common is extended by both.
        verifier.accepts(&longer.path("lab/log"), key, Some(&other.path("lab/log/checkpoint")));

        verifier.refuses(&other.path("lab/log"), key, Some(&longer.path("lab/log/checkpoint")), "ROLLBACK");
    }
}

#[test]
fn another_key_is_not_this_logs() {
    let Story { key, .. } = story();
    let stranger = Lab::new();
    let others = text(&stranger.ok(&["lab", "show"])["logKey"]);
    assert_ne!(*key, others);
    for verifier in [Go, TlogScales, OpenSsl] {
        verifier.refuses(&story().bundle(), &others, None, "SIGNATURE");
    }
    // Nor does a kept checkpoint count that another log signed.
    for verifier in [Go, TlogScales] {
        verifier.refuses(&story().bundle(), key, Some(&stranger.path("lab/log/checkpoint")), "SIGNATURE");
    }
    // Unless both are said to be the log's.
    if verifiers().join("logcheck").exists() {
        let status = |also: &[&str]| {
            let mut command = Command::new(verifiers().join("logcheck"));
            command.args(also).arg(story().bundle()).arg(&others).output().unwrap().status
        };
        assert!(status(&["-also", key]).success() && !status(&[]).success());
    } else {
        skipped("Go's verifier is not built: see scripts/verifiers.sh");
    }
}

#[test]
fn a_log_wider_than_a_tile_is_laid_out_as_others_expect() {
    let lab = Lab::new();
    lab.write("kept.txt", std::fs::read(lab.path("lab/log/checkpoint")).unwrap());
    let key = text(&lab.ok(&["lab", "show"])["logKey"]);
    // The last of a full tile, the first of the next one, and some.
    for size in [256, 257, 259] {
        while lab.entries() < size {
            let done = lab.unseen(&["policy", "set", "policy.toml", "--key", "keys/owner.pem"]);
            assert_eq!(done.code, 0, "{done:?}");
        }
        for verifier in [Go, TlogScales] {
            verifier.accepts(&lab.path("lab/log"), &key, Some(&lab.path("kept.txt")));
        }
    }
    let mut bytes = std::fs::read(lab.path("lab/log/tile/0/000")).unwrap();
    flip(&mut bytes);
    std::fs::write(lab.path("lab/log/tile/0/000"), bytes).unwrap();
    for verifier in [Go, TlogScales] {
        verifier.refuses(&lab.path("lab/log"), &key, None, "DAMAGED tile/0/000");
    }
}

#[test]
fn a_witness_of_others_cosigns_once_and_everybody_counts_it() {
    let Story { lab, other, key } = story();
    let lab = lab.copy();
    let python = verifiers().join("venv/bin/python");
    if !python.exists() {
        return skipped("no witness is installed: see scripts/verifiers.sh");
    }
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/verifiers");
    let (bundle, plain) = (lab.path("bundle"), story().bundle());
    // Whatever else the log may show it afterwards, it has seen this one.
    let forked = other.path("lab/log/checkpoint");
    let mut command = Command::new(&python);
    command.arg(scripts.join("cosign.py")).arg(lab.path("witness")).arg(&bundle).arg(key).arg(forked);
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    if stderr.contains("No module named") {
        return skipped("aics-witness is not installed: see scripts/verifiers.sh");
    }
    assert!(output.status.success(), "{stderr}");
    let witness = String::from_utf8(output.stdout).unwrap().trim().to_owned();

    let go = |arguments: &[&str], bundle: &Path| {
        let output = Command::new(verifiers().join("logcheck")).args(arguments).arg(bundle).arg(key).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    if verifiers().join("logcheck").exists() {
        assert!(go(&["-witness", &witness], &bundle).starts_with("OK "));
        assert!(go(&["-witness", &witness], &plain).starts_with("QUORUM "));
        assert!(go(&["-witness", &witness, "-quorum", "2"], &bundle).starts_with("QUORUM "));
        assert!(go(&["-witness", &witness, "-quorum", "0"], &plain).starts_with("OK "));
        // The same key counts once, and a cosignature cannot stand in for the log's signature.
        assert!(go(&["-witness", &witness, "-witness", &witness], &bundle).starts_with("QUORUM "));
        let note = std::fs::read_to_string(bundle.join("checkpoint")).unwrap();
        let unsigned: Vec<&str> = note.lines().filter(|line| !line.starts_with("— lab.")).collect();
        let stripped = lab.copy();
        std::fs::write(stripped.path("bundle/checkpoint"), unsigned.join("\n") + "\n").unwrap();
        assert!(go(&["-witness", &witness], &stripped.path("bundle")).starts_with("SIGNATURE "));
    } else {
        skipped("Go's verifier is not built: see scripts/verifiers.sh");
    }
    let scales = |bundle: &Path| {
        let mut command = Command::new(&python);
        command.arg(scripts.join("inclusion.py")).args(["--witness", &witness]).arg(bundle).arg(key);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    assert!(scales(&bundle).starts_with("OK "));
    assert!(scales(&plain).starts_with("QUORUM "));
    // Our own reading is not disturbed by a signature it does not know.
    let done = lab.unseen(&["audit", "verify", "bundle", "--log-key", key]);
    assert_eq!(done.code, 0, "{done:?}");
}
