//! Where a rule turns: the last that it allows, and the first that it does not.

use super::*;

#[test]
fn a_budget_is_spent_to_its_last_unit_and_no_further() {
    let least: Rho = "0.000000000001".parse().unwrap();
    for (caps, domain) in [(["0.25", "1", "0.25"], "1"), (["1", "0.25", "0.25"], "1"), (["1", "1", "0.25"], "0.25")] {
        let mut lab = Lab::new(caps);
        let mut policy = lab.ledger.policy().unwrap().clone();
        policy.caps.domain = Some(domain.parse().unwrap());
        lab.does(OWNER, PolicySet { policy });
        let job = lab.submit();
        lab.approve(job);
        let start = lab.start(job);
        lab.does(OWNER, start);
        let more = JobSubmitted { rho: least, ..lab.submission() };
        let (dataset, analyst, cost, left) = ("firms".to_owned(), "analyst".to_owned(), least, Rho::ZERO);
        let refused = match (caps, domain) {
            (["0.25", ..], _) => Refusal::OverDatasetCap { dataset, cost, left },
            (_, "0.25") => Refusal::OverDomainCap { domain: "enterprise".into(), cost, left },
            _ => Refusal::OverAnalystCap { dataset, analyst, cost, left },
        };
        assert_eq!(lab.try_(ANALYST, more), Err(refused));
    }
}

#[test]
fn a_person_has_some_role_and_none_twice() {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    for roles in [&[][..], &[Role::Auditor, Role::Auditor]] {
        assert_eq!(lab.try_(OWNER, enrolment(9, "late", roles)), Err(Refusal::BadRoles));
    }
    lab.does(OWNER, enrolment(9, "late", &[Role::Auditor, Role::Analyst]));
}

/// Whoever approves in words says what the job itself says.
#[test]
fn an_approval_in_other_words_is_of_another_submission() {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    let job = lab.submit();
    let words = Words::of(&lab.submission(), "to see");
    let with = |lab: &Lab, words| JobApproved { words: Some(words), ..lab.approval(job) };
    for other in [
        Words { title: "u".into(), ..words.clone() },
        Words { datasets: vec![], ..words.clone() },
        Words { rho: "0.1".parse().unwrap(), ..words.clone() },
        Words { release: "+2h".into(), ..words.clone() },
    ] {
        let other = with(&lab, other);
        assert_eq!(lab.try_(OWNER, other), Err(Refusal::OtherSubmission(job)));
    }
    let same = with(&lab, words);
    lab.does(OWNER, same);
}

#[test]
fn a_start_signed_a_minute_late_is_in_time_and_a_second_more_is_not() {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    let policy = Policy { release_now: false, ..lab.ledger.policy().unwrap().clone() };
    lab.does(OWNER, PolicySet { policy });
    let job = lab.submit();
    lab.approve(job);
    for (late, outcome) in [(61, Err(Refusal::TooSoon)), (60, Ok(()))] {
        let signed = DateTime::from_timestamp(1_800_000_001 + lab.nonce as i64, 0).unwrap();
        let release_at = signed + RELEASE_DELAY - TimeDelta::seconds(late);
        let start = RunStarted { release_at, ..lab.start(job) };
        assert_eq!(lab.try_(OWNER, start).map(drop), outcome, "{late}");
    }
}

#[test]
fn a_run_keeps_the_rule_for_its_nodes_where_there_is_one() {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    for nodes in [BTreeMap::new(), BTreeMap::from([("node".to_owned(), "genoa".to_owned())])] {
        let (provider, key) = ("sev-snp".into(), "milan".into());
        let rule = EvidenceRule { provider, required: false, key, pcrs: BTreeMap::new(), nodes };
        let policy = Policy { evidence: Some(rule.clone()), ..lab.ledger.policy().unwrap().clone() };
        lab.does(OWNER, PolicySet { policy });
        let job = lab.submit();
        lab.approve(job);
        let start = lab.start(job);
        lab.does(OWNER, start);
        let kept = lab.ledger.jobs[&job].run.as_ref().unwrap().of_nodes.as_deref();
        assert_eq!(kept, (!rule.nodes.is_empty()).then_some(&rule));
    }
}

#[test]
fn where_the_policy_names_no_machine_a_job_names_no_need() {
    let mut lab = Lab::new(["1", "1", "0.25"]);
    let policy = Policy { machine: None, ..lab.ledger.policy().unwrap().clone() };
    lab.does(OWNER, PolicySet { policy });
    let needs = lab.submission();
    assert_eq!(lab.try_(ANALYST, needs.clone()), Err(Refusal::OtherNeed));
    lab.does(ANALYST, JobSubmitted { need: None, ..needs });
}
