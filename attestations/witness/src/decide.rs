//! What a witness answers: a pure function of what it remembers of a log, a request and the time.
//!
//! Checks are made in the order of the specification, so that a log that is told of a later one has
//! passed all earlier ones.

use crate::canonical_u64;
use base64::{Engine, engine::general_purpose::STANDARD};
use unseen_texts::{Say, Text, text};
use unseen_tlog::{
    Signer, cosignature,
    merkle::{self, Hash},
    note::{Checkpoint, Note, NoteError, NoteKey, Signature},
};

/// The longest request, in bytes: an old size, 63 hashes, a checkpoint and its signatures.
pub const MAX_REQUEST: usize = 64 << 10;

/// The most hashes that prove consistency.
const MAX_PROOF: usize = 63;

/// What a log asks a witness to cosign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The size of the tree that the witness cosigned last, as far as the log knows; 0 if none.
    pub old: u64,
    /// The proof that it is a prefix of the new tree.
    pub proof: Vec<Hash>,
    /// The checkpoint, signed by the log.
    pub note: Note,
    /// What the note says.
    pub checkpoint: Checkpoint,
}

impl Request {
    /// Reads the body of an `add-checkpoint` request. Only its form is checked.
    pub fn parse(body: &[u8]) -> Result<Request, Refused> {
        let read = |body: &str| {
            let (head, note) = body.split_once("\n\n").ok_or(text!("it has no empty line", "没有空行"))?;
            let mut lines = head.split('\n');
            let old = lines.next().and_then(|line| canonical_u64(line.strip_prefix("old ")?));
            let old = old.ok_or(text!("its first line is not an old size", "第一行不是旧的长度"))?;
            let proof: Option<Vec<Hash>> = lines.map(|line| STANDARD.decode(line).ok()?.try_into().ok()).collect();
            let proof =
                proof.ok_or(text!("a line of its proof is not a hash in base64", "证明中有一行不是 base64 哈希"))?;
            if proof.len() > MAX_PROOF {
                return Err(text!("its proof has more than 63 lines", "证明超过 63 行"));
            }
            let note = Note::parse(note.as_bytes())
                .map_err(|_| text!("what follows its empty line is not a signed note", "空行之后不是签名便条"))?;
            let checkpoint =
                Checkpoint::parse(note.text()).map_err(|_| text!("its note is not a checkpoint", "便条不是检查点"))?;
            Ok(Request { old, proof, note, checkpoint })
        };
        std::str::from_utf8(body)
            .map_err(|_| text!("it is not UTF-8", "不是 UTF-8"))
            .and_then(read)
            .map_err(Refused::Malformed)
    }

    /// The body of this request.
    pub fn body(old: u64, proof: &[Hash], note: &Note) -> String {
        let proof: String = proof.iter().map(|hash| STANDARD.encode(hash) + "\n").collect();
        format!("old {old}\n{proof}\n{note}")
    }
}

/// What a witness remembers of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The keys that may sign its checkpoints, all under the log's origin; more than one while the log
    /// is handed over to another key.
    pub keys: Vec<NoteKey>,
    /// What was cosigned last.
    pub latest: Option<Cosigned>,
}

/// A checkpoint with a witness's cosignature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    /// The checkpoint with its log's signatures and the witness's.
    pub note: Note,
    /// What the note says.
    pub checkpoint: Checkpoint,
    /// The witness's line in it.
    pub line: Signature,
    /// The time in that line, in seconds since 1970.
    pub time: u64,
}

/// What a witness called `name` answers at the time `now`, in seconds since 1970. A cosignature may be
/// shown only when it is durable.
pub fn decide(record: &Record, name: &str, key: &dyn Signer, request: &Request, now: u64) -> Result<Cosigned, Refused> {
    let Request { old, proof, checkpoint, .. } = request;
    let note = signed_by_log(record, &request.note)?;
    if *old > checkpoint.size {
        return Err(Refused::Malformed(text!(
            "its old size is larger than its checkpoint's",
            "旧的长度大于检查点的长度"
        )));
    }
    let (size, root) = match &record.latest {
        Some(latest) => (latest.checkpoint.size, latest.checkpoint.root),
        None => (0, merkle::empty_root()),
    };
    // Two roots of one size under the log's key are a fork, whatever the request says of the old size.
    if checkpoint.size == size && checkpoint.root != root {
        return Err(Refused::Fork { size });
    }
    if *old != size {
        return Err(Refused::Conflict { size });
    }
    if merkle::verify_consistency(size, checkpoint.size, proof, &root, &checkpoint.root).is_err() {
        return Err(Refused::Unproven { size, new: checkpoint.size });
    }
    if let Some(latest) = record.latest.as_ref().filter(|latest| now < latest.time) {
        return Err(Refused::Clock { now, last: latest.time });
    }
    let line = cosignature::cosign(name, key, note.text(), now).map_err(Refused::Sign)?;
    let mut note = note;
    note.add(line.clone());
    Ok(Cosigned { note, checkpoint: checkpoint.clone(), line, time: now })
}

