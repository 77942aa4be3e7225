//! An import that is spread over nodes, as the lab sets it up: the source is cut and encrypted to the import, nodes sort
//! and merge, and what they wrote becomes a snapshot. No more of it is readable outside workers than of a run.
//!
//! ```text
//! spool/import-DATASET/plan     what was cut, and the keys, encrypted to the lab
//!                      0-7-7.part ...   what nodes have told, sealed
//! ```
//! Killed at any moment, the next import of the same source goes on from there.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use unseen_age::{Encrypter, Identity, OpenedFile};
use unseen_cluster::config::Cluster;
use unseen_cluster::courier::Process;
use unseen_cluster::error::ClusterError;
use unseen_cluster::evidence::Asked;
use unseen_cluster::gather::{Asking, Gatherer};
use unseen_cluster::import_orders::{ImportBody, ImportKeys, ImportOrders};
use unseen_cluster::importer::{Import, Importer, Unsorted};
use unseen_cluster::spool::Spool;
use unseen_cluster::store::Store;
use unseen_data::import::spread::{self, Cut, Gathered, Slice};
use unseen_data::import::{ImportError, ImportOptions, Imported, Progress};
use unseen_data::snapshot::ManifestFile;
use unseen_data::{DataKey, Description, LabDataKey, ReadAt};
use unseen_ids::{Digest, digest_of};
use unseen_keys::read_signing_key;
use unseen_texts::{Sentence, say};
use unseen_worker::importing::{ImportWork, Object};
use unseen_worker::spread::RunKey;
use zeroize::{Zeroize, Zeroizing};

use crate::error::LabError;
use crate::keys::random;
use crate::lab::swap_allowed;
use crate::moment::now;
use crate::sealed;
use crate::spread::{Nodes, evidence_of_nodes, nodes_of, vouched_by};
use crate::view::{About, View};

/// An import that is spread.
pub(crate) struct SpreadImport<'a> {
    pub view: &'a View,
    pub cluster: &'a Cluster,
    pub description: &'a Description,
    pub text: &'a str,
    pub lab: &'a LabDataKey,
    pub options: &'a ImportOptions,
    /// The folder of the snapshot to be.
    pub destination: &'a Path,
}

impl View {
    /// The variables of this process's environment that one needs which imports: none where imports are not spread.
    pub fn importers_environment(&self) -> Vec<(String, OsString)> {
        About::read(&self.dir).ok().and_then(|about| about.cluster).map_or_else(Vec::new, |cluster| cluster.needed())
    }
}

/// Why there is no snapshot.
pub(crate) enum NotImported {
    /// The source is refused.
    Import(ImportError),
    /// Anything else: what was done is kept.
    Lab(LabError),
}

impl From<ImportError> for NotImported {
    fn from(error: ImportError) -> NotImported {
        NotImported::Import(error)
    }
}

impl From<LabError> for NotImported {
    fn from(error: LabError) -> NotImported {
        NotImported::Lab(error)
    }
}

impl From<ClusterError> for NotImported {
    fn from(error: ClusterError) -> NotImported {
        NotImported::Lab(error.into())
    }
}

/// Takes away what was only there for an import of this dataset over nodes, if one was begun.
pub(crate) fn forget(lab: &Path, dataset: &str) {
    let folder = place(lab, dataset);
    let Some(plan) = Plan::read(lab, &folder) else { return };
    if let Ok(store) = Store::open(&plan.store, lab) {
        store.end_import(&plan.import);
        Spool::clear(&folder, &store);
    }
}

fn place(lab: &Path, dataset: &str) -> PathBuf {
    lab.join("spool").join(format!("import-{dataset}"))
}

/// What an import goes on from.
#[derive(Serialize, Deserialize)]
struct Plan {
    store: PathBuf,
    /// What it was made for: another description or number of buckets needs another.
    description: Digest,
    buckets: u32,
    bytes: usize,
    import: Digest,
    secret: [u8; 32],
    identity: String,
    data: [u8; 32],
    salt: [u8; 32],
    now: DateTime<Utc>,
    slices: Vec<Planned>,
}

#[derive(Serialize, Deserialize)]
struct Planned {
    slice: Slice,
    /// SHA-256 of what was encrypted.
    content: Digest,
    object: Object,
}

impl Drop for Plan {
    fn drop(&mut self) {
        self.secret.zeroize();
        self.identity.zeroize();
        self.data.zeroize();
    }
}

