//! An exported bundle, verified offline: what an auditor from another organisation does.
//!
//! ```text
//! log.vkey              the log's present verifier key (better known from elsewhere)
//! checkpoint            the signed tree head, with the cosignatures it has
//! tile/...              entries and hashes, C2SP tlog-tiles
//! handover/ENTRY        the overlap checkpoint of a change of the log's key
//! blobs/sha256/...      manifests, descriptions, public values, evidence, releases
//! ```

use std::path::{Path, PathBuf};

use unseen_ids::Digest;
use unseen_log::{LogReader, handover_path};
use unseen_policies::event::Event;
use unseen_policies::ledger::Job;
use unseen_texts::{Sentence, Text, say, text};
use unseen_tlog::cosignature::WitnessKey;
use unseen_tlog::merkle::{self, Hash};
use unseen_tlog::note::{Checkpoint, Note, NoteError, NoteKey};

use crate::error::{AuditError, Stopped};
use crate::fold::Fold;
use crate::memory;
use crate::named::{self, Behind, Lookup, Plans};
use crate::report::{self, Report, Violation};
use crate::roots::Roots;
use crate::signatures::Signatures;
use crate::sm2;

/// The file of a bundle that holds the verifier key.
pub const VERIFIER_KEY: &str = "log.vkey";

/// What the auditor brings along.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// A verifier key of the log, present or past, known from elsewhere than the bundle.
    pub log_key: Option<NoteKey>,
    /// A checkpoint kept from before, as it was signed.
    pub since: Option<String>,
    /// A folder in which the last checkpoint of each log is remembered: see [`crate::memory`].
    pub memory: Option<PathBuf>,
    /// Witnesses the auditor trusts.
    pub witnesses: Vec<WitnessKey>,
    /// How many of them must have cosigned the bundle's checkpoint; 0 asks for none.
    pub quorum: usize,
}

/// Verifies a bundle. Everything that depends on signatures and the tree stops the audit; everything that
/// depends on rules is a violation in the report.
pub fn verify(bundle: &Path, known: &Known) -> Result<Report, Stopped> {
    let mut before = None;
    judge(bundle, known, &mut before).map_err(|error| Stopped { error, before })
}

fn judge(bundle: &Path, known: &Known, before: &mut Option<String>) -> Result<Report, AuditError> {
    let what = text!("the bundle's verifier key", "导出包的验证公钥");
    let path = bundle.join(VERIFIER_KEY);
    let key = unseen_durable::read_text(&path);
    let key = key.map_err(|error| AuditError::File { path: path.display().to_string(), error })?.trim().parse();
    let key: NoteKey = key.map_err(|error| AuditError::Note { what, error })?;
    // One key counts once, however often or under however many names it was given.
    let mut trusted = known.witnesses.clone();
    trusted.sort_by_key(|witness| *witness.key());
    trusted.dedup_by_key(|witness| *witness.key());
    let log = LogReader::open(bundle, &key)?;

    // All signatures together first, for speed; one by one where one of them is bad, to name it.
    let mut together = Some(Signatures::default());
    let mut audit = Audit::read(bundle, &log, &mut together)?;
    if !together.is_some_and(|mut signatures| signatures.are_good()) {
        audit = Audit::read(bundle, &log, &mut None)?;
    }
    audit.second_signature();
    audit.sealed();
    let keys = audit.keys(&key);
    if let Some(log_key) = &known.log_key {
        keys.lead_from(log_key)?;
    }
    let remembered = match (&known.memory, keys.keys.first()) {
        (Some(memory), Some(first)) => memory::last_seen(memory, &log.checkpoint().origin, first)?,
        _ => None,
    };
    let mut extends = None;
    for (text, what) in [
        (known.since.clone(), text!("the checkpoint kept from before", "先前保存的检查点")),
        (remembered, text!("the checkpoint remembered from the last audit", "上次审计记住的检查点")),
    ] {
        let Some(text) = text else { continue };
        let kept = keys.open(before.insert(text), what)?;
        log.ensure_extends(&kept)?;
        extends = extends.max(Some(kept.size));
    }
    let cosigned = named::cosigners(log.note(), &trusted);
    if cosigned.len() < known.quorum {
        return Err(AuditError::Quorum { has: cosigned.len(), needs: known.quorum });
    }
    // A checkpoint by a key that does not follow from the first would shut out the true log later on.
    let mut kept = false;
    if let (Some(memory), Some(first)) = (&known.memory, keys.keys.first())
        && keys.lead_from(first).is_ok()
    {
        memory::remember(memory, &log.checkpoint().origin, first, log.note())?;
        kept = true;
    }
    let recognised = (known.log_key.is_some(), extends, kept);
    Ok(audit.report(&key, recognised, cosigned))
}

