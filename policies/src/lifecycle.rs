//! The life of a job, as data: states, transitions, and who may cause each.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use unseen_ids::Role;

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Waits for approvals.
    Submitted,
    /// Has the approvals that the policy asks for.
    Approved,
    /// Charged; the run goes on, or can be resumed without a second charge.
    Running,
    /// The result is out.
    Released,
    /// An operator declined.
    Rejected,
    /// The run ended without a result; the charge stays.
    Failed,
}

/// Who may cause a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// An enrolled person with this role.
    Person(Role),
    /// An enrolled person with this role who is not the job's author.
    NotAuthor(Role),
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
    /// The state after.
    pub to: State,
    /// Who may sign the event.
    pub who: Who,
}

/// All arrows there are. What is not here cannot happen.
pub const TRANSITIONS: &[Transition] = {
    use Role::{Analyst, Operator};
    use State::{Approved, Failed, Rejected, Released, Running, Submitted};
    const fn arrow(from: State, event: &'static str, to: State, who: Who) -> Transition {
        Transition { from: Some(from), event, to, who }
    }
    &[
        Transition { from: None, event: "job-submitted", to: Submitted, who: Who::Person(Analyst) },
        arrow(Submitted, "job-approved", Submitted, Who::NotAuthor(Operator)),
        arrow(Submitted, "job-approved", Approved, Who::NotAuthor(Operator)),
        arrow(Submitted, "job-rejected", Rejected, Who::Person(Operator)),
        arrow(Approved, "job-rejected", Rejected, Who::Person(Operator)),
        arrow(Approved, "run-started", Running, Who::Person(Operator)),
        arrow(Running, "evidence-recorded", Running, Who::Lab),
        arrow(Running, "released", Released, Who::Lab),
        arrow(Running, "run-failed", Failed, Who::Lab),
        arrow(Released, "release-witnessed", Released, Who::Lab),
        arrow(Released, "release-read", Released, Who::Anyone),
    ]
};

impl State {
    /// The name people see.
    pub fn name(self) -> &'static str {
        match self {
            State::Submitted => "submitted",
            State::Approved => "approved",
            State::Running => "running",
            State::Released => "released",
            State::Rejected => "rejected",
            State::Failed => "failed",
        }
    }

    /// The arrow that `event` takes from here, if there is one.
    pub fn on(self, event: &str) -> Option<&'static Transition> {
        TRANSITIONS.iter().find(|arrow| arrow.from == Some(self) && arrow.event == event)
    }
}

/// The life-cycle as a Mermaid state diagram, for the documents.
pub fn diagram() -> String {
    let mut text = String::from("stateDiagram-v2\n");
    for Transition { from, event, to, who } in TRANSITIONS {
        let from = from.map_or("[*]", State::name);
        let who = match who {
            Who::Person(role) => role.name().to_owned(),
            Who::NotAuthor(role) => format!("{}, not the author", role.name()),
            Who::Anyone => "anyone enrolled".to_owned(),
            Who::Lab => "the lab".to_owned(),
        };
        let _ = writeln!(text, "    {from} --> {} : {event} ({who})", to.name());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    #[test]
    fn every_arrow_names_a_real_event_and_ended_jobs_stay_ended() {
        for arrow in TRANSITIONS {
            assert!(Event::KINDS.contains(&arrow.event), "{}", arrow.event);
            assert!(!matches!(arrow.from, Some(State::Rejected | State::Failed)));
        }
        assert!(State::Rejected.on("job-approved").is_none());
        assert!(State::Submitted.on("run-started").is_none());
    }
}
