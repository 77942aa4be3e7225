//! `unseen doctor`: which walls hold on this machine.

use serde_json::json;
use unseen_runtime::{Engine, Limits};
use unseen_worker::jail::Wall;
use unseen_worker::process::probe_walls;

use super::{Outcome, program};
use unseen_terminal::i18n::tr;
use unseen_terminal::output::{Answer, table};

pub fn run() -> Outcome {
    let walls = probe_walls(&program()?)?;
    let engine = Engine::new(&Limits::new(1_000_000, 64 << 20), 1);
    let scan = match &engine {
        Ok(engine) if engine.scans_pages() => Wall::Holds,
        Ok(_) => Wall::Partly("the kernel has no page map scan (Linux 6.7): runs are slower, not less safe".to_owned()),
        Err(error) => Wall::Missing(error.to_string()),
    };
    let found = [
        ("seccomp: a short list of system calls", &walls.seccomp),
        ("landlock: no file, no port", &walls.landlock),
        ("rlimits: no byte of a file, no core dump", &walls.rlimits),
        ("not dumpable, not traceable", &walls.undumpable),
        ("wasmtime: fresh state for every grain", &scan),
    ];
    let rows = found.iter().map(|(name, wall)| {
        let (state, why) = match wall {
            Wall::Holds => ("holds", String::new()),
            Wall::Partly(why) => ("holds in part", tr(why).into_owned()),
            Wall::Missing(why) => ("MISSING", tr(why).into_owned()),
        };
        vec![tr(name).into_owned(), tr(state).into_owned(), why]
    });
    let text = table(&["wall", "state", ""], rows);
    let json: Vec<_> = found.iter().map(|(name, wall)| json!({ "wall": name, "state": wall })).collect();
    // Without seccomp, rows would be decrypted in a process that could still talk.
    Ok(Answer::new(json, text).bad_unless(walls.seccomp.holds() && engine.is_ok()))
}
