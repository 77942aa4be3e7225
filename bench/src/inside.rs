//! One measurement, inside a process of its own.

use std::hint::black_box;
use std::path::Path;

use chrono::Utc;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::Distribution;
use unseen_core::noise::{DiscreteGaussian, DiscreteLaplace};
use unseen_core::seed::{NoiseKey, RunIdentity};
use unseen_data::import::{ImportOptions, import};
use unseen_data::scan::decode_only;
use unseen_data::snapshot_dir::SnapshotDir;
use unseen_data::{BlockKey, Description, LabDataKey};
use unseen_policies::rational::Rational;
use unseen_policies::{Manifest, Plan};
use unseen_runtime::{Cells, Contribution, Engine, Failure, Key, Limits, Module, Table, Totals};
use unseen_toolchain::{Language, Template};
use unseen_worker::code::{Code, Use};
use unseen_worker::guest::{Guest, Verdict};
use unseen_worker::ready_made;
use unseen_worker::rows::{ReferenceTables, Rows};
use unseen_worker::run::{Grains, Rounds, Watch, run as run_rounds};

use crate::cost::{Cost, Fallible, Place, measure};
use crate::{Args, languages};

pub fn run(name: &str, place: &Place, args: &Args) -> Fallible<Cost> {
    match *name.split('-').collect::<Vec<_>>() {
        ["language", language, "compiled"] => return languages::prepare(place, language),
        ["language", language, how] => return languages::run(place, language, how == "new"),
        _ => {}
    }
    let (what, threads) = match name.rsplit_once('-').map(|(what, threads)| (what, threads.parse())) {
        Some((what, Ok(threads))) => (what, threads),
        _ => (name, 1),
    };
    match what {
        "generate" => generate(place, args),
        "snapshot" => snapshot(place, args.rows),
        "import" => import_table(place, &place.table(), args.rows),
        "import-csv" => import_table(place, &place.csv()?, args.rows),
        "guests" => guests(place),
        "decode" => {
            let rows = rows(place, ROLLING)?;
            measure(|| {
                for bucket in 0..rows.buckets() {
                    black_box(decode_only(&rows.inputs()[0], bucket)?);
                }
                Ok(())
            })
        }
        "scan" => {
            let rows = rows(place, ROLLING)?;
            measure(|| {
                for bucket in 0..rows.buckets() {
                    let mut grains = rows.open(bucket, unseen_data::GrainLimits::NONE)?;
                    while let Some(grain) = grains.next()? {
                        black_box(grain.table(0).rows());
                    }
                }
                Ok(())
            })
        }
        "rolling" => product(place, "rolling", ROLLING, threads),
        "rolling-native" => rounds(place, ROLLING, &Native(rolling), threads),
        "means" => product(place, "means", MEANS, threads),
        "means-ready" => {
            let code = Code::compile(ready_made::SUM, &manifest(MEANS)?, &plan(MEANS)?, Use::Runs(1))?;
            rounds(place, MEANS, &code, threads)
        }
        "medians" => product(place, "medians", MEDIANS, threads),
        "medians-native" => rounds(place, MEDIANS, &Native(medians), threads),
        "laplace" => draws(&DiscreteLaplace::new(&Rational::from_integer(1000.into()))?),
        "gaussian" => draws(&DiscreteGaussian::new(&Rational::from_integer(1_000_000.into()))?),
        _ => Err(format!("there is no measurement `{name}`").into()),
    }
}

/// What a steward would declare of a table of so many rows: bounds of twice as many. Much wider ones would let a block
/// job go over the rows once for each few blocks.
pub fn description(rows: u64) -> String {
    DESCRIPTION.replace("ROWS", &(2 * rows).to_string())
}

const DESCRIPTION: &str = r#"
name = "bench"
kind = "private"
provider = "generated"
classification = "public"
update_cycle = "once"
sharing = "unconditional"

[unit]
column = "unit"
domain = "enterprise"

[bounds]
units = ROWS
rows = ROWS
text = 64

[[column]]
name = "unit"
type = "int"
[[column]]
name = "month"
type = "int"
[[column]]
name = "district"
type = "text"
[[column]]
name = "output"
type = "float"
[[column]]
name = "energy"
type = "float"
"#;

