//! Which machines may carry out parts of runs.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::lab::*;
use crate::event::*;
use crate::ledger::*;

const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

fn node(who: u8, name: &str) -> NodeEnrolled {
    NodeEnrolled { name: name.into(), key: key(who), recipient: RECIPIENT.into(), proof: String::new() }
}

fn revoked(who: u8) -> NodeRevoked {
    NodeRevoked { key: key(who), reason: "sold".into() }
}

#[test]
fn a_node_is_there_for_runs_between_its_enrolment_and_its_revocation() {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    let since = lab.does(OWNER, node(50, "n1"));
    lab.does(SECOND, node(51, "n2"));
    let gone = lab.does(OWNER, revoked(50));
    let names = |lab: &Lab, run| lab.ledger.nodes_at(run).map(|(_, node)| node.name.clone()).collect::<Vec<_>>();
    assert!(names(&lab, since).is_empty(), "enrolled before the run, not by it");
    assert_eq!(names(&lab, since + 1), ["n1"]);
    assert_eq!(names(&lab, gone), ["n1", "n2"], "revoked before the run, not by it");
    assert_eq!(names(&lab, gone + 1), ["n2"]);
    assert_eq!(lab.ledger.node(&key(50)), Err(Refusal::NodeRevoked("n1".into(), gone)));
    assert_eq!(lab.ledger.node(&key(51)).map(|node| node.recipient.as_str()), Ok(RECIPIENT));
    assert_eq!(lab.ledger.node(&key(52)), Err(Refusal::NoSuchNode(key(52).short())));
    // What is kept is the whole of it.
    let kept = lab.kept.values().map(|put| serde_json::from_str(put).unwrap());
    assert_eq!(Ledger::restore(lab.ledger.size, kept), lab.ledger);
}

#[test]
fn nodes_are_changed_by_as_many_as_people_are() {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    let policy = Policy { changes_need: Some(2), ..lab.ledger.policy().unwrap().clone() };
    lab.does(OWNER, PolicySet { policy });
    let few = Refusal::TooFewSigners { has: 1, needs: 2 };
    assert_eq!(lab.try_(OWNER, node(50, "n1")), Err(few.clone()));
    lab.try_all(&[OWNER, SECOND], node(50, "n1")).unwrap();
    assert_eq!(lab.try_(OWNER, revoked(50)), Err(few));
    lab.try_all(&[SECOND, OWNER], revoked(50)).unwrap();
    // A node's key signs no entry.
    lab.try_all(&[OWNER, SECOND], node(51, "n1")).unwrap();
    let submission = lab.submission();
    assert_eq!(lab.try_(51, submission), Err(Refusal::NotEnrolled));
}

#[test]
fn recipients_have_one_shape() {
    assert!(is_recipient(RECIPIENT));
    let upper = RECIPIENT.to_uppercase();
    let with = |from: &str, to: &str| RECIPIENT.replacen(from, to, 1);
    for bad in [
        "",
        "age1",
        &upper,
        &RECIPIENT[1..],
        &RECIPIENT[..61],
        &format!("{RECIPIENT}q"),
        &format!("{RECIPIENT}\n"),
        &with("age1q", "age1b"),
        &with("age1q", "age11"),
        &with("age1q", "age1é"),
        &with("age1", "age2"),
    ] {
        assert!(!is_recipient(bad), "{bad}");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Enrol { who: u8, name: u8 },
    Revoke { who: u8 },
    EnrolPerson { who: u8, name: u8 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (who, name) = (50u8..56, 0u8..3);
    let step = prop_oneof![
        4 => (who.clone(), name.clone()).prop_map(|(who, name)| Step::Enrol { who, name }),
        2 => who.clone().prop_map(|who| Step::Revoke { who }),
        1 => (who, name).prop_map(|(who, name)| Step::EnrolPerson { who, name }),
    ];
    prop::collection::vec(step, 0..24)
}

/// What a model of the rules knows: of each key that is taken, its node's name, and from where to where it counts.
type Model = BTreeMap<u8, Option<(u8, u64, Option<u64>)>>;

proptest! {
    #[test]
    fn any_history_of_nodes_is_as_the_model_says(steps in steps()) {
        let mut lab = Lab::new(["1", "1", "0.25"]);
        let mut model = Model::new();
        for step in steps {
            let at = lab.ledger.size;
            let named = |model: &Model, name| {
                model.values().flatten().any(|(other, _, gone)| *other == name && gone.is_none())
            };
            match step {
                Step::Enrol { who, name } => {
                    let fine = !model.contains_key(&who) && !named(&model, name);
                    let done = lab.try_(OWNER, node(who, &format!("n{name}")));
                    prop_assert_eq!(done.is_ok(), fine, "{:?}", done);
                    if fine {
                        model.insert(who, Some((name, at, None)));
                    }
                }
                Step::Revoke { who } => {
                    let found = model.get_mut(&who).and_then(Option::as_mut).filter(|(.., gone)| gone.is_none());
                    let done = lab.try_(OWNER, revoked(who));
                    prop_assert_eq!(done.is_ok(), found.is_some(), "{:?}", done);
                    if let Some((.., gone)) = found {
                        *gone = Some(at);
                    }
                }
                Step::EnrolPerson { who, name } => {
                    let done = lab.try_(OWNER, enrolment(who, &format!("person {who} {name}"), &[Role::Auditor]));
                    prop_assert_eq!(done.is_ok(), !model.contains_key(&who), "{:?}", done);
                    model.entry(who).or_insert(None);
                }
            }
            for run in 0..=lab.ledger.size {
                let there: Vec<_> = lab.ledger.nodes_at(run).map(|(key, _)| *key).collect();
                let counts = |(_, since, gone): &(u8, u64, Option<u64>)| *since < run && gone.is_none_or(|gone| gone >= run);
                let expected: Vec<_> = model.iter().filter(|(_, found)| found.as_ref().is_some_and(counts)).collect();
                prop_assert_eq!(there, expected.into_iter().map(|(who, _)| key(*who)).collect::<Vec<_>>());
            }
        }
        let kept = lab.kept.values().map(|put| serde_json::from_str(put).unwrap());
        prop_assert_eq!(Ledger::restore(lab.ledger.size, kept), lab.ledger);
    }
}
