//! Sorted rows, dealt into the files of their buckets.

use std::io::{self, Write};
use std::sync::Arc;
use std::thread::{self, Scope};

use arrow_schema::Schema;
use parquet::encryption::encrypt::FileEncryptionProperties;
use unseen_ids::{bucket_of, hex};
use unseen_texts::{Sentence, text};

use super::error::ImportError;
use super::units::{UnitCounter, UnitsMet};
use crate::bucket_file::{BucketFile, unwritten};
use crate::keys::DataKey;
use crate::snapshot::{Manifest, ManifestFile, arrow_schema, bucket_context, bucket_file};
use crate::sort::{Merge, Record};

/// Writes bucket after bucket of one snapshot.
pub(super) struct Dealing<'a> {
    schema: Arc<Schema>,
    key: &'a DataKey,
    buckets: u32,
    dataset: String,
    salt: String,
    /// Where the unit stands among the columns.
    unit_at: usize,
    /// What was met of units.
    pub(super) met: UnitsMet,
}

impl<'a> Dealing<'a> {
    /// For the snapshot that this is to be the manifest of.
    pub(super) fn new(manifest: &Manifest, key: &'a DataKey, buckets: u32) -> Result<Dealing<'a>, ImportError> {
        let unit = manifest.unit_column.as_deref().ok_or(ImportError::Description)?;
        let unit_at = manifest.columns.iter().position(|column| column.name == unit);
        Ok(Dealing {
            schema: Arc::new(arrow_schema(&manifest.columns, Some(unit), false)),
            key,
            buckets,
            dataset: manifest.dataset.clone(),
            salt: manifest.salt.clone(),
            unit_at: unit_at.ok_or(ImportError::Description)?,
            met: UnitsMet::default(),
        })
    }

    /// Writes the next rows of `merge` that are of this bucket, each of which is shown to `each`.
    pub(super) fn bucket<W: Write + Send>(
        &mut self,
        bucket: u32,
        merge: &mut Merge,
        to: W,
        each: &mut dyn FnMut(Record<'_>),
    ) -> Result<(W, ManifestFile), ImportError> {
        thread::scope(|scope| self.bucket_in(scope, bucket, merge, to, each))
    }

    fn bucket_in<'scope, W: Write + Send + 'scope>(
        &mut self,
        scope: &'scope Scope<'scope, '_>,
        bucket: u32,
        merge: &mut Merge,
        to: W,
        each: &mut dyn FnMut(Record<'_>),
    ) -> Result<(W, ManifestFile), ImportError> {
        let encryption = FileEncryptionProperties::builder(self.key.parquet_key()?)
            .with_aad_prefix(bucket_context(&self.dataset, &self.salt, bucket))
            .build()
            .map_err(unwritten)?;
        let mut file = BucketFile::over(scope, to, Arc::clone(&self.schema), Some(encryption))?;
        let mut units = UnitCounter::default();
        while let Some(record) = merge.head().filter(|record| record.bucket == bucket) {
            let out_of_order = units.units > 0 && record.unit < units.last.as_slice();
            if units.take(record.unit) {
                if out_of_order || bucket_of(record.unit, self.buckets) != bucket {
                    return Err(ImportError::Write(io::Error::other(Sentence::from(text!(
                        "rows are not in their order",
                        "行的次序不对"
                    )))));
                }
                self.met.note(record.unit);
            }
            file.push_record(record, self.unit_at)?;
            each(record);
            merge.pop().map_err(ImportError::Write)?;
        }
        self.met.largest = self.met.largest.max(units.largest);
        let (to, rows, bytes, digest) = file.written()?;
        let entry =
            ManifestFile { file: bucket_file(bucket), rows, units: units.units, bytes, sha256: hex::encode(&digest) };
        Ok((to, entry))
    }
}

/// Refuses more units than the description allows.
pub(super) fn within_units(manifest: &Manifest) -> Result<(), ImportError> {
    let most = manifest.bounds.units;
    match manifest.units() > most {
        true => Err(ImportError::OverBound { what: text!("units", "个隐私单元"), key: "units", most }),
        false => Ok(()),
    }
}
