//! Entries that are logged together: each is answered as if it had come alone, and none is there without the others.

use std::fs;

use tempfile::TempDir;
use unseen_ids::{Digest, Role};
use unseen_lab::LabError;
use unseen_policies::event::*;
use unseen_policies::policy::Policy;

use crate::{folder, lab::*, refusals};

/// What is said to each entry; the log that comes of it, and its root.
type Told = (Vec<Result<u64, String>>, Vec<Vec<u8>>, [u8; 32]);

/// What a lab says to these entries, in batches of so many, and the log that comes of it.
fn told(folder: &TempDir, entries: &[Vec<u8>], many: usize) -> Told {
    let mut lab = unseen_lab::Lab::open(folder.path()).unwrap();
    let mut told = Vec::new();
    for batch in entries.chunks(many) {
        let mut staged = Vec::new();
        for entry in batch {
            staged.push(match many {
                1 => lab.accept(entry, &[]),
                _ => lab.verified(entry).and_then(|entry| lab.stage(&entry, &[])),
            });
        }
        lab.commit().unwrap();
        told.extend(staged.into_iter().map(|told| told.map_err(|error| error.to_string())));
    }
    assert_eq!(lab.view().log().size(), lab.ledger().size());
    // What was kept of the state says the same.
    drop(lab);
    let lab = unseen_lab::Lab::open(folder.path()).unwrap();
    let logged = lab.log().entries(0).collect::<Result<_, _>>().unwrap();
    (told, logged, lab.log().checkpoint().root)
}

#[test]
fn a_batch_is_answered_as_its_entries_alone_would_be() {
    let (mut taken, mut refused) = (0, 0);
    // Every third, and those about budgets.
    let cases = refusals::ALL.iter().enumerate().filter(|(at, (case, _))| at % 3 == 0 || case.starts_with("over_"));
    for (at, (case, provoke)) in cases {
        let mut history = Lab::new();
        let (entry, _) = provoke(&mut history);
        // Nobody but an importer has snapshots, and nobody but an analyst a component.
        let needs_more = |entry: &Vec<u8>| {
            let said = history.fold().open(entry).map(|opened| opened.record.event);
            matches!(said, Ok(Event::JobSubmitted(_) | Event::DatasetRegistered(_) | Event::LabCreated(_)))
        };
        let entry = usize::try_from(entry).unwrap();
        let from = history.entries[..entry].iter().rposition(needs_more).unwrap() + 1;
        // After what is refused: one again, one who joins, and what that one does then.
        let again = history.entries[from.min(entry - 1)].clone();
        history.push(again);
        history.puts(OWNER, enrolment(NEWCOMER, "newcomer", vec![Role::Operator]));
        history.puts(NEWCOMER, PersonRevoked { key: public(AUDITOR), reason: "moved".into() });
        let entries = &history.entries[from..];
        let begun = || folder(&history, from as u64);
        let alone = told(&begun(), entries, 1);
        let together = told(&begun(), entries, if at % 2 == 0 { entries.len() } else { 3 });
        assert_eq!(together, alone, "{case}");
        taken += alone.0.iter().filter(|told| told.is_ok()).count();
        refused += alone.0.iter().filter(|told| told.is_err()).count();
    }
    assert!(taken > 100 && refused > 60, "{taken} were taken and {refused} refused");
}

#[test]
fn what_names_an_entry_of_its_own_batch_is_taken() {
    let mut history = Lab::new();
    let job = history.submit();
    let from = history.size();
    history.does(OWNER, JobPrioritized { job, priority: 1 });
    // Its author has seen the entry before, which is staged only when this is handed in.
    let approval = history.approval(job);
    let approved = history.does(SECOND, approval);
    let rules = unseen_access::Rules::DEFAULT.as_bytes();
    let policy = Policy { access: Some(Digest::of(rules)), ..history.ledger().policy().unwrap().clone() };
    let first = history.seal(OWNER, PolicySet { policy: policy.clone() });
    let second = history.seal(OWNER, PolicySet { policy });

    let folder = folder(&history, from);
    let mut lab = unseen_lab::Lab::open(folder.path()).unwrap();
    let verified = |entry: &[u8]| lab.view().verified(entry).unwrap();
    let all = [verified(&history.entries[from as usize]), verified(&history.entries[approved as usize])];
    let (first, second) = (verified(&first), verified(&second));
    for entry in &all {
        lab.stage(entry, &[]).unwrap();
    }
    assert!(matches!(lab.stage(&second, &[]), Err(LabError::Named(_))), "nobody has brought the rules");
    assert_eq!(lab.stage(&first, &[rules]).unwrap(), approved + 1);
    assert_eq!(lab.stage(&second, &[]).unwrap(), approved + 2);
    assert!(lab.was_taken(&second) && lab.find(&second).unwrap().is_none(), "it is not in the log yet");
    lab.commit().unwrap();
    assert_eq!(lab.find(&second).unwrap(), Some(approved + 2));
}

#[test]
fn what_cannot_be_logged_leaves_no_trace_and_all_hear_why() {
    let mut history = Lab::new();
    let from = history.size();
    for seed in [60, 61, 62] {
        history.does(OWNER, enrolment(seed, &format!("newcomer {seed}"), vec![Role::Analyst]));
    }
    let staged = |lab: &mut unseen_lab::Lab| {
        let mut stage = |entry: &Vec<u8>| {
            let entry = lab.verified(entry).unwrap();
            lab.stage(&entry, &[]).unwrap();
            lab.outcome().unwrap()
        };
        history.entries[from as usize..].iter().map(&mut stage).collect::<Vec<_>>()
    };
    let folder = folder(&history, from);
    let at = |name: &str| folder.path().join("log").join(name);

    // Somebody else has written: nothing is.
    let mut lab = unseen_lab::Lab::open(folder.path()).unwrap();
    let all = staged(&mut lab);
    let lock = fs::read(at("checkpoint.lock")).unwrap();
    fs::write(at("checkpoint.lock"), b"other").unwrap();
    let why = lab.commit().unwrap_err().to_string();
    assert!(all.iter().all(|outcome| outcome.wait().unwrap_err().to_string() == why), "{why}");
    assert_eq!((lab.ledger().size(), lab.view().log().size()), (from, from));
    assert!(!lab.is_sound());
    fs::write(at("checkpoint.lock"), lock).unwrap();
    drop(lab);

    // Nobody waits for what was never committed.
    let mut lab = unseen_lab::Lab::open(folder.path()).unwrap();
    let all = staged(&mut lab);
    drop(lab);
    assert!(all.iter().all(|outcome| outcome.wait().is_err()));

    // It is logged and cannot be published: that nobody knows, and then it is there.
    let mut lab = unseen_lab::Lab::open(folder.path()).unwrap();
    let all = staged(&mut lab);
    fs::remove_file(at("checkpoint")).unwrap();
    fs::create_dir_all(at("checkpoint/in the way")).unwrap();
    assert!(lab.commit().unwrap_err().to_string().contains("may have been logged or not"));
    assert!(all.iter().all(|outcome| outcome.wait().is_err()));
    assert_eq!(lab.ledger().size(), from);
    drop(lab);
    fs::remove_dir_all(at("checkpoint")).unwrap();
    let lab = unseen_lab::Lab::open(folder.path()).unwrap();
    assert_eq!((lab.ledger().size(), lab.view().log().size()), (from + 3, from + 3));
}
