//! The lives of datasets.

use super::lab::*;
use crate::event::*;
use crate::ledger::*;
use crate::lifecycle::State;

const OTHER_STEWARD: u8 = 7;

fn marked(status: Status) -> DatasetStatus {
    DatasetStatus { name: "firms".into(), status, reason: "asked to".into() }
}

fn is(status: Status) -> Refusal {
    Refusal::DatasetIs { dataset: "firms".into(), status }
}

fn deletion(snapshots: &[u8]) -> DatasetDeleted {
    let snapshots = snapshots.iter().map(|of| digest(*of)).collect();
    DatasetDeleted { name: "firms".into(), snapshots, reason: "kept long enough".into() }
}

fn gone(gone: Gone) -> Refusal {
    Refusal::SnapshotGone { dataset: "firms".into(), gone }
}

/// A lab with a second steward and a job that was approved.
fn lab() -> (Lab, JobId) {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    lab.does(OWNER, enrolment(OTHER_STEWARD, "other", &[Role::Steward]));
    let job = lab.submit();
    lab.approve(job);
    (lab, job)
}

#[test]
fn a_closed_dataset_takes_no_jobs_and_lets_those_run_that_it_has() {
    let (mut lab, job) = lab();
    assert!(matches!(lab.try_(OWNER, marked(Status::Closed)), Err(Refusal::WrongRole { .. })));
    assert_eq!(lab.try_(STEWARD, marked(Status::Open)), Err(is(Status::Open)));
    let not_its = Err(Refusal::NotItsSteward("firms".into()));
    assert_eq!(lab.try_(OTHER_STEWARD, marked(Status::Closed)), not_its);
    lab.does(STEWARD, marked(Status::Closed));
    let submission = lab.submission();
    assert_eq!(lab.try_(ANALYST, submission.clone()), Err(is(Status::Closed)));
    assert_eq!(lab.ledger.queue(), [job]);
    lab.does(STEWARD, marked(Status::Open));
    lab.does(ANALYST, submission);
    lab.does(STEWARD, marked(Status::Closed));
    let start = lab.start(job);
    lab.does(OWNER, start);
}

#[test]
fn no_run_starts_on_what_was_withdrawn_even_when_there_is_more_of_it() {
    let (mut lab, job) = lab();
    lab.does(STEWARD, marked(Status::Withdrawn));
    for status in [Status::Open, Status::Closed, Status::Withdrawn] {
        assert_eq!(lab.try_(STEWARD, marked(status)), Err(is(Status::Withdrawn)), "for ever");
    }
    let submission = lab.submission();
    assert_eq!(lab.try_(ANALYST, submission), Err(is(Status::Withdrawn)));
    let start = lab.start(job);
    assert_eq!(lab.try_(OWNER, start.clone()), Err(gone(Gone::Withdrawn)));
    assert_eq!((lab.ledger.queue(), lab.ledger.held(&lab.ledger.jobs[&job])), (vec![], Some(gone(Gone::Withdrawn))));
    // Another steward's registration would open what its owner has closed.
    let again = DatasetRegistered { snapshot: digest(12), ..dataset_named("firms", Some("enterprise")) };
    assert_eq!(lab.try_(OTHER_STEWARD, again.clone()), Err(Refusal::OtherSteward("firms".into())));
    lab.does(STEWARD, again.clone());
    assert_eq!(lab.try_(OWNER, start), Err(gone(Gone::Withdrawn)), "the old snapshot stays withdrawn");
    let mut submission = lab.submission();
    submission.datasets[0].snapshot = digest(12);
    lab.does(ANALYST, submission);
    let same = dataset_named("firms", Some("enterprise"));
    assert_eq!(lab.try_(STEWARD, same), Err(gone(Gone::Withdrawn)), "nobody brings that very one back");
    // Who may use a snapshot changes as before.
    let others = DatasetRegistered { open_to: vec!["somebody".into()], ..again.clone() };
    lab.does(OTHER_STEWARD, others);
    assert_eq!(lab.ledger.datasets["firms"].snapshots.len(), 2);
}

