//! Whole bundles: the log's keys, what is known from before, and who has cosigned.

use std::fs;
use std::path::Path;

use chrono::TimeDelta;
use unseen_audit::bundle::{Known, VERIFIER_KEY};
use unseen_audit::error::AuditError;
use unseen_audit::report::Report;
use unseen_ids::Role;
use unseen_log::{CHECKPOINT, LogError, blob_path, handover_path};
use unseen_policies::event::*;
use unseen_policies::lifecycle::State;
use unseen_tlog::note::{Checkpoint, Note};

use crate::behind::Machine;
use crate::lab::*;

/// A log in which everything happens that may, and the key is handed over once.
fn good() -> Lab {
    let mut lab = Lab::new();
    lab.released();
    lab.hand_over(NEXT_LOG_KEY);
    lab
}

#[test]
fn a_good_log_has_no_violation() {
    let mut lab = Lab::new();
    let rejected = lab.submit();
    lab.does(SECOND, JobRejected { job: rejected, reason: "too wide".into() });
    let withdrawn = lab.submit();
    lab.does(SECOND, JobPrioritized { job: withdrawn, priority: 1 });
    lab.does(ANALYST, JobWithdrawn { job: withdrawn, reason: "a wrong column".into() });
    let (failed, run) = lab.running();
    lab.wait(TimeDelta::hours(1));
    lab.does(SERVICE, RunFailed { job: failed, run, reason: "the component failed".into() });
    let (job, release) = lab.released();
    lab.does(ANALYST, ReleaseRead { job, release });

    // Under a policy that asks for witnesses and for evidence of the machine.
    let machine = Machine::new();
    lab.witnessed_by_two();
    lab.evidence_by(machine.rule());
    let (job, run) = lab.running();
    let evidence = lab.put(machine.quote(lab.job(job).run.as_ref().unwrap().statement, [7; 32]));
    lab.does(SERVICE, EvidenceRecorded { job, run, evidence });
    let result = lab.result(job);
    let release = lab.does(SERVICE, result);
    let note = lab.cosigned(&[WITNESS, OTHER_WITNESS]);
    let witnessing = lab.witnessing(job, &note, &[WITNESS, OTHER_WITNESS]);
    lab.does(SERVICE, witnessing);
    lab.does(AUDITOR, ReleaseRead { job, release });

    // Under one that only marks what nobody has seen.
    lab.rules(|policy| {
        policy.evidence = None;
        policy.caps.analyst = policy.caps.dataset;
        policy.witnesses.as_mut().unwrap().required = false;
    });
    lab.does(OWNER, PersonRevoked { key: public(SECOND), reason: "lost".into() });
    lab.does(OWNER, enrolment(NEWCOMER, "second", vec![Role::Operator]));
    let marked = lab.submit();
    for who in [OWNER, NEWCOMER] {
        lab.does(who, lab.approval(marked));
    }
    lab.does(NEWCOMER, lab.start(marked));
    let result = lab.result(marked);
    lab.does(SERVICE, result);
    let nobody = lab.witnessing(marked, &lab.cosigned(&[]), &[]);
    lab.does(SERVICE, nobody);
    lab.hand_over(NEXT_LOG_KEY);
    lab.does(STEWARD, DatasetStatus { name: "firms".into(), status: Status::Withdrawn, reason: "asked to".into() });
    let snapshots = vec![lab.ledger().datasets()["firms"].registered.snapshot];
    lab.does(STEWARD, DatasetDeleted { name: "firms".into(), snapshots, reason: "asked to".into() });
    let description = lab.put("another text");
    lab.does(STEWARD, DatasetDescribed { name: "towns".into(), description });
    let date = "2026-11-28".parse().unwrap();
    lab.does(SERVICE, AccessLogRecorded { date, digest: other_digest(), lines: 7 });
    lab.does(SERVICE, ConsoleServed { runtime: "unseen 0.3.0".into(), assets: other_digest() });
    // Under one that separates offices, and changes by two.
    for (seed, name) in [(40, "first security"), (41, "second security")] {
        lab.does(OWNER, enrolment(seed, name, vec![Role::Security]));
    }
    lab.rules(|policy| (policy.separated, policy.changes_need) = (true, Some(2)));
    for event in [
        Event::from(enrolment(STRANGER, "late", vec![Role::Steward])),
        PersonRevoked { key: public(STRANGER), reason: "left".into() }.into(),
        node(NODE, "n1").into(),
        NodeRevoked { key: public(NODE), reason: "sold".into() }.into(),
    ] {
        let entry = lab.seal_by(&[41, 40], event);
        lab.push(entry);
    }

    let report = lab.audit();
    assert_eq!(violations(&report), []);
    let kinds: Vec<&str> = report.kinds.keys().map(String::as_str).collect();
    let mut all = Event::KINDS.to_vec();
    all.sort();
    assert_eq!(kinds, all, "every kind of entry");
    assert_eq!((report.numbers, report.kinds.values().sum::<u64>()), (6, lab.size()));
    let states: Vec<State> = report.jobs.iter().map(|job| job.state).collect();
    let out = State::Released;
    assert_eq!(states, [State::Rejected, State::Withdrawn, State::Failed, out, out, out]);
    assert!(report.jobs[4].evidence.as_ref().is_some_and(|found| found.provider == "tpm2"));
    let enough: Vec<_> = report.jobs.iter().map(|job| job.witnessed.as_ref().map(|found| found.enough)).collect();
    assert_eq!(enough, [None, None, None, None, Some(true), Some(false)]);
    assert_eq!(report.budget[0].spent, "1".parse().unwrap(), "the failed run's charge stays");
}

