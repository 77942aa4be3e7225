//! Whether an entry may come next, and what it would change. Rules of jobs are in [`super::jobs`].

use std::collections::BTreeSet;

use unseen_ids::{Digest, Keeping, PublicKey, Role};

use super::put::{Nonce, Put};
use super::{Checked, InForce, Ledger, Person, Refusal};
use crate::event::{Event, LabCreated, LogKeyChanged, PersonEnrolled, PersonRevoked, Record};
use crate::lifecycle::{self, Who};
use crate::policy::Policy;
use crate::text::{hides, is_lab};
/// An entry whose signature was verified, as the ledger looks at it.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Who signed it, or first.
    pub signer: &'a PublicKey,
    /// Who signed it too.
    pub cosigners: &'a [PublicKey],
    /// What it says.
    pub record: &'a Record,
    /// Its RFC 6962 leaf hash.
    pub leaf: Digest,
    /// SHA-256 of the statement in its envelope.
    pub statement: Digest,
}

impl Ledger {
    /// Whether this entry may be appended now, and what it changes. Changes nothing itself.
    pub fn check(&self, entry: Entry<'_>) -> Result<Checked, Refusal> {
        let Entry { signer, record, leaf, .. } = entry;
        let event = &record.event;
        if matches!(event, Event::LabCreated(_)) != (self.size == 0) {
            return Err(Refusal::NotTheBeginning);
        }
        let nonce = Nonce::try_from(record.nonce.clone())?;
        if !matches!(event, Event::LabCreated(_)) && record.log != self.origin {
            return Err(Refusal::OtherLog(record.log.clone(), self.origin.clone()));
        }
        let signers: BTreeSet<&PublicKey> = entry.cosigners.iter().chain([signer]).collect();
        if signers.iter().any(|signer| self.nonces.get(signer).is_some_and(|used| used.contains(&nonce))) {
            return Err(Refusal::Replayed);
        }
        self.check_signers(event, &signers)?;
        let mut puts = match event {
            Event::LabCreated(e) => created(signer, &record.log, e)?,
            Event::PersonEnrolled(e) => self.enrolled(e)?,
            Event::PersonRevoked(e) => self.revoked(e)?,
            Event::NodeEnrolled(e) => self.node_enrolled(e)?,
            Event::NodeRevoked(e) => self.node_revoked(e)?,
            Event::PolicySet(e) => {
                e.policy.check().map_err(Refusal::BadPolicy)?;
                // Older rules did not ask who is there.
                if e.policy.separated || e.policy.changes_need.is_some() {
                    self.check_staffed(&e.policy)?;
                }
                vec![Put::Policy(InForce { entry: self.size, leaf, policy: e.policy.clone() })]
            }
            Event::DatasetRegistered(e) => self.registered(entry, e)?,
            Event::DatasetStatus(e) => self.status_set(entry, e)?,
            Event::DatasetDescribed(e) => self.described(entry, e)?,
            Event::DatasetDeleted(e) => self.deleted(entry, e)?,
            Event::AccessLogRecorded(e) => match self.last_access_log {
                Some(last) if last >= e.date => return Err(Refusal::OldAccessLog { date: e.date, last }),
                _ => vec![Put::AccessLog(e.date)],
            },
            Event::ConsoleServed(_) => Vec::new(),
            Event::LogKeyChanged(e) => self.log_key_changed(e)?,
            Event::JobSubmitted(e) => self.submitted(entry, e)?,
            Event::JobApproved(e) => self.approved(entry, e)?,
            Event::JobRejected(e) => self.ended(entry, e.job, &e.reason)?,
            Event::JobWithdrawn(e) => self.ended(entry, e.job, &e.reason)?,
            Event::JobPrioritized(e) => self.prioritized(entry, e)?,
            Event::RunStarted(e) => self.started(entry, e)?,
            Event::EvidenceRecorded(e) => self.evidence_recorded(entry, e)?,
            Event::Released(e) => self.released(entry, e)?,
            Event::ReleaseWitnessed(e) => self.release_witnessed(entry, e)?,
            Event::RunFailed(e) => self.failed(entry, e)?,
            Event::ReleaseRead(e) => self.read(entry, e)?,
        };
        puts.extend(signers.into_iter().map(|signer| Put::Nonce(*signer, nonce)));
        Ok(Checked { entry: self.size, puts })
    }

