//! The order in which approved jobs run.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::lab::*;
use crate::event::*;
use crate::ledger::*;

const OTHER: u8 = 7;
const THIRD: u8 = 8;

/// A lab with three analysts who can spend what they like.
fn crowded() -> Lab {
    let mut lab = Lab::new(["1000", "1000", "0.25"]);
    for (who, name) in [(OTHER, "other"), (THIRD, "third")] {
        lab.does(OWNER, enrolment(who, name, &[Role::Analyst]));
    }
    lab
}

fn approved_by(lab: &mut Lab, author: u8) -> JobId {
    let submission = lab.submission();
    let job = JobId(lab.does(author, submission));
    lab.approve(job);
    job
}

fn start(lab: &mut Lab, job: JobId) {
    let release_at = DateTime::from_timestamp(1_900_000_000, 0).unwrap();
    let start = RunStarted { release_at, ..lab.start(job) };
    lab.does(SERVICE, start);
}

#[test]
fn one_job_among_a_hundred_of_another_analyst_waits_for_one_run() {
    let mut lab = crowded();
    let many: Vec<JobId> = (0..100).map(|_| approved_by(&mut lab, ANALYST)).collect();
    let one = approved_by(&mut lab, OTHER);
    assert_eq!(lab.ledger.queue()[..3], [many[0], one, many[1]]);
    // Whoever comes while the first of many runs is next.
    start(&mut lab, many[0]);
    let late = approved_by(&mut lab, THIRD);
    assert_eq!(lab.ledger.queue()[..4], [one, late, many[1], many[2]]);
    // An operator has the last word.
    lab.does(SECOND, JobPrioritized { job: many[99], priority: 1 });
    lab.does(SECOND, JobPrioritized { job: one, priority: 9 });
    let queue = lab.ledger.queue();
    assert_eq!((queue[..3].to_vec(), *queue.last().unwrap()), (vec![many[99], late, many[1]], one));
    for priority in [0, 10, 255] {
        assert_eq!(lab.try_(SECOND, JobPrioritized { job: one, priority }), Err(Refusal::BadPriority(priority)));
    }
    assert!(matches!(lab.try_(OTHER, JobPrioritized { job: one, priority: 1 }), Err(Refusal::WrongRole { .. })));
    let runs = Refusal::WrongState { job: many[0], state: State::Running, event: "job-prioritized" };
    assert_eq!(lab.try_(SECOND, JobPrioritized { job: many[0], priority: 1 }), Err(runs));
}

#[test]
fn what_may_not_run_is_not_in_the_queue_and_is_told_why() {
    let mut lab = Lab::new(["1", "0.4", "0.25"]);
    let [first, second] = [0, 1].map(|_| approved_by(&mut lab, ANALYST));
    let waits = lab.submit();
    assert_eq!(lab.ledger.queue(), [first, second]);
    start(&mut lab, first);
    let held = |lab: &Lab, job: JobId| lab.ledger.held(&lab.ledger.jobs[&job]);
    assert_eq!(lab.ledger.queue(), []);
    assert!(matches!(held(&lab, second), Some(Refusal::OverAnalystCap { .. })));
    assert!(matches!(held(&lab, waits), Some(Refusal::OverAnalystCap { .. })), "nor would it be after its approvals");
    assert_eq!(held(&lab, first), None, "a run is not held");
    let mut policy = lab.ledger.policy().unwrap().clone();
    policy.caps.analyst = "1".parse().unwrap();
    lab.does(OWNER, PolicySet { policy });
    assert_eq!(held(&lab, second), Some(Refusal::OtherPolicy));
    let good = approved_by(&mut lab, ANALYST);
    assert_eq!(lab.ledger.queue(), [good]);
    let revoked = lab.does(OWNER, PersonRevoked { key: key(ANALYST), reason: "left".into() });
    assert_eq!((lab.ledger.queue(), held(&lab, good)), (vec![], Some(Refusal::Revoked("analyst".into(), revoked))));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// Whatever was submitted by whom: the first of the queue runs, and the queue goes on as it said; every job has
    /// its run; and between two runs of an analyst who waits, no other has two of that priority.
    #[test]
    fn everyone_has_a_turn(jobs in prop::collection::vec((0..3usize, 4..7u8), 1..24)) {
        let (mut lab, authors) = (crowded(), [ANALYST, OTHER, THIRD]);
        let mut of = BTreeMap::new();
        for (author, priority) in jobs {
            let job = approved_by(&mut lab, authors[author]);
            lab.does(SECOND, JobPrioritized { job, priority });
            of.insert(job, (author, priority));
        }
        let promised = lab.ledger.queue();
        let kept = lab.kept.values().rev().map(|put| serde_json::from_str(put).unwrap());
        prop_assert_eq!(&Ledger::restore(lab.ledger.size, kept).queue(), &promised);
        let mut ran = Vec::new();
        while let Some(next) = lab.ledger.queue().first().copied() {
            start(&mut lab, next);
            ran.push(next);
        }
        prop_assert_eq!(&ran, &promised);
        prop_assert_eq!(ran.len(), of.len());
        prop_assert!(ran.is_sorted_by_key(|job| of[job].1));
        for (at, job) in ran.iter().enumerate() {
            let (author, priority) = of[job];
            let (mut passed, since) = ([0; 3], ran[..at].iter().rposition(|before| of[before] == (author, priority)));
            let since = since.map_or_else(|| ran.iter().position(|first| of[first].1 == priority).unwrap(), |at| at + 1);
            ran[since..at].iter().for_each(|before| passed[of[before].0] += 1);
            prop_assert!(passed.iter().all(|runs| *runs <= 1), "{:?} at {} of {:?}", job, at, ran);
        }
    }
}
