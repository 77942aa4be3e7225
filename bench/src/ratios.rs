//! What the measurements say of each other: each is of medians of one call.

use serde::Serialize;

use crate::cost::{Cost, Found};
use crate::languages::LANGUAGES;

pub const TINY: &str = "a tiny job, from `job run` to its release";
pub const HELP: &str = "unseen --help";

/// One ratio.
#[derive(Serialize)]
pub struct Ratio {
    #[serde(rename = "ratio")]
    pub what: String,
    pub measured: f64,
    /// What is aimed at.
    pub target: &'static str,
}

/// All that can be said of what was found, of so many units.
pub fn ratios(found: &[Found], units: f64) -> Vec<Ratio> {
    let median =
        |id: &str, of: fn(&Cost) -> f64| found.iter().find(|found| found.id == id).map(|found| found.spread(of)[0]);
    let cpu = |id: &str| median(id, |cost| cost.cpu);
    let wall = |id: &str| median(id, |cost| cost.wall);
    let mut ratios = Vec::new();
    let mut ratio = |what: &str, above: Option<f64>, below: Option<f64>, target| {
        if let (Some(above), Some(below)) = (above, below) {
            ratios.push(Ratio { what: what.to_owned(), measured: above / below, target });
        }
    };
    ratio("import / DuckDB's COPY sorted by unit, wall", wall("import"), wall("duckdb-copy-sorted-2"), "");
    ratio("import of CSV / DuckDB's COPY of it, wall", wall("import-csv"), wall("duckdb-copy-csv-2"), "");
    ratio("scan / decode, CPU", cpu("scan-1"), cpu("decode-1"), "at most 3");
    ratio("rolling / DuckDB, 1 thread each, CPU", cpu("rolling-1"), cpu("duckdb-rolling-1"), "at most 0.8");
    ratio("rolling / DuckDB, 2 threads each, CPU", cpu("rolling-2"), cpu("duckdb-rolling-2"), "at most 1.5");
    ratio("rolling / Polars, 2 threads each, CPU", cpu("rolling-2"), cpu("polars-rolling-2"), "");
    let above = cpu("rolling-1").zip(cpu("rolling-native-1")).map(|(ours, native)| (ours - native) * 1e6);
    ratio("rolling above native, µs of CPU a unit", above, Some(units), "at most 1.2");
    ratio("2 threads / 1 thread, wall", wall("rolling-2"), wall("rolling-1"), "at most 0.6");
    for (threads, each) in [("1", "1 thread"), ("2", "2 threads")] {
        let [ours, theirs] = ["means-ready", "duckdb-bounded"].map(|of| wall(&format!("{of}-{threads}")));
        let what = format!("ready-made means / DuckDB bounded per unit, {each} each, wall");
        ratio(&what, ours, theirs, "at most 1, aim 0.25");
    }
    ratio("ready-made means / DuckDB without units, wall", wall("means-ready-2"), wall("duckdb-means-2"), "at most 1");
    ratio("PyDP / ready-made means, wall", wall("pydp-means-2"), wall("means-ready-2"), "at least 2");
    ratio("OpenDP / ready-made means, wall", wall("opendp-means-2"), wall("means-ready-2"), "at least 7");
    ratio("blocks / native, wall", wall("medians-2"), wall("medians-native-2"), "at most 2");
    ratio("peak memory of rolling, MB", median("rolling-2", |cost| cost.peak), Some(1.0), "under 500");
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
    ratio("a tiny job, ms", wall(TINY).map(|s| s * 1e3), Some(1.0), "under 300");
    ratio("unseen --help, ms", wall(HELP).map(|s| s * 1e3), Some(1.0), "under 20");
    ratio("a Laplace draw, µs", cpu("laplace"), Some(1.0), "under 1");
    ratio("a Gaussian draw, µs", cpu("gaussian"), Some(1.0), "under 2");
    ratios
}
