//! The measurements. Each is a process of its own; ratios are of figures of one call.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Serialize;
use serde_json::json;

use unseen_terminal::Outcome;
use unseen_terminal::output::{Output, progress};
use unseen_terminal::table::Column::{Left, Right};
use unseen_terminal::table::table;
use unseen_texts::{Lang, Sentence, text};

use crate::cost::{Cost, Fallible, Found, Place};
use crate::languages::LANGUAGES;
use crate::ratios::{HELP, Ratio, TINY, ratios};
use crate::{Args, cluster, inside, service, tiny};

/// Runs all measurements, or one inside a process of its own.
pub fn run(args: &Args, lang: Lang) -> Outcome {
    let dir = args.dir.clone().unwrap_or_else(|| std::env::temp_dir().join("unseen-bench"));
    let place = Place { dir: dir.join(format!("{}x{}", args.rows, args.rows_per_unit)) };
    if let Some(name) = &args.inside {
        let cost = inside::run(name, &place, args).map_err(|error| Sentence::from(error.to_string()))?;
        return Ok(Output::new(&Measured(json!(cost)), serde_json::to_string(&cost)?));
    }
    std::fs::create_dir_all(&place.dir)?;
    if args.service {
        let figures = service::run(&place, args).map_err(|error| Sentence::from(error.to_string()))?;
        return Ok(Output::new(&Measured(json!(figures)), serde_json::to_string_pretty(&figures)?));
    }
    if args.cluster {
        let figures = cluster::run(&place, args).map_err(|error| Sentence::from(error.to_string()))?;
        return Ok(Output::new(&Measured(json!(figures)), serde_json::to_string_pretty(&figures)?));
    }
    let bench = Bench { place, lang, args };
    for (name, inside) in PREPARED {
        bench.ours(inside).map_err(|error| Sentence::from(format!("{name}: {error}")))?;
    }
    let python = bench.python();
    let python = python.and_then(|python| bench.theirs(&python, "make-csv", 2).map(|_| python));
    if let Err(error) = &python {
        eprintln!("SKIPPED: the yardsticks in Python: {error}");
    }
    let mut found = Vec::new();
    // One of each, and again: what a machine does meanwhile falls on all alike.
    for time in 0..args.times.max(1) {
        for (name, how) in measurements().into_iter().filter(|(name, _)| bench.wanted(name)) {
            let outcome = match &how {
                How::Ours(inside) => bench.ours(inside),
                How::Theirs(inside, threads) => match &python {
                    Ok(python) => bench.theirs(python, inside, *threads),
                    Err(_) => continue,
                },
                How::Once(run) => run(&bench.place.dir),
            };
            match outcome {
                Ok(cost) => keep(&mut found, how.id(&name), name, cost),
                Err(error) if time == 0 => eprintln!("SKIPPED: {name}: {error}"),
                Err(_) => {}
            }
        }
    }
    Ok(bench.answer(&found))
}

/// What is made before anything is measured.
const PREPARED: [(&str, &str); 3] =
    [("make the table", "generate"), ("import it", "snapshot"), ("build the guests", "guests")];

/// How something is measured.
enum How {
    /// In a process of its own, started from this binary.
    Ours(String),
    /// By Python, in so many threads.
    Theirs(&'static str, u32),
    /// By this process.
    Once(fn(&Path) -> Fallible<Cost>),
}

impl How {
    fn id(&self, name: &str) -> String {
        match self {
            How::Ours(inside) => inside.clone(),
            How::Theirs(inside, threads) => format!("{inside}-{threads}"),
            How::Once(_) => name.to_owned(),
        }
    }
}

/// All of them, in their order.
fn measurements() -> Vec<(String, How)> {
    let ours = [
        ("import: check, sort, encrypt, describe", "import"),
        ("import of the same as CSV", "import-csv"),
        ("decode only, 1 thread", "decode-1"),
        ("co-group scan, 1 thread", "scan-1"),
        ("rolling: native closure, 1 thread", "rolling-native-1"),
        ("rolling: Unseen, 1 thread", "rolling-1"),
        ("rolling: Unseen, 2 threads", "rolling-2"),
        ("means: Unseen, ready-made map, 1 thread", "means-ready-1"),
        ("means: Unseen, ready-made map, 2 threads", "means-ready-2"),
        ("means: Unseen, the same as a component, 2 threads", "means-2"),
        ("100 blocks, mean and median: native, 2 threads", "medians-native-2"),
        ("100 blocks, mean and median: Unseen, 2 threads", "medians-2"),
        ("a million Laplace draws", "laplace"),
        ("a million Gaussian draws", "gaussian"),
    ];
    let theirs = [
        ("rolling: DuckDB, no privacy", "duckdb-rolling", 1),
        ("rolling: DuckDB, no privacy", "duckdb-rolling", 2),
        ("rolling: Polars, no privacy", "polars-rolling", 2),
        ("means: DuckDB, no privacy, no units", "duckdb-means", 2),
        ("means: DuckDB, bounded per unit, no noise", "duckdb-bounded", 1),
        ("means: DuckDB, bounded per unit, no noise", "duckdb-bounded", 2),
        ("means: Polars, no privacy", "polars-means", 2),
        ("means: PyDP over Polars", "pydp-means", 2),
        ("means: OpenDP over Polars", "opendp-means", 2),
        ("DuckDB, COPY of the Parquet to Parquet", "duckdb-copy", 2),
        ("DuckDB, the same sorted by unit", "duckdb-copy-sorted", 2),
        ("DuckDB, COPY of the CSV to Parquet", "duckdb-copy-csv", 2),
    ];
    let languages = LANGUAGES.into_iter().flat_map(|(name, language, units)| {
        [
            ("a guest compiled".to_owned(), "compiled"),
            (format!("{units} units, put back"), "back"),
            (format!("{units} units, new instances"), "new"),
        ]
        .map(|(what, how)| (format!("{name}: {what}"), How::Ours(format!("language-{language}-{how}"))))
    });
    let ours = ours.into_iter().map(|(name, inside)| (name.to_owned(), How::Ours(inside.to_owned())));
    let threads = |name: &str, threads: u32| format!("{name}, {threads} thread{}", if threads == 1 { "" } else { "s" });
    let theirs = theirs.into_iter().map(|(name, inside, count)| (threads(name, count), How::Theirs(inside, count)));
    let once: [(_, fn(&Path) -> _); 2] = [(TINY, tiny::run), (HELP, tiny::help)];
    let once = once.into_iter().map(|(name, run)| (name.to_owned(), How::Once(run)));
    ours.chain(theirs).chain(languages).chain(once).collect()
}

fn keep(found: &mut Vec<Found>, id: String, name: String, cost: Cost) {
    match found.iter_mut().find(|found| found.name == name) {
        Some(found) => found.costs.push(cost),
        None => found.push(Found { name, id, costs: vec![cost] }),
    }
}

struct Bench<'a> {
    place: Place,
    lang: Lang,
    args: &'a Args,
}

