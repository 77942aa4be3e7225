//! Two datasets that differ in one unit, and guests that do their worst to show which one it is:
//! whatever an analyst can observe is the same, apart from the noised numbers.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/masked.rs"]
mod masked;
mod support;

use std::path::Path;
use std::sync::LazyLock;

use masked::{files, masked, masked_text};
use serde_json::Value;
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

/// `tests/guests/hostile`. Its misdeed is chosen by a column that is the same for every unit, so one
/// component and one dataset do for all.
static COMPONENT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests");
    unseen_toolchain::build_package(&guests, "guest-hostile", &Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests"))
        .unwrap()
});

/// Every misdeed, by its number in the guest; 99 is none.
const MODES: [u32; 13] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 99];
/// Those after which the victim's grain has contributed nothing.
const FAILING: [u32; 7] = [2, 3, 5, 6, 7, 9, 10];

const GROUPS: [&str; 12] =
    ["count", "number", "list", "code", "pages", "nan", "inf", "hoard", "deep", "digest", "nobody", "none"];
const UNITS: i128 = 40;
/// Bounds of the one value.
const BOUNDS: (i64, i64) = (-2, 3);

/// The victim of the three datasets: with many rows that say so, as anybody else, or not there.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Victim {
    Marked,
    Plain,
    Absent,
}

fn rows(victim: Victim) -> String {
    let marks: String = MODES.iter().map(|mode| format!(",{mode}")).collect();
    let names: String = MODES.iter().map(|mode| format!(",m{mode}")).collect();
    let mut text = format!("code,town{names}\n");
    for unit in 0..UNITS {
        let (town, count) = match (unit, victim) {
            (17, Victim::Marked) => ("victim", 50),
            (17, Victim::Absent) => continue,
            _ => (["north", "south"][unit as usize % 2], 1 + unit % 3),
        };
        text.extend((0..count).map(|_| format!("f{unit:05},{town}{marks}\n")));
    }
    text
}

fn description() -> String {
    let modes =
        MODES.iter().map(|mode| format!("\n[[column]]\nname = \"m{mode}\"\ntype = \"int\"\nmin = 0\nmax = 99\n"));
    let firms = FIRMS.replace("[\"north\", \"south\"]", "[\"north\", \"south\", \"victim\"]");
    firms.split("[[column]]\nname = \"output\"").next().unwrap().to_owned() + &modes.collect::<String>()
}

fn manifest(mode: u32, grain: &str) -> String {
    let keys = GROUPS.map(|group| format!("\"{group}\"")).join(", ");
    job("rho = 0.01")
        .replace("\"town\", \"output\"", &format!("\"town\", \"m{mode}\""))
        .replace("kind = \"unit\"", grain)
        .replace(
            "values = [{ name = \"rows\", lower = 0, upper = 10, granularity = 1 }]",
            &format!(
                "max_groups_per_unit = 3\nvalues = [{{ name = \"n\", lower = {}, upper = {}, granularity = 1 }}]\ngroups = [{{ name = \"what\", keys = [{keys}] }}]",
                BOUNDS.0, BOUNDS.1
            ),
        )
        .replace("fuel = 1_000_000", "fuel = 50_000_000")
        .replace("1MiB", "16MiB")
}

/// A dataset and a way to run jobs on it without a lab round it.
struct Bench {
    snapshot: tempfile::TempDir,
    key: LabDataKey,
}

impl Bench {
    fn new(victim: Victim) -> Bench {
        let (snapshot, key) = (tempfile::tempdir().unwrap(), LabDataKey::generate().unwrap());
        let (text, source) = (description(), snapshot.path().join("firms.csv"));
        std::fs::write(&source, rows(victim)).unwrap();
        let description = Description::parse(&text).unwrap();
        let options = ImportOptions { buckets: 4, ..ImportOptions::new(chrono::Utc::now()) };
        import(&source, &description, &text, &snapshot.path().join("firms"), &key, &options, &mut |_| ()).unwrap();
        Bench { snapshot, key }
    }

