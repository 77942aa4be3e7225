//! How long an auditor waits: verifies a log of a million entries, and says what a proof and a durable
//! append cost. `cargo run --release -p unseen-audit --example bench_audit [ENTRIES] [FOLDER]`; the folder
//! keeps the log that is made, for the next time.
//!
//! Of ten entries one is a submission, two are approvals, one starts a run, one announces its release, and
//! five are readings. Every job has a manifest and a release body of its own.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use unseen_audit::bundle::{self, Known, VERIFIER_KEY};
use unseen_audit::fold::Fold;
use unseen_audit::named::{self, Lookup};
use unseen_core::coverage::Expected;
use unseen_core::{ExactTotals, NoiseKey, RoundNoise, SealedRelease};
use unseen_ids::{Digest, JobId, PublicKey, Role};
use unseen_log::{Log, LogReader, blob_path};
use unseen_policies::event::*;
use unseen_policies::policy::{Caps, Policy};
use unseen_texts::{Sentence, text};
use unseen_tlog::dsse::Envelope;
use unseen_tlog::merkle::{self, leaf_hash};
use unseen_tlog::note::NoteKey;
use unseen_tlog::proof::EntryProof;
use unseen_tlog::{Signer, SigningKey};

const ORIGIN: &str = "lab.example/bench";
const OWNER: u8 = 1;
const SERVICE: u8 = 2;
const STEWARD: u8 = 3;
const ANALYST: u8 = 4;
const SECOND: u8 = 5;
const LOG: u8 = 6;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next().unwrap_or_else(|| "1000000".to_owned());
    if first == "verify" {
        return verify(Path::new(&arguments.next().unwrap()));
    }
    let entries: u64 = first.parse().unwrap();
    let dir = arguments.next().map_or_else(|| std::env::temp_dir().join("unseen-bench-audit"), PathBuf::from);
    let bundle = dir.join(format!("log-{entries}"));
    if !bundle.join(VERIFIER_KEY).exists() {
        let _ = fs::remove_dir_all(&bundle);
        let start = Instant::now();
        Maker::new(&bundle).make(entries);
        println!("made a log of {entries} entries in {:.0} s", start.elapsed().as_secs_f64());
    }
    // In a process of its own, so that its memory is its own.
    let program = std::env::current_exe().unwrap();
    assert!(Command::new(program).arg("verify").arg(&bundle).status().unwrap().success());
    let alone = one_by_one(&bundle);
    let ratio = cpu_seconds(CHILDREN) * 1e6 / entries as f64 / alone;
    println!("a signature alone: {alone:.1} us of CPU; an entry of the audit / that: {ratio:.2}");
    proof(&bundle);
    appends(&dir);
}

fn verify(bundle: &Path) {
    let report = bundle::verify(bundle, &Known::default()).unwrap();
    assert!(report.violations.is_empty(), "{:?}", report.violations.first());
    let (cpu, peak) = (cpu_seconds(OWN), peak_megabytes());
    println!("verify: {} entries, {} jobs, {} numbers", report.head.entries, report.jobs.len(), report.numbers);
    let each = cpu * 1e6 / report.head.entries as f64;
    println!("verify: {cpu:.1} s of CPU, {each:.1} us an entry, peak {peak} MB");
}

/// Microseconds of CPU that a signature of the log takes by itself.
fn one_by_one(bundle: &Path) -> f64 {
    let keys = [OWNER, SERVICE, STEWARD, ANALYST, SECOND].map(|seed| key(seed).verifying_key());
    let keys: HashMap<String, _> = keys.into_iter().map(|key| (key.key_id(), key)).collect();
    let log = LogReader::open(bundle, &verifier()).unwrap();
    let envelopes = log.entries(0).take(50_000).map(|entry| Envelope::from_bytes(&entry.unwrap()).unwrap());
    let envelopes: Vec<_> = envelopes.collect();
    let before = cpu_seconds(OWN);
    for envelope in &envelopes {
        let key = &keys[envelope.key_ids().next().unwrap()];
        envelope.verify_at(0, key).unwrap();
    }
    (cpu_seconds(OWN) - before) * 1e6 / envelopes.len() as f64
}

fn proof(bundle: &Path) {
    let log = LogReader::open(bundle, &verifier()).unwrap();
    let rounds = 1000;
    let mut hashes = 0;
    let start = Instant::now();
    for round in 0..rounds {
        hashes = log.prove_inclusion(round * 7919 % log.size(), log.size()).unwrap().len();
    }
    let each = start.elapsed().as_secs_f64() * 1e3 / rounds as f64;
    let whole = log.prove_entry((rounds - 1) * 7919 % log.size()).unwrap();
    let file = EntryProof { extra: None, ..whole }.to_string().len();
    println!(
        "inclusion proof: {each:.3} ms, {hashes} hashes = {} B; as a file with its checkpoint, without the entry, {file} B",
        hashes * 32
    );
}

