//! A release with all that proves it, in one file.

use unseen_audit::receipt::{FORMAT, Receipt};
use unseen_usecases::logs::EntryProof;
use unseen_usecases::release::Release;
use unseen_usecases::witnesses::WitnessesShown;

/// The receipt of `release`, whose entry `proof` proves to be in the log with the verifier key `log_key`. None where
/// the lab's answer is not what its log names.
pub fn write(release: &Release, proof: &EntryProof, log_key: &str, witnesses: &WitnessesShown) -> Option<Vec<u8>> {
    let receipt = Receipt {
        format: FORMAT.to_owned(),
        log_key: log_key.to_owned(),
        witnesses: witnesses.witnesses.iter().map(|witness| witness.key.clone()).collect(),
        quorum: witnesses.quorum,
        proof: proof.proof.clone(),
        body: String::from_utf8(release.bytes()?).ok()?,
    };
    serde_json::to_vec_pretty(&receipt).ok()
}