struct Audit<'l> {
    bundle: &'l Path,
    log: &'l LogReader,
    fold: Fold,
    roots: Roots,
    plans: Plans,
    found: report::Found,
}

impl<'l> Audit<'l> {
    /// Reads the whole log. Signatures are verified one by one, or left to be verified together.
    fn read(bundle: &'l Path, log: &'l LogReader, together: &mut Option<Signatures>) -> Result<Audit<'l>, AuditError> {
        let (fold, roots, plans, found) = Default::default();
        let mut audit = Audit { bundle, log, fold, roots, plans, found };
        for (index, entry) in (0..).zip(log.entries(0)) {
            audit.entry(index, &entry?, together.as_mut());
        }
        Ok(audit)
    }

    /// A release's second envelope, if the policy in force says that there is one.
    fn second_envelope(&mut self, index: u64, entry: &[u8]) {
        let Some(vkey) = sm2::key_in_force(self.fold.ledger()) else { return };
        match sm2::release(self.bundle, index, entry, &vkey) {
            Ok(()) => self.found.sm2_releases += u64::from(sm2::BUILT),
            Err(what) => self.violation(index, what),
        }
    }

    /// The checkpoint's second signature, if the policy in force says that there is one.
    fn second_signature(&mut self) {
        let Some(vkey) = sm2::key_in_force(self.fold.ledger()) else { return };
        self.found.sm2 = true;
        if let Err(what) = sm2::checkpoint(self.log.note(), &vkey) {
            self.violation(self.log.size().saturating_sub(1), what);
        }
    }

    /// Releases that waited for witnesses, and that no entry has opened: their bodies are sealed still, or were
    /// opened since the policy names no witnesses any more.
    fn sealed(&mut self) {
        for (id, entry) in std::mem::take(&mut self.found.sealed) {
            let ledger = self.fold.ledger();
            let Ok(Job { release: Some((_, body)), witnessed: None, .. }) = ledger.job(id) else { continue };
            if matches!(self.log.blob(body), Ok(None)) {
                self.found.sealed.insert(id, entry);
            } else if ledger.witnesses().is_some() {
                let unsaid = text!(
                    "the release was opened, and no entry says which witnesses had seen it",
                    "发布结果已启封，而没有条目说明哪些见证方看到了它"
                );
                self.violation(entry, unsaid);
            } else {
                let opened = named::opened(ledger, id, self);
                self.looked(entry, opened);
            }
        }
    }

    fn entry(&mut self, index: u64, bytes: &[u8], together: Option<&mut Signatures>) {
        let checked = match together {
            Some(later) => self.fold.check_unverified(bytes, later),
            None => self.fold.check(bytes),
        };
        let checked = checked.and_then(|checked| {
            let behind = named::check(self.fold.ledger(), &checked.opened().record, self);
            Ok((self.fold.apply(checked)?, behind))
        });
        // What could be opened has been hashed already.
        let leaf = checked.as_ref().map_or_else(|_| merkle::leaf_hash(bytes), |(opened, _)| opened.leaf.to_bytes());
        match checked {
            Ok((opened, behind)) => {
                self.found.entry(index, &opened, self.fold.ledger());
                if let Event::Released(released) = &opened.record.event {
                    self.second_envelope(index, bytes);
                    if self.fold.ledger().witnesses().is_some() {
                        self.found.sealed.insert(released.job, index);
                    }
                }
                self.looked(index, behind);
            }
            Err(error) => {
                self.violation(index, Sentence::of(&error));
                self.fold.skip();
            }
        }
        self.roots.push(leaf);
    }

    /// The log's keys and how each follows from the one before.
    fn keys(&mut self, present: &NoteKey) -> Keys {
        let mut keys = Keys { keys: Vec::new(), unbroken_from: 0 };
        for (entry, text) in self.fold.ledger().log_keys().clone() {
            // A malformed one was reported with its entry.
            let Ok(key) = text.parse::<NoteKey>() else { continue };
            if let Some(before) = keys.keys.last()
                && let Err(what) = self.overlap(entry, before, &key)
            {
                self.violation(entry, what);
                keys.unbroken_from = keys.keys.len();
            }
            keys.keys.push(key);
        }
        if keys.keys.last() != Some(present) {
            self.violation(
                0,
                text!(
                    "the log's entries name another verifier key than the one it is signed with",
                    "日志条目所指的验证公钥与签名所用的不同"
                ),
            );
            keys.unbroken_from = keys.keys.len();
            keys.keys.push(present.clone());
        }
        keys
    }

    /// Whether both keys have signed the log as it was right after the entry that hands it over.
    fn overlap(&self, entry: u64, old: &NoteKey, new: &NoteKey) -> Result<(), Sentence> {
        let path = self.bundle.join(handover_path(entry));
        let bytes = unseen_durable::read(&path).map_err(|error| say!("{path}: {error}", "{path}：{error}"))?;
        let refused = |error: NoteError| say!("the overlap checkpoint: {error}", "双签检查点：{error}");
        let note = Note::parse(&bytes).map_err(refused)?;
        for key in [old, new] {
            let checkpoint = Checkpoint::open(&note, key).map_err(refused)?;
            let root = self.log.root_at(entry + 1).map_err(|error| Sentence::of(&error))?;
            if (checkpoint.size, checkpoint.root) != (entry + 1, root) {
                return Err(text!(
                    "FORK: the overlap checkpoint is of another history",
                    "日志分叉：双签检查点属于另一段历史"
                )
                .into());
            }
        }
        Ok(())
    }

    /// Notes what was looked at behind an entry.
    fn looked(&mut self, entry: u64, behind: Result<Behind, Sentence>) {
        match behind {
            Ok(behind) => self.found.add(behind),
            Err(what) => self.violation(entry, what),
        }
    }

    fn violation(&mut self, entry: u64, what: impl Into<Sentence>) {
        self.found.violations.push(Violation { entry, what: what.into() });
    }

    fn report(self, key: &NoteKey, recognised: (bool, Option<u64>, bool), cosigned: Vec<(String, u64)>) -> Report {
        let (checkpoint, (key_known, extends, remembered)) = (self.log.checkpoint(), recognised);
        let head = report::Head {
            origin: checkpoint.origin.clone(),
            log_key: key.to_string(),
            key_known,
            entries: checkpoint.size,
            root: checkpoint.root.into(),
            extends,
            remembered,
            cosigned: cosigned.into_iter().map(|(name, at)| report::Cosigner { name, at }).collect(),
        };
        Report::new(head, self.found, self.fold.into_ledger())
    }
}

