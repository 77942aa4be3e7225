//! One entry for each rule of the ledger, which breaks it.

use chrono::TimeDelta;
use unseen_ids::{JobId, Role};
use unseen_policies::event::*;
use unseen_policies::ledger::Refusal;
use unseen_policies::lifecycle::State;
use unseen_policies::policy::{EvidenceRule, Machine};
use unseen_policies::rho::Rho;

use crate::lab::*;

/// Breaks a rule: the entry that does, and the rule.
pub type Break = fn(&mut Lab) -> (u64, Refusal);

macro_rules! cases {
    ($( $rule:pat => [$($case:ident),+], )*) => {
        /// The cases that break the rule of this refusal. A new rule without a case does not compile.
        pub fn cases_of(rule: &Refusal) -> &'static [(&'static str, Break)] {
            match rule { $( $rule => &[$( (stringify!($case), $case) ),+], )* }
        }

        /// All of them.
        pub const ALL: &[(&str, Break)] = &[$($( (stringify!($case), $case) ),+),*];
    };
}

cases! {
    Refusal::NotTheBeginning => [a_second_beginning, a_beginning_by_a_stranger],
    Refusal::OtherLog(..) => [signed_for_another_log],
    // A key that nobody has ever named is no signer at all: see `EntryError::UnknownKey`.
    Refusal::NotEnrolled => [approved_by_the_server],
    Refusal::Revoked(..) => [approved_with_a_revoked_key, revoked_twice],
    Refusal::WrongRole { .. } => [submitted_by_an_operator, approved_by_a_steward, enrolled_by_an_analyst_alone],
    Refusal::NotTheLab => [released_by_an_operator, failed_by_an_operator, evidence_by_an_operator, witnessed_by_an_operator],
    Refusal::Replayed => [an_envelope_again, a_nonce_again],
    Refusal::BadNonce => [a_nonce_in_capitals, a_short_nonce],
    Refusal::NameTaken(_) => [a_name_taken],
    Refusal::KeyTaken => [a_key_taken, a_revoked_key_again, the_labs_own_key],
    Refusal::BadName(_) => [a_name_with_a_blank, a_dataset_without_a_name],
    Refusal::BadRoles => [no_role, a_role_twice],
    Refusal::NoSuchPerson(_) => [a_stranger_revoked],
    Refusal::LastOperator(_) => [the_last_operator_revoked],
    Refusal::BadPolicy(_) => [no_approvals_needed, a_quorum_of_none],
    Refusal::NoSuchDataset(_) => [a_job_on_nothing],
    Refusal::DatasetChanged { .. } => [a_dataset_of_other_units, a_private_dataset_made_public],
    Refusal::OtherBuckets { .. } => [other_buckets],
    Refusal::OtherSnapshot(_) => [another_snapshot, another_description, other_public_values],
    Refusal::NotOpen(..) => [a_closed_dataset],
    Refusal::NothingPrivate => [only_public_tables],
    Refusal::NamedTwice(_) => [a_dataset_twice],
    Refusal::TwoDomains(..) => [two_unit_domains],
    Refusal::OtherPolicy => [submitted_under_an_old_policy, started_under_a_new_policy],
    Refusal::NoCharge => [a_free_job],
    Refusal::OverJobCap { .. } => [over_the_cap_of_a_job],
    Refusal::OverDatasetCap { .. } => [over_the_cap_of_a_dataset, over_it_when_the_run_starts],
    Refusal::OverAnalystCap { .. } => [over_the_cap_of_an_analyst, over_it_with_a_new_key],
    Refusal::OverDomainCap { .. } => [over_the_cap_of_a_unit_domain],
    Refusal::ReleaseNow => [at_once],
    Refusal::NoSuchJob(_) => [an_approval_of_nothing],
    Refusal::WrongState { .. } => [
        approved_after_the_release, started_without_enough_approvals, started_twice, released_twice,
        released_without_a_run, approved_after_a_rejection, read_before_the_release
    ],
    Refusal::Author(_) => [approved_by_its_author, approved_by_its_author_with_a_new_key],
    Refusal::ApprovedTwice(_) => [approved_twice, approved_twice_with_a_new_key],
    Refusal::OtherSubmission(_) => [
        approved_as_another_job, approved_with_another_manifest, approved_with_another_module, started_as_another_job
    ],
    Refusal::OtherRole(_) => [approved_in_another_role],
    Refusal::OtherLogSeen { .. } => [approved_before_it_was_seen, approved_after_a_log_to_come],
    Refusal::OtherInputs(_) => [
        run_with_another_manifest, run_with_another_module, run_on_another_snapshot, run_on_fewer_datasets,
        run_under_another_entry, run_under_another_policy
    ],
    Refusal::NoEvidence(_) => [released_without_evidence],
    Refusal::NoEvidenceRule => [evidence_nobody_asked_for],
    Refusal::NoWitnesses => [witnessed_though_nobody_is_named],
    Refusal::OtherWitness(_) => [a_witness_nobody_named, a_witness_counted_twice],
    Refusal::TooFewWitnesses { .. } => [one_witness_of_two, no_witness_of_two],
    Refusal::WitnessedAlready(_) => [witnessed_twice],
    Refusal::NotWitnessed(_) => [read_before_it_was_witnessed],
    Refusal::BadLogKey(_) => [a_log_key_of_another_name, the_same_log_key, no_log_key],
    Refusal::OtherApprovals(_) => [run_on_one_approval, run_on_other_approvals, released_on_other_approvals],
    Refusal::OtherCharge(_) => [charged_less],
    Refusal::OtherRun(_) => [
        released_from_another_run, released_with_another_leaf, failed_in_another_run, evidence_of_another_run,
        read_another_release, witnessed_another_release
    ],
    Refusal::TooEarly { .. } => [released_too_early, failed_too_early],
    Refusal::TooSoon => [due_too_soon, due_before_its_slot_ends],
    Refusal::OtherNeed => [without_a_need],
    Refusal::TooLarge { .. } => [more_memory_than_there_is],
    Refusal::TooLong { .. } => [a_slot_longer_than_the_delay],
    Refusal::Busy { .. } => [started_in_the_slot_of_another],
}

