//! What a witness answers: a pure function of what it remembers of a log, a request and the time.
//!
//! Checks are made in the order of the specification, so that a log that is told of a later one has
//! passed all earlier ones.

use crate::canonical_u64;
use base64::{Engine, engine::general_purpose::STANDARD};
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
            let (head, note) = body.split_once("\n\n").ok_or("it has no empty line")?;
            let mut lines = head.split('\n');
            let old = lines.next().and_then(|line| canonical_u64(line.strip_prefix("old ")?));
            let old = old.ok_or("its first line is not an old size")?;
            let proof: Option<Vec<Hash>> = lines.map(|line| STANDARD.decode(line).ok()?.try_into().ok()).collect();
            let proof = proof.ok_or("a line of its proof is not a hash in base64")?;
            if proof.len() > MAX_PROOF {
                return Err("its proof has more than 63 lines");
            }
            let note = Note::parse(note.as_bytes()).map_err(|_| "what follows its empty line is not a signed note")?;
            let checkpoint = Checkpoint::parse(note.text()).map_err(|_| "its note is not a checkpoint")?;
            Ok(Request { old, proof, note, checkpoint })
        };
        std::str::from_utf8(body).map_err(|_| "it is not UTF-8").and_then(read).map_err(Refused::Malformed)
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
        return Err(Refused::Malformed("its old size is larger than its checkpoint's"));
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
    if let Some(latest) = &record.latest {
        if now < latest.time {
            return Err(Refused::Clock { now, last: latest.time });
        }
        // Sent again at once: nothing new is said, so nothing is signed or written.
        if now == latest.time && note.text() == latest.note.text() {
            return Ok(latest.clone());
        }
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
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Not the form of a request.
    #[error("the request is malformed: {0}")]
    Malformed(&'static str),
    /// Not a log that this witness follows.
    #[error("this witness does not follow the log {0:?}: its operator has to add it")]
    Unknown(String),
    /// No signature of the log, or a false one.
    #[error("the checkpoint does not bear a true signature of a key that this witness knows for its log")]
    Signature,
    /// Another size than the log believes was cosigned last.
    #[error("the tree cosigned last has {size} entries: prove that the new one extends that")]
    Conflict {
        /// The size cosigned last.
        size: u64,
    },
    /// The log has signed another tree of the size cosigned last.
    #[error("FORK: another tree of {size} entries was cosigned for this log")]
    Fork {
        /// That size.
        size: u64,
    },
    /// The proof does not lead from the tree cosigned last to the new one.
    #[error("the proof does not show that the tree of {new} entries extends the one of {size} cosigned last")]
    Unproven {
        /// The size cosigned last.
        size: u64,
        /// The size of the tree that was sent.
        new: u64,
    },
    /// The clock has gone back.
    #[error("the witness's clock says {now}, which is before its last cosignature at {last}: set it right")]
    Clock {
        /// Seconds since 1970.
        now: u64,
        /// Seconds since 1970.
        last: u64,
    },
    /// The witness's key did not sign.
    #[error("the witness could not sign: {0}")]
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