#[test]
fn a_release_stays_sealed_until_an_entry_says_who_saw_it() {
    let mut lab = Lab::new();
    lab.witnessed_by_two();
    let (job, release) = lab.released();
    let (_, body) = lab.job(job).release.unwrap();
    let sealed = |report: &Report| (report.jobs[0].sealed, report.numbers > 0, violations(report).len());
    assert_eq!(sealed(&lab.audit()), (true, false, 0));

    // The body is passed on, and nobody has seen its entry.
    let bundle = lab.export();
    let path = bundle.path().join(blob_path(&body));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, &lab.blobs[&body]).unwrap();
    let report = audit(bundle.path(), &Known::default()).unwrap();
    let unsaid = "the release was opened, and no entry says which witnesses had seen it";
    assert_eq!(violations(&report), [(release, unsaid)]);

    // The policy does without witnesses from now on.
    let mut without = lab.clone();
    without.rules(|policy| policy.witnesses = None);
    assert_eq!(sealed(&without.audit()), (false, true, 0));

    let note = lab.cosigned(&[WITNESS, OTHER_WITNESS]);
    let witnessing = lab.witnessing(job, &note, &[WITNESS, OTHER_WITNESS]);
    lab.does(SERVICE, witnessing);
    assert_eq!(sealed(&lab.audit()), (false, true, 0));
}

