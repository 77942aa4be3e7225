//! The lab's folder, and the one way in which it changes.
//!
//! ```text
//! lab.toml      origin and verifier key, for people
//! keys/         the lab's own keys, mode 0600
//! log/          tiles, checkpoints, blobs: the truth
//! snapshots/    DATASET/ROOT/: encrypted buckets
//! sealed/       results that wait for their time, encrypted
//! cache/        compiled modules and the program's digest, authenticated
//! locks/        who is at work
//! state/        the folded ledger in sled: rebuilt when missing, behind or altered
//! ```

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use unseen_access::Rules;
use unseen_audit::fold::{Checked, Fold};
use unseen_audit::named::{self, Body, Lookup, Plans};
use unseen_core::release::CheckError;
use unseen_ids::{Digest, PublicKey};
use unseen_log::{Log, ensure_fits};
use unseen_policies::Plan;
use unseen_policies::event::{Event, LabCreated, PolicySet, Record};
use unseen_policies::ledger::Ledger;
use unseen_policies::policy::{Machine, Policy};
use unseen_texts::{Sentence, text};
use unseen_tlog::Signer;
use unseen_tlog::note::NoteKey;
use unseen_worker::jail;
use unseen_worker::wall::Wall;

use crate::batch::{Batch, Outcome};
use crate::entry::SignedEntry;
use crate::error::LabError;
use crate::folder::{PRIVATE, build_whole, ensure_no_links, shut};
use crate::keys::{LabKeys, ensure_upload_key};
use crate::locks::{self, Lock};
use crate::moment::{nonce, now};
use crate::state::{StateCache, Unsaved};
use crate::view::{About, View};
use crate::{log_key, sm2_key};

/// An open lab, for writing. One process at a time has it, and holds it for moments only: what lasts is done
/// between two moments, with a ticket in hand ([`Begun`](crate::Begun), [`Importing`](crate::Importing),
/// [`Witnessing`](crate::Witnessing)) and the lab free for others.
pub struct Lab {
    view: View,
    pub(crate) log: Log,
    pub(crate) keys: LabKeys,
    state: StateCache,
    memory: Wall,
    /// What is staged. The view's state has it already; its log has not.
    batch: Option<Batch>,
    _writer: Lock,
}

/// What a process knows still of a lab that it has let go: see [`Lab::rest`].
pub struct Resting {
    view: View,
    state: Unsaved,
}

impl Resting {
    /// Whether its state is still to be saved, with [`Lab::save`].
    pub fn is_unsaved(&self) -> bool {
        !self.state.puts.is_empty()
    }
}

impl Deref for Lab {
    type Target = View;
    fn deref(&self) -> &View {
        &self.view
    }
}

