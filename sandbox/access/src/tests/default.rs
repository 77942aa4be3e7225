use std::fmt::Write;

use unseen_texts::Lang;

use super::*;
use crate::{Action, Because, Decision, Rules};

/// Each action, on each kind of thing, by each kind of person: who may.
#[test]
fn who_may_do_what_is_as_written_down() {
    let rules = Rules::default();
    let open = dataset(Level::Internal, &[]);
    let sensitive = dataset(Level::Sensitive, &["bo"]);
    let things = [
        ("the lab", Resource::Lab),
        ("an internal dataset", Resource::Dataset(open.clone())),
        ("a sensitive dataset, open to bo", Resource::Dataset(sensitive.clone())),
        ("ana's job on the internal one", Resource::Job(job(std::slice::from_ref(&open)))),
        ("ana's job on both", Resource::Job(job(&[open.clone(), sensitive]))),
        ("the release of ana's job", Resource::Release(job(&[open]))),
        ("a new analyst", Resource::Person(somebody("new", &[Role::Analyst]))),
    ];
    let people = [
        ("visitor", Principal::Visitor),
        ("ana", person("ana", &[Role::Analyst])),
        ("bo", person("bo", &[Role::Analyst])),
        ("sun", person("sun", &[Role::Steward])),
        ("su", person("su", &[Role::Steward])),
        ("op", person("op", &[Role::Operator])),
        ("aud", person("aud", &[Role::Auditor])),
    ];
    let mut table = String::new();
    for (name, thing) in &things {
        writeln!(table, "{name}").unwrap();
        for action in Action::ALL {
            let may = |who| rules.decide(who, *action, thing, &SIGNED);
            let decisions: Vec<_> = people.iter().map(|(name, who)| (*name, may(who))).collect();
            if decisions.iter().any(|(_, decision)| decision.because[0].id != Because::NOT_ASKED) {
                let allowed = decisions.iter().filter(|(_, decision)| decision.allowed).map(|(name, _)| *name);
                let line = format!("    {:16} {}", action.name(), allowed.collect::<Vec<_>>().join(" "));
                writeln!(table, "{}", line.trim_end()).unwrap();
            }
        }
    }
    if std::env::var_os("UNSEEN_BLESS").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/tests/who.txt"), &table).unwrap();
    } else {
        assert_eq!(table, include_str!("who.txt"), "UNSEEN_BLESS=1 writes it anew");
    }
}

fn told(decision: &Decision) -> (bool, Vec<&str>) {
    (decision.allowed, decision.because.iter().map(|because| because.id.as_str()).collect())
}

#[test]
fn answers_name_the_rules_that_decide() {
    let rules = Rules::default();
    let both = person("ana", &[Role::Analyst, Role::Operator]);
    let (mine, op) = (Resource::Job(job(&[])), person("op", &[Role::Operator]));
    let approve = |who, thing| rules.decide(who, Action::ApproveJob, thing, &SIGNED);
    assert_eq!(told(&approve(&op, &mine)), (true, vec!["operators-decide"]));
    assert_eq!(told(&approve(&both, &mine)), (false, vec!["no-own-approval"]));
    assert_eq!(approve(&both, &mine).because[0].text.to(Lang::Zh), "任何人不得批准自己的作业");
    let again = Resource::Job(Job { approved_by: vec!["op".to_owned()], ..job(&[]) });
    assert_eq!(told(&approve(&op, &again)), (false, vec!["one-approval-each"]));
    assert_eq!(told(&approve(&Principal::Visitor, &mine)), (false, vec![Because::SIGN_ON]));
    assert_eq!(told(&approve(&op, &Resource::Lab)), (false, vec![Because::NOT_ASKED]));
    let aud = person("aud", &[Role::Auditor]);
    assert_eq!(told(&approve(&aud, &mine)), (false, vec![Because::NO_RULE]));
    // A session alone approves nothing.
    let unsigned = rules.decide(&op, Action::ApproveJob, &mine, &SIGNED_ON);
    assert_eq!(told(&unsigned), (false, vec!["entries-are-signed"]));
    let other = Context { session: Session::None, signed: false };
    assert_eq!(told(&rules.decide(&op, Action::ShowJob, &mine, &other)), (false, vec!["sign-on-first"]));
}

#[test]
fn a_job_needs_every_dataset_that_it_reads() {
    let rules = Rules::default();
    let submits = |datasets: &[Dataset]| {
        let ana = person("ana", &[Role::Analyst]);
        let decision = rules.decide(&ana, Action::SubmitJob, &Resource::Job(job(datasets)), &SIGNED);
        (decision.allowed, decision.because[0].id.clone())
    };
    let yes = (true, "submit-own-jobs".to_owned());
    let no = (false, Because::NO_RULE.to_owned());
    assert_eq!(submits(&[dataset(Level::Internal, &[])]), yes);
    assert_eq!(submits(&[dataset(Level::Sensitive, &[])]), no);
    let (mine, theirs) = (dataset(Level::Core, &["ana", "bo"]), dataset(Level::Public, &["bo"]));
    assert_eq!(submits(&[mine.clone(), dataset(Level::Public, &[])]), yes);
    assert_eq!(submits(&[mine.clone(), theirs]), no);
    assert_eq!(submits(&[mine.clone(), dataset(Level::Sensitive, &[])]), no, "what is open to her opens nothing else");
    let closed = Dataset { closed: true, ..dataset(Level::Public, &[]) };
    assert_eq!(submits(&[mine, closed]), (false, "closed-datasets".to_owned()));
}

