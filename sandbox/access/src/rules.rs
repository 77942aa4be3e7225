//! Rules read, and explained.

use std::collections::HashMap;

use cedar_policy::{
    ActionConstraint, EntityUid, Policy, PolicyId, PolicySet, ValidationMode, ValidationWarning, Validator,
};
use miette::Diagnostic;
use unseen_ids::Role;
use unseen_texts::{Say, Sentence};

use crate::actions::Action;
use crate::error::RulesError;
use crate::limits::{self, place};
use crate::schema::{CEDAR, Declared};
use crate::vocabulary::{Person, Principal, Resource};

/// The rules of a lab: read, checked, ready to be asked ([`Rules::decide`]).
#[derive(Clone, Debug)]
pub struct Rules {
    /// In the order they are written.
    rules: Vec<Rule>,
    places: HashMap<String, usize>,
    all: PolicySet,
    /// Those whose head can be about an action: the others need not be asked.
    by_action: HashMap<Action, PolicySet>,
    /// Whether any of them is about a job by its number.
    numbers: bool,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name: `@id`.
    pub id: String,
    /// What it does where it applies.
    pub effect: Effect,
    /// What it allows or forbids, in a sentence: `@en` and `@zh`.
    pub text: Sentence,
    /// As it is written, with its annotations.
    pub source: String,
}

/// What a rule does where it applies. One that forbids outweighs any that permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Say)]
pub enum Effect {
    /// It allows.
    #[en("permits")]
    #[zh("允许")]
    Permit,
    /// It forbids.
    #[en("forbids")]
    #[zh("禁止")]
    Forbid,
}

/// The rules of a lab that has not set its own.
impl Default for Rules {
    fn default() -> Rules {
        // The text is this crate's own and every test here reads it.
        Rules::parse(Rules::DEFAULT).expect("invariant: the default rules are ours and good")
    }
}

impl Rules {
    /// The text of the default rules.
    pub const DEFAULT: &str = include_str!("default.cedar");

    /// How many bytes of a text are read.
    pub const LONGEST: usize = limits::BYTES;

    /// Reads rules: Cedar, within the schema, each with a name and its sentence in both languages. Refused is a
    /// text by which no operator could set the policy.
    pub fn parse(text: &str) -> Result<Rules, RulesError> {
        limits::check(text)?;
        let parsed: PolicySet = text.parse().map_err(|error| syntax(text, &error))?;
        if let Some(template) = parsed.templates().next() {
            let (line, column) = place(text, text.find(&template.to_string()).unwrap_or(0));
            return Err(RulesError::Slot { line, column });
        }
        let mut rules = Rules {
            rules: Vec::new(),
            places: HashMap::new(),
            all: PolicySet::new(),
            by_action: HashMap::new(),
            numbers: false,
        };
        let mut from = 0;
        for policy in in_order(&parsed) {
            let source = policy.to_string();
            let at = text[from..].find(&source).map_or(from, |at| from + at);
            from = (at + source.len()).min(text.len());
            rules.take(policy, source, place(text, at))?;
        }
        rules.validate(text)?;
        rules.index();
        let operator = Person { name: "?".to_owned(), key: "0".repeat(64), roles: vec![Role::Operator], kept: None };
        match rules.somebody_sets_policy([&Principal::Person(operator)]) {
            true => Ok(rules),
            false => Err(RulesError::LockedOut),
        }
    }

    /// Every rule, in the order they are written.
    pub fn explain(&self) -> &[Rule] {
        &self.rules
    }

    /// A rule and its place.
    pub(crate) fn rule(&self, id: &str) -> Option<(usize, &Rule)> {
        self.places.get(id).and_then(|at| Some((*at, self.rules.get(*at)?)))
    }

    /// A rule as Cedar has it.
    pub(crate) fn policy(&self, rule: &Rule) -> Option<&Policy> {
        self.all.policy(&PolicyId::new(&rule.id))
    }

    /// The rules that can be about an action.
    pub(crate) fn about(&self, action: Action) -> &PolicySet {
        self.by_action.get(&action).unwrap_or(&self.all)
    }

    /// What rules see of a thing: a job's number only where one of them names a job.
    pub(crate) fn alike(&self, resource: &Resource) -> Resource {
        let mut alike = resource.clone();
        if let (false, Resource::Job(job) | Resource::Release(job)) = (self.numbers, &mut alike) {
            job.id = None;
        }
        alike
    }

