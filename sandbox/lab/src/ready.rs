//! What a worker is made ready from.

use std::fs::File;
use std::path::{Path, PathBuf};

use unseen_ids::JobId;
use unseen_policies::Need;
use unseen_policies::policy::Machine;
use unseen_worker::memory;
use unseen_worker::process::{Fault, Outline, Part, Work, Worker};
use zeroize::Zeroizing;

use crate::error::LabError;
use crate::lab::Lab;

/// What a worker is made ready from.
pub(crate) struct Ready {
    pub program: PathBuf,
    pub outline: Outline,
    pub module: Vec<u8>,
    pub files: Vec<File>,
    pub data_keys: Vec<Zeroizing<[u8; 32]>>,
}

impl Ready {
    /// Starts one that does what the outline says.
    pub fn prepare(&self) -> Result<Worker, Fault> {
        Worker::prepare(&self.program, &self.outline, &self.module, &self.files)
    }
}

impl Lab {
    /// Gathers what a worker needs to start. Checks once more that it is what was approved:
    /// blobs by their digests, snapshots by their roots, the log by its fold.
    pub(crate) fn ready(&self, program: &Path, id: JobId, threads: u32) -> Result<Ready, LabError> {
        let job = self.ledger().job(id)?;
        let (text, manifest, plan) = self.submitted_plan(id)?;
        let machine = self.ledger().policy().and_then(|policy| policy.machine.clone());
        let machine = machine.unwrap_or_else(|| Machine::with_memory(u64::MAX));
        let bounds = |name: &str| self.ledger().bounds(name);
        let need = job.submitted.need.unwrap_or_else(|| Need::new(&manifest, &plan, &bounds, &machine));
        let has = machine.memory.min(memory::available());
        let threads = need
            .threads(threads, has)
            .ok_or(LabError::Memory { needs: need.memory.div_ceil(1 << 20), has: has >> 20 })?;
        let module = self.compiled(&self.blob(&job.submitted.module)?, &manifest, &plan)?;
        let (mut files, mut data_keys) = (Vec::new(), Vec::new());
        let (mut snapshots, mut references) = (Vec::new(), Vec::new());
        for used in &job.submitted.datasets {
            let snapshot = self.snapshot(&used.name, &used.snapshot)?;
            let private = manifest.inputs.iter().any(|input| input.dataset == used.name);
            if private {
                data_keys.push(Zeroizing::new(*snapshot.data_key(&self.keys.data)?.expose_bytes()));
            }
            let opened = snapshot.files()?;
            let numbers = opened.iter().map(std::os::fd::AsRawFd::as_raw_fd).collect();
            let part = Part { root: used.snapshot, manifest: snapshot.manifest_bytes, first: 0, files: numbers };
            files.extend(opened);
            if private { snapshots.push(part) } else { references.push(part) }
        }
        let memory = need.memory_of(threads);
        let outline = Outline { work: Work::Whole, manifest: text, threads, memory, snapshots, references };
        Ok(Ready { program: program.to_owned(), outline, module, files, data_keys })
    }
}
