//! The rules of jobs: from submission over the charge to the release.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use unseen_ids::{JobId, PublicKey, Role};

use super::check::Entry;
use super::put::Put;
use super::{Dataset, InForce, Job, Ledger, Refusal, Run, Witnessed};
use crate::event::{
    EvidenceRecorded, JobApproved, JobPrioritized, JobSubmitted, ReleaseRead, ReleaseWitnessed, Released, RunFailed,
    RunStarted, Status, Words,
};
use crate::lifecycle::{self, State, Transition, Who};
use crate::manifest::Release;
use crate::policy::Policy;
use crate::rho::Rho;

impl Ledger {
    pub(super) fn submitted(&self, entry: Entry<'_>, e: &JobSubmitted) -> Result<Vec<Put>, Refusal> {
        let state = self.arrow(entry, None, JobId(self.size), false)?.to;
        let policy = &self.under(e.policy)?.policy;
        if e.release == "now" && !policy.release_now {
            return Err(Refusal::ReleaseNow);
        }
        let author = &self.person(entry.signer)?.name;
        self.check_datasets(e, author)?;
        e.datasets.iter().try_for_each(|used| self.check_kept(used, entry.record.time))?;
        self.check_caps(policy, e, author)?;
        check_need(policy, entry.record.time, e)?;
        let job = Job {
            submitted: e.clone(),
            leaf: entry.leaf,
            time: entry.record.time,
            author: *entry.signer,
            state,
            priority: Job::PRIORITY,
            approvals: Vec::new(),
            run: None,
            evidence: None,
            release: None,
            receipts: None,
            witnessed: None,
            reason: None,
        };
        Ok(vec![Put::Job(JobId(self.size), Box::new(job))])
    }

    pub(super) fn approved(&self, entry: Entry<'_>, e: &JobApproved) -> Result<Vec<Put>, Refusal> {
        let name = &self.person(entry.signer)?.name;
        let before = self.job(e.job)?;
        if before.approvals.iter().any(|(_, by)| self.same_person(by, entry.signer)) {
            return Err(Refusal::ApprovedTwice(name.clone()));
        }
        let enough = before.approvals.len() + 1 >= self.approvals_needed() as usize;
        let mut job = self.step(entry, e.job, enough)?;
        self.under(before.submitted.policy)?;
        if e.role != Role::Operator {
            return Err(Refusal::OtherRole(e.role));
        }
        if e.seen.size <= e.job.0 || e.seen.size > self.size {
            return Err(Refusal::OtherLogSeen { job: e.job, seen: e.seen.size });
        }
        let words = e.words.as_ref().is_none_or(|words| *words == Words::of(&job.submitted, &words.purpose));
        let same = e.submission == job.leaf && e.manifest == job.submitted.manifest && e.module == job.submitted.module;
        if !same || !words {
            return Err(Refusal::OtherSubmission(e.job));
        }
        job.approvals.push((self.size, *entry.signer));
        Ok(vec![Put::Job(e.job, job)])
    }

    /// A job that is declined, or taken back.
    pub(super) fn ended(&self, entry: Entry<'_>, id: JobId, reason: &str) -> Result<Vec<Put>, Refusal> {
        let mut job = self.step(entry, id, false)?;
        job.reason = Some(reason.to_owned());
        Ok(vec![Put::Job(id, job)])
    }

    pub(super) fn prioritized(&self, entry: Entry<'_>, e: &JobPrioritized) -> Result<Vec<Put>, Refusal> {
        let mut job = self.step(entry, e.job, false)?;
        if !(1..=9).contains(&e.priority) {
            return Err(Refusal::BadPriority(e.priority));
        }
        job.priority = e.priority;
        Ok(vec![Put::Job(e.job, job)])
    }