fn rho(text: &str) -> Rho {
    text.parse().unwrap()
}

fn a_second_beginning(lab: &mut Lab) -> (u64, Refusal) {
    (lab.puts(OWNER, lab.created()), Refusal::NotTheBeginning)
}

fn a_beginning_by_a_stranger(lab: &mut Lab) -> (u64, Refusal) {
    let created = LabCreated { owner: "stranger".into(), owner_key: public(STRANGER), ..lab.created() };
    (lab.puts(STRANGER, created), Refusal::NotTheBeginning)
}

fn signed_for_another_log(lab: &mut Lab) -> (u64, Refusal) {
    let policy = lab.ledger().policy().unwrap().clone();
    let record = Record { log: "other.example/log".into(), ..lab.record(PolicySet { policy }) };
    let entry = unseen_entries::sign::sign(&record, &key(OWNER)).unwrap();
    (lab.push(entry), Refusal::OtherLog("other.example/log".into(), ORIGIN.into()))
}

fn approved_by_the_server(lab: &mut Lab) -> (u64, Refusal) {
    let job = lab.submit();
    (lab.puts(SERVICE, lab.approval(job)), Refusal::NotEnrolled)
}

fn approved_with_a_revoked_key(lab: &mut Lab) -> (u64, Refusal) {
    let job = lab.submit();
    let revoked = lab.does(OWNER, PersonRevoked { key: public(SECOND), reason: "left".into() });
    (lab.puts(SECOND, lab.approval(job)), Refusal::Revoked("second".into(), revoked))
}

fn revoked_twice(lab: &mut Lab) -> (u64, Refusal) {
    let revocation = PersonRevoked { key: public(SECOND), reason: "left".into() };
    let revoked = lab.does(OWNER, revocation.clone());
    (lab.puts(OWNER, revocation), Refusal::Revoked("second".into(), revoked))
}

fn submitted_by_an_operator(lab: &mut Lab) -> (u64, Refusal) {
    let submission = lab.submission();
    (lab.puts(SECOND, submission), Refusal::WrongRole { name: "second".into(), role: Role::Analyst })
}

fn approved_by_a_steward(lab: &mut Lab) -> (u64, Refusal) {
    let job = lab.submit();
    (lab.puts(STEWARD, lab.approval(job)), Refusal::WrongRole { name: "steward".into(), role: Role::Operator })
}

fn enrolled_by_an_analyst_alone(lab: &mut Lab) -> (u64, Refusal) {
    lab.does(OWNER, enrolment(NEWCOMER, "newcomer", vec![Role::Analyst]));
    let entry = lab.puts(NEWCOMER, enrolment(STRANGER, "friend", vec![Role::Operator]));
    (entry, Refusal::WrongRole { name: "newcomer".into(), role: Role::Operator })
}

fn released_by_an_operator(lab: &mut Lab) -> (u64, Refusal) {
    let (job, _) = lab.running();
    let result = lab.result(job);
    (lab.puts(OWNER, result), Refusal::NotTheLab)
}

fn failed_by_an_operator(lab: &mut Lab) -> (u64, Refusal) {
    let (job, run) = lab.running();
    lab.wait(TimeDelta::hours(1));
    (lab.puts(OWNER, RunFailed { job, run, reason: "no".into() }), Refusal::NotTheLab)
}

