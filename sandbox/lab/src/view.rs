//! A lab as it is after some entry, for reading. It never changes, holds no lock, and needs no room on the
//! disk: whoever reads waits for no writer, no run and no import.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use unseen_access::Rules;
use unseen_audit::bundle::VERIFIER_KEY;
use unseen_audit::fold::{Fold, FoldError};
use unseen_audit::named;
use unseen_audit::public_values::PublicTables;
use unseen_cluster::config::Cluster;
use unseen_core::release::ReleaseBody;
use unseen_data::description::Kind;
use unseen_data::snapshot_dir::SnapshotDir;
use unseen_data::twin::{self, Written};
use unseen_data::{Description, QualityReport};
use unseen_ids::{Digest, JobId, PublicKey, Role};
use unseen_log::{Folder, Log, LogReader, blob_path};
use unseen_policies::event::{Event, Record};
use unseen_policies::ledger::{Ledger, Refusal, Run};
use unseen_policies::lifecycle::State;
use unseen_policies::manifest::{Lookup, ManifestError, Mention};
use unseen_policies::{Manifest, Plan, toml_fault};
use unseen_texts::{Sentence, say, text};
use unseen_tlog::note::NoteKey;
use unseen_worker::fit;

use crate::entry::SignedEntry;
use crate::error::LabError;
use crate::folder::{ensure_no_links, shut, write_durably};
use crate::keys::{data_key, seal_key};
use crate::locks::{self, Doing, Holder};
use crate::moment::{nonce, now};
use crate::state::StateCache;

/// A lab after some entry. Clones share what they hold.
#[derive(Clone)]
pub struct View {
    pub(crate) dir: PathBuf,
    pub(crate) fold: Fold,
    pub(crate) log: LogReader<Arc<Folder>>,
    /// The log's folder, without the lock on it.
    pub(crate) files: Arc<Folder>,
}

/// A release that is out.
pub struct Published {
    /// Its entry.
    pub entry: u64,
    /// What it says.
    pub body: ReleaseBody,
    /// Its bytes; the log holds their digest.
    pub bytes: Vec<u8>,
}

/// `lab.toml`: what anyone may know of the lab.
#[derive(Serialize, Deserialize)]
pub(crate) struct About {
    pub origin: String,
    /// The log's verifier key, to be given to auditors.
    pub log_key: String,
    /// How runs are spread over nodes; none where they are the lab's own machine's. Written by people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Cluster>,
}

impl About {
    /// Of a ledger whose log has another key by now; what else stands in the file stays.
    pub fn renew(dir: &Path, ledger: &Ledger) -> Result<(), LabError> {
        let cluster = About::read(dir).ok().and_then(|about| about.cluster);
        let (origin, log_key) = (ledger.origin().to_owned(), ledger.log_key().to_owned());
        About { origin, log_key, cluster }.write(dir)
    }

    pub fn read(dir: &Path) -> Result<About, LabError> {
        let path = dir.join("lab.toml");
        let text = std::fs::read_to_string(&path).map_err(|_| LabError::NoLab(dir.to_owned()))?;
        toml::from_str(&text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            LabError::Settings { path, line, why: toml_fault(error.message()) }
        })
    }

    pub fn write(&self, dir: &Path) -> Result<(), LabError> {
        let text = toml::to_string(self).map_err(|error| LabError::Other(error.to_string().into()))?;
        write_durably(&dir.join("lab.toml"), text.as_bytes())
    }
}

impl View {
    /// The lab in a folder as it is now. The folded state saves reading the whole log where no other process
    /// has it open; the log is what counts.
    pub fn open(dir: &Path) -> Result<View, LabError> {
        // A log that grows or changes its key meanwhile is found in its new place.
        View::read(dir).or_else(|_| View::read(dir))
    }

