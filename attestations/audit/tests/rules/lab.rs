//! A lab whose log takes anything: entries are signed and put in, and nobody asks whether they may be.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tempfile::TempDir;
use unseen_audit::bundle::{self, Known, VERIFIER_KEY};
use unseen_audit::error::AuditError;
use unseen_audit::fold::Fold;
use unseen_audit::named::{self, Lookup};
use unseen_audit::report::Report;
use unseen_core::coverage::Expected;
use unseen_core::{ExactTotals, NoiseKey, RoundNoise, SealedRelease};
use unseen_ids::{Digest, JobId, PublicKey, Role};
use unseen_log::{Log, blob_path};
use unseen_policies::Need;
use unseen_policies::event::*;
use unseen_policies::ledger::{Dataset, Job, Ledger, Refusal};
use unseen_policies::policy::{Caps, EvidenceRule, Machine, Policy, Witness, Witnesses};
use unseen_texts::{Lang, Sentence, text};
use unseen_tlog::cosignature::{WitnessKey, cosign};
use unseen_tlog::merkle::{self, Hash, leaf_hash, node_hash};
use unseen_tlog::note::{Checkpoint, Note, NoteKey};
use unseen_tlog::{Signer, SigningKey};

pub const ORIGIN: &str = "lab.example/log";

pub const OWNER: u8 = 1;
pub const SERVICE: u8 = 2;
pub const STEWARD: u8 = 3;
/// Analyst and operator too.
pub const ANALYST: u8 = 4;
pub const SECOND: u8 = 5;
pub const AUDITOR: u8 = 6;
/// Never enrolled by the builder itself.
pub const STRANGER: u8 = 7;
pub const NEWCOMER: u8 = 8;
pub const LOG_KEY: u8 = 10;
pub const NEXT_LOG_KEY: u8 = 11;
pub const WITNESS: u8 = 20;
pub const OTHER_WITNESS: u8 = 21;
pub const NODE: u8 = 50;
pub const OTHER_NODE: u8 = 51;
pub const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

const DESCRIPTION: &str = "[dataset]\nname = \"firms\"\nunit = \"enterprise\"\n";
pub const MANIFEST: &str = r#"[job]
title = "Firms by town"
purpose = "An example"
release = "+1h"

[[input]]
dataset = "firms"
columns = ["town"]

[grain]
kind = "unit"

[[output]]
name = "firms"
groups = [{ name = "town", reference = "towns", column = "town" }]
values = [{ name = "count", lower = 0, upper = 1, granularity = 0.01 }]

[privacy]
mechanism = "gaussian"
rho = 0.25
"#;
const TOWNS: &str = r#"{"town":["湖塘","牛塘"]}"#;

pub fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32]).unwrap()
}

pub fn public(seed: u8) -> PublicKey {
    PublicKey::from(key(seed).verifying_key())
}

/// The verifier key of the log under one of its keys.
pub fn verifier(seed: u8) -> NoteKey {
    NoteKey::new(ORIGIN, key(seed).verifying_key()).unwrap()
}

pub fn witness(seed: u8) -> WitnessKey {
    WitnessKey::new(&format!("witness.example/{seed}"), key(seed).verifying_key()).unwrap()
}

/// Some digest that nothing has.
pub fn other_digest() -> Digest {
    Digest::of(b"something else")
}

#[derive(Clone)]
pub struct Lab {
    pub entries: Vec<Vec<u8>>,
    pub blobs: BTreeMap<Digest, Vec<u8>>,
    pub time: DateTime<Utc>,
    fold: Fold,
    nonces: u128,
    /// Entries that hand the log over, and the key they hand it to.
    pub handovers: BTreeMap<usize, u8>,
}

impl Lab {
    /// A log without an entry.
    pub fn empty() -> Lab {
        let time = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let (entries, blobs, handovers) = Default::default();
        Lab { entries, blobs, time, fold: Fold::default(), nonces: 0, handovers }
    }

    /// A lab with people, rules, a private dataset and a public table.
    pub fn new() -> Lab {
        let mut lab = Lab::empty();
        lab.does(OWNER, lab.created());
        for (seed, name, roles) in [
            (STEWARD, "steward", vec![Role::Steward]),
            (ANALYST, "analyst", vec![Role::Analyst, Role::Operator]),
            (SECOND, "second", vec![Role::Operator]),
            (AUDITOR, "auditor", vec![Role::Auditor]),
        ] {
            lab.does(OWNER, enrolment(seed, name, roles));
        }
        let rho = |text: &str| text.parse().unwrap();
        let caps = Caps { dataset: rho("1"), analyst: rho("0.75"), job: rho("0.25"), domain: None };
        let machine = Some(Machine { fuel_per_second: 1_000_000_000, memory: 4 << 30, swap: true });
        lab.does(OWNER, PolicySet { policy: Policy { approvals: 2, caps, machine, ..Policy::default() } });
        let firms = lab.dataset("firms", Some("enterprise"));
        lab.does(STEWARD, firms);
        let towns = DatasetRegistered { values: Some(lab.put(TOWNS)), ..lab.dataset("towns", None) };
        lab.does(STEWARD, towns);
        lab
    }

