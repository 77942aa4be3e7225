//! Freshness where the kernel does its worst: pages that are swapped out, locked, or never huge. Each
//! case is a process of its own, since all of them change the whole process or the machine.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../tests/support/skip.rs"]
mod skip;

use std::path::PathBuf;
use std::process::{Command, Output};

use rustix::mm::{MlockAllFlags, mlockall};
use unseen_runtime::freshness::{Freshness, probe};

/// Set in the process that is to probe: how it prepares.
const CASE: &str = "UNSEEN_SWAP_CASE";

#[test]
fn no_grain_reads_a_page_of_another_whatever_the_kernel_did_with_it() {
    if let Ok(case) = std::env::var(CASE) {
        return inside(&case);
    }
    let swap = Swap::on();
    let found = |case: &str| {
        let output = child(case);
        assert!(output.status.success(), "{case}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    for case in ["plain", "no huge pages"] {
        let found = found(case);
        assert!(found.contains("Proved"), "{case}: {found}");
        match &swap {
            Some(_) => assert!(found.contains("swapped_out: true"), "{case}: nothing was swapped out: {found}"),
            None => skip::skipped(&format!("{case} with pages swapped out: swap cannot be turned on here")),
        }
    }
    // Locked pages stay, and the kernel takes none back: wasmtime has to map slots anew.
    let found = found("locked");
    assert!(found.contains("Proved { swapped_out: false }") || found.contains("cannot lock"), "{found}");
    if found.contains("cannot lock") {
        skip::skipped("locked memory: this process may not lock it");
    }
}

fn inside(case: &str) {
    match case {
        "locked" if mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT).is_err() => {
            return println!("cannot lock");
        }
        "no huge pages" => {
            // SAFETY: only says how this process's memory is to be paged.
            assert_eq!(unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0) }, 0);
        }
        _ => {}
    }
    println!("found {:?}", probe().unwrap());
    assert!(matches!(probe().unwrap(), Freshness::Proved { .. }));
}

fn child(case: &str) -> Output {
    let name = "no_grain_reads_a_page_of_another_whatever_the_kernel_did_with_it";
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture"]).env(CASE, case).output().unwrap()
}

/// A small swap file, on until this is dropped.
struct Swap(PathBuf);

impl Swap {
    /// None where that is not allowed.
    fn on() -> Option<Swap> {
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("swap-{}", std::process::id()));
        let path = file.display().to_string();
        let run =
            |script: String| Command::new("sh").args(["-c", &script]).output().is_ok_and(|it| it.status.success());
        let made = run(format!(
            "umask 077 && dd if=/dev/zero of={path} bs=1M count=128 && PATH=$PATH:/sbin:/usr/sbin && mkswap {path} && swapon {path}"
        ));
        let swap = Swap(file);
        made.then_some(swap)
    }
}

impl Drop for Swap {
    fn drop(&mut self) {
        let _ = Command::new("sh")
            .args(["-c", &format!("PATH=$PATH:/sbin:/usr/sbin; swapoff {}", self.0.display())])
            .output();
        let _ = std::fs::remove_file(&self.0);
    }
}
