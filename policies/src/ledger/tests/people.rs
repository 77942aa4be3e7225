//! How many sign a change, and who may be what.

use super::lab::*;
use crate::event::*;
use crate::ledger::*;

const SECURITY: u8 = 7;
const OTHER_SECURITY: u8 = 8;

fn rules(lab: &Lab, change: impl FnOnce(&mut Policy)) -> PolicySet {
    let mut policy = lab.ledger.policy().unwrap().clone();
    change(&mut policy);
    PolicySet { policy }
}

#[test]
fn a_change_is_signed_by_as_many_as_the_policy_asks_for() {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    // Under the rules before, one is enough, and two may.
    let two = rules(&lab, |policy| policy.changes_need = Some(2));
    lab.does(OWNER, two.clone());
    let few = Refusal::TooFewSigners { has: 1, needs: 2 };
    for event in [
        Event::from(two.clone()),
        enrolment(9, "late", &[Role::Auditor]).into(),
        PersonRevoked { key: key(9), reason: "left".into() }.into(),
        LogKeyChanged { log_key: "lab+2+y".into() }.into(),
    ] {
        assert_eq!(lab.try_(OWNER, event.clone()), Err(few.clone()));
        assert_eq!(lab.try_all(&[OWNER, OWNER], event.clone()), Err(few.clone()), "nobody counts twice");
        let wrong = lab.try_all(&[OWNER, STEWARD], event.clone());
        assert!(matches!(wrong, Err(Refusal::WrongRole { .. })), "{wrong:?}");
        assert_eq!(lab.try_all(&[OWNER, SECOND, SERVICE], event.clone()), Err(Refusal::NotEnrolled));
        assert!(lab.try_all(&[SECOND, OWNER], event).is_ok());
    }
    // Every other entry is one person's.
    let submission = lab.submission();
    assert_eq!(lab.try_all(&[ANALYST, OWNER], submission), Err(Refusal::TooManySigners));
    // Back to one, by two; and more than are asked for may sign.
    let one = rules(&lab, |policy| policy.changes_need = None);
    assert_eq!(lab.try_(OWNER, one.clone()), Err(few));
    lab.try_all(&[OWNER, SECOND], one.clone()).unwrap();
    lab.try_all(&[ANALYST, OWNER, SECOND], one.clone()).unwrap();
    lab.does(OWNER, one);
}

/// An envelope with a signature less, more or in another place is the same envelope.
#[test]
fn what_two_have_signed_counts_once() {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    let same = rules(&lab, |policy| policy.changes_need = Some(1));
    let record = lab.record(same);
    lab.put(&[OWNER, SECOND], &record).unwrap();
    for who in [&[OWNER, SECOND][..], &[SECOND, OWNER], &[OWNER], &[SECOND], &[ANALYST, SECOND]] {
        assert_eq!(lab.put(who, &record), Err(Refusal::Replayed), "{who:?}");
    }
}

#[test]
fn rules_ask_for_no_more_people_than_there_are() {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    let asks = |lab: &Lab, approvals, changes_need| {
        rules(lab, |policy| {
            (policy.approvals, policy.changes_need) = (approvals, changes_need);
        })
    };
    let (four, few) = (asks(&lab, 4, Some(1)), Refusal::TooFewPeople { role: Role::Operator, has: 3, needs: 4 });
    assert_eq!(lab.try_(OWNER, four), Err(few.clone()));
    // Older rules were not asked that; the lab asks before it takes any.
    let older = asks(&lab, 4, None);
    assert_eq!(lab.ledger.check_staffed(&older.policy), Err(few));
    lab.does(OWNER, older);
    let three = asks(&lab, 3, Some(2));
    lab.does(OWNER, three);
    // Those without whom nobody could change the rules stay.
    let revoke = |who| PersonRevoked { key: key(who), reason: String::new() };
    lab.try_all(&[OWNER, SECOND], revoke(ANALYST)).unwrap();
    let needed = Refusal::Needed { name: "second".into(), role: Role::Operator };
    assert_eq!(lab.try_all(&[OWNER, SECOND], revoke(SECOND)), Err(needed));
}