    /// The start of a run is its charge: whatever cannot be added to what was spent is refused.
    pub(super) fn started(&self, entry: Entry<'_>, e: &RunStarted) -> Result<Vec<Put>, Refusal> {
        let (before, needs) = (self.job(e.job)?, self.approvals_needed());
        if before.state == State::Submitted {
            return Err(Refusal::TooFewApprovals { job: e.job, has: before.approvals.len(), needs });
        }
        let mut job = self.step(entry, e.job, false)?;
        let InForce { entry: in_force, leaf, policy, .. } = self.under(job.submitted.policy)?;
        if e.submission != job.leaf {
            return Err(Refusal::OtherSubmission(e.job));
        }
        if !job.approvals.iter().map(|(entry, _)| entry).eq(&e.approvals) {
            return Err(Refusal::OtherApprovals(e.job));
        }
        if e.rho != job.submitted.rho {
            return Err(Refusal::OtherCharge(e.job));
        }
        let read = job.submitted.datasets.iter().map(|used| (&used.name, &used.snapshot));
        let same = (e.manifest, e.module) == (job.submitted.manifest, job.submitted.module)
            && (e.policy, e.policy_leaf) == (*in_force, *leaf)
            && e.snapshots.iter().map(|used| (&used.name, &used.snapshot)).eq(read);
        if !same {
            return Err(Refusal::OtherInputs(e.job));
        }
        let time = entry.record.time;
        // The starter read the clock a moment before signing.
        if super::after(e.release_at, 60) < self.earliest_release_of(job.submitted.need, time) {
            return Err(Refusal::TooSoon);
        }
        self.check_free(time)?;
        let author = self.check_runnable(&job)?;
        job.submitted.datasets.iter().try_for_each(|used| self.check_kept(used, time))?;
        let mut puts = self.charge(&job.submitted, author)?;
        // A running job takes no more approvals: the spare capacity is freed, for jobs are many.
        job.approvals.shrink_to_fit();
        job.run = Some(Run {
            entry: self.size,
            leaf: entry.leaf,
            statement: entry.statement,
            release_at: e.release_at,
            slot_ends: self.slot_end(job.submitted.need, time),
            runtime: e.runtime.clone(),
            runtime_build: e.runtime_build,
            of_nodes: policy.evidence.clone().filter(|rule| !rule.nodes.is_empty()).map(Box::new),
        });
        puts.extend([Put::Job(e.job, job), Put::LastStarted(e.job)]);
        Ok(puts)
    }

    /// Whether a job that waits may run as things are now, whoever starts it and when: its author's name.
    pub(super) fn check_runnable(&self, job: &Job) -> Result<&str, Refusal> {
        let policy = &self.under(job.submitted.policy)?.policy;
        let author = &self.person(&job.author)?.name;
        job.submitted.datasets.iter().try_for_each(|used| self.check_there(used))?;
        self.check_caps(policy, &job.submitted, author)?;
        Ok(author)
    }

    pub(super) fn evidence_recorded(&self, entry: Entry<'_>, e: &EvidenceRecorded) -> Result<Vec<Put>, Refusal> {
        let mut job = self.step(entry, e.job, false)?;
        if self.policy().is_none_or(|policy| policy.evidence.is_none()) {
            return Err(Refusal::NoEvidenceRule);
        }
        if job.run.as_ref().is_none_or(|run| run.entry != e.run) {
            return Err(Refusal::OtherRun(e.job));
        }
        job.evidence = Some((self.size, e.evidence));
        Ok(vec![Put::Job(e.job, job)])
    }

    pub(super) fn released(&self, entry: Entry<'_>, e: &Released) -> Result<Vec<Put>, Refusal> {
        let mut job = self.step(entry, e.job, false)?;
        on_time(&job, e.job, e.run, entry.record.time)?;
        if job.run.as_ref().is_none_or(|run| run.leaf != e.run_leaf) {
            return Err(Refusal::OtherRun(e.job));
        }
        if !job.approvals.iter().map(|(entry, _)| entry).eq(&e.approvals) {
            return Err(Refusal::OtherApprovals(e.job));
        }
        let evidence = self.policy().and_then(|policy| policy.evidence.as_ref());
        if evidence.is_some_and(|rule| rule.required) && job.evidence.is_none() {
            return Err(Refusal::NoEvidence(e.job));
        }
        (job.release, job.receipts) = (Some((self.size, e.body)), e.receipts);
        Ok(vec![Put::Job(e.job, job)])
    }

    pub(super) fn release_witnessed(&self, entry: Entry<'_>, e: &ReleaseWitnessed) -> Result<Vec<Put>, Refusal> {
        let mut job = self.step(entry, e.job, false)?;
        if job.release.is_none_or(|(entry, _)| entry != e.release) {
            return Err(Refusal::OtherRun(e.job));
        }
        if job.witnessed.as_ref().is_some_and(|witnessed| witnessed.enough) {
            return Err(Refusal::WitnessedAlready(e.job));
        }
        let rule = self.witnesses().ok_or(Refusal::NoWitnesses)?;
        let mut counted = BTreeSet::new();
        for name in &e.witnesses {
            if !rule.witness.iter().any(|witness| witness.name() == name) || !counted.insert(name) {
                return Err(Refusal::OtherWitness(name.clone()));
            }
        }
        let (has, needs) = (counted.len() as u32, rule.quorum);
        if rule.required && has < needs {
            return Err(Refusal::TooFewWitnesses { has, needs });
        }
        let (at, checkpoint, witnesses) = (self.size, e.checkpoint, e.witnesses.clone());
        job.witnessed = Some(Box::new(Witnessed { entry: at, checkpoint, witnesses, enough: has >= needs }));
        Ok(vec![Put::Job(e.job, job)])
    }