/// The note with the signatures of the log's keys and no others, if there is one and none is false.
pub fn signed_by_log(record: &Record, note: &Note) -> Result<Note, Refused> {
    let alone = || Note::new(note.text().to_owned()).map_err(|_| Refused::Signature);
    let mut own = alone()?;
    for key in &record.keys {
        match note.verify(key) {
            Err(NoteError::Unsigned(_)) => continue,
            verdict => verdict.map_err(|_| Refused::Signature)?,
        }
        for line in note.signatures().iter().filter(|line| line.name() == key.name()) {
            let mut single = alone()?;
            single.add(line.clone());
            if single.verify(key).is_ok() {
                own.add(line.clone());
            }
        }
    }
    if own.signatures().is_empty() { Err(Refused::Signature) } else { Ok(own) }
}

/// Why a witness does not cosign.
#[derive(Debug, thiserror::Error, Say)]
#[code("cosigning")]
pub enum Refused {
    /// Not the form of a request.
    #[error("the request is malformed: {0}")]
    #[zh("请求格式不对：{0}")]
    Malformed(Text),
    /// Not a log that this witness follows.
    #[error("this witness does not follow the log {0:?}: its operator has to add it")]
    #[zh("此见证方没有跟踪日志 {0:?}：请其运行管理员添加")]
    Unknown(String),
    /// No signature of the log, or a false one.
    #[error("the checkpoint does not bear a true signature of a key that this witness knows for its log")]
    #[zh("检查点上没有此见证方所知日志密钥的真实签名")]
    Signature,
    /// Another size than the log believes was cosigned last.
    #[error("the tree cosigned last has {size} entries: prove that the new one extends that")]
    #[zh("上次联署的日志树有 {size} 条：请证明新树是它的延续")]
    Conflict {
        /// The size cosigned last.
        size: u64,
    },
    /// The log has signed another tree of the size cosigned last.
    #[error("FORK: another tree of {size} entries was cosigned for this log")]
    #[zh("日志分叉：已为此日志联署过另一棵 {size} 条的树")]
    Fork {
        /// That size.
        size: u64,
    },
    /// The proof does not lead from the tree cosigned last to the new one.
    #[error("the proof does not show that the tree of {new} entries extends the one of {size} cosigned last")]
    #[zh("证明未能表明 {new} 条的树是上次联署的 {size} 条的树的延续")]
    Unproven {
        /// The size cosigned last.
        size: u64,
        /// The size of the tree that was sent.
        new: u64,
    },
    /// The clock has gone back.
    #[error("the witness's clock says {now}, which is before its last cosignature at {last}: set it right")]
    #[zh("见证方的时钟为 {now}，早于其上次联署时间 {last}：请校准时钟")]
    Clock {
        /// Seconds since 1970.
        now: u64,
        /// Seconds since 1970.
        last: u64,
    },
    /// The witness's key did not sign.
    #[error("the witness could not sign: {0}")]
    #[zh("见证方无法签名：{0}")]
    Sign(NoteError),
}

impl Refused {
    /// The HTTP status that the specification gives to it.
    pub fn status(&self) -> u16 {
        match self {
            Refused::Malformed(_) => 400,
            Refused::Unknown(_) => 404,
            Refused::Signature => 403,
            Refused::Conflict { .. } | Refused::Fork { .. } => 409,
            Refused::Unproven { .. } => 422,
            Refused::Clock { .. } => 503,
            Refused::Sign(_) => 500,
        }
    }

