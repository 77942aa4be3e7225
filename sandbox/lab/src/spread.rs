//! A run that is spread over nodes, as the lab sets it up: what nodes need is where they find it, before the charge;
//! their orders are written after it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use chrono::{DateTime, Utc};
use unseen_age::Recipient;
use unseen_audit::nodes;
use unseen_cluster::config::Cluster;
use unseen_cluster::coordinator::Coordinator;
use unseen_cluster::courier::Process;
use unseen_cluster::error::ClusterError;
use unseen_cluster::evidence::Asked;
use unseen_cluster::gather::{Asking, Gatherer};
use unseen_cluster::orders::{Body, Orders};
use unseen_cluster::spool::Spool;
use unseen_cluster::store::Store;
use unseen_core::release::SealedRelease;
use unseen_data::BlockKey;
use unseen_ids::{Digest, JobId, PublicKey};
use unseen_policies::ledger::{Ledger, Run as Started};
use unseen_policies::lifecycle::State;
use unseen_policies::policy::EvidenceRule;
use unseen_policies::receipts::{NodeSaid, Receipts};
use unseen_texts::{Say, Sentence};
use unseen_worker::merging::{MergeSecrets, Merging};
use unseen_worker::process::{Fault, Identity, Part, Secrets, Work, Worker};
use unseen_worker::spread::RunKey;
use unseen_worker::wall::Wall;
use zeroize::Zeroizing;

use crate::error::LabError;
use crate::lab::{Lab, swap_allowed};
use crate::moment::now;
use crate::ready::Ready;
use crate::view::{About, View};

/// An engine that was reached for a run, and what the run's nodes read is where they find it. That may take long, and so
/// comes before the lab is held.
pub struct Reached {
    cluster: Cluster,
    courier: Process,
    store: Store,
}

/// A run that could be spread.
pub(crate) struct Spreading {
    reached: Reached,
    nodes: Nodes,
    snapshots: Vec<Part>,
    references: Vec<Part>,
}

/// A run that is charged, and whose nodes have their orders.
pub(crate) struct Spread {
    cluster: Cluster,
    /// None once a try has failed: the next one starts its own.
    courier: Option<Process>,
    nodes: BTreeMap<PublicKey, String>,
    store: Store,
    orders: Digest,
    run: Started,
    secret: Zeroizing<[u8; 32]>,
    pieces: u32,
    spool: PathBuf,
    good_until: DateTime<Utc>,
}

impl View {
    /// Reaches the engine that runs are spread by, and puts what a job reads where nodes find it; none where runs are
    /// this machine's own.
    pub fn reach(&self, id: JobId) -> Result<Option<Reached>, LabError> {
        let Some(cluster) = About::read(&self.dir)?.cluster else { return Ok(None) };
        let job = self.ledger().job(id)?;
        // Whoever asks too early, or too late, is told so at once.
        if !matches!(job.state, State::Approved | State::Running) {
            return Ok(None);
        }
        nodes_of(self.ledger())?;
        let store = Store::open(&cluster.store, &self.dir)?;
        for used in &job.submitted.datasets {
            let snapshot = self.snapshot(&used.name, &used.snapshot)?;
            for entry in &snapshot.manifest.files {
                let Some(digest) = Digest::from_hex(&entry.sha256) else { continue };
                store.keep(&digest, entry.bytes, &snapshot.file(entry)?)?;
            }
        }
        let courier = Process::start(&cluster)?;
        Ok(Some(Reached { cluster, courier, store }))
    }

    /// Whether runs can be spread as `lab.toml` says, by what each of them needs: `nodes` and, if they are to be
    /// reached, `store` and `engine`. Nothing where runs are this machine's own.
    pub fn cluster_walls(&self, reach: bool) -> Result<Vec<(&'static str, Wall)>, LabError> {
        let Some(cluster) = About::read(&self.dir)?.cluster else { return Ok(Vec::new()) };
        let mut walls = vec![("nodes", wall(nodes_of(self.ledger())))];
        if reach {
            // Whatever holds these bytes holds orders too.
            let put = |store: Store| store.put_orders(b"is there room?").map(|digest| store.remove_orders(&digest));
            walls.push(("store", wall(Store::open(&cluster.store, &self.dir).and_then(put))));
            walls.push(("engine", wall(Process::start(&cluster))));
        }
        Ok(walls)
    }