    pub(super) fn failed(&self, entry: Entry<'_>, e: &RunFailed) -> Result<Vec<Put>, Refusal> {
        let mut job = self.step(entry, e.job, false)?;
        on_time(&job, e.job, e.run, entry.record.time)?;
        job.reason = Some(e.reason.clone());
        Ok(vec![Put::Job(e.job, job)])
    }

    pub(super) fn read(&self, entry: Entry<'_>, e: &ReleaseRead) -> Result<Vec<Put>, Refusal> {
        let job = self.step(entry, e.job, false)?;
        if job.release.is_none_or(|(entry, _)| entry != e.release) {
            return Err(Refusal::OtherRun(e.job));
        }
        let open = self.witnesses().is_none() || job.witnessed.is_some();
        if open { Ok(Vec::new()) } else { Err(Refusal::NotWitnessed(e.job)) }
    }

    fn approvals_needed(&self) -> u32 {
        self.policy().map_or(u32::MAX, |policy| policy.approvals)
    }

    /// The policy in force, if this entry set it.
    pub(super) fn under(&self, entry: u64) -> Result<&InForce, Refusal> {
        self.policy.as_ref().filter(|policy| policy.entry == entry).ok_or(Refusal::OtherPolicy)
    }

    /// The job as this entry leaves it, if the entry may happen to it now.
    fn step(&self, entry: Entry<'_>, id: JobId, enough: bool) -> Result<Box<Job>, Refusal> {
        let job = self.job(id)?;
        let arrow = self.arrow(entry, Some(job.state), id, enough)?;
        let name = || self.person(entry.signer).map(|person| person.name.clone());
        match (arrow.who, self.same_person(entry.signer, &job.author)) {
            (Who::NotAuthor(_), true) => Err(Refusal::Author(name()?)),
            (Who::Author, false) => Err(Refusal::NotTheAuthor(name()?)),
            _ => Ok(Box::new(Job { state: arrow.to, ..job.clone() })),
        }
    }

