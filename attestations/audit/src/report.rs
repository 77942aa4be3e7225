//! What an audit found, in a form for programs and for every way of showing it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use unseen_evidence::Proven;
use unseen_ids::{Answer, Digest, JobId, PublicKey, Role};
use unseen_policies::ledger::{Job, Ledger};
use unseen_policies::lifecycle::State;
use unseen_policies::rho::Rho;
use unseen_texts::{Sentence, Text};

use crate::named::Behind;
use crate::sm2::{self, Sm2Line};

/// What was found.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Which log, and how it was recognised.
    #[serde(flatten)]
    pub head: Head,
    /// How many entries there are of each kind.
    pub kinds: BTreeMap<String, u64>,
    /// How many of them were signed through SSH.
    pub ssh_signed: u64,
    /// Signatures in SM2, where the policy says that there are some.
    pub sm2: Option<Sm2Line>,
    /// Everyone who was ever enrolled.
    pub people: Vec<PersonLine>,
    /// How many approvals the policy in force asks for.
    pub approvals_needed: u32,
    /// The fewest approvals of any job that ran; none where none did.
    pub fewest_approvals: Option<usize>,
    /// Private datasets and what was spent on them.
    pub budget: Vec<Spent>,
    /// What one unit of each domain may have lost over all datasets.
    pub domains: Vec<DomainSpent>,
    /// Jobs and how they ended.
    pub jobs: Vec<JobLine>,
    /// Released numbers that were checked: each is on its grid and has the error its plan states.
    pub numbers: u64,
    /// Everything that should not be. Empty when all is well.
    pub violations: Vec<Violation>,
}

/// Which log was read.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Head {
    /// Name of the log.
    pub origin: String,
    /// The verifier key that signs it now.
    pub log_key: String,
    /// Whether that key, or one it follows from, is known from elsewhere than the bundle.
    pub key_known: bool,
    /// How many entries there are; all of them were read.
    pub entries: u64,
    /// Root of the tree, hex.
    pub root: String,
    /// Size of the largest checkpoint kept from before that this log extends.
    pub extends: Option<u64>,
    /// Whether this checkpoint is remembered for the next audit.
    pub remembered: bool,
    /// Which of the auditor's own witnesses have cosigned the bundle's checkpoint.
    pub cosigned: Vec<Cosigner>,
}

/// A true cosignature.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Cosigner {
    /// The witness.
    pub name: String,
    /// When, by its clock, in seconds since 1970 (UTC).
    pub at: u64,
}

/// One person.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PersonLine {
    /// The name.
    pub name: String,
    /// The roles.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    pub roles: Vec<Role>,
    /// The public key.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub key: PublicKey,
    /// The entry that enrolled it.
    pub since: u64,
    /// The entry that revoked it.
    pub revoked: Option<u64>,
}

/// One dataset's budget.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Spent {
    /// The dataset.
    pub dataset: String,
    /// Charged so far.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub spent: Rho,
    /// The cap in force at the end.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub cap: Rho,
}

/// The budget of a unit domain.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DomainSpent {
    /// The domain.
    pub domain: String,
    /// Charged so far, each job once.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub spent: Rho,
    /// The cap in force at the end, where the policy has one.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub cap: Option<Rho>,
}

/// One job.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct JobLine {
    /// Its number.
    pub job: String,
    /// Its title.
    pub title: String,
    /// Its author's name.
    pub author: String,
    /// Where it stands.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub state: State,
    /// Whether it cannot run any more, for the policy changed after it was submitted.
    pub void: bool,
    /// What it costs.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub rho: Rho,
    /// Who approved it.
    pub approvers: Vec<String>,
    /// The entry that started its run, and the build it ran on.
    pub run: Option<RunLine>,
    /// The entry of its release.
    pub release: Option<u64>,
    /// Whether that release is sealed still, since it waits for witnesses.
    pub sealed: bool,
    /// Who had seen that entry before the release opened; none when it was not opened, or the policy
    /// names no witnesses.
    pub witnessed: Option<WitnessedLine>,
    /// What evidence of the machine there is, and what it proves.
    pub evidence: Option<EvidenceLine>,
}

/// How a job ran.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RunLine {
    /// The entry that started it.
    pub entry: u64,
    /// Name and version of the runtime.
    pub runtime: String,
    /// SHA-256 of the binary.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub build: Digest,
}

