//! A lab's long life in a short time: jobs by the thousand, runs, witnesses that go and come, backups, new keys,
//! restarts, a full disk, a clock that jumps. Nothing but the log and what is folded from it may grow, and in the end an
//! auditor, a verifier by others and a replay find all of it in order.
//!
//! A short life is a test. `make soak` is a day of a busy lab: 24 hours, 100,000 jobs, 2,000 runs. `SOAK="hours jobs
//! runs"` makes it another size.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/disk.rs"]
mod disk;
#[path = "support/served.rs"]
mod served;
mod support;
#[path = "support/witness.rs"]
mod witness;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use disk::Disk;
use rustix::process::{Pid, Signal, kill_process};
use served::Served;
use support::*;
use unseen_client::{Client, ClientError, Way};
use unseen_ids::JobId;
use unseen_policies::lifecycle::State;
use unseen_texts::Lang;
use unseen_usecases::Blob;
use unseen_usecases::jobs::{Approve, ListedJob, Reject, ShowJob, Submit, Withdraw};
use witness::Witness;

/// How many submit at a time.
const AUTHORS: usize = 4;
const WITNESSES: [&str; 3] = ["w1", "w2", "w3"];
/// How long one run may be waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a service may have more at the end of a life than at its beginning.
const MORE_DESCRIPTORS: usize = 8;
const MORE_THREADS: usize = 8;
const MORE_MEMORY: usize = 24 << 20;
/// And for each job that it took in: what is folded from the log is kept in memory.
const MEMORY_OF_JOB: usize = 8 << 10;
/// What a job may take of the disk beside the log.
const DISK_OF_JOB: u64 = 8 << 10;
const MORE_DISK: u64 = 16 << 20;

#[derive(Clone, Copy, Debug)]
struct Size {
    /// How often the service is started anew.
    lives: usize,
    hours: usize,
    jobs: usize,
    runs: usize,
}

#[test]
fn a_short_life_leaves_everything_in_order() {
    Life::live(Size { lives: 2, hours: 4, jobs: 48, runs: 8 });
}

#[test]
#[ignore = "takes hours: make soak"]
fn a_long_life_leaves_everything_in_order() {
    let asked = std::env::var("SOAK").unwrap_or_default();
    let size: Vec<usize> = asked.split_whitespace().map(|number| number.parse().expect("hours jobs runs")).collect();
    Life::live(match size[..] {
        [hours, jobs, runs] => Size { lives: 4, hours, jobs, runs },
        _ => Size { lives: 4, hours: 24, jobs: 100_000, runs: 2_000 },
    });
}

struct Life {
    size: Size,
    lab: Lab,
    disk: Option<Disk>,
    clock: Clock,
    witnesses: Vec<Witness>,
    /// Jobs that the lab said it took.
    taken: BTreeSet<JobId>,
    /// Those that were approved.
    approved: Vec<JobId>,
}

impl Life {
    fn live(size: Size) {
        let begun = Instant::now();
        let mut life = Life::begin(size);
        for of in 0..size.lives {
            let (served, mut first) = (life.serve(), None);
            let until = size.hours * (of + 1) / size.lives;
            for hour in size.hours * of / size.lives..until {
                life.hour(hour, &served);
                let marks = Marks::of(&served);
                eprintln!("{:5.0} s, hour {hour}: {marks}", begun.elapsed().as_secs_f64());
                // A service that has just begun still opens what it goes on with.
                first.get_or_insert_with(|| marks.clone()).ensure_flat(&marks, size.jobs / size.lives);
            }
            life.end(served, of.is_multiple_of(2));
        }
        // What a power cut has left is put in order by the next start.
        life.end(life.serve(), true);
        life.judge();
    }

    fn begin(size: Size) -> Life {
        let lab = Lab::with_job();
        // The log of a job takes some 12 KiB.
        let disk = Disk::mount(&lab.path("lab"), 256 + size.jobs as u64 / 40);
        if disk.is_none() {
            skipped("no small disk may be mounted here, so none gets full");
        }
        let clock = Clock::new(&lab);
        let witnesses = WITNESSES.map(|name| Witness::start(&lab, name)).into();
        let mut life = Life { size, lab, disk, clock, witnesses, taken: BTreeSet::new(), approved: Vec::new() };
        life.set_policy();
        // From here on each has something to compare with.
        life.lab.ok(&["log", "witness"]);
        life
    }

