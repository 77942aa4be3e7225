//! What breaks a rule once a job is submitted: approvals, runs, evidence, releases, the log's key.

use super::{rho, submitted};
use crate::lab::*;
use chrono::TimeDelta;
use unseen_ids::{JobId, Role};
use unseen_policies::event::*;
use unseen_policies::ledger::Refusal;
use unseen_policies::lifecycle::State;
use unseen_policies::policy::{EvidenceRule, Machine};

pub fn an_approval_of_nothing(lab: &mut Lab) -> (u64, Refusal) {
    let job = lab.submit();
    let approval = JobApproved { job: JobId(3), ..lab.approval(job) };
    (lab.puts(OWNER, approval), Refusal::NoSuchJob(JobId(3)))
}

pub fn wrong_state(job: JobId, state: State, event: &'static str) -> Refusal {
    Refusal::WrongState { job, state, event }
}

pub fn approved_after_the_release(lab: &mut Lab) -> (u64, Refusal) {
    lab.does(OWNER, enrolment(NEWCOMER, "newcomer", vec![Role::Operator]));
    let (job, _) = lab.released();
    (lab.puts(NEWCOMER, lab.approval(job)), wrong_state(job, State::Released, "job-approved"))
}

pub fn started_without_enough_approvals(lab: &mut Lab) -> (u64, Refusal) {
    let job = lab.submit();
    lab.does(OWNER, lab.approval(job));
    (lab.puts(OWNER, lab.start(job)), Refusal::TooFewApprovals { job, has: 1, needs: 2 })
}

pub fn started_by_the_lab_without_them(lab: &mut Lab) -> (u64, Refusal) {
    let job = lab.submit();
    lab.does(OWNER, lab.approval(job));
    (lab.puts(SERVICE, lab.start(job)), Refusal::TooFewApprovals { job, has: 1, needs: 2 })
}

pub fn started_by_an_auditor(lab: &mut Lab) -> (u64, Refusal) {
    let job = lab.approved();
    (lab.puts(AUDITOR, lab.start(job)), Refusal::WrongRole { name: "auditor".into(), role: Role::Operator })
}

pub fn started_twice(lab: &mut Lab) -> (u64, Refusal) {
    let (job, _) = lab.running();
    (lab.puts(OWNER, lab.start(job)), wrong_state(job, State::Running, "run-started"))
}

pub fn released_twice(lab: &mut Lab) -> (u64, Refusal) {
    let (job, _) = lab.released();
    let again = lab.result(job);
    (lab.puts(SERVICE, again), wrong_state(job, State::Released, "released"))
}

pub fn released_without_a_run(lab: &mut Lab) -> (u64, Refusal) {
    let job = lab.approved();
    (lab.puts(SERVICE, lab.announce(job, other_digest())), wrong_state(job, State::Approved, "released"))
}

pub fn approved_after_a_rejection(lab: &mut Lab) -> (u64, Refusal) {
    let job = lab.submit();
    lab.does(OWNER, JobRejected { job, reason: "too wide".into() });
    (lab.puts(SECOND, lab.approval(job)), wrong_state(job, State::Rejected, "job-approved"))
}

pub fn read_before_the_release(lab: &mut Lab) -> (u64, Refusal) {
    let (job, run) = lab.running();
    (lab.puts(ANALYST, ReleaseRead { job, release: run }), wrong_state(job, State::Running, "release-read"))
}

pub fn withdrawn_though_it_runs(lab: &mut Lab) -> (u64, Refusal) {
    let (job, _) = lab.running();
    let withdrawal = JobWithdrawn { job, reason: "too late".into() };
    (lab.puts(ANALYST, withdrawal), wrong_state(job, State::Running, "job-withdrawn"))
}

pub fn started_after_a_withdrawal(lab: &mut Lab) -> (u64, Refusal) {
    let job = lab.approved();
    lab.does(ANALYST, JobWithdrawn { job, reason: "a wrong column".into() });
    (lab.puts(OWNER, lab.start(job)), wrong_state(job, State::Withdrawn, "run-started"))
}

pub fn withdrawn_by_another(lab: &mut Lab) -> (u64, Refusal) {
    let job = lab.submit();
    (lab.puts(SECOND, JobWithdrawn { job, reason: "no".into() }), Refusal::NotTheAuthor("second".into()))
}

pub fn prioritized(lab: &mut Lab, priority: u8) -> (u64, Refusal) {
    let job = lab.submit();
    (lab.puts(OWNER, JobPrioritized { job, priority }), Refusal::BadPriority(priority))
}

pub fn a_priority_of_none(lab: &mut Lab) -> (u64, Refusal) {
    prioritized(lab, 0)
}

pub fn a_priority_of_ten(lab: &mut Lab) -> (u64, Refusal) {
    prioritized(lab, 10)
}