    pub fn ledger(&self) -> &Ledger {
        self.fold.ledger()
    }

    pub fn fold(&self) -> &Fold {
        &self.fold
    }

    pub fn job(&self, job: JobId) -> &Job {
        &self.ledger().jobs()[&job]
    }

    pub fn size(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Keeps a blob.
    pub fn put(&mut self, bytes: impl AsRef<[u8]>) -> Digest {
        let digest = Digest::of(bytes.as_ref());
        self.blobs.insert(digest, bytes.as_ref().to_vec());
        digest
    }

    /// Puts these bytes in as the next entry, whatever they are.
    pub fn push(&mut self, entry: Vec<u8>) -> u64 {
        if self.fold.next(&entry).is_err() {
            self.fold.skip();
        }
        self.entries.push(entry);
        self.size() - 1
    }

    /// A record a second later than the one before.
    pub fn record(&mut self, event: impl Into<Event>) -> Record {
        self.nonces += 1;
        self.time += TimeDelta::seconds(1);
        Record { log: ORIGIN.into(), time: self.time, nonce: format!("{:032x}", self.nonces), event: event.into() }
    }

    pub fn seal(&mut self, who: u8, event: impl Into<Event>) -> Vec<u8> {
        unseen_entries::sign::sign(&self.record(event), &key(who)).unwrap()
    }

    /// What several sign, each the same.
    pub fn seal_by(&mut self, who: &[u8], event: impl Into<Event>) -> Vec<u8> {
        let first = self.seal(who[0], event);
        who[1..].iter().fold(first, |entry, seed| unseen_entries::sign::countersign(&entry, &key(*seed)).unwrap())
    }

    /// Signs an event and puts it in, though it may not be.
    pub fn puts(&mut self, who: u8, event: impl Into<Event>) -> u64 {
        let entry = self.seal(who, event);
        self.push(entry)
    }

    /// Signs an event and puts it in; it must fold.
    pub fn does(&mut self, who: u8, event: impl Into<Event>) -> u64 {
        let entry = self.seal(who, event);
        drop(self.fold.check(&entry).unwrap());
        self.push(entry)
    }

    /// Hands the log over to another key.
    pub fn hand_over(&mut self, to: u8) -> u64 {
        let entry = self.does(OWNER, LogKeyChanged { log_key: verifier(to).to_string() });
        self.handovers.insert(entry as usize, to);
        entry
    }

    pub fn wait(&mut self, time: TimeDelta) {
        self.time += time;
    }

    pub fn created(&self) -> LabCreated {
        LabCreated {
            owner: "owner".into(),
            owner_key: public(OWNER),
            service_key: public(SERVICE),
            log_key: verifier(LOG_KEY).to_string(),
            noise_commitment: Digest::from_bytes(noise_key().commitment()),
        }
    }

    pub fn dataset(&mut self, name: &str, domain: Option<&str>) -> DatasetRegistered {
        DatasetRegistered {
            name: name.into(),
            domain: domain.map(str::to_owned),
            buckets: if domain.is_some() { 16 } else { 0 },
            description: self.put(DESCRIPTION),
            snapshot: Digest::of(name.as_bytes()),
            open_to: vec![],
            values: None,
            bounds: None,
            keep_until: None,
        }
    }

    /// Changes the rules.
    pub fn rules(&mut self, change: impl FnOnce(&mut Policy)) -> u64 {
        let mut policy = self.ledger().policy().unwrap().clone();
        change(&mut policy);
        self.does(OWNER, PolicySet { policy })
    }

    /// From here on both witnesses must have seen a release.
    pub fn witnessed_by_two(&mut self) -> u64 {
        let named = |seed| Witness { key: witness(seed).to_string(), url: "https://witness.example".into() };
        let witness = [WITNESS, OTHER_WITNESS].map(named).into();
        self.rules(|policy| policy.witnesses = Some(Witnesses { quorum: 2, required: true, witness }))
    }

    pub fn evidence_by(&mut self, rule: EvidenceRule) -> u64 {
        self.rules(|policy| policy.evidence = Some(rule))
    }

    pub fn used(&self, name: &str) -> Used {
        let Dataset { registered: DatasetRegistered { snapshot, description, values, .. }, .. } =
            self.ledger().datasets()[name].clone();
        Used { name: name.into(), snapshot, description, values }
    }

    pub fn submission(&mut self) -> JobSubmitted {
        let mut event = JobSubmitted {
            title: "Firms by town".into(),
            manifest: self.put(MANIFEST),
            module: Digest::of(b"a component"),
            datasets: vec![self.used("firms"), self.used("towns")],
            policy: self.ledger().in_force().unwrap().entry,
            rho: "0.25".parse().unwrap(),
            pure_epsilon: None,
            release: "+3600s".into(),
            need: None,
        };
        // Where what it names is damaged, it says something all the same.
        event.need = match named::plan(&event, self) {
            Ok((manifest, plan)) => named::need(self.ledger(), &manifest, &plan),
            Err(_) => Some(Need { memory: 1, thread: 1, seconds: 1 }),
        };
        event
    }

    pub fn submit(&mut self) -> JobId {
        let submission = self.submission();
        JobId(self.does(ANALYST, submission))
    }

    pub fn approval(&self, job: JobId) -> JobApproved {
        let Job { submitted, leaf, .. } = self.job(job);
        JobApproved {
            job,
            submission: *leaf,
            manifest: submitted.manifest,
            module: submitted.module,
            role: Role::Operator,
            seen: TreeHead { size: self.size(), root: Digest::from_bytes(self.root()) },
            words: None,
        }
    }

    pub fn approve(&mut self, job: JobId) {
        for who in [OWNER, SECOND] {
            self.does(who, self.approval(job));
        }
    }

    /// A job that two have approved.
    pub fn approved(&mut self) -> JobId {
        let job = self.submit();
        self.approve(job);
        job
    }

    pub fn start(&self, job: JobId) -> RunStarted {
        let Job { submitted, leaf, approvals, .. } = self.job(job).clone();
        let policy = self.ledger().in_force().unwrap();
        RunStarted {
            job,
            submission: leaf,
            manifest: submitted.manifest,
            module: submitted.module,
            snapshots: submitted
                .datasets
                .into_iter()
                .map(|Used { name, snapshot, .. }| Snapshot { name, snapshot })
                .collect(),
            policy: policy.entry,
            policy_leaf: policy.leaf,
            approvals: approvals.into_iter().map(|(entry, _)| entry).collect(),
            rho: submitted.rho,
            release_at: self.time + TimeDelta::hours(1),
            runtime: "unseen 0.1.0".into(),
            runtime_build: Digest::of(b"a binary"),
        }
    }

    /// A job whose run has started, and the entry that started it.
    pub fn running(&mut self) -> (JobId, u64) {
        let job = self.approved();
        if let Err(Refusal::Busy { until, .. }) = self.ledger().check_free(self.time) {
            self.time = until;
        }
        (job, self.does(OWNER, self.start(job)))
    }

    /// The announcement of a release with this body.
    pub fn announce(&self, job: JobId, body: Digest) -> Released {
        let Job { run, approvals, .. } = self.job(job).clone();
        let (run, run_leaf) = run.map_or((0, other_digest()), |run| (run.entry, run.leaf));
        Released {
            job,
            run,
            run_leaf,
            approvals: approvals.into_iter().map(|(entry, _)| entry).collect(),
            body,
            receipts: None,
        }
    }

    /// The body that the run of this job would have.
    pub fn body(&mut self, job: JobId) -> Vec<u8> {
        let Job { submitted, run, .. } = self.job(job).clone();
        let run = run.unwrap();
        let (_, plan) = named::plan(&submitted, self).unwrap();
        let seeded =
            unseen_core::RunIdentity { origin: ORIGIN, entry: run.entry, leaf: run.leaf.to_bytes(), snapshots: &[] };
        let noise = RoundNoise::draw(&plan, noise_key().round_seed(&seeded, 0), 0).unwrap();
        let totals = ExactTotals::zero(&noise, Expected::Each(vec![])).complete().unwrap().noise(noise);
        let sealed = SealedRelease::seal(&plan, job, run.entry, &[totals], vec![]).unwrap();
        // It opens when it is in some log.
        let announcement = self.announce(job, sealed.digest());
        let (entry, other) = (self.seal(SERVICE, announcement), leaf_hash(b"another entry"));
        let root = node_hash(&other, &leaf_hash(&entry));
        sealed.open(&entry, 1, 2, &root, &[other]).unwrap().bytes().to_vec()
    }

    /// The announcement of a run's good body, when its time has come.
    pub fn result(&mut self, job: JobId) -> Released {
        let body = self.body(job);
        let body = self.put(body);
        self.wait(TimeDelta::hours(1));
        self.announce(job, body)
    }

    /// A job that was released, and the entry of the release.
    pub fn released(&mut self) -> (JobId, u64) {
        let (job, _) = self.running();
        let result = self.result(job);
        (job, self.does(SERVICE, result))
    }

    pub fn leaves(&self) -> Vec<Hash> {
        self.entries.iter().map(|entry| leaf_hash(entry)).collect()
    }

    pub fn root(&self) -> Hash {
        merkle::root(&self.leaves())
    }

    /// The log's checkpoint as it is now, signed by this key.
    pub fn checkpoint(&self, log_key: u8) -> Note {
        Checkpoint { origin: ORIGIN.into(), size: self.size(), root: self.root() }.sign(&key(log_key)).unwrap()
    }

    /// The same with true cosignatures of now.
    pub fn cosigned(&self, witnesses: &[u8]) -> Note {
        let mut note = self.checkpoint(LOG_KEY);
        witnesses.iter().for_each(|seed| add_cosignature(&mut note, *seed, self.time));
        note
    }

    /// What says that these witnesses have cosigned this checkpoint.
    pub fn witnessing(&mut self, job: JobId, note: &Note, witnesses: &[u8]) -> ReleaseWitnessed {
        let release = self.job(job).release.map_or(0, |(entry, _)| entry);
        let checkpoint = self.put(note.to_string());
        let witnesses = witnesses.iter().map(|seed| witness(*seed).name().to_owned()).collect();
        ReleaseWitnessed { job, release, checkpoint, witnesses }
    }

    /// Writes the log to a folder, as an export has it.
    pub fn export(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::create(folder.path(), ORIGIN, Arc::new(key(LOG_KEY))).unwrap();
        let mut from = 0;
        for (at, to) in self.handovers.range(..self.entries.len()) {
            log.append_batch(&self.entries[from..*at]).unwrap();
            log.hand_over(&self.entries[*at], Arc::new(key(*to))).unwrap();
            from = at + 1;
        }
        log.append_batch(&self.entries[from..]).unwrap();
        for (digest, bytes) in self.blobs.iter().filter(|(digest, _)| !self.is_sealed(digest)) {
            let path = folder.path().join(blob_path(digest));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        fs::write(folder.path().join(VERIFIER_KEY), log.verifier().to_string()).unwrap();
        folder
    }

    /// Whether this is the body of a release that waits for witnesses.
    fn is_sealed(&self, body: &Digest) -> bool {
        let named = self.ledger().in_force().filter(|policy| policy.policy.witnesses.is_some());
        let waits = |job: &Job| match (named, job.release) {
            (Some(named), Some((entry, digest))) => digest == *body && job.witnessed.is_none() && named.entry < entry,
            _ => false,
        };
        self.ledger().jobs().values().any(|job| waits(job))
    }

    pub fn audit(&self) -> Report {
        audit(self.export().path(), &Known::default()).unwrap()
    }
}

impl Lookup for Lab {
    fn blob(&self, digest: &Digest) -> Result<Vec<u8>, Sentence> {
        self.blobs.get(digest).cloned().ok_or_else(|| text!("no such blob", "没有该附件").into())
    }

    fn root_at(&self, size: u64) -> Result<Hash, Sentence> {
        Ok(merkle::root(&self.leaves()[..size as usize]))
    }
}

pub fn audit(bundle: &Path, known: &Known) -> Result<Report, AuditError> {
    bundle::verify(bundle, known).map_err(|stopped| stopped.error)
}

/// What an audit found, entry by entry.
pub fn violations(report: &Report) -> Vec<(u64, &str)> {
    report.violations.iter().map(|found| (found.entry, found.what.to(Lang::En))).collect()
}

/// An enrolment that the new key has asked for.
pub fn enrolment(seed: u8, name: &str, roles: Vec<Role>) -> PersonEnrolled {
    let proof = unseen_entries::sign::prove_enrolment(&key(seed), ORIGIN, name, &roles).unwrap();
    PersonEnrolled { name: name.into(), roles, key: public(seed), kept: None, proof }
}

/// A node's enrolment that its key has asked for.
pub fn node(seed: u8, name: &str) -> NodeEnrolled {
    let (key, recipient) = (public(seed), RECIPIENT.to_owned());
    let proof = unseen_entries::sign::prove_node(&self::key(seed), ORIGIN, name, &recipient).unwrap();
    NodeEnrolled { name: name.into(), key, recipient, proof }
}

pub fn add_cosignature(note: &mut Note, seed: u8, time: DateTime<Utc>) {
    let time = u64::try_from(time.timestamp()).unwrap();
    note.add(cosign(witness(seed).name(), &key(seed), note.text(), time).unwrap());
}

fn noise_key() -> NoiseKey {
    NoiseKey::new([1; 32])
}
