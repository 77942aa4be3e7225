//! The rules a lab sets for itself: caps on privacy loss, and how jobs are approved and released.

use serde::{Deserialize, Serialize};

use crate::rho::Rho;

/// A lab's rules. Each change is a signed entry of the log; the latest one holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// How many distinct operators, none of them the author, must approve a job before it may run.
    pub approvals: u32,
    /// Caps on privacy loss.
    pub caps: Caps,
    /// The delta at which losses are also shown as (epsilon, delta). For display only; the
    /// currency is rho.
    pub delta: f64,
    /// Whether a result may appear as soon as it is there. Its moment then tells how long the run
    /// took, so a lab with strangers among its analysts leaves this off: no result appears sooner
    /// than [`crate::ledger::RELEASE_DELAY`] after its run started.
    pub release_now: bool,
}

/// Caps on privacy loss. A job is refused when any of them would be passed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Caps {
    /// For one private dataset, over all jobs for ever.
    pub dataset: Rho,
    /// For one analyst on one private dataset, over all jobs for ever.
    pub analyst: Rho,
    /// For one job.
    pub job: Rho,
    /// For one unit, over all datasets of its unit domain and all jobs for ever: what the guarantee is
    /// about when a unit is in several of them. Without it, n datasets may cost a unit n caps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Rho>,
}

impl Policy {
    /// Says what is wrong with the rules, if anything is.
    pub fn check(&self) -> Result<(), String> {
        if self.approvals == 0 || self.approvals > 16 {
            return Err(format!("`approvals` is {}: a job needs between 1 and 16 approvals", self.approvals));
        }
        if !(self.delta > 0.0 && self.delta < 0.5) {
            return Err(format!(
                "`delta` is {}: it must lie between 0 and 0.5, usually far below one over the number of units",
                self.delta
            ));
        }
        Ok(())
    }
}

impl Default for Policy {
    /// One approval; 1 rho a unit (epsilon 7.8 at delta 1e-6) in all datasets together and in each,
    /// half of it for one analyst, a quarter for one job; releases on schedule only.
    fn default() -> Policy {
        let rho = |text: &str| text.parse().unwrap_or(Rho::ZERO);
        Policy {
            approvals: 1,
            caps: Caps { dataset: rho("1"), analyst: rho("0.5"), job: rho("0.25"), domain: Some(rho("1")) },
            delta: 1e-6,
            release_now: false,
        }
    }
}