/// What an envelope names by digest and brings along, to be kept as blobs.
pub type Attachments<'a> = &'a [&'a [u8]];

/// Whether rows may be in memory that could be written to swap.
pub(crate) fn swap_allowed(ledger: &Ledger) -> bool {
    ledger.policy().and_then(|policy| policy.machine.as_ref()).is_none_or(|machine| machine.swap)
}

impl Lab {
    /// Makes a lab in `dir`, which must be new or empty. Nothing is left behind when it fails.
    pub fn init(dir: &Path, origin: &str, owner_name: &str, owner: &dyn Signer) -> Result<Lab, LabError> {
        if std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(LabError::NotEmpty(dir.to_owned()));
        }
        build_whole(dir, PRIVATE, |building| Lab::build(building, origin, owner_name, owner))?;
        Lab::open(dir)
    }

    fn build(dir: &Path, origin: &str, owner_name: &str, owner: &dyn Signer) -> Result<(), LabError> {
        let memory = jail::keep_to_itself();
        let keys = LabKeys::create(&dir.join("keys"))?;
        let log_key = keys.log()?;
        let verifier =
            NoteKey::new(origin, log_key.verifying_key()).map_err(|error| LabError::Other(Sentence::of(&error)))?;
        let about = About { origin: origin.to_owned(), log_key: verifier.to_string(), cluster: None };
        about.write(dir)?;
        let writer = locks::take_writer(dir)?;
        for folder in ["snapshots", "sealed", "cache"] {
            std::fs::create_dir(dir.join(folder)).map_err(LabError::io(dir.join(folder)))?;
        }
        let log = Log::create(dir.join("log"), origin, log_key)?;
        let state = StateCache::open(dir, &keys.seal)?;
        let noise_commitment = unseen_core::seed::NoiseKey::new(*keys.noise).commitment();
        let view = View::of(dir, Fold::default(), &log);
        let mut lab = Lab { view, log, keys, state, memory, batch: None, _writer: writer };
        let created = LabCreated {
            owner: owner_name.to_owned(),
            owner_key: PublicKey::from(owner.verifying_key()),
            service_key: PublicKey::from(lab.keys.service.verifying_key()),
            log_key: verifier.to_string(),
            noise_commitment: Digest::from_bytes(noise_commitment),
        };
        let record = Record { log: origin.to_owned(), time: now(), nonce: nonce()?, event: created.into() };
        lab.accept(&unseen_entries::sign::sign(&record, owner)?, &[])?;
        // A quarter of the memory is left to everything else that the machine does.
        let machine = Some(Machine::with_memory(unseen_worker::memory::usual()));
        lab.sign_and_accept(PolicySet { policy: Policy { machine, ..Policy::default() } }, owner, &[])?;
        Ok(())
    }

    /// Opens a lab: takes the lock, verifies the log's edge, and brings the state up to the log.
    pub fn open(dir: &Path) -> Result<Lab, LabError> {
        Lab::taken(dir, None, None)
    }

    /// Lets the lab go, so that others may take it. What is known of it saves [`Lab::reopen`] the reading of its state;
    /// nothing where that has to be read again.
    pub fn rest(self) -> Option<Resting> {
        let Lab { view, state, .. } = self;
        Some(Resting { view, state: state.rest()? })
    }

    /// Opens a lab again as [`Lab::open`] does. Its log must have grown from what was seen of it, and of its state only
    /// what came since it was let go is read.
    pub fn reopen(seen: &View, resting: Option<Resting>) -> Result<Lab, LabError> {
        Lab::taken(&seen.dir, Some(seen), resting)
    }

    fn taken(dir: &Path, seen: Option<&View>, resting: Option<Resting>) -> Result<Lab, LabError> {
        let About { origin, .. } = About::read(dir)?;
        ensure_no_links(dir)?;
        let writer = locks::take_writer(dir)?;
        shut(dir)?;
        let memory = jail::keep_to_itself();
        let keys = LabKeys::open(&dir.join("keys"))?;
        ensure_upload_key(dir)?;
        let mut log = log_key::open_log(&dir.join("log"), &origin, &keys)?;
        seen.map_or(Ok(()), |seen| log.ensure_extends(seen.log.checkpoint()))?;
        let (mut fold, mut state) = match resting {
            Some(Resting { view, state }) => {
                log.ensure_extends(view.log.checkpoint())?;
                (view.fold, StateCache::reopen(dir, &keys.seal, state))
            }
            None => loaded(dir, &log, &keys)?,
        };
        let mut missed = Vec::new();
        for index in fold.ledger().size()..log.size() {
            let damaged = |error| LabError::DamagedLog(index, error);
            let checked = fold.check(&log.entry(index)?).map_err(damaged)?;
            missed.extend_from_slice(checked.puts());
            fold.apply(checked).map_err(|refusal| damaged(refusal.into()))?;
        }
        if !missed.is_empty() {
            state.save(&missed, log.checkpoint());
        }
        log_key::settle(dir, fold.ledger(), &mut log, &keys)?;
        sm2_key::join(&mut log, &keys)?;
        let view = View::of(dir, fold, &log);
        let mut lab = Lab { view, log, keys, state, memory, batch: None, _writer: writer };
        lab.check_noise_key()?;
        lab.settle_all()?;
        lab.delete_expired()?;
        lab.destroy_deleted()?;
        Ok(lab)
    }

    /// The lab as it is now, for others to read while this one goes on.
    pub fn view(&self) -> View {
        self.view.clone()
    }

    /// Whether the memory of this process stays out of swap.
    pub fn memory(&self) -> &Wall {
        &self.memory
    }

    /// Refuses to have rows in this process's or a worker's memory where they could be written to swap and
    /// the policy does not allow that.
    pub(crate) fn ensure_swap_allowed(&self, memory: &Wall) -> Result<(), LabError> {
        match memory {
            Wall::Missing(why) | Wall::Partly(why) if !swap_allowed(self.ledger()) => Err(LabError::Swap(why.clone())),
            _ => Ok(()),
        }
    }

    /// Takes a signed envelope: verifies it, asks the ledger, checks what it names, appends it, and
    /// applies it. Returns its index. Whatever is refused has left no trace but unused blobs.
    pub fn accept(&mut self, entry: &[u8], attachments: Attachments<'_>) -> Result<u64, LabError> {
        let index = self.stage(&self.verified(entry)?, attachments)?;
        self.commit()?;
        Ok(index)
    }

    /// Takes an entry as [`Lab::accept`] does, but leaves it to [`Lab::commit`] to log it, together with what else is
    /// staged. Until then nobody may hear of it, nor of anything that was said with it in mind: see [`Lab::outcome`].
    pub fn stage(&mut self, entry: &SignedEntry, attachments: Attachments<'_>) -> Result<u64, LabError> {
        let checked = self.fold.check_opened(entry.opened())?;
        let record = &checked.opened().record;
        if let Err(error) = self.check_named(record, attachments) {
            // What it names may be in the log as soon as the others are.
            if self.batch.is_none() {
                return Err(error);
            }
            self.commit()?;
            self.check_named(record, attachments)?;
        }
        if matches!(record.event, Event::LogKeyChanged(_)) {
            self.commit()?;
            return self.hand_over(entry);
        }
        ensure_fits(entry.bytes())?;
        for blob in attachments {
            self.log.put_blob(blob)?;
        }
        let (index, deletes) = (self.ledger().size(), matches!(record.event, Event::DatasetDeleted(_)));
        let batch = self.batch.get_or_insert_with(|| Batch::after(self.view.fold.clone()));
        batch.push(entry.bytes(), &checked);
        self.view.fold.apply(checked)?;
        if deletes {
            self.commit()?;
            self.destroy_deleted()?;
        }
        Ok(index)
    }

    /// Logs what is staged: all of it, or nothing where this fails.
    pub fn commit(&mut self) -> Result<(), LabError> {
        self.commit_and(|_| ())
    }

    /// [`Lab::commit`], and `show` is given the lab as it is then before those who wait hear what came of it.
    pub fn commit_and(&mut self, show: impl FnOnce(&View)) -> Result<(), LabError> {
        let Some(batch) = self.batch.take() else {
            show(&self.view);
            return Ok(());
        };
        if let Err(error) = self.log.append_batch(batch.entries()).map_err(Arc::new) {
            self.view.fold = batch.before().clone();
            batch.tell(Err(error.clone()));
            return Err(error.into());
        }
        self.follow_log();
        show(&self.view);
        batch.tell(Ok(()));
        self.state.save(batch.puts(), self.log.checkpoint());
        Ok(())
    }

    /// What will become of what is staged; none where nothing is.
    pub fn outcome(&self) -> Option<Outcome> {
        self.batch.as_ref().map(Batch::outcome)
    }

    /// Whether it can still be written to: it cannot once a write to the log has failed, until it is opened again.
    pub fn is_sound(&self) -> bool {
        self.log.is_sound()
    }

    /// Saves the state, which otherwise waits for more where a lab was woken. A failure costs time only.
    pub fn save(&mut self) {
        self.state.flush(self.log.checkpoint());
    }

    /// Applies an entry that is in the log.
    pub(crate) fn applied(&mut self, checked: Checked) -> Result<(), LabError> {
        self.state.save(checked.puts(), self.log.checkpoint());
        self.view.fold.apply(checked)?;
        self.follow_log();
        Ok(())
    }

    /// Lets readers see the log as it is now.
    pub(crate) fn follow_log(&mut self) {
        self.view.log = self.log.reader(self.view.files.clone());
    }

    /// Signs an event for this lab and accepts it.
    pub fn sign_and_accept(
        &mut self,
        event: impl Into<Event>,
        key: &dyn Signer,
        attachments: Attachments<'_>,
    ) -> Result<u64, LabError> {
        self.accept(&self.signed(event, key)?, attachments)
    }

    /// Signs an event for this lab and leaves it to others to sign too, with
    /// [`countersign`](unseen_entries::sign::countersign), and to [`Lab::accept`] to take it.
    pub fn signed(&self, event: impl Into<Event>, key: &dyn Signer) -> Result<Vec<u8>, LabError> {
        Ok(unseen_entries::sign::sign(&self.record(event)?, key)?)
    }

    /// What the ledger cannot see: whether what an entry names is there and as it says. What an auditor
    /// would report is refused in the auditor's words; then comes what only a lab can know.
    fn check_named(&self, record: &Record, attachments: Attachments<'_>) -> Result<(), LabError> {
        let lookup = WithAttachments { lab: self, attachments, plans: Plans::default() };
        named::check(self.ledger(), record, &lookup).map_err(LabError::Named)?;
        match &record.event {
            Event::PolicySet(event) => {
                // The ledger asks only of rules that older labs could not set.
                self.ledger().check_staffed(&event.policy)?;
                event.policy.access.as_ref().map_or(Ok(()), |access| check_access(access, &lookup))?;
                self.check_sm2(&event.policy)
            }
            Event::DatasetRegistered(event) => self.check_dataset(event, &lookup),
            Event::DatasetDescribed(event) => self.check_described(event, &lookup),
            Event::JobSubmitted(event) => self.check_submission(event, &lookup),
            _ => Ok(()),
        }
    }

    fn check_noise_key(&self) -> Result<(), LabError> {
        let own = Digest::from_bytes(unseen_core::seed::NoiseKey::new(*self.keys.noise).commitment());
        if self.ledger().noise_commitment() == Some(&own) { Ok(()) } else { Err(LabError::OtherNoiseKey) }
    }
}

