//! A question answered, with the rules that decided.

use std::collections::HashMap;

use cedar_policy::{Authorizer, Entities, Entity, Request, Response};
use unseen_texts::{Sentence, Text, say, text};

use crate::actions::Action;
use crate::entities;
use crate::rules::Rules;
use crate::schema::{Askable, CEDAR};
use crate::vocabulary::{Context, Principal, Resource, Session};

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it is allowed.
    pub allowed: bool,
    /// What decided: the rules that allow it, or that forbid it, in the order they are written; never empty.
    pub because: Vec<Because>,
    /// What the engine says of rules that could not be worked out: for the lab's operators, not for who asks.
    pub faults: Vec<String>,
}

/// A rule that decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Because {
    /// Its name, or [`Because::NO_RULE`], [`Because::SIGN_ON`] or [`Because::NOT_ASKED`].
    pub id: String,
    /// What it says.
    pub text: Sentence,
}

impl Because {
    /// In place of a rule's name: none allows it.
    pub const NO_RULE: &str = "(no-rule)";
    /// In place of a rule's name: visitors change nothing, whatever the rules say.
    pub const SIGN_ON: &str = "(sign-on)";
    /// In place of a rule's name: nobody can do this to such a thing, or the engine does not take the question.
    pub const NOT_ASKED: &str = "(not-asked)";
}

impl Rules {
    /// Whether somebody may do something. For more than one question of the same person, see [`Rules::asking`].
    pub fn decide(&self, principal: &Principal, action: Action, resource: &Resource, context: &Context) -> Decision {
        self.asking(principal, context).decide(action, resource)
    }

    /// Questions of one person, in one request.
    pub fn asking(&self, principal: &Principal, context: &Context) -> Asking<'_> {
        let who = entities::principal(principal).zip(entities::context(context));
        Asking { asker: Asker { rules: self, who, authorizer: Authorizer::new() }, answered: HashMap::new() }
    }

    /// Whether any of these people could set the policy by these rules, signing. [`Rules::parse`] has seen to it
    /// that some operator could; the lab asks with the people it has.
    pub fn somebody_sets_policy<'a>(&self, people: impl IntoIterator<Item = &'a Principal>) -> bool {
        let contexts = Session::ALL.iter().map(|session| Context { session: *session, signed: true });
        let may =
            |person: &Principal, context| self.decide(person, Action::SetPolicy, &Resource::Lab, &context).allowed;
        people.into_iter().any(|person| contexts.clone().any(|context| may(person, context)))
    }
}

/// Questions of one person, in one request: what is alike is asked once.
pub struct Asking<'a> {
    asker: Asker<'a>,
    answered: HashMap<Resource, Answered>,
}

/// What has been asked about a thing.
struct Answered {
    /// None if it could not be put to the engine.
    thing: Option<Entity>,
    /// None where the schema does not have such a question.
    answers: HashMap<Action, Option<Decision>>,
}

impl Asking<'_> {
    /// Whether they may do something.
    pub fn decide(&mut self, action: Action, resource: &Resource) -> Decision {
        let answer = self.each(&[action], resource).pop().and_then(|(_, answer)| answer);
        answer.unwrap_or_else(|| Decision::fixed(Because::NOT_ASKED, NOT_ASKED))
    }

    /// All that can be done to such a thing, and whether they may.
    pub fn actions(&mut self, resource: &Resource) -> Vec<(Action, Decision)> {
        let each = self.each(Action::ALL, resource).into_iter();
        each.filter_map(|(action, answer)| Some((action, answer?))).collect()
    }

    fn each(&mut self, actions: &[Action], resource: &Resource) -> Vec<(Action, Option<Decision>)> {
        let alike = self.asker.rules.alike(resource);
        let answered = self
            .answered
            .entry(alike)
            .or_insert_with_key(|alike| Answered { thing: entities::resource(alike), answers: HashMap::new() });
        let mut answer = |action| {
            let answer = answered.answers.entry(action);
            answer.or_insert_with(|| self.asker.ask(action, answered.thing.as_ref())).clone()
        };
        actions.iter().map(|action| (*action, answer(*action))).collect()
    }
}

