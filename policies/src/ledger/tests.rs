//! The rules one by one, and histories of many entries.

use chrono::TimeDelta;

use super::*;
use crate::event::*;
use crate::need::Need;
use crate::policy::{EvidenceRule, Witness};

mod datasets;
mod edges;
mod lab;
mod nodes;
mod people;
mod queue;

use lab::*;

#[test]
fn a_job_goes_from_submission_to_release_and_is_charged_once() {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    let job = lab.submit();
    lab.approve(job);
    assert_eq!(lab.ledger.datasets["firms"].spent, Rho::ZERO);
    let start = lab.start(job);
    let run = lab.does(OWNER, start.clone());
    assert_eq!(lab.ledger.datasets["firms"].spent, "0.25".parse().unwrap());
    assert!(matches!(lab.try_(OWNER, start), Err(Refusal::WrongState { .. })), "no second charge");
    let released = lab.released(job, run);
    assert_eq!(lab.try_(OWNER, released.clone()), Err(Refusal::NotTheLab));
    let wrong_run = Released { run: run + 1, ..released.clone() };
    assert_eq!(lab.try_(SERVICE, wrong_run), Err(Refusal::OtherRun(job)));
    let release = lab.does(SERVICE, released);
    lab.does(ANALYST, ReleaseRead { job, release });
    assert_eq!(lab.ledger.jobs[&job].state, State::Released);
    assert_eq!(lab.ledger.spent_on_domain("enterprise"), "0.25".parse().unwrap());
}

#[test]
fn a_run_has_its_slot_to_itself_and_appears_after_it() {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    let policy = Policy { release_now: false, ..lab.ledger.policy().unwrap().clone() };
    lab.does(OWNER, PolicySet { policy });
    let need = |memory, seconds| Some(Need { memory, thread: 1, seconds });
    let with = |lab: &Lab, need, release: &str| JobSubmitted { need, release: release.into(), ..lab.submission() };
    for (needs, release, refused) in [
        (None, "+1h", Refusal::OtherNeed),
        (need((4 << 30) + 1, 1), "+1h", Refusal::TooLarge { needs: 4097, has: 4096 }),
        (need(1, 3_601), "+1h", Refusal::TooLong { needs: 3_601, has: 3_600 }),
    ] {
        let job = with(&lab, needs, release);
        assert_eq!(lab.try_(ANALYST, job), Err(refused));
    }
    let fits = with(&lab, need(4 << 30, 3_600), "+1h");
    let [first, second] = [0, 1].map(|_| JobId(lab.does(ANALYST, fits.clone())));
    lab.approve(first);
    lab.approve(second);
    let in_time = |lab: &Lab, job, wait| {
        let start = DateTime::from_timestamp(1_800_000_001 + lab.nonce as i64, 0).unwrap();
        RunStarted { release_at: start + TimeDelta::seconds(wait), ..lab.start(job) }
    };
    // Ten minutes are not enough where the slot is an hour.
    let soon = in_time(&lab, first, 600);
    assert_eq!(lab.try_(OWNER, soon), Err(Refusal::TooSoon));
    let start = in_time(&lab, first, 3_600);
    lab.does(OWNER, start);
    let until = lab.ledger.jobs[&first].run.as_ref().unwrap().slot_ends;
    let next = in_time(&lab, second, 7_200);
    assert_eq!(lab.try_(OWNER, next), Err(Refusal::Busy { job: first, until }));
    // A second early is too early, and then it starts.
    lab.nonce = (until.timestamp() - 1_800_000_000 - 2) as u64;
    let next = in_time(&lab, second, 7_200);
    assert_eq!(lab.try_(OWNER, next.clone()), Err(Refusal::Busy { job: first, until }));
    lab.does(OWNER, next);
}

#[test]
fn spans_are_said_in_two_parts() {
    for (seconds, said) in
        [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3_725, "1 h 2 min"), (86_400, "1 d"), (90_061, "1 d 1 h")]
    {
        assert_eq!(span(seconds).to_string(), said);
    }
}

