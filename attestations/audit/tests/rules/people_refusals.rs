//! What breaks a rule of who signs changes, and who may be what.

use crate::lab::*;
use unseen_ids::Role;
use unseen_policies::event::*;
use unseen_policies::ledger::Refusal;
use unseen_policies::policy::Policy;

fn rules(lab: &Lab, change: impl FnOnce(&mut Policy)) -> PolicySet {
    let mut policy = lab.ledger().policy().unwrap().clone();
    change(&mut policy);
    PolicySet { policy }
}

/// From here on changes need two.
fn by_two(lab: &mut Lab) {
    lab.rules(|policy| policy.changes_need = Some(2));
}

/// From here on people and rules are a security administrator's, the newcomer's.
fn separated(lab: &mut Lab) {
    lab.does(OWNER, enrolment(NEWCOMER, "security", vec![Role::Security]));
    lab.rules(|policy| policy.separated = true);
}

fn revocation(seed: u8) -> PersonRevoked {
    PersonRevoked { key: public(seed), reason: "left".into() }
}

fn signed_by_one(lab: &mut Lab, event: impl Into<Event>) -> (u64, Refusal) {
    by_two(lab);
    (lab.puts(OWNER, event), Refusal::TooFewSigners { has: 1, needs: 2 })
}

pub fn changed_by_one_of_two(lab: &mut Lab) -> (u64, Refusal) {
    let alone = rules(lab, |policy| policy.changes_need = None);
    signed_by_one(lab, alone)
}

pub fn enrolled_by_one_of_two(lab: &mut Lab) -> (u64, Refusal) {
    signed_by_one(lab, enrolment(NEWCOMER, "newcomer", vec![Role::Auditor]))
}

pub fn revoked_by_one_of_two(lab: &mut Lab) -> (u64, Refusal) {
    signed_by_one(lab, revocation(AUDITOR))
}

pub fn handed_over_by_one_of_two(lab: &mut Lab) -> (u64, Refusal) {
    signed_by_one(lab, LogKeyChanged { log_key: verifier(NEXT_LOG_KEY).to_string() })
}

fn by_many(lab: &mut Lab, who: &[u8], event: impl Into<Event>) -> (u64, Refusal) {
    let entry = lab.seal_by(who, event);
    (lab.push(entry), Refusal::TooManySigners)
}

pub fn submitted_by_two(lab: &mut Lab) -> (u64, Refusal) {
    let submission = lab.submission();
    by_many(lab, &[ANALYST, OWNER], submission)
}

pub fn approved_by_two_at_once(lab: &mut Lab) -> (u64, Refusal) {
    let job = lab.submit();
    let approval = lab.approval(job);
    by_many(lab, &[OWNER, SECOND], approval)
}

pub fn released_by_two(lab: &mut Lab) -> (u64, Refusal) {
    let (job, _) = lab.running();
    let result = lab.result(job);
    by_many(lab, &[SERVICE, OWNER], result)
}

pub fn more_approvals_than_operators(lab: &mut Lab) -> (u64, Refusal) {
    let four = rules(lab, |policy| (policy.approvals, policy.changes_need) = (4, Some(1)));
    (lab.puts(OWNER, four), Refusal::TooFewPeople { role: Role::Operator, has: 3, needs: 4 })
}

pub fn two_for_a_change_and_one_there(lab: &mut Lab) -> (u64, Refusal) {
    for seed in [SECOND, ANALYST] {
        lab.does(OWNER, revocation(seed));
    }
    let two = rules(lab, |policy| (policy.approvals, policy.changes_need) = (1, Some(2)));
    (lab.puts(OWNER, two), Refusal::TooFewPeople { role: Role::Operator, has: 1, needs: 2 })
}

pub fn separated_from_nobody(lab: &mut Lab) -> (u64, Refusal) {
    let separated = rules(lab, |policy| policy.separated = true);
    (lab.puts(OWNER, separated), Refusal::TooFewPeople { role: Role::Security, has: 0, needs: 1 })
}

pub fn one_of_the_last_two_revoked(lab: &mut Lab) -> (u64, Refusal) {
    by_two(lab);
    let analyst = lab.seal_by(&[OWNER, SECOND], revocation(ANALYST));
    lab.push(analyst);
    let entry = lab.seal_by(&[SECOND, OWNER], revocation(SECOND));
    (lab.push(entry), Refusal::Needed { name: "second".into(), role: Role::Operator })
}

pub fn the_last_security_administrator_revoked(lab: &mut Lab) -> (u64, Refusal) {
    separated(lab);
    let entry = lab.puts(NEWCOMER, revocation(NEWCOMER));
    (entry, Refusal::Needed { name: "security".into(), role: Role::Security })
}

pub fn an_operator_who_audits(lab: &mut Lab) -> (u64, Refusal) {
    separated(lab);
    let both = enrolment(STRANGER, "both", vec![Role::Operator, Role::Auditor]);
    (lab.puts(NEWCOMER, both), Refusal::NotSeparated("both".into()))
}

pub fn separated_with_two_offices(lab: &mut Lab) -> (u64, Refusal) {
    lab.does(OWNER, enrolment(NEWCOMER, "both", vec![Role::Security, Role::Operator]));
    let separated = rules(lab, |policy| policy.separated = true);
    (lab.puts(OWNER, separated), Refusal::NotSeparated("both".into()))
}

pub fn enrolled_by_an_operator_where_others_do(lab: &mut Lab) -> (u64, Refusal) {
    separated(lab);
    let entry = lab.puts(OWNER, enrolment(STRANGER, "friend", vec![Role::Operator]));
    (entry, Refusal::WrongRole { name: "owner".into(), role: Role::Security })
}

fn access_log() -> AccessLogRecorded {
    AccessLogRecorded { date: "2026-11-28".parse().unwrap(), digest: other_digest(), lines: 7 }
}

pub fn an_access_log_of_the_same_day(lab: &mut Lab) -> (u64, Refusal) {
    lab.does(SERVICE, access_log());
    let (date, last) = (access_log().date, access_log().date);
    (lab.puts(SERVICE, access_log()), Refusal::OldAccessLog { date, last })
}

pub fn a_console_by_an_operator(lab: &mut Lab) -> (u64, Refusal) {
    let assets = other_digest();
    (lab.puts(OWNER, ConsoleServed { runtime: "unseen 0.3.0".into(), assets }), Refusal::NotTheLab)
}

pub fn an_access_log_by_an_operator(lab: &mut Lab) -> (u64, Refusal) {
    (lab.puts(OWNER, access_log()), Refusal::NotTheLab)
}

pub fn an_envelope_with_a_signature_less(lab: &mut Lab) -> (u64, Refusal) {
    let event = lab.record(revocation(AUDITOR));
    let one = unseen_entries::sign::sign(&event, &key(OWNER)).unwrap();
    let two = unseen_entries::sign::countersign(&one, &key(SECOND)).unwrap();
    lab.push(two);
    (lab.push(one), Refusal::Replayed)
}