    /// What each node said of itself in the last run that it took part in, of the latest that are released.
    pub fn nodes_said(&self) -> BTreeMap<PublicKey, (JobId, NodeSaid)> {
        let released = self.ledger().jobs().iter().filter_map(|(id, job)| Some((*id, job.release?.0, job.receipts?)));
        let mut released: Vec<_> = released.collect();
        released.sort_by_key(|(_, entry, _)| *entry);
        let latest = released.split_at(released.len().saturating_sub(LATEST)).1;
        let said = latest.iter().filter_map(|(id, _, receipts)| {
            let receipts = Receipts::parse(&self.blob(receipts).ok()?).ok()?;
            Some(receipts.nodes.into_iter().map(|node| (node.key, (*id, node))))
        });
        said.flatten().collect()
    }
}

/// As many releases are looked at for what nodes said: each one's receipts are a file to read.
const LATEST: usize = 100;

/// Whether something is as it should be, and why not.
fn wall<T, E: Say>(found: Result<T, E>) -> Wall {
    found.map_or_else(|error| Wall::Missing(Sentence::of(&error)), |_| Wall::Holds)
}

/// Nodes by their keys: their names, and what is sealed to them.
pub(crate) type Nodes = BTreeMap<PublicKey, (String, Recipient)>;

/// The nodes that a run or an import which starts now may go to.
pub(crate) fn nodes_of(ledger: &Ledger) -> Result<Nodes, LabError> {
    // Others take no part.
    let named = |name: &str| evidence_of_nodes(ledger).is_none_or(|rule| rule.nodes.contains_key(name));
    let enrolled = ledger.nodes().iter().filter(|(_, node)| node.revoked.is_none() && named(&node.name));
    let nodes = enrolled.map(|(key, node)| {
        let recipient = node.recipient.parse().map_err(|error| LabError::Other(Sentence::of(&error)))?;
        Ok((*key, (node.name.clone(), recipient)))
    });
    let nodes: Nodes = nodes.collect::<Result<_, LabError>>()?;
    if nodes.is_empty() { Err(ClusterError::NoNode.into()) } else { Ok(nodes) }
}

/// Whose evidence counts of which node, where the policy says so.
pub(crate) fn evidence_of_nodes(ledger: &Ledger) -> Option<&EvidenceRule> {
    ledger.policy()?.evidence.as_ref().filter(|rule| !rule.nodes.is_empty())
}

/// Asks whether the machine of a node is vouched for, by a rule, in a run or import.
pub(crate) fn vouched_by<'a>(
    rule: Option<&'a EvidenceRule>,
    run: &'a Digest,
) -> impl Fn(&str, &PublicKey, Option<&str>) -> Result<(), Sentence> + 'a {
    move |name, key, evidence| nodes::vouched(rule, run, name, key, evidence).map_err(|fault| Sentence::of(&fault))
}

impl Spreading {
    /// From here on the worker is to add up what nodes compute: of what is private it reads nothing.
    pub fn new(ledger: &Ledger, ready: &mut Ready, reached: Reached) -> Result<Spreading, LabError> {
        let nodes = nodes_of(ledger)?;
        let snapshots: Vec<Part> = ready.outline.snapshots.iter().map(bare).collect();
        let references = ready.outline.references.iter().map(bare).collect();
        ready.outline.work = Work::Merge;
        ready.outline.snapshots = snapshots.iter().map(bare).collect();
        Ok(Spreading { reached, nodes, snapshots, references })
    }
}

/// Without files.
fn bare(part: &Part) -> Part {
    Part { root: part.root, manifest: part.manifest.clone(), first: part.first, files: Vec::new() }
}

