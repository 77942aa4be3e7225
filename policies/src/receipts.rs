//! The receipts of a run on many machines: for each part of each round, which node computed it. A release names them
//! as a blob, and whoever verifies the log checks them without any row.
//!
//! ```text
//! round 0    |- pieces 0 to 5 -|- 6 to 9 -|- 10 to 15 -|    one state for all of them; no gap, no overlap
//! round 1    |- pieces 0 to 15                         |
//! ```
//! A **piece** is a bucket of the snapshots, or a block of a job in blocks; a **part** is a run of pieces that one node
//! was sent together. The number of pieces and of rounds is public. Which node took which part is a matter of when
//! nodes were free, and so in principle of how long parts took; the threat model names that (`docs/threat-model.md`).
//! Nothing here is a count of rows or units: a ciphertext's length follows from the plan, and its digest is that of
//! fresh randomness.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use unseen_ids::{Digest, PublicKey, canonical};
use unseen_texts::{Say, Sentence, say, text};

/// What [`Receipts::version`] says.
pub const VERSION: u32 = 1;

/// Which nodes carried out which parts of a run, as a blob in canonical JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Receipts {
    /// [`VERSION`].
    pub version: u32,
    /// Buckets of the snapshots that were read, or blocks of a job in blocks.
    pub pieces: u32,
    /// The nodes that took part, in the order of their keys.
    pub nodes: Vec<NodeSaid>,
    /// All parts of all rounds, by round and first piece.
    pub parts: Vec<Receipt>,
}

/// What a node says of itself. Nothing but the evidence proves anything: it is kept with the release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NodeSaid {
    /// The node's key.
    pub key: PublicKey,
    /// SHA-256 of the binary that it runs.
    pub build: Digest,
    /// The walls of its worker by their names, each `holds`, `partly` or `missing`.
    pub walls: BTreeMap<String, String>,
    /// Evidence of its machine for this run, bound to [`node_nonce`]: a document of `docs/evidence.md`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
}

/// What evidence of a node's machine is bound to: one run, by the leaf hash of the entry that started it, and one node.
pub fn node_nonce(run_leaf: &Digest, node: &PublicKey) -> Digest {
    Digest::of(&[b"unseen node evidence v1\n".as_slice(), run_leaf.as_bytes(), node.as_bytes()].concat())
}

/// How a wall may stand.
pub const WALLS: [&str; 3] = ["holds", "partly", "missing"];

/// One part of one round, signed by the node that computed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Receipt {
    /// From 0.
    pub round: u32,
    /// The first piece, from 0.
    pub first: u32,
    /// The last piece, this one included.
    pub last: u32,
    /// SHA-256 of the state that the job's module had in this round.
    pub state: Digest,
    /// SHA-256 of the sealed partial totals, as they went to the lab.
    pub ciphertext: Digest,
    /// The node's key.
    pub node: PublicKey,
    /// Base64 of the node's Ed25519 signature over [`receipt_bytes`].
    pub signature: String,
}

/// What a node signs for a part: a line that says what it is, and canonical JSON. `run_leaf` is the leaf hash of the
/// entry that started the run, so a receipt is of one run of one log.
pub fn receipt_bytes(
    run_leaf: &Digest,
    round: u32,
    first: u32,
    last: u32,
    state: &Digest,
    ciphertext: &Digest,
) -> Vec<u8> {
    #[derive(Serialize)]
    struct Signed<'d> {
        run: &'d Digest,
        round: u32,
        first: u32,
        last: u32,
        state: &'d Digest,
        ciphertext: &'d Digest,
    }
    let signed = canonical::to_vec(&Signed { run: run_leaf, round, first, last, state, ciphertext });
    [b"unseen receipt v1\n".to_vec(), signed.expect("invariant: numbers and texts have a canonical form")].concat()
}

/// Why receipts do not show that a run was carried out whole, by nodes of the lab.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Say)]
#[code("node-receipts")]
#[allow(missing_docs)]
pub enum ReceiptFault {
    #[error("these are not receipts of nodes: {0}")]
    #[zh("这不是计算节点的回执：{0}")]
    Malformed(Sentence),
    #[error("the receipts are of {says} pieces, and the run has {has}")]
    #[zh("回执涉及 {says} 个分片，而该次运行有 {has} 个")]
    OtherPieces { says: u32, has: u32 },
    #[error("the receipts are of {says} rounds, and the release has {has}")]
    #[zh("回执涉及 {says} 轮，而发布结果有 {has} 轮")]
    OtherRounds { says: u32, has: u32 },
    #[error("in round {round} no receipt covers piece {piece}")]
    #[zh("第 {round} 轮没有回执涵盖分片 {piece}")]
    Gap { round: u32, piece: u32 },
    #[error("in round {round} two receipts cover piece {piece}")]
    #[zh("第 {round} 轮有两份回执涵盖分片 {piece}")]
    Overlap { round: u32, piece: u32 },
    #[error("the parts of round {round} were computed with different states")]
    #[zh("第 {round} 轮各部分所用的状态不同")]
    OtherState { round: u32 },
    #[error(
        "the receipt of round {round} from piece {first} on is by {node}, which was no node of this lab when the run started"
    )]
    #[zh("第 {round} 轮自分片 {first} 起的回执出自 {node}，而运行开始时它不是本实验室的计算节点")]
    OtherNode { round: u32, first: u32, node: String },
    #[error("the receipt of round {round} from piece {first} on does not bear the signature of {node}")]
    #[zh("第 {round} 轮自分片 {first} 起的回执没有 {node} 的真实签名")]
    NotSigned { round: u32, first: u32, node: String },
    #[error("there is no evidence of the machine of {node}, which the policy asks for")]
    #[zh("没有规则所要求的 {node} 的机器证据")]
    NoEvidence { node: String },
    #[error("the evidence of the machine of {node} does not hold: {why}")]
    #[zh("{node} 的机器证据不成立：{why}")]
    Evidence { node: String, why: Sentence },
    #[error("the nodes that the receipts speak of are not those that signed them")]
    #[zh("回执所列的计算节点与签署者不一致")]
    OtherNodes,
}