fn evidence_by_an_operator(lab: &mut Lab) -> (u64, Refusal) {
    lab.evidence_by(some_evidence(true));
    let (job, run) = lab.running();
    (lab.puts(OWNER, EvidenceRecorded { job, run, evidence: other_digest() }), Refusal::NotTheLab)
}

fn witnessed_by_an_operator(lab: &mut Lab) -> (u64, Refusal) {
    lab.witnessed_by_two();
    let (job, _) = lab.released();
    let witnessing = lab.witnessing(job, &lab.cosigned(&[WITNESS, OTHER_WITNESS]), &[WITNESS, OTHER_WITNESS]);
    (lab.puts(OWNER, witnessing), Refusal::NotTheLab)
}

fn an_envelope_again(lab: &mut Lab) -> (u64, Refusal) {
    let job = lab.submit();
    let approval = lab.seal(SECOND, lab.approval(job));
    lab.push(approval.clone());
    (lab.push(approval), Refusal::Replayed)
}

fn a_nonce_again(lab: &mut Lab) -> (u64, Refusal) {
    let first = lab.record(PersonRevoked { key: public(AUDITOR), reason: "left".into() });
    let second =
        Record { nonce: first.nonce.clone(), ..lab.record(enrolment(NEWCOMER, "auditor", vec![Role::Auditor])) };
    let entries = [first, second].map(|record| unseen_entries::sign::sign(&record, &key(OWNER)).unwrap());
    (entries.map(|entry| lab.push(entry))[1], Refusal::Replayed)
}

fn with_nonce(lab: &mut Lab, nonce: &str) -> (u64, Refusal) {
    let revocation = PersonRevoked { key: public(AUDITOR), reason: "left".into() };
    let record = Record { nonce: nonce.into(), ..lab.record(revocation) };
    let entry = unseen_entries::sign::sign(&record, &key(OWNER)).unwrap();
    (lab.push(entry), Refusal::BadNonce)
}

fn a_nonce_in_capitals(lab: &mut Lab) -> (u64, Refusal) {
    with_nonce(lab, &"AF".repeat(16))
}

fn a_short_nonce(lab: &mut Lab) -> (u64, Refusal) {
    with_nonce(lab, "1")
}

fn enrolled(lab: &mut Lab, seed: u8, name: &str, roles: Vec<Role>, refusal: Refusal) -> (u64, Refusal) {
    (lab.puts(OWNER, enrolment(seed, name, roles)), refusal)
}

fn a_name_taken(lab: &mut Lab) -> (u64, Refusal) {
    enrolled(lab, NEWCOMER, "second", vec![Role::Operator], Refusal::NameTaken("second".into()))
}

fn a_key_taken(lab: &mut Lab) -> (u64, Refusal) {
    enrolled(lab, SECOND, "newcomer", vec![Role::Operator], Refusal::KeyTaken)
}

fn a_revoked_key_again(lab: &mut Lab) -> (u64, Refusal) {
    lab.does(OWNER, PersonRevoked { key: public(SECOND), reason: "lost".into() });
    enrolled(lab, SECOND, "second", vec![Role::Operator], Refusal::KeyTaken)
}

fn the_labs_own_key(lab: &mut Lab) -> (u64, Refusal) {
    enrolled(lab, SERVICE, "newcomer", vec![Role::Operator], Refusal::KeyTaken)
}

fn a_name_with_a_blank(lab: &mut Lab) -> (u64, Refusal) {
    enrolled(lab, NEWCOMER, "newcomer ", vec![Role::Operator], Refusal::BadName("newcomer ".into()))
}

fn a_dataset_without_a_name(lab: &mut Lab) -> (u64, Refusal) {
    let dataset = lab.dataset("", None);
    (lab.puts(STEWARD, dataset), Refusal::BadName(String::new()))
}

fn no_role(lab: &mut Lab) -> (u64, Refusal) {
    enrolled(lab, NEWCOMER, "newcomer", vec![], Refusal::BadRoles)
}

fn a_role_twice(lab: &mut Lab) -> (u64, Refusal) {
    enrolled(lab, NEWCOMER, "newcomer", vec![Role::Auditor, Role::Auditor], Refusal::BadRoles)
}

fn a_stranger_revoked(lab: &mut Lab) -> (u64, Refusal) {
    let revocation = PersonRevoked { key: public(STRANGER), reason: "left".into() };
    (lab.puts(OWNER, revocation), Refusal::NoSuchPerson(public(STRANGER).short()))
}