    fn take(&mut self, policy: &Policy, source: String, (line, column): (usize, usize)) -> Result<(), RulesError> {
        let id = policy.annotation("id").filter(|id| is_name(id)).ok_or(RulesError::NoId { line, column })?.to_owned();
        let text = |key| {
            let text = policy.annotation(key).map(str::trim).filter(|text| !text.is_empty());
            text.ok_or_else(|| RulesError::NoText { id: id.clone(), key, line, column })
        };
        let text = sentence(text("en")?, text("zh")?);
        let policy = policy.new_id(PolicyId::new(&id));
        if self.all.add(policy.clone()).is_err() {
            return Err(RulesError::Twice { id, line, column });
        }
        let effect = match policy.effect() {
            cedar_policy::Effect::Permit => Effect::Permit,
            cedar_policy::Effect::Forbid => Effect::Forbid,
        };
        self.places.insert(id.clone(), self.rules.len());
        self.rules.push(Rule { id, effect, text, source });
        Ok(())
    }

    fn validate(&self, text: &str) -> Result<(), RulesError> {
        let result = Validator::new(CEDAR.schema.clone()).validate(&self.all, ValidationMode::Strict);
        if let Some(error) = result.validation_errors().next() {
            let ((line, column), id) = (place(text, offset(error)), error.policy_id().to_string());
            let why = one_line(error);
            let about = format!("for policy `{id}`");
            let why = why.strip_prefix(&about).map_or(why.as_str(), |why| why.trim_start_matches([':', ',', ' ']));
            return Err(RulesError::Unfit { why: why.to_owned(), id, line, column });
        }
        let never = |warning: &&ValidationWarning| matches!(warning, ValidationWarning::ImpossiblePolicy(_));
        match result.validation_warnings().find(never) {
            Some(warning) => {
                let (line, column) = place(text, offset(warning));
                Err(RulesError::NeverApplies { id: warning.policy_id().to_string(), line, column })
            }
            None => Ok(()),
        }
    }

    fn index(&mut self) {
        let numbered = |uid: &EntityUid| ["Job", "Release"].contains(&uid.type_name().basename());
        self.numbers = self.all.policies().any(|policy| policy.entity_literals().iter().any(numbered));
        for action in Action::ALL {
            let Some(declared) = CEDAR.action(*action) else { continue };
            let about = self.all.policies().filter(|policy| can_be_about(policy, declared));
            if let Ok(about) = PolicySet::from_policies(about.cloned()) {
                self.by_action.insert(*action, about);
            }
        }
    }
}

/// Whether the head of a rule admits an action, by itself or by a group.
fn can_be_about(policy: &Policy, action: &Declared) -> bool {
    match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(one) => action.entity.uid() == one,
        ActionConstraint::In(some) => some.iter().any(|one| action.within.contains(one)),
    }
}

/// Cedar numbers the policies of a text: `policy0`, `policy1`...
fn in_order(parsed: &PolicySet) -> Vec<&Policy> {
    let number = |policy: &&Policy| policy.id().to_string().trim_start_matches("policy").parse::<usize>().ok();
    let mut policies: Vec<_> = parsed.policies().collect();
    policies.sort_by_key(number);
    policies
}

fn sentence(en: &str, zh: &str) -> Sentence {
    Sentence::new_in(|lang| match lang {
        unseen_texts::Lang::En => en.to_owned(),
        unseen_texts::Lang::Zh => zh.to_owned(),
    })
}

fn is_name(id: &str) -> bool {
    let plain = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'-';
    (1..=64).contains(&id.len()) && id.bytes().all(plain)
}

fn syntax(text: &str, error: &cedar_policy::ParseErrors) -> RulesError {
    let (line, column) = place(text, offset(error));
    RulesError::Syntax { line, column, why: one_line(error) }
}

/// What Cedar says, on one line.
fn one_line(error: &dyn Diagnostic) -> String {
    let text = error.to_string();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Where Cedar sees the fault, in bytes from the start.
fn offset(error: &dyn Diagnostic) -> usize {
    error.labels().and_then(|mut labels| labels.next()).map_or(0, |label| label.offset())
}
