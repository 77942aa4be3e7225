//! One import, from the source to the written snapshot.

use std::io;
use std::sync::Arc;
use std::thread::{self, Scope};

use unseen_ids::{canonical, hex, sha256};

use super::deal::{Dealing, within_units};
use super::error::ImportError;
use super::intake::{Intake, ReferenceIntake};
use super::request::{ImportOptions, Imported, Progress, REPORT_EVERY};
use super::source::Opened;
use super::tally::Tally;
use super::units::UnitsMet;
use super::workshop::Workshop;
use crate::bucket_file::BucketFile;
use crate::description::Description;
use crate::files;
use crate::keys::{DataKey, LabDataKey, random};
use crate::quality::{LeftOut, QualityReport, Survey, UnitSurvey};
use crate::snapshot::{self, Manifest, ManifestFile, arrow_schema, bucket_file, quality_context};
use crate::sort::Sorter;

pub(super) struct Job<'a> {
    pub(super) description: &'a Description,
    pub(super) description_toml: &'a str,
    pub(super) options: &'a ImportOptions,
    pub(super) workshop: &'a Workshop,
    pub(super) progress: &'a mut dyn FnMut(Progress),
}

impl Job<'_> {
    pub(super) fn private(&mut self, source: Opened, lab: &LabDataKey) -> Result<Imported, ImportError> {
        let (description, buckets, now) = (self.description, self.options.buckets, self.options.now);
        let sorter = Sorter::new(self.workshop.dir(), self.options.sort_memory).map_err(ImportError::Write)?;
        let mut intake = Intake::new(description, buckets, sorter, now, source.length(), self.progress)?;
        let taken = source.read(self.description, &mut intake)?;
        let (sorter, tally) = intake.finish();
        let tally = Tally { normalized: taken.normalized, ..tally };
        let kept = tally.kept(self.description)?;

        let key = DataKey::generate()?;
        let mut manifest = self.manifest()?;
        manifest.set_aside = tally.left_out();
        let met = self.write_buckets(sorter, &key, &mut manifest, kept)?;
        let quality = tally.report(self.description, met.survey(manifest.units()));
        self.seal(&manifest, &key, &quality, lab)?;
        self.finish(manifest, quality, taken.ignored_columns)
    }

    pub(super) fn reference(&mut self, source: Opened) -> Result<Imported, ImportError> {
        thread::scope(|scope| self.reference_in(scope, source))
    }

    fn reference_in<'scope>(
        &mut self,
        scope: &'scope Scope<'scope, '_>,
        source: Opened,
    ) -> Result<Imported, ImportError> {
        let key_at = self
            .description
            .columns
            .iter()
            .position(|column| Some(&column.name) == self.description.key.as_ref())
            .ok_or(ImportError::Description)?;
        let mut manifest = self.manifest()?;
        let schema = Arc::new(arrow_schema(&manifest.columns, None, false));
        let path = self.workshop.dir().join(snapshot::TABLE);
        let mut intake = ReferenceIntake {
            description: self.description,
            key_at,
            keys: std::collections::HashSet::new(),
            file: BucketFile::create(scope, &path, schema, None)?,
            survey: Survey::new(self.description, self.options.now),
            bytes: 0,
            bad: 0,
        };
        let taken = source.read(self.description, &mut intake)?;
        let ReferenceIntake { file, survey, bad, .. } = intake;
        let (rows, bytes, digest) = file.finish()?;
        if rows == 0 {
            return Err(ImportError::NoRows);
        }
        manifest.files.push(ManifestFile {
            file: snapshot::TABLE.into(),
            rows,
            units: 0,
            bytes,
            sha256: hex::encode(&digest),
        });
        let left_out = LeftOut { no_unit: 0, bad };
        let quality = survey.report(self.description, left_out, UnitSurvey::default(), &taken.normalized);
        self.workshop.write(snapshot::PLAIN_QUALITY, &json(&quality)?)?;
        self.finish(manifest, quality, taken.ignored_columns)
    }

    pub(super) fn sorter(&self) -> Result<Sorter, ImportError> {
        Sorter::new(self.workshop.dir(), self.options.sort_memory).map_err(ImportError::Write)
    }

    /// Writes what only the lab can open.
    pub(super) fn seal(
        &self,
        manifest: &Manifest,
        key: &DataKey,
        quality: &QualityReport,
        lab: &LabDataKey,
    ) -> Result<(), ImportError> {
        let context = quality_context(&manifest.dataset, &manifest.salt);
        self.workshop.write(snapshot::SEALED_QUALITY, &key.seal(&context, &json(quality)?)?)?;
        self.workshop.write(snapshot::WRAPPED_KEY, &lab.wrap(key, &manifest.dataset, &manifest.salt_bytes())?)
    }

    pub(super) fn manifest(&self) -> Result<Manifest, ImportError> {
        Ok(Manifest::begun(self.description, self.description_toml, &random()?))
    }

    pub(super) fn finish(
        &self,
        manifest: Manifest,
        quality: QualityReport,
        ignored_columns: Vec<String>,
    ) -> Result<Imported, ImportError> {
        let bytes =
            canonical::to_vec_as_declared(&manifest).map_err(|error| ImportError::Write(io::Error::other(error)))?;
        self.workshop.write(snapshot::DESCRIPTION, self.description_toml.as_bytes())?;
        self.workshop.write(snapshot::MANIFEST, &bytes)?;
        Ok(Imported { root: sha256(&[&bytes]), manifest, quality, ignored_columns })
    }

    /// Merges the sorted rows into one file per bucket; returns what was met of units.
    pub(super) fn write_buckets(
        &mut self,
        sorter: Sorter,
        key: &DataKey,
        manifest: &mut Manifest,
        of_rows: u64,
    ) -> Result<UnitsMet, ImportError> {
        let mut dealing = Dealing::new(manifest, key, self.options.buckets)?;
        let mut merge = sorter.finish().map_err(ImportError::Write)?;
        let mut written = 0;
        for bucket in 0..self.options.buckets {
            let file = files::create(&self.workshop.dir().join(bucket_file(bucket))).map_err(ImportError::Write)?;
            let (file, entry) = dealing.bucket(bucket, &mut merge, file, &mut |_| {
                written += 1;
                if written % REPORT_EVERY == 0 {
                    (self.progress)(Progress::Writing { rows: written, of_rows });
                }
            })?;
            file.sync_all().map_err(ImportError::Write)?;
            manifest.files.push(entry);
            within_units(manifest)?;
        }
        (self.progress)(Progress::Writing { rows: written, of_rows });
        Ok(dealing.met)
    }
}

pub(super) fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, ImportError> {
    serde_json::to_vec_pretty(value).map_err(|fault| ImportError::Write(fault.into()))
}
