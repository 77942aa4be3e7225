//! `unseen doctor`: whether this machine keeps what the privacy model assumes of it.

use serde_json::json;
use unseen_lab::{LabError, View};
use unseen_policies::policy::Machine;
use unseen_runtime::freshness::{Freshness, probe};
use unseen_runtime::fuel_rate;
use unseen_worker::jail::Wall;
use unseen_worker::process::probe_walls;
use unseen_worker::{clock, memory};

use super::{Outcome, program};
use crate::args::Globals;
use unseen_terminal::i18n::tr;
use unseen_terminal::output::{Answer, table};

pub fn run(globals: &Globals) -> Outcome {
    // Before a lab is opened: that locks memory, and then nothing can be pushed out.
    let fresh = fresh();
    let policy = match globals.lab.as_deref().map(View::open) {
        None | Some(Err(LabError::NoLab(_))) => None,
        Some(lab) => lab?.ledger().policy().and_then(|policy| policy.machine.clone()),
    };
    let of_a_new_lab = policy.is_none();
    let machine = policy.unwrap_or_else(|| Machine::with_memory(memory::usual()));
    let walls = probe_walls(&program()?)?;
    let found = [
        ("seccomp: a short list of system calls", walls.seccomp, Must::Hold),
        ("landlock: no file, no port", walls.landlock, Must::BeKnown),
        ("rlimits: no byte of a file, no core dump", walls.rlimits, Must::BeKnown),
        ("not dumpable, not traceable", walls.undumpable, Must::BeKnown),
        ("capabilities: none", walls.capabilities, Must::BeKnown),
        ("memory: never in swap", walls.memory, if machine.swap { Must::BeKnown } else { Must::Hold }),
        ("wasmtime: fresh state for every grain", fresh, Must::Hold),
        ("fuel: as many units a second as the policy says", fuel(&machine), Must::Hold),
        ("memory: as much as the policy says", enough(&machine), Must::Hold),
        ("clock: kept by a time service", clock::kept(), Must::BeKnown),
    ];
    let rows = found.iter().map(|(name, wall, _)| {
        let (state, why) = match wall {
            Wall::Holds => ("holds", String::new()),
            Wall::Partly(why) => ("holds in part", tr(why).into_owned()),
            Wall::Missing(why) => ("MISSING", tr(why).into_owned()),
        };
        vec![tr(name).into_owned(), tr(state).into_owned(), why]
    });
    let mut text = table(&["wall", "state", ""], rows);
    if of_a_new_lab {
        text.push_str(&format!(
            "\n{}",
            tr("There is no lab here, or its policy names no machine: this is compared with the policy of a new one.")
        ));
    }
    let json: Vec<_> = found.iter().map(|(name, wall, _)| json!({ "wall": name, "state": wall })).collect();
    let good = found.iter().all(|(_, wall, must)| matches!(must, Must::BeKnown) || !matches!(wall, Wall::Missing(_)));
    Ok(Answer::new(json, text).bad_unless(good))
}

/// Whether runs go on without something, and report it, or do not.
enum Must {
    Hold,
    BeKnown,
}

fn fresh() -> Wall {
    match probe() {
        Ok(Freshness::Proved { swapped_out: true }) => Wall::Holds,
        Ok(Freshness::Proved { swapped_out: false }) if memory::swaps() => {
            Wall::Partly("tried, but this machine put none of the pages into its swap".to_owned())
        }
        Ok(Freshness::Proved { swapped_out: false }) => Wall::Holds,
        Ok(Freshness::Broken { place }) => {
            Wall::Missing(format!("a grain would see another in {place}: run no job here"))
        }
        Err(error) => Wall::Missing(error.to_string()),
    }
}

fn fuel(machine: &Machine) -> Wall {
    let says = machine.fuel_per_second;
    match fuel_rate::measure() {
        Ok(measured) if measured >= says => Wall::Holds,
        Ok(measured) => Wall::Missing(format!(
            "{measured} were measured where the policy says {says}: set `machine.fuel_per_second` to half of what is measured"
        )),
        Err(error) => Wall::Missing(error.to_string()),
    }
}

fn enough(machine: &Machine) -> Wall {
    let (has, says) = (memory::total() >> 20, machine.memory >> 20);
    if has > says {
        Wall::Holds
    } else {
        Wall::Missing(format!("it has {has} MiB where the policy says {says} MiB: lower `machine.memory`"))
    }
}
