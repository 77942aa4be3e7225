//! The rules that a new lab begins with. Nobody who verifies a log needs them: it has its own.

use crate::policy::{Caps, Machine, Policy};
use crate::rho::Rho;

impl Default for Policy {
    /// One approval; 1 rho a unit (epsilon 7.8 at delta 1e-6) in all datasets together and in each,
    /// half of it for one analyst, a quarter for one job; releases on schedule only; a machine of 4 GiB
    /// for runs, which a new lab sets to what it has.
    fn default() -> Policy {
        let rho = |text: &str| text.parse().unwrap_or(Rho::ZERO);
        Policy {
            approvals: 1,
            changes_need: None,
            separated: false,
            caps: Caps { dataset: rho("1"), analyst: rho("0.5"), job: rho("0.25"), domain: Some(rho("1")) },
            delta: 1e-6,
            release_now: false,
            machine: Some(Machine::with_memory(4 << 30)),
            witnesses: None,
            evidence: None,
            sm2_key: None,
            access: None,
        }
    }
}
