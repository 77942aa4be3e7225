//! What one measurement costs, and where it keeps its files.

use std::path::PathBuf;
use std::time::Instant;

use serde::{Deserialize, Serialize};

pub type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// What one measurement costs.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Cost {
    /// Seconds.
    pub wall: f64,
    /// Seconds of all threads.
    pub cpu: f64,
    /// Peak resident memory, MB.
    pub peak: f64,
}

/// One measurement, as often as it was made.
pub struct Found {
    pub name: String,
    /// What ratios call it.
    pub id: String,
    pub costs: Vec<Cost>,
}

impl Found {
    /// The median, the lowest and the highest of what `of` gives.
    pub fn spread(&self, of: fn(&Cost) -> f64) -> [f64; 3] {
        let mut all: Vec<f64> = self.costs.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        [all[(all.len() - 1) / 2], all[0], all[all.len() - 1]]
    }
}

/// Where a benchmark keeps its files.
pub struct Place {
    pub dir: PathBuf,
}

impl Place {
    pub fn table(&self) -> PathBuf {
        self.dir.join("data.parquet")
    }

    /// The table as CSV, which the yardsticks' DuckDB has made.
    pub fn csv(&self) -> Fallible<PathBuf> {
        let path = self.dir.join("data.csv");
        if path.exists() { Ok(path) } else { Err("there is no CSV: the yardsticks make it".into()) }
    }

    pub fn snapshot(&self) -> PathBuf {
        self.dir.join("snapshot")
    }

    pub fn key(&self) -> PathBuf {
        self.dir.join("data.key")
    }

    pub fn guest(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.wasm"))
    }
}

/// Measures a piece of work in this process.
pub fn measure(work: impl FnOnce() -> Fallible<()>) -> Fallible<Cost> {
    let (start, cpu) = (Instant::now(), cpu_seconds()?);
    work()?;
    Ok(Cost { wall: start.elapsed().as_secs_f64(), cpu: cpu_seconds()? - cpu, peak: peak_mb()? })
}

/// Hundredths of a second of CPU.
pub struct Ticks {
    /// Of the process itself.
    pub own: f64,
    /// Of its children that have ended and were waited for, and of theirs.
    pub waited: f64,
}

/// What a process has taken so far, from procfs.
pub fn ticks_of(process: &str) -> Fallible<Ticks> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |at: usize| -> Fallible<f64> { Ok(fields.get(at).copied().unwrap_or("0").parse()?) };
    Ok(Ticks { own: ticks(11)? + ticks(12)?, waited: ticks(13)? + ticks(14)? })
}

/// CPU seconds of this process so far.
fn cpu_seconds() -> Fallible<f64> {
    Ok(ticks_of("self")?.own / 100.0)
}

fn peak_mb() -> Fallible<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
    Ok(line.trim().trim_end_matches("kB").trim().parse::<f64>()? / 1024.0)
}
