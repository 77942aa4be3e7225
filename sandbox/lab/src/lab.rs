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

use unseen_access::Rules;
use unseen_audit::fold::{Checked, Fold};
use unseen_audit::named::{self, Body, Lookup, Plans};
use unseen_core::release::CheckError;
use unseen_ids::{Digest, PublicKey};
use unseen_log::Log;
use unseen_policies::Plan;
use unseen_policies::event::{Event, LabCreated, PolicySet, Record};
use unseen_policies::ledger::Ledger;
use unseen_policies::policy::{Machine, Policy};
use unseen_texts::{Sentence, text};
use unseen_tlog::Signer;
use unseen_tlog::note::NoteKey;
use unseen_worker::jail;
use unseen_worker::wall::Wall;

use crate::error::LabError;
use crate::folder::{PRIVATE, build_whole, ensure_no_links, shut};
use crate::keys::{LabKeys, ensure_upload_key};
use crate::locks::{self, Lock};
use crate::moment::{nonce, now};
use crate::state::StateCache;
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
    _writer: Lock,
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
        let mut lab = Lab { view, log, keys, state, memory, _writer: writer };
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
        let About { origin, .. } = About::read(dir)?;
        ensure_no_links(dir)?;
        let writer = locks::take_writer(dir)?;
        shut(dir)?;
        let memory = jail::keep_to_itself();
        let keys = LabKeys::open(&dir.join("keys"))?;
        ensure_upload_key(dir)?;
        let mut log = log_key::open_log(&dir.join("log"), &origin, &keys)?;
        let mut state = StateCache::open(dir, &keys.seal)?;
        let mut fold = Fold::default();
        if let Some((checkpoint, ledger)) = state.load()? {
            // The lab authenticated what it saw of its own log: an older log or another one in its
            // place would give budget back.
            log.ensure_extends(&checkpoint)?;
            fold = Fold::resume(ledger);
        }
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
        let mut lab = Lab { view, log, keys, state, memory, _writer: writer };
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
        let checked = self.fold.check(entry)?;
        self.check_named(&checked.opened().record, attachments)?;
        if matches!(checked.opened().record.event, Event::LogKeyChanged(_)) {
            return self.hand_over(entry);
        }
        for blob in attachments {
            self.log.put_blob(blob)?;
        }
        let deletes = matches!(checked.opened().record.event, Event::DatasetDeleted(_));
        let appended = self.log.append(entry)?;
        self.applied(checked)?;
        // The entry is durable.
        if deletes {
            self.destroy_deleted()?;
        }
        Ok(appended.index)
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