/// There are about so many slices at most, as long as each fits into a worker's memory.
const SLICES: u64 = 1024;
/// No slice is much longer, in bytes.
const LONGEST: u64 = 256 << 20;
/// Where a slice is refused, so many are looked at here from it on, so that a file is mended in one go.
const LOOKED_AT: usize = 8;
/// How long an import may take from its beginning, or from the moment it goes on.
const LASTS: TimeDelta = TimeDelta::days(7);

impl SpreadImport<'_> {
    /// Imports these rows.
    pub fn carry_out(
        &self,
        rows: &Arc<dyn ReadAt>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Imported, NotImported> {
        let folder = place(&self.view.dir, &self.description.name);
        let store = Store::open(&self.cluster.store, &self.view.dir)?;
        // Before hours of cutting: whether there is anybody to carry it out.
        let nodes = nodes_of(self.view.ledger())?;
        let mut courier = Process::start(self.cluster)?;
        fs::create_dir_all(&folder).map_err(LabError::io(&folder))?;
        let imported = self.with(rows, &store, &folder, &nodes, &mut courier, progress);
        // Whatever nodes are still at is given up: nothing is written any more.
        drop(courier);
        // A disk that is full or a source that cannot be read says nothing of the rows: it goes on later.
        let of_the_machine = |error: &ImportError| matches!(error, ImportError::Write(_) | ImportError::Read(_));
        match &imported {
            Err(NotImported::Lab(_)) => {}
            Err(NotImported::Import(error)) if of_the_machine(error) => {}
            _ => forget(&self.view.dir, &self.description.name),
        }
        imported
    }

    fn with(
        &self,
        rows: &Arc<dyn ReadAt>,
        store: &Store,
        folder: &Path,
        nodes: &Nodes,
        courier: &mut Process,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Imported, NotImported> {
        let of_bytes = rows.length().map_err(ImportError::Read)?;
        let bytes = self.cluster.slice_bytes.max(of_bytes / SLICES).min(LONGEST) as usize;
        let (plan, ignored) = self.cut(rows, bytes, store, folder, progress)?;
        let keys = plan.keys()?;
        let orders = self.orders(&plan, &keys, nodes)?;
        let spool = Spool::open(folder)?;
        let orders = spool.put_orders(store, &orders)?;
        let vouched = vouched_by(evidence_of_nodes(self.view.ledger()), &plan.import);
        let asking = Asking {
            orders,
            tasks_key: keys.run.tasks(),
            run: plan.import,
            late: self.cluster.late(),
            until: Instant::now() + LASTS.to_std().unwrap_or(Duration::MAX / 2),
            nodes: nodes.iter().map(|(key, (name, _))| (*key, name.clone())).collect(),
            vouched: &vouched,
        };
        let slices: Vec<(Slice, Object)> = plan.slices.iter().map(|it| (it.slice.clone(), it.object)).collect();
        let mut importer = Importer {
            gatherer: Gatherer::new(courier, asking, spool),
            import: Import { number: plan.import, keys: &keys, store },
            slices: &slices,
            description: self.description,
            buckets: self.options.buckets,
            together: self.cluster.pieces,
        };
        let made = importer.sort(&mut |done, all| {
            let bytes = (of_bytes as f64 * (0.25 + 0.75 * f64::from(done) / f64::from(all.max(1)))) as u64;
            progress(Progress::Reading { rows: 0, bytes, of_bytes });
        });
        let made = made.map_err(|why| self.why(why, rows, &plan, &keys, store));
        made.and_then(|sorted| {
            let gathered = Gathered::sorted(sorted.iter().map(|(told, _)| told), ignored, self.description)?;
            let merged = importer.merge(&sorted, &mut |done, all| {
                progress(Progress::Writing { rows: done.into(), of_rows: all.into() });
            });
            let merged = merged.map_err(|fault| ClusterError::of(&fault))?;
            let key = DataKey::from_bytes(&plan.data).map_err(ImportError::from)?;
            let options = ImportOptions { now: plan.now, ..self.options.clone() };
            let mut fetch = |file: &ManifestFile| {
                let digest = Digest::from_hex(&file.sha256).unwrap_or(plan.import);
                let found = store.import_file(&plan.import, &digest, file.bytes);
                found.map_err(|error| ImportError::Write(io::Error::other(Sentence::of(&error))))
            };
            let (of, keys) = ((self.description, self.text), (self.lab, &key, &plan.salt));
            let gathered = gathered.merged(merged);
            Ok(spread::gather(self.destination, of, keys, &options, gathered, &mut fetch, progress)?)
        })
    }

    /// Cuts the source, and encrypts each slice to the import; what was cut before is compared and left as it is.
    fn cut(
        &self,
        rows: &Arc<dyn ReadAt>,
        bytes: usize,
        store: &Store,
        folder: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Plan, Vec<String>), NotImported> {
        let before = Plan::read(&self.view.dir, folder).filter(|plan| {
            let of = (&plan.store, plan.description, plan.buckets, plan.bytes);
            of == (&self.cluster.store, self.of(), self.options.buckets, bytes)
        });
        let mut plan = match before {
            Some(plan) => plan,
            None => self.anew(bytes, folder)?,
        };
        loop {
            store.begin_import(&plan.import)?;
            let mut cutting = Cutting { plan: &mut plan, store, folder, rows, whole: None, at: 0, same: true };
            let of_bytes = rows.length().map_err(ImportError::Read)?;
            let cut = spread::cut(rows.clone(), self.description, bytes, &mut |cut| {
                let bytes = of_bytes.min(cutting.at as u64 * bytes as u64) / 4;
                progress(Progress::Reading { rows: 0, bytes, of_bytes });
                cutting.take(cut)
            });
            let (at, same) = (cutting.at, cutting.same);
            let ignored = cut?;
            if same && at == plan.slices.len() {
                plan.write(&self.view.dir, folder)?;
                return Ok((plan, ignored));
            }
            // The source is another one by now.
            plan = self.anew(bytes, folder)?;
        }
    }

    fn of(&self) -> Digest {
        Digest::of(self.text.as_bytes())
    }

    /// A plan for another import than the one that is begun, if one is.
    fn anew(&self, bytes: usize, folder: &Path) -> Result<Plan, NotImported> {
        forget(&self.view.dir, &self.description.name);
        fs::create_dir_all(folder).map_err(LabError::io(folder))?;
        let identity = Identity::generate().map_err(|error| LabError::Other(Sentence::of(&error)))?;
        let plan = Plan {
            store: self.cluster.store.clone(),
            description: self.of(),
            buckets: self.options.buckets,
            bytes,
            import: Digest::from_bytes(random()?),
            secret: random()?,
            identity: identity.to_secret().to_string(),
            data: *DataKey::generate().map_err(ImportError::from)?.expose_bytes(),
            salt: random()?,
            now: self.options.now,
            slices: Vec::new(),
        };
        // Written at once: whatever comes after it is found again.
        plan.write(&self.view.dir, folder)?;
        Ok(plan)
    }

    fn orders(&self, plan: &Plan, keys: &ImportKeys, nodes: &Nodes) -> Result<Vec<u8>, NotImported> {
        let program = std::env::current_exe().map_err(LabError::io("/proc/self/exe"))?;
        let build = self.view.build_digest(&program)?;
        let service = self.view.dir.join("keys/service.pem");
        let service = read_signing_key(&service).map_err(LabError::from)?;
        let work = ImportWork {
            import: plan.import,
            description: self.text.to_owned(),
            buckets: self.options.buckets,
            now: plan.now,
        };
        let body = ImportBody {
            work,
            swap: swap_allowed(self.view.ledger()),
            tick_seconds: self.cluster.tick_seconds,
            evidence: evidence_of_nodes(self.view.ledger()).map(Asked::from),
        };
        let nodes = nodes.iter().map(|(key, (_, recipient))| (*key, *recipient)).collect();
        let (written_at, good_until) = (now(), now() + LASTS);
        let orders = ImportOrders { keys, body: &body, build, nodes: &nodes, written_at, good_until };
        Ok(orders.write(&service)?)
    }

    /// Why slices are not sorted: what is wrong with rows is found out here, where a steward may be told.
    fn why(
        &self,
        why: Unsorted,
        source: &Arc<dyn ReadAt>,
        plan: &Plan,
        keys: &ImportKeys,
        store: &Store,
    ) -> NotImported {
        let (number, node) = match why {
            Unsorted::Fault(fault) => return ClusterError::of(&fault).into(),
            Unsorted::Refused { slice, node } => (slice, node),
        };
        let refuses = |Planned { slice, object, .. }: &Planned| -> Result<Option<ImportError>, NotImported> {
            let file = store.import_file(&plan.import, &object.digest, object.bytes)?;
            let rows = OpenedFile::new(file, std::slice::from_ref(&keys.identity));
            let rows = Arc::new(rows.map_err(|error| LabError::Other(Sentence::of(&error)))?);
            let (buckets, now) = (self.options.buckets, plan.now);
            let sorted = spread::sort(rows, slice, self.description, buckets, now, &[], io::sink());
            Ok(sorted.err().map(|fault| spread::named(source.clone(), fault)))
        };
        let mut found = plan.slices[number..].iter().take(LOOKED_AT).map(refuses).peekable();
        let in_order = matches!(found.peek(), Some(Ok(None)));
        match spread::refusal(found, number + LOOKED_AT < plan.slices.len()) {
            Err(error) => error,
            Ok(Some(fault)) if !in_order => fault.into(),
            Ok(_) => ClusterError::Other(say!(
                "node `{node}` refuses rows that are in order: it is not to be relied on",
                "节点 `{node}` 拒绝了并无问题的行：该节点不可信"
            ))
            .into(),
        }
    }
}

/// A source that is being cut.
struct Cutting<'a> {
    plan: &'a mut Plan,
    store: &'a Store,
    folder: &'a Path,
    rows: &'a Arc<dyn ReadAt>,
    /// The source itself, where slices are parts of it: its digest, and the file that has it.
    whole: Option<(Digest, Object)>,
    at: usize,
    /// Whether all so far is as it was before.
    same: bool,
}