/// Durable appends beside a loop that does nothing but write and flush, taken in turns.
fn appends(dir: &Path) {
    let (folder, plain) = (dir.join("appends"), dir.join("plain"));
    let _ = fs::remove_dir_all(&folder);
    let mut log = Log::create(&folder, ORIGIN, Arc::new(key(LOG))).unwrap();
    let mut file = File::create(&plain).unwrap();
    let entry = vec![b'x'; 1200];
    let (mut single, mut batched, mut flushed) = (0.0, 0.0, 0.0);
    let rounds = 40;
    for _ in 0..rounds {
        let start = Instant::now();
        log.append(&entry).unwrap();
        single += start.elapsed().as_secs_f64();
        let start = Instant::now();
        log.append_batch(&vec![&entry; 256]).unwrap();
        batched += start.elapsed().as_secs_f64();
        let start = Instant::now();
        file.write_all(&entry).unwrap();
        file.sync_all().unwrap();
        flushed += start.elapsed().as_secs_f64();
    }
    let rate = |count: f64, seconds: f64| count * f64::from(rounds) / seconds;
    let (single, batched, flushed) = (rate(1.0, single), rate(256.0, batched), rate(1.0, flushed));
    println!("durable appends a second: {single:.0} one by one, {batched:.0} in batches of 256");
    println!("plain loop of write and fsync: {flushed:.0} a second; batched / plain {:.1}", batched / flushed);
    let _ = (fs::remove_dir_all(&folder), fs::remove_file(&plain));
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32]).unwrap()
}

fn public(seed: u8) -> PublicKey {
    PublicKey::from(key(seed).verifying_key())
}

fn verifier() -> NoteKey {
    NoteKey::new(ORIGIN, key(LOG).verifying_key()).unwrap()
}

fn manifest(job: u64) -> String {
    format!(
        r#"[job]
title = "Firms by town {job}"
purpose = "To measure."
release = "+3600s"
[[input]]
dataset = "firms"
columns = ["town"]
[grain]
kind = "unit"
[[output]]
name = "firms"
groups = [{{ name = "town", keys = ["east", "north", "south", "west"] }}]
values = [{{ name = "count", lower = 0, upper = 1, granularity = 1 }}]
[privacy]
mechanism = "gaussian"
rho = 0.000001
"#
    )
}

/// Makes a log: everything that an auditor verifies is really there.
struct Maker {
    bundle: PathBuf,
    log: Log,
    fold: Fold,
    pending: Vec<Vec<u8>>,
    /// Roots of the complete subtrees, from the left.
    subtrees: Vec<[u8; 32]>,
    size: u64,
    time: DateTime<Utc>,
}

impl Lookup for Maker {
    fn blob(&self, digest: &Digest) -> Result<Vec<u8>, Sentence> {
        let path = self.bundle.join(blob_path(digest));
        fs::read(path).map_err(|error| Sentence::of(&error))
    }

    fn root_at(&self, _: u64) -> Result<[u8; 32], Sentence> {
        Err(text!("not asked for", "没有询问").into())
    }
}

impl Maker {
    fn new(bundle: &Path) -> Maker {
        let log = Log::create(bundle, ORIGIN, Arc::new(key(LOG))).unwrap();
        let time = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let (bundle, fold) = (bundle.to_owned(), Fold::default());
        Maker { bundle, log, fold, pending: vec![], subtrees: vec![], size: 0, time }
    }

    fn make(mut self, entries: u64) {
        self.begin();
        for number in 0.. {
            if self.size + 10 > entries {
                break;
            }
            self.job(number);
        }
        while self.size < entries {
            let policy = self.fold.ledger().policy().unwrap().clone();
            self.does(OWNER, PolicySet { policy });
        }
        self.flush();
        fs::write(self.bundle.join(VERIFIER_KEY), format!("{}\n", verifier())).unwrap();
    }

    fn begin(&mut self) {
        self.does(
            OWNER,
            LabCreated {
                owner: "owner".into(),
                owner_key: public(OWNER),
                service_key: public(SERVICE),
                log_key: verifier().to_string(),
                noise_commitment: Digest::from_bytes(NoiseKey::new([7; 32]).commitment()),
            },
        );
        for (seed, name, role) in [
            (STEWARD, "steward", Role::Steward),
            (ANALYST, "analyst", Role::Analyst),
            (SECOND, "second", Role::Operator),
        ] {
            let proof = unseen_entries::sign::prove_enrolment(&key(seed), ORIGIN, name, &[role]).unwrap();
            self.does(
                OWNER,
                PersonEnrolled { name: name.into(), roles: vec![role], key: public(seed), kept: None, proof },
            );
        }
        let rho = |text: &str| text.parse().unwrap();
        let caps = Caps { dataset: rho("1"), analyst: rho("1"), job: rho("0.25"), domain: None };
        self.does(OWNER, PolicySet { policy: Policy { approvals: 2, caps, machine: None, ..Policy::default() } });
        let description = self.put(b"name = \"firms\"\n");
        self.does(
            STEWARD,
            DatasetRegistered {
                name: "firms".into(),
                domain: Some("enterprise".into()),
                buckets: 16,
                description,
                snapshot: Digest::of(b"snapshot"),
                open_to: vec![],
                values: None,
                bounds: None,
                keep_until: None,
            },
        );
    }