#[test]
fn approvals_that_do_not_count() {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    let job = lab.submit();
    let good = lab.approval(job);
    assert_eq!(lab.try_(ANALYST, good.clone()), Err(Refusal::Author("analyst".into())));
    assert!(matches!(lab.try_(STEWARD, good.clone()), Err(Refusal::WrongRole { .. })));
    assert_eq!(lab.try_(99, good.clone()), Err(Refusal::NotEnrolled));
    let changed = JobApproved { manifest: digest(77), ..good.clone() };
    assert_eq!(lab.try_(OWNER, changed), Err(Refusal::OtherSubmission(job)));
    lab.does(OWNER, good.clone());
    assert_eq!(lab.try_(OWNER, good.clone()), Err(Refusal::ApprovedTwice("owner".into())));
    lab.does(OWNER, PersonRevoked { key: key(SECOND), reason: "left".into() });
    assert!(matches!(lab.try_(SECOND, good.clone()), Err(Refusal::Revoked(..))));
    assert_eq!(lab.try_(OWNER, lab.start(job)), Err(Refusal::TooFewApprovals { job, has: 1, needs: 2 }));
    // A new key under the old name is the same person.
    lab.does(OWNER, enrolment(6, "second", &[Role::Operator]));
    lab.does(6, JobRejected { job, reason: "no".into() });
    assert!(matches!(lab.try_(6, good), Err(Refusal::WrongState { .. })), "after rejection");
}

#[test]
fn a_new_key_does_not_make_a_second_approver() {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    let job = lab.submit();
    let good = lab.approval(job);
    lab.does(SECOND, good.clone());
    lab.does(OWNER, PersonRevoked { key: key(SECOND), reason: "lost".into() });
    lab.does(OWNER, enrolment(6, "second", &[Role::Operator]));
    assert_eq!(lab.try_(6, good), Err(Refusal::ApprovedTwice("second".into())));
}

#[test]
fn an_author_takes_a_job_back_until_it_runs() {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    let withdrawn = |job| JobWithdrawn { job, reason: "a wrong column".into() };
    let (first, second, third) = (lab.submit(), lab.submit(), lab.submit());
    assert_eq!(lab.try_(SECOND, withdrawn(first)), Err(Refusal::NotTheAuthor("second".into())));
    assert_eq!(lab.try_(SERVICE, withdrawn(first)), Err(Refusal::NotEnrolled));
    lab.does(ANALYST, withdrawn(first));
    assert_eq!(lab.ledger.jobs[&first].state, State::Withdrawn);
    let late = lab.approval(first);
    assert!(matches!(lab.try_(OWNER, late), Err(Refusal::WrongState { .. })), "it stays so");
    // A new key under the old name is the same person, whatever its role.
    lab.approve(second);
    lab.approve(third);
    lab.does(OWNER, PersonRevoked { key: key(ANALYST), reason: "lost".into() });
    lab.does(OWNER, enrolment(6, "analyst", &[Role::Auditor]));
    assert!(matches!(lab.try_(ANALYST, withdrawn(second)), Err(Refusal::Revoked(..))));
    lab.does(6, withdrawn(second));
    assert_eq!(lab.ledger.jobs[&second].reason.as_deref(), Some("a wrong column"));
    assert!(matches!(lab.try_(OWNER, lab.start(second)), Err(Refusal::WrongState { .. })), "nor is it charged");
    assert_eq!(lab.ledger.datasets["firms"].spent, Rho::ZERO);
}

#[test]
fn the_lab_starts_what_was_approved_and_nothing_else() {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    let job = lab.submit();
    let early = lab.start(job);
    assert_eq!(lab.try_(SERVICE, early), Err(Refusal::TooFewApprovals { job, has: 0, needs: 2 }));
    lab.approve(job);
    let good = lab.start(job);
    assert!(matches!(lab.try_(STEWARD, good.clone()), Err(Refusal::WrongRole { .. })));
    let cheap = RunStarted { rho: "0.1".parse().unwrap(), ..good.clone() };
    assert_eq!(lab.try_(SERVICE, cheap), Err(Refusal::OtherCharge(job)));
    let run = lab.does(SERVICE, good);
    assert_eq!(lab.ledger.jobs[&job].run.as_ref().unwrap().entry, run);
    assert_eq!(lab.ledger.datasets["firms"].spent, "0.25".parse().unwrap());
    // An approval is a person's all the same.
    let other = lab.submit();
    let approval = lab.approval(other);
    assert_eq!(lab.try_(SERVICE, approval), Err(Refusal::NotEnrolled));
}