#[test]
fn security_administrators_are_nothing_else_where_the_policy_separates_them() {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    let separated = rules(&lab, |policy| (policy.separated, policy.approvals) = (true, 1));
    let nobody = Refusal::TooFewPeople { role: Role::Security, has: 0, needs: 1 };
    assert_eq!(lab.try_(OWNER, separated.clone()), Err(nobody));
    lab.does(OWNER, enrolment(SECURITY, "security", &[Role::Security, Role::Auditor]));
    assert_eq!(lab.try_(OWNER, separated.clone()), Err(Refusal::NotSeparated("security".into())));
    lab.does(OWNER, PersonRevoked { key: key(SECURITY), reason: "two offices".into() });
    lab.does(OWNER, enrolment(OTHER_SECURITY, "security", &[Role::Security, Role::Steward]));
    assert!(matches!(lab.try_(OTHER_SECURITY, separated.clone()), Err(Refusal::WrongRole { .. })), "not yet");
    lab.does(OWNER, separated.clone());

    // From here on people and rules are theirs, and jobs and the log's key are not.
    let wrong = |name: &str, role| Refusal::WrongRole { name: name.into(), role };
    for event in [Event::from(separated), enrolment(9, "late", &[Role::Analyst]).into()] {
        assert_eq!(lab.try_(OWNER, event.clone()), Err(wrong("owner", Role::Security)));
        lab.does(OTHER_SECURITY, event);
    }
    let change = LogKeyChanged { log_key: "lab+2+y".into() };
    assert_eq!(lab.try_(OTHER_SECURITY, change.clone()), Err(wrong("security", Role::Operator)));
    lab.does(OWNER, change);
    let job = lab.submit();
    let approval = lab.approval(job);
    assert_eq!(lab.try_(OTHER_SECURITY, approval.clone()), Err(wrong("security", Role::Operator)));
    lab.does(OWNER, approval);
    for roles in [[Role::Operator, Role::Auditor], [Role::Security, Role::Operator], [Role::Auditor, Role::Security]] {
        assert_eq!(lab.try_(OTHER_SECURITY, enrolment(10, "both", &roles)), Err(Refusal::NotSeparated("both".into())));
    }
    lab.does(OTHER_SECURITY, enrolment(10, "both", &[Role::Auditor, Role::Analyst]));
    // The last one stays.
    let revoke = |who| PersonRevoked { key: key(who), reason: String::new() };
    let needed = |name: &str, role| Refusal::Needed { name: name.into(), role };
    assert_eq!(lab.try_(OTHER_SECURITY, revoke(OTHER_SECURITY)), Err(needed("security", Role::Security)));
    assert_eq!(lab.try_(OWNER, revoke(SECOND)), Err(wrong("owner", Role::Security)));
    lab.does(OTHER_SECURITY, revoke(SECOND));
}

#[test]
fn each_day_has_one_access_log_and_days_go_on() {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    let of = |day: &str| AccessLogRecorded { date: day.parse().unwrap(), digest: digest(60), lines: 7 };
    assert_eq!(lab.try_(OWNER, of("2026-11-28")), Err(Refusal::NotTheLab));
    lab.does(SERVICE, of("2026-11-28"));
    for old in ["2026-11-28", "2026-11-27", "2025-12-31"] {
        let (date, last) = (old.parse().unwrap(), "2026-11-28".parse().unwrap());
        assert_eq!(lab.try_(SERVICE, of(old)), Err(Refusal::OldAccessLog { date, last }));
    }
    // A day without a server has none.
    lab.does(SERVICE, of("2026-12-01"));
    assert_eq!(lab.ledger.last_access_log(), "2026-12-01".parse().ok());
    let kept = lab.kept.values().map(|put| serde_json::from_str(put).unwrap());
    assert_eq!(Ledger::restore(lab.ledger.size, kept), lab.ledger);
}
