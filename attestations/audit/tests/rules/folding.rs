//! Random histories of good and bad entries: what is refused leaves no trace, and a ledger that was put
//! away goes on as if it had not been.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use proptest::prelude::*;
use unseen_audit::fold::{Checked, Fold};
use unseen_ids::{JobId, Role};
use unseen_policies::event::*;
use unseen_policies::ledger::Ledger;

use crate::behind::Machine;
use crate::lab::*;

const PEOPLE: [u8; 8] = [OWNER, SERVICE, STEWARD, ANALYST, SECOND, AUDITOR, STRANGER, NEWCOMER];

/// One entry: what happens, by whom, to which job, and what is wrong with it, if anything is.
#[derive(Clone, Copy, Debug)]
struct Step {
    event: u8,
    who: Option<usize>,
    job: prop::sample::Index,
    twist: u8,
}

fn step() -> impl Strategy<Value = Step> {
    // Mostly by who may, mostly untwisted.
    let who = prop_oneof![3 => Just(None), 1 => (0..PEOPLE.len()).prop_map(Some)];
    let twist = prop_oneof![3 => Just(0_u8), 1 => any::<u8>()];
    (0..20_u8, who, any::<prop::sample::Index>(), twist).prop_map(|(event, who, job, twist)| Step {
        event,
        who,
        job,
        twist,
    })
}

/// The entry of a step, after what is in the log so far.
fn entry(lab: &mut Lab, Step { event, who, job, twist }: Step) -> Vec<u8> {
    let jobs: Vec<JobId> = lab.ledger().jobs().keys().copied().collect();
    let event = if jobs.is_empty() && event >= 8 { event % 8 } else { event };
    let job = if jobs.is_empty() { JobId(0) } else { *job.get(&jobs) };
    let run = |lab: &Lab| lab.job(job).run.as_ref().map_or(0, |run| run.entry);
    let release = |lab: &Lab| lab.job(job).release.map_or(0, |(entry, _)| entry);
    let odd = twist % 2 == 1;
    let (by, event): (u8, Event) = match event {
        0 => (OWNER, lab.created().into()),
        1 => (OWNER, enrolment(NEWCOMER, if odd { "second" } else { "newcomer" }, vec![Role::Operator]).into()),
        2 => (OWNER, PersonRevoked { key: public(if odd { SECOND } else { NEWCOMER }), reason: "left".into() }.into()),
        3 => {
            let mut policy = lab.ledger().policy().unwrap().clone();
            policy.approvals = u32::from(twist % 3);
            policy.evidence.as_mut().unwrap().required = odd;
            (OWNER, PolicySet { policy }.into())
        }
        4 => (STEWARD, lab.dataset(if odd { "taxes" } else { "firms" }, Some("enterprise")).into()),
        5 => (OWNER, LogKeyChanged { log_key: verifier(NEXT_LOG_KEY + twist % 4).to_string() }.into()),
        6 | 7 => (ANALYST, lab.submission().into()),
        8..=11 => ([OWNER, SECOND][usize::from(event % 2)], lab.approval(job).into()),
        12 if odd => (SECOND, JobRejected { job, reason: "too wide".into() }.into()),
        12 => (SERVICE, lab.witnessing(job, &lab.checkpoint(LOG_KEY), &[]).into()),
        13 | 14 => (OWNER, lab.start(job).into()),
        15 => (SERVICE, EvidenceRecorded { job, run: run(lab), evidence: other_digest() }.into()),
        16 | 17 => {
            lab.wait(TimeDelta::minutes(if odd { 5 } else { 60 }));
            (SERVICE, lab.announce(job, other_digest()).into())
        }
        18 => (SERVICE, RunFailed { job, run: run(lab), reason: "failed".into() }.into()),
        _ => (AUDITOR, ReleaseRead { job, release: release(lab) }.into()),
    };
    let mut record = lab.record(event);
    match twist {
        2 => record.log.push('x'),
        4 => record.nonce = format!("{:032x}", 1),
        6 => record.nonce.clear(),
        _ => (),
    }
    let mut entry = unseen_entries::sign::sign(&record, &key(who.map_or(by, |who| PEOPLE[who]))).unwrap();
    match twist {
        8 => entry[9] ^= 1,
        10 => entry.truncate(40),
        12 => entry = lab.entries[usize::from(twist) % lab.entries.len()].clone(),
        _ => (),
    }
    entry
}

/// What entries put, by key, as it is put away.
type Kept = BTreeMap<String, String>;

fn keep(kept: &mut Kept, checked: &Checked) {
    kept.extend(checked.puts().iter().map(|put| (put.key(), serde_json::to_string(put).unwrap())));
}

/// A fold out of what was put away.
fn resumed(size: u64, kept: &Kept) -> Fold {
    let puts = kept.values().map(|put| serde_json::from_str(put).unwrap());
    Fold::resume(Ledger::restore(size, puts))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_refused_changes_nothing(steps in prop::collection::vec(step(), 1..80)) {
        let mut lab = Lab::new();
        lab.witnessed_by_two();
        lab.rules(|policy| {
            policy.witnesses.as_mut().unwrap().required = false;
            policy.evidence = Some(Machine::new().rule());
        });
        let (mut fold, mut kept) = (Fold::default(), Kept::new());
        for entry in &lab.entries {
            let checked = fold.check(entry).unwrap();
            keep(&mut kept, &checked);
            fold.apply(checked).unwrap();
        }
        let mut twin = resumed(fold.ledger().size(), &kept);
        for step in steps {
            let entry = entry(&mut lab, step);
            let before = fold.ledger().clone();
            prop_assert_eq!(twin.ledger(), &before);
            let checked = fold.check(&entry);
            checked.iter().for_each(|checked| keep(&mut kept, checked));
            let checked = checked.map(|checked| checked.opened().leaf).map_err(|error| error.to_string());
            prop_assert_eq!(fold.ledger(), &before, "asking changes nothing");
            let next = fold.next(&entry).map(|opened| opened.leaf).map_err(|error| error.to_string());
            prop_assert_eq!(&checked, &next, "what may come next can");
            let again = twin.next(&entry).map(|opened| opened.leaf).map_err(|error| error.to_string());
            prop_assert_eq!(&next, &again);
            if next.is_err() {
                prop_assert_eq!(fold.ledger(), &before);
                prop_assert_eq!(twin.ledger(), &before);
                fold.skip();
                twin.skip();
            }
            prop_assert_eq!(fold.ledger().size(), before.size() + 1);
            lab.push(entry);
            twin = resumed(fold.ledger().size(), &kept);
        }
    }
}
