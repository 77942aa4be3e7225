//! New projects pass their own test and build into components. Needs the WebAssembly target.

#![allow(clippy::unwrap_used, clippy::panic)]

use unseen_toolchain::{BuildError, Template, build, componentize, new_project};

fn made(template: Template) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    new_project(dir.path(), "a-job", template).unwrap();
    dir
}

#[test]
fn a_new_project_tests_and_builds_without_a_network() {
    for (_, template) in Template::ALL {
        let dir = made(template);
        let test = std::process::Command::new("cargo")
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

#[test]
fn compiler_errors_are_passed_on() {
    let dir = made(Template::Histogram);
    let source = dir.path().join("src/lib.rs");
    let text = std::fs::read_to_string(&source).unwrap().replace("floats(OUTPUT)", "floots(OUTPUT)");
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
