//! The attacks of `tests/hostile` as jobs on datasets that differ in one unit: each total is what the attack's file says,
//! and whatever an analyst can observe is the same, apart from the noised numbers. `make hostile` runs it.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/masked.rs"]
mod masked;
#[path = "hostile/suite.rs"]
mod suite;
mod support;

use std::collections::BTreeMap;

use masked::{files, masked, masked_text};
use serde_json::Value;
use suite::{Attack, Said, UNITS, Victim, Way, attacks, folder, rows};
use support::*;
use unseen_core::release::NoisyTotals;
use unseen_core::seed::{NoiseKey, RunIdentity};
use unseen_data::import::{ImportOptions, import};
use unseen_data::snapshot_dir::SnapshotDir;
use unseen_data::{BlockKey, Description, LabDataKey};
use unseen_policies::plan::Noise;
use unseen_policies::{Manifest, Plan, Rational};
use unseen_runtime::{Contribution, Engine, Failure, Key, Limits, Module, Table, Totals};
use unseen_worker::guest::{Guest, Verdict};
use unseen_worker::rows::{ReferenceTables, Rows};
use unseen_worker::run::{Grains, Rounds, Watch, run};

const BLOCKS: i128 = 8;
/// Groups of the job's one output.
const GROUPS: usize = 8;

