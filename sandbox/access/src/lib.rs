//! Who may do what on a lab's service: rules in [Cedar](https://www.cedarpolicy.com), asked before every answer.
//!
//! Pure: no I/O, clock or network. Rules say who may *ask*; what the log then takes is the ledger's
//! (`unseen-policies`), which no rule here can loosen.
//!
//! | file | what |
//! |---|---|
//! | `schema.cedarschema` | what rules can speak of |
//! | `default.cedar` | the rules of a lab that has not set its own |
//! | `vocabulary` | the same words as types |
//! | `limits` | how long and deep a text of rules may be |
//! | `rules` | rules read, explained and compared |
//! | `decide` | a question answered, with the rules that decided |
//!
//! What holds whatever the rules say: nothing is allowed that no rule allows; where a rule cannot be worked out,
//! nothing is ([`Decision::faults`]); visitors change nothing; somebody can set the policy.
//!
//! ```
//! use unseen_access::{Action, Context, Job, JobState, Person, Principal, Resource, Role, Rules, Session};
//!
//! let rules = Rules::default();
//! let roles = vec![Role::Analyst, Role::Operator];
//! let wang = Person { name: "Wang".into(), key: "5a".repeat(32), roles, kept: None };
//! let job = Job { author: "Wang".into(), state: JobState::Submitted, ..Job::default() };
//! let context = Context { session: Session::Certificate, signed: true };
//! let decision = rules.decide(&Principal::Person(wang), Action::ApproveJob, &Resource::Job(job), &context);
//! assert!(!decision.allowed);
//! assert_eq!(decision.because[0].id, "no-own-approval");
//! assert_eq!(decision.because[0].text.to_string(), "nobody approves a job of their own");
//! ```
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod actions;
mod decide;
mod diff;
mod entities;
mod error;
mod limits;
mod rules;
mod schema;
mod vocabulary;

pub use actions::Action;
pub use decide::{Asking, Because, Decision};
pub use diff::Change;
pub use error::RulesError;
pub use rules::{Effect, Rule, Rules};
pub use unseen_ids::{JobId, Keeping, Role};
pub use vocabulary::{Context, Dataset, Job, JobState, Level, Person, Principal, Resource, Session};

#[cfg(test)]
mod tests;
