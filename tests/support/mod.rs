//! A lab to test in: the real binary in a temporary folder, with people, a dataset and a job.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

#[path = "skip.rs"]
mod skip;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use chrono::TimeDelta;
use serde_json::Value;
#[allow(unused_imports)]
pub use skip::skipped;
use tempfile::TempDir;
use unseen_ids::Digest;
use unseen_policies::event::{Record, RunStarted, Snapshot};

/// A folder with `keys/NAME.pem` and `lab/`. Everything is gone when this is dropped.
pub struct Lab {
    dir: TempDir,
}

/// Everyone who has a key: owner, operator and second are operators.
pub const PEOPLE: &[(&str, &str)] = &[
    ("owner", "operator"),
    ("steward", "steward"),
    ("analyst", "analyst"),
    ("operator", "operator"),
    ("second", "operator"),
];

/// The origin of every test lab's log.
pub const ORIGIN: &str = "lab.example/test";

/// Two approvals, results at once, and caps that a few jobs of [`job`] fit under.
pub const POLICY: &str =
    "approvals = 2\ndelta = 1e-6\nrelease_now = true\n[caps]\ndataset = \"1\"\nanalyst = \"0.5\"\njob = \"0.25\"\n";

impl Lab {
    /// A lab with people and [`POLICY`], and no dataset.
    pub fn new() -> Lab {
        let lab = Lab::empty();
        lab.ok(&["lab", "init", "lab", "--origin", ORIGIN, "--owner", "keys/owner.pem"]);
        for (name, role) in &PEOPLE[1..] {
            lab.ok(&[
                "person",
                "enroll",
                "--name",
                name,
                "--role",
                role,
                "--new-key",
                &key(name),
                "--key",
                "keys/owner.pem",
            ]);
        }
        lab.write("policy.toml", POLICY);
        lab.ok(&["policy", "set", "policy.toml", "--key", "keys/owner.pem"]);
        lab
    }

    /// Keys for everybody, and no lab yet.
    pub fn empty() -> Lab {
        let lab = Lab { dir: tempfile::tempdir().unwrap() };
        std::fs::create_dir(lab.path("keys")).unwrap();
        for (name, _) in PEOPLE {
            unseen_lab::write_new_key(&lab.path(&key(name))).unwrap();
        }
        lab
    }

    /// [`Lab::new`] with the dataset `firms` and the job folder `job`, ready to be submitted.
    pub fn with_job() -> Lab {
        let lab = Lab::new();
        lab.write("firms.csv", firms(40));
        lab.write("firms.toml", FIRMS);
        lab.ok(&["dataset", "import", "firms.csv", "--description", "firms.toml", "--key", "keys/steward.pem"]);
        lab.write("job/job.toml", job("rho = 0.25"));
        lab.write("job/target/job.wasm", component("(f64.convert_i32_u (i32.load (local.get $grain)))"));
        lab
    }

    /// The same once more, somewhere else: whatever happens to one, the other is as it was.
    pub fn copy(&self) -> Lab {
        let copy = Lab { dir: tempfile::tempdir().unwrap() };
        copy_dir(self.dir.path(), copy.dir.path());
        copy
    }

    /// [`Lab::copy`] in memory where that is possible, for when many are needed.
    pub fn copy_in_memory(&self) -> Lab {
        let Ok(dir) = tempfile::tempdir_in("/dev/shm") else { return self.copy() };
        copy_dir(self.dir.path(), dir.path());
        Lab { dir }
    }

