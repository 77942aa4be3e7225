//! Asks for each piece of each round until it is there, and has each added up once.
//!
//! Whoever carries may lose, repeat, delay and reorder: what is late is asked for again, what comes twice is compared by
//! the worker that adds up, what does not open in its place is dropped. A few parts are asked for twice on
//! purpose, so that a machine that miscounts is found out.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use unseen_core::release::SealedRelease;
use unseen_ids::{Digest, PublicKey, sha256};
use unseen_policies::receipts::{NodeSaid, Receipt, Receipts, VERSION, receipt_bytes};
use unseen_texts::{Sentence, say, text};
use unseen_tlog::VerifyingKey;
use unseen_worker::merging::{Merging, Step, Taken};
use unseen_worker::process::Fault;
use unseen_worker::spread::{Place, Task, state_digest};
use zeroize::Zeroizing;

use crate::answer::{Answer, Made, write_task};
use crate::courier::{Back, Courier};
use crate::error::ClusterError;
pub use crate::spool::Spool;

/// What a run is spread by.
pub struct Coordinator<'a> {
    /// Who carries.
    pub courier: &'a mut dyn Courier,
    /// Who adds up.
    pub merging: Merging,
    /// What the nodes are told of the run.
    pub orders: Digest,
    /// Seals tasks.
    pub tasks_key: Zeroizing<[u8; 32]>,
    /// Leaf hash of the entry that started the run.
    pub run: Digest,
    /// Buckets, or blocks.
    pub pieces: u32,
    /// How many of them make a task.
    pub together: u32,
    /// When a task is late: see [`crate::config::Cluster::late_seconds`].
    pub late: Duration,
    /// From when on nothing is asked for any more.
    pub until: Instant,
    /// The enrolled nodes, with their names.
    pub nodes: BTreeMap<PublicKey, String>,
    /// What was accepted before.
    pub spool: Spool,
}

/// How often a part is asked for.
const ATTEMPTS: u32 = 24;
/// How often nodes may refuse it. One that refuses is soon free for more, and so is asked more often than others.
const REFUSALS: u32 = 12;
/// One part in so many is asked for twice on purpose.
const TWICE: u16 = 100;

/// One part of the round at hand.
struct Part {
    first: u32,
    last: u32,
    attempts: u32,
    refusals: u32,
    /// When it is asked for again.
    due: Instant,
    taken: bool,
    /// It is asked for twice on purpose, and the second answer is not there.
    awaited: bool,
}

/// The round at hand.
struct Round {
    number: u32,
    state: Vec<f64>,
    digest: Digest,
    parts: Vec<Part>,
    /// How long parts took.
    took: Vec<Duration>,
    /// Why parts did not come, as was said last.
    why: Option<Sentence>,
}