    /// Whether `signer` could append this now, once signed.
    pub fn may(&self, signer: &PublicKey, record: &Record) -> Result<(), Refusal> {
        let unknown = Digest::from_bytes([0; 32]);
        self.check(Entry { signer, cosigners: &[], record, leaf: unknown, statement: unknown }).map(drop)
    }

    /// Whether an event that happens to no job was signed by those who may, and by as many as the policy asks for:
    /// each of them a person, for a person has one key at a time. Everything else one key signs.
    fn check_signers(&self, event: &Event, signers: &BTreeSet<&PublicKey>) -> Result<(), Refusal> {
        let (who, has, needs) = (lifecycle::signer(event.kind()), signers.len() as u32, self.changes_need());
        who.map_or(Ok(()), |who| signers.iter().try_for_each(|signer| self.must(signer, who)))?;
        match who {
            Some(Who::Administrator | Who::Operators) if has >= needs => Ok(()),
            Some(Who::Administrator | Who::Operators) => Err(Refusal::TooFewSigners { has, needs }),
            _ if has > 1 => Err(Refusal::TooManySigners),
            _ => Ok(()),
        }
    }

    fn changes_need(&self) -> u32 {
        self.policy().and_then(|policy| policy.changes_need).unwrap_or(1)
    }

    /// How many people have this role now.
    fn count(&self, role: Role) -> u32 {
        let has = |person: &&Person| person.revoked.is_none() && person.roles.contains(&role);
        self.people.values().filter(has).count() as u32
    }

    /// Whether there are the people whom these rules ask for: to approve jobs, to change the rules again, and
    /// separated if they are to be.
    pub fn check_staffed(&self, policy: &Policy) -> Result<(), Refusal> {
        let changes = policy.changes_need.unwrap_or(1);
        for (role, needs) in [(Role::Operator, changes.max(policy.approvals)), (policy.administrator(), changes)] {
            let has = self.count(role);
            if has < needs {
                return Err(Refusal::TooFewPeople { role, has, needs });
            }
        }
        let mut people = self.people.values().filter(|person| person.revoked.is_none());
        people.try_for_each(|person| check_separated(policy, &person.name, &person.roles))
    }

    /// Whether this key is one of those who may; what depends on a job's author is asked of the entry itself.
    pub fn must(&self, signer: &PublicKey, who: Who) -> Result<(), Refusal> {
        let role = match who {
            Who::Lab | Who::PersonOrLab(_) if self.service_key.as_ref() == Some(signer) => return Ok(()),
            Who::Lab => return Err(Refusal::NotTheLab),
            // Named by the entry itself.
            Who::Owner => return Ok(()),
            Who::Author | Who::Anyone => return self.person(signer).map(drop),
            Who::Administrator => self.policy().map_or(Role::Operator, Policy::administrator),
            Who::Operators => Role::Operator,
            Who::Person(role) | Who::PersonOrLab(role) | Who::NotAuthor(role) => role,
        };
        let person = self.person(signer)?;
        if person.roles.contains(&role) {
            return Ok(());
        }
        Err(Refusal::WrongRole { name: person.name.clone(), role })
    }

    fn person_put(&self, key: PublicKey, name: &str, roles: &[Role], kept: Option<Keeping>) -> Put {
        Put::Person(key, Person { name: name.to_owned(), roles: roles.to_vec(), kept, since: self.size, revoked: None })
    }