/// The run that receipts are to be of.
pub struct OfRun<'r> {
    /// Leaf hash of the entry that started it.
    pub leaf: &'r Digest,
    /// How many rounds its release has; none while that is sealed still, where the receipts' own number, of at least
    /// one and at most `most_rounds`, is taken.
    pub rounds: Option<u32>,
    /// The most rounds that the job may have.
    pub most_rounds: u32,
    /// Buckets of its snapshots, or its blocks.
    pub pieces: u32,
}

/// Whether a signature, in base64, is that of a key over some bytes: verified outside of this crate.
pub type Verify<'v> = &'v dyn Fn(&PublicKey, &[u8], &str) -> bool;

impl Receipts {
    /// Reads the blob. Only the bytes that [`Receipts::to_bytes`] gives are read; nothing else is checked.
    pub fn parse(bytes: &[u8]) -> Result<Receipts, ReceiptFault> {
        let receipts: Receipts =
            serde_json::from_slice(bytes).map_err(|error| ReceiptFault::Malformed(Sentence::of(&error)))?;
        if receipts.version != VERSION {
            let version = receipts.version;
            let other = say!("their version is {version}, not {VERSION}", "其版本为 {version}，不是 {VERSION}");
            return Err(ReceiptFault::Malformed(other));
        }
        if receipts.to_bytes() != bytes {
            let other = text!("they are not written in the canonical form", "没有按规范形式书写");
            return Err(ReceiptFault::Malformed(other.into()));
        }
        Ok(receipts)
    }

    /// The blob: canonical JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical::to_vec(self).expect("invariant: numbers and texts have a canonical form")
    }

    /// Whether every piece of every round was computed once, with one state a round, by a node that `is_node` when the
    /// run started, and is signed for. Parts stand in order of round and first piece, nodes in that of their keys.
    pub fn check(
        &self,
        run: &OfRun<'_>,
        is_node: &dyn Fn(&PublicKey) -> bool,
        verify: Verify<'_>,
    ) -> Result<(), ReceiptFault> {
        if self.pieces != run.pieces {
            return Err(ReceiptFault::OtherPieces { says: self.pieces, has: run.pieces });
        }
        let says = self.rounds();
        let has = run.rounds.unwrap_or(says.clamp(1, run.most_rounds.max(1)));
        if says != has {
            return Err(ReceiptFault::OtherRounds { says, has });
        }
        let mut parts = self.parts.iter().peekable();
        for round in 0..has {
            let (mut next, mut state) = (0, None);
            while let Some(part) = parts.next_if(|part| part.round == round) {
                if part.last < part.first || part.last >= self.pieces {
                    let reversed = text!(
                        "a part ends before it begins, or beyond the last piece",
                        "有的部分首尾颠倒，或超出最后一个分片"
                    );
                    return Err(ReceiptFault::Malformed(reversed.into()));
                }
                if part.first > next {
                    return Err(ReceiptFault::Gap { round, piece: next });
                }
                if part.first < next {
                    return Err(ReceiptFault::Overlap { round, piece: part.first });
                }
                if *state.get_or_insert(part.state) != part.state {
                    return Err(ReceiptFault::OtherState { round });
                }
                next = part.last + 1;
            }
            if next < self.pieces {
                return Err(ReceiptFault::Gap { round, piece: next });
            }
        }
        if parts.next().is_some() {
            let order = text!("the parts are not in order of rounds", "各部分没有按轮次排列");
            return Err(ReceiptFault::Malformed(order.into()));
        }
        self.check_nodes(run.leaf, is_node, verify)
    }

    fn check_nodes(
        &self,
        leaf: &Digest,
        is_node: &dyn Fn(&PublicKey) -> bool,
        verify: Verify<'_>,
    ) -> Result<(), ReceiptFault> {
        for Receipt { round, first, last, state, ciphertext, node, signature } in &self.parts {
            let (round, first, name) = (*round, *first, || node.short());
            if !is_node(node) {
                return Err(ReceiptFault::OtherNode { round, first, node: name() });
            }
            if !verify(node, &receipt_bytes(leaf, round, first, *last, state, ciphertext), signature) {
                return Err(ReceiptFault::NotSigned { round, first, node: name() });
            }
        }
        let took_part: BTreeSet<&PublicKey> = self.parts.iter().map(|part| &part.node).collect();
        if !self.nodes.iter().map(|node| &node.key).eq(took_part) {
            return Err(ReceiptFault::OtherNodes);
        }
        let mut walls = self.nodes.iter().flat_map(|node| node.walls.values());
        match walls.find(|wall| !WALLS.contains(&wall.as_str())) {
            Some(wall) => {
                Err(ReceiptFault::Malformed(say!("`{wall}` says nothing of a wall", "`{wall}` 不是防护墙的状态")))
            }
            None => Ok(()),
        }
    }

    /// How many rounds the parts are of.
    fn rounds(&self) -> u32 {
        self.parts.iter().map(|part| part.round.saturating_add(1)).max().unwrap_or(0)
    }
}