impl Cutting<'_> {
    fn take(&mut self, cut: Cut) -> Result<(), NotImported> {
        let at = self.at;
        self.at += 1;
        if !self.same {
            return Ok(());
        }
        let (slice, text) = match cut {
            Cut::Records(slice, text) => (slice, Some(Zeroizing::new(text))),
            Cut::Groups(slice) => (slice, None),
        };
        let content = match (&text, &self.whole) {
            (Some(text), _) => Digest::of(text),
            (None, Some((content, _))) => *content,
            (None, None) => digest_of(Reading { rows: self.rows, at: 0 }).map_err(ImportError::Read)?.0,
        };
        let before = self.plan.slices.get(at);
        self.same = before.is_none_or(|before| before.slice == slice && before.content == content);
        let object = match (before, &self.whole) {
            _ if !self.same => return Ok(()),
            (Some(before), _) if self.is_there(&before.object)? => before.object,
            (_, Some((_, object))) => *object,
            _ => match &text {
                Some(text) => self.encrypted(&mut text.as_slice())?,
                None => self.encrypted(&mut Reading { rows: self.rows, at: 0 })?,
            },
        };
        if text.is_none() {
            self.whole = Some((content, object));
        }
        let planned = Planned { slice, content, object };
        match self.plan.slices.get_mut(at) {
            Some(before) => *before = planned,
            None => self.plan.slices.push(planned),
        }
        Ok(())
    }

    fn is_there(&self, object: &Object) -> Result<bool, ClusterError> {
        self.store.has_import_file(&self.plan.import, &object.digest, object.bytes)
    }

    /// Encrypts to the import, and puts that where nodes find it.
    fn encrypted(&self, from: &mut dyn Read) -> Result<Object, NotImported> {
        let identity =
            Identity::from_secret(&self.plan.identity).map_err(|error| LabError::Other(Sentence::of(&error)))?;
        let mut encrypt = || -> io::Result<(File, Object)> {
            let file = unseen_durable::nameless(self.folder)?;
            let mut to = Encrypter::new(io::BufWriter::new(file), &[identity.recipient()])?;
            io::copy(from, &mut to)?;
            let mut file = to.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
            io::Seek::rewind(&mut file)?;
            let (digest, bytes) = digest_of(&file)?;
            Ok((file, Object { digest, bytes }))
        };
        let (file, object) = encrypt().map_err(LabError::io(self.folder))?;
        self.store.keep_import_file(&self.plan.import, &object.digest, object.bytes, &file)?;
        Ok(object)
    }
}

/// Reads rows from a place on.
struct Reading<'a> {
    rows: &'a Arc<dyn ReadAt>,
    at: u64,
}

impl Read for Reading<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.rows.read_at(out, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Plan {
    fn file(folder: &Path) -> PathBuf {
        folder.join("plan")
    }

    /// None where there is none that this lab can open: then all is begun anew.
    fn read(lab: &Path, folder: &Path) -> Option<Plan> {
        sealed::read(lab, &Plan::file(folder)).ok().flatten()
    }

    fn write(&self, lab: &Path, folder: &Path) -> Result<(), LabError> {
        sealed::write(lab, &Plan::file(folder), self)
    }

    fn keys(&self) -> Result<ImportKeys, LabError> {
        let identity = Identity::from_secret(&self.identity).map_err(|error| LabError::Other(Sentence::of(&error)))?;
        let (run, data) = (RunKey::derive(&self.secret, &self.import), Zeroizing::new(self.data));
        Ok(ImportKeys { run, identity, data, salt: self.salt })
    }
}
