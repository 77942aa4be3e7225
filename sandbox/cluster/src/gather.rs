//! Asks for each part of a round until it is there, and has each taken once.
//!
//! Whoever carries may lose, repeat, delay and reorder: what is late is asked for again, what comes twice is compared,
//! what does not open in its place is dropped. A few parts are asked for twice on purpose, so that a machine that
//! miscounts is found out.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use unseen_ids::{Digest, PublicKey, sha256};
use unseen_policies::receipts::receipt_bytes;
use unseen_texts::{Sentence, Text, say, text};
use unseen_tlog::VerifyingKey;
use unseen_worker::process::Fault;
use unseen_worker::spread::Place;
use zeroize::Zeroizing;

use crate::answer::{Answer, Made, write_task};
use crate::courier::{Back, Courier};
use crate::error::ClusterError;
use crate::spool::Spool;

/// Asks nodes for parts, by way of a courier.
pub struct Gatherer<'a> {
    courier: &'a mut dyn Courier,
    asking: Asking<'a>,
    spool: Spool,
    /// The evidence that each node's machine is vouched for by.
    known: BTreeMap<PublicKey, Option<String>>,
    /// Whoever has answered, by the digest of the name that was given.
    heard: BTreeSet<Digest>,
    /// What was asked for and is not answered: the round, the part, and when.
    sent: HashMap<u64, (u32, usize, Instant)>,
    /// What was asked for, answered or not: no task has the number of another.
    asked: u64,
}

/// For what nodes are asked, and which.
pub struct Asking<'a> {
    /// What the nodes are told of the run or import.
    pub orders: Digest,
    /// Seals tasks.
    pub tasks_key: Zeroizing<[u8; 32]>,
    /// Leaf hash of the entry that started the run; the number of the import.
    pub run: Digest,
    /// When a task is late: see [`crate::config::Cluster::late_seconds`].
    pub late: Duration,
    /// From when on nothing is asked for any more.
    pub until: Instant,
    /// The enrolled nodes, with their names.
    pub nodes: BTreeMap<PublicKey, String>,
    /// Whether the machine of a node of this name and key is vouched for, by the evidence that it gives.
    pub vouched: &'a Vouched<'a>,
}

/// Asked of a node's name, key and evidence.
pub type Vouched<'v> = dyn Fn(&str, &PublicKey, Option<&str>) -> Result<(), Sentence> + 'v;

/// Who makes something of the parts.
pub trait Taker {
    /// What its pieces are called.
    fn pieces(&self) -> Text;

    /// The task for these pieces, in JSON.
    fn task(&self, first: u32, last: u32, attempt: u32) -> Result<Vec<u8>, ClusterError>;

    /// Takes a part that was signed by the node of its place, which is vouched for. One that was there already is compared.
    ///
    /// # Errors
    /// Two nodes came to different results for the same pieces, and the like: all is over.
    fn take(&mut self, place: &Place, made: &Made) -> Result<Got, Fault>;
}

/// What became of a part.
pub enum Got {
    /// It was missing, and is there now.
    New,
    /// It was there already, the same.
    Same,
    /// It is of no use: not what was asked for, or for this reason.
    Refused(Option<Sentence>),
}

/// A round, cut into parts.
pub struct Round {
    /// From 0.
    pub number: u32,
    /// Tells parts of one state from those of another.
    pub state: Digest,
    parts: Vec<Part>,
    /// How long parts took.
    took: Vec<Duration>,
    /// Why parts did not come, as was said last.
    why: Option<Sentence>,
}

/// How often a part is asked for without an answer.
const ATTEMPTS: u32 = 24;
/// How often a part may be refused, where all who have ever answered refuse it and nobody is at work.
const REFUSALS: u32 = 12;
/// How often it may be refused otherwise. A node that refuses is soon free for more, and engines hand it more than
/// others.
const MOST_REFUSALS: u32 = 100;
/// No longer pause is made because of refusals.
const PAUSE: Duration = Duration::from_secs(5);
/// One part in so many is asked for twice on purpose.
const TWICE: u16 = 100;

/// One part of the round at hand.
struct Part {
    first: u32,
    last: u32,
    attempts: u32,
    refusals: u32,
    refused_by: BTreeSet<Digest>,
    /// When it is asked for again.
    due: Instant,
    taken: bool,
    /// It is asked for twice on purpose, and the second answer is not there.
    awaited: bool,
}