impl Coordinator<'_> {
    /// Carries out all rounds. `progress` is told how many parts of how many are there.
    ///
    /// # Errors
    /// Parts did not come, or two nodes came to different totals, or the job's `advance` failed. Inside text.
    pub fn run(mut self, mut progress: impl FnMut(u32, u32)) -> Result<(SealedRelease, Receipts), Fault> {
        let mut receipts = Receipts { version: VERSION, pieces: self.pieces, nodes: Vec::new(), parts: Vec::new() };
        let mut said: BTreeMap<PublicKey, NodeSaid> = BTreeMap::new();
        let mut sent = HashMap::new();
        loop {
            match self.merging.step()? {
                Step::Sealed(sealed) => {
                    receipts.parts.sort_by_key(|part| (part.round, part.first));
                    receipts.nodes = said.into_values().collect();
                    return Ok((sealed, receipts));
                }
                Step::Round { number, state } => {
                    let mut round = Round::new(number, state, self.pieces, self.together);
                    let mut keep = |made: &Made| {
                        receipts.parts.push(receipt(made));
                        let (key, build, walls) = (made.place.node, made.build, made.walls.clone());
                        said.insert(key, NodeSaid { key, build, walls });
                    };
                    self.gather(&mut round, &mut sent, &mut keep, &mut progress)?;
                    self.merging.close()?;
                }
            }
        }
    }

    fn gather(
        &mut self,
        round: &mut Round,
        sent: &mut HashMap<u64, (u32, usize, Instant)>,
        keep: &mut dyn FnMut(&Made),
        progress: &mut dyn FnMut(u32, u32),
    ) -> Result<(), Fault> {
        for made in self.spool.round(round.number) {
            self.hand_in(round, made, true, keep)?;
        }
        for at in 0..round.parts.len() {
            if !round.parts[at].taken {
                self.send(round, at, sent)?;
                if twice(&self.run, round.number, round.parts[at].first) {
                    round.parts[at].awaited = true;
                    self.send(round, at, sent)?;
                }
            }
        }
        loop {
            let here = round.parts.iter().filter(|part| part.taken).count();
            progress(here as u32, round.parts.len() as u32);
            let now = Instant::now();
            // A second answer is waited for as long as a first one is, and no longer.
            let open = |part: &Part| !part.taken || (part.awaited && part.due > now);
            let Some(due) = round.parts.iter().filter(|part| open(part)).map(|part| part.due).min() else {
                return Ok(());
            };
            for at in 0..round.parts.len() {
                if !round.parts[at].taken && round.parts[at].due <= now {
                    self.send(round, at, sent)?;
                }
            }
            let wait = due.saturating_duration_since(now).clamp(Duration::from_millis(1), Duration::from_secs(1));
            let Some((id, back)) = self.courier.receive(wait).map_err(fault)? else { continue };
            let asked = sent.remove(&id).filter(|(number, ..)| *number == round.number);
            let mut refused = 0;
            let why = match back {
                Back::Answer(bytes) => match Answer::parse(&bytes) {
                    Some(Answer::Made(made)) => {
                        let took = asked.map(|(_, _, since)| since.elapsed());
                        match self.hand_in(round, made, false, keep)? {
                            true => {
                                round.took.extend(took);
                                continue;
                            }
                            false => text!("what came back is not what was asked for", "返回的内容与请求不符").into(),
                        }
                    }
                    Some(Answer::Refused { node, why }) => {
                        refused = 1;
                        say!("node `{node}`: {why}", "节点 `{node}`：{why}")
                    }
                    None => text!("what came back is no answer of a node", "返回的不是节点的应答").into(),
                },
                Back::GivenUp(why) => say!("the engine gave it up: {why}", "引擎放弃了任务：{why}"),
            };
            round.why = Some(why);
            if let Some((_, at, _)) = asked {
                // Soon, and ever later, so that what cannot be done is not asked for in a whirl.
                let part = &mut round.parts[at];
                part.refusals += refused;
                let pause = self.late.min(Duration::from_millis(200) * (1 << part.attempts.min(6)));
                part.due = part.due.min(now + pause);
            }
        }
    }

    /// Sends a part, for the first time or again.
    fn send(
        &mut self,
        round: &mut Round,
        at: usize,
        sent: &mut HashMap<u64, (u32, usize, Instant)>,
    ) -> Result<(), Fault> {
        let late = round.late(self.late);
        let part = &mut round.parts[at];
        if part.attempts >= ATTEMPTS || part.refusals >= REFUSALS || Instant::now() > self.until {
            let why = round.why.clone().unwrap_or_else(|| text!("nobody has answered", "没有任何应答").into());
            return Err(Fault::Lab(say!(
                "buckets or blocks {first} to {last} of round {round} did not come in {attempts} attempts: {why}",
                "第 {round} 轮的分桶或分块 {first} 至 {last} 尝试 {attempts} 次仍未得到：{why}",
                attempts = part.attempts,
                first = part.first,
                last = part.last,
                round = round.number
            )));
        }
        let (first, last, attempt) = (part.first, part.last, part.attempts);
        let task = Task { round: round.number, first, last, attempt, state: round.state.clone() };
        let id = sent.len() as u64 + u64::from(round.number) * (1 << 32) + u64::from(attempt) * (1 << 24);
        let id = (id..).find(|id| !sent.contains_key(id)).unwrap_or(id);
        sent.insert(id, (round.number, at, Instant::now()));
        part.attempts += 1;
        part.due = Instant::now() + late * (1 << attempt.min(5));
        let task = write_task(&self.orders, &self.tasks_key, &task).map_err(fault)?;
        self.courier.send(id, task).map_err(fault)
    }

    /// Has a part added up, if it is one of this round by an enrolled node; whether it was of any use.
    fn hand_in(
        &mut self,
        round: &mut Round,
        made: Made,
        spooled: bool,
        keep: &mut dyn FnMut(&Made),
    ) -> Result<bool, Fault> {
        let Some(name) = self.nodes.get(&made.place.node) else { return Ok(false) };
        let asked = |part: &&mut Part| (part.first, part.last) == (made.place.first, made.place.last);
        let Some(part) = round.parts.iter_mut().find(asked) else { return Ok(false) };
        let of_this_round = made.round == round.number && made.state == round.digest;
        if !of_this_round || !is_signed(&self.run, &made) {
            return Ok(false);
        }
        let place = Place { name: name.clone(), ..made.place.clone() };
        match self.merging.give(&place, &made.sealed)? {
            Taken::New => {
                part.taken = true;
                keep(&made);
                if !spooled {
                    self.spool.keep(made).map_err(fault)?;
                }
            }
            // Twice the same, wanted or not.
            Taken::Same => part.awaited = false,
            Taken::Refused => return Ok(false),
        }
        Ok(true)
    }
}