pub fn prioritized_by_its_author(lab: &mut Lab) -> (u64, Refusal) {
    lab.does(OWNER, enrolment(NEWCOMER, "newcomer", vec![Role::Analyst]));
    let submission = lab.submission();
    let job = JobId(lab.does(NEWCOMER, submission));
    let entry = lab.puts(NEWCOMER, JobPrioritized { job, priority: 1 });
    (entry, Refusal::WrongRole { name: "newcomer".into(), role: Role::Operator })
}

pub fn prioritized_though_it_runs(lab: &mut Lab) -> (u64, Refusal) {
    let (job, _) = lab.running();
    (lab.puts(OWNER, JobPrioritized { job, priority: 1 }), wrong_state(job, State::Running, "job-prioritized"))
}

pub fn approved_by_its_author(lab: &mut Lab) -> (u64, Refusal) {
    let job = lab.submit();
    (lab.puts(ANALYST, lab.approval(job)), Refusal::Author("analyst".into()))
}

pub fn approved_by_its_author_with_a_new_key(lab: &mut Lab) -> (u64, Refusal) {
    let job = lab.submit();
    lab.does(OWNER, PersonRevoked { key: public(ANALYST), reason: "lost".into() });
    lab.does(OWNER, enrolment(NEWCOMER, "analyst", vec![Role::Operator]));
    (lab.puts(NEWCOMER, lab.approval(job)), Refusal::Author("analyst".into()))
}

pub fn approved_twice(lab: &mut Lab) -> (u64, Refusal) {
    let job = lab.submit();
    lab.does(SECOND, lab.approval(job));
    (lab.puts(SECOND, lab.approval(job)), Refusal::ApprovedTwice("second".into()))
}

pub fn approved_twice_with_a_new_key(lab: &mut Lab) -> (u64, Refusal) {
    let job = lab.submit();
    lab.does(SECOND, lab.approval(job));
    lab.does(OWNER, PersonRevoked { key: public(SECOND), reason: "lost".into() });
    lab.does(OWNER, enrolment(NEWCOMER, "second", vec![Role::Operator]));
    (lab.puts(NEWCOMER, lab.approval(job)), Refusal::ApprovedTwice("second".into()))
}

pub fn approved_as(lab: &mut Lab, change: impl FnOnce(&mut JobApproved)) -> (u64, JobId) {
    let job = lab.submit();
    let mut approval = lab.approval(job);
    change(&mut approval);
    (lab.puts(SECOND, approval), job)
}

pub fn approved_as_another_job(lab: &mut Lab) -> (u64, Refusal) {
    let other = lab.submit();
    let leaf = lab.job(other).leaf;
    let (entry, job) = approved_as(lab, |approval| approval.submission = leaf);
    (entry, Refusal::OtherSubmission(job))
}

pub fn approved_with_another_manifest(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, job) = approved_as(lab, |approval| approval.manifest = other_digest());
    (entry, Refusal::OtherSubmission(job))
}

pub fn approved_with_another_module(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, job) = approved_as(lab, |approval| approval.module = other_digest());
    (entry, Refusal::OtherSubmission(job))
}

pub fn approved_in_another_role(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, _) = approved_as(lab, |approval| approval.role = Role::Steward);
    (entry, Refusal::OtherRole(Role::Steward))
}

pub fn approved_before_it_was_seen(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, job) = approved_as(lab, |approval| approval.seen.size = approval.job.0);
    (entry, Refusal::OtherLogSeen { job, seen: job.0 })
}

pub fn approved_after_a_log_to_come(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, job) = approved_as(lab, |approval| approval.seen.size += 1);
    (entry, Refusal::OtherLogSeen { job, seen: entry + 1 })
}

pub fn run_as(lab: &mut Lab, change: impl FnOnce(&mut RunStarted)) -> (u64, JobId) {
    let job = lab.approved();
    let mut start = lab.start(job);
    change(&mut start);
    (lab.puts(OWNER, start), job)
}

pub fn started_as_another_job(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, job) = run_as(lab, |start| start.submission = other_digest());
    (entry, Refusal::OtherSubmission(job))
}

pub fn run_with_another_manifest(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, job) = run_as(lab, |start| start.manifest = other_digest());
    (entry, Refusal::OtherInputs(job))
}

pub fn run_with_another_module(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, job) = run_as(lab, |start| start.module = other_digest());
    (entry, Refusal::OtherInputs(job))
}

pub fn run_on_another_snapshot(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, job) = run_as(lab, |start| start.snapshots[0].snapshot = other_digest());
    (entry, Refusal::OtherInputs(job))
}

pub fn run_on_fewer_datasets(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, job) = run_as(lab, |start| drop(start.snapshots.pop()));
    (entry, Refusal::OtherInputs(job))
}