impl Lookup for Audit<'_> {
    fn blob(&self, digest: &Digest) -> Result<Vec<u8>, Sentence> {
        Lookup::blob(self.log, digest)
    }

    fn root_at(&self, size: u64) -> Result<Hash, Sentence> {
        self.roots.at(size).map_or_else(|| Lookup::root_at(self.log, size), Ok)
    }

    fn plans(&self) -> Option<&Plans> {
        Some(&self.plans)
    }
}

/// Every verifier key the log has had.
struct Keys {
    keys: Vec<NoteKey>,
    /// From here on each key has signed the coming of the next.
    unbroken_from: usize,
}

impl Keys {
    /// Whether the log's present key follows from one that is known.
    fn lead_from(&self, known: &NoteKey) -> Result<(), AuditError> {
        let leads = self.keys.iter().rposition(|key| key == known).is_some_and(|at| at >= self.unbroken_from);
        if leads { Ok(()) } else { Err(AuditError::OtherKey { known: known.to_string() }) }
    }

    /// A checkpoint that one of the keys has signed, the present one tried first.
    fn open(&self, text: &str, what: Text) -> Result<Checkpoint, AuditError> {
        let note = Note::parse(text.as_bytes()).map_err(|error| AuditError::Note { what, error })?;
        named::signed_by(&note, self.keys.iter().rev()).map_err(|error| AuditError::Note { what, error })
    }
}