    /// Runs a job, with the same seed on whatever dataset; `exact` leaves the noise out.
    fn run(&self, manifest: &str, guest: Option<&HonestCode>, exact: bool) -> NoisyTotals {
        let manifest = Manifest::parse(manifest).unwrap();
        let mut plan = Plan::new(&manifest, &ReferenceTables::default()).unwrap();
        if exact {
            let none = Noise::Laplace { scale: Rational::from_integer(0.into()) };
            plan.outputs
                .iter_mut()
                .flat_map(|output| &mut output.values)
                .for_each(|value| value.noise = vec![none.clone()]);
        }
        let folder = SnapshotDir::open(&self.snapshot.path().join("firms"), None).unwrap();
        let key = folder.data_key(&self.key).unwrap();
        let rows =
            Rows::new(&manifest, vec![folder.into_snapshot(&key).unwrap()], &ReferenceTables::default()).unwrap();
        let engine = Engine::new(&Limits::new(plan.limits.fuel, plan.limits.memory), 2).unwrap();
        let identity = RunIdentity { origin: ORIGIN, entry: 1, leaf: [1; 32], snapshots: &[] };
        let noise = NoiseKey::new([5; 32]);
        let seed = |round| noise.round_seed(&identity, round);
        macro_rules! outcome {
            ($guest:expr, $threads:expr) => {
                run(
                    Rounds { plan: &plan, guest: $guest, seed: &seed, expected: rows.expected(&plan) },
                    &Grains {
                        plan: &plan,
                        guest: $guest,
                        rows: &rows,
                        block_key: BlockKey::new(&[6; 32]).unwrap(),
                        threads: $threads,
                        watch: &Nobody,
                    },
                )
            };
        }
        let outcome = match guest {
            None => outcome!(&Module::compile(&engine, &COMPONENT).unwrap(), 2),
            Some(native) => outcome!(&Native(native), 1),
        };
        outcome.unwrap().rounds.remove(0)
    }

    fn exact(&self, mode: u32) -> Vec<i128> {
        self.run(&manifest(mode, "kind = \"unit\""), None, true).steps().to_vec()
    }
}

struct Nobody;

impl Watch for Nobody {
    fn progress(&self, _: u32, _: u32) {}
    fn failed(&self, _: &Failure) {}
}

