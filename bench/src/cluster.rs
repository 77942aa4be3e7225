//! What a run and an import cost that are spread over one node by the courier without an engine, beside the same on this
//! machine alone: the price of sealing, carrying, opening and adding up.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::cost::{Fallible, Place, ticks_of};
use crate::tiny::unseen;
use crate::{Args, inside, lab};

/// Runs of each kind, in turns; the medians count.
const TIMES: usize = 3;

/// What was found.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// Rows of the table.
    pub rows: u64,
    /// Runs on this machine alone.
    pub alone: Vec<Ran>,
    /// Runs over one node.
    pub spread: Vec<Ran>,
    /// CPU of the median run over a node, by that of the median run alone.
    pub ratio: f64,
    /// Imports of the table on this machine alone.
    pub imported_alone: Vec<Ran>,
    /// Imports over one node, in slices of 64 MiB.
    pub imported_spread: Vec<Ran>,
    /// CPU of the median import over a node, by that of the median import alone.
    pub import_ratio: f64,
}

/// One run.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Ran {
    /// Seconds.
    pub wall: f64,
    /// Seconds of all processes: lab, worker, courier and node.
    pub cpu: f64,
}

/// Measures. Needs `unseen` beside this program, and is run in the folder of the project, where the courier is.
pub fn run(place: &Place, args: &Args) -> Fallible<Figures> {
    inside::run("generate", place, args)?;
    inside::run("guests", place, args)?;
    let courier = fs::canonicalize("sandbox/couriers/local_courier.py")?;
    let folder = tempfile::tempdir_in(&place.dir)?;
    let dir = folder.path();
    let lab = lab::make(dir, unseen()?, &place.table(), args.rows)?;
    let component = fs::read(place.guest("rolling"))?;
    let about = lab.folder.join("lab.toml");
    let bare = fs::read_to_string(&about)?;
    let (node, socket) = Node::start(dir, &lab.folder)?;
    let cluster = format!(
        "{bare}\n[cluster]\ncourier = [\"python3\", {courier:?}, {socket:?}]\nstore = {:?}\ntick_seconds = 0\n",
        dir.join("store")
    );
    let timed = |args: &[&str]| -> Fallible<Ran> {
        let (begun, before) = (Instant::now(), ticks_of("self")?.waited + node.ticks()?);
        ok(Command::new(unseen()?).args(["--lab", "lab"]).args(args).current_dir(dir))?;
        let cpu = (ticks_of("self")?.waited + node.ticks()? - before) / 100.0;
        Ok(Ran { wall: begun.elapsed().as_secs_f64(), cpu })
    };
    let ran = || -> Fallible<Ran> {
        let job = lab.submit(&component)?;
        lab.approve(job)?;
        timed(&["job", "run", &job.to_string(), "--threads", "1", "--key", "owner"])
    };
    let table = place.table().display().to_string();
    let imported = || timed(&["dataset", "import", &table, "--description", "bench.toml", "--key", "other"]);
    let [mut alone, mut spread, mut imported_alone, mut imported_spread]: [Vec<Ran>; 4] = Default::default();
    for _ in 0..TIMES {
        fs::write(&about, &bare)?;
        alone.push(ran()?);
        imported_alone.push(imported()?);
        fs::write(&about, &cluster)?;
        spread.push(ran()?);
        imported_spread.push(imported()?);
    }
    let ratio = median(&spread) / median(&alone);
    let import_ratio = median(&imported_spread) / median(&imported_alone);
    Ok(Figures { rows: args.rows, alone, spread, ratio, imported_alone, imported_spread, import_ratio })
}

fn median(runs: &[Ran]) -> f64 {
    let mut cpu: Vec<f64> = runs.iter().map(|ran| ran.cpu).collect();
    cpu.sort_by(f64::total_cmp);
    cpu.get(cpu.len() / 2).copied().unwrap_or_default()
}

/// A node's agent.
struct Node(Child);

impl Node {
    fn start(dir: &Path, lab: &Path) -> Fallible<(Node, std::path::PathBuf)> {
        let unseen = || -> Fallible<Command> {
            let mut command = Command::new(unseen()?);
            command.current_dir(dir);
            Ok(command)
        };
        let shown = ok(unseen()?.arg("--lab").arg(lab).args(["--json", "lab", "show"]))?;
        fs::write(dir.join("lab.json"), shown)?;
        ok(unseen()?.args(["--lab", "lab.json", "node", "init", "node"]))?;
        ok(unseen()?.arg("--lab").arg(lab).args(["node", "enroll", "node/node.node", "--key", "owner"]))?;
        let socket = dir.join("node.sock");
        let mut serve = unseen()?;
        serve.args(["node", "serve", "node", "--store", "store", "--socket"]).arg(&socket);
        let node = Node(serve.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
        let begun = Instant::now();
        while !socket.exists() {
            if begun.elapsed() > Duration::from_secs(30) {
                return Err("the node does not serve".into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok((node, socket))
    }

    /// Of the agent and of its workers that are over.
    fn ticks(&self) -> Fallible<f64> {
        let ticks = ticks_of(&self.0.id().to_string())?;
        Ok(ticks.own + ticks.waited)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ok(command: &mut Command) -> Fallible<Vec<u8>> {
    let output = command.stdin(Stdio::null()).output()?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned().into()),
    }
}