impl Round {
    fn new(number: u32, state: Vec<f64>, pieces: u32, together: u32) -> Round {
        let part = |first: u32| Part {
            first,
            last: first.saturating_add(together.max(1) - 1).min(pieces.saturating_sub(1)),
            attempts: 0,
            refusals: 0,
            due: Instant::now(),
            taken: false,
            awaited: false,
        };
        let parts = (0..pieces).step_by(together.max(1) as usize).map(part).collect();
        Round { number, digest: state_digest(&state), state, parts, took: Vec::new(), why: None }
    }

    /// From when on a part is late: after three times as long as half of the others took.
    fn late(&mut self, least: Duration) -> Duration {
        self.took.sort_unstable();
        let median = self.took.get(self.took.len() / 2).copied().unwrap_or_default();
        least.max(3 * median)
    }
}

/// Whether a part is asked for twice on purpose: known to nobody who has not the run's leaf, and the same when the run
/// is resumed.
fn twice(run: &Digest, round: u32, first: u32) -> bool {
    let hash = sha256(&[b"unseen twice v1", run.as_bytes(), &round.to_be_bytes(), &first.to_be_bytes()]);
    u16::from_be_bytes([hash[0], hash[1]]).is_multiple_of(TWICE)
}

fn is_signed(run: &Digest, made: &Made) -> bool {
    let Place { first, last, node, .. } = &made.place;
    let bytes = receipt_bytes(run, made.round, *first, *last, &made.state, &Digest::of(&made.sealed));
    let signature = STANDARD.decode(&made.signature).unwrap_or_default();
    VerifyingKey::from(*node).verify(&bytes, &signature).is_ok()
}

fn receipt(made: &Made) -> Receipt {
    let Place { first, last, node, .. } = made.place.clone();
    let (ciphertext, signature) = (Digest::of(&made.sealed), made.signature.clone());
    Receipt { round: made.round, first, last, state: made.state, ciphertext, node, signature }
}

fn fault(error: ClusterError) -> Fault {
    Fault::Lab(Sentence::of(&error))
}
