//! A log built with the policy checks switched off is caught at each of them.
//!
//! Every case takes a good log, puts in one bad entry, or a bad blob, and says at which entry the audit
//! must find what. A good entry and a bad one follow, so that the audit is seen to go on.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "rules/behind.rs"]
mod behind;
#[path = "rules/bundles.rs"]
mod bundles;
#[path = "rules/envelopes.rs"]
mod envelopes;
#[path = "rules/folding.rs"]
mod folding;
#[path = "rules/golden.rs"]
mod golden;
#[path = "rules/lab.rs"]
mod lab;
#[path = "rules/receipts.rs"]
mod receipts;
#[path = "rules/refusals.rs"]
mod refusals;

use lab::*;
use unseen_audit::fold::FoldError;
use unseen_audit::report::Report;
use unseen_texts::Lang;

/// Whether exactly this is found, and a bad entry put in after it; what else is in the log counts.
fn found(case: &str, lab: &mut Lab, entry: u64, what: &str, refused: bool) -> Report {
    let datasets = [lab.dataset("tail", None), lab.dataset("more", None)];
    let [good, bad] = datasets;
    lab.does(STEWARD, good);
    let last = lab.puts(OWNER, bad);
    let report = lab.audit();
    let found = violations(&report);
    assert!(found.len() == 2 && found[0].0 == entry && found[0].1.starts_with(what), "{case}: {what}\nfound {found:?}");
    assert_eq!(found[1], (last, "owner is not a steward"), "{case}");
    found.iter().for_each(|(_, what)| says_what_is_wrong(what));
    let counted: u64 = report.kinds.values().sum();
    assert_eq!(counted, lab.size() - 1 - u64::from(refused), "{case}");
    report
}

/// An auditor reads it, who has no lab to do anything in: it says what is wrong, and gives the lab's people no advice.
fn says_what_is_wrong(violation: &str) {
    let advice = [
        "`unseen ",
        "--",
        " ask ",
        " try ",
        " again:",
        "submit again",
        "sign a",
        "make a",
        "choose",
        "enrol a",
        "lower ",
        "restore",
        "register it",
        "look at",
        " follow",
    ];
    let found = advice.iter().find(|word| violation.contains(*word));
    assert_eq!(found, None, "{violation}");
    assert!(!violation.contains('`') || !violation.contains("-started`"), "{violation} speaks of kinds of entries");
}

#[test]
fn a_start_without_enough_approvals_is_told_by_their_numbers() {
    let mut lab = Lab::new();
    let job = lab.submit();
    lab.does(OWNER, lab.approval(job));
    let entry = lab.puts(OWNER, lab.start(job));
    let report = lab.audit();
    assert_eq!(violations(&report), [(entry, format!("job {job} is started with 1 of 2 approvals").as_str())]);
    assert_eq!(report.violations[0].what.to(Lang::Zh), format!("作业 {job} 须有 2 个审批，开始运行时只有 1 个"));
}

#[test]
fn every_rule_of_the_ledger_is_asked_again() {
    for (case, provoke) in refusals::ALL {
        let mut lab = Lab::new();
        let (entry, refusal) = provoke(&mut lab);
        assert!(refusals::cases_of(&refusal).iter().any(|(name, _)| name == case), "{case} is no case of {refusal:?}");
        found(case, &mut lab, entry, &refusal.to_string(), true);
    }
}

#[test]
fn every_entry_is_what_it_says() {
    for (case, provoke) in envelopes::ALL {
        let mut lab = Lab::new();
        let before = lab.fold().clone();
        let (entry, what) = provoke(&mut lab);
        found(case, &mut lab, entry, what, true);
        // The same list by the kind of error.
        let mut fold = before;
        for bytes in &lab.entries[fold.ledger().size() as usize..entry as usize] {
            fold.next(bytes).unwrap();
        }
        let FoldError::Entry(error) = fold.next(&lab.entries[entry as usize]).unwrap_err() else {
            panic!("{case} is a refusal of the ledger");
        };
        assert!(envelopes::cases_of(&error).iter().any(|(name, _)| name == case), "{case} is no case of {error:?}");
    }
}

#[test]
fn every_entry_agrees_with_what_it_names() {
    for (case, provoke) in behind::ALL.iter().chain(receipts::ALL) {
        let mut lab = Lab::new();
        let (entry, what) = provoke(&mut lab);
        found(case, &mut lab, entry, what, false);
    }
}
