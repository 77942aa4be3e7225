//! What an auditor gets: the log with all that its entries name, but no rows and no keys.

use std::fs;
use std::path::Path;

use unseen_audit::bundle::VERIFIER_KEY;
use unseen_audit::fold::Fold;
use unseen_ids::Digest;
use unseen_log::{CHECKPOINT, blob_path, handover_path, sm2_path};
use unseen_policies::event::Event;
use unseen_tlog::tile;

use crate::error::LabError;
use crate::folder::{PUBLIC, build_new, ensure_outside};
use crate::view::View;

/// What was exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exported {
    /// How many files.
    pub files: usize,
    /// How many entries of the log.
    pub entries: u64,
}

impl View {
    /// Copies the log into a new folder, with the jobs' components if `modules` says so. The folder is there
    /// whole or not at all.
    pub fn export(&self, out: &Path, modules: bool) -> Result<Exported, LabError> {
        ensure_outside(out, &self.dir)?;
        self.export_within(out, modules)
    }

    /// The same at any place, for whoever takes it away from there.
    pub fn export_within(&self, out: &Path, modules: bool) -> Result<Exported, LabError> {
        let files = build_new(out, PUBLIC, |building| self.copy_log(building, modules))?;
        Ok(Exported { files, entries: self.log().size() })
    }

    fn copy_log(&self, out: &Path, modules: bool) -> Result<usize, LabError> {
        let mut count = 0;
        let mut write = |name: &str, bytes: &[u8]| -> Result<(), LabError> {
            let path = out.join(name);
            let parent = path.parent().unwrap_or(out);
            fs::create_dir_all(parent).map_err(LabError::io(parent))?;
            fs::write(&path, bytes).map_err(LabError::io(&path))?;
            count += 1;
            Ok(())
        };
        let read = |name: &str| {
            let path = self.log_dir().join(name);
            fs::read(&path).map_err(LabError::io(path))
        };
        write(VERIFIER_KEY, format!("{}\n", self.ledger().log_key()).as_bytes())?;
        write(CHECKPOINT, self.log().note().to_string().as_bytes())?;
        let tiles = tile::files(self.log().size()).map(|tile| tile.to_string());
        let handovers = self.ledger().log_keys().keys().skip(1).map(|entry| handover_path(*entry));
        for name in tiles.chain(handovers) {
            write(&name, &read(&name)?)?;
        }
        for (entry, _) in self.ledger().jobs().values().filter_map(|job| job.release) {
            // Only labs that sign in SM2 too have these.
            if let Ok(bytes) = read(&sm2_path(entry)) {
                write(&sm2_path(entry), &bytes)?;
            }
        }
        for digest in self.named_blobs(modules)? {
            if let Some(bytes) = self.log().blob(&digest)? {
                write(&blob_path(&digest), &bytes)?;
            }
        }
        Ok(count)
    }

    /// The blobs that entries name.
    fn named_blobs(&self, modules: bool) -> Result<Vec<Digest>, LabError> {
        let mut fold = Fold::default();
        let mut found = Vec::new();
        for entry in self.log().entries(0) {
            match fold.next(&entry?)?.record.event {
                Event::DatasetRegistered(e) => found.extend([Some(e.description), e.values].into_iter().flatten()),
                Event::DatasetDescribed(e) => found.push(e.description),
                Event::JobSubmitted(e) => {
                    found.push(e.manifest);
                    found.extend(modules.then_some(e.module));
                }
                Event::PolicySet(e) => found.extend(e.policy.access),
                Event::EvidenceRecorded(e) => found.push(e.evidence),
                Event::Released(e) => found.extend([Some(e.body), e.receipts].into_iter().flatten()),
                Event::ReleaseWitnessed(e) => found.push(e.checkpoint),
                _ => {}
            }
        }
        found.sort();
        found.dedup();
        Ok(found)
    }
}
