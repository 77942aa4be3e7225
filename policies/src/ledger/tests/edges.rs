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
