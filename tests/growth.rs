//! What a lab writes and how long it takes do not grow with its log.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::path::Path;
use std::time::Instant;

use support::*;

/// Submits until there are so many jobs; the last ten one by one. Gives the bytes of the state and the
/// seconds for one of the ten.
fn grow(lab: &Lab, jobs: usize) -> (u64, f64) {
    let mut open = unseen_lab::Lab::open(&lab.path("lab")).unwrap();
    let key = lab.signing_key("analyst");
    let (text, module) = (job("rho = 0.25"), std::fs::read(lab.path("job/target/job.wasm")).unwrap());
    let mut start = Instant::now();
    for number in open.ledger().jobs().len()..jobs {
        if number + 10 == jobs {
            start = Instant::now();
        }
        submit_to(&mut open, &text, &module, &key);
    }
    let seconds = start.elapsed().as_secs_f64() / 10.0;
    drop(open);
    (bytes(&lab.path("lab/state")), seconds)
}

fn bytes(folder: &Path) -> u64 {
    let found = std::fs::read_dir(folder).unwrap().map(|found| found.unwrap());
    found.map(|found| if found.path().is_dir() { bytes(&found.path()) } else { found.metadata().unwrap().len() }).sum()
}

/// Were the whole state written with each entry, there would be some 40 MiB.
#[test]
fn an_entry_writes_what_it_changes() {
    let lab = Lab::with_job();
    let (bytes, _) = grow(&lab, 300);
    assert!(bytes < 4 << 20, "{bytes} bytes of state for 300 jobs");
}

/// `cargo test -p unseen --test growth -- --ignored --nocapture` prints the figures for 10, 1,000 and
/// 10,000 jobs.
#[test]
#[ignore = "takes minutes"]
fn figures() {
    let lab = Lab::with_job();
    for jobs in [10, 100, 1_000, 10_000] {
        let (bytes, seconds) = grow(&lab, jobs);
        let opened = Instant::now();
        drop(unseen_lab::Lab::open(&lab.path("lab")).unwrap());
        println!(
            "{jobs} jobs: state {bytes} bytes, {:.2} ms a submission, {:.0} ms to open",
            seconds * 1e3,
            opened.elapsed().as_secs_f64() * 1e3
        );
    }
}