    /// The arrow of the life-cycle that this entry takes, if its signer may. `enough` says whether the job
    /// has, with this entry, as many approvals as the policy asks for.
    fn arrow(
        &self,
        entry: Entry<'_>,
        from: Option<State>,
        id: JobId,
        enough: bool,
    ) -> Result<&'static Transition, Refusal> {
        let event = entry.record.event.kind();
        let state = from.unwrap_or(State::Submitted);
        let arrow = lifecycle::arrow(from, event, enough).ok_or(Refusal::WrongState { job: id, state, event })?;
        self.must(entry.signer, arrow.who)?;
        Ok(arrow)
    }

    /// Whether two keys belong to one name: a new key does not make a new person.
    pub(super) fn same_person(&self, one: &PublicKey, other: &PublicKey) -> bool {
        one == other || matches!((self.people.get(one), self.people.get(other)), (Some(a), Some(b)) if a.name == b.name)
    }

    fn check_datasets(&self, e: &JobSubmitted, author: &str) -> Result<(), Refusal> {
        let (mut names, mut private) = (BTreeSet::new(), None);
        for used in &e.datasets {
            let Dataset { registered: dataset, status, .. } = self.dataset(&used.name)?;
            if *status != Status::Open {
                return Err(Refusal::DatasetIs { dataset: used.name.clone(), status: *status });
            }
            if !names.insert(&used.name) {
                return Err(Refusal::NamedTwice(used.name.clone()));
            }
            let registered = (&dataset.snapshot, &dataset.description, &dataset.values);
            if registered != (&used.snapshot, &used.description, &used.values) {
                return Err(Refusal::OtherSnapshot(used.name.clone()));
            }
            if !dataset.open_to.is_empty() && !dataset.open_to.iter().any(|name| name == author) {
                return Err(Refusal::NotOpen(used.name.clone(), author.to_owned()));
            }
            let Some(domain) = &dataset.domain else { continue };
            let (first, one) = *private.get_or_insert((domain, dataset));
            if first != domain {
                return Err(Refusal::TwoDomains(first.clone(), domain.clone()));
            }
            if one.buckets != dataset.buckets {
                let (has, not) = (one.buckets, dataset.buckets);
                return Err(Refusal::OtherBuckets { one: one.name.clone(), has, other: used.name.clone(), not });
            }
        }
        private.map(drop).ok_or(Refusal::NothingPrivate)
    }

    fn check_caps(&self, policy: &Policy, e: &JobSubmitted, author: &str) -> Result<(), Refusal> {
        if e.rho == Rho::ZERO {
            return Err(Refusal::NoCharge);
        }
        if e.rho > policy.caps.job {
            return Err(Refusal::OverJobCap { cost: e.rho, cap: policy.caps.job });
        }
        for used in &e.datasets {
            let dataset = self.dataset(&used.name)?;
            let Some(domain) = &dataset.registered.domain else { continue };
            if let Some(cap) = policy.caps.domain {
                let left = cap.minus(self.spent_on_domain(domain));
                if e.rho > left {
                    return Err(Refusal::OverDomainCap { domain: domain.clone(), cost: e.rho, left });
                }
            }
            let left = policy.caps.dataset.minus(dataset.spent);
            if e.rho > left {
                return Err(Refusal::OverDatasetCap { dataset: used.name.clone(), cost: e.rho, left });
            }
            let left = policy.caps.analyst.minus(dataset.spent_by.get(author).copied().unwrap_or_default());
            if e.rho > left {
                let (dataset, analyst) = (used.name.clone(), author.to_owned());
                return Err(Refusal::OverAnalystCap { dataset, analyst, cost: e.rho, left });
            }
        }
        Ok(())
    }

    /// The loss added to every private dataset the job reads, to its author's share of each, and once to
    /// their unit domain. A sum that cannot be held is a budget that is spent.
    pub(super) fn charge(&self, e: &JobSubmitted, author: &str) -> Result<Vec<Put>, Refusal> {
        let (cost, left) = (e.rho, Rho::ZERO);
        let (mut puts, mut charged) = (Vec::new(), None);
        for used in &e.datasets {
            let dataset = self.dataset(&used.name)?;
            let Some(domain) = &dataset.registered.domain else { continue };
            let mut dataset = Dataset::clone(dataset);
            let over = || Refusal::OverDatasetCap { dataset: used.name.clone(), cost, left };
            dataset.spent = dataset.spent.checked_add(cost).ok_or_else(over)?;
            let mine = dataset.spent_by.entry(author.to_owned()).or_default();
            *mine = mine.checked_add(cost).ok_or_else(over)?;
            puts.push(Put::Dataset(used.name.clone(), dataset));
            charged = Some(domain);
        }
        // All private datasets of a job are of one unit domain, and there is at least one.
        let name = charged.ok_or(Refusal::NothingPrivate)?.clone();
        let spent = self.spent_on_domain(&name).checked_add(cost);
        let spent = spent.ok_or_else(|| Refusal::OverDomainCap { domain: name.clone(), cost, left })?;
        puts.push(Put::Domain { name, spent });
        Ok(puts)
    }
}

/// Whether the job fits the machine and its slot, by public numbers. That it needs what it says is checked
/// against its manifest, by the lab and by auditors.
fn check_need(policy: &Policy, time: DateTime<Utc>, e: &JobSubmitted) -> Result<(), Refusal> {
    let (machine, need) = match (&policy.machine, e.need) {
        (None, None) => return Ok(()),
        (Some(machine), Some(need)) => (machine, need),
        _ => return Err(Refusal::OtherNeed),
    };
    if need.memory > machine.memory {
        return Err(Refusal::TooLarge { needs: need.memory.div_ceil(1 << 20), has: machine.memory >> 20 });
    }
    if policy.release_now {
        return Ok(());
    }
    let has = match e.release.parse().map_err(|_| Refusal::ReleaseNow)? {
        Release::Now => 0,
        Release::After(delay) => delay.as_secs(),
        // A time gone by asks for the earliest that the rules allow.
        Release::At(at) => u64::try_from((at.to_utc() - time).num_seconds()).unwrap_or(u64::MAX),
    };
    if need.seconds > has { Err(Refusal::TooLong { needs: need.seconds, has }) } else { Ok(()) }
}

/// Whether a result, good or bad, is that of the job's run and comes no earlier than it may.
fn on_time(job: &Job, id: JobId, run: u64, time: DateTime<Utc>) -> Result<(), Refusal> {
    match &job.run {
        Some(started) if started.entry == run && time >= started.release_at => Ok(()),
        Some(started) if started.entry == run => Err(Refusal::TooEarly { job: id, at: started.release_at }),
        _ => Err(Refusal::OtherRun(id)),
    }
}