    /// Ten entries.
    fn job(&mut self, number: u64) {
        let policy = self.fold.ledger().in_force().cloned().unwrap();
        let firms = self.fold.ledger().datasets()["firms"].registered.clone();
        let (manifest, module) = (self.put(manifest(number).as_bytes()), Digest::of(b"module"));
        let used = Used { name: firms.name, snapshot: firms.snapshot, description: firms.description, values: None };
        let submitted = JobSubmitted {
            title: format!("Firms by town {number}"),
            manifest,
            module,
            datasets: vec![used.clone()],
            policy: policy.entry,
            rho: "0.000001".parse().unwrap(),
            pure_epsilon: None,
            release: "+3600s".into(),
            need: None,
        };
        let job = JobId(self.does(ANALYST, submitted.clone()));
        let submission = self.fold.ledger().job(job).unwrap().leaf;
        for who in [OWNER, SECOND] {
            let seen = TreeHead { size: self.size, root: Digest::from_bytes(self.root()) };
            self.does(who, JobApproved { job, submission, manifest, module, role: Role::Operator, seen, words: None });
        }
        let approvals = vec![job.0 + 1, job.0 + 2];
        let started = RunStarted {
            job,
            submission,
            manifest,
            module,
            snapshots: vec![Snapshot { name: used.name, snapshot: used.snapshot }],
            policy: policy.entry,
            policy_leaf: policy.leaf,
            approvals: approvals.clone(),
            rho: submitted.rho,
            release_at: self.time + TimeDelta::hours(1) + TimeDelta::minutes(1),
            runtime: "unseen".into(),
            runtime_build: Digest::of(b"build"),
        };
        let run = self.does(OWNER, started);
        let run_leaf = self.fold.ledger().job(job).unwrap().run.as_ref().unwrap().leaf;
        let (_, plan) = named::plan(&submitted, self).unwrap();
        let seeded = unseen_core::RunIdentity { origin: ORIGIN, entry: run, leaf: run_leaf.to_bytes(), snapshots: &[] };
        let noise = RoundNoise::draw(&plan, NoiseKey::new([7; 32]).round_seed(&seeded, 0), 0).unwrap();
        let noisy = ExactTotals::zero(&noise, Expected::Each(vec![])).complete().unwrap().noise(noise);
        let sealed = SealedRelease::seal(&plan, job, run, &[noisy], vec![]).unwrap();
        let body = sealed.digest();
        self.time += TimeDelta::hours(2);
        let release = self.does(SERVICE, Released { job, run, run_leaf, approvals, body, receipts: None });
        let entry = self.pending.last().unwrap();
        let opened = sealed.open(entry, 0, 1, &leaf_hash(entry), &[]).unwrap();
        self.put(opened.bytes());
        for _ in 0..5 {
            self.does(ANALYST, ReleaseRead { job, release });
        }
        if self.pending.len() >= 8192 {
            self.flush();
        }
    }

    fn does(&mut self, who: u8, event: impl Into<Event>) -> u64 {
        self.time += TimeDelta::seconds(1);
        // As random as they are in a lab: their order is part of what an auditor keeps.
        let nonce = Digest::of(&self.size.to_le_bytes()).to_hex()[..32].to_owned();
        let record = Record { log: ORIGIN.into(), time: self.time, nonce, event: event.into() };
        let entry = unseen_entries::sign::sign(&record, &key(who)).unwrap();
        self.fold.next(&entry).unwrap();
        let mut right = leaf_hash(&entry);
        for _ in 0..self.size.trailing_ones() {
            right = merkle::node_hash(&self.subtrees.pop().unwrap(), &right);
        }
        self.subtrees.push(right);
        self.size += 1;
        self.pending.push(entry);
        self.size - 1
    }

    /// The root over what there is.
    fn root(&self) -> [u8; 32] {
        let root = self.subtrees.iter().rev().copied().reduce(|right, left| merkle::node_hash(&left, &right));
        root.unwrap_or_else(merkle::empty_root)
    }

    fn flush(&mut self) {
        self.log.append_batch(&std::mem::take(&mut self.pending)).unwrap();
    }

    /// Keeps a blob, without waiting for the disk.
    fn put(&self, bytes: &[u8]) -> Digest {
        let path = self.bundle.join(blob_path(&unseen_ids::Digest::of(bytes)));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        Digest::of(bytes)
    }
}

/// Where `/proc/self/stat` has the CPU time of this process, and of those it waited for.
const OWN: usize = 11;
const CHILDREN: usize = 13;

fn cpu_seconds(whose: usize) -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit(')').next().unwrap().split_whitespace();
    fields.skip(whose).take(2).map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

fn peak_megabytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}
