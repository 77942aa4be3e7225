//! Registering datasets: import, then a signed entry that names the snapshot.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use unseen_age::{OpenedFile, is_age};
use unseen_audit::named::Lookup;
use unseen_audit::public_values::PublicValues;
use unseen_cluster::config::Cluster;
use unseen_data::description::Kind;
use unseen_data::import::{ImportError, ImportOptions, Imported, Progress, buckets_for, import_again, import_rows};
use unseen_data::reference::ReferenceTable;
use unseen_data::snapshot_dir::SnapshotDir;
use unseen_data::twin::is_headed;
use unseen_data::{Description, LabDataKey, QualityReport, ReadAt};
use unseen_ids::{Digest, PublicKey, canonical};
use unseen_policies::Bounds;
use unseen_policies::event::{DatasetRegistered, Status};
use unseen_policies::ledger::{Dataset, Ledger, Refusal};
use unseen_policies::manifest::MAX_GROUPS;
use unseen_texts::{Sentence, say, text};
use unseen_tlog::Signer;
use unseen_worker::wall::Wall;

use crate::error::LabError;
use crate::folder::sync_dir;
use crate::keys::{data_key, upload_key};
use crate::lab::Lab;
use crate::locks::{self, Lock};
use crate::moment::now;
use crate::spread_import::{self, NotImported, SpreadImport};
use crate::view::{About, View};

/// A finished registration.
pub struct Registration {
    /// Its entry.
    pub entry: u64,
    /// The dataset's description.
    pub description: Description,
    /// The buckets that its rows lie in; 0 of a public table.
    pub buckets: u32,
    /// What the steward should know.
    pub quality: QualityReport,
    /// Columns of the source that the description does not declare.
    pub ignored_columns: Vec<String>,
}

/// What is public of a reference table: its values, as they go into a blob, and how much it has.
type Public = (Vec<u8>, Bounds);

/// A file with rows.
pub struct Rows {
    /// Where it is.
    pub file: PathBuf,
    /// What errors call it.
    pub called: PathBuf,
}

/// Where the rows of an import come from.
enum Source {
    File(Rows),
    /// The snapshot that the dataset has already.
    Snapshot(Digest),
}

/// On what terms a dataset may be used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Terms {
    /// The analysts who may; everyone when empty.
    #[serde(default)]
    pub open_to: Vec<String>,
    /// From when on nobody may, and the lab destroys the snapshot; none: when its steward says so.
    #[serde(default)]
    pub keep_until: Option<DateTime<Utc>>,
}

/// An import that may begin. It does not need the lab for the hours that it may take.
pub struct Importing {
    view: View,
    from: Source,
    text: String,
    description: Description,
    /// What will be signed, without what only the import can tell.
    event: DatasetRegistered,
    options: ImportOptions,
    key: LabDataKey,
    memory: Wall,
    lock: Lock,
}

/// A snapshot that is written, to be registered with [`Lab::finish_import`].
pub struct Snapshotted {
    event: DatasetRegistered,
    text: String,
    values: Option<Vec<u8>>,
    description: Description,
    quality: QualityReport,
    ignored_columns: Vec<String>,
    memory: Wall,
    _lock: Lock,
}

/// A snapshot that is written and not registered.
#[derive(Debug, Serialize, Deserialize)]
pub struct Prepared {
    /// What its steward signs.
    pub event: DatasetRegistered,
    /// Columns of the source that the description does not declare.
    pub ignored_columns: Vec<String>,
    /// Whether rows were kept out of swap meanwhile.
    pub memory: Wall,
}

/// Whether everyone is somebody whom a dataset is to be open to. Asked before an import and not of the log: who leaves
/// the lab takes no dataset along.
pub(crate) fn check_open_to(ledger: &Ledger, names: &[String]) -> Result<(), Refusal> {
    let known = |name: &String| ledger.people().values().any(|person| person.revoked.is_none() && person.name == *name);
    match names.iter().find(|name| !known(name)) {
        Some(nobody) => Err(Refusal::NoSuchPerson(nobody.clone())),
        None => Ok(()),
    }
}

