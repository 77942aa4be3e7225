//! Whether this machine keeps what the privacy model assumes of it.

use std::path::Path;
use std::process::{Command, Stdio};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unseen_ids::{Answer, PublicKey};
use unseen_lab::{Doing, LabError, View};
use unseen_policies::policy::Machine;
use unseen_runtime::freshness::{Freshness, probe};
use unseen_runtime::fuel_rate;
use unseen_texts::{Sentence, say, text};
use unseen_worker::jail::Walls;
use unseen_worker::process::probe_walls;
use unseen_worker::wall::Wall;
use unseen_worker::{clock, memory};

use crate::desk::Desk;
use crate::error::UseCaseError;
use crate::query::Query;

/// Say which protections hold on the lab's machine. Not while a run goes on.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ShowDoctor {
    /// Whether the engine that runs are spread by, and the store, are to be reached too. That takes as long as they do.
    #[serde(default)]
    pub engine: bool,
}

/// Every protection there is.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Doctor {
    /// In the order in which they are asked after.
    pub protections: Vec<Protection>,
    /// Whether jobs run here.
    pub good: bool,
    /// Whether this was compared with the policy of a new lab, for want of a lab whose policy names its machine.
    pub of_a_new_lab: bool,
}

/// One protection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Protection {
    /// Its name: `seccomp`, `landlock`, `rlimits`, `undumpable`, `capabilities`, `memory`, `freshness`,
    /// `fuel`, `room` or `clock`; and where runs are spread over nodes `nodes`, `store` and `engine`.
    pub name: String,
    /// Whether it holds.
    pub state: Hold,
    /// Why it does not hold in full.
    pub why: Option<Sentence>,
}

/// Whether a protection holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Hold {
    /// In full.
    Holds,
    /// In part.
    Partly,
    /// Not at all.
    Missing,
}

/// The argument that makes the binary look at the machine.
pub const ARGUMENT: &str = "__doctor";
/// The argument after it that has the engine reached.
const ENGINE: &str = "engine";

impl Answer for Doctor {
    const NAME: &str = "doctor/v1";
}

/// Looks at this machine, for a lab's folder where one is named. `program` is the binary that becomes a worker.
pub fn doctor(lab: Option<&Path>, program: &Path) -> Result<Doctor, UseCaseError> {
    look(lab, true, program).map(Doctor::from)
}

impl Query for ShowDoctor {
    type Answer = Doctor;

    fn answer(&self, desk: &impl Desk, _: Option<&PublicKey>) -> Result<Doctor, UseCaseError> {
        // It would slow the run, and tell how much memory and time the run takes.
        let mut at_work = desk.view()?.at_work().into_iter();
        if let Some((_, holder)) = at_work.find(|(doing, _)| *doing == Doing::Run) {
            return Err(LabError::RunGoesOn(Sentence::of(&holder)).into());
        }
        // In a process of its own: whoever has opened a lab keeps memory where it is, and then nothing can be pushed out.
        let mut asked = Command::new(desk.program());
        asked.arg(ARGUMENT).arg(desk.folder()).args(self.engine.then_some(ENGINE));
        asked.stdin(Stdio::null()).stderr(Stdio::null());
        let told = asked.output().map_err(LabError::io(desk.program()))?;
        let failed = || text!("the machine could not be looked at", "无法检查本机");
        let found: Found = serde_json::from_slice(&told.stdout).map_err(|_| LabError::Other(failed().into()))?;
        Ok(found.into())
    }
}

/// Looks at this machine in a process of its own, for the lab in the folder that the next argument names.
pub fn work() -> Result<(), UseCaseError> {
    let lab = std::env::args_os().nth(2).unwrap_or_default();
    let engine = std::env::args_os().nth(3).is_some_and(|argument| argument == ENGINE);
    let program = std::env::current_exe().map_err(LabError::io(ARGUMENT))?;
    let told = serde_json::to_string(&look(Some(Path::new(&lab)), engine, &program)?);
    println!("{}", told.map_err(|error| LabError::Other(Sentence::of(&error)))?);
    Ok(())
}

