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

use crate::cost::{Cost, Fallible, Place};
use crate::languages::LANGUAGES;
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
    let mut bench = Bench { place, lang, args, found: Vec::new() };
    bench.ours("make the table", "generate");
    bench.ours("import: sort, encrypt, describe", "import");
    bench.ours("build the guests", "guests");
    for (name, inside) in [
        ("decode only, 1 thread", "decode-1"),
        ("co-group scan, 1 thread", "scan-1"),
        ("rolling: native closure, 1 thread", "rolling-native-1"),
        ("rolling: Unseen, 1 thread", "rolling-1"),
        ("rolling: Unseen, 2 threads", "rolling-2"),
        ("means: Unseen, ready-made map, 2 threads", "means-ready-2"),
        ("means: Unseen, the same as a component, 2 threads", "means-2"),
        ("100 blocks, mean and median: native, 2 threads", "medians-native-2"),
        ("100 blocks, mean and median: Unseen, 2 threads", "medians-2"),
    ] {
        bench.ours(name, inside);
    }
    match bench.python() {
        Ok(python) => {
            for (name, inside) in [
                ("rolling: DuckDB, no privacy", "duckdb-rolling"),
                ("rolling: Polars, no privacy", "polars-rolling"),
                ("means: DuckDB, no privacy, no units", "duckdb-means"),
                ("means: DuckDB, bounded per unit, no noise", "duckdb-bounded"),
                ("means: Polars, no privacy", "polars-means"),
                ("means: PyDP over Polars", "pydp-means"),
                ("means: OpenDP over Polars", "opendp-means"),
            ] {
                bench.theirs(&python, name, inside);
            }
        }
        Err(error) => eprintln!("SKIPPED: the yardsticks in Python: {error}"),
    }
    for (name, language, units) in LANGUAGES {
        bench.ours(&format!("{name}: a guest compiled"), &format!("language-{language}-compiled"));
        bench.ours(&format!("{name}: {units} units, put back"), &format!("language-{language}-back"));
        bench.ours(&format!("{name}: {units} units, new instances"), &format!("language-{language}-new"));
    }
    bench.once("a tiny job, from `job run` to its release", tiny::run);
    bench.once("unseen --help", tiny::help);
    bench.ours("a million Laplace draws", "laplace");
    bench.ours("a million Gaussian draws", "gaussian");
    Ok(bench.answer())
}

struct Bench<'a> {
    place: Place,
    lang: Lang,
    args: &'a Args,
    found: Vec<(String, String, Cost)>,
}