    /// Two of three witnesses must have seen a release, and every run finds budget.
    fn set_policy(&mut self) {
        let mut policy = POLICY.replace("analyst = \"0.5\"", "analyst = \"1\"");
        policy.push_str("[witnesses]\nquorum = 2\nrequired = true\n");
        for Witness { vkey, url, .. } in &self.witnesses {
            policy.push_str(&format!("[[witnesses.witness]]\nkey = \"{vkey}\"\nurl = \"{url}\"\n"));
        }
        self.lab.write("soak.toml", policy);
        self.lab.ok(&["policy", "set", "soak.toml", "--key", "keys/owner.pem"]);
    }

    fn serve(&self) -> Served {
        let mut command = self.lab.command(&["serve", "--plain", "--listen", "127.0.0.1:0"]);
        self.clock.rule(&mut command);
        Served::begun(command)
    }

    /// Ends a service, as systemd would or as a power cut.
    fn end(&self, mut served: Served, in_order: bool) {
        if in_order {
            kill_process(Pid::from_raw(served.process.id().cast_signed()).unwrap(), Signal::TERM).unwrap();
            assert!(served.process.wait().unwrap().success(), "the service did not end in order");
        } else {
            served.kill();
        }
    }

    fn hour(&mut self, hour: usize, served: &Served) {
        // Each witness is away for an hour; the two others are enough.
        let away = hour % WITNESSES.len();
        self.witnesses[away].stop();
        // Who logs in must have the service's time.
        self.clock.set("+0");
        let people = People::at(served, &self.lab);
        self.clock.set(["+0", "+8m", "-8m"][hour % 3]);
        let jobs = share(self.size.jobs, self.size.hours, hour);
        let submitted = self.submit(&people.analyst, jobs);
        // A run that started ahead of time would keep its slot for as long, and the next ones waiting.
        self.clock.set("+0");
        if hour % 4 == 1 {
            self.back_up(hour);
        }
        if hour % 4 == 2 {
            self.change_the_key(away);
        }
        if hour % 4 == 3 {
            self.fill_the_disk(&people.analyst);
        }
        self.run(&people, &submitted, share(self.size.runs, self.size.hours, hour));
        self.witnesses[away].restart_there(&self.lab, WITNESSES[away]);
        assert_eq!(self.lab.ok(&["lab", "show"])["atWork"], serde_json::json!([]), "something is still at work");
    }

