//! Imports of what was uploaded: asked for by a steward, carried out by the service, then registered with the
//! steward's signature.
//!
//! ```text
//! incoming/imports/ID/wish      what was asked for
//!                     began     how often it was begun: what killed its process again and again is given up
//!                     share     how far it is, in thousandths
//!                     outcome   what came of it, encrypted to the lab: what is wrong with rows tells of them
//! ```
//! Whatever is killed at whatever moment, the folder says what is to be done next.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};
use unseen_data::QualityReport;
use unseen_data::import::Progress;
use unseen_data::snapshot_dir::SnapshotDir;
use unseen_ids::{Digest, PublicKey, canonical, hex, sha256};
use unseen_policies::event::DatasetRegistered;
use unseen_texts::{Message, Sentence, text};

use crate::datasets::{Prepared, Rows, Snapshotted, Terms, canonical_values, check_open_to, refuse_twin};
use crate::error::LabError;
use crate::folder::write_durably;
use crate::keys::{data_key, upload_key};
use crate::lab::Lab;
use crate::sealed;
use crate::upload_error::UploadError;
use crate::uploads::{Uploads, has_room, older_than};
use crate::view::View;

/// How often an import is begun whose process dies.
const TRIES: usize = 3;
/// How many of one person may wait.
const MOST_WAITING: usize = 8;
/// How long one waits for its signature.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// How often an import says how far it is, at least.
const AGAIN: Duration = Duration::from_secs(60);

/// An import's number: 32 hex digits that follow from what is asked for, so that asking twice is asking once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImportId(String);

/// What a steward asks to be imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Wish {
    /// The dataset, which the description names.
    pub dataset: String,
    /// Where its rows come from.
    pub from: Origin,
    /// The text of a `dataset.toml`.
    pub description: String,
    /// On what terms it may be used.
    pub terms: Terms,
    /// Who asks.
    pub person: String,
    /// The key that will sign.
    pub steward: PublicKey,
}

/// Where the rows of a wished import come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub enum Origin {
    /// What this person has uploaded.
    #[serde(rename_all = "camelCase")]
    Upload {
        /// The SHA-256 of the file.
        upload: Digest,
        /// What errors call it.
        source: String,
        /// What errors call the description.
        file: String,
        /// The buckets that its rows are dealt into; none: as many as is usual.
        buckets: Option<u32>,
    },
    /// The snapshot that the dataset has already.
    Snapshot {
        /// The buckets that its rows are dealt into.
        buckets: u32,
    },
}

/// Where an import stands.
#[derive(Debug)]
pub enum ImportState {
    /// Others are before it.
    Waiting,
    /// Rows are read; so many thousandths are done.
    Working(u16),
    /// The snapshot is written, and waits for its steward's signature.
    Ready(Box<Prepared>),
    /// Nothing was written.
    Failed {
        /// The stable name of what was wrong.
        code: String,
        /// What was wrong, for its steward.
        why: Sentence,
    },
}

#[derive(Serialize, Deserialize)]
enum Outcome {
    Ready(Box<Prepared>),
    Failed {
        code: String,
        #[serde(with = "unseen_texts::both")]
        why: Sentence,
    },
}

impl TryFrom<String> for ImportId {
    type Error = Sentence;
    fn try_from(text: String) -> Result<ImportId, Sentence> {
        let good = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        match good {
            true => Ok(ImportId(text)),
            false => Err(text!("an import's number is 32 hex digits", "导入编号应为 32 位十六进制数字").into()),
        }
    }
}

impl From<ImportId> for String {
    fn from(id: ImportId) -> String {
        id.0
    }
}

impl std::fmt::Display for ImportId {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

impl View {
    /// What rows are encrypted to that are uploaded here: an age recipient. None in a copy of a log.
    pub fn upload_recipient(&self) -> Option<String> {
        upload_key(&self.dir).ok().map(|key| key.recipient().to_string())
    }

    /// Asks for an import, which the service carries out. Asked again, one that failed begins anew.
    pub fn ask_import(&self, wish: &Wish) -> Result<ImportId, LabError> {
        if let Origin::Upload { upload, file, .. } = &wish.from {
            refuse_twin(file, &wish.description)?;
            check_open_to(self.ledger(), &wish.terms.open_to)?;
            Uploads::of(&self.dir).whole(&wish.person, upload)?;
        }
        let bytes = canonical::to_vec(wish).map_err(|error| LabError::Other(Sentence::of(&error)))?;
        let id = ImportId(hex::encode(&sha256(&[&bytes])[..16]));
        let place = self.import_place(&id);
        let stands = match self.outcome(&id)? {
            Some(Outcome::Ready(prepared)) => self.is_there(&prepared),
            Some(Outcome::Failed { .. }) => false,
            None => place.join("wish").exists(),
        };
        if stands {
            return Ok(id);
        }
        if self.waiting(&wish.person) >= MOST_WAITING {
            return Err(UploadError::TooMany { most: MOST_WAITING }.into());
        }
        fs::create_dir_all(&place).map_err(LabError::io(&place))?;
        for old in ["outcome", "began", "share"] {
            let _ = fs::remove_file(place.join(old));
        }
        write_durably(&place.join("wish"), &bytes)?;
        Ok(id)
    }