pub const ROLLING: &str = r#"
[job]
title = "rolling"
purpose = "speed"
release = "now"
[[input]]
dataset = "bench"
columns = ["month", "district", "output", "energy"]
[grain]
kind = "unit"
[[output]]
name = "best"
groups = [{ name = "bin", range = [0, 19] }]
values = [{ name = "units", lower = 0, upper = 1, granularity = 1 }]
[privacy]
mechanism = "laplace"
epsilon = 1
"#;

const MEANS: &str = r#"
[job]
title = "means"
purpose = "speed"
release = "now"
[[input]]
dataset = "bench"
columns = ["district", "output"]
[grain]
kind = "unit"
[[output]]
name = "means"
groups = [{ name = "district", keys = DISTRICTS }]
values = [{ name = "output", lower = 0, upper = 20000, granularity = 0.01 }, { name = "rows", lower = 0, upper = 12, granularity = 1 }]
[privacy]
mechanism = "laplace"
epsilon = 1
"#;

const MEDIANS: &str = r#"
[job]
title = "medians"
purpose = "speed"
release = "now"
[[input]]
dataset = "bench"
columns = ["output"]
[grain]
kind = "blocks"
count = 100
[[output]]
name = "output"
groups = [{ name = "all", range = [0, 0] }]
values = [{ name = "mean", lower = 0, upper = 1000, granularity = 0.01 }, { name = "median", lower = 0, upper = 1000, granularity = 0.01 }]
[privacy]
mechanism = "laplace"
epsilon = 1
"#;

/// With the made-up district's towns as keys.
fn filled(text: &str) -> String {
    let towns: Vec<String> = unseen_demo::district::TOWNS.iter().map(|town| format!("{:?}", town.0)).collect();
    text.replace("DISTRICTS", &format!("[{}]", towns.join(", ")))
}

fn manifest(text: &str) -> Fallible<Manifest> {
    Ok(Manifest::parse(&filled(text))?)
}

fn generate(place: &Place, args: &Args) -> Fallible<Cost> {
    measure(|| {
        if !place.table().exists() {
            let part = place.table().with_extension("part");
            unseen_demo::bench::Bench { seed: 1, rows: args.rows, rows_per_unit: args.rows_per_unit }.write(&part)?;
            std::fs::rename(part, place.table())?;
        }
        Ok(())
    })
}

/// The snapshot that is read, unless it is there.
fn snapshot(place: &Place, rows: u64) -> Fallible<Cost> {
    measure(|| {
        if !place.snapshot().exists() {
            let key = LabDataKey::generate()?;
            std::fs::write(place.key(), key.expose_bytes())?;
            import_to(&place.snapshot(), &place.table(), &key, rows)?;
        }
        Ok(())
    })
}

/// An import for nothing but its price.
fn import_table(place: &Place, table: &Path, rows: u64) -> Fallible<Cost> {
    let folder = tempfile::tempdir_in(&place.dir)?;
    let key = LabDataKey::generate()?;
    measure(|| import_to(&folder.path().join("snapshot"), table, &key, rows))
}

fn import_to(to: &Path, table: &Path, key: &LabDataKey, rows: u64) -> Fallible<()> {
    let text = description(rows);
    let options = ImportOptions::new(Utc::now());
    import(table, &Description::parse(&text)?, &text, to, key, &options, &mut |_| ())?;
    Ok(())
}

/// Builds each guest from its source, as an analyst would.
fn guests(place: &Place) -> Fallible<Cost> {
    let sources = [
        ("rolling", ROLLING, include_str!("rolling.rs")),
        ("means", MEANS, include_str!("means.rs")),
        ("medians", MEDIANS, include_str!("medians.rs")),
    ];
    measure(|| {
        for (name, manifest, source) in sources {
            let project = tempfile::tempdir()?;
            let dir = project.path().join(name);
            unseen_toolchain::new_project(&dir, name, Language::Rust, Template::Histogram, None)?;
            std::fs::write(dir.join("src/lib.rs"), source)?;
            std::fs::write(dir.join("job.toml"), filled(manifest))?;
            std::fs::write(place.guest(name), unseen_toolchain::build(&dir)?.bytes)?;
        }
        Ok(())
    })
}