pub fn run_under_another_entry(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, job) = run_as(lab, |start| start.policy -= 1);
    (entry, Refusal::OtherInputs(job))
}

pub fn run_under_another_policy(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, job) = run_as(lab, |start| start.policy_leaf = other_digest());
    (entry, Refusal::OtherInputs(job))
}

pub fn run_on_one_approval(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, job) = run_as(lab, |start| start.approvals.truncate(1));
    (entry, Refusal::OtherApprovals(job))
}

pub fn run_on_other_approvals(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, job) = run_as(lab, |start| start.approvals[0] -= 1);
    (entry, Refusal::OtherApprovals(job))
}

pub fn charged_less(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, job) = run_as(lab, |start| start.rho = rho("0.1"));
    (entry, Refusal::OtherCharge(job))
}

pub fn due_too_soon(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, _) = run_as(lab, |start| start.release_at -= TimeDelta::minutes(52));
    (entry, Refusal::TooSoon)
}

pub fn due_before_its_slot_ends(lab: &mut Lab) -> (u64, Refusal) {
    // A slot of some 53 minutes.
    lab.rules(|policy| policy.machine = Some(Machine { fuel_per_second: 50_000_000, memory: 4 << 30, swap: true }));
    let (entry, _) = run_as(lab, |start| start.release_at -= TimeDelta::minutes(30));
    (entry, Refusal::TooSoon)
}

pub fn without_a_need(lab: &mut Lab) -> (u64, Refusal) {
    submitted(lab, |job| job.need = None, Refusal::OtherNeed)
}

pub fn more_memory_than_there_is(lab: &mut Lab) -> (u64, Refusal) {
    lab.rules(|policy| policy.machine = Some(Machine::with_memory(64 << 20)));
    let submission = lab.submission();
    let needs = submission.need.unwrap().memory.div_ceil(1 << 20);
    (lab.puts(ANALYST, submission), Refusal::TooLarge { needs, has: 64 })
}

pub fn a_slot_longer_than_the_delay(lab: &mut Lab) -> (u64, Refusal) {
    lab.rules(|policy| policy.machine = Some(Machine::with_memory(4 << 30)));
    let submission = lab.submission();
    let needs = submission.need.unwrap().seconds;
    (lab.puts(ANALYST, submission), Refusal::TooLong { needs, has: 3_600 })
}

pub fn started_in_the_slot_of_another(lab: &mut Lab) -> (u64, Refusal) {
    let (first, second) = (lab.approved(), lab.approved());
    lab.does(OWNER, lab.start(first));
    let until = lab.job(first).run.as_ref().unwrap().slot_ends;
    (lab.puts(OWNER, lab.start(second)), Refusal::Busy { job: first, until })
}

/// A rule that no evidence of these tests meets.
pub fn some_evidence(required: bool) -> EvidenceRule {
    EvidenceRule {
        provider: "tpm2".into(),
        required,
        key: "00".repeat(32),
        pcrs: Default::default(),
        nodes: Default::default(),
    }
}

pub fn released_without_evidence(lab: &mut Lab) -> (u64, Refusal) {
    lab.evidence_by(some_evidence(true));
    let (job, _) = lab.running();
    let result = lab.result(job);
    (lab.puts(SERVICE, result), Refusal::NoEvidence(job))
}

pub fn evidence_nobody_asked_for(lab: &mut Lab) -> (u64, Refusal) {
    let (job, run) = lab.running();
    (lab.puts(SERVICE, EvidenceRecorded { job, run, evidence: other_digest() }), Refusal::NoEvidenceRule)
}

pub fn evidence_of_another_run(lab: &mut Lab) -> (u64, Refusal) {
    lab.evidence_by(some_evidence(false));
    let (_, other) = lab.running();
    let (job, _) = lab.running();
    (lab.puts(SERVICE, EvidenceRecorded { job, run: other, evidence: other_digest() }), Refusal::OtherRun(job))
}

pub fn witnessed_as(lab: &mut Lab, witnesses: &[u8], change: impl FnOnce(&mut ReleaseWitnessed)) -> (u64, JobId) {
    let (job, _) = lab.released();
    let mut witnessing = lab.witnessing(job, &lab.cosigned(&[WITNESS, OTHER_WITNESS]), witnesses);
    change(&mut witnessing);
    (lab.puts(SERVICE, witnessing), job)
}

pub fn witnessed_though_nobody_is_named(lab: &mut Lab) -> (u64, Refusal) {
    (witnessed_as(lab, &[WITNESS], |_| ()).0, Refusal::NoWitnesses)
}

pub fn a_witness_nobody_named(lab: &mut Lab) -> (u64, Refusal) {
    lab.witnessed_by_two();
    let (entry, _) = witnessed_as(lab, &[WITNESS, STRANGER], |_| ());
    (entry, Refusal::OtherWitness(witness(STRANGER).name().into()))
}

