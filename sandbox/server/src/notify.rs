//! Who is told of an entry of the log: everybody whom the rules of access let see what it is about.

use std::path::{Path, PathBuf};

use unseen_access::{Action, Context, Principal, Resource, Session};
use unseen_ids::{JobId, PublicKey};
use unseen_lab::{LabError, View};
use unseen_notices::{Config, ConfigError, Notice, Pace, Sender};
use unseen_policies::event::{Event, Record};
use unseen_policies::ledger::{Job, Ledger};

use crate::caller::somebody;
use crate::problem::RequestError;
use crate::rules::Things;
use crate::service::Service;

/// Notices under way. How far they have come stands in a file: after a crash an entry may be told twice.
pub(crate) struct Notifier {
    sender: Sender,
    next: u64,
    kept: PathBuf,
    told: Option<u64>,
}

/// What people are told of an entry, and what they have to be allowed to see for it.
type Told = (Notice, Action, Resource);

impl Notifier {
    /// Begins where an earlier one has stopped; the first one with what comes next.
    pub fn start(config: Config, service: &Service) -> Result<Notifier, ConfigError> {
        let view = service.view().ok();
        let kept = service.desk_folder().join("incoming/notices");
        let told = std::fs::read_to_string(&kept).ok().and_then(|text| text.trim().parse().ok());
        let size = view.as_ref().map_or(0, |view| view.log().size());
        let origin = view.as_ref().map_or("", |view| view.ledger().origin());
        let sender = Sender::start(config, origin, Pace::default())?;
        Ok(Notifier { sender, next: told.map_or(size, |told: u64| told + 1), kept, told })
    }

    /// Offers what came since, and keeps in mind what has arrived.
    pub fn go_on(&mut self, service: &Service, view: &View) -> Result<(), RequestError> {
        while self.next < view.log().size() {
            let entry = view.log().entry(self.next).map_err(LabError::from)?;
            let signer = *view.verified(&entry)?.signer();
            let notices = told(service, view, self.next, &view.said(&entry)?, &signer);
            let to = notices.into_iter().map(|(notice, action, resource)| {
                let readers = readers(service, view, action, &resource);
                (notice, readers)
            });
            if self.sender.offer(self.next, to.collect()).is_err() {
                break;
            }
            self.next += 1;
        }
        let told = self.sender.told();
        if told != self.told && keep(&self.kept, told) {
            self.told = told;
        }
        Ok(())
    }
}

fn keep(place: &Path, told: Option<u64>) -> bool {
    told.is_none_or(|told| std::fs::write(place, told.to_string()).is_ok())
}

/// The names of those who may see it.
fn readers(service: &Service, view: &View, action: Action, resource: &Resource) -> Vec<String> {
    let Ok(rules) = service.rules(view) else { return Vec::new() };
    let people = view.ledger().people().iter().filter(|(_, person)| person.revoked.is_none());
    let may = people.filter(|(key, person)| {
        let context = Context { session: Session::Login, signed: false };
        rules.decide(&Principal::Person(somebody(key, person)), action, resource, &context).allowed
    });
    may.map(|(_, person)| person.name.clone()).collect()
}

fn told(service: &Service, view: &View, entry: u64, said: &Record, signer: &PublicKey) -> Vec<Told> {
    let ledger = view.ledger();
    let by = name(ledger, signer);
    let things = Things { service, view };
    let about = |id: JobId, notice: &dyn Fn(&Job) -> Notice| -> Vec<Told> {
        let Ok(job) = ledger.job(id) else { return Vec::new() };
        vec![(notice(job), Action::ShowJob, Resource::Job(things.job(id, job)))]
    };
    let title = |job: &Job| job.submitted.title.clone();
    match &said.event {
        Event::JobSubmitted(_) => about(JobId(entry), &|job| Notice::JobSubmitted {
            job: JobId(entry),
            title: title(job),
            author: by.clone(),
        }),
        Event::JobApproved(e) => about(e.job, &|job| Notice::JobApproved {
            job: e.job,
            title: title(job),
            by: by.clone(),
            approvals: job.approvals.iter().filter(|(approval, _)| *approval <= entry).count() as u32,
            needed: ledger.policy().map_or(0, |policy| policy.approvals),
        }),
        Event::JobRejected(e) => about(e.job, &|job| Notice::JobRejected {
            job: e.job,
            title: title(job),
            by: by.clone(),
            reason: e.reason.clone(),
        }),
        Event::JobWithdrawn(e) => {
            about(e.job, &|job| Notice::JobWithdrawn { job: e.job, title: title(job), by: by.clone() })
        }
        Event::RunStarted(e) => {
            about(e.job, &|job| Notice::RunStarted { job: e.job, title: title(job), release_at: e.release_at })
        }
        Event::Released(e) if ledger.witnesses().is_some() => {
            about(e.job, &|job| Notice::ReleasedUnwitnessed { job: e.job, title: title(job) })
        }
        Event::Released(e) => about(e.job, &|job| Notice::Released { job: e.job, title: title(job) }),
        Event::ReleaseWitnessed(e) => about(e.job, &|job| Notice::Released { job: e.job, title: title(job) }),
        Event::RunFailed(e) => about(e.job, &|job| Notice::JobFailed { job: e.job, title: title(job) }),
        Event::DatasetRegistered(e) => match things.dataset(&e.name) {
            Ok(dataset) => {
                let notice = Notice::DatasetRegistered { dataset: e.name.clone(), by };
                vec![(notice, Action::ShowDataset, Resource::Dataset(dataset))]
            }
            Err(_) => Vec::new(),
        },
        Event::PersonEnrolled(e) => {
            vec![(Notice::PersonEnrolled { name: e.name.clone(), by }, Action::ListPeople, Resource::Lab)]
        }
        Event::PersonRevoked(e) => {
            vec![(Notice::PersonRevoked { name: name(ledger, &e.key), by }, Action::ListPeople, Resource::Lab)]
        }
        Event::PolicySet(_) => {
            let changed = (Notice::PolicyChanged { policy: entry, by }, Action::ShowPolicy, Resource::Lab);
            let void = ledger.jobs().iter().filter(|(_, job)| ledger.is_void(job) && job.submitted.policy < entry);
            let void = void.map(|(id, job)| {
                let notice = Notice::JobVoided { job: *id, title: title(job), policy: entry };
                (notice, Action::ShowJob, Resource::Job(things.job(*id, job)))
            });
            std::iter::once(changed).chain(void).collect()
        }
        _ => Vec::new(),
    }
}

fn name(ledger: &Ledger, key: &PublicKey) -> String {
    ledger.people().get(key).map_or(String::new(), |person| person.name.clone())
}