    /// Several submit at a time. Each job is another one.
    fn submit(&mut self, analyst: &Person, jobs: usize) -> Vec<JobId> {
        let (left, before) = (AtomicUsize::new(jobs), self.taken.len());
        let module = std::fs::read(self.lab.path("job/target/job.wasm")).unwrap();
        let taken: Vec<JobId> = std::thread::scope(|scope| {
            let authors: Vec<_> = (0..AUTHORS)
                .map(|_| {
                    scope.spawn(|| {
                        let less = |left: usize| left.checked_sub(1);
                        let mut taken = Vec::new();
                        while let Ok(left) = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less) {
                            let job = analyst.submit(&format!("Rows of firms, {}", before + left), &module);
                            taken.push(job.unwrap());
                        }
                        taken
                    })
                })
                .collect();
            authors.into_iter().flat_map(|author| author.join().unwrap()).collect()
        });
        assert!(taken.iter().all(|job| self.taken.insert(*job)), "a number was given twice");
        assert_eq!(taken.len(), jobs);
        taken
    }

    /// Approves some of these, rejects and withdraws others, and waits for the results.
    fn run(&mut self, people: &People, jobs: &[JobId], runs: usize) {
        let People { operator, second, analyst } = people;
        let (run, rest) = jobs.split_at(runs.min(jobs.len()));
        for job in run {
            operator.approve(*job);
            second.approve(*job);
        }
        for (at, job) in rest.iter().enumerate() {
            match at % 4 {
                0 => drop(operator.make(Reject { job: *job, reason: "Too much.".to_owned() })),
                1 => drop(analyst.make(Withdraw { job: *job, reason: "Not needed.".to_owned() })),
                _ => {}
            }
        }
        for job in run {
            let since = Instant::now();
            loop {
                let shown = analyst.ask(*job);
                if shown.state == State::Released && !shown.waits_for_witnesses {
                    break;
                }
                assert!(since.elapsed() < PATIENCE, "{shown:?}");
                std::thread::sleep(Duration::from_millis(200));
            }
        }
        self.approved.extend(run);
    }

    /// A backup that is whole: a lab made of it is as long as this one was.
    fn back_up(&self, hour: usize) {
        let [backup, restored] = ["backup", "restored"].map(|name| format!("{name}-{hour}"));
        self.lab.ok(&["lab", "backup", &backup]);
        let entries = self.lab.entries();
        self.lab.ok(&["lab", "restore", &backup, &restored]);
        self.lab.ok(&["log", "export", "of-backup", "--lab", &restored]);
        assert_eq!(self.lab.ok(&["audit", "verify", "of-backup", "--forget"])["entries"], entries);
        for folder in [&backup, &restored, "of-backup"] {
            std::fs::remove_dir_all(self.lab.path(folder)).unwrap();
        }
    }

    /// Hands the log over to a new key, which each witness is told by its operator.
    fn change_the_key(&mut self, away: usize) {
        self.lab.ok(&["lab", "rotate-key", "--key", "keys/owner.pem"]);
        let log_key = text(&self.lab.ok(&["lab", "show"])["logKey"]);
        for (at, (witness, name)) in self.witnesses.iter_mut().zip(WITNESSES).enumerate() {
            if at != away {
                witness.stop();
            }
            self.lab.ok(&["witness", "add-log", name, &log_key]);
            if at != away {
                witness.restart_there(&self.lab, name);
            }
        }
    }

    /// Where nothing can be written nothing is taken, and once there is room the same service goes on.
    fn fill_the_disk(&mut self, analyst: &Person) {
        let Some(disk) = &self.disk else { return };
        let module = std::fs::read(self.lab.path("job/target/job.wasm")).unwrap();
        let before = self.lab.entries();
        disk.fill(0);
        let refused = analyst.submit("No room", &module);
        disk.empty();
        assert!(refused.is_err(), "{refused:?}");
        assert_eq!(self.lab.entries(), before, "{refused:?}");
        self.submit(analyst, 1);
    }

    /// What the lab left, before those who did not see it come about.
    fn judge(self) {
        let Life { size, lab, witnesses, taken, approved, .. } = self;
        // What is folded from the log may grow with it; nothing else.
        let beside = Disks::of(&lab.path("lab"));
        eprintln!("{beside:?}");
        let most = MORE_DISK + DISK_OF_JOB * taken.len() as u64;
        assert!(beside.0["state"].1 < most, "{beside:?}");
        // What was brought along and not handed in yet is kept for a while.
        for (folder, most) in [("sealed", 0), ("spool", 0), ("incoming", 2), ("cache", 4)] {
            assert!(beside.0.get(folder).is_none_or(|(files, _)| *files <= most), "{beside:?}");
        }

        lab.ok(&["log", "witness"]);
        lab.ok(&["log", "export", "bundle"]);
        let mut verify = vec!["audit", "verify", "bundle"];
        witnesses.iter().for_each(|witness| verify.extend(["--witness", &witness.vkey]));
        let report = lab.ok(&verify);
        assert_eq!(report["violations"], serde_json::json!([]));
        assert_eq!(report["kinds"]["job-submitted"], taken.len(), "what was taken is in the log, once");
        assert_eq!(report["kinds"]["released"], approved.len());
        assert_eq!(report["kinds"]["run-started"], approved.len());
        assert_eq!(approved.len(), size.runs);
        let jobs: BTreeMap<String, &serde_json::Value> =
            report["jobs"].as_array().unwrap().iter().map(|job| (text(&job["job"]), job)).collect();
        assert!(taken.iter().all(|job| jobs.contains_key(&job.to_string())));
        assert!(approved.iter().all(|job| jobs[&job.to_string()]["sealed"] == false), "a release is still sealed");

        let logcheck = verifiers().join("logcheck");
        if logcheck.exists() {
            let key = text(&lab.ok(&["lab", "show"])["logKey"]);
            let said = Command::new(logcheck).arg(lab.path("bundle")).arg(key).output().unwrap();
            assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
        } else {
            skipped("the log verifier in Go is not installed: see scripts/verifiers.sh");
        }
        for job in [approved[0], approved[approved.len() / 2], approved[approved.len() - 1]] {
            assert_eq!(lab.ok(&["audit", "replay", &job.to_string()])["verdict"], "agrees", "{job}");
        }
    }
}

/// An even share of a number: all shares together are all of it.
fn share(all: usize, parts: usize, part: usize) -> usize {
    all * (part + 1) / parts - all * part / parts
}