#[test]
fn a_run_is_not_taken_back() {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    let job = lab.submit();
    lab.approve(job);
    let start = lab.start(job);
    lab.does(OWNER, start);
    let refused = Refusal::WrongState { job, state: State::Running, event: "job-withdrawn" };
    assert_eq!(lab.try_(ANALYST, JobWithdrawn { job, reason: String::new() }), Err(refused));
}

#[test]
fn caps_hold_at_submission_and_again_at_the_start() {
    let mut lab = Lab::new(["0.5", "0.4", "0.25"]);
    let over = JobSubmitted { rho: "0.250000000001".parse().unwrap(), ..lab.submission() };
    assert!(matches!(lab.try_(ANALYST, over), Err(Refusal::OverJobCap { .. })));
    let jobs = [lab.submit(), lab.submit()];
    jobs.iter().for_each(|job| lab.approve(*job));
    let starts = jobs.map(|job| lab.start(job));
    lab.does(OWNER, starts[0].clone());
    assert!(matches!(lab.try_(OWNER, starts[1].clone()), Err(Refusal::OverAnalystCap { .. })), "two race, one wins");
    let more = lab.submission();
    assert!(matches!(lab.try_(ANALYST, more), Err(Refusal::OverAnalystCap { .. })));
    // A new snapshot does not give budget back.
    lab.does(STEWARD, DatasetRegistered { snapshot: digest(12), ..dataset_named("firms", Some("enterprise")) });
    assert_eq!(lab.ledger.datasets["firms"].spent, "0.25".parse().unwrap());
    let stale = lab.submission();
    assert_eq!(lab.try_(ANALYST, stale), Err(Refusal::OtherSnapshot("firms".into())));
    let cheap = RunStarted { rho: "0.01".parse().unwrap(), ..starts[1].clone() };
    assert!(matches!(lab.try_(OWNER, cheap), Err(Refusal::OtherCharge(_))));
}

#[test]
fn a_unit_in_many_datasets_has_one_cap() {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    let mut policy = lab.ledger.policy().unwrap().clone();
    policy.caps.domain = Some("0.4".parse().unwrap());
    lab.does(OWNER, PolicySet { policy });
    lab.does(STEWARD, dataset_named("taxes", Some("enterprise")));
    let job = lab.submit();
    lab.approve(job);
    let start = lab.start(job);
    lab.does(OWNER, start);
    let elsewhere = JobSubmitted { datasets: vec![used("taxes")], ..lab.submission() };
    let left = "0.15".parse().unwrap();
    let refusal = Refusal::OverDomainCap { domain: "enterprise".into(), cost: elsewhere.rho, left };
    assert_eq!(lab.try_(ANALYST, elsewhere), Err(refusal));
}

#[test]
fn submissions_that_name_what_they_may_not() {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    lab.does(
        STEWARD,
        DatasetRegistered { open_to: vec!["somebody".into()], ..dataset_named("closed", Some("enterprise")) },
    );
    lab.does(STEWARD, dataset_named("clinics", Some("person")));
    lab.does(STEWARD, DatasetRegistered { buckets: 0, ..dataset_named("towns", None) });
    let with = |lab: &Lab, names: &[&str]| JobSubmitted {
        datasets: names.iter().map(|n| used(n)).collect(),
        ..lab.submission()
    };
    for (names, expected) in [
        (vec!["closed"], Refusal::NotOpen("closed".into(), "analyst".into())),
        (vec!["firms", "clinics"], Refusal::TwoDomains("enterprise".into(), "person".into())),
        (vec!["towns"], Refusal::NothingPrivate),
        (vec!["nowhere"], Refusal::NoSuchDataset("nowhere".into())),
        (vec!["firms", "firms"], Refusal::NamedTwice("firms".into())),
    ] {
        let job = with(&lab, &names);
        assert_eq!(lab.try_(ANALYST, job), Err(expected));
    }
    let free = JobSubmitted { rho: Rho::ZERO, ..lab.submission() };
    assert_eq!(lab.try_(ANALYST, free), Err(Refusal::NoCharge));
    assert!(matches!(lab.try_(OWNER, lab.submission()), Err(Refusal::WrongRole { .. })));
    lab.does(STEWARD, DatasetRegistered { buckets: 8, ..dataset_named("more", Some("enterprise")) });
    let job = with(&lab, &["firms", "more"]);
    assert!(matches!(lab.try_(ANALYST, job), Err(Refusal::OtherBuckets { .. })));
    assert!(matches!(lab.try_(STEWARD, dataset_named("firms", Some("person"))), Err(Refusal::DatasetChanged { .. })));
}

