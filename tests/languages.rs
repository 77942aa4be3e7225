//! Jobs in every language: written, tested, built and tried as people do it, with the tools that `make verifiers` gets;
//! and the same job in each of them says the same, bit for bit.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;
#[path = "support/tools.rs"]
mod tools;

use std::path::Path;
use std::process::Command;

use support::*;
use tools::path_of;
use unseen_runtime::{Cells, Column, Contribution, Engine, Failure, Key, Limits, Module, Table};
use unseen_toolchain::Language;

struct Projects {
    lab: Lab,
}

impl Projects {
    fn new() -> Projects {
        Projects { lab: Lab::new() }
    }

    /// Runs the program in the folder of projects.
    fn unseen(&self, language: Language, arguments: &[&str]) -> std::process::Output {
        let mut command = self.lab.command(arguments);
        command.env("PATH", path_of(language).unwrap());
        command.output().unwrap()
    }

    fn ok(&self, language: Language, arguments: &[&str]) -> String {
        let output = self.unseen(language, arguments);
        let (said, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {said}{told}");
        said.into_owned()
    }

    /// What it says when it does nothing.
    fn refused(&self, language: Language, arguments: &[&str]) -> String {
        let output = self.unseen(language, arguments);
        assert!(!output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// A project's own tests, as its README has them.
    fn tests(&self, language: Language, project: &str) {
        let mut words = language.test_command().split(' ');
        let mut command = Command::new(words.next().unwrap());
        command.args(words).current_dir(self.lab.path(project)).env("PATH", path_of(language).unwrap());
        if language == Language::Rust {
            command.args(["--quiet", "--offline", "--target-dir", "target"]);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{project}: {output:?}");
        assert!(!output.stdout.is_empty() || !output.stderr.is_empty(), "{project}: nothing was tested");
    }
}

/// About a dataset of the demo's, in every form, from nothing to a trial on the twin that comes with it.
fn from_nothing_to_a_trial(language: Language) {
    if path_of(language).is_none() {
        return;
    }
    let name = Language::ALL.into_iter().find(|(_, known)| *known == language).unwrap().0;
    let projects = Projects::new();
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/datasets");
    for (form, flag, dataset) in [
        ("histogram", None, "enterprises"),
        ("blocks", Some("--blocks"), "monthly"),
        ("iterative", Some("--iterative"), "monthly"),
    ] {
        let description = demo.join(format!("{dataset}.toml")).display().to_string();
        let new = ["job", "new", form, "--lang", name, "--dataset", &description];
        projects.ok(language, &new.into_iter().chain(flag).collect::<Vec<_>>());
        projects.tests(language, form);
        projects.ok(language, &["job", "build", form]);
        let built = std::fs::read(projects.lab.path(form).join("target/job.wasm")).unwrap();
        assert!(unseen_runtime::custom_section(&built, "unseen:shape").is_some());
        let tried = projects.ok(language, &["--json", "job", "try", form, "--no-noise"]);
        let tried: serde_json::Value = serde_json::from_str(&tried).unwrap();
        assert_eq!(tried["failed"], serde_json::json!([]), "{form}: {tried}");
        // Without a dataset it is one of the demo.
        let bare = format!("bare-{form}");
        projects.ok(language, &["job", "new", &bare, "--lang", name].into_iter().chain(flag).collect::<Vec<_>>());
        projects.tests(language, &bare);
    }
}

#[test]
fn rust_from_nothing_to_a_trial() {
    from_nothing_to_a_trial(Language::Rust);
}

#[test]
fn python_from_nothing_to_a_trial() {
    from_nothing_to_a_trial(Language::Python);
}

#[test]
fn javascript_from_nothing_to_a_trial() {
    from_nothing_to_a_trial(Language::JavaScript);
}

#[test]
fn c_from_nothing_to_a_trial() {
    from_nothing_to_a_trial(Language::C);
}

/// By how many rows a unit has, it asks for something else that is not there.
const ASKING: &str = r#"
import datetime
import random
import time
from shape import Grain, Sizes


def contribute(grain: Grain, state: list[float]):
    kind = len(grain.firms) % 8
    if kind == 0:
        time.time()
    if kind == 1:
        open("/etc/passwd")
    if kind == 2:
        import sqlite3
    if kind == 3:
        datetime.datetime.now()
    if kind == 4:
        random.Random()
    if kind == 5:
        print("nobody hears this")
        return {}["town"]
    if kind == 6:
        return [{"town": 1}]
    return [Sizes(town="north", bin=1, count=datetime.date(2020, 1, 1).toordinal() - time.gmtime(0).tm_yday)]
"#;

/// With the line of the job's own code.
#[test]
fn what_does_not_exist_in_a_job_is_said_to_be_missing() {
    let language = Language::Python;
    if path_of(language).is_none() {
        return;
    }
    let projects = Projects::new();
    projects.lab.write("firms.toml", FIRMS);
    projects.ok(language, &["job", "new", "asking", "--lang", "python", "--dataset", "firms.toml"]);
    let rows: String = (1..=8).map(|rows| format!("unit-{rows},north,1.5\n").repeat(rows)).collect();
    let twin = std::fs::read_to_string(projects.lab.path("asking/twins/firms.csv")).unwrap();
    let header = twin.lines().next().unwrap();
    assert_eq!(header, "code,town,output", "the rows above are of other columns");
    projects.lab.write("asking/twins/firms.csv", format!("{header}\n{rows}"));
    projects.lab.write("asking/job.py", ASKING);
    projects.ok(language, &["job", "build", "asking"]);
    let tried = projects.ok(language, &["--json", "job", "try", "asking", "--no-noise"]);
    let tried: serde_json::Value = serde_json::from_str(&tried).unwrap();
    let said = tried["failed"].to_string();
    for wanted in [
        "job.py:11: NotInAJob: a job has no clock (`time.time`)",
        "job.py:13: NotInAJob: a job has no files (`builtins.open`)",
        "job.py:15: ImportError: `sqlite3` is not there: import it at the top of job.py",
        "job.py:17: NotInAJob: a job has no clock (`datetime.now`)",
        "job.py:19: NotInAJob: a job has no randomness of the system",
        "job.py:22: KeyError: no 'town'",
        "TypeError: contribute gives the contributions that shape.py names, not dict",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert_eq!(tried["failed"].as_array().unwrap().len(), 7, "{said}");
}

/// One sentence each, before anything is written.
#[test]
fn what_cannot_be_built_is_refused() {
    let projects = Projects::new();
    projects.lab.write("firms.toml", FIRMS);
    let new = |name: &str, language: &str| {
        projects.ok(Language::Rust, &["job", "new", name, "--lang", language, "--dataset", "firms.toml"]);
    };
    let said = projects.refused(Language::Rust, &["job", "list", "--lang", "python"]);
    assert!(said.contains("only `job new` has code to write"), "{said}");
    // No tool, and one of another version.
    new("lone", "python");
    let tools = projects.lab.path("tools");
    std::fs::create_dir(&tools).unwrap();
    let build = |arguments: &[&str]| {
        let output = projects.lab.command(arguments).env("PATH", &tools).output().unwrap();
        assert!(!output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let said = build(&["job", "build", "lone"]);
    assert!(said.contains("componentize-py 0.25.1 is missing: pip install componentize-py==0.25.1"), "{said}");
    let said = build(&["--lang", "zh", "job", "build", "lone"]);
    assert!(said.contains("缺少 componentize-py 0.25.1"), "{said}");
    let tool = tools.join("componentize-py");
    std::fs::write(&tool, "#!/bin/sh\necho componentize-py 0.13.0\n").unwrap();
    std::fs::set_permissions(&tool, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let said = build(&["job", "build", "lone"]);
    assert!(said.contains("`componentize-py 0.13.0`") && said.contains("0.25.1"), "{said}");
    for (language, word) in [("js", "componentize-qjs 0.4.5 is missing"), ("c", "clang with lld, or zig is missing")] {
        new(&format!("lone-{language}"), language);
        let said = build(&["job", "build", &format!("lone-{language}")]);
        assert!(said.contains(word), "{said}");
    }
    // Two projects in one folder.
    projects.lab.write("lone/job.js", "");
    assert!(build(&["job", "build", "lone"]).contains("has both job.py and job.js"));
    assert!(!projects.lab.path("lone/target/job.wasm").exists());

    for (name, language, wrong, said) in [
        (
            "typo",
            Language::Python,
            "def contribute(grain, state:\n    pass\n",
            "compile:\n  File \"job.py\", line 1\n    def contribute(grain, state:\n                  ^\nSyntaxError: '(' was never closed",
        ),
        ("gone", Language::Python, "import pandas\n", "job.py:1: `pandas` is imported, and is not there"),
        (
            "typo-js",
            Language::JavaScript,
            "export function contribute( {\n",
            "compile:\nError: invalid property name\n    at job.js:2:1",
        ),
        ("typo-c", Language::C, "#include \"shape.h\"\nint broken(\n", "job.c:"),
        (
            "libc",
            Language::C,
            "#include \"shape.h\"\nint printf(const char *, ...);\nstatic const char *contribute(const struct grain *grain, unseen_numbers state) { (void)state; printf(\"%u\", grain->firms.length); return NULL; }\nUNSEEN_JOB(contribute)\n",
            "printf",
        ),
    ] {
        if path_of(language).is_none() {
            continue;
        }
        let known = Language::ALL.into_iter().find(|(_, known)| *known == language).unwrap().0;
        new(name, known);
        projects.lab.write(&format!("{name}/{}", language.source_file()), wrong);
        let told = projects.refused(language, &["job", "build", name]);
        assert!(told.contains(said), "{name}: {told}");
        // What is wrong is in the job: the tool's own calls and folders say nothing.
        assert!(!told.contains("backtrace") && !told.contains("target/"), "{name}: {told}");
        let chinese = projects.refused(language, &["--lang", "zh", "job", "build", name]);
        assert!(
            chinese.starts_with("错误：作业编译不通过：\n") || chinese.contains("导入的 `pandas` 不存在"),
            "{chinese}"
        );
        assert!(!projects.lab.path(name).join("target/job.wasm").exists(), "{name}");
    }
}

/// The same source in two folders: the same bytes, in Rust and in C. The tools of Python and JavaScript keep an
/// interpreter as it has begun, with the clock and the randomness of the machine; of their components it is known that
/// no folder is in them.
#[test]
fn a_component_does_not_tell_where_it_was_built() {
    let projects = Projects::new();
    let folder = projects.lab.path("");
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/datasets/enterprises.toml").display().to_string();
    for (name, language) in Language::ALL {
        if path_of(language).is_none() {
            continue;
        }
        let (one, other) = (format!("{name}-here"), format!("far/away/from/{name}-there"));
        std::fs::create_dir_all(projects.lab.path("far/away/from")).unwrap();
        projects.ok(language, &["job", "new", &one, "--lang", name, "--dataset", &demo]);
        std::fs::create_dir(projects.lab.path(&other)).unwrap();
        copy_dir(&projects.lab.path(&one), &projects.lab.path(&other));
        let [here, there] = [&one, &other].map(|project| {
            projects.ok(language, &["job", "build", project]);
            std::fs::read(projects.lab.path(project).join("target/job.wasm")).unwrap()
        });
        if matches!(language, Language::Rust | Language::C) {
            assert!(here == there, "{name}: {} bytes, and {}", here.len(), there.len());
        }
        if language == Language::JavaScript {
            // Randomness of the system would be that of the moment in which each was built.
            let random = "import { Sizes } from \"./shape.js\";\nexport const contribute = () => [new Sizes({ town: \"湖塘镇\", \
                          bin: Math.floor(Math.random() * 20), count: 1 })];\n";
            let [here, there] = [&one, &other].map(|project| {
                projects.lab.write(&format!("{project}/job.js"), random);
                projects.ok(language, &["job", "build", project]);
                let tried = projects.ok(language, &["--json", "job", "try", project, "--no-noise"]);
                serde_json::from_str::<serde_json::Value>(&tried).unwrap()["rounds"].clone()
            });
            assert!(here.is_array() && here == there, "{here} {there}");
        }
        for needle in [folder.to_str().unwrap(), one.as_str(), other.as_str(), "/verifiers/"] {
            let has = |component: &[u8]| component.windows(needle.len()).any(|piece| piece == needle.as_bytes());
            assert!(!has(&here) && !has(&there), "{name}: {needle}");
        }
    }
}

/// A package that comes with native code only, as an index has it.
#[test]
fn packages_with_native_code_are_refused_by_name() {
    if path_of(Language::Python).is_none() {
        return;
    }
    let projects = Projects::new();
    projects.ok(Language::Python, &["job", "new", "native", "--lang", "python"]);
    projects.lab.write("index/numbers-1.0-cp314-cp314-manylinux_2_17_x86_64.whl", "");
    projects.lab.write("native/requirements.txt", "numbers>=1\n");
    for (lang, said) in [
        ("en", "`numbers>=1` of requirements.txt has no version in Python alone"),
        ("zh", "`numbers>=1` 没有纯 Python 版本"),
    ] {
        let mut command = projects.lab.command(&["--lang", lang, "job", "build", "native"]);
        command.env("PATH", path_of(Language::Python).unwrap());
        let output =
            command.env("PIP_NO_INDEX", "1").env("PIP_FIND_LINKS", projects.lab.path("index")).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && told.contains(said), "{told}");
    }
    assert!(!projects.lab.path("native/target/job.wasm").exists());
}

/// Folders, columns and keys, from a new project to its trial.
#[test]
fn names_in_chinese_are_names() {
    let projects = Projects::new();
    let description = FIRMS.replace("\"code\"", "\"代码\"").replace("\"town\"", "\"所在镇\"");
    let description = description.replace("\"output\"", "\"产值 万元\"").replace("\"north\"", "\"湖塘镇\"");
    projects.lab.write("目录/企业.toml", description);
    for (name, language) in Language::ALL {
        if path_of(language).is_none() {
            continue;
        }
        let project = format!("目录/job-{name}");
        projects.ok(language, &["job", "new", &project, "--lang", name, "--dataset", "目录/企业.toml"]);
        projects.tests(language, &project);
        projects.ok(language, &["job", "build", &project]);
        let tried = projects.ok(language, &["--json", "job", "try", &project, "--no-noise"]);
        let tried: serde_json::Value = serde_json::from_str(&tried).unwrap();
        assert_eq!(tried["failed"], serde_json::json!([]), "{name}: {tried}");
        let keys = tried["rounds"][0]["outputs"][0]["groups"][0]["keys"].to_string();
        assert!(keys.contains("湖塘镇"), "{name}: {keys}");
    }
}

/// Cells of the golden grains.
struct Flights {
    carriers: Vec<Option<&'static str>>,
    delays: Vec<Option<f64>>,
    days: Vec<Option<i64>>,
    cancelled: Vec<Option<bool>>,
    seats: Vec<Option<i64>>,
}

fn validity<T>(cells: &[Option<T>]) -> Vec<u8> {
    match cells.iter().all(Option::is_some) {
        true => Vec::new(),
        false => cells.iter().map(|cell| u8::from(cell.is_some())).collect(),
    }
}

impl Flights {
    /// Nulls everywhere, a negative zero, numbers that are no sum of a few bits, days before 1970 and empty texts.
    fn golden() -> Vec<Flights> {
        let whole = |count: usize| Flights {
            carriers: (0..count).map(|row| [Some("东航"), Some("AA"), None, Some("b?c"), Some("")][row % 5]).collect(),
            delays: (0..count)
                .map(|row| {
                    let steps = (row * 7919 % 101) as f64;
                    [Some(steps * 1.7 - 40.1), Some(-0.0), None, Some(1e15 + steps / 3.0), Some(16.1)]
                        [row % 4 + row % 2]
                })
                .collect(),
            days: (0..count).map(|row| (row % 9 != 4).then_some((row / 3) as i64 - 2)).collect(),
            cancelled: (0..count).map(|row| [Some(true), Some(false), None][row % 3]).collect(),
            seats: (0..count / 4).map(|row| (row % 3 != 0).then_some(1 << (row % 50))).collect(),
        };
        [0, 1, 12, 200].map(whole).into_iter().collect()
    }

    /// Its answer, which is the same from an instance that was put back and from a new one.
    fn ask(&self, module: &Module) -> Result<Vec<Contribution>, Failure> {
        let (mut offsets, mut bytes) = (vec![0_u32], Vec::new());
        for text in &self.carriers {
            bytes.extend(text.unwrap_or_default().as_bytes());
            offsets.push(bytes.len() as u32);
        }
        let delays: Vec<f64> = self.delays.iter().map(|cell| cell.unwrap_or_default()).collect();
        let days: Vec<i64> = self.days.iter().map(|cell| cell.unwrap_or_default()).collect();
        let cancelled: Vec<u8> = self.cancelled.iter().map(|cell| u8::from(cell.unwrap_or_default())).collect();
        let seats: Vec<i64> = self.seats.iter().map(|cell| cell.unwrap_or_default()).collect();
        let valid = [
            validity(&self.carriers),
            validity(&self.delays),
            validity(&self.days),
            validity(&self.cancelled),
            validity(&self.seats),
        ];
        let flights = [
            Column { cells: Cells::texts(&offsets, &bytes), validity: &valid[0] },
            Column { cells: Cells::Floats(&delays), validity: &valid[1] },
            Column { cells: Cells::Ints(&days), validity: &valid[2] },
            Column { cells: Cells::Bools(&cancelled), validity: &valid[3] },
        ];
        let planes = [Column { cells: Cells::Ints(&seats), validity: &valid[4] }];
        let tables = [
            Table { rows: self.carriers.len() as u32, columns: &flights },
            Table { rows: self.seats.len() as u32, columns: &planes },
        ];
        let answer = module.contribute(&tables, &[]);
        assert_eq!(bits(&answer), bits(&module.contribute_in_new_instance(&tables, &[])));
        assert!(module.resets_in_place());
        answer
    }
}

/// An answer to the last bit.
fn bits(answer: &Result<Vec<Contribution>, Failure>) -> Vec<(u32, Vec<Key>, Vec<u64>)> {
    let items = answer.as_ref().map_or(&[][..], Vec::as_slice);
    let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect();
    items.iter().map(|item| (item.output, item.group.clone(), bits(&item.values))).collect()
}

#[test]
fn the_same_job_says_the_same_in_every_language() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests/alike");
    let projects = Projects::new();
    let engine = Engine::new(&Limits::new(100_000_000, 64 << 20), 1).unwrap();
    for job in ["histogram", "mean", "chain"] {
        let mut wanted = None;
        for (name, language) in Language::ALL {
            if path_of(language).is_none() {
                continue;
            }
            let project = format!("{job}-{name}");
            projects.ok(language, &["job", "new", &project, "--lang", name]);
            let folder = projects.lab.path(&project);
            std::fs::copy(sources.join(format!("{job}.toml")), folder.join("job.toml")).unwrap();
            let source = folder.join(language.source_file());
            let ending = source.extension().unwrap().to_str().unwrap().to_owned();
            std::fs::copy(sources.join(format!("{job}.{ending}")), &source).unwrap();
            projects.ok(language, &["job", "build", &project]);
            let component = std::fs::read(folder.join("target/job.wasm")).unwrap();
            let module = Module::compile(&engine, &component).unwrap_or_else(|error| panic!("{project}: {error}"));
            let answers: Vec<_> = Flights::golden().iter().map(|grain| grain.ask(&module)).collect();
            // Again, after all others: nothing stays.
            let again: Vec<_> = Flights::golden().iter().map(|grain| bits(&grain.ask(&module))).collect();
            let said: Vec<_> = answers.iter().map(bits).collect();
            assert_eq!(said, again, "{project}");
            // The grain without rows is the only one that says nothing, or fails, and is so in every language.
            let fails = job == "chain";
            assert!(answers[0].is_err() == fails && answers[1..].iter().all(Result::is_ok), "{project}: {answers:?}");
            assert!(said[2..].iter().all(|answer| !answer.is_empty()), "{project}: {answers:?}");
            match &wanted {
                None => wanted = Some(said),
                Some(wanted) => assert_eq!(&said, wanted, "{project}"),
            }
            if job == "chain" {
                let told = answers[0].as_ref().unwrap_err().to_string();
                assert!(told.contains("a plane without flights"), "{project}: {told}");
                let place = match language {
                    Language::Python => "job.py:13: ValueError: ",
                    Language::JavaScript => "job.js:9: RangeError: ",
                    Language::Rust | Language::C => "",
                };
                assert!(told.contains(place), "{project}: {told}");
            }
        }
    }
}