/// Who had seen a release.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WitnessedLine {
    /// The witnesses.
    pub by: Vec<String>,
    /// Whether they were as many as the policy asked for; if not, the release is marked unwitnessed.
    pub enough: bool,
}

/// Evidence of the machine.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct EvidenceLine {
    /// Where it is from.
    pub provider: String,
    /// What it shows.
    pub proves: Vec<Text>,
    /// What it does not show.
    pub does_not_prove: Vec<Text>,
}

/// Something that should not be.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Violation {
    /// The entry.
    pub entry: u64,
    /// What is wrong with it.
    pub what: Sentence,
}

impl Answer for Report {
    const NAME: &str = "audit-report/v1";
}

/// What is gathered while the log is read.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub kinds: BTreeMap<String, u64>,
    pub ssh_signed: u64,
    pub sm2: bool,
    pub sm2_releases: u64,
    pub numbers: u64,
    /// Releases made while the policy named witnesses, with their entries; at the end, those that are sealed.
    pub sealed: BTreeMap<JobId, u64>,
    pub evidence: BTreeMap<JobId, EvidenceLine>,
    pub violations: Vec<Violation>,
}

impl Found {
    pub fn add(&mut self, behind: Behind) {
        self.numbers += behind.numbers;
        if let Some((job, Proven { provider, established, not_established })) = behind.evidence {
            let (proves, does_not_prove) = (established, not_established);
            self.evidence.insert(job, EvidenceLine { provider: provider.to_string(), proves, does_not_prove });
        }
    }
}

impl Report {
    pub(crate) fn new(head: Head, mut found: Found, ledger: &Ledger) -> Report {
        let cap = ledger.policy().map_or(Rho::ZERO, |policy| policy.caps.dataset);
        let private = ledger.datasets().iter().filter(|(_, dataset)| dataset.registered.domain.is_some());
        let mut people: Vec<_> = ledger
            .people()
            .iter()
            .map(|(key, person)| PersonLine {
                name: person.name.clone(),
                roles: person.roles.clone(),
                key: *key,
                since: person.since,
                revoked: person.revoked,
            })
            .collect();
        people.sort_by_key(|person| person.since);
        let private =
            private.map(|(dataset, found)| Spent { dataset: dataset.clone(), spent: found.spent, cap }).collect();
        let domains = ledger.datasets().values().filter_map(|dataset| dataset.registered.domain.as_ref());
        let domains: BTreeSet<_> = domains.collect();
        let domain_cap = ledger.policy().and_then(|policy| policy.caps.domain);
        let domain = |domain: &String| DomainSpent {
            domain: domain.clone(),
            spent: ledger.spent_on_domain(domain),
            cap: domain_cap,
        };
        let ran = ledger.jobs().values().filter(|job| job.run.is_some());
        let jobs = ledger.jobs().iter();
        let jobs = jobs.map(|(id, job)| job_line(ledger, *id, job, &mut found)).collect();
        Report {
            head,
            kinds: found.kinds,
            ssh_signed: found.ssh_signed,
            sm2: found.sm2.then_some(Sm2Line { checked: sm2::BUILT, releases: found.sm2_releases }),
            people,
            approvals_needed: ledger.policy().map_or(0, |policy| policy.approvals),
            fewest_approvals: ran.map(|job| job.approvals.len()).min(),
            budget: private,
            domains: domains.into_iter().map(domain).collect(),
            jobs,
            numbers: found.numbers,
            violations: found.violations,
        }
    }
}

fn job_line(ledger: &Ledger, id: JobId, job: &Job, found: &mut Found) -> JobLine {
    let name = |key| ledger.people().get(key).map_or("?".to_owned(), |person| person.name.clone());
    JobLine {
        job: id.to_string(),
        title: job.submitted.title.clone(),
        author: name(&job.author),
        state: job.state,
        void: ledger.is_void(job),
        rho: job.submitted.rho,
        approvers: job.approvals.iter().map(|(_, key)| name(key)).collect(),
        run: job.run.as_ref().map(|run| RunLine {
            entry: run.entry,
            runtime: run.runtime.clone(),
            build: run.runtime_build,
        }),
        release: job.release.map(|(entry, _)| entry),
        sealed: found.sealed.contains_key(&id),
        witnessed: job
            .witnessed
            .as_ref()
            .map(|found| WitnessedLine { by: found.witnesses.clone(), enough: found.enough }),
        evidence: found.evidence.remove(&id),
    }
}
