//! One entry for each rule of the ledger, which breaks it.

use chrono::TimeDelta;

use crate::lab::*;
use unseen_ids::Role;
use unseen_policies::event::*;
use unseen_policies::ledger::Refusal;
use unseen_policies::rho::Rho;

mod dataset_refusals;
mod job_refusals;
mod node_refusals;
mod people_refusals;

use dataset_refusals::*;
use job_refusals::*;
use node_refusals::*;
use people_refusals::*;

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
    // A key that nobody has ever named is not a signer at all: see `EntryError::UnknownKey`.
    Refusal::NotEnrolled => [approved_by_the_server],
    Refusal::Revoked(..) => [approved_with_a_revoked_key, revoked_twice],
    Refusal::WrongRole { .. } => [submitted_by_an_operator, approved_by_a_steward, started_by_an_auditor, prioritized_by_its_author,
        enrolled_by_an_analyst_alone, enrolled_by_an_operator_where_others_do, a_node_enrolled_by_a_steward,
        a_node_enrolled_by_an_operator_where_others_do],
    Refusal::NotTheLab => [released_by_an_operator, failed_by_an_operator, evidence_by_an_operator, witnessed_by_an_operator, an_access_log_by_an_operator, a_console_by_an_operator],
    Refusal::Replayed => [an_envelope_again, a_nonce_again, an_envelope_with_a_signature_less],
    Refusal::BadNonce => [a_nonce_in_capitals, a_short_nonce],
    Refusal::NameTaken(_) => [a_name_taken],
    Refusal::KeyTaken => [a_key_taken, a_revoked_key_again, the_labs_own_key, a_node_with_a_persons_key, a_node_with_the_labs_own_key,
        a_revoked_node_again, a_person_with_a_nodes_key],
    Refusal::BadName(_) => [a_name_with_a_blank, a_dataset_without_a_name, a_node_called_as_the_lab_is],
    Refusal::BadRoles => [no_role, a_role_twice],
    Refusal::NoSuchPerson(_) => [a_stranger_revoked],
    Refusal::NodeNameTaken(_) => [a_node_of_a_name_taken],
    Refusal::NodeRevoked(..) => [a_node_revoked_twice],
    Refusal::NoSuchNode(_) => [a_person_revoked_as_a_node],
    Refusal::BadRecipient(_) => [a_node_without_a_recipient],
    Refusal::Needed { .. } => [the_last_operator_revoked, one_of_the_last_two_revoked, the_last_security_administrator_revoked],
    Refusal::TooFewSigners { .. } => [changed_by_one_of_two, enrolled_by_one_of_two, revoked_by_one_of_two, handed_over_by_one_of_two,
        a_node_enrolled_by_one_of_two, a_node_revoked_by_one_of_two],
    Refusal::TooManySigners => [submitted_by_two, approved_by_two_at_once, released_by_two],
    Refusal::TooFewPeople { .. } => [more_approvals_than_operators, two_for_a_change_and_one_there, separated_from_nobody],
    Refusal::NotSeparated(_) => [an_operator_who_audits, separated_with_two_offices],
    Refusal::BadPolicy(_) => [no_approvals_needed, a_quorum_of_none],
    Refusal::NoSuchDataset(_) => [a_job_on_nothing],
    Refusal::DatasetChanged { .. } => [a_dataset_of_other_units, a_private_dataset_made_public],
    Refusal::OtherBuckets { .. } => [other_buckets],
    Refusal::DatasetIs { .. } => [a_job_on_a_closed_dataset, a_withdrawn_dataset_opened, the_present_snapshot_deleted],
    Refusal::OtherSteward(_) => [a_withdrawn_dataset_by_another_steward],
    Refusal::SnapshotGone { .. } => [run_on_a_withdrawn_dataset, run_on_a_deleted_snapshot, a_deleted_snapshot_again, a_withdrawn_snapshot_again,
        a_job_on_what_is_kept_no_longer, a_run_on_what_is_kept_no_longer, what_is_kept_no_longer_registered],
    Refusal::StillKept(_) => [deleted_by_the_lab_too_early, deleted_by_the_lab_though_it_is_kept],
    Refusal::NotItsSteward(_) => [closed_by_another_steward, described_by_another_steward, deleted_by_another_steward],
    Refusal::NoSuchSnapshot(_) => [no_snapshot_deleted, a_snapshot_deleted_twice],
    Refusal::StillRead(_) => [a_snapshot_deleted_in_a_run],
    Refusal::OtherSnapshot(_) => [another_snapshot, another_description, other_public_values],
    Refusal::NotOpen(..) => [a_closed_dataset],
    Refusal::NothingPrivate => [only_public_tables],
    Refusal::NamedTwice(_) => [a_dataset_twice],
    Refusal::TwoDomains(..) => [two_unit_domains],
    Refusal::OtherPolicy => [submitted_under_an_old_policy, approved_under_a_new_policy, started_under_a_new_policy],
    Refusal::NoCharge => [a_free_job],
    Refusal::OverJobCap { .. } => [over_the_cap_of_a_job],
    Refusal::OverDatasetCap { .. } => [over_the_cap_of_a_dataset, over_it_when_the_run_starts],
    Refusal::OverAnalystCap { .. } => [over_the_cap_of_an_analyst, over_it_with_a_new_key],
    Refusal::OverDomainCap { .. } => [over_the_cap_of_a_unit_domain],
    Refusal::ReleaseNow => [at_once],
    Refusal::NoSuchJob(_) => [an_approval_of_nothing],
    Refusal::WrongState { .. } => [
        approved_after_the_release, started_twice, released_twice, released_without_a_run, approved_after_a_rejection,
        read_before_the_release, withdrawn_though_it_runs, started_after_a_withdrawal,
        prioritized_though_it_runs
    ],
    Refusal::TooFewApprovals { .. } => [started_without_enough_approvals, started_by_the_lab_without_them],
    Refusal::Author(_) => [approved_by_its_author, approved_by_its_author_with_a_new_key],
    Refusal::NotTheAuthor(_) => [withdrawn_by_another],
    Refusal::BadPriority(_) => [a_priority_of_none, a_priority_of_ten],
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
    Refusal::OldAccessLog { .. } => [an_access_log_of_the_same_day],
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
    (lab.puts(OWNER, revocation), Refusal::Needed { name: "owner".into(), role: Role::Operator })
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
    let taxes = DatasetRegistered { buckets: 8, ..lab.dataset("taxes", Some("enterprise")) };
    lab.does(STEWARD, taxes);
    let used = lab.used("taxes");
    let refusal = Refusal::OtherBuckets { one: "firms".into(), has: 16, other: "taxes".into(), not: 8 };
    submitted(lab, |job| job.datasets.push(used), refusal)
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

fn approved_under_a_new_policy(lab: &mut Lab) -> (u64, Refusal) {
    let job = lab.submit();
    lab.rules(|policy| policy.approvals = 1);
    (lab.puts(OWNER, lab.approval(job)), Refusal::OtherPolicy)
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