fn rows(place: &Place, text: &str) -> Fallible<Rows> {
    let key = LabDataKey::from_bytes(&std::fs::read(place.key())?)?;
    let snapshot = SnapshotDir::open(&place.snapshot(), None)?;
    let key = snapshot.data_key(&key)?;
    Ok(Rows::new(&manifest(text)?, vec![snapshot.into_snapshot(&key)?], &ReferenceTables::default())?)
}

fn product(place: &Place, name: &str, text: &str, threads: usize) -> Fallible<Cost> {
    let plan = plan(text)?;
    let engine = Engine::new(&Limits::new(plan.limits.fuel, plan.limits.memory), threads)?;
    let module = Module::compile(&engine, &read(&place.guest(name))?)?;
    rounds(place, text, &module, threads)
}

fn read(path: &Path) -> Fallible<Vec<u8>> {
    Ok(std::fs::read(path)?)
}

fn plan(text: &str) -> Fallible<Plan> {
    Ok(Plan::new(&manifest(text)?, &ReferenceTables::default())?)
}

/// The whole job: noise, scan, guest, clamp, sum.
fn rounds<G: Guest>(place: &Place, text: &str, guest: &G, threads: usize) -> Fallible<Cost> {
    let plan = plan(text)?;
    let rows = rows(place, text)?;
    let noise = NoiseKey::new([1; 32]);
    let identity = RunIdentity { origin: "bench", entry: 0, leaf: [0; 32], snapshots: &[] };
    measure(|| {
        let seed = |round| noise.round_seed(&identity, round);
        let all = Rounds { plan: &plan, guest, seed: &seed, expected: rows.expected(&plan) };
        let block_key = BlockKey::new(&[1; 32])?;
        let grains = Grains { plan: &plan, guest, rows: &rows, block_key, threads, watch: &Nobody };
        let outcome = run_rounds(all, &grains)?;
        black_box(outcome.rounds.len());
        Ok(())
    })
}

struct Nobody;

impl Watch for Nobody {
    fn progress(&self, _: u32, _: u32) {}
    fn failed(&self, failure: &Failure) {
        // A measurement of grains that fail measures nothing.
        eprintln!("a grain failed: {failure}");
        std::process::exit(1);
    }
}

/// A closure in place of the guest: the floor.
struct Native(fn(&[Table<'_>]) -> Vec<Contribution>);

impl Guest for Native {
    fn contribute(&self, grain: &[Table<'_>], _: &[f64]) -> Result<Vec<Contribution>, Failure> {
        Ok((self.0)(grain))
    }

    fn advance(&self, _: u32, _: &[f64], _: &[Totals<'_>]) -> Option<Result<Verdict, Failure>> {
        None
    }
}

fn rolling(grain: &[Table<'_>]) -> Vec<Contribution> {
    let [Cells::Ints(months), _, Cells::Floats(output), Cells::Floats(energy)] =
        [0, 1, 2, 3].map(|at| grain[0].columns[at].cells)
    else {
        return Vec::new();
    };
    let mut order: Vec<usize> = (0..months.len()).collect();
    order.sort_unstable_by_key(|&row| months[row]);
    let ratios: Vec<f64> = order.iter().map(|&row| output[row] / energy[row].max(1e-9)).collect();
    let best = ratios.windows(3).map(|three| (three[0] + three[1] + three[2]) / 3.0).fold(0.0, f64::max);
    vec![Contribution { output: 0, group: vec![Key::Int(best.min(19.0) as i64)], values: vec![1.0] }]
}

fn medians(grain: &[Table<'_>]) -> Vec<Contribution> {
    let Cells::Floats(output) = grain[0].columns[0].cells else { return Vec::new() };
    let mut cells = output.to_vec();
    let mean = cells.iter().sum::<f64>() / cells.len() as f64;
    let middle = cells.len() / 2;
    let (_, median, _) = cells.select_nth_unstable_by(middle, f64::total_cmp);
    vec![Contribution { output: 0, group: vec![Key::Int(0)], values: vec![mean, *median] }]
}

fn draws(noise: &impl Distribution<i128>) -> Fallible<Cost> {
    let mut rng = ChaCha20Rng::from_seed([7; 32]);
    measure(|| {
        for _ in 0..1_000_000 {
            black_box(noise.sample(&mut rng));
        }
        Ok(())
    })
}