fn text(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

fn manifest(blocks: bool) -> String {
    let grain = if blocks { format!("kind = \"blocks\"\ncount = {BLOCKS}") } else { "kind = \"unit\"".to_owned() };
    text("job.toml").replace("kind = \"unit\"", &grain)
}

/// A dataset and a way to run jobs on it without a lab round it.
struct Bench {
    snapshot: tempfile::TempDir,
    key: LabDataKey,
}

impl Bench {
    fn new(victim: Victim) -> Bench {
        let (snapshot, key) = (tempfile::tempdir().unwrap(), LabDataKey::generate().unwrap());
        let (text, source) = (text("rows.toml"), snapshot.path().join("things.csv"));
        std::fs::write(&source, rows(victim)).unwrap();
        let description = Description::parse(&text).unwrap();
        let options = ImportOptions { buckets: 4, ..ImportOptions::new(chrono::Utc::now()) };
        import(&source, &description, &text, &snapshot.path().join("things"), &key, &options, &mut |_| ()).unwrap();
        Bench { snapshot, key }
    }

    /// Runs a job, with the same seed on whatever dataset; `exact` leaves the noise out.
    fn run(&self, manifest: &str, guest: &impl Guest, threads: usize, exact: bool) -> NoisyTotals {
        let manifest = Manifest::parse(manifest).unwrap();
        let mut plan = Plan::new(&manifest, &ReferenceTables::default()).unwrap();
        if exact {
            let none = Noise::Laplace { scale: Rational::from_integer(0.into()) };
            plan.outputs
                .iter_mut()
                .flat_map(|output| &mut output.values)
                .for_each(|value| value.noise = vec![none.clone()]);
        }
        let folder = SnapshotDir::open(&self.snapshot.path().join("things"), None).unwrap();
        let key = folder.data_key(&self.key).unwrap();
        let rows =
            Rows::new(&manifest, vec![folder.into_snapshot(&key).unwrap()], &ReferenceTables::default()).unwrap();
        let identity = RunIdentity { origin: ORIGIN, entry: 1, leaf: [1; 32], snapshots: &[] };
        let noise = NoiseKey::new([5; 32]);
        let seed = |round| noise.round_seed(&identity, round);
        let block_key = BlockKey::new(&[6; 32]).unwrap();
        let outcome = run(
            Rounds { plan: &plan, guest, seed: &seed, expected: rows.expected(&plan) },
            &Grains { plan: &plan, guest, rows: &rows, block_key, threads, watch: &Nobody },
        );
        outcome.unwrap().rounds.remove(0)
    }
}

struct Nobody;

impl Watch for Nobody {
    fn progress(&self, _: u32, _: u32) {}
    fn failed(&self, _: &Failure) {}
}

/// Code that is honest, in this process.
struct Honest;

impl Guest for Honest {
    fn contribute(&self, _: &[Table<'_>], _: &[f64]) -> Result<Vec<Contribution>, Failure> {
        let add = |group, value| Contribution { output: 0, group: vec![Key::Int(group)], values: vec![value] };
        Ok(vec![add(0, 1.0), add(1, 0.0)])
    }

    fn advance(&self, _: u32, _: &[f64], _: &[Totals<'_>]) -> Option<Result<Verdict, Failure>> {
        None
    }
}

/// For as many calls at once as a run makes.
fn module(attack: &Attack) -> Module {
    let plan = Plan::new(&Manifest::parse(&manifest(false)).unwrap(), &ReferenceTables::default()).unwrap();
    let engine = Engine::new(&Limits::new(plan.limits.fuel, plan.limits.memory), 3).unwrap();
    Module::compile(&engine, &attack.component(|text| text)).unwrap()
}

/// What so many grains add that say the same.
fn times(count: i128, said: &Said) -> BTreeMap<usize, i128> {
    said.iter().map(|(group, value)| (*group, count * value)).collect()
}

fn totals(parts: [BTreeMap<usize, i128>; 2]) -> Vec<i128> {
    let of = |group| parts.iter().filter_map(|part| part.get(&group)).sum();
    (0..GROUPS).map(of).collect()
}

#[test]
fn every_total_is_what_each_grain_adds_alone() {
    let benches = [Victim::Marked, Victim::Plain, Victim::Absent].map(|victim| (victim, Bench::new(victim)));
    for attack in attacks().iter().filter(|attack| attack.way != Way::Refused) {
        let module = module(attack);
        for (victim, bench) in &benches {
            for (blocks, threads) in [(false, 1), (false, 3), (true, 2)] {
                let others = match (blocks, victim) {
                    (false, Victim::Plain) => UNITS,
                    (false, _) => UNITS - 1,
                    (true, Victim::Marked) => BLOCKS - 1,
                    (true, _) => BLOCKS,
                };
                let marked = i128::from(*victim == Victim::Marked);
                let wanted = totals([times(others, &attack.others), times(marked, &attack.victim)]);
                let found = bench.run(&manifest(blocks), &module, threads, true);
                assert_eq!(found.steps(), wanted, "{}, {victim:?}, blocks: {blocks}, {threads} threads", attack.name);
            }
        }
    }
}

#[test]
fn a_guest_that_carries_state_releases_what_an_honest_one_does() {
    let bench = Bench::new(Victim::Marked);
    let attacks = attacks();
    let module = module(attacks.iter().find(|attack| attack.name == "state-memory").unwrap());
    for blocks in [false, true] {
        let noised = bench.run(&manifest(blocks), &module, 2, false);
        assert_eq!(noised, bench.run(&manifest(blocks), &Honest, 1, false));
        assert!(noised.steps()[2..].iter().any(|steps| *steps != 0), "a group that nobody is in has its noise too");
    }
}

/// The victim's grain ends in each way there is. What else a grain does is seen in totals only, which are tried above.
const SEEN: [&str; 12] = [
    "compiled",
    "endless-loop",
    "error-says-the-row",
    "flood-aliases",
    "flood-error",
    "group-many",
    "lists-outside",
    "memory-insisted",
    "number-beyond",
    "state-second-module",
    "trap-stack",
    "trap-unreachable",
];

/// Plays attacks in two labs that differ in the victim's rows.
#[test]
fn an_analyst_sees_the_same_of_two_neighbouring_datasets() {
    let lab = Lab::new();
    lab.write("policy.toml", POLICY.replace("approvals = 2", "approvals = 1"));
    lab.ok(&["policy", "set", "policy.toml", "--key", "keys/owner.pem"]);
    lab.write("things.toml", text("rows.toml"));
    let attacks = attacks();
    for name in SEEN {
        let attack = attacks.iter().find(|attack| attack.name == name).unwrap();
        let component = support::shaped(&attack.component(|text| text), &manifest(false));
        lab.write(&format!("{name}/target/job.wasm"), component);
        lab.write(&format!("{name}/job.toml"), manifest(false));
    }
    let labs = [(lab.copy(), Victim::Marked), (lab, Victim::Plain)];
    let seen = std::thread::scope(|scope| {
        labs.each_ref().map(|(lab, victim)| scope.spawn(move || observe(lab, *victim))).map(|seen| seen.join().unwrap())
    });
    assert_eq!(seen[0].len(), seen[1].len());
    assert!(seen[0].len() > SEEN.len() * 5);
    for ((what, one), (_, other)) in seen[0].iter().zip(&seen[1]) {
        assert_eq!(one, other, "{what}");
    }
}

/// Everything an analyst, and anyone with the public log, can observe, numbers and digests masked.
fn observe(lab: &Lab, victim: Victim) -> Vec<(String, String)> {
    lab.write("things.csv", rows(victim));
    lab.ok(&["dataset", "import", "things.csv", "--description", "things.toml", "--key", "keys/steward.pem"]);
    let mut seen = Vec::new();
    let mut note = |what: String, done: Done| {
        let said = match serde_json::from_str(&done.stdout) {
            Ok(json) => serde_json::to_string(&masked(None, json)).unwrap(),
            Err(_) => masked_text(&done.stdout),
        };
        seen.push((what, format!("{} {said} {}", done.code, done.stderr)));
    };
    for name in SEEN {
        let id = lab.submit(name);
        lab.approve(&id, "operator");
        note(format!("run {name}"), lab.unseen(&["--json", "job", "run", &id, "--key", "keys/operator.pem"]));
        let release = lab.unseen(&["--json", "job", "release", &id, "--key", "keys/analyst.pem"]);
        let body: Value = serde_json::from_str(&release.stdout).unwrap();
        assert_eq!(body["rounds"][0]["outputs"][0]["groups"].as_array().unwrap().len(), GROUPS, "every group is there");
        note(format!("release {name}"), release);
        note(format!("release {name}, as text"), lab.unseen(&["job", "release", &id, "--key", "keys/analyst.pem"]));
        note(format!("show {name}"), lab.unseen(&["--json", "job", "show", &id]));
    }
    note("jobs".to_owned(), lab.unseen(&["job", "list"]));
    note("budget".to_owned(), lab.unseen(&["--json", "budget"]));
    note("dataset".to_owned(), lab.unseen(&["--json", "dataset", "show", "things"]));
    note("datasets".to_owned(), lab.unseen(&["--json", "dataset", "list"]));
    note("log".to_owned(), lab.unseen(&["--json", "log", "show"]));
    for entry in 0..lab.entries() {
        note(format!("entry {entry}"), lab.unseen(&["--json", "log", "show", "--entry", &entry.to_string()]));
    }
    lab.ok(&["log", "export", "bundle"]);
    seen.extend(files(&lab.path("bundle")));
    seen
}