fn the_last_operator_revoked(lab: &mut Lab) -> (u64, Refusal) {
    for seed in [SECOND, ANALYST] {
        lab.does(OWNER, PersonRevoked { key: public(seed), reason: "left".into() });
    }
    let revocation = PersonRevoked { key: public(OWNER), reason: "left".into() };
    (lab.puts(OWNER, revocation), Refusal::LastOperator("owner".into()))
}

fn no_approvals_needed(lab: &mut Lab) -> (u64, Refusal) {
    let policy = unseen_policies::policy::Policy { approvals: 0, ..lab.ledger().policy().unwrap().clone() };
    let refusal = Refusal::BadPolicy(policy.check().unwrap_err());
    (lab.puts(OWNER, PolicySet { policy }), refusal)
}

fn a_quorum_of_none(lab: &mut Lab) -> (u64, Refusal) {
    lab.witnessed_by_two();
    let mut policy = lab.ledger().policy().unwrap().clone();
    policy.witnesses.as_mut().unwrap().quorum = 0;
    let refusal = Refusal::BadPolicy(policy.check().unwrap_err());
    (lab.puts(OWNER, PolicySet { policy }), refusal)
}

fn submitted(lab: &mut Lab, change: impl FnOnce(&mut JobSubmitted), refusal: Refusal) -> (u64, Refusal) {
    let mut submission = lab.submission();
    change(&mut submission);
    (lab.puts(ANALYST, submission), refusal)
}

fn a_job_on_nothing(lab: &mut Lab) -> (u64, Refusal) {
    submitted(lab, |job| job.datasets[0].name = "nothing".into(), Refusal::NoSuchDataset("nothing".into()))
}

fn changed(name: &str, was: &str, now: Option<&str>) -> Refusal {
    Refusal::DatasetChanged { name: name.into(), was: Some(was.into()), now: now.map(str::to_owned) }
}

fn a_dataset_of_other_units(lab: &mut Lab) -> (u64, Refusal) {
    let dataset = lab.dataset("firms", Some("person"));
    (lab.puts(STEWARD, dataset), changed("firms", "enterprise", Some("person")))
}

fn a_private_dataset_made_public(lab: &mut Lab) -> (u64, Refusal) {
    let dataset = lab.dataset("firms", None);
    (lab.puts(STEWARD, dataset), changed("firms", "enterprise", None))
}

fn other_buckets(lab: &mut Lab) -> (u64, Refusal) {
    let dataset = DatasetRegistered { buckets: 8, ..lab.dataset("taxes", Some("enterprise")) };
    (lab.puts(STEWARD, dataset), Refusal::OtherBuckets { domain: "enterprise".into(), has: 16, not: 8 })
}

fn another_snapshot(lab: &mut Lab) -> (u64, Refusal) {
    submitted(lab, |job| job.datasets[0].snapshot = other_digest(), Refusal::OtherSnapshot("firms".into()))
}

fn another_description(lab: &mut Lab) -> (u64, Refusal) {
    submitted(lab, |job| job.datasets[0].description = other_digest(), Refusal::OtherSnapshot("firms".into()))
}

fn other_public_values(lab: &mut Lab) -> (u64, Refusal) {
    submitted(lab, |job| job.datasets[1].values = Some(other_digest()), Refusal::OtherSnapshot("towns".into()))
}

fn a_closed_dataset(lab: &mut Lab) -> (u64, Refusal) {
    let closed = DatasetRegistered { open_to: vec!["somebody".into()], ..lab.dataset("firms", Some("enterprise")) };
    lab.does(STEWARD, closed);
    submitted(lab, |_| (), Refusal::NotOpen("firms".into(), "analyst".into()))
}

fn only_public_tables(lab: &mut Lab) -> (u64, Refusal) {
    submitted(lab, |job| drop(job.datasets.remove(0)), Refusal::NothingPrivate)
}

fn a_dataset_twice(lab: &mut Lab) -> (u64, Refusal) {
    submitted(lab, |job| job.datasets.push(job.datasets[0].clone()), Refusal::NamedTwice("firms".into()))
}

fn two_unit_domains(lab: &mut Lab) -> (u64, Refusal) {
    let clinics = lab.dataset("clinics", Some("person"));
    lab.does(STEWARD, clinics);
    let used = lab.used("clinics");
    submitted(lab, |job| job.datasets.push(used), Refusal::TwoDomains("enterprise".into(), "person".into()))
}

fn submitted_under_an_old_policy(lab: &mut Lab) -> (u64, Refusal) {
    let old = lab.submission();
    lab.rules(|policy| policy.approvals = 1);
    (lab.puts(ANALYST, old), Refusal::OtherPolicy)
}

fn started_under_a_new_policy(lab: &mut Lab) -> (u64, Refusal) {
    let job = lab.approved();
    lab.rules(|policy| policy.approvals = 1);
    (lab.puts(OWNER, lab.start(job)), Refusal::OtherPolicy)
}