impl Lab {
    /// Gives the nodes their orders, once the run is charged.
    pub(crate) fn spread(&self, id: JobId, ready: &Ready, spreading: Spreading) -> Result<Spread, LabError> {
        let Spreading { reached: Reached { cluster, courier, store }, nodes, snapshots, references } = spreading;
        let started = self.started(id)?;
        let (_, _, plan) = self.submitted_plan(id)?;
        let block_key = BlockKey::new(&self.keys.noise).map_err(|error| LabError::Other(Sentence::of(&error)))?;
        let run_key = RunKey::derive(&self.keys.seal, &started.leaf);
        let roots = |parts: &[Part]| parts.iter().map(|part| part.root).collect();
        let body = Body {
            manifest: ready.outline.manifest.clone(),
            memory: ready.outline.memory,
            swap: swap_allowed(self.ledger()),
            tick_seconds: cluster.tick_seconds,
            evidence: started.of_nodes.as_deref().map(Asked::from),
            snapshots: roots(&snapshots),
            references: roots(&references),
            module: self.blob(&self.ledger().job(id)?.submitted.module)?,
            manifests: snapshots.iter().chain(&references).map(|part| part.manifest.clone()).collect(),
        };
        let recipients = nodes.iter().map(|(key, (_, recipient))| (*key, *recipient)).collect();
        let orders = Orders {
            entry: &self.log.entry(started.entry)?,
            proof: &self.log.prove_entry(started.entry)?,
            run_key: &run_key,
            nodes: &recipients,
            data_keys: &ready.data_keys,
            block_key: block_key.to_bytes(),
            body: &body,
            written_at: now(),
            good_until: self.given_up_at(started),
        };
        let spool = self.dir.join("spool").join(started.leaf.to_hex());
        let orders = Spool::open(&spool)?.put_orders(&store, &orders.write(&*self.keys.service)?)?;
        Ok(Spread {
            cluster,
            courier: Some(courier),
            nodes: nodes.into_iter().map(|(key, (name, _))| (key, name)).collect(),
            store,
            orders,
            run: started.clone(),
            secret: self.keys.seal.clone(),
            pieces: nodes::pieces(self.ledger(), id, &plan),
            spool,
            good_until: self.given_up_at(started),
        })
    }
}

impl Spread {
    /// Carries the run out: nodes compute, the worker adds up.
    pub fn run(
        &mut self,
        worker: Worker,
        secrets: &Secrets,
        progress: impl FnMut(u32, u32),
    ) -> Result<(SealedRelease, Receipts), Fault> {
        let fault = |error: ClusterError| Fault::Lab(Sentence::of(&error));
        let mut courier = match self.courier.take() {
            Some(courier) => courier,
            None => Process::start(&self.cluster).map_err(fault)?,
        };
        let Identity { job, origin, entry, leaf } = &secrets.run;
        let run = Identity { job: *job, origin: origin.clone(), entry: *entry, leaf: *leaf };
        let run_key = RunKey::derive(&self.secret, &self.run.leaf);
        let tasks_key = run_key.tasks();
        let (noise_key, seal_key) = (secrets.noise_key.clone(), secrets.seal_key.clone());
        let merging = Merging::begin(worker, &MergeSecrets { run, noise_key, seal_key, run_key })?;
        let vouched = vouched_by(self.run.of_nodes.as_deref(), &self.run.leaf);
        let asking = Asking {
            orders: self.orders,
            tasks_key,
            run: self.run.leaf,
            late: self.cluster.late(),
            until: Instant::now() + (self.good_until - now()).to_std().unwrap_or_default(),
            nodes: self.nodes.clone(),
            vouched: &vouched,
        };
        let gatherer = Gatherer::new(&mut courier, asking, Spool::open(&self.spool).map_err(fault)?);
        let (pieces, together) = (self.pieces, self.cluster.pieces);
        let coordinator = Coordinator { gatherer, merging, pieces, together };
        coordinator.run(progress)
    }

    /// Takes away what was only there for the run.
    pub fn clear(&self) {
        Spool::clear(&self.spool, &self.store);
    }
}
