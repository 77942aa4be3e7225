//! Asking witnesses.
//!
//! Nothing that a witness answers is believed: a cosignature counts if the witness's key has made it
//! for this very checkpoint, and its time is not in the future. So plain HTTP is as good as HTTPS here,
//! except that others can listen. What a witness says it has cosigned before is a matter for people: see
//! [`Refusal::is_alarm`].

use crate::{canonical_u64, decide::Request, origin_hash};
use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant},
};
use unseen_texts::{Say, Sentence, text};
use unseen_tlog::{
    cosignature::WitnessKey,
    merkle::Proof,
    note::{Checkpoint, Note, NoteError, NoteKey, Signature},
};
use ureq::{
    Agent,
    tls::{RootCerts, TlsConfig, TlsProvider},
};

/// How long to wait for a witness by default.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// How many seconds a witness's clock may be ahead of ours.
pub const MAX_AHEAD: u64 = 300;

/// How long to wait for the remaining witnesses once there are enough: one of them may raise an alarm.
const GRACE: Duration = Duration::from_secs(1);

/// The longest answer that is read, in bytes: a note with its signatures, or a few cosignatures.
const MAX_ANSWER: u64 = 128 << 10;

/// A witness to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its name and key, from its operator and not from the network.
    pub witness: WitnessKey,
    /// Its submission prefix, `http://` or `https://`, to which `/add-checkpoint` is added.
    pub url: String,
    /// The size it cosigned last for this log, as far as is known; 0 will do.
    pub known: u64,
}

/// What witnesses answered.
#[derive(Debug, Default)]
pub struct Gathered {
    /// True cosignatures, each of another key.
    pub cosignatures: Vec<Cosignature>,
    /// The names of the other witnesses, and why each has not cosigned.
    pub refusals: Vec<(String, Refusal)>,
}

/// A witness's true cosignature on the checkpoint that it was asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    /// The line to add to the checkpoint.
    pub line: Signature,
    /// The witness's name.
    pub name: String,
    /// The time it states, in seconds since 1970.
    pub time: u64,
}

impl Gathered {
    /// Whether there are as many cosignatures as were asked for.
    pub fn reaches(&self, quorum: usize) -> bool {
        self.cosignatures.len() >= quorum
    }

    /// The refusals that speak of another history than this log's.
    pub fn alarms(&self) -> impl Iterator<Item = &(String, Refusal)> {
        self.refusals.iter().filter(|(_, refusal)| refusal.is_alarm())
    }
}

/// Why a witness has not cosigned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Say)]
#[code("witness-answer")]
pub enum Refusal {
    /// It has cosigned a larger tree than this log has.
    #[error(
        "ROLLBACK: it has cosigned {size} entries of this log, more than there are here: restore the newer copy, and \
         see whether two logs share one key"
    )]
    #[zh("日志回退：它已联署此日志的 {size} 条，比这里的多：请恢复较新的副本，并查看是否有两个日志共用一个密钥")]
    Ahead {
        /// The size it cosigned last.
        size: u64,
    },
    /// It has cosigned another tree than this log grew from.
    #[error("FORK: the {size} entries of this log that it has cosigned are not the ones here: keep both as evidence")]
    #[zh("日志分叉：它所联署的此日志的 {size} 条与这里的不同：请把两者都留作证据")]
    Fork {
        /// The size it cosigned last.
        size: u64,
    },
    /// It went on to another size while it was being asked.
    #[error("it has just cosigned {size} entries for somebody else: ask again")]
    #[zh("它刚刚为别的请求联署了 {size} 条：请再问一次")]
    Busy {
        /// The size it cosigned last.
        size: u64,
    },
    /// It does not follow this log.
    #[error("it does not follow this log: its operator has to add it, under the origin of the checkpoint")]
    #[zh("它没有跟踪此日志：请其运行管理员按检查点中的日志名称添加")]
    UnknownLog,
    /// It knows the log under another key.
    #[error("it knows this log under another key: its operator has to add the new one")]
    #[zh("它所知的此日志密钥不同：请其运行管理员添加新密钥")]
    WrongKey,
    /// A cosignature with a time that has not come.
    #[error("its cosignature has the time {time}, which is to come: one of the two clocks is wrong")]
    #[zh("其联署时间 {time} 尚未到来：两个时钟必有一个不准")]
    Future {
        /// Seconds since 1970.
        time: u64,
    },
    /// A success without a true cosignature.
    #[error("it answered without a true cosignature of its key: {0}")]
    #[zh("它的应答中没有其密钥的真实联署：{0}")]
    Untrue(NoteError),
    /// An answer that the protocol does not have.
    #[error("it answered with the status {status}: {text:?}")]
    #[zh("它的应答状态为 {status}：{text:?}")]
    Answer {
        /// The HTTP status.
        status: u16,
        /// The beginning of what it said.
        text: String,
    },
    /// No answer.
    #[error("it cannot be reached: {0}")]
    #[zh("无法连接到它：{0}")]
    Unreachable(Sentence),
    /// No answer in time.
    #[error("it did not answer in time")]
    #[zh("它没有按时应答")]
    Late,
    /// This side could not prove what it asked for.
    #[error("it was not asked: the log cannot prove that it grew from its first {old} entries: {why}")]
    #[zh("没有询问它：日志无法证明自己由最初的 {old} 条增长而来：{why}")]
    NoProof {
        /// The old size.
        old: u64,
        /// Why.
        why: Sentence,
    },
    /// The same key was given twice, and counts once.
    #[error("it was asked already: two witnesses have one key")]
    #[zh("它已被询问过：两个见证方使用同一密钥")]
    Twice,
}

