//! Whether a run comes to its end, and when anything is seen of it, must not depend on rows. Each lab here has
//! two neighbours: the victim's unit has rows that make the guest do its worst, or plain ones, or none.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::Value;
use support::*;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Victim {
    Marked,
    Plain,
    Absent,
}

const NEIGHBOURS: [Victim; 3] = [Victim::Marked, Victim::Plain, Victim::Absent];

/// A guest by hand: it is given as much memory for its rows as it asks for. `worst` runs on a grain with more
/// than 100 rows, and the answer is one contribution at 256, or what `worst` leaves at 132 and 136.
fn guest(worst: &str) -> Vec<u8> {
    guest_of("(i32.gt_u (i32.load (local.get $grain)) (i32.const 100))", worst)
}

/// The same for grains of another kind.
fn guest_of(grains: &str, worst: &str) -> Vec<u8> {
    let module = format!(
        r#"(module
  (memory (export "memory") 4)
  (global $next (mut i32) (i32.const 131072))
  (func $reserve (param $to i32)
    (local $more i32)
    (local.set $more (i32.sub (i32.shr_u (i32.add (local.get $to) (i32.const 65535)) (i32.const 16)) (memory.size)))
    (if (i32.gt_s (local.get $more) (i32.const 0))
      (then (if (i32.eq (memory.grow (local.get $more)) (i32.const -1)) (then unreachable)))))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $start i32)
    (local.set $start (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $start) (local.get 3)))
    (call $reserve (global.get $next))
    (local.get $start))
  (data (i32.const 132) "\00\01\00\00\01\00\00\00")
  (data (i32.const 260) "\08\00\00\00\00\00\00\00\00\02\00\00\01\00\00\00")
  (func (export "contribute") (param $grain i32) (param i32 i32 i32) (result i32)
    (local $at i32) (local $done i32)
    (f64.store (i32.const 512) (f64.const 1))
    (if {grains} (then {worst}))
    (i32.const 128)))"#
    );
    unseen_toolchain::componentize(&wat::parse_str(module).unwrap()).unwrap()
}

/// Takes all the memory it may have, and touches it.
const HOARD: &str =
    "(block $full (loop $more (br_if $full (i32.eq (memory.grow (i32.const 1)) (i32.const -1))) (br $more)))
    (memory.fill (i32.const 131072) (i32.const 1) (i32.sub (i32.shl (memory.size) (i32.const 16)) (i32.const 131072)))";

/// Answers with about as much as an answer may be: 60,000 contributions of 24 numbers each.
const BABBLE: &str = "(i32.store (i32.const 272) (i32.const 24))
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (i32.store (i32.const 132) (local.get $at))
    (i32.store (i32.const 136) (i32.const 60000))
    (global.set $next (i32.add (local.get $at) (i32.const 1200000)))
    (call $reserve (global.get $next))
    (memory.copy (local.get $at) (i32.const 256) (i32.const 20))
    (local.set $done (i32.const 20))
    (loop $on
      (memory.copy (i32.add (local.get $at) (local.get $done)) (local.get $at)
        (select (local.get $done) (i32.sub (i32.const 1200000) (local.get $done))
          (i32.lt_u (local.get $done) (i32.const 600000))))
      (local.set $done (i32.shl (local.get $done) (i32.const 1)))
      (br_if $on (i32.lt_u (local.get $done) (i32.const 1200000))))";

/// Goes on until its fuel is used up.
const LINGER: &str = "(loop $on (br $on))";

/// Twelve units with two rows each. The victim's have a code that nobody else has, and `marked` rows.
fn items(victim: Victim, marked: usize) -> String {
    let mut text = "who,n,code\n".to_owned();
    for unit in 0..12 {
        let (count, code) = match (unit, victim) {
            (7, Victim::Absent) => continue,
            (7, Victim::Marked) => (marked, "long"),
            _ => (2, "short"),
        };
        text.extend((0..count).map(|n| format!("u{unit:02},{n},{code}\n")));
    }
    text
}

fn manifest(release: &str, limits: &str) -> String {
    format!(
        "[job]\ntitle = \"Items\"\npurpose = \"To count.\"\nrelease = \"{release}\"\n\n[[input]]\ndataset = \"items\"\n\
         columns = [\"n\", \"code\"]\n\n[grain]\nkind = \"unit\"\n\n[[output]]\nname = \"rows\"\n\
         values = [{{ name = \"rows\", lower = 0, upper = 10, granularity = 1 }}]\n\n[privacy]\n\
         mechanism = \"gaussian\"\nrho = 0.01\n\n[limits]\n{limits}\n"
    )
}

