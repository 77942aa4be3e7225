//! The short form of `make attack`, with its own figures: no claim exceeded, every fault found.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::process::Command;

fn attack(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_unseen-attack")).args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[test]
fn claims_hold_and_planted_faults_are_found() {
    let (good, said) = attack(&["--short"]);
    assert!(good, "{said}");
    let lines = |column: &str| said.lines().filter(|line| line.contains(column)).count();
    assert!(lines("laplace: ") > 20 && lines("gaussian: ") > 20, "{said}");
    assert!(["MORE THAN CLAIMED", "TOO WEAK", "FOUND"].iter().all(|bad| !said.contains(bad)), "{said}");
}

/// With so few releases nothing much can be shown, and the program says that it failed.
#[test]
fn an_attack_without_power_fails() {
    let (good, said) = attack(&["--releases", "2000", "--fault-releases", "2000", "--only", "gaussian: a count"]);
    assert!(!good && said.contains("TOO WEAK"), "{said}");
}

#[test]
fn a_run_can_be_repeated_and_varied() {
    let run = |seed| attack(&["--short", "--only", "laplace: a count", "--seed", seed]).1;
    assert_eq!(run("1"), run("1"));
    assert_ne!(run("1"), run("2"));
}