impl Refusal {
    /// Whether the witness speaks of another history than this log's, which somebody has to look into.
    /// A witness may say so falsely, but [`latest`] makes it prove what it says.
    pub fn is_alarm(&self) -> bool {
        matches!(self, Refusal::Ahead { .. } | Refusal::Fork { .. })
    }
}

/// Asks all of these witnesses at once to cosign a checkpoint, and waits for each of them no longer
/// than `timeout`; once `quorum` have signed, only a second more for the others. One whose cosignature
/// is on the note already is asked too, since it may know of a larger tree; its answer is then
/// the line that is there.
///
/// `prove` gives the proof that the log's first `old` entries are a prefix of the checkpoint's; it is
/// called in this thread, once for each size. `now` is the time in seconds since 1970.
pub fn gather<E: Say>(
    targets: &[Target],
    note: &Note,
    prove: &dyn Fn(u64) -> Result<Proof, E>,
    quorum: usize,
    timeout: Duration,
    now: u64,
) -> Result<Gathered, NoteError> {
    let size = Checkpoint::parse(note.text())?.size;
    let mut deadline = Instant::now() + timeout;
    let (say, said) = mpsc::channel();
    let mut gathered = Gathered::default();
    let mut open = BTreeMap::new();
    let mut keys = HashSet::new();
    for (index, target) in targets.iter().enumerate() {
        if !keys.insert(*target.witness.key()) {
            gathered.refusals.push((target.witness.name().to_owned(), Refusal::Twice));
            continue;
        }
        let (give, given) = mpsc::channel();
        open.insert(index, give);
        let conversation = Conversation {
            agent: agent(timeout),
            target: target.clone(),
            note: note.clone(),
            size,
            now,
            prover: Prover { index, say: say.clone(), given },
        };
        thread::spawn(move || conversation.run());
    }
    drop(say);

    let mut proofs: BTreeMap<u64, Result<Arc<Proof>, Refusal>> = BTreeMap::new();
    while !open.is_empty() {
        let (index, message) = match said.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        };
        match message {
            Said::Prove(old) => {
                let proof = proofs.entry(old).or_insert_with(|| match prove(old) {
                    Ok(proof) => Ok(Arc::new(proof)),
                    Err(why) => Err(Refusal::NoProof { old, why: Sentence::of(&why) }),
                });
                if let Some(give) = open.get(&index) {
                    // One that has given up does not listen.
                    let _heard_or_not = give.send(proof.clone());
                }
            }
            Said::Done(verdict) => {
                open.remove(&index);
                match verdict {
                    Ok(cosignature) => gathered.cosignatures.push(cosignature),
                    Err(refusal) => gathered.refusals.push((targets[index].witness.name().to_owned(), refusal)),
                }
                if gathered.reaches(quorum) {
                    deadline = deadline.min(Instant::now() + GRACE);
                }
            }
        }
    }
    let late = open.into_keys().map(|index| (targets[index].witness.name().to_owned(), Refusal::Late));
    gathered.refusals.extend(late);
    Ok(gathered)
}

/// What a witness has cosigned last of the log that has these keys, which share one name; none if it
/// has cosigned nothing or does not follow it. Both the log's signature and the witness's are checked,
/// so an answer proves that the log once was as large. The last part is the time of the cosignature.
pub fn latest(
    witness: &WitnessKey,
    url: &str,
    log: &[NoteKey],
    timeout: Duration,
) -> Result<Option<(Note, Checkpoint, u64)>, Refusal> {
    let Some(origin) = log.first().map(NoteKey::name) else {
        return Err(Refusal::UnknownLog);
    };
    let url = format!("{}/{}/checkpoint", url.trim_end_matches('/'), origin_hash(origin));
    let answer = read(agent(timeout).get(&url).call())?;
    match answer.status {
        200 => {}
        404 => return Ok(None),
        _ => return Err(answer.unexpected()),
    }
    let open = || {
        let note = Note::parse(&answer.body)?;
        let mut verdicts = log.iter().map(|key| Checkpoint::open(&note, key));
        let opened = verdicts.find(|verdict| !matches!(verdict, Err(NoteError::Unsigned(_))));
        let checkpoint = opened.unwrap_or_else(|| Err(NoteError::Unsigned(origin.to_owned())))?;
        let time = witness.verify(&note)?;
        Ok((note, checkpoint, time))
    };
    open().map(Some).map_err(Refusal::Untrue)
}

