//! That the loop of [`crate::path`] is the product's: `unseen_worker::run`, on rows in encrypted buckets that the one
//! unit's are among or not, releases the same bytes. So what a million releases show of the one holds for the other.

use chrono::Utc;
use tempfile::TempDir;
use unseen_core::{NoisyTotals, SealedRelease};
use unseen_data::import::{ImportOptions, import};
use unseen_data::snapshot_dir::SnapshotDir;
use unseen_data::{BlockKey, Description, LabDataKey};
use unseen_ids::{Digest, JobId};
use unseen_policies::manifest::{GrainKind, ModuleRef};
use unseen_policies::{Manifest, Plan};
use unseen_questions::{Heading, Wish, ask};
use unseen_runtime::{Cells, Contribution, Failure, Key, Table, Totals};
use unseen_worker::guest::{Guest, Verdict};
use unseen_worker::ready_made::ReadyMade;
use unseen_worker::rows::{ReferenceTables, Rows};
use unseen_worker::run::{Grains, Rounds, Watch, run};

use crate::cases;
use crate::faults::FAULTS;
use crate::path::{Ask, Case, Job, PRODUCT, Path, Source, as_noisy};
use crate::seen::Seen;

/// For each case and neighbour.
const SEEDS: u64 = 20;
const RUN: u64 = 7;

#[test]
fn the_products_own_loop_releases_the_same_bytes() {
    for case in cases::all() {
        let path = Path::new(&case, PRODUCT, [3; 32]).unwrap();
        for with in [false, true] {
            let bench = Bench::new(&case, with);
            for trial in 0..SEEDS {
                assert_eq!(
                    bench.releases(&path, trial),
                    released(&path, with, trial),
                    "{}, seed {trial}, with the unit: {with}",
                    case.name
                );
            }
        }
    }
}

/// So that equality says something: bytes of another seed, of the other neighbour or with a fault are other bytes.
#[test]
fn other_seeds_rows_and_noise_release_other_bytes() {
    let case = cases::all().swap_remove(0);
    let path = Path::new(&case, PRODUCT, [3; 32]).unwrap();
    let ours = Bench::new(&case, true).releases(&path, 0);
    assert_eq!(ours, released(&path, true, 0));
    assert_ne!(ours, released(&path, true, 1));
    assert_ne!(ours, released(&path, false, 0));
    assert_ne!(ours, released(&Path::new(&case, FAULTS[0].stages, [3; 32]).unwrap(), true, 0));
}

/// But for its rounds and its budget, the job of the case is what the question becomes.
#[test]
fn the_median_is_what_sql_asks_for() {
    let tables = |name: &str| (name == "d").then(|| Description::parse(DESCRIPTION).unwrap());
    let wish = Wish { bounds: vec![("c".to_owned(), 0.0, 16.0)], rows_per_unit: Some(1), ..Wish::default() };
    let heading = Heading { title: "t".into(), purpose: "p".into(), release: "+1h".into(), rho: "1".into() };
    let asked = ask("SELECT MEDIAN(c) AS o0 FROM d", &wish, &tables).unwrap().manifest(&heading);
    let asked = asked.replace(&["1"; 12].join(", "), "1, 1, 1, 1").replace("rounds = 12", "rounds = 4");
    let case = cases::all().into_iter().find(|case| case.name == "gaussian: a median, as SQL asks for it").unwrap();
    let [ours, asked] = [&case.jobs[0], &asked].map(|text| Manifest::parse(text).unwrap());
    let plan =
        |manifest: &&Manifest| format!("{:?}", Plan::new(manifest, &ReferenceTables::default()).unwrap().outputs);
    let plans = [&ours, &asked].each_ref().map(plan);
    assert_eq!(plans[0], plans[1]);
    let models = [&ours, &asked]
        .map(|manifest| format!("{:?}", manifest.question.as_ref().unwrap().model.as_ref().unwrap().kind));
    assert_eq!(models[0], models[1]);
}