impl Bench<'_> {
    /// Measures in a process of its own, started from this binary.
    fn ours(&mut self, name: &str, inside: &str) {
        let program = std::env::current_exe();
        let run = || -> Fallible<Cost> {
            let mut command = Command::new(program?);
            command.args(["--json", "--inside", inside]);
            command.args([
                "--rows",
                &self.args.rows.to_string(),
                "--rows-per-unit",
                &self.args.rows_per_unit.to_string(),
            ]);
            if let Some(dir) = self.place.dir.parent() {
                command.arg("--dir").arg(dir);
            }
            measured(command)
        };
        // Preparations are made even when only one measurement is wanted.
        let always = matches!(inside, "generate" | "import" | "guests");
        if always || self.wanted(name) {
            let outcome = run();
            self.keep(name, inside, outcome);
        }
    }

    fn theirs(&mut self, python: &Path, name: &str, inside: &str) {
        if !self.wanted(name) {
            return;
        }
        let mut command = Command::new(python);
        command.arg(self.place.dir.join("yardsticks.py")).arg(inside).arg(self.place.table()).arg("2");
        self.keep(name, inside, measured(command));
    }

    fn once(&mut self, name: &str, run: fn(&Path) -> Fallible<Cost>) {
        if self.wanted(name) {
            let outcome = run(&self.place.dir);
            self.keep(name, name, outcome);
        }
    }

    fn wanted(&self, name: &str) -> bool {
        self.args.only.as_ref().is_none_or(|only| name.contains(only.as_str()))
    }

    fn keep(&mut self, name: &str, id: &str, outcome: Fallible<Cost>) {
        match outcome {
            Ok(cost) => self.found.push((name.to_owned(), id.to_owned(), cost)),
            Err(error) => eprintln!("SKIPPED: {name}: {error}"),
        }
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

    fn answer(self) -> Output {
        let cost = |id: &str| self.found.iter().find(|(_, found, _)| found == id).map(|(_, _, cost)| *cost);
        let units = self.args.rows as f64 / self.args.rows_per_unit.max(1) as f64;
        let mut ratios: Vec<(String, f64, &str)> = Vec::new();
        let mut ratio = |what: &str, above: Option<f64>, below: Option<f64>, target| {
            if let (Some(above), Some(below)) = (above, below) {
                ratios.push((what.to_owned(), above / below, target));
            }
        };
        let cpu = |id: &str| cost(id).map(|cost| cost.cpu);
        let wall = |id| cost(id).map(|cost| cost.wall);
        ratio("scan / decode, CPU", cpu("scan-1"), cpu("decode-1"), "at most 3");
        ratio("rolling / DuckDB, CPU", cpu("rolling-2"), cpu("duckdb-rolling"), "at most 1.5, aim 1");
        ratio("rolling / Polars, CPU", cpu("rolling-2"), cpu("polars-rolling"), "");
        let above = cpu("rolling-1").zip(cpu("rolling-native-1")).map(|(ours, native)| (ours - native) * 1e6);
        ratio("rolling above native, µs of CPU a unit", above, Some(units), "at most 5, aim 2");
        ratio("2 threads / 1 thread, wall", wall("rolling-2"), wall("rolling-1"), "at most 0.6");
        ratio(
            "ready-made means / DuckDB bounded per unit, wall",
            wall("means-ready-2"),
            wall("duckdb-bounded"),
            "at most 1",
        );
        ratio(
            "ready-made means / DuckDB without units, wall",
            wall("means-ready-2"),
            wall("duckdb-means"),
            "at most 1",
        );
        ratio("PyDP / ready-made means, wall", wall("pydp-means"), wall("means-ready-2"), "at least 2");
        ratio("OpenDP / ready-made means, wall", wall("opendp-means"), wall("means-ready-2"), "at least 7");
        ratio("blocks / native, wall", wall("medians-2"), wall("medians-native-2"), "at most 2");
        ratio("peak memory of rolling, MB", cost("rolling-2").map(|cost| cost.peak), Some(1.0), "under 500");
        for (name, language, units) in LANGUAGES {
            let of = |how: &str| cpu(&format!("language-{language}-{how}")).map(|cpu| cpu * 1e6 / f64::from(units));
            let aim = match language {
                "python" => "at most 300",
                "js" => "at most 100",
                _ => "",
            };
            ratio(&format!("{name}, put back, µs of CPU a unit"), of("back"), Some(1.0), aim);
            ratio(&format!("{name}, a new instance, µs of CPU a unit"), of("new"), Some(1.0), "");
            ratio(&format!("{name}: new / put back"), of("new"), of("back"), "");
        }
        ratio(
            "a tiny job, ms",
            wall("a tiny job, from `job run` to its release").map(|s| s * 1e3),
            Some(1.0),
            "under 300",
        );
        ratio("unseen --help, ms", wall("unseen --help").map(|s| s * 1e3), Some(1.0), "under 20");
        ratio("a Laplace draw, µs", cpu("laplace"), Some(1.0), "under 1");
        ratio("a Gaussian draw, µs", cpu("gaussian"), Some(1.0), "under 2");
        let rows = self.found.iter().map(|(name, _, cost)| {
            vec![name.clone(), format!("{:.2}", cost.wall), format!("{:.2}", cost.cpu), format!("{:.0}", cost.peak)]
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
            ratios.iter().map(|(what, value, target)| vec![what.clone(), format!("{value:.2}"), (*target).to_owned()]),
        );
        let json = json!({
            "rows": self.args.rows,
            "costs": self.found.iter().map(|(name, _, cost)| json!({ "name": name, "cost": cost })).collect::<Vec<_>>(),
            "ratios": ratios.iter().map(|(what, value, target)| json!({ "ratio": what, "measured": value, "target": target })).collect::<Vec<_>>(),
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