fn a_free_job(lab: &mut Lab) -> (u64, Refusal) {
    submitted(lab, |job| job.rho = Rho::ZERO, Refusal::NoCharge)
}

fn over_the_cap_of_a_job(lab: &mut Lab) -> (u64, Refusal) {
    let cost = rho("0.250000000001");
    submitted(lab, |job| job.rho = cost, Refusal::OverJobCap { cost, cap: rho("0.25") })
}

fn over_the_cap_of_a_dataset(lab: &mut Lab) -> (u64, Refusal) {
    lab.running();
    lab.rules(|policy| policy.caps.dataset = rho("0.4"));
    let refusal = Refusal::OverDatasetCap { dataset: "firms".into(), cost: rho("0.25"), left: rho("0.15") };
    submitted(lab, |_| (), refusal)
}

fn over_it_when_the_run_starts(lab: &mut Lab) -> (u64, Refusal) {
    lab.rules(|policy| policy.caps.dataset = rho("0.4"));
    let jobs = [lab.approved(), lab.approved()];
    lab.does(OWNER, lab.start(jobs[0]));
    lab.wait(TimeDelta::hours(1));
    let refusal = Refusal::OverDatasetCap { dataset: "firms".into(), cost: rho("0.25"), left: rho("0.15") };
    (lab.puts(OWNER, lab.start(jobs[1])), refusal)
}

fn over_the_analysts_cap() -> Refusal {
    let (dataset, analyst) = ("firms".into(), "analyst".into());
    Refusal::OverAnalystCap { dataset, analyst, cost: rho("0.25"), left: rho("0.05") }
}

fn over_the_cap_of_an_analyst(lab: &mut Lab) -> (u64, Refusal) {
    lab.running();
    lab.rules(|policy| policy.caps.analyst = rho("0.3"));
    submitted(lab, |_| (), over_the_analysts_cap())
}

fn over_it_with_a_new_key(lab: &mut Lab) -> (u64, Refusal) {
    lab.running();
    lab.rules(|policy| policy.caps.analyst = rho("0.3"));
    lab.does(OWNER, PersonRevoked { key: public(ANALYST), reason: "lost".into() });
    lab.does(OWNER, enrolment(NEWCOMER, "analyst", vec![Role::Analyst]));
    let submission = lab.submission();
    (lab.puts(NEWCOMER, submission), over_the_analysts_cap())
}

fn over_the_cap_of_a_unit_domain(lab: &mut Lab) -> (u64, Refusal) {
    lab.running();
    lab.rules(|policy| policy.caps.domain = Some(rho("0.3")));
    let taxes = lab.dataset("taxes", Some("enterprise"));
    lab.does(STEWARD, taxes);
    let used = lab.used("taxes");
    let refusal = Refusal::OverDomainCap { domain: "enterprise".into(), cost: rho("0.25"), left: rho("0.05") };
    submitted(lab, |job| job.datasets[0] = used, refusal)
}

fn at_once(lab: &mut Lab) -> (u64, Refusal) {
    submitted(lab, |job| job.release = "now".into(), Refusal::ReleaseNow)
}

fn an_approval_of_nothing(lab: &mut Lab) -> (u64, Refusal) {
    let job = lab.submit();
    let approval = JobApproved { job: JobId(3), ..lab.approval(job) };
    (lab.puts(OWNER, approval), Refusal::NoSuchJob(JobId(3)))
}

fn wrong_state(job: JobId, state: State, event: &'static str) -> Refusal {
    Refusal::WrongState { job, state, event }
}

fn approved_after_the_release(lab: &mut Lab) -> (u64, Refusal) {
    lab.does(OWNER, enrolment(NEWCOMER, "newcomer", vec![Role::Operator]));
    let (job, _) = lab.released();
    (lab.puts(NEWCOMER, lab.approval(job)), wrong_state(job, State::Released, "job-approved"))
}

fn started_without_enough_approvals(lab: &mut Lab) -> (u64, Refusal) {
    let job = lab.submit();
    lab.does(OWNER, lab.approval(job));
    (lab.puts(OWNER, lab.start(job)), wrong_state(job, State::Submitted, "run-started"))
}

fn started_twice(lab: &mut Lab) -> (u64, Refusal) {
    let (job, _) = lab.running();
    (lab.puts(OWNER, lab.start(job)), wrong_state(job, State::Running, "run-started"))
}

fn released_twice(lab: &mut Lab) -> (u64, Refusal) {
    let (job, _) = lab.released();
    let again = lab.result(job);
    (lab.puts(SERVICE, again), wrong_state(job, State::Released, "released"))
}