/// What a conversation says to the thread that began it, with the number of its witness.
enum Said {
    Prove(u64),
    Done(Result<Cosignature, Refusal>),
}

struct Conversation {
    agent: Agent,
    target: Target,
    note: Note,
    size: u64,
    now: u64,
    prover: Prover,
}

struct Prover {
    index: usize,
    say: Sender<(usize, Said)>,
    given: Receiver<Result<Arc<Proof>, Refusal>>,
}

impl Prover {
    fn prove(&self, old: u64) -> Result<Arc<Proof>, Refusal> {
        let asked = self.say.send((self.index, Said::Prove(old)));
        asked.map_err(|_| Refusal::Late)?;
        self.given.recv().map_err(|_| Refusal::Late)?
    }
}

impl Conversation {
    fn run(self) {
        let verdict = self.cosign();
        let _heard_or_late = self.prover.say.send((self.prover.index, Said::Done(verdict)));
    }

    fn cosign(&self) -> Result<Cosignature, Refusal> {
        // What is known may be of a copy that was larger: then the witness is to say it itself.
        let known = self.target.known;
        let mut old = if known <= self.size { known } else { 0 };
        let mut answer = self.ask(old)?;
        if let Some(size) = answer.size().filter(|size| *size != old && *size <= self.size) {
            old = size;
            answer = self.ask(old)?;
        }
        match answer.status {
            200 => self.verify(&answer),
            409 => Err(match answer.size() {
                Some(size) if size > self.size => Refusal::Ahead { size },
                Some(size) if size != old => Refusal::Busy { size },
                Some(size) if size == self.size => Refusal::Fork { size },
                _ => answer.unexpected(),
            }),
            422 if old > 0 => Err(Refusal::Fork { size: old }),
            403 => Err(Refusal::WrongKey),
            404 => Err(Refusal::UnknownLog),
            _ => Err(answer.unexpected()),
        }
    }

    fn ask(&self, old: u64) -> Result<Answer, Refusal> {
        let proof = self.prover.prove(old)?;
        let url = format!("{}/add-checkpoint", self.target.url.trim_end_matches('/'));
        read(self.agent.post(&url).send(Request::body(old, &proof, &self.note)))
    }

    fn verify(&self, answer: &Answer) -> Result<Cosignature, Refusal> {
        let text = std::str::from_utf8(&answer.body);
        let text = text.map_err(|_| Refusal::Untrue(NoteError::Malformed(text!("it is not UTF-8", "不是 UTF-8"))))?;
        // Lines of other keys may come with it. One that cannot be read is not a line of this key.
        let lines = text.lines().filter_map(|line| Signature::parse(line).ok());
        let cosignature = self.own(lines).map_err(Refusal::Untrue)?;
        let time = cosignature.time;
        if time > self.now.saturating_add(MAX_AHEAD) {
            return Err(Refusal::Future { time });
        }
        // A note with two lines of one key would be refused by all who verify it.
        Ok(self.own(self.note.signatures().iter().cloned()).unwrap_or(cosignature))
    }

    /// The first of these lines that is this witness's, which must be a true one.
    fn own(&self, lines: impl Iterator<Item = Signature>) -> Result<Cosignature, NoteError> {
        let witness = &self.target.witness;
        for line in lines.filter(|line| line.name() == witness.name()) {
            let mut note = Note::new(self.note.text().to_owned())?;
            note.add(line.clone());
            match witness.verify(&note) {
                Err(NoteError::Unsigned(_)) => {}
                time => return Ok(Cosignature { line, name: witness.name().to_owned(), time: time? }),
            }
        }
        Err(NoteError::Unsigned(witness.to_string()))
    }
}

struct Answer {
    status: u16,
    body: Vec<u8>,
}

impl Answer {
    /// The size that a 409 tells.
    fn size(&self) -> Option<u64> {
        let text = std::str::from_utf8(&self.body).ok().filter(|_| self.status == 409)?;
        canonical_u64(text.strip_suffix('\n')?)
    }

    fn unexpected(&self) -> Refusal {
        let text = String::from_utf8_lossy(&self.body).chars().take(200).collect();
        Refusal::Answer { status: self.status, text }
    }
}

fn agent(timeout: Duration) -> Agent {
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        // The certificates that this machine trusts: an organisation may have its own authority.
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent("unseen-witness")
        .build();
    Agent::new_with_config(config)
}

/// The whole answer, if it is not too long.
fn read(sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Answer, Refusal> {
    let unreachable = |error: ureq::Error| match error {
        ureq::Error::Timeout(_) => Refusal::Late,
        ureq::Error::Io(error) => Refusal::Unreachable(Sentence::of(&error)),
        ureq::Error::HostNotFound => {
            Refusal::Unreachable(text!("there is no machine of this name", "没有这个名称的主机").into())
        }
        error => Refusal::Unreachable(Sentence::of(&error.to_string())),
    };
    let mut response = sent.map_err(unreachable)?;
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec().map_err(unreachable)?;
    Ok(Answer { status, body })
}
