//! Registering datasets: import, then a signed entry that names the snapshot.

use std::path::{Path, PathBuf};

use unseen_audit::named::Lookup;
use unseen_audit::public_values::PublicValues;
use unseen_data::description::Kind;
use unseen_data::import::{ImportOptions, Imported, Progress, import};
use unseen_data::reference::ReferenceTable;
use unseen_data::snapshot::SnapshotDir;
use unseen_data::{Description, QualityReport, twin};
use unseen_ids::{Digest, PublicKey, Role, canonical};
use unseen_policies::Bounds;
use unseen_policies::event::DatasetRegistered;
use unseen_policies::ledger::Refusal;
use unseen_policies::plan::MAX_GROUPS;
use unseen_tlog::Signer;

use crate::error::LabError;
use crate::lab::{Lab, now, sync_dir};

/// A finished registration.
pub struct Registration {
    /// Its entry.
    pub entry: u64,
    /// The dataset's description.
    pub description: Description,
    /// What the steward should know.
    pub quality: QualityReport,
    /// Columns of the source that the description does not declare.
    pub ignored_columns: Vec<String>,
}

/// What is public of a reference table: its values, as they go into a blob, and how much it has.
type Public = (Vec<u8>, Bounds);

impl Lab {
    /// Imports a file as a new snapshot and registers it, signed by a steward. Whenever this fails or
    /// is killed, nothing is registered, and what was written is swept by the next import.
    pub fn import(
        &mut self,
        source: &Path,
        description: &Path,
        open_to: Vec<String>,
        steward: &dyn Signer,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Registration, LabError> {
        let text = std::fs::read_to_string(description).map_err(LabError::io(description))?;
        let parsed = Description::parse(&text)
            .map_err(|error| LabError::Description(format!("{}: {error}", description.display())))?;
        let mut event = DatasetRegistered {
            name: parsed.name.clone(),
            domain: parsed.unit.as_ref().map(|unit| unit.domain.clone()),
            buckets: 0,
            description: Digest::of(text.as_bytes()),
            snapshot: Digest::of(b""),
            open_to,
            values: None,
            bounds: Some(parsed.bounds),
        };
        let options = ImportOptions::new(now());
        if parsed.unit.is_some() {
            event.buckets = options.buckets;
            self.ensure_swap_allowed(self.memory())?;
        }
        // What would be refused is refused before the hours of an import, not after.
        self.ledger().may(&PublicKey::from(steward.verifying_key()), &self.record(event.clone())?)?;
        let place = self.dir.join("snapshots").join(&parsed.name);
        std::fs::create_dir_all(&place).map_err(LabError::io(&place))?;
        let written = self.write_snapshot(source, &parsed, &text, &options, progress);
        let (imported, public) = written.inspect_err(|_| {
            let _ = self.sweep(&parsed.name);
            // Goes only if it is empty.
            let _ = std::fs::remove_dir(&place);
        })?;
        event.snapshot = Digest::from_bytes(imported.root);
        let mut attachments = vec![text.as_bytes()];
        if let Some((values, bounds)) = &public {
            event.values = Some(Digest::of(values));
            event.bounds = Some(*bounds);
            attachments.push(values);
        }
        let entry = self.sign_and_accept(event, steward, &attachments)?;
        Ok(Registration {
            entry,
            description: parsed,
            quality: imported.quality,
            ignored_columns: imported.ignored_columns,
        })
    }

    /// Imports into the place where snapshots of this dataset lie. Gives the public values and bounds of
    /// a reference table too.
    fn write_snapshot(
        &self,
        source: &Path,
        description: &Description,
        text: &str,
        options: &ImportOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Imported, Option<Public>), LabError> {
        self.sweep(&description.name)?;
        let place = self.dir.join("snapshots").join(&description.name);
        let incoming = place.join("incoming");
        let imported = import(source, description, text, &incoming, &self.keys.data, options, progress)
            .map_err(|error| LabError::import(source, error))?;
        let settled = self.snapshot_dir(&description.name, &Digest::from_bytes(imported.root));
        std::fs::rename(&incoming, &settled).map_err(LabError::io(&settled))?;
        sync_dir(&place)?;
        if description.kind == Kind::Private {
            return Ok((imported, None));
        }
        let table = SnapshotDir::open(&settled, Some(imported.root))?.into_reference()?;
        let values = canonical_values(&table)?;
        Ok((imported, Some((values, table.bounds()))))
    }

    /// A registered dataset's description, and its text.
    pub fn description(&self, name: &str) -> Result<(Description, String), LabError> {
        let text = self.text(&self.ledger().dataset(name)?.registered.description)?;
        let parsed = Description::parse(&text).map_err(|error| LabError::Description(error.to_string()))?;
        Ok((parsed, text))
    }

    /// Writes what an analyst may have of a dataset: synthetic rows that follow the description of a
    /// private one, and a reference table as it is. Returns the paths of the rows and the description.
    pub fn twin(&self, name: &str, rows: u64, seed: u64, out: &Path) -> Result<(PathBuf, PathBuf), LabError> {
        let (description, text) = self.description(name)?;
        let written = match description.kind {
            Kind::Private => twin::write(&description, &text, rows, seed, out),
            Kind::Reference => {
                let table = self.snapshot(name, &self.ledger().dataset(name)?.registered.snapshot)?.into_reference()?;
                twin::write_public(&description, &text, &table, out)
            }
        };
        written.map_err(LabError::io(out))
    }

    /// The quality report of the registered snapshot, for a steward: it counts rows.
    pub fn quality(&self, name: &str, reader: &dyn Signer) -> Result<QualityReport, LabError> {
        let person = self.ledger().person(&PublicKey::from(reader.verifying_key()))?;
        if !person.roles.contains(&Role::Steward) {
            return Err(Refusal::WrongRole { name: person.name.clone(), role: "a steward" }.into());
        }
        let registered = &self.ledger().dataset(name)?.registered;
        let snapshot = self.snapshot(name, &registered.snapshot)?;
        let key = registered.domain.as_ref().map(|_| snapshot.data_key(&self.keys.data)).transpose()?;
        Ok(snapshot.quality(key.as_ref())?)
    }

    /// Opens a snapshot's folder; its files are not decrypted.
    pub(crate) fn snapshot(&self, name: &str, root: &Digest) -> Result<SnapshotDir, LabError> {
        SnapshotDir::open(&self.snapshot_dir(name, root), Some(root.to_bytes()))
            .map_err(|error| LabError::SnapshotOf { dataset: name.to_owned(), error })
    }

    /// Whether a registration names a description and a snapshot that are there.
    pub(crate) fn check_dataset(&self, event: &DatasetRegistered, lookup: &dyn Lookup) -> Result<(), LabError> {
        let text = lookup.blob(&event.description).map_err(LabError::Named)?;
        let text = String::from_utf8(text).map_err(|_| LabError::Mismatch("the description"))?;
        let description = Description::parse(&text).map_err(|error| LabError::Description(error.to_string()))?;
        let domain = description.unit.as_ref().map(|unit| &unit.domain);
        if description.name != event.name || domain != event.domain.as_ref() {
            return Err(LabError::Mismatch("the description"));
        }
        let snapshot = self.snapshot(&event.name, &event.snapshot)?;
        if Digest::of(snapshot.description.as_bytes()) != event.description {
            return Err(LabError::Mismatch("the description"));
        }
        if domain.is_some() && snapshot.files.len() != event.buckets as usize {
            return Err(LabError::Mismatch("the number of buckets"));
        }
        let bounds = match &event.values {
            Some(values) if domain.is_none() => {
                let table = snapshot.into_reference()?;
                if lookup.blob(values).map_err(LabError::Named)? != canonical_values(&table)? {
                    return Err(LabError::Mismatch("the public values"));
                }
                table.bounds()
            }
            None if domain.is_some() => description.bounds,
            _ => return Err(LabError::Mismatch("the public values")),
        };
        if event.bounds == Some(bounds) { Ok(()) } else { Err(LabError::Mismatch("the bounds")) }
    }

    /// Removes snapshots of a dataset that no entry names: what a killed import left.
    fn sweep(&self, name: &str) -> Result<(), LabError> {
        let place = self.dir.join("snapshots").join(name);
        let mut named = Vec::new();
        if let Ok(dataset) = self.ledger().dataset(name) {
            named.push(self.snapshot_dir(name, &dataset.registered.snapshot));
        }
        for job in self.ledger().jobs().values() {
            named.extend(
                job.submitted
                    .datasets
                    .iter()
                    .filter(|used| used.name == name)
                    .map(|used| self.snapshot_dir(name, &used.snapshot)),
            );
        }
        for found in std::fs::read_dir(&place).map_err(LabError::io(&place))? {
            let found = found.map_err(LabError::io(&place))?.path();
            if !named.contains(&found) {
                let removed =
                    if found.is_dir() { std::fs::remove_dir_all(&found) } else { std::fs::remove_file(&found) };
                removed.map_err(LabError::io(&found))?;
            }
        }
        Ok(())
    }

    fn snapshot_dir(&self, name: &str, root: &Digest) -> PathBuf {
        self.dir.join("snapshots").join(name).join(root.to_hex())
    }
}

/// The public values of a reference table, as they are attached to its registration.
fn canonical_values(table: &ReferenceTable) -> Result<Vec<u8>, LabError> {
    let mut values = PublicValues::default();
    for (column, _) in table.columns() {
        // A column with more values than a domain may have cannot be a domain.
        if let Some(distinct) = table.distinct(column).filter(|distinct| distinct.len() <= MAX_GROUPS) {
            values.insert(column, distinct);
        }
    }
    canonical::to_vec(&values).map_err(|error| LabError::Other(error.to_string()))
}