fn released_without_a_run(lab: &mut Lab) -> (u64, Refusal) {
    let job = lab.approved();
    (lab.puts(SERVICE, lab.announce(job, other_digest())), wrong_state(job, State::Approved, "released"))
}

fn approved_after_a_rejection(lab: &mut Lab) -> (u64, Refusal) {
    let job = lab.submit();
    lab.does(OWNER, JobRejected { job, reason: "too wide".into() });
    (lab.puts(SECOND, lab.approval(job)), wrong_state(job, State::Rejected, "job-approved"))
}

fn read_before_the_release(lab: &mut Lab) -> (u64, Refusal) {
    let (job, run) = lab.running();
    (lab.puts(ANALYST, ReleaseRead { job, release: run }), wrong_state(job, State::Running, "release-read"))
}

fn approved_by_its_author(lab: &mut Lab) -> (u64, Refusal) {
    let job = lab.submit();
    (lab.puts(ANALYST, lab.approval(job)), Refusal::Author("analyst".into()))
}

fn approved_by_its_author_with_a_new_key(lab: &mut Lab) -> (u64, Refusal) {
    let job = lab.submit();
    lab.does(OWNER, PersonRevoked { key: public(ANALYST), reason: "lost".into() });
    lab.does(OWNER, enrolment(NEWCOMER, "analyst", vec![Role::Operator]));
    (lab.puts(NEWCOMER, lab.approval(job)), Refusal::Author("analyst".into()))
}

fn approved_twice(lab: &mut Lab) -> (u64, Refusal) {
    let job = lab.submit();
    lab.does(SECOND, lab.approval(job));
    (lab.puts(SECOND, lab.approval(job)), Refusal::ApprovedTwice("second".into()))
}

fn approved_twice_with_a_new_key(lab: &mut Lab) -> (u64, Refusal) {
    let job = lab.submit();
    lab.does(SECOND, lab.approval(job));
    lab.does(OWNER, PersonRevoked { key: public(SECOND), reason: "lost".into() });
    lab.does(OWNER, enrolment(NEWCOMER, "second", vec![Role::Operator]));
    (lab.puts(NEWCOMER, lab.approval(job)), Refusal::ApprovedTwice("second".into()))
}

fn approved_as(lab: &mut Lab, change: impl FnOnce(&mut JobApproved)) -> (u64, JobId) {
    let job = lab.submit();
    let mut approval = lab.approval(job);
    change(&mut approval);
    (lab.puts(SECOND, approval), job)
}

fn approved_as_another_job(lab: &mut Lab) -> (u64, Refusal) {
    let other = lab.submit();
    let leaf = lab.job(other).leaf;
    let (entry, job) = approved_as(lab, |approval| approval.submission = leaf);
    (entry, Refusal::OtherSubmission(job))
}

fn approved_with_another_manifest(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, job) = approved_as(lab, |approval| approval.manifest = other_digest());
    (entry, Refusal::OtherSubmission(job))
}

fn approved_with_another_module(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, job) = approved_as(lab, |approval| approval.module = other_digest());
    (entry, Refusal::OtherSubmission(job))
}

fn approved_in_another_role(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, _) = approved_as(lab, |approval| approval.role = Role::Steward);
    (entry, Refusal::OtherRole(Role::Steward))
}

fn approved_before_it_was_seen(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, job) = approved_as(lab, |approval| approval.seen.size = approval.job.0);
    (entry, Refusal::OtherLogSeen { job, seen: job.0 })
}

fn approved_after_a_log_to_come(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, job) = approved_as(lab, |approval| approval.seen.size += 1);
    (entry, Refusal::OtherLogSeen { job, seen: entry + 1 })
}

fn run_as(lab: &mut Lab, change: impl FnOnce(&mut RunStarted)) -> (u64, JobId) {
    let job = lab.approved();
    let mut start = lab.start(job);
    change(&mut start);
    (lab.puts(OWNER, start), job)
}

fn started_as_another_job(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, job) = run_as(lab, |start| start.submission = other_digest());
    (entry, Refusal::OtherSubmission(job))
}

fn run_with_another_manifest(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, job) = run_as(lab, |start| start.manifest = other_digest());
    (entry, Refusal::OtherInputs(job))
}

fn run_with_another_module(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, job) = run_as(lab, |start| start.module = other_digest());
    (entry, Refusal::OtherInputs(job))
}

fn run_on_another_snapshot(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, job) = run_as(lab, |start| start.snapshots[0].snapshot = other_digest());
    (entry, Refusal::OtherInputs(job))
}

fn run_on_fewer_datasets(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, job) = run_as(lab, |start| drop(start.snapshots.pop()));
    (entry, Refusal::OtherInputs(job))
}