#[test]
fn datasets_without_a_steward_can_be_taken_over() {
    let rules = Rules::default();
    let su = person("su", &[Role::Steward]);
    let may = |steward: Option<&str>| {
        let dataset = Dataset { steward: steward.map(str::to_owned), ..dataset(Level::Core, &[]) };
        rules.decide(&su, Action::RegisterDataset, &Resource::Dataset(dataset), &SIGNED).allowed
    };
    assert_eq!((may(None), may(Some("su")), may(Some("sun"))), (true, true, false));
}

#[test]
fn a_rule_can_be_about_one_job() {
    for about in ["resource == Job::\"j2\")", "resource) when { [Job::\"j2\"].contains(resource) }"] {
        let head = "@id(\"j2\") @en(\"not j2\") @zh(\"除 j2 外\") forbid (principal, action == Action::\"showJob\", ";
        let text = format!("{}{head}{about};", Rules::DEFAULT);
        let rules = Rules::parse(&text).unwrap();
        let aud = person("aud", &[Role::Auditor]);
        let mut asking = rules.asking(&aud, &SIGNED_ON);
        let shown = (1..4).map(|id| Resource::Job(Job { id: Some(crate::JobId(id)), ..job(&[]) }));
        let shown: Vec<_> = shown.map(|job| asking.decide(Action::ShowJob, &job).allowed).collect();
        assert_eq!(shown, [true, false, true]);
    }
}

#[test]
fn who_audits_does_nothing_else() {
    let (rules, op) = (Rules::default(), person("op", &[Role::Operator]));
    let enrols = |roles: &[Role]| {
        rules.decide(&op, Action::EnrolPerson, &Resource::Person(somebody("new", roles)), &SIGNED).allowed
    };
    assert!(enrols(&[Role::Auditor]) && enrols(&[Role::Steward, Role::Analyst]));
    assert!(!enrols(&[Role::Auditor, Role::Operator]));
}

/// A page can show one thing and have another signed: somewhere else somebody has to look at a grave job too.
#[test]
fn keys_in_browsers_do_not_decide_alone_about_what_is_sensitive() {
    let rules = Rules::default();
    let approves = |kept, level, [has, elsewhere, needed]: [u32; 3]| {
        let by = Principal::Person(Person { kept, ..somebody("op", &[Role::Operator]) });
        let approved_by = (0..has).map(|at| format!("op{at}")).collect();
        let job =
            Job { approved_by, approved_elsewhere: elsewhere, approvals_needed: needed, ..job(&[dataset(level, &[])]) };
        let decision = rules.decide(&by, Action::ApproveJob, &Resource::Job(job), &SIGNED);
        (decision.allowed, decision.because[0].id.clone())
    };
    let (browser, no) = (Some(Keeping::Browser), (false, "browsers-do-not-decide-alone".to_owned()));
    for level in [Level::Sensitive, Level::Core] {
        assert_eq!(approves(browser, level, [0, 0, 1]), no);
        assert_eq!(approves(browser, level, [1, 0, 2]), no);
        assert!(approves(browser, level, [0, 0, 2]).0, "the first of two");
        assert!(approves(browser, level, [1, 1, 2]).0, "after one that did not come from a browser");
        for kept in [None, Some(Keeping::Passkey)] {
            assert!(approves(kept, level, [1, 0, 2]).0, "{kept:?}");
        }
    }
    for level in [Level::Public, Level::Internal] {
        assert!(approves(browser, level, [0, 0, 1]).0, "{level:?}");
    }
    // A lab that wants more of its people says so.
    let text = "@id(\"core\") @en(\"passkeys only\") @zh(\"仅限通行密钥\") forbid (principal, action == Action::\"approveJob\", resource)
        when { resource.level == 3 && principal.kept != Keeping::\"passkey\" };";
    let stricter = Rules::parse(&format!("{}{text}", Rules::DEFAULT)).unwrap();
    let core = Resource::Job(job(&[dataset(Level::Core, &[])]));
    let may = |kept| {
        let by = Principal::Person(Person { kept, ..somebody("op", &[Role::Operator]) });
        stricter.decide(&by, Action::ApproveJob, &core, &SIGNED).allowed
    };
    assert!(may(Some(Keeping::Passkey)) && !may(None) && !may(browser));
}
