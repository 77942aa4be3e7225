//! The life of a job, as data: states, transitions, and who may cause each.

pub mod diagram;

use serde::{Deserialize, Serialize};

use unseen_ids::Role;
use unseen_texts::Say;

/// Where a job stands. Its text is its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Say)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Waits for approvals.
    #[en("submitted")]
    #[zh("待审批")]
    Submitted,
    /// Has the approvals that the policy asks for.
    #[en("approved")]
    #[zh("已批准")]
    Approved,
    /// Charged; the run goes on, or can be resumed without a second charge.
    #[en("running")]
    #[zh("运行中")]
    Running,
    /// The result is out.
    #[en("released")]
    #[zh("已发布")]
    Released,
    /// An operator declined.
    #[en("rejected")]
    #[zh("已驳回")]
    Rejected,
    /// Its author took it back.
    #[en("withdrawn")]
    #[zh("已撤回")]
    Withdrawn,
    /// The run ended without a result; the charge stays.
    #[en("failed")]
    #[zh("已失败")]
    Failed,
}

/// Who may cause a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The owner whom the first entry names.
    Owner,
    /// An enrolled person with this role.
    Person(Role),
    /// An enrolled person with this role, or the lab's service key.
    PersonOrLab(Role),
    /// An enrolled person with this role who is not the job's author.
    NotAuthor(Role),
    /// An operator, or where the policy separates that a security administrator; as many as it asks for.
    Administrator,
    /// As many operators as the policy asks for.
    Operators,
    /// The job's author, with any key under the same name.
    Author,
    /// Any enrolled person.
    Anyone,
    /// The lab's service key.
    Lab,
}

/// One arrow of the life-cycle.
#[derive(Clone, Copy, Debug)]
pub struct Transition {
    /// The state before; none for the first.
    pub from: Option<State>,
    /// The kind of event, as in [`crate::event::Event::kind`].
    pub event: &'static str,
    /// Whether the job has, with this event, as many approvals as the policy asks for; none where that
    /// plays no part.
    pub enough: Option<bool>,
    /// The state after.
    pub to: State,
    /// Who may sign the event.
    pub who: Who,
}

/// Who starts a run, and goes on with one: an operator, or the lab when it is the job's turn.
pub const STARTER: Who = Who::PersonOrLab(Role::Operator);

/// All arrows there are. What is not here cannot happen.
pub const TRANSITIONS: &[Transition] = {
    use Role::{Analyst, Operator};
    use State::{Approved, Failed, Rejected, Released, Running, Submitted, Withdrawn};
    const fn arrow(from: State, event: &'static str, to: State, who: Who) -> Transition {
        Transition { from: Some(from), event, enough: None, to, who }
    }
    const fn approval(enough: bool, to: State) -> Transition {
        Transition { enough: Some(enough), ..arrow(Submitted, "job-approved", to, Who::NotAuthor(Operator)) }
    }
    &[
        Transition { from: None, event: "job-submitted", enough: None, to: Submitted, who: Who::Person(Analyst) },
        approval(false, Submitted),
        approval(true, Approved),
        arrow(Submitted, "job-rejected", Rejected, Who::Person(Operator)),
        arrow(Approved, "job-rejected", Rejected, Who::Person(Operator)),
        arrow(Submitted, "job-prioritized", Submitted, Who::Person(Operator)),
        arrow(Approved, "job-prioritized", Approved, Who::Person(Operator)),
        arrow(Submitted, "job-withdrawn", Withdrawn, Who::Author),
        arrow(Approved, "job-withdrawn", Withdrawn, Who::Author),
        arrow(Approved, "run-started", Running, STARTER),
        arrow(Running, "evidence-recorded", Running, Who::Lab),
        arrow(Running, "released", Released, Who::Lab),
        arrow(Running, "run-failed", Failed, Who::Lab),
        arrow(Released, "release-witnessed", Released, Who::Lab),
        arrow(Released, "release-read", Released, Who::Anyone),
    ]
};

/// Who signs what happens to no job.
pub const SIGNERS: &[(&str, Who)] = &[
    ("lab-created", Who::Owner),
    ("person-enrolled", Who::Administrator),
    ("person-revoked", Who::Administrator),
    ("node-enrolled", Who::Administrator),
    ("node-revoked", Who::Administrator),
    ("policy-set", Who::Administrator),
    ("dataset-registered", Who::Person(Role::Steward)),
    ("dataset-status", Who::Person(Role::Steward)),
    ("dataset-described", Who::Person(Role::Steward)),
    ("dataset-deleted", Who::PersonOrLab(Role::Steward)),
    ("log-key-changed", Who::Operators),
    ("access-log-recorded", Who::Lab),
    ("console-served", Who::Lab),
];

/// The arrow that `event` takes from a state, if there is one; `enough` as in [`Transition::enough`].
pub fn arrow(from: Option<State>, event: &str, enough: bool) -> Option<&'static Transition> {
    let fits = |arrow: &&Transition| arrow.enough.is_none_or(|asked| asked == enough);
    TRANSITIONS.iter().filter(|arrow| arrow.from == from && arrow.event == event).find(fits)
}

/// Who signs an event that happens to no job; none for those that do.
pub fn signer(event: &str) -> Option<Who> {
    SIGNERS.iter().find(|(kind, _)| *kind == event).map(|(_, who)| *who)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    #[test]
    fn every_event_has_its_place_and_ended_jobs_stay_ended() {
        for kind in Event::KINDS {
            let arrows = TRANSITIONS.iter().filter(|arrow| arrow.event == *kind).count();
            assert_eq!(arrows == 0, signer(kind).is_some(), "{kind}");
        }
        for arrow in TRANSITIONS {
            assert!(Event::KINDS.contains(&arrow.event), "{}", arrow.event);
            assert!(!matches!(arrow.from, Some(State::Rejected | State::Withdrawn | State::Failed)));
        }
        assert!(SIGNERS.iter().all(|(kind, _)| Event::KINDS.contains(kind)));
    }

    /// From one state, one event leads to one state.
    #[test]
    fn no_arrow_is_in_doubt() {
        for one in TRANSITIONS {
            for enough in [false, true].into_iter().filter(|enough| one.enough.is_none_or(|asked| asked == *enough)) {
                let fits = |other: &&Transition| {
                    (other.from, other.event) == (one.from, one.event) && other.enough.is_none_or(|it| it == enough)
                };
                assert_eq!(TRANSITIONS.iter().filter(fits).count(), 1, "{one:?}");
                assert_eq!(arrow(one.from, one.event, enough).map(|arrow| arrow.to), Some(one.to));
            }
        }
        assert!(arrow(Some(State::Rejected), "job-approved", true).is_none());
        assert!(arrow(Some(State::Submitted), "run-started", true).is_none());
    }
}
