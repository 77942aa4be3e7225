//! A lab with a thousand jobs, served: how fast people write to it, how long its list takes, alone and while runs and an
//! import are on, and what connections that rest cost.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;
use unseen_listener::ca::Ca;

use crate::cost::{Fallible, Place};
use crate::serving::{Server, Stream, Times, get, times};
use crate::tiny::unseen;
use crate::writers::{self, Written};
use crate::{Args, inside, lab};

const JOBS: usize = 1_000;
const CONNECTIONS: usize = 10_000;
/// How often the list is asked for when nothing else is on.
const TIMES: usize = 500;

/// What was found. Times in milliseconds.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// Bytes of the answer.
    pub bytes: usize,
    /// Nothing else is on.
    pub alone: Times,
    /// A page for people while nothing else is on: the list of jobs, and what waits.
    pub page: Times,
    /// What waits for an operator for whom all jobs wait.
    pub inbox: Times,
    /// Two runs, one after the other, and an import.
    pub busy: Times,
    /// While the connections are held.
    pub crowded: Times,
    /// Connections that were held.
    pub connections: usize,
    /// Memory for each of them, KiB.
    pub each: usize,
    /// The most memory that the service had, MiB.
    pub peak: usize,
    /// Before all this.
    pub written: Written,
}

/// Measures. Needs `unseen` beside this program.
pub fn run(place: &Place, args: &Args) -> Fallible<Figures> {
    inside::run("generate", place, args)?;
    inside::run("guests", place, args)?;
    let folder = tempfile::tempdir_in(&place.dir)?;
    let dir = folder.path();
    std::fs::write(dir.join("again.toml"), inside::description(args.rows).replace("\"bench\"", "\"again\""))?;
    let lab = lab::make(dir, unseen()?, &place.table(), args.rows)?;
    let component = std::fs::read(place.guest("rolling"))?;
    let jobs = (0..JOBS).map(|_| lab.submit(&component)).collect::<Fallible<Vec<_>>>()?;
    let ca = Ca::new("Unseen bench")?;
    ca.save(dir)?;
    ca.server(&[], 2)?.save(&dir.join("server.pem"), &dir.join("server-key.pem"))?;
    let written = writers::run(dir, &lab, &jobs, &ca)?;

    let server = Server::start(dir)?;
    let owner = Server::client(&ca, "owner")?;
    let mut stream = server.connect(&owner)?;
    let mut bytes = 0;
    let mut list = |stream: &mut Stream| -> Fallible<Duration> {
        let begun = Instant::now();
        bytes = get(stream, "/v1/jobs")?;
        Ok(begun.elapsed())
    };
    list(&mut stream)?;
    let mut alone = Vec::new();
    for _ in 0..TIMES {
        alone.push(list(&mut stream)?);
    }
    let mut pages = |path: &str| -> Fallible<Times> {
        let mut took = Vec::new();
        for _ in 0..TIMES {
            let begun = Instant::now();
            get(&mut stream, path)?;
            took.push(begun.elapsed());
        }
        Ok(times(took))
    };
    let (page, inbox) = (pages("/zh/jobs")?, pages("/zh/")?);
    for job in jobs.into_iter().take(2) {
        lab.approve(job)?;
    }
    let mut import = Command::new(unseen()?);
    import.args(["dataset", "import"]).arg(place.table()).arg("--description").arg(dir.join("again.toml"));
    import.arg("--lab").arg(&lab.folder).arg("--key").arg(dir.join("other"));
    let mut import = import.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let mut busy = Vec::new();
    while import.try_wait()?.is_none() {
        busy.push(list(&mut stream)?);
        std::thread::sleep(Duration::from_millis(5));
    }
    let before = server.memory("VmRSS")?;
    let held = (0..CONNECTIONS).map(|_| server.connect(&owner)).collect::<Fallible<Vec<_>>>()?;
    let each = server.memory("VmRSS")?.saturating_sub(before) / CONNECTIONS;
    let mut crowded = Vec::new();
    for _ in 0..TIMES {
        crowded.push(list(&mut stream)?);
    }
    let connections = held.len();
    let peak = server.memory("VmHWM")? / 1024;
    Ok(Figures {
        bytes,
        alone: times(alone),
        page,
        inbox,
        busy: times(busy),
        crowded: times(crowded),
        connections,
        each,
        peak,
        written,
    })
}