/// A lab with one approval, the items of this neighbour and a public table with one very long text.
fn lab(victim: Victim, marked: usize, policy: &str) -> Lab {
    let lab = Lab::new();
    lab.write("policy.toml", policy);
    lab.ok(&["policy", "set", "policy.toml", "--key", "keys/owner.pem"]);
    lab.write("items.csv", items(victim, marked));
    lab.write("items.toml", ITEMS);
    lab.write("codes.csv", format!("code,about\nshort,s\nlong,{}\n", "x".repeat(6_000)));
    let codes = ITEMS.replace("\"items\"", "\"codes\"").replace("private", "reference");
    let (head, _) = codes.split_once("unit =").unwrap();
    let columns =
        ["code", "about"].map(|name| format!("\n[[column]]\nname = \"{name}\"\ntype = \"text\"\nnullable = false\n"));
    lab.write("codes.toml", format!("{head}key = \"code\"\n{}", columns.concat()));
    for name in ["items", "codes"] {
        let (rows, description) = (format!("{name}.csv"), format!("{name}.toml"));
        lab.ok(&["dataset", "import", &rows, "--description", &description, "--key", "keys/steward.pem"]);
    }
    lab
}

/// What everybody sees of a lab, times, digests and released numbers aside.
fn seen(lab: &Lab, job: &str) -> (Vec<String>, Value) {
    (lab.kinds(), lab.ok(&["job", "show", job])["state"].clone())
}

/// Guests and manifests that fill every limit for one unit, where there is just as much memory as the job was
/// found to need: everybody's run ends in the same way.
#[test]
fn whatever_a_unit_makes_the_host_hold_the_run_ends_as_its_neighbours_do() {
    let policy = POLICY.replace("approvals = 2", "approvals = 1");
    let labs = [70_000, 2_500].map(|marked| NEIGHBOURS.map(|victim| (victim, lab(victim, marked, &policy))));
    let whole = "fuel = 400_000_000\nmemory = \"48MiB\"\nrows = 80_000";
    let lookup = "[[input.lookup]]\nreference = \"codes\"\non = \"code\"\nkey = \"code\"\ncolumns = [\"about\"]\n";
    let ready_made = |manifest: String| {
        let ours = manifest.replace("release = \"now\"", "release = \"now\"\nmodule = \"ready-made:sum\"");
        // Every row is a group of its own, and none of them is in the domain.
        ours.replace("name = \"rows\"\nvalues", "name = \"rows\"\ngroups = [{ name = \"n\", keys = [-1, -2] }]\nvalues")
    };
    let lookups = |manifest: String| manifest.replace("\n[grain]", &format!("{}\n[grain]", lookup.repeat(16)));
    let large = whole.replace("48MiB", "256MiB");
    let cases = [
        ("memory", 0, manifest("now", whole), Some(guest(HOARD))),
        ("an answer", 0, manifest("now", whole), Some(guest(BABBLE))),
        ("fuel", 0, manifest("now", whole), Some(guest(LINGER))),
        ("blocks", 0, manifest("now", whole).replace("\"unit\"", "\"blocks\"\ncount = 3"), Some(guest(HOARD))),
        ("groups", 0, ready_made(manifest("now", whole)), None),
        ("looked-up text", 0, lookups(ready_made(manifest("now", whole))), None),
        ("looked-up text in a guest", 0, lookups(manifest("now", whole)), Some(guest(HOARD))),
        // A grain that just fits, in the host and in the guest, which takes what is left of its memory.
        ("everything", 1, lookups(manifest("now", &large)), Some(guest(HOARD))),
    ];
    for (what, rows, manifest, component) in cases {
        // As little as the plain neighbour's run is begun with.
        let mut kilobytes = 100 << 10;
        let mut outcomes = Vec::new();
        for (victim, lab) in labs[rows].iter().rev() {
            let lab = lab.copy_in_memory();
            lab.write("job/job.toml", &manifest);
            if let Some(component) = &component {
                lab.write("job/target/job.wasm", support::shaped(component, &manifest));
            }
            let job = lab.submit("job");
            lab.approve(&job, "operator");
            let started = lab.entries();
            let slot = need(&lab, &job);
            let mut patience = 5;
            let (start, done) = loop {
                let start = Instant::now();
                let done =
                    within(&lab, kilobytes, &["job", "run", &job, "--threads", "1", "--key", "keys/operator.pem"]);
                match missing(&done) {
                    Some(more) if outcomes.is_empty() => kilobytes += more,
                    // A thread's stack may be there still, or not: what rows decide is decided every time.
                    Some(_) if patience > 0 => patience -= 1,
                    _ => break (start, done),
                }
                assert_eq!(lab.entries(), started, "{what}: refused after it was charged");
            };
            assert!(start.elapsed() < slot, "{what}, {victim:?}: {:?} of {slot:?}", start.elapsed());
            outcomes.push((victim, (done.code, done.stderr.clone()), seen(&lab, &job)));
        }
        let (_, ended, shown) = &outcomes[0];
        assert_eq!((ended.0, ended.1.as_str()), (0, ""), "{what}: {outcomes:?}");
        assert_eq!(shown.1, "released", "{what}");
        for other in &outcomes[1..] {
            assert_eq!((&other.1, &other.2), (ended, shown), "{what}, {:?} under {kilobytes} KiB", other.0);
        }
    }
}