    /// A file or folder beside the lab; the lab itself is `lab`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file, its folders too.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// `unseen ARGS`, in this folder and for this lab, not yet started.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_unseen"));
        command.args(args).current_dir(self.dir.path());
        for name in ["UNSEEN_KEY", "LC_ALL", "LC_MESSAGES", "NO_COLOR"] {
            command.env_remove(name);
        }
        command.env("UNSEEN_LAB", "lab").env("LANG", "C");
        // What auditors remember stays in this folder too.
        command.env("XDG_STATE_HOME", self.path("state")).env("XDG_CACHE_HOME", self.path("cache"));
        command
    }

    /// Runs `unseen ARGS` to its end.
    pub fn unseen(&self, args: &[&str]) -> Done {
        Done::from(self.command(args).output().unwrap(), args)
    }

    /// Runs `unseen --json ARGS`, which must succeed, and reads its answer.
    pub fn ok(&self, args: &[&str]) -> Value {
        let done = self.unseen(&[&["--json"], args].concat());
        assert_eq!(done.code, 0, "{done:?}");
        assert_eq!(done.stderr, "", "{done:?}");
        let answer = serde_json::from_str(&done.stdout).unwrap_or_else(|e| panic!("{e}: {done:?}"));
        fits_its_schema(&answer);
        answer
    }

    /// Runs `unseen ARGS`, which must be refused: exit code 1, nothing on stdout, one sentence on
    /// stderr, and no entry in the log. Returns the sentence.
    pub fn refuses(&self, args: &[&str]) -> String {
        let before = self.entries();
        let done = self.unseen(args);
        assert_eq!(done.code, 1, "{done:?}");
        assert_eq!(done.stdout, "", "{done:?}");
        assert_eq!(self.entries(), before, "the log grew: {done:?}");
        let line = done.stderr.strip_suffix('\n').and_then(|line| line.strip_prefix("error: "));
        let line = line.unwrap_or_else(|| panic!("not one error: {done:?}"));
        // A second line says what to type next.
        let (said, advice) = line.split_once('\n').unwrap_or((line, "advice"));
        let one_line = |text: &str| !text.contains('\n') && !text.trim().is_empty();
        assert!(one_line(said) && one_line(advice), "not one line: {done:?}");
        said.to_owned()
    }

    /// The size of the log, as its public checkpoint says; 0 when there is none.
    pub fn entries(&self) -> u64 {
        let note = std::fs::read_to_string(self.path("lab/log/checkpoint")).unwrap_or_default();
        note.lines().nth(1).map_or(0, |size| size.parse().unwrap())
    }

    /// The kinds of the log's entries, in order.
    pub fn kinds(&self) -> Vec<String> {
        self.ok(&["log", "show"])["entries"].as_array().unwrap().iter().map(|e| text(&e["kind"])).collect()
    }

    /// Submits the folder `job` as the analyst; returns its number.
    pub fn submit(&self, job: &str) -> String {
        text(&self.ok(&["job", "submit", job, "--key", "keys/analyst.pem"])["job"])
    }

    /// Approves a job as this person.
    pub fn approve(&self, job: &str, who: &str) -> Value {
        self.ok(&["job", "approve", job, "--key", &key(who)])
    }

    /// Submits the folder `job`, with both approvals.
    pub fn approved(&self, job: &str) -> String {
        let id = self.submit(job);
        self.approve(&id, "operator");
        self.approve(&id, "second");
        id
    }

    /// A person's private key, for forging.
    pub fn signing_key(&self, who: &str) -> unseen_tlog::SigningKey {
        unseen_lab::read_signing_key(&self.path(&key(who))).unwrap()
    }
}

/// A job that keeps a worker busy for some seconds, approved.
pub fn busy() -> (Lab, String) {
    let lab = Lab::with_job();
    let count = "(block $done (loop $on
        (global.set $next (i32.add (global.get $next) (i32.const 1)))
        (br_if $on (i32.lt_u (global.get $next) (i32.const 30000000)))))
        (f64.const 1)";
    lab.write("job/target/job.wasm", component(count));
    lab.write("job/job.toml", job("rho = 0.25").replace("1_000_000", "400_000_000"));
    let job = lab.approved("job");
    (lab, job)
}

/// Submits a job to a lab that is open, as its author would.
pub fn submit_to(open: &mut unseen_lab::Lab, text: &str, module: &[u8], author: &dyn unseen_tlog::Signer) -> u64 {
    let (manifest, plan) = open.plan("job.toml", text).unwrap();
    let named = Digest::of(module);
    let event = unseen_lab::requests::submission(open.ledger(), &manifest, &plan, text, &named).unwrap();
    open.sign_and_accept(event, author, &[text.as_bytes(), module]).unwrap()
}

