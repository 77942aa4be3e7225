//! A run on a node: its component compiled, the files that it reads found.

use std::fs::File;
use std::os::fd::AsRawFd;

use chrono::{DateTime, Utc};
use unseen_data::snapshot::{self, ManifestFile, load_reference};
use unseen_ids::Digest;
use unseen_policies::manifest::GrainKind;
use unseen_policies::{Manifest, Plan};
use unseen_worker::code::{Code, Use};
use unseen_worker::jail::Walls;
use unseen_worker::process::{Identity as Run, Outline, Part as Files, Work, Worker};
use unseen_worker::rows::ReferenceTables;
use unseen_worker::spread::{PartSecrets, Place, Task, make_part, state_digest};

use super::ready::{Machine, Part, Ready, Wanted, failed};
use crate::answer::read_task;
use crate::error::NodeError;
use crate::orders::Opened;
use crate::store::Store;

/// A run as a node has it ready.
pub(super) struct RunHere {
    opened: Opened,
    /// Evidence of this machine for the run.
    evidence: Option<String>,
    plan: Plan,
    compiled: Vec<u8>,
    /// The files of the private snapshots, and of the reference tables.
    snapshots: Vec<Vec<ManifestFile>>,
    references: Vec<Vec<ManifestFile>>,
}

impl Ready for RunHere {
    fn tick_seconds(&self) -> u32 {
        self.opened.body.tick_seconds
    }

    fn good_until(&self) -> DateTime<Utc> {
        self.opened.good_until
    }

    fn part(&self, machine: &Machine, task: &[u8], wanted: &Wanted) -> Result<Part, NodeError> {
        let task: Task = read_task(&self.opened.keys.tasks, task)?;
        let (key, name) = (machine.key, machine.name.clone());
        let place = Place { first: task.first, last: task.last, node: key, name, attempt: task.attempt };
        let (sealed, walls) = self.run(machine, &task, &place, wanted)?;
        let (run, state) = (self.opened.leaf, state_digest(&task.state));
        Ok(Part { run, round: task.round, place, state, sealed, walls, evidence: self.evidence.clone() })
    }
}

impl RunHere {
    /// What the parts of a run have in common.
    pub(super) fn new(opened: Opened, machine: &Machine) -> Result<RunHere, NodeError> {
        let (body, store) = (&opened.body, &machine.store);
        let evidence = machine.evidence(body.evidence.as_ref(), &opened.leaf)?;
        let manifest = Manifest::parse(&body.manifest).map_err(|error| NodeError::of(&error))?;
        let (private, public) = body.manifests.split_at(body.snapshots.len());
        let files = |manifests: &[Vec<u8>], roots: &[Digest]| -> Result<Vec<Vec<ManifestFile>>, NodeError> {
            let pairs = manifests.iter().zip(roots);
            pairs
                .map(|(bytes, root)| {
                    Ok(snapshot::Manifest::parse(bytes, root.to_bytes()).map_err(|error| NodeError::of(&error))?.files)
                })
                .collect()
        };
        let (snapshots, references) = (files(private, &body.snapshots)?, files(public, &body.references)?);
        let tables = public.iter().zip(&body.references).zip(&references).map(|((bytes, root), files)| {
            let files = files.iter().map(|file| object(store, file)).collect::<Result<_, _>>()?;
            load_reference(bytes, root.to_bytes(), files).map_err(|error| NodeError::of(&error))
        });
        let tables = ReferenceTables(tables.collect::<Result<_, NodeError>>()?);
        let plan = Plan::new(&manifest, &tables).map_err(|error| NodeError::of(&error))?;
        let code = Code::compile(&body.module, &manifest, &plan, Use::Runs(1)).and_then(|code| code.serialize());
        let compiled = code.map_err(|error| NodeError::of(&error))?;
        Ok(RunHere { evidence, plan, compiled, snapshots, references, opened })
    }

    /// Has a worker make a part, sealed.
    fn run(&self, node: &Machine, task: &Task, place: &Place, wanted: &Wanted) -> Result<(Vec<u8>, Walls), NodeError> {
        let Opened { entry, leaf, origin, run, keys, body, .. } = &self.opened;
        node.has_memory(body.memory)?;
        let mut opened = Vec::new();
        let mut parts = |files: &[ManifestFile], root: &Digest, manifest: &Vec<u8>, first: u32| {
            let mut numbers = Vec::new();
            for file in files {
                let file = object(&node.store, file)?;
                numbers.push(file.as_raw_fd());
                opened.push(file);
            }
            Ok::<Files, NodeError>(Files { root: *root, manifest: manifest.clone(), first, files: numbers })
        };
        let (private, public) = body.manifests.split_at(body.snapshots.len());
        let snapshots = self.snapshots.iter().zip(&body.snapshots).zip(private).map(|((files, root), manifest)| {
            match self.plan.grain {
                GrainKind::Unit => {
                    let wanted = files.get(task.first as usize..=task.last as usize);
                    parts(wanted.ok_or(NodeError::NoTask)?, root, manifest, task.first)
                }
                // A block has units of every bucket.
                GrainKind::Blocks { .. } => parts(files, root, manifest, 0),
            }
        });
        let snapshots = snapshots.collect::<Result<_, _>>()?;
        let references = self.references.iter().zip(&body.references).zip(public);
        let references = references.map(|((files, root), manifest)| parts(files, root, manifest, 0));
        let references = references.collect::<Result<_, _>>()?;
        let (manifest, memory) = (body.manifest.clone(), body.memory);
        let outline = Outline { work: Work::Part, manifest, threads: 1, memory, snapshots, references };
        let worker = Worker::prepare(&node.program, &outline, &self.compiled, &opened).map_err(failed)?;
        let walls = node.walls(&worker, body.swap, wanted)?;
        let run = Run { job: run.job, origin: origin.clone(), entry: *entry, leaf: *leaf };
        let (part_key, block_key, data_keys) = (keys.parts.clone(), keys.block.clone(), keys.data.clone());
        let secrets = PartSecrets { run, part_key, block_key, data_keys };
        Ok((make_part(worker, &secrets, task, place).map_err(failed)?, walls))
    }
}

fn object(store: &Store, file: &ManifestFile) -> Result<File, NodeError> {
    let digest = Digest::from_hex(&file.sha256).ok_or(NodeError::NoTask)?;
    // What is cut off or grown is found out without reading it; the rest is the worker's to check.
    Ok(store.object(&digest, file.bytes)?)
}