#[test]
fn on_schedule_nothing_appears_at_once() {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    let policy = Policy { release_now: false, ..lab.ledger.policy().unwrap().clone() };
    lab.does(OWNER, PolicySet { policy });
    let now = JobSubmitted { release: "now".into(), ..lab.submission() };
    assert_eq!(lab.try_(ANALYST, now), Err(Refusal::ReleaseNow));
    let past = JobSubmitted { release: "2020-01-01T00:00:00Z".into(), ..lab.submission() };
    let job = JobId(lab.does(ANALYST, past));
    lab.approve(job);
    assert_eq!(lab.try_(OWNER, lab.start(job)), Err(Refusal::TooSoon));
    let at = DateTime::from_timestamp(1_800_000_000 + 700, 0).unwrap();
    let run = lab.does(OWNER, RunStarted { release_at: at, ..lab.start(job) });
    let failed = RunFailed { job, run, reason: "failed".into() };
    assert_eq!(lab.try_(SERVICE, failed), Err(Refusal::TooEarly { job, at }), "failures wait too");
}

#[test]
fn a_changed_policy_voids_what_was_submitted_under_the_old_one() {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    let job = lab.submit();
    lab.approve(job);
    let policy = lab.ledger.policy().unwrap().clone();
    lab.does(OWNER, PolicySet { policy });
    assert_eq!(lab.try_(OWNER, lab.start(job)), Err(Refusal::OtherPolicy));
}

#[test]
fn replays_other_logs_and_early_releases_are_refused() {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    let submission = lab.submission();
    let record = lab.record(submission);
    apply(&mut lab.ledger, ANALYST, &record, digest(50)).unwrap();
    assert_eq!(lab.ledger.may(&key(ANALYST), &record), Err(Refusal::Replayed));
    let elsewhere = Record { log: "other".into(), nonce: "f".repeat(32), ..record };
    assert!(matches!(lab.ledger.may(&key(ANALYST), &elsewhere), Err(Refusal::OtherLog(..))));
    let job = JobId(lab.ledger.size - 1);
    lab.approve(job);
    let late = RunStarted { release_at: DateTime::from_timestamp(1_900_000_000, 0).unwrap(), ..lab.start(job) };
    let run = lab.does(OWNER, late);
    let early = lab.released(job, run);
    assert!(matches!(lab.try_(SERVICE, early), Err(Refusal::TooEarly { .. })));
    assert_eq!(lab.ledger.datasets["firms"].spent, "0.25".parse().unwrap());
}

#[test]
fn the_beginning_is_checked_before_anything_changes() {
    let lab = Lab::new(["1", "1", "0.25"]);
    let created = LabCreated {
        owner: "owner".into(),
        owner_key: key(OWNER),
        service_key: key(SERVICE),
        log_key: "lab+1+x".into(),
        noise_commitment: digest(9),
    };
    let begin = |signer: u8, created: &LabCreated, nonce: &str| {
        let event = created.clone().into();
        let record = Record { log: "lab".into(), time: lab.ledger.datasets["firms"].time, nonce: nonce.into(), event };
        let mut ledger = Ledger::default();
        let outcome = apply(&mut ledger, signer, &record, digest(1));
        assert_eq!(Ledger::default().may(&key(signer), &record), outcome);
        assert_eq!(ledger == Ledger::default(), outcome.is_err());
        outcome
    };
    let nonce = "0".repeat(32);
    assert_eq!(begin(OWNER, &created, &nonce), Ok(()));
    assert_eq!(begin(OWNER, &created, "0"), Err(Refusal::BadNonce));
    assert_eq!(begin(SECOND, &created, &nonce), Err(Refusal::NotEnrolled));
    let nameless = LabCreated { owner: String::new(), ..created.clone() };
    assert_eq!(begin(OWNER, &nameless, &nonce), Err(Refusal::BadName(String::new())));
    let both = LabCreated { service_key: key(OWNER), ..created.clone() };
    assert_eq!(begin(OWNER, &both, &nonce), Err(Refusal::KeyTaken));
    let other = LabCreated { log_key: "other+1+x".into(), ..created };
    assert_eq!(begin(OWNER, &other, &nonce), Err(Refusal::BadLogKey("other+1+x".into())));
}

