//;;! tries = "remember in a static, on the heap and in which code runs next, and end in a panic that says who it was"
//;;! leaks_by = "what a compiler and its allocator keep in memory"
//;;! victim = {}

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use unseen_guest::{Contribution, Contributions, Grain, Job, Key, job};

struct Hostile;

static NUMBER: AtomicU64 = AtomicU64::new(0);
static LIST: Mutex<Vec<String>> = Mutex::new(Vec::new());
static CODE: Mutex<fn() -> u64> = Mutex::new(first);

fn first() -> u64 {
    0
}

fn second() -> u64 {
    1
}

impl Job for Hostile {
    fn contribute(grain: &Grain, _: &[f64], out: &mut Contributions) -> Result<(), String> {
        let mut list = LIST.lock().map_err(|_| "poisoned")?;
        let mut code = CODE.lock().map_err(|_| "poisoned")?;
        let found = NUMBER.fetch_add(1, Ordering::Relaxed) + list.len() as u64 + (*code)();
        list.push("seen".repeat(2000));
        *code = second;
        add(out, 0, 1.0);
        add(out, 1, found as f64);
        let is_victim = grain.input(0).column(0, "mark").ints()?.valid().any(|mark| mark == 1);
        assert!(!is_victim, "a victim is here");
        Ok(())
    }
}

/// By place, as a job without names would.
fn add(out: &mut Contributions, group: i64, value: f64) {
    out.add(Contribution { output: 0, group: vec![Key::Int(group)], values: vec![value] });
}

job!(Hostile);
