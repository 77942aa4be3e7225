//! What an audit found, in a form for programs and for every way of showing it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{DateTime, Utc};
use serde::Serialize;
use unseen_entries::Opened;
use unseen_evidence::Proven;
use unseen_ids::{Answer, Digest, JobId, PublicKey, Role};
use unseen_policies::event::Event;
use unseen_policies::ledger::{Job, Ledger};
use unseen_policies::lifecycle::State;
use unseen_policies::policy::Policy;
use unseen_policies::receipts::Receipts;
use unseen_policies::rho::Rho;
use unseen_policies::rules::{self, Change};
use unseen_texts::{Sentence, Text};
use unseen_tlog::merkle::Hash;

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
    /// How many of them were signed with a passkey.
    pub passkey_signed: u64,
    /// Signatures in SM2, where the policy says that there are some.
    pub sm2: Option<Sm2Line>,
    /// Everyone who was ever enrolled.
    pub people: Vec<PersonLine>,
    /// Every node that was ever enrolled.
    pub nodes: Vec<NodeLine>,
    /// The rules in force, by their keys.
    pub rules: BTreeMap<String, String>,
    /// Every entry that set rules, and what it changed.
    pub rules_set: Vec<RulesLine>,
    /// How many approvals the policy in force asks for.
    pub approvals_needed: u32,
    /// The fewest approvals of any job that ran; none where none did.
    pub fewest_approvals: Option<usize>,
    /// Private datasets and what was spent on them.
    pub budget: Vec<Spent>,
    /// What one unit of each domain may have lost over all datasets.
    pub domains: Vec<DomainSpent>,
    /// Jobs and how they ended.
    // Apart from each other, since together they would be one large piece of memory.
    pub jobs: Vec<Box<JobLine>>,
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
    /// Root of the tree.
    #[serde(flatten)]
    pub root: Root,
    /// Size of the largest checkpoint kept from before that this log extends.
    pub extends: Option<u64>,
    /// Whether this checkpoint is remembered for the next audit.
    pub remembered: bool,
    /// Which of the auditor's own witnesses have cosigned the bundle's checkpoint.
    pub cosigned: Vec<Cosigner>,
}

/// The root of a tree in both its spellings, for people to compare.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Root {
    /// In hex, as this program has always shown it.
    #[serde(rename = "root")]
    pub hex: String,
    /// In base64, as it stands in checkpoints.
    #[serde(rename = "rootBase64")]
    pub base64: String,
}

impl From<Hash> for Root {
    fn from(root: Hash) -> Root {
        Root { hex: Digest::from_bytes(root).to_hex(), base64: BASE64_STANDARD.encode(root) }
    }
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

/// One machine that may carry out parts of runs.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct NodeLine {
    /// The name.
    pub name: String,
    /// The public key.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub key: PublicKey,
    /// The age recipient.
    pub recipient: String,
    /// The entry that enrolled it.
    pub since: u64,
    /// The entry that revoked it.
    pub revoked: Option<u64>,
}

/// Which nodes carried out a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PartsLine {
    /// How many parts there were, of all rounds together, each with a receipt.
    pub parts: u64,
    /// How many pieces each round was cut into: buckets, or blocks.
    pub pieces: u32,
    /// The nodes, and how many of the parts each took.
    pub nodes: Vec<NodeParts>,
}

/// One node's share of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NodeParts {
    /// The node's name.
    pub name: String,
    /// How many parts it took.
    pub parts: u64,
    /// SHA-256 of the binary that it says it runs.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub build: Digest,
    /// The walls of its worker, as it says.
    pub walls: BTreeMap<String, String>,
    /// Whether there is evidence of its machine, as the policy asked when the run started.
    pub evidence: bool,
}

/// An entry that set rules.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RulesLine {
    /// The entry.
    pub entry: u64,
    /// When, by the signer's clock.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub time: DateTime<Utc>,
    /// Who signed it, all of them.
    pub by: String,
    /// What it changed; every rule, if it is the first.
    pub changes: Vec<Change>,
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
    /// What for, as its manifest says; none where that cannot be read.
    pub purpose: Option<String>,
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
    /// When that was, by the lab's clock.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub released_at: Option<DateTime<Utc>>,
    /// How many numbers of it were checked; none where it is sealed still, or cannot be read.
    pub numbers: Option<u64>,
    /// Whether that release is sealed still, since it waits for witnesses.
    pub sealed: bool,
    /// Who had seen that entry before the release opened; none when it was not opened, or the policy
    /// names no witnesses.
    pub witnessed: Option<WitnessedLine>,
    /// What evidence of the machine there is, and what it proves.
    pub evidence: Option<EvidenceLine>,
    /// Which nodes carried out the run, where it was carried out on nodes and its receipts hold.
    pub parts: Option<PartsLine>,
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
    pub passkey_signed: u64,
    pub sm2: bool,
    pub sm2_releases: u64,
    pub numbers: BTreeMap<JobId, u64>,
    pub purposes: BTreeMap<JobId, String>,
    pub released: BTreeMap<JobId, DateTime<Utc>>,
    pub rules_set: Vec<RulesLine>,
    /// The rules that were set last.
    pub policy: Option<Policy>,
    /// Releases made while the policy named witnesses, with their entries; at the end, those that are sealed.
    pub sealed: BTreeMap<JobId, u64>,
    pub evidence: BTreeMap<JobId, EvidenceLine>,
    pub receipts: BTreeMap<JobId, Receipts>,
    pub violations: Vec<Violation>,
}