/// Refuses the description of a twin, which errors call `file`: made-up rows under a dataset's name would be computed on
/// as if they were its own.
pub fn refuse_twin(file: &str, text: &str) -> Result<(), LabError> {
    match is_headed(text) {
        true => Err(LabError::Twin { file: file.to_owned() }),
        false => Ok(()),
    }
}

impl Lab {
    /// Begins to import rows as a new snapshot that this steward will register. What would be refused is refused now,
    /// before the hours of an import. `text` is the dataset's description, which errors call `file`. Where nothing is said
    /// of buckets, there are as many as its public bounds ask for, or other open datasets of its unit domain have.
    pub fn begin_import(
        &self,
        rows: Rows,
        file: &str,
        text: String,
        terms: Terms,
        buckets: Option<u32>,
        steward: &PublicKey,
    ) -> Result<Importing, LabError> {
        let parsed = Description::parse(&text)
            .map_err(|error| LabError::Description(say!("{file}: {error}", "{file}：{error}")))?;
        refuse_twin(file, &text)?;
        let mut event = DatasetRegistered {
            name: parsed.name.clone(),
            domain: parsed.unit.as_ref().map(|unit| unit.domain.clone()),
            buckets: 0,
            description: Digest::of(text.as_bytes()),
            snapshot: Digest::of(b""),
            open_to: terms.open_to,
            values: None,
            bounds: Some(parsed.bounds),
            keep_until: terms.keep_until,
        };
        if let Some(unit) = &parsed.unit {
            let others = self.ledger().datasets().values().filter(|other| other.status == Status::Open);
            let alike =
                others.map(|other| &other.registered).filter(|other| other.domain.as_ref() == Some(&unit.domain));
            let most = alike.map(|other| other.buckets).max().unwrap_or(0);
            event.buckets = buckets.unwrap_or_else(|| buckets_for(&parsed.bounds).max(most));
        }
        check_open_to(self.ledger(), &event.open_to)?;
        self.begin_from(Source::File(rows), text, parsed, event, steward)
    }

    /// Begins to deal the rows of a dataset into another number of buckets: a new snapshot, which this steward will
    /// register on the terms that there are. The file with the rows is not needed.
    pub fn begin_rebucket(&self, name: &str, buckets: u32, steward: &PublicKey) -> Result<Importing, LabError> {
        let (description, text) = self.description(name)?;
        let Dataset { registered, status, .. } = self.ledger().dataset(name)?;
        if *status != Status::Open {
            return Err(Refusal::DatasetIs { dataset: name.to_owned(), status: *status }.into());
        }
        if registered.domain.is_none() {
            return Err(LabError::NoBuckets(name.to_owned()));
        }
        if registered.buckets == buckets {
            return Err(LabError::HasBuckets { dataset: name.to_owned(), buckets });
        }
        let event = DatasetRegistered { buckets, ..registered.clone() };
        self.begin_from(Source::Snapshot(registered.snapshot), text, description, event, steward)
    }

    fn begin_from(
        &self,
        from: Source,
        text: String,
        description: Description,
        event: DatasetRegistered,
        steward: &PublicKey,
    ) -> Result<Importing, LabError> {
        let mut options = ImportOptions::new(now());
        if event.domain.is_some() {
            options.buckets = event.buckets;
            options.check().map_err(LabError::Import)?;
            self.ensure_swap_allowed(self.memory())?;
        }
        self.ledger().may(steward, &self.record(event.clone())?)?;
        let lock = locks::take_import(&self.dir, &description.name)?;
        let (view, key, memory) = (self.view(), data_key(&self.dir)?, self.memory().clone());
        Ok(Importing { view, from, text, description, event, options, key, memory, lock })
    }