/// Those who work at a lab that is served.
struct People {
    operator: Person,
    second: Person,
    analyst: Person,
}

impl People {
    fn at(served: &Served, lab: &Lab) -> People {
        let [operator, second, analyst] = ["operator", "second", "analyst"].map(|who| {
            let (key, way) = (lab.signing_key(who), Way { url: served.url.clone(), ..Way::default() });
            let client = Client::new(way, Lang::En).unwrap();
            let session = client.log_in(&key).unwrap();
            Person { client: client.with_session(&session), key }
        });
        People { operator, second, analyst }
    }
}

/// Somebody with a session.
struct Person {
    client: Client,
    key: unseen_tlog::SigningKey,
}

impl Person {
    fn make<C: unseen_usecases::Change + unseen_api::address::Addressed>(&self, change: C) -> C::Answer {
        self.client.make(change, &self.key).unwrap()
    }

    fn submit(&self, title: &str, module: &[u8]) -> Result<JobId, ClientError> {
        let manifest = job("rho = 0.0001").replace("Rows of firms", title);
        let submit = Submit { name: "job.toml".to_owned(), manifest, module: Blob::new(module.to_vec()) };
        Ok(self.client.make(submit, &self.key)?.job)
    }

    fn approve(&self, job: JobId) {
        self.make(Approve { job });
    }

    fn ask(&self, job: JobId) -> ListedJob {
        self.client.ask(ShowJob { job }).unwrap().job
    }
}

/// What a service holds.
#[derive(Clone, Debug)]
struct Marks {
    memory: usize,
    descriptors: usize,
    threads: usize,
}

impl Marks {
    fn of(served: &Served) -> Marks {
        let process = PathBuf::from(format!("/proc/{}", served.process.id()));
        let status = std::fs::read_to_string(process.join("status")).unwrap();
        let number = |name: &str| -> usize {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        let descriptors = std::fs::read_dir(process.join("fd")).unwrap().count();
        Marks { memory: number("VmRSS:") << 10, descriptors, threads: number("Threads:") }
    }

    fn ensure_flat(&self, later: &Marks, jobs: usize) {
        let memory = self.memory + MORE_MEMORY + MEMORY_OF_JOB * jobs;
        let flat = later.memory <= memory
            && later.descriptors <= self.descriptors + MORE_DESCRIPTORS
            && later.threads <= self.threads + MORE_THREADS;
        assert!(flat, "the service has grown, from {self} to {later}, over some {jobs} jobs");
    }
}

impl std::fmt::Display for Marks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Marks { memory, descriptors, threads } = self;
        write!(f, "{} MiB, {descriptors} descriptors, {threads} threads", memory >> 20)
    }
}

/// Files and bytes in each folder of a lab.
#[derive(Debug)]
struct Disks(BTreeMap<String, (usize, u64)>);

impl Disks {
    fn of(place: &Path) -> Disks {
        let mut found: BTreeMap<String, (usize, u64)> = BTreeMap::new();
        for name in tree(place) {
            let file = place.join(&name).symlink_metadata().unwrap();
            if file.is_file() {
                let (files, bytes) = found.entry(name.split('/').next().unwrap().to_owned()).or_default();
                *files += 1;
                *bytes += file.len();
            }
        }
        Disks(found)
    }
}

/// The clock of a service: other than this machine's, where libfaketime is.
struct Clock {
    library: Option<PathBuf>,
    setting: PathBuf,
}

impl Clock {
    fn new(lab: &Lab) -> Clock {
        let places = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];
        let library = places.map(|place| Path::new(place).join("faketime/libfaketime.so.1"));
        let library = library.into_iter().find(|library| library.exists());
        if library.is_none() {
            skipped("faketime is not installed, so no clock jumps: see scripts/verifiers.sh");
        }
        Clock { library, setting: lab.write("clock", "+0\n") }
    }

    fn rule(&self, command: &mut Command) {
        if let Some(library) = &self.library {
            command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", &self.setting);
            command.env("FAKETIME_NO_CACHE", "1").env("NO_FAKE_STAT", "1");
            command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("DONT_FAKE_MONOTONIC", "1");
        }
    }

    /// Minutes ahead, or behind; less than clients accept.
    fn set(&self, offset: &str) {
        // Never seen half written.
        let beside = self.setting.with_extension("new");
        std::fs::write(&beside, format!("{offset}\n")).unwrap();
        std::fs::rename(beside, &self.setting).unwrap();
    }
}