impl Found {
    /// Notes an entry that was folded in.
    pub fn entry(&mut self, index: u64, opened: &Opened, ledger: &Ledger) {
        let Opened { record, signer, cosigners, by_ssh, by_passkey, .. } = opened;
        *self.kinds.entry(record.event.kind().to_owned()).or_default() += 1;
        self.ssh_signed += u64::from(*by_ssh);
        self.passkey_signed += u64::from(*by_passkey);
        match &record.event {
            Event::PolicySet(set) => {
                let changes = rules::changes(self.policy.as_ref(), &set.policy);
                let by =
                    [signer].into_iter().chain(cosigners).map(|key| name(ledger, key)).collect::<Vec<_>>().join(", ");
                self.rules_set.push(RulesLine { entry: index, time: record.time, by, changes });
                self.policy = Some(set.policy.clone());
            }
            Event::Released(released) => _ = self.released.insert(released.job, record.time),
            _ => {}
        }
    }

    pub fn add(&mut self, behind: Behind) {
        self.numbers.extend(behind.numbers);
        self.purposes.extend(behind.purpose);
        self.receipts.extend(behind.receipts);
        if let Some((job, Proven { provider, established, not_established })) = behind.evidence {
            let (proves, does_not_prove) = (established, not_established);
            self.evidence.insert(job, EvidenceLine { provider: provider.to_string(), proves, does_not_prove });
        }
    }
}

impl Report {
    pub(crate) fn new(head: Head, mut found: Found, mut ledger: Ledger) -> Report {
        let fewest_approvals =
            ledger.jobs().values().filter(|job| job.run.is_some()).map(|job| job.approvals.len()).min();
        // One job after another becomes a line, and gives its memory to the next: there are never all of both.
        let jobs = ledger.take_jobs().into_iter();
        let jobs =
            jobs.map(|(id, job)| Box::new(job_line(&ledger, id, Arc::unwrap_or_clone(job), &mut found))).collect();
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
        let mut nodes: Vec<_> = ledger
            .nodes()
            .iter()
            .map(|(key, node)| NodeLine {
                name: node.name.clone(),
                key: *key,
                recipient: node.recipient.clone(),
                since: node.since,
                revoked: node.revoked,
            })
            .collect();
        nodes.sort_by_key(|node| node.since);
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
        Report {
            head,
            kinds: found.kinds,
            ssh_signed: found.ssh_signed,
            passkey_signed: found.passkey_signed,
            sm2: found.sm2.then_some(Sm2Line { checked: sm2::BUILT, releases: found.sm2_releases }),
            people,
            nodes,
            rules: ledger.policy().map(rules::rules).unwrap_or_default(),
            rules_set: found.rules_set,
            approvals_needed: ledger.policy().map_or(0, |policy| policy.approvals),
            fewest_approvals,
            budget: private,
            domains: domains.into_iter().map(domain).collect(),
            jobs,
            numbers: found.numbers.values().sum(),
            violations: found.violations,
        }
    }
}

/// What somebody is called whose key this is.
fn name(ledger: &Ledger, key: &PublicKey) -> String {
    ledger.people().get(key).map_or("?".to_owned(), |person| person.name.clone())
}

fn job_line(ledger: &Ledger, id: JobId, job: Job, found: &mut Found) -> JobLine {
    JobLine {
        job: id.to_string(),
        parts: found.receipts.remove(&id).map(|receipts| parts_line(ledger, &job, receipts)),
        purpose: found.purposes.remove(&id),
        author: name(ledger, &job.author),
        state: job.state,
        void: ledger.is_void(&job),
        rho: job.submitted.rho,
        approvers: job.approvals.iter().map(|(_, key)| name(ledger, key)).collect(),
        release: job.release.map(|(entry, _)| entry),
        released_at: found.released.remove(&id),
        numbers: found.numbers.get(&id).copied(),
        sealed: found.sealed.contains_key(&id),
        witnessed: job.witnessed.map(|found| WitnessedLine { by: found.witnesses, enough: found.enough }),
        evidence: found.evidence.remove(&id),
        run: job.run.map(|run| RunLine { entry: run.entry, runtime: run.runtime, build: run.runtime_build }),
        title: job.submitted.title,
    }
}

fn parts_line(ledger: &Ledger, job: &Job, receipts: Receipts) -> PartsLine {
    let asked = job.run.as_ref().is_some_and(|run| run.of_nodes.is_some());
    let took = |key: &PublicKey| receipts.parts.iter().filter(|part| part.node == *key).count() as u64;
    let nodes = receipts.nodes.iter().map(|said| NodeParts {
        name: ledger.nodes().get(&said.key).map_or("?".to_owned(), |node| node.name.clone()),
        parts: took(&said.key),
        build: said.build,
        walls: said.walls.clone(),
        evidence: asked && said.evidence.is_some(),
    });
    PartsLine { parts: receipts.parts.len() as u64, pieces: receipts.pieces, nodes: nodes.collect() }
}