fn run_under_another_entry(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, job) = run_as(lab, |start| start.policy -= 1);
    (entry, Refusal::OtherInputs(job))
}

fn run_under_another_policy(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, job) = run_as(lab, |start| start.policy_leaf = other_digest());
    (entry, Refusal::OtherInputs(job))
}

fn run_on_one_approval(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, job) = run_as(lab, |start| start.approvals.truncate(1));
    (entry, Refusal::OtherApprovals(job))
}

fn run_on_other_approvals(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, job) = run_as(lab, |start| start.approvals[0] -= 1);
    (entry, Refusal::OtherApprovals(job))
}

fn charged_less(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, job) = run_as(lab, |start| start.rho = rho("0.1"));
    (entry, Refusal::OtherCharge(job))
}

fn due_too_soon(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, _) = run_as(lab, |start| start.release_at -= TimeDelta::minutes(52));
    (entry, Refusal::TooSoon)
}

fn due_before_its_slot_ends(lab: &mut Lab) -> (u64, Refusal) {
    // A slot of some 53 minutes.
    lab.rules(|policy| policy.machine = Some(Machine { fuel_per_second: 50_000_000, memory: 4 << 30, swap: true }));
    let (entry, _) = run_as(lab, |start| start.release_at -= TimeDelta::minutes(30));
    (entry, Refusal::TooSoon)
}

fn without_a_need(lab: &mut Lab) -> (u64, Refusal) {
    submitted(lab, |job| job.need = None, Refusal::OtherNeed)
}

fn more_memory_than_there_is(lab: &mut Lab) -> (u64, Refusal) {
    lab.rules(|policy| policy.machine = Some(Machine::with_memory(64 << 20)));
    let submission = lab.submission();
    let needs = submission.need.unwrap().memory.div_ceil(1 << 20);
    (lab.puts(ANALYST, submission), Refusal::TooLarge { needs, has: 64 })
}

fn a_slot_longer_than_the_delay(lab: &mut Lab) -> (u64, Refusal) {
    lab.rules(|policy| policy.machine = Some(Machine::with_memory(4 << 30)));
    let submission = lab.submission();
    let needs = submission.need.unwrap().seconds;
    (lab.puts(ANALYST, submission), Refusal::TooLong { needs, has: 3_600 })
}

fn started_in_the_slot_of_another(lab: &mut Lab) -> (u64, Refusal) {
    let (first, second) = (lab.approved(), lab.approved());
    lab.does(OWNER, lab.start(first));
    let until = lab.job(first).run.as_ref().unwrap().slot_ends;
    (lab.puts(OWNER, lab.start(second)), Refusal::Busy { job: first, until })
}

/// A rule that no evidence of these tests meets.
fn some_evidence(required: bool) -> EvidenceRule {
    EvidenceRule { provider: "tpm2".into(), required, key: "00".repeat(32), pcrs: Default::default() }
}

fn released_without_evidence(lab: &mut Lab) -> (u64, Refusal) {
    lab.evidence_by(some_evidence(true));
    let (job, _) = lab.running();
    let result = lab.result(job);
    (lab.puts(SERVICE, result), Refusal::NoEvidence(job))
}

fn evidence_nobody_asked_for(lab: &mut Lab) -> (u64, Refusal) {
    let (job, run) = lab.running();
    (lab.puts(SERVICE, EvidenceRecorded { job, run, evidence: other_digest() }), Refusal::NoEvidenceRule)
}

fn evidence_of_another_run(lab: &mut Lab) -> (u64, Refusal) {
    lab.evidence_by(some_evidence(false));
    let (_, other) = lab.running();
    let (job, _) = lab.running();
    (lab.puts(SERVICE, EvidenceRecorded { job, run: other, evidence: other_digest() }), Refusal::OtherRun(job))
}

fn witnessed_as(lab: &mut Lab, witnesses: &[u8], change: impl FnOnce(&mut ReleaseWitnessed)) -> (u64, JobId) {
    let (job, _) = lab.released();
    let mut witnessing = lab.witnessing(job, &lab.cosigned(&[WITNESS, OTHER_WITNESS]), witnesses);
    change(&mut witnessing);
    (lab.puts(SERVICE, witnessing), job)
}

fn witnessed_though_nobody_is_named(lab: &mut Lab) -> (u64, Refusal) {
    (witnessed_as(lab, &[WITNESS], |_| ()).0, Refusal::NoWitnesses)
}

fn a_witness_nobody_named(lab: &mut Lab) -> (u64, Refusal) {
    lab.witnessed_by_two();
    let (entry, _) = witnessed_as(lab, &[WITNESS, STRANGER], |_| ());
    (entry, Refusal::OtherWitness(witness(STRANGER).name().into()))
}

