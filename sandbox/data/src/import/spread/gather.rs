//! The lab's last part: what nodes wrote becomes a snapshot.

use std::fs::File;
use std::io;
use std::path::Path;

use super::merge::Merged;
use super::sort::Sorted;
use crate::description::Description;
use crate::files::{self, DigestWriter};
use crate::import::deal::within_units;
use crate::import::error::ImportError;
use crate::import::request::{ImportOptions, Imported, Progress};
use crate::import::tally::Tally;
use crate::import::units::UnitsMet;
use crate::import::{Job, into};
use crate::keys::{DataKey, LabDataKey};
use crate::snapshot::{Manifest, ManifestFile};
use unseen_ids::hex;
use unseen_texts::{Sentence, text};

/// What came of all slices and all buckets.
pub struct Gathered {
    tally: Tally,
    merged: Vec<Merged>,
    ignored: Vec<String>,
}

impl Gathered {
    /// All slices, in order; `ignored` are the columns that the description does not declare.
    ///
    /// # Errors
    /// There are no rows that can be kept, or more than the description allows.
    pub fn sorted<'s>(
        slices: impl Iterator<Item = &'s Sorted>,
        ignored: Vec<String>,
        description: &Description,
    ) -> Result<Gathered, ImportError> {
        let mut tallies = slices.map(|slice| &slice.tally);
        let mut tally = tallies.next().ok_or(ImportError::NoRows)?.clone();
        tallies.for_each(|more| tally.add(more));
        tally.kept(description)?;
        Ok(Gathered { tally, merged: Vec::new(), ignored })
    }

    /// All buckets, in order, with the hashes of their units.
    pub fn merged(self, merged: Vec<Merged>) -> Gathered {
        Gathered { merged, ..self }
    }
}

/// Writes a snapshot of what was gathered, as [`super::super::import`] does; `fetch` opens what nodes wrote.
pub fn gather(
    destination: &Path,
    (description, text): (&Description, &str),
    (lab, key, salt): (&LabDataKey, &DataKey, &[u8; 32]),
    options: &ImportOptions,
    gathered: Gathered,
    fetch: &mut dyn FnMut(&ManifestFile) -> Result<File, ImportError>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Imported, ImportError> {
    into(destination, description, text, options, progress, |job| {
        let mut manifest = Manifest::begun(description, text, salt);
        job.gathered(&mut manifest, key, lab, gathered, fetch)
    })
}

impl Job<'_> {
    fn gathered(
        &mut self,
        manifest: &mut Manifest,
        key: &DataKey,
        lab: &LabDataKey,
        gathered: Gathered,
        fetch: &mut dyn FnMut(&ManifestFile) -> Result<File, ImportError>,
    ) -> Result<Imported, ImportError> {
        let Gathered { tally, merged, ignored } = gathered;
        let kept = tally.kept(self.description)?;
        let mut met = UnitsMet::default();
        for part in merged {
            manifest.files.extend(part.files);
            met.add(part.met);
        }
        within_units(manifest)?;
        if manifest.rows() != kept || manifest.files.len() != self.options.buckets as usize {
            return Err(ImportError::Write(unlike()));
        }
        let mut written = 0;
        for file in &manifest.files {
            let mut to =
                DigestWriter::new(files::create(&self.workshop.dir().join(&file.file)).map_err(ImportError::Write)?);
            io::copy(&mut fetch(file)?, &mut to).map_err(ImportError::Write)?;
            let (to, bytes, digest) = to.finish().map_err(ImportError::Write)?;
            if (bytes, &hex::encode(&digest)) != (file.bytes, &file.sha256) {
                return Err(ImportError::Write(unlike()));
            }
            to.sync_all().map_err(ImportError::Write)?;
            written += file.rows;
            (self.progress)(Progress::Writing { rows: written, of_rows: kept });
        }
        manifest.set_aside = tally.left_out();
        let quality = tally.report(self.description, met.survey(manifest.units()));
        self.seal(manifest, key, &quality, lab)?;
        self.finish(manifest.clone(), quality, ignored)
    }
}

fn unlike() -> io::Error {
    io::Error::other(Sentence::from(text!(
        "what nodes wrote is not what they told of it",
        "节点写入的内容与其所报告的不符"
    )))
}