#[test]
fn nonces_are_written_in_one_way() {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    let submission = lab.submission();
    let good = lab.record(submission);
    let long = "0".repeat(33);
    for nonce in ["", "1", "+0000000000000000000000000000001", &"G".repeat(32), &"AF".repeat(16), &long] {
        let record = Record { nonce: nonce.to_owned(), ..good.clone() };
        assert_eq!(lab.ledger.may(&key(ANALYST), &record), Err(Refusal::BadNonce), "{nonce}");
    }
    assert_eq!(lab.ledger.may(&key(ANALYST), &good), Ok(()));
}

#[test]
fn an_approval_says_in_which_role_and_after_which_log() {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    let job = lab.submit();
    let good = lab.approval(job);
    for role in [Role::Steward, Role::Analyst, Role::Auditor] {
        let other = JobApproved { role, ..good.clone() };
        assert_eq!(lab.try_(OWNER, other), Err(Refusal::OtherRole(role)));
    }
    for size in [0, job.0, lab.ledger.size + 1] {
        let other = JobApproved { seen: TreeHead { size, root: digest(0) }, ..good.clone() };
        assert_eq!(lab.try_(OWNER, other), Err(Refusal::OtherLogSeen { job, seen: size }));
    }
    let first = JobApproved { seen: TreeHead { size: job.0 + 1, root: digest(0) }, ..good };
    lab.does(OWNER, first);
}

#[test]
fn a_run_has_the_inputs_that_were_approved() {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    let job = lab.submit();
    lab.approve(job);
    let good = lab.start(job);
    let firms = good.snapshots[0].clone();
    for other in [
        RunStarted { manifest: digest(77), ..good.clone() },
        RunStarted { module: digest(77), ..good.clone() },
        RunStarted { policy: good.policy + 1, ..good.clone() },
        RunStarted { policy_leaf: digest(77), ..good.clone() },
        RunStarted { snapshots: vec![], ..good.clone() },
        RunStarted { snapshots: vec![firms.clone(), firms.clone()], ..good.clone() },
        RunStarted { snapshots: vec![Snapshot { snapshot: digest(77), ..firms.clone() }], ..good.clone() },
        RunStarted { snapshots: vec![Snapshot { name: "taxes".into(), ..firms }], ..good.clone() },
    ] {
        assert_eq!(lab.try_(OWNER, other), Err(Refusal::OtherInputs(job)));
    }
    lab.does(OWNER, good);
}

#[test]
fn evidence_is_there_where_the_policy_asks_for_it() {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    let start = |lab: &mut Lab| {
        let job = lab.submit();
        lab.approve(job);
        let start = lab.start(job);
        (job, lab.does(OWNER, start))
    };
    let (job, run) = start(&mut lab);
    let evidence = EvidenceRecorded { job, run, evidence: digest(40) };
    assert_eq!(lab.try_(SERVICE, evidence), Err(Refusal::NoEvidenceRule));
    let rule = |required| EvidenceRule {
        provider: "sev-snp".into(),
        required,
        key: "milan".into(),
        pcrs: Default::default(),
        nodes: Default::default(),
    };
    let policy = Policy { evidence: Some(rule(true)), ..lab.ledger.policy().unwrap().clone() };
    lab.does(OWNER, PolicySet { policy: policy.clone() });
    let (job, run) = start(&mut lab);
    let released = lab.released(job, run);
    assert_eq!(lab.try_(SERVICE, released.clone()), Err(Refusal::NoEvidence(job)));
    let evidence = EvidenceRecorded { job, run, evidence: digest(40) };
    assert_eq!(lab.try_(OWNER, evidence.clone()), Err(Refusal::NotTheLab));
    assert_eq!(lab.try_(SERVICE, EvidenceRecorded { run: run - 1, ..evidence.clone() }), Err(Refusal::OtherRun(job)));
    let entry = lab.does(SERVICE, evidence);
    assert_eq!(lab.ledger.jobs[&job].evidence, Some((entry, digest(40))));
    lab.does(SERVICE, released);
    // Where it is not required, a result comes without.
    lab.does(OWNER, PolicySet { policy: Policy { evidence: Some(rule(false)), ..policy } });
    let (job, run) = start(&mut lab);
    let released = lab.released(job, run);
    lab.does(SERVICE, released);
}