    /// An import that this person has asked for, and where it stands.
    pub fn import_state(&self, id: &ImportId, person: &str) -> Result<(Wish, ImportState), LabError> {
        let wish = self.wish(id).filter(|wish| wish.person == person).ok_or(LabError::NoImport)?;
        let state = match self.outcome(id)? {
            Some(Outcome::Ready(prepared)) if self.is_there(&prepared) => ImportState::Ready(prepared),
            // Another import of the dataset came after it.
            Some(Outcome::Ready(_)) => return Err(LabError::NoImport),
            Some(Outcome::Failed { code, why }) => ImportState::Failed { code, why },
            None => match fs::read_to_string(self.import_place(id).join("share")) {
                Ok(share) => ImportState::Working(share.trim().parse().unwrap_or_default()),
                Err(_) => ImportState::Waiting,
            },
        };
        Ok((wish, state))
    }

    /// When an import last said how far it is: at least once a minute, whether it reads or waits for nodes.
    pub fn import_heard(&self, id: &ImportId) -> Option<SystemTime> {
        fs::metadata(self.import_place(id).join("share")).ok()?.modified().ok()
    }

    /// What the steward of a finished import signs, and the public values that go with it.
    pub fn prepared(&self, id: &ImportId) -> Result<(DatasetRegistered, Option<Vec<u8>>), LabError> {
        let Some(Outcome::Ready(prepared)) = self.outcome(id)? else { return Err(LabError::NoImport) };
        if !self.is_there(&prepared) {
            return Err(LabError::NoImport);
        }
        let event = prepared.event;
        let values = match event.values {
            None => None,
            Some(_) => Some(canonical_values(&self.snapshot(&event.name, &event.snapshot)?.into_reference()?)?),
        };
        Ok((event, values))
    }

    /// The quality report of a snapshot that is not registered yet.
    pub fn prepared_quality(&self, prepared: &Prepared) -> Result<QualityReport, LabError> {
        let event = &prepared.event;
        let snapshot = self.snapshot(&event.name, &event.snapshot)?;
        let wrapping = data_key(&self.dir)?;
        let key = event.domain.as_ref().map(|_| snapshot.data_key(&wrapping)).transpose()?;
        Ok(snapshot.quality(key.as_ref())?)
    }

    /// The import that is to be carried out next: the one that was asked for first.
    pub fn next_import(&self) -> Option<ImportId> {
        let asked = |id: &ImportId| fs::metadata(self.import_place(id).join("wish")).and_then(|at| at.modified()).ok();
        let open = self.imports().into_iter().filter(|id| !self.import_place(id).join("outcome").exists());
        open.filter_map(|id| Some((asked(&id)?, id))).min().map(|(_, id)| id)
    }

    /// Notes that an import begins. False where its process died too often: then that is its outcome.
    pub fn begin_asked_import(&self, id: &ImportId) -> Result<bool, LabError> {
        let began = self.import_place(id).join("began");
        let mut tries = fs::read(&began).unwrap_or_default();
        if tries.len() >= TRIES {
            self.import_died(id)?;
            return Ok(false);
        }
        tries.push(b'.');
        write_durably(&began, &tries)?;
        Ok(true)
    }

    /// Notes that an import did not begin after all, or was stopped for no fault of its own.
    pub fn put_off_import(&self, id: &ImportId) -> Result<(), LabError> {
        let began = self.import_place(id).join("began");
        let tries = fs::read(&began).unwrap_or_default();
        write_durably(&began, &tries[..tries.len().saturating_sub(1)])
    }

    /// Says of an import that its process ended without a word.
    pub fn import_died(&self, id: &ImportId) -> Result<(), LabError> {
        let why = text!(
            "the import needed more memory, disk or time than it may have, or its machine was stopped again and again: split the file, or ask the lab's operators",
            "导入所需的内存、磁盘或时间超过限额，或机器在导入期间多次停机：请拆分文件，或联系运行管理员"
        );
        self.conclude_import(id, &Outcome::Failed { code: "lab.import-died".to_owned(), why: why.into() })
    }

    /// Where snapshots of a dataset lie that wait for a signature.
    pub(crate) fn prepared_snapshots(&self, dataset: &str) -> Vec<PathBuf> {
        let ready = self.imports().into_iter().filter_map(|id| match self.outcome(&id) {
            Ok(Some(Outcome::Ready(prepared))) if prepared.event.name == dataset => Some(prepared.event),
            _ => None,
        });
        ready.map(|event| self.snapshot_dir(&event.name, &event.snapshot)).collect()
    }

    /// Whether the disk has room for an import to go on.
    pub fn has_room(&self) -> bool {
        has_room(&self.dir, 0).unwrap_or(true)
    }