/// Honest code, in this process.
type HonestCode = dyn Fn(&[Table<'_>]) -> Vec<Contribution>;

struct Native<'a>(&'a HonestCode);

// SAFETY: used by runs of one thread only.
unsafe impl Sync for Native<'_> {}

impl Guest for Native<'_> {
    fn contribute(&self, grain: &[Table<'_>], _: &[f64]) -> Result<Vec<Contribution>, Failure> {
        Ok((self.0)(grain))
    }

    fn advance(&self, _: u32, _: &[f64], _: &[Totals<'_>]) -> Option<Result<Verdict, Failure>> {
        None
    }
}

fn at(totals: &[i128], group: &str) -> i128 {
    totals[GROUPS.iter().position(|name| *name == group).unwrap()]
}

#[test]
fn a_unit_moves_a_total_by_no_more_than_its_bounds_whatever_the_guest_does() {
    let [marked, plain, absent] = [Victim::Marked, Victim::Plain, Victim::Absent].map(Bench::new);
    for mode in MODES {
        let [marked, plain, absent] = [marked.exact(mode), plain.exact(mode), absent.exact(mode)];
        for with in [&marked, &plain] {
            let moved: Vec<i128> =
                with.iter().zip(&absent).map(|(with, without)| with - without).filter(|moved| *moved != 0).collect();
            assert!(moved.len() <= 3, "mode {mode}: {moved:?}");
            assert!(
                moved.iter().all(|moved| (i128::from(BOUNDS.0)..=i128::from(BOUNDS.1)).contains(moved)),
                "mode {mode}: {moved:?}"
            );
        }
        if FAILING.contains(&mode) {
            assert_eq!(marked, absent, "mode {mode}: a grain that fails adds nothing");
            assert_eq!(
                (at(&plain, "count"), at(&absent, "count")),
                (UNITS, UNITS - 1),
                "mode {mode}: the others are not disturbed"
            );
        }
        assert_eq!((marked.len(), at(&marked, "nobody")), (GROUPS.len(), 0), "mode {mode}");
        match mode {
            0 => assert_eq!(
                ["number", "list", "code"].map(|group| at(&marked, group)),
                [0, UNITS, UNITS],
                "something was carried over"
            ),
            1 => assert_eq!(at(&marked, "pages"), 0, "something was left in memory"),
            4 => assert_eq!((at(&marked, "hoard"), at(&marked, "count")), (i128::from(BOUNDS.1), UNITS - 1)),
            // NaN is the lower bound; two values where one is declared, and groups outside, are nothing.
            8 => assert_eq!(
                ["nan", "inf", "count"].map(|group| at(&marked, group)),
                [UNITS * i128::from(BOUNDS.0), 0, 0]
            ),
            _ => {}
        }
    }
}

#[test]
fn a_guest_that_carries_state_releases_what_an_honest_one_does() {
    let bench = Bench::new(Victim::Marked);
    let honest = |_: &[Table<'_>]| {
        let add = |group: &str, value| Contribution {
            output: 0,
            group: vec![Key::Text(group.to_owned())],
            values: vec![value],
        };
        vec![add("number", 0.0), add("list", 1.0), add("code", 1.0)]
    };
    for grain in ["kind = \"unit\"", "kind = \"blocks\"\ncount = 8"] {
        let manifest = manifest(0, grain);
        assert_eq!(bench.run(&manifest, None, false), bench.run(&manifest, Some(&honest), false), "{grain}");
    }
    // With fewer groups a unit than it names, it is in the first ones only.
    let two = manifest(0, "kind = \"unit\"").replace("max_groups_per_unit = 3", "max_groups_per_unit = 2");
    let two = bench.run(&two, None, true);
    assert_eq!(["number", "list", "code"].map(|group| at(two.steps(), group)), [0, UNITS, 0]);
    let noise = bench.run(&manifest(0, "kind = \"unit\""), None, false);
    assert!(
        GROUPS.iter().any(|group| group.starts_with('n') && at(noise.steps(), group) != 0),
        "a group that nobody is in has its noise too"
    );
}

#[test]
fn a_trap_takes_its_own_block_with_it_and_no_other() {
    let [marked, plain] = [Victim::Marked, Victim::Plain].map(Bench::new);
    let manifest = manifest(2, "kind = \"blocks\"\ncount = 8");
    let count = |bench: &Bench| at(bench.run(&manifest, None, true).steps(), "count");
    assert_eq!((count(&marked), count(&plain)), (7, 8));
}

/// Plays every misdeed in two labs that differ in the victim's rows.
#[test]
fn an_analyst_sees_the_same_of_two_neighbouring_datasets() {
    let lab = Lab::new();
    lab.write("policy.toml", POLICY.replace("approvals = 2", "approvals = 1"));
    lab.ok(&["policy", "set", "policy.toml", "--key", "keys/owner.pem"]);
    lab.write("firms.toml", description());
    for mode in MODES {
        let manifest = manifest(mode, "kind = \"unit\"");
        lab.write(&format!("job{mode}/target/job.wasm"), support::shaped(&COMPONENT, &manifest));
        lab.write(&format!("job{mode}/job.toml"), manifest);
    }
    let labs = [(lab.copy(), Victim::Marked), (lab, Victim::Plain)];
    let seen = std::thread::scope(|scope| {
        labs.each_ref().map(|(lab, victim)| scope.spawn(move || observe(lab, *victim))).map(|seen| seen.join().unwrap())
    });
    assert_eq!(seen[0].len(), seen[1].len());
    assert!(seen[0].len() > MODES.len() * 5);
    for ((what, one), (_, other)) in seen[0].iter().zip(&seen[1]) {
        assert_eq!(one, other, "{what}");
    }
}

/// Everything an analyst, and anyone with the public log, can observe, numbers and digests masked.
fn observe(lab: &Lab, victim: Victim) -> Vec<(String, String)> {
    lab.write("firms.csv", rows(victim));
    lab.ok(&["dataset", "import", "firms.csv", "--description", "firms.toml", "--key", "keys/steward.pem"]);
    let mut seen = Vec::new();
    let mut note = |what: String, done: Done| {
        let said = match serde_json::from_str(&done.stdout) {
            Ok(json) => serde_json::to_string(&masked(None, json)).unwrap(),
            Err(_) => masked_text(&done.stdout),
        };
        seen.push((what, format!("{} {said} {}", done.code, done.stderr)));
    };
    for mode in MODES {
        let id = lab.submit(&format!("job{mode}"));
        lab.approve(&id, "operator");
        note(format!("run {mode}"), lab.unseen(&["--json", "job", "run", &id, "--key", "keys/operator.pem"]));
        let release = lab.unseen(&["--json", "job", "release", &id, "--key", "keys/analyst.pem"]);
        let body: Value = serde_json::from_str(&release.stdout).unwrap();
        assert_eq!(
            body["rounds"][0]["outputs"][0]["groups"].as_array().unwrap().len(),
            GROUPS.len(),
            "every group is there"
        );
        note(format!("release {mode}"), release);
        note(format!("release {mode}, as text"), lab.unseen(&["job", "release", &id, "--key", "keys/analyst.pem"]));
        note(format!("show {mode}"), lab.unseen(&["--json", "job", "show", &id]));
    }
    note("jobs".to_owned(), lab.unseen(&["job", "list"]));
    note("budget".to_owned(), lab.unseen(&["--json", "budget"]));
    note("dataset".to_owned(), lab.unseen(&["--json", "dataset", "show", "firms"]));
    note("datasets".to_owned(), lab.unseen(&["--json", "dataset", "list"]));
    note("log".to_owned(), lab.unseen(&["--json", "log", "show"]));
    for entry in 0..lab.entries() {
        note(format!("entry {entry}"), lab.unseen(&["--json", "log", "show", "--entry", &entry.to_string()]));
    }
    lab.ok(&["log", "export", "bundle"]);
    seen.extend(files(&lab.path("bundle")));
    seen
}