/// Reading an answer takes the host time, so an answer may be as large as the grain's fuel: 60,000
/// contributions of 64 bytes each are 3.84 MB.
#[test]
fn an_answer_is_as_large_as_its_fuel_pays_for() {
    let lab = lab(Victim::Plain, 0, &POLICY.replace("approvals = 2", "approvals = 1"));
    // Every unit answers so, with one number each.
    let everybody = BABBLE.replace("(i32.const 24)", "(i32.const 1)");
    let guest = guest_of("(i32.const 1)", &everybody);
    let released = |fuel: &str| {
        let limits = format!("fuel = {fuel}\nmemory = \"4MiB\"");
        let manifest = manifest("now", &limits).replace("rho = 0.01", "rho = 0.2");
        lab.write("job/target/job.wasm", support::shaped(&guest, &manifest));
        lab.write("job/job.toml", manifest);
        let job = lab.submit("job");
        lab.approve(&job, "operator");
        lab.ok(&["job", "run", &job, "--key", "keys/operator.pem"]);
        let body = lab.ok(&["job", "release", &job, "--key", "keys/analyst.pem"]);
        text(&body["rounds"][0]["outputs"][0]["groups"][0]["values"][0]["value"]).parse::<f64>().unwrap()
    };
    // Twelve units of 10 each, under noise of deviation 16; or none, though nothing else is different.
    let (paid, short) = (released("4_000_000"), released("3_700_000"));
    assert!(paid > 60.0 && short < 60.0, "{paid} {short}");
}

/// Runs `unseen` where every process may have so many kibibytes of memory of its own.
fn within(lab: &Lab, kilobytes: u64, args: &[&str]) -> Done {
    let unseen = lab.command(args);
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -d \"$0\" && exec \"$@\"", &kilobytes.to_string()]);
    limited.arg(unseen.get_program()).args(unseen.get_args()).current_dir(lab.path(""));
    for (name, value) in unseen.get_envs() {
        if let Some(value) = value {
            limited.env(name, value);
        }
    }
    Done::from(limited.output().unwrap(), args)
}

/// How long the run of a job may take, as everybody can see.
fn need(lab: &Lab, job: &str) -> Duration {
    Duration::from_secs(lab.ok(&["job", "show", job])["plan"]["need"]["seconds"].as_u64().unwrap())
}

/// How many kibibytes a refusal says are missing, and one more MiB.
fn missing(done: &Done) -> Option<u64> {
    let numbers = done.stderr.split(" MiB").filter_map(|part| part.rsplit(' ').next()?.parse::<u64>().ok());
    match numbers.collect::<Vec<_>>()[..] {
        [needs, has] if done.stderr.contains("memory") && needs >= has => Some((needs - has + 1) << 10),
        _ => None,
    }
}

/// Two jobs one after the other, as a night job does it: what is seen of the first, and when the second starts,
/// is the same whether a unit makes its run last or not; and others go on with their work meanwhile.
#[test]
fn no_moment_tells_how_long_a_run_took() {
    // A machine that is said to be fast has short slots; these runs keep within them all the same.
    let policy = "approvals = 1\ndelta = 1e-6\nrelease_now = false\n[machine]\nfuel_per_second = 1_000_000_000\n\
                  memory = 4_000_000_000\nswap = true\n[caps]\ndataset = \"1\"\nanalyst = \"0.5\"\njob = \"0.25\"\n";
    let seen = std::thread::scope(|scope| {
        let watch = |victim: Victim| {
            scope.spawn(move || {
                let lab = lab(victim, 200, policy);
                let manifest = manifest("+1h", "fuel = 700_000_000\nmemory = \"1MiB\"\nrows = 1_000");
                lab.write("job/target/job.wasm", support::shaped(&guest(LINGER), &manifest));
                lab.write("job/job.toml", manifest);
                watched(&lab)
            })
        };
        NEIGHBOURS.map(watch).map(|one| one.join().unwrap())
    });
    let took: Vec<_> = NEIGHBOURS.iter().zip(&seen).map(|(victim, seen)| (victim, seen.worked, seen.gap)).collect();
    for one in &seen {
        assert_eq!(one.kinds, seen[0].kinds, "{took:?}");
        assert_eq!(one.said, seen[0].said, "{took:?}");
        assert!(one.gap >= one.slot, "the second run started {:?} after the first: {took:?}", one.gap);
    }
    // The guest did make its run last, so there was something to be seen.
    assert!(seen[0].worked > seen[2].worked * 2, "{took:?}");
}