    /// The size that a 409 tells.
    pub fn size(&self) -> Option<u64> {
        match self {
            Refused::Conflict { size } | Refused::Fork { size } => Some(*size),
            _ => None,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::convert::Infallible;
    use unseen_tlog::{SigningKey, cosignature::WitnessKey, merkle::HashReader};

    pub(crate) const ORIGIN: &str = "lab.example/log";
    pub(crate) const NAME: &str = "witness.example/w1";

    pub(crate) fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed([seed; 32]).unwrap()
    }

    pub(crate) fn log_key(seed: u8) -> NoteKey {
        NoteKey::new(ORIGIN, key(seed).verifying_key()).unwrap()
    }

    /// A history of leaf hashes; from `forks_at` on it is another one.
    struct History {
        forks_at: u64,
    }

    impl HashReader for History {
        type Error = Infallible;
        fn hash(&self, level: u32, index: u64) -> Result<Hash, Infallible> {
            let leaves = (index << level)..((index + 1) << level);
            let leaf = |at: u64| merkle::leaf_hash(format!("{at} {}", at >= self.forks_at).as_bytes());
            Ok(merkle::root(&leaves.map(leaf).collect::<Vec<_>>()))
        }
    }

    /// A request of a log that forked at entry `forks_at` and is signed by these keys.
    pub(crate) fn request(old: u64, size: u64, forks_at: u64, signers: &[u8]) -> Request {
        let history = History { forks_at };
        let leaves: Vec<Hash> = (0..size).map(|at| history.hash(0, at).unwrap()).collect();
        let checkpoint = Checkpoint { origin: ORIGIN.into(), size, root: merkle::root(&leaves) };
        let mut note = checkpoint.sign(&key(signers[0])).unwrap();
        signers.iter().for_each(|seed| note.sign(ORIGIN, &key(*seed)).unwrap());
        let proof =
            if old <= size { unseen_tlog::prove::prove_consistency(&history, old, size).unwrap() } else { vec![] };
        Request { old, proof, note, checkpoint }
    }

    fn record(latest: Option<u64>) -> Record {
        let mut record = Record { keys: vec![log_key(1), log_key(2)], latest: None };
        record.latest = latest.map(|size| ask(&record, &request(0, size, u64::MAX, &[1]), 1000).unwrap());
        record
    }

    fn ask(record: &Record, request: &Request, now: u64) -> Result<Cosigned, Refused> {
        decide(record, NAME, &key(9), request, now)
    }

    const HONEST: u64 = u64::MAX;

    #[test]
    fn what_is_answered_to_what() {
        // What was cosigned last, a request, the clock; the status, and the size that a 409 tells.
        let change = |mut request: Request, change: fn(&mut Request)| {
            change(&mut request);
            request
        };
        let cases = [
            ("the first", None, request(0, 7, HONEST, &[1]), 1000, Ok(())),
            ("the first, empty", None, request(0, 0, HONEST, &[1]), 1000, Ok(())),
            ("growth", Some(5), request(5, 7, HONEST, &[1]), 1000, Ok(())),
            ("from an empty one", Some(0), request(0, 7, HONEST, &[1]), 1000, Ok(())),
            ("the same again", Some(7), request(7, 7, HONEST, &[1]), 2000, Ok(())),
            ("by the new key", Some(5), request(5, 7, HONEST, &[2]), 1000, Ok(())),
            ("by both keys", Some(5), request(5, 7, HONEST, &[1, 2]), 1000, Ok(())),
            ("and by a stranger", Some(5), request(5, 7, HONEST, &[3, 1]), 1000, Ok(())),
            ("by a stranger alone", Some(5), request(5, 7, HONEST, &[3]), 1000, Err((403, None))),
            ("a stranger is told nothing of sizes", Some(5), request(4, 7, HONEST, &[3]), 1000, Err((403, None))),
            ("an old size too large", Some(5), request(8, 7, HONEST, &[1]), 1000, Err((400, None))),
            ("it does not know", Some(5), request(0, 7, HONEST, &[1]), 1000, Err((409, Some(5)))),
            ("it is behind", Some(5), request(4, 7, HONEST, &[1]), 1000, Err((409, Some(5)))),
            ("it is ahead", None, request(5, 7, HONEST, &[1]), 1000, Err((409, Some(0)))),
            ("rollback", Some(7), request(5, 5, HONEST, &[1]), 1000, Err((409, Some(7)))),
            ("rollback to nothing", Some(7), request(0, 0, HONEST, &[1]), 1000, Err((409, Some(7)))),
            ("fork of one size", Some(7), request(7, 7, 3, &[1]), 1000, Err((409, Some(7)))),
            ("fork of one size, and no old size", Some(7), request(0, 7, 3, &[1]), 1000, Err((409, Some(7)))),
            ("fork", Some(5), request(5, 7, 3, &[1]), 1000, Err((422, None))),
            ("fork after", Some(5), request(5, 7, 5, &[1]), 1000, Ok(())),
            ("no proof", Some(5), change(request(5, 7, HONEST, &[1]), |r| r.proof.clear()), 1000, Err((422, None))),
            (
                "a proof from 0",
                None,
                change(request(0, 7, HONEST, &[1]), |r| r.proof.push([0; 32])),
                1,
                Err((422, None)),
            ),
            (
                "an idle proof",
                Some(7),
                change(request(7, 7, HONEST, &[1]), |r| r.proof.push([0; 32])),
                1000,
                Err((422, None)),
            ),
            ("the clock went back", Some(5), request(5, 7, HONEST, &[1]), 999, Err((503, None))),
        ];
        for (what, latest, request, now, expected) in cases {
            let record = record(latest);
            match (ask(&record, &request, now), expected) {
                (Ok(cosigned), Ok(())) => {
                    let witness = WitnessKey::new(NAME, key(9).verifying_key()).unwrap();
                    assert_eq!(witness.verify(&cosigned.note), Ok(now), "{what}");
                    assert_eq!((cosigned.time, &cosigned.checkpoint), (now, &request.checkpoint), "{what}");
                    assert_eq!(cosigned.note.signatures().last(), Some(&cosigned.line), "{what}");
                }
                (Err(refused), Err(told)) => assert_eq!((refused.status(), refused.size()), told, "{what}"),
                (answer, _) => panic!("{what}: {answer:?}"),
            }
        }
    }

    #[test]
    fn only_the_logs_own_signatures_are_kept_and_none_may_be_false() {
        let fresh = record(None);
        let several = request(0, 7, HONEST, &[3, 1, 2]);
        let cosigned = ask(&fresh, &several, 5).unwrap();
        assert_eq!(cosigned.note.signatures()[..2], several.note.signatures()[1..], "and the witness's");
        assert_eq!(cosigned.note.signatures().len(), 3);

        let swap = |from: &Request, to: &Request| {
            let mut note = Note::new(to.note.text().into()).unwrap();
            from.note.signatures().iter().for_each(|line| note.add(line.clone()));
            Request { note, ..to.clone() }
        };
        let forged = swap(&request(0, 6, HONEST, &[1]), &request(0, 7, HONEST, &[1]));
        assert!(matches!(ask(&fresh, &forged, 5), Err(Refused::Signature)));
        let mut half = request(0, 7, HONEST, &[2]);
        half.note.add(forged.note.signatures()[0].clone());
        assert!(matches!(ask(&fresh, &half, 5), Err(Refused::Signature)), "one true and one false");
    }

    #[test]
    fn the_same_request_in_the_same_second_says_nothing_new() {
        let record = record(Some(7));
        assert_eq!(ask(&record, &request(7, 7, HONEST, &[1]), 1000).unwrap(), record.latest.clone().unwrap());
        assert_ne!(ask(&record, &request(7, 7, HONEST, &[1]), 1001).unwrap(), record.latest.unwrap());
    }

    #[test]
    fn requests_have_one_form() {
        let request = request(5, 7, HONEST, &[1]);
        let body = Request::body(request.old, &request.proof, &request.note);
        assert_eq!(Request::parse(body.as_bytes()).unwrap(), request);
        let line = body.lines().nth(1).unwrap().to_owned() + "\n";
        let lines = |count: usize| format!("old 5\n{}\n{}", line.repeat(count), request.note);
        assert!(Request::parse(lines(63).as_bytes()).is_ok());
        for wrong in [
            String::new(),
            "\n\n".into(),
            lines(64),
            body.replace("old 5", "old 05"),
            body.replace("old 5", "old -5"),
            body.replace("old 5", "old +5"),
            body.replace("old 5", "old  5"),
            body.replace("old 5", "Old 5"),
            body.replace("old 5\n", ""),
            body.replace("old 5\n", "old 5\r\n"),
            body.replace("old 5\n", "old 5\n\n"),
            body.replace("old 5", "old 18446744073709551616"),
            body.replacen(&line, &line[4..], 1),
            body.replacen("=\n", "\n", 1),
            body.replace("\n7\n", "\n07\n"),
            body.trim_end().into(),
            body.replace("— ", "- "),
            format!("{body}\n"),
        ] {
            let refused = Request::parse(wrong.as_bytes()).unwrap_err();
            assert_eq!(refused.status(), 400, "{wrong}");
        }
        assert_eq!(Request::parse(b"old 0\n\n\xff").unwrap_err().status(), 400);
    }

    proptest! {
        /// Whatever bytes come, and however a true request is broken: no panic, and nothing is signed
        /// but what the log has signed.
        #[test]
        fn no_bytes_are_cosigned_that_no_log_signed(
            noise in prop::collection::vec(any::<u8>(), 0..400), at in any::<prop::sample::Index>(), cut in 0usize..60,
        ) {
            let record = record(Some(5));
            prop_assert!(Request::parse(&noise).is_err());
            let whole = request(5, 7, HONEST, &[1]);
            let mut body = Request::body(whole.old, &whole.proof, &whole.note).into_bytes();
            let at = at.index(body.len());
            body.splice(at..(at + cut).min(body.len()), noise);
            if let Ok(read) = Request::parse(&body)
                && let Ok(cosigned) = ask(&record, &read, 1000)
            {
                prop_assert_eq!(cosigned.note.text(), whole.note.text());
            }
        }
    }
}
