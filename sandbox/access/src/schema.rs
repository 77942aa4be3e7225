//! Cedar's side of the vocabulary, made once.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;
use std::sync::LazyLock;

use cedar_policy::{Entity, EntityId, EntityTypeName, EntityUid, Schema};

use crate::actions::Action;

/// The vocabulary.
pub(crate) static CEDAR: LazyLock<Cedar> = LazyLock::new(|| {
    // Both texts are this crate's own and every test here reads them.
    let schema = Schema::from_str(SCHEMA).expect("invariant: the schema is ours and good");
    Cedar::of(schema).expect("invariant: the schema is ours and has every action")
});

const SCHEMA: &str = include_str!("schema.cedarschema");

/// What is needed of the schema to put and answer a question.
pub(crate) struct Cedar {
    pub(crate) schema: Schema,
    actions: HashMap<Action, Declared>,
    types: HashMap<String, EntityTypeName>,
}

/// An action as the schema declares it.
pub(crate) struct Declared {
    /// With the groups it is in.
    pub(crate) entity: Entity,
    /// The action itself and every group it is in.
    pub(crate) within: HashSet<EntityUid>,
    /// Types of who can ask for it, with the type of what about.
    asked: Vec<(EntityTypeName, EntityTypeName)>,
}

impl Cedar {
    fn of(schema: Schema) -> Option<Cedar> {
        let types = schema.entity_types().map(|name| (name.to_string(), name.clone())).collect();
        let mut cedar = Cedar { actions: HashMap::new(), types, schema };
        let entities = cedar.schema.action_entities().ok()?;
        let action_type = EntityTypeName::from_str("Action").ok()?;
        for action in Action::ALL {
            let uid = EntityUid::from_type_name_and_id(action_type.clone(), EntityId::new(action.name()));
            let groups: HashSet<EntityUid> = entities.ancestors(&uid)?.cloned().collect();
            let asked = cedar.schema.request_envs().filter(|asked| *asked.action() == uid);
            let asked = asked.map(|asked| (asked.principal().clone(), asked.resource().clone())).collect();
            let entity = Entity::new_no_attrs(uid.clone(), groups.clone());
            let within = groups.into_iter().chain([uid]).collect();
            cedar.actions.insert(*action, Declared { entity, within, asked });
        }
        Some(cedar)
    }

    /// The action as the schema declares it.
    pub(crate) fn action(&self, action: Action) -> Option<&Declared> {
        self.actions.get(&action)
    }

    /// `kind::"id"`.
    pub(crate) fn uid(&self, kind: &str, id: &str) -> Option<EntityUid> {
        Some(EntityUid::from_type_name_and_id(self.types.get(kind)?.clone(), EntityId::new(id)))
    }
}

/// Whether there is such a question.
pub(crate) enum Askable {
    Yes,
    /// Of such a thing, but not from such a principal.
    ByOthers,
    No,
}

impl Declared {
    /// Whether it can be asked by such a principal about such a resource.
    pub(crate) fn askable(&self, principal: &EntityUid, resource: &EntityUid) -> Askable {
        let mut about = self.asked.iter().filter(|(_, about)| about == resource.type_name()).peekable();
        match (about.peek().is_some(), about.any(|(who, _)| who == principal.type_name())) {
            (_, true) => Askable::Yes,
            (true, false) => Askable::ByOthers,
            (false, false) => Askable::No,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::vocabulary::{JobState, Session};
    use crate::{Keeping, Role};

    #[test]
    fn the_schema_and_the_types_have_the_same_words() {
        let groups: HashSet<_> = CEDAR.schema.action_groups().cloned().collect();
        let declared = CEDAR.schema.actions().filter(|uid| !groups.contains(uid));
        let declared: BTreeSet<_> = declared.map(|uid| uid.id().unescaped().to_owned()).collect();
        assert_eq!(declared, Action::ALL.iter().map(|action| action.name().to_owned()).collect());

        let has = |kind: &str, names: Vec<&str>| {
            let line = SCHEMA.lines().find(|line| line.starts_with(&format!("entity {kind} enum"))).unwrap();
            for name in names {
                assert!(line.contains(&format!("\"{name}\"")), "{kind} {name}");
            }
        };
        has("Keeping", [Keeping::Browser, Keeping::Passkey].map(Keeping::name).to_vec());
        has("State", JobState::ALL.iter().map(|state| state.name()).collect());
        has("Session", Session::ALL.iter().map(|session| session.name()).collect());
        has("Role", [Role::Steward, Role::Analyst, Role::Operator, Role::Auditor].map(Role::name).to_vec());
    }

    #[test]
    fn each_action_reads_or_changes_and_visitors_change_nothing() {
        let visitor = CEDAR.uid("Visitor", "visitor").unwrap();
        for action in Action::ALL {
            let declared = CEDAR.action(*action).unwrap();
            let within: BTreeSet<_> = declared.within.iter().map(|uid| uid.id().unescaped()).collect();
            assert_ne!(within.contains("read"), within.contains("change"), "{action}");
            let asked_by_visitors = declared.asked.iter().any(|(who, _)| who == visitor.type_name());
            assert_eq!(asked_by_visitors, within.contains("read"), "{action}");
        }
    }
}