/// What was found, in both languages.
#[derive(Serialize, Deserialize)]
struct Found {
    walls: Vec<(String, Wall)>,
    good: bool,
    of_a_new_lab: bool,
}

impl From<Found> for Doctor {
    fn from(found: Found) -> Doctor {
        let protections = found.walls.iter().map(|(name, wall)| Protection::new(name, wall)).collect();
        Doctor { protections, good: found.good, of_a_new_lab: found.of_a_new_lab }
    }
}

fn look(lab: Option<&Path>, engine: bool, program: &Path) -> Result<Found, UseCaseError> {
    // Before a lab is opened: that locks memory, and then nothing can be pushed out.
    let fresh = fresh();
    let lab = match lab.map(View::open) {
        None | Some(Err(LabError::NoLab(_))) => None,
        Some(lab) => Some(lab?),
    };
    let policy = lab.as_ref().and_then(|lab| lab.ledger().policy()?.machine.clone());
    let of_a_new_lab = policy.is_none();
    let machine = policy.unwrap_or_else(|| Machine::with_memory(memory::usual()));
    let walls = probe_walls(program)?;
    let must_hold = |name| match name {
        "seccomp" | "freshness" | "fuel" | "room" | "nodes" | "store" | "engine" => true,
        "memory" => !machine.swap,
        _ => false,
    };
    let mut walls = walls.named().map(|(name, wall)| (name.to_owned(), wall.clone())).to_vec();
    let others = [("freshness", fresh), ("fuel", fuel(&machine)), ("room", room(&machine)), ("clock", clock::kept())];
    let cluster = lab.as_ref().map(|lab| lab.cluster_walls(engine)).transpose()?.unwrap_or_default();
    walls.extend(others.into_iter().chain(cluster).map(|(name, wall)| (name.to_owned(), wall)));
    let good = walls.iter().all(|(name, wall)| !matches!(wall, Wall::Missing(_)) || !must_hold(name));
    Ok(Found { walls, good, of_a_new_lab })
}

impl Protection {
    pub(crate) fn new(name: &str, wall: &Wall) -> Protection {
        let (state, why) = match wall {
            Wall::Holds => (Hold::Holds, None),
            Wall::Partly(why) => (Hold::Partly, Some(why.clone())),
            Wall::Missing(why) => (Hold::Missing, Some(why.clone())),
        };
        Protection { name: name.to_owned(), state, why }
    }

    pub(crate) fn of_walls(walls: &Walls) -> Vec<Protection> {
        walls.named().into_iter().map(|(name, wall)| Protection::new(name, wall)).collect()
    }
}

fn fresh() -> Wall {
    match probe() {
        Ok(Freshness::Proved { swapped_out: false }) if memory::swaps() => Wall::Partly(
            text!(
                "tried, but this machine put none of the pages into its swap",
                "已经试过，但本机没有把任何内存页写入交换区"
            )
            .into(),
        ),
        Ok(Freshness::Proved { .. }) => Wall::Holds,
        Ok(Freshness::Broken { place }) => Wall::Missing(say!(
            "a grain would see another in {place}: run no job here",
            "数据粒之间会在{place}里看到对方的数据：请勿在本机运行作业"
        )),
        Err(error) => Wall::Missing(Sentence::of(&error)),
    }
}

fn fuel(machine: &Machine) -> Wall {
    let says = machine.fuel_per_second;
    match fuel_rate::measure() {
        Ok(measured) if measured >= says => Wall::Holds,
        Ok(measured) => Wall::Missing(say!(
            "{measured} were measured where the policy says {says}: set `machine.fuel_per_second` to half of what is measured",
            "实测为 {measured}，而规则写的是 {says}：请把 `machine.fuel_per_second` 设为实测值的一半"
        )),
        Err(error) => Wall::Missing(Sentence::of(&error)),
    }
}

fn room(machine: &Machine) -> Wall {
    let (has, says) = (memory::total() >> 20, machine.memory >> 20);
    if has > says {
        Wall::Holds
    } else {
        Wall::Missing(say!(
            "it has {has} MiB where the policy says {says} MiB: lower `machine.memory`",
            "本机有 {has} MiB，而规则写的是 {says} MiB：请调低 `machine.memory`"
        ))
    }
}
