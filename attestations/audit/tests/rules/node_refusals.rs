//! What breaks a rule of nodes.

use crate::lab::*;
use unseen_ids::Role;
use unseen_policies::event::*;
use unseen_policies::ledger::Refusal;

fn node_revocation(seed: u8) -> NodeRevoked {
    NodeRevoked { key: public(seed), reason: "sold".into() }
}

fn by_one_of_two(lab: &mut Lab, event: impl Into<Event>) -> (u64, Refusal) {
    lab.rules(|policy| policy.changes_need = Some(2));
    (lab.puts(OWNER, event), Refusal::TooFewSigners { has: 1, needs: 2 })
}

pub fn a_node_enrolled_by_one_of_two(lab: &mut Lab) -> (u64, Refusal) {
    by_one_of_two(lab, node(NODE, "n1"))
}

pub fn a_node_revoked_by_one_of_two(lab: &mut Lab) -> (u64, Refusal) {
    lab.does(OWNER, node(NODE, "n1"));
    by_one_of_two(lab, node_revocation(NODE))
}

pub fn a_node_enrolled_by_a_steward(lab: &mut Lab) -> (u64, Refusal) {
    let entry = lab.puts(STEWARD, node(NODE, "n1"));
    (entry, Refusal::WrongRole { name: "steward".into(), role: Role::Operator })
}

pub fn a_node_enrolled_by_an_operator_where_others_do(lab: &mut Lab) -> (u64, Refusal) {
    lab.does(OWNER, enrolment(NEWCOMER, "security", vec![Role::Security]));
    lab.rules(|policy| policy.separated = true);
    let entry = lab.puts(OWNER, node(NODE, "n1"));
    (entry, Refusal::WrongRole { name: "owner".into(), role: Role::Security })
}

pub fn a_node_of_a_name_taken(lab: &mut Lab) -> (u64, Refusal) {
    lab.does(OWNER, node(NODE, "n1"));
    (lab.puts(OWNER, node(OTHER_NODE, "n1")), Refusal::NodeNameTaken("n1".into()))
}

pub fn a_node_with_a_persons_key(lab: &mut Lab) -> (u64, Refusal) {
    (lab.puts(OWNER, node(SECOND, "n1")), Refusal::KeyTaken)
}

pub fn a_node_with_the_labs_own_key(lab: &mut Lab) -> (u64, Refusal) {
    (lab.puts(OWNER, node(SERVICE, "n1")), Refusal::KeyTaken)
}

pub fn a_revoked_node_again(lab: &mut Lab) -> (u64, Refusal) {
    lab.does(OWNER, node(NODE, "n1"));
    lab.does(OWNER, node_revocation(NODE));
    (lab.puts(OWNER, node(NODE, "n1")), Refusal::KeyTaken)
}

pub fn a_person_with_a_nodes_key(lab: &mut Lab) -> (u64, Refusal) {
    lab.does(OWNER, node(NODE, "n1"));
    (lab.puts(OWNER, enrolment(NODE, "newcomer", vec![Role::Operator])), Refusal::KeyTaken)
}

pub fn a_node_called_as_the_lab_is(lab: &mut Lab) -> (u64, Refusal) {
    (lab.puts(OWNER, node(NODE, "the lab")), Refusal::BadName("the lab".into()))
}

pub fn a_node_without_a_recipient(lab: &mut Lab) -> (u64, Refusal) {
    let recipient = RECIPIENT.to_uppercase();
    let proof = unseen_entries::sign::prove_node(&key(NODE), ORIGIN, "n1", &recipient).unwrap();
    let enrolled = NodeEnrolled { recipient: recipient.clone(), proof, ..node(NODE, "n1") };
    (lab.puts(OWNER, enrolled), Refusal::BadRecipient(recipient))
}

pub fn a_node_revoked_twice(lab: &mut Lab) -> (u64, Refusal) {
    lab.does(OWNER, node(NODE, "n1"));
    let revoked = lab.does(OWNER, node_revocation(NODE));
    (lab.puts(OWNER, node_revocation(NODE)), Refusal::NodeRevoked("n1".into(), revoked))
}

pub fn a_person_revoked_as_a_node(lab: &mut Lab) -> (u64, Refusal) {
    (lab.puts(OWNER, node_revocation(SECOND)), Refusal::NoSuchNode(public(SECOND).short()))
}
