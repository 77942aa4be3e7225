//! Many people at one lab: nobody who reads waits, and only a second writer does.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use support::*;
use unseen_ids::{JobId, PublicKey};
use unseen_lab::{RunLock, View};

/// Describes another dataset, a large one.
fn more() -> String {
    FIRMS.replace("\"firms\"", "\"more\"").replace("[bounds]\n", "[bounds]\nunits = 1_000_000\n")
}

/// Everything that reads, and what it said of the work that goes on.
fn reads(lab: &Lab, job: &str) -> serde_json::Value {
    for args in [
        ["job", "list"].as_slice(),
        &["job", "show", job],
        &["budget"],
        &["log", "show"],
        &["log", "checkpoint"],
        &["dataset", "list"],
        &["person", "list"],
    ] {
        lab.ok(args);
    }
    lab.ok(&["log", "export", "meanwhile"]);
    std::fs::remove_dir_all(lab.path("meanwhile")).unwrap();
    lab.ok(&["lab", "show"])["atWork"].clone()
}

#[test]
fn reading_and_writing_go_on_while_a_job_runs() {
    let (lab, job) = busy();
    let args = ["job", "run", &job, "--key", "keys/operator.pem"];
    let mut run = lab.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // However quick the machine is, the run goes on until all this was seen. Until it is charged it has the lab.
    let start = Instant::now();
    while lab.ok(&["job", "show", &job])["state"] != "running" {
        assert!(start.elapsed() < Duration::from_secs(30), "the run does not start");
    }
    let worker = Pid::from_raw(worker_behind_walls(run.id()).parse().unwrap()).unwrap();
    kill_process(worker, Signal::STOP).unwrap();
    let work = reads(&lab, &job);
    assert_eq!((&work[0]["what"], &work[0]["pid"]), (&"run".into(), &run.id().into()), "{work}");
    assert!(text(&work[0]["command"]).contains(&format!("job run {job}")), "{work}");
    let listed = lab.unseen(&["job", "list"]).stdout;
    assert!(listed.contains(&format!("At work: a job runs: process {} (", run.id())), "{listed}");
    // Another job is handed in meanwhile; a second run is refused, and told by whom.
    lab.submit("job");
    let said = lab.refuses(&args);
    assert!(said.starts_with(&format!("process {} (", run.id())), "{said}");
    assert!(run.try_wait().unwrap().is_none(), "the run ended before all this was seen");
    run.kill().unwrap();
    run.wait().unwrap();
    assert_eq!(lab.ok(&["lab", "show"])["atWork"], serde_json::json!([]));
}

#[test]
fn reading_and_writing_go_on_while_a_dataset_is_imported() {
    let lab = Lab::with_job();
    let job = lab.submit("job");
    lab.write("more.toml", more());
    lab.write("more.csv", firms(400_000));
    let args = ["dataset", "import", "more.csv", "--description", "more.toml", "--key", "keys/steward.pem"];
    let import = lab.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    while lab.ok(&["lab", "show"])["atWork"] == serde_json::json!([]) {
        assert!(start.elapsed() < Duration::from_secs(20), "the import does not show");
    }
    let work = reads(&lab, &job);
    assert_eq!((&work[0]["what"], &work[0]["dataset"]), (&"import".into(), &"more".into()), "{work}");
    let said = lab.refuses(&args);
    assert!(said.starts_with("process ") && said.contains(" imports `more`"), "{said}");
    lab.approve(&job, "operator");
    let mut import = import;
    assert!(import.try_wait().unwrap().is_none(), "the import ended before all this was seen");
    assert!(import.wait().unwrap().success());
    assert_eq!(lab.ok(&["dataset", "list"])["datasets"].as_array().unwrap().len(), 2);
    lab.ok(&["log", "export", "bundle"]);
    lab.ok(&["audit", "verify", "bundle"]);
}

/// As a server holds it: one lab behind a lock for its writers, and a view that is swapped after each write.
#[test]
fn one_process_may_serve_many() {
    let (lab, job) = busy();
    lab.write("more.toml", more());
    lab.write("more.csv", firms(20_000));
    let id: JobId = job.parse().unwrap();
    let open = unseen_lab::Lab::open(&lab.path("lab")).unwrap();
    let now = Arc::new(RwLock::new(Arc::new(open.view())));
    let served = Arc::new(Mutex::new(open));
    let program = Path::new(env!("CARGO_BIN_EXE_unseen"));
    let publish = |open: &unseen_lab::Lab| *now.write().unwrap() = Arc::new(open.view());
    let present = || -> Arc<View> { now.read().unwrap().clone() };
    let before = present();

    std::thread::scope(|scope| {
        // The thread that begins a run ends long before the run does, as one of a pool may.
        let begun = scope.spawn(|| {
            let mut open = served.lock().unwrap();
            let held = RunLock::take(&lab.path("lab")).unwrap();
            let begun = open.begin_as_lab(program, id, 1, &held, None).unwrap();
            publish(&open);
            (begun, held)
        });
        let (begun, held) = begun.join().unwrap();
        let run = scope.spawn(move || (begun.carry_out(|_, _| ()), held));
        let import = scope.spawn(|| {
            let steward = lab.signing_key("steward");
            let key = PublicKey::from(unseen_tlog::Signer::verifying_key(&steward));
            let (source, described) = (lab.path("more.csv"), lab.path("more.toml"));
            let rows = unseen_lab::Rows { file: source.clone(), called: source.clone() };
            let text = std::fs::read_to_string(&described).unwrap();
            let begin =
                |lab: &unseen_lab::Lab| lab.begin_import(rows, "firms.toml", text, Default::default(), None, &key);
            let importing = begin(&served.lock().unwrap()).unwrap();
            let done = importing.carry_out(&mut |_| ()).unwrap();
            let mut open = served.lock().unwrap();
            open.finish_import(done, &steward).unwrap();
            publish(&open);
        });
        let submit = scope.spawn(|| {
            let (text, module) = (support::job("rho = 0.1"), std::fs::read(lab.path("job/target/job.wasm")).unwrap());
            for _ in 0..20 {
                let mut open = served.lock().unwrap();
                submit_to(&mut open, &text, &module, &lab.signing_key("analyst"));
                publish(&open);
            }
        });
        // Whoever reads sees whole states only, each one after the one before.
        let mut last = 0;
        while !(submit.is_finished() && import.is_finished()) {
            let view = present();
            let size = view.ledger().size();
            assert!(size >= last && view.log().size() == size);
            last = size;
            view.log().entry(size - 1).unwrap();
        }
        run.join().unwrap().0.unwrap();
    });
    let mut open = Arc::into_inner(served).unwrap().into_inner().unwrap();
    assert!(open.publish_due(id).unwrap().is_none());
    assert!(open.standing(id).unwrap().released.is_some());
    // A view from the beginning is as it was, and what it names can be read still.
    assert!(before.ledger().size() + 20 < open.ledger().size());
    assert_eq!(before.log().entries(0).filter_map(Result::ok).count() as u64, before.ledger().size());
    drop(open);
    lab.ok(&["log", "export", "bundle"]);
    lab.ok(&["audit", "verify", "bundle"]);
}