impl Bench<'_> {
    fn ours(&self, inside: &str) -> Fallible<Cost> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--json", "--inside", inside]);
        command.args(["--rows", &self.args.rows.to_string(), "--rows-per-unit", &self.args.rows_per_unit.to_string()]);
        if let Some(dir) = self.place.dir.parent() {
            command.arg("--dir").arg(dir);
        }
        measured(command)
    }

    fn theirs(&self, python: &Path, inside: &str, threads: u32) -> Fallible<Cost> {
        let mut command = Command::new(python);
        command.arg(self.place.dir.join("yardsticks.py")).arg(inside).arg(&self.place.dir).arg(threads.to_string());
        measured(command)
    }

    fn wanted(&self, name: &str) -> bool {
        self.args.only.as_ref().is_none_or(|only| name.contains(only.as_str()))
    }

    /// A Python with the yardsticks installed, in an environment of its own.
    fn python(&self) -> Fallible<PathBuf> {
        let venv = self.place.dir.parent().unwrap_or(&self.place.dir).join("venv");
        let python = venv.join("bin/python");
        let quiet = |command: &mut Command| -> Fallible<()> {
            let output = command.stdin(Stdio::null()).output()?;
            if output.status.success() {
                Ok(())
            } else {
                Err(String::from_utf8_lossy(&output.stderr).trim().to_owned().into())
            }
        };
        if !python.exists() {
            let bar = progress(text!("Installing the yardsticks", "正在安装对照工具").to(self.lang), None);
            quiet(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
            quiet(Command::new(&python).args(["-m", "pip", "install", "--quiet", "duckdb", "polars", "numpy"]))?;
            // Each of these may be missing for this Python; its measurement then says so.
            for package in ["python-dp", "opendp"] {
                let _ = quiet(Command::new(&python).args(["-m", "pip", "install", "--quiet", package]));
            }
            bar.finish_and_clear();
        }
        std::fs::write(self.place.dir.join("yardsticks.py"), include_str!("yardsticks.py"))?;
        Ok(python)
    }

    fn answer(&self, found: &[Found]) -> Output {
        let ratios = ratios(found, self.args.rows as f64 / self.args.rows_per_unit.max(1) as f64);
        let figures = |[median, low, high]: [f64; 3]| match self.args.times {
            0 | 1 => format!("{median:.2}"),
            _ => format!("{median:.2} ({low:.2} to {high:.2})"),
        };
        let rows = found.iter().map(|found| {
            let peak = format!("{:.0}", found.spread(|cost| cost.peak)[0]);
            vec![
                found.name.clone(),
                figures(found.spread(|cost| cost.wall)),
                figures(found.spread(|cost| cost.cpu)),
                peak,
            ]
        });
        let costs = table(
            self.lang,
            &[
                Left(text!("measurement", "测量项")),
                Right(text!("wall s", "墙钟时间（秒）")),
                Right(text!("CPU s", "CPU 时间（秒）")),
                Right(text!("peak MB", "内存峰值 MB")),
            ],
            rows,
        );
        let targets = table(
            self.lang,
            &[Left(text!("ratio", "比值")), Right(text!("measured", "实测")), Left(text!("target", "目标"))],
            ratios.iter().map(|Ratio { what, measured, target }| {
                vec![what.clone(), format!("{measured:.2}"), (*target).to_owned()]
            }),
        );
        let costs_of = |found: &Found| json!({ "name": found.name, "costs": found.costs });
        let json = json!({
            "rows": self.args.rows,
            "costs": found.iter().map(costs_of).collect::<Vec<_>>(),
            "ratios": ratios,
        });
        Output::new(&Measured(json), format!("{costs}\n\n{targets}"))
    }
}

/// Runs a measurement that prints its cost as JSON.
fn measured(mut command: Command) -> Fallible<Cost> {
    let output = command.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(text.trim().lines().last().unwrap_or("it failed").to_owned().into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Figures, for programs; developers' programs, so their names are no promise.
#[derive(Serialize)]
#[serde(transparent)]
struct Measured(serde_json::Value);

impl unseen_ids::Answer for Measured {
    const NAME: &str = "bench/v0";
}