fn a_witness_counted_twice(lab: &mut Lab) -> (u64, Refusal) {
    lab.witnessed_by_two();
    let (entry, _) = witnessed_as(lab, &[WITNESS, WITNESS], |_| ());
    (entry, Refusal::OtherWitness(witness(WITNESS).name().into()))
}

fn one_witness_of_two(lab: &mut Lab) -> (u64, Refusal) {
    lab.witnessed_by_two();
    (witnessed_as(lab, &[WITNESS], |_| ()).0, Refusal::TooFewWitnesses { has: 1, needs: 2 })
}

fn no_witness_of_two(lab: &mut Lab) -> (u64, Refusal) {
    lab.witnessed_by_two();
    (witnessed_as(lab, &[], |_| ()).0, Refusal::TooFewWitnesses { has: 0, needs: 2 })
}

fn witnessed_twice(lab: &mut Lab) -> (u64, Refusal) {
    lab.witnessed_by_two();
    let (_, job) = witnessed_as(lab, &[WITNESS, OTHER_WITNESS], |_| ());
    let again = lab.witnessing(job, &lab.cosigned(&[WITNESS, OTHER_WITNESS]), &[WITNESS, OTHER_WITNESS]);
    (lab.puts(SERVICE, again), Refusal::WitnessedAlready(job))
}

fn witnessed_another_release(lab: &mut Lab) -> (u64, Refusal) {
    lab.witnessed_by_two();
    let (entry, job) = witnessed_as(lab, &[WITNESS, OTHER_WITNESS], |witnessing| witnessing.release -= 1);
    (entry, Refusal::OtherRun(job))
}

fn read_before_it_was_witnessed(lab: &mut Lab) -> (u64, Refusal) {
    lab.witnessed_by_two();
    let (job, release) = lab.released();
    (lab.puts(ANALYST, ReleaseRead { job, release }), Refusal::NotWitnessed(job))
}

fn read_another_release(lab: &mut Lab) -> (u64, Refusal) {
    let (job, release) = lab.released();
    (lab.puts(ANALYST, ReleaseRead { job, release: release - 1 }), Refusal::OtherRun(job))
}

fn handed_over(lab: &mut Lab, log_key: String) -> (u64, Refusal) {
    (lab.puts(OWNER, LogKeyChanged { log_key: log_key.clone() }), Refusal::BadLogKey(log_key))
}

fn a_log_key_of_another_name(lab: &mut Lab) -> (u64, Refusal) {
    let other = unseen_tlog::note::NoteKey::new("other.example/log", *verifier(NEXT_LOG_KEY).key()).unwrap();
    handed_over(lab, other.to_string())
}

fn the_same_log_key(lab: &mut Lab) -> (u64, Refusal) {
    handed_over(lab, verifier(LOG_KEY).to_string())
}

fn no_log_key(lab: &mut Lab) -> (u64, Refusal) {
    handed_over(lab, String::new())
}

fn released_as(lab: &mut Lab, change: impl FnOnce(&mut Released)) -> (u64, JobId) {
    let (job, _) = lab.running();
    let mut result = lab.result(job);
    change(&mut result);
    (lab.puts(SERVICE, result), job)
}

fn released_on_other_approvals(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, job) = released_as(lab, |result| result.approvals.truncate(1));
    (entry, Refusal::OtherApprovals(job))
}

fn released_from_another_run(lab: &mut Lab) -> (u64, Refusal) {
    let (_, other) = lab.running();
    let (entry, job) = released_as(lab, |result| result.run = other);
    (entry, Refusal::OtherRun(job))
}

fn released_with_another_leaf(lab: &mut Lab) -> (u64, Refusal) {
    let (entry, job) = released_as(lab, |result| result.run_leaf = other_digest());
    (entry, Refusal::OtherRun(job))
}

fn failed_in_another_run(lab: &mut Lab) -> (u64, Refusal) {
    let (job, run) = lab.running();
    lab.wait(TimeDelta::hours(1));
    (lab.puts(SERVICE, RunFailed { job, run: run - 1, reason: "no".into() }), Refusal::OtherRun(job))
}

fn released_too_early(lab: &mut Lab) -> (u64, Refusal) {
    let (job, _) = lab.running();
    let result = lab.result(job);
    lab.wait(TimeDelta::minutes(-1));
    let at = lab.job(job).run.as_ref().unwrap().release_at;
    (lab.puts(SERVICE, result), Refusal::TooEarly { job, at })
}

fn failed_too_early(lab: &mut Lab) -> (u64, Refusal) {
    let (job, run) = lab.running();
    let at = lab.job(job).run.as_ref().unwrap().release_at;
    (lab.puts(SERVICE, RunFailed { job, run, reason: "no".into() }), Refusal::TooEarly { job, at })
}