    fn read(dir: &Path) -> Result<View, LabError> {
        let about = About::read(dir)?;
        ensure_no_links(dir)?;
        // A lab that was opened to others is closed again where that can be.
        let _ = shut(dir);
        let key: NoteKey = about.log_key.parse().map_err(|_| LabError::NoLab(dir.to_owned()))?;
        // Before the log: what is read second can only have grown.
        let kept = StateCache::peek(dir, &*seal_key(dir)?);
        let files = Arc::new(Folder::reading(dir.join("log")));
        let log = LogReader::open_in(files.clone(), &key)?;
        let mut fold = Fold::default();
        if let Some((checkpoint, ledger)) = kept {
            // The lab authenticated what it saw of its own log: an older log or another one in its
            // place would give budget back.
            log.ensure_extends(&checkpoint)?;
            fold = Fold::resume(ledger);
        }
        for index in fold.ledger().size()..log.size() {
            fold.next(&log.entry(index)?).map_err(|error| LabError::DamagedLog(index, error))?;
        }
        Ok(View { dir: dir.to_owned(), fold, log, files })
    }

    /// What a copy of a lab's log says, as [`View::export`] made it; none where a folder is no such copy. Whoever made
    /// it also wrote the key in it: what one signs by it is checked again where it is handed in.
    pub fn of_copy(dir: &Path) -> Result<Option<View>, LabError> {
        let Ok(key) = std::fs::read_to_string(dir.join(VERIFIER_KEY)) else { return Ok(None) };
        let key: NoteKey = key.trim().parse().map_err(|_| LabError::NoLab(dir.to_owned()))?;
        let files = Arc::new(Folder::reading(dir));
        let log = LogReader::open_in(files.clone(), &key)?;
        let mut fold = Fold::default();
        for index in 0..log.size() {
            fold.next(&log.entry(index)?).map_err(|error| LabError::DamagedLog(index, error))?;
        }
        Ok(Some(View { dir: dir.to_owned(), fold, log, files }))
    }

    /// The lab as it is now: only what came since is read.
    pub fn follow(&self) -> Result<View, LabError> {
        let key = About::read(&self.dir)?.log_key.parse().map_err(|_| LabError::NoLab(self.dir.clone()))?;
        let log = LogReader::open_in(self.files.clone(), &key)?;
        log.ensure_extends(self.log.checkpoint())?;
        let mut fold = self.fold.clone();
        for index in fold.ledger().size()..log.size() {
            fold.next(&log.entry(index)?).map_err(|error| LabError::DamagedLog(index, error))?;
        }
        Ok(View { fold, log, ..self.clone() })
    }

    /// What this process has open to write to.
    pub(crate) fn of(dir: &Path, fold: Fold, log: &Log) -> View {
        let files = Arc::new(Folder::reading(dir.join("log")));
        View { dir: dir.to_owned(), fold, log: log.reader(files.clone()), files }
    }

    /// The state.
    pub fn ledger(&self) -> &Ledger {
        self.fold.ledger()
    }

    /// The log.
    pub fn log(&self) -> &LogReader<Arc<Folder>> {
        &self.log
    }

    /// The lab's folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The folder that holds the log's files.
    pub fn log_dir(&self) -> PathBuf {
        self.dir.join("log")
    }

    /// An event as it would be signed for this lab now.
    pub fn record(&self, event: impl Into<Event>) -> Result<Record, LabError> {
        Ok(Record { log: self.ledger().origin().to_owned(), time: now(), nonce: nonce()?, event: event.into() })
    }

    /// The lab as it was before this entry, read from the log from its beginning.
    pub fn at(&self, entry: u64) -> Result<View, LabError> {
        let mut fold = Fold::default();
        for index in 0..entry.min(self.log.size()) {
            fold.next(&self.log.entry(index)?).map_err(|error| LabError::DamagedLog(index, error))?;
        }
        Ok(View { fold, ..self.clone() })
    }

    /// An entry, wherever it is, that enrolled keys have signed: its signatures are verified.
    pub fn verified(&self, entry: &[u8]) -> Result<SignedEntry, LabError> {
        Ok(SignedEntry::new(entry, self.fold.open(entry)?))
    }

    /// What an entry of the log says.
    pub fn said(&self, entry: &[u8]) -> Result<Record, LabError> {
        Ok(unseen_entries::sign::unverified(entry)?)
    }

    /// Whether an entry was taken already: its nonce was used.
    pub fn was_taken(&self, entry: &SignedEntry) -> bool {
        matches!(self.fold.check_opened(entry.opened()), Err(FoldError::Refused(Refusal::Replayed)))
    }