/// The state that was saved last.
fn loaded(dir: &Path, log: &Log, keys: &LabKeys) -> Result<(Fold, StateCache), LabError> {
    let mut state = StateCache::open(dir, &keys.seal)?;
    let Some((checkpoint, ledger)) = state.load()? else { return Ok((Fold::default(), state)) };
    // The lab authenticated what it saw of its own log: an older log or another one in its
    // place would give budget back.
    log.ensure_extends(&checkpoint)?;
    Ok((Fold::resume(ledger), state))
}

/// Whether a blob holds rules of access that can be asked.
fn check_access(access: &Digest, lookup: &dyn Lookup) -> Result<(), LabError> {
    let text = String::from_utf8(lookup.blob(access).map_err(LabError::Named)?);
    let text = text.map_err(|_| LabError::Mismatch(text!("the rules of access", "访问规则")))?;
    Ok(Rules::parse(&text).map(drop)?)
}

/// What an entry names may be in the log already or come with it.
struct WithAttachments<'a> {
    lab: &'a Lab,
    attachments: Attachments<'a>,
    /// A submission's plan is asked for by the audit's rules and by the lab's.
    plans: Plans,
}

impl Lookup for WithAttachments<'_> {
    fn blob(&self, digest: &Digest) -> Result<Vec<u8>, Sentence> {
        match self.attachments.iter().find(|blob| Digest::of(blob) == *digest) {
            Some(blob) => Ok(blob.to_vec()),
            None => Lookup::blob(&*self.lab.log, digest),
        }
    }

    fn root_at(&self, size: u64) -> Result<[u8; 32], Sentence> {
        Lookup::root_at(&*self.lab.log, size)
    }

    fn plans(&self) -> Option<&Plans> {
        Some(&self.plans)
    }

    fn check_sealed(&self, (job, run, body): Body, plan: &Plan) -> Option<Result<u64, CheckError>> {
        let sealed = self.lab.sealed(job).filter(|sealed| sealed.digest() == body)?;
        Some(sealed.check(plan, job, run))
    }
}