impl<'a> Gatherer<'a> {
    /// `spool` has what was accepted before.
    pub fn new(courier: &'a mut dyn Courier, asking: Asking<'a>, spool: Spool) -> Gatherer<'a> {
        Gatherer {
            courier,
            asking,
            spool,
            known: BTreeMap::new(),
            heard: BTreeSet::new(),
            sent: HashMap::new(),
            asked: 0,
        }
    }

    /// Gathers all parts of a round. `progress` is told how many parts of how many are there.
    ///
    /// # Errors
    /// Parts did not come, or the taker ended it. Inside text.
    pub fn gather(
        &mut self,
        round: &mut Round,
        taker: &mut dyn Taker,
        progress: &mut dyn FnMut(u32, u32),
    ) -> Result<(), Fault> {
        for made in self.spool.round(round.number) {
            self.hand_in(round, made, true, taker)?;
        }
        for at in 0..round.parts.len() {
            if !round.parts[at].taken {
                self.send(round, at, taker)?;
                if twice(&self.asking.run, round.number, round.parts[at].first) {
                    round.parts[at].awaited = true;
                    self.send(round, at, taker)?;
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
                    self.send(round, at, taker)?;
                }
            }
            let wait = due.saturating_duration_since(now).clamp(Duration::from_millis(1), Duration::from_secs(1));
            let Some((id, back)) = self.courier.receive(wait).map_err(fault)? else { continue };
            let asked = self.sent.remove(&id).filter(|(number, ..)| *number == round.number);
            let mut refused_by = None;
            let why = match back {
                Back::Answer(bytes) => match Answer::parse(&bytes) {
                    Some(Answer::Made(made)) => {
                        let name = Digest::of(made.place.name.as_bytes());
                        self.heard.insert(name);
                        let took = asked.map(|(_, _, since)| since.elapsed());
                        match self.hand_in(round, made, false, taker)? {
                            Got::Refused(Some(why)) => {
                                refused_by = Some(name);
                                why
                            }
                            Got::Refused(None) => {
                                text!("what came back is not what was asked for", "返回的内容与请求不符").into()
                            }
                            Got::New | Got::Same => {
                                round.took.extend(took);
                                continue;
                            }
                        }
                    }
                    Some(Answer::Refused { node, why }) => {
                        let name = Digest::of(node.as_bytes());
                        self.heard.insert(name);
                        refused_by = Some(name);
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
                part.refusals += u32::from(refused_by.is_some());
                part.refused_by.extend(refused_by);
                let pause = PAUSE.min(Duration::from_millis(200) * (1 << part.attempts.min(6)));
                part.due = part.due.min(now + pause.min(self.asking.late));
            }
        }
    }

    /// Sends a part, for the first time or again.
    fn send(&mut self, round: &mut Round, at: usize, taker: &dyn Taker) -> Result<(), Fault> {
        let late = round.late(self.asking.late);
        let part = &mut round.parts[at];
        let at_work = |(number, _, since): &(u32, usize, Instant)| *number == round.number && since.elapsed() < late;
        let by_all = part.refused_by.is_superset(&self.heard) && !self.sent.values().any(at_work);
        let refusals = if by_all { REFUSALS } else { MOST_REFUSALS };
        let given_up = part.refusals >= refusals || part.attempts - part.refusals >= ATTEMPTS;
        if given_up || Instant::now() > self.asking.until {
            let why = round.why.clone().unwrap_or_else(|| text!("nobody has answered", "没有任何应答").into());
            return Err(Fault::Lab(say!(
                "{pieces} {first} to {last} of round {round} did not come in {attempts} attempts: {why}",
                "第 {round} 轮的{pieces} {first} 至 {last} 尝试 {attempts} 次仍未得到：{why}",
                pieces = taker.pieces(),
                attempts = part.attempts,
                first = part.first,
                last = part.last,
                round = round.number
            )));
        }
        let (first, last, attempt) = (part.first, part.last, part.attempts);
        // Round and attempt are read from it by whoever watches a courier, in tests.
        let id = u64::from(round.number) << 32 | u64::from(attempt & 0xff) << 24 | self.asked & 0xff_ffff;
        self.asked += 1;
        self.sent.insert(id, (round.number, at, Instant::now()));
        part.attempts += 1;
        part.due = Instant::now() + late * (1 << attempt.min(5));
        let task = taker
            .task(first, last, attempt)
            .and_then(|task| write_task(&self.asking.orders, &self.asking.tasks_key, task));
        let task = task.map_err(fault)?;
        self.courier.send(id, task).map_err(fault)
    }

    /// Has a part taken, if it is one of this round by an enrolled node whose machine is vouched for.
    fn hand_in(&mut self, round: &mut Round, made: Made, spooled: bool, taker: &mut dyn Taker) -> Result<Got, Fault> {
        let nothing = Ok(Got::Refused(None));
        let Some(name) = self.asking.nodes.get(&made.place.node) else { return nothing };
        let asked = |part: &&mut Part| (part.first, part.last) == (made.place.first, made.place.last);
        let Some(part) = round.parts.iter_mut().find(asked) else { return nothing };
        let of_this_round = made.round == round.number && made.state == round.state;
        if !of_this_round || !is_signed(&self.asking.run, &made) {
            return nothing;
        }
        // What is known to hold is not verified again for each part.
        if self.known.get(&made.place.node) != Some(&made.evidence) {
            if let Err(why) = (self.asking.vouched)(name, &made.place.node, made.evidence.as_deref()) {
                return Ok(Got::Refused(Some(why)));
            }
            self.known.insert(made.place.node, made.evidence.clone());
        }
        let place = Place { name: name.clone(), ..made.place.clone() };
        let got = taker.take(&place, &made)?;
        match got {
            Got::New => {
                part.taken = true;
                if !spooled {
                    self.spool.keep(made).map_err(fault)?;
                }
            }
            // Twice the same, wanted or not.
            Got::Same => part.awaited = false,
            Got::Refused(_) => {}
        }
        Ok(got)
    }
}

impl Round {
    /// Of so many pieces, so many of them to a part.
    pub fn new(number: u32, state: Digest, pieces: u32, together: u32) -> Round {
        let part = |first: u32| Part {
            first,
            last: first.saturating_add(together.max(1) - 1).min(pieces.saturating_sub(1)),
            attempts: 0,
            refusals: 0,
            refused_by: BTreeSet::new(),
            due: Instant::now(),
            taken: false,
            awaited: false,
        };
        let parts = (0..pieces).step_by(together.max(1) as usize).map(part).collect();
        Round { number, state, parts, took: Vec::new(), why: None }
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

fn fault(error: ClusterError) -> Fault {
    Fault::Lab(Sentence::of(&error))
}