#[test]
fn a_bad_beginning_is_found_at_entry_0() {
    let begun = |change: &dyn Fn(&mut Lab) -> u64| {
        let mut lab = Lab::empty();
        assert_eq!(change(&mut lab), 0);
        lab.does(OWNER, enrolment(STEWARD, "steward", vec![Role::Steward]));
        let report = lab.audit();
        violations(&report).into_iter().map(|(entry, what)| (entry, what.to_owned())).collect::<Vec<_>>()
    };
    let with = |change: fn(&mut LabCreated)| {
        let mut lab = Lab::empty();
        let mut created = lab.created();
        change(&mut created);
        lab.puts(OWNER, created);
        lab.puts(OWNER, PersonRevoked { key: public(OWNER), reason: "left".into() });
        let report = lab.audit();
        let found = violations(&report);
        assert!(found.iter().all(|(entry, _)| *entry < 2), "{found:?}");
        found.into_iter().filter(|(entry, _)| *entry == 0).map(|(_, what)| what.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(begun(&|lab| lab.does(OWNER, lab.created())), []);
    let no_key = "the log's entries name another verifier key than the one it is signed with";
    let says = |what: Vec<String>, first: &str| {
        assert_eq!(what.len(), 2, "{what:?}");
        assert!(what[0].starts_with(first), "{what:?}");
        assert_eq!(what[1], no_key);
    };
    says(with(|lab| lab.owner = "o\n".into()), "`o\n` is not a name");
    says(with(|lab| lab.service_key = lab.owner_key), "this key is in the log already");
    says(with(|lab| lab.log_key = lab.log_key.replace("lab.", "other.")), "`other.example/log+");
    // Well-formed for the ledger, and no key.
    let malformed = vec!["the log's verifier key is malformed".to_owned(), no_key.to_owned()];
    assert_eq!(with(|lab| lab.log_key.push('x')), malformed);
    assert_eq!(with(|lab| lab.log_key = verifier(STRANGER).to_string()), [no_key]);

    // The history of another log, shown as this one's.
    let mut lab = Lab::empty();
    let record = Record { log: "other.example/log".into(), ..lab.record(lab.created()) };
    lab.push(unseen_entries::sign::sign(&record, &key(OWNER)).unwrap());
    says(violations(&lab.audit()).into_iter().map(|(_, what)| what.to_owned()).collect(), "`lab.example/log+");
    // No beginning at all, and one that comes too late.
    let mut lab = Lab::empty();
    lab.puts(OWNER, PersonRevoked { key: public(OWNER), reason: "left".into() });
    lab.puts(OWNER, lab.created());
    let report = lab.audit();
    let found = violations(&report);
    assert!(found.len() == 3 && found[0].1.starts_with("the signer's key "), "{found:?}");
    assert_eq!(found[1], (1, "the first entry of a log must create the lab, and no later one may"));
    assert_eq!(found[2], (0, no_key));
}

fn knowing(log_key: u8) -> Known {
    Known { log_key: Some(verifier(log_key)), ..Known::default() }
}

fn refuses_key(bundle: &Path, log_key: u8) {
    let refused = audit(bundle, &knowing(log_key));
    assert!(matches!(&refused, Err(AuditError::OtherKey { known }) if *known == verifier(log_key).to_string()));
}

#[test]
fn a_good_handover_leads_from_the_old_key_to_the_new() {
    let mut lab = good();
    lab.submit();
    let bundle = lab.export();
    for log_key in [LOG_KEY, NEXT_LOG_KEY] {
        let report = audit(bundle.path(), &knowing(log_key)).unwrap();
        assert_eq!(violations(&report), []);
        assert!(report.head.key_known);
        assert_eq!(report.head.log_key, verifier(NEXT_LOG_KEY).to_string());
    }
    assert!(!audit(bundle.path(), &Known::default()).unwrap().head.key_known);
    refuses_key(bundle.path(), STRANGER);

    // The bundle's own key is another, or not there.
    fs::write(bundle.path().join(VERIFIER_KEY), verifier(LOG_KEY).to_string()).unwrap();
    assert!(matches!(audit(bundle.path(), &Known::default()), Err(AuditError::Log(LogError::Checkpoint { .. }))));
    fs::write(bundle.path().join(VERIFIER_KEY), "nonsense").unwrap();
    assert!(matches!(audit(bundle.path(), &Known::default()), Err(AuditError::Note { .. })));
    fs::remove_file(bundle.path().join(VERIFIER_KEY)).unwrap();
    assert!(matches!(audit(bundle.path(), &Known::default()), Err(AuditError::File { .. })));
}

/// What is found when the overlap of a handover is this, with an entry more after it.
fn with_overlap(change: impl FnOnce(&Lab) -> Option<String>) -> String {
    let mut lab = good();
    let entry = lab.size() - 1;
    let overlap = change(&lab);
    lab.submit();
    let last = lab.puts(OWNER, lab.created());
    let bundle = lab.export();
    let path = bundle.path().join(handover_path(entry));
    assert!(path.exists());
    match overlap {
        Some(note) => fs::write(path, note).unwrap(),
        None => fs::remove_file(path).unwrap(),
    }
    refuses_key(bundle.path(), LOG_KEY);
    let report = audit(bundle.path(), &knowing(NEXT_LOG_KEY)).unwrap();
    // The keys are looked at after the entries.
    let found = violations(&report);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!((found[0].0, found[1].0), (last, entry), "{found:?}");
    found[1].1.to_owned()
}

#[test]
fn a_handover_needs_an_overlap_that_both_keys_have_signed() {
    let both = |lab: &Lab| {
        let mut note = lab.checkpoint(LOG_KEY);
        note.sign(ORIGIN, &key(NEXT_LOG_KEY)).unwrap();
        Some(note.to_string())
    };
    let changed = |change: &dyn Fn(&mut Lab)| {
        with_overlap(|lab| {
            let mut other = lab.clone();
            change(&mut other);
            both(&other)
        })
    };
    assert!(with_overlap(|_| None).contains("handover/"));
    assert!(with_overlap(|_| Some("no note".into())).starts_with("the overlap checkpoint: this is not a signed note"));
    for one in [LOG_KEY, NEXT_LOG_KEY, STRANGER] {
        let found = with_overlap(|lab| Some(lab.checkpoint(one).to_string()));
        assert!(found.starts_with("the overlap checkpoint: the note bears no signature of "), "{found}");
    }
    let fork = "FORK: the overlap checkpoint is of another history";
    assert_eq!(changed(&|other| other.entries[3] = vec![]), fork);
    assert_eq!(changed(&|other| drop(other.entries.pop())), fork, "before the handover");
    assert_eq!(changed(&|other| other.entries.push(vec![])), fork, "after it");
}

#[test]
fn a_handover_that_was_said_and_not_done() {
    let mut lab = Lab::new();
    lab.does(OWNER, LogKeyChanged { log_key: verifier(NEXT_LOG_KEY).to_string() });
    lab.submit();
    let bundle = lab.export();
    let not_signed = "the log's entries name another verifier key than the one it is signed with";
    // The key that signs is the one that is known, so this is the log, and what it says is false.
    let report = audit(bundle.path(), &knowing(LOG_KEY)).unwrap();
    let found = violations(&report);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!((found[0].0, found[1]), (lab.size() - 2, (0, not_signed)));
    refuses_key(bundle.path(), NEXT_LOG_KEY);

    let mut lab = Lab::new();
    let malformed = lab.does(OWNER, LogKeyChanged { log_key: format!("{ORIGIN}+x") });
    lab.hand_over(NEXT_LOG_KEY);
    let bundle = lab.export();
    for log_key in [LOG_KEY, NEXT_LOG_KEY] {
        let report = audit(bundle.path(), &knowing(log_key)).unwrap();
        assert_eq!(violations(&report), [(malformed, "the log's verifier key is malformed")]);
    }
}

#[test]
fn keys_lead_on_from_the_last_break_only() {
    const THIRD: u8 = 12;
    let mut lab = good();
    let first = lab.size() - 1;
    lab.submit();
    lab.hand_over(THIRD);
    let bundle = lab.export();
    for log_key in [LOG_KEY, NEXT_LOG_KEY, THIRD] {
        assert_eq!(violations(&audit(bundle.path(), &knowing(log_key)).unwrap()), []);
    }
    fs::remove_file(bundle.path().join(handover_path(first))).unwrap();
    refuses_key(bundle.path(), LOG_KEY);
    for log_key in [NEXT_LOG_KEY, THIRD] {
        assert_eq!(audit(bundle.path(), &knowing(log_key)).unwrap().violations[0].entry, first);
    }
}

fn since(note: &Note) -> Known {
    Known { since: Some(note.to_string()), ..Known::default() }
}

#[test]
fn a_log_extends_the_checkpoint_that_was_kept() {
    let mut lab = good();
    let mut before = lab.clone();
    before.entries.truncate(9);
    let kept = before.checkpoint(LOG_KEY);
    let bundle = lab.export();
    assert_eq!(audit(bundle.path(), &since(&kept)).unwrap().head.extends, Some(9), "signed by the old key");
    let whole = lab.checkpoint(NEXT_LOG_KEY);
    assert_eq!(audit(bundle.path(), &since(&whole)).unwrap().head.extends, Some(lab.size()));
    assert_eq!(audit(bundle.path(), &Known::default()).unwrap().head.extends, None);

    lab.submit();
    let refused = audit(bundle.path(), &since(&lab.checkpoint(NEXT_LOG_KEY))).unwrap_err();
    assert!(matches!(&refused, AuditError::Log(LogError::Rollback { .. })), "{refused}");
    assert!(refused.to_string().starts_with("ROLLBACK"));
    before.entries[8] = vec![];
    let refused = audit(bundle.path(), &since(&before.checkpoint(LOG_KEY))).unwrap_err();
    assert!(matches!(&refused, AuditError::Log(LogError::Fork { .. })), "{refused}");
    assert!(refused.to_string().starts_with("FORK"));
    let other = Checkpoint { origin: "other.example/log".into(), size: 9, root: [0; 32] };
    for note in [before.checkpoint(STRANGER), other.sign(&key(LOG_KEY)).unwrap()] {
        assert!(matches!(audit(bundle.path(), &since(&note)), Err(AuditError::Note { .. })));
    }
    let nonsense = Known { since: Some("nonsense".into()), ..Known::default() };
    assert!(matches!(audit(bundle.path(), &nonsense), Err(AuditError::Note { .. })));
}

#[test]
fn an_auditor_remembers_and_takes_back_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let memory = folder.path().join("memory");
    let known = Known { memory: Some(memory.clone()), ..Known::default() };
    let remembered = || {
        let files: Vec<_> = fs::read_dir(&memory).unwrap().map(|file| file.unwrap().path()).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        (files[0].clone(), fs::read_to_string(&files[0]).unwrap())
    };
    let short = Lab::new();
    let mut lab = short.clone();
    lab.submit();
    assert_eq!(audit(lab.export().path(), &known).unwrap().head.extends, None);
    let (file, kept) = remembered();
    assert_eq!(kept, lab.checkpoint(LOG_KEY).to_string());

    let mut fork = short.clone();
    fork.rules(|policy| policy.approvals = 1);
    fork.submit();
    for (other, says) in [(&short, "ROLLBACK"), (&fork, "FORK")] {
        let refused = audit(other.export().path(), &known).unwrap_err();
        assert!(refused.to_string().starts_with(says), "{refused}");
        assert_eq!(remembered().1, kept, "what was refused is not remembered");
    }
    // A longer one that too few have cosigned, by a key that is not the one known, or behind what was kept.
    let mut longer = lab.clone();
    longer.submit();
    let bundle = longer.export();
    let unwitnessed = Known { quorum: 1, ..known.clone() };
    let other_key = Known { log_key: Some(verifier(STRANGER)), ..known.clone() };
    let mut newest = longer.clone();
    newest.submit();
    let behind = Known { since: Some(newest.checkpoint(LOG_KEY).to_string()), ..known.clone() };
    for known in [unwitnessed, other_key, behind] {
        assert!(audit(bundle.path(), &known).is_err());
        assert_eq!(remembered().1, kept);
    }
    // One that another key has signed, which its entries do not name: shown, and not remembered.
    let stolen = longer.checkpoint(STRANGER).to_string();
    for (name, text) in [(CHECKPOINT, stolen), (VERIFIER_KEY, verifier(STRANGER).to_string())] {
        fs::write(bundle.path().join(name), text).unwrap();
    }
    assert_eq!(audit(bundle.path(), &known).unwrap().violations[0].entry, 0);
    assert_eq!(remembered().1, kept);

    // The same again, and a longer one, also under the next key.
    assert_eq!(audit(lab.export().path(), &known).unwrap().head.extends, Some(lab.size()));
    longer.hand_over(NEXT_LOG_KEY);
    let bundle = longer.export();
    assert_eq!(audit(bundle.path(), &known).unwrap().head.extends, Some(lab.size()));
    assert_eq!(remembered(), (file.clone(), fs::read_to_string(bundle.path().join(CHECKPOINT)).unwrap()));
    assert_eq!(audit(bundle.path(), &known).unwrap().head.extends, Some(longer.size()));
    // A memory that cannot be read is not an empty one.
    fs::write(&file, "nonsense").unwrap();
    assert!(matches!(audit(bundle.path(), &known), Err(AuditError::Note { .. })));
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert!(matches!(audit(bundle.path(), &known), Err(AuditError::Memory { .. })));
}

#[test]
fn the_auditors_own_witnesses_are_counted() {
    let lab = Lab::new();
    let bundle = lab.export();
    let known = |seeds: &[u8], quorum| Known {
        witnesses: seeds.iter().map(|seed| witness(*seed)).collect(),
        quorum,
        ..Known::default()
    };
    let cosigned = |by: &[u8]| fs::write(bundle.path().join(CHECKPOINT), lab.cosigned(by).to_string()).unwrap();
    let refused = |known: &Known| match audit(bundle.path(), known) {
        Err(error @ AuditError::Quorum { has, needs }) => {
            assert!(error.to_string().starts_with("UNWITNESSED"));
            (has, needs)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&known(&[WITNESS, OTHER_WITNESS], 1)), (0, 1));
    cosigned(&[WITNESS, STRANGER]);
    assert_eq!(refused(&known(&[OTHER_WITNESS], 1)), (0, 1), "strangers count for nothing");
    assert_eq!(refused(&known(&[WITNESS, OTHER_WITNESS], 2)), (1, 2));
    assert_eq!(refused(&known(&[WITNESS, WITNESS], 2)), (1, 2), "one witness is one, however often named");
    let report = audit(bundle.path(), &known(&[OTHER_WITNESS, WITNESS], 1)).unwrap();
    assert_eq!(report.head.cosigned.len(), 1);
    assert_eq!(report.head.cosigned[0].name, witness(WITNESS).name());
    assert_eq!(report.head.cosigned[0].at, u64::try_from(lab.time.timestamp()).unwrap());
    cosigned(&[OTHER_WITNESS, WITNESS]);
    assert_eq!(audit(bundle.path(), &known(&[WITNESS, OTHER_WITNESS], 2)).unwrap().head.cosigned.len(), 2);
    // A cosignature on another checkpoint.
    let mut note = lab.checkpoint(LOG_KEY);
    let mut other = lab.clone();
    other.submit();
    note.add(other.cosigned(&[WITNESS]).signatures()[1].clone());
    fs::write(bundle.path().join(CHECKPOINT), note.to_string()).unwrap();
    assert_eq!(refused(&known(&[WITNESS], 1)), (0, 1));
}

/// The log's key is in the wrong hands, and the whole history is signed anew with entries reordered, left
/// out, put in or doubled: the rules notice, and so does whoever kept a checkpoint.
#[test]
fn a_history_that_was_signed_anew_breaks_rules_and_leaves_the_old_one() {
    let mut lab = Lab::new();
    let (job, release) = lab.released();
    lab.does(ANALYST, ReleaseRead { job, release });
    let kept = since(&lab.checkpoint(LOG_KEY));
    let first = job.0 as usize;
    type Change = fn(&mut Vec<Vec<u8>>, usize);
    let changes: [(&str, Change); 4] = [
        ("approvals before the submission", |entries, job| entries[job..job + 3].rotate_left(1)),
        ("an approval left out", |entries, job| drop(entries.remove(job + 1))),
        ("an approval doubled", |entries, job| entries.insert(job + 2, entries[job + 1].clone())),
        ("an enrolment moved behind what it allows", |entries, job| entries[1..job + 1].rotate_left(1)),
    ];
    for (case, change) in changes {
        let mut forged = lab.clone();
        change(&mut forged.entries, first);
        let bundle = forged.export();
        let report = audit(bundle.path(), &Known::default()).unwrap();
        assert!(!report.violations.is_empty(), "{case}");
        assert!(matches!(audit(bundle.path(), &kept), Err(AuditError::Log(_))), "{case}");
    }
}
