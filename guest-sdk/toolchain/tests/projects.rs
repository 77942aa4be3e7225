//! New projects pass their own test and build into components. Needs the WebAssembly target.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use std::process::Command;

use unseen_toolchain::{
    BuildError, Language, Measure, Subject, Template, build, componentize, new_project, write_shape,
};

fn made(language: Language, template: Template, subject: Option<&Subject>) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    new_project(dir.path(), "a-job", language, template, subject).unwrap();
    dir
}

/// A dataset of whole numbers, with names that no language takes, and no groups.
fn odd() -> Subject {
    let measure = |column: &str, lower, upper| Measure { column: column.into(), is_int: true, lower, upper };
    let (value, other) = (measure("class", -5.0, 55.0), measure("产值 (万元)", 0.0, 7.0));
    Subject { dataset: "int".into(), group: None, value, other: Some(other) }
}

#[test]
fn a_new_project_tests_and_builds_without_a_network() {
    for template in Template::ALL {
        for subject in [None, Some(odd())] {
            let dir = made(Language::Rust, template, subject.as_ref());
            let test = Command::new("cargo")
                .current_dir(dir.path())
                .args(["test", "--quiet", "--offline", "--target-dir", "target"])
                .output()
                .unwrap();
            assert!(test.status.success(), "{}", String::from_utf8_lossy(&test.stderr));
            let built = build(dir.path()).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(std::fs::read(&built.path).unwrap(), built.bytes);
            assert!(built.bytes.len() < 200_000, "{}", built.bytes.len());
            // The same source makes the same component, and a component is left alone.
            assert_eq!(build(dir.path()).unwrap().bytes, built.bytes);
            assert_eq!(componentize(&built.bytes).unwrap(), built.bytes);
        }
    }
}

#[test]
fn compiler_errors_are_passed_on() {
    let dir = made(Language::Rust, Template::Histogram, None);
    let source = dir.path().join("src/lib.rs");
    let text = std::fs::read_to_string(&source).unwrap().replace("land().floats()", "land().floots()");
    std::fs::write(&source, text).unwrap();
    match build(dir.path()) {
        Err(BuildError::Compile { diagnostics }) => {
            assert!(diagnostics.contains("floots") && diagnostics.contains("src/lib.rs:"));
        }
        other => panic!("{other:?}"),
    }
    assert!(!dir.path().join("target/job.wasm").exists());
}

#[test]
fn what_is_not_a_project_or_not_a_job_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(build(dir.path()), Err(BuildError::NoProject { .. })));
    assert!(componentize(b"not wasm").is_err());
    // An empty core module: valid, but without the contract's functions.
    let error = componentize(b"\0asm\x01\0\0\0").unwrap_err().to_string();
    assert!(error.contains("contribute"), "{error}");
}

#[test]
fn the_contract_has_one_version() {
    let package = include_str!("../../wit/job.wit").lines().find_map(|line| line.strip_prefix("package "));
    assert_eq!(package, Some(format!("{};", unseen_policies::shape::CONTRACT).as_str()));
}

#[test]
fn only_a_manifest_that_is_not_there_counts_as_none() {
    let dir = made(Language::Rust, Template::Histogram, None);
    let manifest = dir.path().join("job.toml");
    std::fs::remove_file(&manifest).unwrap();
    write_shape(dir.path(), Language::Rust).unwrap();
    std::fs::create_dir(&manifest).unwrap();
    assert!(matches!(write_shape(dir.path(), Language::Rust), Err(BuildError::Read { .. })));
}

/// What is checked in is what a build would write; `unseen job build` in the example's folder brings it up to date.
#[test]
fn the_examples_have_the_names_of_their_manifests() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut seen = 0;
    for entry in std::fs::read_dir(&examples).unwrap() {
        let example = entry.unwrap().path();
        if !example.join("Cargo.toml").is_file() {
            continue;
        }
        let Ok(manifest) = std::fs::read(example.join("job.toml")) else { continue };
        let copy = tempfile::tempdir().unwrap();
        std::fs::create_dir(copy.path().join("src")).unwrap();
        std::fs::write(copy.path().join("job.toml"), manifest).unwrap();
        write_shape(copy.path(), Language::Rust).unwrap();
        let read = |dir: &Path| std::fs::read_to_string(dir.join("src/shape.rs")).unwrap_or_default();
        assert!(read(&example) == read(copy.path()), "{}: src/shape.rs is of another job.toml", example.display());
        seen += 1;
    }
    assert_eq!(seen, 5);
}

/// Names that Rust would not take, and code that counts places.
#[test]
fn any_names_of_a_manifest_can_be_used_and_must_be() {
    let dir = made(Language::Rust, Template::Histogram, None);
    let manifest = dir.path().join("job.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let text =
        text.replace("columns = [\"town\", \"land\"]", "columns = [\"type\", \"产值 (万元)\", \"rows\", \"2025\"]");
    let text = text.replace("\"bin\"", "\"self\"").replace("name = \"count\"", "name = \"a \\\"b\\\"\"");
    // Names of what the written code itself uses.
    let own =
        ["from", "into", "vec", "option", "string", "g1", "G1", "G2", "inputs", "shape", "clone", "debug", "some"];
    let outputs = own.map(|name| {
        format!(
            "[[output]]\nname = \"{name}\"\nmax_groups_per_unit = 1\n\
             groups = [{{ name = \"g1\", range = [0, 1] }}, {{ name = \"group\", range = [0, 1] }}]\n\
             values = [{{ name = \"values\", lower = 0, upper = 1, granularity = 1 }}]\n\n"
        )
    });
    let text = text.replace("[privacy]", &(outputs.concat() + "[privacy]"));
    std::fs::write(&manifest, text).unwrap();
    let source = dir.path().join("src/lib.rs");
    let code = "use unseen_guest::{Contributions, Grain, Job, job};\n#[rustfmt::skip]\nmod shape;\nuse shape::{Inputs, Sizes};\n\
        struct Odd;\nimpl Job for Odd {\n\
        fn contribute(grain: &Grain, _: &[f64], out: &mut Contributions) -> Result<(), String> {\n\
        let firms = grain.enterprises();\n\
        let year: f64 = firms.产值__万元_().floats()?.valid().sum::<f64>() + firms._2025().floats()?.valid().sum::<f64>();\n\
        let rows = firms.rows().ints()?;\n\
        if let Some(town) = firms.r#type().texts()?.valid().next() {\n\
        out.add(Sizes { town, self_: year as i64 + rows.len() as i64, a__b_: 1.0 });\n}\nOk(())\n}\n}\njob!(Odd);\n";
    std::fs::write(&source, code).unwrap();
    build(dir.path()).unwrap_or_else(|error| panic!("{error}"));
    let without = "use unseen_guest::{Contributions, Grain, Job, job};\nstruct Odd;\nimpl Job for Odd {\n\
        fn contribute(_: &Grain, _: &[f64], _: &mut Contributions) -> Result<(), String> { Ok(()) }\n}\njob!(Odd);\n";
    std::fs::write(&source, without).unwrap();
    assert!(matches!(build(dir.path()), Err(BuildError::NoShape)));
    std::fs::write(&manifest, "[job]\n").unwrap();
    assert!(build(dir.path()).unwrap_err().to_string().contains("job.toml"));
}
