//! A ledger of the product's with two datasets of one unit domain and jobs of each that wait for their runs. What
//! happens to them is entries that [`Ledger::check`] lets pass, as in a lab.

use chrono::{DateTime, Utc};
use unseen_ids::{Digest, JobId, PublicKey, Role};
use unseen_policies::event::{
    DatasetRegistered, Event, JobApproved, JobSubmitted, LabCreated, PersonEnrolled, PolicySet, Record, Released,
    RunFailed, RunStarted, Snapshot, TreeHead, Used,
};
use unseen_policies::ledger::{Entry, Ledger, Refusal};
use unseen_policies::policy::{Caps, Policy};
use unseen_policies::{Need, Rho};

use crate::path::Failure;

const DATASETS: [&str; 2] = ["firms", "taxes"];
const OWNER: u8 = 1;
const SERVICE: u8 = 2;
const STEWARD: u8 = 3;
const ANALYST: u8 = 4;

/// A run on record: its job, and the entry that started it.
pub type Run = (JobId, u64);

/// The ledger, and the jobs that wait.
#[derive(Clone)]
pub struct Office {
    ledger: Ledger,
    entries: u64,
    waiting: Vec<Waiting>,
}

/// A job that was approved.
#[derive(Clone, Copy)]
struct Waiting {
    job: JobId,
    dataset: usize,
    cost: Rho,
}

impl Office {
    /// With so many jobs of each cost on each dataset. Nothing was spent when they were submitted.
    pub fn new(caps: Caps, costs: &[Rho], each: usize) -> Result<Office, Failure> {
        let mut office = Office { ledger: Ledger::default(), entries: 0, waiting: Vec::new() };
        let created = LabCreated {
            owner: "owner".into(),
            owner_key: key(OWNER),
            service_key: key(SERVICE),
            log_key: "attack.example+1+x".into(),
            noise_commitment: digest(9),
        };
        office.must(OWNER, created)?;
        for (who, name, role) in [(STEWARD, "steward", Role::Steward), (ANALYST, "analyst", Role::Analyst)] {
            let (roles, name) = (vec![role], name.to_owned());
            office.must(OWNER, PersonEnrolled { name, roles, key: key(who), kept: None, proof: String::new() })?;
        }
        let policy = Policy { approvals: 1, caps, release_now: true, machine: None, ..Policy::default() };
        office.must(OWNER, PolicySet { policy })?;
        for name in DATASETS {
            let registered = DatasetRegistered {
                name: name.into(),
                domain: Some("enterprise".into()),
                buckets: 16,
                description: digest(10),
                snapshot: digest(11),
                open_to: vec![],
                values: None,
                bounds: None,
                keep_until: None,
            };
            office.must(STEWARD, registered)?;
        }
        for (dataset, cost) in (0..DATASETS.len()).flat_map(|dataset| costs.iter().map(move |cost| (dataset, *cost))) {
            for _ in 0..each {
                let job = office.submitted(dataset, cost)?;
                office.waiting.push(Waiting { job, dataset, cost });
            }
        }
        Ok(office)
    }

    /// Starts a job of this cost on this dataset, which charges it: its run, or why not.
    pub fn start(&mut self, dataset: usize, cost: Rho) -> Result<Result<Run, Refusal>, Failure> {
        let fits = |waiting: &Waiting| waiting.dataset == dataset && waiting.cost == cost;
        let at = self.waiting.iter().position(fits).ok_or("no such job waits")?;
        let job = self.waiting[at].job;
        let (found, in_force) = (self.ledger.job(job)?, self.ledger.in_force().ok_or("there are no rules")?);
        let started = RunStarted {
            job,
            submission: found.leaf,
            manifest: found.submitted.manifest,
            module: found.submitted.module,
            snapshots: vec![Snapshot { name: DATASETS[dataset].into(), snapshot: digest(11) }],
            policy: in_force.entry,
            policy_leaf: in_force.leaf,
            approvals: found.approvals.iter().map(|(entry, _)| *entry).collect(),
            rho: cost,
            release_at: moment(self.entries + 1)?,
            runtime: "attack".into(),
            runtime_build: digest(8),
        };
        let put = self.put(OWNER, started)?;
        if put.is_ok() {
            self.waiting.swap_remove(at);
        }
        Ok(put.map(|entry| (job, entry)))
    }

    /// Ends a run: released, or failed, which says what `advance` said.
    pub fn end(&mut self, (job, run): Run, failed: bool) -> Result<(), Failure> {
        if failed {
            return self.must(SERVICE, RunFailed { job, run, reason: "advance: -3.5".into() }).map(drop);
        }
        let found = self.ledger.job(job)?;
        let run_leaf = found.run.as_ref().ok_or("it does not run")?.leaf;
        let approvals = found.approvals.iter().map(|(entry, _)| *entry).collect();
        self.must(SERVICE, Released { job, run, run_leaf, approvals, body: digest(30), receipts: None }).map(drop)
    }

    /// What was spent on one unit of the domain.
    pub fn spent(&self) -> Rho {
        self.ledger.spent_on_domain("enterprise")
    }

    /// A job of this cost on this dataset, submitted and approved.
    fn submitted(&mut self, dataset: usize, cost: Rho) -> Result<JobId, Failure> {
        let policy = self.ledger.in_force().ok_or("there are no rules")?.entry;
        let used = Used { name: DATASETS[dataset].into(), snapshot: digest(11), description: digest(10), values: None };
        let submission = JobSubmitted {
            title: "t".into(),
            manifest: digest(20),
            module: digest(21),
            datasets: vec![used],
            policy,
            rho: cost,
            pure_epsilon: None,
            release: "now".into(),
            need: None::<Need>,
        };
        let job = JobId(self.must(ANALYST, submission)?);
        let approval = JobApproved {
            job,
            submission: self.ledger.job(job)?.leaf,
            manifest: digest(20),
            module: digest(21),
            role: Role::Operator,
            seen: TreeHead { size: self.ledger.size(), root: digest(0) },
            words: None,
        };
        self.must(OWNER, approval)?;
        Ok(job)
    }

    fn must(&mut self, who: u8, event: impl Into<Event>) -> Result<u64, Failure> {
        Ok(self.put(who, event)??)
    }

    /// The entry's number, or why it may not come next.
    fn put(&mut self, who: u8, event: impl Into<Event>) -> Result<Result<u64, Refusal>, Failure> {
        self.entries += 1;
        let time = moment(self.entries)?;
        let (log, nonce) = ("attack.example".to_owned(), format!("{:032x}", self.entries));
        let record = Record { log, time, nonce, event: event.into() };
        let (at, leaf) = (self.ledger.size(), Digest::of(&self.entries.to_be_bytes()));
        let entry = Entry { signer: &key(who), cosigners: &[], record: &record, leaf, statement: digest(0) };
        match self.ledger.check(entry) {
            Err(refusal) => Ok(Err(refusal)),
            Ok(checked) => {
                self.ledger.apply(checked)?;
                Ok(Ok(at))
            }
        }
    }
}

/// When an entry is signed.
fn moment(entry: u64) -> Result<DateTime<Utc>, Failure> {
    Ok(DateTime::from_timestamp(1_800_000_000 + entry as i64, 0).ok_or("no such time")?)
}

fn key(who: u8) -> PublicKey {
    PublicKey::from_bytes([who; 32])
}

fn digest(of: u8) -> Digest {
    Digest::from_bytes([of; 32])
}