/// Charges an approved job as an operator would have this long ago, with a build of this digest, and leaves
/// it there. Returns the entry.
pub fn start(lab: &Lab, job: &str, runtime_build: Digest, ago: TimeDelta) -> u64 {
    let mut open = unseen_lab::Lab::open(&lab.path("lab")).unwrap();
    let ledger = open.ledger();
    let (found, policy) = (ledger.job(job.parse().unwrap()).unwrap(), ledger.in_force().unwrap().clone());
    let snapshots = found.submitted.datasets.iter();
    let time = chrono::Utc::now() - ago;
    let started = RunStarted {
        job: job.parse().unwrap(),
        submission: found.leaf,
        manifest: found.submitted.manifest,
        module: found.submitted.module,
        snapshots: snapshots.map(|used| Snapshot { name: used.name.clone(), snapshot: used.snapshot }).collect(),
        policy: policy.entry,
        policy_leaf: policy.leaf,
        approvals: found.approvals.iter().map(|(entry, _)| *entry).collect(),
        rho: found.submitted.rho,
        release_at: time,
        runtime: "unseen".into(),
        runtime_build,
    };
    let record =
        Record { log: ORIGIN.into(), time, nonce: format!("{:032x}", time.timestamp_micros()), event: started.into() };
    let entry = unseen_entries::sign::sign(&record, &lab.signing_key("operator")).unwrap();
    open.accept(&entry, &[]).unwrap()
}

