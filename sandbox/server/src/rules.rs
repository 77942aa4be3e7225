//! The rules of access, asked: may this caller do that, what of an answer is shown, what could they do next.

use std::any::Any;
use std::cell::RefCell;

use serde_json::{Value, json};
use unseen_access::{Action, Context, Dataset, Decision, Job, JobState, Keeping, Person, Resource};
use unseen_api::address::{Addressed, On, apart};
use unseen_ids::{JobId, PublicKey, Role};
use unseen_lab::View;
use unseen_policies::Manifest;
use unseen_policies::event::Status;
use unseen_policies::ledger::{self, Ledger};
use unseen_policies::lifecycle::State;
use unseen_texts::{Lang, Say};
use unseen_usecases::Query;
use unseen_usecases::ask::Asked;
use unseen_usecases::budget::Budget;
use unseen_usecases::datasets::Datasets;
use unseen_usecases::inbox::{Inbox, WaitsFor};
use unseen_usecases::jobs::{JobShown, Jobs, ListedJob};
use unseen_usecases::labs::LabShown;
use unseen_usecases::outcomes::{Releases, Runs};

use crate::caller::{Caller, somebody};
use crate::problem::RequestError;
use crate::service::Service;

/// One caller before one lab.
pub(crate) struct Guarded<'a> {
    pub service: &'a Service,
    pub view: &'a View,
    pub caller: &'a Caller,
}

/// What there is in a lab, as the rules of access see it.
pub(crate) struct Things<'a> {
    pub service: &'a Service,
    pub view: &'a View,
}

