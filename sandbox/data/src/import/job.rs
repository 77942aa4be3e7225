//! One import, from the source to the written snapshot.

use std::io;
use std::sync::Arc;

use parquet::encryption::encrypt::FileEncryptionProperties;
use unseen_ids::{canonical, hex, sha256};
use unseen_texts::text;

use super::error::ImportError;
use super::intake::{Intake, ReferenceIntake};
use super::request::{ImportOptions, Imported, Progress, REPORT_EVERY};
use super::source::Opened;
use super::units::{UnitCounter, UnitsMet};
use super::workshop::Workshop;
use crate::bucket_file::{BucketFile, unwritten};
use crate::description::{ColumnSpec, Description};
use crate::keys::{DataKey, LabDataKey, random};
use crate::quality::{LeftOut, QualityReport, Survey, UnitSurvey};
use crate::snapshot::{
    self, Manifest, ManifestColumn, ManifestFile, arrow_schema, bucket_context, bucket_file, quality_context,
};
use crate::sort::{Merge, Record, Sorter};

pub(super) struct Job<'a> {
    pub(super) description: &'a Description,
    pub(super) description_toml: &'a str,
    pub(super) options: &'a ImportOptions,
    pub(super) workshop: &'a Workshop,
    pub(super) progress: &'a mut dyn FnMut(Progress),
}

impl Job<'_> {
    pub(super) fn private(&mut self, source: Opened, lab: &LabDataKey) -> Result<Imported, ImportError> {
        let unit = self.description.unit.as_ref().ok_or(ImportError::Description)?;
        let unit_at = self.unit_at()?;
        let of_bytes = source.length();
        let mut intake = Intake {
            description: self.description,
            unit,
            unit_at,
            buckets: self.options.buckets,
            sorter: self.sorter()?,
            survey: Survey::new(self.description, self.options.now),
            rows: 0,
            set_aside: 0,
            bad: 0,
            of_bytes,
            progress: self.progress,
        };
        let taken = source.read(self.description, &mut intake)?;
        let Intake { sorter, survey, rows, set_aside, bad, .. } = intake;
        let left_out = set_aside + bad;
        if rows == 0 {
            return Err(ImportError::NoRows);
        }
        if rows == bad {
            return Err(ImportError::NoGoodRow { rows });
        }
        if rows == left_out {
            return Err(ImportError::NoUnit { column: unit.column.clone(), rows });
        }

        let key = DataKey::generate()?;
        let mut manifest = self.manifest()?;
        manifest.set_aside = left_out;
        let mut met = self.write_buckets(sorter, &key, &mut manifest, rows - left_out, unit_at)?;
        let (units, alike) = (manifest.units(), met.alike());
        let UnitsMet { largest, totals, as_floats, .. } = met;
        let units = UnitSurvey { units, largest, alike, totals, as_floats };
        let left_out = LeftOut { no_unit: set_aside, bad };
        let quality = survey.report(self.description, left_out, units, &taken.normalized);
        self.seal(&manifest, &key, &quality, lab)?;
        self.finish(manifest, quality, taken.ignored_columns)
    }

    pub(super) fn reference(&mut self, source: Opened) -> Result<Imported, ImportError> {
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
            file: BucketFile::create(&path, schema, None)?,
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

    /// Where the unit stands among the columns.
    pub(super) fn unit_at(&self) -> Result<usize, ImportError> {
        let unit = self.description.unit.as_ref().ok_or(ImportError::Description)?;
        let mut columns = self.description.columns.iter();
        columns.position(|column| column.name == unit.column).ok_or(ImportError::Description)
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
        let column = |column: &ColumnSpec| ManifestColumn {
            name: column.name.clone(),
            kind: column.kind.clone(),
            nullable: column.nullable,
        };
        let unit = self.description.unit.as_ref();
        Ok(Manifest {
            version: 1,
            dataset: self.description.name.clone(),
            kind: self.description.kind,
            unit_domain: unit.map(|unit| unit.domain.clone()),
            unit_column: unit.map(|unit| unit.column.clone()),
            key_column: self.description.key.clone(),
            description: hex::encode(&sha256(&[self.description_toml.as_bytes()])),
            salt: hex::encode(&random::<32>()?),
            set_aside: 0,
            bounds: self.description.bounds,
            columns: self.description.columns.iter().map(column).collect(),
            files: Vec::new(),
        })
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
        unit_at: usize,
    ) -> Result<UnitsMet, ImportError> {
        let schema = Arc::new(arrow_schema(&manifest.columns, manifest.unit_column.as_deref(), false));
        let mut merge = sorter.finish().map_err(ImportError::Write)?;
        let (mut written, mut met) = (0, UnitsMet::default());
        for bucket in 0..self.options.buckets {
            let name = bucket_file(bucket);
            let encryption = FileEncryptionProperties::builder(key.parquet_key()?)
                .with_aad_prefix(bucket_context(&manifest.dataset, &manifest.salt, bucket))
                .build()
                .map_err(unwritten)?;
            let mut file = BucketFile::create(&self.workshop.dir().join(&name), Arc::clone(&schema), Some(encryption))?;
            let mut units = UnitCounter::default();
            while let Some(record) = head_of(&merge, bucket) {
                if units.take(record.unit) {
                    met.note(record.unit);
                }
                file.push_record(record, unit_at)?;
                merge.pop().map_err(ImportError::Write)?;
                written += 1;
                if written % REPORT_EVERY == 0 {
                    (self.progress)(Progress::Writing { rows: written, of_rows });
                }
            }
            if manifest.units() + units.units > manifest.bounds.units {
                return Err(ImportError::OverBound {
                    what: text!("units", "个隐私单元"),
                    key: "units",
                    most: manifest.bounds.units,
                });
            }
            let (rows, bytes, digest) = file.finish()?;
            met.largest = met.largest.max(units.largest);
            manifest.files.push(ManifestFile {
                file: name,
                rows,
                units: units.units,
                bytes,
                sha256: hex::encode(&digest),
            });
        }
        (self.progress)(Progress::Writing { rows: written, of_rows });
        Ok(met)
    }
}

pub(super) fn head_of(merge: &Merge, bucket: u32) -> Option<Record<'_>> {
    merge.head().filter(|record| record.bucket == bucket)
}

pub(super) fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, ImportError> {
    serde_json::to_vec_pretty(value).map_err(|fault| ImportError::Write(fault.into()))
}