/// The worker that a lab's process has started, once its walls are up.
pub fn worker_behind_walls(lab: u32) -> String {
    let start = std::time::Instant::now();
    loop {
        // Each thread has the children that it started.
        let threads = std::fs::read_dir(format!("/proc/{lab}/task")).into_iter().flatten().flatten();
        let children: String =
            threads.map(|thread| std::fs::read_to_string(thread.path().join("children")).unwrap_or_default()).collect();
        let shut_in = |pid: &&str| {
            // The second filter comes a moment after the first.
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            status.contains("Seccomp:\t2") && !status.contains("Seccomp_filters:\t1\n")
        };
        if let Some(worker) = children.split_whitespace().find(shut_in) {
            return worker.to_owned();
        }
        assert!(start.elapsed().as_secs() < 20, "no worker was started, or it has no walls");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

/// What a finished command said.
#[derive(Debug)]
pub struct Done {
    pub args: Vec<String>,
    /// Its exit code; -1 when a signal ended it.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Done {
    pub fn from(output: Output, args: &[&str]) -> Done {
        Done {
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Where somebody's key is.
pub fn key(who: &str) -> String {
    format!("keys/{who}.pem")
}

/// The text of a JSON string.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_owned()
}

/// The same JSON with the members of each object in the order of their names: whether they are kept in the order in
/// which they were made depends on which crates are built together.
pub fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: std::collections::BTreeMap<_, _> =
                fields.iter().map(|(name, value)| (name, sorted(value))).collect();
            fields.into_iter().map(|(name, value)| (name.clone(), value)).collect()
        }
        Value::Array(values) => values.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

/// Everything under a folder, as sorted paths relative to it.
pub fn tree(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            found.push(path.strip_prefix(dir).unwrap().display().to_string());
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Where scripts/verifiers.sh puts what others made.
pub fn verifiers() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("verifiers")
}

/// Copies what is in one folder into another, modes too.
pub fn copy_dir(from: &Path, to: &Path) {
    for name in tree(from) {
        match from.join(&name).is_dir() {
            true => std::fs::create_dir_all(to.join(&name)).unwrap(),
            false => drop(std::fs::copy(from.join(&name), to.join(&name)).unwrap()),
        }
    }
}

/// The description of `firms`.
pub const FIRMS: &str = r#"
name = "firms"
kind = "private"
provider = "Statistics Bureau"
classification = "internal"
update_cycle = "yearly"
sharing = "conditional"
title = { zh = "企业", en = "Firms" }
unit = { column = "code", domain = "enterprise", missing = ["NA"], when_missing = "set-aside" }

[bounds]
text = 256

[[column]]
name = "code"
type = "text"
nullable = false

[[column]]
name = "town"
type = "text"
domain = ["north", "south"]

[[column]]
name = "output"
type = "float"
min = 0
max = 1000
"#;

/// The description of `items`, of which twelve units may have any number each.
pub const ITEMS: &str = r#"
name = "items"
kind = "private"
provider = "Statistics Bureau"
classification = "internal"
update_cycle = "yearly"
sharing = "conditional"
title = { zh = "明细", en = "Items" }
unit = { column = "who", domain = "enterprise", missing = ["NA"], when_missing = "set-aside" }

[bounds]
units = 12
rows = 80_000
text = 100

[[column]]
name = "who"
type = "text"
nullable = false

[[column]]
name = "n"
type = "int"

[[column]]
name = "code"
type = "text"
"#;

/// `units` firms, with one to three rows each, in two towns.
pub fn firms(units: u32) -> String {
    let rows = (0..units).flat_map(|unit| (0..=unit % 3).map(move |row| (unit, row)));
    let rows =
        rows.map(|(unit, row)| format!("f{unit:05},{},{}.5\n", ["north", "south"][unit as usize % 2], unit + row));
    format!("code,town,output\n{}", rows.collect::<String>())
}

/// A manifest over `firms`: one total of one value from 0 to 10, a unit at a time. `privacy` is
/// `rho = ...`.
pub fn job(privacy: &str) -> String {
    format!(
        r#"[job]
title = "Rows of firms"
purpose = "To count."
release = "now"

[[input]]
dataset = "firms"
columns = ["town", "output"]

[grain]
kind = "unit"

[[output]]
name = "rows"
values = [{{ name = "rows", lower = 0, upper = 10, granularity = 1 }}]

[privacy]
mechanism = "gaussian"
{privacy}

[limits]
fuel = 1_000_000
memory = "1MiB"
"#
    )
}

/// A component written by hand, so that no compiler is needed: it adds one value to the one group of
/// output 0. `value` is WebAssembly text that leaves an f64; `(local.get $grain)` is the address of
/// the grain's first table, where its number of rows stands.
pub fn component(value: &str) -> Vec<u8> {
    let module = format!(
        r#"(module
  (memory (export "memory") 4)
  (global $next (mut i32) (i32.const 8192))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $start i32)
    (local.set $start (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $start) (local.get 3)))
    (local.get $start))
  ;; The result at 128 is ok with one contribution at 256, whose one value is at 512.
  (data (i32.const 132) "\00\01\00\00\01\00\00\00")
  (data (i32.const 260) "\08\00\00\00\00\00\00\00\00\02\00\00\01\00\00\00")
  (func (export "contribute") (param $grain i32) (param i32 i32 i32) (result i32)
    (f64.store (i32.const 512) {value})
    (i32.const 128)))"#
    );
    shaped(&unseen_toolchain::componentize(&wat::parse_str(module).unwrap()).unwrap(), &job("rho = 1"))
}

/// A component that says it was built for the names of this manifest, unless it says something else.
pub fn shaped(component: &[u8], manifest: &str) -> Vec<u8> {
    let shape = unseen_policies::Shape::of(&unseen_policies::Manifest::parse(manifest).unwrap());
    unseen_toolchain::with_shape(component.to_vec(), &shape)
}

/// An answer names its schema, and has the fields that stand there.
fn fits_its_schema(answer: &Value) {
    let id = text(&answer["schema"]);
    let name = id.strip_prefix("urn:unseen:schema:").unwrap_or_else(|| panic!("{answer} names no schema"));
    let file = format!("../../docs/schemas/answers/{}.schema.json", name.replace('/', "."));
    let schema = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&file));
    let schema: Value = serde_json::from_str(&schema.unwrap_or_else(|error| panic!("{file}: {error}"))).unwrap();
    let has = |field: &str| answer.get(field).is_some();
    let required = schema["required"].as_array().unwrap();
    assert!(required.iter().all(|field| has(field.as_str().unwrap())), "{file}: {answer}");
    let properties = schema["properties"].as_object().unwrap();
    assert!(answer.as_object().unwrap().keys().all(|field| properties.contains_key(field)), "{file}: {answer}");
}