impl Guarded<'_> {
    /// What a request is about, if the caller may do that to it. Either way it is on record.
    pub fn must<A: Addressed>(&self, request: &A) -> Result<Resource, RequestError> {
        let action = action(A::ACTION).ok_or(RequestError::Inside)?;
        let fields = serde_json::to_value(request).map_err(|_| RequestError::Inside)?;
        let resource = self.resource(A::ON, &fields)?;
        let (path, _) = apart(request).map_err(|_| RequestError::Inside)?;
        self.may(action, &resource, &path).map(|()| resource)
    }

    /// What a query is answered to the caller, and what it is about.
    pub fn answer<Q: Query + Addressed>(&self, query: &Q) -> Result<(Q::Answer, Resource), RequestError>
    where
        Q::Answer: 'static,
    {
        let resource = self.must(query)?;
        let mut answer = query.answer(&self.service.desk, self.caller.key.as_ref())?;
        self.hide(&mut answer)?;
        Ok((answer, resource))
    }

    /// Whether the caller may do something; `at` is what was asked for.
    pub fn may(&self, action: Action, resource: &Resource, at: &str) -> Result<(), RequestError> {
        let decision =
            self.service.rules(self.view)?.decide(&self.caller.principal, action, resource, &self.caller.context);
        decision.faults.iter().for_each(|fault| (self.service.tell)(fault.clone().into()));
        let refused_by = decision.because.first().filter(|_| !decision.allowed).map(|because| because.id.as_str());
        self.service.watch.asked(self.caller, action.name(), at, refused_by)?;
        match (decision.allowed, &self.caller.key) {
            (true, _) => Ok(()),
            (false, None) => Err(RequestError::Unknown),
            (false, Some(_)) => Err(RequestError::denied(action, &decision.because)),
        }
    }

    /// Whether the caller may see this of a job. Not on record: it is part of something that is.
    pub fn sees(&self, job: JobId, action: Action) -> bool {
        let found = self.view.ledger().job(job).map(|found| Resource::Job(self.things().job(job, found)));
        let rules = self.service.rules(self.view);
        let (Ok(job), Ok(rules)) = (found, rules) else { return false };
        rules.decide(&self.caller.principal, action, &job, &self.caller.context).allowed
    }

    /// Takes out of an answer what is not for the caller.
    pub fn hide(&self, answer: &mut dyn Any) -> Result<(), RequestError> {
        let rules = self.service.rules(self.view)?;
        let asking = RefCell::new(rules.asking(&self.caller.principal, &self.caller.context));
        let thing = |job: JobId| self.view.ledger().job(job).map(|found| Resource::Job(self.things().job(job, found)));
        let may = |job, action| thing(job).is_ok_and(|job| asking.borrow_mut().decide(action, &job).allowed);
        let sees = |job: JobId| may(job, Action::ShowJob);
        // Those that are shown, without what the rules keep back of them.
        let shown = |jobs: &mut Vec<ListedJob>| {
            jobs.retain(|job| sees(job.job));
            let blind = jobs.iter_mut().filter(|job| !may(job.job, Action::ShowApprovals));
            blind.for_each(|job| job.approvals = None);
        };
        let on = |name: &str, action| {
            self.things()
                .dataset(name)
                .is_ok_and(|dataset| asking.borrow_mut().decide(action, &Resource::Dataset(dataset)).allowed)
        };
        // What is typed on the lab's machine, and by which process, is for those who keep it up.
        let keeps_it_up = asking.borrow_mut().decide(Action::ShowDoctor, &Resource::Lab).allowed;
        if let Some(jobs) = answer.downcast_mut::<Jobs>() {
            shown(&mut jobs.jobs);
            jobs.at_work.retain(|_| keeps_it_up);
        } else if let Some(job) = answer.downcast_mut::<JobShown>() {
            shown(&mut job.earlier);
            shown(&mut job.waiting);
            if !may(job.job.job, Action::ShowApprovals) {
                job.job.approvals = None;
                job.approved_by.clear();
            }
            if !may(job.job.job, Action::ShowManifest) {
                job.manifest_text.clear();
            }
        } else if let Some(inbox) = answer.downcast_mut::<Inbox>() {
            let decides = Context { signed: true, ..self.caller.context };
            let mut asking = rules.asking(&self.caller.principal, &decides);
            inbox.waits.retain(|waiting| {
                let found = thing(waiting.job);
                let action = if waiting.why == WaitsFor::Decision { Action::ApproveJob } else { Action::ShowJob };
                found.is_ok_and(|job| asking.decide(action, &job).allowed)
            });
        } else if let Some(runs) = answer.downcast_mut::<Runs>() {
            runs.runs.retain(|run| sees(run.job));
        } else if let Some(releases) = answer.downcast_mut::<Releases>() {
            releases.releases.retain(|release| sees(release.job));
        } else if let Some(datasets) = answer.downcast_mut::<Datasets>() {
            datasets.datasets.retain(|dataset| on(&dataset.name, Action::ShowDataset));
        } else if let Some(asked) = answer.downcast_mut::<Asked>() {
            if !asked.checked.plan.datasets.iter().all(|name| on(name, Action::ShowBudget)) {
                asked.checked.budget.clear();
            }
        } else if let Some(budget) = answer.downcast_mut::<Budget>() {
            budget.budgets.retain(|line| on(&line.dataset, Action::ShowBudget));
        } else if let Some(lab) = answer.downcast_mut::<LabShown>() {
            lab.at_work.retain(|_| keeps_it_up);
        }
        Ok(())
    }

    /// What the caller could do with it, each with the rules that decide; as if they signed what must be signed.
    /// Nothing for a visitor.
    pub fn actions(&self, resource: &Resource) -> Vec<(Action, Decision)> {
        let context = Context { signed: true, ..self.caller.context };
        let Some(rules) = self.caller.key.and_then(|_| self.service.rules(self.view).ok()) else { return Vec::new() };
        rules.asking(&self.caller.principal, &context).actions(resource)
    }

    /// The same as answers have it.
    pub fn allowed(&self, resource: &Resource, lang: Lang) -> Option<Value> {
        self.caller.key?;
        let actions = self.actions(resource).into_iter().map(|(action, decision)| {
            let because = decision.because.iter().map(|why| json!({ "rule": why.id, "text": why.text.told(lang) }));
            json!({
                "action": action.name(),
                "title": action.told(lang),
                "allowed": decision.allowed,
                "because": because.collect::<Vec<_>>(),
            })
        });
        Some(actions.collect())
    }

    fn resource(&self, on: On, fields: &Value) -> Result<Resource, RequestError> {
        let ledger = self.view.ledger();
        let field = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
        let refused = |refusal: ledger::Refusal| RequestError::from(unseen_usecases::UseCaseError::from(refusal));
        let job = || {
            let id: JobId =
                field("job").parse().map_err(|why: unseen_texts::Sentence| RequestError::Malformed(why.to_string()))?;
            Ok::<_, RequestError>(self.things().job(id, ledger.job(id).map_err(refused)?))
        };
        Ok(match on {
            On::Lab => Resource::Lab,
            On::Dataset => Resource::Dataset(self.things().dataset(field("dataset")).map_err(refused)?),
            On::NewDataset => {
                let name = field("dataset");
                let new = || Dataset { name: name.to_owned(), ..Dataset::default() };
                Resource::Dataset(self.things().dataset(name).unwrap_or_else(|_| new()))
            }
            On::Job => Resource::Job(job()?),
            On::Release => Resource::Release(job()?),
            On::Manifest => {
                // One that cannot be read reads nothing, and is refused by the use-case in better words.
                let manifest = Manifest::parse(field("manifest")).ok();
                let names = manifest.iter().flat_map(|manifest| manifest.datasets());
                let datasets = names.filter_map(|name| self.things().dataset(name).ok()).collect();
                Resource::Job(Job { author: self.name(), datasets, ..Job::default() })
            }
            On::Person => {
                let wanted = field("person");
                let people = ledger.people().iter();
                let mut found = people.filter(|(key, person)| person.name == wanted || key.to_string() == wanted);
                let (key, person) =
                    found.next().ok_or_else(|| refused(ledger::Refusal::NoSuchPerson(wanted.to_owned())))?;
                Resource::Person(somebody(key, person))
            }
            On::Node => {
                let wanted = field("node");
                let mut nodes = ledger.nodes().iter();
                let found = nodes.find(|(key, node)| node.name == wanted || key.to_string() == wanted);
                let (key, node) = found.ok_or_else(|| refused(ledger::Refusal::NoSuchNode(wanted.to_owned())))?;
                let (name, key) = (node.name.clone(), key.to_string());
                Resource::Person(Person { name, key, roles: Vec::new(), kept: None })
            }
            On::Request => {
                let roles = fields.get("roles").cloned().and_then(|roles| serde_json::from_value(roles).ok());
                let roles: Vec<Role> = roles.unwrap_or_default();
                let kept = fields.get("kept").cloned().and_then(|kept| serde_json::from_value(kept).ok());
                Resource::Person(Person { name: field("name").to_owned(), key: field("key").to_owned(), roles, kept })
            }
        })
    }

    pub fn things(&self) -> Things<'_> {
        Things { service: self.service, view: self.view }
    }

    fn name(&self) -> String {
        match &self.caller.principal {
            unseen_access::Principal::Person(person) => person.name.clone(),
            unseen_access::Principal::Visitor => String::new(),
        }
    }
}

