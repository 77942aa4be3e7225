//! Latencies of the real binary.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::cost::{Cost, Fallible};
use crate::lab;

/// The best of several `unseen --help`.
pub fn help(_: &Path) -> Fallible<Cost> {
    let program = unseen()?;
    best(20, || time(Command::new(&program).arg("--help")))
}

/// A lab with a hundred rows and an approved job; the time of `unseen job run` to the release.
pub fn run(bench: &Path) -> Fallible<Cost> {
    let program = unseen()?;
    let folder = tempfile::tempdir()?;
    let dir = folder.path();
    let lines: Vec<String> = (0..100).map(|i| format!("{i},{},a,{}.5,2.5", i % 10, 10 + i)).collect();
    std::fs::write(dir.join("bench.csv"), format!("unit,month,district,output,energy\n{}\n", lines.join("\n")))?;
    let lab = lab::make(dir, program.clone(), &dir.join("bench.csv"), 100)?;
    let component = std::fs::read(bench.join("rolling.wasm"))?;
    let mut jobs = Vec::new();
    for _ in 0..5 {
        let job = lab.submit(&component)?;
        lab.approve(job)?;
        jobs.push(job.to_string());
    }
    let mut jobs = jobs.into_iter();
    best(5, || {
        let job = jobs.next().unwrap_or_default();
        let mut command = Command::new(&program);
        time(command.args(["job", "run", &job]).arg("--lab").arg(&lab.folder).arg("--key").arg(dir.join("owner")))
    })
}

/// The binary that people type, built beside this one.
pub fn unseen() -> Fallible<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("unseen"))
}

fn best(times: usize, mut once: impl FnMut() -> Fallible<f64>) -> Fallible<Cost> {
    let mut wall = f64::INFINITY;
    for _ in 0..times {
        wall = wall.min(once()?);
    }
    Ok(Cost { wall, cpu: wall, peak: 0.0 })
}

fn time(command: &mut Command) -> Fallible<f64> {
    let start = Instant::now();
    let output = command.stdin(Stdio::null()).output()?;
    let wall = start.elapsed().as_secs_f64();
    if output.status.success() {
        Ok(wall)
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned().into())
    }
}
