//! `unseen doctor`: whether this machine keeps what the privacy model assumes of it.

use unseen_usecases::doctor::{self, Doctor, Hold};

use super::{Outcome, program};
use crate::args::Globals;
use unseen_terminal::i18n::tr;
use unseen_terminal::output::{Output, table};

pub fn run(globals: &Globals) -> Outcome {
    let found = doctor::doctor(globals.lab.as_deref(), &program()?)?;
    Ok(Output::new(&found, shown(&found)).bad_unless(found.good))
}

fn shown(found: &Doctor) -> String {
    let rows = found.protections.iter().map(|protection| {
        let state = match protection.state {
            Hold::Holds => tr("holds"),
            Hold::Partly => tr("holds in part"),
            Hold::Missing => tr("MISSING"),
        };
        let why = protection.why.as_ref().map_or_else(String::new, |why| tr(&why.to_string()).into_owned());
        vec![title(&protection.name), state.into_owned(), why]
    });
    let mut text = table(&["wall", "state", ""], rows);
    if found.of_a_new_lab {
        let said =
            tr("There is no lab here, or its policy names no machine: this is compared with the policy of a new one.");
        text.push_str(&format!("\n{said}"));
    }
    text
}

/// What a protection is for.
fn title(name: &str) -> String {
    let title = match name {
        "seccomp" => tr("seccomp: a short list of system calls"),
        "landlock" => tr("landlock: no file, no port"),
        "rlimits" => tr("rlimits: no byte of a file, no core dump"),
        "undumpable" => tr("not dumpable, not traceable"),
        "capabilities" => tr("capabilities: none"),
        "memory" => tr("memory: never in swap"),
        "freshness" => tr("wasmtime: fresh state for every grain"),
        "fuel" => tr("fuel: as many units a second as the policy says"),
        "room" => tr("memory: as much as the policy says"),
        "clock" => tr("clock: kept by a time service"),
        other => other.into(),
    };
    title.into_owned()
}