impl Things<'_> {
    pub fn dataset(&self, name: &str) -> Result<Dataset, ledger::Refusal> {
        let found = self.view.ledger().dataset(name)?;
        let steward = self.view.ledger().people().get(&found.steward).filter(|person| person.revoked.is_none());
        Ok(Dataset {
            name: name.to_owned(),
            steward: steward.map(|person| person.name.clone()),
            level: self.service.levels.of(self.view, &found.registered.description),
            open_to: found.registered.open_to.clone(),
            closed: found.status != Status::Open,
        })
    }

    pub fn job(&self, id: JobId, job: &ledger::Job) -> Job {
        let ledger = self.view.ledger();
        let datasets = job.submitted.datasets.iter().filter_map(|used| self.dataset(&used.name).ok());
        let in_a_browser = |key| ledger.people().get(key).is_some_and(|by| by.kept == Some(Keeping::Browser));
        Job {
            id: Some(id),
            author: name_of(ledger, &job.author),
            state: state(job.state),
            datasets: datasets.collect(),
            approved_by: job.approvals.iter().map(|(_, key)| name_of(ledger, key)).collect(),
            approved_elsewhere: job.approvals.iter().filter(|(_, key)| !in_a_browser(key)).count() as u32,
            approvals_needed: ledger.policy().map_or(0, |policy| policy.approvals),
        }
    }
}

fn action(name: &str) -> Option<Action> {
    Action::ALL.iter().copied().find(|action| action.name() == name)
}

fn name_of(ledger: &Ledger, key: &PublicKey) -> String {
    ledger.people().get(key).map_or(String::new(), |person| person.name.clone())
}

fn state(state: State) -> JobState {
    match state {
        State::Submitted => JobState::Submitted,
        State::Approved => JobState::Approved,
        State::Running => JobState::Running,
        State::Released => JobState::Released,
        State::Rejected => JobState::Rejected,
        State::Failed => JobState::Failed,
        State::Withdrawn => JobState::Withdrawn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unseen_api::address::{Visitor, visit};
    use unseen_usecases::{Change, Query};

    struct Actions(Vec<&'static str>);

    impl Visitor for Actions {
        fn query<Q: Query + Addressed + Send + Sync + 'static>(&mut self) {
            self.0.push(Q::ACTION);
        }
        fn change<C: Change + Addressed + Send + Sync + 'static>(&mut self) {
            self.0.push(C::ACTION);
        }
    }

    #[test]
    fn every_use_case_is_an_action_that_rules_know() {
        let mut actions = Actions(Vec::new());
        visit(&mut actions);
        assert!(actions.0.len() > 20);
        assert!(actions.0.iter().all(|name| action(name).is_some()), "{:?}", actions.0);
    }
}