    fn enrolled(&self, e: &PersonEnrolled) -> Result<Vec<Put>, Refusal> {
        check_name(&e.name)?;
        if e.roles.is_empty() || e.roles.iter().collect::<BTreeSet<_>>().len() != e.roles.len() {
            return Err(Refusal::BadRoles);
        }
        self.policy().map_or(Ok(()), |policy| check_separated(policy, &e.name, &e.roles))?;
        self.check_new(&e.key)?;
        if self.people.values().any(|person| person.name == e.name && person.revoked.is_none()) {
            return Err(Refusal::NameTaken(e.name.clone()));
        }
        Ok(vec![self.person_put(e.key, &e.name, &e.roles, e.kept)])
    }

    /// Whether a key is nobody's so far: one key is not two things.
    pub(super) fn check_new(&self, key: &PublicKey) -> Result<(), Refusal> {
        let known = self.people.contains_key(key) || self.nodes.contains_key(key);
        if known || self.service_key.as_ref() == Some(key) { Err(Refusal::KeyTaken) } else { Ok(()) }
    }

    fn revoked(&self, e: &PersonRevoked) -> Result<Vec<Put>, Refusal> {
        let person = self.people.get(&e.key).ok_or_else(|| Refusal::NoSuchPerson(e.key.short()))?;
        if let Some(entry) = person.revoked {
            return Err(Refusal::Revoked(person.name.clone(), entry));
        }
        let administrator = self.policy().map_or(Role::Operator, Policy::administrator);
        for role in [Role::Operator, administrator] {
            if person.roles.contains(&role) && self.count(role) <= self.changes_need() {
                return Err(Refusal::Needed { name: person.name.clone(), role });
            }
        }
        Ok(vec![Put::Person(e.key, Person { revoked: Some(self.size), ..person.clone() })])
    }

    fn log_key_changed(&self, e: &LogKeyChanged) -> Result<Vec<Put>, Refusal> {
        if self.log_keys.values().any(|key| *key == e.log_key) {
            return Err(Refusal::BadLogKey(e.log_key.clone()));
        }
        check_named_as(&self.origin, &e.log_key)?;
        Ok(vec![Put::LogKey { entry: self.size, log_key: e.log_key.clone() }])
    }
}

/// Whether a person has no two of the offices that the policy separates.
fn check_separated(policy: &Policy, name: &str, roles: &[Role]) -> Result<(), Refusal> {
    let offices = roles.iter().filter(|role| matches!(role, Role::Operator | Role::Security | Role::Auditor));
    if policy.separated && offices.count() > 1 { Err(Refusal::NotSeparated(name.to_owned())) } else { Ok(()) }
}

fn created(signer: &PublicKey, log: &str, e: &LabCreated) -> Result<Vec<Put>, Refusal> {
    check_name(&e.owner)?;
    if e.owner_key != *signer {
        return Err(Refusal::NotEnrolled);
    }
    // One key must not be both an operator's and the lab's.
    if e.owner_key == e.service_key {
        return Err(Refusal::KeyTaken);
    }
    check_named_as(log, &e.log_key)?;
    let (service_key, noise_commitment) = (e.service_key, e.noise_commitment);
    Ok(vec![
        Put::Lab { origin: log.to_owned(), service_key, noise_commitment },
        Put::LogKey { entry: 0, log_key: e.log_key.clone() },
        Ledger::default().person_put(e.owner_key, &e.owner, &[Role::Operator], None),
    ])
}

/// Whether a verifier key is one for the log of this name.
fn check_named_as(log: &str, log_key: &str) -> Result<(), Refusal> {
    let fits = log_key.split_once('+').is_some_and(|(name, _)| name == log);
    if fits { Ok(()) } else { Err(Refusal::BadLogKey(log_key.to_owned())) }
}

/// Whether a text may be the name of a person, a node or a dataset.
pub fn check_name(name: &str) -> Result<(), Refusal> {
    let fine = (1..=64).contains(&name.chars().count()) && name.trim() == name && !name.chars().any(hides);
    if fine && !is_lab(name) { Ok(()) } else { Err(Refusal::BadName(name.to_owned())) }
}