    /// Registers a snapshot that was imported, signed by its steward.
    pub fn finish_import(&mut self, done: Snapshotted, steward: &dyn Signer) -> Result<Registration, LabError> {
        let Snapshotted { event, text, values, description, quality, ignored_columns, memory: _, _lock } = done;
        let attachments: Vec<&[u8]> = [text.as_bytes()].into_iter().chain(values.as_deref()).collect();
        let buckets = event.buckets;
        let entry = self.sign_and_accept(event, steward, &attachments)?;
        Ok(Registration { entry, description, buckets, quality, ignored_columns })
    }

    /// Whether a registration names a description and a snapshot that are there.
    pub(crate) fn check_dataset(&self, event: &DatasetRegistered, lookup: &dyn Lookup) -> Result<(), LabError> {
        let text = lookup.blob(&event.description).map_err(LabError::Named)?;
        let text = String::from_utf8(text).map_err(|_| LabError::Mismatch(text!("the description", "描述")))?;
        let description = Description::parse(&text).map_err(|error| LabError::Description(Sentence::of(&error)))?;
        let domain = description.unit.as_ref().map(|unit| &unit.domain);
        if description.name != event.name || domain != event.domain.as_ref() {
            return Err(LabError::Mismatch(text!("the description", "描述")));
        }
        let snapshot = self.snapshot(&event.name, &event.snapshot)?;
        if Digest::of(snapshot.description.as_bytes()) != event.description {
            return Err(LabError::Mismatch(text!("the description", "描述")));
        }
        if domain.is_some() && snapshot.manifest.files.len() != event.buckets as usize {
            return Err(LabError::Mismatch(text!("the number of buckets", "分桶数")));
        }
        let bounds = match &event.values {
            Some(values) if domain.is_none() => {
                let table = snapshot.into_reference()?;
                if lookup.blob(values).map_err(LabError::Named)? != canonical_values(&table)? {
                    return Err(LabError::Mismatch(text!("the public values", "公开取值")));
                }
                table.bounds()
            }
            None if domain.is_some() => description.bounds,
            _ => return Err(LabError::Mismatch(text!("the public values", "公开取值"))),
        };
        if event.bounds == Some(bounds) { Ok(()) } else { Err(LabError::Mismatch(text!("the bounds", "公开上限"))) }
    }
}

impl Importing {
    /// Writes the snapshot. Whenever this fails or is killed, nothing is registered, and what was written is
    /// swept by the next import.
    pub fn carry_out(self, progress: &mut dyn FnMut(Progress)) -> Result<Snapshotted, LabError> {
        let place = self.place();
        std::fs::create_dir_all(&place).map_err(LabError::io(&place))?;
        let (imported, public) = self.write(progress).inspect_err(|_| {
            let _ = self.sweep();
            // Goes only if it is empty.
            let _ = std::fs::remove_dir(&place);
        })?;
        let Importing { text, description, mut event, memory, lock, .. } = self;
        event.snapshot = Digest::from_bytes(imported.root);
        let (values, bounds) = public.unzip();
        event.values = values.as_deref().map(Digest::of);
        event.bounds = bounds.or(event.bounds);
        let Imported { quality, ignored_columns, .. } = imported;
        Ok(Snapshotted { event, text, values, description, quality, ignored_columns, memory, _lock: lock })
    }

    /// Imports into the place where snapshots of this dataset lie. Gives the public values and bounds of
    /// a reference table too.
    fn write(&self, progress: &mut dyn FnMut(Progress)) -> Result<(Imported, Option<Public>), LabError> {
        self.sweep()?;
        let (description, incoming) = (&self.description, self.place().join("incoming"));
        let (text, key, options) = (&self.text, &self.key, &self.options);
        let imported = match &self.from {
            Source::File(file) => {
                let (rows, named) = (file.open(&self.view)?, |error| LabError::import(&file.called, error));
                match self.cluster(&*rows)? {
                    Some(cluster) => self.spread(&cluster, &rows, &incoming, progress).map_err(|why| match why {
                        NotImported::Import(error) => named(error),
                        NotImported::Lab(error) => error,
                    })?,
                    None => {
                        spread_import::forget(&self.view.dir, &description.name);
                        import_rows(rows, description, text, &incoming, key, options, progress).map_err(named)?
                    }
                }
            }
            Source::Snapshot(root) => {
                let snapshot = self.view.snapshot(&description.name, root)?;
                import_again(snapshot, description, text, &incoming, key, options, progress)
                    .map_err(LabError::Import)?
            }
        };
        let settled = self.view.snapshot_dir(&description.name, &Digest::from_bytes(imported.root));
        std::fs::rename(&incoming, &settled).map_err(LabError::io(&settled))?;
        sync_dir(&self.place())?;
        if description.kind == Kind::Private {
            return Ok((imported, None));
        }
        let table = SnapshotDir::open(&settled, Some(imported.root))?.into_reference()?;
        let values = canonical_values(&table)?;
        Ok((imported, Some((values, table.bounds()))))
    }