/// The bodies of all jobs, as the attack makes them.
fn released(path: &Path<'_>, with: bool, trial: u64) -> Vec<Digest> {
    let mut bodies = Vec::new();
    path.release(&mut path.clampers(), with, trial, &mut bodies).unwrap();
    let steps = |seen: &Seen| match seen {
        Seen::Steps(steps) => *steps,
        Seen::OffGrid(_) => panic!("no number of the product's is off its grid"),
    };
    let mut rounds = bodies.iter().map(|body| body.iter().map(steps).collect::<Vec<i128>>());
    let sealed = path.jobs.iter().map(|job| {
        let rounds = rounds.by_ref().take(job.plan.rounds as usize).enumerate();
        let rounds: Vec<NoisyTotals> = rounds.map(|(round, cells)| as_noisy(round, &cells).unwrap()).collect();
        body(&job.plan, &rounds)
    });
    sealed.collect()
}

/// Of the body of a release without tables: these follow from its numbers.
fn body(plan: &Plan, rounds: &[NoisyTotals]) -> Digest {
    SealedRelease::seal(plan, JobId(1), RUN, rounds, Vec::new()).unwrap().digest()
}

/// One of two neighbours, imported.
struct Bench<'c> {
    case: &'c Case,
    with: bool,
    /// Of each job.
    rows: Vec<Rows>,
    _folder: TempDir,
}

const DESCRIPTION: &str = r#"
name = "d"
kind = "private"
provider = "p"
classification = "internal"
update_cycle = "once"
sharing = "none"
unit = { column = "who", domain = "person" }
column = [
    { name = "who", type = "text", nullable = false },
    { name = "c", type = "float" },
]
"#;

fn deal() -> BlockKey {
    BlockKey::new(&[6; 32]).unwrap()
}

impl Bench<'_> {
    /// Imports one row for each unit that a case has: in `c` its number, from 0, and the one unit's below zero; or what
    /// the lab's own map is to find a median of.
    fn new(case: &Case, with: bool) -> Bench<'_> {
        let (folder, lab) = (tempfile::tempdir().unwrap(), LabDataKey::generate().unwrap());
        let (source, snapshot) = (folder.path().join("d.csv"), folder.path().join("d"));
        let answers = |with| (case.answers)(Ask { with, step: 0, mode: 0 });
        let first = Manifest::parse(&case.jobs[0]).unwrap();
        let is_median = first.job.module == Some(ModuleRef::ReadyMadeSum);
        let blocks = match first.grain {
            GrainKind::Unit => None,
            GrainKind::Blocks { count } => Some(count),
        };
        let own = answers(true).len() - 1;
        let others = if blocks.is_some() { own + 1 } else { own };
        assert!(blocks.is_some() || answers(false)[..] == answers(true)[..own], "{}: others answer alike", case.name);
        let mut text = "who,c\n".to_owned();
        for at in 0..others {
            text += &format!("{},{}\n", name("u", at, blocks), if is_median { cases::COLUMN[at] } else { at as f64 });
        }
        if with {
            let marked = if is_median { cases::COLUMN[own] } else { -1.0 - own as f64 };
            text += &format!("{},{marked}\n", name("own", own, blocks));
        }
        std::fs::write(&source, text).unwrap();
        let description = Description::parse(DESCRIPTION).unwrap();
        let options = ImportOptions { buckets: 4, ..ImportOptions::new(Utc::now()) };
        import(&source, &description, DESCRIPTION, &snapshot, &lab, &options, &mut |_| ()).unwrap();
        let rows = case.jobs.iter().map(|job| {
            let dir = SnapshotDir::open(&snapshot, None).unwrap();
            let key = dir.data_key(&lab).unwrap();
            let opened = vec![dir.into_snapshot(&key).unwrap()];
            Rows::new(&Manifest::parse(job).unwrap(), opened, &ReferenceTables::default()).unwrap()
        });
        Bench { case, with, rows: rows.collect(), _folder: folder }
    }

    /// The bodies of all jobs, as a worker makes them.
    fn releases(&self, path: &Path<'_>, trial: u64) -> Vec<Digest> {
        let (mut mode, mut bodies) = (0, Vec::new());
        for (at, (job, rows)) in path.jobs.iter().zip(&self.rows).enumerate() {
            let manifest = Manifest::parse(&self.case.jobs[at]).unwrap();
            let source = |round| Source { trial, with: self.with, job: at, round };
            let outcome = match manifest.job.module {
                Some(ModuleRef::ReadyMadeSum) => {
                    let map = ReadyMade::new(&manifest, &job.plan).unwrap().with_kinds(&rows.kinds()).unwrap();
                    carried_out(job, rows, &map, &|round| path.seed(source(round)))
                }
                _ => {
                    let adversary = Adversary { case: self.case, first: job.first, mode };
                    carried_out(job, rows, &adversary, &|round| path.seed(source(round)))
                }
            };
            bodies.push(body(&job.plan, &outcome));
            for (step, noisy) in (job.first..).zip(&outcome) {
                mode = (self.case.advance)(mode, step, &noisy.as_f64(&job.plan).unwrap().concat());
            }
        }
        bodies
    }
}

