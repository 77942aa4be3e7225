//! A host that is short of memory: alone in its process, whose limit it lowers.

#![allow(clippy::unwrap_used, clippy::panic)]

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use unseen_runtime::{Engine, Failure, Limits, Module, Table};

#[test]
fn growth_that_the_host_cannot_give_is_not_the_guests_own_limit() {
    let text = include_str!("../../tests/guests/raw.wat")
        .replace("MEMORY", "1")
        .replace("ITEMS", "")
        .replace("BODY", "(f64.convert_i32_s (memory.grow (i32.const 4000)))")
        .replace("AFTER", "");
    let component = unseen_toolchain::componentize(&wat::parse_str(text).unwrap()).unwrap();
    let engine = Engine::new(&Limits::new(1_000_000, 512 << 20), 1).unwrap();
    let module = Module::compile(&engine, &component).unwrap();
    let grain = [Table { rows: 0, columns: &[] }];
    let calls = [Module::contribute, Module::contribute_in_new_instance];

    // 100 MiB less than the guest asks for, and may have.
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let used = status.lines().find_map(|line| line.strip_prefix("VmData:")).unwrap();
    let used: u64 = used.trim().trim_end_matches(" kB").parse().unwrap();
    let Rlimit { maximum, .. } = getrlimit(Resource::Data);
    setrlimit(Resource::Data, Rlimit { current: Some((used << 10) + (150 << 20)), maximum }).unwrap();
    for call in calls {
        let answer = call(&module, &grain, &[]);
        assert!(matches!(answer, Err(Failure::Host(_))), "{answer:?}");
    }
    setrlimit(Resource::Data, Rlimit { current: maximum, maximum }).unwrap();
    assert!(calls.iter().all(|call| call(&module, &grain, &[]).is_ok_and(|answer| answer[0].values[0] == 1.0)));
}
