//! A courier without an engine that loses, doubles, delays, reorders, truncates and mixes up what it carries: the release
//! is the same, bit for bit, or the run fails in a sentence.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use unseen_cluster::answer::{Answer, Made, read_task, write_task};
use unseen_cluster::coordinator::Coordinator;
use unseen_cluster::courier::{Back, Courier};
use unseen_cluster::error::ClusterError;
use unseen_cluster::gather::{Asking, Gatherer};
use unseen_cluster::spool::Spool;
use unseen_core::coverage::{Counted, Expected};
use unseen_core::order::Round;
use unseen_core::{Clamper, NoiseKey, PartialTotals, RawContribution, RunIdentity, SealedRelease};
use unseen_ids::{Digest, JobId, Key, KeyRef, PublicKey, bucket_of};
use unseen_policies::plan::References;
use unseen_policies::receipts::{OfRun, Receipts, receipt_bytes};
use unseen_policies::{Manifest, Plan};
use unseen_runtime::{Contribution, Failure, Table, Totals};
use unseen_tlog::{Signer, SigningKey, VerifyingKey};
use unseen_worker::frames::write_frame;
use unseen_worker::guest::{Guest, Verdict};
use unseen_worker::merging::{Merging, Message, add_up};
use unseen_worker::process::Fault;
use unseen_worker::run::Rounds;
use unseen_worker::spread::{Place, RunKey, Task, state_digest};

const PIECES: u32 = 8;
const ROUNDS: u32 = 3;
const LEAF: Digest = Digest::from_bytes([2; 32]);
const RUN: RunIdentity<'static> =
    RunIdentity { origin: "lab.example/log", entry: 9, leaf: [2; 32], snapshots: &[[3; 32]] };

struct Nothing;

impl References for Nothing {
    fn column(&self, _: &str, _: &str) -> Option<Vec<Key>> {
        None
    }
}

fn plan() -> Plan {
    let manifest = r#"
        [job]
        title = "Firms by town"
        purpose = "A test"
        release = "+1h"
        [[input]]
        dataset = "firms"
        columns = ["town"]
        [grain]
        kind = "unit"
        [[output]]
        name = "firms"
        groups = [{ name = "town", range = [0, 4] }]
        values = [{ name = "count", lower = 0, upper = 8, granularity = 1 }]
        [privacy]
        mechanism = "gaussian"
        rho = 0.1
        [limits]
        rounds = 3
    "#;
    Plan::new(&Manifest::parse(manifest).unwrap(), &Nothing).unwrap()
}

/// The units of each bucket, in order.
fn units(bucket: u32) -> Vec<String> {
    let mut names: Vec<String> = (0..200).map(|n| format!("unit {n}")).collect();
    names.retain(|name| bucket_of(name.as_bytes(), PIECES) == bucket);
    names.sort();
    names
}

fn counted(bucket: u32) -> Vec<Counted> {
    let units = units(bucket).len() as u64;
    vec![Counted { rows: units, units }]
}

/// Advances by what it sees: a wrong total in one round shows in the next.
struct Advancing;

