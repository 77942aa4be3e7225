//! A ledger with people and a dataset, to which entries are put.

use crate::event::*;
use crate::ledger::*;
use crate::need::Need;
use crate::policy::Caps;

pub const OWNER: u8 = 1;
pub const SERVICE: u8 = 2;
pub const STEWARD: u8 = 3;
pub const ANALYST: u8 = 4;
pub const SECOND: u8 = 5;

pub fn key(who: u8) -> PublicKey {
    PublicKey::from_bytes([who; 32])
}

pub fn digest(of: u8) -> Digest {
    Digest::from_bytes([of; 32])
}

pub fn apply(ledger: &mut Ledger, who: u8, record: &Record, leaf: Digest) -> Result<(), Refusal> {
    let checked = ledger.check(Entry { signer: &key(who), cosigners: &[], record, leaf, statement: digest(0) })?;
    ledger.apply(checked).unwrap();
    Ok(())
}

pub struct Lab {
    pub ledger: Ledger,
    pub nonce: u64,
    /// What the entries put, by key: what is kept of a ledger.
    pub kept: BTreeMap<String, String>,
}

/// Somebody joins, or gets a new key.
pub fn enrolment(who: u8, name: &str, roles: &[Role]) -> PersonEnrolled {
    PersonEnrolled { name: name.into(), roles: roles.to_vec(), key: key(who), kept: None, proof: String::new() }
}

impl Lab {
    pub fn record(&mut self, event: impl Into<Event>) -> Record {
        self.nonce += 1;
        let time = DateTime::from_timestamp(1_800_000_000 + self.nonce as i64, 0).unwrap();
        Record { log: "lab".into(), time, nonce: format!("{:032x}", self.nonce), event: event.into() }
    }

    /// What comes next comes so much later.
    pub fn wait(&mut self, seconds: u64) {
        self.nonce += seconds;
    }

    pub fn try_(&mut self, who: u8, event: impl Into<Event>) -> Result<u64, Refusal> {
        self.try_all(&[who], event)
    }

    /// What several sign together.
    pub fn try_all(&mut self, who: &[u8], event: impl Into<Event>) -> Result<u64, Refusal> {
        let record = self.record(event);
        self.put(who, &record)
    }

    pub fn put(&mut self, who: &[u8], record: &Record) -> Result<u64, Refusal> {
        let keys: Vec<PublicKey> = who.iter().map(|who| key(*who)).collect();
        let before = self.ledger.clone();
        let entry = self.ledger.size;
        let leaf = digest(100u8.wrapping_add(entry as u8));
        let (signer, cosigners) = (&keys[0], &keys[1..]);
        let outcome = self.ledger.check(Entry { signer, cosigners, record, leaf, statement: digest(0) });
        assert_eq!(self.ledger, before, "asking changes nothing");
        let outcome = outcome.map(|checked| {
            let puts = checked.puts().iter().map(|put| (put.key(), serde_json::to_string(put).unwrap()));
            self.kept.extend(puts);
            self.ledger.apply(checked).unwrap();
        });
        outcome.map(|()| entry)
    }

    pub fn does(&mut self, who: u8, event: impl Into<Event>) -> u64 {
        self.try_(who, event).unwrap()
    }

    /// A lab with a steward, an analyst who is an operator too, a second operator and a dataset.
    pub fn new(caps: [&str; 3]) -> Lab {
        let mut lab = Lab { ledger: Ledger::default(), nonce: 0, kept: BTreeMap::new() };
        lab.does(
            OWNER,
            LabCreated {
                owner: "owner".into(),
                owner_key: key(OWNER),
                service_key: key(SERVICE),
                log_key: "lab+1+x".into(),
                noise_commitment: digest(9),
            },
        );
        for (who, name, roles) in [
            (STEWARD, "steward", &[Role::Steward][..]),
            (ANALYST, "analyst", &[Role::Analyst, Role::Operator]),
            (SECOND, "second", &[Role::Operator]),
        ] {
            lab.does(OWNER, enrolment(who, name, roles));
        }
        let [dataset, analyst, job] = caps.map(|cap| cap.parse().unwrap());
        let caps = Caps { dataset, analyst, job, domain: None };
        let policy = Policy { approvals: 2, caps, release_now: true, ..Policy::default() };
        lab.does(OWNER, PolicySet { policy });
        lab.does(STEWARD, dataset_named("firms", Some("enterprise")));
        lab
    }

    pub fn submission(&self) -> JobSubmitted {
        JobSubmitted {
            title: "t".into(),
            manifest: digest(20),
            module: digest(21),
            datasets: vec![used("firms")],
            policy: self.ledger.policy.as_ref().unwrap().entry,
            rho: "0.25".parse().unwrap(),
            pure_epsilon: None,
            release: "+1h".into(),
            need: Some(Need { memory: 1 << 30, thread: 1 << 20, seconds: 600 }),
        }
    }

    pub fn submit(&mut self) -> JobId {
        let submission = self.submission();
        JobId(self.does(ANALYST, submission))
    }

    pub fn approval(&self, job: JobId) -> JobApproved {
        let submitted = &self.ledger.jobs[&job];
        JobApproved {
            job,
            submission: submitted.leaf,
            manifest: digest(20),
            module: digest(21),
            role: Role::Operator,
            seen: TreeHead { size: self.ledger.size, root: digest(0) },
            words: None,
        }
    }

    pub fn approve(&mut self, job: JobId) {
        for who in [OWNER, SECOND] {
            let approval = self.approval(job);
            self.does(who, approval);
        }
    }

    pub fn start(&self, job: JobId) -> RunStarted {
        let j = &self.ledger.jobs[&job];
        RunStarted {
            job,
            submission: j.leaf,
            manifest: j.submitted.manifest,
            module: j.submitted.module,
            snapshots: vec![Snapshot { name: "firms".into(), snapshot: digest(11) }],
            policy: j.submitted.policy,
            policy_leaf: self.ledger.policy.as_ref().unwrap().leaf,
            approvals: j.approvals.iter().map(|(entry, _)| *entry).collect(),
            rho: j.submitted.rho,
            release_at: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
            runtime: "test".into(),
            runtime_build: digest(8),
        }
    }

    pub fn released(&self, job: JobId, run: u64) -> Released {
        let found = &self.ledger.jobs[&job];
        Released {
            job,
            run,
            run_leaf: found.run.as_ref().unwrap().leaf,
            approvals: found.approvals.iter().map(|(entry, _)| *entry).collect(),
            body: digest(30),
            receipts: None,
        }
    }
}

pub fn dataset_named(name: &str, domain: Option<&str>) -> DatasetRegistered {
    DatasetRegistered {
        name: name.into(),
        domain: domain.map(str::to_owned),
        buckets: 16,
        description: digest(10),
        snapshot: digest(11),
        open_to: vec![],
        values: None,
        bounds: None,
        keep_until: None,
    }
}

pub fn used(name: &str) -> Used {
    Used { name: name.into(), snapshot: digest(11), description: digest(10), values: None }
}
