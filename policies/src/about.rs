//! What an entry is about, in a few words and numbers: for lists of entries, and for one shown by itself.

use unseen_ids::JobId;
use unseen_texts::{Say, Sentence, say};

use crate::event::Event;
use crate::policy::Policy;
use crate::rules;

/// What `event` is about. Of new rules it says what they change against those `before`; all of them, if there were
/// none or they are not known.
pub fn about(event: &Event, before: Option<&Policy>) -> Sentence {
    let of = |job: JobId, what: &dyn Say| say!("{job}: {what}", "{job}：{what}");
    match event {
        Event::LabCreated(e) => Sentence::of(&e.owner),
        Event::PersonEnrolled(e) => Sentence::of(&e.name),
        Event::PersonRevoked(e) => Sentence::of(&e.key.short()),
        Event::NodeEnrolled(e) => Sentence::of(&e.name),
        Event::NodeRevoked(e) => Sentence::of(&e.key.short()),
        Event::PolicySet(e) => rules::in_words(&rules::changes(before, &e.policy)),
        Event::DatasetRegistered(e) => Sentence::of(&e.name),
        Event::DatasetStatus(e) => {
            let (name, status, reason) = (&e.name, &e.status, &e.reason);
            say!("{name}: {status}: {reason}", "{name}：{status}：{reason}")
        }
        Event::DatasetDescribed(e) => Sentence::of(&e.name),
        Event::DatasetDeleted(e) => {
            let (name, count, reason) = (&e.name, e.snapshots.len(), &e.reason);
            say!("{name}: {count} snapshots: {reason}", "{name}：{count} 个快照：{reason}")
        }
        Event::JobSubmitted(e) => Sentence::of(&e.title),
        Event::JobApproved(e) => Sentence::of(&e.job),
        Event::JobRejected(e) => of(e.job, &e.reason),
        Event::JobWithdrawn(e) => of(e.job, &e.reason),
        Event::JobPrioritized(e) => of(e.job, &e.priority.to_string()),
        Event::RunStarted(e) => of(e.job, &format!("{} rho", e.rho)),
        Event::EvidenceRecorded(e) => Sentence::of(&e.job),
        Event::Released(e) => of(e.job, &e.body.short()),
        Event::ReleaseWitnessed(e) => of(e.job, &e.witnesses.join(", ")),
        Event::LogKeyChanged(e) => Sentence::of(&e.log_key),
        Event::RunFailed(e) => of(e.job, &e.reason),
        Event::AccessLogRecorded(e) => {
            let (date, lines) = (e.date, e.lines);
            say!("{date}: {lines} lines", "{date}：{lines} 行")
        }
        Event::ConsoleServed(e) => {
            let (runtime, assets) = (&e.runtime, e.assets.short());
            say!("{runtime}: {assets}", "{runtime}：{assets}")
        }
        Event::ReleaseRead(e) => Sentence::of(&e.job),
    }
}