fn carried_out(
    job: &Job,
    rows: &Rows,
    guest: &impl Guest,
    seed: &(dyn Fn(u32) -> unseen_core::RoundSeed + Sync),
) -> Vec<NoisyTotals> {
    let plan = &job.plan;
    let rounds = Rounds { plan, guest, seed, expected: rows.expected(plan) };
    let grains = Grains { plan, guest, rows, block_key: deal(), threads: 2, watch: &Nobody };
    run(rounds, &grains).unwrap().rounds
}

/// A unit's name, that deals it into the block of this number.
fn name(prefix: &str, at: usize, blocks: Option<u32>) -> String {
    let dealt = |name: &String| blocks.is_none_or(|count| deal().block_of(name.as_bytes(), count) as usize == at);
    (0..).map(|n| format!("{prefix}{at}-{n}")).find(dealt).unwrap()
}

struct Nobody;

impl Watch for Nobody {
    fn progress(&self, _: u32, _: u32) {}
    fn failed(&self, failure: &Failure) {
        panic!("{failure}");
    }
}

/// The guest of a case. The state has the step and the mode in it.
struct Adversary<'c> {
    case: &'c Case,
    first: usize,
    mode: usize,
}

impl Adversary<'_> {
    fn at(&self, state: &[f64]) -> (usize, usize) {
        match state {
            [step, mode] => (*step as usize, *mode as usize),
            _ => (self.first, self.mode),
        }
    }
}

impl Guest for Adversary<'_> {
    fn contribute(&self, grain: &[Table<'_>], state: &[f64]) -> Result<Vec<Contribution>, Failure> {
        let Cells::Floats(numbers) = grain[0].columns[0].cells else { panic!("a column of numbers") };
        // A block that no unit is in.
        let Some(first) = numbers.first() else { return Ok(Vec::new()) };
        let (with, (step, mode)) = (numbers.iter().any(|number| *number < 0.0), self.at(state));
        let number = if *first < 0.0 { -1.0 - first } else { *first };
        let items = (self.case.answers)(Ask { with, step, mode }).swap_remove(number as usize);
        let said = items.into_iter().map(|item| Contribution {
            output: item.output,
            group: item.group.map(Key::Int).into_iter().collect(),
            values: item.values,
        });
        Ok(said.collect())
    }

    fn advance(&self, _: u32, state: &[f64], noisy: &[Totals<'_>]) -> Option<Result<Verdict, Failure>> {
        let (step, mode) = self.at(state);
        let mut released = Vec::new();
        for output in noisy {
            for group in 0..output.values[0].totals.len() {
                released.extend(output.values.iter().map(|value| value.totals[group]));
            }
        }
        let next = (self.case.advance)(mode, step, &released);
        Some(Ok(Verdict::Next(vec![step as f64 + 1.0, next as f64])))
    }
}
