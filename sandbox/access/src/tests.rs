//! The default rules, what no rules can change, and texts that are refused.

mod default;
mod held;
mod parse;
mod speed;

use crate::{Context, Dataset, Job, JobState, Keeping, Level, Person, Principal, Resource, Role, Session};

fn person(name: &str, roles: &[Role]) -> Principal {
    Principal::Person(somebody(name, roles))
}

fn somebody(name: &str, roles: &[Role]) -> Person {
    Person { name: name.to_owned(), key: unseen_ids::hex::encode(name.as_bytes()), roles: roles.to_vec(), kept: None }
}

/// A dataset of the steward `sun`.
fn dataset(level: Level, open_to: &[&str]) -> Dataset {
    let open_to = open_to.iter().map(|name| (*name).to_owned()).collect();
    Dataset { name: "firms".to_owned(), steward: Some("sun".to_owned()), level, open_to, closed: false }
}

/// A job of the analyst `ana`.
fn job(datasets: &[Dataset]) -> Job {
    let state = JobState::Submitted;
    Job {
        id: Some(crate::JobId(12)),
        author: "ana".to_owned(),
        state,
        datasets: datasets.to_vec(),
        approved_by: vec![],
        approved_elsewhere: 0,
        approvals_needed: 2,
    }
}

const SIGNED: Context = Context { session: Session::Certificate, signed: true };
const SIGNED_ON: Context = Context { session: Session::Oidc, signed: false };
