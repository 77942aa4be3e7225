//! What breaks a rule of datasets' lives.

use crate::lab::*;
use unseen_ids::Role;
use unseen_policies::event::*;
use unseen_policies::ledger::{Gone, Refusal};

fn marked(lab: &mut Lab, status: Status) {
    lab.does(STEWARD, DatasetStatus { name: "firms".into(), status, reason: "asked to".into() });
}

fn is(status: Status) -> Refusal {
    Refusal::DatasetIs { dataset: "firms".into(), status }
}

fn gone(gone: Gone) -> Refusal {
    Refusal::SnapshotGone { dataset: "firms".into(), gone }
}

/// A new snapshot, so that the one before may be deleted.
fn renewed(lab: &mut Lab) {
    let next = DatasetRegistered { snapshot: other_digest(), ..lab.dataset("firms", Some("enterprise")) };
    lab.does(STEWARD, next);
}

fn deletion(lab: &mut Lab) -> DatasetDeleted {
    let snapshots = vec![lab.dataset("firms", None).snapshot];
    DatasetDeleted { name: "firms".into(), snapshots, reason: "kept long enough".into() }
}

/// The same dataset, to be kept for a century.
fn kept_for_a_century(lab: &mut Lab) -> DatasetRegistered {
    let until = lab.time + CENTURY;
    DatasetRegistered { keep_until: Some(until), ..lab.dataset("firms", Some("enterprise")) }
}

/// So long that no clock of a machine that tests this has come so far.
const CENTURY: chrono::TimeDelta = chrono::TimeDelta::days(36_525);

pub fn a_job_on_a_closed_dataset(lab: &mut Lab) -> (u64, Refusal) {
    marked(lab, Status::Closed);
    let submission = lab.submission();
    (lab.puts(ANALYST, submission), is(Status::Closed))
}

pub fn a_withdrawn_dataset_opened(lab: &mut Lab) -> (u64, Refusal) {
    marked(lab, Status::Withdrawn);
    let open = DatasetStatus { name: "firms".into(), status: Status::Open, reason: "after all".into() };
    (lab.puts(STEWARD, open), is(Status::Withdrawn))
}

pub fn a_withdrawn_dataset_by_another_steward(lab: &mut Lab) -> (u64, Refusal) {
    lab.does(OWNER, enrolment(NEWCOMER, "newcomer", vec![Role::Steward]));
    marked(lab, Status::Withdrawn);
    let again = lab.dataset("firms", Some("enterprise"));
    (lab.puts(NEWCOMER, again), Refusal::OtherSteward("firms".into()))
}

pub fn run_on_a_withdrawn_dataset(lab: &mut Lab) -> (u64, Refusal) {
    let job = lab.approved();
    marked(lab, Status::Withdrawn);
    (lab.puts(OWNER, lab.start(job)), gone(Gone::Withdrawn))
}

pub fn run_on_a_deleted_snapshot(lab: &mut Lab) -> (u64, Refusal) {
    let job = lab.approved();
    renewed(lab);
    let deletion = deletion(lab);
    lab.does(STEWARD, deletion);
    (lab.puts(OWNER, lab.start(job)), gone(Gone::Deleted))
}

pub fn a_deleted_snapshot_again(lab: &mut Lab) -> (u64, Refusal) {
    renewed(lab);
    let deletion = deletion(lab);
    lab.does(STEWARD, deletion);
    let again = lab.dataset("firms", Some("enterprise"));
    (lab.puts(STEWARD, again), gone(Gone::Deleted))
}

pub fn a_withdrawn_snapshot_again(lab: &mut Lab) -> (u64, Refusal) {
    marked(lab, Status::Withdrawn);
    let again = lab.dataset("firms", Some("enterprise"));
    (lab.puts(STEWARD, again), gone(Gone::Withdrawn))
}

pub fn the_present_snapshot_deleted(lab: &mut Lab) -> (u64, Refusal) {
    let deletion = deletion(lab);
    (lab.puts(STEWARD, deletion), is(Status::Open))
}

pub fn no_snapshot_deleted(lab: &mut Lab) -> (u64, Refusal) {
    let nothing = DatasetDeleted { snapshots: vec![], ..deletion(lab) };
    (lab.puts(STEWARD, nothing), Refusal::NoSuchSnapshot("firms".into()))
}

pub fn a_snapshot_deleted_twice(lab: &mut Lab) -> (u64, Refusal) {
    renewed(lab);
    let deletion = deletion(lab);
    lab.does(STEWARD, deletion.clone());
    (lab.puts(STEWARD, deletion), Refusal::NoSuchSnapshot("firms".into()))
}

pub fn a_snapshot_deleted_in_a_run(lab: &mut Lab) -> (u64, Refusal) {
    let (job, _) = lab.running();
    renewed(lab);
    let deletion = deletion(lab);
    (lab.puts(STEWARD, deletion), Refusal::StillRead(job))
}

pub fn a_job_on_what_is_kept_no_longer(lab: &mut Lab) -> (u64, Refusal) {
    let kept = kept_for_a_century(lab);
    lab.does(STEWARD, kept);
    lab.wait(CENTURY);
    let submission = lab.submission();
    (lab.puts(ANALYST, submission), gone(Gone::Expired))
}

pub fn a_run_on_what_is_kept_no_longer(lab: &mut Lab) -> (u64, Refusal) {
    let kept = kept_for_a_century(lab);
    lab.does(STEWARD, kept);
    let job = lab.approved();
    lab.wait(CENTURY);
    (lab.puts(OWNER, lab.start(job)), gone(Gone::Expired))
}

pub fn what_is_kept_no_longer_registered(lab: &mut Lab) -> (u64, Refusal) {
    let kept = kept_for_a_century(lab);
    lab.wait(CENTURY);
    (lab.puts(STEWARD, kept), gone(Gone::Expired))
}

pub fn deleted_by_the_lab_too_early(lab: &mut Lab) -> (u64, Refusal) {
    let kept = kept_for_a_century(lab);
    lab.does(STEWARD, kept);
    let deletion = deletion(lab);
    (lab.puts(SERVICE, deletion), Refusal::StillKept("firms".into()))
}

pub fn deleted_by_the_lab_though_it_is_kept(lab: &mut Lab) -> (u64, Refusal) {
    renewed(lab);
    let deletion = deletion(lab);
    (lab.puts(SERVICE, deletion), Refusal::StillKept("firms".into()))
}

fn by_another_steward(lab: &mut Lab, event: impl Into<Event>) -> (u64, Refusal) {
    lab.does(OWNER, enrolment(NEWCOMER, "newcomer", vec![Role::Steward]));
    (lab.puts(NEWCOMER, event), Refusal::NotItsSteward("firms".into()))
}

pub fn closed_by_another_steward(lab: &mut Lab) -> (u64, Refusal) {
    by_another_steward(lab, DatasetStatus { name: "firms".into(), status: Status::Closed, reason: "so".into() })
}

pub fn described_by_another_steward(lab: &mut Lab) -> (u64, Refusal) {
    let description = lab.dataset("firms", None).description;
    by_another_steward(lab, DatasetDescribed { name: "firms".into(), description })
}

pub fn deleted_by_another_steward(lab: &mut Lab) -> (u64, Refusal) {
    renewed(lab);
    let deletion = deletion(lab);
    by_another_steward(lab, deletion)
}