    /// Who imports these rows, if not this machine.
    fn cluster(&self, rows: &dyn ReadAt) -> Result<Option<Cluster>, LabError> {
        let cluster = About::read(&self.view.dir)?.cluster.filter(|_| self.description.kind == Kind::Private);
        let Some(cluster) = cluster else { return Ok(None) };
        let long = rows.length().map_err(|why| LabError::Import(ImportError::Read(why)))?;
        Ok(Some(cluster).filter(|cluster| long > cluster.slice_bytes))
    }

    fn spread(
        &self,
        cluster: &Cluster,
        rows: &Arc<dyn ReadAt>,
        destination: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Imported, NotImported> {
        let Importing { view, text, description, options, key: lab, .. } = self;
        SpreadImport { view, cluster, description, text, lab, options, destination }.carry_out(rows, progress)
    }

    fn place(&self) -> PathBuf {
        self.view.dir.join("snapshots").join(&self.description.name)
    }

    /// Removes snapshots of a dataset that nothing names: what a killed import left.
    fn sweep(&self) -> Result<(), LabError> {
        let (view, name, place) = (&self.view, self.description.name.as_str(), self.place());
        // What others have imported, or the same person on other terms, waits for its signature.
        let mut named = view.prepared_snapshots(name);
        if let Ok(dataset) = view.ledger().dataset(name) {
            named.push(view.snapshot_dir(name, &dataset.registered.snapshot));
        }
        for job in view.ledger().jobs().values() {
            named.extend(
                job.submitted
                    .datasets
                    .iter()
                    .filter(|used| used.name == name)
                    .map(|used| view.snapshot_dir(name, &used.snapshot)),
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
}

impl Snapshotted {
    /// As it is kept until it is registered; others may import the dataset meanwhile.
    pub(crate) fn into_prepared(self) -> Prepared {
        Prepared { event: self.event, ignored_columns: self.ignored_columns, memory: self.memory }
    }
}

impl Rows {
    /// The rows in the clear, as they are or out of a file that is encrypted to the lab.
    fn open(&self, view: &View) -> Result<Arc<dyn ReadAt>, LabError> {
        let called = self.called.display().to_string();
        let unopened = |source| LabError::import(&self.called, ImportError::Open { path: self.called.clone(), source });
        let mut file = File::open(&self.file).map_err(unopened)?;
        let mut start = Vec::new();
        (&mut file).take(64).read_to_end(&mut start).and_then(|_| file.rewind()).map_err(unopened)?;
        if !is_age(&start) {
            return Ok(Arc::new(file));
        }
        let opened = OpenedFile::new(file, &[upload_key(&view.dir)?]);
        Ok(Arc::new(opened.map_err(|error| LabError::Encrypted { file: called, error })?))
    }
}

/// The public values of a reference table, as they are attached to its registration.
pub(crate) fn canonical_values(table: &ReferenceTable) -> Result<Vec<u8>, LabError> {
    let mut values = PublicValues::default();
    for (column, _) in table.columns() {
        // A column with more values than a domain may have cannot be a domain.
        if let Some(distinct) = table.distinct(column).filter(|distinct| distinct.len() <= MAX_GROUPS) {
            values.insert(column, distinct);
        }
    }
    canonical::to_vec(&values).map_err(|error| LabError::Other(Sentence::of(&error)))
}