impl Guest for Advancing {
    fn contribute(&self, _: &[Table<'_>], _: &[f64]) -> Result<Vec<Contribution>, Failure> {
        unreachable!("grains are run on nodes")
    }

    fn advance(&self, round: u32, state: &[f64], noisy: &[Totals<'_>]) -> Option<Result<Verdict, Failure>> {
        let seen: f64 = noisy[0].values[0].totals.iter().sum();
        let next = [state.first().copied().unwrap_or_default() + seen, f64::from(round)];
        Some(Ok(Verdict::Next(next.to_vec())))
    }
}

struct Node {
    key: SigningKey,
    name: String,
    /// Adds one too many.
    miscounts: bool,
}

impl Node {
    fn new(seed: u8) -> Node {
        Node { key: SigningKey::from_seed([seed; 32]).unwrap(), name: format!("n{seed}"), miscounts: false }
    }

    fn id(&self) -> PublicKey {
        self.key.verifying_key().into()
    }

    fn make(&self, plan: &Plan, run_key: &RunKey, task: &Task) -> Made {
        let round = Round::new(plan, RUN.digest(), task.round, PIECES);
        let mut part = PartialTotals::zero(&round);
        let mut clamper = Clamper::new(plan);
        // What a unit adds depends on the state, as an iterative job's does.
        let value = 1.0 + task.state.first().map_or(0.0, |seen| seen.rem_euclid(3.0).floor());
        for bucket in task.first..=task.last {
            let mut units_here = part.bucket(bucket).unwrap();
            for unit in units(bucket) {
                let town = [KeyRef::Int(i64::from(unit.as_bytes()[unit.len() - 1] % 4))];
                let value = value + f64::from(u8::from(self.miscounts));
                let grain = clamper.clamp([RawContribution { output: 0, group: &town, values: &[value] }]);
                units_here.next(unit.as_bytes()).unwrap().add(grain);
            }
            units_here.finish(counted(bucket));
        }
        let state = state_digest(&task.state);
        let place =
            Place { first: task.first, last: task.last, node: self.id(), name: String::new(), attempt: task.attempt };
        let context = [state.as_bytes().as_slice(), self.id().as_bytes(), &task.attempt.to_be_bytes()].concat();
        let sealed = part.seal(&run_key.parts(&self.id()), &context).unwrap();
        let receipt = receipt_bytes(&LEAF, task.round, task.first, task.last, &state, &Digest::of(&sealed));
        let signature = STANDARD.encode(self.key.sign(&receipt).unwrap());
        let (build, walls) = (Digest::of(b"build"), BTreeMap::from([("seccomp".to_owned(), "holds".to_owned())]));
        Made { round: task.round, place, state, signature, build, walls, evidence: None, sealed }
    }
}

fn run_key() -> RunKey {
    RunKey::derive(&[4; 32], &LEAF)
}

/// Nodes and what is between them and the lab.
struct Lossy {
    plan: Plan,
    nodes: Vec<Node>,
    rng: ChaCha20Rng,
    /// Of 100 deliveries, how many go wrong.
    faults: u32,
    waiting: VecDeque<(u64, Back)>,
    /// What was delivered, to come again in other rounds.
    past: Vec<Back>,
}

impl Lossy {
    fn one_of(&mut self, hundred: u32) -> bool {
        self.rng.random_range(0..100) < hundred
    }
}

impl Courier for Lossy {
    fn send(&mut self, id: u64, task: Vec<u8>) -> Result<(), ClusterError> {
        let faults = self.faults;
        let mut task: Task = read_task(&run_key().tasks(), &task).unwrap();
        if self.one_of(faults / 4) {
            task.round = self.rng.random_range(0..ROUNDS);
        }
        if self.one_of(faults / 4) {
            task.state = vec![1.0];
        }
        let node = self.rng.random_range(0..self.nodes.len());
        let mut made = self.nodes[node].make(&self.plan, &run_key(), &task);
        if self.one_of(faults / 4) {
            // Said to be by somebody else, of other pieces, or cut off.
            match self.rng.random_range(0..4) {
                0 => made.place.node = self.nodes[(node + 1) % self.nodes.len()].id(),
                1 => (made.place.first, made.place.last) = (made.place.last, made.place.last),
                2 => made.sealed.truncate(self.rng.random_range(0..made.sealed.len())),
                _ => {
                    let at = self.rng.random_range(0..made.sealed.len());
                    made.sealed[at] ^= 1;
                }
            }
        }
        let mut answer = Answer::Made(made).to_bytes();
        if self.one_of(faults / 4) {
            answer.truncate(self.rng.random_range(0..answer.len()));
        }
        let back = if self.one_of(faults / 4) { Back::GivenUp("lost".into()) } else { Back::Answer(answer) };
        if !self.one_of(faults) {
            self.waiting.push_back((id, back.clone()));
        }
        for _ in 0..2 {
            if self.one_of(faults / 2) {
                self.waiting.push_back((self.rng.next_u64(), back.clone()));
            }
            if self.one_of(faults / 2) && !self.past.is_empty() {
                let old = self.past[self.rng.random_range(0..self.past.len())].clone();
                self.waiting.push_back((id, old));
            }
        }
        self.past.push(back);
        Ok(())
    }

    fn receive(&mut self, wait: Duration) -> Result<Option<(u64, Back)>, ClusterError> {
        if self.waiting.is_empty() {
            std::thread::sleep(wait);
            return Ok(None);
        }
        let at = if self.faults > 0 { self.rng.random_range(0..self.waiting.len()) } else { 0 };
        Ok(self.waiting.remove(at))
    }
}

/// The worker that adds up, on a thread.
fn merging(plan: Plan) -> Merging {
    let (from_lab, to_worker) = std::io::pipe().unwrap();
    let (from_worker, to_lab) = std::io::pipe().unwrap();
    std::thread::spawn(move || {
        let (mut from_lab, to_lab) = (from_lab, std::sync::Mutex::new(to_lab));
        let said = |frame: &[u8]| {
            let mut to = to_lab.lock().unwrap();
            // A lab that has given the run up listens no more.
            let _ = write_frame(&mut *to, frame).and_then(|()| to.flush());
        };
        let noise = NoiseKey::new([5; 32]);
        let seed = |round| noise.round_seed(&RUN, round);
        let expected = Expected::Each((0..PIECES).map(counted).collect());
        let rounds = Rounds { plan: &plan, guest: &Advancing, seed: &seed, expected };
        match add_up(rounds, &run_key(), &mut from_lab, &said) {
            Ok(outcome) => {
                let sealed = SealedRelease::seal(&plan, JobId(7), RUN.entry, &outcome.rounds, vec![]).unwrap();
                said(&serde_json::to_vec(&Message::Sealed).unwrap());
                said(&sealed.into_sealed_bytes(&[6; 32]));
            }
            Err(error) => said(&serde_json::to_vec(&Message::Failed(error.into())).unwrap()),
        }
    });
    Merging::over(to_worker, from_worker, [6; 32])
}

fn coordinate(courier: &mut dyn Courier, nodes: &[Node], spool: &Path) -> Result<(Digest, Receipts), Fault> {
    coordinate_late(courier, nodes, spool, Duration::from_millis(4))
}

fn coordinate_late(
    courier: &mut dyn Courier,
    nodes: &[Node],
    spool: &Path,
    late: Duration,
) -> Result<(Digest, Receipts), Fault> {
    let asking = Asking {
        orders: Digest::of(b"orders"),
        tasks_key: run_key().tasks(),
        run: LEAF,
        late,
        until: Instant::now() + Duration::from_secs(60),
        nodes: nodes.iter().map(|node| (node.id(), node.name.clone())).collect(),
        vouched: &|_, _, _| Ok(()),
    };
    let gatherer = Gatherer::new(courier, asking, Spool::open(spool).unwrap());
    let coordinator = Coordinator { gatherer, merging: merging(plan()), pieces: PIECES, together: 2 };
    coordinator.run(|_, _| ()).map(|(sealed, receipts)| (sealed.digest(), receipts))
}

fn lossy(nodes: Vec<Node>, faults: u32, seed: u64) -> Lossy {
    let rng = ChaCha20Rng::seed_from_u64(seed);
    Lossy { plan: plan(), nodes, rng, faults, waiting: VecDeque::new(), past: Vec::new() }
}

fn two() -> Vec<Node> {
    vec![Node::new(1), Node::new(2)]
}

fn check(receipts: &Receipts, nodes: &[Node]) {
    let run = OfRun { leaf: &LEAF, rounds: Some(ROUNDS), most_rounds: ROUNDS, pieces: PIECES };
    let verify = |key: &PublicKey, bytes: &[u8], signature: &str| {
        VerifyingKey::from(*key).verify(bytes, &STANDARD.decode(signature).unwrap_or_default()).is_ok()
    };
    receipts.check(&run, &|key| nodes.iter().any(|node| node.id() == *key), &verify).unwrap();
}

#[test]
fn whatever_is_lost_doubled_or_mixed_up_the_release_is_the_same() {
    let spool = tempfile::tempdir().unwrap();
    let (honest, _) = coordinate(&mut lossy(vec![Node::new(1)], 0, 0), &two()[..1], &spool.path().join("one")).unwrap();
    // Most of the time is waiting.
    std::thread::scope(|scope| {
        for tens in 0..20 {
            let (spool, honest) = (spool.path(), honest);
            scope.spawn(move || {
                for seed in 10 * tens..10 * (tens + 1) {
                    let mut courier = lossy(two(), 5 + (seed % 4) as u32 * 10, seed);
                    let (digest, receipts) = coordinate(&mut courier, &two(), &spool.join(seed.to_string()))
                        .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
                    assert_eq!(digest, honest, "seed {seed}");
                    check(&receipts, &two());
                }
            });
        }
    });
}

#[test]
fn a_coordinator_that_was_killed_goes_on_from_what_it_had() {
    /// Carries so many answers, and ends.
    struct Ending(Lossy, u32);

    impl Courier for Ending {
        fn send(&mut self, id: u64, task: Vec<u8>) -> Result<(), ClusterError> {
            self.0.send(id, task)
        }
        fn receive(&mut self, wait: Duration) -> Result<Option<(u64, Back)>, ClusterError> {
            self.1 = self.1.checked_sub(1).ok_or(ClusterError::Rubbish)?;
            self.0.receive(wait)
        }
    }

    let folder = tempfile::tempdir().unwrap();
    let (honest, _) = coordinate(&mut lossy(two(), 0, 0), &two(), &folder.path().join("whole")).unwrap();
    let mut asked = Vec::new();
    for answers in [0, 3, 5, 100] {
        let mut courier = Ending(lossy(two(), 0, 1), answers);
        let folder = folder.path().join("parted");
        let outcome = coordinate_late(&mut courier, &two(), &folder, Duration::from_secs(30));
        asked.push(courier.0.past.len());
        if let Ok((digest, receipts)) = outcome {
            assert_eq!(digest, honest);
            check(&receipts, &two());
        }
    }
    // Twelve parts in all: what was there before is not asked for again.
    assert_eq!(asked.last(), Some(&(12 - 3 - 5)), "{asked:?}");
}

#[test]
fn a_node_that_miscounts_is_found_out_and_named() {
    // Every task goes to both, one after the other.
    struct Both(Lossy);

    impl Courier for Both {
        fn send(&mut self, id: u64, task: Vec<u8>) -> Result<(), ClusterError> {
            let task: Task = read_task(&run_key().tasks(), &task).unwrap();
            for node in &self.0.nodes {
                let made = node.make(&self.0.plan, &run_key(), &task);
                self.0.waiting.push_back((id, Back::Answer(Answer::Made(made).to_bytes())));
            }
            Ok(())
        }
        fn receive(&mut self, wait: Duration) -> Result<Option<(u64, Back)>, ClusterError> {
            self.0.receive(wait)
        }
    }

    let folder = tempfile::tempdir().unwrap();
    let mut nodes = two();
    nodes[1].miscounts = true;
    let fault = coordinate(&mut Both(lossy(nodes, 0, 0)), &two(), folder.path()).unwrap_err().to_string();
    assert!(fault.contains("`n1`") && fault.contains("`n2`") && fault.contains("different totals"), "{fault}");
}

#[test]
fn what_never_comes_ends_the_run_in_a_sentence() {
    /// Whatever is sent, this comes back.
    struct Always(Option<Back>, VecDeque<u64>);

    impl Courier for Always {
        fn send(&mut self, id: u64, _: Vec<u8>) -> Result<(), ClusterError> {
            self.1.push_back(id);
            Ok(())
        }
        fn receive(&mut self, wait: Duration) -> Result<Option<(u64, Back)>, ClusterError> {
            if self.0.is_none() {
                std::thread::sleep(wait);
            }
            Ok(self.1.pop_front().zip(self.0.clone()))
        }
    }

    let folder = tempfile::tempdir().unwrap();
    let said = |back: Option<Back>| {
        coordinate(&mut Always(back, VecDeque::new()), &two(), folder.path()).unwrap_err().to_string()
    };
    let refused = Answer::Refused { node: "n1".into(), why: "another build".to_owned().into() }.to_bytes();
    assert!(said(Some(Back::Answer(refused))).ends_with("node `n1`: another build"));
    assert!(said(Some(Back::GivenUp("no slots".into()))).ends_with("the engine gave it up: no slots"));
    assert!(said(Some(Back::Answer(b"rubbish".to_vec()))).ends_with("what came back is no answer of a node"));
    assert!(said(None).ends_with("nobody has answered"));
    // A node that was never enrolled.
    let stranger = coordinate(&mut lossy(vec![Node::new(9)], 0, 0), &two(), folder.path()).unwrap_err().to_string();
    assert!(stranger.ends_with("what came back is not what was asked for"), "{stranger}");
}

/// One that was revoked, say: it is always free, and engines hand it most of what there is.
#[test]
fn a_node_that_refuses_whatever_it_gets_ends_no_run_that_others_carry() {
    struct WithOneThatRefuses(Lossy, VecDeque<u64>);

    impl Courier for WithOneThatRefuses {
        fn send(&mut self, id: u64, task: Vec<u8>) -> Result<(), ClusterError> {
            let (asked, attempt) = (id & 0xff_ffff, id >> 24 & 0xff);
            if asked == 0 || attempt >= 15 {
                return self.0.send(id, task);
            }
            self.1.push_back(id);
            Ok(())
        }
        fn receive(&mut self, wait: Duration) -> Result<Option<(u64, Back)>, ClusterError> {
            let refused = Answer::Refused { node: "sold".into(), why: "revoked".to_owned().into() };
            // The others are slower, and are there.
            let wait = if self.1.is_empty() { wait } else { Duration::ZERO };
            let back = self.0.receive(wait)?;
            Ok(back.or_else(|| Some((self.1.pop_front()?, Back::Answer(refused.to_bytes())))))
        }
    }

    let folder = tempfile::tempdir().unwrap();
    let mut courier = WithOneThatRefuses(lossy(two(), 0, 0), VecDeque::new());
    check(&coordinate(&mut courier, &two(), folder.path()).unwrap().1, &two());
}

#[test]
fn a_task_opens_with_the_key_of_its_run_only() {
    let task = Task { round: 1, first: 2, last: 3, attempt: 0, state: vec![0.5] };
    let bytes = write_task(&Digest::of(b"orders"), &[1; 32], serde_json::to_vec(&task).unwrap()).unwrap();
    let read = |key: u8, bytes: &[u8]| read_task::<Task>(&[key; 32], bytes);
    assert_eq!(read(1, &bytes).unwrap(), task);
    assert!(read(2, &bytes).is_err());
    for at in 0..bytes.len() {
        let mut bent = bytes.clone();
        bent[at] ^= 1;
        assert!(read(1, &bent).is_err(), "byte {at}");
    }
}