    /// The entry with exactly these bytes, if it is in the log. Only for one that was taken is the log read.
    pub fn find(&self, entry: &SignedEntry) -> Result<Option<u64>, LabError> {
        if !self.was_taken(entry) {
            return Ok(None);
        }
        for index in (0..self.log.size()).rev() {
            if self.log.entry(index)? == entry.bytes() {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    /// What goes on in the lab at this moment, and whose work it is.
    pub fn at_work(&self) -> Vec<(Doing, Holder)> {
        locks::at_work(&self.dir)
    }

    /// The text of a blob that an entry names.
    pub fn text(&self, digest: &Digest) -> Result<String, LabError> {
        String::from_utf8(self.blob(digest)?)
            .map_err(|_| LabError::Other(say!("blob {digest} is not text", "附件 {digest} 不是文本")))
    }

    /// The bytes of a blob that an entry names.
    pub fn blob(&self, digest: &Digest) -> Result<Vec<u8>, LabError> {
        let found = self.log.blob(digest)?;
        found.ok_or_else(|| {
            LabError::Other(say!(
                "blob {digest} is missing from the log's folder: restore it from a copy",
                "日志文件夹中缺少附件 {digest}：请从副本恢复"
            ))
        })
    }

    /// How many bytes a blob has that an entry names; they are not looked at.
    pub fn blob_len(&self, digest: &Digest) -> Result<u64, LabError> {
        let path = self.log_dir().join(blob_path(digest));
        Ok(std::fs::metadata(&path).map_err(LabError::io(&path))?.len())
    }

    /// The public values of reference tables, by name and digest.
    pub(crate) fn public_tables<'t>(
        &self,
        tables: impl Iterator<Item = (&'t String, &'t Option<Digest>)>,
    ) -> Result<PublicTables, LabError> {
        let mut found = PublicTables::default();
        for (name, values) in tables {
            if let Some(values) = values {
                let values = serde_json::from_slice(&self.blob(values)?)
                    .map_err(|error| LabError::Other(Sentence::of(&error)))?;
                found.0.insert(name.clone(), values);
            }
        }
        Ok(found)
    }

    /// Parses a manifest and plans it with the registered public tables. `file` is named in errors.
    pub fn plan(&self, file: &str, text: &str) -> Result<(Manifest, Plan), LabError> {
        let named = |error| LabError::Manifest { file: file.to_owned(), error };
        let manifest = Manifest::parse(text).map_err(named)?;
        self.check_tables(&manifest).map_err(named)?;
        let registered = self.ledger().datasets().iter().map(|(name, dataset)| (name, &dataset.registered.values));
        let plan = Plan::new(&manifest, &self.public_tables(registered)?).map_err(named)?;
        Ok((manifest, plan))
    }

    /// The manifest of a submitted job, and its plan with the public tables it was submitted with.
    pub fn submitted_plan(&self, id: JobId) -> Result<(String, Manifest, Plan), LabError> {
        let submitted = &self.ledger().job(id)?.submitted;
        let text = self.text(&submitted.manifest)?;
        let (manifest, plan) = named::plan(submitted, &self.log).map_err(LabError::Named)?;
        Ok((text, manifest, plan))
    }

    /// The body that a release's entry names.
    pub fn published(&self, id: JobId) -> Result<Published, LabError> {
        let (entry, digest) = self.ledger().job(id)?.release.ok_or_else(|| self.no_result(id))?;
        let bytes = self.blob(&digest)?;
        let body = ReleaseBody::parse(&bytes).map_err(|error| LabError::Other(Sentence::of(&error)))?;
        if body.job != id || body.run != self.started(id)?.entry {
            return Err(LabError::Mismatch(text!("the run", "运行")));
        }
        Ok(Published { entry, body, bytes })
    }

    /// Whether the lab has the tables that a manifest names, each of the kind that it takes it for.
    fn check_tables(&self, manifest: &Manifest) -> Result<(), ManifestError> {
        for mention in manifest.mentions().iter().filter(|mention| mention.column.is_none()) {
            let name = mention.table.to_owned();
            let known = self.ledger().datasets();
            let private = known.get(mention.table).map(|dataset| dataset.registered.domain.is_some());
            match (private, mention.is_input) {
                (Some(true), true) | (Some(false), false) => {}
                (None, _) => {
                    let known: Vec<&str> = known.keys().map(String::as_str).collect();
                    let advice = mention.meant(&known);
                    return Err(
                        mention.error(say!("there is no dataset `{name}`: {advice}", "没有数据集 `{name}`：{advice}"))
                    );
                }
                (Some(false), true) => {
                    return Err(mention.error(say!(
                        "`{name}` is a public reference table: name it in a lookup or as the reference of a group, not as an input",
                        "`{name}` 是公开参照表：请在 `lookup` 中或作为分组的 `reference` 使用，不能作为 `[[input]]`"
                    )));
                }
                (Some(true), false) => {
                    return Err(mention.error(say!(
                        "`{name}` is a private dataset: only public reference tables can be looked up or give keys",
                        "`{name}` 是私有数据集：只有公开参照表可以用于查找或提供键"
                    )));
                }
            }
        }
        Ok(())
    }

    /// Whether the datasets have the columns the manifest reads, by their descriptions. `file` is named in errors.
    pub fn check_columns(&self, file: &str, manifest: &Manifest) -> Result<(), LabError> {
        let named = |error| LabError::Manifest { file: file.to_owned(), error };
        let mut described = BTreeMap::new();
        for name in manifest.datasets() {
            described.insert(name, self.description(name)?.0);
        }
        let mentions = manifest.mentions();
        for mention in &mentions {
            let (Some(dataset), Some(column)) = (described.get(mention.table), mention.column) else { continue };
            if dataset.column(column).is_none() {
                let known: Vec<&str> = dataset.columns.iter().map(|column| column.name.as_str()).collect();
                let (dataset, column, advice) = (mention.table.to_owned(), column.to_owned(), mention.meant(&known));
                return Err(named(mention.error(say!(
                    "`{dataset}` has no column `{column}`: {advice}",
                    "`{dataset}` 没有列 `{column}`：{advice}"
                ))));
            }
        }
        for input in &manifest.inputs {
            for lookup in &input.lookups {
                let tables = described.get(input.dataset.as_str()).zip(described.get(lookup.reference.as_str()));
                let Some((dataset, table)) = tables else { continue };
                fits(&mentions, dataset, table, lookup).map_err(named)?;
            }
        }
        Ok(())
    }

    /// Whether a ready-made map can be right about the columns that it sums and groups by.
    pub fn check_ready_made(&self, manifest: &Manifest, plan: &Plan) -> Result<(), LabError> {
        let described = |name: &str| self.description(name).ok().map(|(description, _)| description);
        fit::ready_made(manifest, plan, &described).map_err(LabError::Unfit)
    }

    /// The rules of access in force, and their text.
    pub fn access(&self) -> Result<(String, Rules), LabError> {
        self.access_named(self.ledger().policy().and_then(|policy| policy.access.as_ref()))
    }

    /// Rules of access that a policy names; the usual ones where it names none.
    pub fn access_named(&self, access: Option<&Digest>) -> Result<(String, Rules), LabError> {
        match access {
            None => Ok((Rules::DEFAULT.to_owned(), Rules::default())),
            Some(access) => {
                let text = self.text(access)?;
                let rules = Rules::parse(&text)?;
                Ok((text, rules))
            }
        }
    }

    /// A registered dataset's description, and its text.
    pub fn description(&self, name: &str) -> Result<(Description, String), LabError> {
        self.described(&self.ledger().dataset(name)?.registered.description)
    }

    /// A description that an entry names, and its text.
    pub fn described(&self, digest: &Digest) -> Result<(Description, String), LabError> {
        let text = self.text(digest)?;
        let parsed = Description::parse(&text).map_err(|error| LabError::Description(Sentence::of(&error)))?;
        Ok((parsed, text))
    }

    /// Writes what an analyst may have of a dataset: synthetic rows that follow the description of a
    /// private one, and a reference table as it is.
    pub fn twin(&self, name: &str, rows: u64, seed: u64, out: &Path) -> Result<Written, LabError> {
        let (description, text) = self.description(name)?;
        let written = match description.kind {
            Kind::Private => twin::write(&description, &text, rows, seed, out),
            Kind::Reference => twin::write_public(&description, &text, &self.public_rows(name)?, out),
        };
        written.map_err(LabError::io(out))
    }

    /// The rows of a reference table, which are public, as a file that an import takes.
    pub fn public_rows(&self, name: &str) -> Result<Vec<u8>, LabError> {
        let (description, _) = self.description(name)?;
        let registered = &self.ledger().dataset(name)?.registered;
        if registered.domain.is_some() {
            return Err(LabError::NotPublic(name.to_owned()));
        }
        let table = self.snapshot(name, &registered.snapshot)?.into_reference()?;
        twin::public_rows(&description, &table).map_err(LabError::io(name))
    }

    /// The quality report of the registered snapshot, for a steward: it counts rows.
    pub fn quality(&self, name: &str, reader: &PublicKey) -> Result<QualityReport, LabError> {
        let person = self.ledger().person(reader)?;
        if !person.roles.contains(&Role::Steward) {
            return Err(Refusal::WrongRole { name: person.name.clone(), role: Role::Steward }.into());
        }
        let registered = &self.ledger().dataset(name)?.registered;
        let snapshot = self.snapshot(name, &registered.snapshot)?;
        let wrapping = data_key(&self.dir)?;
        let key = registered.domain.as_ref().map(|_| snapshot.data_key(&wrapping)).transpose()?;
        Ok(snapshot.quality(key.as_ref())?)
    }

    /// Opens a snapshot's folder; its files are not decrypted.
    pub(crate) fn snapshot(&self, name: &str, root: &Digest) -> Result<SnapshotDir, LabError> {
        self.check_not_deleted(name, root)?;
        SnapshotDir::open(&self.snapshot_dir(name, root), Some(root.to_bytes()))
            .map_err(|error| LabError::SnapshotOf { dataset: name.to_owned(), error })
    }

    pub(crate) fn started(&self, id: JobId) -> Result<&Run, LabError> {
        self.ledger().job(id)?.run.as_ref().ok_or_else(|| self.no_result(id))
    }

    /// Why a job has no result.
    pub(crate) fn no_result(&self, job: JobId) -> LabError {
        match self.ledger().job(job) {
            Ok(found) if matches!(found.state, State::Rejected | State::Withdrawn | State::Failed) => {
                LabError::Ended { job, state: found.state, reason: found.reason.clone().unwrap_or_default() }
            }
            _ => LabError::NoResult(job),
        }
    }

    pub(crate) fn snapshot_dir(&self, name: &str, root: &Digest) -> PathBuf {
        self.dir.join("snapshots").join(name).join(root.to_hex())
    }
}

/// Whether a column can be looked up in a table: by the table's key, and among values of its own type. Found out in a
/// run, it would have been charged.
fn fits(
    mentions: &[Mention<'_>],
    dataset: &Description,
    table: &Description,
    lookup: &Lookup,
) -> Result<(), ManifestError> {
    let name = table.name.clone();
    if let Some(key) = table.key.as_ref().filter(|key| **key != lookup.key) {
        let key = key.clone();
        let wrong = say!("the key of `{name}` is `{key}`: look up by that", "`{name}` 的键是 `{key}`：请用它查找");
        let here = mentions.iter().find(|found| found.table == table.name && found.column == Some(&lookup.key));
        return here.map_or(Ok(()), |mention| Err(mention.error(wrong)));
    }
    let kind = |description: &Description, column: &str| description.column(column).map(|found| found.kind.word());
    if kind(dataset, &lookup.on) != kind(table, &lookup.key) {
        let on = lookup.on.clone();
        let wrong = say!(
            "`{on}` cannot be looked up in `{name}`: its type is not the key's",
            "`{on}` 无法在 `{name}` 中查找：类型与键不同"
        );
        // After those that the code is shown come those that are looked up.
        let here = mentions.iter().rfind(|found| found.table == dataset.name && found.column == Some(&lookup.on));
        return here.map_or(Ok(()), |mention| Err(mention.error(wrong)));
    }
    Ok(())
}