struct Watched {
    kinds: Vec<String>,
    said: Vec<(i32, String)>,
    /// How much CPU time the worker used behind its walls: what nobody is to see.
    worked: Duration,
    /// From the start of one run to that of the next.
    gap: Duration,
    slot: Duration,
}

fn watched(lab: &Lab) -> Watched {
    let jobs = [lab.submit("job"), lab.submit("job")];
    jobs.iter().for_each(|job| drop(lab.approve(job, "operator")));
    let slot = need(lab, &jobs[0]);
    let args = |job: &'_ str| ["job", "run", job, "--threads", "1", "--key", "keys/operator.pem"].map(str::to_owned);
    let first = args(&jobs[0]);
    let first: Vec<&str> = first.iter().map(String::as_str).collect();
    let run = lab.command(&first).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let worker = worker_behind_walls(run.id());
    let computing = std::thread::spawn(move || computed(&worker));
    // Others submit, approve and look on while it is at work, and nobody starts another run.
    let second = args(&jobs[1]);
    let second: Vec<&str> = second.iter().map(String::as_str).collect();
    let third = lab.submit("job");
    lab.approve(&third, "operator");
    let mut said = Vec::new();
    let mut note = |done: Done| said.push((done.code, without_times(&format!("{}{}", done.stdout, done.stderr))));
    note(lab.unseen(&second));
    note(lab.unseen(&["job", "list"]));
    note(lab.unseen(&["budget"]));
    let worked = computing.join().unwrap();
    // It has ended, and its slot has not.
    note(lab.unseen(&second));
    note(lab.unseen(&["job", "show", &jobs[0]]));
    note(lab.unseen(&["job", "release", &jobs[0], "--key", "keys/analyst.pem"]));
    note(Done::from(run.wait_with_output().unwrap(), &first));
    let mut next = lab.command(&second).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    worker_behind_walls(next.id());
    while lab.kinds().iter().filter(|kind| *kind == "run-started").count() < 2 {
        std::thread::sleep(Duration::from_millis(20));
    }
    next.kill().unwrap();
    next.wait().unwrap();
    let log = lab.ok(&["log", "show"]);
    let starts: Vec<DateTime<Utc>> = log["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["kind"] == "run-started")
        .map(|entry| text(&entry["time"]).parse().unwrap())
        .collect();
    let gap = (starts[1] - starts[0]).to_std().unwrap();
    Watched { kinds: lab.kinds(), said, worked, gap, slot }
}

/// Waits until a process has ended, and says how much CPU time it used meanwhile, to some 10 ms. (The time on the
/// clock would depend on what else the machine does.)
fn computed(process: &str) -> Duration {
    let (mut before, mut ticks) = (None, 0);
    while let Ok(stat) = std::fs::read_to_string(format!("/proc/{process}/stat")) {
        // The fields after the name, in brackets, are those of proc_pid_stat(5) from the third on: the first is the
        // state, the twelfth and the thirteenth the ticks in user mode and in the kernel, 100 a second.
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        let fields: Vec<&str> = fields.split(' ').collect();
        ticks = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        before = before.or(Some(ticks));
        if fields[0] == "Z" {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Duration::from_millis((ticks - before.unwrap_or(ticks)) * 10)
}

/// Without what is different in any two labs: moments, digests, and the numbers of processes.
fn without_times(text: &str) -> String {
    let mut before = "";
    let words = text.split_whitespace().map(|word| {
        if std::mem::replace(&mut before, word) == "process" {
            return "...";
        }
        let moment =
            word.chars().filter(char::is_ascii_digit).count() > 3 && (word.contains(':') || word.contains('-'));
        if moment || word.len() > 40 { "..." } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}
