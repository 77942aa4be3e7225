//! From noised totals to what an analyst reads: a body with the error of every number, sealed until
//! its own entry is in the log.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use unseen_ids::{Digest, JobId, canonical};
use unseen_policies::Plan;
use unseen_policies::approximate::to_f64;
use unseen_policies::event::{Event, Record, Released};
pub use unseen_policies::release::{
    CheckError, Derived, FORMAT, Number, ReleaseBody, ReleasedGroup, ReleasedOutput, ReleasedRound, ReleasedValue,
};
use unseen_texts::{Say, Sentence, say};
use unseen_tlog::dsse::Envelope;
use unseen_tlog::merkle::{self, Hash, ProofError};
use unseen_tlog::statement::Statement;

use crate::layout::Layout;
use crate::sealed::Sealing;

/// The noised totals of one round, in steps. Safe to show: of totals they are made by [`crate::WholeTotals::noise`] only,
/// and else they are read where they were written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoisyTotals {
    round: u32,
    #[serde(with = "as_texts")]
    cells: Vec<i128>,
}

impl NoisyTotals {
    pub(crate) fn new(round: u32, cells: Vec<i128>) -> NoisyTotals {
        NoisyTotals { round, cells }
    }

    /// The round, from 0.
    pub fn round(&self) -> u32 {
        self.round
    }

    /// In steps: `groups × values` numbers of the first output, then of the second...
    pub fn steps(&self) -> &[i128] {
        &self.cells
    }

    /// What the guest's `advance` sees: for each output, `groups × values` numbers in the values' own
    /// units. Rounded the same way everywhere.
    pub fn as_f64(&self, plan: &Plan) -> Result<Vec<Vec<f64>>, ReleaseError> {
        let layout = self.layout(plan)?;
        let outputs = plan.outputs.iter().zip(&layout.outputs).map(|(output, place)| {
            let cells = &self.cells[place.first_cell..][..place.groups * place.width];
            let units: Vec<f64> = output.values.iter().map(|value| to_f64(&value.granularity)).collect();
            cells
                .chunks(place.width.max(1))
                .flat_map(|row| row.iter().zip(&units).map(|(steps, unit)| *steps as f64 * unit))
                .collect()
        });
        Ok(outputs.collect())
    }

    fn layout(&self, plan: &Plan) -> Result<Layout, ReleaseError> {
        let layout = Layout::of(plan);
        if self.cells.len() != layout.cells || self.round >= plan.rounds {
            return Err(ReleaseError::OtherPlan);
        }
        Ok(layout)
    }
}

/// Why noised totals cannot become a release.
#[derive(Debug, thiserror::Error, Say)]
#[code("release")]
pub enum ReleaseError {
    /// The totals have another shape than the plan gives them.
    #[error("the totals are not of this plan: seal them with the plan they were counted under")]
    #[zh("总数不属于此计划：请用统计时的计划封存")]
    OtherPlan,
    /// Rounds are missing or out of order.
    #[error("the rounds of a release must be 0, 1, 2...: round {0} is missing or out of place")]
    #[zh("发布结果的轮次须为 0、1、2……：第 {0} 轮缺失或错位")]
    Rounds(u32),
}

/// A body that nobody has read yet.
///
/// ```compile_fail
/// fn peek(sealed: &unseen_core::SealedRelease) -> &[u8] { &sealed.bytes }
/// ```
/// ```compile_fail
/// fn print(sealed: &unseen_core::SealedRelease) { println!("{sealed:?}"); }
/// ```
pub struct SealedRelease {
    bytes: Vec<u8>,
}

impl SealedRelease {
    /// Writes the body and seals it. `rounds` are all rounds that were run, in order.
    pub fn seal(
        plan: &Plan,
        job: JobId,
        run: u64,
        rounds: &[NoisyTotals],
        derived: Vec<Derived>,
    ) -> Result<SealedRelease, ReleaseError> {
        let body = body(plan, job, run, rounds, derived)?;
        let bytes = canonical::to_vec_as_declared(&body).expect("invariant: a body is texts, numbers and lists");
        Ok(SealedRelease { bytes })
    }

    /// Whether an auditor will find in it what belongs to this run: [`ReleaseBody::check`], of which nothing
    /// but the verdict comes out.
    pub fn check(&self, plan: &Plan, job: JobId, run: u64) -> Result<u64, CheckError> {
        ReleaseBody::parse(&self.bytes)?.check(plan, job, run)
    }

    /// What the log entry of this release must name.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    /// Encrypted for keeping (AES-256-GCM), until the entry is logged. The same body and key give
    /// the same bytes: the nonce is a keyed hash of the body, so a resumed run rewrites the same file.
    pub fn into_sealed_bytes(self, key: &[u8; 32]) -> Vec<u8> {
        Sealing::new(SEAL, key).seal(&[], self.bytes)
    }

    /// Back from [`Self::into_sealed_bytes`].
    pub fn from_sealed_bytes(key: &[u8; 32], bytes: &[u8]) -> Result<SealedRelease, OpenError> {
        let body = Sealing::new(SEAL, key).open(&[], bytes).ok_or(OpenError::NotSealedBytes)?;
        Ok(SealedRelease { bytes: body })
    }

