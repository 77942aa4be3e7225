//! What a lab writes and how long it takes do not grow with its log.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::path::Path;
use std::time::Instant;

use support::*;
use unseen_usecases::logs::ListEntries;
use unseen_usecases::{Folder, Query};

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

/// Over several bundles of the log, with rules that change at both ends.
#[test]
fn the_log_is_listed_alike_from_either_end() {
    let lab = Lab::with_job();
    grow(&lab, 600);
    lab.write("policy.toml", POLICY.replace("job = \"0.25\"", "job = \"0.2\""));
    lab.ok(&["policy", "set", "policy.toml", "--key", "keys/owner.pem"]);
    let desk = Folder { folder: lab.path("lab"), program: Path::new(env!("CARGO_BIN_EXE_unseen")).into() };
    let ask = |wanted: ListEntries| wanted.answer(&desk, None).unwrap();
    let whole = ask(ListEntries::default());
    assert!(whole.entries.len() > 2 * 256 && whole.next.is_none());
    assert!(whole.entries.iter().enumerate().all(|(at, entry)| entry.entry == at as u64 && !entry.time_goes_back));
    let page_by_page = |kind: Option<&str>, limit: u64| {
        let (mut found, mut before) = (Vec::new(), Some(u64::MAX));
        while before.is_some() {
            let kind = kind.map(str::to_owned);
            let page = ask(ListEntries { before, kind, limit: Some(limit), ..ListEntries::default() });
            found.splice(0..0, page.entries);
            before = page.earlier;
        }
        serde_json::to_value(found).unwrap()
    };
    assert_eq!(page_by_page(None, 37), serde_json::to_value(&whole.entries).unwrap());
    let rules: Vec<_> = whole.entries.iter().filter(|entry| entry.kind == "policy-set").collect();
    assert!(rules.len() > 1 && rules.last().unwrap().about.to_string().contains("0.25"));
    for limit in [1, 2, 50] {
        assert_eq!(page_by_page(Some("policy-set"), limit), serde_json::to_value(&rules).unwrap());
    }
    let since = Instant::now();
    assert!(ask(ListEntries { kind: Some("run-failed".into()), ..ListEntries::default() }).entries.is_empty());
    println!("{} entries looked through in {:?}", whole.entries.len(), since.elapsed());
}