pub fn a_witness_counted_twice(lab: &mut Lab) -> (u64, Refusal) {
    lab.witnessed_by_two();
    let (entry, _) = witnessed_as(lab, &[WITNESS, WITNESS], |_| ());
    (entry, Refusal::OtherWitness(witness(WITNESS).name().into()))
}

pub fn one_witness_of_two(lab: &mut Lab) -> (u64, Refusal) {
    lab.witnessed_by_two();
    (witnessed_as(lab, &[WITNESS], |_| ()).0, Refusal::TooFewWitnesses { has: 1, needs: 2 })
}

pub fn no_witness_of_two(lab: &mut Lab) -> (u64, Refusal) {
    lab.witnessed_by_two();
    (witnessed_as(lab, &[], |_| ()).0, Refusal::TooFewWitnesses { has: 0, needs: 2 })
}

pub fn witnessed_twice(lab: &mut Lab) -> (u64, Refusal) {
    lab.witnessed_by_two();
    let (_, job) = witnessed_as(lab, &[WITNESS, OTHER_WITNESS], |_| ());
    let again = lab.witnessing(job, &lab.cosigned(&[WITNESS, OTHER_WITNESS]), &[WITNESS, OTHER_WITNESS]);
    (lab.puts(SERVICE, again), Refusal::WitnessedAlready(job))
}

pub fn witnessed_another_release(lab: &mut Lab) -> (u64, Refusal) {
    lab.witnessed_by_two();
    let (entry, job) = witnessed_as(lab, &[WITNESS, OTHER_WITNESS], |witnessing| witnessing.release -= 1);
    (entry, Refusal::OtherRun(job))
}

pub fn read_before_it_was_witnessed(lab: &mut Lab) -> (u64, Refusal) {
    lab.witnessed_by_two();
    let (job, release) = lab.released();
    (lab.puts(ANALYST, ReleaseRead { job, release }), Refusal::NotWitnessed(job))
}

pub fn read_another_release(lab: &mut Lab) -> (u64, Refusal) {
    let (job, release) = lab.released();
    (lab.puts(ANALYST, ReleaseRead { job, release: release - 1 }), Refusal::OtherRun(job))
}

pub fn handed_over(lab: &mut Lab, log_key: String) -> (u64, Refusal) {
    (lab.puts(OWNER, LogKeyChanged { log_key: log_key.clone() }), Refusal::BadLogKey(log_key))
}

pub fn a_log_key_of_another_name(lab: &mut Lab) -> (u64, Refusal) {
    let other = unseen_tlog::note::NoteKey::new("other.example/log", *verifier(NEXT_LOG_KEY).key()).unwrap();
    handed_over(lab, other.to_string())
}

pub fn the_same_log_key(lab: &mut Lab) -> (u64, Refusal) {
    handed_over(lab, verifier(LOG_KEY).to_string())
}

pub fn no_log_key(lab: &mut Lab) -> (u64, Refusal) {
    handed_over(lab, String::new())
}

pub fn released_as(lab: &mut Lab, change: impl FnOnce(&mut Released)) -> (u64, JobId) {
    let (job, _) = lab.running();
    let mut result = lab.result(job);
    change(&mut result);
    (lab.puts(SERVICE, result), job)
}

pub fn released_on_other_approvals(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, job) = released_as(lab, |result| result.approvals.truncate(1));
    (entry, Refusal::OtherApprovals(job))
}

pub fn released_from_another_run(lab: &mut Lab) -> (u64, Refusal) {
    let (_, other) = lab.running();
    let (entry, job) = released_as(lab, |result| result.run = other);
    (entry, Refusal::OtherRun(job))
}

pub fn released_with_another_leaf(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, job) = released_as(lab, |result| result.run_leaf = other_digest());
    (entry, Refusal::OtherRun(job))
}

pub fn failed_in_another_run(lab: &mut Lab) -> (u64, Refusal) {
    let (job, run) = lab.running();
    lab.wait(TimeDelta::hours(1));
    (lab.puts(SERVICE, RunFailed { job, run: run - 1, reason: "no".into() }), Refusal::OtherRun(job))
}

pub fn released_too_early(lab: &mut Lab) -> (u64, Refusal) {
    let (job, _) = lab.running();
    let result = lab.result(job);
    lab.wait(TimeDelta::minutes(-1));
    let at = lab.job(job).run.as_ref().unwrap().release_at;
    (lab.puts(SERVICE, result), Refusal::TooEarly { job, at })
}

pub fn failed_too_early(lab: &mut Lab) -> (u64, Refusal) {
    let (job, run) = lab.running();
    let at = lab.job(job).run.as_ref().unwrap().release_at;
    (lab.puts(SERVICE, RunFailed { job, run, reason: "no".into() }), Refusal::TooEarly { job, at })
}
