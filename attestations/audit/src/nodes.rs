//! The receipts that a release names, put to the ledger: every piece of every round was computed once, by a node that
//! was enrolled when the run started, that node has signed for it, and its machine is vouched for as the policy asks.

use unseen_evidence::{Evidence, Provider};
use unseen_ids::{Digest, JobId, PublicKey};
use unseen_policies::ledger::{Ledger, Node};
use unseen_policies::manifest::GrainKind;
use unseen_policies::plan::Plan;
use unseen_policies::policy::EvidenceRule;
use unseen_policies::receipts::{OfRun, ReceiptFault, Receipts, node_nonce};
use unseen_texts::{Sentence, text};
use unseen_tlog::VerifyingKey;

use crate::expected::expected;

/// Whether these are the receipts of a job's run: the blob's bytes, against the plan of the job. `numbers` are those of
/// its release, as [`ReleaseBody::check`](unseen_policies::release::ReleaseBody::check) counts them, from which follows
/// how many rounds there were; none while the release is sealed still.
pub fn check(
    bytes: &[u8],
    ledger: &Ledger,
    job: JobId,
    plan: &Plan,
    numbers: Option<u64>,
) -> Result<Receipts, ReceiptFault> {
    let receipts = Receipts::parse(bytes)?;
    let found = ledger.job(job).ok();
    // A release without a run is refused by the ledger before anything is looked up.
    let Some(run) = found.and_then(|job| job.run.as_ref()) else { return Ok(receipts) };
    let cells: usize = plan.outputs.iter().map(|output| output.domain.size() * output.values.len()).sum();
    let rounds = numbers.and_then(|numbers| u32::try_from(numbers / (cells as u64).max(1)).ok());
    let of = OfRun { leaf: &run.leaf, rounds, most_rounds: plan.rounds, pieces: pieces(ledger, job, plan) };
    let is_node = |key: &PublicKey| ledger.nodes().get(key).is_some_and(|node: &Node| node.was_there(run.entry));
    receipts.check(&of, &is_node, &signed)?;
    for said in &receipts.nodes {
        let name = ledger.nodes().get(&said.key).map_or("", |node| &node.name);
        vouched(run.of_nodes.as_deref(), &run.leaf, name, &said.key, said.evidence.as_deref())?;
    }
    Ok(receipts)
}

/// Whether a node's machine is vouched for as the policy asked when the run, or import, started. What it does not ask for
/// is not looked at. `run` is what evidence is bound to: the leaf of the entry that started it, or its number.
pub fn vouched(
    rule: Option<&EvidenceRule>,
    run: &Digest,
    name: &str,
    key: &PublicKey,
    evidence: Option<&str>,
) -> Result<(), ReceiptFault> {
    let Some(rule) = rule else { return Ok(()) };
    let bad = |why: Sentence| ReceiptFault::Evidence { node: name.to_owned(), why };
    let evidence = match evidence {
        Some(evidence) => evidence,
        None if rule.required => return Err(ReceiptFault::NoEvidence { node: name.to_owned() }),
        None => return Ok(()),
    };
    let expected = rule.of_node(name).as_ref().and_then(expected);
    let expected = expected.ok_or_else(|| bad(text!("the policy does not name it", "规则没有列出该节点").into()))?;
    let document = Evidence::parse(evidence.as_bytes()).map_err(|error| bad(Sentence::of(&error)))?;
    // That nothing was given is true under any policy, and is not evidence.
    if document.provider() == Provider::None {
        return Err(ReceiptFault::NoEvidence { node: name.to_owned() });
    }
    let nonce = node_nonce(run, key).to_bytes();
    unseen_evidence::verify(&document, &nonce, &expected).map(drop).map_err(|error| bad(Sentence::of(&error)))
}

/// Into how many pieces a job's run is cut: the blocks of a job in blocks, else the buckets of the snapshots that it
/// was submitted with.
pub fn pieces(ledger: &Ledger, job: JobId, plan: &Plan) -> u32 {
    if let GrainKind::Blocks { count } = plan.grain {
        return count;
    }
    let used = ledger.job(job).map(|job| job.submitted.datasets.as_slice()).unwrap_or_default();
    let buckets = used.iter().filter_map(|used| {
        let kept = ledger.dataset(&used.name).ok()?.snapshots.iter().find(|kept| kept.snapshot == used.snapshot)?;
        Some(kept.buckets)
    });
    // Reference tables have none, and all private datasets of a job have as many.
    buckets.max().unwrap_or(0)
}

/// Whether a signature, in base64, is this key's.
fn signed(key: &PublicKey, bytes: &[u8], signature: &str) -> bool {
    let signature = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, signature);
    signature.is_ok_and(|signature| VerifyingKey::from(*key).verify(bytes, &signature).is_ok())
}
