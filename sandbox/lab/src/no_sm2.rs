//! In place of `sm2.rs` in a build without the feature: a lab with an SM2 key is not opened, for its
//! checkpoints and releases would lack a signature that its policy promises.

use unseen_policies::policy::Policy;
use unseen_tlog::Signer;

use crate::error::LabError;
use crate::lab::Lab;

impl Lab {
    /// Not in this build.
    pub fn enable_sm2(&mut self, _: &dyn Signer) -> Result<u64, LabError> {
        Err(LabError::NoSm2)
    }

    pub(crate) fn check_sm2(&self, policy: &Policy) -> Result<(), LabError> {
        if policy.sm2_key.is_some() { Err(LabError::NoSm2) } else { Ok(()) }
    }

    pub(crate) fn countersign_release(&mut self, _: u64) -> Result<(), LabError> {
        Ok(())
    }
}