#[test]
fn what_is_deleted_is_read_no_more_and_its_budget_stays_spent() {
    let (mut lab, first) = lab();
    let second = lab.submit();
    lab.approve(second);
    let start = lab.start(first);
    let run = lab.does(OWNER, start);
    assert_eq!(lab.try_(STEWARD, deletion(&[11])), Err(is(Status::Open)), "the present snapshot");
    lab.does(STEWARD, DatasetRegistered { snapshot: digest(12), ..dataset_named("firms", Some("enterprise")) });
    assert_eq!(lab.try_(STEWARD, deletion(&[11])), Err(Refusal::StillRead(first)));
    lab.does(SERVICE, RunFailed { job: first, run, reason: "failed".into() });
    for none in [&[][..], &[13], &[11, 11], &[11, 13]] {
        assert_eq!(lab.try_(STEWARD, deletion(none)), Err(Refusal::NoSuchSnapshot("firms".into())), "{none:?}");
    }
    assert!(matches!(lab.try_(OWNER, deletion(&[11])), Err(Refusal::WrongRole { .. })));
    let entry = lab.does(STEWARD, deletion(&[11]));
    assert_eq!(lab.ledger.datasets["firms"].snapshots[0].gone, Some((Gone::Deleted, entry)));
    assert_eq!(lab.try_(STEWARD, deletion(&[11])), Err(Refusal::NoSuchSnapshot("firms".into())), "once");
    let start = lab.start(second);
    assert_eq!(lab.try_(OWNER, start), Err(gone(Gone::Deleted)));
    let again = dataset_named("firms", Some("enterprise"));
    assert_eq!(lab.try_(STEWARD, again), Err(gone(Gone::Deleted)), "not even registered again");
    // The whole of it, once it is withdrawn.
    assert_eq!(lab.try_(STEWARD, deletion(&[12])), Err(is(Status::Open)));
    lab.does(STEWARD, marked(Status::Withdrawn));
    lab.does(STEWARD, deletion(&[12]));
    assert_eq!(lab.ledger.datasets["firms"].spent, "0.25".parse().unwrap());
    assert_eq!(lab.ledger.jobs[&first].state, State::Failed);
}

#[test]
fn a_description_is_put_otherwise() {
    let (mut lab, job) = lab();
    let described = DatasetDescribed { name: "firms".into(), description: digest(77) };
    assert!(matches!(lab.try_(ANALYST, described.clone()), Err(Refusal::WrongRole { .. })));
    let nothing = DatasetDescribed { name: "nothing".into(), ..described.clone() };
    assert_eq!(lab.try_(STEWARD, nothing), Err(Refusal::NoSuchDataset("nothing".into())));
    lab.does(STEWARD, described);
    let mut submission = lab.submission();
    assert_eq!(lab.try_(ANALYST, submission.clone()), Err(Refusal::OtherSnapshot("firms".into())));
    submission.datasets[0].description = digest(77);
    lab.does(ANALYST, submission);
    let start = lab.start(job);
    lab.does(OWNER, start);
}

#[test]
fn what_is_kept_no_longer_is_destroyed_by_the_lab_and_nothing_else() {
    let (mut lab, _) = lab();
    let until = lab.record(marked(Status::Closed)).time + chrono::TimeDelta::days(1);
    let kept = DatasetRegistered { keep_until: Some(until), ..dataset_named("firms", Some("enterprise")) };
    lab.does(STEWARD, kept.clone());
    let early = Err(Refusal::StillKept("firms".into()));
    assert_eq!(lab.try_(SERVICE, deletion(&[11])), early);
    lab.wait(24 * 3600);
    let submission = lab.submission();
    assert_eq!(lab.try_(ANALYST, submission), Err(gone(Gone::Expired)));
    assert_eq!(lab.try_(STEWARD, kept), Err(gone(Gone::Expired)));
    assert_eq!(lab.try_(OTHER_STEWARD, deletion(&[11])), Err(Refusal::NotItsSteward("firms".into())));
    // The present one too, and without a withdrawal.
    lab.does(SERVICE, deletion(&[11]));
    assert!(lab.ledger.datasets["firms"].snapshots[0].is(Gone::Deleted));
    // Its steward brings another.
    let next = DatasetRegistered { snapshot: digest(12), ..dataset_named("firms", Some("enterprise")) };
    lab.does(STEWARD, next);
}

#[test]
fn whoever_is_steward_takes_over_when_the_one_there_was_is_gone() {
    let (mut lab, _) = lab();
    lab.does(OWNER, PersonRevoked { key: key(STEWARD), reason: "left".into() });
    lab.does(OTHER_STEWARD, marked(Status::Closed));
}