#[test]
fn a_release_opens_when_enough_witnesses_have_seen_it() {
    let mut lab = Lab::new(["2", "2", "0.25"]);
    let release = |lab: &mut Lab| {
        let job = lab.submit();
        lab.approve(job);
        let start = lab.start(job);
        let run = lab.does(OWNER, start);
        let released = lab.released(job, run);
        (job, lab.does(SERVICE, released))
    };
    let seen = |(job, release): (JobId, u64), names: &[&str]| ReleaseWitnessed {
        job,
        release,
        checkpoint: digest(50),
        witnesses: names.iter().map(|name| name.to_string()).collect(),
    };
    let old = release(&mut lab);
    assert_eq!(lab.try_(SERVICE, seen(old, &["a"])), Err(Refusal::NoWitnesses));
    let witness = ["a", "b", "c"].map(|name| Witness { key: format!("{name}+1+{name}"), url: "https://w".into() });
    let rule = Witnesses { quorum: 2, required: true, witness: witness.into() };
    let policy = Policy { witnesses: Some(rule.clone()), ..lab.ledger.policy().unwrap().clone() };
    lab.does(OWNER, PolicySet { policy: policy.clone() });
    let new = release(&mut lab);
    let read = |(job, release): (JobId, u64)| ReleaseRead { job, release };
    assert_eq!(lab.try_(ANALYST, read(new)), Err(Refusal::NotWitnessed(new.0)));
    for (names, refusal) in [
        (vec!["a", "d"], Refusal::OtherWitness("d".into())),
        (vec!["a", "a"], Refusal::OtherWitness("a".into())),
        (vec!["a"], Refusal::TooFewWitnesses { has: 1, needs: 2 }),
        (vec![], Refusal::TooFewWitnesses { has: 0, needs: 2 }),
    ] {
        assert_eq!(lab.try_(SERVICE, seen(new, &names)), Err(refusal));
    }
    assert_eq!(lab.try_(OWNER, seen(new, &["a", "b"])), Err(Refusal::NotTheLab));
    assert_eq!(lab.try_(SERVICE, seen((new.0, new.1 - 1), &["a", "b"])), Err(Refusal::OtherRun(new.0)));
    lab.does(SERVICE, seen(new, &["c", "a"]));
    assert_eq!(lab.try_(SERVICE, seen(new, &["a", "b", "c"])), Err(Refusal::WitnessedAlready(new.0)));
    lab.does(ANALYST, read(new));
    // Where they are not required, it opens marked, and the mark goes away when they answer.
    let rule = Witnesses { required: false, ..rule };
    lab.does(OWNER, PolicySet { policy: Policy { witnesses: Some(rule), ..policy } });
    let marked = release(&mut lab);
    assert_eq!(lab.try_(ANALYST, read(marked)), Err(Refusal::NotWitnessed(marked.0)), "not even asked");
    for (names, enough) in [(vec![], false), (vec!["b"], false), (vec!["b", "a"], true)] {
        lab.does(SERVICE, seen(marked, &names));
        assert_eq!(lab.ledger.jobs[&marked.0].witnessed.as_ref().unwrap().enough, enough);
        lab.does(ANALYST, read(marked));
    }
}

#[test]
fn the_logs_key_changes_to_a_new_one_of_the_same_name() {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    let change = |log_key: &str| LogKeyChanged { log_key: log_key.into() };
    for bad in ["", "lab", "other+2+y", "+2+y", "lab+1+x"] {
        assert_eq!(lab.try_(OWNER, change(bad)), Err(Refusal::BadLogKey(bad.into())));
    }
    assert!(matches!(lab.try_(STEWARD, change("lab+2+y")), Err(Refusal::WrongRole { .. })));
    assert_eq!(lab.try_(SERVICE, change("lab+2+y")), Err(Refusal::NotEnrolled));
    let entry = lab.does(OWNER, change("lab+2+y"));
    assert_eq!(lab.ledger.log_keys.last_key_value(), Some((&entry, &"lab+2+y".to_owned())));
    assert_eq!(lab.ledger.log_key(), "lab+2+y");
    for old in ["lab+1+x", "lab+2+y"] {
        assert_eq!(lab.try_(OWNER, change(old)), Err(Refusal::BadLogKey(old.into())), "an old key never comes back");
    }
}

