//! Every parser of bytes that somebody else wrote, as a target for a fuzzer: none may panic, and what one reads it
//! must write again as it was.
//!
//! `src/bin/libfuzzer.rs` runs one under libFuzzer (`make fuzz`); `tests/seeds.rs` runs all of them with every test:
//! on their seeds, on what is kept of the fuzzer's inputs (`corpus/TARGET`, `faults/TARGET`: an input a line, in
//! base64), and on mutations of these.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is what a fuzzer looks for")]

mod attestations;
mod notices;
mod questions;
mod sandbox;
mod signon;
mod wires;
mod words;

use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine};

/// One parser, or a few that read the same thing.
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Whether the bytes are what the parser reads. Panics when the parser is at fault.
    pub run: fn(&[u8]) -> bool,
    /// Input that is read: where a fuzzer begins.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

impl Target {
    /// What a fuzzer found that reaches code which no seed reaches.
    pub fn corpus(&self) -> Vec<Vec<u8>> {
        kept(&self.kept_in("corpus"))
    }

    /// What this target once failed on.
    pub fn faults(&self) -> Vec<Vec<u8>> {
        kept(&self.kept_in("faults"))
    }

    /// Keeps these inputs as the corpus. In order, so that few lines change when some are new.
    pub fn set_corpus(&self, inputs: Vec<Vec<u8>>) {
        let mut lines: Vec<_> = inputs.into_iter().map(|input| BASE64_STANDARD.encode(input) + "\n").collect();
        lines.sort();
        std::fs::write(self.kept_in("corpus"), lines.concat()).unwrap();
    }

    fn kept_in(&self, folder: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(self.name)
    }
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "note", run: attestations::note, seeds: attestations::notes },
    Target { name: "verifier-key", run: attestations::verifier_key, seeds: attestations::verifier_keys },
    Target { name: "merkle-proof", run: attestations::merkle_proof, seeds: attestations::merkle_proofs },
    Target { name: "entry-proof", run: attestations::entry_proof, seeds: attestations::entry_proofs },
    Target { name: "tile", run: attestations::tile, seeds: attestations::tiles },
    Target { name: "envelope", run: attestations::envelope, seeds: attestations::envelopes },
    Target { name: "entry", run: attestations::entry, seeds: attestations::entries },
    Target { name: "record", run: attestations::record, seeds: attestations::records },
    Target { name: "bundle", run: attestations::bundle, seeds: attestations::bundles },
    Target { name: "public-values", run: attestations::public_values, seeds: attestations::public_values_of_tables },
    Target { name: "ssh-signature", run: attestations::ssh_signature, seeds: attestations::ssh_signatures },
    Target { name: "passkey-signature", run: attestations::passkey_signature, seeds: attestations::passkey_signatures },
    Target { name: "key-file", run: attestations::key_file, seeds: attestations::key_files },
    Target { name: "witness-request", run: attestations::witness_request, seeds: attestations::witness_requests },
    Target { name: "evidence", run: attestations::evidence, seeds: attestations::evidences },
    Target { name: "evidence-part", run: attestations::evidence_part, seeds: attestations::evidence_parts },
    Target { name: "word", run: words::word, seeds: words::words },
    Target { name: "json", run: words::json, seeds: words::documents },
    Target { name: "policy", run: words::policy, seeds: words::policies },
    Target { name: "rules", run: words::rules, seeds: words::texts_of_rules },
    Target { name: "manifest", run: words::manifest, seeds: words::manifests },
    Target { name: "shape", run: words::shape, seeds: words::shapes },
    Target { name: "release", run: words::release, seeds: words::releases },
    Target { name: "receipts", run: words::receipts, seeds: words::receipts_of_runs },
    Target { name: "description", run: sandbox::description, seeds: sandbox::descriptions },
    Target { name: "cell", run: sandbox::cell, seeds: sandbox::cells },
    Target { name: "import", run: sandbox::import, seeds: sandbox::sources },
    Target { name: "snapshot", run: sandbox::snapshot, seeds: sandbox::snapshots },
    Target { name: "reference", run: sandbox::reference, seeds: sandbox::references },
    Target { name: "age-file", run: sandbox::age_file, seeds: sandbox::age_files },
    Target { name: "age-key", run: sandbox::age_key, seeds: sandbox::age_keys },
    Target { name: "module", run: sandbox::module, seeds: sandbox::modules },
    Target { name: "guest-answer", run: sandbox::guest_answer, seeds: sandbox::guest_answers },
    Target { name: "frame", run: wires::frame, seeds: wires::frames },
    Target { name: "worker", run: wires::worker, seeds: wires::workers },
    Target { name: "node-answer", run: wires::node_answer, seeds: wires::node_answers },
    Target { name: "task", run: wires::task, seeds: wires::tasks },
    Target { name: "letter", run: wires::signed_letter, seeds: wires::signed_letters },
    Target { name: "request", run: wires::request, seeds: wires::requests },
    Target { name: "id-token", run: signon::id_token, seeds: signon::id_tokens },
    Target { name: "question", run: questions::question, seeds: questions::questions },
    Target { name: "smtp-reply", run: notices::smtp_reply, seeds: notices::smtp_replies },
];

/// A text, if it is one.
fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// Inputs that are kept in a file, if it is there.
fn kept(path: &Path) -> Vec<Vec<u8>> {
    let lines = std::fs::read_to_string(path).unwrap_or_default();
    lines.lines().map(|line| BASE64_STANDARD.decode(line).unwrap()).collect()
}