    /// Removes imports that are registered, with what was uploaded for them, and those that nobody signed for a week.
    pub fn sweep_imports(&self) {
        let uploads = Uploads::of(&self.dir);
        for id in self.imports() {
            let (Some(wish), place) = (self.wish(&id), self.import_place(&id)) else { continue };
            let snapshot = match self.outcome(&id) {
                Ok(Some(Outcome::Ready(prepared))) => Some(prepared.event.snapshot),
                _ => None,
            };
            let dataset = self.ledger().datasets().get(&wish.dataset);
            let mut kept = dataset.into_iter().flat_map(|dataset| &dataset.snapshots);
            let registered = snapshot.is_some_and(|snapshot| kept.any(|kept| kept.snapshot == snapshot));
            let old = place.join("outcome").exists() && older_than(&place.join("outcome"), KEPT);
            if registered || old {
                if let Origin::Upload { upload, .. } = &wish.from {
                    let _ = uploads.remove(&wish.person, upload);
                }
                let _ = fs::remove_dir_all(place);
            }
            if let Some(snapshot) = snapshot.filter(|_| old && !registered) {
                let _ = SnapshotDir::destroy(&self.snapshot_dir(&wish.dataset, &snapshot));
            }
        }
        uploads.sweep();
    }

    /// How many imports of this person have no outcome yet.
    fn waiting(&self, person: &str) -> usize {
        let open = self.imports().into_iter().filter(|id| !self.import_place(id).join("outcome").exists());
        open.filter_map(|id| self.wish(&id)).filter(|wish| wish.person == person).count()
    }

    /// Whether a snapshot is still where the import has put it.
    fn is_there(&self, prepared: &Prepared) -> bool {
        let event = &prepared.event;
        self.snapshot(&event.name, &event.snapshot).is_ok()
    }

    fn wish(&self, id: &ImportId) -> Option<Wish> {
        serde_json::from_slice(&fs::read(self.import_place(id).join("wish")).ok()?).ok()
    }

    fn outcome(&self, id: &ImportId) -> Result<Option<Outcome>, LabError> {
        sealed::read(&self.dir, &self.import_place(id).join("outcome"))
    }

    fn conclude_import(&self, id: &ImportId, outcome: &Outcome) -> Result<(), LabError> {
        sealed::write(&self.dir, &self.import_place(id).join("outcome"), outcome)
    }

    fn imports(&self) -> Vec<ImportId> {
        let found = fs::read_dir(self.dir.join("incoming/imports")).into_iter().flatten().flatten();
        found.filter_map(|entry| ImportId::try_from(entry.file_name().into_string().ok()?).ok()).collect()
    }

    fn import_place(&self, id: &ImportId) -> PathBuf {
        self.dir.join("incoming/imports").join(&id.0)
    }
}

/// Carries out an import that was asked for, and notes what came of it. It does not need the lab meanwhile.
pub fn carry_out_import(dir: &Path, id: &ImportId) -> Result<(), LabError> {
    let view = View::open(dir)?;
    let wish = view.wish(id).ok_or(LabError::NoImport)?;
    let share = view.import_place(id).join("share");
    let mut told: Option<(u16, Instant)> = None;
    let mut progress = |step: Progress| {
        let (thousandths, now) = (thousandths(step), Instant::now());
        if told.is_none_or(|(last, at)| thousandths != last || now - at >= AGAIN) {
            told = Some((thousandths, now));
            let _ = fs::write(&share, thousandths.to_string());
        }
    };
    let outcome = match imported(dir, &wish, &mut progress) {
        Ok(done) => Outcome::Ready(Box::new(done.into_prepared())),
        // The lab is busy for a moment, or was stopped: nothing is wrong with what was sent.
        Err(error @ (LabError::InUse(_) | LabError::ImportGoesOn { .. })) => return Err(error),
        Err(error) => Outcome::Failed { code: error.code().to_owned(), why: Sentence::of(&error) },
    };
    view.conclude_import(id, &outcome)
}

fn imported(dir: &Path, wish: &Wish, progress: &mut dyn FnMut(Progress)) -> Result<Snapshotted, LabError> {
    let import = match &wish.from {
        Origin::Upload { upload, source, file, buckets } => {
            let rows = Rows { file: Uploads::of(dir).whole(&wish.person, upload)?, called: source.into() };
            let (text, terms) = (wish.description.clone(), wish.terms.clone());
            Lab::open(dir)?.begin_import(rows, file, text, terms, *buckets, &wish.steward)?
        }
        Origin::Snapshot { buckets } => Lab::open(dir)?.begin_rebucket(&wish.dataset, *buckets, &wish.steward)?,
    };
    import.carry_out(progress)
}

/// Reading and writing are a half each.
fn thousandths(step: Progress) -> u16 {
    let part = |done: u64, of: u64| (done.min(of) as f64 / of.max(1) as f64 * 500.0) as u16;
    match step {
        Progress::Reading { bytes, of_bytes, .. } => part(bytes, of_bytes),
        Progress::Writing { rows, of_rows } => 500 + part(rows, of_rows),
    }
}