    /// Opens, given the log entry that announces exactly this body and the proof that the entry is
    /// number `index` of the log with this `size` and `root`. The caller has verified the checkpoint
    /// that says so.
    pub fn open(self, entry: &[u8], index: u64, size: u64, root: &Hash, proof: &[Hash]) -> Result<Release, OpenError> {
        let leaf = merkle::leaf_hash(entry);
        merkle::verify_inclusion(index, size, &leaf, proof, root).map_err(OpenError::NotInTheLog)?;
        let released = announced(entry)?;
        let body = ReleaseBody::parse(&self.bytes).map_err(|error| OpenError::NotABody(Sentence::of(&error)))?;
        let same = released.body == self.digest();
        if !same || released.job != body.job || released.run != body.run {
            return Err(OpenError::OtherRelease);
        }
        Ok(Release { bytes: self.bytes, body })
    }
}

/// The body of a release of these rounds.
fn body(
    plan: &Plan,
    job: JobId,
    run: u64,
    rounds: &[NoisyTotals],
    derived: Vec<Derived>,
) -> Result<ReleaseBody, ReleaseError> {
    let rounds = (0u32..).zip(rounds).map(|(index, totals)| {
        let layout = totals.layout(plan)?;
        if totals.round != index {
            return Err(ReleaseError::Rounds(index));
        }
        let outputs = plan.outputs.iter().enumerate().map(|(output, planned)| {
            let start = layout.outputs[output].first_cell;
            ReleasedOutput::new(planned, index as usize, &totals.cells[start..])
        });
        Ok(ReleasedRound { round: index, outputs: outputs.collect() })
    });
    let rounds: Vec<ReleasedRound> = rounds.collect::<Result<_, _>>()?;
    if rounds.is_empty() {
        return Err(ReleaseError::Rounds(0));
    }
    Ok(ReleaseBody { format: FORMAT.to_owned(), job, run, rounds, derived })
}

/// A release that is in the log: [`SealedRelease::open`] is the only way to one.
///
/// ```compile_fail
/// fn forge(bytes: Vec<u8>, body: unseen_core::ReleaseBody) -> unseen_core::Release {
///     unseen_core::Release { bytes, body }
/// }
/// ```
/// ```compile_fail
/// fn hurry(sealed: unseen_core::SealedRelease) -> unseen_core::Release { sealed.open() }
/// ```
#[derive(Debug)]
pub struct Release {
    bytes: Vec<u8>,
    body: ReleaseBody,
}

impl Release {
    /// The body, byte for byte as the entry's digest names it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The body, read.
    pub fn body(&self) -> &ReleaseBody {
        &self.body
    }
}

/// Why a release stays closed.
#[derive(Debug, thiserror::Error, Say)]
#[code("release-open")]
pub enum OpenError {
    /// The bytes were not sealed with this key, or were changed since.
    #[error("the sealed release cannot be decrypted: it was sealed with another key, or its file was changed")]
    #[zh("封存的结果无法解密：密钥不同，或文件已被改动")]
    NotSealedBytes,
    /// The inclusion proof fails.
    #[error("the entry of the release is not in the log: {0}")]
    #[zh("发布条目不在日志中：{0}")]
    NotInTheLog(ProofError),
    /// The entry announces no release.
    #[error("the entry does not announce a release: {0}")]
    #[zh("该条目没有公布发布结果：{0}")]
    NotAnAnnouncement(Sentence),
    /// The entry announces another release.
    #[error("the entry announces another release: its job, run or body digest differs")]
    #[zh("该条目公布的是另一个结果：作业、运行或正文摘要不同")]
    OtherRelease,
    /// The sealed bytes are not a body.
    #[error("the sealed bytes are not a release body: {0}")]
    #[zh("封存的内容不是发布正文：{0}")]
    NotABody(Sentence),
}

/// Reads an entry as the announcement of a release. Any other kind of entry, even one that names the
/// body's digest, announces nothing.
fn announced(entry: &[u8]) -> Result<Released, OpenError> {
    let refused = OpenError::NotAnAnnouncement;
    let envelope = Envelope::from_bytes(entry).map_err(|error| refused(Sentence::of(&error)))?;
    let statement: Statement = Statement::open_unverified(&envelope).map_err(|error| refused(Sentence::of(&error)))?;
    let record = Record::from_predicate(&statement.predicate_type, statement.predicate);
    match record.map_err(|error| refused(Sentence::of(&error)))?.event {
        Event::Released(released) => Ok(released),
        other => Err(refused(say!("it is of the kind {kind}", "其类型是{kind}", kind = other.kind()))),
    }
}

const SEAL: &[u8] = b"unseen sealed release v1\n";

/// Encrypts why a job has no release, for keeping until its time has come: the text is made of noised totals, as a
/// release is.
pub fn seal_failure(why: &str, key: &[u8; 32]) -> Vec<u8> {
    Sealing::new(FAILURE, key).seal(&[], why.as_bytes().to_vec())
}

/// Back from [`seal_failure`]; `None` of anything else.
pub fn open_failure(key: &[u8; 32], bytes: &[u8]) -> Option<String> {
    String::from_utf8(Sealing::new(FAILURE, key).open(&[], bytes)?).ok()
}

const FAILURE: &[u8] = b"unseen sealed failure v1\n";

/// JSON numbers do not hold 128 bits; decimal texts do.
mod as_texts {
    use super::*;

    pub fn serialize<S: Serializer>(cells: &[i128], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(cells.iter().map(i128::to_string))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<i128>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| text.parse().map_err(de::Error::custom)).collect()
    }
}
