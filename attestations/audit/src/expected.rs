//! What evidence a policy asks for, as what verifies it is told.

use unseen_evidence::{Expected, ExpectedSevSnp, ExpectedTpm2};
use unseen_ids::hex;
use unseen_policies::policy::EvidenceRule;

/// What evidence the policy asks for; none where its rule is malformed, which no policy in force is.
pub fn expected(rule: &EvidenceRule) -> Option<Expected> {
    if rule.provider == "tpm2" {
        let pcrs = rule.pcrs.iter().map(|(pcr, value)| Some((pcr.parse().ok()?, hex::decode(value)?)));
        let (key, pcrs) = (hex::decode(&rule.key)?, pcrs.collect::<Option<_>>()?);
        return Some(Expected::Tpm2(ExpectedTpm2 { key, pcrs }));
    }
    let product = serde_json::from_value(rule.key.clone().into()).ok()?;
    Some(Expected::SevSnp(ExpectedSevSnp { product, measurement: None, minimum_tcb: None, allow_debug: false }))
}