/// Puts questions to the engine.
struct Asker<'a> {
    rules: &'a Rules,
    /// None if this could not be put to the engine: everything is refused.
    who: Option<(Entity, cedar_policy::Context)>,
    authorizer: Authorizer,
}

impl Asker<'_> {
    /// None where the schema does not have such a question.
    fn ask(&self, action: Action, resource: Option<&Entity>) -> Option<Decision> {
        let (Some((principal, context)), Some(resource)) = (&self.who, resource) else {
            return Some(Decision::unanswerable("who asks, or what about, does not fit the schema".to_owned()));
        };
        let declared = CEDAR.action(action)?;
        match declared.askable(&principal.uid(), &resource.uid()) {
            Askable::Yes => {}
            Askable::ByOthers => return Some(Decision::fixed(Because::SIGN_ON, SIGN_ON)),
            Askable::No => return None,
        }
        let uids = (principal.uid(), declared.entity.uid(), resource.uid());
        // The schema is not asked again for each question: types make nothing that it does not have, and a test
        // puts every kind of question to it.
        let entities = Entities::from_entities([principal.clone(), declared.entity.clone(), resource.clone()], None);
        let request = Request::new(uids.0, uids.1, uids.2, context.clone(), None);
        Some(match (entities, request) {
            (Ok(entities), Ok(request)) => {
                let rules = self.rules.about(action);
                self.rules.told(&self.authorizer.is_authorized(&request, rules, &entities))
            }
            (Err(error), _) => Decision::unanswerable(error.to_string()),
            (_, Err(error)) => Decision::unanswerable(error.to_string()),
        })
    }
}

impl Rules {
    /// The engine skips a rule that it cannot work out, so that a `forbid` would vanish: any such rule denies.
    fn told(&self, response: &Response) -> Decision {
        let faults: Vec<_> = response.diagnostics().errors().collect();
        if !faults.is_empty() {
            let because = faults.iter().map(|cedar_policy::AuthorizationError::PolicyEvaluationError(error)| {
                let id = error.policy_id().to_string();
                let text = say!(
                    "the rule `{id}` cannot be worked out, and until it can this is refused: tell an operator",
                    "规则 `{id}` 无法判定，在此之前一律拒绝：请告知运行管理员"
                );
                Because { id, text }
            });
            let because = because.collect();
            return Decision {
                allowed: false,
                because,
                faults: faults.iter().map(|error| error.to_string()).collect(),
            };
        }
        let mut because: Vec<_> = response.diagnostics().reason().filter_map(|id| self.rule(id.as_ref())).collect();
        because.sort_by_key(|(at, _)| *at);
        let because: Vec<_> =
            because.into_iter().map(|(_, rule)| Because { id: rule.id.clone(), text: rule.text.clone() }).collect();
        if because.is_empty() {
            return Decision::fixed(Because::NO_RULE, NO_RULE);
        }
        let allowed = response.decision() == cedar_policy::Decision::Allow;
        Decision { allowed, because, faults: Vec::new() }
    }
}

impl Decision {
    /// A question that the engine does not take.
    fn unanswerable(fault: String) -> Decision {
        Decision { faults: vec![fault], ..Decision::fixed(Because::NOT_ASKED, NOT_ASKED) }
    }

    /// A refusal that no rule gives.
    fn fixed(id: &str, text: Text) -> Decision {
        let because = Because { id: id.to_owned(), text: text.into() };
        Decision { allowed: false, because: vec![because], faults: Vec::new() }
    }
}

const NO_RULE: Text = text!("no rule allows it", "没有规则允许");
const SIGN_ON: Text = text!("sign on first: visitors change nothing", "请先登录：访客不能作任何更改");
const NOT_ASKED: Text = text!("this cannot be done to such a thing", "不能对此类对象执行这一操作");
