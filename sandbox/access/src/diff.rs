//! Rules compared with others.

use crate::rules::{Rule, Rules};

/// A rule that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Added(Rule),
    /// It is gone.
    Removed(Rule),
    /// It does something else, or says so.
    Changed {
        /// As it was.
        before: Rule,
        /// As it is.
        after: Rule,
    },
}

impl Change {
    /// The name of the rule.
    pub fn id(&self) -> &str {
        match self {
            Change::Added(rule) | Change::Removed(rule) | Change::Changed { after: rule, .. } => &rule.id,
        }
    }
}

impl Rules {
    /// What differs in rules that are to follow these: by name, in the order of the new rules, those that are gone
    /// at the end. Neither order, nor comments, nor how a rule is set on its lines makes a difference.
    pub fn diff(&self, other: &Rules) -> Vec<Change> {
        let there = other.explain().iter().filter_map(|after| match self.rule(&after.id) {
            None => Some(Change::Added(after.clone())),
            Some((_, before)) if self.json(before) == other.json(after) => None,
            Some((_, before)) => Some(Change::Changed { before: before.clone(), after: after.clone() }),
        });
        let gone = self.explain().iter().filter(|rule| other.rule(&rule.id).is_none());
        there.chain(gone.cloned().map(Change::Removed)).collect()
    }

    /// What a rule does and says, however it is set; its text where Cedar has none.
    fn json(&self, rule: &Rule) -> Result<impl PartialEq + use<>, String> {
        self.policy(rule).and_then(|policy| policy.to_json().ok()).ok_or_else(|| rule.source.clone())
    }
}