#[test]
fn order_comes_from_the_log_and_never_from_a_clock() {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    let job = lab.submit();
    let mut early = lab.record(lab.approval(job));
    early.time = DateTime::UNIX_EPOCH;
    apply(&mut lab.ledger, OWNER, &early, digest(60)).unwrap();
    assert_eq!(lab.ledger.jobs[&job].approvals, [(job.0 + 1, key(OWNER))]);
    // A key that is revoked by then does not count, whatever time its envelope states.
    lab.does(OWNER, PersonRevoked { key: key(SECOND), reason: "lost".into() });
    let mut before = lab.record(lab.approval(job));
    before.time = DateTime::UNIX_EPOCH;
    let late = apply(&mut lab.ledger, SECOND, &before, digest(61));
    assert!(matches!(late, Err(Refusal::Revoked(..))), "{late:?}");
}

#[test]
fn there_is_always_an_operator_and_one_person_a_name() {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    let enrol = |name: &str, who: u8| enrolment(who, name, &[Role::Auditor]);
    assert!(matches!(lab.try_(OWNER, enrol("second", 40)), Err(Refusal::NameTaken(_))));
    assert_eq!(lab.try_(OWNER, enrol("x", SECOND)), Err(Refusal::KeyTaken));
    assert!(matches!(lab.try_(OWNER, enrol(" x", 41)), Err(Refusal::BadName(_))));
    // Nobody is called what listings call the lab.
    for name in ["lab", "The Lab", "实验室"] {
        assert_eq!(lab.try_(OWNER, enrol(name, 41)), Err(Refusal::BadName(name.into())));
    }
    for who in [SECOND, ANALYST] {
        lab.does(OWNER, PersonRevoked { key: key(who), reason: String::new() });
    }
    assert!(matches!(
        lab.try_(OWNER, PersonRevoked { key: key(OWNER), reason: String::new() }),
        Err(Refusal::Needed { .. })
    ));
}

/// What is kept is the whole of it, and in no order.
#[test]
fn a_ledger_is_restored_from_what_its_entries_put() {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    let job = lab.submit();
    lab.approve(job);
    let start = lab.start(job);
    let run = lab.does(OWNER, start);
    lab.does(OWNER, LogKeyChanged { log_key: "lab+2+y".into() });
    let released = lab.released(job, run);
    lab.does(SERVICE, released);
    lab.does(OWNER, PersonRevoked { key: key(STEWARD), reason: "left".into() });
    let puts = lab.kept.values().rev().map(|put| serde_json::from_str(put).unwrap());
    assert_eq!(Ledger::restore(lab.ledger.size, puts), lab.ledger);
}

#[test]
fn what_was_checked_before_another_entry_is_not_applied() {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    let job = lab.submit();
    let approval = lab.approval(job);
    let record = lab.record(approval);
    let entry = Entry { signer: &key(OWNER), cosigners: &[], record: &record, leaf: digest(1), statement: digest(0) };
    let [first, second] = [(); 2].map(|()| lab.ledger.check(entry).unwrap());
    let checked = first.entry();
    lab.ledger.apply(first).unwrap();
    let before = lab.ledger.clone();
    assert_eq!(lab.ledger.apply(second), Err(Overtaken { checked, size: checked + 1 }));
    assert_eq!(lab.ledger, before);
}

/// No cap that a policy may name lets a sum overflow; if one did overflow, no run would start.
#[test]
fn a_charge_that_cannot_be_added_stops_the_run() {
    let lab = Lab::new(["1", "1", "0.25"]);
    let submission = lab.submission();
    assert_eq!(lab.ledger.charge(&submission, "analyst").map(|puts| puts.len()), Ok(2));
    let (cost, left) = (submission.rho, Rho::ZERO);
    let mut over = lab.ledger.clone();
    over.datasets.get_mut("firms").unwrap().spent = Rho::MAX;
    let dataset = "firms".to_owned();
    assert_eq!(over.charge(&submission, "analyst"), Err(Refusal::OverDatasetCap { dataset, cost, left }));
    let mut over = lab.ledger.clone();
    over.by_domain.insert("enterprise".into(), Rho::MAX);
    let domain = "enterprise".to_owned();
    assert_eq!(over.charge(&submission, "analyst"), Err(Refusal::OverDomainCap { domain, cost, left }));
    let mut unregistered = lab.ledger.clone();
    unregistered.datasets.clear();
    assert_eq!(unregistered.charge(&submission, "analyst"), Err(Refusal::NoSuchDataset("firms".into())));
}
